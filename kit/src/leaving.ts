// A machine that was retired must not register again because a supervisor starts it.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from '@assay/kit/blobs'
import { OperatorError } from '@assay/kit/lifecycle'

const retiredPath = (dataDir: string): string => join(dataDir, 'retired')

/** From now on no start from this data folder works. Throws OperatorError DISK. */
export async function markRetired(dataDir: string): Promise<void> {
  await writeDurably(retiredPath(dataDir), Buffer.from('This machine was retired. Without this file the next start registers it again.\n'))
}

/** Throws OperatorError RETIRED. */
export async function refuseRetired(dataDir: string): Promise<void> {
  const path = retiredPath(dataDir)
  if (await stat(path).then(() => true, () => false)) throw new OperatorError('RETIRED', `the machine in ${dataDir} was retired`, { advice: `To bring it back, remove ${path}: the next start registers it again.` })
}
