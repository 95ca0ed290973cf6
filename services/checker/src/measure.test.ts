import { BehaviorSubject, filter, firstValueFrom, lastValueFrom, type Observable, reduce, Subject } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CheckerMessage, type Hash, hello, type MachineMessage, VERSIONS } from '@assay/protocol'
import { answer } from '../testing/machine.ts'
import { keyOf, type Loopback, loopback, NETWORK } from '../testing/sessions.ts'
import type { Arrival } from './conversation.ts'
import { declined$, kbps, link$, type Patch, stopwatch$ } from './measure.ts'
import type { Line } from './sessions.ts'

const tools = { now: () => performance.now(), random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)) }
const bytes = 300_000
const all = (patches$: Observable<Patch>): Promise<Patch> => lastValueFrom(patches$.pipe(reduce((reading, patch) => ({ ...reading, ...patch }), {} as Patch)), { defaultValue: {} })

describe('the link, over a real channel', () => {
  let stop: AbortController
  let net: Loopback
  const measure = (n: number, limitMs = 3000): Promise<Patch> => all(link$(net.sessions.line(keyOf(n).publicKey), { round: 1, bytes, limitMs }, tools))
  beforeEach(async () => {
    stop = new AbortController()
    net = await loopback(stop.signal)
  })
  afterEach(() => stop.abort())

  test('round trip and both ways of an honest machine', async () => {
    answer(await net.join(1))
    const reading = await measure(1)
    expect(reading.rttUs).toBeGreaterThan(0)
    expect(reading.rttUs).toBeLessThan(1_000_000)
    expect(reading.downKbps).toBeGreaterThan(1000)
    expect(reading.upKbps).toBeGreaterThan(1000)
  })

  test('without a payload only the round trip is measured', async () => {
    answer(await net.join(1))
    expect(Object.keys(await all(link$(net.sessions.line(keyOf(1).publicKey), { round: 1, bytes: 0, limitMs: 3000 }, tools)))).toEqual(['rttUs'])
  })

  test.each<[string, keyof Patch, (message: MachineMessage) => MachineMessage | null]>([
    ['a wrong hash', 'downKbps', (m) => (m.tag === 'DownloadDone' ? { ...m, value: { ...m.value, sha256: keyOf(1).publicKey } } : m)],
    ['wrong bytes', 'upKbps', (m) => (m.tag === 'Chunk' ? { ...m, value: { ...m.value, bytes: m.value.bytes.map((b) => b ^ 1) } } : m)],
    ['too few bytes', 'upKbps', (m) => (m.tag === 'Chunk' && m.value.bytes.length < 65536 ? null : m)],
    ['no answer to pings', 'rttUs', (m) => (m.tag === 'Pong' ? null : m)],
  ])('%s: %s is not measured, the rest is', async (_, lost, twist) => {
    answer(await net.join(1), { twist })
    const reading = await measure(1, 1000)
    expect(Object.keys(reading).toSorted()).toEqual(['downKbps', 'rttUs', 'upKbps'].filter((field) => field !== lost))
  })

  test('too many bytes end the channel', async () => {
    const machine = await net.join(1)
    answer(machine, { twist: (m) => (m.tag === 'Chunk' ? { ...m, value: { ...m.value, bytes: new Uint8Array(65536) } } : m) })
    expect((await measure(1, 1000)).upKbps).toBeUndefined()
    expect((await machine.hear('Refused')).value.code).toBe('TOO_MUCH')
  })

  test('a machine that reads nothing, and one that says nothing, delay nobody and are given up in time', async () => {
    const deaf = await net.dial(1)
    await deaf.say(hello({ versions: VERSIONS, network: NETWORK, release: 'test' }))
    await firstValueFrom(net.sessions.line(keyOf(1).publicKey).online$.pipe(filter(Boolean)))
    await net.join(2)
    answer(await net.join(3))
    const order: number[] = []
    const [silent, mute, honest] = await Promise.all([1, 2, 3].map((n) => measure(n, 2500).finally(() => order.push(n))))
    expect(order[0]).toBe(3)
    expect([silent, mute]).toEqual([{}, {}])
    expect(honest?.upKbps).toBeGreaterThan(0)
  }, 15_000)

  test('a machine that is not there is not measured', async () => {
    expect(await measure(4)).toEqual({})
  })
})

