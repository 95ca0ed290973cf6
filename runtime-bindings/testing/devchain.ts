// A development chain: the real runtime of peaq in chopsticks, in this process, served on loopback.
import { setTimeout as delay } from 'node:timers/promises'
import type { Api, Block, Blockchain, StorageLayer } from '@acala-network/chopsticks-core'
import type { GenericExtrinsic } from '@polkadot/types'
import { chainSpec, type ChainSpec, type SpecNetwork } from './chain-spec.ts'
import { blake2AsHex, core } from './chopsticks.ts'
import { ChainDatabase, DatabaseError } from './database.ts'
import { accelerate, introduce } from './executor.ts'
import { fundEntries, fundedGenesis, GenesisSource, type Hex } from './genesis.ts'
import { createProducer, type DevchainLog, type Producer, type ProducerStats } from './producer.ts'
import { serveRpc } from './rpc-server.ts'
import { connectUpstream, ForkUnreachableError } from './upstream.ts'

export interface DevchainOptions {
  /** Genesis to boot: a known network (looked up by chainSpec) or a specification; default 'peaq'. Not with `fork`. */
  spec?: SpecNetwork | ChainSpec
  /** Fork a running chain instead; `block` is a number or hash, default its last finalized block. */
  fork?: { endpoint: string | string[]; block?: number | string | null }
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: a free port. A busy port is an error. */
  port?: number
  /** When blocks are built: on request, one as soon as a transaction waits, or one every so many ms, empty or not. Default 'manual'. */
  blocks?: 'manual' | 'instant' | { everyMs: number }
  /**
   * SQLite file to keep the chain in; one that holds it already is resumed. With `keepBlocks: false` it keeps only what was read
   * from the forked chain, and each start is a fresh fork.
   */
  db?: string | { path: string; keepBlocks: boolean }
  /** Free balance in planck by address (ss58 or 0x + 64 hex), exact at the start. Written into the genesis, or on the first block of a fork. */
  fund?: Record<string, bigint>
  /** False: only chopsticks' own block builder and executor. Default true. */
  fast?: boolean
  log?: DevchainLog
  /** Ends the chain. */
  signal?: AbortSignal
  /** How long to wait for the forked chain, at the start and for each later read of it, ms; default 30,000. */
  connectTimeoutMs?: number
}

export interface BlockRef {
  number: number
  hash: Hex
}

/** Storage values to set: raw `[key, value]` pairs, or `{ Pallet: { Item: value } }` as dev_setStorage takes it. */
export type StorageValues = [Hex, Hex | null][] | Record<string, Record<string, unknown>>

export interface Devchain extends AsyncDisposable {
  /** ws://host:port */
  readonly endpoint: string
  readonly port: number
  readonly genesisHash: Hex
  /** chopsticks' own chain. */
  readonly chain: Blockchain
  readonly stats: Readonly<ProducerStats>
  head(): BlockRef
  /** Builds one block of the pool, or of these signed transactions in this order. @throws BlockBuildError */
  newBlock(transactions?: Hex[]): Promise<BlockRef>
  newBlocks(count: number): Promise<BlockRef>
  /** One block that jumps to a height above the head; the numbers between do not exist. */
  jumpTo(height: number): Promise<BlockRef>
  /** Makes a known block the head; negative numbers count back from the head. */
  setHead(block: Hex | number): Promise<BlockRef>
  /** Sets storage on the head block itself; kept by the database. */
  setStorage(values: StorageValues): Promise<void>
  /** Moves chain time forward to `timestamp` (ms since 1970); backward would stop the chain and is refused. */
  timeTravel(timestamp: number): Promise<void>
  /**
   * Replaces the last `depth` blocks by `depth + 1` others. Their transactions go back to the pool, as in a real node, and so into
   * the first sibling, unless `lose` is set.
   */
  reorg(depth: number, options?: { lose?: boolean }): Promise<BlockRef>
  /** Frees the port, the sockets, the database and the executor's thread. */
  close(): Promise<void>
}

const SILENT: DevchainLog = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** chopsticks forgets older blocks and then answers block 0 for them. */
const REMEMBERED_BLOCKS = 10_000_000

