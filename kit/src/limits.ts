// What the system lets a process have.
import { readFileSync } from 'node:fs'

/** Files that a service of ours needs with room to spare; a checker 4 more for each machine. */
export const FILES_WANTED = 1024

/** How many files this process may open; null where the system does not tell (not Linux), Infinity where there is no limit. */
export function filesLimit(limits: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits()) ?? []
    return soft === undefined ? null : soft === 'unlimited' ? Infinity : Number(soft)
  } catch {
    return null
  }
}
