// What a checker knows of the chain: the best height and the confirmed ledger, both as they come.
import { combineLatest, distinctUntilChanged, filter, map, mergeMap, type Observable, retry, scan } from 'rxjs'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { shareLatest } from '@assay/kit/streams'
import { applyBlock, type Crypto, emptyLedger, type Hash, type Ledger, LedgerGapError, type Versions } from '@assay/protocol'
import type { LedgerBlockEvent } from '@assay/runtime-bindings'

export interface FollowTools {
  crypto: Crypto
  network: Hash
  /** that this checker speaks */
  versions: Versions
  confirmations: number
  /** best heights, each new one */
  heights$: Observable<number>
  /** confirmed blocks from the network's origin on; each subscription begins anew */
  blocks$: Observable<LedgerBlockEvent>
  /** called when blocks that were confirmed are gone: what was computed from them is no longer true */
  onDeepReorg: (to: number) => void
  log: Log
}

export interface View {
  best$: Observable<number>
  /** Only while it has caught up: after an outage nothing acts on a view of long ago. */
  ledger$: Observable<Ledger>
}

/** Ledger states to come back to; a reorg deeper than this starts from the origin. */
const REMEMBERED = 256

class LostTrackError extends Error {
  override readonly name = 'LostTrackError'
}

/** Follows the chain. Both streams are shared and give the latest value at once. `ledger$` errors with OperatorError CHAIN_REPLACED when the endpoint serves another chain, and with NewerVersionError where the chain goes on by rules that this checker does not know. */
export function follow({ crypto, network, versions, confirmations, heights$, blocks$, onDeepReorg, log }: FollowTools): View {
  const best$ = heights$.pipe(shareLatest())
  let stands = false
  const states$ = blocks$.pipe(
    mergeMap((event): LedgerBlockEvent[] => {
      switch (event.type) {
        case 'block':
          if (stands) log.info('chain goes on', { block: event.block.number })
          stands = false
          return [event]
        case 'reorg':
          if (event.deep) {
            log.error('confirmed blocks gone', { from: event.from, to: event.to, advice: 'This checker goes on with the chain as it is now. If it happens again, doubt the endpoint.' })
            onDeepReorg(event.to)
            return [event]
          }
          log.debug('chain reorganised', { from: event.from, to: event.to })
          break
        case 'stalled':
          stands = true
          log.warn('chain stands still', { reason: event.reason, best: event.best, next: event.next, detail: event.detail })
          break
        case 'replaced':
          throw new OperatorError('CHAIN_REPLACED', `the endpoint serves another chain: it has none of the blocks this checker knows (block ${event.expected.number} was ${event.expected.hash}, is ${event.found ?? 'not there'})`, { advice: 'Point it to the right node; if the chain was replaced on purpose, start with a fresh data folder.' })
      }
      return []
    }),
    scan((states: Ledger[], event) => {
      if (event.type === 'block') return [...states.slice(-REMEMBERED), applyBlock(crypto, states.at(-1) ?? emptyLedger(network, versions), event.block)]
      const kept = states.filter(({ head }) => head !== null && event.type === 'reorg' && head.number <= event.to)
      if (kept.length === 0) throw new LostTrackError('the reorg goes back further than the ledger remembers')
      return kept
    }, []),
    map((states) => states.at(-1) as Ledger),
    // A subscription begins at the origin again; anything but losing track goes on to whoever listens.
    retry({
      delay: (error: unknown) => {
        if (!(error instanceof LostTrackError || error instanceof LedgerGapError)) throw error
        log.warn('ledger built anew', { why: error.message })
        return [0]
      },
    }),
  )
  const ledger$ = combineLatest([best$, states$]).pipe(
    filter(([best, { head }]) => head !== null && head.number >= best - confirmations),
    map(([, ledger]) => ledger),
    distinctUntilChanged(),
    shareLatest(),
  )
  return { best$, ledger$ }
}
