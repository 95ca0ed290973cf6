// Rounds: from the freeze of the registry to the verdicts, also while they run.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { epochOf, parametersFor, roundAt, roundFacts, schedule, type Ledger } from '@assay/protocol'
import { stageOf, STAGES } from '../stage.ts'
import { CheckerRound, checkerRoundShape } from './checkers.ts'
import { notFound, route, type ApiDeps } from './route.ts'
import { Count, Hash, Height, literals, Newest, nullable, NumberPath, Work } from './shapes.ts'
import { Observation, observationShape, Verdict, verdictShape } from './verdicts.ts'

const Summary = Type.Object({
  round: Count,
  epoch: Count,
  stage: literals(STAGES),
  startBlock: Height,
  judgementBlock: Height,
  machines: Count,
  checkers: Count,
  reports: Count,
  packages: Type.Object({ posted: Count, held: Count }),
  outcomes: nullable(Type.Record(Type.String(), Count)),
  work: nullable(Work),
  missingBlobs: Count,
})

const Offsets = Type.Object({ freeze: Type.Integer(), start: Height, beaconKnown: Height, seed: Height, fire: Height, commitmentBy: Height, commitFrom: Height, commitTo: Height, open: Height, openKnown: Height, packageBy: Height, judgement: Height })

const Round = Type.Object({
  ...Summary.properties,
  schedule: Offsets,
  beacon: nullable(Hash),
  openRandomness: nullable(Hash),
  eligible: Type.Object({
    machines: Type.Array(Type.Object({ account: Hash, owner: Hash, committee: Type.Array(Hash), mustOpen: nullable(Type.Boolean()) })),
    checkers: Type.Array(Type.Object({
      account: Hash,
      mirrors: Type.Array(Hash),
      report: nullable(Type.Object({ block: Height, wellFormed: Type.Boolean(), commitment: nullable(Hash) })),
      packageRoot: nullable(Hash),
      packageHeld: Type.Boolean(),
    })),
  }),
  verdicts: nullable(Type.Array(Type.Object({ ...Verdict.properties, observations: nullable(Type.Array(Observation)) }))),
  observations: literals(['kept', 'pruned'], 'pruned: those of its verdicts were let go by the retention policy, and are null'),
  checkerRounds: nullable(Type.Array(CheckerRound)),
  missing: Type.Array(Type.Object({ id: Hash, since: Height })),
  tries: Count,
})

/** The last round whose registry is frozen; -1 before the first. */
export function latestRound(ledger: Ledger): number {
  const first = parametersFor(ledger, 0)
  if (!first || !ledger.head) return -1
  const current = Math.max(-1, roundAt(first, ledger.head.number))
  const next = parametersFor(ledger, current + 1)
  return next && schedule(next, current + 1).freeze <= ledger.head.number ? current + 1 : current
}

/** GET /rounds and /rounds/:number. */
export function roundRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  /** What chain and database tell of some rounds that have begun. */
  async function summaries(rounds: readonly number[]) {
    const { ledger } = state$.value
    if (rounds.length === 0) return []
    const states = new Map((await db.selectFrom('rounds').select(['round', 'state']).where('round', 'in', rounds).execute()).map(({ round, state }) => [round, state]))
    const outcomes = Map.groupBy(await db.selectFrom('verdicts').select(({ fn }) => ['round', 'outcome', fn.countAll<number>().as('count'), fn.sum<bigint>('work').as('work')]).where('round', 'in', rounds).groupBy(['round', 'outcome']).execute(), ({ round }) => round)
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
        outcomes: judged ? Object.fromEntries(found.map(({ outcome, count }) => [outcome, count])) : null,
        work: judged ? String(found.reduce((total, { work }) => total + work, 0n)) : null,
        missingBlobs: missing.get(round) ?? 0,
      }
      return [{ facts, summary }]
    })
  }

  route(app, '/rounds', { summary: 'Rounds, newest first, running ones too', query: Newest, answer: Type.Object({ rounds: Type.Array(Summary) }) }, async (_, { limit }) => {
    const latest = latestRound(state$.value.ledger)
    const numbers = Array.from({ length: Math.min(limit, latest + 1) }, (_, i) => latest - i)
    return { rounds: (await summaries(numbers)).map(({ summary }) => summary) }
  })

  route(app, '/rounds/:number', { summary: 'One round: its stage, who reported, which packages are held, the verdicts', params: NumberPath, answer: Round }, async ({ number }) => {
    const [found] = await summaries([number])
    if (!found) throw notFound('NO_ROUND', `round ${number} has not begun`)
    const { facts, summary } = found
    const row = await db.selectFrom('rounds').select(['state', 'tries']).where('round', '=', number).executeTakeFirst()
    const judged = row?.state === 'judged'
    const verdicts = judged ? await db.selectFrom('verdicts').selectAll().where('round', '=', number).orderBy('machine').execute() : []
    const state = (await db.selectFrom('epochs').select('observations').where('epoch', '=', summary.epoch).executeTakeFirst())?.observations ?? 'kept'
    const observations = Map.groupBy(judged ? await db.selectFrom('observations').selectAll().where('round', '=', number).orderBy('checker').execute() : [], ({ machine }) => machine)
    const checkerRows = judged ? await db.selectFrom('round_checkers').selectAll().where('round', '=', number).orderBy('checker').execute() : []
    return {
      ...summary,
      schedule: facts.schedule,
      beacon: facts.beacon,
      openRandomness: facts.openRandomness,
      eligible: {
        machines: facts.machines.map(({ account, identity }) => ({ account, owner: identity.owner, committee: facts.committee(account).toSorted(), mustOpen: facts.mustOpen(account) })),
        checkers: facts.checkers.map(({ account }) => {
          const report = facts.reports.get(account)
          return { account, mirrors: facts.mirrors(account).toSorted(), report: report ? { block: report.block, wellFormed: report.item !== null, commitment: report.item?.commitment ?? null } : null, packageRoot: facts.packageRoots.get(account) ?? null, packageHeld: facts.counted.has(account) }
        }),
      },
      verdicts: judged ? verdicts.map((verdict) => ({ ...verdictShape(verdict), observations: state === 'pruned' ? null : (observations.get(verdict.machine) ?? []).map(observationShape) })) : null,
      observations: state,
      checkerRounds: judged ? checkerRows.map(checkerRoundShape) : null,
      missing: await db.selectFrom('missing_blobs').select(['id', 'since']).where('round', '=', number).orderBy('id').execute(),
      tries: row?.tries ?? 0,
    }
  })
}
