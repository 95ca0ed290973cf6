import type { Block } from '@acala-network/chopsticks-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createCompactor, stacked } from './compactor.ts'
import { startDevchain, type Devchain } from './devchain.ts'
import type { Hex } from './genesis.ts'
import { connect, person, type TestApi } from './test-api.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const WINDOW = 4
const alice = person('alice')
const bob = person('bob')
let chain: Devchain
let api: TestApi
let compact: () => Promise<void>
/** The block before the first window, and the layers below it. */
let first: number
let below: number

beforeAll(async () => {
  chain = await startDevchain({ fund: { [alice.address]: 1000n * 10n ** 18n } })
  api = await connect(chain.endpoint)
  compact = createCompactor(chain.chain, WINDOW)
  first = head().number
  below = await depth()
})
afterAll(async () => {
  await api.disconnect()
  await chain.close()
})

async function build(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await chain.newBlocks(1)
    await compact()
  }
}

const inWindow = (): number => (head().number - first) % WINDOW
const head = (): Block => chain.chain.head

/** What of all that the blocks up to the head changed is read otherwise from its compacted storage than from the stack of all layers. */
async function differences(): Promise<string[]> {
  const keys = new Set<string>()
  for (let block: Block | undefined = head(); block !== undefined && block.number > 0; block = await block.parentBlock) for (const key of Object.keys(await block.storageDiff())) keys.add(key)
  expect(keys.size).toBeGreaterThan(20)
  const plain = stacked(head())
  const found: string[] = []
  for (const key of keys) {
    // What was never there and what was deleted are the same to whoever reads.
    const [now, then] = await Promise.all([head().storage, plain].map(async (storage) => ((await storage.get(key, false)) ?? 'Deleted')))
    if (now !== then) found.push(key)
  }
  const accounts = api.query['system']!['account']!.keyPrefix() as Hex
  const [now, then] = await Promise.all([head().storage, plain].map((storage) => storage.getKeysPaged(accounts, 100, '0x')))
  expect(now).toEqual(then)
  return found
}

/** How many layers a key is looked for in that no block ever wrote. */
async function depth(): Promise<number> {
  const layer = Object.getPrototypeOf(stacked(head())) as { get(key: string, cache: boolean): Promise<unknown> }
  const look = vi.spyOn(layer, 'get')
  try {
    await head().storage.get(`0x${'5a'.repeat(32)}`, false)
    return look.mock.calls.length
  } finally {
    look.mockRestore()
  }
}

test('all is read as before, and through few layers', async () => {
  await build(3)
  await chain.newBlock([(await api.tx['balances']!['transfer']!(bob.address, 10n ** 18n).signAsync(alice)).toHex()])
  await compact()
  await build(8)
  expect(await differences()).toEqual([])
  expect(await depth()).toBe(below + 3)
  await build(2)
  expect(await depth()).toBe(below + 3 + 2)
})

test('what was taken away stays away, what was set by hand stays set, and a branch has its own', async () => {
  const key = api.query['system']!['account']!.key(bob.address) as Hex
  await chain.setStorage([[key, `0x${'01'.repeat(80)}`]])
  await build(2)
  expect([inWindow(), await head().get(key)]).toEqual([0, `0x${'01'.repeat(80)}`])
  // On a block that is compacted already.
  await chain.setStorage([[key, null]])
  expect(await head().get(key)).toBeUndefined()
  await build(WINDOW)
  expect([inWindow(), await head().get(key), await differences()]).toEqual([0, undefined, []])

  await chain.reorg(WINDOW)
  await compact()
  expect(await head().get(key)).toBeUndefined()
  await build(3 * WINDOW)
  expect(await differences()).toEqual([])
  expect(await depth()).toBeLessThan((head().number - first) / 2)
})
