// Which sizes suit this machine, within what a network allows.
import { type Crypto, mostSegments, type Parameters } from '@assay/protocol'
import { memoryOf, type Works } from './device/describe.ts'
import type { Machine } from './device/machine.ts'
import { type Engine, EngineError } from './engines/engine.ts'

/** A step must leave room to fold nonces and tell progress several times a second, and be a small part of the window. */
const STEP_MS = 250
const STEPS_A_WINDOW = 32
/** Part of the memory that regions may take. The rest of the host's is for the system, that of a card for its driver and the matrices. */
const MEMORY_SHARE = { CPU: 0.8, GPU: 0.9 }

/**
 * The width of matrices, as log2, at which this engine multiplies fastest, of those from `from` to `to` that it has room for and whose steps take at most 250 ms and a 32nd of the window; `from` if none does. Measures two steps of each width.
 * @throws EngineError if it has no room for `from`
 */
export async function suitableLog2n(engine: Engine, { crypto, now, signal, from, to, windowMs }: { crypto: Crypto, now: () => number, signal: AbortSignal, from: number, to: number, windowMs: number }): Promise<number> {
  const longest = Math.min(STEP_MS, windowMs / STEPS_A_WINDOW)
  let best = { log2n: from, rate: 0 }
  for (let log2n = from; log2n <= to && from < to; log2n++) {
    const ms = await stepMs(log2n).catch((error: unknown) => {
      // One that the machine cannot hold is none; what it can hold was found before.
      if (log2n === from || !(error instanceof EngineError) || error.code === 'CLOSED') throw error
      return Infinity
    })
    if (ms > longest) break
    const rate = 2 ** (3 * log2n) / ms
    if (rate > best.rate) best = { log2n, rate }
  }
  return best.log2n

  async function stepMs(log2n: number): Promise<number> {
    const job = await engine.stage({ seed: new Uint8Array(32), log2n, signal })
    try {
      // The first step takes what only a first one takes: compilation, pages of memory.
      const key = await job.step(crypto.sha256(new Uint8Array(1)))
      const startedAt = now()
      await job.step(key)
      return Math.max(now() - startedAt, 0.001)
    } finally {
      await job.close()
    }
  }
}

/**
 * The memory that stands behind this machine's memory rounds: that of the device which works, and no other. `claimedMiB` is what its facts claim; regions may take
 * `maxBytes` together. Of a card whose size nobody knows nothing is claimed, so that no more than the network's least is shown, and its driver says where it ends.
 */
export function memoryBehind(machine: Machine, works: Works): { claimedMiB: number, maxBytes: number } {
  const claimedMiB = memoryOf(machine, works)
  if (works.kind === 'GPU' && claimedMiB === 0) return { claimedMiB, maxBytes: Infinity }
  return { claimedMiB, maxBytes: Math.floor(MEMORY_SHARE[works.kind] * claimedMiB * 2 ** 20) }
}

/** Segments that a machine shows in a memory round: the network's least, or the part of its claim that must be shown, or what its owner asks for; at most as many as one chain can prove. */
export function segmentsToShow({ memoryLog2, memorySegments, memoryPpm, maxSteps, samples }: Parameters, { claimedMiB, atLeastMiB = 0 }: { claimedMiB: number, atLeastMiB?: number | undefined }): number {
  const part = Math.ceil((claimedMiB * memoryPpm) / 1_000_000)
  return Math.min(Math.max(memorySegments, mostSegments({ maxSteps, samples })), Math.max(memorySegments, Math.ceil((Math.max(part, atLeastMiB) * 1024) / 2 ** memoryLog2)))
}
