// A database as one file and back, from either kind into either.
import { sql, type Kysely, type Transaction } from 'kysely'
import { blobId } from '@assay/kit/blobs'
import { isOperatorError, OperatorError } from '@assay/kit/lifecycle'
import { judgementOfEpoch, type AccountId, type Crypto, type Ledger } from '@assay/protocol'
import { FORMAT, noBackup, portionOf, readBackup, writeBackup, type BackupHeader, type Portion } from './backup-file.ts'
import { claim, type Owner } from './database.ts'
import { storedLedger } from './follow.ts'
import { parametersOfEpoch } from './judge.ts'
import { sumUpListed, sumUpMachines } from './summaries.ts'
import type { Tables } from './tables.ts'

/** Tables in an order in which rows may be inserted, with the key by which they are read page by page; null: not part of a backup. */
const TABLES: Record<keyof Tables, readonly string[] | null> = {
  meta: null, // the header names the owner
  blocks: ['number'],
  events: ['block', 'position'],
  rounds: ['round'],
  missing_blobs: ['round', 'id'],
  verdicts: ['round', 'machine'],
  observations: ['round', 'machine', 'checker'],
  round_checkers: ['round', 'checker'],
  epochs: ['epoch'],
  leaves: ['epoch', 'tree', 'position'],
  scores: ['epoch', 'account', 'kind'],
  payouts: ['epoch', 'account'],
  machines: ['account'],
  round_totals: ['round', 'outcome'],
  evidence: ['id'],
  unconfirmed_blocks: null, // the chain tells them again
  journal: null, // written again with what it tells
  leadership: null,
  follower: null,
}

/** All tables of ours. */
export const TABLE_NAMES = Object.keys(TABLES) as (keyof Tables)[]

const BACKED_UP = TABLE_NAMES.filter((table) => TABLES[table] !== null)

/** Writes all of a database, as it stands at one moment, to a file. A follower may go on meanwhile. Throws as writeBackup does. */
export async function backup({ db, owner, schema, file, signal }: { db: Kysely<Tables>, owner: Owner, schema: string, file: string, signal: AbortSignal }): Promise<BackupHeader> {
  return await db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(async (trx) => {
    const header = await describe(trx, owner, schema)
    await writeBackup(file, header, portionsIn(trx), signal)
    return header
  })
}

async function describe(db: Kysely<Tables>, { network, genesisHash }: Owner, schema: string): Promise<BackupHeader> {
  const head = await db.selectFrom('blocks').select(['number', 'hash']).orderBy('number', 'desc').limit(1).executeTakeFirst()
  const { epoch } = await db.selectFrom('epochs').select(({ fn }) => fn.max<number | null>('epoch').as('epoch')).executeTakeFirstOrThrow()
  return { assay: 'backup', format: FORMAT, network, genesis: genesisHash, schema, head: head ?? null, epoch }
}

