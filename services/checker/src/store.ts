// What a checker must not forget: one SQLite file. What goes on the wire is in here first (WAL, synchronous = FULL: a commit that returned survives kill -9 and power loss).
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { newerFormat } from '@assay/kit/format'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { type AccountId, type Calibration, type EpochState, type Hash, reasonByte, type NotRunReason, reasonOfByte, type Standing } from '@assay/protocol'
import type { TxStore } from '@assay/runtime-bindings'

/** What this checker read of one machine in one round. */
export interface Reading {
  /** the nonce went out to it */
  reached: boolean
  /** the reason with which the machine declined the job, else null */
  declined: NotRunReason | null
  /** microseconds, 0 = not measured */
  rttUs: number
  downKbps: number
  upKbps: number
  /** last progress within the window of this checker's nonce; 0 and zeros if none came */
  lastStep: number
  lastKey: Hash
  /** microseconds from the nonce to the first progress; 0 = none came */
  firstUs: number
}

/** A blob by its SHA-256 and its length in bytes. */
export interface StoredRef { id: Hash, size: number }

/** The one report of a round: everything that its bytes were made from. Written once, before anything is signed. */
export interface StoredReport {
  round: number
  salt: Uint8Array
  /** SCALE of Vec<Observation> */
  observations: Uint8Array
  /** SCALE of ReportItem */
  item: Uint8Array
  /** block in which the chain shows it, confirmed; null until then */
  landed: number | null
}

/** A package that this checker holds completely and serves: its own or a mirrored one. */
export interface StoredPackage { round: number, checker: AccountId, root: Hash }

