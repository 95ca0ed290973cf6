import { catchError, concat, defer, filter, ignoreElements, skip, take, type Observable, type Subscription } from 'rxjs'
import type { ApiPromise as Api } from '@polkadot/api'
import type { ProviderInterface } from '@polkadot/rpc-provider/types'
import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import type { Hash, Hex } from '@assay/protocol'
import { cryptoReady } from './crypto.ts'
import { connectEndpoints } from './endpoints.ts'
import { ChainReplacedError, ChainUnreachableError, RpcError } from './errors.ts'
import type { Features } from './features.ts'
import { silent, type Log } from './log.ts'
import { polkadotApi, utilCrypto } from './polkadot.ts'
import { connectRpc, endpointName, type Rpc, type RpcOptions } from './rpc.ts'
import { callOf, createRuntime, specOf, storageKey, storageValue, type Runtime } from './runtime.ts'

/** A connection to a chain that survives outages and runtime upgrades. */
export interface Chain {
  readonly endpoint: string
  readonly genesisHash: Hash
  readonly connected$: Observable<boolean>
  readonly rpc: Rpc
  /** The runtime of the newest block we know of; replaced by itself after an upgrade. */
  readonly runtime: Runtime
  readonly features: Features
  /**
   * polkadot's API over the same connection, without subscriptions; made when first asked for, and anew after an upgrade, so do not hold on to it. For building calls and reading metadata: its
   * `query` may answer from a cache of up to 1.75 s, use `read` instead.
   */
  api(): Promise<Api>
  /** A call of the current runtime; bytes as hex. Throws MissingFeatureError. */
  call(section: string, method: string, ...args: unknown[]): Call
  /** A storage value at `at` (default: best block), decoded; null if the key is absent. */
  read(section: string, entry: string, keys: readonly unknown[], at?: Hash): Promise<Codec | null>
  /** The raw bytes of the same. */
  readRaw(section: string, entry: string, keys: readonly unknown[], at?: Hash): Promise<Hex | null>
  /**
   * The runtime that executes the children of a block: the code in its state, by that code's hash. Null asks for nothing but what the block's own `marker` (`System.LastRuntimeUpgrade` of the
   * child) tells, for a node that has no hashes of values: a runtime that changes without its name or version is then not noticed.
   */
  runtimeAfter(parent: Hash, code: Hash | null, marker: Hex | null): Promise<Runtime>
  /** What a runtime says of its types does not fit a block: whoever told it may have lied, and it is asked for anew. */
  forgetRuntime(runtime: Runtime): void
  /** The hash of the code in a block's state; null from a node that tells no hashes of values (chopsticks' own server). */
  codeHashAt(block: Hash): Promise<Hash | null>
  /** Throws ChainReplacedError if the endpoint no longer has our genesis. */
  verifyGenesis(): Promise<void>
  close(): Promise<void>
}

export interface ConnectOptions extends RpcOptions {
  /** One address, or several of the same chain with commas between: see `connectEndpoints`. */
  endpoint: string
  /** The most requests that an endpoint is sent in a second; default: no limit. */
  requestsPerSecond?: number
  log?: Log
}

const CODE = '0x3a636f6465'
// Metadata of 400 kB takes 200 ms and 30 MB to take apart: one runtime for all connections of a process, and of a chain's whole history the ones that were used last.
const runtimes = new Map<Hash, Promise<Runtime>>()
const KEPT_RUNTIMES = 4
/** JSON-RPC's code. */
const METHOD_NOT_FOUND = -32601

/**
 * Connects to a node and learns its runtime. Later losses of the connection heal by themselves (`connected$` tells); ends when `signal` aborts.
 * Throws ChainUnreachableError if nothing answers within `connectMs` (default: `requestTimeoutMs`, 30 s), or what answers is not a chain.
 *
 *     const chain = await connectChain({ endpoint: 'ws://127.0.0.1:9944', signal })
 *     chain.features.multisig?.section   // 'multiSig' on peaq's genesis runtime
 */
