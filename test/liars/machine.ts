// A machine that a test plays: the provider's own parts (channels, rounds, job), with the one thing changed that makes it a liar.
import { filter, firstValueFrom, map, mergeMap, type Observable, ReplaySubject, scan } from 'rxjs'
import { dialChannel } from '@assay/kit/channel'
import { silentLog } from '@assay/kit/log'
import { shareLatest } from '@assay/kit/streams'
import { type AccountId, applyBlock, commitmentDigest, decodeCommitmentBlob, emptyLedger, encodeCommitmentBlob, LANES, type MachineMessage, registeredCheckers, VERSIONS, wire, type WorkCommitment } from '@assay/protocol'
import { actorFacts } from '@assay/protocol/testing/actor-facts'
import type { ChainJob, Engine, StageOptions } from '@assay/provider/engines/engine'
import { type JobDeps, runJob } from '@assay/provider/job'
import { createLinks, type Links } from '@assay/provider/links'
import { providerMetrics } from '@assay/provider/metrics'
import { type ChainState, type Round, roundOf, rounds$ } from '@assay/provider/rounds'
import { ledgerBlocks$, nodeCrypto as crypto } from '@assay/runtime-bindings'
import type { Person } from '../people.ts'
import type { World } from '../world.ts'

/** What a machine does with one round; `runJob` is the honest one. */
export type Deed = (round: Round, deps: JobDeps, signal: AbortSignal) => Promise<unknown>
export type Say<T extends MachineMessage['tag']> = Extract<MachineMessage, { tag: T }>

export interface Played {
  /** What it said, or would have said had it been honest, from the beginning. */
  said$: Observable<MachineMessage>
  /** The commitment or openings blob of a round, as soon as it is made. */
  blob(tag: 'Commitment' | 'Openings', round: number): Promise<Uint8Array>
}

/** Connects a registered machine to all checkers and lets it do its deed in every round until the world ends. `now$` is its view of the chain. */
export function playMachine(world: World, who: Person, { engine, deed = runJob, now$ = world.now$ }: { engine: Engine; deed?: Deed; now$?: Observable<ChainState> }): Played {
  const { signal } = world
  const metrics = providerMetrics()
  const words = wire(world.parameters)
  const links = createLinks({
    network: world.network,
    checkers$: world.now$.pipe(map(({ ledger }) => registeredCheckers(ledger).map(({ account, identity }) => ({ account, peer: identity.peer, addresses: identity.addresses })))),
    lanes: LANES,
    laneMs: () => 10_000,
    dial: (target, address, protocol, left) => dialChannel({ key: who.peer, address, expect: target.peer, protocol, limits: { maxFrameBytes: words.maxFrameBytes }, timeoutMs: 5000, signal: left }),
    wire: () => words,
    versions: () => VERSIONS,
    round: () => roundOf(world.now),
    random: Math.random,
    log: silentLog,
    metrics,
    signal,
  })
  const said$ = new ReplaySubject<MachineMessage>()
  const deps: JobDeps = {
    crypto, engine, metrics,
    machine: who.account.id,
    sign: (message) => who.peer.sign(message),
    links: tampered(links, (_, message) => (said$.next(message), message)),
    signed: forgetful(),
    memory: async () => null,
    log2n: ({ log2n }) => log2n,
    segments: ({ memorySegments }) => memorySegments,
    describe: async () => actorFacts(who.account.address),
    now: () => performance.now(),
    random: Math.random,
    log: silentLog,
  }
  rounds$(now$, { crypto, machine: who.account.id })
    .pipe(mergeMap((round) => deed(round, deps, signal)))
    .subscribe({ error: (error: unknown) => void (signal.aborted || world.fail(error)) })
  return {
    said$,
    blob: async (tag, round) => {
      const message = await firstValueFrom(said$.pipe(filter((message) => message.tag === tag && message.value.round === round)))
      return (message as Say<typeof tag>).value.blob
    },
  }
}

/** Keeps nothing but a round's facts. */
function forgetful(): JobDeps['signed'] {
  const facts = new Map<number, Uint8Array>()
  return { commitment: async () => undefined, keep: async (_, blob) => blob, facts: async (round) => facts.get(round), keepFacts: async (round, bytes) => (facts.set(round, bytes), bytes) }
}

