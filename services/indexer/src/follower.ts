// The one process of a database that follows the chain, judges, fetches evidence and prunes; the others wait for their turn and serve what it writes.
import { setTimeout as delay } from 'node:timers/promises'
import { BehaviorSubject, concatMap, distinctUntilChanged, exhaustMap, filter, interval, lastValueFrom, map, merge, startWith, tap, throttleTime } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { takeUntilAborted } from '@assay/kit/streams'
import type { ParametersPrefix } from '@assay/protocol'
import { best$, ledgerRuns, readPot, type Chain } from '@assay/runtime-bindings'
import type { Leadership } from './database.ts'
import { isLost } from './database-served.ts'
import { SILENCE_SECONDS, writeEdge, type Edge } from './edge.ts'
import { EvidenceSource, evidenceUrls } from './evidence.ts'
import { follow, knownBlocks } from './follow.ts'
import { Judge } from './judge.ts'
import type { IndexerMetrics } from './metrics.ts'
import { pot$ } from './pot.ts'
import { catchUp, serveStored, type ReplicaDeps } from './replica.ts'
import { prune, type Retention } from './retention.ts'
import { reconcileMachines } from './summaries.ts'
import { allOrNone } from './tasks.ts'

/** The chain to follow, and what the network asks of it. */
export interface Source { chain: Chain, prefix: Pick<ParametersPrefix, 'origin' | 'confirmations'> }

export interface FollowerOptions {
  source: Source
  evidenceUrls: readonly string[]
  evidenceTimeoutMs: number
  stallMs: number
  keep: Retention
}

export type FollowerDeps = ReplicaDeps & { metrics: IndexerMetrics }

/** Between losing the lead and asking for it again, so that another process may have it first. */
const STAND_BACK_MS = 2_000
/** Between two words on the chain's edge, at most. */
const TELL_MS = 1_000

/** Serves what is stored until it is this process's turn, follows the chain until the signal fires or the lead is lost, and again. Throws what following and judging throw. */
export async function followInTurn(options: FollowerOptions, deps: FollowerDeps): Promise<void> {
  const { store, signal, log } = deps
  while (!signal.aborted) {
    const elected = new AbortController()
    const [leadership] = await Promise.all([store.lead(signal).finally(() => elected.abort()), serveStored({ ...deps, signal: AbortSignal.any([signal, elected.signal]) })])
    if (!leadership) return
    if (leadership.cutOff) log.warn('silent leader cut off')
    log.info('lead taken', { head: deps.state$.value.ledger.head?.number ?? null, endpoint: options.source.chain.endpoint })
    const lost = await followWhileLeading(leadership, options, deps)
    if (!lost) return
    log.warn('lead lost', { error: lost.reason })
    await delay(STAND_BACK_MS, undefined, { signal }).catch(() => {})
  }
}

/** Follows until the signal fires (null), or the lead is lost or in doubt (the reason). Throws for what another turn would not mend. */
async function followWhileLeading(leadership: Leadership, options: FollowerOptions, deps: FollowerDeps): Promise<{ reason: unknown } | null> {
  const over = new AbortController()
  void leadership.lost.then(() => over.abort())
  deps.metrics.following.set(1)
  try {
    const signal = AbortSignal.any([deps.signal, over.signal])
    // Whoever led before writes no more: what is stored now is what we go on from.
    await catchUp({ ...deps, signal })
    await allOrNone(signal, (signal) => lead(leadership, options, { ...deps, signal }))
    return deps.signal.aborted ? null : { reason: new OperatorError('DATABASE_LOST', `the connection to ${deps.store.where} that holds the lead was lost`, { advice: 'Nothing if it heals; else check the server.', exit: EXIT.again }) }
  } catch (error) {
    if (over.signal.aborted || isLost(error) || (error as { code?: unknown } | null)?.code === 'NOT_LEADER') return { reason: error }
    throw error
  } finally {
    deps.metrics.following.set(0)
    await leadership.resign()
  }
}

/** All that the leader does, side by side. */
function lead({ db }: Leadership, { source: { chain, prefix }, evidenceUrls: further, evidenceTimeoutMs, stallMs, keep }: FollowerOptions, { store, crypto, network, state$, edge, metrics, log, signal }: FollowerDeps): Promise<unknown>[] {
  state$.next({ ...state$.value, stalled: null })
  const edge$ = new BehaviorSubject<Edge>({ best: null, stalled: null, pot: null })
  const see = (part: Partial<Edge>): void => edge$.next({ ...edge$.value, ...part })

  const following = async (): Promise<void> => {
    await reconcileMachines(db, state$.value.ledger)
    const head = state$.value.ledger.head?.number
    const blocks = ledgerRuns(chain, { from: head === undefined ? prefix.origin : head + 1, confirmations: prefix.confirmations, stallMs, known: await knownBlocks(db), unconfirmed: true, signal })
    await follow(blocks, { db, crypto, state$, metrics, log })
  }
  const judging = async (): Promise<void> => {
    const evidence = new EvidenceSource({ db, urls: () => evidenceUrls(state$.value.ledger, further), timeoutMs: evidenceTimeoutMs, signal, metrics })
    const judge = await Judge.open({ db, crypto, network, state$, evidence, metrics, log, signal })
    await lastValueFrom(judge.run(), { defaultValue: undefined })
  }
  const pruning = store.changes$.pipe(
    filter((change) => change === 'epochs'),
    startWith('epochs'),
    takeUntilAborted(signal),
    // What changes meanwhile is looked at with the next epoch.
    exhaustMap(() => pruneAndSay()),
  )
  const watching = merge(
    // An error of the best block's stream ends the other one too, which says it.
    best$(chain, signal).pipe(tap(({ number }) => metrics.bestBlock.set(number)), map(({ number }) => ({ best: number }))),
    pot$({ db, state$, log, signal, read: (ledger, pending) => readPot(chain, ledger, pending) }).pipe(map((pot) => ({ pot }))),
    state$.pipe(map(({ stalled }) => stalled), distinctUntilChanged(), takeUntilAborted(signal), map((stalled) => ({ stalled }))),
  )
  const seeing = edge$.pipe(tap(edge), takeUntilAborted(signal))
  const telling = merge(edge$.pipe(throttleTime(TELL_MS, undefined, { leading: true, trailing: true })), interval((SILENCE_SECONDS / 3) * 1000)).pipe(takeUntilAborted(signal), concatMap(() => writeEdge(db, edge$.value)))

  async function pruneAndSay(): Promise<void> {
    const pruned = await prune({ db, keep, signal })
    for (const [table, rows] of Object.entries(pruned)) metrics.pruned.inc({ table }, rows)
    if (pruned.evidence + pruned.observations === 0) return
    log.info('pruned', { evidence: pruned.evidence, observations: pruned.observations, database: store.where })
    await store.tidy()
  }

  return [following(), judging(), pruning.forEach(() => {}), seeing.forEach(() => {}), watching.forEach(see), ...(store.shared ? [telling.forEach(() => {})] : [])]
}
