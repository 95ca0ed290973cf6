// Checkers: who they are, what they reported, what they earned.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { registeredCheckers, registrationOf } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import type { RoundCheckerRow } from '../tables.ts'
import { identityShape } from './machines.ts'
import { accountIn, notFound, route, type ApiDeps } from './route.ts'
import { Score, scoreShape } from './scores.ts'
import { AccountPath, because, Count, Hash, Height, Newest, nullable, Page, Reason } from './shapes.ts'

const Identity = Type.Object({ owner: Hash, peer: Hash, anchor: Hash, block: Height, addresses: Type.Array(Type.String()), evidence: Type.Array(Type.String()) })

/** What became of a checker's round. */
export const CheckerRound = Type.Object({ round: Count, checker: Hash, reported: Type.Boolean(), packageCounted: Type.Boolean(), commitment: nullable(Hash), package: nullable(Hash), paidObservations: Count, reason: Reason })
export const checkerRoundShape = (row: RoundCheckerRow): Static<typeof CheckerRound> => ({
  round: row.round, checker: row.checker, reported: row.reported, packageCounted: row.package_counted, commitment: row.commitment, package: row.package, paidObservations: row.paid_observations,
  reason: because(row.reason === 'OK' && row.paid_observations === 0 ? 'NOTHING_PAYABLE' : row.reason),
})

const Entry = Type.Object({ account: Hash, address: Type.String(), identity: Identity, round: nullable(CheckerRound), score: nullable(Score) })
const Checker = Type.Object({ account: Hash, address: Type.String(), identity: nullable(Identity), registration: nullable(Reason), rounds: Type.Array(CheckerRound), scores: Type.Array(Score) })

/** GET /checkers and /checkers/:account. */
export function checkerRoutes(app: FastifyInstance, { db, state$ }: ApiDeps): void {
  const registered = () => registeredCheckers(state$.value.ledger).map((one) => ({ account: one.account, identity: { ...identityShape(one), addresses: one.identity.addresses, evidence: one.identity.evidence } }))

  route(app, '/checkers', { summary: 'Registered checkers by account, each with its latest judged round and score', query: Page, answer: Type.Object({ checkers: Type.Array(Entry), next: nullable(Hash) }) }, async (_, { limit, after }) => {
    const all = registered().filter(({ account }) => after === undefined || account > after)
    const shown = all.slice(0, limit)
    const accounts = shown.map(({ account }) => account)
    const rounds = accounts.length === 0 ? [] : await db.selectFrom('round_checkers').selectAll().distinctOn('checker').where('checker', 'in', accounts).orderBy('checker').orderBy('round', 'desc').execute()
    const scores = accounts.length === 0 ? [] : await db.selectFrom('scores').selectAll().distinctOn('account').where('account', 'in', accounts).where('kind', '=', 'checker').orderBy('account').orderBy('epoch', 'desc').execute()
    const roundOf = new Map(rounds.map((row) => [row.checker, checkerRoundShape(row)]))
    const scoreOf = new Map(scores.map((row) => [row.account, scoreShape(row)]))
    return {
      checkers: shown.map(({ account, identity }) => ({ account, address: toAddress(account), identity, round: roundOf.get(account) ?? null, score: scoreOf.get(account) ?? null })),
      next: all.length > shown.length ? shown.at(-1)!.account : null,
    }
  })

  route(app, '/checkers/:account', { summary: 'One checker: its latest rounds and scores, newest first', params: AccountPath, query: Newest, answer: Checker }, async (path, { limit }) => {
    const account = accountIn(path)
    const identity = registered().find((one) => one.account === account)?.identity ?? null
    const rounds = await db.selectFrom('round_checkers').selectAll().where('checker', '=', account).orderBy('round', 'desc').limit(limit).execute()
    const registration = registrationOf(state$.value.ledger, 'checker', account)
    if (registration === null && rounds.length === 0) throw notFound('NO_CHECKER', `${account} is no checker of this network`)
    const scores = await db.selectFrom('scores').selectAll().where('account', '=', account).where('kind', '=', 'checker').orderBy('epoch', 'desc').limit(limit).execute()
    return { account, address: toAddress(account), identity, registration: registration && because(registration), rounds: rounds.map(checkerRoundShape), scores: scores.map(scoreShape) }
  })
}
