// Checkers: who they are, what they reported, how well their word measures, what they earned.
import type { FastifyInstance } from 'fastify'
import { sql, type SqlBool } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { CHECKER_KEY, registeredCheckers, registrationOf, type AccountId, type Registered } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import type { RoundCheckerRow } from '../tables.ts'
import { cursorKey, eachOf, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { documentOf, DocumentShape } from './documents.ts'
import { ApiError } from './errors.ts'
import { extrinsicOf, extrinsicsOf } from './extrinsics.ts'
import { accountIn, route, routeEach, type ApiDeps } from './route.ts'
import { Score, scoreShape } from './scores.ts'
import { AccountPath, Address, because, component, count, Did, didOf, flag, Hash, Height, nullable, orNull, Reason, RoundNumber } from './shapes.ts'
import { Observation, observationShape } from './verdicts.ts'

const Identity = Type.Object({ owner: Hash, peer: Hash, anchor: Hash, block: Height, addresses: Type.Array(Type.String({ description: 'written by the checker: show it as text' })), evidence: Type.Array(Type.String({ description: 'base URL of its evidence, written by the checker' })) })

/** What became of a checker's round. */
export const CheckerRound = component('CheckerRound', Type.Object({
  round: RoundNumber, checker: Hash, reported: flag('whether it reported on chain'), packageCounted: flag('whether its package counts: reported, posted, and held by enough mirrors'), commitment: nullable(Hash), package: nullable(Hash),
  observed: Type.Integer({ minimum: 0, description: 'observations in its package' }), agreed: Type.Integer({ minimum: 0, description: 'those that named what the majority of the committee named' }),
  paidObservations: count('observations that are paid'), reason: Reason,
}))
export const checkerRoundShape = (row: RoundCheckerRow): Static<typeof CheckerRound> => ({
  round: row.round, checker: row.checker, reported: row.reported, packageCounted: row.package_counted, commitment: row.commitment, package: row.package, observed: row.observed, agreed: row.agreed, paidObservations: row.paid_observations,
  reason: because(row.reason === 'OK' && row.paid_observations === 0 ? 'NOTHING_PAYABLE' : row.reason),
})

const Named = { account: Hash, address: Address, did: Did }
const Record = Type.Object({ rounds: count('judged rounds'), missed: Type.Integer({ minimum: 0, description: 'rounds without a report or a package that counts' }), observed: count('observations'), agreed: count('those that named what the majority named'), paid: count('those that are paid') }, { description: 'its last 100 judged rounds together' })
const Entry = component('CheckerEntry', Type.Object({ ...Named, identity: Identity, round: nullable(CheckerRound), score: nullable(Score), record: orNull(Record, 'null: no round of it is judged') }, { description: 'a checker with its latest judged round and score' }))
const Checker = component('Checker', Type.Object({ ...Named, identity: orNull(Type.Object({ ...Identity.properties, extrinsic: extrinsicOf('of the registration') }), 'null: its newest identity does not count, or it has no role any more'), registration: orNull(Reason, 'what became of its newest anchor; null: it wrote none that is known'), round: nullable(CheckerRound), score: nullable(Score), record: orNull(Record, 'null: no round of it is judged') }))

const ROUND = Type.Integer({ minimum: 0, maximum: 4_294_967_295 })
const RECORD_ROUNDS = 100

const named = (account: AccountId) => ({ account, address: toAddress(account), did: didOf(toAddress(account)) })
const identityShape = ({ identity, anchor, block }: Registered): Static<typeof Identity> => ({ owner: identity.owner, peer: identity.peer, anchor, block, addresses: identity.addresses, evidence: identity.evidence })

const noChecker = (account: AccountId): ApiError => new ApiError('NO_CHECKER', `${account} is no checker of this network`)

/** GET /checkers, and one checker with its rounds, observations, scores and document. */
export function checkerRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  const scoresOf = () => db.selectFrom('scores').innerJoin('epochs', 'epochs.epoch', 'scores.epoch').selectAll('scores').select('epochs.root').where('kind', '=', 'checker')

  /** How the last judged rounds of some checkers went, by account; none of those without any. */
  async function recordsOf(accounts: readonly AccountId[]): Promise<Map<AccountId, Static<typeof Record>>> {
    const sum = (column: 'observed' | 'agreed' | 'paid_observations') => sql<number>`coalesce(sum(${sql.ref(column)}), 0)`
    const found = await eachOf(db, accounts.map((account) => ({ account })), ['rounds', 'desc'], ({ account }) => db.selectFrom((inner) => inner.selectFrom('round_checkers').selectAll().where('checker', '=', account).orderBy('round', 'desc').limit(RECORD_ROUNDS).as('last'))
      .select(({ fn }) => [fn.countAll<number>().as('rounds'), sql<number>`count(*) filter (where not package_counted)`.as('missed'), sum('observed').as('observed'), sum('agreed').as('agreed'), sum('paid_observations').as('paid')]))
    return new Map(found.flatMap(([record], i) => (record!.rounds === 0 ? [] : [[accounts[i]!, record!]])))
  }

  const LIST = 'checkers'
  route(app, '/checkers', { id: 'listCheckers', tag: 'checkers', summary: 'Registered checkers by account, each with its latest judged round and score', query: pageQuery(), answer: pageOf(Entry), errors: ['BAD_CURSOR'] }, async (_, { limit, cursor }) => {
    const after = cursorKey(LIST, [Hash], cursor)?.[0]
    const all = registeredCheckers(state$.value.ledger).filter(({ account }) => after === undefined || account > after).slice(0, limit + 1)
    const accounts = all.map(({ account }) => account)
    const keys = accounts.map((account) => ({ account }))
    // The newest of each by itself: to read all of them and keep the newest would cost more with every round.
    const rounds = (await eachOf(db, keys, ['round', 'desc'], ({ account }) => db.selectFrom('round_checkers').selectAll().where('checker', '=', account).orderBy('round', 'desc').limit(1))).flat()
    const scores = (await eachOf(db, keys, ['epoch', 'desc'], ({ account }) => scoresOf().where('scores.account', '=', account).orderBy('scores.epoch', 'desc').limit(1))).flat()
    const records = await recordsOf(accounts)
    const roundOf = new Map(rounds.map((row) => [row.checker, checkerRoundShape(row)]))
    const scoreOf = new Map(scores.map((row) => [row.account, scoreShape(row)]))
    return pageFrom(LIST, all, limit, ({ account }) => [account], (one) => ({ ...named(one.account), identity: identityShape(one), round: roundOf.get(one.account) ?? null, score: scoreOf.get(one.account) ?? null, record: records.get(one.account) ?? null }))
  })

  /** The account in a path if it ever was a checker. */
  async function checkerIn(path: { account: string }): Promise<AccountId> {
    const account = accountIn(path)
    const known = registrationOf(state$.value.ledger, 'checker', account) !== null || (await db.selectFrom('round_checkers').select('round').where('checker', '=', account).limit(1).executeTakeFirst()) !== undefined
    if (!known) throw noChecker(account)
    return account
  }
  /** Pages of lists, and of those that are empty because the account never was a checker the error that it is none. */
  async function pagesOf<T, R>(accounts: readonly AccountId[], lists: readonly R[][], page: (rows: R[]) => T): Promise<(T | ApiError)[]> {
    const unknown = accounts.filter((account, i) => lists[i]!.length === 0 && registrationOf(state$.value.ledger, 'checker', account) === null)
    const known = new Set(unknown.length === 0 ? [] : (await db.selectFrom('round_checkers').select('checker').distinct().where('checker', 'in', unknown).execute()).map(({ checker }) => checker))
    return lists.map((rows, i) => (unknown.includes(accounts[i]!) && !known.has(accounts[i]!) ? noChecker(accounts[i]!) : page(rows)))
  }
  const registered = (account: AccountId) => registeredCheckers(state$.value.ledger).find((one) => one.account === account) ?? null

  route(app, '/checkers/:account', { id: 'getChecker', tag: 'checkers', summary: 'One checker: who it is, its latest round and score, and how its last 100 rounds went', params: AccountPath, answer: Checker, errors: ['BAD_ACCOUNT', 'NO_CHECKER'] }, async (path) => {
    const account = await checkerIn(path)
    const identity = registered(account)
    const registration = registrationOf(state$.value.ledger, 'checker', account)
    const latest = await db.selectFrom('round_checkers').selectAll().where('checker', '=', account).orderBy('round', 'desc').limit(1).executeTakeFirst()
    const score = await scoresOf().where('scores.account', '=', account).orderBy('scores.epoch', 'desc').limit(1).executeTakeFirst()
    const [extrinsic] = await extrinsicsOf(db, [identity && { block: identity.block, who: account, key: CHECKER_KEY, value: identity.anchor }])
    return { ...named(account), identity: identity && { ...identityShape(identity), extrinsic: extrinsic! }, registration: registration && because(registration), round: latest ? checkerRoundShape(latest) : null, score: score ? scoreShape(score) : null, record: (await recordsOf([account])).get(account) ?? null }
  })

  const ROUNDS = 'rounds of a checker'
  routeEach(app, '/checkers/:account/rounds', { id: 'listCheckerRounds', tag: 'checkers', summary: 'Judged rounds of a checker, newest first', params: AccountPath, query: pageQuery(), answer: pageOf(CheckerRound), errors: ['BAD_ACCOUNT', 'NO_CHECKER', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const accounts = paths.map(accountIn)
    const before = cursorKey(ROUNDS, [ROUND], cursor)
    const lists = await eachOf(db, accounts.map((account) => ({ account })), ['round', 'desc'], ({ account }) => db.selectFrom('round_checkers').selectAll().where('checker', '=', account).$if(before !== undefined, (some) => some.where('round', '<', before![0])).orderBy('round', 'desc').limit(limit + 1))
    return pagesOf(accounts, lists, (rows) => pageFrom(ROUNDS, rows, limit, ({ round }) => [round], checkerRoundShape))
  })

  const OBSERVATIONS = 'observations of a checker'
  route(app, '/checkers/:account/observations', { id: 'listCheckerObservations', tag: 'checkers', summary: 'Observations of a checker, newest round first', params: AccountPath, query: pageQuery(), answer: pageOf(Observation), errors: ['BAD_ACCOUNT', 'NO_CHECKER', 'BAD_CURSOR'] }, async (path, { limit, cursor }) => {
    const account = await checkerIn(path)
    const before = cursorKey(OBSERVATIONS, [ROUND, Hash], cursor)
    const rows = await db.selectFrom('observations').selectAll().where('checker', '=', account)
      .$if(before !== undefined, (some) => some.where('round', '<=', before![0]).where(sql<SqlBool>`(round < ${before![0]} or machine > ${before![1]})`))
      .orderBy('round', 'desc').orderBy('machine').limit(limit + 1).execute()
    return pageFrom(OBSERVATIONS, rows, limit, ({ round, machine }) => [round, machine], observationShape)
  })

  const SCORES = 'scores of a checker'
  routeEach(app, '/checkers/:account/scores', { id: 'listCheckerScores', tag: 'checkers', summary: 'Scores of a checker, newest epoch first', params: AccountPath, query: pageQuery(), answer: pageOf(Score), errors: ['BAD_ACCOUNT', 'NO_CHECKER', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const accounts = paths.map(accountIn)
    const before = cursorKey(SCORES, [ROUND], cursor)
    const lists = await eachOf(db, accounts.map((account) => ({ account })), ['epoch', 'desc'], ({ account }) => scoresOf().where('scores.account', '=', account).$if(before !== undefined, (some) => some.where('scores.epoch', '<', before![0])).orderBy('scores.epoch', 'desc').limit(limit + 1))
    return pagesOf(accounts, lists, (rows) => pageFrom(SCORES, rows, limit, ({ epoch }) => [epoch], scoreShape))
  })

  route(app, '/checkers/:account/document', { id: 'getCheckerDocument', tag: 'checkers', summary: 'The DID document that a checker anchored, as it stands on chain', params: AccountPath, answer: DocumentShape, errors: ['BAD_ACCOUNT', 'NO_CHECKER', 'NO_DOCUMENT'] }, async (path) => {
    const account = await checkerIn(path)
    const identity = registered(account)
    return documentOf(db, crypto, { account, anchor: identity?.anchor ?? null, block: identity?.block ?? null })
  })
}
