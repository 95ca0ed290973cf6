// One round's job, in the order in which it happens: wait for a nonce, multiply for a fixed time while checkers watch, sign, hand in, open what the coins ask.
import { setMaxListeners } from 'node:events'
import type { Observable } from 'rxjs'
import { Subject, filter, firstValueFrom, merge, takeUntil, timer } from 'rxjs'
import type { Log } from '@assay/kit/log'
import { fromAbort } from '@assay/kit/streams'
import { blobId, chainSeed, commitmentDigest, decodeCommitmentBlob, encodeCommitmentBlob, encodeOpeningsBlob, factsId, firstKey, fromHex, nonceMessage, nonceOf, stepKey, toHex } from '@assay/protocol'
import type { AccountId, Crypto, Fold, Hash, MachineMessage, NoncesByStep, NotRunReason, WorkCommitment } from '@assay/protocol'
import { stepMany } from './engines/engine.ts'
import type { Links } from './links.ts'
import type { ProviderMetrics } from './metrics.ts'
import type { Round, RoundView } from './rounds.ts'
import type { SignedRounds } from './signed.ts'
import { sizeOf, stageWork, type Work, type WorkDeps, type WorkSize } from './work.ts'

export interface JobDeps extends WorkDeps {
  /** what the machine shows of itself in a round: encoded facts, at most `FACTS_BYTES`; when the signal fires it gives what it has */
  describe(beacon: Hash, signal: AbortSignal): Promise<Uint8Array>
  machine: AccountId
  /** the machine's peer key: 64-byte ed25519 signatures */
  sign(message: Uint8Array): Uint8Array
  links: Links
  signed: Pick<SignedRounds, 'commitment' | 'keep' | 'facts' | 'keepFacts'>
  /** ms of a monotonic clock */
  now(): number
  /** in [0, 1), spreads the openings of a fleet */
  random(): number
  log: Log
  metrics: Pick<ProviderMetrics, 'steps' | 'jobSeconds' | 'openSeconds' | 'receipts' | 'refusedMessages'>
}

/** How a round ended for this machine. `steps` and `folds` are those of the commitment. */
export interface JobResult {
  round: number
  result: 'COMMITTED' | 'RESUMED' | 'STOPPED' | NotRunReason
  committee: number
  steps: number
  folds: number
  /** checkers that acknowledged the commitment */
  handedIn: number
  /** `NOT_ASKED` by the coins, `FAILED` by us, or how many checkers acknowledged the openings */
  opened: number | 'NOT_ASKED' | 'NOT_DUE' | 'FAILED'
  /** from the first nonce to the signed commitment, and from known coins to signed openings, ms; null where there was none */
  jobMs: number | null
  openMs: number | null
}

/** A chain as committed, and the means to open it. */
interface Committed { blob: Uint8Array, id: Hash, commitment: WorkCommitment, chain: Work | undefined, resumed: boolean }

/** Works one round. Expected trouble is in the result; throws only what the disk throws before anything was sent. Leaves no engine job behind. */
export async function runJob({ round, view$ }: Round, deps: JobDeps, signal: AbortSignal): Promise<JobResult> {
  const { log } = deps
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  setMaxListeners(0, either)
  const job = new Job(round, view$, deps, either)
  const result: JobResult = { round, result: 'STOPPED', committee: job.committee.length, steps: 0, folds: 0, handedIn: 0, opened: 'NOT_DUE', jobMs: null, openMs: null }
  try {
    const work = await job.commit()
    if (typeof work === 'string') return { ...result, result: work }
    Object.assign(result, { result: work.resumed ? 'RESUMED' : 'COMMITTED', steps: work.commitment.roots.length, folds: work.commitment.folds.length })
    const [handedIn, opened] = await Promise.all([job.handIn(work), job.open(work)])
    return { ...result, handedIn, opened, jobMs: job.jobMs, openMs: job.openMs }
  } catch (error) {
    if (signal.aborted) return result
    log.error('round failed', { round, error })
    throw error
  } finally {
    ended.abort()
    await job.close()
  }
}

/** A segment of steps between which nothing is folded and nothing told takes at most this long, ms. */
const SEGMENT_MS = 250

