// Why a score is what it is, line by line, in the words of the replay.
import type { FastifyInstance } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { explainEpoch, type AccountId, type CheckerVerdict, type Payout, type RoundJudgement, type Score } from '@assay/protocol'
import { tellScore } from '@assay/replay/tell'
import { checkerOf, observationOf, verdictOf } from '../judgements.ts'
import type { PayoutRow, ScoreRow, Tables } from '../tables.ts'
import { ApiError } from './errors.ts'
import { accountIn, route, type ApiDeps } from './route.ts'
import { Payout as PayoutShape, payoutShapes, Score as ScoreShape, scoreShape } from './scores.ts'
import { AccountPath, component, nullable } from './shapes.ts'
import { observationsPruned } from './verdicts.ts'

const Why = component('Why', Type.Object({ score: ScoreShape, payout: Type.Unsafe<Static<typeof PayoutShape> | null>({ ...nullable(PayoutShape), description: 'what its owner gets in the epoch, by all accounts together' }), lines: Type.Array(Type.String(), { description: 'the words of `assay replay`; of a checker with more observations than are told one by one, a line says where they are' }) }))
const Query = Type.Object({ epoch: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'default: the latest that scored the account' })) })

type Kind = ScoreRow['kind']

/** Observations of a checker in an epoch that are told one by one: in a large network it has some hundred thousand, which would be tens of MB. */
const TOLD = 2000

/** GET /machines/:account/why and /checkers/:account/why. */
export function whyRoutes(app: FastifyInstance, { db, state$ }: ApiDeps): void {
  async function why(kind: Kind, account: AccountId, epoch: number | undefined): Promise<Static<typeof Why>> {
    const row = await db.selectFrom('scores').innerJoin('epochs', 'epochs.epoch', 'scores.epoch').selectAll('scores').select(['epochs.root', 'epochs.chain_state'])
      .where('scores.account', '=', account).where('kind', '=', kind).$if(epoch !== undefined, (some) => some.where('scores.epoch', '=', epoch!)).orderBy('scores.epoch', 'desc').limit(1).executeTakeFirst()
    if (!row) throw await unscored(db, account, epoch)
    if (await observationsPruned(db, row.epoch)) throw new ApiError('OBSERVATIONS_PRUNED', `the observations of epoch ${row.epoch} were let go by the retention policy: replay it to learn why`)
    const payout = await db.selectFrom('payouts').selectAll().where('epoch', '=', row.epoch).where('account', '=', row.owner).executeTakeFirst()
    const rounds = kind === 'machine' ? await machineRounds(db, row) : await checkerRounds(db, row)
    const [explanation] = explainEpoch({ rounds: rounds.map((judgement) => ({ judgement })), result: { scores: [scoreOf(row, rounds)], payouts: payout ? [payoutOf(payout)] : [] } })
    const untold = rounds.reduce((sum, { untold }) => sum + untold, 0)
    const lines = [...tellScore(explanation!, untold === 0), ...(untold === 0 ? [] : [`  its ${untold} observations are at /checkers/${account}/observations`])]
    const [paid] = await payoutShapes({ db, ledger: state$.value.ledger }, payout ? [{ ...payout, root: row.root, chain_state: row.chain_state }] : [])
    return { score: scoreShape(row), payout: paid ?? null, lines }
  }

  for (const [kind, plural] of [['machine', 'machines'], ['checker', 'checkers']] as const)
    route(app, `/${plural}/:account/why`, { id: kind === 'machine' ? 'whyMachine' : 'whyChecker', tag: plural, summary: `Why the score of a ${kind} is what it is, line by line`, params: AccountPath, query: Query, answer: Why, errors: ['BAD_ACCOUNT', 'NOT_SCORED', 'NOT_IN_STATEMENT', 'OBSERVATIONS_PRUNED'] }, (path, { epoch }) => why(kind, accountIn(path), epoch))
}

async function unscored(db: Kysely<Tables>, account: AccountId, epoch: number | undefined): Promise<ApiError> {
  if (epoch === undefined) return new ApiError('NOT_SCORED', `no epoch that is scored yet has a score of ${account}`)
  const scored = await db.selectFrom('epochs').select('epoch').where('epoch', '=', epoch).executeTakeFirst()
  return scored ? new ApiError('NOT_IN_STATEMENT', `the statement of epoch ${epoch} has no such score of ${account}`) : new ApiError('NOT_SCORED', `epoch ${epoch} is not scored yet`)
}

