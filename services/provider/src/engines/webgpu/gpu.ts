// An open device as chains and memories use it: compiled kernels, buffers whose allocation is checked, commands recorded in the order in which they depend on each other.
import { EngineError } from '../engine.ts'
import { activateKernel } from './activate.ts'
import { packKernel, streamKernel } from './chacha.ts'
import type { Adapter, OpenDevice } from './device.ts'
import { fillKernel } from './fill.ts'
import { MULTIPLY_VARIANTS, multiplyKernel, type MultiplyVariant } from './multiply.ts'
import { scanKernel } from './scan.ts'
import { foldKernel, keyKernel, leavesKernel, ROUND_CONSTANTS } from './sha256.ts'

/** Flags of the WebGPU specification, which are globals in browsers alone. */
export const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const
const COMPUTE_STAGE = 0x4
const MAP_READ = 0x1

type Binding = 'read' | 'write' | 'uniform'
interface KernelSource { code: string; bindings: Binding[] }

const KERNELS = {
  stream: { code: streamKernel, bindings: ['read', 'read', 'write'] },
  pack: { code: packKernel, bindings: ['read', 'write'] },
  activate: { code: activateKernel, bindings: ['read', 'read', 'read', 'write'] },
  leaves: { code: leavesKernel, bindings: ['read', 'write', 'uniform'] },
  fold: { code: foldKernel, bindings: ['uniform', 'write', 'uniform'] },
  key: { code: keyKernel, bindings: ['read', 'write', 'uniform'] },
  fill: { code: fillKernel, bindings: ['uniform', 'read', 'write'] },
  scan: { code: scanKernel, bindings: ['read', 'read', 'write'] },
} satisfies Record<string, KernelSource>

export type KernelName = keyof typeof KERNELS | MultiplyVariant

/** A part of a buffer; the whole of it if only the buffer is given. */
export type Range = GPUBuffer | { buffer: GPUBuffer; offset: number; size: number }

const sourceOf = (name: KernelName): KernelSource =>
  (MULTIPLY_VARIANTS as readonly string[]).includes(name) ? { code: multiplyKernel(name as MultiplyVariant), bindings: ['read', 'read', 'write'] } : KERNELS[name as keyof typeof KERNELS]

export class Gpu {
  readonly device: GPUDevice
  readonly name: string
  readonly adapter: Adapter
  /** Most bytes of a buffer that a kernel can be given. */
  readonly maxBytes: number
  /** The constants that every hashing kernel binds. */
  readonly roundConstants: GPUBuffer
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  readonly #layouts = new Map<string, GPUBindGroupLayout>()
  // Dawn lives as long as the object that made the device is referred to.
  readonly #open: OpenDevice

  constructor(open: OpenDevice) {
    this.#open = open
    this.device = open.device
    this.name = open.adapter.name
    this.adapter = open.adapter
    this.maxBytes = Math.min(open.limits.maxBufferSize, open.limits.maxStorageBufferBindingSize)
    this.roundConstants = this.filled(ROUND_CONSTANTS, USAGE.uniform)
  }

