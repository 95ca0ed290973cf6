import { createHash } from 'node:crypto'
import { EMPTY, filter, firstValueFrom, lastValueFrom, NEVER, Observable, reduce, type Subscription } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CHUNK_BYTES, LANES, type MachineMessage, MAX_LANES, VERSIONS, hello } from '@assay/protocol'
import { answer, type AnswerOptions, type ScriptedMachine } from '../testing/machine.ts'
import { keyOf, type Loopback, loopback, NETWORK } from '../testing/sessions.ts'
import type { Carrier } from './lanes.ts'
import { link$, type Patch } from './measure.ts'

const tools = { now: () => performance.now(), random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)) }
const bytes = 10 * CHUNK_BYTES - 5
let stop: AbortController
let net: Loopback
beforeEach(async () => {
  stop = new AbortController()
  net = await loopback(stop.signal, { helloMs: 1500 })
})
afterEach(() => stop.abort())

const line = (n = 1) => net.sessions.line(keyOf(n).publicKey)
const measure = (limitMs = 3000): Promise<Patch> => lastValueFrom(link$(line(), { round: 1, bytes, limitMs }, tools).pipe(reduce((reading, patch) => ({ ...reading, ...patch }), {} as Patch)), { defaultValue: {} })
const code = (dialled: Promise<ScriptedMachine>): Promise<unknown> => dialled.then(() => 'OPEN', (error: { code?: unknown }) => error.code)
const play = async (options: AnswerOptions = {}): Promise<{ machine: ScriptedMachine, streams: ScriptedMachine[] }> => {
  const machine = await net.join(1)
  return { machine, streams: answer(machine, { dialLane: () => net.lane(1), network: NETWORK, ...options }) }
}
/** How many Chunks a stream brought the machine. */
const count = (stream: ScriptedMachine): number => {
  let chunks = 0
  stream.heard$.subscribe(({ tag }) => void (tag === 'Chunk' && chunks++)).unsubscribe()
  return chunks
}
const fields = (reading: Patch): string[] => Object.keys(reading).toSorted()
const ALL = ['downKbps', 'rttUs', 'upKbps']

