// Machines: who they are, what they did, what they earned.
import type { FastifyInstance } from 'fastify'
import { sql, type Expression, type Kysely, type SqlBool } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { deviceClass, MACHINE_KEY, registrationOf, type AccountId } from '@assay/protocol'
import { toAccountId } from '@assay/runtime-bindings'
import type { MachineRow, ScoreRow, Tables } from '../tables.ts'
import { cursorKey, eachOf, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { documentOf, DocumentShape } from './documents.ts'
import { ApiError } from './errors.ts'
import { extrinsicOf, extrinsicsOf } from './extrinsics.ts'
import { accountIn, route, routeEach, type ApiDeps } from './route.ts'
import { Score, scoreShape, type Stated } from './scores.ts'
import { AccountPath, Address, because, component, Did, didOf, Hash, Height, literals, nullable, orNull, Reason } from './shapes.ts'
import { FullVerdict, fullVerdicts, LEVELS, LevelShape, Observation, observationShape, OUTCOMES, OutcomeShape, prunedAmong, Verdict, verdictLines, verdictShape } from './verdicts.ts'

const Identity = Type.Object({ owner: Hash, peer: Hash, anchor: Type.String({ ...Hash, description: 'hash of the DID document that the machine anchored' }), block: Height })

/** How a class is shown. */
export const DeviceObject = Type.Object({ class: Type.Integer({ minimum: 0, maximum: 65_535, description: 'its id; 0: of no known class' }), name: nullable(Type.String({ description: 'null: this server knows no class of that id' })) }, { description: 'the device class that a machine said last, PROTOCOL section on devices' })
const DeviceClass = component('DeviceClass', DeviceObject)
export const deviceShape = (device: number): Static<typeof DeviceClass> => ({ class: device, name: deviceClass(device)?.name ?? null })

const IDENTITY = 'null: its newest identity does not count'
const Named = { account: Hash, address: Address, did: Did }
const Entry = component('MachineEntry', Type.Object({ ...Named, identity: orNull(Identity, IDENTITY), outcome: nullable(OutcomeShape), standing: nullable(LevelShape), device: nullable(DeviceClass), verdict: nullable(Verdict), score: nullable(Score) }, { description: 'a machine with its latest verdict and score' }))
const Machine = component('Machine', Type.Object({
  ...Named,
  identity: orNull(Type.Object({ ...Identity.properties, extrinsic: extrinsicOf('of the registration') }), IDENTITY),
  registration: Type.Unsafe<Static<typeof Reason> | null>({ ...nullable(Reason), description: 'what became of its newest anchor; null: it wrote none that is known' }),
  standing: nullable(LevelShape),
  device: nullable(DeviceClass),
  verdict: nullable(FullVerdict),
  score: nullable(Score),
}))

const VerdictInFull = component('VerdictInFull', Type.Object({ verdict: FullVerdict, observations: nullable(Type.Array(Observation, { description: 'null: let go by the retention policy' })) }))

const SORTS = ['account', 'score', 'earned', 'work', 'verdict'] as const
const List = pageQuery({
  sort: Type.Unsafe<(typeof SORTS)[number]>({ ...literals(SORTS), default: 'account', description: 'score and earned: of the latest epoch; work: of the latest judged round; verdict: by the latest judged round; what there is none of is less than 0' }),
  order: Type.Optional(literals(['asc', 'desc'], 'default: accounts ascending, everything else from the greatest down')),
  standing: Type.Optional(literals(LEVELS, 'only machines with this standing after the latest epoch that scored them')),
  outcome: Type.Optional(literals(OUTCOMES, 'only machines whose latest verdict is this')),
  device: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'id of the device class that the machine told last' })),
  owner: Type.Optional(AccountPath.properties.account),
  search: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: 'a DID (did:peaq:…), an address or an account (0x…), or the beginning of one' })),
})

/** The column of each sort but that by account, and what its cursor holds. */
const COLUMNS = {
  score: { column: 'by_score', part: Type.String({ pattern: '^(-1|[0-9]{1,39})$' }) },
  earned: { column: 'by_earned', part: Type.String({ pattern: '^(-1|[0-9]{1,39})$' }) },
  work: { column: 'by_work', part: Type.String({ pattern: '^(-1|[0-9]{1,39})$' }) },
  verdict: { column: 'last_round', part: Type.String({ pattern: '^(-1|[0-9]{1,15})$' }) },
} as const

const ROUND = Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'number of the round, counted from 0' })
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]{1,48}$/
const HEX = /^0x[0-9a-f]{0,64}$/

/** Registered machines that are searched for. Throws ApiError BAD_SEARCH. */
function found(text: string) {
  const name = text.startsWith('did:peaq:') ? text.slice('did:peaq:'.length) : text
  const exact = accountOrNull(name)
  if (exact !== null) return sql<SqlBool>`account = ${exact}`
  // Compared byte by byte, everything that begins with a name lies from it up to it with a letter behind that is greater than all that may follow.
  if (HEX.test(name.toLowerCase())) return sql<SqlBool>`account >= ${name.toLowerCase()} and account < ${`${name.toLowerCase()}g`}`
  if (BASE58.test(name)) return sql<SqlBool>`address >= ${name} and address < ${`${name}~`}`
  throw new ApiError('BAD_SEARCH', `"${text}" is no DID, no address or account, and no beginning of one`)
}

