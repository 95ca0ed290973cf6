import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Cell, type Crypto, matrixKey, openingsLength, startKey, treeLevels, treePath, treeRoot } from '@assay/protocol'
import { Crew, Jobs } from './crew.ts'
import type { ChainJob, Engine, StageOptions } from './engine.ts'
import { compileKernel, fastestVariant, type Variant } from './kernel.ts'
import type { RowsOptions } from './rows.ts'
import type { Answer, Ask } from './worker.ts'

export interface WasmEngineOptions {
  /** Threads of a job; all cores if left out. At most n/16 are used. */
  threads?: number
  /** The fastest this runtime can compile if left out. */
  variant?: Variant
  /** Starts a thread; a test hands in broken ones. */
  spawn?: (rows: RowsOptions) => Worker
}

/** A thread of the engine. */
export const spawnWorker = (workerData: RowsOptions): Worker => new Worker(new URL('worker.ts', import.meta.url), { workerData })

/**
 * The fast engine: WebAssembly SIMD in worker threads that split the rows of a chain. Only keys and 32-byte subtree roots cross between
 * threads, and the caller's thread does nothing but the few hashes above the subtrees.
 * @throws Error if the runtime cannot compile the kernel
 *
 * ```ts
 * const engine = await createWasmEngine(nodeCrypto, { threads: 2 })
 * const job = await engine.stage({ seed, log2n: 11, signal })
 * ```
 */
export async function createWasmEngine(crypto: Crypto, options: WasmEngineOptions = {}): Promise<Engine> {
  const { threads = availableParallelism(), variant = fastestVariant(), spawn = spawnWorker } = options
  if (variant === undefined) throw new Error('This runtime has no WebAssembly SIMD; Node 20 or later on a 64-bit machine has')
  const module = await compileKernel(variant)
  const jobs = new Jobs<WasmJob>()
  return {
    name: `wasm ${variant} x${threads}`,
    async stage({ seed, log2n, signal }: StageOptions) {
      const n = 2 ** log2n
      const { unit, ranges } = splitRows(n, threads)
      const key = matrixKey(crypto, seed)
      const crew = new Crew<Ask, Answer>('chain', ranges.map((range) => () => spawn({ module, n, matrixKey: key, unit, ...range })))
      return jobs.stage(new WasmJob(crypto, log2n, unit, ranges, crew), signal)
    },
    close: () => jobs.close(),
  }
}

/** Rows of a thread. */
interface RowRange {
  first: number
  count: number
}

/**
 * Shares n rows out in whole subtrees of `unit` rows, so that each thread hashes its own part of the tree. A number of threads that is no
 * power of two gets smaller units, for parts that differ by less than an eighth.
 *
 * ```ts
 * splitRows(64, 2) // { unit: 32, ranges: [{ first: 0, count: 32 }, { first: 32, count: 32 }] }
 * ```
 */
export function splitRows(n: number, threads: number): { unit: number; ranges: RowRange[] } {
  const parts = Math.max(1, Math.min(threads, n / 16))
  const power = 2 ** Math.ceil(Math.log2(parts))
  const units = power === parts ? parts : Math.min(8 * power, n / 4)
  const unit = n / units
  const edge = (part: number): number => Math.floor((part * units) / parts) * unit
  return { unit, ranges: Array.from({ length: parts }, (_, part) => ({ first: edge(part), count: edge(part + 1) - edge(part) })) }
}

class WasmJob implements ChainJob {
  readonly #crypto: Crypto
  readonly #log2n: number
  readonly #unit: number
  readonly #ranges: readonly RowRange[]
  readonly #crew: Crew<Ask, Answer>
  /** By step: the roots of all units, from which root and upper paths come. */
  readonly #unitRoots: Uint8Array[][] = []

  constructor(crypto: Crypto, log2n: number, unit: number, ranges: readonly RowRange[], crew: Crew<Ask, Answer>) {
    this.#crypto = crypto
    this.#log2n = log2n
    this.#unit = unit
    this.#ranges = ranges
    this.#crew = crew
  }

  /** Resolves once every thread has ended. */
  get closed(): Promise<unknown> {
    return this.#crew.closed
  }

  /** Resolves once every thread holds B. */
  staged(): Promise<void> {
    return this.#crew.staged()
  }

  get steps(): number {
    return this.#unitRoots.length
  }

  async step(key: Uint8Array): Promise<Uint8Array> {
    // Copied, for a Buffer would take its whole pool along to the thread.
    const ask = { kind: 'step' as const, key: new Uint8Array(key), start: this.steps === 0 ? new Uint8Array(startKey(this.#crypto, key)) : undefined }
    const answers = await this.#crew.exclusively(() => Promise.all(this.#crew.threads.map((thread) => thread.ask(ask))))
    const roots = answers.flatMap(({ roots }) => Array.from({ length: roots.length / 32 }, (_, u) => roots.subarray(32 * u, 32 * u + 32)))
    this.#unitRoots.push(roots)
    return treeRoot(this.#crypto.sha256, roots)
  }

  async open(cells: readonly Cell[]): Promise<Uint8Array> {
    const n = 2 ** this.#log2n
    for (const { t, i } of cells) {
      if (!(t >= 1 && t <= this.steps && i >= 0 && i < n)) throw new RangeError(`No cell (${t}, ${i}) in ${this.steps} steps of ${n} rows`)
    }
    const ownerOf = ({ i }: Cell): number => this.#ranges.findIndex(({ first, count }) => i >= first && i < first + count)
    const parts = await this.#crew.exclusively(() =>
      Promise.all(this.#crew.threads.map((thread, owner) => thread.ask({ kind: 'open', cells: cells.filter((cell) => ownerOf(cell) === owner) }))),
    )
    const openings = new Uint8Array(openingsLength(cells, this.#log2n))
    let at = 0
    const put = (bytes: Uint8Array): void => {
      openings.set(bytes, at)
      at += bytes.length
    }
    const taken = parts.map(({ opened }) => opened.values())
    for (const cell of cells) {
      const opened = taken[ownerOf(cell)]!.next().value!
      for (const [back, { row, path }] of opened.entries()) {
        put(row)
        put(path)
        treePath(treeLevels(this.#crypto.sha256, this.#unitRoots[cell.t - back - 1]!), Math.floor(cell.i / this.#unit)).forEach(put)
      }
    }
    return openings
  }

  close(): Promise<void> {
    return this.#crew.close()
  }
}
