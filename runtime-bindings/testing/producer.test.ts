// The producer over a pool that behaves as chopsticks' does; the real one is behind every other test of this folder.
import { EventEmitter } from 'node:events'
import type { Blockchain } from '@acala-network/chopsticks-core'
import { expect, test } from 'vitest'
import type { Hex } from './genesis.ts'
import { createProducer } from './producer.ts'

/** A chain that applies a transaction unless `breaks` holds it; such a one stays in the pool, as in chopsticks. */
function fakeChain(breaks: Set<Hex>) {
  const waiting: Hex[] = []
  const built: Hex[][] = []
  const chain = {
    head: { number: 0 },
    txPool: {
      event: new EventEmitter(),
      get pendingExtrinsics() {
        return [...waiting]
      },
      clear: () => void waiting.splice(0),
      submitExtrinsic: async (transaction: Hex) => {
        if (transaction === '0x') throw new Error('not a transaction')
        waiting.push(transaction)
      },
      buildBlock: async (): Promise<void> => undefined,
      buildBlockWithParams: async ({ transactions }: { transactions: Hex[] }) => {
        built.push(transactions)
        if (breaks.has('0xffff')) throw new Error('disk full')
        waiting.push(...transactions.filter((transaction) => breaks.has(transaction)))
        chain.head = { number: chain.head.number + 1 }
      },
    },
  }
  return { chain: chain as unknown as Blockchain, built, waiting }
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

test('a transaction on which the runtime breaks is tried in three blocks and dropped; the others are not held up', async () => {
  const { chain, built, waiting } = fakeChain(new Set<Hex>(['0xbad0']))
  const { build, stats } = createProducer(chain, { fast: false, log: silent })
  await chain.txPool.submitExtrinsic('0xbad0')
  await chain.txPool.submitExtrinsic('0x01')
  for (let i = 0; i < 4; i += 1) await build()
  expect(built).toEqual([['0xbad0', '0x01'], ['0xbad0'], ['0xbad0'], []])
  expect(waiting).toEqual([])
  expect(stats).toEqual({ fast: 0, stock: 4, failed: 0, dropped: 1 })
})

test('after a failed build the transactions wait, but bytes that are none are dropped', async () => {
  const { chain, waiting } = fakeChain(new Set<Hex>(['0xffff']))
  const { build, stats } = createProducer(chain, { fast: false, log: silent })
  await expect(build({ transactions: ['0x', '0x01'] })).rejects.toMatchObject({ name: 'BlockBuildError', message: expect.stringMatching(/block 1 .*disk full/) })
  expect(waiting).toEqual(['0x01'])
  expect(stats).toMatchObject({ failed: 1, dropped: 1 })
})

test('builds and other work take turns', async () => {
  const { chain } = fakeChain(new Set())
  const { build, exclusive } = createProducer(chain, { fast: false, log: silent })
  const order: string[] = []
  await Promise.all([
    exclusive(async (inner) => {
      order.push('begin')
      await inner()
      order.push('end')
    }),
    build().then(() => order.push('second')),
    exclusive(async () => Promise.reject(new Error('no'))).catch(() => order.push('third')),
    build().then(() => order.push('fourth')),
  ])
  expect(order).toEqual(['begin', 'end', 'second', 'third', 'fourth'])
})
