import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { startDevchain, type Devchain } from './devchain.ts'
import type { Hex } from './genesis.ts'
import { connect, free, nonce, person, submit, type TestApi } from './test-api.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const PEAQ = 10n ** 18n
const alice = person('alice')
const bob = person('bob')
const carol = person('carol')

const said: { event: string; fields: Record<string, unknown> }[] = []
const hear = (event: string, fields: Record<string, unknown> = {}): void => void said.push({ event, fields })
let chain: Devchain
let api: TestApi

beforeAll(async () => {
  chain = await startDevchain({ fund: { [alice.address]: 1000n * PEAQ, [`0x${Buffer.from(bob.publicKey).toString('hex')}`]: PEAQ }, log: { info: hear, warn: hear, error: hear } })
  api = await connect(chain.endpoint)
})
afterAll(async () => {
  await api.disconnect()
  await chain.close()
})
beforeEach(() => void said.splice(0))

const transfer = async (from: typeof alice, to: string, amount: bigint, n?: number) =>
  (await api.tx.balances!.transfer!(to, amount).signAsync(from, { nonce: n ?? (await nonce(api, from.address)), era: 0 })).toHex()
const numberOf = async (hash: string): Promise<number> => (await api.rpc.chain.getHeader(hash)).number.toNumber()

