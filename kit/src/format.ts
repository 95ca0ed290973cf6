// The version of what a program keeps in its data folder, so that an older program refuses what a newer one wrote.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeOnce } from './blobs.ts'
import { OperatorError } from './lifecycle.ts'

/**
 * Takes a data folder whose contents are of a format up to `known`, and marks one that has no mark as being of it. Throws OperatorError NEWER for a later one, MARK if the mark is none, DISK.
 * @example await requireFormat('/var/lib/assay', 1)
 */
export async function requireFormat(dir: string, known: number): Promise<void> {
  const path = join(dir, 'format')
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found === null) return void (await writeOnce(path, Buffer.from(`${known}\n`)))
  if (!/^[1-9]\d{0,5}\n?$/.test(found)) throw new OperatorError('MARK', `${path} does not hold the number of a format`, { advice: 'Something else wrote it. Remove it if the folder is this program’s, and start again.' })
  if (Number(found) > known) throw newerFormat(dir)
}

/** What a later version of a program has written. */
export const newerFormat = (what: string): OperatorError => new OperatorError('NEWER', `the data folder ${what} was written by a later version of this program`, { advice: 'Use that version again. Nothing was changed; do not go on from a copy, for what was signed since is not in it.' })
