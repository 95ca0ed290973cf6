// What a disk refuses, in words for the operator.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { EXIT, OperatorError } from './lifecycle.ts'

/** What passes without anybody's touching the folder: another start may go well. */
const PASSING: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space; what was stored before is unharmed.',
  EDQUOT: 'This user’s quota is used up: raise it or free some space; what was stored before is unharmed.',
  EMFILE: 'This process may open too few files: raise its limit (ulimit -n, LimitNOFILE=), 1024 and 4 for each connection is enough.',
  ENFILE: 'The system has no file left to open: raise fs.file-max, or stop what holds so many.',
  EIO: 'The disk fails: look at the system’s log, and move the data folder to a sound one.',
}

const PLAIN = 'Check that the folder exists and that this user may write there.'

/** An OperatorError for what the file system threw: exit code 75 for what may pass (a full disk, no file descriptor left), 1 for what must be mended first. */
export function diskError(code: string, what: string, cause: unknown, advice = PLAIN): OperatorError {
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
  const passing = PASSING[why]
  return new OperatorError(code, `${what} (${why})`, { advice: passing ?? advice, exit: passing === undefined ? EXIT.mend : EXIT.again, cause })
}

/** Makes a folder and those above it that are missing; one that is there is no error. Node's recursive `mkdir` never returns from a file system that lets nobody make one, as /proc. */
export async function makeFolder(dir: string, options: { mode?: number } = {}): Promise<void> {
  const path = resolve(dir)
  try {
    await mkdir(path, options)
  } catch (error) {
    const isThere = (one: string): Promise<boolean> => stat(one).then((found) => found.isDirectory(), () => false)
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await isThere(path))) return
    if (code !== 'ENOENT') throw error
    // Whoever makes one beside it may have made the one above meanwhile. Where it was there all the time, the second try says the same as the first.
    if (!(await isThere(dirname(path)))) await makeFolder(dirname(path), options)
    await mkdir(path, options).catch(async (again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST' || !(await isThere(path))) throw again
    })
  }
}

/** A service's data folder, for its user alone. Throws OperatorError DATA_DIR if it cannot be made. */
export async function makeDataFolder(dir: string): Promise<void> {
  await makeFolder(dir, { mode: 0o700 }).catch((cause: unknown) => {
    throw dataFolderError(dir, cause)
  })
}

export const dataFolderError = (dir: string, cause: unknown): OperatorError => diskError('DATA_DIR', `the data folder ${dir} cannot be written`, cause, 'Choose a folder that this user may write, or correct its permissions.')
