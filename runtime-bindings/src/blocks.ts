import { distinctUntilChanged, map, Observable, ReplaySubject, share } from 'rxjs'
import type { Hash } from '@assay/protocol'
import type { Chain } from './chain.ts'
import { ChainError, ChainReplacedError, StoppedError } from './errors.ts'
import { createPulse } from './pulse.ts'

export interface BlockRef {
  readonly number: number
  readonly hash: Hash
}
export interface Header extends BlockRef {
  readonly parentHash: Hash
}

/** What a confirmed block stream says. */
export type BlockEvent<T> =
  | { readonly type: 'block'; readonly block: T }
  /** The chain left blocks `to + 1 … from` for others. `deep`: blocks that were already given are among them; take them back, the stream goes on at `to + 1`. */
  | { readonly type: 'reorg'; readonly from: number; readonly to: number; readonly deep: boolean }
  /** Said once for each reason, until blocks come again: no connection, no new best block (or one below what we have seen), or blocks that the node cannot give or we cannot read. */
  | { readonly type: 'stalled'; readonly reason: 'DISCONNECTED' | 'NO_BLOCKS' | 'UNREADABLE'; readonly best: number | null; readonly next: number; readonly detail: string }
  /** The endpoint serves another chain: it has none of the blocks we remember. The stream ends after this. */
  | { readonly type: 'replaced'; readonly expected: BlockRef; readonly found: Hash | null }

export interface BlockOptions {
  /** First block to give. */
  from: number
  /** A block is given when the best block is this many above it. */
  confirmations: number
  signal: AbortSignal
  /** Time without a new highest best block after which the stream says `stalled`; default 60 000. */
  stallMs?: number
  /** Blocks taken earlier, ascending, the last one `from - 1`: what the caller remembers from its last run, so that a chain that changed meanwhile is noticed. */
  known?: readonly BlockRef[]
  /** How many blocks are asked for at a time when catching up; default 8. */
  ahead?: number
}

interface RawHeader {
  number: string
  parentHash: Hash
}

const heads = new WeakMap<Chain, Observable<Header>>()

/** Best blocks as they come, each once in a row; after an outage the current one, not those between. One subscription per connection, shared. */
export function heads$(chain: Chain): Observable<Header> {
  let shared = heads.get(chain)
  if (!shared) {
    shared = chain.rpc.subscribe<RawHeader>('chain_subscribeNewHeads', 'chain_unsubscribeNewHeads').pipe(
      map((raw) => {
        const number = Number(raw.number)
        // The header's own hash, not the number's: the best block at that height may be another by the time we could ask. (Of block 0 only the node knows: development chains invent it.)
        const hash = number === 0 ? chain.genesisHash : chain.runtime.registry.createType('Header', raw).hash.toHex()
        return { number, hash, parentHash: raw.parentHash }
      }),
      distinctUntilChanged((a, b) => a.hash === b.hash && a.number === b.number),
      share({ connector: () => new ReplaySubject<Header>(1), resetOnRefCountZero: true, resetOnError: true, resetOnComplete: true }),
    )
    heads.set(chain, shared)
  }
  return shared
}

/** The best block, each new one once; survives outages; completes when `signal` aborts. */
export function best$(chain: Chain, signal: AbortSignal): Observable<BlockRef> {
  return new Observable<BlockRef>((observer) => {
    if (signal.aborted) return observer.complete()
    const stop = (): void => observer.complete()
    signal.addEventListener('abort', stop, { once: true })
    const inner = heads$(chain).subscribe({ next: ({ number, hash }) => observer.next({ number, hash }), error: (error: unknown) => observer.error(error), complete: () => observer.complete() })
    return () => {
      signal.removeEventListener('abort', stop)
      inner.unsubscribe()
    }
  })
}

/** The best block now, asked from the node. Throws what `rpc.request` throws. */
export async function bestBlock(chain: Chain): Promise<Header> {
  const raw = await chain.rpc.request<RawHeader>('chain_getHeader')
  const number = Number(raw.number)
  return { number, hash: number === 0 ? chain.genesisHash : chain.runtime.registry.createType('Header', raw).hash.toHex(), parentHash: raw.parentHash }
}

