// The thread in which targets are fuzzed, one after the other: its owner watches from outside, because a thread that hangs cannot say so.
import { parentPort, workerData } from 'node:worker_threads'
import { startCoverage } from './coverage.ts'
import { fuzz, MAX_INPUT_BYTES, type Outcome } from './fuzz.ts'

export interface FuzzOrder {
  targets: string[]
  budget: { seconds: number } | { executions: number }
  seed: string
  /** What runs now, for the watcher: see `Slate`. */
  slate: SharedArrayBuffer
}

/** Memory that both threads see: a counter of inputs, the place of the target, the length of the input, then the input. */
export class Slate {
  static readonly BYTES = 12 + MAX_INPUT_BYTES
  readonly #numbers: Int32Array
  readonly #input: Uint8Array
  constructor(shared: SharedArrayBuffer) {
    this.#numbers = new Int32Array(shared, 0, 3)
    this.#input = new Uint8Array(shared, 12)
  }

  write(target: number, input: Uint8Array): void {
    this.#input.set(input)
    Atomics.store(this.#numbers, 1, target)
    Atomics.store(this.#numbers, 2, input.length)
    Atomics.add(this.#numbers, 0, 1)
  }

  read(): { count: number; target: number; input: Uint8Array } {
    const [count, target, length] = [0, 1, 2].map((at) => Atomics.load(this.#numbers, at)) as [number, number, number]
    return { count, target, input: this.#input.slice(0, length) }
  }
}

if (parentPort !== null) {
  const { targets, budget, seed, slate } = workerData as FuzzOrder
  const seen = new Slate(slate)
  const coverage = startCoverage()
  // After that, so that all of it is counted block by block.
  const [{ PLANTED, TARGETS }, { chance }] = await Promise.all([import('./targets.ts'), import('../zoo/attack.ts')])
  for (const [place, name] of targets.entries()) {
    const target = [...TARGETS, ...PLANTED].find((one) => one.name === name)!
    coverage.forget()
    const end = 'seconds' in budget ? performance.now() + 1000 * budget.seconds : Infinity
    const most = 'executions' in budget ? budget.executions : Infinity
    const outcome: Outcome = fuzz(target, {
      coverage,
      chance: chance(`fuzz ${seed} ${name}`),
      more: (executions) => executions < most && performance.now() < end,
      before: (input) => seen.write(place, input),
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort.postMessage(outcome)
  }
}
