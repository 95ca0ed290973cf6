// What the follower sees of the chain's edge, told through the database to processes that have no endpoint. It is shown, and nothing rests on it.
import { sql, type Kysely } from 'kysely'
import type { ChainState } from './follow.ts'
import type { PotView } from './pot.ts'
import type { Tables } from './tables.ts'

export interface Edge {
  /** height of the best block; null while nobody told one */
  best: number | null
  stalled: ChainState['stalled']
  pot: PotView | null
}

/** Silence of the follower after which nobody follows. It tells at least every third of it. */
export const SILENCE_SECONDS = 30

/** Says what is seen now. */
export async function writeEdge(db: Kysely<Tables>, { best, stalled, pot }: Edge): Promise<void> {
  const row = { best, stalled_reason: stalled?.reason ?? null, stalled_detail: stalled?.detail ?? null, pot: pot && JSON.stringify(pot, (_, value: unknown) => (typeof value === 'bigint' ? { planck: String(value) } : value)), seen: sql<Date>`now()` }
  await db.insertInto('follower').values(row).onConflict((conflict) => conflict.column('single').doUpdateSet(row)).execute()
}

/** What was said last; stalled where that is long ago. */
export async function readEdge(db: Kysely<Tables>): Promise<Edge> {
  const row = await db.selectFrom('follower').select(['best', 'stalled_reason', 'stalled_detail', 'pot', sql<number>`extract(epoch from now() - seen)::int8`.as('silence')]).executeTakeFirst()
  if (!row) return { best: null, stalled: { reason: 'NO_FOLLOWER', detail: 'no process has followed the chain into this database yet' }, pot: null }
  const { best, stalled_reason: reason, stalled_detail: detail, silence } = row
  const silent = silence > SILENCE_SECONDS ? { reason: 'NO_FOLLOWER', detail: `no process follows the chain into this database; the last one was heard ${silence} s ago` } : null
  return { best, stalled: silent ?? (reason === null ? null : { reason, detail: detail ?? '' }), pot: row.pot === null ? null : (JSON.parse(row.pot, (_, value: unknown) => (typeof value === 'object' && value !== null && 'planck' in value ? BigInt(String(value.planck)) : value)) as PotView) }
}
