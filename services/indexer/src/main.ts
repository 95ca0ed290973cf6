// The indexer: follows the chain or serves what another process of its database writes. Given its settings, a signal and a log; `assay indexer start` calls it.
import { BehaviorSubject } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { serveOperations } from '@assay/kit/http'
import type { Log } from '@assay/kit/log'
import { blocksToNewer, emptyLedger, type Hash, NEWER_ADVICE, newerNews, type Versions, VERSIONS } from '@assay/protocol'
import { connectChain, findNetwork, nodeCrypto, toAccountId, toAddress, type EndpointInUse } from '@assay/runtime-bindings'
import { apiRoutes } from './api.ts'
import { EXPLORER_DIR } from './api/explorer.ts'
import { placeOf, retentionOf, type IndexerConfig } from './config.ts'
import { openDatabase, openExisting, ownerOf, type Store } from './database.ts'
import type { Edge } from './edge.ts'
import { EvidenceSource, evidenceUrls } from './evidence.ts'
import type { ChainState } from './follow.ts'
import { followInTurn, type Source } from './follower.ts'
import { emptyIndex } from './maintenance.ts'
import { indexerMetrics } from './metrics.ts'
import { ReadyDetail, readiness } from './readiness.ts'
import { catchUp, serveStored } from './replica.ts'
import { allOrNone, untilAborted } from './tasks.ts'

export { indexerConfig, type IndexerConfig } from './config.ts'

/**
 * Runs until `signal` fires. Says `indexer ready` with its URL once it answers; whether it has caught up with the chain is what /ready tells.
 * Rejects with an OperatorError or ChainError: no such network, a database in use or of another chain, a chain that left its confirmed blocks, a disk that refuses, a server that stays away.
 */
export const runIndexer = (config: IndexerConfig, context: Context): Promise<void> => runOn(config, context, () => Promise.resolve())

/** Runs as runIndexer does, on an index that is emptied first: when the chain has answered and the database is found to be this network's, and not before. Throws OperatorError BUSY, PRUNED (see emptyIndex). */
export function reindex(config: IndexerConfig, { force, ...context }: Context & { force: boolean }): Promise<void> {
  if (config.follow === 'never') return Promise.reject(new OperatorError('CONFIG', 'the configuration is wrong: --follow never reads nothing from the chain', { advice: 'Leave --follow out. Nothing was changed.' }))
  return runOn(config, context, (store) => emptyIndex(store, { ...context, force }))
}

/** `versions`: of the protocol, that this indexer knows; by default all that the program does. */
interface Context { signal: AbortSignal, log: Log, versions?: Versions }

async function runOn(config: IndexerConfig, { signal, log, versions = VERSIONS }: Context, prepare: (store: Store) => Promise<void>): Promise<void> {
  const network = toAccountId(config.network)
  const place = placeOf(config)
  if (config.follow === 'never') {
    if ('dir' in place) throw new OperatorError('CONFIG', 'the configuration is wrong: --follow never goes with --database-url only', { advice: 'A folder has one process, which must follow the chain: leave --follow out, or use a PostgreSQL server.' })
    const store = await openExisting({ ...place, owner: { network } })
    try {
      const { genesisHash } = await ownerOf(store.db)
      return await serve(config, { signal, log, store, genesisHash: genesisHash as Hash, source: null, versions })
    } finally {
      await store.close()
    }
  }
  if (config.chain === undefined) throw new OperatorError('CONFIG', 'the configuration is wrong: chain is missing (a peaq node: ws:// or wss:// address): give --chain or ASSAY_CHAIN', { advice: 'Give the node’s address, or --follow never to serve only what another process writes.' })
  const chain = await connectChain({ endpoint: config.chain, requestTimeoutMs: config.chainTimeoutMs, requestsPerSecond: config.chainRequestsPerSecond, signal, log })
  try {
    const found = await findNetwork(chain, network)
    if (!found) {
      throw new OperatorError('NO_NETWORK', `${toAddress(network)} is no network on the chain at ${chain.endpoint}: it holds no parameters`, { advice: 'Check the network’s address and the endpoint; if the network is being created, try again when its founders have approved it.', exit: EXIT.again })
    }
    const { genesisHash } = chain
    const store = await openDatabase({ ...place, owner: { network, genesisHash } })
    try {
      await prepare(store)
      await serve(config, { signal, log, store, genesisHash, source: { chain, prefix: found.prefix }, versions })
    } finally {
      await store.close()
    }
  } finally {
    await chain.close()
  }
}

