// The indexer: follows the chain, judges rounds, scores epochs, serves what it knows. Given its settings, a signal and a log; `assay indexer start` calls it.
import { join } from 'node:path'
import { BehaviorSubject, lastValueFrom } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { serveOperations } from '@assay/kit/http'
import type { Log } from '@assay/kit/log'
import { registeredCheckers } from '@assay/protocol'
import { best$, connectChain, findNetwork, ledgerBlocks, nodeCrypto, readPot, toAccountId, toAddress, type Chain } from '@assay/runtime-bindings'
import { apiRoutes } from './api.ts'
import type { IndexerConfig } from './config.ts'
import { openDatabase, type Store } from './database.ts'
import { EvidenceSource } from './evidence.ts'
import { follow, knownBlocks, storedLedger, type ChainState } from './follow.ts'
import { Judge } from './judge.ts'
import { indexerMetrics } from './metrics.ts'
import { pot$, type PotView } from './pot.ts'
import { ReadyDetail, readiness } from './readiness.ts'
import { reconcileMachines } from './summaries.ts'

export { indexerConfig, type IndexerConfig } from './config.ts'

/**
 * Runs until `signal` fires. Says `indexer ready` with its URL once it answers; whether it has caught up with the chain is what /ready tells.
 * Rejects with an OperatorError or ChainError: no such network, a folder in use or of another chain, a chain that left its confirmed blocks, a disk that refuses.
 */
export async function runIndexer(config: IndexerConfig, { signal, log }: { signal: AbortSignal, log: Log }): Promise<void> {
  const network = toAccountId(config.network)
  const chain = await connectChain({ endpoint: config.chain, signal, log })
  try {
    const found = await findNetwork(chain, network)
    if (!found) {
      throw new OperatorError('NO_NETWORK', `${toAddress(network)} is no network on the chain at ${config.chain}: it holds no parameters`, { advice: 'Check the network’s address and the endpoint; if the network is being created, try again when its founders have approved it.', exit: EXIT.again })
    }
    const store = await openDatabase({ dir: config.dataDir, owner: { network, genesisHash: chain.genesisHash } })
    try {
      await serve(config, { signal, log, chain, store, network, ...found })
    } finally {
      await store.close()
    }
  } finally {
    await chain.close()
  }
}

interface Setting { signal: AbortSignal, log: Log, chain: Chain, store: Store, network: ReturnType<typeof toAccountId>, parameters: NonNullable<Awaited<ReturnType<typeof findNetwork>>>['parameters'] }

async function serve(config: IndexerConfig, { signal: stopped, log, chain, store, network, parameters }: Setting): Promise<void> {
  const { db } = store
  const crypto = nodeCrypto
  const metrics = indexerMetrics()
  // What fails ends everything else, in order.
  const failing = new AbortController()
  const signal = AbortSignal.any([stopped, failing.signal])
  const state$ = new BehaviorSubject<ChainState>({ ledger: await storedLedger({ db, crypto, network, signal }), stalled: null })
  await reconcileMachines(db, state$.value.ledger)
  const evidence = new EvidenceSource({
    dir: join(config.dataDir, 'evidence'),
    urls: () => [...registeredCheckers(state$.value.ledger).flatMap(({ identity }) => identity.evidence), ...config.evidenceUrls],
    timeoutMs: config.evidenceTimeoutMs,
    signal,
    metrics,
  })
  const judge = await Judge.open({ db, crypto, network, state$, evidence, metrics, log, signal })

  let best: number | null = null
  const watching = best$(chain, signal).subscribe({ next: ({ number }) => metrics.bestBlock.set((best = number)), error: () => {} }) // an error here ends the block stream too, which says it
  let pot: PotView | null = null
  const operations = await serveOperations({
    host: config.host,
    port: config.httpPort,
    log,
    ready: () => readiness(state$.value, best, parameters.confirmations),
    detail: ReadyDetail,
    metrics: metrics.text,
    trustProxy: config.trustProxy,
    answerTimeoutMs: config.answerTimeoutMs,
    routes: apiRoutes({ db, crypto, state$, best: () => best, pot: () => pot, network, genesisHash: chain.genesisHash, changes$: judge.written$, log }, metrics, config),
  })
  try {
    const head = state$.value.ledger.head?.number
    log.info('indexer ready', { url: operations.url, network: toAddress(network), head: head ?? null })
    const blocks = ledgerBlocks(chain, { from: head === undefined ? parameters.origin : head + 1, confirmations: parameters.confirmations, stallMs: config.stallMs, known: await knownBlocks(db), signal })
    await allOrNone([follow(blocks, { db, crypto, state$, metrics, log }), lastValueFrom(judge.run(), { defaultValue: undefined }), pot$({ db, state$, log, signal, read: (ledger, pending) => readPot(chain, ledger, pending) }).forEach((view) => void (pot = view)), untilAborted(signal, store.ended)], failing)
  } finally {
    watching.unsubscribe()
    await operations.close()
  }
  log.info('indexer stopped', { head: state$.value.ledger.head?.number ?? null })
}

/** Waits for all; the first failure aborts the others, and is thrown when they have ended. */
async function allOrNone(tasks: Promise<unknown>[], failing: AbortController): Promise<void> {
  const ended = tasks.map((task) => task.catch((error: unknown) => {
    failing.abort(error)
    throw error
  }))
  await Promise.allSettled(ended)
  if (failing.signal.aborted) throw failing.signal.reason
}

/** Ends when the signal fires; fails when the database thread dies before. */
function untilAborted(signal: AbortSignal, ended: Promise<void>): Promise<void> {
  return Promise.race([ended, new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))])
}