function accountOrNull(text: string): AccountId | null {
  try {
    return toAccountId(text)
  } catch {
    return null
  }
}

const noMachine = (account: AccountId): ApiError => new ApiError('NO_MACHINE', `${account} is no machine of this network`)

/** GET /machines, and one machine with its verdicts, observations, scores and document. */
export function machineRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  route(app, '/machines', { id: 'listMachines', tag: 'machines', summary: 'Registered machines, each with its latest verdict and score', query: List, answer: pageOf(Entry), errors: ['BAD_CURSOR', 'BAD_SEARCH', 'BAD_ACCOUNT'] }, async (_, { limit, cursor, sort, order = sort === 'account' ? 'asc' : 'desc', standing, outcome, device, owner, search }) => {
    const list = `machines ${sort} ${order}`
    const beyond = sql.raw(order === 'asc' ? '>' : '<')
    let query = db.selectFrom('machines').selectAll().where('registered', '=', true).limit(limit + 1)
    if (standing) query = query.where('standing', '=', standing)
    if (outcome) query = query.where('outcome', '=', outcome)
    if (device !== undefined) query = query.where('device', '=', device)
    if (owner) query = query.where('owner', '=', accountIn({ account: owner }))
    if (search) query = query.where(found(search) as Expression<SqlBool>)
    if (sort === 'account') {
      const after = cursorKey(list, [Hash], cursor)
      const rows = await query.$if(after !== undefined, (some) => some.where(sql<SqlBool>`account ${beyond} ${after![0]}`)).orderBy('account', order).execute()
      return entries(db, pageFrom(list, rows, limit, ({ account }) => [account], (row) => row))
    }
    const { column, part } = COLUMNS[sort]
    const after = cursorKey(list, [part, Hash], cursor)
    if (after) query = query.where(sql<SqlBool>`(${sql.ref(column)}, account) ${beyond} (${after[0]}, ${after[1]})`)
    const rows = await query.orderBy(column, order).orderBy('account', order).execute()
    return entries(db, pageFrom(list, rows, limit, (row) => [String(row[column]), row.account], (row) => row))
  })

  const machineOf = async (account: AccountId): Promise<MachineRow> => {
    const row = await db.selectFrom('machines').selectAll().where('account', '=', account).executeTakeFirst()
    if (!row) throw noMachine(account)
    return row
  }

  route(app, '/machines/:account', { id: 'getMachine', tag: 'machines', summary: 'One machine: who it is, its latest verdict and score', params: AccountPath, answer: Machine, errors: ['BAD_ACCOUNT', 'NO_MACHINE'] }, async (path) => {
    const row = await machineOf(accountIn(path))
    const [score] = await latestScores(db, [row])
    const identity = identityShape(row)
    const [extrinsic] = await extrinsicsOf(db, [identity && { block: identity.block, who: row.account, key: MACHINE_KEY, value: identity.anchor }])
    // An owner whose machine does not show up learns here why.
    const registration = registrationOf(state$.value.ledger, 'machine', row.account)
    return {
      ...named(row), identity: identity && { ...identity, extrinsic: extrinsic! }, registration: registration && because(registration), standing: row.standing, device: deviceOf(row),
      verdict: row.last_round < 0 ? null : (await fullVerdicts(db, [{ round: row.last_round, machine: row.account }]))[0] ?? null, score: score ? scoreShape(score) : null,
    }
  })

  /** Pages of lists, and of those that are empty because the account never was a machine the error that it is none. */
  async function pagesOf<T, R>(accounts: readonly AccountId[], lists: readonly R[][], page: (rows: R[]) => T): Promise<(T | ApiError)[]> {
    const empty = accounts.filter((_, i) => lists[i]!.length === 0)
    const known = new Set(empty.length === 0 ? [] : (await db.selectFrom('machines').select('account').where('account', 'in', empty).execute()).map(({ account }) => account))
    return lists.map((rows, i) => (rows.length === 0 && !known.has(accounts[i]!) ? noMachine(accounts[i]!) : page(rows)))
  }

  const VERDICTS = 'verdicts of a machine'
  routeEach(app, '/machines/:account/verdicts', { id: 'listMachineVerdicts', tag: 'machines', summary: 'Verdicts of a machine, newest first', params: AccountPath, query: pageQuery(), answer: pageOf(Verdict), errors: ['BAD_ACCOUNT', 'NO_MACHINE', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const accounts = paths.map(accountIn)
    const before = cursorKey(VERDICTS, [ROUND], cursor)
    const lists = await eachOf(db, accounts.map((account) => ({ account })), ['round', 'desc'], ({ account }) => verdictLines(db).where('machine', '=', account).$if(before !== undefined, (some) => some.where('round', '<', before![0])).orderBy('round', 'desc').limit(limit + 1))
    return pagesOf(accounts, lists, (rows) => pageFrom(VERDICTS, rows, limit, ({ round }) => [round], verdictShape))
  })

  const SCORES = 'scores of a machine'
  routeEach(app, '/machines/:account/scores', { id: 'listMachineScores', tag: 'machines', summary: 'Scores of a machine, newest epoch first', params: AccountPath, query: pageQuery(), answer: pageOf(Score), errors: ['BAD_ACCOUNT', 'NO_MACHINE', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const accounts = paths.map(accountIn)
    const before = cursorKey(SCORES, [ROUND], cursor)
    const lists = await eachOf(db, accounts.map((account) => ({ account })), ['epoch', 'desc'], ({ account }) => db.selectFrom('scores').innerJoin('epochs', 'epochs.epoch', 'scores.epoch').selectAll('scores').select('epochs.root').where('scores.account', '=', account).where('kind', '=', 'machine').$if(before !== undefined, (some) => some.where('scores.epoch', '<', before![0])).orderBy('scores.epoch', 'desc').limit(limit + 1))
    return pagesOf(accounts, lists, (rows) => pageFrom(SCORES, rows, limit, ({ epoch }) => [epoch], scoreShape))
  })

  route(app, '/machines/:account/document', { id: 'getMachineDocument', tag: 'machines', summary: 'The DID document that a machine anchored, as it stands on chain', params: AccountPath, answer: DocumentShape, errors: ['BAD_ACCOUNT', 'NO_MACHINE', 'NO_DOCUMENT'] }, async (path) => {
    const { account, anchor, block } = await machineOf(accountIn(path))
    return documentOf(db, crypto, { account, anchor, block })
  })

  routeEach(app, '/rounds/:number/machines/:account', { id: 'getVerdict', tag: 'rounds', summary: 'One verdict with all observations that it rests on', params: Type.Object({ number: ROUND, ...AccountPath.properties }), answer: VerdictInFull, errors: ['BAD_ACCOUNT', 'NO_VERDICT'] }, async (paths) => {
    const of = paths.map((path) => ({ round: path.number, machine: accountIn(path) }))
    const verdicts = await fullVerdicts(db, of)
    const pruned = await prunedAmong(db, verdicts.flatMap((verdict) => (verdict ? [verdict.epoch] : [])))
    const observations = await eachOf(db, of, ['checker', 'asc'], ({ round, machine }) => db.selectFrom('observations').selectAll().where('round', '=', round).where('machine', '=', machine).orderBy('checker'))
    return of.map(({ round, machine }, i) => {
      const verdict = verdicts[i]
      return verdict ? { verdict, observations: pruned.has(verdict.epoch) ? null : observations[i]!.map(observationShape) } : new ApiError('NO_VERDICT', `round ${round} has no verdict of ${machine}`)
    })
  })
}

/** Machines with their latest verdict and score. */
async function entries(db: Kysely<Tables>, { items, next }: { items: MachineRow[], next: string | null }): Promise<{ items: Static<typeof Entry>[], next: string | null }> {
  const verdicts = new Map((await latestVerdicts(db, items)).map((verdict) => [verdict.machine, verdictShape(verdict)]))
  const scores = new Map((await latestScores(db, items)).map((score) => [score.account, scoreShape(score)]))
  return { items: items.map((row) => ({ ...named(row), identity: identityShape(row), outcome: row.outcome, standing: row.standing, device: deviceOf(row), verdict: verdicts.get(row.account) ?? null, score: scores.get(row.account) ?? null })), next }
}

const named = ({ account, address }: MachineRow) => ({ account, address, did: didOf(address) })

async function latestVerdicts(db: Kysely<Tables>, machines: readonly MachineRow[]) {
  const keys = machines.filter(({ last_round }) => last_round >= 0).map(({ account, last_round }) => ({ machine: account, round: last_round }))
  return (await eachOf(db, keys, ['round', 'desc'], ({ machine, round }) => verdictLines(db).where('round', '=', round).where('machine', '=', machine))).flat()
}

/** The latest score of each machine that has one, with the root of its statement. */
export async function latestScores(db: Kysely<Tables>, machines: readonly MachineRow[]): Promise<Stated<ScoreRow>[]> {
  const keys = machines.filter(({ last_epoch }) => last_epoch >= 0).map(({ account, last_epoch }) => ({ account, epoch: last_epoch }))
  return (await eachOf(db, keys, ['epoch', 'desc'], ({ account, epoch }) => db.selectFrom('scores').innerJoin('epochs', 'epochs.epoch', 'scores.epoch').selectAll('scores').select('epochs.root').where('scores.epoch', '=', epoch).where('kind', '=', 'machine').where('account', '=', account))).flat()
}

const deviceOf = ({ device }: MachineRow) => (device === null ? null : deviceShape(device))

const identityShape = ({ owner, peer, anchor, block }: MachineRow) => (owner === null || peer === null || anchor === null || block === null ? null : { owner, peer, anchor, block })
