// Builds the blocks of a development chain: one at a time, fast where possible, and tells of every failure and every lost transaction.
import { randomBytes } from 'node:crypto'
import type { Block, Blockchain, BuildBlockParams } from '@acala-network/chopsticks-core'
import { blake2AsHex, core } from './chopsticks.ts'
import { createCompactor } from './compactor.ts'
import { fastBlock, needsStock } from './fast-builder.ts'
import type { Hex } from './genesis.ts'

/** What the producer says; kit's Log fits. */
export interface DevchainLog {
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
  error(event: string, fields?: Record<string, unknown>): void
}

/** Counts since the start: blocks by builder, failed builds, transactions refused at building (`dropped`). */
export interface ProducerStats {
  fast: number
  stock: number
  failed: number
  dropped: number
}

/** A block could not be built; its transactions wait in the pool for the next one. */
export class BlockBuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BlockBuildError'
  }
}

export interface Producer {
  readonly stats: Readonly<ProducerStats>
  /** Builds one block of the pool, or of `params.transactions`; waits for its turn. @throws BlockBuildError */
  build(params?: Partial<BuildBlockParams>): Promise<Block>
  /** Runs `work` between two blocks; it builds with `build` of its argument. */
  exclusive<T>(work: (build: Producer['build']) => Promise<T>): Promise<T>
  /** Puts transactions back in the pool without building. */
  putBack(transactions: Hex[]): Promise<void>
}

/** The relay chain's randomness of the last epoch but one, in the relay state that a block carries. */
const RELAY_RANDOMNESS: Hex = '0x1cb6f36e027abb2091cfb5110ab5087f7ce678799d3eff024253b90e84927cc6'
/** A transaction on which the runtime breaks is tried in this many blocks. */
const TRIES = 3
/** The fast way is left when it fails on this many empty blocks in a row that stock can build: this runtime is not made for it. */
const FAST_TRIES = 2

/**
 * A producer for `chain`, which from now on builds every block of it, also those asked for by dev_newBlock.
 * Each block carries fresh relay randomness: relay roots and block hashes cannot be foretold, and siblings always differ.
 */
export function createProducer(chain: Blockchain, { fast, log }: { fast: boolean; log: DevchainLog }): Producer {
  const pool = chain.txPool
  const stats: ProducerStats = { fast: 0, stock: 0, failed: 0, dropped: 0 }
  const broken = new Map<Hex, number>()
  const submit = pool.submitExtrinsic.bind(pool)
  const compact = createCompactor(chain)
  let fastFailures = 0
  let fastProblem: string | undefined
  let turn: Promise<unknown> = Promise.resolve()

  const drop = (transaction: Hex, reason: string): void => {
    stats.dropped += 1
    log.warn('transaction dropped', { hash: blake2AsHex(transaction, 256), reason })
  }
  pool.event.on(core.APPLY_EXTRINSIC_ERROR, ([transaction, reason]: [Hex, { toString(): string }]) => drop(transaction, reason.toString()))

  const take = (): Hex[] => {
    const waiting = pool.pendingExtrinsics
    pool.clear()
    return waiting
  }
  const putBack = async (transactions: Hex[]): Promise<void> => {
    // The pool decodes what it takes; bytes that are no transaction came by dev_newBlock and go no further.
    for (const transaction of transactions) await submit(transaction).catch((error: unknown) => drop(transaction, String(error)))
  }

  const tryFast = async (params: BuildBlockParams): Promise<Block | undefined> => {
    fastProblem = undefined
    if (!fast || fastFailures >= FAST_TRIES || needsStock(chain, params)) return undefined
    try {
      const block = await fastBlock(chain, params)
      fastFailures = 0
      return block
    } catch (error) {
      // With a bad transaction the stock way is the rule.
      if (params.transactions.length === 0) fastProblem = String(error)
      return undefined
    }
  }

  const buildNow = async (params: Partial<BuildBlockParams> = {}): Promise<Block> => {
    const before = chain.head
    // The same bytes twice are one transaction to a real pool.
    const transactions = [...new Set(params.transactions ?? take())]
    const whole: BuildBlockParams = {
      upwardMessages: {},
      downwardMessages: [],
      horizontalMessages: {},
      ...definedOnly(params),
      transactions,
      relayChainStateOverrides: params.relayChainStateOverrides ?? [[RELAY_RANDOMNESS, `0x${randomBytes(32).toString('hex')}`]],
    }
    try {
      const block = await tryFast(whole)
      if (block !== undefined) {
        await chain.onNewBlock(block)
        stats.fast += 1
      } else {
        await pool.buildBlockWithParams(whole)
        stats.stock += 1
        if (fastProblem !== undefined && ++fastFailures === FAST_TRIES) log.warn('fast block builder left', { reason: fastProblem })
        await retryBroken(transactions)
      }
      await compact()
      return chain.head
    } catch (cause) {
      stats.failed += 1
      if (chain.head === before) await putBack(transactions)
      log.error('block build failed', { number: before.number + 1, transactions: transactions.length, reason: String(cause) })
      throw new BlockBuildError(`block ${before.number + 1} could not be built: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }

  /** chopsticks keeps a transaction on which the runtime breaks in the pool for ever; here it goes after some tries. */
  const retryBroken = async (built: Hex[]): Promise<void> => {
    const known = new Set(built)
    const waiting = pool.pendingExtrinsics
    if (!waiting.some((transaction) => known.has(transaction))) return
    pool.clear()
    for (const transaction of waiting) {
      const tries = (broken.get(transaction) ?? 0) + (known.has(transaction) ? 1 : 0)
      if (tries < TRIES) {
        broken.set(transaction, tries)
        await submit(transaction)
      } else {
        broken.delete(transaction)
        drop(transaction, `the runtime broke on it in ${TRIES} blocks`)
      }
    }
  }

  const exclusive: Producer['exclusive'] = (work) => {
    const result = turn.then(() => work(buildNow))
    turn = result.catch(() => undefined)
    return result
  }
  const build: Producer['build'] = (params) => exclusive((buildOne) => buildOne(params))

  // chopsticks' own way in (dev_newBlock, chain.newBlock) swallows failures.
  pool.buildBlock = async (params) => {
    await build(params)
  }
  return { stats, build, exclusive, putBack }
}

const definedOnly = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
