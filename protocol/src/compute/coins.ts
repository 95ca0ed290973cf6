import { concat, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { uniform } from '../uniform.ts'
import { keystream } from './chacha.ts'
import type { Cell } from './chain.ts'
import { PRIME } from './field.ts'

/** What the coins of PROTOCOL section 5 ask of a machine: two vectors over the field and the cells to open. */
export interface Draw {
  r: Float64Array
  q: Float64Array
  cells: Cell[]
}

/**
 * Draws vectors of length n and `samples` cells of a chain of `steps` steps (1 <= steps < 2^32) from 32-byte coins; cells are uniform, with replacement.
 * A prover needs `cells` alone.
 */
export function draw(crypto: Crypto, coins: Uint8Array, n: number, steps: number, samples: number): Draw {
  const stream = keystream(crypto.sha256(concat(utf8('assay/1/draw'), coins)), 0, 8 * (n + samples))
  const words = new Uint32Array(stream.buffer, 0, 2 * (n + samples))
  const r = new Float64Array(n)
  const q = new Float64Array(n)
  for (let j = 0; j < n; j++) {
    r[j] = (words[2 * j]! & PRIME) % PRIME
    q[j] = (words[2 * j + 1]! & PRIME) % PRIME
  }
  const cells: Cell[] = []
  for (let o = 2 * n; o < words.length; o += 2) cells.push({ t: 1 + uniform(words[o]!, steps), i: uniform(words[o + 1]!, n) })
  return { r, q, cells }
}
