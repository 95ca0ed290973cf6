import { BehaviorSubject, Subject } from 'rxjs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { createLog, silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { blobId, chainKeys, chainSeed, decodeCommitmentBlob, decodeOpeningsBlob, devnetParameters, fromHex, MemoryProver, nonceMessage, nonceOf, openingsDigest, commitmentDigest, schedule, toHex, verifyMemory, verifyOpenings } from '@assay/protocol'
import type { AccountId, Hash, MachineMessage, Parameters, RoundFacts } from '@assay/protocol'
import { actorFacts } from '@assay/protocol/testing/actor-facts'
import { cryptoReady, nodeCrypto as crypto, peerKey } from '@assay/runtime-bindings'
import { EngineError, stepMany } from './engines/engine.ts'
import type { ChainJob, Engine } from './engines/engine.ts'
import { createReferenceEngine } from './engines/reference.ts'
import { runJob } from './job.ts'
import type { JobDeps, JobResult } from './job.ts'
import type { Links, RoundMessage } from './links.ts'
import type { MemoryEngine } from './memory/engine.ts'
import { providerMetrics } from './metrics.ts'
import type { RoundView } from './rounds.ts'

vi.setConfig({ testTimeout: 15_000 })
beforeAll(cryptoReady)

const id = (n: number): Hash => `0x${n.toString(16).padStart(2, '0').repeat(32)}`
const network = id(0xaa)
const machine = id(0x11)
const machineKey = peerKey(new Uint8Array(32).fill(1))
const checkers = [2, 3, 4].map((n) => ({ account: id(n), key: peerKey(new Uint8Array(32).fill(n)) }))
const [a, b, c] = checkers.map(({ account }) => account) as [AccountId, AccountId, AccountId]
const parameters: Parameters = { ...devnetParameters(0, 10), log2n: 6, windowMs: 160, samples: 8, maxSteps: 100 }
const round = 5
const at = schedule(parameters, round)
const STEP_MS = 10

