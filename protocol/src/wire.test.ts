import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf } from '../testing/crypto.ts'
import { equalBytes } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { commitmentBytesLimit, devnetParameters, openingsBytesLimit } from './parameters.ts'
import { type CheckerMessage, CHUNK_BYTES, hello, LANE_FRAME_BYTES, type MachineMessage, wire } from './wire.ts'

const parameters = { ...devnetParameters(0, 10), log2n: 6, samples: 4, maxSteps: 8 }
const { machine, checker, maxFrameBytes } = wire(parameters)
const openingsLimit = openingsBytesLimit(parameters)
const commitmentLimit = commitmentBytesLimit(parameters)

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const hash = fc.string().map(hashOf)
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength })
const says = <K extends string, V>(tag: K, value: fc.Arbitrary<V>): fc.Arbitrary<{ tag: K; value: V }> => value.map((value) => ({ tag, value }))
const release = fc.stringMatching(/^[0-9A-Za-z.+-]{1,32}$/)
const ofMachine: fc.Arbitrary<MachineMessage> = fc.oneof(
  says('Hello', fc.oneof(
    fc.record({ versions: fc.constant({ lowest: 1, highest: 1 }), network: hash, release: fc.constant(''), more: fc.constant(new Uint8Array()) }),
    fc.record({ versions: fc.constantFrom({ lowest: 1, highest: 2 }, { lowest: 2, highest: 2 }), network: hash, release, more: fc.constant(new Uint8Array()) }),
    fc.record({ versions: fc.record({ lowest: fc.integer({ min: 1, max: 3 }), highest: fc.integer({ min: 3, max: 255 }) }), network: hash, release, more: bytes(0, 128) }),
  )),
  says('Pong', fc.record({ id: u32 })),
  says('DownloadDone', fc.record({ id: u32, sha256: hash })),
  says('Chunk', fc.record({ id: u32, bytes: bytes(1, 100) })),
  says('Progress', fc.record({ round: u32, step: u32, key: hash })),
  says('Commitment', fc.record({ round: u32, blob: bytes(0, 300) })),
  says('Openings', fc.record({ round: u32, blob: bytes(0, 300) })),
  says('NotRun', fc.record({ round: u32, reason: fc.constantFrom('BUSY' as const, 'TIMED_OUT' as const) })),
  says('OfferLanes', fc.record({ lanes: fc.nat(7) })),
  says('Lane', fc.record({ version: fc.nat(255), network: hash, id: u32, lane: fc.integer({ min: 1, max: 7 }) })),
)
const ofChecker: fc.Arbitrary<CheckerMessage> = fc.oneof(
  says('Welcome', fc.record({ version: fc.nat(255), best: u32 })),
  says('WrongVersion', fc.record({ lowest: fc.nat(255), highest: fc.nat(255) })),
  says('Refused', fc.record({ code: fc.constantFrom('WRONG_NETWORK' as const, 'TOO_MUCH' as const) })),
  says('Ping', fc.record({ id: u32 })),
  says('Download', fc.record({ id: u32, round: u32, bytes: fc.nat(parameters.bandwidthBytes) })),
  says('Chunk', fc.record({ id: u32, bytes: bytes(1, 100) })),
  says('Upload', fc.record({ id: u32, round: u32, seed: bytes(32, 32), bytes: fc.nat(parameters.bandwidthBytes) })),
  says('Nonce', fc.record({ round: u32, signature: bytes(64, 64) })),
  says('Receipt', fc.record({ round: u32, id: hash })),
  says('OpenLanes', fc.record({ id: u32, round: u32, lanes: fc.integer({ min: 1, max: 7 }) })),
)

