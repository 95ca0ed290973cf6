// PostgreSQL embedded in a thread of this process, one process a folder.
import { accessSync, chmodSync, closeSync, constants, existsSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely'
import { Subject } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import type { Change, Prepare, Store } from './database.ts'
import { damagedError } from './database-damaged.ts'
import { syncFolder, syncPath } from './database-durable.ts'
import { CHANNEL } from './migrations.ts'
import type { Tables } from './tables.ts'
import { begin } from './transactions.ts'

// What goes over the thread's port.
export interface WorkerData { dir: string, channel: string }
export interface Request { id: number, /** null closes the database */ query: { sql: string, parameters: readonly unknown[] } | null }
export interface Answer { id: number, rows?: unknown[], affectedRows?: number | undefined, error?: { message: string, code?: string | undefined } }
export interface Told { changed: string }

/** Whether a folder holds a database. */
export const isEmbedded = (dir: string): boolean => existsSync(join(dir, 'postgres'))

/** Opens the database in `<dir>/postgres`, creating it as needed. Throws OperatorError LOCKED, DATA_DIR, DAMAGED, DATABASE, and what `prepare` throws. */
export async function openEmbedded(dir: string, prepare: Prepare): Promise<Store> {
  // PGlite has no lock of its own, and two writers destroy a database.
  const where = `in ${dir}`
  const lock = await lockFolder(dir)
  try {
    const thread = await startWhole(dir)
    const db = new Kysely<Tables>({ dialect: dialectOver(thread) })
    try {
      await prepare(db, where)
    } catch (error) {
      await thread.close()
      throw error
    }
    return {
      where,
      db,
      ended: thread.ended,
      changes$: thread.changes$,
      shared: false,
      lead: (signal) => Promise.resolve(signal.aborted ? null : { db, cutOff: false, lost: new Promise(() => {}), resign: () => Promise.resolve() }),
      tidy: async () => void (await sql`vacuum`.execute(db)),
      close: async () => {
        await thread.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

// A folder in which another user's run left a file is whole, and PostgreSQL would only say that it does not start. And PGlite lets everybody write its files, so nobody else gets to them. Throws OperatorError DATA_DIR.
function requireOurs(dir: string): void {
  const entries = readdirSync(dir, { withFileTypes: true, recursive: true }).map((entry) => ({ path: join(entry.parentPath, entry.name), file: entry.isFile() }))
  for (const { path, file } of [{ path: dir, file: false }, ...entries]) {
    try {
      if (file) closeSync(openSync(path, 'r+'))
      else accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
      if (path === dir) chmodSync(dir, 0o700)
    } catch (cause) {
      throw new OperatorError('DATA_DIR', `the data folder cannot be used: ${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Another user may have started this program on it once: give all of the folder to the user that runs it (chown -R), then start again. Nothing in it was changed.', cause })
    }
  }
}

interface Thread {
  readonly ended: Promise<void>
  readonly changes$: Subject<Change>
  query(sql: string, parameters: readonly unknown[]): Promise<Answer>
  close(): Promise<void>
}

// A new database is made under another name first: what is called `postgres` is whole, even if we are killed while PostgreSQL writes its first files.
async function startWhole(dir: string): Promise<Thread> {
  const [whole, unfinished] = [join(dir, 'postgres'), join(dir, 'postgres.new')]
  if (!existsSync(whole)) {
    rmSync(unfinished, { recursive: true, force: true })
    await (await startThread({ dir: unfinished, channel: CHANNEL })).close()
    syncFolder(unfinished)
    renameSync(unfinished, whole)
    syncPath(dir)
  }
  requireOurs(whole)
  return startThread({ dir: whole, channel: CHANNEL }).catch((error: OperatorError) => {
    throw isFull(error.cause) ? error : damagedError(`in ${dir}`, error.cause as Error)
  })
}

/** What a query makes is gone after it: more room for new objects would only be memory. */
const YOUNG_MB = 12

async function startThread(data: WorkerData): Promise<Thread> {
  const worker = new Worker(new URL('database-worker.ts', import.meta.url), { workerData: data, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
  const waiting = new Map<number, { resolve: (answer: Answer) => void, reject: (error: Error) => void }>()
  let lastId = 0
  let closing = false
  let gone: Error | undefined
  const end = Promise.withResolvers<void>()
  const open = Promise.withResolvers<void>()
  const changes$ = new Subject<Change>()
  // A database that nobody waits for at the moment still must not end the process by itself: the owner watches `ended`.
  end.promise.catch(() => {})
  worker.on('error', (error) => void (gone = databaseError(error)))
  worker.on('exit', (code) => {
    gone ??= databaseError(new Error(`its thread ended with code ${code}`))
    open.reject(gone)
    for (const { reject } of waiting.values()) reject(gone)
    waiting.clear()
    if (closing) end.resolve()
    else end.reject(gone)
  })
  worker.on('message', (message: Answer | Told | 'open') => {
    if (message === 'open') return open.resolve()
    if ('changed' in message) return changes$.next(message.changed as Change)
    const asked = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.error) asked?.reject(databaseError(Object.assign(new Error(message.error.message), { code: message.error.code })))
    else asked?.resolve(message)
  })
  const ask = (query: Request['query']): Promise<Answer> => {
    if (gone) return Promise.reject(gone)
    const id = ++lastId
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    waiting.set(id, { resolve, reject })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage({ id, query } satisfies Request)
    return promise
  }
  await open.promise
  return {
    ended: end.promise,
    changes$,
    query: (sql, parameters) => ask({ sql, parameters }),
    close: async () => {
      if (closing) return end.promise
      closing = true
      await ask(null).catch(() => {})
      await worker.terminate()
      await end.promise
    },
  }
}

/** What WASI calls ENOSPC. */
const NO_SPACE = 51

/** SQLSTATEs of a page whose checksum is wrong, of an index that does not fit its table, and of a file that is gone. */
const DAMAGED = /^(XX001|XX002|58P01)$/

const isFull = (cause: unknown): boolean => (cause as { errno?: unknown } | null)?.errno === NO_SPACE

/** A failure of the database itself; what it refused is in `cause`. PostgreSQL's own file system, in the thread, throws objects with a WASI error number and no message. */
export function databaseError(cause: Error & { errno?: number, code?: string | undefined }): OperatorError {
  if (DAMAGED.test(cause.code ?? '')) return damagedError('in the data folder', cause)
  const what = cause.message ?? (isFull(cause) ? 'no space left on device' : `file system error ${cause.errno}`)
  return new OperatorError('DATABASE', `the database failed (${what})`, { advice: 'Check that the disk has room and that this process may open files enough (ulimit -n 1024), then start again: what was stored before is unharmed. If it fails again, give an empty data folder: everything is read from the chain again.', exit: EXIT.again, cause })
}

// Kysely lets one transaction or query at a time through to a dialect with a single connection, so `begin` and `commit` may be plain statements.
function dialectOver(thread: Thread): Dialect {
  const run = async <R>(sql: string, parameters: readonly unknown[] = []): Promise<QueryResult<R>> => {
    const { rows, affectedRows } = await thread.query(sql, parameters)
    return { rows: rows as R[], ...(affectedRows !== undefined && { numAffectedRows: BigInt(affectedRows) }) }
  }
  const connection: DatabaseConnection = {
    executeQuery: <R>({ sql, parameters }: CompiledQuery) => run<R>(sql, parameters),
    streamQuery: () => {
      throw new Error('the embedded database does not stream')
    },
  }
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: async (_, settings) => void (await run(begin(settings))),
    commitTransaction: async () => void (await run('commit')),
    rollbackTransaction: async () => void (await run('rollback')),
    releaseConnection: () => Promise.resolve(),
    destroy: () => thread.close(),
  }
  return { createDriver: () => driver, createAdapter: () => new SingleConnectionAdapter(), createIntrospector: (db) => new PostgresIntrospector(db), createQueryCompiler: () => new PostgresQueryCompiler() }
}

class SingleConnectionAdapter extends PostgresAdapter {
  override get supportsMultipleConnections(): boolean {
    return false
  }
  // There is no other connection to lock out.
  override acquireMigrationLock(): Promise<void> {
    return Promise.resolve()
  }
  override releaseMigrationLock(): Promise<void> {
    return Promise.resolve()
  }
}
