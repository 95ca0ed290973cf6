// Who may hold something of ours at once, an answer that is made or a stream of events: so many in all, and so many of one client.
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { ApiError } from './errors.ts'

export interface LiveOptions {
  /** streams at once; 0: none */
  liveClients: number
  /** of them one client's (client.ts) */
  liveClientsPerAddress: number
  /** between two signs of life on a quiet stream */
  heartbeatMs: number
  /** how long a client may leave what it was sent in its socket */
  slowMs: number
}

export const LIVE_DEFAULTS: LiveOptions = { liveClients: 1000, liveClientsPerAddress: 50, heartbeatMs: 15_000, slowMs: 30_000 }

/** Seconds after which a client that found no seat may try again. */
export const RETRY_SECONDS = 15

export interface SeatsOptions {
  /** at once; 0: none */
  all: number
  /** of them one client's (client.ts) */
  each: number
  /** what whoever finds none is told */
  refuse: (whose: 'all' | 'each') => ApiError
}

export class Seats {
  readonly #options: SeatsOptions
  readonly #taken = new Map<string, number>()
  #all = 0

  constructor(options: SeatsOptions) {
    this.#options = options
  }

  /** Takes a seat, if this client has fewer than `each`; what is returned gives it back, once. Throws what `refuse` gives. */
  take(client: string, each = this.#options.each): () => void {
    const { all, refuse } = this.#options
    const mine = this.#taken.get(client) ?? 0
    if (this.#all >= all) throw refuse('all')
    if (mine >= each) throw refuse('each')
    this.#all++
    this.#taken.set(client, mine + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      this.#all--
      const left = this.#taken.get(client)! - 1
      if (left === 0) this.#taken.delete(client)
      else this.#taken.set(client, left)
    }
  }
}

/** Seats for streams of events. */
export const streamSeats = ({ liveClients, liveClientsPerAddress }: Pick<LiveOptions, 'liveClients' | 'liveClientsPerAddress'>): Seats => new Seats({
  all: liveClients, each: liveClientsPerAddress,
  refuse: (whose) => new ApiError('TOO_MANY_CLIENTS', whose === 'all' ? `this server serves ${liveClients} streams of events at once, and all are taken` : `${liveClientsPerAddress} streams of events of one client are allowed, and all are open`),
})

/** Waits until what was written is taken off our hands. Throws ApiError SLOW_CLIENT after `slowMs`; returns when the signal fires. */
export async function drained(out: Writable, slowMs: number, signal: AbortSignal): Promise<void> {
  if (!out.writableNeedDrain || out.destroyed) return
  const late = AbortSignal.timeout(slowMs)
  try {
    await once(out, 'drain', { signal: AbortSignal.any([signal, late]) })
  } catch {
    if (late.aborted && !signal.aborted) throw new ApiError('SLOW_CLIENT', `nothing of what was sent was taken for ${slowMs} ms`)
  }
}
