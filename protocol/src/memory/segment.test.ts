import { hash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keystream } from '../compute/chacha.ts'
import type { Crypto } from '../crypto.ts'
import { checkRegion, fillKey, fillSegment, firstLabel, labelOf, nextLabel, placeBefore, references } from './segment.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))
const crypto = { sha256 } as Crypto
const fillSeed = sha256(Buffer.from('fill'))
const key = fillKey(crypto, fillSeed, 3)
const words = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => new Uint32Array(new Uint8Array(bytes).buffer))

describe('a label', () => {
  test('is a ChaCha8 block of the segment’s key where the labels give ChaCha’s constants and counter', () => {
    const before = new Uint32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0])
    // Undo what the place mixes in: leaf 0x25 is slice 5 of lane 2, label 3 has position 83.
    before[12]! ^= 2
    before[13]! ^= 83
    expect(new Uint8Array(nextLabel(key, { j: 0x25, u: 3 }, 0, before, undefined).buffer)).toEqual(keystream(key, 7 * 64, 64))
  })

  test('depends on each word it is made of, on its place and on the number of passes', () => {
    fc.assert(
      fc.property(words, words, words, fc.nat(2), fc.nat(15), (before, a, b, which, word) => {
        const label = nextLabel(key, { j: 17, u: 3 }, 1, before, [a, b])
        const inputs = [before, a, b].map((input) => input.slice()) as [Uint32Array, Uint32Array, Uint32Array]
        inputs[which]![word]! ^= 1
        expect(nextLabel(key, { j: 17, u: 3 }, 1, inputs[0], [inputs[1], inputs[2]])).not.toEqual(label)
        for (const [place, passes] of [[{ j: 18, u: 3 }, 1], [{ j: 33, u: 3 }, 1], [{ j: 17, u: 4 }, 1], [{ j: 17, u: 3 }, 2], [{ j: 17, u: 3 }, 0]] as const)
          expect(nextLabel(key, place, passes, before, [a, b])).not.toEqual(label)
        expect(nextLabel(fillKey(crypto, fillSeed, 4), { j: 17, u: 3 }, 1, before, [a, b])).not.toEqual(label)
      }),
    )
  })

  test('made of one label three times still depends on it: references do not cancel', () => {
    const of = (one: Uint32Array): Uint32Array => nextLabel(key, { j: 1, u: 1 }, 0, one, [one, one])
    fc.assert(fc.property(words, fc.nat(15), (one, word) => {
      expect(of(one)).not.toEqual(of(one.with(word, one[word]! ^ 1)))
    }))
  })
})

describe('references', () => {
  test('lie in earlier slices of any lane, whatever the label before says', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 6, max: 20 }), fc.nat(), (before, log2Leaves, at) => {
        const leaves = 2 ** log2Leaves
        const j = at % leaves | 1
        for (const place of references(before, j, log2Leaves)) {
          expect(place.j % 16).toBeLessThan(j % 16)
          expect(place.j).toBeGreaterThanOrEqual(0)
          expect(place.j).toBeLessThan(leaves)
          expect(place.u).toBeGreaterThanOrEqual(0)
          expect(place.u).toBeLessThan(16)
        }
      }),
    )
  })

  test('reach the first and the last label of the earlier slices', () => {
    const before = new Uint32Array(16)
    before.set([0, 0, 0xffffffff, 0xffffffff])
    expect(references(before, 15, 20)).toEqual([{ j: 0, u: 0 }, { j: 2 ** 20 - 2, u: 15 }])
    expect(references(before, 1, 6)).toEqual([{ j: 0, u: 0 }, { j: 48, u: 15 }])
  })
})

describe('a segment', () => {
  const region = { fillSeed, log2Leaves: 6, log2Passes: 0 }
  const segment = fillSegment(crypto, region, 3)
  const labelAt = (j: number, u: number): Uint32Array => labelOf(segment.subarray(j * 1024, (j + 1) * 1024), u)

  test('begins each lane with a block of its stream and chains every other label to the one before', () => {
    for (const [lane, j] of [0, 16, 32, 48].entries()) expect(labelAt(j, 0)).toEqual(new Uint32Array(keystream(key, lane * 64, 64).buffer))
    expect(labelAt(16, 1)).toEqual(nextLabel(key, { j: 16, u: 1 }, 0, labelAt(16, 0), undefined))
    const [a, b] = references(labelAt(20, 15), 21, 6)
    expect(labelAt(21, 0)).toEqual(nextLabel(key, { j: 21, u: 0 }, 0, labelAt(20, 15), [labelAt(a.j, a.u), labelAt(b.j, b.u)]))
    expect(firstLabel(key, 21)).toEqual(labelAt(16, 0))
  })

  test('holds no label twice, and none of another segment or seed', () => {
    const labels = (bytes: Uint8Array): string[] => Array.from({ length: 1024 }, (_, i) => Buffer.from(bytes.subarray(64 * i, 64 * i + 64)).toString('hex'))
    const all = [segment, fillSegment(crypto, region, 2), fillSegment(crypto, { ...region, fillSeed: sha256(fillSeed) }, 3), fillSegment(crypto, { ...region, log2Passes: 1 }, 2).subarray(64)].flatMap(labels)
    // Another number of passes has the same first labels of lanes; the rest differs.
    expect(all.length - new Set(all.filter((label) => label !== '')).size).toBeLessThanOrEqual(5)
  })

  test('has the label before in its lane, and none before the first', () => {
    expect(placeBefore({ j: 16, u: 0 })).toBeUndefined()
    expect(placeBefore({ j: 17, u: 0 })).toEqual({ j: 16, u: 15 })
    expect(placeBefore({ j: 17, u: 9 })).toEqual({ j: 17, u: 8 })
  })

  test('of numbers outside the protocol is the caller’s mistake', () => {
    const good = { log2Leaves: 6, log2Passes: 0, segments: 1 }
    expect(() => checkRegion(good)).not.toThrow()
    for (const wrong of [{ log2Leaves: 5 }, { log2Leaves: 21 }, { log2Leaves: 6.5 }, { log2Passes: -1 }, { log2Passes: 9 }, { log2Passes: NaN }, { segments: 0 }, { segments: 2 ** 32 }])
      expect(() => checkRegion({ ...good, ...wrong })).toThrow(RangeError)
  })
})
