// An honest engine that takes its time: a dozen machines of a test share one thread, and none needs more than a few steps.
import { setTimeout as delay } from 'node:timers/promises'
import type { Crypto } from '@assay/protocol'
import type { Engine } from '@assay/provider/engines/engine'
import { createReferenceEngine } from '@assay/provider/engines/reference'
import { forward } from './machine.ts'

const STEP_MS = 8

/** The reference engine with a pause before each step. */
export function createEngine({ crypto }: { crypto: Crypto }): Engine {
  const engine = createReferenceEngine(crypto)
  return {
    name: 'reference, slow',
    async stage(options) {
      const job = await engine.stage(options)
      return forward(job, async (key) => {
        await delay(STEP_MS, undefined, { signal: options.signal })
        return job.step(key)
      })
    },
    close: () => engine.close(),
  }
}
