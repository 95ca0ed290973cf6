// The database, embedded or served: opened, refused if it is another's, migrated. Kysely is the only way in, and what is behind it is the same PostgreSQL for whoever asks.
import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import type { Observable } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { isEmbedded, openEmbedded } from './database-embedded.ts'
import { openServed, type Waits } from './database-served.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** What a database belongs to, for ever. */
export interface Owner { network: string, genesisHash: string }

/** Where a database is: in a folder of ours, or at a PostgreSQL server. `pool` is the most connections for queries there (default 10); one more listens and leads. `waits` differ from the usual ones in tests. */
export type Place = { dir: string } | { url: string, pool?: number | undefined, waits?: Partial<Waits> | undefined }

/** A table that changed, told after the commit. Several changes may be told as one, and of a lost connection's none: look again at times. */
export type Change = 'blocks' | 'rounds' | 'epochs' | 'follower'

/** The right to write, held by one process at a time. */
export interface Leadership {
  /** Each write through it is refused (OperatorError NOT_LEADER) once another process leads. */
  readonly db: Kysely<Tables>
  /** Whether it was taken from a process that gave no sign of life. */
  readonly cutOff: boolean
  /** Resolves when the lead is lost without resigning. */
  readonly lost: Promise<void>
  resign(): Promise<void>
}

export interface Store {
  /** What it is called in sentences; no secret is in it. */
  readonly where: string
  /** For reading. Whoever follows the chain writes through a Leadership. */
  readonly db: Kysely<Tables>
  /** Settles when the database is gone: resolves after close(), rejects with OperatorError if its thread died or its server did not answer for a minute. */
  readonly ended: Promise<void>
  readonly changes$: Observable<Change>
  /** Whether other processes may use it too. */
  readonly shared: boolean
  /** Waits until this process leads; null if the signal fires before. A folder is led by whoever holds it. */
  lead(signal: AbortSignal): Promise<Leadership | null>
  /** Makes the room of deleted rows free for new ones, where no server does that by itself. */
  tidy(): Promise<void>
  close(): Promise<void>
}

/** What is done with a database before it is given out. */
export type Prepare = (db: Kysely<Tables>, where: string) => Promise<void>

/**
 * Opens the database, creating and migrating it as needed. Throws OperatorError: LOCKED if another process has the folder, DATA_DIR if it cannot be written, OTHER_NETWORK or OTHER_CHAIN if it belongs to another,
 * NEWER if a later version of this program wrote it, DATABASE if it cannot be opened, DATABASE_LOST if the server cannot be reached.
 */
export function openDatabase({ owner, ...place }: Place & { owner: Owner }): Promise<Store> {
  return openWith(place, async (db, where) => {
    await refuseForeign(db, where, owner)
    await migrate(db, where)
    await claim(db, owner)
    // Another process may have claimed it meanwhile.
    await refuseForeign(db, where, owner)
  })
}

/** Opens a database that is there and of this version, and changes nothing in it. Throws as openDatabase does, and OperatorError NO_DATABASE if there is none yet, OLDER if it must be migrated first. */
export async function openExisting({ owner, ...place }: Place & { owner: Partial<Owner> }): Promise<Store> {
  // A folder is not made by asking what is in it.
  if ('dir' in place && !isEmbedded(place.dir)) throw none(`in ${place.dir}`)
  return openWith(place, async (db, where) => {
    await refuseForeign(db, where, owner)
    const version = await schemaVersion(db)
    if (version === null) throw none(where)
    if (version > LATEST) throw newer(where)
    if (version < LATEST) throw new OperatorError('OLDER', `the database ${where} is of version ${version} and this program needs ${LATEST}`, { advice: 'Start an indexer of this version that follows the chain there first: it migrates the database; then try again.', exit: EXIT.again })
  })
}

/** Opens whatever is there, and prepares it. Throws as openDatabase does, and what `prepare` throws. */
export const openWith = (place: Place, prepare: Prepare): Promise<Store> => ('url' in place ? openServed(place, prepare) : openEmbedded(place.dir, prepare))

/** The schema that this program writes. */
export const LATEST = Object.keys(migrations).at(-1)!

/** The version of the schema in a database; null where there is none. */
export async function schemaVersion(db: Kysely<Tables>): Promise<string | null> {
  if (!(await exists(db, 'kysely_migration'))) return null
  const { rows: [last] } = await sql<{ name: string | null }>`select max(name) as name from kysely_migration`.execute(db)
  return last?.name ?? null
}

/** Migrates up to a version, under a lock that other processes wait for. Throws OperatorError NEWER, DATABASE. */
export async function migrate(db: Kysely<Tables>, where: string, version = LATEST): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } }).migrateTo(version)
  if (error === undefined) return
  throw /corrupted migrations/.test(String((error as Error).message)) ? newer(where, error) : error
}

const none = (where: string): OperatorError => new OperatorError('NO_DATABASE', `there is no database ${where} of an indexer yet`, { advice: 'Start an indexer that follows the chain there first; then try again.', exit: EXIT.again })

const newer = (where: string, cause?: unknown): OperatorError => new OperatorError('NEWER', `the database ${where} was written by a later version of this program`, { advice: 'Use that version, or give an empty database: everything is read from the chain again.', cause })

/** Before anything is changed: a database of another network is not even migrated. Throws OperatorError OTHER_CHAIN, OTHER_NETWORK. */
export async function refuseForeign(db: Kysely<Tables>, where: string, owner: Partial<Owner>): Promise<void> {
  const stored = await ownerOf(db)
  const advice = 'Give each network a database of its own; nothing was changed.'
  if (stored.genesisHash !== undefined && owner.genesisHash !== undefined && stored.genesisHash !== owner.genesisHash) throw new OperatorError('OTHER_CHAIN', `the database ${where} belongs to the chain with genesis ${stored.genesisHash}, and the endpoint serves the one with genesis ${owner.genesisHash}`, { advice })
  if (stored.network !== undefined && owner.network !== undefined && stored.network !== owner.network) throw new OperatorError('OTHER_NETWORK', `the database ${where} belongs to network ${stored.network}, not to ${owner.network}`, { advice })
}

/** To whom a database belongs; empty where nobody has claimed it. */
export async function ownerOf(db: Kysely<Tables>): Promise<Partial<Owner>> {
  if (!(await exists(db, 'meta'))) return {}
  const stored = new Map((await db.selectFrom('meta').selectAll().execute()).map(({ name, value }) => [name, value]))
  const [network, genesisHash] = [stored.get('network'), stored.get('genesis')]
  return { ...(network !== undefined && { network }), ...(genesisHash !== undefined && { genesisHash }) }
}

/** Makes a database an owner's, if nobody's yet. */
export async function claim(db: Kysely<Tables>, owner: Owner): Promise<void> {
  const entries = [{ name: 'network', value: owner.network }, { name: 'genesis', value: owner.genesisHash }]
  await db.insertInto('meta').values(entries).onConflict((conflict) => conflict.column('name').doNothing()).execute()
}

async function exists(db: Kysely<Tables>, table: string): Promise<boolean> {
  const { rows: [found] } = await sql<{ found: string | null }>`select to_regclass(${table}) as found`.execute(db)
  return found?.found != null
}