  /** A compiled kernel; compiled once for each set of constants. */
  pipeline(kernel: KernelName, constants: Record<string, number> = {}): Promise<GPUComputePipeline> {
    const id = `${kernel} ${JSON.stringify(constants)}`
    let pipeline = this.#pipelines.get(id)
    if (!pipeline) {
      const { code, bindings } = sourceOf(kernel)
      const module = this.device.createShaderModule({ label: kernel, code })
      pipeline = this.device.createComputePipelineAsync({ label: kernel, layout: this.device.createPipelineLayout({ bindGroupLayouts: [this.#layout(bindings)] }), compute: { module, entryPoint: 'main', constants } })
      this.#pipelines.set(id, pipeline)
    }
    return pipeline
  }

  /** What a dispatch of the kernel reads and writes, in the order of its bindings; good for every pipeline with such bindings. */
  bind(kernel: KernelName, ...ranges: Range[]): GPUBindGroup {
    const entries = ranges.map((range, binding) => ({ binding, resource: 'offset' in range ? range : { buffer: range } }))
    return this.device.createBindGroup({ label: kernel, layout: this.#layout(sourceOf(kernel).bindings), entries })
  }

  /** A buffer of that many bytes for kernels and copies, zeroed. */
  buffer(bytes: number, usage: number = USAGE.storage | USAGE.copySource | USAGE.copyTarget): GPUBuffer {
    return this.device.createBuffer({ size: bytes, usage })
  }

  /** A buffer that holds `data`. */
  filled(data: Uint32Array<ArrayBuffer>, usage: number = USAGE.storage): GPUBuffer {
    const buffer = this.buffer(data.byteLength, usage | USAGE.copyTarget)
    this.device.queue.writeBuffer(buffer, 0, data)
    return buffer
  }

  /**
   * Runs `make`, which allocates and does not wait, and sees to it that all of it was there to be had; if not, `undo` gives back what was.
   * @throws EngineError CRASHED that says `what` there was no room for
   */
  async allocate<T>(what: string, make: () => T, undo: (made: T) => void): Promise<T> {
    this.device.pushErrorScope('out-of-memory')
    this.device.pushErrorScope('validation')
    const made = make()
    const faults = await Promise.all([this.device.popErrorScope(), this.device.popErrorScope()])
    const fault = faults.find((one) => one !== null)
    if (!fault) return made
    undo(made)
    throw new EngineError('CRASHED', `${this.name} has no room for ${what}: ${fault.message}`)
  }

  /** The bytes of a buffer made for reading, once all that was submitted before is done. */
  async read(buffer: GPUBuffer, bytes: number): Promise<Uint8Array> {
    await buffer.mapAsync(MAP_READ, 0, bytes)
    const copy = new Uint8Array(buffer.getMappedRange(0, bytes).slice(0))
    buffer.unmap()
    return copy
  }

  destroy(): void {
    this.#open.device.destroy()
  }

  #layout(bindings: Binding[]): GPUBindGroupLayout {
    const id = bindings.join()
    let layout = this.#layouts.get(id)
    if (!layout) {
      const types = { read: 'read-only-storage', write: 'storage', uniform: 'uniform' } as const
      layout = this.device.createBindGroupLayout({ entries: bindings.map((binding, i) => ({ binding: i, visibility: COMPUTE_STAGE, buffer: { type: types[binding] } })) })
      this.#layouts.set(id, layout)
    }
    return layout
  }
}

/** Work after which commands are handed to the device: enough to keep it busy, little enough that no driver takes it for hung. */
const FLUSH_MACS = 2 ** 36
const FLUSH_COMMANDS = 1024

/** Commands for a device, each after the one before. */
export class Recorder {
  readonly #device: GPUDevice
  #encoder: GPUCommandEncoder | undefined
  #pass: GPUComputePassEncoder | undefined
  #macs = 0
  #commands = 0

  constructor({ device }: Gpu) {
    this.#device = device
  }

  dispatch(pipeline: GPUComputePipeline, group: GPUBindGroup, x: number, y = 1): void {
    this.#encoder ??= this.#device.createCommandEncoder()
    this.#pass ??= this.#encoder.beginComputePass()
    this.#pass.setPipeline(pipeline)
    this.#pass.setBindGroup(0, group)
    this.#pass.dispatchWorkgroups(x, y)
    this.#commands++
  }

  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#endPass()
    this.#encoder ??= this.#device.createCommandEncoder()
    this.#encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes)
    this.#commands++
  }

  /** Says how much the commands since the last call multiply; hands them over when they are enough. */
  worked(macs: number): void {
    this.#macs += macs
    if (this.#macs >= FLUSH_MACS || this.#commands >= FLUSH_COMMANDS) this.flush()
  }

  /** Hands all commands to the device. */
  flush(): void {
    this.#endPass()
    if (this.#encoder) this.#device.queue.submit([this.#encoder.finish()])
    this.#encoder = undefined
    this.#macs = this.#commands = 0
  }

  #endPass(): void {
    this.#pass?.end()
    this.#pass = undefined
  }
}
