// A region on the device: labels and the upper nodes of the fill's trees stay there; roots and openings come out.
import { challenge, chunking, type Crypto, joinBytes, LABEL_BYTES, LANE_LEAVES, LEAF_BYTES, type MemoryCell, parentLeaves, placeBefore, segmentOf } from '@assay/protocol'
import { EngineError } from '../engines/engine.ts'
import { type Gpu, type Range, Recorder, USAGE } from '../engines/webgpu/gpu.ts'
import { type Fold, foldOf, HASH_BYTES, type Level, treeLayout } from '../engines/webgpu/tree.ts'
import { Nodes } from './nodes.ts'

/**
 * Segments share a buffer of up to this size, if the device takes one so large: drivers make some thousands of allocations and no more, and the lanes of
 * small segments keep a device busy together only.
 */
const BUFFER_BYTES = 2 ** 29
/** Operations of a round of ChaCha on 16 words. */
const ROUND_OPERATIONS = 48
/** Cells that are opened together. */
const OPEN_CELLS = 64

export interface RegionOptions {
  log2Leaves: number
  log2Passes: number
  segments: number
  /** 32 bytes. */
  fillKeyOf(segment: number): Uint8Array
}

interface Sizes {
  /** Of the labels of a segment. */
  segmentBytes: number
  /** Of a fill's tree, and of the tree over the chunks of y. */
  tree: ReturnType<typeof treeLayout>
  chunkTree: ReturnType<typeof treeLayout>
  /** Nodes of a fill's tree that are kept: all but the hashes of single leaves, which are made again. */
  keptBytes: number
}

function sizesOf(log2Leaves: number): Sizes {
  const leaves = 2 ** log2Leaves
  const tree = treeLayout(leaves, 1)
  return { segmentBytes: leaves * LEAF_BYTES, tree, chunkTree: treeLayout(chunking(log2Leaves).chunks, 1), keptBytes: (tree.size - leaves) * HASH_BYTES }
}

/** Bytes that a region takes on the device: its labels, the nodes that are kept, a tree while it is filled, y and its tree. */
export function regionBytes(log2Leaves: number, segments: number): number {
  const { segmentBytes, tree, chunkTree, keptBytes } = sizesOf(log2Leaves)
  return segments * (segmentBytes + keptBytes) + (tree.size + chunkTree.size) * HASH_BYTES + 4 * 2 ** log2Leaves
}

/** Segments of one buffer, `first` being the number of the first. */
interface Pack {
  first: number
  segments: number
  labels: GPUBuffer
  nodes: GPUBuffer
}

/** A part of the tree over something that was opened: that, and its siblings on the way up. */
interface Opened {
  bytes: Uint8Array
  path: Uint8Array[]
}

/** Has bytes of a buffer copied behind those that were copied before. */
type Put = (from: GPUBuffer, offset: number, bytes: number) => void

export class DeviceRegion {
  readonly #crypto: Crypto
  readonly #gpu: Gpu
  readonly #recorder: Recorder
  readonly #options: RegionOptions
  readonly #sizes: Sizes
  readonly #packs: Pack[] = []
  /** All that the region holds. */
  readonly #buffers = new Set<GPUBuffer>()
  #scans!: { x: GPUBuffer; y: GPUBuffer; chunks: GPUBindGroup; tree: GPUBuffer; folds: Fold[]; root: GPUBuffer; block: GPUBuffer }
  #pipelines!: { fill: GPUComputePipeline; scan: GPUComputePipeline; leaves: GPUComputePipeline; chunks: GPUComputePipeline; fold: GPUComputePipeline }
  #destroyed = false

  /**
   * Takes the memory, buffer after buffer, and fills it; returns the fill roots. `alive` gets the region before it holds anything, so that it can be destroyed
   * meanwhile.
   * @throws EngineError TOO_LARGE before anything is allocated, CRASHED if there is no room
   */
  static async stage(crypto: Crypto, gpu: Gpu, options: RegionOptions, alive: (region: DeviceRegion) => void): Promise<Uint8Array[]> {
    const region = new DeviceRegion(crypto, gpu, options)
    const { segmentBytes } = region.#sizes
    if (segmentBytes > gpu.maxBytes) throw new EngineError('TOO_LARGE', `${gpu.name} takes at most ${gpu.maxBytes} bytes in one buffer, and a segment of ${2 ** options.log2Leaves} KiB has ${segmentBytes}`)
    alive(region)
    await region.#allocate()
    await region.#compile()
    await region.#fill()
    return region.#hash()
  }

