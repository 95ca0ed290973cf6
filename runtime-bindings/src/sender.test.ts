import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startDevchain, startProxy, type CuttingProxy, type Devchain } from '../testing/index.ts'
import { accountFromSecret, toAddress, type Account } from './account.ts'
import { readBalance, transfer } from './balances.ts'
import { connectChain, type Chain } from './chain.ts'
import { cryptoReady } from './crypto.ts'
import { RpcError } from './errors.ts'
import { util, utilCrypto } from './polkadot.ts'
import { createSender, refusalOf, type Sender, type SenderOptions, type TxStore } from './sender.ts'
import { addItem, readItem } from './storage.ts'
import { batchAll, forceBatch } from './utility.ts'
import type { TxResult } from './result.ts'

const PEAQ = 10n ** 18n
const stop = new AbortController()
let dev: Devchain
let proxy: CuttingProxy
let chain: Chain
let people: Account[]
beforeAll(async () => {
  await cryptoReady()
  people = Array.from({ length: 30 }, (_, i) => accountFromSecret(`//sender//${i}`))
  dev = await startDevchain({ fund: Object.fromEntries(people.map(({ address }) => [address, 1_000n * PEAQ])) })
  proxy = await startProxy({ target: { port: dev.port } })
  chain = await connectChain({ endpoint: `ws://127.0.0.1:${proxy.port}`, signal: stop.signal, retryMs: 20 })
})
afterAll(async () => {
  stop.abort()
  await proxy?.close()
  await dev?.close()
})

let used = 0
const fresh = (): Account => people[used++]!
const senderOf = (account: Account, options: Partial<SenderOptions> = {}): Sender => createSender({ chain, account, signal: stop.signal, ...options })
const stranger = '0x3333333333333333333333333333333333333333333333333333333333333333'
const pool = (): number => dev.chain.txPool.pendingExtrinsics.length
const waiting = (count = 1): Promise<void> => vi.waitFor(() => expect(pool()).toBeGreaterThanOrEqual(count), { timeout: 10_000, interval: 5 })
// The chain with some requests answered here: by an error, or by a value.
const through = (answer: (method: string, params: readonly unknown[]) => unknown): Chain => {
  const request = async (method: string, params: readonly unknown[] = [], timeoutMs?: number): Promise<unknown> => {
    const own = answer(method, params)
    if (own instanceof Error) throw own
    return own ?? chain.rpc.request(method, params, timeoutMs)
  }
  const requests = (calls: readonly { method: string; params?: readonly unknown[] }[]): Promise<unknown>[] => calls.map(({ method, params }) => request(method, params))
  return { ...chain, rpc: { ...chain.rpc, connected: true, request: request as Chain['rpc']['request'], requests: requests as Chain['rpc']['requests'] } }
}
// Builds a block whenever a transaction waits, until the work is done.
const mining = async <T>(work: Promise<T>): Promise<T> => {
  let busy = true
  const done = work.finally(() => (busy = false))
  done.catch(() => {})
  while (busy) {
    if (pool() > 0) await dev.newBlock()
    else await delay(5)
  }
  return done
}
const item = async (account: Account, key: string): Promise<number | undefined> => (await readItem(chain, account.id, key))?.[0]

