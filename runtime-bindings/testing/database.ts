// chopsticks' Database over node:sqlite: blocks, the head and the storage read from an upstream outlive a kill -9 of the process.
// Node 24.21 loads node:sqlite without a warning; where a Node prints one, --disable-warning=ExperimentalWarning silences it.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { BlockEntry, Database, KeyValueEntry } from '@acala-network/chopsticks-core'
import type { Hex } from './genesis.ts'

/** The file cannot serve: it is in use, is no database, or holds another chain. */
export class DatabaseError extends Error {
  readonly code: 'DB_BUSY' | 'DB_UNREADABLE' | 'DB_OTHER_CHAIN'
  constructor(code: 'DB_BUSY' | 'DB_UNREADABLE' | 'DB_OTHER_CHAIN', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DatabaseError'
    this.code = code
  }
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS block (hash TEXT PRIMARY KEY, number INTEGER NOT NULL, header TEXT NOT NULL, parent TEXT,
    extrinsics TEXT NOT NULL, diff TEXT) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS block_number ON block (number);
  CREATE TABLE IF NOT EXISTS storage (block TEXT NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (block, key)) WITHOUT ROWID;
`

interface BlockRow {
  hash: Hex
  number: number
  header: Hex
  parent: Hex | null
  extrinsics: string
  diff: string | null
}

/**
 * One chain's file, held by one process at a time. A block is on its way to disk before anybody hears of it.
 * @throws DatabaseError
 */
export class ChainDatabase implements Database {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #open = true

  constructor(path: string) {
    this.#path = path
    try {
      mkdirSync(dirname(path), { recursive: true })
      this.#db = new DatabaseSync(path)
      // The lock goes with the process, also on kill -9. WAL with NORMAL loses nothing to a kill; a power cut may take the last blocks.
      this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
      this.#db.exec(TABLES)
    } catch (cause) {
      const busy = /locked|busy/i.test(String(cause))
      throw new DatabaseError(
        busy ? 'DB_BUSY' : 'DB_UNREADABLE',
        busy ? `${path} is in use by another process: stop that one or name another file.` : `${path} cannot be opened as a chain database: ${(cause as Error).message}. Name another file or remove it.`,
        { cause },
      )
    }
  }

  get path(): string {
    return this.#path
  }

  /** A note beside the blocks: 'base' and 'head' are used. */
  meta(key: string): string | undefined {
    return (this.#get('SELECT value FROM meta WHERE key = ?', key) as { value: string } | undefined)?.value
  }

  setMeta(key: string, value: string): void {
    this.#run('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value', key, value)
  }

  close = async (): Promise<void> => {
    if (!this.#open) return
    this.#open = false
    this.#db.close()
  }

  /** A block at a height ends every block at and above it: they belong to a branch that was left. */
  saveBlock = async (block: BlockEntry): Promise<void> => {
    this.#db.exec('BEGIN')
    try {
      this.#run('DELETE FROM block WHERE number >= ?', block.number)
      this.#run(
        'INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)',
        block.hash,
        block.number,
        block.header,
        block.parentHash,
        JSON.stringify(block.extrinsics),
        block.storageDiff === null ? null : JSON.stringify(block.storageDiff),
      )
      this.setMeta('head', block.hash)
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }

  /** Adds storage values that were set by hand on a saved block. */
  patchBlock(hash: Hex, values: Record<Hex, Hex | null>): void {
    const row = this.#get('SELECT * FROM block WHERE hash = ?', hash) as BlockRow | undefined
    if (row === undefined) return
    this.#run('UPDATE block SET diff = ? WHERE hash = ?', JSON.stringify({ ...(JSON.parse(row.diff ?? '{}') as object), ...values }), hash)
  }

  queryBlock = async (hash: Hex): Promise<BlockEntry | null> => entry(this.#get('SELECT * FROM block WHERE hash = ?', hash))

  queryBlockByNumber = async (number: number): Promise<BlockEntry | null> => entry(this.#get('SELECT * FROM block WHERE number = ?', number))

  queryHighestBlock = async (): Promise<BlockEntry | null> => entry(this.#get('SELECT * FROM block ORDER BY number DESC LIMIT 1'))

  deleteBlock = async (hash: Hex): Promise<void> => this.#run('DELETE FROM block WHERE hash = ?', hash)

  blocksCount = async (): Promise<number> => (this.#get('SELECT count(*) AS count FROM block') as { count: number }).count

  saveStorage = async (blockHash: Hex, key: Hex, value: Hex | null): Promise<void> => this.#cache([{ blockHash, key, value }])

  saveStorageBatch = async (entries: KeyValueEntry[]): Promise<void> => this.#cache(entries)

  queryStorage = async (blockHash: Hex, key: Hex): Promise<KeyValueEntry | null> => {
    if (!this.#open) return null
    const row = this.#get('SELECT value FROM storage WHERE block = ? AND key = ?', blockHash, key) as { value: string | null } | undefined
    return row === undefined ? null : { blockHash, key, value: row.value }
  }

  /** chopsticks does not wait for these writes nor catch them, and a value not kept is only read again. */
  #cache(entries: KeyValueEntry[]): void {
    if (!this.#open) return
    try {
      for (const { blockHash, key, value } of entries) {
        this.#run('INSERT INTO storage VALUES (?, ?, ?) ON CONFLICT DO NOTHING', blockHash, key, value ?? null)
      }
    } catch {
      return
    }
  }

  /** The first row, whose shape the caller knows by the query. */
  #get(sql: string, ...values: SQLInputValue[]): object | undefined {
    return this.#statement(sql).get(...values)
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values)
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return statement
  }
}

function entry(found: object | undefined): BlockEntry | null {
  if (found === undefined) return null
  const row = found as BlockRow
  return {
    hash: row.hash,
    number: row.number,
    header: row.header,
    parentHash: row.parent,
    extrinsics: JSON.parse(row.extrinsics) as Hex[],
    storageDiff: row.diff === null ? null : (JSON.parse(row.diff) as Record<Hex, Hex | null>),
  }
}
