// What a machine can compute with, what it will compute with, and what it lacks for more: `assay machine doctor`.
import { execFile } from 'node:child_process'
import type { Crypto } from '@assay/protocol'
import { decideEngine, engineProbes } from './engines/auto.ts'
import type { EngineProbes } from './engines/auto.ts'
import type { Variant } from './engines/kernel.ts'
import type { Adapter } from './engines/webgpu/device.ts'
import { readMachine } from './device/machine.ts'
import type { Machine } from './device/machine.ts'

export interface DoctorProbes extends EngineProbes {
  machine(): Promise<Machine>
  /** standard output of lspci; rejects with ENOENT where pciutils is not installed */
  lspci(): Promise<string>
}

/** Something that is missing: `mustMend` if a card lies idle or nothing can work, else good to know. */
export interface Finding { what: string, how: string, mustMend: boolean }

export interface Diagnosis {
  /** nothing must be mended */
  ok: boolean
  /** what names one device among all others is left out: a diagnosis is made to be shown around */
  machine: Omit<Machine, 'secrets' | 'gpus'> & { gpus: Omit<Machine['gpus'][number], 'uuid'>[] }
  /** fastest WebAssembly kernel that this runtime compiles */
  simd: Variant | null
  vulkan: { loader: boolean, fault: string | null }
  adapters: Adapter[]
  /** graphics devices on the PCI bus; null where lspci is not installed */
  cards: string[] | null
  engine: { kind: 'webgpu' | 'wasm' | 'none', name: string, reason: string }
  findings: Finding[]
}

/** Looks at the machine. Takes a second or two where a GPU is tested; never throws for a machine's sake. */
export async function diagnose(probes: DoctorProbes): Promise<Diagnosis> {
  const [machine, decision, cards] = await Promise.all([
    probes.machine(),
    decideEngine(probes),
    probes.lspci().then(parseCards, () => null),
  ])
  const simd = probes.wasmVariant() ?? null
  const { kind, reason, adapters, vulkanFault, packageFault, failed } = decision
  const name = kind === 'webgpu' ? `webgpu on ${decision.adapter.name}` : kind === 'wasm' ? `wasm ${decision.variant} on ${machine.cpu.threads} threads` : 'none'
  const findings = [...gpuFindings({ machine, adapters, cards, vulkanFault, packageFault, failed, used: kind === 'webgpu' }), ...otherFindings(kind, simd, cards === null && machine.os.platform === 'linux'), ...contradictions(machine)]
  return { ok: findings.every(({ mustMend }) => !mustMend), machine: withoutSecrets(machine), simd, vulkan: { loader: vulkanFault === null, fault: vulkanFault }, adapters, cards, engine: { kind, name, reason }, findings }
}

function withoutSecrets({ secrets: _secrets, gpus, ...machine }: Machine): Diagnosis['machine'] {
  return { ...machine, gpus: gpus.map(({ uuid: _uuid, ...gpu }) => gpu) }
}

const contradictions = ({ disagreements }: Machine): Finding[] =>
  disagreements.map((what) => ({ what, how: 'a network that compares devices will not take its word; check the driver and what stands on PATH', mustMend: false }))

interface GpuFacts { machine: Machine, adapters: Adapter[], cards: string[] | null, vulkanFault: string | null, packageFault: string | null, failed: string[], used: boolean }

function gpuFindings({ machine, adapters, cards, vulkanFault, packageFault, failed, used }: GpuFacts): Finding[] {
  const findings: Finding[] = []
  const nvidia = machine.gpus.map(({ name }) => name)
  const idle = nvidia.length > 0 ? nvidia : (cards ?? [])
  const hardware = adapters.filter(({ software }) => !software)
  // A driver that does not answer is worse than none.
  const silent = machine.gaps.find((gap) => gap.startsWith('nvidia-smi:'))
  if (silent) findings.push({ what: `the NVIDIA driver does not answer (${silent})`, how: 'load the kernel module (modprobe nvidia), or install the driver again and restart', mustMend: !used })
  if (idle.length > 0 && hardware.length === 0) {
    const what = `${idle.join(', ')} cannot be used`
    // Graphics that come with a CPU are no card that somebody bought to compute with.
    const mustMend = idle.some((card) => !/^intel/i.test(card))
    if (packageFault !== null) findings.push({ what: `${what}: ${packageFault}`, how: 'install again with optional dependencies (npm ci); on Linux it takes glibc 2.34 or newer', mustMend })
    else if (vulkanFault !== null) findings.push({ what: `${what}: there is no Vulkan loader (${vulkanFault})`, how: 'install it: apt-get install libvulkan1', mustMend })
    else findings.push({ what: `${what}: no Vulkan driver offers it`, how: driverAdvice(idle), mustMend })
  }
  for (const what of failed) findings.push({ what, how: 'update the driver; the GPU is not used until it computes right', mustMend: !used })
  for (const { name, count } of hardware) {
    if (count > 1) findings.push({ what: `there are ${count} of ${name}, and a process gets the first`, how: 'run one machine for each in a container that sees one GPU', mustMend: false })
  }
  return findings
}

