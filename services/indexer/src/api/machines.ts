// Machines: who they are, what they did, what they earned.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { registeredMachines, registrationOf, type Registered } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import { accountIn, notFound, route, type ApiDeps } from './route.ts'
import { Score, scoreShape } from './scores.ts'
import { AccountPath, because, Hash, Height, Newest, nullable, Page, Reason } from './shapes.ts'
import { Verdict, verdictShape } from './verdicts.ts'

const Identity = Type.Object({ owner: Hash, peer: Hash, anchor: Hash, block: Height })
const Entry = Type.Object({ account: Hash, address: Type.String(), identity: Identity, verdict: nullable(Verdict), score: nullable(Score) })
const Machine = Type.Object({ account: Hash, address: Type.String(), identity: nullable(Identity), registration: nullable(Reason), verdicts: Type.Array(Verdict), scores: Type.Array(Score) })

/** What of an identity is shown of a machine. */
export const identityShape = ({ identity, anchor, block }: Registered) => ({ owner: identity.owner, peer: identity.peer, anchor, block })

/** GET /machines and /machines/:account. */
export function machineRoutes(app: FastifyInstance, { db, state$ }: ApiDeps): void {
  route(app, '/machines', { summary: 'Registered machines by account, each with its latest verdict and score', query: Page, answer: Type.Object({ machines: Type.Array(Entry), next: nullable(Hash) }) }, async (_, { limit, after }) => {
    const all = registeredMachines(state$.value.ledger).filter(({ account }) => after === undefined || account > after)
    const shown = all.slice(0, limit)
    const accounts = shown.map(({ account }) => account)
    const verdicts = accounts.length === 0 ? [] : await db.selectFrom('verdicts').selectAll().distinctOn('machine').where('machine', 'in', accounts).orderBy('machine').orderBy('round', 'desc').execute()
    const scores = accounts.length === 0 ? [] : await db.selectFrom('scores').selectAll().distinctOn('account').where('account', 'in', accounts).where('kind', '=', 'machine').orderBy('account').orderBy('epoch', 'desc').execute()
    const verdictOf = new Map(verdicts.map((row) => [row.machine, verdictShape(row)]))
    const scoreOf = new Map(scores.map((row) => [row.account, scoreShape(row)]))
    return {
      machines: shown.map((registered) => ({ account: registered.account, address: toAddress(registered.account), identity: identityShape(registered), verdict: verdictOf.get(registered.account) ?? null, score: scoreOf.get(registered.account) ?? null })),
      next: all.length > shown.length ? shown.at(-1)!.account : null,
    }
  })

  route(app, '/machines/:account', { summary: 'One machine: its latest verdicts and scores, newest first', params: AccountPath, query: Newest, answer: Machine }, async (path, { limit }) => {
    const account = accountIn(path)
    const registered = registeredMachines(state$.value.ledger).find((one) => one.account === account)
    const verdicts = await db.selectFrom('verdicts').selectAll().where('machine', '=', account).orderBy('round', 'desc').limit(limit).execute()
    // What became of the newest anchor: an owner whose machine does not show up learns here why.
    const registration = registrationOf(state$.value.ledger, 'machine', account)
    if (registration === null && verdicts.length === 0) throw notFound('NO_MACHINE', `${account} is no machine of this network`)
    const scores = await db.selectFrom('scores').selectAll().where('account', '=', account).where('kind', '=', 'machine').orderBy('epoch', 'desc').limit(limit).execute()
    return { account, address: toAddress(account), identity: registered ? identityShape(registered) : null, registration: registration && because(registration), verdicts: verdicts.map(verdictShape), scores: scores.map(scoreShape) }
  })
}