/** The statement that this checker computed for an epoch. */
export interface StoredStatement {
  epoch: number
  root: Hash
  bytes: Uint8Array
  /** what the call transfers, ascending by account, planck */
  payouts: readonly (readonly [AccountId, bigint])[]
  /** what the next epoch starts from */
  state: EpochState
  /** block in which the network's statement of this epoch was confirmed; null until then */
  landed: number | null
  /** whether what landed was this statement; null until it landed */
  agreed: boolean | null
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS fired (round INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS readings (round INTEGER, machine TEXT, reached INTEGER NOT NULL, declined INTEGER, rtt_us INTEGER NOT NULL, down_kbps INTEGER NOT NULL, up_kbps INTEGER NOT NULL,
    last_step INTEGER NOT NULL, last_key TEXT NOT NULL, first_us INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (round, machine)) STRICT;
  CREATE TABLE IF NOT EXISTS commitments (round INTEGER, machine TEXT, position INTEGER CHECK (position IN (0, 1)), id TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (round, machine, position)) STRICT;
  CREATE TABLE IF NOT EXISTS unpublished (round INTEGER, id TEXT, bytes BLOB NOT NULL, PRIMARY KEY (round, id)) STRICT;
  CREATE TABLE IF NOT EXISTS openings (round INTEGER, machine TEXT, id TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (round, machine)) STRICT;
  CREATE TABLE IF NOT EXISTS reports (round INTEGER PRIMARY KEY, salt BLOB NOT NULL, observations BLOB NOT NULL, item BLOB NOT NULL, landed INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS packages (round INTEGER, checker TEXT, root TEXT NOT NULL, PRIMARY KEY (round, checker)) STRICT;
  CREATE TABLE IF NOT EXISTS published (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS statements (epoch INTEGER PRIMARY KEY, root TEXT NOT NULL, bytes BLOB NOT NULL, payouts TEXT NOT NULL, state TEXT NOT NULL, landed INTEGER, agreed INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS extrinsics (key TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
`

/** Of the schema, in the file itself. Files from before it was written there say 0. */
const SCHEMA_VERSION = 1

/** What many machines hand in at once is written in one go so often: each go waits for the disk, and everything waits for it. */
const TOGETHER_MS = 20

/** The checker's memory. Every method is one transaction, if it is not called within `together`; a disk that refuses becomes OperatorError DISK. */
export class Store {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #together: { work: () => unknown, done: (result: unknown) => void, failed: (error: unknown) => void }[] = []
  #writing: NodeJS.Timeout | undefined

  /**
   * Opens or creates `<dir>/checker.db` for one account in one network. Throws OperatorError: LOCKED if another process has it, NEWER if a later version of this program wrote it, OTHER_NETWORK if it belongs to another network or account, DISK.
   */
  constructor(dir: string, owner: { network: AccountId, account: AccountId }) {
    this.#db = guarded(dir, () => {
      mkdirSync(dir, { recursive: true })
      const db = new DatabaseSync(join(dir, 'checker.db'))
      // Two processes with one key would send two reports: the lock is held as long as this process lives and dies with it.
      db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
      const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
      if (version > SCHEMA_VERSION) {
        db.close()
        throw newerFormat(dir)
      }
      // Statements from before they held standings are computed again.
      if (db.prepare('PRAGMA table_info(statements)').all().some(({ name }) => name === 'carried')) db.exec('DROP TABLE statements')
      db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`)
      // A folder from before first_us was read.
      if (!db.prepare('PRAGMA table_info(readings)').all().some(({ name }) => name === 'first_us')) db.exec('ALTER TABLE readings ADD COLUMN first_us INTEGER NOT NULL DEFAULT 0')
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
      return db
    })
    for (const [name, value] of Object.entries(owner)) {
      this.#run('INSERT OR IGNORE INTO meta VALUES (?, ?)', name, value)
      const stored = (this.#row('SELECT value FROM meta WHERE name = ?', name) as { value: string } | undefined)?.value
      if (stored !== value) {
        this.close()
        throw new OperatorError('OTHER_NETWORK', `${dir} belongs to ${name} ${stored}, not to ${value}`, { advice: 'Give each network and account a data folder of its own.' })
      }
    }
  }

  /** Writes what is waited for, then ends. */
  close(): void {
    this.#write()
    this.#db.close()
  }

  /** Does `work`, which calls methods of this store, within a moment and in one transaction with whatever else was asked for in it; resolves with its result when that is on disk. */
  together<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#together.push({ work, done: resolve as (result: unknown) => void, failed: reject })
      this.#writing ??= setTimeout(() => this.#write(), TOGETHER_MS)
    })
  }

  #write(): void {
    clearTimeout(this.#writing)
    this.#writing = undefined
    const all = this.#together.splice(0)
    if (all.length === 0) return
    try {
      const results = this.#transaction(() => all.map(({ work }) => work()))
      for (const [i, { done }] of all.entries()) done(results[i])
    } catch (error) {
      for (const { failed } of all) failed(error)
    }
  }

  /** Remembers that nonces of the round go out, before the first does: a stopwatch does not survive a restart, so such a round is not measured again. */
  fire(round: number): void {
    this.#run('INSERT OR IGNORE INTO fired VALUES (?)', round)
  }

  hasFired(round: number): boolean {
    return this.#row('SELECT 1 FROM fired WHERE round = ?', round) !== undefined
  }

  /** Keeps finished readings of a round; a later one of the same machine replaces the earlier. */
  saveReadings(round: number, readings: Iterable<readonly [AccountId, Reading]>): void {
    this.#transaction(() => {
      for (const [machine, r] of readings) {
        this.#run('INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', round, machine, r.reached ? 1 : 0, r.declined === null ? null : reasonByte(r.declined), r.rttUs, r.downKbps, r.upKbps, r.lastStep, r.lastKey, r.firstUs)
      }
    })
  }

  readings(round: number): Map<AccountId, Reading> {
    const rows = this.#rows<{ machine: AccountId, reached: number, declined: number | null, rtt_us: number, down_kbps: number, up_kbps: number, last_step: number, last_key: Hash, first_us: number }>('SELECT * FROM readings WHERE round = ?', round)
    return new Map(rows.map((r) => [r.machine, { reached: r.reached === 1, declined: r.declined === null ? null : (reasonOfByte(r.declined) as NotRunReason), rttUs: r.rtt_us, downKbps: r.down_kbps, upKbps: r.up_kbps, lastStep: r.last_step, lastKey: r.last_key, firstUs: r.first_us }]))
  }

  /**
   * Keeps a machine's signed commitment and its bytes: the first, and the first that differs from it as proof of equivocation. Says which it is; `excess` ones are not kept. The bytes are in here, not in
   * a file: all machines' come at once, and files of their own would take the disk minutes.
   */
  addCommitment(round: number, machine: AccountId, blob: StoredRef & { bytes: Uint8Array }): 'first' | 'second' | 'known' | 'excess' {
    return this.#transaction(() => {
      const held = this.commitmentsOf(round, machine)
      if (held.some((ref) => ref.id === blob.id)) return 'known'
      if (held.length >= 2) return 'excess'
      this.#run('INSERT INTO commitments VALUES (?, ?, ?, ?, ?)', round, machine, held.length, blob.id, blob.size)
      this.#run('INSERT OR IGNORE INTO unpublished VALUES (?, ?, ?)', round, blob.id, blob.bytes)
      return held.length === 0 ? 'first' : 'second'
    })
  }

  /** By machine: one or two commitments, in the order of their arrival. */
  commitments(round: number): Map<AccountId, StoredRef[]> {
    const out = new Map<AccountId, StoredRef[]>()
    for (const { machine, id, size } of this.#rows<StoredRef & { machine: AccountId }>('SELECT machine, id, size FROM commitments WHERE round = ? ORDER BY machine, position', round)) out.set(machine, [...(out.get(machine) ?? []), { id, size }])
    return out
  }

  /** One or two commitments of one machine, in the order of their arrival. */
  commitmentsOf(round: number, machine: AccountId): StoredRef[] {
    return this.#rows<StoredRef>('SELECT id, size FROM commitments WHERE round = ? AND machine = ? ORDER BY position', round, machine).map(({ id, size }) => ({ id, size }))
  }

  /** The bytes of a commitment of a round of which no package was made yet. */
  unpublished(round: number, id: Hash): Uint8Array | undefined {
    return (this.#row('SELECT bytes FROM unpublished WHERE round = ? AND id = ?', round, id) as { bytes: Uint8Array } | undefined)?.bytes
  }

  /** Forgets the bytes of commitments up to a round: those that a package names are files by then. */
  forgetUnpublished(round: number): void {
    this.#run('DELETE FROM unpublished WHERE round <= ?', round)
  }

  /** Keeps the first signed openings of a machine; false if there were some already. */
  addOpenings(round: number, machine: AccountId, blob: StoredRef): boolean {
    return this.#run('INSERT OR IGNORE INTO openings VALUES (?, ?, ?, ?)', round, machine, blob.id, blob.size) === 1
  }

  openings(round: number): Map<AccountId, StoredRef> {
    return new Map(this.#rows<StoredRef & { machine: AccountId }>('SELECT machine, id, size FROM openings WHERE round = ?', round).map(({ machine, id, size }) => [machine, { id, size }]))
  }

  openingsOf(round: number, machine: AccountId): StoredRef | undefined {
    return this.#row('SELECT id, size FROM openings WHERE round = ? AND machine = ?', round, machine) as StoredRef | undefined
  }

  /** Keeps the round's report unless there is one already, and gives back the one that counts: two different ones never exist. */
  keepReport(report: Omit<StoredReport, 'landed'>): StoredReport {
    this.#run('INSERT OR IGNORE INTO reports VALUES (?, ?, ?, ?, NULL)', report.round, report.salt, report.observations, report.item)
    return this.report(report.round) as StoredReport
  }

  report(round: number): StoredReport | undefined {
    return (this.#row('SELECT * FROM reports WHERE round = ?', round) as StoredReport | undefined)
  }

  reportLanded(round: number, block: number): void {
    this.#run('UPDATE reports SET landed = ? WHERE round = ?', block, round)
  }

  /** From here on the package and its blobs are served, and its bit is set. The first of a (round, checker) stays. */
  keepPackage(held: StoredPackage, blobs: Iterable<Hash>): void {
    this.#transaction(() => {
      if (this.#run('INSERT OR IGNORE INTO packages VALUES (?, ?, ?)', held.round, held.checker, held.root) === 0) return
      for (const id of [held.root, ...blobs]) this.#run('INSERT OR IGNORE INTO published VALUES (?)', id)
    })
  }

  package(round: number, checker: AccountId): StoredPackage | undefined {
    return (this.#row('SELECT * FROM packages WHERE round = ? AND checker = ?', round, checker) as StoredPackage | undefined)
  }

  isPublished(id: Hash): boolean {
    return this.#row('SELECT 1 FROM published WHERE id = ?', id) !== undefined
  }

  /** Keeps the statement computed for an epoch; the first stays. */
  keepStatement(statement: Omit<StoredStatement, 'landed' | 'agreed'>): void {
    this.#run('INSERT OR IGNORE INTO statements VALUES (?, ?, ?, ?, ?, NULL, NULL)', statement.epoch, statement.root, statement.bytes, amountsText(statement.payouts), stateText(statement.state))
  }

  statement(epoch: number): StoredStatement | undefined {
    const row = (this.#row('SELECT * FROM statements WHERE epoch = ?', epoch) as { epoch: number, root: Hash, bytes: Uint8Array, payouts: string, state: string, landed: number | null, agreed: number | null } | undefined)
    return row && { ...row, payouts: amountsOf(row.payouts), state: stateOf(row.state), agreed: row.agreed === null ? null : row.agreed === 1 }
  }

  /** Forgets what has not landed at or before block `to`: the blocks above it are gone from the chain, and with them what was computed from them or landed in them. */
  forgetStatements(to: number): void {
    this.#run('DELETE FROM statements WHERE landed IS NULL OR landed > ?', to)
  }

  statementLanded(epoch: number, block: number, agreed: boolean): void {
    this.#run('UPDATE statements SET landed = ?, agreed = ? WHERE epoch = ?', block, agreed ? 1 : 0, epoch)
  }

  /** Signed extrinsics by the name of their deed: kept before they are first sent. */
  readonly extrinsics: TxStore = {
    get: async (key) => (this.#row('SELECT bytes FROM extrinsics WHERE key = ?', key) as { bytes: Uint8Array } | undefined)?.bytes,
    put: async (key, bytes) => void this.#run('INSERT OR REPLACE INTO extrinsics VALUES (?, ?)', key, bytes),
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return guarded('checker.db', () => Number(this.#prepared(sql).run(...values).changes))
  }

  #row(sql: string, ...values: SQLInputValue[]): unknown {
    return guarded('checker.db', () => this.#prepared(sql).get(...values))
  }

  #rows<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return guarded('checker.db', () => this.#prepared(sql).all(...values) as T[])
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#db.prepare(sql)
    this.#statements.set(sql, known)
    return known
  }

  #transaction<T>(work: () => T): T {
    if (this.#db.isTransaction) return work()
    guarded('checker.db', () => this.#db.exec('BEGIN IMMEDIATE'))
    try {
      const result = work()
      guarded('checker.db', () => this.#db.exec('COMMIT'))
      return result
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

const amountsText = (amounts: Iterable<readonly [AccountId, bigint]>): string => JSON.stringify(Array.from(amounts, ([account, amount]) => [account, String(amount)]))
const amountsOf = (text: string): [AccountId, bigint][] => (JSON.parse(text) as [AccountId, string][]).map(([account, amount]) => [account, BigInt(amount)])

const stateText = ({ carried, standings, calibrations }: EpochState): string => JSON.stringify({ carried: amountsText(carried), standings: [...standings], calibrations: [...calibrations] })

function stateOf(text: string): EpochState {
  const { carried, standings, calibrations } = JSON.parse(text) as { carried: string, standings: [AccountId, Standing][], calibrations: [AccountId, Calibration][] }
  return { carried: new Map(amountsOf(carried)), standings: new Map(standings), calibrations: new Map(calibrations) }
}

/** SQLite's primary result codes for a database that another connection has, and for a disk that is full. */
const BUSY = 5
const FULL = 13

function guarded<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    const code = (cause as { errcode?: number }).errcode === undefined ? undefined : ((cause as { errcode: number }).errcode & 0xff)
    if (code === BUSY) throw new OperatorError('LOCKED', `another process uses the data folder ${what}`, { advice: 'Stop the other checker first; two with one key would spoil each other’s reports.', cause })
    if (code === undefined && (cause as NodeJS.ErrnoException).syscall === undefined) throw cause
    const full = code === FULL || (cause as NodeJS.ErrnoException).code === 'ENOSPC'
    throw new OperatorError('DISK', `cannot write ${what} (${(cause as Error).message})`, { advice: full ? 'The disk is full: free some space and start again; what was stored before is unharmed.' : 'Check that the folder exists and that this user may write there.', exit: EXIT.again, cause })
  }
}