class Job {
  jobMs: number | null = null
  openMs: number | null = null
  readonly committee: readonly AccountId[]
  readonly #round: number
  readonly #deps: JobDeps
  readonly #signal: AbortSignal
  readonly #first: RoundView
  #view: RoundView
  #over = false
  readonly #moved$ = new Subject<void>()
  readonly #nonces = new Map<AccountId, { signature: Uint8Array, at: number }>()
  readonly #receipts = new Map<Hash, Set<AccountId>>()
  readonly #chains = new Set<Work>()
  readonly #closing: Promise<void>[] = []
  /** when the round came, ms */
  readonly #startedAt: number

  constructor(round: number, view$: Observable<RoundView>, deps: JobDeps, signal: AbortSignal) {
    this.#round = round
    this.#deps = deps
    this.#signal = signal
    let view: RoundView | undefined
    view$.pipe(takeUntil(fromAbort(signal))).subscribe({
      next: (next) => {
        view = this.#view = next
        this.#moved$.next()
      },
      complete: () => {
        this.#over = true
        this.#moved$.next()
      },
    })
    if (!view) throw new Error('a round begins with a view')
    this.#first = this.#view = view
    this.#startedAt = deps.now()
    this.committee = view.facts.committee(deps.machine)
    // From the beacon on: a checker that is a block ahead of us sends its nonce before we know the seed.
    deps.links.messages$.pipe(takeUntil(fromAbort(signal))).subscribe(({ checker, message }) => {
      if (message.value.round !== round || !this.committee.includes(checker)) return
      if (message.tag === 'Nonce') this.#takeNonce(checker, message.value.signature)
      else this.#takeReceipt(checker, message.value.id)
    })
  }

