// A segment of the memory proof (PROTOCOL section 12): 2^log2Leaves leaves of 16 labels. Sixteen leaves in a row are a lane, and the leaves with one number in
// their lanes are a slice: a label is made of the one before it in its lane and of two labels that this one picks from all earlier slices.
import { concat, u32le, utf8 } from '../bytes.ts'
import { keystream } from '../compute/chacha.ts'
import type { Crypto } from '../crypto.ts'

export const MIN_LOG2_LEAVES = 6
export const MAX_LOG2_LEAVES = 20
/** A label costs 8 * 2^log2Passes rounds of ChaCha. */
export const MAX_LOG2_PASSES = 8

export const LEAF_BYTES = 1024
export const LEAF_LABELS = 16
export const LABEL_BYTES = 64
/** Leaves of a lane, one in each slice. */
export const LANE_LEAVES = 16

const KEY_WORDS = 8
const LABEL_WORDS = LABEL_BYTES / 4
const LEAF_WORDS = LEAF_BYTES / 4

/** Label u (0 to 15) of leaf j of a segment. */
export interface LabelPlace {
  j: number
  u: number
}

/** A region: what it is made of and how large it is. */
export interface Region {
  /** 32 bytes. */
  fillSeed: Uint8Array
  /** Leaves of a segment, 6 to 20. */
  log2Leaves: number
  /** 0 to 8. */
  log2Passes: number
  /** At least 1. */
  segments: number
}

/** @throws RangeError unless the numbers of the region are within the protocol */
export function checkRegion({ log2Leaves, log2Passes, segments }: Omit<Region, 'fillSeed'>): void {
  const within = (value: number, min: number, max: number): boolean => Number.isInteger(value) && value >= min && value <= max
  if (!within(log2Leaves, MIN_LOG2_LEAVES, MAX_LOG2_LEAVES) || !within(log2Passes, 0, MAX_LOG2_PASSES) || !within(segments, 1, 2 ** 32 - 1))
    throw new RangeError(`not a region: log2Leaves ${log2Leaves}, log2Passes ${log2Passes}, ${segments} segments`)
}

/**
 * Key of a segment. Block number l (64 bytes) of its stream is the first label of lane l, and it is mixed into every other label: were it not, the memory of
 * another segment or seed would do but for the first labels.
 */
export function fillKey(crypto: Crypto, fillSeed: Uint8Array, segment: number): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/fill'), fillSeed, u32le(segment)))
}

/** Number in its lane of leaf j: 0 in the first slice, whose labels refer to no other lane. */
export const sliceOf = (j: number): number => j % LANE_LEAVES

/** The label before this one in its lane; undefined for the first of the lane. */
export function placeBefore({ j, u }: LabelPlace): LabelPlace | undefined {
  if (u > 0) return { j, u: u - 1 }
  return sliceOf(j) > 0 ? { j: j - 1, u: LEAF_LABELS - 1 } : undefined
}

/** The two labels that the label before picks for one in leaf j, which is not of the first slice. */
export function references(before: Uint32Array, j: number, log2Leaves: number): [LabelPlace, LabelPlace] {
  const lanes = 2 ** log2Leaves / LANE_LEAVES
  const earlier = sliceOf(j) * LEAF_LABELS
  const pick = (lane: number, position: number): LabelPlace => {
    // Below 2^40, so exact.
    const p = Math.floor((position * earlier) / 2 ** 32)
    return { j: (lane % lanes) * LANE_LEAVES + Math.floor(p / LEAF_LABELS), u: p % LEAF_LABELS }
  }
  return [pick(before[0]!, before[1]!), pick(before[2]!, before[3]!)]
}

/** The leaves that a label is opened with beside its own, in order: that of the label before, if it is another one, and those of the references. `leafAt` reads the segment. */
export function parentLeaves(place: LabelPlace, log2Leaves: number, leafAt: (j: number) => Uint8Array): number[] {
  const before = placeBefore(place)
  if (before === undefined || sliceOf(place.j) === 0) return []
  const referred = references(labelOf(leafAt(before.j), before.u), place.j, log2Leaves).map(({ j }) => j)
  return before.j === place.j ? referred : [before.j, ...referred]
}

