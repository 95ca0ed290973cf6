import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crypto, hashOf } from '../testing/crypto.ts'
import { equalBytes, ZERO_HASH } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { ITEM_BYTES } from './parameters.ts'
import { decodeObservation, decodeReportItem, encodeObservation, encodeReportItem, HELD_BYTES, heldBitmap, isHeld, type Observation, reportRoot } from './report.ts'

const ran: Observation = { machine: hashOf('a'), outcome: 'RAN', reason: 'OK', commitment: hashOf('blob'), lastStep: 9, lastKey: hashOf('key'), downKbps: 1, upKbps: 2, rttUs: 3, firstUs: 70 }
const silent: Observation = { ...ran, outcome: 'UNREACHABLE', reason: 'UNREACHABLE', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH }

describe('an observation', () => {
  test('says one thing in one way', () => {
    for (const observation of [ran, silent, { ...silent, outcome: 'NOT_RUN', reason: 'BUSY' } as const]) expect(decodeObservation(encodeObservation(observation))).toEqual(observation)
    const bad: Partial<Observation>[] = [
      { outcome: 'NOT_RUN', reason: 'BUSY' }, // with a commitment
      { reason: 'BUSY' },
      { outcome: 'UNREACHABLE', reason: 'OK', commitment: ZERO_HASH },
      { outcome: 'NOT_RUN', reason: 'OK', commitment: ZERO_HASH },
      { outcome: 'NOT_RUN', reason: 'TWO_COMMITMENTS', commitment: ZERO_HASH },
    ]
    for (const change of bad) expect(() => encodeObservation({ ...ran, ...change }), JSON.stringify(change)).toThrow(RangeError)
  })
  test('with an unknown outcome or reason, or against the rule, is malformed', () => {
    for (const [at, byte] of [[32, 3], [33, 255], [32, 1]] as const) {
      const bytes = encodeObservation(ran)
      bytes[at] = byte
      expect(() => decodeObservation(bytes)).toThrow(MalformedError)
    }
  })
})

describe('the root of a report', () => {
  const scope = { network: hashOf('n'), round: 3, checker: hashOf('k'), salt: hashOf('salt') }
  const list = [ran, { ...silent, machine: hashOf('b') }].sort((a, b) => (a.machine < b.machine ? -1 : 1))
  const root = reportRoot(crypto, scope, list)

  test('depends on everything it should bind', () => {
    const others = [
      reportRoot(crypto, { ...scope, network: hashOf('other') }, list),
      reportRoot(crypto, { ...scope, round: 4 }, list),
      reportRoot(crypto, { ...scope, checker: hashOf('copier') }, list),
      reportRoot(crypto, { ...scope, salt: hashOf('pepper') }, list),
      reportRoot(crypto, scope, list.slice(1)),
      reportRoot(crypto, scope, list.map((observation) => ({ ...observation, rttUs: 4 }))),
    ]
    expect(new Set([root, ...others]).size).toBe(7)
  })
  test('takes each machine once, in order', () => {
    expect(() => reportRoot(crypto, scope, list.toReversed())).toThrow(RangeError)
    expect(() => reportRoot(crypto, scope, [ran, ran])).toThrow(RangeError)
  })
})

describe('the item on chain', () => {
  const item = { round: 2 ** 32 - 1, commitment: hashOf('c'), previousPackage: hashOf('p'), held: new Uint8Array(HELD_BYTES).fill(255) }
  test('fits 128 bytes at its longest', () => {
    expect(encodeReportItem(item).length).toBeLessThanOrEqual(ITEM_BYTES)
    expect(decodeReportItem(encodeReportItem(item))).toEqual(item)
    expect(() => encodeReportItem({ ...item, held: new Uint8Array(HELD_BYTES + 1) })).toThrow(RangeError)
  })
  test('is one encoding or malformed', () => {
    const bytes = encodeReportItem({ ...item, held: Uint8Array.of(5) })
    for (let length = 0; length < bytes.length; length++) expect(() => decodeReportItem(bytes.subarray(0, length))).toThrow(MalformedError)
    expect(() => decodeReportItem(Uint8Array.of(...bytes, 0))).toThrow(MalformedError)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(bytes)
        changed[at]! ^= flip
        try {
          return equalBytes(encodeReportItem(decodeReportItem(changed)), changed)
        } catch (error) {
          return error instanceof MalformedError
        }
      }),
    )
  })
})

test('bits of held packages', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 464 }), fc.array(fc.nat(463)), (size, wanted) => {
      const places = new Set(wanted.map((place) => place % size))
      const held = heldBitmap(size, places)
      for (let place = 0; place < 500; place++) expect(isHeld(held, place)).toBe(places.has(place))
    }),
  )
  expect([...heldBitmap(10, [0, 9])]).toEqual([1, 2])
  expect(() => heldBitmap(465, [])).toThrow(RangeError)
  expect(() => heldBitmap(3, [3])).toThrow(RangeError)
  expect(() => heldBitmap(3, [-1])).toThrow(RangeError)
})
