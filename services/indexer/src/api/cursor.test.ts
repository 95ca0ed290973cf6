import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Store } from '../database.ts'
import { openTestDatabase } from '../testing/database.ts'
import { eachOf } from './cursor.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())

it('many lists of one query come in the order that is asked for, whatever order the database reads them in', async () => {
  await store.db.insertInto('blocks').values([5, 2, 9, 4].map((number) => ({ number, hash: `0x${number}` as const, parent_hash: '0x' as const, relay_root: null }))).execute()
  const lists = async (direction: 'asc' | 'desc') => (await eachOf(store.db, [3, 0, 8].map((above) => ({ above })), ['number', direction], ({ above }) => store.db.selectFrom('blocks').select('number').where('number', '>', above))).map((list) => list.map(({ number }) => number))
  expect(await lists('asc')).toEqual([[4, 5, 9], [2, 4, 5, 9], [9]])
  expect(await lists('desc')).toEqual([[9, 5, 4], [9, 5, 4, 2], [9]])
})
