// The thread that measures: a message for each rate, then its end. A throw here ends the thread, which its owner sees.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { compileKernel, instantiate, type Variant } from '../engines/kernel.ts'
import { measureRates, type ProfileKernel, type RatesOptions } from './rates.ts'

/** What the thread is told. */
export type MeasureOrder = { variant: Variant } & Pick<RatesOptions, 'sliceMs' | 'memoryBytes'>

const { variant, ...limits } = workerData as MeasureOrder
const memory = new WebAssembly.Memory({ initial: 1 })
const module = await WebAssembly.compile(readFileSync(new URL('profile.wasm', import.meta.url)))
const profile = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Omit<ProfileKernel, 'memory'>
const matrix = instantiate(await compileKernel(variant))
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
for (const rate of measureRates({ matrix, profile: { ...profile, memory }, now: () => performance.now(), ...limits })) parentPort!.postMessage(rate)
