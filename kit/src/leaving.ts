// A machine or a checker that left its network must not register again because a supervisor starts it. While it leaves it is started all the same: it has rounds to end.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './blobs.ts'
import { OperatorError } from './lifecycle.ts'

const leavingPath = (dataDir: string): string => join(dataDir, 'leaving')
const retiredPath = (dataDir: string): string => join(dataDir, 'retired')

/** From now on a start from this data folder registers nothing, and ends what was begun. Throws OperatorError DISK. */
export async function markLeaving(dataDir: string): Promise<void> {
  if (!existsSync(retiredPath(dataDir))) await writeDurably(leavingPath(dataDir), Buffer.from('The keys in this folder leave their network. Without this file the next start registers them again.\n'))
}

/** From now on no start from this data folder works. Throws OperatorError DISK. */
export async function markRetired(dataDir: string): Promise<void> {
  await writeDurably(retiredPath(dataDir), Buffer.from('The keys in this folder left their network. Without this file the next start registers them again.\n'))
  await rm(leavingPath(dataDir), { force: true })
}

/** Throws OperatorError RETIRED where nothing may start from this data folder any more. */
export function refuseRetired(dataDir: string): void {
  const path = retiredPath(dataDir)
  if (existsSync(path)) throw new OperatorError('RETIRED', `the keys in ${dataDir} were retired`, { advice: `To bring them back, remove ${path}: the next start registers them again.` })
}

/** Whether what runs on this data folder is leaving: it registers no more. */
export const isLeaving = (dataDir: string): boolean => existsSync(leavingPath(dataDir))

/** What is said of that. */
export const leavingAdvice = (dataDir: string): string => `It ends what it owes, and \`assay exit\` stops it then. To stay, remove ${leavingPath(dataDir)} and start again.`