/** The header at a height of the node's best chain; null if it has none there. Throws a ChainError if the node answers with another height (it forgot that block). */
export async function headerAt(chain: Chain, number: number): Promise<Header | null> {
  const hash = await chain.rpc.request<Hash | null>('chain_getBlockHash', [number])
  if (hash === null) return null
  if (number === 0) return { number, hash, parentHash: hash }
  const raw = await chain.rpc.request<RawHeader>('chain_getHeader', [hash])
  if (Number(raw.number) !== number) {
    throw new ChainError('BLOCK_GONE', `${chain.endpoint} no longer has block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
  }
  return { number, hash, parentHash: raw.parentHash }
}

/**
 * Blocks from `from` on, `confirmations` deep, each once and in order, each the child of the one before; `load` makes of a header what the caller wants and is called for up to `ahead` blocks at
 * once. Outages are filled by number. The next block is asked for only when the last was taken (so a slow reader slows the stream, and memory stays flat). Returns when `signal` aborts.
 *
 *     for await (const event of blocks(chain, { from: 1, confirmations: 2, signal }, async (header) => header.hash)) …
 */
export async function* blocks<T>(chain: Chain, options: BlockOptions, load: (header: Header) => Promise<T>): AsyncGenerator<BlockEvent<T>, void, undefined> {
  const { from, confirmations, signal, stallMs = 60_000, known = [], ahead = 8 } = options
  const memory = new Memory(known)
  const window = new Map<number, Promise<{ header: Header; value: T } | null>>()
  let next = from
  let best: Header | undefined
  let seen: Header | undefined
  let recent = new Map<number, Hash>() // unconfirmed best blocks, to tell what a reorg took
  let highest = -1
  let progressAt = performance.now()
  let stalled: string | undefined // the reason that was said
  let trouble: string | undefined
  let failure: unknown
  let reconnected = false
  const pulse = createPulse()
  const progress = (): void => {
    progressAt = performance.now()
    stalled = undefined
  }
  const subscription = heads$(chain).subscribe({
    next: (head) => {
      best = head
      if (head.number > highest) {
        highest = head.number
        if (trouble === undefined) progress()
      }
      pulse.poke()
    },
    error: (error: unknown) => {
      failure = error
      pulse.poke()
    },
    complete: () => {
      failure = new StoppedError('The connection')
      pulse.poke()
    },
  })
  const connection = chain.connected$.subscribe(() => {
    reconnected = true // another node may answer now
    pulse.poke()
  })
  signal.addEventListener('abort', pulse.poke)

  const fetch = (number: number): Promise<{ header: Header; value: T } | null> => {
    const running = headerAt(chain, number).then(async (header) => header && { header, value: await load(header) })
    running.catch(() => {}) // looked at when its turn comes
    return running
  }

  // The last remembered block that the chain still has; undefined if it has none of them.
  const common = async (): Promise<BlockRef | undefined> => {
    const refs = memory.refs
    let low = 0
    let high = refs.length // all below `low` are on the chain, all from `high` on are not
    while (low < high) {
      const middle = (low + high) >> 1
      const ref = refs[middle]!
      if ((await chain.rpc.request<Hash | null>('chain_getBlockHash', [ref.number])) === ref.hash) low = middle + 1
      else high = middle
    }
    return refs[low - 1]
  }

  // Deep reorg, or another chain altogether. `head` is where the chain ends now: a chain that is merely behind us has lost nothing.
  const verify = async (head: Header): Promise<BlockEvent<T> | undefined> => {
    try {
      await chain.verifyGenesis()
    } catch (error) {
      if (!(error instanceof ChainReplacedError)) throw error
      return { type: 'replaced', expected: { number: 0, hash: chain.genesisHash }, found: null }
    }
    const anchor = memory.atOrBelow(head.number)
    if (!anchor) return undefined
    const found = await chain.rpc.request<Hash | null>('chain_getBlockHash', [anchor.number])
    if (found === anchor.hash || found === null) return undefined
    const last = await common()
    if (!last) return { type: 'replaced', expected: memory.refs[0]!, found }
    const gone = next - 1
    memory.cut(last.number)
    window.clear()
    next = Math.max(from, last.number + 1)
    return { type: 'reorg', from: gone, to: last.number, deep: true }
  }

  // What a new best block that is not simply the next one tells.
  const inspect = async (head: Header): Promise<BlockEvent<T>[]> => {
    const events: BlockEvent<T>[] = []
    if (seen && head.parentHash === seen.hash && !reconnected) {
      recent.set(head.number, head.hash)
    } else {
      const deep = await verify(head)
      reconnected = false
      if (deep) events.push(deep)
      const floor = next - 1
      const branch = new Map<number, Hash>([[head.number, head.hash]])
      let at = head
      let fork = floor
      let whole = head.number <= floor // the walk reached a block that both branches have
      // Down the new branch to where it meets the old; if that is far we are catching up, and there is nothing to compare.
      while (!whole && head.number - floor <= 2 * confirmations + 64) {
        if (recent.get(at.number) === at.hash) {
          fork = at.number
          whole = true
          break
        }
        branch.set(at.number, at.hash)
        whole = at.number - 1 <= floor
        if (whole) break
        const raw = await chain.rpc.request<RawHeader>('chain_getHeader', [at.parentHash])
        at = { number: Number(raw.number), hash: at.parentHash, parentHash: raw.parentHash }
      }
      if (whole && !deep && seen && seen.number > fork && branch.get(seen.number) !== seen.hash) events.push({ type: 'reorg', from: seen.number, to: fork, deep: false })
      recent = new Map([...[...recent].filter(([number]) => whole && number <= fork), ...branch])
    }
    if (events.length > 0) highest = head.number
    seen = head
    return events
  }

  try {
    if (memory.refs.length === 0) await unlessAborted(seed(chain, memory, from), signal).catch(() => {}) // without it a reorg to before `from` reads as another chain; no reason to fail
    while (!signal.aborted) {
      if (failure) throw failure
      try {
        if (best && best !== seen && best.hash !== seen?.hash) {
          const events = await unlessAborted(inspect(best), signal)
          for (const event of events) {
            yield event
            if (event.type === 'replaced') return
          }
          continue
        }
        const limit = (seen?.number ?? -1) - confirmations
        if (next <= limit) {
          for (let number = next; number <= Math.min(limit, next + ahead - 1); number++) if (!window.has(number)) window.set(number, fetch(number))
          const got = await unlessAborted(window.get(next)!, signal)
          window.delete(next)
          if (signal.aborted) return
          if (!got) throw new ChainError('BLOCK_GONE', `${chain.endpoint} has no block ${next} although its best is ${seen?.number}.`, 'Use another node.', { exit: 75 })
          const parent = memory.last
          if (parent && parent.number === next - 1 && got.header.parentHash !== parent.hash) {
            window.clear()
            seen = undefined // so that the head is looked at again, from the ground up
            const event = best && (await unlessAborted(verify(best), signal))
            if (!event) throw new ChainError('INCONSISTENT', `${chain.endpoint} says that the parent of block ${next} is ${got.header.parentHash}, and that ${parent.hash} is block ${parent.number}.`, 'Use another node.', { exit: 75 })
            yield event
            if (event.type === 'replaced') return
            continue
          }
          memory.add(got.header)
          recent.delete(next)
          next++
          trouble = undefined
          progress()
          yield { type: 'block', block: got.value }
          continue
        }
        trouble = undefined
      } catch (error) {
        if (signal.aborted) return
        window.clear()
        trouble = error instanceof Error ? error.message : String(error)
      }
      // Wait: for a head, the connection, or the time to say that we are stalled. Trouble is tried again at the next of these, at the latest after a second.
      const silence = performance.now() - progressAt
      const reason = !chain.rpc.connected ? 'DISCONNECTED' : trouble ? 'UNREADABLE' : 'NO_BLOCKS'
      if (silence >= stallMs && stalled !== reason) {
        stalled = reason
        yield { type: 'stalled', reason, best: best?.number ?? null, next, detail: trouble ?? (best ? `no block above ${highest}` : 'no block at all') }
        continue
      }
      await pulse.wait(Math.min(stalled ? 60_000 : stallMs - silence, trouble ? 1_000 : 60_000))
    }
  } finally {
    subscription.unsubscribe()
    connection.unsubscribe()
    signal.removeEventListener('abort', pulse.poke)
  }
}

/** The same as an Observable; it ends when `signal` aborts or the subscriber leaves. Readers that are slower than the chain should take the generator: an Observable cannot be held back. */
export function fromBlocks<T>(make: (signal: AbortSignal) => AsyncIterable<T>, signal: AbortSignal): Observable<T> {
  return new Observable<T>((observer) => {
    const left = new AbortController()
    void (async () => {
      for await (const event of make(AbortSignal.any([signal, left.signal]))) observer.next(event)
    })().then(
      () => observer.complete(),
      (error: unknown) => observer.error(error),
    )
    return () => left.abort()
  })
}

// The work, or a StoppedError as soon as `signal` aborts: a request may ride out an outage for long. (Not Promise.race: it would pile up on a promise that lives as long as the stream.)
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new StoppedError('The stream'))
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

// Hashes at growing distances below `from`: a chain that reorganised to before it is then told from another chain.
async function seed(chain: Chain, memory: Memory, from: number): Promise<void> {
  const numbers = [1024, 256, 64, 16, 4, 1].map((distance) => from - distance).filter((number) => number > 0)
  for (const number of numbers) {
    const hash = await chain.rpc.request<Hash | null>('chain_getBlockHash', [number])
    if (hash) memory.add({ number, hash })
  }
}

// Blocks given, newest last: the last 256 and then ever thinner, at most about 1,300 of them.
class Memory {
  refs: BlockRef[]

  constructor(known: readonly BlockRef[]) {
    this.refs = [...known]
  }

  get last(): BlockRef | undefined {
    return this.refs.at(-1)
  }

  add({ number, hash }: BlockRef): void {
    this.refs.push({ number, hash })
    if (this.refs.length > 1_300) {
      const old = this.refs.length - 256
      this.refs = this.refs.filter((_, i) => i >= old || i % 2 === 0)
    }
  }

  cut(number: number): void {
    this.refs = this.refs.filter((ref) => ref.number <= number)
  }

  atOrBelow(number: number): BlockRef | undefined {
    return this.refs.findLast((ref) => ref.number <= number)
  }
}
