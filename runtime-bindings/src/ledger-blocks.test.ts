import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { checkerRoleId, utf8, type Hash, type LedgerBlock } from '@assay/protocol'
import { startDevchain, startProxy, type CuttingProxy, type Devchain } from '../testing/index.ts'
import { accountFromSecret, type Account } from './account.ts'
import { connectChain, type Chain } from './chain.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'
import { addAttribute } from './did.ts'
import { decodeEvents, ledgerBlocks, ledgerBlocks$, ledgerEvents, loadLedgerBlock, type LedgerBlockEvent } from './ledger-blocks.ts'
import { addRole, assignRole, hasRole, revokeRole, rolesOf } from './rbac.ts'
import { createSender, type Sender } from './sender.ts'
import { addItem, hasItem, putItem, readItem, updateItem } from './storage.ts'
import { batchAll, forceBatch } from './utility.ts'

const PEAQ = 10n ** 18n
const stop = new AbortController()
let dev: Devchain
let proxy: CuttingProxy
let chain: Chain
let me: Account
let sender: Sender
beforeAll(async () => {
  await cryptoReady()
  me = accountFromSecret('//ledger')
  dev = await startDevchain({ fund: { [me.address]: 100n * PEAQ } })
  proxy = await startProxy({ target: { port: dev.port } })
  chain = await connectChain({ endpoint: `ws://127.0.0.1:${proxy.port}`, signal: stop.signal, retryMs: 20 })
  sender = createSender({ chain, account: me, signal: stop.signal })
})
afterAll(async () => {
  stop.abort()
  await proxy?.close()
  await dev?.close()
})

// Sends in a block of its own and gives what the ledger sees of that block.
const done = async (call: Parameters<Sender['send']>[0], ok = true): Promise<LedgerBlock> => {
  const sending = sender.send(call, { label: 'call' })
  await vi.waitFor(() => expect(dev.chain.txPool.pendingExtrinsics).toHaveLength(1), { timeout: 20_000, interval: 5 })
  const { number, hash } = await dev.newBlock()
  expect(await sending).toMatchObject({ ok })
  const parentHash = (await (await dev.chain.getBlock(hash))!.parentBlock)!.hash
  return loadLedgerBlock(chain, { number, hash, parentHash })
}

