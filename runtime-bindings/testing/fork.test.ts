// A fork of a fork: the chain under test stands on a running local chain with a history, by the same code that forks the live one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startDevchain, type BlockRef, type Devchain } from './devchain.ts'
import type { Hex } from './genesis.ts'
import { liveConfig } from './live-config.ts'
import { startProxy } from './proxy.ts'
import { spawnDevchain } from './spawn.ts'
import { connect, free, nonce, person, send, submit, type TestApi } from './test-api.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const PEAQ = 10n ** 18n
const alice = person('alice')
const bob = person('bob')
const carol = person('carol')
const folder = mkdtempSync(join(tmpdir(), 'assay-fork-'))

let upstream: Devchain
let above: TestApi
/** Where the forks begin: bob has 1 PEAQ; one block before he had none. */
let base: BlockRef

const transfer = async (api: TestApi, to: string, amount: bigint) =>
  api.tx.balances!.transfer!(to, amount).signAsync(alice, { nonce: await nonce(api, alice.address), era: 0 })

beforeAll(async () => {
  upstream = await startDevchain({ fund: { [alice.address]: 1000n * PEAQ } })
  above = await connect(upstream.endpoint)
  await upstream.newBlocks(2)
  base = await upstream.newBlock([(await transfer(above, bob.address, PEAQ)).toHex()])
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await above.disconnect()
  await upstream.close()
  rmSync(folder, { recursive: true })
})

describe('a fork', () => {
  test('has the history of its upstream and a future of its own, on a clock', async () => {
    await using fork = await startDevchain({ fork: { endpoint: upstream.endpoint }, blocks: { everyMs: 1000 }, fund: { [carol.address]: 3n * PEAQ, [bob.address]: 5n * PEAQ } })
    const api = await connect(fork.endpoint)
    try {
      expect(api.genesisHash.toHex()).toBe(upstream.genesisHash)
      const funded = (await api.rpc.chain.getBlockHash(base.number + 1)).toHex()
      expect(await free(api, carol.address, funded)).toBe(3n * PEAQ)
      expect(await free(api, bob.address, funded)).toBe(5n * PEAQ)

      // Reads before the fork: by number, by hash, single and as a list.
      expect((await api.rpc.chain.getBlockHash(1)).toHex()).toBe((await above.rpc.chain.getBlockHash(1)).toHex())
      const first = (await api.rpc.chain.getBlockHash(base.number - 1)).toHex()
      expect(await free(api, bob.address, base.hash)).toBe(PEAQ)
      expect(await free(api, bob.address, first)).toBe(0n)
      expect((await (await api.at(first)).query.system!.account!.entries()).length).toBe((await (await above.at(first)).query.system!.account!.entries()).length)
      expect((await api.rpc.chain.getBlock(base.hash)).block.extrinsics.length).toBe((await above.rpc.chain.getBlock(base.hash)).block.extrinsics.length)

      // The clock: blocks come by themselves, one after the other, and take what waits.
      const numbers: number[] = []
      await new Promise<void>((resolve) => void api.rpc.chain.subscribeNewHeads((header) => {
        numbers.push(header.number.toNumber())
        if (numbers.length === 5) resolve()
      }))
      expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
      const signed = await transfer(api, bob.address, 2n * PEAQ)
      // A slow client sees no InBlock: it is overtaken by Finalized, which chopsticks sends 100 ms later.
      const done = new Promise<string>((resolve, reject) => {
        signed.send(({ status }) => (status.isInBlock ? resolve(status.asInBlock.toHex()) : status.isFinalized ? resolve(status.asFinalized.toHex()) : undefined)).catch(reject)
      })
      expect(await free(api, bob.address, await done)).toBe(7n * PEAQ)
      expect(fork.stats).toMatchObject({ failed: 0, dropped: 0 })

      // Neither reaches the other.
      const own = await upstream.newBlock()
      expect(await free(above, bob.address)).toBe(PEAQ)
      expect((await api.rpc.chain.getBlockHash(own.number)).toHex()).not.toBe(own.hash)
    } finally {
      await api.disconnect()
    }
  })

  test('is what chopsticks.yml describes; can begin at an older block, and builds one for each transaction where asked to', async () => {
    vi.stubEnv('ASSAY_LIVE_ENDPOINT', upstream.endpoint)
    vi.stubEnv('ASSAY_LIVE_BLOCK', String(base.number))
    vi.stubEnv('ASSAY_LIVE_DB', 'none')
    await using fork = await startDevchain({ ...(await liveConfig()), blocks: 'instant' })
    expect(fork.head()).toEqual(base)
    const api = await connect(fork.endpoint)
    const hash = await submit(api, await transfer(api, bob.address, PEAQ))
    const header = await new Promise<Hex>((resolve) => void api.rpc.chain.subscribeNewHeads((head) => void (head.number.toNumber() > base.number && resolve(head.hash.toHex()))))
    expect((await api.rpc.chain.getBlock(header)).block.extrinsics.map((extrinsic) => extrinsic.hash.toHex())).toContain(hash)
    await api.disconnect()
  })

  test('keeps its transactions while the upstream is away, says so, and goes on after', async () => {
    const said: string[] = []
    const log = { info: () => undefined, warn: () => undefined, error: (event: string) => void said.push(event) }
    await using proxy = await startProxy({ target: { port: upstream.port } })
    await using fork = await startDevchain({ fork: { endpoint: `ws://127.0.0.1:${proxy.port}`, block: base.number }, connectTimeoutMs: 2_000, log })
    const api = await connect(fork.endpoint)
    const signed = await transfer(api, carol.address, PEAQ)
    await submit(api, signed)
    proxy.cut()
    await expect(fork.newBlock()).rejects.toThrow(/could not be built/)
    expect(said).toEqual(['block build failed'])
    proxy.resume()
    await fork.newBlock()
    expect(await free(api, carol.address)).toBe(PEAQ)
    await api.disconnect()
  })

  test('of a chain that is not there, or of a block it has not, is refused', async () => {
    await expect(startDevchain({ fork: { endpoint: 'ws://127.0.0.1:1' }, connectTimeoutMs: 200 })).rejects.toMatchObject({ name: 'ForkUnreachableError' })
    await expect(startDevchain({ fork: { endpoint: upstream.endpoint, block: `0x${'12'.repeat(32)}` } })).rejects.toThrow(/has no block/)
    await expect(startDevchain({ fork: { endpoint: upstream.endpoint, block: 9_999 } })).rejects.toThrow(/has no block/)
  })
})

