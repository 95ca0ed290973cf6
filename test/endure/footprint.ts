// What a process and its folder take, read from outside.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface Footprint {
  /** Resident memory of its own, MB: without the pages of files, which the kernel drops and reads again as it likes. */
  ownMb: number
  /** All resident memory, MB. */
  rssMb: number
  /** Open file descriptors. */
  fds: number
  /** Of the data folder, kB. */
  folderKb: number
}

/** Undefined for a process that is gone. Linux only. */
export function footprintOf(pid: number, dir: string): Footprint | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mb = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024
    return { ownMb: mb('RssAnon') + mb('VmSwap'), rssMb: mb('VmRSS'), fds: readdirSync(`/proc/${pid}/fd`).length, folderKb: bytesIn(dir) / 1024 }
  } catch {
    return undefined
  }
}

/** Bytes of all files in a folder; one that goes while it is looked at counts nothing. */
function bytesIn(dir: string): number {
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(dir, entry.name)
    try {
      return sum + (entry.isDirectory() ? bytesIn(path) : statSync(path).size)
    } catch {
      return sum
    }
  }, 0)
}
