import { type Crypto, type MemoryCell, MemoryProver } from '@assay/protocol'
import type { MemoryEngine } from './engine.ts'

/** A region that touches every kernel: labels with and without references, segments in turn, several levels of both trees. */
const TRIAL = { log2Leaves: 9, log2Passes: 1, segments: 2 }
const CELLS: readonly MemoryCell[] = [{ t: 1, j: 0, u: 0 }, { t: 2, j: 511, u: 0 }, { t: 3, j: 300, u: 9 }]
const STEPS = 3
/** A driver that hangs has failed. */
const TRIAL_MS = 30_000

/** Has the engine compute what the reference computes; null if it does, else what is wrong, in words. */
export async function testMemory(crypto: Crypto, engine: MemoryEngine): Promise<string | null> {
  const [fillSeed, key] = ['self-test fill', 'self-test key'].map((text) => crypto.sha256(new TextEncoder().encode(text))) as [Uint8Array, Uint8Array]
  const reference = new MemoryProver(crypto, { ...TRIAL, fillSeed })
  const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
  try {
    const job = await engine.stage({ ...TRIAL, fillSeed, signal: AbortSignal.timeout(TRIAL_MS) })
    try {
      if (!reference.fillRoots.every((root, segment) => same(root, job.fillRoots[segment]!))) return 'wrong roots of a filled memory'
      // The same key for all steps will do: it is an input like any other.
      for (let t = 1; t <= STEPS; t++) if (!same(reference.step(key), await job.step(key))) return `wrong root of step ${t}`
      return same(reference.open(CELLS), await job.open(CELLS)) ? null : 'wrong openings'
    } finally {
      await job.close()
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
