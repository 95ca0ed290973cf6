// What is let go, and when: evidence and raw observations of epochs long settled. Scores, statements and the leaves that prove them stay for ever.
import { sql, type Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** For how many epochs after its own something is kept, once the network's statement agrees with ours; null: for ever. */
export interface Retention { evidence: number | null, observations: number | null }

/** Rows that were deleted. */
export interface Pruned { evidence: number, observations: number }

/** Rows a transaction: a batch of the largest evidence is some tens of MB, and nobody waits long for it. */
const EVIDENCE_BATCH = 100
const OBSERVATIONS_BATCH = 5_000

/**
 * Deletes what the policy lets go, in batches, until there is no more or the signal fires; an epoch is marked before its rows go, so what is half gone is never taken for whole, and the next run goes on.
 * Of an epoch whose statement is not on chain, or is another than ours, everything stays for whoever looks into it.
 */
export async function prune({ db, keep, signal }: { db: Kysely<Tables>, keep: Retention, signal: AbortSignal }): Promise<Pruned> {
  const newest = (await db.selectFrom('epochs').select(({ fn }) => fn.max('epoch').as('newest')).executeTakeFirstOrThrow()).newest as number | null
  const pruned: Pruned = { evidence: 0, observations: 0 }
  if (newest === null) return pruned
  for (const what of ['evidence', 'observations'] as const) {
    const epochs = keep[what]
    if (epochs !== null) await mark(db, what, newest - epochs)
    for (let deleted = Infinity; deleted > 0 && !signal.aborted; pruned[what] += deleted) deleted = await deleteBatch[what](db)
  }
  return pruned
}

/** Marks epochs up to `last`. Looks first: an update is told to others even where it changes nothing. */
async function mark(db: Kysely<Tables>, what: keyof Retention, last: number): Promise<void> {
  const due = await db.selectFrom('epochs').select('epoch').where('epoch', '<=', last).where('chain_state', '=', 'match').where(what, '=', 'kept').execute()
  if (due.length > 0) await db.updateTable('epochs').set({ [what]: 'pruned' }).where('epoch', 'in', due.map(({ epoch }) => epoch)).execute()
}

const deleteBatch: Record<keyof Retention, (db: Kysely<Tables>) => Promise<number>> = {
  evidence: (db) => deleted(sql`delete from evidence where id in (select id from evidence join epochs using (epoch) where epochs.evidence = 'pruned' limit ${EVIDENCE_BATCH})`.execute(db)),
  observations: (db) => deleted(sql`delete from observations where ctid = any(array(select o.ctid from epochs join rounds using (epoch) join observations o using (round) where epochs.observations = 'pruned' limit ${OBSERVATIONS_BATCH}))`.execute(db)),
}

const deleted = async (result: Promise<{ numAffectedRows?: bigint }>): Promise<number> => Number((await result).numAffectedRows ?? 0n)
