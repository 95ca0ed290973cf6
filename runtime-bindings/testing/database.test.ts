import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlockEntry } from '@acala-network/chopsticks-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChainDatabase } from './database.ts'
import type { Hex } from './genesis.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-db-'))
  path = join(folder, 'deep', 'chain.sqlite')
})
afterEach(() => rmSync(folder, { recursive: true }))

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const block = (number: number, id = number): BlockEntry => ({ hash: hash(id), number, header: '0x01', parentHash: hash(number - 1), extrinsics: ['0x02', '0x03'], storageDiff: { '0xaa': '0x01', '0xbb': null } })

test('gives blocks back as they were, also after a reopening', async () => {
  const db = new ChainDatabase(path)
  await db.saveBlock(block(1))
  await db.saveBlock(block(2))
  await db.close()
  const again = new ChainDatabase(path)
  expect(await again.queryBlock(hash(1))).toEqual(block(1))
  expect(await again.queryBlockByNumber(2)).toEqual(block(2))
  expect(await again.queryHighestBlock()).toEqual(block(2))
  expect(again.meta('head')).toBe(hash(2))
  expect(await again.queryBlock(hash(9))).toBeNull()
  await again.close()
  await again.close()
})

test('a sibling ends the branch above it', async () => {
  const db = new ChainDatabase(path)
  for (const number of [1, 2, 3, 4]) await db.saveBlock(block(number))
  await db.saveBlock(block(2, 22))
  expect(await db.blocksCount()).toBe(2)
  expect(await db.queryBlock(hash(3))).toBeNull()
  expect((await db.queryHighestBlock())?.hash).toBe(hash(22))
  await db.deleteBlock(hash(22))
  expect(await db.blocksCount()).toBe(1)
  await db.close()
})

test('a block that cannot be written leaves what was there', async () => {
  const db = new ChainDatabase(path)
  await db.saveBlock(block(1))
  await expect(db.saveBlock({ ...block(1, 11), header: null as unknown as Hex })).rejects.toThrow(/NOT NULL/)
  expect(await db.queryHighestBlock()).toEqual(block(1))
  await db.close()
})

test('storage set by hand joins the block it was set on', async () => {
  const db = new ChainDatabase(path)
  await db.saveBlock(block(1))
  db.patchBlock(hash(1), { '0xbb': '0x05', '0xcc': null })
  db.patchBlock(hash(7), { '0xbb': '0x06' })
  expect((await db.queryBlock(hash(1)))?.storageDiff).toEqual({ '0xaa': '0x01', '0xbb': '0x05', '0xcc': null })
  await db.close()
})

test('remembers what an upstream said, an absent value too, and never fails on it', async () => {
  const db = new ChainDatabase(path)
  await db.saveStorage(hash(1), '0xaa', '0x01')
  await db.saveStorageBatch([
    { blockHash: hash(1), key: '0xbb', value: null },
    { blockHash: hash(1), key: '0xcc', value: undefined as unknown as null },
  ])
  expect(await db.queryStorage(hash(1), '0xaa')).toEqual({ blockHash: hash(1), key: '0xaa', value: '0x01' })
  expect(await db.queryStorage(hash(1), '0xbb')).toEqual({ blockHash: hash(1), key: '0xbb', value: null })
  expect(await db.queryStorage(hash(1), '0xcc')).toMatchObject({ value: null })
  expect(await db.queryStorage(hash(2), '0xaa')).toBeNull()
  await db.close()
  await db.saveStorage(hash(1), '0xdd', '0x01')
  expect(await db.queryStorage(hash(1), '0xdd')).toBeNull()
})

test('one process at a time, and only a database', async () => {
  const db = new ChainDatabase(path)
  expect(() => new ChainDatabase(path)).toThrow(expect.objectContaining({ code: 'DB_BUSY' }))
  await db.close()
  const text = join(folder, 'notes.txt')
  writeFileSync(text, 'not a database, but long enough to be looked at as one'.repeat(100))
  expect(() => new ChainDatabase(text)).toThrow(expect.objectContaining({ code: 'DB_UNREADABLE' }))
  expect(() => new ChainDatabase(join(text, 'x.sqlite'))).toThrow(expect.objectContaining({ code: 'DB_UNREADABLE' }))
})
