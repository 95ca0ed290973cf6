// A prover of memory that keeps all of it and commits to whatever it is told to, consistently: trees, paths and openings are those of an honest one.
import { joinBytes } from '../src/bytes.ts'
import { hashRow, treeLevels, treePath } from '../src/compute/chain.ts'
import type { Crypto } from '../src/crypto.ts'
import type { MemoryCell } from '../src/memory/coins.ts'
import { challenge, chunking, dotLeaf, segmentOf } from '../src/memory/scan.ts'
import { fillKey, fillSegment, firstLabel, labelOf, LEAF_BYTES, nextLabel, placeBefore, references, type Region, sliceOf } from '../src/memory/segment.ts'

/** Where a machine lies. What it does not change is honest, computed from what stands committed before it. */
export interface MemoryLies {
  /** Changes the words of label u of leaf j of a segment in place. */
  label?: (segment: number, j: number, u: number, label: Uint32Array) => void
  /** Another y for a leaf. */
  y?: (t: number, j: number, y: number) => number
  /** What a step scans instead. */
  scans?: (t: number) => { segment?: number; key?: Uint8Array }
}

/** Takes the place of a `MemoryProver`. */
export class LyingMemoryProver {
  readonly fillRoots: readonly Uint8Array[]
  readonly #crypto: Crypto
  readonly #region: Region
  readonly #lies: MemoryLies
  readonly #memory: readonly Uint8Array[]
  /** The tree over the leaves' hashes by segment. */
  readonly #trees: readonly (readonly Uint8Array[])[][]
  /** All y by step, as bytes. */
  readonly #products: Uint8Array[] = []

  constructor(crypto: Crypto, region: Region, lies: MemoryLies = {}) {
    this.#crypto = crypto
    this.#region = region
    this.#lies = lies
    this.#memory = Array.from({ length: region.segments }, (_, segment) => (lies.label === undefined ? fillSegment(crypto, region, segment) : this.#fill(segment)))
    this.#trees = this.#memory.map((_, segment) => treeLevels(crypto.sha256, Array.from({ length: 2 ** region.log2Leaves }, (__, j) => crypto.sha256(this.#leaf(segment, j)))))
    this.fillRoots = this.#trees.map((tree) => tree.at(-1)![0]!)
  }

  get steps(): number {
    return this.#products.length
  }

  /** Commits to a scan with the challenge of key_{t-1} and returns root_t. */
  step(own: Uint8Array): Uint8Array {
    const t = this.#products.length + 1
    const { segment = segmentOf(t, this.#region.segments), key = own } = this.#lies.scans?.(t) ?? {}
    const x = challenge(this.#crypto, key)
    const y = Int32Array.from({ length: 2 ** this.#region.log2Leaves }, (_, j) => dotLeaf(this.#leaf(segment, j), x)).map((each, j) => this.#lies.y?.(t, j, each) ?? each)
    this.#products.push(new Uint8Array(y.buffer))
    return hashRow(this.#crypto.sha256, this.#products[t - 1]!)
  }

  /** The openings of `cells`, as committed. */
  open(cells: readonly MemoryCell[]): Uint8Array {
    return joinBytes(cells.flatMap((cell) => this.parts(cell)))
  }

  /** Leaf, chunk and parents, as they follow each other in the openings. */
  parts({ t, j, u }: MemoryCell): Uint8Array[] {
    const segment = segmentOf(t, this.#region.segments)
    const before = placeBefore({ j, u })
    const parents = sliceOf(j) === 0 || before === undefined ? [] : references(labelOf(this.#leaf(segment, before.j), before.u), j, this.#region.log2Leaves).map((place) => place.j)
    if (before !== undefined && before.j !== j) parents.unshift(before.j)
    return [this.openLeaf(segment, j), this.openChunk(t, j), ...parents.map((parent) => this.openLeaf(segment, parent))]
  }

  /** A leaf and its path. */
  openLeaf(segment: number, j: number): Uint8Array {
    return joinBytes([this.#leaf(segment, j), ...treePath(this.#trees[segment]!, j)])
  }

  /** The chunk of y with that of leaf j, and its path. */
  openChunk(t: number, j: number): Uint8Array {
    const { sha256 } = this.#crypto
    const { entries, chunks } = chunking(this.#region.log2Leaves)
    const all = Array.from({ length: chunks }, (_, c) => this.#products[t - 1]!.subarray(4 * entries * c, 4 * entries * (c + 1)))
    const c = Math.floor(j / entries)
    return joinBytes([all[c]!, ...treePath(treeLevels(sha256, all.map((chunk) => sha256(chunk))), c)])
  }

  #leaf(segment: number, j: number): Uint8Array {
    return this.#memory[segment]!.subarray(j * LEAF_BYTES, (j + 1) * LEAF_BYTES)
  }

  #fill(segment: number): Uint8Array {
    const { fillSeed, log2Leaves, log2Passes } = this.#region
    const leaves = 2 ** log2Leaves
    const bytes = new Uint8Array(leaves * LEAF_BYTES)
    const get = (j: number, u: number): Uint32Array => new Uint32Array(bytes.buffer, j * LEAF_BYTES + 64 * u, 16)
    const key = fillKey(this.#crypto, fillSeed, segment)
    for (let slice = 0; slice < 16; slice++) {
      for (let j = slice; j < leaves; j += 16) {
        for (let u = 0; u < 16; u++) {
          const place = placeBefore({ j, u })
          const before = place && get(place.j, place.u)
          const referred = before && slice > 0 ? (references(before, j, log2Leaves).map((from) => get(from.j, from.u)) as [Uint32Array, Uint32Array]) : undefined
          const label = before ? nextLabel(key, { j, u }, log2Passes, before, referred) : firstLabel(key, j)
          this.#lies.label!(segment, j, u, label)
          get(j, u).set(label)
        }
      }
    }
    return bytes
  }
}
