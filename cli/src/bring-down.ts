import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '@assay/kit/lifecycle'
import { holderOf } from '@assay/kit/lock'

const LOOK_MS = 250

/** Ends the process that lives in a folder in good order; gives its number when it is gone, null if there was none. Throws OperatorError NOT_OURS. */
export async function bringDown(dataDir: string, signal: AbortSignal, kill: (pid: number, name: 'SIGTERM') => unknown = (pid, name) => process.kill(pid, name)): Promise<number | null> {
  const holder = await holderOf(dataDir)
  if (holder === null) return null
  try {
    kill(holder.pid, 'SIGTERM')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    if (code !== 'ESRCH') throw new OperatorError('NOT_OURS', `process ${holder.pid} on ${dataDir} cannot be stopped (${code})`, { advice: 'It is another user’s: stop it as that user.', cause })
  }
  while ((await holderOf(dataDir))?.pid === holder.pid) await pause(LOOK_MS, undefined, { signal })
  return holder.pid
}