describe('a fork with a database', () => {
  test('comes back after kill -9 where it was: head, balances, storage set by hand, signing', async () => {
    const db = join(folder, 'kept.sqlite')
    const options = { fork: { endpoint: upstream.endpoint, block: base.number }, blocks: 'manual', db } as const
    const first = await spawnDevchain(options)
    const api = await connect(first.endpoint)
    await send(api, 'dev_setStorage', { System: { Account: [[[carol.address], { providers: 1, data: { free: (9n * PEAQ).toString() } }]] } })
    await submit(api, await transfer(api, bob.address, PEAQ))
    await send(api, 'dev_newBlock')
    await send(api, 'dev_reorg', 1)
    const before = { head: (await api.rpc.chain.getHeader()).hash.toHex(), bob: await free(api, bob.address), nonce: await nonce(api, alice.address) }
    expect(before.bob).toBe(2n * PEAQ)
    await expect(startDevchain({ fork: { endpoint: upstream.endpoint }, db })).rejects.toMatchObject({ code: 'DB_BUSY' })
    await api.disconnect()
    expect(await first.kill('SIGKILL')).toBe('SIGKILL')

    await upstream.newBlock() // the fork stays at its block
    const second = await spawnDevchain({ ...options, fork: { endpoint: upstream.endpoint } })
    expect(second.head.hash).toBe(before.head)
    const again = await connect(second.endpoint)
    expect(again.genesisHash.toHex()).toBe(upstream.genesisHash)
    expect({ bob: await free(again, bob.address), nonce: await nonce(again, alice.address) }).toEqual({ bob: before.bob, nonce: before.nonce })
    expect(await free(again, carol.address)).toBe(9n * PEAQ)
    expect((await again.rpc.chain.getBlockHash(base.number)).toHex()).toBe(base.hash)
    await submit(again, await transfer(again, bob.address, PEAQ))
    await send(again, 'dev_newBlock')
    expect(await free(again, bob.address)).toBe(3n * PEAQ)
    await again.disconnect()
    expect(await second.kill()).toBe(0)

    await expect(startDevchain({ fork: { endpoint: upstream.endpoint, block: 1 }, db })).rejects.toMatchObject({ code: 'DB_OTHER_CHAIN' })
    await expect(startDevchain({ db })).rejects.toMatchObject({ code: 'DB_OTHER_CHAIN' })
  })

  test('that is only a cache starts afresh', async () => {
    const options = { fork: { endpoint: upstream.endpoint, block: base.number }, db: { path: join(folder, 'cache.sqlite'), keepBlocks: false } }
    for (let i = 0; i < 2; i += 1) {
      await using fork = await startDevchain(options)
      expect(fork.head()).toEqual(base)
      await fork.newBlock()
    }
  })
})
