import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { startDevchain, startProxy, type CuttingProxy, type Devchain } from '../testing/index.ts'
import { accountFromSecret } from './account.ts'
import { readBalance, transfer } from './balances.ts'
import { connectChain, type Chain } from './chain.ts'
import { cryptoReady } from './crypto.ts'
import { ChainReplacedError, ChainUnreachableError } from './errors.ts'
import { headerAt } from './blocks.ts'
import { ledgerBlocks, loadEvents, type LedgerBlockEvent } from './ledger-blocks.ts'
import { storageKey } from './runtime.ts'
import { createSender } from './sender.ts'
import { addItem } from './storage.ts'

const PEAQ = 10n ** 18n
const all = new AbortController()
let krest: Devchain
let proxy: CuttingProxy
let chain: Chain
const me = () => accountFromSecret('//krest')
beforeAll(async () => {
  await cryptoReady()
  krest = await startDevchain({ spec: 'krest', blocks: 'instant', fund: { [me().address]: 10n * PEAQ } })
  proxy = await startProxy({ target: { port: krest.port } })
  chain = await connectChain({ endpoint: `ws://127.0.0.1:${proxy.port}`, signal: all.signal, retryMs: 20 })
})
afterAll(async () => {
  all.abort()
  await proxy?.close()
  await krest?.close()
})
let stop = new AbortController()
afterEach(() => {
  stop.abort()
  stop = new AbortController()
})

describe('krest, the second real runtime', () => {
  test('takes the same calls and tells the same events', async () => {
    const sender = createSender({ chain, account: me(), signal: stop.signal })
    const paid = await sender.send(transfer(chain, accountFromSecret('//other').id, PEAQ), { label: 'payment', spend: PEAQ })
    const stored = await sender.send(addItem(chain, 'assay/x', Uint8Array.of(1)), { label: 'item' })
    expect([paid, stored]).toMatchObject([{ ok: true }, { ok: true }])
    expect((await readBalance(chain, accountFromSecret('//other').id)).free).toBe(PEAQ)
    for await (const event of ledgerBlocks(chain, { from: stored.block!, confirmations: 0, signal: stop.signal })) {
      expect(event).toMatchObject({ type: 'block', block: { number: stored.block, relayRoot: expect.stringMatching(/^0x/), events: [{ kind: 'item', who: me().id, key: 'assay/x' }] } })
      break
    }
  })
})

describe('a connection', () => {
  test('says nothing on the console', async () => {
    const said = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error'), vi.spyOn(console, 'log')]
    const other = await connectChain({ endpoint: krest.endpoint, signal: stop.signal })
    await (await other.api()).rpc.chain.getHeader()
    await other.close()
    for (const spy of said) {
      expect(spy).not.toHaveBeenCalled()
      spy.mockRestore()
    }
  })

  test('shares one runtime per code hash', async () => {
    const other = await connectChain({ endpoint: krest.endpoint, signal: stop.signal })
    expect(other.runtime).toBe(chain.runtime)
    await other.close()
    await expect(other.rpc.request('system_chain')).rejects.toMatchObject({ code: 'STOPPED' })
  })

  test('to what is no chain is refused with its answer', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(JSON.stringify({ id: (JSON.parse(String(data)) as { id: number }).id, error: { code: -32601, message: 'what?' } }))))
    const connecting = connectChain({ endpoint: `ws://127.0.0.1:${(server.address() as { port: number }).port}`, signal: stop.signal })
    await expect(connecting).rejects.toThrow(ChainUnreachableError)
    await expect(connecting).rejects.toThrow(/does not answer like a chain .*what\?/)
    server.close()
  })

  test('reads past a cut, and notices another chain behind the same address', async () => {
    const states: boolean[] = []
    const states$ = chain.connected$.subscribe((up) => states.push(up))
    proxy.cut()
    const reading = readBalance(chain, me().id)
    await vi.waitFor(() => expect(states).toEqual([true, false]))
    proxy.resume()
    expect((await reading).free).toBeGreaterThan(8n * PEAQ)
    expect(states).toEqual([true, false, true])
    states$.unsubscribe()
    await chain.verifyGenesis()

    const other = await startDevchain({ spec: 'krest', fund: { [me().address]: 7n * PEAQ } })
    const swapped = await startProxy({ target: { port: krest.port } })
    const address = swapped.port
    const mine = await connectChain({ endpoint: `ws://127.0.0.1:${address}`, signal: stop.signal, retryMs: 20 })
    const events: LedgerBlockEvent[] = []
    const following = (async () => {
      for await (const event of ledgerBlocks(mine, { from: 1, confirmations: 0, signal: stop.signal })) events.push(event)
    })()
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0))
    await swapped.close()
    const successor = await startProxy({ target: { port: other.port }, port: address })
    await expect(mine.verifyGenesis()).rejects.toThrow(ChainReplacedError)
    await following
    expect(events.at(-1)).toEqual({ type: 'replaced', expected: { number: 0, hash: krest.genesisHash }, found: null })
    await mine.close()
    await successor.close()
    await other.close()
  })
})

describe('a runtime upgrade', () => {
  test('is followed: blocks before and after are read by their own metadata, calls are made by the new', async () => {
    const dev = await startDevchain({ blocks: 'instant', fund: { [me().address]: 10n * PEAQ } })
    const mine = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const api = await mine.api()
    const sender = createSender({ chain: mine, account: me(), signal: stop.signal })
    const before = await sender.send(addItem(mine, 'before', Uint8Array.of(1)), { label: 'item' })
    expect([before.ok, mine.runtime.specName]).toEqual([true, 'peaq-node'])
    const code = await krest.chain.head.get('0x3a636f6465')
    await dev.setStorage([['0x3a636f6465', code as `0x${string}`]])
    await dev.newBlock([])
    await vi.waitFor(() => expect(mine.runtime.specName).toBe('peaq-node-krest'), { timeout: 30_000 })
    expect(mine.runtime.codeHash).toBe(chain.runtime.codeHash)
    expect(await mine.api()).not.toBe(api)
    expect(await mine.api()).toBe(await mine.api())
    const after = await sender.send(addItem(mine, 'after', Uint8Array.of(2)), { label: 'item' })
    expect(after).toMatchObject({ ok: true })
    const keys: string[] = []
    for await (const event of ledgerBlocks(mine, { from: 1, confirmations: 0, signal: stop.signal })) {
      if (event.type !== 'block') throw new Error(event.type)
      keys.push(...event.block.events.map((item) => (item.kind === 'item' ? item.key : item.kind)))
      if (event.block.number === after.block) break
    }
    expect(keys).toEqual(['before', 'after'])

    // A runtime that changes without name or version leaves no mark of itself: here the old one's mark is put back. The code is what counts.
    const old = await mine.runtimeAfter(mine.genesisHash, null, null)
    expect(old.specVersion).toBe(mine.runtime.specVersion)
    const marked = await mine.readRaw('system', 'lastRuntimeUpgrade', [], (await headerAt(mine, before.block!))!.hash)
    await dev.setStorage([[storageKey(mine.runtime, 'system', 'lastRuntimeUpgrade'), marked]])
    const header = (await headerAt(mine, dev.head().number))!
    expect((await loadEvents(mine, header)).runtime.codeHash).toBe(chain.runtime.codeHash)
    expect((await loadEvents(mine, (await headerAt(mine, before.block!))!)).runtime.codeHash).not.toBe(chain.runtime.codeHash)
    await mine.close()
    await dev.close()
  })
})