/**
 * Boots the chain and serves it.
 * @throws ChainSpecError, ForkUnreachableError, DatabaseError, PortBusyError, RangeError (options)
 * @example const chain = await startDevchain({ blocks: { everyMs: 2000 }, fund: { [address]: 10n ** 18n } }); chain.endpoint // 'ws://127.0.0.1:40123'
 */
export async function startDevchain(options: DevchainOptions = {}): Promise<Devchain> {
  const { blocks = 'manual', host = '127.0.0.1', port = 0, fast = true, log = SILENT, signal } = options
  if (options.spec !== undefined && options.fork !== undefined) throw new RangeError('a development chain boots a spec or forks an endpoint, not both')
  if (typeof blocks === 'object' && !(blocks.everyMs > 0)) throw new RangeError(`blocks every ${blocks.everyMs} ms: give a positive number`)
  signal?.throwIfAborted()

  await using starting = new AsyncDisposableStack()
  starting.defer(await holdExecutor())
  // chopsticks reads a value of the upstream again for each block unless a database remembers it.
  const nowhere = options.fork === undefined ? undefined : { path: ':memory:', keepBlocks: false }
  const file = typeof options.db === 'string' ? { path: options.db, keepBlocks: true } : (options.db ?? nowhere)
  const cache = file === undefined ? undefined : new ChainDatabase(file.path)
  if (cache !== undefined) starting.defer(() => cache.close())
  /** Where the chain itself is kept. */
  const db = file?.keepBlocks === true ? cache : undefined
  const source = options.fork === undefined ? await fromGenesis(options, db) : await fromFork(options, options.fork, db)
  starting.defer(() => source.api.disconnect())

  const chain = new core.Blockchain({
    api: source.api,
    buildBlockMode: core.BuildBlockMode.Manual,
    inherentProviders: [...core.inherentProviders],
    ...(cache === undefined ? {} : { db: cache }),
    saveBlocks: db !== undefined,
    header: source.base,
    registeredTypes: {},
    maxMemoryBlockCount: REMEMBERED_BLOCKS,
  })
  mendChain(chain, db)
  if (fast) accelerate(chain)
  if (options.fork !== undefined) await readBase(chain.head)
  if (fast) await introduce(chain.head)
  const producer = createProducer(chain, { fast, log })
  const base = source.base

  /** Changes made by hand stand on a block of our own: the base is not ours to keep. */
  const onHead = (change: () => Promise<unknown>): Promise<void> =>
    producer.exclusive(async (build) => {
      if (chain.head.number === base.number) await build({ transactions: [] })
      const { head } = chain
      await change()
      const values: Record<string, string | null> = {}
      await (head.storage as StorageLayer).mergeInto(values)
      db?.patchBlock(head.hash, values as Record<Hex, Hex | null>)
    })

  const resumed = db?.meta('head')
  if (resumed !== undefined) {
    const block = await chain.getBlock(resumed as Hex)
    if (block === undefined) throw new DatabaseError('DB_UNREADABLE', `${db?.path} has lost its head block ${resumed}: remove the file and start anew.`)
    await chain.setHead(block)
    log.info('chain resumed', { number: block.number, hash: block.hash })
  } else {
    if (options.fork === undefined) await producer.build()
    else if (options.fund !== undefined) {
      const entries = await fundEntries((key) => chain.head.get(key), options.fund)
      await onHead(() => core.setStorage(chain, entries))
    }
  }
  signal?.throwIfAborted()

  const stop = new AbortController()
  const instant = (): void => {
    // A transaction that came while a block was building may be in that block already.
    void producer.exclusive(async (build) => (chain.txPool.pendingExtrinsics.length > 0 ? build() : undefined)).catch(() => undefined)
  }
  if (blocks === 'instant') {
    const submit = chain.txPool.submitExtrinsic.bind(chain.txPool)
    chain.txPool.submitExtrinsic = async (transaction) => {
      await submit(transaction)
      if (!stop.signal.aborted) instant()
    }
  }

  const devchain: Omit<Devchain, 'endpoint' | 'port' | 'close' | typeof Symbol.asyncDispose> = {
    genesisHash: source.genesisHash,
    chain,
    stats: producer.stats,
    head: () => ref(chain.head),
    newBlock: async (transactions) => ref(await producer.build(transactions === undefined ? {} : { transactions })),
    newBlocks: async (count) => {
      for (let i = 0; i < count; i += 1) await producer.build()
      return ref(chain.head)
    },
    jumpTo: async (height) => {
      if (!Number.isSafeInteger(height) || height <= chain.head.number) throw new RangeError(`cannot jump to height ${height}: the head is at ${chain.head.number}`)
      return ref(await producer.build({ unsafeBlockHeight: height }))
    },
    setHead: (target) =>
      producer.exclusive(async () => {
        const block = typeof target === 'string' ? await chain.getBlock(target) : await chain.getBlockAt(target < 0 ? chain.head.number + target : target)
        if (block === undefined) throw new RangeError(`no block ${target}`)
        await chain.setHead(block)
        return ref(block)
      }),
    setStorage: (values) => {
      if (!Array.isArray(values) && Object.values(values).some((section) => '$removePrefix' in section)) throw new RangeError('setStorage: $removePrefix cannot be kept; set the keys to null')
      return onHead(() => core.setStorage(chain, values))
    },
    timeTravel: async (timestamp) => {
      const now = await chainTime(chain.head)
      if (!(timestamp >= now)) throw new RangeError(`cannot travel back from ${now} to ${timestamp}: the slot of a block must increase`)
      await onHead(() => core.timeTravel(chain, timestamp))
    },
    reorg: (depth, { lose = false } = {}) =>
      producer.exclusive(async (build) => {
        const left: Block[] = []
        let parent: Block | undefined = chain.head
        while (parent !== undefined && left.length < depth) {
          left.unshift(parent)
          parent = await parent.parentBlock
        }
        if (!Number.isSafeInteger(depth) || depth < 1 || parent === undefined || parent.number < base.number) throw new RangeError(`cannot reorganise ${depth} blocks at head ${chain.head.number}`)
        const registry = await parent.registry
        const isSigned = (extrinsic: Hex): boolean => {
          const decoded: GenericExtrinsic = registry.createType('GenericExtrinsic', extrinsic)
          return decoded.isSigned
        }
        const reverted: Hex[] = []
        for (const block of left) reverted.push(...(await block.extrinsics).filter(isSigned))
        await chain.setHead(parent)
        if (!lose && reverted.length > 0) {
          const waiting = chain.txPool.pendingExtrinsics
          chain.txPool.clear()
          await producer.putBack([...reverted, ...waiting])
        }
        for (let i = 0; i <= depth; i += 1) await build()
        return ref(chain.head)
      }),
  }

  let clock = Promise.resolve()
  starting.defer(async () => {
    stop.abort()
    const idle = clock.then(() => producer.exclusive(async () => undefined))
    // A block that waits for a lost upstream is not waited for.
    const limit = new AbortController()
    await Promise.race([idle, delay(5_000, undefined, { signal: limit.signal }).catch(() => undefined)])
    limit.abort()
  })
  const server = await serveRpc({ host, port, call: rpcCall(chain, devchain) })
  starting.defer(() => server.close())
  if (typeof blocks === 'object') clock = runClock(producer, blocks.everyMs, stop.signal)

  const ending = starting.move()
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= ending.disposeAsync())
  const onAbort = (): void => void close()
  signal?.addEventListener('abort', onAbort, { once: true })
  ending.defer(() => signal?.removeEventListener('abort', onAbort))
  if (signal?.aborted) await close()
  signal?.throwIfAborted()
  log.info('chain ready', { port: server.port, ...ref(chain.head) })
  return Object.assign(devchain, { endpoint: `ws://${host.includes(':') ? `[${host}]` : host}:${server.port}`, port: server.port, close, [Symbol.asyncDispose]: close })
}

