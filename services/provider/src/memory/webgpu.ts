import { checkRegion, type Crypto, fillKey, type MemoryCell } from '@assay/protocol'
import { EngineError } from '../engines/engine.ts'
import { openDevice, type OpenDevice } from '../engines/webgpu/device.ts'
import type { Gpu } from '../engines/webgpu/gpu.ts'
import { DeviceJob, Session } from '../engines/webgpu/session.ts'
import { checkCells } from './cells.ts'
import type { MemoryEngine, MemoryJob } from './engine.ts'
import { DeviceRegion, regionBytes, type RegionOptions } from './region.ts'

export interface WebGpuMemoryOptions {
  /** Number or name of the adapter as `listAdapters` gives them; the first that is hardware if left out, else the first. */
  adapter?: number | string
  /** The most memory that all regions of the engine together may take on the device; as much as it gives if left out. */
  maxBytes?: number
  /** Opens the device; a test hands in poor ones. */
  open?: () => Promise<OpenDevice>
}

/**
 * Memory of a GPU, filled and scanned by it, through WebGPU: keys go in, roots and openings come out. One engine, one device.
 * A device that is lost takes its regions with it; the next `stage` opens it anew.
 * @throws Error if there is no such adapter, or no driver at all
 *
 * ```ts
 * const engine = await createWebGpuMemoryEngine(nodeCrypto, { adapter: 'NVIDIA H100', maxBytes: 72 * 2 ** 30 })
 * ```
 */
export async function createWebGpuMemoryEngine(crypto: Crypto, { adapter, maxBytes = Infinity, open = () => openDevice(adapter) }: WebGpuMemoryOptions = {}): Promise<MemoryEngine> {
  const session = new Session(open, 'region')
  const { name } = await session.connected()
  let taken = 0
  return {
    name: `memory webgpu ${name}`,
    async stage({ fillSeed, log2Leaves, log2Passes, segments, signal }) {
      checkRegion({ log2Leaves, log2Passes, segments })
      const bytes = regionBytes(log2Leaves, segments)
      const make = (gpu: Gpu): WebGpuMemoryJob => {
        if (taken + bytes > maxBytes)
          throw new EngineError('TOO_LARGE', `${segments} segments of ${2 ** log2Leaves} KiB take ${bytes} bytes of ${name}, and ${taken} are taken already: more than the ${maxBytes} that are allowed. Offer less memory or allow more`)
        taken += bytes
        return new WebGpuMemoryJob(crypto, gpu, log2Leaves, () => void (taken -= bytes))
      }
      return session.stage(signal, make, (job) => job.stage({ log2Leaves, log2Passes, segments, fillKeyOf: (segment) => fillKey(crypto, fillSeed, segment) }))
    },
    close: () => session.close(),
  }
}

class WebGpuMemoryJob extends DeviceJob<DeviceRegion> implements MemoryJob {
  fillRoots: readonly Uint8Array[] = []
  readonly #crypto: Crypto
  readonly #log2Leaves: number
  readonly #freed: Promise<void>
  /** keys[t - 1] is the key that step t was given. */
  readonly #keys: Uint8Array[] = []

  /** `freed` is called once the device has the memory back. */
  constructor(crypto: Crypto, gpu: Gpu, log2Leaves: number, freed: () => void) {
    super(gpu, 'region')
    this.#crypto = crypto
    this.#log2Leaves = log2Leaves
    // Commands under way hold on to buffers that were given up; a device that is gone does not.
    this.#freed = this.ended.catch(() => Promise.race([gpu.device.queue.onSubmittedWorkDone(), gpu.device.lost])).then(freed, freed)
  }

  get steps(): number {
    return this.#keys.length
  }

  async stage(options: RegionOptions): Promise<void> {
    this.fillRoots = await this.alone(() => DeviceRegion.stage(this.#crypto, this.gpu, options, (region) => this.hold(region)))
  }

  step(key: Uint8Array): Promise<Uint8Array> {
    return this.alone(async (region) => {
      const own = new Uint8Array(key)
      const root = await region!.scan(this.steps + 1, own)
      this.#keys.push(own)
      return root
    })
  }

  async open(cells: readonly MemoryCell[]): Promise<Uint8Array> {
    checkCells(cells, this.steps, this.#log2Leaves)
    return this.alone((region) => region!.open(cells, this.#keys))
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#freed
  }
}
