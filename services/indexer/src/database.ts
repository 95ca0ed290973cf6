// PostgreSQL embedded in a thread of this process, one writer a folder, migrated when opened. Kysely is the only way in, so that a served PostgreSQL needs another dialect and nothing else.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** What a database belongs to, for ever. */
export interface Owner { network: string, genesisHash: string }

export interface Store {
  readonly db: Kysely<Tables>
  /** Settles when the database thread ends: resolves after close(), rejects with OperatorError DATABASE if it died. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

export interface OpenOptions {
  /** folder; created if missing */
  dir: string
  owner: Owner
}

// What goes over the thread's port.
export interface WorkerData { dir: string }
export interface Request { id: number, /** null closes the database */ query: { sql: string, parameters: readonly unknown[] } | null }
export interface Answer { id: number, rows?: unknown[], affectedRows?: number | undefined, error?: { message: string, code?: string | undefined } }

/**
 * Opens the database in `<dir>/postgres`, creating and migrating it as needed. Throws OperatorError: LOCKED if another process has it, DATA_DIR if the folder cannot be written, OTHER_NETWORK or OTHER_CHAIN if it
 * belongs to another, NEWER if a later version of this program wrote it, DATABASE if it cannot be opened.
 */
export async function openDatabase({ dir, owner }: OpenOptions): Promise<Store> {
  // PGlite has no lock of its own, and two writers destroy a database.
  const lock = await lockFolder(dir)
  try {
    const thread = await startWhole(dir)
    const db = new Kysely<Tables>({ dialect: dialectOver(thread) })
    try {
      await refuseForeign(db, dir, owner)
      await migrate(db, dir)
      await claim(db, owner)
    } catch (error) {
      await thread.close()
      throw error
    }
    return {
      db,
      ended: thread.ended,
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

async function migrate(db: Kysely<Tables>, dir: string): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } }).migrateToLatest()
  if (error === undefined) return
  if (/corrupted migrations/.test(String((error as Error).message))) throw new OperatorError('NEWER', `the database in ${dir} was written by a later version of this program`, { advice: 'Use that version, or give an empty data folder: everything is read from the chain again.', cause: error })
  throw databaseError(error as Error)
}

// Before anything is changed: a database of another network is not even migrated.
async function refuseForeign(db: Kysely<Tables>, dir: string, owner: Owner): Promise<void> {
  const { rows: [table] } = await sql<{ meta: string | null }>`select to_regclass('meta') as meta`.execute(db)
  if (table?.meta == null) return
  const stored = new Map((await db.selectFrom('meta').selectAll().execute()).map(({ name, value }) => [name, value]))
  const advice = 'Give each network a data folder of its own; nothing was changed.'
  const [genesis, network] = [stored.get('genesis') ?? owner.genesisHash, stored.get('network') ?? owner.network]
  if (genesis !== owner.genesisHash) throw new OperatorError('OTHER_CHAIN', `the database in ${dir} belongs to the chain with genesis ${genesis}, and the endpoint serves the one with genesis ${owner.genesisHash}`, { advice })
  if (network !== owner.network) throw new OperatorError('OTHER_NETWORK', `the database in ${dir} belongs to network ${network}, not to ${owner.network}`, { advice })
}

async function claim(db: Kysely<Tables>, owner: Owner): Promise<void> {
  const entries = [{ name: 'network', value: owner.network }, { name: 'genesis', value: owner.genesisHash }]
  await db.insertInto('meta').values(entries).onConflict((conflict) => conflict.column('name').doNothing()).execute()
}

interface Thread {
  readonly ended: Promise<void>
  query(sql: string, parameters: readonly unknown[]): Promise<Answer>
  close(): Promise<void>
}

// A new database is made under another name first: what is called `postgres` is whole, even if we are killed while PostgreSQL writes its first files.
async function startWhole(dir: string): Promise<Thread> {
  const [whole, unfinished] = [join(dir, 'postgres'), join(dir, 'postgres.new')]
  if (!existsSync(whole)) {
    rmSync(unfinished, { recursive: true, force: true })
    await (await startThread({ dir: unfinished })).close()
    renameSync(unfinished, whole)
  }
  return startThread({ dir: whole })
}

async function startThread(data: WorkerData): Promise<Thread> {
  const worker = new Worker(new URL('database-worker.ts', import.meta.url), { workerData: data, execArgv: [] })
  const waiting = new Map<number, { resolve: (answer: Answer) => void, reject: (error: Error) => void }>()
  let lastId = 0
  let closing = false
  let gone: Error | undefined
  const end = Promise.withResolvers<void>()
  const open = Promise.withResolvers<void>()
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
  worker.on('message', (message: Answer | 'open') => {
    if (message === 'open') return open.resolve()
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

/** A failure of the database itself; what it refused is in `cause`. */
/** What WASI calls ENOSPC. */
const NO_SPACE = 51

/** PostgreSQL's own file system, in the thread, throws objects with a WASI error number and no message. */
export function databaseError(cause: Error & { errno?: number }): OperatorError {
  const what = cause.message ?? (cause.errno === NO_SPACE ? 'no space left on device' : `file system error ${cause.errno}`)
  return new OperatorError('DATABASE', `the database failed (${what})`, { advice: 'Check that the disk has room, then start again: what was stored before is unharmed. If it fails again, give an empty data folder: everything is read from the chain again.', exit: EXIT.again, cause })
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
    beginTransaction: async () => void (await run('begin')),
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