interface Source {
  api: Api
  base: { number: number; hash: Hex }
  genesisHash: Hex
}

async function fromGenesis(options: DevchainOptions, db: ChainDatabase | undefined): Promise<Source> {
  const spec = typeof options.spec === 'object' ? options.spec : await chainSpec(options.spec ?? 'peaq', options.signal === undefined ? {} : { signal: options.signal })
  const kept = db?.meta('base')
  const keptBase = kept === undefined ? undefined : (JSON.parse(kept) as { spec?: string; genesis: Hex; fund?: Record<string, string> })
  const fund = options.fund ?? Object.fromEntries(Object.entries(keptBase?.fund ?? {}).map(([address, free]) => [address, BigInt(free)]))
  const provider = await GenesisSource.create(await fundedGenesis(spec.genesis, fund))
  const hash = provider.blockHash
  if (keptBase !== undefined && keptBase.genesis !== hash) {
    const what = keptBase.spec === spec.sha256 ? 'the same network with other funds' : keptBase.spec === undefined ? 'a fork' : 'another network'
    throw new DatabaseError('DB_OTHER_CHAIN', `${db?.path} holds ${what} (genesis ${keptBase.genesis}, asked for ${hash}): name another file or remove it.`)
  }
  if (keptBase === undefined) db?.setMeta('base', JSON.stringify({ spec: spec.sha256, genesis: hash, fund: Object.fromEntries(Object.entries(fund).map(([address, free]) => [address, String(free)])) }))
  return { api: new core.Api(provider), base: { number: 0, hash }, genesisHash: hash }
}

