// A step of the memory proof: y = M x over one segment, whose leaves are the rows of M. The y of a step are hashed like a row of C in the compute chain.
import { concat, utf8 } from '../bytes.ts'
import { keystream } from '../compute/chacha.ts'
import type { Crypto } from '../crypto.ts'
import { LEAF_BYTES } from './segment.ts'

/** y under one leaf of the tree over a step's y. */
const CHUNK_ENTRIES = 256

/** The segment that step t (from 1 on) scans, of so many. */
export const segmentOf = (t: number, segments: number): number => (t - 1) % segments

/** Key of the stream that the challenge of the step after key `key` is read from; entries are its bytes & 0x7f. */
export function scanKey(crypto: Crypto, key: Uint8Array): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/scan'), key))
}

/** x of the step after key `key`: 1024 entries of 7 bits. */
export function challenge(crypto: Crypto, key: Uint8Array): Uint8Array {
  return keystream(scanKey(crypto, key), 0, LEAF_BYTES).map((byte) => byte & 0x7f)
}

/** y of a leaf, whose bytes are int8: an exact int32, below 2^24 in absolute value. */
export function dotLeaf(leaf: Uint8Array, x: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < LEAF_BYTES; i++) sum += ((leaf[i]! << 24) >> 24) * x[i]!
  return sum
}

/** Entries of a chunk of y, the chunks of a step and the levels of the tree over them. */
export function chunking(log2Leaves: number): { entries: number; chunks: number; levels: number } {
  const leaves = 2 ** log2Leaves
  const entries = Math.min(CHUNK_ENTRIES, leaves)
  return { entries, chunks: leaves / entries, levels: log2Leaves - Math.log2(entries) }
}
