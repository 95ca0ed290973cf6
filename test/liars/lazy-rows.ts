// A machine that cheats: an engine that multiplies only half of its rows and commits to junk for the rest, so that it makes twice the steps.
// Loaded as an operator's engine would be: `--engine test/liars/lazy-rows.ts`.
import { Worker } from 'node:worker_threads'
import type { Crypto } from '@assay/protocol'
import type { Engine } from '@assay/provider/engines/engine'
import { createWasmEngine } from '@assay/provider/engines/wasm'

/** The engine. It uses the largest power of two of `threads`, so that each thread has one whole subtree. */
export async function createEngine({ crypto, threads = 2 }: { crypto: Crypto; threads?: number }): Promise<Engine> {
  const inner = await createWasmEngine(crypto, {
    threads: 2 ** Math.floor(Math.log2(threads)),
    spawn: (rows) => new Worker(new URL('lazy-rows-worker.ts', import.meta.url), { workerData: rows }),
  })
  return { name: `${inner.name}, half of the rows`, stage: (job) => inner.stage(job), close: () => inner.close() }
}
