// A machine that cheats: an engine that multiplies only half of its rows and commits to junk for the rest, so that it makes twice the steps; and that scans
// only every other segment of its memory.
// Loaded as an operator's engine would be: `--engine test/liars/lazy-rows.ts`.
import { Worker } from 'node:worker_threads'
import type { Crypto } from '@assay/protocol'
import type { Engine } from '@assay/provider/engines/engine'
import { createWasmEngine } from '@assay/provider/engines/wasm'
import { createMemoryEngine as createHonestMemory, type MemoryEngine } from '@assay/provider/memory/engine'

/** The engine. It uses the largest power of two of `threads`, so that each thread has one whole subtree. */
export async function createEngine({ crypto, threads = 2 }: { crypto: Crypto; threads?: number }): Promise<Engine> {
  const inner = await createWasmEngine(crypto, {
    threads: 2 ** Math.floor(Math.log2(threads)),
    spawn: (rows) => new Worker(new URL('lazy-rows-worker.ts', import.meta.url), { workerData: rows }),
  })
  return { name: `${inner.name}, half of the rows`, stage: (job) => inner.stage(job), close: () => inner.close() }
}

/** Scans the first half of the steps' segments only: in every other step it answers with the root of the step before. */
export async function createMemoryEngine(options: { crypto: Crypto; threads?: number; maxBytes: number }): Promise<MemoryEngine> {
  const inner = await createHonestMemory(options.crypto, options)
  return {
    name: `${inner.name}, half of the scans`,
    stage: async (region) => {
      const job = await inner.stage(region)
      let asked = 0
      let last = new Uint8Array(32)
      return {
        fillRoots: job.fillRoots,
        get steps() {
          return asked
        },
        step: async (key) => {
          asked++
          return asked % 2 === 0 ? last : (last = new Uint8Array(await job.step(key)))
        },
        // Of a step that it never took it opens one that it did.
        open: (cells) => job.open(cells.map((cell) => ({ ...cell, t: Math.min(cell.t, job.steps) }))),
        close: () => job.close(),
      }
    },
    close: () => inner.close(),
  }
}