  private constructor(crypto: Crypto, gpu: Gpu, options: RegionOptions) {
    this.#crypto = crypto
    this.#gpu = gpu
    this.#recorder = new Recorder(gpu)
    this.#options = options
    this.#sizes = sizesOf(options.log2Leaves)
  }

  /** Scans the segment of step t with the challenge of the key before it; returns root_t. */
  async scan(t: number, key: Uint8Array): Promise<Uint8Array> {
    const { tree, root } = this.#scans
    this.#recordScan(t, key)
    this.#recorder.copy(tree, this.#sizes.chunkTree.rootAt * HASH_BYTES, root, 0, HASH_BYTES)
    this.#recorder.flush()
    const bytes = await this.#gpu.read(root, HASH_BYTES)
    this.#mustLive()
    return bytes
  }

  /** The openings of `cells` in order; `keys[t - 1]` is what step t was given. Of y only the roots are kept, so each step that is opened is scanned again. */
  async open(cells: readonly MemoryCell[], keys: readonly Uint8Array[]): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let o = 0; o < cells.length; o += OPEN_CELLS) parts.push(await this.#openPart(cells.slice(o, o + OPEN_CELLS), keys))
    return joinBytes(parts)
  }

  /** Gives all memory back; what is under way fails. */
  destroy(): void {
    this.#destroyed = true
    for (const buffer of this.#buffers) buffer.destroy()
  }

  /** Commands that touch destroyed buffers would be faults of the whole device. */
  #mustLive(): void {
    if (this.#destroyed) throw new EngineError('CLOSED', 'The region was closed by its owner')
  }

  async #allocate(): Promise<void> {
    const { log2Leaves, segments } = this.#options
    const { segmentBytes, keptBytes, chunkTree } = this.#sizes
    const { entries, chunks } = chunking(log2Leaves)
    this.#scans = await this.#checked('y and its tree', () => {
      const y = this.#take(4 * 2 ** log2Leaves)
      const tree = this.#take(chunkTree.size * HASH_BYTES)
      return {
        x: this.#take(LEAF_BYTES),
        y,
        chunks: this.#gpu.bind('leaves', { buffer: y, offset: 0, size: 4 * entries * chunks }, { buffer: tree, offset: 0, size: chunks * HASH_BYTES }, this.#gpu.roundConstants),
        tree,
        folds: chunkTree.levels.map((level) => foldOf(this.#gpu, tree, level, (buffer) => this.#own(buffer))),
        root: this.#take(HASH_BYTES, USAGE.mapRead | USAGE.copyTarget),
        block: this.#take(this.#block * HASH_BYTES),
      }
    })
    const perPack = Math.max(1, Math.floor(Math.min(BUFFER_BYTES, this.#gpu.maxBytes) / segmentBytes))
    for (let first = 0; first < segments; first += perPack) {
      const count = Math.min(perPack, segments - first)
      const pack = await this.#checked(`segments ${first} to ${first + count - 1} of ${segments} (${2 ** log2Leaves} KiB each)`, () => ({ first, segments: count, labels: this.#take(count * segmentBytes), nodes: this.#take(count * keptBytes) }))
      this.#packs.push(pack)
    }
  }

  async #compile(): Promise<void> {
    const [fill, scan, leaves, chunks, fold] = await Promise.all([
      this.#gpu.pipeline('fill'),
      this.#gpu.pipeline('scan'),
      this.#gpu.pipeline('leaves', { BLOCKS: LEAF_BYTES / 64 }),
      this.#gpu.pipeline('leaves', { BLOCKS: (4 * chunking(this.#options.log2Leaves).entries) / 64 }),
      this.#gpu.pipeline('fold'),
    ])
    this.#mustLive()
    this.#pipelines = { fill, scan, leaves, chunks, fold }
  }

  /** Slice after slice, each in all segments: a label may refer to any lane of the slices before its own. */
  async #fill(): Promise<void> {
    const { log2Leaves, log2Passes, fillKeyOf } = this.#options
    const lanes = 2 ** log2Leaves / LANE_LEAVES
    const doubleRounds = 4 * 2 ** log2Passes
    await this.#briefly(async (own) => {
      const keys = this.#packs.map(({ first, segments }) => {
        const bytes = joinBytes(Array.from({ length: segments }, (_, s) => fillKeyOf(first + s)))
        return own(this.#gpu.filled(new Uint32Array(Uint8Array.from(bytes).buffer)))
      })
      for (let slice = 0; slice < LANE_LEAVES; slice++) {
        const uniform = own(this.#gpu.filled(Uint32Array.of(lanes, slice, doubleRounds, 0), USAGE.uniform))
        for (const [p, { segments, labels }] of this.#packs.entries()) {
          this.#recorder.dispatch(this.#pipelines.fill, this.#gpu.bind('fill', uniform, keys[p]!, labels), Math.ceil((segments * lanes) / 64))
          this.#recorder.worked(segments * lanes * (LEAF_BYTES / LABEL_BYTES) * 2 * doubleRounds * ROUND_OPERATIONS)
        }
        this.#recorder.flush()
        // No more than a slice is ever under way, so that a region that is closed leaves the device soon.
        await this.#gpu.device.queue.onSubmittedWorkDone()
        this.#mustLive()
      }
    })
  }

  /** The trees over the leaves, one after the other in one buffer; what is above the leaves is kept. Returns their roots. */
  #hash(): Promise<Uint8Array[]> {
    const leaves = 2 ** this.#options.log2Leaves
    const { tree: layout, keptBytes } = this.#sizes
    return this.#briefly(async (own) => {
      const { tree, folds } = await this.#checked('the tree over the leaves', () => {
        const tree = own(this.#gpu.buffer(layout.size * HASH_BYTES))
        return { tree, folds: layout.levels.map((level) => foldOf(this.#gpu, tree, level, own)) }
      })
      const roots: Uint8Array[] = []
      for (const pack of this.#packs) {
        const out = own(this.#gpu.buffer(pack.segments * HASH_BYTES, USAGE.mapRead | USAGE.copyTarget))
        for (let s = 0; s < pack.segments; s++) {
          this.#recordLeaves(this.#labels(pack.first + s), leaves, tree)
          this.#recordFolds(folds)
          this.#recorder.copy(tree, leaves * HASH_BYTES, pack.nodes, s * keptBytes, keptBytes)
          this.#recorder.copy(tree, layout.rootAt * HASH_BYTES, out, s * HASH_BYTES, HASH_BYTES)
          this.#recorder.worked(leaves * LEAF_BYTES)
        }
        this.#recorder.flush()
        const bytes = await this.#gpu.read(out, pack.segments * HASH_BYTES)
        this.#mustLive()
        for (let s = 0; s < pack.segments; s++) roots.push(bytes.slice(s * HASH_BYTES, (s + 1) * HASH_BYTES))
      }
      return roots
    })
  }

  #recordScan(t: number, key: Uint8Array): void {
    const { log2Leaves, segments } = this.#options
    const { x, y, chunks, folds } = this.#scans
    // What was recorded before still reads the challenge before.
    this.#recorder.flush()
    this.#gpu.device.queue.writeBuffer(x, 0, Uint8Array.from(challenge(this.#crypto, key)))
    this.#recorder.dispatch(this.#pipelines.scan, this.#gpu.bind('scan', x, this.#labels(segmentOf(t, segments)), y), 2 ** log2Leaves / 64)
    this.#recorder.dispatch(this.#pipelines.chunks, chunks, Math.ceil(chunking(log2Leaves).chunks / 64))
    this.#recordFolds(folds)
  }

  /** The hashes of so many leaves, to the beginning of a buffer. */
  #recordLeaves(labels: Range, leaves: number, sink: GPUBuffer): void {
    this.#recorder.dispatch(this.#pipelines.leaves, this.#gpu.bind('leaves', labels, { buffer: sink, offset: 0, size: leaves * HASH_BYTES }, this.#gpu.roundConstants), Math.ceil(leaves / 64))
  }

  #recordFolds(folds: readonly Fold[]): void {
    for (const { group, workgroups } of folds) this.#recorder.dispatch(this.#pipelines.fold, group, workgroups)
  }

  /** `leaves` leaves of a segment from leaf `first` on; all if left out. */
  #labels(segment: number, first = 0, leaves = 2 ** this.#options.log2Leaves): { buffer: GPUBuffer; offset: number; size: number } {
    const pack = this.#packOf(segment)
    return { buffer: pack.labels, offset: (segment - pack.first) * this.#sizes.segmentBytes + first * LEAF_BYTES, size: leaves * LEAF_BYTES }
  }

  #packOf(segment: number): Pack {
    return this.#packs[Math.floor(segment / this.#packs[0]!.segments)]!
  }

  /** Leaves under one node of the lowest level that is kept. */
  get #block(): number {
    return 2 ** this.#sizes.tree.levels[0]!.levels
  }

  async #openPart(cells: readonly MemoryCell[], keys: readonly Uint8Array[]): Promise<Uint8Array> {
    const { log2Leaves, segments } = this.#options
    const { entries } = chunking(log2Leaves)
    const asked = cells.map((cell) => ({ ...cell, segment: segmentOf(cell.t, segments), chunk: Math.floor(cell.j / entries) }))
    // Which parents a label has stands in the label before it.
    const leaves = await this.#openLeaves(asked.flatMap(({ segment, j, u }) => [j, placeBefore({ j, u })?.j ?? j].map((at) => ({ segment, j: at }))))
    const opened = asked.map((cell) => [cell.j, ...parentLeaves(cell, log2Leaves, (j) => leaves.get(nameOf(cell.segment, j))!.bytes)].map((j) => ({ segment: cell.segment, j })))
    const parents = await this.#openLeaves(opened.flat().filter(({ segment, j }) => !leaves.has(nameOf(segment, j))))
    const chunks = await this.#openChunks(asked, keys)
    return joinBytes(
      asked.flatMap(({ t, chunk }, c) => {
        const [own, ...others] = opened[c]!.map(({ segment, j }) => leaves.get(nameOf(segment, j)) ?? parents.get(nameOf(segment, j))!)
        return [own!, chunks.get(nameOf(t, chunk))!, ...others].flatMap(({ bytes, path }) => [bytes, ...path])
      }),
    )
  }

  async #openLeaves(wanted: readonly { segment: number; j: number }[]): Promise<Map<string, Opened>> {
    const leaves = new Map(wanted.map((leaf) => [nameOf(leaf.segment, leaf.j), leaf]))
    const { tree, keptBytes } = this.#sizes
    const { block } = this.#scans
    return this.#openAll(leaves, LEAF_BYTES, tree.levels, ({ j }) => j, (put) => {
      for (const { segment, j } of leaves.values()) {
        const pack = this.#packOf(segment)
        const own = this.#labels(segment, j, 1)
        this.#recordLeaves(this.#labels(segment, j - (j % this.#block), this.#block), this.#block, block)
        put(own.buffer, own.offset, own.size)
        const [, ...above] = tree.levels
        put(block, 0, this.#block * HASH_BYTES)
        putSiblings(put, pack.nodes, above, Math.floor(j / this.#block), (segment - pack.first) * keptBytes - 2 ** this.#options.log2Leaves * HASH_BYTES)
      }
    })
  }

  async #openChunks(wanted: readonly { t: number; chunk: number }[], keys: readonly Uint8Array[]): Promise<Map<string, Opened>> {
    const byStep = Map.groupBy(new Map(wanted.map((one) => [nameOf(one.t, one.chunk), one])).values(), ({ t }) => t)
    const chunks = new Map([...byStep.values()].flat().map((one) => [nameOf(one.t, one.chunk), one]))
    const bytes = 4 * chunking(this.#options.log2Leaves).entries
    const { levels } = this.#sizes.chunkTree
    const { y, tree } = this.#scans
    return this.#openAll(chunks, bytes, levels, ({ chunk }) => chunk, (put) => {
      for (const [t, ofStep] of byStep) {
        this.#recordScan(t, keys[t - 1]!)
        for (const { chunk } of ofStep) {
          put(y, chunk * bytes, bytes)
          putSiblings(put, tree, levels, chunk, 0)
        }
      }
    })
  }

  /** Reads things of `bytes` bytes and the nodes around their way up, all in one piece: as many and in that order as `record` puts. */
  async #openAll<T>(things: ReadonlyMap<string, T>, bytes: number, levels: readonly Level[], indexOf: (thing: T) => number, record: (put: Put) => void): Promise<Map<string, Opened>> {
    if (things.size === 0) return new Map()
    const stride = bytes + levels.reduce((sum, { levels: height }) => sum + 2 ** height * HASH_BYTES, 0)
    const total = things.size * stride
    return this.#briefly(async (own) => {
      const out = await this.#checked(`${things.size} openings`, () => own(this.#gpu.buffer(total, USAGE.mapRead | USAGE.copyTarget)))
      let at = 0
      record((from, offset, count) => {
        this.#recorder.copy(from, offset, out, at, count)
        at += count
      })
      this.#recorder.flush()
      const read = await this.#gpu.read(out, total)
      this.#mustLive()
      return new Map([...things].map(([name, thing], i) => {
        const opened = read.subarray(i * stride, (i + 1) * stride)
        return [name, { bytes: opened.subarray(0, bytes), path: pathThrough(this.#crypto, opened.subarray(bytes), levels, indexOf(thing)) }]
      }))
    })
  }

  /** Runs `make`, which allocates and does not wait. @throws EngineError CRASHED if there is no room for `what`, CLOSED if the region was closed meanwhile */
  async #checked<T>(what: string, make: () => T): Promise<T> {
    // What was made is owned already, by the region or by `#briefly`, which give it back.
    const made = await this.#gpu.allocate(what, make, () => {})
    this.#mustLive()
    return made
  }

  /** Gives `work` a way to own buffers until it is done, or until the region is destroyed. */
  async #briefly<T>(work: (own: (buffer: GPUBuffer) => GPUBuffer) => Promise<T>): Promise<T> {
    const owned: GPUBuffer[] = []
    try {
      return await work((buffer) => {
        owned.push(buffer)
        return this.#own(buffer)
      })
    } finally {
      for (const buffer of owned) {
        this.#buffers.delete(buffer)
        buffer.destroy()
      }
    }
  }

  #take(bytes: number, usage?: number): GPUBuffer {
    return this.#own(this.#gpu.buffer(bytes, usage))
  }

  #own(buffer: GPUBuffer): GPUBuffer {
    this.#buffers.add(buffer)
    return buffer
  }
}

const nameOf = (group: number, index: number): string => `${group} ${index}`

/** Of each level the nodes that become one node of the next, around the way up from `index`; digest 0 stands at byte `base`. */
function putSiblings(put: Put, from: GPUBuffer, levels: readonly Level[], index: number, base: number): void {
  let node = index
  for (const { source, levels: height } of levels) {
    const width = 2 ** height
    put(from, base + (source + node - (node % width)) * HASH_BYTES, width * HASH_BYTES)
    node = Math.floor(node / width)
  }
}

/** The siblings on the way up from `index`, in what `putSiblings` put. */
function pathThrough({ sha256 }: Crypto, nodes: Uint8Array, levels: readonly Level[], index: number): Uint8Array[] {
  let [node, at] = [index, 0]
  return levels.flatMap(({ levels: height }) => {
    const width = 2 ** height
    const path = new Nodes(sha256, nodes.subarray(at, at + width * HASH_BYTES)).path(node % width)
    node = Math.floor(node / width)
    at += width * HASH_BYTES
    return path
  })
}
