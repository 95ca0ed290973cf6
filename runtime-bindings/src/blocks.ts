import { catchError, concat, defer, distinctUntilChanged, EMPTY, endWith, exhaustMap, filter, from, mergeMap, Observable, ReplaySubject, share, skip, takeUntil, throwError, timer } from 'rxjs'
import type { Hash } from '@assay/protocol'
import type { Chain } from './chain.ts'
import { ChainError, ChainReplacedError, RpcError, StoppedError } from './errors.ts'
import { headerHash, parseHeader } from './header.ts'
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

/** The same for a reader that takes many blocks at a time. */
export type RunEvent<T> =
  /** One or more confirmed blocks, ascending: as many as came together. */
  | { readonly type: 'blocks'; readonly blocks: readonly T[] }
  /** A best block that is not confirmed yet; given if `unconfirmed` is set, ascending, and each once until a `reorg` takes it back. It may be left out: what counts is that it comes confirmed. */
  | { readonly type: 'best'; readonly block: T }
  | Notice

type Notice = Exclude<BlockEvent<never>, { type: 'block' }>

/** What was made of a block, and how many bytes the node sent for it. */
export interface Loaded<T> {
  readonly value: T
  readonly bytes: number
}

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
  /** The most blocks that are asked for at a time when catching up; default 512. It begins with a few, doubles with each run that comes whole, and begins anew with one when the node fails. */
  ahead?: number
  /** The most bytes of answers that may wait to be taken, as far as the blocks before tell their size; default 16 MiB. */
  aheadBytes?: number
  /** Whether best blocks are given too, before they are confirmed; default false. */
  unconfirmed?: boolean
}

/** The most blocks of one `blocks` event. */
const LONGEST_RUN = 128
/** A best block is given unconfirmed if no more than this many confirmed ones are missing. */
const NEAR = 64

const heads = new WeakMap<Chain, Observable<Header>>()

/** Between two questions for the best block where the node does not tell it. */
const ASK_MS = 1_000

/** Best blocks as they come, each once in a row; after an outage the current one, not those between. A node that refuses to tell them is asked for them. One subscription per connection, shared. */
export function heads$(chain: Chain): Observable<Header> {
  let shared = heads.get(chain)
  if (!shared) {
    shared = told$(chain).pipe(
      distinctUntilChanged((a, b) => a.hash === b.hash && a.number === b.number),
      share({ connector: () => new ReplaySubject<Header>(1), resetOnRefCountZero: true, resetOnError: true, resetOnComplete: true }),
    )
    heads.set(chain, shared)
  }
  return shared
}

/** By subscription; where that is refused by asking, until another connection or endpoint may tell them. What is no header makes the endpoint distrusted. */
function told$(chain: Chain): Observable<Header> {
  return chain.rpc.subscribe<unknown>('chain_subscribeNewHeads', 'chain_unsubscribeNewHeads').pipe(
    mergeMap((raw) => {
      try {
        return [bestHeader(chain, raw)]
      } catch (error) {
        chain.rpc.distrust(error instanceof Error ? error.message : String(error))
        return []
      }
    }),
    catchError((error: unknown) => (error instanceof RpcError ? concat(asked$(chain), defer(() => told$(chain))) : throwError(() => error))),
  )
}

function asked$(chain: Chain): Observable<Header> {
  const another = chain.connected$.pipe(skip(1), filter((up) => up), endWith(true))
  // An answer that does not come is asked for again with the next; what it keeps from coming is for the reader to notice.
  return timer(0, ASK_MS).pipe(exhaustMap(() => from(bestBlock(chain)).pipe(catchError(() => EMPTY))), takeUntil(another))
}

