import { equalBytes } from '../bytes.ts'
import { climb } from '../compute/chain.ts'
import type { Crypto } from '../crypto.ts'
import { drawMemory, type MemoryCell, memoryOpeningsLength, memoryOpeningsLimit } from './coins.ts'
import { challenge, chunking, dotLeaf, segmentOf } from './scan.ts'
import { checkRegion, fillKey, firstLabel, labelOf, LEAF_BYTES, nextLabel, placeBefore, references, sliceOf } from './segment.ts'

/** What was found wrong first, cell by cell in the order drawn, within a cell in the order of these names. `BAD_LENGTH` comes before all cells. */
export type MemoryFault = 'BAD_LENGTH' | 'BAD_PATH' | 'WRONG_LABEL' | 'WRONG_SCAN'

export interface MemoryClaim {
  /** 32 bytes. */
  fillSeed: Uint8Array
  log2Leaves: number
  log2Passes: number
  /** The root of each segment as committed; there are as many segments as roots. */
  fillRoots: readonly Uint8Array[]
  /** root_1 ... root_T as committed. */
  roots: readonly Uint8Array[]
  /** key_0 ... key_T. */
  keys: readonly Uint8Array[]
  /** 32 bytes, unknown to the machine when it committed. */
  coins: Uint8Array
  samples: number
  /** The openings of all cells in order. */
  openings: Uint8Array
}

/**
 * Verifies the openings of a committed scan as PROTOCOL section 12 says. Work and memory are those of the samples, whatever the size of the region and the number of steps.
 * Bytes of the wrong length are refused before anything is allocated for them.
 * @throws RangeError if the claim's own numbers (not the openings) are outside the protocol
 */
export function verifyMemory(crypto: Crypto, claim: MemoryClaim): 'OK' | MemoryFault {
  const { log2Leaves, log2Passes, fillRoots, roots, keys, coins, samples, openings } = claim
  checkRegion({ log2Leaves, log2Passes, segments: fillRoots.length })
  if (roots.length < 1 || keys.length !== roots.length + 1 || !Number.isInteger(samples) || samples < 1)
    throw new RangeError(`not a scan: ${roots.length} roots, ${keys.length} keys, ${samples} samples`)
  // A blob of any other size never reaches the draw: no cell opens less than a leaf or more than four.
  if (openings.length > memoryOpeningsLimit(samples, log2Leaves) || openings.length < samples * LEAF_BYTES) return 'BAD_LENGTH'
  const cells = drawMemory(crypto, coins, log2Leaves, roots.length, samples)
  if (openings.length !== memoryOpeningsLength(cells, log2Leaves)) return 'BAD_LENGTH'
  const reader = new Reader(openings)
  for (const cell of cells) {
    const fault = verifyCell(crypto, claim, cell, reader)
    if (fault !== undefined) return fault
  }
  return 'OK'
}

function verifyCell(crypto: Crypto, { fillSeed, log2Leaves, log2Passes, fillRoots, roots, keys }: MemoryClaim, { t, j, u }: MemoryCell, reader: Reader): MemoryFault | undefined {
  const segment = segmentOf(t, fillRoots.length)
  /** The next opening, if it is what stands at `index` of the tree of that root. */
  const open = (length: number, index: number, levels: number, root: Uint8Array): Uint8Array | undefined => {
    const bytes = reader.take(length)
    return equalBytes(climb(crypto.sha256, crypto.sha256(bytes), index, reader.take(32 * levels)), root) ? bytes : undefined
  }
  const openLeaf = (at: number): Uint8Array | undefined => open(LEAF_BYTES, at, log2Leaves, fillRoots[segment]!)

  const leaf = openLeaf(j)
  if (leaf === undefined) return 'BAD_PATH'
  const { entries, levels } = chunking(log2Leaves)
  const chunk = open(4 * entries, Math.floor(j / entries), levels, roots[t - 1]!)
  if (chunk === undefined) return 'BAD_PATH'

  const before = placeBefore({ j, u })
  const key = fillKey(crypto, fillSeed, segment)
  let label: Uint32Array
  if (before === undefined) label = firstLabel(key, j)
  else {
    const leafBefore = before.j === j ? leaf : openLeaf(before.j)
    if (leafBefore === undefined) return 'BAD_PATH'
    const labelBefore = labelOf(leafBefore, before.u)
    let referred: [Uint32Array, Uint32Array] | undefined
    if (sliceOf(j) > 0) {
      const [a, b] = references(labelBefore, j, log2Leaves)
      const [leafA, leafB] = [openLeaf(a.j), openLeaf(b.j)]
      if (leafA === undefined || leafB === undefined) return 'BAD_PATH'
      referred = [labelOf(leafA, a.u), labelOf(leafB, b.u)]
    }
    label = nextLabel(key, { j, u }, log2Passes, labelBefore, referred)
  }
  if (!labelOf(leaf, u).every((word, i) => word === label[i])) return 'WRONG_LABEL'
  const y = new DataView(chunk.buffer, chunk.byteOffset).getInt32(4 * (j % entries), true)
  return y === dotLeaf(leaf, challenge(crypto, keys[t - 1]!)) ? undefined : 'WRONG_SCAN'
}

/** Takes bytes in order; whoever made it has checked how many there are. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(length: number): Uint8Array {
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }
}