describe('success', () => {
  test('says where, what it cost to the planck, and the events', async () => {
    const me = fresh()
    const before = await readBalance(chain, me.id)
    const result = await mining(senderOf(me).send(transfer(chain, stranger, 5n * PEAQ), { label: 'payment', spend: 5n * PEAQ }))
    expect(result).toMatchObject({ ok: true, block: dev.head().number, blockHash: dev.head().hash })
    if (!result.ok) throw new Error()
    expect(result.events.map(({ name }) => name)).toContain('balances.Transfer')
    const after = await readBalance(chain, me.id)
    expect(before.free - after.free).toBe(5n * PEAQ + result.fee)
    expect(after.nonce).toBe(1)
    expect((await readBalance(chain, stranger)).free).toBe(5n * PEAQ)
  })

  test('an estimate is what the node says; the fee taken is half as much again', async () => {
    const sender = senderOf(fresh())
    const call = addItem(chain, 'estimated', Uint8Array.of(1))
    const { fee, weight, proofSize } = await sender.estimate(call)
    const result = await mining(sender.send(call, { label: 'item' }))
    if (!result.ok) throw new Error(result.message)
    expect(Number(result.fee) / Number(fee)).toBeCloseTo(1.5, 3)
    expect(weight).toBeGreaterThan(10n ** 8n)
    expect(proofSize).toBe(0n)
  })

  test('takes an extrinsic of polkadot\'s API as well', async () => {
    const me = fresh()
    const extrinsic = (await chain.api()).tx['peaqStorage']!['addItem']!('0x61', '0x07')
    expect(await mining(senderOf(me).send(extrinsic, { label: 'item' }))).toMatchObject({ ok: true })
    expect(await item(me, 'a')).toBe(7)
  })

  test.each([{}, { timeoutMs: 60_000 }])('leaves nothing behind at a signal that outlives it, with %j', async (limits) => {
    onTestFinished(() => void vi.restoreAllMocks())
    const listened = vi.spyOn(EventTarget.prototype, 'addEventListener')
    const left = vi.spyOn(EventTarget.prototype, 'removeEventListener')
    const on = ({ mock }: typeof listened | typeof left): unknown[] => mock.calls.flatMap(([event, listener], i) => (event === 'abort' && mock.contexts[i] instanceof AbortSignal ? [listener] : []))
    expect(await mining(senderOf(fresh()).send(transfer(chain, stranger, PEAQ), { label: 'payment', ...limits }))).toMatchObject({ ok: true })
    expect(on(listened)).not.toEqual([])
    expect(on(listened).filter((listener) => !on(left).includes(listener))).toEqual([])
  })
  test('one queue: what is sent at once goes out in order', async () => {
    const me = fresh()
    const sender = senderOf(me)
    const results = await mining(Promise.all([1, 2, 3, 4].map((i) => sender.send(addItem(chain, `item ${i}`, Uint8Array.of(i)), { label: `item ${i}` }))))
    expect(results.map(({ ok }) => ok)).toEqual([true, true, true, true])
    expect(results.map((result) => result.block)).toEqual([...results.map((result) => result.block!)].sort((a, b) => a - b))
    expect((await readBalance(chain, me.id)).nonce).toBe(4)
  })
})

describe('each silent failure is told by name', () => {
  const me = () => fresh()
  const outcome = async (account: Account, ...calls: Parameters<Sender['send']>[0][]): Promise<TxResult> => {
    const sender = senderOf(account)
    let result: TxResult | undefined
    for (const call of calls) result = await mining(sender.send(call, { label: 'call' }))
    return result!
  }

  test('a dispatch error of a pallet', async () => {
    const call = addItem(chain, 'twice', Uint8Array.of(1))
    expect(await outcome(me(), call, call)).toMatchObject({ ok: false, code: 'DISPATCH', name: 'peaqStorage.ItemTypeAlreadyExists', final: true, fee: expect.any(BigInt), block: expect.any(Number) })
  })

  test('a dispatch error of the system', async () => {
    const call = chain.call('balances', 'forceTransfer', toAddress(stranger), toAddress(stranger), 1n)
    expect(await outcome(me(), call)).toMatchObject({ ok: false, code: 'DISPATCH', name: 'BadOrigin' })
  })

  test('more than the account has', async () => {
    expect(await outcome(me(), transfer(chain, stranger, 10n ** 30n))).toMatchObject({ ok: false, code: 'DISPATCH', name: 'balances.InsufficientBalance' })
  })

  test('an interrupted batch, with the index; batchAll fails whole', async () => {
    const account = me()
    const [first, again, last] = [addItem(chain, 'first', Uint8Array.of(1)), addItem(chain, 'first', Uint8Array.of(2)), addItem(chain, 'last', Uint8Array.of(3))]
    expect(await outcome(account, chain.call('utility', 'batch', [first, again, last]))).toMatchObject({ ok: false, code: 'BATCH_INTERRUPTED', name: 'peaqStorage.ItemTypeAlreadyExists', index: 1 })
    expect([await item(account, 'first'), await item(account, 'last')]).toEqual([1, undefined])
    expect(await outcome(account, batchAll(chain, [last, again]))).toMatchObject({ ok: false, code: 'DISPATCH', name: 'peaqStorage.ItemTypeAlreadyExists' })
    expect(await item(account, 'last')).toBeUndefined()
    expect(await outcome(account, forceBatch(chain, [again, last]))).toMatchObject({ ok: false, code: 'ITEM_FAILED', name: 'peaqStorage.ItemTypeAlreadyExists' })
    expect(await item(account, 'last')).toBe(3)
  })

  test('a contract that reverts', async () => {
    const account = me()
    const h160 = account.pair.publicKey.subarray(0, 20)
    const mapped = util.u8aToHex(utilCrypto.blake2AsU8a(util.u8aConcat(util.stringToU8a('evm:'), h160), 256))
    const deploy = chain.call('evm', 'create2', util.u8aToHex(h160), '0x60006000fd', `0x${'00'.repeat(32)}`, 0, 100_000, 2_048, null, null, [])
    expect(await outcome(account, transfer(chain, mapped, PEAQ), deploy)).toMatchObject({ ok: false, code: 'EVM', name: 'evm.CreatedFailed' })
  })
})

