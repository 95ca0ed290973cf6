import { chunking, LANE_LEAVES, LEAF_BYTES, type MemoryCell, parentLeaves } from '@assay/protocol'
import { instantiateIn, type MemoryKernel } from './kernel.ts'
import { GROUP_LANES, GROUP_LEAVES, type Layout, log2Unit, placeOf, shareOf, spaceOf } from './layout.ts'

/** What one thread needs to know of a region. */
export interface PartOptions {
  module: WebAssembly.Module
  layout: Layout
  /** One for each entry of `layout.pages`; all threads have them in common. */
  memories: readonly WebAssembly.Memory[]
  /** 32 bytes a segment. */
  fillKeys: Uint8Array
  log2Passes: number
  thread: number
}

/** A cell to open, and the key of the challenge stream of its step. */
export interface AskedCell extends MemoryCell {
  segment: number
  scanKey: Uint8Array
}

/** An opened cell, but for the nodes that the owner of the threads keeps. */
export interface OpenedCell {
  /** The cell's own leaf and its parents, each with its path up to the root of its group. */
  leaves: { j: number; opened: Uint8Array }[]
  /** The chunk of y and its path up to the root of its unit. */
  chunk: Uint8Array
}

const HASH_BYTES = 32
/** A thread's page: fill or stream key, four blocks of a stream, the hash's working space, a stream's bytes, the challenge made of them, y of a unit, nodes. */
const SPACE = { key: 0, blocks: 64, hash: 512, stream: 2048, x: 4096, y: 8192, nodes: 32768 }

/** One thread's part of the work on a region: own lanes of every segment when it is filled, own units of a segment when it is scanned, any leaf when it is opened. */
export class Part {
  readonly #options: PartOptions
  readonly #kernels: MemoryKernel[]
  readonly #bytes: Uint8Array[]
  readonly #space: number
  readonly #at: typeof SPACE

