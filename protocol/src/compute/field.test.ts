import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dotBytes, dotEntries, PRIME, residue } from './field.ts'

const exact = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0n
  for (let j = 0; j < a.length; j++) sum += BigInt(a[j]!) * BigInt(b[j]!)
  return Number(((sum % BigInt(PRIME)) + BigInt(PRIME)) % BigInt(PRIME))
}
const N = 8192
const LIMIT = N * 127 * 128

test('the greatest rows of the greatest n come out exact, with either sign', () => {
  for (const word of [PRIME - 1, 0x7fff0000, 0xffff, 0x7ffeffff]) {
    const r = new Float64Array(N).fill(word)
    for (const entry of [LIMIT, -LIMIT, LIMIT - 1]) {
      const c = new Int32Array(N).fill(entry)
      expect(dotEntries(c, r)).toBe(exact(c, r))
    }
    for (const entry of [-128, 127]) {
      const x = new Int8Array(N).fill(entry)
      expect(dotBytes(x, r)).toBe(exact(x, r))
    }
  }
})

test('products mod p are those of big integers', () => {
  const words = fc.array(fc.oneof(fc.integer({ min: 0, max: PRIME - 1 }), fc.constantFrom(0, 1, PRIME - 1)), { minLength: 64, maxLength: 64 })
  const entry = fc.oneof(fc.integer({ min: -LIMIT, max: LIMIT }), fc.constantFrom(LIMIT, -LIMIT))
  fc.assert(
    fc.property(words, fc.array(entry, { minLength: 64, maxLength: 64 }), fc.int8Array({ minLength: 64, maxLength: 64 }), (r, c, x) => {
      expect(dotEntries(Int32Array.from(c), Float64Array.from(r))).toBe(exact(c, r))
      expect(dotBytes(x, Float64Array.from(r))).toBe(exact(x, r))
    }),
  )
})

test('a residue lies in [0, p)', () => {
  const residues = [0, PRIME, -PRIME, -1, PRIME + 5, -(2 ** 52)].map((x) => residue(x) + 0) // + 0 makes 0 of -0
  expect(residues).toEqual([0, 0, 0, PRIME - 1, 5, PRIME - (2 ** 52 % PRIME)])
})
