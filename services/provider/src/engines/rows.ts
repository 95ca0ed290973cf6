import type { Cell } from '@assay/protocol'
import { instantiate, type Kernel, PAGE_BYTES } from './kernel.ts'

/** What one thread needs to know of a chain: n, B's stream key and which rows are its own. */
export interface RowsOptions {
  module: WebAssembly.Module
  n: number
  /** Key of B's stream, 32 bytes. */
  matrixKey: Uint8Array
  /** Own rows: `count` from `first` on, in subtrees of `unit` rows; unit is a power of two >= 4 and divides first and count. */
  first: number
  count: number
  unit: number
}

/** One row of C with its Merkle path up to the root of its unit. */
export interface OpenedRow {
  row: Uint8Array
  path: Uint8Array
}

/** Rows that go through activation, product and hash while they are in the cache. */
const STRIP = 64
const CHUNK_BYTES = 1024
const HASH_BYTES = 32
/** `hashAll` and `stream` work in fours, so a region may be read and written this far beyond its end. */
const SLACK = 4096

/**
 * Some rows of a chain, advanced step by step in a kernel. It keeps C of the last step, the keys, and every step's row hashes.
 * Memory: B (n^2 entries), count * 4n bytes of C, two strips, and 32 * count bytes a step.
 */
export class Rows {
  readonly #options: RowsOptions
  readonly #kernel: Kernel
  readonly #bytes: Uint8Array
  readonly #at: { key: number; stream: number; b: number; x: number; c: number; opened: number; leaves: number; nodes: number }
  /** keys[t] is key_t as far as known. */
  readonly #keys: Uint8Array[] = []
  readonly #hashes: Uint8Array[] = []
  #start: Uint8Array | undefined

