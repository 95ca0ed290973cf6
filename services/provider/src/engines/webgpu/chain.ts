// A chain on the device: matrices, tree and keys stay there; roots and openings come out.
import { type Cell, openingsLength } from '@assay/protocol'
import { EngineError } from '../engine.ts'
import { type Gpu, Recorder, USAGE } from './gpu.ts'
import { multiplyTile, type MultiplyVariant } from './multiply.ts'
import { type Fold, foldOf, HASH_BYTES, treeLayout } from './tree.ts'

/** Rows come in multiples of this: the rows of the largest tile. */
const ROWS = 64
/** A panel's product is at most this much work, so that no dispatch runs for seconds on a slow device. */
const PANEL_MACS = 2 ** 36
const PANEL_BYTES = 128 * 2 ** 20
const CHUNK_BYTES = 1024
/** Steps whose row hashes share a buffer. */
const BLOCK_STEPS = 256
/** Steps between two readings of roots. */
const SEGMENT_STEPS = 1024
/** An opening is computed in parts of at most this many rows, paths and bytes. */
const OPEN_ROWS = 512
const OPEN_TREE_BYTES = 2 * 2 ** 20
const OPEN_BYTES = 64 * 2 ** 20
/** What two variants are compared on takes about this long. */
const TUNING_MS = 4

/** Rows of X and C that go through a step together. */
interface Panel {
  first: number
  rows: number
  x: GPUBuffer
  c: GPUBuffer
  start: GPUBindGroup
  activate: GPUBindGroup
  multiply: GPUBindGroup
  buffers: GPUBuffer[]
}

interface Pipelines { start: GPUComputePipeline; activate: GPUComputePipeline; leaves: GPUComputePipeline; fold: GPUComputePipeline; key: GPUComputePipeline }

export interface DeviceChainOptions {
  n: number
  /** Key of B's stream, 32 bytes. */
  matrixKey: Uint8Array
  /** Variants to choose from. */
  variants: readonly MultiplyVariant[]
  /** The variant that was fastest, by n; a size that is missing is tried and added. */
  fastest: Map<number, MultiplyVariant>
  /** ms of a monotonic clock */
  now(): number
}

/** Bytes that a chain takes on the device before its first step: B, X, C and a tree. */
export const chainBytes = (n: number): number => 6 * n * n + 2 * HASH_BYTES * n * Math.max(1, (4 * n) / CHUNK_BYTES)

/** Rows of a panel: a power of two that the device's limits and patience allow. */
function panelRows(n: number, maxBytes: number): number {
  const rows = Math.min(n, Math.min(maxBytes, PANEL_BYTES) / (4 * n), PANEL_MACS / n ** 2)
  return 2 ** Math.floor(Math.log2(rows))
}

export class DeviceChain {
  readonly #gpu: Gpu
  readonly #n: number
  readonly #recorder: Recorder
  readonly #panels: Panel[]
  readonly #tree: GPUBuffer
  readonly #leaves: GPUBindGroup[]
  readonly #folds: Fold[]
  /** Where the tree buffer holds row hashes and root, in bytes. */
  readonly #rowsAt: number
  readonly #rootAt: number
  readonly #key: GPUBuffer
  readonly #startKey: GPUBuffer
  readonly #b: GPUBuffer
  readonly #nextKey: GPUBindGroup
  readonly #roots: GPUBuffer
  /** Row hashes of every step, `BLOCK_STEPS` steps each. */
  readonly #blocks: GPUBuffer[] = []
  readonly #buffers: GPUBuffer[] = []
  #pipelines!: Pipelines
  #multiply!: { pipeline: GPUComputePipeline; variant: MultiplyVariant }
  #steps = 0
  #destroyed = false

