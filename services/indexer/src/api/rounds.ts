// Rounds: from the freeze of the registry to the verdicts, also while they run.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { sql, type SqlBool } from 'kysely'
import { epochOf, parametersFor, reportKey, roundAt, roundFacts, schedule, type AccountId, type Ledger, type Report, type RoundFacts } from '@assay/protocol'
import { stageOf, STAGES } from '../stage.ts'
import { CheckerRound, checkerRoundShape } from './checkers.ts'
import { cursorKey, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { ApiError } from './errors.ts'
import { extrinsicOf, extrinsicsOf } from './extrinsics.ts'
import { route, type ApiDeps } from './route.ts'
import { component, Count, count, EpochNumber, flag, Hash, Height, literals, nullable, NumberPath, orNull, RoundNumber, Work } from './shapes.ts'
import { Observation, observationShape, Verdict, observationsPruned, verdictLines, verdictShape } from './verdicts.ts'

const SummaryObject = Type.Object({
  round: RoundNumber,
  epoch: EpochNumber,
  stage: literals(STAGES),
  startBlock: Height,
  judgementBlock: Height,
  machines: count('machines that are eligible'),
  checkers: count('checkers that are eligible'),
  reports: count('checkers that reported'),
  packages: Type.Object({ posted: count('packages whose root is on chain'), held: count('those that enough mirrors hold') }),
  outcomes: orNull(Type.Record(Type.String(), Count), 'machines by outcome; null before it is judged'),
  work: nullable(Work),
  missingBlobs: count('pieces of evidence that nobody served yet'),
})
const Summary = component('RoundSummary', SummaryObject)

const Offsets = Type.Object({ freeze: Type.Integer({ description: 'block at which the registry is frozen; below 0 where that is before the first' }), start: Height, beaconKnown: Height, seed: Height, fire: Height, commitmentBy: Height, commitFrom: Height, commitTo: Height, open: Height, openKnown: Height, packageBy: Height, judgement: Height })

const Round = component('Round', Type.Object({
  ...SummaryObject.properties,
  schedule: Offsets,
  beacon: nullable(Hash),
  openRandomness: nullable(Hash),
  observationsKept: Type.Boolean({ description: 'false: the observations were let go by the retention policy' }),
  missing: Type.Array(Type.Object({ id: Hash, since: Height }), { description: 'evidence that nobody served yet' }),
  tries: count('how often it was tried to judge it'),
}))

const EligibleMachine = component('EligibleMachine', Type.Object({ account: Hash, owner: Hash, committee: Type.Array(Hash), mustOpen: orNull(Type.Boolean(), 'whether it must open its commitment; null: not drawn yet') }))
const EligibleChecker = component('EligibleChecker', Type.Object({
  account: Hash,
  mirrors: Type.Array(Hash),
  report: orNull(Type.Object({ block: Height, extrinsic: extrinsicOf('which brought the report, and with it the commitment'), wellFormed: flag('whether it could be read'), commitment: nullable(Hash) }), 'null: it has not reported'),
  packageRoot: nullable(Hash),
  packageExtrinsic: extrinsicOf('which named the package: the report of the round after, of a checker that is eligible there too'),
  packageHeld: flag('whether enough mirrors hold its package'),
  judged: nullable(CheckerRound),
}))

/** The last round whose registry is frozen; -1 before the first. */
export function latestRound(ledger: Ledger): number {
  const first = parametersFor(ledger, 0)
  if (!first || !ledger.head) return -1
  const current = Math.max(-1, roundAt(first, ledger.head.number))
  const next = parametersFor(ledger, current + 1)
  return next && schedule(next, current + 1).freeze <= ledger.head.number ? current + 1 : current
}

const ROUND = Type.Integer({ minimum: 0, maximum: 4_294_967_295 })
const PAGE = { most: 1000, usual: 100 }
/** Pieces of evidence named at once; `missingBlobs` counts all. */
const MISSING_SHOWN = 100

/** GET /rounds, and one round with its machines, checkers, verdicts and observations. */
export function roundRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  /** What chain and database tell of some rounds that have begun. */
  async function summaries(rounds: readonly number[]) {
    const { ledger } = state$.value
    if (rounds.length === 0) return []
    const states = new Map((await db.selectFrom('rounds').select(['round', 'state']).where('round', 'in', rounds).execute()).map(({ round, state }) => [round, state]))
    const outcomes = Map.groupBy(await db.selectFrom('round_totals').selectAll().where('round', 'in', rounds).execute(), ({ round }) => round)
    const missing = new Map((await db.selectFrom('missing_blobs').select(({ fn }) => ['round', fn.countAll<number>().as('count')]).where('round', 'in', rounds).groupBy('round').execute()).map(({ round, count }) => [round, count]))
    return rounds.flatMap((round) => {
      const facts = roundFacts(crypto, ledger, round)
      const stage = facts && stageOf(facts.parameters, round, ledger.head!.number, states.get(round))
      if (!facts || !stage) return []
      const found = outcomes.get(round) ?? []
      const judged = states.get(round) === 'judged'
      const summary = {
        round,
        epoch: epochOf(facts.parameters, round),
        stage,
        startBlock: facts.schedule.start,
        judgementBlock: facts.schedule.judgement,
        machines: facts.machines.length,
        checkers: facts.checkers.length,
        reports: [...facts.reports.values()].filter(({ item }) => item !== null).length,
        packages: { posted: facts.packageRoots.size, held: facts.counted.size },
        outcomes: judged ? Object.fromEntries(found.map(({ outcome, machines }) => [outcome, machines])) : null,
        work: judged ? String(found.reduce((total, { work }) => total + work, 0n)) : null,
        missingBlobs: missing.get(round) ?? 0,
      }
      return [{ facts, summary }]
    })
  }

  const LIST = 'rounds'
  route(app, '/rounds', { id: 'listRounds', tag: 'rounds', summary: 'Rounds, newest first, running ones too', query: pageQuery({}, { usual: 20 }), answer: pageOf(Summary), errors: ['BAD_CURSOR'] }, async (_, { limit, cursor }) => {
    const before = cursorKey(LIST, [ROUND], cursor)?.[0]
    const newest = Math.min(latestRound(state$.value.ledger), (before ?? Infinity) - 1)
    const numbers = Array.from({ length: Math.min(limit + 1, newest + 1) }, (_, i) => newest - i)
    return pageFrom(LIST, await summaries(numbers), limit, ({ summary }) => [summary.round], ({ summary }) => summary)
  })

  function factsOf(number: number): RoundFacts {
    const facts = roundFacts(crypto, state$.value.ledger, number)
    if (!facts || number > latestRound(state$.value.ledger)) throw new ApiError('NO_ROUND', `round ${number} has not begun`)
    return facts
  }

  route(app, '/rounds/:number', { id: 'getRound', tag: 'rounds', summary: 'One round: its stage and schedule, what came of it, and what it still lacks', params: NumberPath, answer: Round, errors: ['NO_ROUND'] }, async ({ number }) => {
    const [found] = await summaries([number])
    if (!found) throw new ApiError('NO_ROUND', `round ${number} has not begun`)
    const { facts, summary } = found
    const row = await db.selectFrom('rounds').select('tries').where('round', '=', number).executeTakeFirst()
    return {
      ...summary,
      schedule: facts.schedule,
      beacon: facts.beacon,
      openRandomness: facts.openRandomness,
      observationsKept: !(await observationsPruned(db, summary.epoch)),
      missing: await db.selectFrom('missing_blobs').select(['id', 'since']).where('round', '=', number).orderBy('id').limit(MISSING_SHOWN).execute(),
      tries: row?.tries ?? 0,
    }
  })

  const MACHINES = 'machines of a round'
  route(app, '/rounds/:number/machines', { id: 'listRoundMachines', tag: 'rounds', summary: 'Machines that are eligible in a round, with their committees, by account', params: NumberPath, query: pageQuery({}, PAGE), answer: pageOf(EligibleMachine), errors: ['NO_ROUND', 'BAD_CURSOR'] }, ({ number }, { limit, cursor }) => {
    const facts = factsOf(number)
    const after = cursorKey(MACHINES, [Hash], cursor)?.[0]
    const rows = facts.machines.filter(({ account }) => after === undefined || account > after).slice(0, limit + 1)
    return pageFrom(MACHINES, rows, limit, ({ account }) => [account], ({ account, identity }) => ({ account, owner: identity.owner, committee: facts.committee(account).toSorted(), mustOpen: facts.mustOpen(account) }))
  })

  const CHECKERS = 'checkers of a round'
  route(app, '/rounds/:number/checkers', { id: 'listRoundCheckers', tag: 'rounds', summary: 'Checkers that are eligible in a round: who has reported, whose package is held, and what became of it', params: NumberPath, query: pageQuery({}, PAGE), answer: pageOf(EligibleChecker), errors: ['NO_ROUND', 'BAD_CURSOR'] }, async ({ number }, { limit, cursor }) => {
    const facts = factsOf(number)
    const after = cursorKey(CHECKERS, [Hash], cursor)?.[0]
    const eligible = facts.checkers.filter(({ account }) => after === undefined || account > after).slice(0, limit + 1)
    const rows = eligible.length === 0 ? [] : await db.selectFrom('round_checkers').selectAll().where('round', '=', number).where('checker', 'in', eligible.map(({ account }) => account)).execute()
    const judged = new Map(rows.map((row) => [row.checker, checkerRoundShape(row)]))
    const { ledger } = state$.value
    const next = roundFacts(crypto, ledger, number + 1)
    const written = (report: Report | undefined, who: AccountId) => (report === undefined ? null : { block: report.block, who, key: reportKey(ledger.network) })
    const found = await extrinsicsOf(db, [...eligible.map(({ account }) => written(facts.reports.get(account), account)), ...eligible.map(({ account }) => (facts.packageRoots.has(account) ? written(next?.reports.get(account), account) : null))])
    const extrinsics = new Map(eligible.map(({ account }, i) => [account, { report: found[i]!, package: found[eligible.length + i]! }]))
    return pageFrom(CHECKERS, eligible, limit, ({ account }) => [account], ({ account }) => {
      const report = facts.reports.get(account)
      const by = extrinsics.get(account)!
      return {
        account, mirrors: facts.mirrors(account).toSorted(), report: report ? { block: report.block, extrinsic: by.report, wellFormed: report.item !== null, commitment: report.item?.commitment ?? null } : null,
        packageRoot: facts.packageRoots.get(account) ?? null, packageExtrinsic: by.package, packageHeld: facts.counted.has(account), judged: judged.get(account) ?? null,
      }
    })
  })

  const VERDICTS = 'verdicts of a round'
  route(app, '/rounds/:number/verdicts', { id: 'listRoundVerdicts', tag: 'rounds', summary: 'Verdicts of a round by machine; none before it is judged', params: NumberPath, query: pageQuery({}, PAGE), answer: pageOf(Verdict), errors: ['NO_ROUND', 'BAD_CURSOR'] }, async ({ number }, { limit, cursor }) => {
    factsOf(number)
    const after = cursorKey(VERDICTS, [Hash], cursor)?.[0]
    const rows = await verdictLines(db).where('round', '=', number).$if(after !== undefined, (some) => some.where('machine', '>', after as AccountId)).orderBy('machine').limit(limit + 1).execute()
    return pageFrom(VERDICTS, rows, limit, ({ machine }) => [machine], verdictShape)
  })

  const OBSERVATIONS = 'observations of a round'
  route(app, '/rounds/:number/observations', { id: 'listRoundObservations', tag: 'rounds', summary: 'Observations of a round that count, by machine and checker; none before it is judged', params: NumberPath, query: pageQuery({}, PAGE), answer: pageOf(Observation), errors: ['NO_ROUND', 'OBSERVATIONS_PRUNED', 'BAD_CURSOR'] }, async ({ number }, { limit, cursor }) => {
    const { parameters } = factsOf(number)
    if (await observationsPruned(db, epochOf(parameters, number))) throw new ApiError('OBSERVATIONS_PRUNED', `the observations of round ${number} were let go by the retention policy`)
    const after = cursorKey(OBSERVATIONS, [Hash, Hash], cursor)
    const rows = await db.selectFrom('observations').selectAll().where('round', '=', number).$if(after !== undefined, (some) => some.where(sql<SqlBool>`(machine, checker) > (${after![0]}, ${after![1]})`)).orderBy('machine').orderBy('checker').limit(limit + 1).execute()
    return pageFrom(OBSERVATIONS, rows, limit, ({ machine, checker }) => [machine, checker], observationShape)
  })
}