describe.each([
  ['a machine', ofMachine, machine],
  ['a checker', ofChecker, checker],
] as const)('what %s says', (_, arbitrary, codec) => {
  const encode = codec.encode as (message: MachineMessage | CheckerMessage) => Uint8Array
  const decode = codec.decode as (frame: Uint8Array) => MachineMessage | CheckerMessage
  const messages = arbitrary as fc.Arbitrary<MachineMessage | CheckerMessage>

  test('is understood', () => {
    fc.assert(fc.property(messages, (message) => { expect(decode(encode(message))).toEqual(message) }), { numRuns: 300 })
  })
  test('changed, cut or longer is refused or something else said properly', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (message, at, flip, cut) => {
        const frame = encode(message)
        const changed = Uint8Array.from(frame)
        changed[at % frame.length]! ^= flip
        for (const given of [changed, frame.slice(0, cut % frame.length), Uint8Array.of(...frame, 0)])
          try {
            if (!equalBytes(encode(decode(given)), given)) return false
          } catch (error) {
            if (!(error instanceof MalformedError)) return false
          }
        return true
      }),
      { numRuns: 500 },
    )
  })
  test('is never just any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
        try {
          return equalBytes(encode(decode(given)), given)
        } catch (error) {
          return error instanceof MalformedError
        }
      }),
      { numRuns: 500 },
    )
    expect(() => decode(new Uint8Array())).toThrow(MalformedError)
  })
})

