import { type Cell, type Crypto, stepKey } from '@assay/protocol'
import type { Measure } from '../device/measure.ts'
import type { Adapter } from '../device/nvidia.ts'

/** What computes the matrix chain of PROTOCOL section 5. All engines give the same bytes; they differ in speed alone. */
export interface Engine {
  /** Kind, variant and threads, for the log: `wasm relaxed-simd x2`. */
  readonly name: string
  /** The one GPU that it works on; none for engines of the processor. */
  readonly gpu?: { readonly name: string, readonly adapter: Adapter, readonly measure?: Measure }
  /**
   * Generates B and takes all memory the chain needs, so that the first step starts at once.
   * Several jobs may live side by side, each with memory of its own (`stage` of a next round while this one waits to open).
   * @throws EngineError
   */
  stage(job: StageOptions): Promise<ChainJob>
  /** Closes every job. */
  close(): Promise<void>
}

export interface StageOptions {
  /** 32 bytes. */
  seed: Uint8Array
  /** 6 to 13. */
  log2n: number
  /** Closes the job: everything pending rejects with `EngineError('CLOSED')`, threads and memory are given back. */
  signal: AbortSignal
}

/**
 * One chain. The caller keeps the keys: after `root_t` it folds the nonces that arrived and hands key_t to the next `step`; it stops by not
 * calling `step` again. To replay a committed chain, stage the same seed and step with the same keys: the roots are the same.
 *
 * ```ts
 * let key = firstKey(crypto, seed, [nonce])
 * while (!stopped()) { const root = await job.step(key); key = stepKey(crypto, key, root, arrived()) }
 * ```
 */
export interface ChainJob {
  /** Steps computed so far; the last root that `step` returned is `root_steps`. */
  readonly steps: number
  /**
   * Computes C_t from key_{t-1} (32 bytes) and returns root_t (32 bytes); t counts up from 1. One call at a time.
   * @throws EngineError
   */
  step(key: Uint8Array): Promise<Uint8Array>
  /**
   * The roots of `count` steps between which nothing is folded: `step` with each next key. Only engines for which a call is dear have it,
   * such as one on a device that can make the keys itself; `stepMany` of this file does it for all.
   * @throws EngineError
   */
  stepMany?(key: Uint8Array, count: number): Promise<Uint8Array[]>
  /**
   * The openings of `cells` in order, as PROTOCOL section 5 concatenates them (no header, no signature). Only the sampled rows are computed again.
   * Not during a `step`; stepping may go on afterwards.
   * @throws EngineError; RangeError for a cell with t > steps or i >= n
   */
  open(cells: readonly Cell[]): Promise<Uint8Array>
  /** Gives threads and memory back; whatever is pending rejects with `EngineError('CLOSED')`. Safe to call twice. */
  close(): Promise<void>
}

/** Computes `count` steps of a chain from key_{t-1} on, between which nothing is folded; returns their roots. */
export async function stepMany(crypto: Crypto, job: Pick<ChainJob, 'step' | 'stepMany'>, key: Uint8Array, count: number): Promise<Uint8Array[]> {
  if (job.stepMany) return job.stepMany(key, count)
  const roots: Uint8Array[] = []
  for (let next = key; roots.length < count; next = stepKey(crypto, next, roots.at(-1)!, [])) roots.push(await job.step(next))
  return roots
}

/**
 * Why an engine could not go on: `CLOSED` by its owner, `BUSY` with an earlier call, `CRASHED` (a thread died, memory ran out, a device was lost),
 * or `TOO_LARGE` (it was asked for more memory than it may take, or a device can hold).
 */
export type EngineErrorCode = 'CLOSED' | 'BUSY' | 'CRASHED' | 'TOO_LARGE'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode
  constructor(code: EngineErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
