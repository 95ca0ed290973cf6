// Epochs: scores, payouts, the statement, and the proofs by which anybody checks his own line of it.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { decodeStatement, epochOf, judgementOfEpoch, merkleProof, parametersFor, roundsOf, toHex, type Hex, type Ledger } from '@assay/protocol'
import type { EpochRow, Tree } from '../tables.ts'
import { latestRound } from './rounds.ts'
import { accountIn, notFound, route, type ApiDeps } from './route.ts'
import { EpochTotals, Payout, payoutShape, Score, scoreShape, totalsShape } from './scores.ts'
import { AccountPath, Amount, Bytes, Count, Hash, Height, literals, Newest, nullable, NumberPath, OnChain, onChain } from './shapes.ts'

const Summary = Type.Object({ epoch: Count, state: literals(['running', 'waiting', 'scored']), rounds: Type.Array(Type.Object({ round: Count, judged: Type.Boolean() })), judgementBlock: Height, totals: nullable(EpochTotals) })
const Epoch = Type.Object({ ...Summary.properties, scores: Type.Array(Score), payouts: Type.Array(Payout) })

const TREES = ['scores', 'payouts', 'registry', 'evidence', 'standings', 'calibrations'] as const satisfies Tree[]
const Roots = Type.Object({ scores: Hash, payouts: Hash, registry: Hash, evidence: Hash, standings: Hash, calibrations: Hash })
const Statement = Type.Object({
  epoch: Count,
  root: Hash,
  bytes: Type.String({ ...Bytes, description: 'what stands on chain, in chunks of 128 bytes' }),
  roots: Roots,
  paid: Amount,
  carried: Amount,
  leaves: Type.Object({ scores: Type.Array(Bytes), payouts: Type.Array(Bytes), registry: Type.Array(Bytes), evidence: Type.Array(Bytes), standings: Type.Array(Bytes), calibrations: Type.Array(Bytes) }),
  onChain: Type.Object({ ...OnChain.properties, bytes: nullable(Bytes) }),
})

const Proof = Type.Object({ leaf: Bytes, index: Count, size: Count, root: Hash, path: Type.Array(Hash, { description: 'RFC 6962 audit path, from the leaf up' }) })
const Proofs = Type.Object({
  epoch: Count,
  account: Hash,
  statement: Type.Object({ root: Hash, bytes: Bytes }),
  scores: Type.Array(Type.Object({ score: Score, proof: Proof })),
  payout: nullable(Type.Object({ payout: Payout, proof: Proof })),
  onChain: OnChain,
})

