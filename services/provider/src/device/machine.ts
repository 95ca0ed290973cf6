// What this machine says of itself. All of it is a claim (whoever owns the machine owns its drivers), so each part is asked of several and what does not fit is
// named. It is read once, at start, never during a job: some of these calls take hundreds of milliseconds, and a hung driver takes for ever.
import { availableParallelism } from 'node:os'
import { type Adapter, agreeOnGpus, askNvidiaSmi, type Gpu, readBus, readDriver } from './nvidia.ts'
import { type Probes, systemProbes, within } from './probes.ts'
import { agreeOnProcessor, parseCpuinfo, type Processor, readMemory } from './processor.ts'

export interface Machine {
  cpu: Processor & {
    /** how many sources told it and agree, 0 if two do not */
    sources: number
  }
  /** what this process may use, in MiB */
  memoryMiB: number
  os: { platform: string, distribution: string, release: string, kernel: string, arch: string }
  virtual: boolean | null
  gpus: Gpu[]
  /** UUIDs as the system has them, empty if it has none or hides them. They never leave the machine as they are, nor stand in a log. */
  secrets: { boot: string, product: string, machine: string }
  /** what could not be read, and why; empty if all was */
  gaps: string[]
  /** where two sources contradict each other; empty on a sound machine */
  disagreements: string[]
}

export interface ReadOptions {
  /** for each question */
  timeoutMs: number
  probes?: Probes
  /** of the engine, if it works on a GPU */
  adapter?: Adapter | null
}

/**
 * Reads the machine; each question has `timeoutMs`, and one without an answer leaves a gap instead of failing the start. Never throws.
 * @example (await readMachine({ timeoutMs: 5000 })).gpus[0]?.name // 'NVIDIA H100 80GB HBM3'
 */
export async function readMachine({ timeoutMs, probes = systemProbes(), adapter = null }: ReadOptions): Promise<Machine> {
  const gaps: string[] = []
  const ask = async <T>(what: string, question: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await within(timeoutMs, question())
    } catch (error) {
      gaps.push(`${what}: ${error instanceof Error ? error.message.split('\n')[0]! : String(error)}`)
      return otherwise
    }
  }
  const text = (path: string): Promise<string> => ask(path, async () => ((await probes.read(path)) ?? '').trim(), '')
  const [cpu, os, system, cpuinfo, memory, program, driver, bus, boot, product, machine] = await Promise.all([
    ask('cpu', () => probes.cpu(), undefined),
    ask('os', () => probes.osInfo(), undefined),
    ask('system', () => probes.system(), undefined),
    text('/proc/cpuinfo'),
    ask('memory', () => readMemory(probes), { memoryMiB: Math.floor(probes.memoryBytes() / 2 ** 20), disagreements: [] }),
    ask('nvidia-smi', () => askNvidiaSmi(probes, timeoutMs), []),
    ask('the driver in the kernel', () => readDriver(probes), null),
    ask('the PCI bus', () => readBus(probes), null),
    text('/proc/sys/kernel/random/boot_id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/etc/machine-id'),
  ])
  const signature = parseCpuinfo(cpuinfo)
  const processor = agreeOnProcessor(cpu, signature)
  const graphics = agreeOnGpus({ program, driver, bus, adapter })
  return {
    cpu: {
      brand: cpu?.brand || (signature?.brand ?? ''),
      vendor: cpu?.vendor ?? '',
      family: cpu?.family || (signature?.family ?? ''),
      model: cpu?.model || (signature?.model ?? ''),
      stepping: cpu?.stepping || (signature?.stepping ?? ''),
      cores: cpu?.physicalCores || availableParallelism(),
      threads: cpu?.cores || availableParallelism(),
      sources: processor.sources,
    },
    memoryMiB: memory.memoryMiB,
    os: { platform: os?.platform ?? process.platform, distribution: os?.distro ?? '', release: os?.release ?? '', kernel: os?.kernel ?? '', arch: os?.arch ?? process.arch },
    virtual: system?.virtual ?? null,
    gpus: graphics.gpus,
    secrets: { boot, product, machine },
    gaps,
    disagreements: [...processor.disagreements, ...memory.disagreements, ...graphics.disagreements],
  }
}
