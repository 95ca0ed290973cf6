import { concat, utf8 } from '../bytes.ts'
import { keystream } from '../compute/chacha.ts'
import type { Crypto } from '../crypto.ts'
import { uniform } from '../uniform.ts'
import { chunking } from './scan.ts'
import { LEAF_BYTES, LEAF_LABELS, type LabelPlace, sliceOf } from './segment.ts'

/** Label u of leaf j of the segment that step t scans: 1 <= t <= T, 0 <= j < 2^log2Leaves, 0 <= u < 16. */
export interface MemoryCell extends LabelPlace {
  t: number
}

/** Draws `samples` cells of a scan of `steps` steps (1 <= steps < 2^32) from 32-byte coins, uniform, with replacement. */
export function drawMemory(crypto: Crypto, coins: Uint8Array, log2Leaves: number, steps: number, samples: number): MemoryCell[] {
  const stream = keystream(crypto.sha256(concat(utf8('assay/1/draw-memory'), coins)), 0, 12 * samples)
  const words = new Uint32Array(stream.buffer, 0, 3 * samples)
  return Array.from({ length: samples }, (_, s) => ({
    t: 1 + uniform(words[3 * s]!, steps),
    j: uniform(words[3 * s + 1]!, 2 ** log2Leaves),
    u: uniform(words[3 * s + 2]!, LEAF_LABELS),
  }))
}

/** How many `parentLeaves` a label has. */
const parentCount = ({ j, u }: LabelPlace): number => (sliceOf(j) === 0 ? 0 : u === 0 ? 3 : 2)

const leafBytes = (log2Leaves: number): number => LEAF_BYTES + 32 * log2Leaves

const cellBytes = (parents: number, log2Leaves: number): number => {
  const { entries, levels } = chunking(log2Leaves)
  return (1 + parents) * leafBytes(log2Leaves) + 4 * entries + 32 * levels
}

/** Length in bytes of the openings of `cells`. */
export function memoryOpeningsLength(cells: readonly LabelPlace[], log2Leaves: number): number {
  return cells.reduce((sum, cell) => sum + cellBytes(parentCount(cell), log2Leaves), 0)
}

/** The most bytes that the openings of `samples` cells can have. */
export const memoryOpeningsLimit = (samples: number, log2Leaves: number): number => samples * cellBytes(3, log2Leaves)
