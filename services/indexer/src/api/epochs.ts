// Epochs: scores, payouts, the statement, and the proofs by which anybody checks his own line of it.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { decodeStatement, epochOf, judgementOfEpoch, parametersFor, roundsOf, toHex, type Ledger } from '@assay/protocol'
import type { EpochRow, PayoutRow, Tree } from '../tables.ts'
import { cursorKey, eachOf, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { ApiError } from './errors.ts'
import { extrinsicOf, extrinsicsOf, settlement } from './extrinsics.ts'
import { latestRound } from './rounds.ts'
import { accountIn, route, routeEach, type ApiDeps } from './route.ts'
import { EpochTotals, Payout, payoutShapes, Score, scoreShape, totalsShape } from './scores.ts'
import { AccountPath, Amount, Bytes, component, count, EpochNumber, flag, Hash, Height, literals, nullable, NumberPath, OnChain, OnChainObject, onChain, orNull, RoundNumber, Work } from './shapes.ts'
import { pathsIn } from './trees.ts'

const EPOCH = Type.Integer({ minimum: 0, maximum: 4_294_967_295 })
const POSITION = Type.Integer({ minimum: 0, maximum: 2_147_483_647 })
const PAGE = { most: 1000, usual: 100 }

const Epoch = component('Epoch', Type.Object({
  epoch: EpochNumber,
  state: literals(['running', 'waiting', 'scored'], 'waiting: its rounds are over and not all are judged, or an epoch before it is not scored'),
  rounds: Type.Array(Type.Object({ round: RoundNumber, judged: flag('whether it is judged') }), { description: 'all of them, ascending' }),
  judgementBlock: Height,
  work: Type.Unsafe<string | null>({ ...nullable(Work), description: 'proven in its judged rounds, multiply-accumulates; null before one is judged' }),
  totals: nullable(EpochTotals),
  extrinsic: extrinsicOf('which wrote the statement on chain, ours or another'),
}))

const TREES = ['scores', 'payouts', 'registry', 'evidence', 'standings', 'calibrations'] as const satisfies Tree[]
const Roots = Type.Object({ scores: Hash, payouts: Hash, registry: Hash, evidence: Hash, standings: Hash, calibrations: Hash })
const Statement = component('Statement', Type.Object({
  epoch: EpochNumber,
  root: Hash,
  bytes: Type.String({ ...Bytes, description: 'what stands on chain, in chunks of 128 bytes' }),
  roots: Roots,
  paid: Amount,
  carried: Amount,
  leaves: Type.Object({ scores: count('scores'), payouts: count('payouts'), registry: count('eligible machines and checkers'), evidence: count('packages that count'), standings: count('standings of machines'), calibrations: count('calibrations of checkers') }, { description: 'how many leaves each tree has; /epochs/{number}/leaves/{tree} lists them' }),
  onChain: Type.Object({ ...OnChainObject.properties, bytes: orNull(Bytes, 'what the network wrote; null: nothing yet') }),
}))

const Proof = component('MerkleProof', Type.Object({ leaf: Type.String({ ...Bytes, description: 'the encoded leaf, as it is hashed behind a 0x00' }), index: count('place of the leaf'), size: count('leaves of the tree'), root: Hash, path: Type.Array(Hash, { description: 'RFC 6962 audit path, from the leaf up' }) }))
const Proofs = component('Proofs', Type.Object({
  epoch: EpochNumber,
  account: Hash,
  statement: Type.Object({ root: Hash, bytes: Type.String({ ...Bytes, description: 'the statement: its roots and its sums' }) }),
  scores: Type.Array(Type.Object({ score: Score, proof: Proof }), { description: 'as a machine, as a checker, as both, or none' }),
  payout: orNull(Type.Object({ payout: Payout, proof: Proof }), 'null: nothing is paid or carried to it'),
  onChain: OnChain,
}))

type PaidRow = PayoutRow & Pick<EpochRow, 'root' | 'chain_state'>

/** GET /epochs, and one epoch with its scores, payouts, statement, leaves and proofs; /accounts/:account/payouts. */
export function epochRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  /** What chain and database tell of some epochs that have begun, in their order. */
  async function summaries(numbers: readonly number[]): Promise<Static<typeof Epoch>[]> {
    if (numbers.length === 0) return []
    const { ledger } = state$.value
    const parameters = parametersFor(ledger, 0)!
    const scored = new Map((await db.selectFrom('epochs').selectAll().where('epoch', 'in', numbers).execute()).map((row) => [row.epoch, row]))
    const judged = Map.groupBy(
      await db.selectFrom('rounds').leftJoin('round_totals', 'round_totals.round', 'rounds.round').select(({ fn }) => ['rounds.epoch', 'rounds.round', fn.sum<bigint | null>('work').as('work')]).where('rounds.epoch', 'in', numbers).where('state', '=', 'judged').groupBy(['rounds.epoch', 'rounds.round']).execute(),
      ({ epoch }) => epoch,
    )
    const extrinsics = await extrinsicsOf(db, numbers.map((epoch) => settlement(ledger, epoch)))
    return numbers.map((epoch, i) => {
      const rounds = judged.get(epoch) ?? []
      const row = scored.get(epoch)
      const judgementBlock = judgementOfEpoch(parameters, epoch)
      return {
        epoch, state: row ? 'scored' : ledger.head!.number >= judgementBlock ? 'waiting' : 'running', rounds: roundsOf(parameters, epoch).map((round) => ({ round, judged: rounds.some((one) => one.round === round) })),
        judgementBlock, work: rounds.length > 0 ? String(rounds.reduce((total, { work }) => total + (work ?? 0n), 0n)) : null, totals: row ? totalsShape(row) : null, extrinsic: extrinsics[i]!,
      }
    })
  }

  /** The last epoch of which a round has begun; -1 before the first. */
  function latestEpoch(ledger: Ledger): number {
    const round = latestRound(ledger)
    return round < 0 ? -1 : epochOf(parametersFor(ledger, 0)!, round)
  }

  async function scoredEpoch(epoch: number): Promise<EpochRow> {
    const row = await db.selectFrom('epochs').selectAll().where('epoch', '=', epoch).executeTakeFirst()
    if (!row) throw new ApiError('NOT_SCORED', `epoch ${epoch} is not scored yet`)
    return row
  }

  const pathOf = pathsIn(db, crypto)

  const LIST = 'epochs'
  route(app, '/epochs', { id: 'listEpochs', tag: 'epochs', summary: 'Epochs, newest first, running ones too', query: pageQuery({}, { usual: 20 }), answer: pageOf(Epoch), errors: ['BAD_CURSOR'] }, async (_, { limit, cursor }) => {
    const before = cursorKey(LIST, [EPOCH], cursor)?.[0]
    const newest = Math.min(latestEpoch(state$.value.ledger), (before ?? Infinity) - 1)
    const numbers = Array.from({ length: Math.min(limit + 1, newest + 1) }, (_, i) => newest - i)
    return pageFrom(LIST, await summaries(numbers), limit, ({ epoch }) => [epoch], (epoch) => epoch)
  })

  const notBegun = (epoch: number): ApiError | null => (epoch > latestEpoch(state$.value.ledger) ? new ApiError('NO_EPOCH', `epoch ${epoch} has not begun`) : null)

  /** Throws ApiError NO_EPOCH. */
  function begun(epoch: number): void {
    const error = notBegun(epoch)
    if (error) throw error
  }

  route(app, '/epochs/:number', { id: 'getEpoch', tag: 'epochs', summary: 'One epoch: its rounds, its work, and what it paid', params: NumberPath, answer: Epoch, errors: ['NO_EPOCH'] }, async ({ number }) => {
    begun(number)
    return (await summaries([number]))[0]!
  })

  const SCORES = 'scores of an epoch'
  const kind = Type.Optional(literals(['machine', 'checker'], 'only of these'))
  routeEach(app, '/epochs/:number/scores', { id: 'listScores', tag: 'epochs', summary: 'Scores of an epoch in the order of the statement’s leaves; none before it is scored', params: NumberPath, query: pageQuery({ kind }, PAGE), answer: pageOf(Score), errors: ['NO_EPOCH', 'BAD_CURSOR'] }, async (paths, { limit, cursor, kind }) => {
    const after = cursorKey(SCORES, [POSITION], cursor)?.[0] ?? -1
    const lists = await eachOf(db, paths, ['position', 'asc'], ({ number }) => db.selectFrom('scores').innerJoin('epochs', 'epochs.epoch', 'scores.epoch').selectAll('scores').select('epochs.root').where('scores.epoch', '=', number).where('position', '>', after).$if(kind !== undefined, (some) => some.where('kind', '=', kind!)).orderBy('position').limit(limit + 1))
    return paths.map(({ number }, i) => notBegun(number) ?? pageFrom(SCORES, lists[i]!, limit, ({ position }) => [position], scoreShape))
  })

  /** Pages of payouts, with the extrinsics of all of them from one query. */
  async function payoutPages(list: string, lists: PaidRow[][], limit: number, keyOf: (row: PaidRow) => [number]) {
    const pages = lists.map((rows) => pageFrom(list, rows, limit, keyOf, (row) => row))
    const shown = await payoutShapes({ db, ledger: state$.value.ledger }, pages.flatMap(({ items }) => items))
    return pages.map(({ items, next }) => ({ items: shown.splice(0, items.length), next }))
  }

  const PAYOUTS = 'payouts of an epoch'
  routeEach(app, '/epochs/:number/payouts', { id: 'listPayouts', tag: 'epochs', summary: 'Payouts of an epoch in the order of the statement’s leaves; none before it is scored', params: NumberPath, query: pageQuery({}, PAGE), answer: pageOf(Payout), errors: ['NO_EPOCH', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const after = cursorKey(PAYOUTS, [POSITION], cursor)?.[0] ?? -1
    const lists = await eachOf(db, paths, ['position', 'asc'], ({ number }) => db.selectFrom('payouts').innerJoin('epochs', 'epochs.epoch', 'payouts.epoch').selectAll('payouts').select(['epochs.root', 'epochs.chain_state']).where('payouts.epoch', '=', number).where('position', '>', after).orderBy('position').limit(limit + 1))
    return (await payoutPages(PAYOUTS, lists, limit, ({ position }) => [position])).map((page, i) => notBegun(paths[i]!.number) ?? page)
  })

  const OF_ACCOUNT = 'payouts of an account'
  routeEach(app, '/accounts/:account/payouts', { id: 'listAccountPayouts', tag: 'epochs', summary: 'What epochs paid an owner, newest first', params: AccountPath, query: pageQuery(), answer: pageOf(Payout), errors: ['BAD_ACCOUNT', 'BAD_CURSOR'] }, async (paths, { limit, cursor }) => {
    const accounts = paths.map(accountIn)
    const before = cursorKey(OF_ACCOUNT, [EPOCH], cursor)
    const lists = await eachOf(db, accounts.map((account) => ({ account })), ['epoch', 'desc'], ({ account }) => db.selectFrom('payouts').innerJoin('epochs', 'epochs.epoch', 'payouts.epoch').selectAll('payouts').select(['epochs.root', 'epochs.chain_state']).where('payouts.account', '=', account).$if(before !== undefined, (some) => some.where('payouts.epoch', '<', before![0])).orderBy('payouts.epoch', 'desc').limit(limit + 1))
    return payoutPages(OF_ACCOUNT, lists, limit, ({ epoch }) => [epoch])
  })

  route(app, '/epochs/:number/statement', { id: 'getStatement', tag: 'epochs', summary: 'The statement of an epoch: its bytes, its roots, and what stands on chain', params: NumberPath, answer: Statement, errors: ['NOT_SCORED'] }, async ({ number }) => {
    const row = await scoredEpoch(number)
    const { scores, payouts, registry, evidence, standings, calibrations, paid, carried } = decodeStatement(row.statement)
    const leaves: Record<Tree, number> = { scores: 0, payouts: 0, registry: 0, evidence: 0, standings: 0, calibrations: 0 }
    for (const { tree, count } of await db.selectFrom('leaves').select(({ fn }) => ['tree', fn.countAll<number>().as('count')]).where('epoch', '=', number).groupBy('tree').execute()) leaves[tree] = count
    return {
      epoch: number,
      root: row.root,
      bytes: toHex(row.statement),
      roots: { scores, payouts, registry, evidence, standings, calibrations },
      paid: String(paid),
      carried: String(carried),
      leaves,
      onChain: { ...onChain(row), bytes: row.chain_bytes && toHex(row.chain_bytes) },
    }
  })

  const LEAVES = 'leaves of a statement'
  route(app, '/epochs/:number/leaves/:tree', { id: 'listLeaves', tag: 'epochs', summary: 'Encoded leaves under one of a statement’s roots, in the order of the tree', params: Type.Object({ ...NumberPath.properties, tree: literals(TREES, 'which of the statement’s trees') }), query: pageQuery({}, PAGE), answer: pageOf(Bytes), errors: ['NOT_SCORED', 'BAD_CURSOR'] }, async ({ number, tree }, { limit, cursor }) => {
    await scoredEpoch(number)
    const after = cursorKey(LEAVES, [POSITION], cursor)?.[0] ?? -1
    const rows = await db.selectFrom('leaves').select(['position', 'leaf']).where('epoch', '=', number).where('tree', '=', tree).where('position', '>', after).orderBy('position').limit(limit + 1).execute()
    return pageFrom(LEAVES, rows, limit, ({ position }) => [position], ({ leaf }) => toHex(leaf))
  })

  route(app, '/epochs/:number/proofs/:account', { id: 'getProofs', tag: 'epochs', summary: 'Merkle proofs of what an epoch says of an account: its scores, and its payout', params: Type.Object({ ...NumberPath.properties, ...AccountPath.properties }), answer: Proofs, errors: ['BAD_ACCOUNT', 'NOT_SCORED', 'NOT_IN_STATEMENT'] }, async (path) => {
    const { number } = path
    const account = accountIn(path)
    const row = await scoredEpoch(number)
    const roots = decodeStatement(row.statement)
    const scoreRows = await db.selectFrom('scores').selectAll().where('epoch', '=', number).where('account', '=', account).orderBy('position').execute()
    const payoutRow = await db.selectFrom('payouts').selectAll().where('epoch', '=', number).where('account', '=', account).executeTakeFirst()
    if (scoreRows.length === 0 && !payoutRow) throw new ApiError('NOT_IN_STATEMENT', `the statement of epoch ${number} says nothing of ${account}`)
    const [payout] = await payoutShapes({ db, ledger: state$.value.ledger }, payoutRow ? [{ ...payoutRow, root: row.root, chain_state: row.chain_state }] : [])
    const proof = async (tree: 'scores' | 'payouts', index: number): Promise<Static<typeof Proof>> => {
      const { leaf, size, path } = await pathOf(number, tree, roots[tree], index)
      return { leaf: toHex(leaf), index, size, root: roots[tree], path }
    }
    const scores = []
    for (const score of scoreRows) scores.push({ score: scoreShape({ ...score, root: row.root }), proof: await proof('scores', score.position) })
    return {
      epoch: number,
      account,
      statement: { root: row.root, bytes: toHex(row.statement) },
      scores,
      payout: payout ? { payout, proof: await proof('payouts', payout.proof.index) } : null,
      onChain: onChain(row),
    }
  })
}