/** GET /epochs, /epochs/:number, /epochs/:number/statement and /epochs/:number/proofs/:account. */
export function epochRoutes(app: FastifyInstance, { db, crypto, state$ }: ApiDeps): void {
  async function summary(ledger: Ledger, epoch: number, scored: EpochRow | undefined): Promise<Static<typeof Summary>> {
    const parameters = parametersFor(ledger, 0)!
    const rounds = roundsOf(parameters, epoch)
    const judged = new Set((await db.selectFrom('rounds').select('round').where('round', 'in', rounds).where('state', '=', 'judged').execute()).map(({ round }) => round))
    const judgementBlock = judgementOfEpoch(parameters, epoch)
    return { epoch, state: scored ? 'scored' : ledger.head!.number >= judgementBlock ? 'waiting' : 'running', rounds: rounds.map((round) => ({ round, judged: judged.has(round) })), judgementBlock, totals: scored ? totalsShape(scored) : null }
  }

  /** The last epoch of which a round has begun; -1 before the first. */
  function latestEpoch(ledger: Ledger): number {
    const round = latestRound(ledger)
    return round < 0 ? -1 : epochOf(parametersFor(ledger, 0)!, round)
  }

  async function scoredEpoch(epoch: number): Promise<EpochRow> {
    const row = await db.selectFrom('epochs').selectAll().where('epoch', '=', epoch).executeTakeFirst()
    if (!row) throw notFound('NOT_SCORED', `epoch ${epoch} is not scored yet`)
    return row
  }

  const leavesOf = async (epoch: number, tree: Tree) => (await db.selectFrom('leaves').select('leaf').where('epoch', '=', epoch).where('tree', '=', tree).orderBy('position').execute()).map(({ leaf }) => leaf)

  route(app, '/epochs', { summary: 'Epochs, newest first, running ones too', query: Newest, answer: Type.Object({ epochs: Type.Array(Summary) }) }, async (_, { limit }) => {
    const { ledger } = state$.value
    const latest = latestEpoch(ledger)
    const rows = new Map((await db.selectFrom('epochs').selectAll().where('epoch', '>', latest - limit).execute()).map((row) => [row.epoch, row]))
    const epochs = []
    for (let epoch = latest; epoch >= 0 && epoch > latest - limit; epoch--) epochs.push(await summary(ledger, epoch, rows.get(epoch)))
    return { epochs }
  })

  route(app, '/epochs/:number', { summary: 'One epoch: its scores and payouts', params: NumberPath, answer: Epoch }, async ({ number }) => {
    const { ledger } = state$.value
    if (number > latestEpoch(ledger)) throw notFound('NO_EPOCH', `epoch ${number} has not begun`)
    const row = await db.selectFrom('epochs').selectAll().where('epoch', '=', number).executeTakeFirst()
    const scores = await db.selectFrom('scores').selectAll().where('epoch', '=', number).orderBy('position').execute()
    const payouts = await db.selectFrom('payouts').selectAll().where('epoch', '=', number).orderBy('position').execute()
    return { ...(await summary(ledger, number, row)), scores: scores.map(scoreShape), payouts: payouts.map(payoutShape) }
  })

  route(app, '/epochs/:number/statement', { summary: 'The statement of an epoch, and all leaves under its roots', params: NumberPath, answer: Statement }, async ({ number }) => {
    const row = await scoredEpoch(number)
    const { scores, payouts, registry, evidence, standings, calibrations, paid, carried } = decodeStatement(row.statement)
    const leaves: Record<Tree, Hex[]> = { scores: [], payouts: [], registry: [], evidence: [], standings: [], calibrations: [] }
    for (const tree of TREES) leaves[tree] = (await leavesOf(number, tree)).map(toHex)
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

  route(app, '/epochs/:number/proofs/:account', { summary: 'Merkle proofs of what an epoch says of an account: its scores, and its payout', params: Type.Object({ ...NumberPath.properties, ...AccountPath.properties }), answer: Proofs }, async (path) => {
    const { number } = path
    const account = accountIn(path)
    const row = await scoredEpoch(number)
    const roots = decodeStatement(row.statement)
    const scoreRows = await db.selectFrom('scores').selectAll().where('epoch', '=', number).where('account', '=', account).orderBy('position').execute()
    const payoutRow = await db.selectFrom('payouts').selectAll().where('epoch', '=', number).where('account', '=', account).executeTakeFirst()
    if (scoreRows.length === 0 && !payoutRow) throw notFound('NOT_IN_STATEMENT', `the statement of epoch ${number} says nothing of ${account}`)
    const proof = (leaves: readonly Uint8Array[], index: number, root: Static<typeof Hash>): Static<typeof Proof> => ({ leaf: toHex(leaves[index]!), index, size: leaves.length, root, path: merkleProof(crypto, leaves, index) })
    const scoreLeaves = scoreRows.length > 0 ? await leavesOf(number, 'scores') : []
    const shapes = scoreRows.map(scoreShape)
    return {
      epoch: number,
      account,
      statement: { root: row.root, bytes: toHex(row.statement) },
      scores: scoreRows.map(({ position }, i) => ({ score: shapes[i]!, proof: proof(scoreLeaves, position, roots.scores) })),
      payout: payoutRow ? { payout: payoutShape(payoutRow), proof: proof(await leavesOf(number, 'payouts'), payoutRow.position, roots.payouts) } : null,
      onChain: onChain(row),
    }
  })
}