// The header's own hash, not the number's: the best block at that height may be another by the time we could ask. (Of block 0 only the node knows: development chains invent it.)
function bestHeader(chain: Chain, given: unknown): Header {
  const raw = parseHeader(chain.endpoint, given)
  const number = Number(raw.number)
  return { number, hash: number === 0 ? chain.genesisHash : headerHash(raw), parentHash: raw.parentHash }
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

/** The best block now, asked from the node. Throws what `rpc.request` throws, and ChainError INCONSISTENT for an answer that is no header. */
export async function bestBlock(chain: Chain): Promise<Header> {
  return bestHeader(chain, await chain.rpc.request<unknown>('chain_getHeader'))
}

/**
 * The header at a height of the node's best chain; null if it has none there. Throws ChainError BLOCK_GONE if the node answers with another height (it forgot that block), INCONSISTENT if the
 * header is not the one of its hash.
 */
export async function headerAt(chain: Chain, number: number): Promise<Header | null> {
  const hash = await chain.rpc.request<Hash | null>('chain_getBlockHash', [number])
  return hash === null ? null : headerOf(chain, number, hash)
}

async function headerOf(chain: Chain, number: number, hash: Hash): Promise<Header> {
  return headersOf(chain, number, [hash])[0]!
}

/** Headers of blocks that follow one another, checked against their hashes. */
function headersOf(chain: Chain, first: number, hashes: readonly Hash[]): Promise<Header>[] {
  const raws = chain.rpc.requests<unknown>(hashes.map((hash) => ({ method: 'chain_getHeader', params: [hash] })))
  return hashes.map(async (hash, i) => {
    const number = first + i
    const given = await raws[i]
    const raw = given === null ? null : parseHeader(chain.endpoint, given)
    if (raw === null || Number(raw.number) !== number) {
      throw new ChainError('BLOCK_GONE', `${chain.endpoint} no longer has block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
    }
    if (number === 0) return { number, hash, parentHash: hash } // development chains invent its hash
    const found = headerHash(raw)
    if (found !== hash) throw new ChainError('INCONSISTENT', `${chain.endpoint} says that block ${number} is ${hash}, and gives a header that is ${found}.`, 'Use another node.', { exit: 75 })
    return { number, hash, parentHash: raw.parentHash }
  })
}

/** Headers of `count` heights from `from` on, up to the first that the node does not have. Throws what `headerAt` throws if it cannot give the first of them. */
async function headersFrom(chain: Chain, from: number, count: number): Promise<Header[]> {
  const numbers = Array.from({ length: count }, (_, i) => from + i)
  // A list of heights is one request; a node that takes none is asked for one after the other, as it fails.
  const hashes = count === 1 ? [await chain.rpc.request<Hash | null>('chain_getBlockHash', [from])] : await chain.rpc.request<(Hash | null)[]>('chain_getBlockHash', [numbers])
  const known = hashes.slice(0, count)
  const end = known.indexOf(null)
  return settledPrefix(headersOf(chain, from, known.slice(0, end < 0 ? count : end) as Hash[]))
}

/** What came of the promises before the first that failed. Throws that one's error if there is nothing before it. */
async function settledPrefix<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises)
  const failed = results.findIndex(({ status }) => status === 'rejected')
  if (failed === 0) throw (results[0] as PromiseRejectedResult).reason
  return results.slice(0, failed < 0 ? results.length : failed).map((result) => (result as PromiseFulfilledResult<T>).value)
}

/**
 * Blocks from `from` on, `confirmations` deep, each once and in order, each the child of the one before and with the hash of its own header; `load` makes of a header what the caller wants. Outages
 * are filled by number. The next block is asked for only when the last was taken (so a slow reader slows the stream, and memory stays flat). Returns when `signal` aborts.
 *
 *     for await (const event of blocks(chain, { from: 1, confirmations: 2, signal }, async (header) => header.hash)) …
 */
export async function* blocks<T>(chain: Chain, options: BlockOptions, load: (header: Header) => Promise<T>): AsyncGenerator<BlockEvent<T>, void, undefined> {
  yield* singly(blockRuns(chain, options, (headers) => headers.map(async (header) => ({ value: await load(header), bytes: 0 }))))
}

/** A stream of runs as one of blocks. */
export async function* singly<T>(runs: AsyncIterable<RunEvent<T>>): AsyncGenerator<BlockEvent<T>, void, undefined> {
  for await (const event of runs) {
    if (event.type === 'blocks') for (const block of event.blocks) yield { type: 'block', block }
    else if (event.type !== 'best') yield event
  }
}

interface Run<T> {
  from: number
  count: number
  got: Promise<{ header: Header; loaded: Loaded<T> }[]>
}

/**
 * The same in runs of blocks that came together, for a reader that can take many at a time: while it works on one run the next ones are asked for, as many requests over the one connection at
 * once as `ahead` and `aheadBytes` allow. `load` is given the headers of a run and answers one promise for each.
 */
export async function* blockRuns<T>(chain: Chain, options: BlockOptions, load: (headers: readonly Header[]) => readonly Promise<Loaded<T>>[]): AsyncGenerator<RunEvent<T>, void, undefined> {
  const { from, confirmations, signal, stallMs = 60_000, known = [], ahead = 512, aheadBytes = 16 * 1024 * 1024, unconfirmed = false } = options
  const memory = new Memory(known)
  let window: Run<T>[] = []
  let depth = Math.min(ahead, 8)
  let bytesABlock = 0
  let next = from
  let fresh: BlockRef[] = [] // best blocks to be given unconfirmed
  let best: Header | undefined
  let seen: Header | undefined
  let recent = new Map<number, Hash>() // unconfirmed best blocks, to tell what a reorg took
  let highest = -1
  let progressAt = performance.now()
  let stalled: string | undefined // the reason that was said
  let trustedAt = performance.now() // since when this connection has its chance
  let dropped = false // by us, and not made anew yet
  let trouble: string | undefined
  let failure: unknown
  let reconnected = false
  let turn = 0 // raised when work is given up
  const pulse = createPulse()
  const progress = (): void => {
    progressAt = performance.now()
    stalled = undefined
  }
  // What the chain is asked for, or a StoppedError as soon as `signal` aborts, or an error when the silence is long enough to be told: answers that come one by one, each just in time, would hide it.
  const soon = <T>(work: Promise<T>): Promise<T> => {
    const late = Math.max(Math.max(progressAt, trustedAt) + stallMs - performance.now(), Math.min(stallMs, 1_000))
    return unlessAborted(work, signal, late, () => {
      turn++
      return new ChainError('CHAIN_SLOW', `${chain.endpoint} took more than ${stallMs} ms to give block ${next}.`, 'Use another node.', { exit: 75 })
    })
  }
  // An answer to what is still waited for: work that was given up must change nothing any more.
  const still = async <T>(work: Promise<T>): Promise<T> => {
    const mine = turn
    const answer = await work
    if (mine !== turn) throw new StoppedError('The look at the chain')
    return answer
  }
  const subscription = heads$(chain).subscribe({
    next: (head) => {
      best = head
      if (head.number > highest) {
        // While confirmed blocks are due, only these are progress.
        if (trouble === undefined && next > highest - confirmations) progress()
        highest = head.number
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
  const connection = chain.connected$.subscribe((up) => {
    reconnected = true // another node may answer now
    trustedAt = performance.now()
    if (up) dropped = false
    pulse.poke()
  })
  signal.addEventListener('abort', pulse.poke)

  const fetch = (from: number, count: number): Run<T> => {
    const work = async () => {
      const headers = await headersFrom(chain, from, count)
      const loaded = await settledPrefix(load(headers))
      return loaded.map((loaded, i) => ({ header: headers[i]!, loaded }))
    }
    const run: Run<T> = { from, count, got: work() }
    run.got.catch(() => {}) // a failure is looked at when its turn comes
    return run
  }

  // Asks for what may be under way at a time, in four runs, so that there is always one at hand and one being made.
  const fill = (limit: number): void => {
    const allowed = Math.max(1, Math.min(depth, bytesABlock > 0 ? Math.floor(aheadBytes / bytesABlock) : depth))
    const longest = Math.min(LONGEST_RUN, Math.ceil(allowed / 4))
    let asked = window.reduce((sum, { count }) => sum + count, 0)
    for (let at = next + asked; at <= limit; ) {
      const count = Math.min(longest, limit - at + 1)
      // Not less than a run, or the short ones of the beginning would come back for ever, each in the room that the one before left.
      if (asked > 0 && asked + count > allowed) break
      window.push(fetch(at, count))
      at += count
      asked += count
    }
  }

  // The blocks of a run as far as each is the child of the one before.
  const linked = (got: Awaited<Run<T>['got']>): typeof got => {
    const parent = memory.last?.number === next - 1 ? memory.last.hash : undefined
    const broken = got.findIndex(({ header }, i) => (i === 0 ? parent !== undefined && header.parentHash !== parent : header.parentHash !== got[i - 1]!.header.hash))
    return broken < 0 ? got : got.slice(0, broken)
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

  // An unconfirmed block may be gone when we ask for it; then another takes its place.
  const loadEarly = async ({ number, hash }: BlockRef): Promise<T | null> => {
    try {
      const [loaded] = load([await headerOf(chain, number, hash)])
      return (await loaded!).value
    } catch (error) {
      if (error instanceof ChainError) return null
      throw error
    }
  }

  // That a block we hold is gone ends what rests on it: one endpoint's word does not do where as many others have the block.
  const believe = async (claim: BlockRef, found: Hash): Promise<void> => {
    const others = await chain.rpc.elsewhere<Hash | null>('chain_getBlockHash', [claim.number])
    const have = others.filter((hash) => hash === claim.hash).length
    const lack = others.filter((hash) => hash !== claim.hash && hash !== null).length
    if (have > lack) throw new ChainError('INCONSISTENT', `${chain.endpoint} says that block ${claim.number} is ${found}, and ${have} of ${others.length} other endpoints say that it is ${claim.hash}.`, 'Find out which of them are right, and use these.', { exit: 75 })
  }

  // Deep reorg, or another chain altogether. `head` is where the chain ends now: a chain that is merely behind us has lost nothing.
  const verify = async (head: Header): Promise<Notice | undefined> => {
    try {
      await still(chain.verifyGenesis())
    } catch (error) {
      if (!(error instanceof ChainReplacedError)) throw error
      await still(believe({ number: 0, hash: chain.genesisHash }, error.found))
      return { type: 'replaced', expected: { number: 0, hash: chain.genesisHash }, found: null }
    }
    const anchor = memory.atOrBelow(head.number)
    if (!anchor) return undefined
    const found = await still(chain.rpc.request<Hash | null>('chain_getBlockHash', [anchor.number]))
    if (found === anchor.hash || found === null) return undefined
    await still(believe(anchor, found))
    const last = await still(common())
    if (!last) return { type: 'replaced', expected: memory.refs[0]!, found }
    const gone = next - 1
    memory.cut(last.number)
    window = []
    next = Math.max(from, last.number + 1)
    return { type: 'reorg', from: gone, to: last.number, deep: true }
  }

  // What a new best block that is not simply the next one tells.
  const inspect = async (head: Header): Promise<Notice[]> => {
    const events: Notice[] = []
    if (seen && head.parentHash === seen.hash && !reconnected) {
      recent.set(head.number, head.hash)
      fresh.push(head)
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
        at = await still(headerOf(chain, at.number - 1, at.parentHash))
      }
      if (whole && !deep && seen && seen.number > fork && branch.get(seen.number) !== seen.hash) events.push({ type: 'reorg', from: seen.number, to: fork, deep: false })
      recent = new Map([...[...recent].filter(([number]) => whole && number <= fork), ...branch])
      // All above the fork and the confirmed blocks, also what was given before an outage that we slept through.
      fresh = whole ? [...branch].filter(([number]) => number > fork).map(([number, hash]) => ({ number, hash })).toSorted((a, b) => a.number - b.number) : []
    }
    if (events.length > 0) highest = head.number
    seen = head
    return events
  }

  try {
    if (memory.refs.length === 0) for (const ref of await soon(seed(chain, from)).catch(() => [])) memory.add(ref) // without it a reorg to before `from` reads as another chain; no reason to fail
    while (!signal.aborted) {
      if (failure) throw failure
      try {
        if (best && best !== seen && best.hash !== seen?.hash) {
          for (const event of await soon(inspect(best))) {
            yield event
            if (event.type === 'replaced') return
          }
          // On to the blocks, also if there is a newer head already: who tells heads without end keeps us from nothing.
        }
        const limit = (seen?.number ?? -1) - confirmations
        if (next <= limit) {
          fill(limit)
          const run = window.shift()!
          const got = await soon(run.got)
          if (signal.aborted) return
          if (got.length === 0) throw new ChainError('BLOCK_GONE', `${chain.endpoint} has no block ${next} although its best is ${seen?.number}.`, 'Use another node.', { exit: 75 })
          const taken = linked(got)
          if (taken.length === 0) {
            window = []
            seen = undefined // so that the head is looked at again, from the ground up
            const event = best && (await soon(verify(best)))
            if (!event) {
              const { parentHash } = got[0]!.header
              throw new ChainError('INCONSISTENT', `${chain.endpoint} says that the parent of block ${next} is ${parentHash}, and that ${memory.last?.hash} is block ${next - 1}.`, 'Use another node.', { exit: 75 })
            }
            yield event
            if (event.type === 'replaced') return
            continue
          }
          if (taken.length < run.count) window = [] // what stands on the rest is asked for again
          else depth = Math.min(ahead, depth * 2) // also for a slow reader, who is the one that long runs help
          for (const { header } of taken) {
            memory.add(header)
            recent.delete(header.number)
          }
          next += taken.length
          bytesABlock = Math.max(taken.reduce((sum, { loaded }) => sum + loaded.bytes, 0) / taken.length, bytesABlock * 0.9)
          trouble = undefined
          progress()
          yield { type: 'blocks', blocks: taken.map(({ loaded }) => loaded.value) }
          continue
        }
        const early = fresh.shift()
        if (early !== undefined) {
          if (!unconfirmed || early.number < next || early.number - next > confirmations + NEAR) continue
          const block = await soon(loadEarly(early))
          if (block !== null) yield { type: 'best', block }
          continue
        }
        trouble = undefined
      } catch (error) {
        if (signal.aborted) return
        window = []
        depth = 1
        trouble = error instanceof Error ? error.message : String(error)
        if (error instanceof ChainError && error.code === 'INCONSISTENT') chain.rpc.distrust(trouble)
      }
      // Wait: for a head, the connection, or the time to say that we are stalled. Trouble is tried again at the next of these, at the latest after a second.
      const silence = performance.now() - progressAt
      const reason = !chain.rpc.connected && !dropped ? 'DISCONNECTED' : trouble ? 'UNREADABLE' : 'NO_BLOCKS'
      const detail = reason === 'DISCONNECTED' ? `${chain.endpoint}: ${chain.rpc.problem}` : trouble ?? (best ? `no block above ${highest}` : 'no block at all')
      const patience = stallMs - (performance.now() - trustedAt)
      if (silence >= stallMs && reason !== 'DISCONNECTED' && patience <= 0) {
        trustedAt = performance.now()
        dropped = true
        chain.rpc.distrust(detail) // another endpoint, or another connection, may do better
      }
      if (silence >= stallMs && stalled !== reason) {
        stalled = reason
        yield { type: 'stalled', reason, best: best?.number ?? null, next, detail }
        continue
      }
      const again = silence < stallMs ? stallMs - silence : patience > 0 ? patience : stallMs
      await pulse.wait(Math.min(again, trouble ? 1_000 : 60_000))
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

// The work, or a StoppedError as soon as `signal` aborts, or what `late` makes after so many ms: a request may ride out an outage for long. (Not Promise.race: it would pile up on a promise that
// lives as long as the stream.)
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new StoppedError('The stream'))
    const timer = setTimeout(() => reject(late()), ms)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    })
  })
}

// Hashes at growing distances below `from`: a chain that reorganised to before it is then told from another chain.
async function seed(chain: Chain, from: number): Promise<BlockRef[]> {
  const numbers = [1024, 256, 64, 16, 4, 1].map((distance) => from - distance).filter((number) => number > 0)
  const refs: BlockRef[] = []
  for (const number of numbers) {
    const hash = await chain.rpc.request<Hash | null>('chain_getBlockHash', [number])
    if (hash) refs.push({ number, hash })
  }
  return refs
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