  /** Everything until the signed commitment is on disk; or why there is none. */
  async commit(): Promise<Committed | NotRunReason> {
    const { crypto, signed, machine } = this.#deps
    const kept = await signed.commitment(this.#round)
    if (kept) return { blob: kept, ...decodeCommitmentBlob(crypto, kept), chain: undefined, resumed: true }

    const { schedule } = this.#first.facts
    const factsKept = this.#describe()
    factsKept.catch(() => {})
    const size = await sizeOf(this.#deps, this.#first.facts)
    if (typeof size === 'string') return this.#notRun(size)
    const seedKnown = this.#until(() => this.#seed() !== null || this.#view.best > schedule.commitmentBy).then(() => this.#seed() ?? new Uint8Array(32))
    // Memory is filled before the seed is known. What is not ready when nobody takes a commitment any more is given up.
    const late = new AbortController()
    const staging = this.#stage(size, seedKnown, AbortSignal.any([this.#signal, late.signal]))
    let staged = false
    staging.then(() => (staged = true), () => {})
    this.#until(() => this.#view.best > schedule.commitmentBy).then(() => void (staged || late.abort()), () => {})
    await seedKnown
    const seed = this.#seed()
    if (seed === null || this.#view.best > schedule.commitmentBy) return this.#notRun('CHAIN_BEHIND')
    let chain: Work
    try {
      chain = await staging
    } catch (error) {
      return late.signal.aborted && !this.#signal.aborted ? this.#notRun('TIMED_OUT') : this.#engineFailed(error)
    }
    // The chain may start with the first nonce, and not before a block at which somebody may fire: a head start helps nobody but whoever lies about it.
    await this.#until(() => (this.#nonces.size > 0 && this.#view.best >= schedule.fire - 1) || this.#view.best > schedule.commitmentBy)
    if (this.#nonces.size === 0 || this.#view.best > schedule.commitmentBy) return this.#notRun('NO_NONCE')

    const startedAt = this.#deps.now()
    let work: { folds: Fold[], roots: Uint8Array[] }
    try {
      work = await this.#work(seed, chain, startedAt)
    } catch (error) {
      return this.#engineFailed(error)
    }
    // Nobody takes a commitment any more: what is not signed cannot be used against us either.
    if (this.#view.best > schedule.commitmentBy) return this.#notRun('TIMED_OUT')
    // A reorg deeper than the confirmations changed the ground under the job: what is signed now would be judged by another seed.
    const { beacon } = this.#view.facts
    if (beacon !== this.#first.facts.beacon || toHex(this.#seed() ?? new Uint8Array()) !== toHex(seed)) return this.#notRun('CHAIN_BEHIND')

    const commitment: WorkCommitment = { network: this.#first.facts.network, round: this.#round, machine, log2n: chain.log2n, facts: factsId(crypto, await factsKept), fill: chain.fill, ...work }
    const blob = encodeCommitmentBlob(commitment, this.#deps.sign(commitmentDigest(crypto, commitment)))
    const counts = await signed.keep(this.#round, blob)
    this.jobMs = Math.round(this.#deps.now() - startedAt)
    this.#deps.metrics.jobSeconds.observe(this.jobMs / 1000)
    this.#deps.metrics.steps.inc(work.roots.length)
    const mine = counts === blob
    return { blob: counts, ...decodeCommitmentBlob(crypto, counts), chain: mine ? chain : undefined, resumed: !mine }
  }

  /** Gives the commitment to every member of the committee until all have it or nobody takes it any more; returns how many acknowledged. */
  handIn({ blob, id }: Committed): Promise<number> {
    return this.#deliver({ tag: 'Commitment', value: { round: this.#round, blob } }, id, 'commitment', this.#first.facts.schedule.commitmentBy)
  }

  /** Opens what the coins ask and pushes it until all have it or packages are due. */
  async open(work: Committed): Promise<JobResult['opened']> {
    const { crypto, machine, now, metrics, log } = this.#deps
    const { schedule, network } = this.#first.facts
    // After a restart the chain is computed again at once, while there is time, not when the coins fall.
    const again = work.chain ? undefined : this.#prove(work)
    again?.catch(() => {})
    await this.#until(() => this.#view.facts.openRandomness !== null || this.#view.best > schedule.packageBy)
    const coins = this.#view.facts.coins(machine, work.id)
    if (coins === null) return 'NOT_DUE'
    if (this.#view.facts.mustOpen(machine) === false) return 'NOT_ASKED'
    const knownAt = now()
    const turn = this.#turnToOpen()
    const facts = await this.#deps.signed.facts(this.#round)
    if (facts === undefined || factsId(crypto, facts) !== work.commitment.facts) {
      log.error('facts lost', { round: this.#round })
      return 'FAILED'
    }
    let openings: Uint8Array
    try {
      const steps = work.commitment.roots.length
      // A chain whose threads died since then is computed again.
      openings = await (work.chain ?? (await again!)).open(coins, steps).catch(async (error: unknown) => {
        if (this.#signal.aborted) throw error
        log.warn('work computed again', { round: this.#round, error })
        return (await this.#prove(work)).open(coins, steps)
      })
    } catch (error) {
      if (this.#signal.aborted) throw error
      log.error('openings failed', { round: this.#round, error })
      return 'FAILED'
    }
    // At once: a checker that acknowledges nothing must not keep the next round from memory.
    void this.close()
    const blob = encodeOpeningsBlob(crypto, { network, round: this.#round, machine, commitment: work.id, facts, openings }, (digest) => this.#deps.sign(digest))
    this.openMs = Math.round(now() - knownAt)
    metrics.openSeconds.observe(this.openMs / 1000)
    await turn
    return this.#deliver({ tag: 'Openings', value: { round: this.#round, blob } }, blobId(crypto, blob), 'openings', schedule.packageBy)
  }

  /**
   * A moment by chance in the first half of the blocks that are left for openings: coins are known to all machines at once, and a checker that has thousands would get all of theirs at once. How long a
   * block takes is what this round has shown so far; a machine that just came back does not wait.
   */
  async #turnToOpen(): Promise<void> {
    const { now, random } = this.#deps
    const { best } = this.#view
    const blocks = Math.floor((this.#first.facts.schedule.packageBy - best - 1) / 2)
    const passed = best - this.#first.best
    if (blocks <= 0 || passed <= 0) return
    const waitMs = (random() * blocks * (now() - this.#startedAt)) / passed
    if (waitMs >= 1) await firstValueFrom(merge(timer(waitMs), this.#moved$.pipe(filter(() => this.#over || this.#view.best >= best + blocks)), fromAbort(this.#signal)))
  }

  /** Gives all chains back; resolves when the engines have them. */
  async close(): Promise<void> {
    for (const chain of this.#chains) this.#closing.push(chain.close().catch(() => {}))
    this.#chains.clear()
    await Promise.all(this.#closing)
  }

  /**
   * Steps until W after the last fold, the last step, or the last block in which the result is worth anything. An engine that is quicker with
   * many steps at once gets segments of them; a nonce that arrives meanwhile is folded at the segment's end, so a segment is a small part of W.
   */
  async #work(seed: Uint8Array, chain: Work, startedAt: number): Promise<{ folds: Fold[], roots: Uint8Array[] }> {
    const { crypto, now } = this.#deps
    const { parameters: { windowMs, maxSteps }, schedule } = this.#first.facts
    const folds: Fold[] = []
    const roots: Uint8Array[] = []
    let endAt = startedAt + windowMs
    let toldAt = startedAt
    const fold = (step: number): Uint8Array[] => {
      const fresh = [...this.#nonces].filter(([checker, { at }]) => at <= startedAt + windowMs / 4 && !folds.some((one) => one.checker === checker)).sort(([a], [b]) => (a < b ? -1 : 1))
      for (const [checker, { signature }] of fresh) folds.push({ checker, signature, step })
      if (fresh.length > 0) endAt = now() + windowMs
      return fresh.map(([, { signature }]) => nonceOf(crypto, signature))
    }
    const segmentMs = Math.min(SEGMENT_MS, windowMs / 64)
    let key = firstKey(crypto, chainSeed(crypto, seed, chain.fill), fold(0))
    let count = 1
    for (;;) {
      const beganAt = now()
      const segment = await stepMany(crypto, chain, key, count)
      for (const before of segment.slice(0, -1)) key = stepKey(crypto, key, before, [])
      const root = segment.at(-1)!
      roots.push(...segment)
      const last = roots.length >= maxSteps || now() >= endAt || this.#view.best >= schedule.commitmentBy || this.#signal.aborted
      // Nothing is folded at the last step: no step would show it.
      const folded = last ? [] : fold(roots.length)
      key = stepKey(crypto, key, root, folded)
      // The first step after a nonce is told at once: what it takes beyond the round trip and one step is what a relay adds.
      if (last || folded.length > 0 || roots.length === 1 || now() - toldAt >= windowMs / 16) {
        toldAt = now()
        const progress: MachineMessage = { tag: 'Progress', value: { round: this.#round, step: roots.length, key: toHex(key) } }
        for (const { checker } of folds) void this.#deps.links.send(checker, progress)
      }
      this.#signal.throwIfAborted()
      if (last) return { folds, roots }
      if (chain.stepMany) {
        // At most twice as many as the time before: one quick step promises nothing.
        const stepMs = (now() - beganAt) / count
        count = Math.max(1, Math.min(2 * count, Math.floor(Math.min(segmentMs, endAt - now()) / stepMs), maxSteps - roots.length))
      }
    }
  }

  /** Computes a committed chain again. Throws if it does not come out the same, which is a fault of the engine or of the memory. */
  async #prove({ commitment }: Committed): Promise<Work> {
    const { crypto } = this.#deps
    await this.#until(() => this.#seed() !== null || this.#over)
    const seed = this.#seed()
    if (seed === null) throw new Error('the seed of the round is not known')
    const chain = await this.#stage({ log2n: commitment.log2n, segments: commitment.fill.length }, Promise.resolve(seed))
    if (chain.fill.some((root, i) => toHex(root) !== toHex(commitment.fill[i]!))) throw new Error('the memory does not come out as committed')
    const nonces = noncesByStep(crypto, commitment.folds)
    const { roots } = commitment
    let key = firstKey(crypto, chainSeed(crypto, seed, chain.fill), nonces.get(0) ?? [])
    // From fold to fold, for between them no engine needs us.
    const stops = [...nonces.keys(), roots.length].filter((step) => step > 0).sort((a, b) => a - b)
    for (let done = 0; done < roots.length; ) {
      const stop = stops.find((step) => step > done)!
      for (const root of await stepMany(crypto, chain, key, stop - done)) {
        if (toHex(root) !== toHex(roots[done]!)) throw new Error(`step ${done + 1} does not come out as committed`)
        key = stepKey(crypto, key, root, nonces.get(++done) ?? [])
      }
    }
    return chain
  }

  /** The facts of this round, on disk; they are gathered before anybody may fire, so that they take nothing from the job. */
  async #describe(): Promise<Uint8Array> {
    const { describe, signed } = this.#deps
    const enough = new AbortController()
    const { beacon, schedule } = this.#first.facts
    this.#until(() => this.#view.best >= schedule.fire - 1).then(() => enough.abort(), () => enough.abort())
    return signed.keepFacts(this.#round, await describe(beacon!, enough.signal))
  }

  async #stage(size: WorkSize, seed: Promise<Uint8Array>, signal = this.#signal): Promise<Work> {
    const chain = await stageWork(this.#deps, { facts: this.#first.facts, machine: this.#deps.machine, size, seed, signal })
    this.#chains.add(chain)
    return chain
  }

  /** Sends to each member now, and again whenever it comes back, until it acknowledges or `lastBlock` is past. */
  async #deliver(message: MachineMessage, id: Hash, blob: 'commitment' | 'openings', lastBlock: number): Promise<number> {
    const { links, metrics } = this.#deps
    const receipts = this.#receipts.get(id) ?? new Set<AccountId>()
    this.#receipts.set(id, receipts)
    const done = new AbortController()
    const send = (checker: AccountId): void => void (receipts.has(checker) || links.send(checker, message))
    links.opened$.pipe(takeUntil(merge(fromAbort(this.#signal), fromAbort(done.signal)))).subscribe((checker) => void (this.committee.includes(checker) && send(checker)))
    for (const checker of this.committee) send(checker)
    await this.#until(() => receipts.size === this.committee.length || this.#view.best > lastBlock)
    done.abort()
    metrics.receipts.inc({ blob }, receipts.size)
    return receipts.size
  }

  #takeNonce(checker: AccountId, signature: Uint8Array): void {
    const { crypto, machine, now, metrics } = this.#deps
    const { facts } = this.#first
    if (this.#nonces.has(checker)) return
    const peer = facts.checkers.find(({ account }) => account === checker)!.identity.peer
    if (!crypto.ed25519Verify(signature, nonceMessage(facts.network, this.#round, facts.beacon!, machine, checker), fromHex(peer))) {
      metrics.refusedMessages.inc({ reason: 'BAD_NONCE' })
      return
    }
    this.#nonces.set(checker, { signature, at: now() })
    this.#moved$.next()
  }

  #takeReceipt(checker: AccountId, id: Hash): void {
    // Only of what was sent: a made-up id must not take memory.
    const receipts = this.#receipts.get(id)
    if (receipts === undefined) return
    if (!receipts.has(checker)) this.#deps.log.debug('receipt taken', { round: this.#round, checker, hash: id })
    receipts.add(checker)
    this.#moved$.next()
  }

  #seed(): Uint8Array | null {
    return this.#view.facts.seedOf(this.#deps.machine)
  }

  #notRun(reason: NotRunReason): NotRunReason {
    for (const checker of this.committee) void this.#deps.links.send(checker, { tag: 'NotRun', value: { round: this.#round, reason } })
    return reason
  }

  #engineFailed(error: unknown): NotRunReason {
    if (this.#signal.aborted) throw error
    this.#deps.log.error('engine failed', { round: this.#round, error })
    return this.#notRun('ENGINE_FAILED')
  }

  /** Resolves when the condition holds or the round is over; rejects when the signal fires. */
  async #until(condition: () => boolean): Promise<void> {
    if (!this.#over && !condition()) {
      await firstValueFrom(merge(this.#moved$, fromAbort(this.#signal)).pipe(filter(() => this.#signal.aborted || this.#over || condition())))
    }
    this.#signal.throwIfAborted()
  }
}

function noncesByStep(crypto: Crypto, folds: readonly Fold[]): NoncesByStep {
  const nonces = new Map<number, Uint8Array[]>()
  for (const { step, signature } of folds) nonces.set(step, [...(nonces.get(step) ?? []), nonceOf(crypto, signature)])
  return nonces
}
