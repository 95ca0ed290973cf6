// Which engine suits this machine: a GPU that computes right, else WebAssembly on all cores. The answer comes with its reason.
import { type Cell, type Crypto, ReferenceProver } from '@assay/protocol'
import type { Engine } from './engine.ts'
import { fastestVariant, type Variant } from './kernel.ts'
import { createWebGpuEngine } from './webgpu.ts'
import { type Adapter, listAdapters, vulkanFault } from './webgpu/device.ts'
import { MULTIPLY_VARIANTS, type MultiplyVariant } from './webgpu/multiply.ts'

export interface EngineProbes {
  /** why there is no Vulkan loader, null if there is one or none is needed */
  vulkanFault(): string | null
  listAdapters(): Promise<Adapter[]>
  /** what the adapter does wrong, null if nothing */
  selfTest(adapter: Adapter): Promise<string | null>
  /** undefined without WebAssembly SIMD */
  wasmVariant(): Variant | undefined
}

export type EngineKind = { kind: 'webgpu'; adapter: Adapter } | { kind: 'wasm'; variant: Variant } | { kind: 'none' }

/** What to compute with, why, and what was found on the way. */
export type EngineDecision = EngineKind & {
  reason: string
  adapters: Adapter[]
  vulkanFault: string | null
  /** why adapters could not be listed */
  packageFault: string | null
  /** GPUs that failed their self-test, each with what was wrong */
  failed: string[]
}

/**
 * The first GPU that is hardware and passes its self-test, else WebAssembly. A software driver is never taken: it computes the same several
 * times slower than WebAssembly. Does not throw for a driver's sake.
 */
export async function decideEngine(probes: EngineProbes): Promise<EngineDecision> {
  const vulkanFault = probes.vulkanFault()
  const failed: string[] = []
  const [adapters, packageFault] = await probes.listAdapters().then(
    (listed) => [listed, null] as const,
    (error: unknown) => [[], messageOf(error)] as const,
  )
  const found = { adapters: [...adapters], vulkanFault, packageFault, failed }
  for (const adapter of adapters.filter(({ software }) => !software)) {
    const wrong = await probes.selfTest(adapter)
    if (wrong === null) return { kind: 'webgpu', adapter, reason: `${adapter.name} is a GPU and passed its self-test`, ...found }
    failed.push(`${adapter.name} failed its self-test: ${wrong}`)
  }
  const without =
    failed.length > 0 ? failed.join('; ')
    : packageFault !== null ? `no GPU: ${packageFault}`
    : vulkanFault !== null ? `no GPU: the Vulkan loader is missing (${vulkanFault})`
    : adapters.length > 0 ? `no GPU: the drivers only compute in software (${adapters.map(({ name }) => name).join(', ')}), which is slower`
    : 'no GPU: no driver offers one'
  const variant = probes.wasmVariant()
  if (variant === undefined) return { kind: 'none', reason: `${without}; and this runtime has no WebAssembly SIMD`, ...found }
  return { kind: 'wasm', variant, reason: without, ...found }
}

export const engineProbes = (crypto: Crypto): EngineProbes => ({ vulkanFault, listAdapters, selfTest: (adapter) => selfTest(crypto, adapter), wasmVariant: fastestVariant })

/** Chains that touch every kernel: rows within a chunk and rows of two, steps from the stream and from C, each product. */
const TRIALS: { log2n: number; steps: number; cells: Cell[]; variants: readonly MultiplyVariant[] }[] = [
  { log2n: 6, steps: 3, cells: [{ t: 1, i: 0 }, { t: 3, i: 63 }, { t: 2, i: 17 }], variants: MULTIPLY_VARIANTS },
  { log2n: 9, steps: 1, cells: [{ t: 1, i: 511 }], variants: ['direct4'] },
]
/** A driver that hangs has failed. */
const TRIAL_MS = 30_000

/** Has the adapter compute what the reference computes; null if it does, else what is wrong, in words. */
export async function selfTest(crypto: Crypto, adapter: Adapter, create: (variants: readonly MultiplyVariant[]) => Promise<Engine> = (variants) => createWebGpuEngine(crypto, { adapter: adapter.name, variants })): Promise<string | null> {
  const [seed, key] = ['self-test seed', 'self-test key'].map((text) => crypto.sha256(new TextEncoder().encode(text))) as [Uint8Array, Uint8Array]
  try {
    for (const { log2n, steps, cells, variants } of TRIALS) {
      const reference = new ReferenceProver(crypto, seed, log2n)
      // The same key for all steps will do: it is an input like any other.
      const roots = Array.from({ length: steps }, () => Buffer.from(reference.step(key)))
      const openings = Buffer.from(reference.open(cells))
      for (const variant of variants) {
        const engine = await create([variant])
        try {
          const job = await engine.stage({ seed, log2n, signal: AbortSignal.timeout(TRIAL_MS) })
          for (const [t, root] of roots.entries()) if (!root.equals(await job.step(key))) return `wrong root ${t + 1} with n = ${2 ** log2n} and ${variant}`
          if (!openings.equals(await job.open(cells))) return `wrong openings with n = ${2 ** log2n} and ${variant}`
        } finally {
          await engine.close()
        }
      }
    }
    return null
  } catch (error) {
    return messageOf(error)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
