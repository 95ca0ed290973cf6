import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crypto, hashOf } from '../testing/crypto.ts'
import { fromHex, utf8 } from './bytes.ts'
import type { PartOnChain } from './ledger.ts'
import { MAX_PARTS, PART_PAYEES, partDigest, partsOf, type Payment, pendingOf, settledAs } from './parts.ts'
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

test('an epoch is settled with its last part; another statement or part is told', () => {
  const network = hashOf('n')
  const own = { epoch: 3, bytes: utf8('statement'), payouts: payments(2 * PART_PAYEES + 1) }
  const chunks = new Map([[1, utf8('ment')], [0, utf8('state')]])
  const item = (part: number, block: number, of = part): [number, PartOnChain] => [part, { block, value: fromHex(partDigest(crypto, { network, epoch: 3, part: of }, partsOf(own.payouts)[of]!)) }]
  const as = (...parts: [number, PartOnChain][]) => settledAs(crypto, network, own, { block: 5, chunks, parts: new Map(parts) })
  expect(settledAs(crypto, network, own, undefined)).toEqual({ kind: 'nothing' })
  expect([as(), as(item(2, 9))]).toEqual([{ kind: 'partly', missing: [1, 2] }, { kind: 'partly', missing: [1] }])
  expect(as(item(2, 9), item(1, 7))).toEqual({ kind: 'whole', block: 9 })
  expect(as(item(1, 7), item(2, 9, 1))).toEqual({ kind: 'other part', block: 9, part: 2 })
  // A part that its payees do not fill is none of it.
  expect(as(item(1, 7), item(2, 9), [3, { block: 11, value: new Uint8Array(32) }])).toEqual({ kind: 'other part', block: 11, part: 3 })
  expect(settledAs(crypto, network, { ...own, bytes: utf8('other') }, { block: 5, chunks, parts: new Map() })).toEqual({ kind: 'other statement', block: 5, bytes: utf8('statement') })
  expect(settledAs(crypto, network, { ...own, payouts: [] }, { block: 5, chunks, parts: new Map() })).toEqual({ kind: 'whole', block: 5 })
})