async function fromFork(options: DevchainOptions, fork: NonNullable<DevchainOptions['fork']>, db: ChainDatabase | undefined): Promise<Source> {
  const endpoints = typeof fork.endpoint === 'string' ? [fork.endpoint] : fork.endpoint
  // Once it stands, the connection is closed after the last block, not by the signal in the middle of one.
  const connecting = new AbortController()
  const giveUp = (): void => connecting.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', giveUp)
  const provider = await connectUpstream(endpoints, options.connectTimeoutMs ?? 30_000, connecting.signal).finally(() => options.signal?.removeEventListener('abort', giveUp))
  const api = new core.Api(provider)
  try {
    const genesisHash = (await api.send('chain_getBlockHash', [0])) as Hex
    const kept = db?.meta('base')
    const keptBase = kept === undefined ? undefined : (JSON.parse(kept) as { genesis: Hex; block?: BlockRef })
    if (keptBase !== undefined && (keptBase.genesis !== genesisHash || keptBase.block === undefined)) {
      const what = keptBase.block === undefined ? 'a chain booted from a genesis' : 'a fork of another chain'
      throw new DatabaseError('DB_OTHER_CHAIN', `${db?.path} holds ${what} (genesis ${keptBase.genesis}, asked for a fork of ${genesisHash}): name another file or remove it.`)
    }
    const block = await forkBlock(api, fork.block ?? keptBase?.block?.hash)
    if (keptBase?.block !== undefined && keptBase.block.hash !== block.hash) {
      throw new DatabaseError('DB_OTHER_CHAIN', `${db?.path} holds a fork at block ${keptBase.block.number} (${keptBase.block.hash}), not at ${block.number} (${block.hash}): name another file or leave the block out.`)
    }
    if (keptBase === undefined) db?.setMeta('base', JSON.stringify({ genesis: genesisHash, block }))
    return { api, base: block, genesisHash }
  } catch (error) {
    await api.disconnect()
    throw error
  }
}

async function forkBlock(api: Api, wanted: number | string | null | undefined): Promise<BlockRef> {
  const hash =
    wanted === undefined || wanted === null
      ? await api.getFinalizedHead()
      : typeof wanted === 'string' && wanted.startsWith('0x')
        ? wanted
        : await api.getBlockHash(Number(wanted))
  const header = hash === null ? null : await api.getHeader(hash).catch(() => null)
  if (header === null) throw new ForkUnreachableError(`The chain to fork has no block ${wanted}. Ask for one that it has, or leave the block out.`)
  return { number: Number(header.number), hash: hash as Hex }
}

/** A block is kept before it is announced, and a slow listener does not hold the next block up. */
function mendChain(chain: Blockchain, db: ChainDatabase | undefined): void {
  const setHead = chain.setHead.bind(chain)
  chain.onNewBlock = async (block) => {
    await chain.saveBlockToDB(block)
    await setHead(block)
  }
  chain.setHead = async (block) => {
    db?.setMeta('head', block.hash)
    await setHead(block)
  }
  // chopsticks waits for each listener in turn, and a transaction's watcher takes 100 ms.
  const { headState } = chain
  const subscribeHead = headState.subscribeHead.bind(headState)
  headState.subscribeHead = (listener) => subscribeHead((block) => void Promise.resolve(listener(block)).catch(() => undefined))
}

