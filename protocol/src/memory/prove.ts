import { joinBytes } from '../bytes.ts'
import { hashRow, treeLevels, treePath } from '../compute/chain.ts'
import type { Crypto } from '../crypto.ts'
import type { MemoryCell } from './coins.ts'
import { challenge, chunking, dotLeaf, segmentOf } from './scan.ts'
import { checkRegion, fillSegment, LEAF_BYTES, parentLeaves, type Region } from './segment.ts'

/**
 * The memory proof in plain TypeScript, written to be read and to judge faster engines by. Fills all segments at once and keeps them, and one hash a leaf.
 *
 * ```ts
 * const prover = new MemoryProver(crypto, { fillSeed, log2Leaves: 6, log2Passes: 0, segments: 2 })
 * const root1 = prover.step(key0)
 * const root2 = prover.step(stepKey(crypto, key0, root1, []))
 * const openings = prover.open(drawMemory(crypto, coins, 6, 2, samples))
 * ```
 */
export class MemoryProver {
  /** 32 bytes a segment. */
  readonly fillRoots: readonly Uint8Array[]
  readonly #crypto: Crypto
  readonly #log2Leaves: number
  readonly #segments: readonly Uint8Array[]
  /** The tree over the leaves' hashes by segment. */
  readonly #trees: readonly (readonly Uint8Array[])[][]
  /** keys[t - 1] is the key that step t was given. */
  readonly #keys: Uint8Array[] = []

  /** @throws RangeError for a region that is none */
  constructor(crypto: Crypto, region: Region) {
    checkRegion(region)
    this.#crypto = crypto
    this.#log2Leaves = region.log2Leaves
    this.#segments = Array.from({ length: region.segments }, (_, segment) => fillSegment(crypto, region, segment))
    this.#trees = this.#segments.map((_, segment) => treeLevels(crypto.sha256, this.#leaves(segment).map((leaf) => crypto.sha256(leaf))))
    this.fillRoots = this.#trees.map((tree) => tree.at(-1)![0]!)
  }

  get steps(): number {
    return this.#keys.length
  }

  /** Scans the segment whose turn it is with the challenge of key_{t-1} and returns root_t. */
  step(key: Uint8Array): Uint8Array {
    this.#keys.push(key)
    return hashRow(this.#crypto.sha256, this.#products(this.steps))
  }

  /** The openings of `cells`, in order. @throws RangeError for a cell that is not there */
  open(cells: readonly MemoryCell[]): Uint8Array {
    return joinBytes(cells.flatMap((cell) => this.#openCell(cell)))
  }

  #openCell({ t, j, u }: MemoryCell): Uint8Array[] {
    if (!(t >= 1 && t <= this.steps && j >= 0 && j < 2 ** this.#log2Leaves && u >= 0 && u < 16)) throw new RangeError(`No cell (${t}, ${j}, ${u}) in ${this.steps} steps of ${2 ** this.#log2Leaves} leaves`)
    const segment = segmentOf(t, this.#segments.length)
    const leaves = [j, ...parentLeaves({ j, u }, this.#log2Leaves, (at) => this.#leaf(segment, at))]
    const [own, ...parents] = leaves.map((leaf) => [this.#leaf(segment, leaf), ...treePath(this.#trees[segment]!, leaf)])
    return [...own!, ...this.#openChunk(t, j), ...parents.flat()]
  }

  #openChunk(t: number, j: number): Uint8Array[] {
    const { sha256 } = this.#crypto
    const { entries, chunks } = chunking(this.#log2Leaves)
    const y = this.#products(t)
    const all = Array.from({ length: chunks }, (_, c) => y.subarray(4 * entries * c, 4 * entries * (c + 1)))
    const c = Math.floor(j / entries)
    return [all[c]!, ...treePath(treeLevels(sha256, all.map((chunk) => sha256(chunk))), c)]
  }

  /** All y of step t, as bytes. */
  #products(t: number): Uint8Array {
    const x = challenge(this.#crypto, this.#keys[t - 1]!)
    return new Uint8Array(Int32Array.from(this.#leaves(segmentOf(t, this.#segments.length)), (leaf) => dotLeaf(leaf, x)).buffer)
  }

  #leaf(segment: number, j: number): Uint8Array {
    return this.#segments[segment]!.subarray(j * LEAF_BYTES, (j + 1) * LEAF_BYTES)
  }

  #leaves(segment: number): Uint8Array[] {
    return Array.from({ length: 2 ** this.#log2Leaves }, (_, j) => this.#leaf(segment, j))
  }
}
