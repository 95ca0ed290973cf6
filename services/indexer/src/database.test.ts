// What holds of the database whichever kind it is.
import { sql } from 'kysely'
import { filter, firstValueFrom } from 'rxjs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from './database.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterEach(async () => void (await sql`truncate blocks, events, epochs, scores cascade`.execute(store.db)))
afterAll(() => end())

const block = (number: number) => ({ number, hash: `0x${number}` as const, parent_hash: `0x${number - 1}` as const, relay_root: null })

describe('values', () => {
  it('keep whole numbers exact: heights as number, amounts as bigint, bytes as bytes, lists as lists', async () => {
    const { db } = store
    await db.insertInto('blocks').values(block(4_294_967_295)).execute()
    await db.insertInto('events').values({ block: 4_294_967_295, position: 0, count: 1, data: Uint8Array.of(0, 1, 255) }).execute()
    const largest = 2n ** 128n - 1n
    await db.insertInto('epochs').values({ epoch: 1, root: '0x', statement: new Uint8Array(), pool: largest, paid: 0n, carried: 1n, remainder: 0n, scored_at: 3, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
    expect(await db.selectFrom('events').selectAll().executeTakeFirstOrThrow()).toEqual({ block: 4_294_967_295, position: 0, count: 1, data: Uint8Array.of(0, 1, 255) })
    expect(await db.selectFrom('epochs').select(({ fn }) => [fn.sum('pool').as('sum'), 'chain_block', 'statement', fn.countAll().as('count')]).groupBy('epoch').execute()).toEqual([{ sum: largest, chain_block: null, statement: new Uint8Array(), count: 1 }])
    const score = { epoch: 1, account: '0x1', owner: '0x2', kind: 'checker', score: largest, reason: 'OK', earned: 0n, passed: null, asked: null, standing: null, benched_until: null, weight: 1 } as const
    await db.insertInto('scores').values([{ ...score, position: 0, calibration: [] }, { ...score, account: '0x3', position: 1, calibration: [2 ** 40, 0] }]).execute()
    expect(await db.selectFrom('scores').select(['score', 'calibration', 'weight']).orderBy('position').execute()).toEqual([{ score: largest, calibration: [], weight: 1 }, { score: largest, calibration: [2 ** 40, 0], weight: 1 }])
  })

  it('that the database refuses are told, and it goes on', async () => {
    const { db } = store
    await db.insertInto('blocks').values(block(1)).execute()
    await expect(db.insertInto('blocks').values(block(1)).execute()).rejects.toMatchObject({ code: 'DATABASE', message: /duplicate key/, cause: { code: '23505' } })
    expect(await db.selectFrom('blocks').select('number').execute()).toEqual([{ number: 1 }])
    expect((await db.deleteFrom('blocks').where('number', '=', 1).executeTakeFirstOrThrow()).numDeletedRows).toBe(1n)
  })
})

describe('transactions', () => {
  it('write all or nothing', async () => {
    const { db } = store
    const failing = db.transaction().execute(async (trx) => {
      await trx.insertInto('blocks').values(block(1)).execute()
      await trx.insertInto('blocks').values(block(1)).execute()
    })
    await expect(failing).rejects.toMatchObject({ code: 'DATABASE' })
    expect(await db.selectFrom('blocks').selectAll().execute()).toEqual([])
  })

  it('that only read see one moment and write nothing', async () => {
    await expect(store.db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute((trx) => trx.insertInto('blocks').values(block(1)).execute())).rejects.toMatchObject({ code: 'DATABASE', message: /read-only transaction/ })
  })
})

describe('changes', () => {
  it('are told by the name of the table', async () => {
    const told = firstValueFrom(store.changes$.pipe(filter((change) => change === 'rounds')))
    await store.db.insertInto('rounds').values({ round: 1, epoch: 0, state: 'waiting', tries: 1, retry_at: 1, judged_at: null }).execute()
    expect(await told).toBe('rounds')
  })
})

describe('the end', () => {
  it('may come twice; whoever asks afterwards is told', async () => {
    const other = await openTestDatabase()
    await Promise.all([other.store.close(), other.store.close()])
    await other.store.ended
    await expect(other.store.db.selectFrom('blocks').selectAll().execute()).rejects.toMatchObject({ code: /DATABASE/ })
    await other.end()
  })
})
