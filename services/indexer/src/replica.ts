// Serving what another process writes: the ledger of the stored blocks as they come, and what the follower says of the chain's edge.
import type { BehaviorSubject } from 'rxjs'
import { firstValueFrom, merge, take, timer } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { fromAbort } from '@assay/kit/streams'
import type { AccountId, Crypto, Ledger } from '@assay/protocol'
import type { Store } from './database.ts'
import { isLost } from './database-served.ts'
import { readEdge, type Edge } from './edge.ts'
import { storedLedger, type ChainState } from './follow.ts'

export interface ReplicaDeps {
  store: Store
  crypto: Crypto
  network: AccountId
  state$: BehaviorSubject<ChainState>
  /** what the follower last said */
  edge: (edge: Edge) => void
  log: Log
  signal: AbortSignal
}

/** Between two looks where nothing is told. */
const POLL_MS = 5_000

/** Shows what is stored, block by block, until the signal fires. While the server is away it says so, and goes on when it is back. Throws OperatorError DATABASE_REPLACED if what was shown is stored no more. */
export async function serveStored(deps: ReplicaDeps): Promise<void> {
  const { store, state$, log, signal } = deps
  let away = false
  while (!signal.aborted) {
    // From here on: what is told while we read is not lost.
    const told = firstValueFrom(merge(store.changes$, timer(POLL_MS), fromAbort(signal)).pipe(take(1)))
    try {
      await catchUp(deps)
      await showEdge(deps)
      if (away) log.info('database back', { database: store.where })
      away = false
    } catch (error) {
      if (signal.aborted) return
      if (!isLost(error)) throw error
      if (!away) log.warn('database away', { database: store.where, error })
      away = true
      state$.next({ ...state$.value, stalled: { reason: 'DATABASE_LOST', detail: (error as Error).message } })
    }
    await told
  }
}

/** Brings the ledger to what is stored now. Throws OperatorError DATABASE_REPLACED, DATABASE_LOST, DAMAGED. */
export async function catchUp({ store, crypto, network, state$, signal }: ReplicaDeps): Promise<void> {
  const { ledger } = state$.value
  await verifyStored(store, ledger.head)
  const next = await storedLedger({ db: store.db, crypto, network, signal }, ledger)
  if (next !== ledger) state$.next({ ...state$.value, ledger: next })
}

async function showEdge({ store, state$, edge }: ReplicaDeps): Promise<void> {
  const seen = await readEdge(store.db)
  edge(seen)
  const { stalled } = state$.value
  if (seen.stalled?.reason !== stalled?.reason || seen.stalled?.detail !== stalled?.detail) state$.next({ ...state$.value, stalled: seen.stalled })
}

/** A restore or a new index beside us takes back what we hold. */
async function verifyStored({ db, where }: Store, head: Ledger['head']): Promise<void> {
  if (!head) return
  const stored = await db.selectFrom('blocks').select('hash').where('number', '=', head.number).executeTakeFirst()
  if (stored?.hash === head.hash) return
  throw new OperatorError('DATABASE_REPLACED', `block ${head.number}, which was served from the database ${where}, is there no more`, { advice: 'The database was restored or emptied: start this process again.', exit: EXIT.again })
}