/** A round's judgement as far as one account is concerned; `standing`: what a machine counted as in it; `untold`: observations that were left out. */
type Round = RoundJudgement & { standing: ScoreRow['standing'], untold: number }

/** What an epoch's rounds say of one machine, ascending. */
async function machineRounds(db: Kysely<Tables>, { epoch, account }: ScoreRow): Promise<Round[]> {
  const verdicts = await db.selectFrom('verdicts').innerJoin('rounds', 'rounds.round', 'verdicts.round').selectAll('verdicts').where('epoch', '=', epoch).where('machine', '=', account).orderBy('verdicts.round').execute()
  const observations = Map.groupBy(await db.selectFrom('observations').innerJoin('rounds', 'rounds.round', 'observations.round').selectAll('observations').where('epoch', '=', epoch).where('machine', '=', account).orderBy('checker').execute(), ({ round }) => round)
  return verdicts.map((row) => ({ round: row.round, verdicts: [verdictOf(row, observations.get(row.round) ?? [])], checkers: [], standing: row.standing, untold: 0 }))
}

/** What an epoch's rounds say of one checker, ascending; of the machines' verdicts only what is its. */
async function checkerRounds(db: Kysely<Tables>, { epoch, account }: ScoreRow): Promise<Round[]> {
  const rows = await db.selectFrom('round_checkers').innerJoin('rounds', 'rounds.round', 'round_checkers.round').selectAll('round_checkers').where('epoch', '=', epoch).where('checker', '=', account).orderBy('round_checkers.round').execute()
  const observed = rows.reduce((sum, row) => sum + row.observed, 0)
  const observations = Map.groupBy(observed > TOLD ? [] : await db.selectFrom('observations').innerJoin('rounds', 'rounds.round', 'observations.round').innerJoin('verdicts', (join) => join.onRef('verdicts.round', '=', 'observations.round').onRef('verdicts.machine', '=', 'observations.machine'))
    .selectAll('verdicts').select(['observations.machine', 'observations.checker', 'vote', 'credited', 'paid', 'observations.reason as why', 'off_ppm', 'observations.down_kbps as down', 'observations.up_kbps as up', 'observations.rtt_us as rtt'])
    .where('epoch', '=', epoch).where('checker', '=', account).orderBy('observations.machine').execute(), ({ round }) => round)
  return rows.map((row) => ({
    round: row.round,
    verdicts: (observations.get(row.round) ?? []).map(({ checker, vote, credited, paid, why, off_ppm, down, up, rtt, ...verdict }) => ({ ...verdictOf(verdict, []), observations: [observationOf({ round: verdict.round, machine: verdict.machine, checker, vote, credited, paid, reason: why, off_ppm, down_kbps: down, up_kbps: up, rtt_us: rtt })] })),
    checkers: [checkerOf(row)],
    standing: null,
    untold: observed > TOLD ? row.observed : 0,
  }))
}

function scoreOf({ kind, account, owner, score, reason, earned, passed, asked, weight }: ScoreRow, rounds: readonly Round[]): Score {
  const base = { account, owner, score, reason, earned }
  if (kind === 'checker') return { ...base, kind, weight: weight ?? 0, rows: rounds.flatMap(({ checkers }) => checkers.map(({ round, paidObservations, reason }: CheckerVerdict) => ({ round, paidObservations, reason }))) }
  const rows = rounds.flatMap(({ verdicts, standing }) => verdicts.map(({ round, outcome, reason, medianSteps, provenSteps, work }) => ({ round, outcome, reason, medianSteps, provenSteps, work, standing: standing ?? 'STANDARD' as const })))
  return { ...base, kind, availability: { passed: passed ?? 0, asked: asked ?? 0 }, rows }
}

const payoutOf = ({ account, earned, carried_in, paid, carried_out }: PayoutRow): Payout => ({ account, earned, carriedIn: carried_in, paid, carriedOut: carried_out })
