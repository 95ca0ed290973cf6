// PostgreSQL at a server: a pool for queries, and one connection beside it that hears of changes and holds the leader's lock. What is lost is made again; what stays away for a minute ends the process.
import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type CompiledQuery, type DatabaseConnection, type Dialect, type Driver, type QueryResult } from 'kysely'
import { Client, Pool, types, type ClientConfig, type PoolClient } from 'pg'
import { BehaviorSubject, filter, firstValueFrom, Subject } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { backoffMs, takeUntilAborted } from '@assay/kit/streams'
import type { Change, Leadership, Prepare, Store } from './database.ts'
import { CHANNEL } from './migrations.ts'
import type { Tables } from './tables.ts'
import { begin } from './transactions.ts'

const DEFAULT_POOL = 10

/** How long what may take, in ms. */
export interface Waits {
  /** for a connection, from the first packet on, and for a free one of the pool */
  connectMs: number
  /** a query that takes longer has a server that does not answer; migrations, which may, have no such limit */
  queryMs: number
  /** how long a transaction may idle: the next leader waits for it */
  idleMs: number
  /** between two signs of life of the connection that listens and leads, and how long one may take */
  pingMs: number
  /** between two looks whether the lead is free */
  electionMs: number
  /** silence of the leader's connection after which the lead is taken from it: its machine or process gives no sign of life, though nothing was closed */
  silentMs: number
  /** how long the server may stay away */
  awayMs: number
}
const WAITS: Waits = { connectMs: 10_000, queryMs: 60_000, idleMs: 30_000, pingMs: 5_000, electionMs: 1_000, silentMs: 60_000, awayMs: 60_000 }
/** Of PostgreSQL's advisory locks, one for each database: "assa". */
const LEADER_LOCK = 0x61737361

const INT8 = 20
const INT8_ARRAY = 1016
const NUMERIC = 1700
const BYTEA = 17

/** Texts of the wire as the embedded database gives them: int8 as number, numeric as bigint, bytes as Uint8Array. */
const parsers: Record<number, (text: string) => unknown> = {
  [INT8]: Number,
  [NUMERIC]: BigInt,
  [INT8_ARRAY]: (text) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number)),
  [BYTEA]: (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
}

/** Opens the database that a postgres:// URL names. Throws OperatorError DATABASE_URL, DATABASE_LOST, DATABASE, and what `prepare` throws; no message holds the URL, which is a secret. */
export async function openServed({ url, pool: size = DEFAULT_POOL, waits: given }: { url: string, pool?: number | undefined, waits?: Partial<Waits> | undefined }, prepare: Prepare): Promise<Store> {
  const waits = { ...WAITS, ...given }
  const { config, where } = describe(url, waits)
  const preparing = createPool({ ...config, max: 1 })
  try {
    await prepare(new Kysely<Tables>({ dialect: dialectOver(preparing, where) }), where)
  } finally {
    await preparing.end()
  }
  const pool = createPool({ ...config, max: size, query_timeout: waits.queryMs, idle_in_transaction_session_timeout: waits.idleMs })
  const line = new Line(config, where, waits)
  return {
    where,
    db: new Kysely<Tables>({ dialect: dialectOver(pool, where) }),
    ended: line.ended,
    changes$: line.changes$,
    shared: true,
    lead: (signal) => line.lead(signal, (term) => new Kysely<Tables>({ dialect: dialectOver(pool, where, term) })),
    tidy: () => Promise.resolve(),
    close: async () => {
      await line.close()
      if (!pool.ending) await pool.end()
    },
  }
}

function describe(url: string, { connectMs }: Waits): { config: ClientConfig, where: string } {
  const getTypeParser = ((oid: number, format?: 'text') => parsers[oid] ?? types.getTypeParser(oid, format)) as typeof types.getTypeParser
  const config: ClientConfig = { connectionString: url, types: { getTypeParser }, application_name: 'assay', keepAlive: true, connectionTimeoutMillis: connectMs }
  try {
    const { host, port, database } = new Client(config)
    return { config, where: `${database} at ${host}:${port}` }
  } catch {
    // The cause would show the URL, and with it the password.
    throw new OperatorError('DATABASE_URL', 'the database URL is none', { advice: 'Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with what is special in the password as %XX.' })
  }
}

/** A machine that is gone closes nothing: the server is to find out, also where it waits for an answer to what it has sent. (As a statement: what the URL sets stays as it is.) */
const FORGET_THE_DEAD = 'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set tcp_user_timeout = 11000'