describe('a block', () => {
  test('has the effects of the peaq pallets in order, and its relay root', async () => {
    const role = checkerRoleId(nodeCrypto)
    const user = accountFromSecret('//Alice').id
    const block = await done(
      batchAll(chain, [
        addItem(chain, 'assay/x', Uint8Array.of(1)),
        updateItem(chain, 'assay/x', new Uint8Array()),
        addAttribute(chain, user, 'name', utf8('not a document')),
        addRole(chain, role, 'r'),
        assignRole(chain, role, user),
        revokeRole(chain, role, user),
      ]),
    )
    expect(block).toMatchObject({ number: dev.head().number, hash: dev.head().hash, relayRoot: expect.stringMatching(/^0x[0-9a-f]{64}$/) })
    // Before it are the collator’s own.
    const extrinsic = block.events[0]!.extrinsic!
    const sent = (await chain.rpc.request<{ block: { extrinsics: string[] } }>('chain_getBlock', [block.hash])).block.extrinsics
    expect(extrinsic).toBe(sent.length - 1)
    expect(sent[extrinsic]).toContain(Buffer.from('not a document').toString('hex'))
    expect(block.events).toEqual([
      { kind: 'item', who: me.id, key: 'assay/x', value: Uint8Array.of(1), update: false, extrinsic },
      { kind: 'item', who: me.id, key: 'assay/x', value: new Uint8Array(), update: true, extrinsic },
      { kind: 'attribute', who: me.id, subject: user, value: utf8('not a document'), identity: null, extrinsic },
      { kind: 'role', owner: me.id, role, user, assigned: true, extrinsic },
      { kind: 'role', owner: me.id, role, user, assigned: false, extrinsic },
    ])
  })

  test('shows nothing of what was rolled back', async () => {
    const block = await done(batchAll(chain, [addItem(chain, 'gone', Uint8Array.of(1)), addItem(chain, 'gone', Uint8Array.of(2))]), false)
    expect(block.events).toEqual([])
  })

  test('leaves out keys that are no text', async () => {
    const block = await done(batchAll(chain, [chain.call('peaqStorage', 'addItem', '0xff00', '0x01'), chain.call('peaqStorage', 'addItem', '0x', '0x02')]))
    expect(block.events).toEqual([{ kind: 'item', who: me.id, key: '', value: Uint8Array.of(2), update: false, extrinsic: expect.any(Number) }])
  })

  test('0 has none', async () => {
    expect(await loadLedgerBlock(chain, { number: 0, hash: chain.genesisHash, parentHash: chain.genesisHash })).toMatchObject({ number: 0, relayRoot: null, events: [] })
  })

  test('that the node answers without events, or with another block\'s, is no block without events', async () => {
    const { number, hash } = await dev.newBlock()
    const header = { number, hash, parentHash: (await (await dev.chain.getBlock(hash))!.parentBlock)!.hash }
    expect(await loadLedgerBlock(chain, header)).toMatchObject({ number, events: [] })
    type Sets = { block: Hash; changes: [Hash, Hash | null][] }[]
    const lying = (tamper: (sets: Sets) => unknown): Chain => ({ ...chain, rpc: { ...chain.rpc, requests: <T>(calls: Parameters<Chain['rpc']['requests']>[0]) => chain.rpc.requests<Sets>(calls).map(async (answer) => tamper(await answer) as T) } })
    const lies: [(sets: Sets) => unknown, RegExp][] = [
      [([set]) => [{ ...set, changes: [] }], /gives no events for block/],
      [([set]) => [{ ...set, changes: set!.changes.map(([key]) => [key, null]) }], /gives no events for block/],
      [([set]) => [{ ...set, block: chain.genesisHash }], /gives the state of another block for block/],
    ]
    for (const [tamper, said] of lies) await expect(loadLedgerBlock(lying(tamper), header)).rejects.toMatchObject({ code: 'INCONSISTENT', message: said })
  })

  test('that does not decode makes the runtime be asked for anew: another node may have lied about it', async () => {
    const { number, hash } = await dev.newBlock()
    const header = { number, hash, parentHash: (await (await dev.chain.getBlock(hash))!.parentBlock)!.hash }
    const { runtime } = chain
    const forgotten: unknown[] = []
    const lied: Chain = { ...chain, runtimeAfter: async () => ({ ...runtime, metadata: runtime.metadata.slice(0, 1000) as typeof runtime.metadata }), forgetRuntime: (one) => void forgotten.push(one.codeHash) }
    await expect(loadLedgerBlock(lied, header)).rejects.toMatchObject({ code: 'UNREADABLE_BLOCK' })
    expect(forgotten).toEqual([runtime.codeHash])
  })

  test('whose events do not decode says so, whatever the bytes', () => {
    for (const raw of ['0x04', '0xff', `0x${'ab'.repeat(200)}`, '0x0400000000ffff', '0x0000'] as const) {
      expect(() => ledgerEvents(chain.runtime, raw, 7)).toThrow(/events of block 7 do not decode/)
    }
    expect(ledgerEvents(chain.runtime, '0x00', 7)).toEqual([])
    expect(decodeEvents(chain.runtime, null, 7)).toEqual([])
  })
})

describe('an item', () => {
  test('that cannot be stored is refused before it costs anything', () => {
    expect(() => addItem(chain, 'k'.repeat(65), Uint8Array.of(1))).toThrow(/65 bytes, more than 64/)
    expect(() => updateItem(chain, 'k', new Uint8Array(129))).toThrow(/129 bytes; this chain stores 128/)
    expect(() => addItem(chain, 'k'.repeat(64), new Uint8Array(128))).not.toThrow()
  })

  test('that is empty is there all the same', async () => {
    expect(await readItem(chain, me.id, 'hollow')).toBeNull()
    await done(await putItem(chain, me.id, 'hollow', new Uint8Array()))
    expect([await readItem(chain, me.id, 'hollow'), await hasItem(chain, me.id, 'hollow')]).toEqual([new Uint8Array(), true])
    expect((await done(await putItem(chain, me.id, 'hollow', Uint8Array.of(1)))).events).toMatchObject([{ update: true }])
  })
})

describe('roles', () => {
  test('of a user with several cannot always be revoked on this runtime: events and storage say the same', async () => {
    const user = accountFromSecret('//Bob').id
    const role = (byte: string): Hash => `0x${byte.repeat(32)}`
    const assigned = await done(batchAll(chain, ['09', '01', '05'].flatMap((byte) => [addRole(chain, role(byte), byte), assignRole(chain, role(byte), user)])))
    expect(assigned.events.map((event) => event.kind === 'role' && event.role)).toEqual([role('09'), role('01'), role('05')])
    expect(await rolesOf(chain, me.id, user)).toEqual([role('09'), role('01'), role('05')])
    const revoked = await done(forceBatch(chain, ['09', '01'].map((byte) => revokeRole(chain, role(byte), user))), false)
    expect(revoked.events).toEqual([{ kind: 'role', owner: me.id, role: role('01'), user, assigned: false, extrinsic: expect.any(Number) }])
    expect(await rolesOf(chain, me.id, user)).toEqual([role('09'), role('05')])
    expect([await hasRole(chain, me.id, role('09')), await hasRole(chain, me.id, role('0a'))]).toEqual([true, false])
  })
})