  constructor(options: RowsOptions) {
    const { module, n, count, matrixKey } = options
    this.#options = options
    this.#kernel = instantiate(module)
    const entryBytes = this.#kernel.ENTRY_BYTES.value
    let end = PAGE_BYTES
    const take = (bytes: number): number => {
      const at = end
      end += Math.ceil((bytes + SLACK) / 64) * 64
      return at
    }
    this.#at = {
      key: take(32),
      stream: take(STRIP * n),
      b: take(n * n * entryBytes),
      x: take(STRIP * n * entryBytes),
      c: take(count * n * 4),
      opened: take(STRIP * n * 4),
      leaves: take(STRIP * Math.max(1, (4 * n) / CHUNK_BYTES) * HASH_BYTES),
      nodes: take(count * HASH_BYTES),
    }
    this.#kernel.memory.grow(Math.ceil(end / PAGE_BYTES) - 1)
    this.#bytes = new Uint8Array(this.#kernel.memory.buffer)
    for (let k = 0; k < n; k += STRIP) {
      this.#stream(matrixKey, k, STRIP)
      this.#kernel.pack(this.#at.stream, this.#at.b, n, k, STRIP)
    }
  }

  /** Computes the own rows of C_t from key_{t-1}; the first call also takes X_0's stream key. Returns the unit roots, 32 bytes each. */
  step(key: Uint8Array, start?: Uint8Array): Uint8Array {
    const { n, first, count, unit } = this.#options
    const { x, b, c, nodes } = this.#at
    if (start !== undefined) this.#start = start
    this.#keys.push(key)
    for (let i = 0; i < count; i += STRIP) {
      const rows = Math.min(STRIP, count - i)
      const strip = c + i * n * 4
      if (this.#hashes.length > 0) this.#activate(strip, x, rows, first + i, key)
      else {
        this.#stream(this.#start!, first + i, rows)
        this.#kernel.start(this.#at.stream, x, rows * n)
      }
      this.#kernel.multiply(x, b, strip, rows, n)
      this.#hashRows(strip, rows, nodes + i * HASH_BYTES)
    }
    this.#hashes.push(this.#bytes.slice(nodes, nodes + count * HASH_BYTES))
    let roots = count
    for (; roots > count / unit; roots /= 2) this.#parents(roots)
    return this.#bytes.slice(nodes, nodes + roots * HASH_BYTES)
  }

  /** Opens cells of own rows, each as its row of C_t and, if t > 1, its row of C_{t-1}. Computes nothing but the sampled rows, `STRIP` of them at a time. */
  open(cells: readonly Cell[]): OpenedRow[][] {
    const rows = this.#recompute(cells)
    return cells.map(({ t, i }) =>
      (t > 1 ? [t, t - 1] : [t]).map((s) => ({ row: rows.get(`${s}:${i}`)!, path: this.#path(s, i - this.#options.first) })),
    )
  }

  #recompute(cells: readonly Cell[]): Map<string, Uint8Array> {
    const { n } = this.#options
    const { x, b, opened, stream } = this.#at
    const entryBytes = this.#kernel.ENTRY_BYTES.value
    const rows = new Map<string, Uint8Array>()
    const keep = new Set(cells.flatMap(({ t, i }) => [`${t}:${i}`, `${t - 1}:${i}`]))
    const lastStep = new Map<number, number>()
    for (const { t, i } of cells) lastStep.set(i, Math.max(t, lastStep.get(i) ?? 0))
    const sampled = [...lastStep.keys()]
    for (let o = 0; o < sampled.length; o += STRIP) {
      const batch = sampled.slice(o, o + STRIP)
      const last = Math.max(...batch.map((i) => lastStep.get(i)!))
      for (let t = 1; t <= last; t++) {
        for (const [slot, i] of batch.entries()) {
          const xRow = x + slot * n * entryBytes
          if (t > 1) this.#activate(opened + slot * n * 4, xRow, 1, i, this.#keys[t - 1]!)
          else {
            this.#stream(this.#start!, i, 1)
            this.#kernel.start(stream, xRow, n)
          }
        }
        this.#kernel.multiply(x, b, opened, Math.ceil(batch.length / 4) * 4, n)
        for (const [slot, i] of batch.entries()) {
          if (keep.has(`${t}:${i}`)) rows.set(`${t}:${i}`, this.#bytes.slice(opened + slot * n * 4, opened + (slot + 1) * n * 4))
        }
      }
    }
    return rows
  }

  /** Siblings from own row `index` up to its unit's root, leaf side first. */
  #path(t: number, index: number): Uint8Array {
    const { unit } = this.#options
    const { nodes } = this.#at
    const base = index - (index % unit)
    this.#bytes.set(this.#hashes[t - 1]!.subarray(base * HASH_BYTES, (base + unit) * HASH_BYTES), nodes)
    const path = new Uint8Array(Math.log2(unit) * HASH_BYTES)
    for (let size = unit, at = index - base, o = 0; size > 1; size /= 2, at >>= 1, o += HASH_BYTES) {
      const sibling = nodes + (at ^ 1) * HASH_BYTES
      path.set(this.#bytes.subarray(sibling, sibling + HASH_BYTES), o)
      this.#parents(size)
    }
    return path
  }

  /** Stream bytes of `rows` rows from row i on. */
  #stream(key: Uint8Array, i: number, rows: number): void {
    const { n } = this.#options
    this.#bytes.set(key, this.#at.key)
    this.#kernel.stream(this.#at.key, (i * n) / 64, this.#at.stream, Math.max(256, rows * n))
  }

  #activate(c: number, x: number, rows: number, i: number, key: Uint8Array): void {
    const view = new DataView(key.buffer, key.byteOffset, 8)
    this.#kernel.activate(c, x, rows, this.#options.n, i, view.getInt32(0, true), view.getInt32(4, true))
  }

  /** Row hashes of a strip of C. */
  #hashRows(c: number, rows: number, dst: number): void {
    const { leaves } = this.#at
    const rowBytes = 4 * this.#options.n
    const chunk = Math.min(CHUNK_BYTES, rowBytes)
    let size = (rows * rowBytes) / chunk
    this.#kernel.hashAll(c, chunk, size, leaves)
    for (; size > rows; size /= 2) this.#kernel.hashAll(leaves, 64, size / 2, leaves)
    this.#bytes.copyWithin(dst, leaves, leaves + rows * HASH_BYTES)
  }

  /** One level up over `size` nodes, in place. */
  #parents(size: number): void {
    this.#kernel.hashAll(this.#at.nodes, 64, size / 2, this.#at.nodes)
  }
}
