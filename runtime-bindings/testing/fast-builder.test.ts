import type { Block, BuildBlockParams } from '@acala-network/chopsticks-core'
import type { Digest } from '@polkadot/types/interfaces'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { core, hexToU8a } from './chopsticks.ts'
import { startDevchain, type Devchain } from './devchain.ts'
import { accelerate, decelerate } from './executor.ts'
import { fastBlock, FastBuildError, needsStock } from './fast-builder.ts'
import type { Hex } from './genesis.ts'
import { connect, person, type TestApi } from './test-api.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const alice = person('alice')
const bob = person('bob')
let chain: Devchain
let api: TestApi

beforeAll(async () => {
  chain = await startDevchain({ fund: { [alice.address]: 1000n * 10n ** 18n, [bob.address]: 10n ** 18n } })
  api = await connect(chain.endpoint)
  await chain.newBlocks(3)
})
afterAll(async () => {
  await api.disconnect()
  await chain.close()
})

/** Both builders get the same relay randomness, so that the blocks can be compared. */
const plan = (transactions: Hex[]): BuildBlockParams => ({
  transactions,
  upwardMessages: {},
  downwardMessages: [],
  horizontalMessages: {},
  relayChainStateOverrides: [['0x1cb6f36e027abb2091cfb5110ab5087f7ce678799d3eff024253b90e84927cc6', `0x${'17'.repeat(32)}`]],
})

/** By chopsticks' own builder on chopsticks' own executor. */
async function stock(params: BuildBlockParams): Promise<Block> {
  decelerate(chain.chain)
  try {
    return (await core.buildBlock(chain.chain.head, chain.chain.getInherents(), params))[0]
  } finally {
    accelerate(chain.chain)
  }
}

/** The keys whose value differs when read from one block or the other, as `pallet.item`. */
async function differences(fast: Block, slow: Block): Promise<string[]> {
  const keys = new Set([...Object.keys(await fast.storageDiff()), ...Object.keys(await slow.storageDiff())])
  const found: string[] = []
  for (const key of keys) if ((await fast.get(key)) !== (await slow.get(key))) found.push(name(key))
  return [...new Set(found)].sort()
}

function name(key: string): string {
  for (const pallet of Object.values(api.query)) {
    for (const item of Object.values(pallet)) {
      const { creator } = item
      if (creator !== undefined && key.startsWith(item.keyPrefix())) return `${creator.section}.${creator.method}`
    }
  }
  return key
}

async function ethereumBlock(block: Block): Promise<{ header: Record<string, unknown> }> {
  const raw = await block.get(api.query.ethereum!.currentBlock!.key())
  return api.registry.createType('EthereumBlock', hexToU8a(raw)).toJSON() as { header: Record<string, unknown> }
}

async function digestItems(block: Block): Promise<{ engine: string; item: string }[]> {
  const digest = api.registry.createType('Digest', hexToU8a(await block.get(api.query.system!.digest!.key()))) as Digest
  return digest.logs.map((log) => ({ engine: log.isConsensus ? log.asConsensus[0].toUtf8() : log.type, item: log.toHex() }))
}

async function mixedTransactions(): Promise<Hex[]> {
  const a = (nonce: number) => ({ nonce, era: 0 })
  const signed = [
    await api.tx.balances!.transfer!(bob.address, 10n ** 18n).signAsync(alice, a(0)),
    await api.tx.peaqStorage!.addItem!('0x666f6f', '0x01').signAsync(alice, a(1)),
    // Fails in dispatch: included, charged, state rolled back inside the runtime.
    await api.tx.peaqStorage!.addItem!('0x666f6f', '0x02').signAsync(alice, a(2)),
    await api.tx.utility!.batchAll!([1, 2, 3].map((i) => api.tx.peaqStorage!.addItem!(`0x0${i}`, '0x01'))).signAsync(alice, a(3)),
    await api.tx.peaqDid!.addAttribute!(bob.address, '0x646964', '0xaa', null).signAsync(bob, a(0)),
    // Removes a key: bob's account keeps the rest.
    await api.tx.balances!.transferAll!(alice.address, false).signAsync(bob, a(1)),
  ]
  return signed.map((transaction) => transaction.toHex())
}