describe('what never gets into a block', () => {
  test('no funds: how much is missing, and where to send it', async () => {
    const poor = accountFromSecret('//sender//poor')
    const result = await senderOf(poor).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item', spend: PEAQ })
    expect(result).toMatchObject({ ok: false, code: 'NO_FUNDS', final: true, advice: expect.stringContaining(`to ${poor.address}.`) })
    if (result.ok || result.missing === undefined) throw new Error()
    const fee = (await senderOf(poor).estimate(addItem(chain, 'x', Uint8Array.of(1)))).fee
    expect(result.missing).toBe(PEAQ + (fee * 3n) / 2n + 500n)
    // exactly that is enough
    await mining(senderOf(fresh()).send(transfer(chain, poor.id, result.missing), { label: 'help' }))
    expect(await mining(senderOf(poor).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item', spend: PEAQ }))).toMatchObject({ ok: true })
  })

  test('too heavy for a block: the node\'s refusal', async () => {
    const many = batchAll(chain, Array.from({ length: 2_400 }, (_, i) => addItem(chain, `k${i}`, Uint8Array.of(1))))
    expect(await senderOf(fresh()).send(many, { label: 'giant' })).toMatchObject({ ok: false, code: 'INVALID', name: 'ExhaustsResources', final: true })
  })

  test('its time over: expired, and it is sure', async () => {
    const me = fresh()
    const sending = senderOf(me).send(addItem(chain, 'late', Uint8Array.of(1)), { label: 'late item', timeoutBlocks: 4 })
    let result: TxResult | undefined
    void sending.then((r) => (result = r))
    await waiting()
    const from = dev.head().number
    while (!result && dev.head().number < from + 12) {
      await dev.newBlock([]) // blocks that leave it out
      await delay(30)
    }
    expect(result).toMatchObject({ ok: false, code: 'EXPIRED', final: true })
    dev.chain.txPool.clear()
    expect(await item(me, 'late')).toBeUndefined()
    // the next one is not held up
    expect(await mining(senderOf(me).send(addItem(chain, 'late', Uint8Array.of(2)), { label: 'item' }))).toMatchObject({ ok: true })
  })

  test('no block at all: TIMEOUT and STOPPED say that it may still come', async () => {
    const me = fresh()
    const until = dev.head().number + 60
    const timed = senderOf(me).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item', timeoutMs: 4_000 })
    await waiting()
    const result = await timed
    expect(result).toMatchObject({ ok: false, code: 'TIMEOUT', final: false, until: expect.any(Number), advice: expect.stringContaining('may still take effect') })
    if (!result.ok) expect(Math.abs(result.until! - until)).toBeLessThan(8)
    const halt = new AbortController()
    const sending = senderOf(fresh(), { signal: halt.signal }).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item' })
    await waiting(2)
    halt.abort()
    expect(await sending).toMatchObject({ ok: false, code: 'STOPPED', final: false })
    expect(await senderOf(me, { signal: halt.signal }).send(addItem(chain, 'y', Uint8Array.of(1)), { label: 'item' })).toMatchObject({ ok: false, code: 'STOPPED', final: true })
    await dev.newBlock()
    expect(await item(me, 'x')).toBe(1) // it did
  })

  test('stopped before it was signed: it is not sent later', async () => {
    const halt = new AbortController()
    const asked: string[] = []
    const me = fresh()
    // The first question is for what it signs with.
    const watched = through((method) => {
      asked.push(method)
      halt.abort()
    })
    const sending = createSender({ chain: watched, account: me, signal: halt.signal }).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item' })
    expect(await sending).toMatchObject({ ok: false, code: 'STOPPED', final: true })
    await delay(500)
    expect(asked.length).toBeGreaterThan(0)
    expect(asked).not.toContain('author_submitExtrinsic')
    expect(pool()).toBe(0)
  })

  test('the connection closed under it: STOPPED too', async () => {
    const own = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const me = fresh()
    const sending = createSender({ chain: own, account: me, signal: stop.signal }).send(addItem(own, 'x', Uint8Array.of(1)), { label: 'item' })
    await waiting()
    await own.close()
    expect(await sending).toMatchObject({ ok: false, code: 'STOPPED', final: false })
    await dev.newBlock()
  })

  test('a node that forgot the state cannot tell what became of it', async () => {
    const forgetful = through((method) => (method === 'state_queryStorageAt' ? new RpcError(method, 4003, 'State already discarded', '') : undefined))
    const sending = createSender({ chain: forgetful, account: fresh(), signal: stop.signal }).send(addItem(chain, 'x', Uint8Array.of(1)), { label: 'item' })
    await waiting()
    let result: TxResult | undefined
    void sending.then((r) => (result = r))
    while (!result) await dev.newBlock()
    expect(result).toMatchObject({ ok: false, code: 'UNREADABLE', final: false, message: expect.stringContaining('discarded') })
  })

  test('another program that always wins the nonce: REPLACED in the end', async () => {
    const me = fresh()
    const lost: unknown[] = []
    const swallowed = through((method, params) => (method === 'author_submitExtrinsic' ? (lost.push(params[0]), 'swallowed') : undefined))
    const sending = createSender({ chain: swallowed, account: me, signal: stop.signal }).send(addItem(chain, 'mine', Uint8Array.of(1)), { label: 'my item' })
    const rival = senderOf(me)
    let result: TxResult | undefined
    void sending.then((r) => (result = r))
    for (let i = 0, signed = 0; !result && i < 40; i++) {
      const nonces = new Set(lost).size
      if (nonces > signed) {
        signed = nonces
        await mining(rival.send(addItem(chain, `theirs ${i}`, Uint8Array.of(1)), { label: 'their item' }))
      } else await dev.newBlock()
      await delay(20)
    }
    expect(result).toMatchObject({ ok: false, code: 'REPLACED', final: true, advice: 'Run one program per account.' })
    expect(await item(me, 'mine')).toBeUndefined()
  })

  test.each([
    [{ rpcCode: 1010, message: '{"invalid":{"payment":null}}', data: '' }, 'no-funds'],
    [{ rpcCode: 1010, message: 'Invalid Transaction', data: 'Inability to pay some fees (e.g. account balance too low)' }, 'no-funds'],
    [{ rpcCode: 1010, message: '{"invalid":{"stale":null}}', data: '' }, 'stale'],
    [{ rpcCode: 1010, message: 'Invalid Transaction', data: 'Transaction is outdated' }, 'stale'],
    [{ rpcCode: 1010, message: '{"invalid":{"badProof":null}}', data: '' }, 'bad-proof'],
    [{ rpcCode: 1010, message: 'Invalid Transaction', data: 'Transaction has a bad signature' }, 'bad-proof'],
    [{ rpcCode: 1010, message: 'Invalid Transaction', data: 'Transaction has an ancient birth block' }, 'later'],
    [{ rpcCode: 1010, message: 'Invalid Transaction', data: 'Transaction will be valid in the future' }, 'later'],
    [{ rpcCode: 1012, message: 'Transaction is temporarily banned', data: '' }, 'later'],
    [{ rpcCode: 1014, message: 'Priority is too low', data: '(10 vs 20)' }, 'later'],
    [{ rpcCode: 1016, message: 'Immediately Dropped', data: '' }, 'later'],
    [{ rpcCode: 1011, message: 'Unknown Transaction Validity', data: '' }, 'refused'],
  ])('a node\'s answer %o means %s', (answer, kind) => expect(refusalOf(answer)?.kind).toBe(kind))

  test('a node that has it already has taken it', () => expect(refusalOf({ rpcCode: 1013, message: 'Transaction Already Imported', data: '' })).toBeNull())
})

describe('never twice, never lost', () => {
  const transfers = async (of: Account, from: number): Promise<number> => {
    let count = 0
    for (let number = from; number <= dev.head().number; number++) {
      const block = (await dev.chain.getBlockAt(number))!
      const registry = await block.registry
      for (const hex of await block.extrinsics) {
        const extrinsic = registry.createType('GenericExtrinsic', hex) as unknown as { isSigned: boolean; signer: { toString(): string } }
        if (extrinsic.isSigned && extrinsic.signer.toString() === of.address) count++
      }
    }
    return count
  }
  const paid = async (account: Account): Promise<bigint> => (await readBalance(chain, account.id)).free
  const target = (i: number) => accountFromSecret(`//sender//target//${i}`)

  test('the block came while the connection was down', async () => {
    const [me, to] = [fresh(), target(1)]
    const sending = senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    await waiting()
    proxy.cut()
    const { number } = await dev.newBlock()
    await dev.newBlock()
    proxy.resume()
    expect(await sending).toMatchObject({ ok: true, block: number })
    expect(await paid(to)).toBe(PEAQ)
  })

  test('the node restarted and forgot it: the same bytes go out again', async () => {
    const [me, to] = [fresh(), target(2)]
    const sending = senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    await waiting()
    const [bytes] = dev.chain.txPool.pendingExtrinsics
    proxy.cut()
    dev.chain.txPool.clear()
    await delay(50)
    proxy.resume()
    await waiting()
    expect(dev.chain.txPool.pendingExtrinsics).toEqual([bytes])
    expect(await mining(sending)).toMatchObject({ ok: true })
    expect(await paid(to)).toBe(PEAQ)
  })

  test('the pool dropped it: the same bytes go out again', async () => {
    const [me, to] = [fresh(), target(3)]
    const sending = senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    await waiting()
    const [bytes] = dev.chain.txPool.pendingExtrinsics
    dev.chain.txPool.clear()
    await dev.newBlock()
    await dev.newBlock()
    await waiting()
    expect(dev.chain.txPool.pendingExtrinsics).toEqual([bytes])
    expect(await mining(sending)).toMatchObject({ ok: true })
    expect(await paid(to)).toBe(PEAQ)
  })

  test('the connection hangs in the middle', async () => {
    const [me, to] = [fresh(), target(4)]
    const sending = senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    proxy.stall()
    await delay(100)
    proxy.cut()
    await delay(50)
    proxy.resume()
    expect(await mining(sending)).toMatchObject({ ok: true })
    expect(await paid(to)).toBe(PEAQ)
  })

  test('a reorg takes the block back before it is deep enough', async () => {
    const [me, to] = [fresh(), target(5)]
    const from = dev.head().number + 1
    const sending = senderOf(me, { confirmations: 2 }).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    await waiting()
    await dev.newBlock()
    expect(await paid(to)).toBe(PEAQ)
    await dev.reorg(1, { lose: true })
    expect(await paid(to)).toBe(0n)
    await waiting()
    const { number } = await dev.newBlock()
    await dev.newBlocks(2)
    expect(await sending).toMatchObject({ ok: true, block: number })
    expect([await paid(to), await transfers(me, from)]).toEqual([PEAQ, 1])
  })

  test('a reorg replaces the block in which the signature was born: signed anew with the same nonce', async () => {
    const [me, to] = [fresh(), target(6)]
    await dev.newBlocks(6)
    const from = dev.head().number - 6
    const sending = senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })
    await waiting()
    dev.chain.txPool.clear()
    await dev.reorg(5, { lose: true })
    await dev.newBlocks(2)
    expect(await mining(sending)).toMatchObject({ ok: true })
    expect([await paid(to), await transfers(me, from)]).toEqual([PEAQ, 1])
  })

  test('two programs with one account: both get through, each once', async () => {
    const [me, a, b] = [fresh(), target(7), target(8)]
    const from = dev.head().number + 1
    const both = Promise.all([a, b].map((to) => senderOf(me).send(transfer(chain, to.id, PEAQ), { label: 'payment' })))
    await waiting(2)
    await dev.newBlock()
    expect((await paid(a)) + (await paid(b))).toBe(PEAQ)
    await dev.newBlocks(3) // the other sees its nonce gone for good
    expect((await mining(both)).map(({ ok }) => ok)).toEqual([true, true])
    expect([await paid(a), await paid(b), await transfers(me, from)]).toEqual([PEAQ, PEAQ, 2])
  })

  describe('over a crash, with a store', () => {
    const memory = (): TxStore & { kept: Map<string, Uint8Array> } => {
      const kept = new Map<string, Uint8Array>()
      return { kept, get: async (key) => kept.get(key), put: async (key, bytes) => void kept.set(key, bytes) }
    }

    test('before the block: the next run sends the same bytes; after it: it finds them', async () => {
      const [me, to, store] = [fresh(), target(9), memory()]
      const from = dev.head().number + 1
      const send = (signal: AbortSignal) => createSender({ chain, account: me, signal, store }).send(transfer(chain, to.id, PEAQ), { label: 'payment', key: 'payment 1' })
      const crash = new AbortController()
      const first = send(crash.signal)
      await waiting()
      crash.abort()
      expect(await first).toMatchObject({ code: 'STOPPED' })
      dev.chain.txPool.clear()
      const second = await mining(send(stop.signal))
      expect(second).toMatchObject({ ok: true })
      await dev.newBlocks(3)
      const third = await send(stop.signal)
      expect(third).toMatchObject({ ok: true, hash: second.hash, block: second.block })
      expect([await paid(to), await transfers(me, from)]).toEqual([PEAQ, 1])
    })

    test('an extrinsic kept too long is signed anew', async () => {
      const [me, to, store] = [fresh(), target(10), memory()]
      const send = (signal: AbortSignal) => createSender({ chain, account: me, signal, store }).send(transfer(chain, to.id, PEAQ), { label: 'payment', key: 'p', timeoutBlocks: 4 })
      const crash = new AbortController()
      const first = send(crash.signal)
      await waiting()
      crash.abort()
      await first
      dev.chain.txPool.clear()
      const old = store.kept.get('p')
      await dev.newBlocks(9)
      expect(await mining(send(stop.signal))).toMatchObject({ ok: true })
      expect(store.kept.get('p')).not.toEqual(old)
      expect(await paid(to)).toBe(PEAQ)
    })

    test('a store that lost its mind stops us rather than pay twice', async () => {
      const store = memory()
      store.kept.set('p', Uint8Array.of(1, 2, 3))
      await expect(senderOf(people[0]!, { store }).send(transfer(chain, stranger, 1n), { label: 'payment', key: 'p' })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    })
  })
})
