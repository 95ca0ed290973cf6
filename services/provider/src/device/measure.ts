// The measured profile of one thread of this machine, taken once, at start, in a thread of its own.
import { Worker } from 'node:worker_threads'
import type { Profile } from '@assay/protocol'
import { fastestVariant } from '../engines/kernel.ts'
import type { MeasureOrder } from './measure-worker.ts'

/** Nothing is measured. */
export const UNMEASURED: Profile = { int8Mmacs: 0, f32Mflops: 0, memoryMBps: 0, chasePs: 0 }

/** How an engine on a GPU measures it; what it cannot measure it leaves out. */
export type Measure = (signal: AbortSignal) => Promise<Partial<Profile>>

export interface MeasureOptions {
  signal: AbortSignal
  /** what this process may use: an eighth of it is read through, at most 256 MiB */
  memoryMiB: number
  /** after it, what is measured by then is all */
  limitMs?: number
  /** a signal that fires after so many ms */
  timeout?: (ms: number) => AbortSignal
  /** starts the thread; a test hands in broken ones */
  spawn?: (order: MeasureOrder) => Worker
}

const LIMIT_MS = 2000
const SLICE_MS = 150
const MOST_MIB = 256

const spawnWorker = (workerData: MeasureOrder): Worker => new Worker(new URL('measure-worker.ts', import.meta.url), { workerData })

/**
 * Measures one thread. Never rejects: what could not be measured is 0, and `gap` says why (null if all was).
 * @example (await measureProcessor({ signal, memoryMiB: 24105 })).profile // { int8Mmacs: 71000, f32Mflops: 15000, memoryMBps: 31000, chasePs: 180000 }
 */
export async function measureProcessor({ signal, memoryMiB, limitMs = LIMIT_MS, timeout = AbortSignal.timeout, spawn = spawnWorker }: MeasureOptions): Promise<{ profile: Profile, gap: string | null }> {
  const variant = fastestVariant()
  if (variant === undefined) return { profile: UNMEASURED, gap: 'this runtime has no WebAssembly SIMD' }
  const memoryBytes = 2 ** Math.floor(Math.log2(Math.min(MOST_MIB, Math.max(1, memoryMiB / 8)))) * 2 ** 20
  return collect(signal, timeout(limitMs), `it took longer than ${limitMs} ms`, () => spawn({ variant, sliceMs: SLICE_MS, memoryBytes }))
}

/** The same of a GPU, by what its engine offers. */
export async function measureGpu(measure: Measure, { signal, limitMs = LIMIT_MS }: Pick<MeasureOptions, 'signal' | 'limitMs'>): Promise<{ profile: Profile, gap: string | null }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  const over = new Promise<never>((_, reject) => limit.addEventListener('abort', () => reject(new Error('it took too long')), { once: true }))
  try {
    limit.throwIfAborted()
    return { profile: sound({ ...UNMEASURED, ...(await Promise.race([measure(limit), over])) }), gap: null }
  } catch (error) {
    return { profile: UNMEASURED, gap: messageOf(error) }
  }
}

function collect(signal: AbortSignal, late: AbortSignal, tooLong: string, start: () => Worker): Promise<{ profile: Profile, gap: string | null }> {
  return new Promise((resolve) => {
    let profile = UNMEASURED
    let gap: string | null = null
    const limit = AbortSignal.any([signal, late])
    if (limit.aborted) return resolve({ profile, gap: 'it was stopped' })
    let worker: Worker
    try {
      worker = start()
    } catch (error) {
      return resolve({ profile, gap: `the thread did not start: ${messageOf(error)}` })
    }
    const stop = (): void => {
      gap ??= signal.aborted ? 'it was stopped' : tooLong
      void worker.terminate()
    }
    limit.addEventListener('abort', stop, { once: true })
    worker.on('message', (rate: Partial<Profile>) => (profile = sound({ ...profile, ...rate })))
    worker.on('error', (error) => (gap ??= messageOf(error)))
    worker.once('exit', () => {
      limit.removeEventListener('abort', stop)
      resolve({ profile, gap: gap ?? (Object.values(profile).includes(0) ? 'the thread ended early' : null) })
    })
  })
}

/** What fits a u32; anything else was not measured. */
const sound = (profile: Profile): Profile => {
  const fit = (value: number): number => (value >= 0 && value < 2 ** 32 ? Math.floor(value) : 0)
  return { int8Mmacs: fit(profile.int8Mmacs), f32Mflops: fit(profile.f32Mflops), memoryMBps: fit(profile.memoryMBps), chasePs: fit(profile.chasePs) }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
