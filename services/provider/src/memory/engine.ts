import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { checkRegion, type Crypto, fillKey, joinBytes, LANE_LEAVES, type MemoryCell, memoryOpeningsLength, type Region, scanKey, segmentOf } from '@assay/protocol'
import { Crew, Jobs } from '../engines/crew.ts'
import { EngineError } from '../engines/engine.ts'
import { fastestVariant, type Variant } from '../engines/kernel.ts'
import { checkCells } from './cells.ts'
import { compileMemoryKernel } from './kernel.ts'
import { GROUP_LEAVES, type Layout, layOut, log2Unit } from './layout.ts'
import { Nodes } from './nodes.ts'
import type { Answer, Ask, ThreadOptions } from './worker.ts'

/** What fills memory and scans it, as PROTOCOL section 12 says. */
export interface MemoryEngine {
  /** Kind, variant and threads, for the log: `memory wasm relaxed x2`. */
  readonly name: string
  /**
   * Takes memory for a region and fills it. Regions may live side by side, as long as all of them together stay within the engine's `maxBytes`.
   * @throws EngineError, `TOO_LARGE` before any memory is taken; RangeError for a region that is none
   */
  stage(options: MemoryStageOptions): Promise<MemoryJob>
  /** Closes every job. */
  close(): Promise<void>
}

export interface MemoryStageOptions extends Region {
  /** Closes the job: everything pending rejects with `EngineError('CLOSED')`, threads and memory are given back. */
  signal: AbortSignal
}

/**
 * A filled region and the scan over it. As with a `ChainJob` the caller keeps the keys: after `root_t` it folds the nonces that arrived and hands key_t to the next `step`.
 *
 * ```ts
 * const job = await engine.stage({ fillSeed, log2Leaves: 18, log2Passes: 3, segments: 16, signal })
 * while (!stopped()) { const root = await job.step(key); key = stepKey(crypto, key, root, arrived()) }
 * ```
 */
export interface MemoryJob {
  /** 32 bytes a segment. */
  readonly fillRoots: readonly Uint8Array[]
  /** Steps done so far; the last root that `step` returned is `root_steps`. */
  readonly steps: number
  /**
   * Scans the segment whose turn it is with the challenge of key_{t-1} (32 bytes) and returns root_t (32 bytes). One call at a time.
   * @throws EngineError
   */
  step(key: Uint8Array): Promise<Uint8Array>
  /**
   * The openings of `cells` in order, as PROTOCOL concatenates them. Not during a `step`; stepping may go on afterwards.
   * @throws EngineError; RangeError for a cell that is not there
   */
  open(cells: readonly MemoryCell[]): Promise<Uint8Array>
  /** Gives threads and memory back; whatever is pending rejects with `EngineError('CLOSED')`. Safe to call twice. */
  close(): Promise<void>
}

export interface MemoryEngineOptions {
  /** The most memory that all regions of the engine together may take, with what belongs to them. */
  maxBytes: number
  /** Threads of a job; all cores if left out. */
  threads?: number
  /** The fastest this runtime can compile if left out. */
  variant?: Variant
  /** Starts a thread; a test hands in broken ones. */
  spawn?: (options: ThreadOptions) => Worker
}

/** A thread of the engine. */
export const spawnPart = (workerData: ThreadOptions): Worker => new Worker(new URL('worker.ts', import.meta.url), { workerData, transferList: workerData.ports })

/**
 * Memory filled and scanned by WebAssembly SIMD in worker threads. All threads see the whole region, in shared memories of up to 4 GiB, and share out every slice of the
 * fill and every scan: a scan must be over before the next can begin, so nothing is won by giving threads segments of their own.
 * @throws Error if the runtime cannot compile the kernel
 *
 * ```ts
 * const engine = await createMemoryEngine(nodeCrypto, { maxBytes: 2 ** 34 })
 * ```
 */
export async function createMemoryEngine(crypto: Crypto, options: MemoryEngineOptions): Promise<MemoryEngine> {
  const { maxBytes, threads = availableParallelism(), variant = fastestVariant(), spawn = spawnPart } = options
  if (variant === undefined) throw new Error('This runtime has no WebAssembly SIMD; Node 20 or later on a 64-bit machine has')
  const module = await compileMemoryKernel(variant)
  const jobs = new Jobs<WasmMemoryJob>()
  let taken = 0
  return {
    name: `memory wasm ${variant} x${threads}`,
    async stage({ fillSeed, log2Leaves, log2Passes, segments, signal }) {
      checkRegion({ log2Leaves, log2Passes, segments })
      const layout = layOut(log2Leaves, segments, threads)
      if (signal.aborted) throw new EngineError('CLOSED', 'The region was closed before it was filled')
      if (taken + layout.bytes > maxBytes)
        throw new EngineError('TOO_LARGE', `${segments} segments of ${2 ** log2Leaves} KiB take ${layout.bytes} bytes, and ${taken} are taken already: more than the ${maxBytes} that are allowed. Offer less memory or allow more`)
      const fillKeys = joinBytes(Array.from({ length: segments }, (_, segment) => fillKey(crypto, fillSeed, segment)))
      const crew = new Crew<Ask, Answer>('region', spawns(threads, spawn, { module, layout, fillKeys, log2Passes }))
      taken += layout.bytes
      void crew.closed.finally(() => (taken -= layout.bytes))
      return jobs.stage(new WasmMemoryJob(crypto, layout, crew), signal)
    },
    close: () => jobs.close(),
  }
}

