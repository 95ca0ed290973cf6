import type { Observable, Subscription } from 'rxjs'
import type { ApiPromise as Api } from '@polkadot/api'
import type { ProviderInterface } from '@polkadot/rpc-provider/types'
import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import type { Hash, Hex } from '@assay/protocol'
import { cryptoReady } from './crypto.ts'
import { ChainReplacedError, ChainUnreachableError, RpcError } from './errors.ts'
import type { Features } from './features.ts'
import { silent, type Log } from './log.ts'
import { ApiPromise, utilCrypto } from './polkadot.ts'
import { connectRpc, type Rpc, type RpcOptions } from './rpc.ts'
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
   * polkadot's API over the same connection, without subscriptions; also replaced after an upgrade, so do not hold on to it. For building calls and reading metadata: its `query` may
   * answer from a cache of up to 1.75 s, use `read` instead.
   */
  readonly api: Api
  /** A call of the current runtime; bytes as hex. Throws MissingFeatureError. */
  call(section: string, method: string, ...args: unknown[]): Call
  /** A storage value at `at` (default: best block), decoded; null if the key is absent. */
  read(section: string, entry: string, keys: readonly unknown[], at?: Hash): Promise<Codec | null>
  /** The raw bytes of the same. */
  readRaw(section: string, entry: string, keys: readonly unknown[], at?: Hash): Promise<Hex | null>
  /** The runtime that executed a block, by the marker its state holds (`System.LastRuntimeUpgrade`); `parent` is the block's parent. */
  runtimeOf(marker: Hex | null, parent: Hash): Promise<Runtime>
  /** Throws ChainReplacedError if the endpoint no longer has our genesis. */
  verifyGenesis(): Promise<void>
  close(): Promise<void>
}

export interface ConnectOptions extends RpcOptions {
  log?: Log
}

const CODE = '0x3a636f6465'
// Metadata of 400 kB takes 200 ms and 30 MB to take apart: one runtime for all connections of a process.
const runtimes = new Map<Hash, Runtime>()

/**
 * Connects to a node and learns its runtime. Later losses of the connection heal by themselves (`connected$` tells); ends when `signal` aborts.
 * Throws ChainUnreachableError if nothing answers within `requestTimeoutMs` (default 30 s), or what answers is not a chain.
 *
 *     const chain = await connectChain({ endpoint: 'ws://127.0.0.1:9944', signal })
 *     chain.features.multisig?.section   // 'multiSig' on peaq's genesis runtime
 */
export async function connectChain(options: ConnectOptions): Promise<Chain> {
  const log = options.log ?? silent
  await cryptoReady()
  const rpc = await connectRpc(options)
  try {
    const genesisHash = await rpc.request<Hash>('chain_getBlockHash', [0])
    let current = await loadRuntime(rpc)
    let api = await createApi(rpc, current, genesisHash)
    const byMarker = new Map<string, Promise<Runtime>>()

    const upgrade = async (): Promise<void> => {
      const next = await loadRuntime(rpc)
      if (next.codeHash === current.codeHash) return
      const nextApi = await createApi(rpc, next, genesisHash)
      log.info('runtime upgraded', { from: specOf(current), to: specOf(next), codeHash: next.codeHash })
      current = next
      api = nextApi
    }
    // The node tells at subscription, after each reconnection and whenever the code changes.
    let versions = 0
    let queue = Promise.resolve()
    const watching: Subscription = rpc.subscribe<unknown>('state_subscribeRuntimeVersion', 'state_unsubscribeRuntimeVersion').subscribe({
      next: (version) => {
        const { specName, specVersion } = (version ?? {}) as { specName?: string; specVersion?: number }
        if (versions++ === 0 && specName === current.specName && specVersion === current.specVersion) return
        queue = queue.then(upgrade).catch((error: unknown) => log.warn('runtime could not be read', { error: String(error) }))
      },
      error: (error: unknown) => log.warn('the node does not tell runtime upgrades', { error: String(error) }),
    })
    const losses = rpc.connected$.subscribe((up) => {
      if (up) log.info('chain connected', { endpoint: rpc.endpoint })
      else if (!options.signal.aborted) log.warn('chain connection lost', { endpoint: rpc.endpoint })
    })

    const readRaw: Chain['readRaw'] = async (section, entry, keys, at) => {
      const key = storageKey(current, section, entry, ...keys)
      return rpc.request<Hex | null>('state_getStorage', at ? [key, at] : [key])
    }
    return {
      endpoint: rpc.endpoint,
      genesisHash,
      connected$: rpc.connected$,
      rpc,
      get runtime() {
        return current
      },
      get features() {
        return current.features
      },
      get api() {
        return api
      },
      call: (section, method, ...args) => callOf(current, section, method, ...args),
      readRaw,
      async read(section, entry, keys, at) {
        const runtime = current
        const raw = await readRaw(section, entry, keys, at)
        return raw === null ? null : storageValue(runtime, section, entry, raw)
      },
      runtimeOf(marker, parent) {
        const key = marker ?? 'none'
        let found = byMarker.get(key)
        if (!found) {
          // The code in the parent's state is the code that ran the block.
          found = loadRuntime(rpc, parent)
          byMarker.set(key, found)
          found.catch(() => byMarker.delete(key))
        }
        return found
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
    if (error instanceof RpcError) throw new ChainUnreachableError(options.endpoint, `it does not answer like a chain (${error.message})`, error)
    throw error
  }
}

// Code, version and metadata of one block: of the best block, an upgrade could come between the requests.
async function loadRuntime(rpc: Rpc, at?: Hash): Promise<Runtime> {
  const where = [at ?? (await rpc.request<Hash>('chain_getBlockHash'))]
  const codeHash = await codeHashAt(rpc, where)
  const known = runtimes.get(codeHash)
  if (known) return known
  const [version, metadata] = await Promise.all([
    rpc.request<{ specName: string; specVersion: number; transactionVersion?: number }>('state_getRuntimeVersion', where),
    rpc.request<Hex>('state_getMetadata', where),
  ])
  const runtime = createRuntime({ codeHash, metadata, specName: version.specName, specVersion: version.specVersion, transactionVersion: version.transactionVersion ?? 1 })
  runtimes.set(codeHash, runtime)
  return runtime
}

async function codeHashAt(rpc: Rpc, where: readonly Hash[]): Promise<Hash> {
  try {
    return await rpc.request<Hash>('state_getStorageHash', [CODE, ...where])
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
  }
  const code = await rpc.request<Hex | null>('state_getStorage', [CODE, ...where]) // chopsticks has no storage hashes
  if (code === null) throw new ChainUnreachableError(rpc.endpoint, 'its state has no code')
  return utilCrypto.blake2AsHex(code, 256)
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
  return ApiPromise.create({ provider, noInitWarn: true, metadata: { [`${genesisHash}-${runtime.specVersion}`]: runtime.metadata } })
}
