// How the pot stands, read again as the ledger grows. It is shown and nothing rests on it: what the chain does not tell now is told later.
import type { Kysely } from 'kysely'
import { type BehaviorSubject, catchError, distinctUntilChanged, EMPTY, exhaustMap, filter, from, map, type Observable } from 'rxjs'
import type { Log } from '@assay/kit/log'
import { takeUntilAborted } from '@assay/kit/streams'
import { type Ledger, pendingOf, statementsOnChain } from '@assay/protocol'
import { ChainError, type PotReport } from '@assay/runtime-bindings'
import type { ChainState } from './follow.ts'
import type { Tables } from './tables.ts'

/** `block`: after which it stood so. */
export type PotView = PotReport & { block: number }

export interface PotDeps {
  db: Kysely<Tables>
  state$: BehaviorSubject<ChainState>
  /** `readPot` of the chain. */
  read: (ledger: Ledger, pending: bigint) => Promise<PotReport | null>
  log: Log
  signal: AbortSignal
}

/** Newest statements of which parts may still have to be paid. */
const PENDING_STATEMENTS = 4

/** Reports of the pot until the signal fires; one is read at a time, and heads that come meanwhile are skipped. */
export function pot$({ db, state$, read, log, signal }: PotDeps): Observable<PotView> {
  return state$.pipe(
    map(({ ledger }) => ledger),
    distinctUntilChanged(),
    filter(({ head }) => head !== null),
    takeUntilAborted(signal),
    exhaustMap((ledger) => from(report(ledger)).pipe(catchError((error: unknown) => {
      if (!(error instanceof ChainError)) throw error
      log.debug('pot not read', { error })
      return EMPTY
    }))),
    filter((view) => view !== null),
  )

  async function report(ledger: Ledger): Promise<PotView | null> {
    const found = await read(ledger, await pendingIn(ledger))
    return found && { ...found, block: ledger.head!.number }
  }

  async function pendingIn(ledger: Ledger): Promise<bigint> {
    let sum = 0n
    for (const [epoch, onChain] of [...statementsOnChain(ledger)].slice(-PENDING_STATEMENTS)) {
      const paid = await db.selectFrom('payouts').select(['account', 'paid']).where('epoch', '=', epoch).where('paid', '>', 0n).orderBy('position').execute()
      sum += pendingOf(onChain, paid.map((payout) => [payout.account, payout.paid]))
    }
    return sum
  }
}
