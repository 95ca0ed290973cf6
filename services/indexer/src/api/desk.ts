// The desk at which answers are made: a few at a time, and the clients in turn. What waits in the database's own queue would hold up whoever follows the chain, and one client's hundred requests everybody else's one.
import { ApiError } from './errors.ts'

const MOST_PLACES = 8
/** Connections of a pool that are left to the follower and the streams of events. */
const OTHERS = 2

/** How many answers are made at once where the database has a pool of so many connections. */
export const placesFor = (pool: number): number => Math.max(1, Math.min(MOST_PLACES, pool - OTHERS))

interface Waiting { begin: () => void }

export class Desk {
  readonly #places: number
  /** by client; the one that is served next comes first */
  readonly #queues = new Map<string, Set<Waiting>>()
  #working = 0

  constructor(places = MOST_PLACES) {
    this.#places = places
  }

  /** Does some work when it is this client's turn. Rejects as the work does; with ApiError TIMED_OUT, the work undone, if `gone` fires before. */
  async run<T>(client: string, gone: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    if (this.#working < this.#places) this.#working++
    else await this.#turn(client, gone)
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #turn(client: string, gone: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const mine = this.#queues.get(client) ?? new Set()
    this.#queues.set(client, mine)
    const waiting: Waiting = { begin: resolve }
    const leave = (): void => {
      mine.delete(waiting)
      if (mine.size === 0 && this.#queues.get(client) === mine) this.#queues.delete(client)
      reject(new ApiError('TIMED_OUT', 'nobody waits for the answer any more'))
    }
    mine.add(waiting)
    gone.addEventListener('abort', leave, { once: true })
    if (gone.aborted) leave()
    await promise.finally(() => gone.removeEventListener('abort', leave))
  }

  /** The place goes to the next client's first, and that client to the end of the row. */
  #next(): void {
    const [first] = this.#queues
    if (first === undefined) {
      this.#working--
      return
    }
    const [client, mine] = first
    const [waiting] = mine
    mine.delete(waiting!)
    this.#queues.delete(client)
    if (mine.size > 0) this.#queues.set(client, mine)
    waiting!.begin()
  }
}
