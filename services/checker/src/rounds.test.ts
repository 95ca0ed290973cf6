import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BehaviorSubject, type Observable, Subject, type Subscription } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BlobStore } from '@assay/kit/blobs'
import { createLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { applyBlock, type CheckerMessage, decodeManifest, decodeReportItem, emptyLedger, type Hash, isHeld, type Ledger, type MachineMessage, roundFacts, type Schedule, schedule, ZERO_HASH } from '@assay/protocol'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { playNetwork } from '../../../protocol/testing/round.ts'
import { FakeChain } from '../testing/report-chain.ts'
import type { Arrival } from './conversation.ts'
import type { Carrier } from './lanes.ts'
import { checkerMetrics } from './metrics.ts'
import { observationsOf } from './report.ts'
import { isMeasuring, rounds$ } from './rounds.ts'
import type { Line } from './sessions.ts'
import { Shedding } from './shedding.ts'
import { Store } from './store.ts'

const W = 30
const net = playNetwork({ checkers: 3, machines: 3, parameters: { windowMs: W, bandwidthBytes: 0, maxSteps: 64 } }, { machine: () => ({ steps: 6 }) })
const self = net.checkers[0]!
const me = self.account
const [worker, absent, paused] = net.machines as [(typeof net.machines)[0], (typeof net.machines)[0], (typeof net.machines)[0]]
const c = net.parameters.confirmations
const at = (round: number): Schedule => schedule(net.parameters, round)
const ledgers = new Map<number, Ledger>()
net.blocks.reduce((ledger, block) => {
  const next = applyBlock(testCrypto, ledger, block)
  ledgers.set(block.number, next)
  return next
}, emptyLedger(net.network))
const key = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`

class TestLine implements Line {
  readonly peer: Hash
  readonly online$ = new BehaviorSubject(false)
  readonly messages$ = new Subject<Arrival>()
  readonly sent: CheckerMessage[] = []
  onNonce: (round: number) => void = () => {}
  constructor(peer: Hash) {
    this.peer = peer
  }
  async send(message: CheckerMessage): Promise<void> {
    if (!this.online$.value) throw new Error('no channel')
    this.sent.push(message)
    if (message.tag === 'Nonce') this.onNonce(message.value.round)
  }
  expectPayload(): void {}
  withLanes<T>(_ask: unknown, use: (lanes: readonly Carrier[]) => Observable<T>): Observable<T> {
    return use([])
  }
  hungUp = 0
  hangUp(): void {
    this.hungUp++
  }
  say(message: MachineMessage): void {
    this.messages$.next({ at: performance.now(), message })
  }
}

/** One life of the checker on its folder: heights are given by hand, machines are told what to say. */
class Life {
  readonly store: Store
  readonly blobs: BlobStore
  readonly lines = new Map<Hash, TestLine>()
  readonly said: { level: string, event: string, round?: number }[] = []
  readonly best$: BehaviorSubject<number>
  readonly ledger$: BehaviorSubject<Ledger>
  readonly #running: Subscription
  /** set where machines are told to do nothing by themselves */
  idle = false
  failed: unknown
  readonly startedAt: number
  readonly chain: FakeChain

  constructor(dir: string, chain: FakeChain, best: number, tools: { mostWaitingBytes?: number } = {}) {
    this.startedAt = best
    this.store = new Store(dir, { network: net.network, account: me })
    this.blobs = new BlobStore(join(dir, 'blobs'))
    this.best$ = new BehaviorSubject(best)
    this.ledger$ = new BehaviorSubject(ledgers.get(best - c)!)
    const log = createLog({ json: true, level: 'debug', write: (line) => void this.said.push(JSON.parse(line)) })
    const metrics = checkerMetrics(createMetrics('checker'))
    const nothing = (n: number): Uint8Array => crypto.getRandomValues(new Uint8Array(n))
    this.#running = rounds$({
      crypto: testCrypto, network: net.network, me, parameters: net.parameters, store: this.store, blobs: this.blobs, timeoutMs: 200, log, best$: this.best$, ledger$: this.ledger$,
      chain: chain.door(this.store.extrinsics), random: nothing, now: () => performance.now(), sign: (message) => self.sign(message), line: (peer) => this.line(peer), metrics, shedding: new Shedding({ metrics, log }), ...tools,
    }).subscribe({ error: (error: unknown) => (this.failed = error) })
    chain.best = best
    this.chain = chain
    for (const { peer } of net.machines) this.line(peer)
    const [work, pause] = [this.line(worker.peer), this.line(paused.peer)]
    work.online$.next(true)
    pause.online$.next(true)
    work.onNonce = (round) => {
      const shown = net.works.get(round)?.get(worker.account)
      if (!shown) return
      queueMicrotask(() => work.say({ tag: 'Progress', value: { round, step: 3, key: key(3) } }))
      queueMicrotask(() => work.say({ tag: 'Commitment', value: { round, blob: shown.blob } }))
    }
    pause.onNonce = (round) => queueMicrotask(() => pause.say({ tag: 'NotRun', value: { round, reason: 'PAUSED' } }))
  }

  line(peer: Hash): TestLine {
    const line = this.lines.get(peer) ?? new TestLine(peer)
    this.lines.set(peer, line)
    return line
  }

  /** Block by block to a height, each when what the one before set going is done. */
  async to(height: number): Promise<this> {
    while (this.best$.value < height) {
      const best = this.best$.value + 1
      this.chain.best = best
      this.ledger$.next(ledgers.get(best - c)!)
      this.best$.next(best)
      for (const round of [0, 1]) if (best === at(round).openKnown && this.store.commitments(round).has(worker.account)) this.open(round)
      await vi.waitFor(() => { if (this.pending(best).length > 0) throw new Error(`block ${best} waits for ${this.pending(best).join()}`) }, { timeout: 5000, interval: 2 })
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    return this
  }

  /** What a block should lead to and has not yet. */
  pending(best: number): string[] {
    const { store } = this
    return [0, 1, 2].flatMap((round) => {
      const { fire, commitFrom, openKnown, packageBy } = at(round)
      const works = this.startedAt < fire && !this.idle && net.works.has(round)
      return [
        best === fire && works && !(store.readings(round).has(worker.account) && store.commitments(round).has(worker.account)) ? 'readings' : '',
        best === commitFrom && this.chain.failures.length === 0 && (store.report(round)?.landed ?? null) === null ? 'report' : '',
        best === openKnown && store.commitments(round).has(worker.account) && !store.openings(round).has(worker.account) ? 'openings' : '',
        best === packageBy && store.report(round) !== undefined && store.package(round, me) === undefined ? 'package' : '',
      ].filter((what) => what !== '')
    })
  }

  open(round: number): void {
    const shown = net.works.get(round)!.get(worker.account)!
    const coins = roundFacts(testCrypto, net.ledger, round)!.coins(worker.account, shown.id)!
    this.line(worker.peer).say({ tag: 'Openings', value: { round, blob: shown.open(coins) } })
  }

  kill(): void {
    this.#running.unsubscribe()
    this.store.close()
  }
}

let dir: string
let chain: FakeChain
const lives: Life[] = []
const live = (best: number, tools?: { mostWaitingBytes: number }): Life => {
  const life = new Life(dir, chain, best, tools)
  lives.push(life)
  return life
}
const items = () => chain.landed.map(({ value }) => decodeReportItem(value))
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-rounds-'))
  chain = new FakeChain()
})
afterEach(() => {
  for (const life of lives.splice(0)) {
    try {
      life.kill()
    } catch {
      // killed by its test
    }
  }
  rmSync(dir, { recursive: true, force: true })
})

test('a round from beacon to bits: measured, reported in one line, published, mirrored', async () => {
  const life = live(at(0).start)
  for (const bytes of net.blobs.values()) await life.blobs.put(bytes)
  await life.to(at(0).commitTo)
  expect(observationsOf(life.store.report(0)!).toSorted((a, b) => (a.outcome < b.outcome ? -1 : 1))).toMatchObject([
    { machine: paused.account, outcome: 'NOT_RUN', reason: 'PAUSED' },
    { machine: worker.account, outcome: 'RAN', reason: 'OK', commitment: net.works.get(0)!.get(worker.account)!.id, lastStep: 3, lastKey: key(3) },
    { machine: absent.account, outcome: 'UNREACHABLE', reason: 'UNREACHABLE' },
  ])
  expect(items()).toMatchObject([{ round: 0, previousPackage: ZERO_HASH }])
  expect(life.line(worker.peer).sent.filter(({ tag }) => tag === 'Nonce' || tag === 'Receipt').map(({ tag }) => tag)).toEqual(['Nonce', 'Receipt'])

  await life.to(at(0).packageBy - 1)
  expect(life.store.package(0, me)).toBeUndefined()
  await life.to(at(0).packageBy)
  const own = await vi.waitUntil(() => life.store.package(0, me))
  const manifest = decodeManifest((await life.blobs.get(own.root))!)
  expect(manifest.evidence).toMatchObject([{ machine: worker.account, commitments: [{ id: net.works.get(0)!.get(worker.account)!.id }], openings: [{ size: expect.any(Number) }] }])
  expect([own.root, manifest.evidence[0]!.openings[0]!.id].every((id) => life.store.isPublished(id))).toBe(true)

  await life.to(at(2).commitTo)
  expect(items().map(({ round }) => round)).toEqual([0, 1, 2])
  expect(items()[1]!.previousPackage).toBe(own.root)
  const facts = roundFacts(testCrypto, net.ledger, 0)!
  for (const [place, { account }] of facts.checkers.entries()) expect(isHeld(items()[2]!.held, place)).toBe(account !== me && facts.mirrors(account).includes(me))
  expect(life.said.filter(({ level }) => level === 'info').map(({ event, round }) => [event, round])).toEqual([0, 1, 2].map((round) => ['round reported', round]))
  expect(life.said.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  expect(life.failed).toBeUndefined()
}, 20_000)

describe('machines', () => {
  test('a commitment after its last block is no commitment; a second that differs is kept as evidence; foreign and broken blobs are nothing', async () => {
    const life = live(at(0).start)
    const line = life.line(worker.peer)
    line.onNonce = () => {}
    life.idle = true
    await life.to(at(0).fire)
    const shown = net.works.get(0)!.get(worker.account)!
    // What a machine says is taken in its order: when something good is there, the bad before it has been looked at.
    const say = (tag: 'Commitment' | 'Openings', blob: Uint8Array): void => line.say({ tag, value: { round: 0, blob } })
    const held = (): Hash[] => life.store.commitments(0).get(worker.account)?.map(({ id }) => id) ?? []
    await life.to(at(0).commitmentBy)
    say('Commitment', new Uint8Array(300).fill(1)) // no commitment at all
    say('Commitment', net.works.get(0)!.get(absent.account)!.blob) // another machine's
    say('Commitment', net.works.get(1)!.get(worker.account)!.blob) // another round's
    say('Commitment', shown.blob.map((byte, i) => (i === shown.blob.length - 1 ? byte ^ 1 : byte))) // not signed
    say('Commitment', shown.blob)
    await vi.waitFor(() => expect(held()).toEqual([shown.id]))
    await life.to(at(0).commitFrom)
    life.line(paused.peer).say({ tag: 'Commitment', value: { round: 0, blob: net.works.get(0)!.get(paused.account)!.blob } })
    const [second, third] = [7, 8].map((steps) => playNetwork({ checkers: 3, machines: 3, parameters: { windowMs: W, bandwidthBytes: 0, maxSteps: 64 } }, { machine: () => ({ steps }) }).works.get(0)!.get(worker.account)!)
    say('Commitment', second!.blob)
    say('Commitment', third!.blob) // two are proof enough
    say('Openings', new Uint8Array(300)) // none
    say('Openings', net.works.get(1)!.get(worker.account)!.open(new Uint8Array(32))) // of another round
    await vi.waitFor(() => expect(held()).toEqual([shown.id, second!.id]))
    await life.to(at(0).packageBy)
    const manifest = decodeManifest((await life.blobs.get(life.store.package(0, me)!.root))!)
    expect(manifest.evidence).toMatchObject([{ machine: worker.account, commitments: [{ id: shown.id }, { id: second!.id }], openings: [{}] }])
    expect(observationsOf(life.store.report(0)!).find(({ machine }) => machine === worker.account)?.commitment).toBe(shown.id)
    expect(life.store.commitments(0).has(paused.account)).toBe(false)
  }, 20_000)

  test('a nonce goes to a machine that comes after the fire block too, in its turn only', async () => {
    const life = live(at(0).start)
    const late = life.line(absent.peer)
    await life.to(at(0).fire + 1)
    expect(late.sent).toEqual([])
    late.online$.next(true)
    expect(late.sent.map(({ tag }) => tag)).toEqual(['Nonce'])
    await life.to(at(0).commitFrom)
    late.online$.next(false)
    late.online$.next(true)
    expect(late.sent.filter(({ tag }) => tag === 'Nonce')).toHaveLength(1)
  })
})

describe('late, cut off, refused', () => {
  test('a round joined after its fire block is not measured, and reported all the same', async () => {
    const life = live(at(0).fire)
    await life.to(at(0).commitTo)
    expect(observationsOf(life.store.report(0)!)).toEqual([])
    expect(items()).toHaveLength(1)
    expect(life.said).toContainEqual(expect.objectContaining({ level: 'info', event: 'round joined late' }))
    expect(life.line(worker.peer).sent.filter(({ tag }) => tag === 'Nonce')).toEqual([])
  })

  test('heights that jump over the fire block fire nothing', async () => {
    const life = live(at(0).start)
    life.ledger$.next(ledgers.get(at(0).fire + 2 - c)!)
    life.best$.next(at(0).fire + 2)
    await life.to(at(0).commitTo)
    expect(life.store.hasFired(0)).toBe(false)
    expect(observationsOf(life.store.report(0)!)).toEqual([])
  })

  test('a send that fails is tried with each block; when the window is over, it is told', async () => {
    chain.failures = Array.from({ length: 10 }, () => ({ ok: false, code: 'NO_FUNDS', message: 'no money', final: true }))
    const life = live(at(0).start)
    await life.to(at(0).commitTo + c)
    expect(chain.failures).toHaveLength(10 - (at(0).commitTo - at(0).commitFrom))
    expect(life.said.filter(({ level }) => level === 'error' || level === 'warn').map(({ event }) => event)).toEqual([...Array.from({ length: at(0).commitTo - at(0).commitFrom }, () => 'report not sent'), 'report missed'])
    chain.failures = []
    await life.to(at(1).commitTo)
    expect(items().map(({ round }) => round)).toEqual([1])
  })

  test('when too many bytes wait for the disk, what comes is left out and its machine hung up on, which is told once', async () => {
    const life = live(at(0).start, { mostWaitingBytes: 100 })
    life.idle = true
    await life.to(at(0).packageBy)
    expect(life.store.commitments(0).size).toBe(0)
    expect(life.line(worker.peer).hungUp).toBeGreaterThan(0)
    await vi.waitFor(() => expect(life.said.filter(({ level, event }) => level === 'warn' && event === 'load shed')).toMatchObject([{ round: 0, blobs: life.line(worker.peer).hungUp }]))
  })

  test('a disk that refuses ends the checker, with its reason', async () => {
    const life = live(at(0).start)
    life.blobs.put = async () => {
      throw Object.assign(new (await import('@assay/kit/lifecycle')).OperatorError('DISK', 'full', { advice: 'free some' }))
    }
    await life.to(at(0).openKnown - 1)
    life.to(at(0).openKnown).catch(() => {}) // waits in vain for openings
    await vi.waitFor(() => expect(life.failed).toMatchObject({ code: 'DISK' }))
  })
})

describe('killed at any height and started again', () => {
  const heights: [string, number, boolean][] = [
    ['before the fire block', at(0).fire - 1, true],
    ['after the windows', at(0).fire + 1, true],
    ['at the last block of commitments', at(0).commitmentBy, true],
    ['with the report out', at(0).commitFrom, true],
    ['before the openings', at(0).openKnown - 1, true],
    ['before the package', at(0).packageBy - 1, true],
    ['with the package made', at(0).packageBy, true],
    ['before the next report', at(1).commitmentBy, true],
    ['with the next report out', at(1).commitTo, true],
  ]
  test.each(heights)('%s (block %i): one report a round, the observation and the package not lost', async (_, height) => {
    const first = live(at(0).start)
    await first.to(height)
    first.kill()
    const life = live(height)
    // Openings that came while nobody was here are sent again by the machine when it is back.
    if (height >= at(0).openKnown && height < at(0).packageBy) life.open(0)
    await life.to(at(2).commitTo)
    expect(items().map(({ round }) => round)).toEqual([0, 1, 2])
    expect(chain.landed.map(({ value }) => value)).toEqual([0, 1, 2].map((round) => life.store.report(round)!.item))
    expect(observationsOf(life.store.report(0)!).find(({ machine }) => machine === worker.account)).toMatchObject({ outcome: 'RAN', lastStep: 3 })
    const own = life.store.package(0, me)!
    expect(items()[1]!.previousPackage).toBe(own.root)
    // What it said before it was killed is not missed by the life after.
    expect(life.said.filter(({ level }) => level === 'error')).toEqual([])
    expect(decodeManifest((await life.blobs.get(own.root))!).evidence[0]!.openings).toHaveLength(1)
  }, 20_000)

  test('within the windows: the round is reported without what was not watched to its end, and nobody gets a second nonce', async () => {
    const first = live(at(0).start)
    first.line(worker.peer).onNonce = () => {}
    await first.to(at(0).fire - 1)
    expect(first.line(worker.peer).sent).not.toContainEqual(expect.objectContaining({ tag: 'Nonce' }))
    first.best$.next(at(0).fire)
    first.kill()
    const life = live(at(0).fire)
    await life.to(at(0).commitTo)
    expect(life.line(worker.peer).sent.filter(({ tag }) => tag === 'Nonce')).toEqual([])
    expect(observationsOf(life.store.report(0)!)).toEqual([])
    expect(items()).toHaveLength(1)
  })
})

test('stopwatches run from the block before the fire block to the last of the commitments', () => {
  const { fire, commitmentBy } = at(1)
  expect([fire - 2, fire - 1, fire, commitmentBy, commitmentBy + 1, net.parameters.start - 5].map((best) => isMeasuring(net.parameters, best))).toEqual([false, true, true, true, false, false])
})