test.each([
  ['an empty block', async () => []],
  ['transfers, storage items, a batch, a DID and a failing call', mixedTransactions],
])('builds %s with the state that the stock builder gives', async (_, make) => {
  const params = plan(await make())
  const fast = await fastBlock(chain.chain, params)
  const slow = await stock(params)

  expect(fast.hash).toBe(slow.hash)
  expect(await fast.extrinsics).toEqual(await slow.extrinsics)
  expect((await fast.header).toHex()).toBe((await slow.header).toHex())

  // The one difference: pallet-ethereum closes each block with a pseudo Ethereum block that has the storage root in it. Neither executor
  // has the whole state to compute it: each takes a root of its own over what it changed. The root goes into the pseudo block, its
  // hash, and the digest item with that hash, which the next block wipes; nothing else reads them.
  expect(await differences(fast, slow)).toEqual(['ethereum.blockHash', 'ethereum.currentBlock', 'system.digest'])
  const [fastEthereum, slowEthereum] = [await ethereumBlock(fast), await ethereumBlock(slow)]
  expect(fastEthereum.header['stateRoot']).not.toBe(slowEthereum.header['stateRoot'])
  fastEthereum.header['stateRoot'] = slowEthereum.header['stateRoot']
  expect(fastEthereum).toEqual(slowEthereum)
  const [fastDigest, slowDigest] = [await digestItems(fast), await digestItems(slow)]
  expect(fastDigest.map(({ engine }) => engine)).toEqual(slowDigest.map(({ engine }) => engine))
  expect(fastDigest.filter(({ engine }) => engine !== 'fron')).toEqual(slowDigest.filter(({ engine }) => engine !== 'fron'))

  // What the stock diff has besides are values it had read and repeats: they equal the parent's, so they change no state.
  const written = new Set(Object.keys(await fast.storageDiff()))
  const repeated = Object.entries(await slow.storageDiff()).filter(([key]) => !written.has(key))
  const parents = await Promise.all(repeated.map(async ([key]) => [key, (await chain.chain.head.get(key)) ?? null]))
  expect(repeated.map(([key, value]) => [key, value ?? null])).toEqual(parents)
})

test('the chain goes on the same from either block', async () => {
  const transactions = await mixedTransactions()
  const fork = chain.head()
  const ends: string[] = []
  for (const build of [fastBlock, (_: unknown, params: BuildBlockParams) => stock(params)]) {
    await chain.setHead(fork.hash)
    await chain.chain.onNewBlock(await build(chain.chain, plan(transactions)))
    await chain.chain.onNewBlock(await build(chain.chain, plan([])))
    ends.push(chain.head().hash)
    expect((await api.query.peaqStorage!.itemStore!.entries()).length).toBeGreaterThan(0)
  }
  expect(ends[0]).toBe(ends[1])
  await chain.setHead(fork.hash)
})

test('gives up a block with a transaction that is not applied, and leaves the head', async () => {
  const [first, , third] = await mixedTransactions()
  const before = chain.head()
  await expect(fastBlock(chain.chain, plan([first!, third!]))).rejects.toThrow(FastBuildError)
  expect(chain.head()).toEqual(before)
})

test('leaves height jumps and messages to the stock builder', () => {
  expect(needsStock(chain.chain, plan([]))).toBe(false)
  expect(needsStock(chain.chain, { ...plan([]), unsafeBlockHeight: 99 })).toBe(true)
  expect(needsStock(chain.chain, { ...plan([]), downwardMessages: [{ sentAt: 1, msg: '0x00' }] })).toBe(true)
})
