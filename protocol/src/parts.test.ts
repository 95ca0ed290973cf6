import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crypto, hashOf } from '../testing/crypto.ts'
import { MAX_PARTS, PART_PAYEES, partDigest, partsOf, type Payment, pendingOf } from './parts.ts'
import { MAX_PAYEES } from './score.ts'

const payments = (count: number): Payment[] => Array.from({ length: count }, (_, i) => [`0x${i.toString(16).padStart(64, '0')}`, BigInt(i)])

test('parts are all payments in order, full but for the last, and at least one', () => {
  expect(partsOf([])).toEqual([[]])
  fc.assert(fc.property(fc.integer({ min: 1, max: 5 * PART_PAYEES }), (count) => {
    const all = payments(count)
    const parts = partsOf(all)
    expect(parts.flat()).toEqual(all)
    expect(parts.slice(0, -1).every(({ length }) => length === PART_PAYEES)).toBe(true)
    expect(parts.at(-1)!.length).toBeGreaterThan(0)
  }), { numRuns: 20 })
})

test('as many payees as an epoch may have fit, and not one more', () => {
  expect(partsOf(Array.from({ length: MAX_PAYEES }, () => 0))).toHaveLength(MAX_PARTS)
  expect(() => partsOf(Array.from({ length: MAX_PAYEES + 1 }, () => 0))).toThrow(RangeError)
})

test('a digest is of one network, epoch, part and list', () => {
  const place = { network: hashOf('n'), epoch: 3, part: 1 }
  const digests = [
    partDigest(crypto, place, payments(3)), partDigest(crypto, { ...place, network: hashOf('m') }, payments(3)), partDigest(crypto, { ...place, epoch: 4 }, payments(3)), partDigest(crypto, { ...place, part: 2 }, payments(3)),
    partDigest(crypto, place, payments(2)), partDigest(crypto, place, payments(3).toReversed()), partDigest(crypto, place, payments(3).map(([account, planck]) => [account, planck + 1n])),
  ]
  expect(new Set(digests).size).toBe(digests.length)
  expect(partDigest(crypto, place, payments(3))).toBe(digests[0])
})

test('what is pending are the parts without an item; the first goes with the statement', () => {
  const all = payments(2 * PART_PAYEES + 1)
  const sum = (part: readonly Payment[]): bigint => part.reduce((total, [, planck]) => total + planck, 0n)
  const [, second, third] = partsOf(all)
  expect(pendingOf({ parts: new Map() }, all)).toBe(sum(second!) + sum(third!))
  expect(pendingOf({ parts: new Map([[1, {}]]) }, all)).toBe(sum(third!))
  expect(pendingOf({ parts: new Map([[1, {}], [2, {}]]) }, all)).toBe(0n)
  expect(pendingOf({ parts: new Map() }, payments(PART_PAYEES))).toBe(0n)
})