/**
 * Reads what the first blocks of a fork need of its base and the block before. chopsticks remembers the promise of such a read, so
 * that one which fails in an outage fails for ever.
 */
async function readBase(base: Block): Promise<void> {
  await Promise.all([base.header, base.extrinsics, base.wasm, base.meta])
  await (await base.parentBlock)?.meta
}

/** BLAKE2b of a storage value; the last is remembered, as it is the code that every block asks for. */
function createValueHash(): (value: Hex) => Hex {
  let [last, hash]: [Hex?, Hex?] = []
  return (value) => {
    if (hash === undefined || value !== last) [last, hash] = [value, blake2AsHex(value, 256)]
    return hash
  }
}

function rpcCall(chain: Blockchain, devchain: Pick<Devchain, 'setHead' | 'setStorage' | 'timeTravel' | 'reorg' | 'stats'>) {
  const refused = (error: unknown): never => {
    throw new core.ResponseError(1, error instanceof Error ? error.message : String(error))
  }
  const valueHash = createValueHash()
  const own: Record<string, (params: unknown[]) => Promise<unknown>> = {
    dev_setHead: async ([target]) => (await devchain.setHead(target as Hex | number).catch(refused)).hash,
    dev_setStorage: async ([values, at]) => {
      if (at !== undefined && at !== null && at !== chain.head.hash) return refused('storage is set on the head only')
      await Promise.resolve().then(() => devchain.setStorage(values as StorageValues)).catch(refused)
      return chain.head.hash
    },
    dev_timeTravel: async ([date]) => {
      const timestamp = typeof date === 'string' ? Date.parse(date) : Number(date)
      await devchain.timeTravel(timestamp).catch(refused)
      return timestamp
    },
    dev_reorg: async ([depth, options]) => (await devchain.reorg(Number(depth), (options ?? {}) as { lose?: boolean }).catch(refused)).hash,
    dev_stats: async () => devchain.stats,
    // As a node does, and chopsticks does not: a reader learns by it which code ran a block without reading the code.
    state_getStorageHash: async ([key, at]) => {
      const block = await chain.getBlock(at as Hex | undefined)
      const value = await block?.get(key as Hex)
      return value === undefined ? null : valueHash(value)
    },
  }
  // The mode belongs to whoever started the chain; chopsticks' switch would build behind the producer's back.
  const { dev_setBlockBuildMode: _, ...theirs } = core.allHandlers as Record<string, (context: { chain: Blockchain }, params: unknown[], subscriptions: never) => Promise<unknown>>
  return async (method: string, params: unknown[], subscriptions: unknown): Promise<unknown> => {
    const mine = own[method]
    if (mine !== undefined) return mine(params)
    const handler = theirs[method]
    if (handler === undefined) throw new core.ResponseError(-32601, `Method not found: ${method}`)
    return handler({ chain }, params, subscriptions as never)
  }
}

/** A block at each beat; a late one moves the beat, so that builds never overlap and never run after lost time. */
async function runClock(producer: Producer, everyMs: number, signal: AbortSignal): Promise<void> {
  let beat = performance.now() + everyMs
  for (;;) {
    await delay(Math.max(0, beat - performance.now()), undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    // The producer has counted and told a failure; the next beat tries again.
    await producer.build().catch(() => undefined)
    beat = Math.max(beat + everyMs, performance.now())
  }
}

async function chainTime(head: Block): Promise<number> {
  const meta = await head.meta
  const now = await head.read('u64', meta.query['timestamp']!['now'] as Parameters<Block['read']>[1])
  return Number(now?.toString() ?? 0)
}

const ref = (block: Block): BlockRef => ({ number: block.number, hash: block.hash })

// chopsticks runs every chain of a process in one worker thread; the last chain to close ends it.
let chains = 0
let ended: Promise<void> = Promise.resolve()

async function holdExecutor(): Promise<() => Promise<void>> {
  await ended
  chains += 1
  return async () => {
    chains -= 1
    if (chains === 0) ended = core.destroyWorker()
    await ended
  }
}