test('kilobits a second are whole and fit a u32', () => {
  expect([kbps(1000, 8), kbps(1, 3), kbps(2 ** 30, 0)]).toEqual([1000, 2, 2 ** 32 - 1])
})

describe('the stopwatch, on a clock of the test', () => {
  const W = 2000
  const key = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
  let now: number
  let sent: CheckerMessage[]
  let online$: BehaviorSubject<boolean>
  let messages$: Subject<Arrival>
  let sending: Promise<void>
  let line: Line
  let patches: Patch[]
  let over: boolean
  beforeEach(() => {
    vi.useFakeTimers()
    now = 5000
    sent = []
    patches = []
    over = false
    online$ = new BehaviorSubject(false)
    messages$ = new Subject()
    sending = Promise.resolve()
    line = { peer: key(1), online$, messages$, send: (message) => (sent.push(message), sending), expectPayload: () => {}, hangUp: () => {}, withLanes: (_, use) => use([]) }
    stopwatch$(line, { round: 3, signature: new Uint8Array(64).fill(9), windowMs: W }, { ...tools, now: () => now }).subscribe({ next: (patch) => patches.push(patch), complete: () => (over = true) })
  })
  afterEach(() => vi.useRealTimers())
  const pass = (ms: number): void => {
    now += ms
    vi.advanceTimersByTime(ms)
  }
  const progress = (step: number, round = 3): void => messages$.next({ at: now, message: { tag: 'Progress', value: { round, step, key: key(step) } } })

  test('the last progress within the window is read, its last ms included', () => {
    online$.next(true)
    expect(sent).toEqual([{ tag: 'Nonce', value: { round: 3, signature: new Uint8Array(64).fill(9) } }])
    pass(300)
    progress(0)
    pass(200)
    progress(10)
    progress(11, 2)
    pass(1500)
    progress(40)
    pass(1)
    progress(41)
    expect(patches).toEqual([{ reached: true }, { lastStep: 10, lastKey: key(10), firstUs: 500_000 }, { lastStep: 40, lastKey: key(40) }])
    pass(200)
    expect([patches.at(-1), over]).toEqual([{ complete: true }, true])
  })

  test('a machine that comes late gets the nonce then; one that comes back gets it again and no more time', () => {
    pass(700)
    progress(5) // before any nonce: nothing to measure
    expect(patches).toEqual([])
    online$.next(true)
    pass(1000)
    online$.next(false)
    online$.next(true)
    expect(sent.map(({ tag }) => tag)).toEqual(['Nonce', 'Nonce'])
    pass(1001)
    progress(30)
    expect(patches).toEqual([{ reached: true }])
  })

  test('a machine that does not read wins no time by it', () => {
    sending = new Promise(() => {})
    online$.next(true)
    pass(2001)
    progress(9)
    pass(200)
    expect(patches).toEqual([{ reached: true }, { complete: true }])
  })

  test('a send that fails is no error: the window goes on', async () => {
    sending = Promise.reject(new Error('closed'))
    online$.next(true)
    await Promise.resolve()
    pass(10)
    progress(4)
    expect(patches).toEqual([{ reached: true }, { lastStep: 4, lastKey: key(4), firstUs: 10_000 }])
  })
})

test('a reason not to run counts for its round', async () => {
  const messages$ = new Subject<Arrival>()
  const line: Line = { peer: keyOf(1).publicKey, online$: new BehaviorSubject(true), messages$, send: async () => {}, expectPayload: () => {}, hangUp: () => {}, withLanes: (_, use) => use([]) }
  const heard = firstValueFrom(declined$(line, 3))
  for (const [round, reason] of [[2, 'BUSY'], [3, 'PAUSED']] as const) messages$.next({ at: 0, message: { tag: 'NotRun', value: { round, reason } } })
  expect(await heard).toEqual({ declined: 'PAUSED' })
})