describe('a measurement', () => {
  test('goes over the conversation and three lanes, both ways, piece by piece in turns', async () => {
    const sent = [0, 0, 0, 0]
    const { machine, streams } = await play({ twist: (message, stream) => (message.tag === 'Chunk' && sent[stream]!++, message) })
    expect(fields(await measure())).toEqual(ALL)
    expect(streams.map(count)).toEqual([3, 3, 2, 2])
    expect(sent).toEqual([3, 3, 2, 2])
    await Promise.all(streams.slice(1).map(({ channel }) => channel.closed))
    // The conversation is the one from before: lanes replace nobody.
    await line().send({ tag: 'Ping', value: { id: 9 } })
    expect((await firstValueFrom(machine.heard$.pipe(filter((message) => message.tag === 'Ping' && message.value.id === 9)))).tag).toBe('Ping')
  })

  test('goes over one stream with a machine that offers no lanes, which is asked for none', async () => {
    const machine = await net.join(1)
    const streams = answer(machine)
    expect(fields(await measure())).toEqual(ALL)
    expect([streams.length, count(machine)]).toEqual([1, 10])
    expect(await firstValueFrom(machine.heard$.pipe(filter(({ tag }) => tag === 'OpenLanes' || tag === 'Upload')))).toMatchObject({ tag: 'Upload' })
  })

  test('goes over one stream if a lane is missing in time, and the others are closed', async () => {
    const { machine, streams } = await play({ twist: (message) => (message.tag === 'Lane' && message.value.lane === 2 ? null : message) })
    expect(fields(await measure())).toEqual(ALL)
    expect(count(machine)).toBe(10)
    await Promise.all(streams.slice(1).map(({ channel }) => channel.closed))
  }, 15_000)

  test('goes over one stream if the machine takes its offer back', async () => {
    const machine = await net.join(1)
    answer(machine, { network: NETWORK, dialLane: async () => (await machine.say({ tag: 'OfferLanes', value: { lanes: 0 } }), Promise.reject(new Error('no more connections'))) })
    expect(fields(await measure())).toEqual(ALL)
    expect(count(machine)).toBe(10)
  })

  const chunk = (message: MachineMessage, change: (bytes: Uint8Array) => Uint8Array): MachineMessage => (message.tag === 'Chunk' ? { ...message, value: { ...message.value, bytes: change(message.value.bytes) } } : message)
  test('is not taken if pieces come on the wrong lane, out of order, changed, or in other sizes', async () => {
    let exchanged = false
    const { streams } = await play({ twist: (message) => {
      if (message.tag === 'Chunk' && !exchanged) {
        exchanged = true
        ;[streams[1], streams[2]] = [streams[2]!, streams[1]!]
      }
      return message
    } })
    expect(fields(await measure(1000))).toEqual(['downKbps', 'rttUs'])
    expect(exchanged).toBe(true)
    for (const change of [(piece: Uint8Array) => piece.map((byte, i) => (i === 7 ? byte ^ 1 : byte)), (piece: Uint8Array) => piece.subarray(1)]) {
      await play({ twist: (message, stream) => (stream === 2 ? chunk(message, change) : message) })
      expect(fields(await measure(1000))).toEqual(['downKbps', 'rttUs'])
    }
    let held: MachineMessage | undefined
    await play({ twist: (message, stream) => {
      if (message.tag !== 'Chunk' || stream !== 1 || message.value.bytes.length < CHUNK_BYTES) return message
      const before = held
      held = message
      return before ?? null
    } })
    expect(fields(await measure(1000))).toEqual(['downKbps', 'rttUs'])
  }, 15_000)

  test('is not taken if the answer is the hash of all bytes in one', async () => {
    const { machine } = await play({ twist: (message) => (message.tag === 'DownloadDone' ? { ...message, value: { ...message.value, sha256: `0x${createHash('sha256').update('').digest('hex')}` } } : message) })
    expect(fields(await measure(1000))).toEqual(['rttUs', 'upKbps'])
    expect(count(machine)).toBe(3)
  })

  test('is not taken if a lane dies, and ends then, not at its limit', async () => {
    let deaths = 0
    const { machine, streams } = await play({ twist: (message, stream) => {
      if (message.tag === 'Chunk' && stream === 3 && deaths++ === 0) void streams[3]!.channel.close()
      return message
    } })
    expect(fields(await measure(20_000))).toEqual(['downKbps', 'rttUs'])
    await line().send({ tag: 'Ping', value: { id: 5 } })
    await firstValueFrom(machine.heard$.pipe(filter((message) => message.tag === 'Ping' && message.value.id === 5)))
  })

  test('is not taken either way if a lane dies while the payload comes down', async () => {
    const { streams } = await play({ twist: (message) => {
      if (message.tag !== 'DownloadDone') return message
      void streams[1]!.channel.close()
      return null
    } })
    expect(fields(await measure(20_000))).toEqual(['rttUs'])
  })

  test('of a machine whose lane stalls ends at its limit', async () => {
    await play({ twist: (message, stream) => (message.tag === 'Chunk' && stream === 1 ? null : message) })
    expect(fields(await measure(500))).toEqual(['downKbps', 'rttUs'])
  })

  test('ends a lane that floods, and nothing else', async () => {
    const { machine, streams } = await play({ twist: (message, stream) => (message.tag === 'Chunk' && stream === 1 ? null : message) })
    const reading = measure(1000)
    await machine.hear('Upload')
    for (let i = 0; i < 20; i++) streams[2]!.say({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(CHUNK_BYTES) } }).catch(() => {})
    expect((await streams[2]!.hear('Refused')).value.code).toBe('TOO_MUCH')
    expect(fields(await reading)).toEqual(['downKbps', 'rttUs'])
    expect(await net.metrics.text()).toContain('assay_checker_connected_machines 1')
  })

  test('of a machine that comes again ends with its lanes', async () => {
    const { streams } = await play({ twist: (message, stream) => (message.tag === 'Chunk' && stream > 0 ? null : message) })
    const reading = measure(20_000)
    await streams[0]!.hear('Upload')
    const again = await net.join(1)
    await Promise.all(streams.map(({ channel }) => channel.closed))
    expect((await reading).upKbps).toBeUndefined()
    await line().send({ tag: 'Ping', value: { id: 6 } })
    await again.hear('Ping')
  })
})