describe('the stream on the real chain', () => {
  const follow = (confirmations: number, stallMs = 60_000) => {
    const events: LedgerBlockEvent[] = []
    const have: LedgerBlock[] = []
    const end = new AbortController()
    const from = dev.head().number + 1
    const finished = new Promise<void>((resolve, reject) =>
      ledgerBlocks$(chain, { from, confirmations, signal: end.signal, stallMs }).subscribe({
        next: (event) => {
          events.push(event)
          if (event.type === 'reorg' && event.deep) while ((have.at(-1)?.number ?? 0) > event.to) have.pop()
          if (event.type === 'block') have.push(event.block)
        },
        complete: resolve,
        error: reject,
      }),
    )
    finished.catch(() => {}) // a failing test stops the connection under it
    const same = async (): Promise<void> => {
      const hashes: Hash[] = []
      for (let number = from; number <= dev.head().number - confirmations; number++) hashes.push((await dev.chain.getBlockAt(number))!.hash)
      await vi.waitFor(() => expect(have.map(({ hash }) => hash)).toEqual(hashes), { timeout: 20_000 })
    }
    return { events, have, end, finished, same, others: () => events.filter(({ type }) => type !== 'block') }
  }

  test('heals after cuts, with every effect once', async () => {
    const reader = follow(1)
    await done(addItem(chain, 'before', Uint8Array.of(1)))
    proxy.cut()
    await dev.newBlocks(2)
    proxy.resume()
    const sending = done(addItem(chain, 'between', Uint8Array.of(2)))
    await sending
    proxy.stall()
    await dev.newBlock()
    proxy.cut()
    await delay(60)
    await dev.newBlocks(2)
    proxy.resume()
    await dev.newBlock()
    await reader.same()
    expect(reader.others()).toEqual([])
    expect(reader.have.flatMap(({ events }) => events.map((event) => event.kind === 'item' && event.key))).toEqual(['before', 'between'])
    reader.end.abort()
    await reader.finished
  })

  test('tells a shallow reorg, and takes a deep one back', async () => {
    const reader = follow(3)
    await done(addItem(chain, 'fork', Uint8Array.of(1)))
    await dev.newBlocks(4)
    await reader.same()
    await dev.reorg(2)
    await reader.same()
    await vi.waitFor(() => expect(reader.others()).toContainEqual(expect.objectContaining({ type: 'reorg', deep: false })))
    expect(reader.others().every((event) => event.type === 'reorg' && !event.deep)).toBe(true)
    const gone = reader.have.at(-1)!.number
    await dev.reorg(6, { lose: true })
    await dev.newBlock()
    await reader.same()
    expect(reader.others()).toContainEqual({ type: 'reorg', from: expect.any(Number), to: expect.any(Number), deep: true })
    expect(gone).toBeGreaterThan(dev.head().number - 10)
    reader.end.abort()
    await reader.finished
  })

  test('goes on at another node when one hangs without closing anything, with every block once', async () => {
    const ways = [await startProxy({ target: { port: dev.port } }), await startProxy({ target: { port: dev.port } })]
    const both = await connectChain({ endpoint: ways.map(({ port }) => `ws://127.0.0.1:${port}`).join(','), signal: stop.signal, retryMs: 20, requestTimeoutMs: 2_000 })
    const from = dev.head().number + 1
    const have: LedgerBlock[] = []
    const end = new AbortController()
    const reading = (async () => {
      for await (const event of ledgerBlocks(both, { from, confirmations: 1, signal: end.signal, stallMs: 5_000 })) if (event.type === 'block') have.push(event.block)
    })()
    await dev.newBlocks(3)
    await vi.waitFor(() => expect(have).toHaveLength(2), { timeout: 20_000 })
    await vi.waitFor(() => expect(ways.every(({ connections }) => connections > 0)).toBe(true))
    const used = ways.findIndex(({ port }) => both.endpoint.endsWith(`:${port}`))
    ways[used]!.stall()
    await dev.newBlocks(3)
    await vi.waitFor(() => expect(have.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4].map((i) => from + i)), { timeout: 20_000 })
    expect(both.endpoint).toBe(`ws://127.0.0.1:${ways[1 - used]!.port}`)
    end.abort()
    await reading
    await both.close()
    for (const way of ways) await way.close()
  })

  test('says that the endpoint is gone', async () => {
    const reader = follow(1, 300)
    await dev.newBlocks(2)
    await reader.same()
    proxy.cut()
    await vi.waitFor(() => expect(reader.others()).toContainEqual(expect.objectContaining({ type: 'stalled', reason: 'DISCONNECTED' })), { timeout: 20_000 })
    proxy.resume()
    await dev.newBlock()
    await reader.same()
    reader.end.abort()
    await reader.finished
  })
})
