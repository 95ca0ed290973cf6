// A machine or a checker that left its network must not register again because a supervisor starts it. While it leaves it is started all the same: it has rounds to end.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './blobs.ts'
import { OperatorError } from './lifecycle.ts'

const leavingPath = (dataDir: string): string => join(dataDir, 'leaving')
const retiredPath = (dataDir: string): string => join(dataDir, 'retired')

/**
 * Marks the folder and then leaves: from now on a start registers nothing, and ends what was begun. Where leaving fails and `isUndone` says that nothing was done, the folder is as it was.
 * Throws OperatorError DISK, and what `leave` throws.
 */
export async function leaveMarked<T>(dataDir: string, leave: () => Promise<T>, isUndone: (error: unknown) => boolean): Promise<T> {
  if (!existsSync(retiredPath(dataDir))) await writeDurably(leavingPath(dataDir), Buffer.from('The keys in this folder leave their network. Without this file the next start registers them again.\n'))
  try {
    return await leave()
  } catch (error) {
    if (isUndone(error)) await rm(leavingPath(dataDir), { force: true })
    throw error
  }
}

/** From now on no start from this data folder works. Throws OperatorError DISK. */
export async function markRetired(dataDir: string): Promise<void> {
  await writeDurably(retiredPath(dataDir), Buffer.from('The keys in this folder left their network. Without this file the next start registers them again.\n'))
  await rm(leavingPath(dataDir), { force: true })
}

/** Throws OperatorError RETIRED where nothing may start from this data folder any more. */
export function refuseRetired(dataDir: string): void {
  if (leftOf(dataDir) === 'retired') throw new OperatorError('RETIRED', `the keys in ${dataDir} were retired`, { advice: `To bring them back, remove ${retiredPath(dataDir)}: the next start registers them again.` })
}

/** Whether what runs on this data folder is leaving: it registers no more. */
export const isLeaving = (dataDir: string): boolean => existsSync(leavingPath(dataDir))

/** How far the keys in a data folder have left their network. */
export const leftOf = (dataDir: string): 'leaving' | 'retired' | null => (existsSync(retiredPath(dataDir)) ? 'retired' : isLeaving(dataDir) ? 'leaving' : null)

/** What is said of that. */
export const leavingAdvice = (dataDir: string): string => `It ends what it owes, and \`assay exit\` stops it then. To stay, remove ${leavingPath(dataDir)} and start again.`