describe('the door for lanes', () => {
  let asked: Subscription
  let got: readonly Carrier[] | undefined
  let machine: ScriptedMachine
  const lane = (change: Partial<Extract<MachineMessage, { tag: 'Lane' }>['value']> = {}): MachineMessage => ({ tag: 'Lane', value: { version: VERSIONS.highest, network: NETWORK, id: 77, lane: 1, ...change } })
  beforeEach(async () => {
    machine = await net.join(1)
    await machine.say({ tag: 'OfferLanes', value: { lanes: MAX_LANES } })
    await firstValueFrom(new Observable<null>((subscriber) => {
      asked = line().messages$.subscribe(() => subscriber.next(null))
      void machine.say({ tag: 'Pong', value: { id: 0 } })
    }))
    asked.unsubscribe()
    got = undefined
    asked = line().withLanes({ id: 77, round: 3, withinMs: 600_000 }, (lanes) => ((got = lanes), NEVER)).subscribe()
  })
  afterEach(() => asked.unsubscribe())

  test('asks for no more lanes than a measurement has', async () => {
    expect((await machine.hear('OpenLanes')).value).toEqual({ id: 77, round: 3, lanes: LANES })
  })

  test('is shut at once, and nobody waits any more, when the machine takes its offer back', async () => {
    await machine.say({ tag: 'OfferLanes', value: { lanes: LANES - 1 } })
    await expect.poll(() => got).toEqual([])
    expect(await code(net.lane(1))).toBe('NOT_ASKED')
  })

  test('is shut to strangers, and to machines that are not being measured', async () => {
    expect(await code(net.lane(100))).toBe('NOT_ELIGIBLE')
    expect(await code(net.lane(2))).toBe('NOT_ASKED')
    await net.join(3)
    expect(await code(net.lane(3))).toBe('NOT_ASKED')
    expect(await net.metrics.text()).toContain('assay_checker_channel_refusals_total{code="NOT_ASKED"}')
  })

  test.each<[string, string, MachineMessage | Uint8Array | null]>([
    ['another version', 'WRONG_VERSION', lane({ version: 1 })],
    ['another network', 'WRONG_NETWORK', lane({ network: keyOf(3).publicKey })],
    ['another measurement', 'BAD_MESSAGE', lane({ id: 78 })],
    ['a number that nobody asked for', 'BAD_MESSAGE', lane({ lane: LANES + 1 })],
    ['a greeting of a conversation', 'BAD_MESSAGE', hello({ versions: VERSIONS, network: NETWORK, release: 'test' })],
    ['a chunk before its name', 'BAD_MESSAGE', { tag: 'Chunk', value: { id: 77, bytes: new Uint8Array(9) } }],
    ['garbage', 'BAD_MESSAGE', new Uint8Array(40).fill(255)],
    ['silence', 'BAD_MESSAGE', null],
  ])('refuses %s', async (_, refusal, first) => {
    const one = await net.lane(1)
    if (first instanceof Uint8Array) await one.channel.send(first)
    else if (first !== null) await one.say(first)
    expect((await one.hear('Refused')).value.code).toBe(refusal)
    await one.channel.closed
    await line().send({ tag: 'Ping', value: { id: 1 } })
    await machine.hear('Ping')
    expect(got).toBeUndefined()
  })

  test('refuses a lane twice, and what is no payload; one that is refused in use is over for whoever listens', async () => {
    const lanes = await Promise.all([1, 2, 3].map(async (number) => {
      const one = await net.lane(1)
      await one.say(lane({ lane: number }))
      return one
    }))
    await expect.poll(() => got?.length).toBe(LANES)
    const second = await net.lane(1)
    await second.say(lane({ lane: 3 }))
    expect((await second.hear('Refused')).value.code).toBe('BAD_MESSAGE')
    await lanes[1]!.say({ tag: 'Pong', value: { id: 1 } })
    expect((await lanes[1]!.hear('Refused')).value.code).toBe('BAD_MESSAGE')
    await expect(lastValueFrom(got![1]!.messages$, { defaultValue: null })).rejects.toThrow('the lane is over')
    await lanes[0]!.say({ tag: 'Chunk', value: { id: 77, bytes: new Uint8Array(1) } })
    expect((await lanes[0]!.hear('Refused')).value.code).toBe('TOO_MUCH')
  })

  test('refuses more channels than there can be lanes, and frames longer than a piece', async () => {
    const many = await Promise.all(Array.from({ length: MAX_LANES }, () => net.lane(1)))
    for (const one of many) one.heard$.subscribe()
    expect(await code(net.lane(1))).toBe('FULL')
    many[0]!.channel.send(new Uint8Array(CHUNK_BYTES + 10)).catch(() => {})
    await Promise.all(many.map(({ channel }) => channel.closed))
    expect(await net.metrics.text()).toContain('{code="FRAME_TOO_LONG"} 1')
  })

  test('is shut with the measurement: lanes end, named or not, and none comes after', async () => {
    const [named, mute] = [await net.lane(1), await net.lane(1)]
    for (const one of [named, mute]) one.heard$.subscribe()
    await named.say(lane())
    asked.unsubscribe()
    await Promise.all([named.channel.closed, mute.channel.closed])
    expect(await code(net.lane(1))).toBe('NOT_ASKED')
  })

  test('a lane has no place in a conversation', async () => {
    await machine.say(lane())
    expect((await machine.hear('Refused')).value.code).toBe('BAD_MESSAGE')
    const fresh = await net.dial(2)
    await fresh.say(lane())
    expect((await fresh.hear('Refused')).value.code).toBe('BAD_MESSAGE')
  })

  test('without a machine there are no lanes', async () => {
    expect(await lastValueFrom(line(9).withLanes({ id: 1, round: 1, withinMs: 5000 }, (lanes) => (lanes.length === 0 ? EMPTY : NEVER)), { defaultValue: 'none' })).toBe('none')
  })
})
