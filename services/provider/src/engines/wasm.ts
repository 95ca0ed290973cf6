import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Cell, type Crypto, matrixKey, openingsLength, startKey, treePath, treeRoot } from '@assay/protocol'
import { type ChainJob, type Engine, EngineError, type StageOptions } from './engine.ts'
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
  const jobs = new Set<WasmJob>()
  return {
    name: `wasm ${variant} x${threads}`,
    async stage({ seed, log2n, signal }: StageOptions) {
      const n = 2 ** log2n
      const { unit, ranges } = splitRows(n, threads)
      const key = matrixKey(crypto, seed)
      const job = new WasmJob(
        crypto,
        log2n,
        unit,
        ranges.map((range) => () => new Thread(spawn({ module, n, matrixKey: key, unit, ...range }), range)),
      )
      jobs.add(job)
      const abort = (): void => void job.close()
      signal.addEventListener('abort', abort, { once: true })
      void job.closed.finally(() => {
        jobs.delete(job)
        signal.removeEventListener('abort', abort)
      })
      if (signal.aborted) abort()
      await job.staged()
      return job
    },
    async close() {
      await Promise.all([...jobs].map((job) => job.close()))
    },
  }
}

/**
 * Shares n rows out in whole subtrees of `unit` rows, so that each thread hashes its own part of the tree. A number of threads that is no
 * power of two gets smaller units, for parts that differ by less than an eighth.
 *
 * ```ts
 * splitRows(64, 2) // { unit: 32, ranges: [{ first: 0, count: 32 }, { first: 32, count: 32 }] }
 * ```
 */
export function splitRows(n: number, threads: number): { unit: number; ranges: { first: number; count: number }[] } {
  const parts = Math.max(1, Math.min(threads, n / 16))
  const power = 2 ** Math.ceil(Math.log2(parts))
  const units = power === parts ? parts : Math.min(8 * power, n / 4)
  const unit = n / units
  const edge = (part: number): number => Math.floor((part * units) / parts) * unit
  return { unit, ranges: Array.from({ length: parts }, (_, part) => ({ first: edge(part), count: edge(part + 1) - edge(part) })) }
}

class WasmJob implements ChainJob {
  /** Resolves once every thread has ended. */
  readonly closed: Promise<unknown>
  readonly #crypto: Crypto
  readonly #log2n: number
  readonly #unit: number
  readonly #threads: Thread[] = []
  /** By step: the roots of all units, from which root and upper paths come. */
  readonly #unitRoots: Uint8Array[][] = []
  #busy = false
  #ended: EngineError | undefined

  constructor(crypto: Crypto, log2n: number, unit: number, spawns: (() => Thread)[]) {
    this.#crypto = crypto
    this.#log2n = log2n
    this.#unit = unit
    try {
      for (const spawn of spawns) this.#threads.push(spawn())
    } catch (cause) {
      this.#end(new EngineError('CRASHED', `A compute thread did not start: ${String(cause)}`, { cause }))
    }
    for (const thread of this.#threads) void thread.gone.then((error) => this.#end(error))
    this.closed = Promise.all(this.#threads.map((thread) => thread.gone))
  }

  /** Resolves once every thread holds B. */
  async staged(): Promise<void> {
    await this.#exclusively(() => this.#threads.map((thread) => thread.next('staged')))
  }

  get steps(): number {
    return this.#unitRoots.length
  }

  async step(key: Uint8Array): Promise<Uint8Array> {
    // Copied, for a Buffer would take its whole pool along to the thread.
    const ask: Ask = { kind: 'step', key: new Uint8Array(key), start: this.steps === 0 ? new Uint8Array(startKey(this.#crypto, key)) : undefined }
    const answers = await this.#exclusively(() => this.#threads.map((thread) => thread.ask(ask)))
    const roots = answers.flatMap(({ roots }) => Array.from({ length: roots.length / 32 }, (_, u) => roots.subarray(32 * u, 32 * u + 32)))
    this.#unitRoots.push(roots)
    return treeRoot(this.#crypto.sha256, roots)
  }

  async open(cells: readonly Cell[]): Promise<Uint8Array> {
    const n = 2 ** this.#log2n
    for (const { t, i } of cells) {
      if (!(t >= 1 && t <= this.steps && i >= 0 && i < n)) throw new RangeError(`No cell (${t}, ${i}) in ${this.steps} steps of ${n} rows`)
    }
    const parts = await this.#exclusively(() =>
      this.#threads.map((thread) => thread.ask({ kind: 'open', cells: cells.filter((cell) => thread.owns(cell)) })),
    )
    const openings = new Uint8Array(openingsLength(cells, this.#log2n))
    let at = 0
    const put = (bytes: Uint8Array): void => {
      openings.set(bytes, at)
      at += bytes.length
    }
    const taken = parts.map(({ opened }) => opened.values())
    for (const cell of cells) {
      const opened = taken[this.#threads.findIndex((thread) => thread.owns(cell))]!.next().value!
      for (const [back, { row, path }] of opened.entries()) {
        put(row)
        put(path)
        treePath(this.#crypto.sha256, this.#unitRoots[cell.t - back - 1]!, Math.floor(cell.i / this.#unit)).forEach(put)
      }
    }
    return openings
  }

  async close(): Promise<void> {
    this.#end(new EngineError('CLOSED', 'The chain was closed by its owner'))
    await this.closed
  }

  /** Asks all threads and waits for all answers; one such call at a time, since each thread answers in order. */
  async #exclusively<T>(ask: () => Promise<T>[]): Promise<T[]> {
    if (this.#ended) throw this.#ended
    if (this.#busy) throw new EngineError('BUSY', 'An earlier call on this chain has not come back yet; await it first')
    this.#busy = true
    try {
      return await Promise.all(ask())
    } finally {
      this.#busy = false
    }
  }

  /** The first reason counts; a chain that lost one thread has lost all. */
  #end(error: EngineError): void {
    this.#ended ??= error
    for (const thread of this.#threads) thread.end(this.#ended)
  }
}

/** A worker as a partner in questions and answers. */
class Thread {
  /** Resolves with the reason once the worker has ended. */
  readonly gone: Promise<EngineError>
  readonly #worker: Worker
  readonly #first: number
  readonly #last: number
  #waiting: PromiseWithResolvers<Answer> | undefined
  #ended: EngineError | undefined

  constructor(worker: Worker, { first, count }: { first: number; count: number }) {
    this.#worker = worker
    this.#first = first
    this.#last = first + count - 1
    worker.on('message', (answer: Answer) => this.#waiting?.resolve(answer))
    worker.on('error', (cause) => this.end(new EngineError('CRASHED', `A compute thread failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })))
    this.gone = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.end(new EngineError('CRASHED', `A compute thread ended with code ${code}`))
        resolve(this.#ended!)
      })
    })
  }

  owns({ i }: Cell): boolean {
    return i >= this.#first && i <= this.#last
  }

  ask<K extends Ask['kind']>(ask: Extract<Ask, { kind: K }>): Promise<Extract<Answer, { kind: K }>> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(ask)
    return this.next(ask.kind)
  }

  /** The next answer, which the caller knows to be of that kind. */
  next<K extends Answer['kind']>(_kind: K): Promise<Extract<Answer, { kind: K }>> {
    this.#waiting = Promise.withResolvers<Answer>()
    if (this.#ended) this.#waiting.reject(this.#ended)
    return this.#waiting.promise as Promise<Extract<Answer, { kind: K }>>
  }

  end(error: EngineError): void {
    if (this.#ended) return
    this.#ended = error
    this.#waiting?.reject(error)
    void this.#worker.terminate()
  }
}
