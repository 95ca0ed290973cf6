// What the programs of a devnet use, as the kernel counts it. Linux only: it reads /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second in /proc/<pid>/stat, fixed by the kernel's interface. */
const TICKS = 100

/** What a process used since its start. */
export interface Usage {
  cpuMs: number
  readBytes: number
  writtenBytes: number
}

/** Of a process of this machine. Throws if it is none. */
export function usage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const io = new Map(readFileSync(`/proc/${pid}/io`, 'utf8').trim().split('\n').map((line) => line.split(': ') as [string, string]))
  return { cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS, readBytes: Number(io.get('rchar')), writtenBytes: Number(io.get('wchar')) }
}

/** The service processes under `parent`, by what they are. */
export function services(parent: number): Map<number, string> {
  const found = new Map<number, string>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const args = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue
      const kind = args.includes('provider') ? (args.some((arg) => arg.includes('/liars/')) ? 'machine (cheat)' : 'machine') : args.includes('checker') ? 'checker' : args.includes('indexer') ? 'indexer' : args.some((arg) => arg.endsWith('serve.ts')) ? 'chain' : undefined
      if (kind !== undefined) found.set(Number(entry), kind)
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

/** Memory that is in use of a process, in MB. */
export function residentMB(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024) / 1e6
}
