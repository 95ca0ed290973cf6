// The protocol's ledger, kept up with the chain; a reorg goes back to the state that still stands.
import { Observable } from 'rxjs'
import { LedgerGapError, applyBlock, emptyLedger, parametersFor, pruneLedger, roundAt } from '@assay/protocol'
import type { AccountId, Crypto, Ledger, Versions } from '@assay/protocol'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import type { LedgerBlockEvent } from '@assay/runtime-bindings'

export interface LedgerDeps {
  crypto: Crypto
  network: AccountId
  /** that this machine speaks */
  versions: Versions
  /** confirmed blocks from the network's origin on; subscribed anew where a reorg goes further back than is remembered */
  blocks(): Observable<LedgerBlockEvent>
  log: Log
}

/** States that a reorg may go back to without reading from the origin again. They share almost all of their memory. */
const REMEMBERED = 128

/** The ledger after each confirmed block. Errors with OperatorError CHAIN_REPLACED when the endpoint serves another chain, with NewerVersionError where the chain goes on by rules that this machine does not know; completes with the blocks. */
export function ledger$(deps: LedgerDeps): Observable<Ledger> {
  const { crypto, log } = deps
  return new Observable((subscriber) => {
    let subscription = follow()
    return () => subscription.unsubscribe()

    function follow() {
      let states: Ledger[] = [emptyLedger(deps.network, deps.versions)]
      let stalled = false
      return deps.blocks().subscribe({
        next: (event) => {
          switch (event.type) {
            case 'block': {
              if (stalled) log.info('chain goes on', { block: event.block.number })
              stalled = false
              try {
                states = [...states.slice(1 - REMEMBERED), pruned(applyBlock(crypto, states.at(-1)!, event.block))]
              } catch (error) {
                if (!(error instanceof LedgerGapError)) return subscriber.error(error)
                return again('the blocks do not follow one another')
              }
              return subscriber.next(states.at(-1)!)
            }
            case 'reorg': {
              log.debug('chain reorganised', { from: event.from, to: event.to })
              if (!event.deep) return
              log.error('confirmed blocks gone', { from: event.from, to: event.to, advice: 'This machine goes on with the chain as it is now. If it happens again, doubt the endpoint.' })
              states = states.filter(({ head }) => head === null || head.number <= event.to)
              return void (states.at(-1)?.head?.number === event.to || again('a reorg went further back than is remembered'))
            }
            case 'stalled':
              stalled = true
              return log.warn('chain stands still', { reason: event.reason, best: event.best, next: event.next, detail: event.detail })
            case 'replaced':
              return subscriber.error(
                new OperatorError('CHAIN_REPLACED', `the endpoint now serves another chain: block ${event.expected.number} was ${event.expected.hash} and is ${event.found ?? 'not there'}`, {
                  advice: 'Point --chain to the right node, or start again if the chain was meant to be replaced.',
                }),
              )
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      })
    }

    function again(why: string): void {
      log.warn('ledger built anew', { why })
      subscription.unsubscribe()
      subscription = follow()
    }
  })
}

/** A machine looks at no round before the last two. */
function pruned(ledger: Ledger): Ledger {
  const founding = parametersFor(ledger, 0)
  if (founding === null || ledger.head === null || ledger.head.number % 256 !== 0) return ledger
  return pruneLedger(ledger, Math.max(0, roundAt(founding, ledger.head.number) - 4))
}
