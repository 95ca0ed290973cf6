import { type Cell, type Crypto, matrixKey, MAX_LOG2N, startKey, stepKey } from '@assay/protocol'
import type { Measure } from '../device/measure.ts'
import type { ChainJob, Engine, StageOptions } from './engine.ts'
import { DeviceChain } from './webgpu/chain.ts'
import { openDevice, type OpenDevice } from './webgpu/device.ts'
import type { Gpu } from './webgpu/gpu.ts'
import { MULTIPLY_VARIANTS, type MultiplyVariant } from './webgpu/multiply.ts'
import { DeviceJob, Session } from './webgpu/session.ts'

export interface WebGpuEngineOptions {
  /** Number or name of the adapter as `listAdapters` gives them; the first that is hardware if left out, else the first. */
  adapter?: number | string
  /** Products to choose from; all if left out. */
  variants?: readonly MultiplyVariant[]
  /** ms of a monotonic clock, to tell the variants apart */
  now?: () => number
  /** Opens the device; a test hands in poor ones. */
  open?: () => Promise<OpenDevice>
}

/** A product that takes so many ms says what the device can do. */
const LONG_MS = 20

export interface WebGpuEngine extends Engine {
  /** The product that turned out fastest, by n. */
  readonly variants: ReadonlyMap<number, MultiplyVariant>
  /** Milliseconds that the parts of a step take on the device, each measured by itself. */
  parts(log2n: number, turns: number): Promise<{ multiplyMs: number; activateMs: number; hashMs: number }>
}

/**
 * The engine on a GPU, through WebGPU: everything of a chain stays on the device, keys go in and roots come out. One engine, one device.
 * A device that is lost takes its jobs with it; the next `stage` opens it anew.
 * @throws Error if there is no such adapter, or no driver at all
 *
 * ```ts
 * const engine = await createWebGpuEngine(nodeCrypto, { adapter: 'NVIDIA H100' })
 * ```
 */
export async function createWebGpuEngine(crypto: Crypto, options: WebGpuEngineOptions = {}): Promise<WebGpuEngine> {
  const { now = () => performance.now(), variants = MULTIPLY_VARIANTS, open = () => openDevice(options.adapter) } = options
  const session = new Session(open, 'chain')
  const { name, adapter } = await session.connected()
  const fastest = new Map<number, MultiplyVariant>()

  const parts: WebGpuEngine['parts'] = async (log2n, turns) => {
    let chain: DeviceChain | undefined
    try {
      await DeviceChain.stage(await session.connected(), { n: 2 ** log2n, matrixKey: new Uint8Array(32), variants, fastest, now }, (made) => (chain = made))
      return await chain!.parts(turns, now)
    } finally {
      chain?.destroy()
    }
  }
  /** The greatest rate of products alone, in 10^6 a second, of growing matrices until one of them takes long enough to be told from its commands. */
  const measure: Measure = async (signal) => {
    let int8Mmacs = 0
    for (let log2n = 8; log2n <= MAX_LOG2N; log2n++) {
      signal.throwIfAborted()
      const { multiplyMs } = await parts(log2n, 2)
      int8Mmacs = Math.max(int8Mmacs, Math.floor(2 ** (3 * log2n) / Math.max(multiplyMs, 0.001) / 1000))
      if (multiplyMs > LONG_MS) break
    }
    return { int8Mmacs }
  }

  return {
    name: `webgpu ${name}`,
    gpu: { name: adapter.name, adapter: { vendor: adapter.vendor, device: '', description: adapter.name }, measure },
    variants: fastest,
    stage({ seed, log2n, signal }: StageOptions) {
      const n = 2 ** log2n
      return session.stage(signal, (gpu) => new WebGpuJob(crypto, gpu, n), (job) => job.stage({ n, matrixKey: matrixKey(crypto, seed), variants, fastest, now }))
    },
    parts,
    close: () => session.close(),
  }
}

class WebGpuJob extends DeviceJob<DeviceChain> implements ChainJob {
  readonly #crypto: Crypto
  readonly #n: number
  /** keys[t] is key_t of every step but the last. */
  readonly #keys: Uint8Array[] = []

  constructor(crypto: Crypto, gpu: Gpu, n: number) {
    super(gpu, 'chain')
    this.#crypto = crypto
    this.#n = n
  }

  get steps(): number {
    return this.#keys.length
  }

  async stage(options: Parameters<typeof DeviceChain.stage>[1]): Promise<void> {
    await this.alone(() => DeviceChain.stage(this.gpu, options, (chain) => this.hold(chain)))
  }

  async step(key: Uint8Array): Promise<Uint8Array> {
    return (await this.stepMany(key, 1))[0]!
  }

  stepMany(key: Uint8Array, count: number): Promise<Uint8Array[]> {
    return this.alone(async (chain) => {
      const roots = await chain!.advance(key, this.steps === 0 ? startKey(this.#crypto, key) : undefined, count)
      for (let next = new Uint8Array(key), t = 0; t < count; t++) {
        this.#keys.push(next)
        if (t + 1 < count) next = new Uint8Array(stepKey(this.#crypto, next, roots[t]!, []))
      }
      return roots
    })
  }

  async open(cells: readonly Cell[]): Promise<Uint8Array> {
    const n = this.#n
    for (const { t, i } of cells) {
      if (!(t >= 1 && t <= this.steps && i >= 0 && i < n)) throw new RangeError(`No cell (${t}, ${i}) in ${this.steps} steps of ${n} rows`)
    }
    return this.alone(async (chain) => chain!.open(cells, this.#keys))
  }
}