function createPool(config: ConstructorParameters<typeof Pool>[0]): Pool {
  const pool = new Pool(config)
  // Who holds a connection learns of its loss from the query; nobody needs to hear of a free one's.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', () => {})
    client.query(FORGET_THE_DEAD).catch(() => {}) // the query that comes next says it
  })
  return pool
}

/** What PostgreSQL itself refuses with. (EPIPE has five letters too.) */
const SQLSTATE = /^(\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/
/** SQLSTATE classes and codes that tell of the server and not of the query. */
const AWAY = /^(08|57P0|53300)/

/** A failure of the server as an OperatorError: DATABASE_LOST if it cannot be reached, which may heal, else DATABASE. */
function servedError(where: string, cause: Error & { code?: string }): OperatorError {
  const refused = SQLSTATE.test(cause.code ?? '') && !AWAY.test(cause.code!)
  if (refused) return new OperatorError('DATABASE', `the database ${where} failed (${cause.message})`, { advice: 'Check the server, its disk and the user’s rights, then start again: what was stored before is unharmed.', exit: EXIT.again, cause })
  return new OperatorError('DATABASE_LOST', `the database ${where} cannot be reached (${cause.message || cause.code || 'no answer'})`, { advice: 'Check that the server runs and that this machine may reach it; then start again.', exit: EXIT.again, cause })
}

/** True for a failure that a new connection may mend. */
export const isLost = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'DATABASE_LOST'

/** One connection of the pool for as long as Kysely holds it. With a term, each write is a transaction in which that term stands. */
class ServedConnection implements DatabaseConnection {
  readonly #client: PoolClient
  readonly #where: string
  readonly #term: number | undefined
  #within = false
  #broken = false

  constructor(client: PoolClient, where: string, term: number | undefined) {
    this.#client = client
    this.#where = where
    this.#term = term
  }

  async executeQuery<R>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#term === undefined || this.#within || query.kind === 'SelectQueryNode') return this.#run<R>(sql, parameters)
    await this.begin('begin')
    try {
      const result = await this.#run<R>(sql, parameters)
      await this.end('commit')
      return result
    } catch (error) {
      await this.end('rollback').catch(() => {})
      throw error
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are read by pages, not streamed')
  }

  /** Begins a transaction. Throws OperatorError NOT_LEADER, with none begun, if the term is over. */
  async begin(statement: string): Promise<void> {
    await this.#run(statement)
    this.#within = true
    if (this.#term === undefined) return
    // Whoever leads next must change this row, and waits for our commit; whoever led before finds another.
    const { rows } = await this.#run('select term from leadership where term = $1 for share', [this.#term])
    if (rows.length > 0) return
    await this.end('rollback')
    throw new OperatorError('NOT_LEADER', `another process follows the chain into the database ${this.#where} now`, { advice: 'Nothing was written. Start this one again: it waits for its turn.', exit: EXIT.again })
  }

  async end(statement: 'commit' | 'rollback'): Promise<void> {
    this.#within = false
    await this.#run(statement)
  }

  release(): void {
    this.#client.release(this.#broken || this.#within)
  }

  async #run<R>(text: string, values: readonly unknown[] = []): Promise<QueryResult<R>> {
    try {
      const { rows, rowCount, command } = await this.#client.query<R & object>({ text, values: values as unknown[] })
      return { rows, ...(command !== 'SELECT' && rowCount !== null && { numAffectedRows: BigInt(rowCount) }) }
    } catch (cause) {
      const error = servedError(this.#where, cause as Error)
      this.#broken ||= isLost(error)
      throw error
    }
  }
}

function dialectOver(pool: Pool, where: string, term?: number): Dialect {
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: async () => {
      const client = await pool.connect().catch((cause: Error) => {
        throw servedError(where, cause)
      })
      return new ServedConnection(client, where, term)
    },
    beginTransaction: (connection, settings) => (connection as ServedConnection).begin(begin(settings)),
    commitTransaction: (connection) => (connection as ServedConnection).end('commit'),
    rollbackTransaction: (connection) => (connection as ServedConnection).end('rollback'),
    releaseConnection: async (connection) => (connection as ServedConnection).release(),
    destroy: () => Promise.resolve(),
  }
  return { createDriver: () => driver, createAdapter: () => new PostgresAdapter(), createIntrospector: (db) => new PostgresIntrospector(db), createQueryCompiler: () => new PostgresQueryCompiler() }
}

/** The connection beside the pool. */
class Line {
  readonly changes$ = new Subject<Change>()
  readonly ended: Promise<void>
  readonly #config: ClientConfig
  readonly #where: string
  readonly #waits: Waits
  readonly #closing = new AbortController()
  readonly #client$ = new BehaviorSubject<Client | null>(null)

  constructor(config: ClientConfig, where: string, waits: Waits) {
    this.#config = { ...config, query_timeout: waits.pingMs }
    this.#where = where
    this.#waits = waits
    this.ended = this.#keep()
    // The owner watches it; until then it must not end the process by itself.
    this.ended.catch(() => {})
  }

  /** Waits for the lead and takes it: by the lock it is free, by the new term whoever had it writes no more. */
  async lead(signal: AbortSignal, fenced: (term: number) => Kysely<Tables>): Promise<Leadership | null> {
    let cutOff = 0
    while (!signal.aborted) {
      const client = await firstValueFrom(this.#client$.pipe(filter((client) => client !== null), takeUntilAborted(signal)), { defaultValue: null })
      const term = client && (await this.#take(client))
      if (client && term !== null) {
        return {
          db: fenced(term),
          cutOff: cutOff > 0,
          lost: firstValueFrom(this.#client$.pipe(filter((now) => now !== client))).then(() => {}, () => {}),
          resign: async () => void (await client.query('select pg_advisory_unlock($1)', [LEADER_LOCK]).catch(() => {})),
        }
      }
      if (client && (await this.#cutOffSilent(client))) cutOff++
      await delay(this.#waits.electionMs, undefined, { signal }).catch(() => {})
    }
    return null
  }

  /** Ends the connection of a leader that gave no sign of life for too long; true if there was one. Its writes are refused from the next term on, should it wake up. */
  async #cutOffSilent(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ ended: boolean }>(`select pg_terminate_backend(pid) as ended from pg_locks join pg_stat_activity using (pid)
      where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database()) and classid = 0 and objid = $1
      and pid <> pg_backend_pid() and clock_timestamp() - state_change > $2 * interval '1 millisecond'`, [LEADER_LOCK, this.#waits.silentMs]).catch(() => ({ rows: [] }))
    return rows.some(({ ended }) => ended)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.ended.catch(() => {})
  }

  async #take(client: Client): Promise<number | null> {
    try {
      const { rows: [lock] } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [LEADER_LOCK])
      if (!lock!.taken) return null
      const { rows: [row] } = await client.query<{ term: number }>('update leadership set term = term + 1 returning term')
      return row!.term
    } catch {
      // Also where a transaction of the last leader still hangs: with the connection the lock goes, and the next try begins anew.
      client.connection.stream.destroy()
      return null
    }
  }

  /** Connects, listens, waits for the loss, and again, until closed. */
  async #keep(): Promise<void> {
    const { signal } = this.#closing
    let away = performance.now()
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        await this.#listen(signal, () => (tries = 0))
        away = performance.now()
      } catch (cause) {
        if (performance.now() - away > this.#waits.awayMs) throw servedError(this.#where, cause as Error)
      }
      await delay(backoffMs(tries, { firstMs: 100, maxMs: 5_000, random: Math.random }), undefined, { signal }).catch(() => {})
    }
  }

  /** One connection from its beginning to its loss. Throws if it does not come about. */
  async #listen(signal: AbortSignal, connected: () => void): Promise<void> {
    const client = new Client(this.#config)
    const lost = Promise.withResolvers<void>()
    const end = (): void => lost.resolve()
    client.on('error', end)
    client.on('end', end)
    client.on('notification', ({ payload }) => this.changes$.next(payload as Change))
    signal.addEventListener('abort', end, { once: true })
    try {
      await client.connect()
      await client.query(`set lock_timeout = ${Math.ceil(this.#waits.pingMs * 0.8)}; ${FORGET_THE_DEAD}; listen ${CHANNEL}`)
      connected()
      this.#client$.next(client)
      // What was told while we were away.
      this.changes$.next('blocks')
      const ping = setInterval(() => client.query('select 1').catch(end), this.#waits.pingMs)
      await lost.promise.finally(() => clearInterval(ping))
    } finally {
      signal.removeEventListener('abort', end)
      this.#client$.next(null)
      if (signal.aborted) await client.end().catch(() => {})
      client.connection.stream.destroy()
    }
  }
}
