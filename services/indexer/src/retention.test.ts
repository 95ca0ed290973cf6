import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sql } from 'kysely'
import type { Hash } from '@assay/protocol'
import type { Store } from './database.ts'
import { prune } from './retention.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())

const signal = new AbortController().signal
const id = (i: number): Hash => `0x${i.toString(16).padStart(64, '0')}`
const BLOBS = 250
const WATCHERS = 6000

/** Epochs 0 to 4 of one round, epoch 2 not on chain and epoch 3 another one there; each with evidence and observations, of epoch 0 more than a batch. */
beforeEach(async () => {
  const { db } = store
  await sql`truncate rounds, verdicts, observations, epochs, leaves, evidence cascade`.execute(db)
  for (const epoch of [0, 1, 2, 3, 4]) {
    await db.insertInto('epochs').values({ epoch, root: id(epoch), statement: new Uint8Array(1), pool: 1n, paid: 1n, carried: 0n, remainder: 0n, scored_at: 1, chain_state: epoch === 2 ? 'not_yet' : epoch === 3 ? 'mismatch' : 'match', chain_block: null, chain_bytes: null }).execute()
    await db.insertInto('leaves').values({ epoch, tree: 'scores', position: 0, leaf: new Uint8Array(1) }).execute()
    await db.insertInto('rounds').values({ round: epoch, epoch, state: 'judged', tries: 1, retry_at: null, judged_at: 1 }).execute()
    await db.insertInto('evidence').values(Array.from({ length: epoch === 0 ? BLOBS : 2 }, (_, i) => ({ id: id(1000 * epoch + i), epoch, bytes: Uint8Array.of(i & 255) }))).execute()
    await sql`insert into verdicts (round, machine, owner, outcome, reason, counted, committee, median_steps, proven_steps, work, opened, down_kbps, up_kbps) values (${epoch}, 'm', 'o', 'PASS', 'OK', 1, '{}', 0, 0, 0, true, 0, 0)`.execute(db)
    await sql`insert into observations (round, machine, checker, vote, credited, paid, reason, down_kbps, up_kbps, rtt_us) select ${epoch}::int8, 'm', 'c' || i, 'RAN', 0, true, 'OK', 0, 0, 0 from generate_series(1, ${epoch === 0 ? WATCHERS : 2}::int4) i`.execute(db)
  }
})

const kept = async (what: 'evidence' | 'observations') => (await store.db.selectFrom('epochs').select('epoch').where(what, '=', 'kept').orderBy('epoch').execute()).map(({ epoch }) => epoch)
const epochsOfRows = async (table: 'evidence' | 'observations') => (await sql<{ epoch: number }>`select distinct ${sql.ref(table === 'evidence' ? 'epoch' : 'round')} as epoch from ${sql.table(table)} order by 1`.execute(store.db)).rows.map(({ epoch }) => epoch)

it('lets go evidence and observations of settled epochs when their time is over, and says so; all else stays', async () => {
  expect(await prune({ db: store.db, keep: { evidence: 1, observations: 4 }, signal })).toEqual({ evidence: BLOBS + 2, observations: WATCHERS })
  expect([await kept('evidence'), await epochsOfRows('evidence')]).toEqual([[2, 3, 4], [2, 3, 4]])
  expect([await kept('observations'), await epochsOfRows('observations')]).toEqual([[1, 2, 3, 4], [1, 2, 3, 4]])
  expect((await store.db.selectFrom('leaves').select('epoch').execute()).length).toBe(5)
  expect((await store.db.selectFrom('verdicts').select('round').execute()).length).toBe(5)
  expect(await prune({ db: store.db, keep: { evidence: 1, observations: 4 }, signal })).toEqual({ evidence: 0, observations: 0 })
})

it('keeps for ever what the policy says so of, and never lets go what is in dispute or not settled', async () => {
  expect(await prune({ db: store.db, keep: { evidence: null, observations: null }, signal })).toEqual({ evidence: 0, observations: 0 })
  await prune({ db: store.db, keep: { evidence: 0, observations: 0 }, signal })
  expect([await epochsOfRows('evidence'), await epochsOfRows('observations')]).toEqual([[2, 3], [2, 3]])
})

it('goes on where it was stopped, and does not take half for whole', async () => {
  const stop = new AbortController()
  stop.abort()
  await prune({ db: store.db, keep: { evidence: 1, observations: null }, signal: stop.signal })
  expect(await kept('evidence')).toEqual([2, 3, 4])
  expect(await epochsOfRows('evidence')).toEqual([0, 1, 2, 3, 4])
  expect(await prune({ db: store.db, keep: { evidence: null, observations: null }, signal })).toEqual({ evidence: BLOBS + 2, observations: 0 })
})

it('does nothing before the first epoch is scored', async () => {
  await sql`truncate epochs cascade`.execute(store.db)
  expect(await prune({ db: store.db, keep: { evidence: 0, observations: 0 }, signal })).toEqual({ evidence: 0, observations: 0 })
})
