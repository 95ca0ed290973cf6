import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Store } from './database.ts'
import { readEdge, writeEdge, type Edge } from './edge.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())

const pot: Edge['pot'] = { pot: `0x${'11'.repeat(32)}`, term: 0, balance: 2n ** 100n, unsettledFrom: 1, owed: 0n, needs: 1n, epochsLeft: null, inflow: -5n, since: null, checkFee: null, checks: { costPerEpoch: null, checkersPool: 1n }, block: 7 }

it('what the follower sees is read as it was said, to the planck', async () => {
  expect(await readEdge(store.db)).toMatchObject({ best: null, pot: null, stalled: { reason: 'NO_FOLLOWER', detail: /has followed/ } })
  for (const edge of [{ best: 9, stalled: null, pot }, { best: null, stalled: { reason: 'NO_BLOCKS', detail: 'none above 8' }, pot: null }]) {
    await writeEdge(store.db, edge)
    expect(await readEdge(store.db)).toEqual(edge)
  }
})

it('silence of the follower is told', async () => {
  await writeEdge(store.db, { best: 9, stalled: null, pot: null })
  await sql`update follower set seen = now() - interval '61 seconds'`.execute(store.db)
  expect(await readEdge(store.db)).toEqual({ best: 9, pot: null, stalled: { reason: 'NO_FOLLOWER', detail: expect.stringMatching(/heard 6\d s ago/) } })
})