/** `source`: the chain to follow; null where others do. */
interface Setting { signal: AbortSignal, log: Log, store: Store, genesisHash: Hash, source: Source | null, versions: Versions }

async function serve(config: IndexerConfig, { signal: stopped, log, store, genesisHash, source, versions }: Setting): Promise<void> {
  const network = toAccountId(config.network)
  const crypto = nodeCrypto
  const metrics = indexerMetrics()
  const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(network, versions), stalled: null })
  let edge: Edge = { best: null, stalled: null, pot: null }
  let inUse: EndpointInUse | null = null
  const watching = source?.chain.rpc.inUse$.subscribe((now) => {
    metrics.endpointSwitches.inc(now.switches - (inUse?.switches ?? 0))
    metrics.endpointInUse.reset()
    metrics.endpointInUse.set({ endpoint: now.endpoint }, 1)
    inUse = now
  })
  const news = newerNews()
  // Also of one that serves what others write: it cannot read what comes then either.
  const newer = state$.subscribe(({ ledger }) => {
    const best = Math.max(edge.best ?? 0, ledger.head?.number ?? 0)
    metrics.newerVersion.set(blocksToNewer(ledger, best))
    const told = news(ledger, best)
    if (told !== null) log.warn('newer version coming', { version: told.version, epoch: told.epoch, start: told.start, reason: told.reason, advice: NEWER_ADVICE })
  })
  const deps = { store, crypto, network, state$, edge: (seen: Edge) => void (edge = seen), metrics, log }
  await catchUp({ ...deps, signal: stopped })
  const confirmations = (): number => (source?.prefix ?? state$.value.ledger.parameters[0]?.parameters)?.confirmations ?? 0
  const evidence = new EvidenceSource({ db: store.db, urls: () => evidenceUrls(state$.value.ledger, config.evidenceUrls), timeoutMs: config.evidenceTimeoutMs, signal: stopped, metrics })
  const operations = await serveOperations({
    host: config.host,
    port: config.httpPort,
    log,
    ready: () => readiness(state$.value, edge.best, confirmations(), inUse),
    detail: ReadyDetail,
    metrics: metrics.text,
    trustProxy: config.trustProxy,
    answerTimeoutMs: config.answerTimeoutMs,
    routes: apiRoutes({
      db: store.db, crypto, state$, best: () => edge.best, pot: () => edge.pot, network, genesisHash, changes$: store.changes$, log,
      evidence: evidence.once, explorer: { dir: EXPLORER_DIR, links: { block: config.blockUrl || null, extrinsic: config.extrinsicUrl || null, account: config.accountUrl || null } },
    }, metrics, config),
  })
  try {
    log.info('indexer ready', { url: operations.url, network: toAddress(network), head: state$.value.ledger.head?.number ?? null, follows: source !== null })
    const { evidenceTimeoutMs, stallMs } = config
    await allOrNone(stopped, (signal) => [
      source ? followInTurn({ source, evidenceUrls: config.evidenceUrls, evidenceTimeoutMs, stallMs, keep: retentionOf(config) }, { ...deps, signal }) : serveStored({ ...deps, signal }),
      untilAborted(signal, store.ended),
    ])
  } finally {
    newer.unsubscribe()
    watching?.unsubscribe()
    await operations.close()
  }
  log.info('indexer stopped', { head: state$.value.ledger.head?.number ?? null })
}