describe('a boot', () => {
  test('runs the real runtime, with the funds in its genesis and the issuance to match', async () => {
    expect(api.runtimeVersion.specName.toString()).toBe('peaq-node')
    expect(await free(api, alice.address)).toBe(1000n * PEAQ)
    expect(await free(api, bob.address)).toBe(PEAQ)
    const issuance = async (at: string) => ((await (await api.at(at)).query.balances!.totalIssuance!()) as unknown as { toBigInt(): bigint }).toBigInt()
    const accounts = await (await api.at(chain.genesisHash)).query.system!.account!.entries()
    const all = accounts.map(([, account]) => (account as unknown as { data: { free: { toBigInt(): bigint }; reserved: { toBigInt(): bigint } } }).data)
    expect(await issuance(chain.genesisHash)).toBe(all.reduce((sum, { free: f, reserved }) => sum + f.toBigInt() + reserved.toBigInt(), 0n))
  })

  test('has a genesis hash of its own, which a question about an unknown block does not replace', async () => {
    expect(api.genesisHash.toHex()).toBe(chain.genesisHash)
    expect(chain.genesisHash).not.toMatch(/^0x(45)+$/)
    await expect(api.rpc.chain.getHeader(`0x${'12'.repeat(32)}`)).rejects.toThrow(/not found/)
    expect((await api.rpc.chain.getBlockHash(0)).toHex()).toBe(chain.genesisHash)
  })

  test('refuses a busy port, an impossible clock and two sources', async () => {
    await expect(startDevchain({ port: chain.port, fork: { endpoint: chain.endpoint } })).rejects.toThrow(/port \d+ on 127\.0\.0\.1 is in use/)
    await expect(startDevchain({ blocks: { everyMs: 0 } })).rejects.toThrow(RangeError)
    await expect(startDevchain({ spec: 'peaq', fork: { endpoint: chain.endpoint } })).rejects.toThrow(RangeError)
    await expect(startDevchain({ fund: { nobody: 1n } })).rejects.toThrow(/not an address/)
    await expect(startDevchain({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
  })
})

describe('blocks', () => {
  test('a transfer moves exactly its amount, and the sender pays exactly the fee besides', async () => {
    const before = { alice: await free(api, alice.address), bob: await free(api, bob.address) }
    await submit(api, await api.tx.balances!.transfer!(bob.address, 5n * PEAQ).signAsync(alice, { nonce: 0, era: 0 }))
    const block = await chain.newBlock()
    const events = (await (await api.at(block.hash)).query.system!.events!()) as unknown as { event: { method: string; section: string; data: { toBigInt(): bigint }[] } }[]
    const withdrawn = events.find(({ event }) => event.section === 'balances' && event.method === 'Withdraw')!.event.data[1]!.toBigInt()
    expect(await free(api, bob.address)).toBe(before.bob + 5n * PEAQ)
    expect(await free(api, alice.address)).toBe(before.alice - 5n * PEAQ - withdrawn)
    expect(withdrawn).toBeGreaterThan(0n)
    expect(await free(api, bob.address, chain.genesisHash)).toBe(PEAQ)
  })

  test('many transactions of one block are built in one go, in order', async () => {
    const fast = chain.stats.fast
    const n = await nonce(api, alice.address)
    const transactions: Hex[] = []
    for (let i = 0; i < 20; i += 1) transactions.push(await transfer(alice, carol.address, 1n, n + i))
    await chain.newBlock(transactions)
    expect(await free(api, carol.address)).toBe(0n) // below the existential deposit each: included, refused in dispatch
    await chain.newBlock([await transfer(alice, carol.address, PEAQ)])
    expect(await free(api, carol.address)).toBe(PEAQ)
    expect(chain.stats.fast).toBe(fast + 2)
  })

  test('a transaction refused at building is counted and told; the others get in, the same bytes once', async () => {
    const { dropped } = chain.stats
    const n = await nonce(api, alice.address)
    const good = await transfer(alice, bob.address, PEAQ, n)
    const gap = await transfer(alice, bob.address, PEAQ, n + 5)
    const before = await free(api, bob.address)
    await chain.newBlock([good, gap, good])
    expect(await free(api, bob.address)).toBe(before + PEAQ)
    expect(chain.stats.dropped).toBe(dropped + 1)
    expect(said).toContainEqual({ event: 'transaction dropped', fields: expect.objectContaining({ reason: expect.stringMatching(/future/i) }) })
  })

  test('a failed build rejects, is told, and its transactions wait for the next block', async () => {
    const inherents = chain.chain.getInherents()
    const broken = { createInherents: async () => ['0x00' as Hex] }
    await submit(api, await api.tx.balances!.transfer!(bob.address, PEAQ).signAsync(alice, { nonce: await nonce(api, alice.address), era: 0 }))
    const before = { head: chain.head(), bob: await free(api, bob.address), failed: chain.stats.failed }
    inherents.push(broken)
    try {
      await expect(chain.newBlock()).rejects.toThrow(/could not be built/)
    } finally {
      inherents.pop()
    }
    expect(chain.head()).toEqual(before.head)
    expect(chain.stats.failed).toBe(before.failed + 1)
    expect(said.map(({ event }) => event)).toContain('block build failed')
    await chain.newBlock()
    expect(await free(api, bob.address)).toBe(before.bob + PEAQ)
  })
})

describe('the fast builder', () => {
  test('is left for a runtime that only stock can serve, and that is told once', async () => {
    await using other = await startDevchain({ fork: { endpoint: chain.endpoint }, log: { info: hear, warn: hear, error: hear } })
    await other.newBlock()
    expect(other.stats).toMatchObject({ fast: 1, stock: 0 })
    // Stock asks for the inherents after it has initialised the block, the fast builder before.
    const fussy = {
      createInherents: async (block: { storageLayerCount: number }): Promise<Hex[]> => {
        if (block.storageLayerCount === 0) throw new Error('not initialised')
        return []
      },
    }
    const inherents = other.chain.getInherents()
    inherents.push(fussy)
    try {
      await other.newBlocks(2)
    } finally {
      inherents.pop()
    }
    await other.newBlock()
    expect(other.stats).toMatchObject({ fast: 1, stock: 3, failed: 0 })
    expect(said.filter(({ event }) => event === 'fast block builder left')).toHaveLength(1)
  })
})

describe('a reorganisation', () => {
  test('replaces blocks by others and brings their transactions back', async () => {
    const before = await free(api, bob.address)
    const left = await chain.newBlock([await transfer(alice, bob.address, PEAQ)])
    await chain.newBlock()
    const heads: number[] = []
    const stop = await api.rpc.chain.subscribeNewHeads((header) => void heads.push(header.number.toNumber()))

    const now = await chain.reorg(2)
    expect(now.number).toBe(left.number + 2)
    const sibling = (await api.rpc.chain.getBlockHash(left.number)).toHex()
    expect(sibling).not.toBe(left.hash)
    expect(await numberOf(left.hash)).toBe(left.number) // still known by its hash
    expect(await free(api, bob.address)).toBe(before + PEAQ)
    expect(await free(api, bob.address, sibling)).toBe(before + PEAQ)
    stop()
  })

  test('can lose them', async () => {
    const before = await free(api, bob.address)
    const n = await nonce(api, alice.address)
    await chain.newBlock([await transfer(alice, bob.address, PEAQ)])
    await chain.reorg(1, { lose: true })
    expect(await free(api, bob.address)).toBe(before)
    expect(await nonce(api, alice.address)).toBe(n)
  })

  test('empty siblings differ, and the chain is not left deeper than it is', async () => {
    const first = await chain.newBlock()
    await chain.setHead(-1)
    expect((await chain.newBlock()).hash).not.toBe(first.hash)
    await expect(chain.reorg(1_000)).rejects.toThrow(RangeError)
    await expect(chain.reorg(0)).rejects.toThrow(RangeError)
  })
})

describe('height, time and storage', () => {
  test('a jump leads over heights that do not exist', async () => {
    const before = chain.head()
    const landed = await chain.jumpTo(before.number + 1000)
    expect(landed.number).toBe(before.number + 1000)
    const gap = (await api.rpc.chain.getBlockHash(before.number + 5)).toHex()
    expect(gap).toMatch(/^0x0+$/)
    await chain.newBlock([await transfer(alice, bob.address, 1n * PEAQ)])
    await expect(chain.jumpTo(5)).rejects.toThrow(RangeError)
  })

  test('time goes forward only', async () => {
    const now = async () => ((await api.query.timestamp!.now!()) as unknown as { toNumber(): number }).toNumber()
    const before = await now()
    await chain.timeTravel(before + 86_400_000)
    await chain.newBlock()
    expect(await now()).toBe(before + 86_400_000 + 12_000)
    await expect(chain.timeTravel(before)).rejects.toThrow(/cannot travel back/)
  })

  test('storage can be set by hand, not by prefix', async () => {
    await chain.setStorage({ System: { Account: [[[carol.address], { providers: 1, data: { free: (7n * PEAQ).toString() } }]] } })
    await chain.newBlock()
    expect(await free(api, carol.address)).toBe(7n * PEAQ)
    await expect(async () => chain.setStorage({ System: { $removePrefix: ['Account'] } })).rejects.toThrow(RangeError)
  })
})

describe('the server', () => {
  const ask = async (text: string): Promise<unknown> => {
    const socket = new WebSocket(chain.endpoint)
    await once(socket, 'open')
    socket.send(text)
    const [message] = (await once(socket, 'message')) as [{ data: string }]
    socket.close()
    return JSON.parse(message.data)
  }
  const call = (method: string, ...params: unknown[]) => ask(JSON.stringify({ id: 1, jsonrpc: '2.0', method, params }))

  test('answers garbage, unknown methods and batches as JSON-RPC', async () => {
    expect(await ask('garbage')).toMatchObject({ id: null, error: { code: -32600 } })
    expect(await ask('{"id":1}')).toMatchObject({ error: { code: -32600 } })
    expect(await call('no_such')).toMatchObject({ id: 1, error: { code: -32601 } })
    expect(await ask('[{"id":1,"method":"system_chain"},{"id":2,"method":"dev_stats"}]')).toMatchObject([{ result: 'peaq' }, { result: { failed: expect.any(Number) } }])
  })

  test('offers the same careful helpers as this process has', async () => {
    const { number } = chain.head()
    expect(await call('dev_newBlock', { count: 2 })).toMatchObject({ result: expect.stringMatching(/^0x/) })
    expect(chain.head().number).toBe(number + 2)
    expect(await call('dev_reorg', 1)).toMatchObject({ result: expect.stringMatching(/^0x/) })
    expect(chain.head().number).toBe(number + 3)
    expect(await call('dev_timeTravel', 1)).toMatchObject({ error: { message: expect.stringMatching(/cannot travel back/) } })
    expect(await call('dev_setHead', 123_456_789)).toMatchObject({ error: { message: expect.stringMatching(/no block/) } })
    expect(await call('dev_setBlockBuildMode', 'Instant')).toMatchObject({ error: { code: -32601 } })
  })
})