/** The label at `place` of the segment of that key, from the one before it and, outside the first slice, its two references; 16 words each. */
export function nextLabel(key: Uint8Array, { j, u }: LabelPlace, log2Passes: number, before: Uint32Array, referred: readonly [Uint32Array, Uint32Array] | undefined): Uint32Array {
  const input = before.slice()
  if (referred !== undefined) {
    const [a, b] = referred
    for (let i = 0; i < LABEL_WORDS; i++) input[i]! ^= a[(i + 4) % LABEL_WORDS]! ^ b[(i + 8) % LABEL_WORDS]!
  }
  const view = new DataView(key.buffer, key.byteOffset, KEY_WORDS * 4)
  for (let i = 0; i < KEY_WORDS; i++) input[4 + i]! ^= view.getUint32(4 * i, true)
  input[12]! ^= Math.floor(j / LANE_LEAVES)
  input[13]! ^= sliceOf(j) * LEAF_LABELS + u
  const label = input.slice()
  for (let left = 4 * 2 ** log2Passes; left > 0; left--) doubleRound(label)
  for (let i = 0; i < LABEL_WORDS; i++) label[i]! += input[i]!
  return label
}

/** The first label of the lane of leaf j. */
export function firstLabel(key: Uint8Array, j: number): Uint32Array {
  return new Uint32Array(keystream(key, Math.floor(j / LANE_LEAVES) * LABEL_BYTES, LABEL_BYTES).buffer)
}

/** Label u of a leaf, copied: an opened leaf lies at any byte offset. */
export const labelOf = (leaf: Uint8Array, u: number): Uint32Array => new Uint32Array(new Uint8Array(leaf.subarray(u * LABEL_BYTES, (u + 1) * LABEL_BYTES)).buffer)

/** A whole segment, computed one label after the other; slow. */
export function fillSegment(crypto: Crypto, { fillSeed, log2Leaves, log2Passes }: Omit<Region, 'segments'>, segment: number): Uint8Array {
  const leaves = 2 ** log2Leaves
  const words = new Uint32Array(leaves * LEAF_WORDS)
  const key = fillKey(crypto, fillSeed, segment)
  const at = ({ j, u }: LabelPlace): number => j * LEAF_WORDS + u * LABEL_WORDS
  const get = (place: LabelPlace): Uint32Array => words.subarray(at(place), at(place) + LABEL_WORDS)
  for (let slice = 0; slice < LANE_LEAVES; slice++) {
    for (let j = slice; j < leaves; j += LANE_LEAVES) {
      for (let u = 0; u < LEAF_LABELS; u++) {
        const before = placeBefore({ j, u })
        const label = before === undefined ? firstLabel(key, j) : nextLabel(key, { j, u }, log2Passes, get(before), slice === 0 ? undefined : picked(get(before), j))
        words.set(label, at({ j, u }))
      }
    }
  }
  return new Uint8Array(words.buffer)

  function picked(before: Uint32Array, j: number): [Uint32Array, Uint32Array] {
    const [a, b] = references(before, j, log2Leaves)
    return [get(a), get(b)]
  }
}

/** Columns and diagonals of ChaCha on 16 words, in place. */
function doubleRound(x: Uint32Array): void {
  for (let i = 0; i < 4; i++) quarterRound(x, i, 4 + i, 8 + i, 12 + i)
  for (let i = 0; i < 4; i++) quarterRound(x, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
}

function quarterRound(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  for (const [first, second] of [[16, 12], [8, 7]] as const) {
    x[a]! += x[b]!
    x[d] = rotate(x[d]! ^ x[a]!, first)
    x[c]! += x[d]!
    x[b] = rotate(x[b]! ^ x[c]!, second)
  }
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))