/** The chain as it is before anything is confirmed. */
export function unconfirmed$({ chain, network, parameters: { origin }, signal }: World): Observable<ChainState> {
  return ledgerBlocks$(chain, { from: origin, confirmations: 0, signal }).pipe(
    filter((event) => event.type === 'block'),
    scan((ledger, { block }) => applyBlock(crypto, ledger, block), emptyLedger(network)),
    map((ledger) => ({ ledger, best: ledger.head!.number })),
    shareLatest(),
  )
}

/** Links that change what is sent; null swallows a message, a promise delays it. */
export function tampered(links: Links, change: (checker: AccountId, message: MachineMessage) => MachineMessage | null | Promise<MachineMessage | null>): Links {
  return {
    ...links,
    send: async (checker, message) => {
      // A send never rejects: what waits for a block when the world ends is simply not sent.
      const changed = await (async () => change(checker, message))().catch(() => null)
      return changed === null || links.send(checker, changed)
    },
  }
}

/** The honest job with other links. */
export const withLinks =
  (change: (links: Links, round: Round) => Links): Deed =>
  (round, deps, signal) =>
    runJob(round, { ...deps, links: change(deps.links, round) }, signal)

/** The honest job with other words of one kind; null swallows them. */
export const saying = <T extends MachineMessage['tag']>(tag: T, change: (message: Say<T>, checker: AccountId, round: Round) => Say<T> | null | Promise<Say<T> | null>): Deed =>
  withLinks((links, round) => tampered(links, (checker, message) => (message.tag === tag ? change(message as Say<T>, checker, round) : message)))

/** The honest job with other blobs in place of its own. */
export const handing = (tag: 'Commitment' | 'Openings', change: (blob: Uint8Array, checker: AccountId, round: Round) => Uint8Array | Promise<Uint8Array>): Deed =>
  saying(tag, async (message, checker, round) => ({ ...message, value: { ...message.value, blob: await change(message.value.blob, checker, round) } }))

/** A clock in ms that stands still until the first such nonce is there: whatever is computed before is a head start. */
export function clockFrom({ messages$ }: Links, starts: (checker: AccountId, nonce: { round: number; signature: Uint8Array }) => boolean): () => number {
  let begun: number | undefined
  messages$.subscribe(({ checker, message }) => {
    if (message.tag === 'Nonce' && starts(checker, message.value)) begun ??= performance.now()
  })
  return () => (begun === undefined ? 0 : performance.now() - begun)
}

/** Honest but for one round. */
export const inRound =
  (number: number, deed: Deed): Deed =>
  (round, deps, signal) =>
    (round.round === number ? deed : runJob)(round, deps, signal)

/** A commitment blob changed and signed again. */
export function signedAnew(who: Person, blob: Uint8Array, change: (commitment: WorkCommitment) => Partial<WorkCommitment>): Uint8Array {
  const { commitment } = decodeCommitmentBlob(crypto, blob)
  const changed = { ...commitment, ...change(commitment) }
  return encodeCommitmentBlob(changed, who.peer.sign(commitmentDigest(crypto, changed)))
}

/** An engine that is given other jobs than those that were asked for. */
export function staging(engine: Engine, change: (job: StageOptions) => Promise<StageOptions>): Engine {
  return { name: engine.name, stage: async (job) => engine.stage(await change(job)), close: () => engine.close() }
}

/** One device: whoever uses it, it computes one step at a time and counts them. */
export function device(engine: Engine): Engine & { readonly steps: number } {
  let steps = 0
  let tail: Promise<unknown> = Promise.resolve()
  return {
    name: engine.name,
    get steps() {
      return steps
    },
    stage: async (options) => {
      const job = await engine.stage(options)
      return forward(job, (key) => {
        const turn = tail.then(() => job.step(key))
        tail = turn.then(() => steps++, () => {})
        return turn
      })
    },
    close: () => engine.close(),
  }
}

/** A chain job with another way to step. */
export function forward(job: ChainJob, step: ChainJob['step']): ChainJob {
  return {
    get steps() {
      return job.steps
    },
    step,
    open: (cells) => job.open(cells),
    close: () => job.close(),
  }
}
