// Whether the answers are those of the chain as it is now.
import type { ChainState } from './follow.ts'

export interface Readiness {
  ready: boolean
  detail: {
    /** last confirmed block in the database */
    head: number | null
    /** best block that the endpoint tells */
    best: number | null
    /** confirmed blocks that are not in the database yet */
    behind: number | null
    stalled: string | null
  }
}

// A block is confirmed, fetched and written while the next one comes.
const TOLERANCE = 2

/**
 * Ready while blocks come and at most two confirmed ones are missing.
 * @example readiness({ ledger, stalled: null }, 100, 2).detail.behind // 38 where the ledger's head is 60
 */
export function readiness({ ledger, stalled }: ChainState, best: number | null, confirmations: number): Readiness {
  const head = ledger.head?.number ?? null
  const behind = best === null || head === null ? null : Math.max(0, best - confirmations - head)
  return { ready: behind !== null && behind <= TOLERANCE && stalled === null, detail: { head, best, behind, stalled: stalled && `${stalled.reason}: ${stalled.detail}` } }
}