  /**
   * Takes the memory, generates B, and finds the fastest product for this size if that is not known yet. `alive` gets the chain as soon as it holds memory,
   * so that it can be destroyed meanwhile.
   * @throws EngineError TOO_LARGE before anything is allocated, CRASHED if there is no room
   */
  static async stage(gpu: Gpu, options: DeviceChainOptions, alive: (chain: DeviceChain) => void): Promise<DeviceChain> {
    const { n, matrixKey, variants, fastest, now } = options
    if (n * n > gpu.maxBytes) throw new EngineError('TOO_LARGE', `${gpu.name} takes at most ${gpu.maxBytes} bytes in one buffer, and B of ${n} x ${n} has ${n * n}`)
    const chain = await gpu.allocate(`a chain of ${n} x ${n} (${Math.ceil(chainBytes(n) / 2 ** 20)} MiB)`, () => new DeviceChain(gpu, n), (made) => made.destroy())
    alive(chain)
    await chain.#compile()
    await chain.#generate(matrixKey)
    const variant = fastest.get(n) ?? (await chain.#fastest(variants, now))
    fastest.set(n, variant)
    await chain.#use(variant)
    return chain
  }

  private constructor(gpu: Gpu, n: number) {
    this.#gpu = gpu
    this.#n = n
    this.#recorder = new Recorder(gpu)
    const take = (buffer: GPUBuffer): GPUBuffer => {
      this.#buffers.push(buffer)
      return buffer
    }
    this.#key = take(gpu.buffer(HASH_BYTES))
    this.#startKey = take(gpu.buffer(HASH_BYTES))
    this.#roots = take(gpu.buffer(SEGMENT_STEPS * HASH_BYTES, USAGE.mapRead | USAGE.copyTarget))
    this.#b = take(gpu.buffer(n * n))
    const rows = panelRows(n, gpu.maxBytes)
    this.#panels = Array.from({ length: n / rows }, (_, p) => this.#panel(p * rows, Uint32Array.from({ length: rows }, (_, i) => p * rows + i)))
    for (const { buffers } of this.#panels) this.#buffers.push(...buffers)

    const leavesPerRow = Math.max(1, (4 * n) / CHUNK_BYTES)
    const { levels, rowsAt, rootAt, size } = treeLayout(n, leavesPerRow)
    this.#tree = take(gpu.buffer(size * HASH_BYTES))
    this.#rowsAt = rowsAt * HASH_BYTES
    this.#rootAt = rootAt * HASH_BYTES
    this.#leaves = this.#panels.map(({ c, first }) => gpu.bind('leaves', c, { buffer: this.#tree, offset: first * leavesPerRow * HASH_BYTES, size: rows * leavesPerRow * HASH_BYTES }, gpu.roundConstants))
    this.#folds = levels.map((level) => foldOf(gpu, this.#tree, level, take))
    this.#nextKey = gpu.bind('key', { buffer: this.#tree, offset: this.#rootAt, size: HASH_BYTES }, this.#key, gpu.roundConstants)
  }

  /**
   * Computes `count` steps from key_{t-1} on, with the keys between them made on the device, and returns their roots. `startKey` goes with the first step of all.
   */
  async advance(key: Uint8Array, startKey: Uint8Array | undefined, count: number): Promise<Uint8Array[]> {
    const { queue } = this.#gpu.device
    if (startKey) queue.writeBuffer(this.#startKey, 0, Uint8Array.from(startKey))
    queue.writeBuffer(this.#key, 0, Uint8Array.from(key))
    const roots: Uint8Array[] = []
    while (roots.length < count) {
      const steps = Math.min(SEGMENT_STEPS, count - roots.length)
      await this.#makeRoom(this.#steps + steps)
      for (let s = 0; s < steps; s++) this.#recordStep(this.#steps + s, s, roots.length + s + 1 < count)
      this.#recorder.flush()
      const bytes = await this.#gpu.read(this.#roots, steps * HASH_BYTES)
      this.#mustLive()
      for (let s = 0; s < steps; s++) roots.push(bytes.slice(s * HASH_BYTES, (s + 1) * HASH_BYTES))
      this.#steps += steps
    }
    return roots
  }

  /** The openings of `cells` in order; `keys[t]` is key_t of every step but the last. */
  async open(cells: readonly Cell[], keys: readonly Uint8Array[]): Promise<Uint8Array> {
    const log2n = Math.log2(this.#n)
    const openings = new Uint8Array(openingsLength(cells, log2n))
    const perPart = Math.max(1, Math.min(OPEN_ROWS, Math.floor(OPEN_BYTES / openingsLength([{ t: 2, i: 0 }], log2n))))
    for (let o = 0, at = 0; o < cells.length; o += perPart) {
      const part = await this.#openPart(cells.slice(o, o + perPart), keys)
      openings.set(part, at)
      at += part.length
    }
    return openings
  }

  /** Gives all memory back; what is under way fails. */
  destroy(): void {
    this.#destroyed = true
    for (const buffer of [...this.#buffers, ...this.#blocks]) buffer.destroy()
  }

  /** Commands that touch destroyed buffers would be faults of the whole device. */
  #mustLive(): void {
    if (this.#destroyed) throw new EngineError('CLOSED', 'The chain was closed by its owner')
  }

  async #compile(): Promise<void> {
    const N = this.#n
    const [start, activate, leaves, fold, key] = await Promise.all([
      this.#gpu.pipeline('stream', { N, MASK: 0xffffffff }),
      this.#gpu.pipeline('activate', { N }),
      this.#gpu.pipeline('leaves', { BLOCKS: Math.min(CHUNK_BYTES, 4 * N) / 64 }),
      this.#gpu.pipeline('fold'),
      this.#gpu.pipeline('key'),
    ])
    this.#mustLive()
    this.#pipelines = { start, activate, leaves, fold, key }
  }

  /** B, panel by panel through X, which is free until the first step. */
  async #generate(matrixKey: Uint8Array): Promise<void> {
    const n = this.#n
    const [stream, pack] = await Promise.all([this.#gpu.pipeline('stream', { N: n, MASK: 0x7f7f7f7f }), this.#gpu.pipeline('pack', { N: n })])
    this.#mustLive()
    this.#gpu.device.queue.writeBuffer(this.#startKey, 0, Uint8Array.from(matrixKey))
    for (const { first, rows, x, start } of this.#panels) {
      this.#recorder.dispatch(stream, start, (rows * n) / 4096)
      this.#recorder.dispatch(pack, this.#gpu.bind('pack', x, { buffer: this.#b, offset: first * n, size: rows * n }), n / 64, rows / 16)
    }
    this.#recorder.flush()
  }

  async #use(variant: MultiplyVariant): Promise<void> {
    this.#multiply = { variant, pipeline: await this.#gpu.pipeline(variant, { N: this.#n }) }
    this.#mustLive()
  }

  /** Times every variant on some rows of the first panel: more rows, then more turns, until it takes long enough to tell. */
  async #fastest(variants: readonly MultiplyVariant[], now: () => number): Promise<MultiplyVariant> {
    if (variants.length === 1) return variants[0]!
    const panel = this.#panels[0]!
    let rows = ROWS
    let turns = 1
    const time = (): Promise<number> => this.#time(() => this.#recordMultiply(panel, rows), turns, now)
    let best: { variant: MultiplyVariant; ms: number } | undefined
    for (const variant of variants) {
      await this.#use(variant)
      await time() // the first turn of a kernel is slower
      let ms = await time()
      for (; best === undefined && ms < TUNING_MS && turns < 64; ms = await time()) {
        if (rows < panel.rows) rows *= 2
        else turns *= 2
      }
      if (best === undefined || ms < best.ms) best = { variant, ms }
    }
    return best!.variant
  }

  /** Milliseconds that a step's parts take on the device, each done `turns` times by itself: for measurements, the chain is of no use afterwards. */
  async parts(turns: number, now: () => number): Promise<{ multiplyMs: number; activateMs: number; hashMs: number }> {
    const part = async (record: () => void): Promise<number> => {
      await this.#time(record, 1, now)
      return (await this.#time(record, turns, now)) / turns
    }
    return {
      multiplyMs: await part(() => this.#panels.forEach((panel) => this.#recordMultiply(panel, panel.rows))),
      activateMs: await part(() => this.#panels.forEach((panel) => this.#recordX(panel, 1))),
      hashMs: await part(() => {
        for (const [p, panel] of this.#panels.entries()) this.#recordLeaves(panel, p)
        this.#recordTree()
      }),
    }
  }

  async #time(record: () => void, turns: number, now: () => number): Promise<number> {
    const began = now()
    for (let turn = 0; turn < turns; turn++) record()
    this.#recorder.flush()
    await this.#gpu.device.queue.onSubmittedWorkDone()
    this.#mustLive()
    return now() - began
  }

  /** Room for the row hashes of so many steps. */
  async #makeRoom(steps: number): Promise<void> {
    while (this.#blocks.length * BLOCK_STEPS < steps) {
      const block = await this.#gpu.allocate('the row hashes of more steps', () => this.#gpu.buffer(BLOCK_STEPS * this.#n * HASH_BYTES, USAGE.copySource | USAGE.copyTarget), (made) => made.destroy())
      if (this.#destroyed) block.destroy()
      this.#mustLive()
      this.#blocks.push(block)
    }
  }

  #recordStep(before: number, slot: number, another: boolean): void {
    const n = this.#n
    for (const [p, panel] of this.#panels.entries()) {
      this.#recordX(panel, before)
      this.#recordMultiply(panel, panel.rows)
      this.#recordLeaves(panel, p)
      this.#recorder.worked(panel.rows * n * n)
    }
    this.#recordTree()
    if (another) this.#recorder.dispatch(this.#pipelines.key, this.#nextKey, 1)
    this.#recorder.copy(this.#tree, this.#rowsAt, this.#blocks[Math.floor(before / BLOCK_STEPS)]!, (before % BLOCK_STEPS) * n * HASH_BYTES, n * HASH_BYTES)
    this.#recorder.copy(this.#tree, this.#rootAt, this.#roots, slot * HASH_BYTES, HASH_BYTES)
  }

  #recordLeaves({ rows }: Panel, p: number): void {
    this.#recorder.dispatch(this.#pipelines.leaves, this.#leaves[p]!, (rows * Math.max(1, (4 * this.#n) / CHUNK_BYTES)) / 64)
  }

  #recordTree(): void {
    for (const { group, workgroups } of this.#folds) this.#recorder.dispatch(this.#pipelines.fold, group, workgroups)
  }

  /** X of the step after `before` steps. */
  #recordX({ rows, start, activate }: Panel, before: number): void {
    const n = this.#n
    if (before === 0) this.#recorder.dispatch(this.#pipelines.start, start, (rows * n) / 4096)
    else this.#recorder.dispatch(this.#pipelines.activate, activate, n / 64, rows / 4)
  }

  #recordMultiply({ multiply }: Panel, rows: number): void {
    const tile = multiplyTile(this.#multiply.variant)
    this.#recorder.dispatch(this.#multiply.pipeline, multiply, this.#n / tile.columns, rows / tile.rows)
  }

  #panel(first: number, indices: Uint32Array<ArrayBuffer>): Panel {
    const gpu = this.#gpu
    const n = this.#n
    const rows = indices.length
    const list = gpu.filled(indices)
    const x = gpu.buffer(rows * n)
    const c = gpu.buffer(4 * rows * n)
    return {
      first, rows, x, c,
      start: gpu.bind('stream', this.#startKey, list, x),
      activate: gpu.bind('activate', this.#key, list, c, x),
      multiply: gpu.bind('direct4', x, this.#b, c),
      buffers: [list, x, c],
    }
  }

  /** Rows and paths are gathered on the device, each at its place, and read in one piece. */
  async #openPart(cells: readonly Cell[], keys: readonly Uint8Array[]): Promise<Uint8Array> {
    const n = this.#n
    const log2n = Math.log2(n)
    const wanted = cells
      .flatMap(({ t, i }) => (t > 1 ? [{ t, i }, { t: t - 1, i }] : [{ t, i }]))
      .map((cell, place) => ({ ...cell, at: place * (4 * n + HASH_BYTES * log2n) }))
    const bytes = openingsLength(cells, log2n)
    const slots = new Map([...new Set(cells.map(({ i }) => i))].map((i, slot) => [i, slot]))
    const sampled = [...slots.keys()]
    const indices = Uint32Array.from({ length: Math.ceil(sampled.length / ROWS) * ROWS }, (_, slot) => sampled[slot] ?? sampled[0]!)
    const byStep = Map.groupBy(wanted, ({ t }) => t)
    const last = Math.max(...byStep.keys())
    const trees = Math.min(byStep.size, Math.max(1, Math.floor(OPEN_TREE_BYTES / (2 * n * HASH_BYTES))))

    const taken: GPUBuffer[] = []
    const take = (buffer: GPUBuffer): GPUBuffer => {
      taken.push(buffer)
      return buffer
    }
    try {
      const made = await this.#gpu.allocate(`the openings of ${cells.length} cells`, () => {
        const panel = this.#panel(0, indices)
        taken.push(...panel.buffers)
        const out = take(this.#gpu.buffer(bytes, USAGE.mapRead | USAGE.copyTarget))
        const keyList = take(this.#gpu.buffer(last * HASH_BYTES))
        const tree = take(this.#gpu.buffer(2 * trees * n * HASH_BYTES))
        const levels = Array.from({ length: log2n - 1 }, (_, level) => {
          const count = (trees * n) >> level
          const source = 2 * trees * n - 2 * count
          return foldOf(this.#gpu, tree, { source, sink: source + count, count, levels: 1 }, take)
        })
        return { panel, out, keyList, tree, levels }
      }, () => {}) // all of it is in `taken`
      this.#mustLive()
      const { panel, out, keyList, tree, levels } = made
      const list = new Uint8Array(last * HASH_BYTES)
      for (let t = 0; t < last; t++) list.set(keys[t]!, t * HASH_BYTES)
      this.#gpu.device.queue.writeBuffer(keyList, 0, list)

      for (let t = 1; t <= last; t++) {
        if (t > 1) this.#recorder.copy(keyList, (t - 1) * HASH_BYTES, this.#key, 0, HASH_BYTES)
        this.#recordX(panel, t - 1)
        this.#recordMultiply(panel, panel.rows)
        for (const { i, at } of byStep.get(t) ?? []) this.#recorder.copy(panel.c, slots.get(i)! * 4 * n, out, at, 4 * n)
        this.#recorder.worked(panel.rows * n * n)
      }
      const steps = [...byStep.keys()]
      for (let o = 0; o < steps.length; o += trees) {
        const batch = steps.slice(o, o + trees)
        for (const [slot, t] of batch.entries()) {
          this.#recorder.copy(this.#blocks[Math.floor((t - 1) / BLOCK_STEPS)]!, ((t - 1) % BLOCK_STEPS) * n * HASH_BYTES, tree, slot * n * HASH_BYTES, n * HASH_BYTES)
        }
        for (const { group, workgroups } of levels) this.#recorder.dispatch(this.#pipelines.fold, group, workgroups)
        for (const [slot, t] of batch.entries()) {
          for (const { i, at } of byStep.get(t)!) {
            for (let level = 0; level < log2n; level++) {
              const start = 2 * trees * n - ((2 * trees * n) >> level)
              const sibling = start + ((slot * n) >> level) + ((i >> level) ^ 1)
              this.#recorder.copy(tree, sibling * HASH_BYTES, out, at + 4 * n + level * HASH_BYTES, HASH_BYTES)
            }
          }
        }
        this.#recorder.worked(0)
      }
      this.#recorder.flush()
      const opened = await this.#gpu.read(out, bytes)
      this.#mustLive()
      return opened
    } finally {
      for (const buffer of taken) buffer.destroy()
    }
  }
}
