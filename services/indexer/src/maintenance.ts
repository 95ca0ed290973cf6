// What an operator does with a database beside running on it: back up, restore, index anew, prune.
import { sql, type Kysely } from 'kysely'
import type { Log } from '@assay/kit/log'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import type { Crypto } from '@assay/protocol'
import { backup, restore, TABLE_NAMES } from './backup.ts'
import { readHeader } from './backup-file.ts'
import { LATEST, migrate, openExisting, openWith, ownerOf, refuseForeign, type Leadership, type Owner, type Place, type Store } from './database.ts'
import { prune, type Retention } from './retention.ts'
import type { Tables } from './tables.ts'

interface Context { signal: AbortSignal, log: Log }

/** Writes a backup of the database to a file. */
export async function backUp(place: Place, file: string, { signal, log }: Context): Promise<void> {
  await using(await openExisting({ ...place, owner: {} }), async ({ db, where }) => {
    const header = await backup({ db, owner: (await ownerOf(db)) as Owner, schema: LATEST, file, signal })
    log.info('backup written', { file, database: where, network: header.network, head: header.head?.number ?? null, epoch: header.epoch })
  })
}

/** Restores a backup into a database that holds no blocks; to what was known when `epoch` was scored, if that is given. Throws OperatorError NOT_EMPTY, BUSY, and what `restore` throws. */
export async function restoreFrom(place: Place, file: string, { epoch, crypto, signal, log }: Context & { epoch?: number | undefined, crypto: Crypto }): Promise<void> {
  const header = await readHeader(file)
  const store = await openWith(place, async (db, where) => {
    await refuseForeign(db, where, { network: header.network, genesisHash: header.genesis })
    await refuseFilled(db, where)
    await dropAll(db)
    await migrate(db, where, header.schema)
  })
  await using(store, async () => {
    const restored = await leading(store, signal, ({ db }) => restore({ db, file, epoch, crypto, signal }))
    log.info('backup restored', { file, database: store.where, network: restored.network, head: restored.head?.number ?? null, epoch: restored.epoch })
  })
}

/** Empties the database of all but verified evidence, so that a follower reads the chain and judges anew. Throws OperatorError BUSY, and PRUNED if evidence that this takes was let go, unless `force`. */
export async function emptyIndex(store: Store, { force, signal, log }: Context & { force: boolean }): Promise<void> {
  await leading(store, signal, async ({ db }) => {
    const pruned = await db.selectFrom('epochs').select(({ fn }) => [fn.min<number | null>('epoch').as('first'), fn.max<number | null>('epoch').as('last')]).where('evidence', '=', 'pruned').executeTakeFirstOrThrow()
    if (pruned.first !== null && !force) {
      throw new OperatorError('PRUNED', `the evidence of epochs ${pruned.first} to ${pruned.last} was pruned from the database ${store.where}, and without it they cannot be judged anew`, { advice: 'If checkers or mirrors still serve it, give --force true: it is fetched again. Otherwise restore a backup that has it. Nothing was changed.' })
    }
    await sql`truncate blocks, unconfirmed_blocks, events, rounds, missing_blobs, verdicts, observations, round_checkers, round_totals, machines, epochs, leaves, scores, payouts, journal, follower`.execute(db)
    log.info('index emptied', { database: store.where })
  })
}

/** Lets go what the policy lets go, now. A follower may go on meanwhile. */
export async function pruneNow(place: Place, keep: Retention, { signal, log }: Context): Promise<void> {
  await using(await openExisting({ ...place, owner: {} }), async (store) => {
    const { evidence, observations } = await prune({ db: store.db, keep, signal })
    log.info('pruned', { evidence, observations, database: store.where })
    await store.tidy()
  })
}

async function using<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** How long the lead may take to get where nobody has it. */
const LEAD_MS = 3_000

async function leading<T>(store: Store, signal: AbortSignal, work: (leadership: Leadership) => Promise<T>): Promise<T> {
  const leadership = await store.lead(AbortSignal.any([signal, AbortSignal.timeout(LEAD_MS)]))
  if (!leadership) throw new OperatorError('BUSY', `another process follows the chain into the database ${store.where}`, { advice: 'Stop it, then try again. Nothing was changed.', exit: EXIT.again })
  try {
    return await work(leadership)
  } finally {
    await leadership.resign()
  }
}

async function refuseFilled(db: Kysely<Tables>, where: string): Promise<void> {
  const { rows: [blocks] } = await sql<{ there: boolean }>`select to_regclass('blocks') is not null as there`.execute(db)
  if (!blocks!.there || !(await db.selectFrom('blocks').select('number').limit(1).executeTakeFirst())) return
  throw new OperatorError('NOT_EMPTY', `the database ${where} holds blocks already, and a backup is restored into an empty one only`, { advice: 'Give an empty folder or a new PostgreSQL database. Nothing was changed.' })
}

/** Removes what an earlier start or a failed restore has made, and nothing that is not ours, so that the schema of the backup can be. */
async function dropAll(db: Kysely<Tables>): Promise<void> {
  for (const table of [...TABLE_NAMES, 'kysely_migration', 'kysely_migration_lock']) await db.schema.dropTable(table).ifExists().cascade().execute()
  await sql`drop function if exists assay_changed, assay_journal`.execute(db)
}
