// One process a data folder: two that share keys could sign two different things.
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dataFolderError, makeDataFolder } from './disk.ts'
import { OperatorError } from './lifecycle.ts'

export interface FolderLock {
  /** Leaves word where this process answers for its operator, for `holderOf`. */
  tell(url: string): Promise<void>
  release(): Promise<void>
}

/** Who lives in a folder: its process, and where it answers; `url` is null while it has not said so. */
export interface Holder { pid: number, url: string | null }

/**
 * Creates the folder if need be and takes it for this process, until `release` or the process's end; what a killed process left is taken over.
 * Throws OperatorError LOCKED while another process lives in it, DATA_DIR if it cannot be written.
 */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const path = join(dir, 'lock')
  const mark = `${path}.${randomBytes(6).toString('hex')}`
  const mine = JSON.stringify({ pid: process.pid, started: (await statOf(process.pid))?.started ?? null, id: randomBytes(8).toString('hex') })
  await makeDataFolder(dir)
  await writeFile(mark, mine, { mode: 0o600 }).catch((cause: unknown) => {
    throw dataFolderError(dir, cause)
  })
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      // A link appears whole or not at all, and never over another.
      if (await link(mark, path).then(() => true, existsAlready)) return folderLock(dir, path, mine)
      const holder = await readFile(path, 'utf8').catch(() => undefined)
      if (holder === undefined) continue
      const pid = await livingHolder(holder)
      if (pid !== undefined) throw locked(dir, pid)
      const stale = `${mark}.stale`
      await rename(path, stale).catch(() => {})
      if ((await readFile(stale, 'utf8').catch(() => holder)) !== holder) await link(stale, path).catch(() => {})
      await rm(stale, { force: true })
    }
    throw locked(dir, 0)
  } finally {
    await rm(mark, { force: true })
  }
}

const locked = (dir: string, pid: number): OperatorError => new OperatorError('LOCKED', `the data folder ${dir} is in use by another process${pid > 0 ? ` (${pid})` : ''}`, { advice: 'Stop that process, or give this one a data folder of its own.' })

function existsAlready(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false
  throw error
}

function folderLock(dir: string, path: string, mine: string): FolderLock {
  const word = join(dir, TOLD)
  return {
    tell: async (url) => {
      await writeFile(`${word}.new`, JSON.stringify({ holder: mine, url }), { mode: 0o600 })
      await rename(`${word}.new`, word)
    },
    release: async () => {
      if ((await readFile(path, 'utf8').catch(() => undefined)) !== mine) return
      await rm(word, { force: true })
      await rm(path, { force: true })
    },
  }
}

/** Beside the lock: where its holder answers. */
const TOLD = 'operations'

/** The process that lives in a folder; null where none does. */
export async function holderOf(dir: string): Promise<Holder | null> {
  const holder = await readFile(join(dir, 'lock'), 'utf8').catch(() => undefined)
  const pid = holder === undefined ? undefined : await livingHolder(holder)
  if (pid === undefined) return null
  try {
    const told = JSON.parse(await readFile(join(dir, TOLD), 'utf8')) as { holder?: unknown, url?: unknown }
    // What a process before it left says nothing of this one.
    if (told.holder === holder && typeof told.url === 'string' && /^http:\/\/[!-~]{1,128}$/.test(told.url)) return { pid, url: told.url }
  } catch {
    // not said yet
  }
  return { pid, url: null }
}

/** The holder's process id if it lives; a process of the same number that began at another time is not the holder. */
async function livingHolder(text: string): Promise<number | undefined> {
  try {
    const { pid, started } = JSON.parse(text) as { pid: unknown, started: unknown }
    // Whoever is named here may be sent a signal, and 0 and below stand for many processes.
    if (!Number.isSafeInteger(pid) || (pid as number) < 1) return undefined
    return await isAlive(pid as number, started) ? (pid as number) : undefined
  } catch {
    return undefined
  }
}

async function isAlive(pid: number, started: unknown): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const now = await statOf(pid)
  // One that has ended keeps its number until its parent has looked at it, which the first process of many a container never does.
  if (now?.state === 'Z') return false
  return typeof started !== 'string' || now === null || now.started === started
}

/** What a process does (a letter), and when it began, in ticks since boot; null where the system does not tell (not Linux). */
async function statOf(pid: number): Promise<{ state: string, started: string } | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === undefined || fields[19] === undefined ? null : { state: fields[0], started: fields[19] }
}