async function* portionsIn(db: Kysely<Tables>): AsyncGenerator<Portion> {
  for (const table of BACKED_UP) {
    const key = TABLES[table]!
    const order = sql.join(key.map((column) => sql.ref(column)))
    for (let last: Record<string, unknown> | undefined; ;) {
      const after = last ? sql`where (${order}) > (${sql.join(key.map((column) => last![column]))})` : sql``
      const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)} ${after} order by ${order} limit ${portionOf(table)}`.execute(db)
      last = rows.at(-1)
      if (!last) break
      const columns = Object.keys(last)
      yield { table, columns, rows: rows.map((row) => columns.map((column) => row[column])) }
    }
  }
}

export interface RestoreOptions {
  /** an empty database with the schema of the header */
  db: Kysely<Tables>
  file: string
  crypto: Crypto
  /** the last epoch that is to be known; what came later is left out, but for evidence */
  epoch?: number | undefined
  signal: AbortSignal
}

/**
 * Reads a backup into a database, all or nothing: the checksum, the hashes of evidence and the chain of the blocks are verified before anything stands. That the rows tell the truth is the word of whoever made the file.
 * Tells what then stands, as a header would. Throws OperatorError BACKUP for a file that is damaged or no backup, NO_EPOCH if the epoch is not in it.
 */
export async function restore({ db, file, crypto, epoch, signal }: RestoreOptions): Promise<BackupHeader> {
  return await db.transaction().execute(async (trx) => {
    let header: BackupHeader | undefined
    for await (const part of readBackup(file, BACKED_UP)) {
      signal.throwIfAborted()
      header ??= part.header
      if (part.portion) await insert(trx, file, part.portion)
    }
    if (!header) throw noBackup(file, 'it is empty')
    await claim(trx, { network: header.network, genesisHash: header.genesis })
    const ledger = await storedLedger({ db: trx, crypto, network: header.network as AccountId, signal }).catch((cause: unknown) => {
      throw isOperatorError(cause) && cause.code === 'DAMAGED' ? noBackup(file, `its blocks are no chain: ${cause.message}`, cause) : cause
    })
    if (epoch !== undefined) await cut(trx, file, ledger, epoch)
    // What stands, and not what the file says of itself.
    return await describe(trx, { network: header.network, genesisHash: header.genesis }, header.schema)
  })
}

async function insert(trx: Transaction<Tables>, file: string, { table, columns, rows }: Portion): Promise<void> {
  const { rows: [known] } = await sql<{ columns: string[] }>`select array_agg(column_name::text order by column_name::text) as columns from information_schema.columns where table_schema = current_schema() and table_name = ${table}`.execute(trx)
  if (String(known?.columns) !== String([...columns].sort())) throw noBackup(file, `the columns of its table ${table} are not those of the schema that it names`)
  const named = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])))
  if (table === 'evidence') for (const { id, bytes } of named) if (!(bytes instanceof Uint8Array) || blobId(bytes) !== id) throw noBackup(file, `its evidence ${String(id).slice(0, 80)} is not what its hash says`)
  const values = sql.join(named.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`))
  await sql`insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))}) values ${values}`.execute(trx).catch((cause: Error & { cause?: { code?: string } }) => {
    // 22: a value that the column does not take; 23: a row that is there already, or lacks another.
    throw /^2[23]/.test(cause.cause?.code ?? '') ? noBackup(file, `the database does not take its rows of ${table}: ${cause.message}`, cause) : cause
  })
}

/** Takes a database back to the block from which on an epoch could be scored. */
async function cut(trx: Transaction<Tables>, file: string, ledger: Ledger, epoch: number): Promise<void> {
  const parameters = parametersOfEpoch(ledger, epoch)
  const scored = await trx.selectFrom('epochs').select('epoch').where('epoch', '=', epoch).executeTakeFirst()
  if (!scored || !parameters) throw new OperatorError('NO_EPOCH', `epoch ${epoch} is not among those that the backup ${file} has scores of`, { advice: 'Give an earlier epoch, or leave --epoch out. Nothing was changed.' })
  const head = judgementOfEpoch(parameters, epoch)
  const later = trx.selectFrom('rounds').select('round').where('epoch', '>', epoch)
  for (const table of ['missing_blobs', 'observations', 'verdicts', 'round_checkers', 'round_totals'] as const) await trx.deleteFrom(table).where('round', 'in', later).execute()
  await trx.deleteFrom('rounds').where('epoch', '>', epoch).execute()
  for (const table of ['leaves', 'scores', 'payouts', 'epochs'] as const) await trx.deleteFrom(table).where('epoch', '>', epoch).execute()
  await sumUpMachines(trx)
  await sumUpListed(trx)
  await trx.updateTable('epochs').set({ chain_state: 'not_yet', chain_block: null, chain_bytes: null }).where('chain_block', '>', head).execute()
  await trx.deleteFrom('events').where('block', '>', head).execute()
  await trx.deleteFrom('blocks').where('number', '>', head).execute()
}