/** A job in a world that the test moves: blocks, a clock that each step advances by 10 ms, checkers that do what they are told. */
function world(options: { parameters?: Partial<Parameters>, engine?: (inner: Engine) => Engine, kept?: Map<number | string, Uint8Array>, mustOpen?: boolean, receipts?: boolean, memory?: boolean, random?: number } = {}) {
  const p = { ...parameters, ...options.parameters }
  let clock = 0
  const chain: { beacon: Hash, seed: Uint8Array | null, open: Hash | null, best: number } = { beacon: id(0xbe), seed: null, open: null, best: at.beaconKnown }
  const facts = (): RoundFacts =>
    ({
      network, round, parameters: p, schedule: schedule(p, round), machines: [], beacon: chain.beacon,
      checkers: checkers.map(({ account, key }) => ({ account, anchor: id(0), block: 0, identity: { kind: 'checker', network, account, owner: account, peer: key.publicKey, addresses: [], evidence: [] } })),
      kind: options.memory === undefined ? 'COMPUTE' : 'MEMORY', fillSeedOf: () => fillSeed, seedOf: () => chain.seed, openRandomness: chain.open, committee: () => [a, b, c], mirrors: () => [],
      mustOpen: () => (chain.open === null ? null : (options.mustOpen ?? true)),
      coins: (_: AccountId, commitment: Hash) => (chain.open === null ? null : crypto.sha256(fromHex(commitment))),
      reports: new Map(), packageRoots: new Map(), counted: new Map(), complete: false,
    })
  const views = new BehaviorSubject<RoundView>({ facts: facts(), best: chain.best })
  const messages$ = new Subject<{ checker: AccountId, message: RoundMessage }>()
  const opened$ = new Subject<AccountId>()
  const sent: { to: AccountId, message: MachineMessage }[] = []
  const offline = new Set<AccountId>()
  const stepped = new Subject<number>()
  let staged = 0
  let closed = 0
  const reference = createReferenceEngine(crypto)
  const ticking: Engine = {
    name: 'ticking',
    close: () => reference.close(),
    stage: async (job) => {
      staged++
      const inner = await reference.stage(job)
      return {
        get steps() { return inner.steps },
        step: async (key) => {
          const root = await inner.step(key)
          clock += STEP_MS
          stepped.next(inner.steps)
          return root
        },
        open: (cells) => inner.open(cells),
        close: async () => {
          closed++
          await inner.close()
        },
      }
    },
  }
  const scanning: MemoryEngine = {
    name: 'scanning',
    close: async () => {},
    stage: async (region) => {
      staged++
      const prover = new MemoryProver(crypto, region)
      return {
        fillRoots: prover.fillRoots,
        get steps() { return prover.steps },
        step: async (key) => {
          clock += STEP_MS
          return prover.step(key)
        },
        open: async (cells) => prover.open(cells),
        close: async () => void closed++,
      }
    },
  }
  const links: Links = {
    messages$, opened$, open: () => [a, b, c].filter((checker) => !offline.has(checker)),
    send: async (checker, message) => {
      if (offline.has(checker)) return false
      sent.push({ to: checker, message })
      if ((options.receipts ?? true) && (message.tag === 'Commitment' || message.tag === 'Openings')) {
        queueMicrotask(() => messages$.next({ checker, message: { tag: 'Receipt', value: { round, id: blobId(crypto, message.value.blob) } } }))
      }
      return true
    },
  }
  const kept = options.kept ?? new Map<number | string, Uint8Array>()
  const deps: JobDeps = {
    crypto, engine: options.engine?.(ticking) ?? ticking, machine, sign: (message) => machineKey.sign(message), links,
    signed: {
      commitment: async (of) => kept.get(of),
      keep: async (of, blob) => {
        if (!kept.has(of)) kept.set(of, blob)
        return kept.get(of)!
      },
      facts: async (of) => kept.get(`facts ${of}`),
      keepFacts: async (of, facts) => {
        if (!kept.has(`facts ${of}`)) kept.set(`facts ${of}`, facts)
        return kept.get(`facts ${of}`)!
      },
    },
    memory: async () => (options.memory === true ? scanning : null), log2n: ({ log2n }) => log2n, segments: ({ memorySegments }) => memorySegments,
    describe: async (beacon) => actorFacts(`machine in ${beacon}`),
    now: () => clock, random: () => options.random ?? 0, log: silentLog, metrics: providerMetrics(createMetrics('provider')),
  }
  const stop = new AbortController()
  return {
    deps, chain, kept, sent, offline, links, stop, messages$, opened$, stepped,
    staged: () => staged,
    closed: () => closed,
    tick: (ms: number) => void (clock += ms),
    /** Moves the chain; `over` ends the round. */
    move: (change: Partial<typeof chain>) => {
      Object.assign(chain, change)
      views.next({ facts: facts(), best: chain.best })
      if (chain.best > at.packageBy) views.complete()
    },
    nonce: (checker: AccountId, signature = nonceOfChecker(checker)) => messages$.next({ checker, message: { tag: 'Nonce', value: { round, signature } } }),
    run: (): Promise<JobResult> => runJob({ round, view$: views }, deps, stop.signal),
    to: <T extends MachineMessage['tag']>(checker: AccountId, tag: T): Said<T>[] => sent.filter(({ to, message }) => to === checker && message.tag === tag).map(({ message }) => message.value) as Said<T>[],
    facts,
  }
}
type World = ReturnType<typeof world>
type Said<T extends MachineMessage['tag']> = Extract<MachineMessage, { tag: T }>['value']

const nonceOfChecker = (checker: AccountId, beacon = id(0xbe), of = round): Uint8Array => checkers.find(({ account }) => account === checker)!.key.sign(nonceMessage(network, of, beacon, machine, checker))
const seed = new Uint8Array(32).fill(7)
const fillSeed = new Uint8Array(32).fill(8)
const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve))
}
/** Lets the job run until the commitment is handed in. */
async function committed(w: World): Promise<void> {
  await expect.poll(() => w.kept.has(round), { timeout: 20_000, interval: 5 }).toBe(true)
}