function otherFindings(kind: Diagnosis['engine']['kind'], simd: Variant | null, lacksLspci: boolean): Finding[] {
  const findings: Finding[] = []
  if (kind === 'none') findings.push({ what: 'there is nothing to compute with', how: 'run the Node 24 of this repository on a 64-bit machine', mustMend: true })
  else if (simd === 'simd128') findings.push({ what: 'this runtime has no relaxed SIMD, which is twice as fast on the CPU', how: 'run the Node 24 of this repository', mustMend: false })
  if (lacksLspci) findings.push({ what: 'lspci is not there, so a card without a driver stays unseen', how: 'install it: apt-get install pciutils', mustMend: false })
  return findings
}

function driverAdvice(cards: string[]): string {
  const all = cards.join(' ')
  if (/nvidia|geforce|tesla|quadro/i.test(all) || !/amd|ati |radeon|intel/i.test(all)) return 'install the driver with its Vulkan part: apt-get install nvidia-driver; in a container run with NVIDIA_DRIVER_CAPABILITIES=all'
  return 'install the driver: apt-get install mesa-vulkan-drivers, and let the user into the group render'
}

/** Graphics devices of makers that can compute, in the lines of lspci; a server's own screen (ASPEED, Matrox) or a virtual one is none. */
export function parseCards(lspci: string): string[] {
  return lspci.split('\n').flatMap((line) => {
    const [, , name] = /^\S+ (VGA compatible controller|3D controller|Display controller): (.*)$/.exec(line.trim()) ?? []
    return name !== undefined && /nvidia|amd|ati technologies|intel/i.test(name) ? [name.replace(/[^\x20-\x7e]/g, '').slice(0, 128)] : []
  })
}

/** A diagnosis in lines for people. */
export function describeDiagnosis({ ok, machine, simd, vulkan, adapters, cards, engine, findings }: Diagnosis): string {
  const { cpu, memoryMiB, gpus, os } = machine
  const gpuLine = ({ index, name, backend, description, software, count }: Adapter): string => `${index}: ${name}${count > 1 ? ` x${count}` : ''} (${backend}, ${description})${software ? ', software: never chosen by itself' : ''}`
  const rows: [string, string][] = [
    ['system', `${os.distribution} ${os.release}, kernel ${os.kernel}, ${os.arch}`],
    ['CPU', `${cpu.brand || 'unknown'}, ${cpu.cores} cores, ${cpu.threads} threads`],
    ['memory', `${memoryMiB} MiB`],
    ['SIMD', simd ?? 'none'],
    ['Vulkan', vulkan.loader ? 'loader found' : `no loader (${vulkan.fault})`],
    ...listed('GPUs', adapters.map(gpuLine)),
    ...listed('nvidia-smi', gpus.map(({ name, driver, memoryMiB: size }) => `${name}, driver ${driver}${size === null ? '' : `, ${size} MiB`}`)),
    ...listed('PCI', cards ?? ['unknown: lspci is not installed']),
    ['will use', engine.name],
    ['because', engine.reason],
    ...findings.map(({ what, how, mustMend }): [string, string] => [mustMend ? 'MEND' : 'note', `${what}; ${how}`]),
    ['result', ok ? 'ready to work' : 'something must be mended'],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(11)}${value}`).join('\n')}\n`
}

const listed = (name: string, lines: string[]): [string, string][] => (lines.length === 0 ? [[name, 'none']] : lines.map((line, i) => [i === 0 ? name : '', line]))

const PROBE_MS = 10_000
const LSPCI = 'lspci'

/** The probes of this machine. */
export const doctorProbes = (crypto: Crypto): DoctorProbes => ({
  ...engineProbes(crypto),
  machine: () => readMachine({ timeoutMs: PROBE_MS }),
  lspci: () => new Promise((resolve, reject) => void execFile(LSPCI, [], { timeout: PROBE_MS, killSignal: 'SIGKILL' }, (error, stdout) => (error ? reject(error) : resolve(stdout)))),
})