export async function connectChain(options: ConnectOptions): Promise<Chain> {
  const log = options.log ?? silent
  await cryptoReady()
  const endpoints = options.endpoint.split(',').map((one) => one.trim()).filter((one) => one !== '')
  const rpc = endpoints.length > 1 || options.requestsPerSecond ? await connectEndpoints({ ...options, endpoints }) : await connectRpc(options)
  try {
    const genesisHash = await rpc.request<Hash>('chain_getBlockHash', [0])
    let current = await loadRuntime(rpc)
    let made: { of: Runtime; api: Promise<Api> } | undefined
    const byMarker = new Map<string, Promise<Hash>>()
    let tellsHashes = true

    const upgrade = async (): Promise<void> => {
      const next = await loadRuntime(rpc)
      if (next === current) return
      log.info('runtime upgraded', { from: specOf(current), to: specOf(next), codeHash: next.codeHash })
      current = next
    }
    // The node tells at subscription, after each reconnection and whenever the code changes.
    let versions = 0
    let queue = Promise.resolve()
    const versions$: Observable<unknown> = rpc.subscribe<unknown>('state_subscribeRuntimeVersion', 'state_unsubscribeRuntimeVersion').pipe(
      catchError((error: unknown) => {
        log.warn('runtime upgrades not told', { endpoint: rpc.endpoint, error })
        // Another one may, or the same after a restart.
        return concat(rpc.connected$.pipe(skip(1), filter((up) => up), take(1), ignoreElements()), defer(() => versions$))
      }),
    )
    const watching: Subscription = versions$.subscribe({
      next: (version) => {
        const { specName, specVersion } = (version ?? {}) as { specName?: string; specVersion?: number }
        if (versions++ === 0 && specName === current.specName && specVersion === current.specVersion) return
        queue = queue.then(upgrade).catch((error: unknown) => log.warn('runtime not read', { endpoint: rpc.endpoint, error }))
      },
    })
    const losses = rpc.connected$.subscribe((up) => {
      if (up) log.info('chain connected', { endpoint: rpc.endpoint })
      else if (!options.signal.aborted) log.warn('chain connection lost', { endpoint: rpc.endpoint, why: rpc.problem })
    })

    const readRaw: Chain['readRaw'] = async (section, entry, keys, at) => {
      const key = storageKey(current, section, entry, ...keys)
      return rpc.request<Hex | null>('state_getStorage', at ? [key, at] : [key])
    }
    return {
      get endpoint() {
        return rpc.endpoint
      },
      genesisHash,
      connected$: rpc.connected$,
      rpc,
      get runtime() {
        return current
      },
      get features() {
        return current.features
      },
      api() {
        if (made?.of === current) return made.api
        const making = (made = { of: current, api: createApi(rpc, current, genesisHash) })
        making.api.catch(() => {
          if (made === making) made = undefined // the next who asks may have more luck
        })
        return making.api
      },
      call: (section, method, ...args) => callOf(current, section, method, ...args),
      readRaw,
      async read(section, entry, keys, at) {
        const runtime = current
        const raw = await readRaw(section, entry, keys, at)
        return raw === null ? null : storageValue(runtime, section, entry, raw)
      },
      async runtimeAfter(parent, code, marker) {
        if (code !== null) return runtimeOf(rpc, code, parent)
        const key = marker ?? 'none'
        let found = byMarker.get(key)
        if (!found) {
          // The code in the parent's state is the code that ran the block.
          found = codeHash(rpc, parent)
          byMarker.set(key, found)
          found.catch(() => byMarker.delete(key))
        }
        return runtimeOf(rpc, await found, parent)
      },
      forgetRuntime: ({ codeHash }) => void runtimes.delete(codeHash),
      async codeHashAt(block) {
        if (!tellsHashes) return null
        const hash = await storageHash(rpc, block)
        if (hash === undefined) tellsHashes = false
        return hash ?? null
      },
      async verifyGenesis() {
        const found = await rpc.request<Hash>('chain_getBlockHash', [0])
        if (found !== genesisHash) throw new ChainReplacedError(rpc.endpoint, genesisHash, found)
      },
      async close() {
        watching.unsubscribe()
        losses.unsubscribe()
        rpc.close()
      },
    }
  } catch (error) {
    rpc.close()
    if (error instanceof RpcError) throw new ChainUnreachableError(endpoints.map(endpointName).join(', '), `it does not answer like a chain (${error.message})`, error)
    throw error
  }
}

// Of the best block if no other is named; that block is fixed first, an upgrade could come between the requests.
async function loadRuntime(rpc: Rpc): Promise<Runtime> {
  const at = await rpc.request<Hash>('chain_getBlockHash')
  return runtimeOf(rpc, await codeHash(rpc, at), at)
}

/** The runtime of a code that is in the state of `at`; version and metadata are asked for if nobody did before. */
function runtimeOf(rpc: Rpc, code: Hash, at: Hash): Promise<Runtime> {
  const known = runtimes.get(code)
  const found = known ?? makeRuntime(rpc, code, at)
  runtimes.delete(code)
  runtimes.set(code, found) // the newest is last
  if (!known) {
    found.catch(() => runtimes.delete(code))
    for (const old of runtimes.keys()) if (runtimes.size > KEPT_RUNTIMES) runtimes.delete(old)
  }
  return found
}

async function makeRuntime(rpc: Rpc, codeHash: Hash, at: Hash): Promise<Runtime> {
  const [version, metadata] = await Promise.all([
    rpc.request<{ specName: string; specVersion: number; transactionVersion?: number }>('state_getRuntimeVersion', [at]),
    rpc.request<Hex>('state_getMetadata', [at]),
  ])
  return createRuntime({ codeHash, metadata, specName: version.specName, specVersion: version.specVersion, transactionVersion: version.transactionVersion ?? 1 })
}

async function codeHash(rpc: Rpc, at: Hash): Promise<Hash> {
  const hash = await storageHash(rpc, at)
  if (hash != null) return hash
  const code = await rpc.request<Hex | null>('state_getStorage', [CODE, at])
  if (code === null) throw new ChainUnreachableError(rpc.endpoint, 'its state has no code')
  return utilCrypto.blake2AsHex(code, 256)
}

/** Of the code at a block; undefined from a node without such hashes, null if the state has no code. */
async function storageHash(rpc: Rpc, at: Hash): Promise<Hash | null | undefined> {
  try {
    return await rpc.request<Hash | null>('state_getStorageHash', [CODE, at])
  } catch (error) {
    if (error instanceof RpcError && error.rpcCode === METHOD_NOT_FOUND) return undefined
    throw error
  }
}

async function createApi(rpc: Rpc, runtime: Runtime, genesisHash: Hash): Promise<Api> {
  const provider: ProviderInterface = {
    hasSubscriptions: false,
    isClonable: false,
    isConnected: true, // the connection below mends itself; polkadot need not know
    clone: () => provider,
    connect: async () => {},
    disconnect: async () => {},
    on: () => () => {},
    send: (method, params) => rpc.request(method, params),
    subscribe: () => Promise.reject(new Error('no subscriptions through the API: use blocks or heads')),
    unsubscribe: async () => true,
  }
  return polkadotApi().ApiPromise.create({ provider, noInitWarn: true, metadata: { [`${genesisHash}-${runtime.specVersion}`]: runtime.metadata } })
}