/** Starts the threads of a region, with a channel from the first to each other. */
function spawns(threads: number, spawn: (options: ThreadOptions) => Worker, common: Omit<ThreadOptions, 'thread' | 'ports'>): (() => Worker)[] {
  const channels = Array.from({ length: threads - 1 }, () => new MessageChannel())
  return Array.from({ length: threads }, (_, thread) => () => spawn({ ...common, thread, ports: thread === 0 ? channels.map(({ port1 }) => port1) : [channels[thread - 1]!.port2] }))
}

class WasmMemoryJob implements MemoryJob {
  readonly #crypto: Crypto
  readonly #layout: Layout
  readonly #crew: Crew<Ask, Answer>
  /** By segment: the tree above the groups of its leaves. */
  readonly #fillTrees: Nodes[] = []
  /** By step: the roots of all units, and the key of the challenge stream. */
  readonly #unitRoots: Uint8Array[] = []
  readonly #scanKeys: Uint8Array[] = []

  constructor(crypto: Crypto, layout: Layout, crew: Crew<Ask, Answer>) {
    this.#crypto = crypto
    this.#layout = layout
    this.#crew = crew
  }

  /** Resolves once every thread has ended. */
  get closed(): Promise<unknown> {
    return this.#crew.closed
  }

  get fillRoots(): readonly Uint8Array[] {
    return this.#fillTrees.map((tree) => tree.root)
  }

  get steps(): number {
    return this.#unitRoots.length
  }

  /** Fills the region: slice after slice, for a label may refer to any lane of the slices before its own. */
  async staged(): Promise<void> {
    const { segments } = this.#layout
    await this.#crew.staged()
    await this.#crew.exclusively(async () => {
      let parts: Uint8Array[] = []
      for (let slice = 0; slice < LANE_LEAVES; slice++) {
        const answers = await Promise.all(this.#crew.threads.map((thread) => thread.ask({ kind: 'fill' as const, slice })))
        parts = answers.map(({ roots }) => roots)
      }
      for (let segment = 0; segment < segments; segment++) {
        const groups = joinBytes(parts.map((roots) => roots.subarray((segment * roots.length) / segments, ((segment + 1) * roots.length) / segments)))
        this.#fillTrees.push(new Nodes(this.#crypto.sha256, groups))
        // Thousands of hashes a segment: others get their turn in between.
        await setImmediate()
      }
    })
  }

  async step(key: Uint8Array): Promise<Uint8Array> {
    // Copied, for a Buffer would take its whole pool along to the thread.
    const ask = { kind: 'scan' as const, segment: segmentOf(this.steps + 1, this.#layout.segments), scanKey: new Uint8Array(scanKey(this.#crypto, key)) }
    const answers = await this.#crew.exclusively(() => Promise.all(this.#crew.threads.map((thread) => thread.ask(ask))))
    const roots = joinBytes(answers.map(({ roots }) => roots))
    this.#scanKeys.push(ask.scanKey)
    this.#unitRoots.push(roots)
    return new Nodes(this.#crypto.sha256, roots).root
  }

  async open(cells: readonly MemoryCell[]): Promise<Uint8Array> {
    const { log2Leaves, segments, threads } = this.#layout
    checkCells(cells, this.steps, log2Leaves)
    const asked = cells.map((cell) => ({ ...cell, segment: segmentOf(cell.t, segments), scanKey: this.#scanKeys[cell.t - 1]! }))
    const answers = await this.#crew.exclusively(() =>
      Promise.all(this.#crew.threads.map((thread, k) => thread.ask({ kind: 'open', cells: asked.filter((_, c) => c % threads === k) }))),
    )
    const openings = new Uint8Array(memoryOpeningsLength(cells, log2Leaves))
    let at = 0
    const put = (bytes: Uint8Array): void => {
      openings.set(bytes, at)
      at += bytes.length
    }
    for (const [c, { t, j, segment }] of asked.entries()) {
      const { leaves, chunk } = answers[c % threads]!.opened[Math.floor(c / threads)]!
      for (const [number, leaf] of leaves.entries()) {
        put(leaf.opened)
        this.#fillTrees[segment]!.path(Math.floor(leaf.j / GROUP_LEAVES)).forEach(put)
        if (number > 0) continue
        put(chunk)
        new Nodes(this.#crypto.sha256, this.#unitRoots[t - 1]!).path(j >> log2Unit(log2Leaves)).forEach(put)
      }
    }
    return openings
  }

  close(): Promise<void> {
    return this.#crew.close()
  }
}
