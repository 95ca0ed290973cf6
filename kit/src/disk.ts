// What a disk refuses, in words for the operator.
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