/** The usual road up to the commitment: all three nonces at fire. */
async function toCommitment(w: World): Promise<{ result: Promise<JobResult> }> {
  const result = w.run()
  w.move({ seed, best: at.fire })
  for (const checker of [c, a, b]) w.nonce(checker)
  await committed(w)
  await settle()
  return { result }
}

function decoded(blob: Uint8Array) {
  const { commitment, signature, id: commitmentId } = decodeCommitmentBlob(crypto, blob)
  const nonces = new Map<number, Uint8Array[]>()
  for (const fold of commitment.folds) nonces.set(fold.step, [...(nonces.get(fold.step) ?? []), nonceOf(crypto, fold.signature)])
  return { commitment, commitmentId, signed: crypto.ed25519Verify(signature, commitmentDigest(crypto, commitment), fromHex(machineKey.publicKey)), keys: chainKeys(crypto, chainSeed(crypto, seed, commitment.fill), commitment.roots, nonces) }
}

describe('a round', () => {
  it('folds the nonces, works for W, streams its progress, hands in, opens what the coins ask', async () => {
    const w = world()
    const running = w.run()
    w.move({ seed, best: at.fire })
    for (const checker of [c, a, b]) w.nonce(checker)
    await committed(w)
    const blob = w.kept.get(round)!
    const { commitment, commitmentId, signed, keys } = decoded(blob)
    expect(signed).toBe(true)
    expect(commitment).toMatchObject({ network, round, machine, log2n: 6 })
    expect(commitment.roots.length).toBe(parameters.windowMs / STEP_MS)
    expect(commitment.folds.map(({ checker }) => checker).sort()).toEqual([a, b, c])
    expect(commitment.folds[0]!.step).toBe(0)

    w.move({ best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(c, 'Openings').length).toBe(1)
    w.move({ best: at.packageBy + 1 })
    expect(await running).toEqual({ round, result: 'COMMITTED', committee: 3, steps: 16, folds: 3, handedIn: 3, opened: 3, jobMs: expect.any(Number), openMs: expect.any(Number) })

    for (const checker of [a, b, c]) {
      expect(w.to(checker, 'Commitment').map((value) => value.blob)).toEqual([blob])
      const progress = w.to(checker, 'Progress')
      expect(progress.length).toBeGreaterThan(10)
      for (const { step, key } of progress) expect(key).toBe(toHex(keys[step]!))
      expect(progress.at(-1)!.step).toBe(16)
    }
    const openings = w.to(a, 'Openings')[0]!.blob
    const parts = decodeOpeningsBlob(openings)
    expect(parts).toMatchObject({ network, round, machine, commitment: commitmentId })
    expect(crypto.ed25519Verify(parts.signature, openingsDigest(crypto, openings), fromHex(machineKey.publicKey))).toBe(true)
    expect(verifyOpenings(crypto, { seed, log2n: 6, roots: commitment.roots, keys, coins: crypto.sha256(fromHex(commitmentId)), samples: parameters.samples, openings: parts.openings })).toBe('OK')
    expect(w.closed()).toBe(w.staged())
  })

  it('opens at a moment by chance, as long as half of the blocks for it are left', async () => {
    const w = world({ random: 0.9 })
    const { result } = await toCommitment(w)
    w.tick(3_600_000)
    w.move({ best: at.openKnown, open: id(0xcc) })
    await settle()
    expect(w.to(a, 'Openings')).toHaveLength(0)
    w.move({ best: at.openKnown + 1 })
    await expect.poll(() => w.to(a, 'Openings').length).toBe(1)
    w.move({ best: at.packageBy + 1 })
    expect(await result).toMatchObject({ opened: 3 })
  })

  it('opens when its moment has come, though no block does', async () => {
    const w = world({ random: 0.5 })
    const { result } = await toCommitment(w)
    w.tick(13 * 60)
    w.move({ best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(a, 'Openings').length).toBe(1)
    w.stop.abort()
    await result
  })

  it('tells each checker of the first step after its own nonce, not when it is time to tell again', async () => {
    const w = world({ parameters: { windowMs: 1600 } })
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.nonce(a)
    w.stepped.subscribe((steps) => void (steps === 3 && w.nonce(b)))
    await committed(w)
    const [first, then] = [w.to(a, 'Progress')[0]!.step, w.to(b, 'Progress')[0]!.step]
    expect([first, then, decoded(w.kept.get(round)!).commitment.folds.find(({ checker }) => checker === b)!.step]).toEqual([1, 3, 3])
    w.stop.abort()
    await running
  })

  it('holds nonces that come before it knows the seed, and begins when it does', async () => {
    const w = world()
    const running = w.run()
    w.nonce(a)
    w.nonce(b)
    await settle()
    expect(w.staged()).toBe(0)
    w.move({ best: at.fire, seed })
    await committed(w)
    expect(decoded(w.kept.get(round)!).commitment.folds.map(({ step }) => step)).toEqual([0, 0])
    w.stop.abort()
    await running
  })

  it('folds a nonce that comes within W/4 at the next step and works W from there, and leaves a later one out', async () => {
    const w = world()
    const running = w.run()
    w.stepped.subscribe((step) => {
      if (step === 3) w.nonce(b) // 30 ms after the first, W/4 is 40
      if (step === 6) w.nonce(c)
    })
    w.move({ seed, best: at.fire })
    w.nonce(a)
    await committed(w)
    const { commitment } = decoded(w.kept.get(round)!)
    expect(commitment.folds.map(({ checker, step }) => [checker, step])).toEqual([[a, 0], [b, 3]])
    expect(commitment.roots.length).toBe(3 + parameters.windowMs / STEP_MS)
    await settle()
    expect(w.to(c, 'Progress')).toEqual([])
    expect(w.to(c, 'Commitment').length).toBe(1)
    w.stop.abort()
    await running
  })

  it('follows no nonce of a stranger, with a wrong signature, of another round or beacon', async () => {
    const w = world()
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.messages$.next({ checker: id(0x99), message: { tag: 'Nonce', value: { round, signature: nonceOfChecker(a) } } })
    w.nonce(b, nonceOfChecker(a))
    w.nonce(a, nonceOfChecker(a, id(0xbf)))
    w.nonce(a, nonceOfChecker(a, undefined, round + 1))
    w.messages$.next({ checker: a, message: { tag: 'Nonce', value: { round: round - 1, signature: nonceOfChecker(a) } } })
    await settle()
    w.nonce(c)
    await committed(w)
    expect(decoded(w.kept.get(round)!).commitment.folds.map(({ checker }) => checker)).toEqual([c])
    w.stop.abort()
    await running
  })

  it('gives an engine that is quick with many steps at once segments of a small part of W, folds at their ends, and after a restart goes from fold to fold', async () => {
    const wide = { windowMs: 6400, maxSteps: 1000 } // segments of 100 ms, which are 10 steps
    const counts: number[] = []
    const many = (inner: Engine): Engine => ({ ...inner, stage: async (job) => manySteps(await inner.stage(job), counts) })
    const w = world({ parameters: wide, engine: many })
    w.stepped.subscribe((step) => void (step === 20 && w.nonce(b)))
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.nonce(a)
    await committed(w)
    expect(counts.slice(0, 7)).toEqual([1, 2, 4, 8, 10, 10, 10])
    expect(Math.max(...counts)).toBe(10)
    const { commitment, keys, signed } = decoded(w.kept.get(round)!)
    expect(signed).toBe(true)
    expect(commitment.folds.map(({ checker, step }) => [checker, step])).toEqual([[a, 0], [b, 25]])
    expect(commitment.roots.length).toBe(25 + 640)
    for (const { step, key } of w.to(a, 'Progress')) expect(key).toBe(toHex(keys[step]!))
    w.stop.abort()
    await running

    counts.length = 0
    const again = world({ parameters: wide, engine: many, kept: w.kept })
    const resumed = again.run()
    again.move({ seed, best: at.openKnown, open: id(0xcc) })
    expect(await resumed).toMatchObject({ result: 'RESUMED', opened: 3 })
    expect(counts).toEqual([25, 640])
    expectOpens(again)
  })

  it('asks for no more steps at once than there may be, and ends a segment with the window', async () => {
    const counts: number[] = []
    const many = (inner: Engine): Engine => ({ ...inner, stage: async (job) => manySteps(await inner.stage(job), counts) })
    const capped = world({ parameters: { windowMs: 6400, maxSteps: 20 }, engine: many })
    const { result: first } = await toCommitment(capped)
    expect(counts).toEqual([1, 2, 4, 8, 5])
    capped.stop.abort()
    await first
    counts.length = 0
    const short = world({ parameters: { windowMs: 2560, maxSteps: 1000 }, engine: many })
    const { result: second } = await toCommitment(short)
    expect(counts.reduce((sum, count) => sum + count)).toBe(256)
    short.stop.abort()
    await second
  })

  it('says that no nonce came', async () => {
    const w = world()
    const running = w.run()
    w.move({ seed, best: at.fire })
    await settle()
    w.move({ best: at.commitmentBy + 1 })
    expect(await running).toMatchObject({ result: 'NO_NONCE', steps: 0 })
    expect(w.to(a, 'NotRun')).toEqual([{ round, reason: 'NO_NONCE' }])
    expect(w.kept.has(round)).toBe(false)
    expect(w.closed()).toBe(1)
  })

  it('says that it was behind when the seed comes too late', async () => {
    const w = world()
    const running = w.run()
    w.nonce(a)
    w.move({ best: at.commitmentBy + 1, seed })
    expect(await running).toMatchObject({ result: 'CHAIN_BEHIND' })
  })

  it('stops early rather than miss the last block for commitments, and at the most steps', async () => {
    const w = world()
    w.stepped.subscribe((step) => void (step === 5 && w.move({ best: at.commitmentBy })))
    const { result: running } = await toCommitment(w)
    expect(decoded(w.kept.get(round)!).commitment.roots.length).toBe(5)
    w.stop.abort()
    await running
    const capped = world({ parameters: { maxSteps: 7 } })
    const { result: second } = await toCommitment(capped)
    expect(decoded(capped.kept.get(round)!).commitment.roots.length).toBe(7)
    capped.stop.abort()
    await second
  })

  it('signs nothing that nobody would take any more', async () => {
    const w = world()
    w.stepped.subscribe((step) => void (step === 2 && w.move({ best: at.commitmentBy + 1 })))
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.nonce(a)
    expect(await running).toMatchObject({ result: 'TIMED_OUT' })
    expect([w.kept.has(round), w.to(a, 'NotRun')]).toEqual([false, [{ round, reason: 'TIMED_OUT' }]])
  })

  it('signs nothing when a deep reorg changed the seed or the beacon under it', async () => {
    for (const change of [{ seed: new Uint8Array(32).fill(8) }, { beacon: id(0xbf) }]) {
      const w = world()
      w.stepped.subscribe((step) => void (step === 2 && w.move(change)))
      const running = w.run()
      w.move({ seed, best: at.fire })
      w.nonce(a)
      expect(await running).toMatchObject({ result: 'CHAIN_BEHIND' })
      expect(w.kept.has(round)).toBe(false)
      expect(w.to(a, 'NotRun')).toEqual([{ round, reason: 'CHAIN_BEHIND' }])
    }
  })

  it('does not open when the coins do not ask', async () => {
    const w = world({ mustOpen: false })
    const { result: running } = await toCommitment(w)
    w.move({ best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'COMMITTED', opened: 'NOT_ASKED' })
    expect(w.to(a, 'Openings')).toEqual([])
  })
})

describe('a memory round', () => {
  const memory = { parameters: { memoryLog2: 6, memorySegments: 3, memoryPasses: 1 }, memory: true }
  const verdictOn = (w: World): string => {
    const { commitment: { fill, roots }, keys, commitmentId } = decoded(w.kept.get(round)!)
    const { openings } = decodeOpeningsBlob(w.to(a, 'Openings')[0]!.blob)
    return verifyMemory(crypto, { fillSeed, log2Leaves: 6, log2Passes: 1, fillRoots: fill, roots, keys, coins: crypto.sha256(fromHex(commitmentId)), samples: parameters.samples, openings })
  }

  it('fills before the seed is known, scans for W, opens what the coins ask', async () => {
    const w = world(memory)
    const running = w.run()
    await expect.poll(w.staged).toBe(1)
    w.move({ seed, best: at.fire })
    for (const checker of [c, a, b]) w.nonce(checker)
    await committed(w)
    const { commitment } = decoded(w.kept.get(round)!)
    expect(commitment).toMatchObject({ log2n: 6, fill: { length: 3 } })
    expect(commitment.roots.length).toBe(parameters.windowMs / STEP_MS)
    w.move({ best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'COMMITTED', steps: 16, opened: 3 })
    expect(verdictOn(w)).toBe('OK')
    expect(w.closed()).toBe(1)
  })

  it('after a restart the memory is filled again and opens the same', async () => {
    const before = world(memory)
    const { result: killed } = await toCommitment(before)
    before.stop.abort()
    await killed
    const w = world({ ...memory, kept: before.kept })
    const running = w.run()
    w.move({ seed, best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'RESUMED', opened: 3 })
    expect(verdictOn(w)).toBe('OK')
  })

  it('memory that does not come out as committed is not opened', async () => {
    const before = world(memory)
    const { result: killed } = await toCommitment(before)
    before.stop.abort()
    await killed
    const w = world({ ...memory, parameters: { ...memory.parameters, memoryPasses: 0 }, kept: before.kept })
    const running = w.run()
    w.move({ seed, best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'RESUMED', opened: 'FAILED' })
    expect(w.to(a, 'Openings')).toEqual([])
  })

  it('a memory that is not filled in time is given up, and its room given back', async () => {
    let given: AbortSignal | undefined
    const w = world(memory)
    const scanning = (await w.deps.memory())!
    w.deps.memory = async () => ({ ...scanning, stage: ({ signal }) => ((given = signal), new Promise((_, reject) => signal.addEventListener('abort', () => reject(new EngineError('CLOSED', 'closed'))))) })
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.nonce(a)
    await settle()
    w.move({ best: at.commitmentBy + 1 })
    expect(await running).toMatchObject({ result: 'TIMED_OUT' })
    expect(given!.aborted).toBe(true)
    expect(w.to(b, 'NotRun')).toEqual([{ round, reason: 'TIMED_OUT' }])
  })

  it('a memory that has been opened is given back, whoever does not acknowledge it: the next round fills its own', async () => {
    const w = world({ ...memory, receipts: false })
    const { result: running } = await toCommitment(w)
    w.move({ best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(a, 'Openings').length).toBe(1)
    await expect.poll(w.closed).toBe(1)
    w.opened$.next(a)
    await expect.poll(() => w.to(a, 'Openings').length).toBe(2)
    w.move({ best: at.packageBy + 1 })
    expect(await running).toMatchObject({ opened: 0 })
    expect(w.closed()).toBe(1)
  })

  it('a machine that shows no memory says so', async () => {
    const w = world({ ...memory, memory: false })
    expect(await w.run()).toMatchObject({ result: 'UNSUPPORTED' })
    expect(w.to(b, 'NotRun')).toEqual([{ round, reason: 'UNSUPPORTED' }])
  })
})

describe('trouble', () => {
  it('a checker that vanishes and comes back gets commitment and openings; one that never acknowledges holds nobody up', async () => {
    const w = world()
    w.offline.add(a)
    const { result: running } = await toCommitment(w)
    expect(w.to(a, 'Commitment')).toEqual([])
    w.offline.delete(a)
    w.opened$.next(a)
    await settle()
    expect(w.to(a, 'Commitment').length).toBe(1)
    w.opened$.next(a)
    w.opened$.next(id(0x99))
    await settle()
    expect(w.sent.filter(({ message }) => message.tag === 'Commitment').length).toBe(3)
    w.offline.add(b)
    w.move({ best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(c, 'Openings').length).toBe(1)
    await settle()
    w.move({ best: at.packageBy + 1 })
    expect(await running).toMatchObject({ handedIn: 3, opened: 2 })
  })

  it('an engine that cannot stage, or dies at work, is told as NOT_RUN', async () => {
    const noStage = world({ engine: (inner) => ({ ...inner, stage: () => Promise.reject(new EngineError('CRASHED', 'no memory')) }) })
    const first = noStage.run()
    noStage.move({ seed, best: at.fire })
    expect(await first).toMatchObject({ result: 'ENGINE_FAILED' })
    expect(noStage.to(b, 'NotRun')).toEqual([{ round, reason: 'ENGINE_FAILED' }])

    const dies = world({ engine: (inner) => ({ ...inner, stage: async (job) => failing(await inner.stage(job), { step: 4 }) }) })
    const second = dies.run()
    dies.move({ seed, best: at.fire })
    dies.nonce(a)
    expect(await second).toMatchObject({ result: 'ENGINE_FAILED' })
    expect(dies.kept.has(round)).toBe(false)
  })

  it('a chain lost between commitment and opening is computed again', async () => {
    let chains = 0
    const w = world({ engine: (inner) => ({ ...inner, stage: async (job) => failing(await inner.stage(job), { open: ++chains === 1 }) }) })
    const { result: running } = await toCommitment(w)
    w.move({ best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(c, 'Openings').length, { timeout: 10_000 }).toBe(1)
    expect(await running).toMatchObject({ opened: 3 })
    expect(chains).toBe(2)
    expectOpens(w)
  })

  it('a restart with a kept commitment sends that one and no other, computes the chain again and opens it', async () => {
    const before = world()
    const { result: killed } = await toCommitment(before)
    before.stop.abort()
    expect(await killed).toMatchObject({ result: 'COMMITTED' })
    const blob = before.kept.get(round)!

    const w = world({ kept: before.kept })
    w.chain.seed = seed
    w.chain.best = at.fire + 1
    const running = w.run()
    for (const checker of [a, b, c]) w.nonce(checker)
    await expect.poll(() => w.to(a, 'Commitment').length).toBe(1)
    w.move({ seed, best: at.openKnown, open: id(0xcc) })
    await expect.poll(() => w.to(c, 'Openings').length, { timeout: 10_000 }).toBe(1)
    expect(await running).toEqual({ round, result: 'RESUMED', committee: 3, steps: 16, folds: 3, handedIn: 3, opened: 3, jobMs: null, openMs: expect.any(Number) })
    for (const checker of [a, b, c]) expect(w.to(checker, 'Commitment').map((value) => value.blob)).toEqual([blob])
    expectOpens(w)
  })

  it('a commitment that another process kept meanwhile is the one that is sent', async () => {
    const other = world({ parameters: { maxSteps: 3 } })
    const { result: gone } = await toCommitment(other)
    other.stop.abort()
    await gone
    const blob = other.kept.get(round)!
    const w = world()
    w.stepped.subscribe((step) => void (step === 2 && w.kept.set(round, blob)))
    const running = w.run()
    w.move({ seed, best: at.fire })
    for (const checker of [a, b, c]) w.nonce(checker)
    await expect.poll(() => w.to(a, 'Commitment').length).toBe(1)
    w.move({ best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'RESUMED', steps: 3, opened: 3 })
    expect(w.to(a, 'Commitment').map((value) => value.blob)).toEqual([blob])
    expectOpens(w)
  })

  it('a chain that does not come out as committed is not opened, and says so', async () => {
    const before = world()
    const { result: killed } = await toCommitment(before)
    before.stop.abort()
    await killed
    const lines: string[] = []
    const w = world({ kept: before.kept })
    w.deps.log = createLog({ json: true, write: (line) => void lines.push(line) })
    const running = w.run()
    w.move({ seed: new Uint8Array(32).fill(9), best: at.openKnown, open: id(0xcc) })
    expect(await running).toMatchObject({ result: 'RESUMED', opened: 'FAILED' })
    expect(lines.join()).toMatch(/step 1 does not come out as committed/)
    expect(w.to(a, 'Openings')).toEqual([])
  })

  it('what the commitment says of the machine must still be on disk to open it', async () => {
    const before = world()
    const { result: killed } = await toCommitment(before)
    before.stop.abort()
    await killed
    for (const facts of [undefined, actorFacts('another machine')]) {
      const kept = new Map(before.kept)
      if (facts === undefined) kept.delete(`facts ${round}`)
      else kept.set(`facts ${round}`, facts)
      const w = world({ kept })
      const running = w.run()
      w.move({ seed, best: at.openKnown, open: id(0xcc) })
      expect(await running).toMatchObject({ result: 'RESUMED', opened: 'FAILED' })
      expect(w.to(a, 'Openings')).toEqual([])
    }
  })

  it('nothing is sent when the disk refuses the commitment', async () => {
    const w = world()
    w.deps.signed = { ...w.deps.signed, keep: () => Promise.reject(new Error('cannot write (ENOSPC)')) }
    const running = w.run()
    w.move({ seed, best: at.fire })
    w.nonce(a)
    await expect(running).rejects.toThrow('ENOSPC')
    expect(w.sent.filter(({ message }) => message.tag === 'Commitment')).toEqual([])
    expect(w.closed()).toBe(1)
  })

  it('the signal ends it at any point and gives the engine back', async () => {
    for (const stopAt of ['before the seed', 'at work', 'before the coins'] as const) {
      const w = world()
      const running = w.run()
      if (stopAt === 'at work') w.stepped.subscribe((step) => void (step === 3 && w.stop.abort()))
      if (stopAt !== 'before the seed') {
        w.move({ seed, best: at.fire })
        w.nonce(a)
      }
      if (stopAt === 'before the coins') await committed(w)
      if (stopAt !== 'at work') w.stop.abort()
      expect((await running).result, stopAt).toBe(stopAt === 'before the coins' ? 'COMMITTED' : 'STOPPED')
      expect(w.closed()).toBe(w.staged())
    }
  })

  it('made-up receipts count for nothing', async () => {
    const w = world({ receipts: false })
    const { result: running } = await toCommitment(w)
    const commitment = blobId(crypto, w.kept.get(round)!)
    for (const [checker, of, receipt] of [[a, round, id(0x77)], [id(0x99), round, commitment], [b, round + 1, commitment], [c, round, commitment], [c, round, commitment]] as const) {
      w.messages$.next({ checker, message: { tag: 'Receipt', value: { round: of, id: receipt } } })
    }
    w.move({ best: at.commitmentBy + 1 })
    await settle()
    w.move({ best: at.packageBy + 1 })
    expect(await running).toMatchObject({ handedIn: 1, opened: 'NOT_DUE' })
  })
})

/** The engine's job with many steps a call, as a GPU has it; `counts` tells how many were asked for. */
function manySteps(inner: ChainJob, counts: number[]): ChainJob {
  return {
    get steps() { return inner.steps },
    step: (key) => inner.step(key),
    stepMany: (key, count) => {
      counts.push(count)
      return stepMany(crypto, inner, key, count)
    },
    open: (cells) => inner.open(cells),
    close: () => inner.close(),
  }
}

function failing(inner: ChainJob, { step, open }: { step?: number, open?: boolean }): ChainJob {
  return {
    get steps() { return inner.steps },
    step: (key) => (inner.steps + 1 === step ? Promise.reject(new EngineError('CRASHED', 'a thread died')) : inner.step(key)),
    open: (cells) => (open ? Promise.reject(new EngineError('CRASHED', 'a thread died')) : inner.open(cells)),
    close: () => inner.close(),
  }
}

function expectOpens(w: World): void {
  const { commitment, commitmentId, keys } = decoded(w.kept.get(round)!)
  const { openings } = decodeOpeningsBlob(w.to(a, 'Openings')[0]!.blob)
  expect(verifyOpenings(crypto, { seed, log2n: 6, roots: commitment.roots, keys, coins: crypto.sha256(fromHex(commitmentId)), samples: parameters.samples, openings })).toBe('OK')
}
