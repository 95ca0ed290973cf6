import { setImmediate } from 'node:timers/promises'
import { type Crypto, ReferenceProver } from '@assay/protocol'
import { type ChainJob, type Engine, EngineError } from './engine.ts'

/** The protocol's own prover as an engine, on the caller's thread: for tests with small n, where a fast engine would only hide what happens. */
export function createReferenceEngine(crypto: Crypto): Engine {
  const jobs = new Set<ChainJob>()
  return {
    name: 'reference',
    async stage({ seed, log2n, signal }) {
      const prover = new ReferenceProver(crypto, seed, log2n)
      let busy = false
      let closed = signal.aborted
      const close = async (): Promise<void> => {
        closed = true
        jobs.delete(job)
        signal.removeEventListener('abort', close)
      }
      /** Lets the event loop turn before each computation, as a caller may rely on. */
      const alone = async <T>(compute: () => T): Promise<T> => {
        if (closed) throw closedError()
        if (busy) throw new EngineError('BUSY', 'An earlier call on this chain has not come back yet; await it first')
        busy = true
        try {
          await setImmediate()
          if (closed) throw closedError()
          return compute()
        } finally {
          busy = false
        }
      }
      const job: ChainJob = {
        get steps() {
          return prover.steps
        },
        step: (key) => alone(() => prover.step(key)),
        open: (cells) => alone(() => prover.open(cells)),
        close,
      }
      if (closed) throw closedError()
      jobs.add(job)
      signal.addEventListener('abort', close, { once: true })
      return job
    },
    async close() {
      await Promise.all([...jobs].map((job) => job.close()))
    },
  }
}

const closedError = (): EngineError => new EngineError('CLOSED', 'The chain was closed by its owner')
