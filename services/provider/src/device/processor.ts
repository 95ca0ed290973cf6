// The processor and its memory, each as told by two who need not agree: systeminformation (which asks lscpu) or Node, and the files of the kernel.
import { clean, type Probes } from './probes.ts'

export interface Processor {
  brand: string
  vendor: string
  family: string
  model: string
  stepping: string
  cores: number
  threads: number
}

type Signature = Pick<Processor, 'family' | 'model' | 'stepping'>

/** Family, model and stepping of the first thread in /proc/cpuinfo; null where it has none (ARM names them otherwise). */
export function parseCpuinfo(text: string): (Signature & { brand: string }) | null {
  const field = (name: string): string => clean(new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? '')
  const signature = { family: field('cpu family'), model: field('model'), stepping: field('stepping'), brand: field('model name') }
  return signature.family === '' ? null : signature
}

/** How many sources told the processor's family, model and stepping without a word against each other, and those words. */
export function agreeOnProcessor(told: Signature | undefined, cpuinfo: Signature | null): { sources: number, disagreements: string[] } {
  const heard = [told, cpuinfo].filter((source) => source?.family)
  const disagreements = (['family', 'model', 'stepping'] as const).flatMap((field) => {
    const [a, b] = [told?.[field] ?? '', cpuinfo?.[field] ?? '']
    return a === '' || b === '' || a === b ? [] : [`processor's ${field}: systeminformation says ${clean(a)}, /proc/cpuinfo says ${b}`]
  })
  return { sources: disagreements.length > 0 ? 0 : heard.length, disagreements }
}

/** MiB that this process may use: the least of what Node, the kernel and a container's limit say. Node and kernel may differ by what a container hides, not by more than a sixteenth. */
export async function readMemory(probes: Probes): Promise<{ memoryMiB: number, disagreements: string[] }> {
  const [meminfo, limit] = await Promise.all([probes.read('/proc/meminfo'), probes.read('/sys/fs/cgroup/memory.max')])
  const node = Math.floor(probes.memoryBytes() / 2 ** 20)
  const kernel = Math.floor(Number(/^MemTotal:\s*(\d{1,15}) kB$/m.exec(meminfo ?? '')?.[1] ?? Number.NaN) / 1024)
  const allowed = Math.floor(Number(/^(\d{1,18})\s*$/.exec(limit ?? '')?.[1] ?? Number.NaN) / 2 ** 20)
  const apart = Math.abs(node - kernel) > Math.max(node, kernel) / 16
  return {
    memoryMiB: Math.min(...[node, kernel, allowed].filter((mib) => mib > 0)),
    disagreements: apart ? [`memory: Node says ${node} MiB, /proc/meminfo says ${kernel} MiB`] : [],
  }
}
