import { afterAll, beforeAll, expect, it } from 'vitest'
import { merkleProof, merkleRoot, verifyMerkleProof, type Hash } from '@assay/protocol'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import type { Store } from '../database.ts'
import { openTestDatabase } from '../testing/database.ts'
import { pathsIn } from './trees.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())

const SIZE = 5003 // more than one read
const leaves = Array.from({ length: SIZE }, (_, i) => Uint8Array.of(i % 256, i >> 8))
const other: Hash = `0x${'00'.repeat(32)}`

it('proves any leaf, and reads the leaves of a tree once while it is asked for', async () => {
  await store.db.insertInto('epochs').values({ epoch: 0, root: other, statement: new Uint8Array(), pool: 0n, paid: 0n, carried: 0n, remainder: 0n, scored_at: 0, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
  await store.db.insertInto('leaves').values(leaves.map((leaf, position) => ({ epoch: 0, tree: 'scores' as const, position, leaf }))).execute()
  const root = merkleRoot(crypto, leaves)
  const pathOf = pathsIn(store.db, crypto, 8)
  const holds = async (index: number) => {
    const { leaf, size, path } = await pathOf(0, 'scores', root, index)
    return [size, verifyMerkleProof(crypto, root, leaf, index, size, path)]
  }
  for (const index of [0, 1, 255, 256, 4095, 4096, 4999, 5000, SIZE - 1]) expect([index, ...(await holds(index))]).toEqual([index, SIZE, true])
  // A changed leaf far away would change the path: the tree is still that of before.
  await store.db.updateTable('leaves').set({ leaf: Uint8Array.of(9, 9, 9) }).where('position', '=', 7).execute()
  expect(await holds(5000)).toEqual([SIZE, true])
  // Under another root it is another tree, and after eight others it is read anew.
  for (let i = 1; i <= 8; i++) await pathOf(0, 'scores', `0x${String(i).padStart(64, '0')}`, 0)
  expect(await holds(5000)).toEqual([SIZE, false])
})

it('proves each leaf of trees of all shapes as the protocol does, hashing no more than a piece of them again', async () => {
  for (const [epoch, size] of [1, 2, 255, 256, 257, 511, 512, 513, 1023, 1025, 1280].entries()) {
    await store.db.insertInto('epochs').values({ epoch: epoch + 10, root: other, statement: new Uint8Array(), pool: 0n, paid: 0n, carried: 0n, remainder: 0n, scored_at: 0, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
    const some = leaves.slice(0, size)
    await store.db.insertInto('leaves').values(some.map((leaf, position) => ({ epoch: epoch + 10, tree: 'payouts' as const, position, leaf }))).execute()
    let hashed = 0
    const counted = { ...crypto, sha256: (bytes: Uint8Array) => (hashed++, crypto.sha256(bytes)) }
    const pathOf = pathsIn(store.db, counted)
    await pathOf(epoch + 10, 'payouts', other, 0)
    hashed = 0
    for (const index of new Set([0, size >> 1, size - 1])) expect([size, index, await pathOf(epoch + 10, 'payouts', other, index)]).toEqual([size, index, { leaf: some[index], size, path: merkleProof(crypto, some, index) }])
    expect(hashed).toBeLessThanOrEqual(3 * 512)
  }
})

it('rejects for a leaf that is not there, and is whole afterwards', async () => {
  const pathOf = pathsIn(store.db, crypto)
  await expect(pathOf(0, 'scores', other, SIZE)).rejects.toThrow()
  expect((await pathOf(0, 'scores', other, 0)).size).toBe(SIZE)
})
