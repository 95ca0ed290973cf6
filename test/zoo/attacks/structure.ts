import { firstKey, stepKey } from '@assay/protocol'
import { LyingProver, type Lie } from '@assay/protocol/testing/prover'
import { type Attack, chance, crypto, junkRow, N } from '../attack.ts'
import { jobOf } from './replays.ts'

/** Matrices C with a structure that would make the next product cheap, if it went through the activation. */
const STRUCTURES: Lie[] = [
  () => undefined,
  (_t, _i, { n }) => new Int32Array(n),
  (t) => junkRow(t, 0),
  (t, i, { n }) => Int32Array.from({ length: n }, (_, j) => junkRow(t, 0)[(i + j) % n]!),
  (t, i, { n }) => Int32Array.from({ length: n }, (_, j) => junkRow(t, 0)[(i - j + n) % n]!),
]
/** A random matrix is singular modulo one of them once in 65521 times, modulo both never. */
const PRIMES = [65_521, 65_519]
const DEPTH = 4

/**
 * A product with a structured X (low rank, Toeplitz, Hankel, rows that come again) is cheaper than n^3. So whatever is committed, X must have full rank, full displacement
 * rank both ways (a Toeplitz or Hankel matrix has 2), and no row twice in any step.
 */
export const structure: Attack = {
  name: 'structured matrices',
  liar: 'commits to zeros, copies, Hankel or Toeplitz matrices to make the next product cheap',
  run: (trial) => {
    const seed = jobOf(trial)
    const prover = new LyingProver(crypto, seed, 6, STRUCTURES[chance(trial)(STRUCTURES.length)]!)
    const seen = new Set<string>()
    let key = firstKey(crypto, seed, [])
    for (let t = 0; t < DEPTH; t++) {
      const x = Array.from({ length: N }, (_, i) => [...prover.input(i, key)])
      for (const row of x) seen.add(row.join())
      if (seen.size !== (t + 1) * N) return { found: 'A ROW TWICE', pay: 0 }
      if ([x, displaced(x, 1), displaced(x, -1)].some((matrix) => rankOf(matrix) < N)) return { found: 'STRUCTURE', pay: 0 }
      key = stepKey(crypto, key, prover.step(key), [])
    }
    return { found: 'NO STRUCTURE', pay: 0 }
  },
}

/** X minus itself moved one down and one to the right (1) or left (-1). */
const displaced = (x: number[][], side: 1 | -1): number[][] => x.map((row, i) => row.map((entry, j) => entry - (x[i - 1]?.[j - side] ?? 0)))

/** The rank over the rationals, or less with a chance of 2^-32. */
const rankOf = (matrix: number[][]): number => Math.max(...PRIMES.map((p) => rankModulo(matrix, p)))

function rankModulo(matrix: number[][], p: number): number {
  const rows = matrix.map((row) => row.map((entry) => ((entry % p) + p) % p))
  let rank = 0
  for (let column = 0; column < N; column++) {
    const pivot = rows.findIndex((row, i) => i >= rank && row[column] !== 0)
    if (pivot < 0) continue
    ;[rows[rank], rows[pivot]] = [rows[pivot]!, rows[rank]!]
    const [top, inverse] = [rows[rank]!, power(rows[rank]![column]!, p - 2, p)]
    for (let i = rank + 1; i < N; i++) {
      const factor = (rows[i]![column]! * inverse) % p
      // Products stay below 2^32.
      if (factor !== 0) for (let j = column; j < N; j++) rows[i]![j] = (rows[i]![j]! + (p - factor) * top[j]!) % p
    }
    rank++
  }
  return rank
}

function power(base: number, exponent: number, p: number): number {
  let result = 1
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2), square = (square * square) % p) if (left % 2 === 1) result = (result * square) % p
  return result
}
