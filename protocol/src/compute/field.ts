// Arithmetic mod p on numbers: every sum below is of integers smaller than 2^53, which f64 adds exactly.

/** p = 2^31 - 1, the field of all checks. */
export const PRIME = 0x7fffffff

/** The representative in [0, p) of an integer below 2^53 in absolute value. */
export function residue(x: number): number {
  const rest = x % PRIME
  return rest < 0 ? rest + PRIME : rest
}

/**
 * X . w mod p, for a row of X and w in the field.
 * Up to 2^14 terms below 2^7 * 2^31 add up to less than 2^52.
 */
export function dotBytes(x: Int8Array, w: Float64Array): number {
  let sum = 0
  for (let j = 0; j < x.length; j++) sum += x[j]! * w[j]!
  return residue(sum)
}

/** Terms of `dotEntries` that may be added before reducing: |C| <= n*127*128 < 2^27 and 16-bit limbs give 2^43 a term, 512 of them 2^52. */
const EXACT_TERMS = 512

/** C . r mod p, for a row of C (n <= 2^13, entries in range) and r in the field, taken in two 16-bit limbs. */
export function dotEntries(c: Int32Array, r: Float64Array): number {
  let low = 0
  let high = 0
  for (let j0 = 0; j0 < c.length; j0 += EXACT_TERMS) {
    let sumLow = 0
    let sumHigh = 0
    const end = Math.min(j0 + EXACT_TERMS, c.length)
    for (let j = j0; j < end; j++) {
      const entry = c[j]!
      const word = r[j]!
      sumLow += entry * (word & 0xffff)
      sumHigh += entry * (word >>> 16)
    }
    low += sumLow % PRIME
    high += sumHigh % PRIME
  }
  return residue(low + residue(high) * 0x10000)
}