  constructor(options: PartOptions) {
    this.#options = options
    this.#kernels = options.memories.map((memory) => instantiateIn(options.module, memory))
    this.#bytes = options.memories.map((memory) => new Uint8Array(memory.buffer))
    this.#space = spaceOf(options.thread)
    this.#at = Object.fromEntries(Object.entries(SPACE).map(([name, offset]) => [name, this.#space + offset])) as typeof SPACE
    for (const kernel of this.#kernels) kernel.hashIn(this.#at.hash)
  }

  /**
   * Computes one slice of the own lanes in every segment; all threads must have done the slices before. With the last slice the own lanes are complete:
   * then it returns the roots of their groups, segment by segment, else nothing.
   */
  fill(slice: number): Uint8Array {
    const { layout, fillKeys, log2Passes, thread } = this.#options
    const lanes = 2 ** layout.log2Leaves / LANE_LEAVES
    const groups = shareOf(lanes / GROUP_LANES, thread, layout.threads)
    const [first, count] = [groups.first * GROUP_LANES, groups.count * GROUP_LANES]
    const last = slice === LANE_LEAVES - 1
    const roots = new Uint8Array(last ? layout.segments * groups.count * HASH_BYTES : 0)
    for (let segment = 0; segment < layout.segments; segment++) {
      const { kernel, bytes, base } = this.#segment(segment)
      bytes.set(fillKeys.subarray(segment * 32, (segment + 1) * 32), this.#at.key)
      if (slice === 0) kernel.begin(base, this.#at.key, first, count, this.#at.blocks)
      const from = slice === 0 ? 1 : 0
      kernel.fill(base, this.#at.key, lanes, first, count, slice, from, 16 - from, 4 * 2 ** log2Passes)
      for (let g = 0; last && g < groups.count; g++) {
        this.#hashGroup(segment, groups.first + g)
        this.#reduce(segment, GROUP_LEAVES)
        roots.set(this.#node(segment, 0), (segment * groups.count + g) * HASH_BYTES)
      }
    }
    return roots
  }

  /** Scans the own units of a segment with a challenge; returns their roots. */
  scan(segment: number, scanKey: Uint8Array): Uint8Array {
    const { layout, thread } = this.#options
    const unit = log2Unit(layout.log2Leaves)
    const own = shareOf(2 ** (layout.log2Leaves - unit), thread, layout.threads)
    const roots = new Uint8Array(own.count * HASH_BYTES)
    this.#challenge(segment, scanKey)
    for (let i = 0; i < own.count; i++) {
      this.#reduce(segment, this.#scanUnit(segment, own.first + i))
      roots.set(this.#node(segment, 0), i * HASH_BYTES)
    }
    return roots
  }

  open(cells: readonly AskedCell[]): OpenedCell[] {
    const { log2Leaves } = this.#options.layout
    return cells.map((cell) => {
      const leaves = [cell.j, ...parentLeaves(cell, log2Leaves, (j) => this.#leaf(cell.segment, j))]
      return { leaves: leaves.map((j) => ({ j, opened: this.#openLeaf(cell.segment, j) })), chunk: this.#openChunk(cell) }
    })
  }

  #openLeaf(segment: number, j: number): Uint8Array {
    this.#hashGroup(segment, Math.floor(j / GROUP_LEAVES))
    return this.#withPath(segment, this.#leaf(segment, j), j % GROUP_LEAVES, GROUP_LEAVES)
  }

  #openChunk({ segment, j, scanKey }: AskedCell): Uint8Array {
    const { log2Leaves } = this.#options.layout
    const { entries } = chunking(log2Leaves)
    const unit = log2Unit(log2Leaves)
    this.#challenge(segment, scanKey)
    const chunks = this.#scanUnit(segment, j >> unit)
    const c = Math.floor((j % 2 ** unit) / entries)
    const at = this.#at.y + 4 * entries * c
    return this.#withPath(segment, this.#segment(segment).bytes.slice(at, at + 4 * entries), c, chunks)
  }

  #segment(segment: number): { kernel: MemoryKernel; bytes: Uint8Array; base: number } {
    const { memory, base } = placeOf(this.#options.layout, segment)
    return { kernel: this.#kernels[memory]!, bytes: this.#bytes[memory]!, base }
  }

  #leaf(segment: number, j: number): Uint8Array {
    const { bytes, base } = this.#segment(segment)
    return bytes.slice(base + j * LEAF_BYTES, base + (j + 1) * LEAF_BYTES)
  }

  #challenge(segment: number, scanKey: Uint8Array): void {
    const { kernel, bytes } = this.#segment(segment)
    bytes.set(scanKey, this.#at.key)
    kernel.stream(this.#at.key, 0, this.#at.stream, LEAF_BYTES)
    kernel.challenge(this.#at.stream, this.#at.x)
  }

  /** y of a unit, with the hashes of its chunks as nodes; returns how many. */
  #scanUnit(segment: number, unit: number): number {
    const { log2Leaves } = this.#options.layout
    const { kernel, base } = this.#segment(segment)
    const { entries } = chunking(log2Leaves)
    const leaves = 2 ** log2Unit(log2Leaves)
    kernel.scan(base + unit * leaves * LEAF_BYTES, leaves, this.#at.x, this.#at.y)
    kernel.hashAll(this.#at.y, 4 * entries, leaves / entries, this.#at.nodes)
    return leaves / entries
  }

  /** The hashes of the leaves of a group, as nodes. */
  #hashGroup(segment: number, group: number): void {
    const { kernel, base } = this.#segment(segment)
    kernel.hashAll(base + group * GROUP_LEAVES * LEAF_BYTES, LEAF_BYTES, GROUP_LEAVES, this.#at.nodes)
  }

  /** `opened` and the siblings of node `index` of `size` up to their root. */
  #withPath(segment: number, opened: Uint8Array, index: number, size: number): Uint8Array {
    const joined = new Uint8Array(opened.length + Math.log2(size) * HASH_BYTES)
    joined.set(opened)
    for (let o = opened.length, at = index, level = size; level > 1; level /= 2, at >>= 1, o += HASH_BYTES) {
      joined.set(this.#node(segment, at ^ 1), o)
      this.#parents(segment, level)
    }
    return joined
  }

  #node(segment: number, index: number): Uint8Array {
    const at = this.#at.nodes + index * HASH_BYTES
    return this.#segment(segment).bytes.subarray(at, at + HASH_BYTES)
  }

  /** Nodes up to their root, which is node 0 then. */
  #reduce(segment: number, size: number): void {
    for (let level = size; level > 1; level /= 2) this.#parents(segment, level)
  }

  /** One level up over `size` nodes, in place. */
  #parents(segment: number, size: number): void {
    this.#segment(segment).kernel.hashAll(this.#at.nodes, 64, size / 2, this.#at.nodes)
  }
}
