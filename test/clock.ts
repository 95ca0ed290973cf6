// The clock of a test's chain. Deadlines are blocks, so whoever makes the blocks can wait for an event where a chain of its own clock would have to be given time.
import { setTimeout as delay } from 'node:timers/promises'
import type { Devchain } from '@assay/runtime-bindings/testing'

export interface Clock {
  /** The block `block` is not built before this has settled. */
  hold(block: number, until: Promise<unknown>): void
  /** Time before block `next` in ms, from now on; 'work': until transactions wait, or `IDLE_MS`. */
  pace: (next: number) => number | 'work'
  stop(): Promise<void>
}

const IDLE_MS = 1500
/** Transactions that come so soon after the first share its block. */
const GATHER_MS = 250
/** A wait is cut in pieces, so that a process that had no time to run was not waited for either. */
const PIECES = 8

/** Builds blocks until stopped. */
export function startClock(devchain: Devchain): Clock {
  const holds: { block: number; until: Promise<unknown> }[] = []
  const ending = new AbortController()
  const { signal } = ending
  const clock = { pace: (() => 'work') as Clock['pace'], hold: (block: number, until: Promise<unknown>) => void holds.push({ block, until: until.catch(() => {}) }) }
  const wait = (ms: number): Promise<void> => delay(ms / PIECES, undefined, { signal })
  const beat = async (next: number): Promise<void> => {
    for (let i = 0; i < PIECES; i++) {
      const ms = clock.pace(next)
      if (ms === 0) return
      if (ms === 'work' && devchain.chain.txPool.pendingExtrinsics.length > 0) break
      await wait(ms === 'work' ? IDLE_MS : ms)
    }
    for (let i = 0; i < PIECES && clock.pace(next) === 'work'; i++) await wait(GATHER_MS)
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = devchain.head().number + 1
      const due = holds.filter(({ block }) => block <= next)
      const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      if (due.length > 0) await Promise.race([Promise.all(due.map(({ until }) => until)), stopped])
      for (const hold of due) holds.splice(holds.indexOf(hold), 1)
      await beat(next)
      if (!signal.aborted) await devchain.newBlock()
    }
  }
  const running = run().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  return Object.assign(clock, {
    stop: async () => {
      ending.abort()
      await running
    },
  })
}
