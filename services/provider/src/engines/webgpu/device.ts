// The door to the package `webgpu` (Dawn), which is loaded when somebody asks for a GPU and not before: adapters, and one of them opened.

/** What a driver offers. Two cards of one name are one entry: the package cannot tell them apart, give each container or user one of them. */
export interface Adapter {
  index: number
  name: string
  backend: string
  vendor: string
  architecture: string
  /** driver and version, in its own words */
  description: string
  /** computes on the CPU: right, and slower than the WebAssembly engine */
  software: boolean
  /** cards of this name */
  count: number
}

export interface OpenDevice {
  adapter: Adapter
  device: GPUDevice
  limits: { maxBufferSize: number; maxStorageBufferBindingSize: number }
  /** What the device came from: Dawn crashes if it is collected before the device. */
  source: GPU
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i

/** One way to each card: Dawn would list a card once for each of its backends. */
const BACKEND = { darwin: 'metal', win32: 'd3d12' }[process.platform as string] ?? 'vulkan'

/** Why the Vulkan loader cannot be loaded, in the system's words; null if it can, or where no Vulkan is used. */
export function vulkanFault(): string | null {
  if (process.platform !== 'linux') return null
  try {
    // Dawn asks the same question and prints a warning of its own if the answer is no. A library that is there is no addon of Node's, which is the other error.
    process.dlopen({ exports: {} }, 'libvulkan.so.1')
    return null
  } catch (error) {
    const message = messageOf(error)
    return message.includes('did not self-register') ? null : message
  }
}

/**
 * All adapters that drivers offer here; none without a driver. Reading them takes milliseconds.
 * @throws Error if the package `webgpu` is not there for this platform
 */
export async function listAdapters(): Promise<Adapter[]> {
  if (vulkanFault() !== null) return []
  const { create } = await loadDawn()
  const names = new Map<string, { backend: string; name: string; count: number }>()
  for (const found of parseAdapters(await refusal(() => create([`backend=${BACKEND}`, 'adapter=?']).requestAdapter()))) {
    const known = names.get(`${found.backend}\n${found.name}`)
    if (known) known.count++
    else names.set(`${found.backend}\n${found.name}`, { ...found, count: 1 })
  }
  const adapters: Adapter[] = []
  for (const { backend, name, count } of names.values()) {
    const adapter = await (await instance({ backend, name })).requestAdapter(REQUEST)
    // Listed and not to be had: it lacks what WebGPU asks of a device.
    if (!adapter) continue
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info
    const software = isFallbackAdapter || SOFTWARE.test(`${name} ${architecture} ${description}`)
    adapters.push({ index: adapters.length, name, backend, vendor, architecture, description, software, count })
  }
  return adapters
}

/**
 * Opens the adapter with that number or name (or part of the name); without one the first that is hardware, else the first.
 * The device has all that the adapter can hold, not the least that WebGPU promises.
 * @throws Error that says what is there instead
 */
export async function openDevice(which?: number | string): Promise<OpenDevice> {
  const adapters = await listAdapters()
  const wanted = String(which ?? '').toLowerCase()
  const adapter =
    which === undefined
      ? (adapters.find(({ software }) => !software) ?? adapters[0])
      : (adapters.find(({ index, name }) => String(index) === wanted || name.toLowerCase() === wanted) ?? adapters.find(({ name }) => name.toLowerCase().includes(wanted)))
  if (!adapter) {
    const there = adapters.map(({ index, name }) => `${index} (${name})`).join(', ')
    throw new Error(adapters.length === 0 ? 'no driver offers a GPU here' : `there is no GPU ${String(which)}; there is ${there}`)
  }
  const source = await instance(adapter)
  const chosen = await source.requestAdapter(REQUEST)
  if (!chosen) throw new Error(`the driver no longer offers ${adapter.name}`)
  const { maxBufferSize, maxStorageBufferBindingSize } = chosen.limits
  const limits = { maxBufferSize, maxStorageBufferBindingSize }
  return { adapter, device: await chosen.requestDevice({ requiredLimits: limits }), limits, source }
}

/** The adapters in the sentence with which Dawn refuses an unknown one. */
export function parseAdapters(refusal: string): { backend: string; name: string }[] {
  return [...refusal.matchAll(/^ \* backend: '([^']*)', name: '(.*)'$/gm)].map(([, backend, name]) => ({ backend: backend!, name: name! }))
}

async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu')
  } catch (cause) {
    throw new Error(`the package webgpu has no binary for ${process.platform} ${process.arch}, or it cannot be loaded here: ${messageOf(cause)}`, { cause })
  }
}

/** `powerPreference` decides nothing where one adapter is left; it is what a laptop's driver expects of a computation. */
const REQUEST = { powerPreference: 'high-performance' } as const

/** Dawn with that adapter alone. */
const instance = async ({ backend, name }: { backend: string; name: string }): Promise<GPU> => (await loadDawn()).create([`backend=${backend}`, `adapter=${name}`])

async function refusal(ask: () => Promise<unknown>): Promise<string> {
  try {
    await ask()
    return ''
  } catch (error) {
    return messageOf(error)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