describe('limits', () => {
  const frame = (tag: number, length: number, compact: number[]): Uint8Array => Uint8Array.of(tag, 0, 0, 0, 0, ...compact, ...new Uint8Array(length))
  const compact = (n: number): number[] => (n < 64 ? [n << 2] : n < 2 ** 14 ? [((n << 2) | 1) & 255, n >> 6] : [((n << 2) | 2) & 255, (n >> 6) & 255, (n >> 14) & 255, n >> 22])

  test('the longest blobs pass, one byte more does not', () => {
    for (const [tag, limit] of [[3, CHUNK_BYTES], [5, commitmentLimit], [6, openingsLimit]] as const) {
      expect(machine.decode(frame(tag, limit, compact(limit))).value).toBeDefined()
      expect(() => machine.decode(frame(tag, limit + 1, compact(limit + 1)))).toThrow(MalformedError)
    }
    expect(machine.encode({ tag: 'Openings', value: { round: 1, blob: new Uint8Array(openingsLimit) } }).length).toBeLessThanOrEqual(maxFrameBytes)
    expect(machine.encode({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(CHUNK_BYTES) } }).length).toBeLessThanOrEqual(maxFrameBytes)
    expect(() => machine.encode({ tag: 'Openings', value: { round: 1, blob: new Uint8Array(openingsLimit + 1) } })).toThrow(RangeError)
  })
  test('a frame too long for any message is refused unread', () => {
    expect(() => machine.decode(new Uint8Array(maxFrameBytes + 1))).toThrow(/at most/)
    expect(() => checker.decode(new Uint8Array(maxFrameBytes + 1))).toThrow(/at most/)
  })
  test('a length that lies costs nothing', () => {
    expect(() => machine.decode(frame(6, 3, [0xfe, 0xff, 0xff, 0xff]))).toThrow('length 1073741823')
    expect(() => machine.decode(frame(6, 3, compact(2000)))).toThrow(MalformedError)
  })
  test('an empty chunk would go on for ever', () => {
    expect(() => machine.decode(frame(3, 0, [0]))).toThrow(MalformedError)
  })
  test('a checker cannot ask for more than the network’s payload', () => {
    const asks = [
      (bytes: number): CheckerMessage => ({ tag: 'Download', value: { id: 1, round: 1, bytes } }),
      (bytes: number): CheckerMessage => ({ tag: 'Upload', value: { id: 1, round: 1, seed: new Uint8Array(32), bytes } }),
    ]
    for (const ask of asks) {
      expect(() => checker.encode(ask(parameters.bandwidthBytes + 1))).toThrow('a payload of')
      const asked = checker.encode(ask(parameters.bandwidthBytes))
      asked[asked.length - 1]! += 1
      expect(() => checker.decode(asked)).toThrow('a payload of')
    }
  })
  test('there are lanes 1 to 7, and a machine may offer none', () => {
    const [offer, open] = [machine.encode({ tag: 'OfferLanes', value: { lanes: 0 } }), checker.encode({ tag: 'OpenLanes', value: { id: 1, round: 1, lanes: 7 } })]
    const lane = machine.encode({ tag: 'Lane', value: { version: 1, network: hashOf('n'), id: 1, lane: 1 } })
    const last = (frame: Uint8Array, value: number): Uint8Array => Uint8Array.of(...frame.subarray(0, -1), value)
    for (const bad of [last(offer, 8), last(lane, 0), last(lane, 8)]) expect(() => machine.decode(bad)).toThrow('lane')
    for (const bad of [last(open, 0), last(open, 8)]) expect(() => checker.decode(bad)).toThrow('lane')
    for (const good of [last(offer, 7), last(lane, 7)]) expect(machine.decode(good).value).toBeDefined()
    expect(machine.encode({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(CHUNK_BYTES) } }).length).toBe(LANE_FRAME_BYTES)
  })
  test('a label is made of few characters, and a later version adds little', () => {
    const versions = { lowest: 1, highest: 2 }
    for (const release of ['', 'a b', '<b>', 'x\n', 'é', 'a'.repeat(33)]) expect(() => machine.encode({ tag: 'Hello', value: { versions, network: hashOf('n'), release, more: new Uint8Array() } }), release).toThrow(RangeError)
    const good = machine.encode(hello({ versions, network: hashOf('n'), release: '1.0.0' }))
    expect(() => machine.decode(good.with(-1, 0x22))).toThrow(MalformedError)
    const later = (more: number): Uint8Array => Uint8Array.of(...good.with(1, 9), ...new Uint8Array(more))
    expect(machine.decode(later(128)).value).toMatchObject({ versions: { lowest: 1, highest: 9 }, release: '1.0.0' })
    expect(() => machine.decode(later(129))).toThrow('129 bytes of a later version')
    // Of a version that is known, nothing stands behind it.
    expect(() => machine.decode(Uint8Array.of(...good, 0))).toThrow('tail of 1 bytes')
  })
  test('versions are a range that begins with 1', () => {
    const said = (highest: number, lowest: number): Uint8Array => machine.encode(hello({ versions: { lowest: 1, highest: 2 }, network: hashOf('n'), release: 'x' })).with(1, highest).with(2, lowest)
    for (const [highest, lowest] of [[2, 3], [2, 0], [200, 201]] as const) expect(() => machine.decode(said(highest, lowest))).toThrow('that are none')
    expect(machine.decode(said(200, 200)).value).toMatchObject({ versions: { lowest: 200, highest: 200 } })
    expect(() => machine.decode(Uint8Array.of(0, 0, ...new Uint8Array(32)))).toThrow(MalformedError)
  })
  test('who speaks version 1 alone takes its greeting and no other', () => {
    const old = wire(parameters, { lowest: 1, highest: 1 })
    const [first, both] = [{ lowest: 1, highest: 1 }, { lowest: 1, highest: 2 }].map((versions) => machine.encode(hello({ versions, network: hashOf('n'), release: '1.0.0' }))) as [Uint8Array, Uint8Array]
    expect(first).toHaveLength(34)
    expect(old.machine.decode(first)).toEqual(machine.decode(first))
    expect(old.machine.encode(hello({ versions: { lowest: 1, highest: 1 }, network: hashOf('n'), release: '1.0.0' }))).toEqual(first)
    expect(() => old.machine.decode(both)).toThrow('tail of')
    expect(old.machine.decode(first.with(1, 7)).value).toMatchObject({ versions: { lowest: 7, highest: 7 } })
  })
  test('a machine cannot give a judge’s reasons', () => {
    const said = machine.encode({ tag: 'NotRun', value: { round: 1, reason: 'BUSY' } })
    said[5] = 4
    expect(() => machine.decode(said)).toThrow(MalformedError)
  })
})
