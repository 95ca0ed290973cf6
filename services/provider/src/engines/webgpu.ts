import { type Cell, type Crypto, matrixKey, startKey, stepKey } from '@assay/protocol'
import { type ChainJob, type Engine, EngineError, type StageOptions } from './engine.ts'
import { DeviceChain } from './webgpu/chain.ts'
import { openDevice, type OpenDevice } from './webgpu/device.ts'
import { Gpu } from './webgpu/gpu.ts'
import { MULTIPLY_VARIANTS, type MultiplyVariant } from './webgpu/multiply.ts'

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
  const jobs = new Set<WebGpuJob>()
  let closed = false
  let opening: Promise<Gpu> | undefined

  const connect = async (): Promise<Gpu> => {
    const opened = await open()
    const gpu = new Gpu(opened)
    const fail = (cause: unknown, message: string): void => {
      for (const job of jobs) if (job.gpu === gpu) job.end(new EngineError('CRASHED', message, { cause }))
    }
    opened.device.addEventListener('uncapturederror', ({ error }) => fail(error, `${gpu.name} refused a command: ${error.message}`))
    void opened.device.lost.then(({ reason, message }) => {
      opening = undefined // a second device opens only after this
      fail(undefined, `${gpu.name} was lost (${reason || 'unknown'}): ${message}`)
    })
    return gpu
  }
  const connected = (): Promise<Gpu> => {
    opening ??= connect()
    opening.catch(() => (opening = undefined))
    return opening
  }
  const first = await connected()
  const fastest = new Map<number, MultiplyVariant>()

  return {
    name: `webgpu ${first.name}`,
    gpu: { name: first.adapter.name, adapter: { vendor: first.adapter.vendor, device: '', description: first.adapter.name } },
    variants: fastest,
    async stage({ seed, log2n, signal }: StageOptions) {
      if (closed || signal.aborted) throw closedError()
      const gpu = await connected().catch((cause: unknown) => {
        throw new EngineError('CRASHED', `The GPU cannot be opened again: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
      })
      const n = 2 ** log2n
      const job = new WebGpuJob(crypto, gpu, n)
      jobs.add(job)
      const abort = (): void => job.end(closedError())
      signal.addEventListener('abort', abort, { once: true })
      void job.ended.catch(() => {
        jobs.delete(job)
        signal.removeEventListener('abort', abort)
      })
      if (closed || signal.aborted) abort()
      await job.stage({ n, matrixKey: matrixKey(crypto, seed), variants, fastest, now })
      return job
    },
    async parts(log2n, turns) {
      let chain: DeviceChain | undefined
      try {
        await DeviceChain.stage(await connected(), { n: 2 ** log2n, matrixKey: new Uint8Array(32), variants, fastest, now }, (made) => (chain = made))
        return await chain!.parts(turns, now)
      } finally {
        chain?.destroy()
      }
    },
    async close() {
      closed = true
      for (const job of jobs) job.end(closedError())
      const gpu = await opening?.catch(() => undefined)
      gpu?.destroy()
    },
  }
}

const closedError = (): EngineError => new EngineError('CLOSED', 'The chain was closed by its owner')

class WebGpuJob implements ChainJob {
  readonly gpu: Gpu
  /** Rejects with the reason once the job is over. */
  readonly ended: Promise<never>
  readonly #end: (error: EngineError) => void
  readonly #crypto: Crypto
  readonly #n: number
  /** keys[t] is key_t of every step but the last. */
  readonly #keys: Uint8Array[] = []
  #chain: DeviceChain | undefined
  #busy = false
  #error: EngineError | undefined

  constructor(crypto: Crypto, gpu: Gpu, n: number) {
    this.#crypto = crypto
    this.gpu = gpu
    this.#n = n
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.ended = promise
    this.#end = reject
  }

  get steps(): number {
    return this.#keys.length
  }

  async stage(options: Parameters<typeof DeviceChain.stage>[1]): Promise<void> {
    await this.#alone(() => DeviceChain.stage(this.gpu, options, (chain) => {
      this.#chain = chain
      if (this.#error) chain.destroy()
    }))
  }

  async step(key: Uint8Array): Promise<Uint8Array> {
    return (await this.stepMany(key, 1))[0]!
  }

  stepMany(key: Uint8Array, count: number): Promise<Uint8Array[]> {
    return this.#alone(async (chain) => {
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
    return this.#alone(async (chain) => chain!.open(cells, this.#keys))
  }

  async close(): Promise<void> {
    this.end(closedError())
  }

  /** Ends the job and gives its memory back; the first reason counts. */
  end(error: EngineError): void {
    if (this.#error) return
    this.#error = error
    this.#end(error)
    this.#chain?.destroy()
  }

  /** One call at a time; whoever waits for the device hears at once that the job is over. */
  async #alone<T>(compute: (chain: DeviceChain | undefined) => Promise<T>): Promise<T> {
    if (this.#error) throw this.#error
    if (this.#busy) throw new EngineError('BUSY', 'An earlier call on this chain has not come back yet; await it first')
    this.#busy = true
    try {
      const result = compute(this.#chain)
      // Lost to the race, it still fails, and nobody listens.
      result.catch(() => {})
      return await Promise.race([result, this.ended])
    } catch (cause) {
      this.end(cause instanceof EngineError ? cause : new EngineError('CRASHED', `${this.gpu.name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }))
      throw this.#error
    } finally {
      this.#busy = false
    }
  }
}
