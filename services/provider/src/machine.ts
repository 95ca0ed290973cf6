// What this machine says of itself. All of it is a claim (whoever owns the machine owns its drivers); it is read once, at start, never during a job:
// some of these calls take hundreds of milliseconds, and a hung driver takes for ever.
import { execFile } from 'node:child_process'
import { availableParallelism, totalmem } from 'node:os'
import si from 'systeminformation'

export interface Gpu {
  uuid: string
  name: string
  busId: string
  vbios: string
  memoryMiB: number | null
  driver: string
  computeCapability: string
}

export interface Machine {
  cpu: { brand: string, vendor: string, family: string, model: string, stepping: string, cores: number, threads: number }
  /** as the system sees it, in MiB */
  memoryMiB: number
  os: { platform: string, distribution: string, release: string, kernel: string, arch: string }
  virtual: boolean | null
  gpus: Gpu[]
  /** what could not be read, and why; empty if all was */
  gaps: string[]
}

export interface MachineProbes {
  cpu(): Promise<{ brand: string, vendor: string, family: string, model: string, stepping: string, physicalCores: number, cores: number }>
  osInfo(): Promise<{ platform: string, distro: string, release: string, kernel: string, arch: string }>
  system(): Promise<{ virtual?: boolean | undefined }>
  /** standard output of nvidia-smi with these arguments */
  nvidiaSmi(args: string[], timeoutMs: number): Promise<string>
}

// systeminformation asks lspci for graphics and finds nothing where that is missing (most containers), so nvidia-smi is asked directly.
const NVIDIA_SMI = 'nvidia-smi'
const FIELDS = ['uuid', 'name', 'pci.bus_id', 'vbios_version', 'memory.total', 'driver_version', 'compute_cap']

/**
 * Reads the machine; each question has `timeoutMs`, and one without an answer leaves a gap instead of failing the start. Never throws.
 * @example (await readMachine({ timeoutMs: 5000 })).gpus[0]?.name // 'NVIDIA H100 80GB HBM3'
 */
export async function readMachine({ timeoutMs, probes = realProbes }: { timeoutMs: number, probes?: MachineProbes }): Promise<Machine> {
  const gaps: string[] = []
  const ask = async <T>(what: string, question: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await within(timeoutMs, question())
    } catch (error) {
      gaps.push(`${what}: ${error instanceof Error ? error.message.split('\n')[0]! : String(error)}`)
      return otherwise
    }
  }
  const [cpu, os, system, gpus] = await Promise.all([
    ask('cpu', () => probes.cpu(), undefined),
    ask('os', () => probes.osInfo(), undefined),
    ask('system', () => probes.system(), undefined),
    ask('nvidia-smi', () => readGpus(probes, timeoutMs), []),
  ])
  return {
    cpu: { brand: cpu?.brand ?? '', vendor: cpu?.vendor ?? '', family: cpu?.family ?? '', model: cpu?.model ?? '', stepping: cpu?.stepping ?? '', cores: cpu?.physicalCores || availableParallelism(), threads: cpu?.cores || availableParallelism() },
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    os: { platform: os?.platform ?? process.platform, distribution: os?.distro ?? '', release: os?.release ?? '', kernel: os?.kernel ?? '', arch: os?.arch ?? process.arch },
    virtual: system?.virtual ?? null,
    gpus,
    gaps,
  }
}

async function readGpus(probes: MachineProbes, timeoutMs: number): Promise<Gpu[]> {
  const query = (fields: string[]) => probes.nvidiaSmi([`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'], timeoutMs)
  try {
    return parseGpus(await query(FIELDS))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // no NVIDIA driver: most machines
    // A driver before 2021 knows no compute_cap and refuses the whole query; it says so on standard output, which makes it an error of its own.
    if (!/not a valid field/i.test(String((error as { stdout?: unknown }).stdout ?? '') + String(error))) throw error
    return parseGpus(await query(FIELDS.slice(0, -1)))
  }
}

/** The GPUs in the lines of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; what a card does not tell (`[N/A]`, `[Not Supported]`) is empty. */
export function parseGpus(csv: string): Gpu[] {
  return csv.split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [uuid = '', name = '', busId = '', vbios = '', memory = '', driver = '', computeCapability = ''] = line.split(',').map((field) => clean(field))
    return { uuid, name, busId, vbios, memoryMiB: /^\d+$/.test(memory) ? Number(memory) : null, driver, computeCapability }
  })
}

const clean = (field: string): string => {
  const text = field.trim()
  return /^\[.*\]$/.test(text) ? '' : text.replace(/[^\x20-\x7e]/g, '').slice(0, 128)
}

function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const realProbes: MachineProbes = {
  cpu: () => si.cpu(),
  osInfo: () => si.osInfo(),
  system: () => si.system(),
  nvidiaSmi: (args, timeoutMs) =>
    new Promise((resolve, reject) => {
      // SIGKILL: a process that waits for a hung driver ignores anything gentler.
      execFile(NVIDIA_SMI, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 20 }, (error, stdout) => (error ? reject(Object.assign(error, { stdout })) : resolve(stdout)))
    }),
}
