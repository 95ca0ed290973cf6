import fc from 'fast-check'
import { BehaviorSubject, ReplaySubject, type Observable } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Hash } from '@assay/protocol'
import { best$, blockRuns, blocks, fromBlocks, headerAt, type BlockEvent, type BlockOptions, type BlockRef, type Header, type RunEvent } from './blocks.ts'
import type { Chain } from './chain.ts'
import { ChainReplacedError, ChainTimeoutError, RpcError } from './errors.ts'
import { TypeRegistry, util } from './polkadot.ts'

const registry = new TypeRegistry()
interface RawHeader {
  parentHash: Hash
  number: string
  stateRoot: Hash
  extrinsicsRoot: Hash
  digest: { logs: [] }
}

// A node in memory, as far as blocks go: a best chain that can grow, fork, vanish from sight and be swapped for another.
class FakeNode {
  salt = 0
  genesisHash: Hash = util.u8aToHex(new Uint8Array(32).fill(0x45))
  headers: RawHeader[] = []
  byHash = new Map<Hash, RawHeader>()
  hashes: Hash[] = []
  heads = new ReplaySubject<RawHeader>(1)
  connected$ = new BehaviorSubject(true)
  asked: string[] = []
  listless = false
  distrusted: string[] = []
  hang: (() => void) | undefined
  /** What an answer waits for. */
  delay: ((method: string) => Promise<void> | undefined) | undefined
  /** What other endpoints say of a height. */
  others: ((number: number) => (Hash | null)[]) | undefined
  fail: ((method: string, params: readonly unknown[]) => Error | undefined) | undefined

  constructor(length = 0) {
    this.hashes = [this.genesisHash]
    this.headers = [{ parentHash: `0x${'0'.repeat(64)}`, number: '0x0', stateRoot: this.genesisHash, extrinsicsRoot: this.genesisHash, digest: { logs: [] } }]
    this.grow(length)
  }
  get height(): number {
    return this.hashes.length - 1
  }
  ref(number: number): BlockRef {
    return { number, hash: this.hashes[number]! }
  }
  grow(count: number, tell = true): void {
    for (let i = 0; i < count; i++) {
      const header: RawHeader = {
        parentHash: this.hashes.at(-1)!,
        number: util.numberToHex(this.height + 1) as Hash,
        stateRoot: util.u8aToHex(util.numberToU8a(++this.salt, 256)),
        extrinsicsRoot: this.genesisHash,
        digest: { logs: [] },
      }
      const hash = registry.createType('Header', header).hash.toHex()
      this.headers.push(header)
      this.hashes.push(hash)
      this.byHash.set(hash, header)
      if (tell) this.tell()
    }
  }
  back(depth: number): void {
    this.headers.splice(this.headers.length - depth)
    this.hashes.splice(this.hashes.length - depth)
  }
  reorg(depth: number, length = depth + 1, tell = true): void {
    this.back(depth)
    this.grow(length, tell)
  }
  tell(): void {
    if (this.connected$.value) this.heads.next(this.headers.at(-1)!)
  }
  disconnect(): void {
    this.connected$.next(false)
  }
  reconnect(): void {
    this.connected$.next(true)
    this.tell()
  }
  chain(): Chain {
    const self = this
    const request = async (method: string, params: readonly unknown[] = []): Promise<unknown> => {
      self.asked.push(method)
      if (self.hang) {
        self.hang()
        await new Promise(() => {})
      }
      await self.delay?.(method)
      const failing = (Array.isArray(params[0]) ? params[0].map((one: number) => [one]) : [params]).map((one) => self.fail?.(method, one)).find(Boolean)
      if (failing) throw failing
      if (self.listless && Array.isArray(params[0])) throw new RpcError(method, -32602, 'Invalid params', '')
      if (!self.connected$.value) throw new ChainTimeoutError('ws://fake', method, 1)
      if (method === 'chain_getBlockHash') return Array.isArray(params[0]) ? params[0].map((number: number) => self.hashes[number] ?? null) : (self.hashes[params[0] as number] ?? null)
      if (method === 'chain_getHeader') return params[0] === undefined ? self.headers.at(-1) : params[0] === self.genesisHash ? self.headers[0] : (self.byHash.get(params[0] as Hash) ?? null)
      throw new Error(method)
    }
    return {
      endpoint: 'ws://fake',
      genesisHash: this.genesisHash,
      connected$: this.connected$,
      runtime: { registry },
      rpc: { request, requests: (calls: { method: string; params: readonly unknown[] }[]) => calls.map(({ method, params }) => request(method, params)), elsewhere: async (_: string, [number]: [number]) => self.others?.(number) ?? [], distrust: (why: string) => void self.distrusted.push(why), subscribe: () => self.heads.asObservable() as Observable<unknown>, problem: 'it is away', get connected() { return self.connected$.value } },
      async verifyGenesis() {
        const found = (await request('chain_getBlockHash', [0])) as Hash
        if (found !== self.genesisHash) throw new ChainReplacedError('ws://fake', self.genesisHash, found)
      },
    } as unknown as Chain
  }
}

type Event = BlockEvent<Header>
const stops: AbortController[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort()
})

// Reads a stream in the background; `blocks` is what a reader that heeds reorgs has.
const read = (node: FakeNode, options: Partial<BlockOptions> = {}) => {
  const stop = new AbortController()
  stops.push(stop)
  const events: Event[] = []
  const have: Header[] = []
  let ended = false
  let error: unknown
  void (async () => {
    for await (const event of blocks(node.chain(), { from: 1, confirmations: 2, signal: stop.signal, ...options }, async (header) => header)) {
      events.push(event)
      if (event.type === 'block') have.push(event.block)
      if (event.type === 'reorg' && event.deep) while ((have.at(-1)?.number ?? -1) > event.to) have.pop()
    }
  })().catch((e: unknown) => (error = e)).finally(() => (ended = true))
  return { events, have, stop, get ended() { return ended }, get error() { return error }, others: () => events.filter(({ type }) => type !== 'block') }
}
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
const caughtUp = (node: FakeNode, reader: ReturnType<typeof read>, confirmations = 2, from = 1): Promise<void> =>
  vi.waitFor(() => expect(reader.have.map(({ hash }) => hash)).toEqual(node.hashes.slice(from, node.height - confirmations + 1)), { timeout: 4_000, interval: 5 })

describe('confirmed blocks', () => {
  test('come once each, in order, so deep', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    expect(reader.have.map(({ number }) => number)).toEqual([1, 2, 3])
    node.grow(1)
    await caughtUp(node, reader)
    node.grow(20)
    await caughtUp(node, reader)
    expect(reader.events).toHaveLength(24)
  })

  test('begin where asked, or wait until the chain is there', async () => {
    const node = new FakeNode(10)
    const reader = read(node, { from: 7 })
    const later = read(node, { from: 12, confirmations: 0 })
    await caughtUp(node, reader, 2, 7)
    expect(later.events).toEqual([])
    node.grow(3)
    await caughtUp(node, later, 0, 12)
  })

  test('may include block 0', async () => {
    const node = new FakeNode(3)
    const reader = read(node, { from: 0 })
    await caughtUp(node, reader, 2, 0)
    expect(reader.have[0]).toEqual({ number: 0, hash: node.genesisHash, parentHash: node.genesisHash })
  })

  test('an outage is filled by number', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    node.disconnect()
    node.grow(40)
    node.reconnect()
    await caughtUp(node, reader)
    expect(reader.others()).toEqual([])
  })

  test('a repeated head changes nothing', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    for (let i = 0; i < 3; i++) node.tell()
    node.grow(1)
    await caughtUp(node, reader)
    expect(reader.events).toHaveLength(4)
  })

  test('a slow reader holds the stream back: no more than `ahead` blocks are asked for', async () => {
    const node = new FakeNode(1_000)
    const stop = new AbortController()
    stops.push(stop)
    let loading = 0
    let most = 0
    const stream = blocks(node.chain(), { from: 1, confirmations: 2, signal: stop.signal, ahead: 4 }, async (header) => {
      most = Math.max(most, ++loading)
      await Promise.resolve()
      loading--
      return header
    })
    await stream.next()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const asked = node.asked.length
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(node.asked.length).toBe(asked) // nobody takes the next block, nobody fetches
    expect(asked).toBeLessThan(30)
    for (let i = 0; i < 900; i++) await stream.next()
    expect(most).toBeLessThanOrEqual(4)
    await stream.return()
  })

  test('end quietly when aborted, whatever they wait for', async () => {
    const node = new FakeNode(5)
    const waiting = read(node)
    await caughtUp(node, waiting)
    const stuck = read(new FakeNode(0), { from: 5 })
    const before = read(node, { signal: AbortSignal.abort() })
    for (const reader of [waiting, stuck, before]) {
      reader.stop.abort()
      await vi.waitFor(() => expect(reader.ended).toBe(true))
      expect(reader.error).toBeUndefined()
    }
  })

  test('end at once in the middle of a request that hangs', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    let hanging = 0
    node.hang = () => void hanging++
    node.grow(1)
    await vi.waitFor(() => expect(hanging).toBeGreaterThan(0))
    reader.stop.abort()
    await vi.waitFor(() => expect(reader.ended).toBe(true))
    expect(reader.error).toBeUndefined()
  })

  test('of a node that refuses to tell heads are asked for, until another connection tells them', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    const refusing = node.heads
    node.heads = new ReplaySubject(1)
    refusing.error(new RpcError('chain_subscribeNewHeads', -32601, 'Method not found', ''))
    node.grow(1, false)
    await caughtUp(node, reader)
    node.disconnect()
    node.grow(3)
    node.reconnect()
    await caughtUp(node, reader)
    node.asked = []
    node.grow(1)
    await caughtUp(node, reader)
    expect([reader.error, reader.ended]).toEqual([undefined, false])
  })

  test('what is no header is no head: the node is distrusted, and the stream goes on', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    const [sound] = node.headers.slice(-1)
    const lies = [null, 7, {}, { ...sound, number: '0xzz' }, { ...sound, number: `0x${'f'.repeat(16)}` }, { ...sound, digest: null }, { ...sound, digest: { logs: [5] } }, { ...sound, parentHash: '0x00' }]
    for (const lie of lies) node.heads.next(lie as unknown as RawHeader)
    expect(node.distrusted).toEqual(lies.map(() => 'ws://fake gives a header that is none.'))
    node.grow(1)
    await caughtUp(node, reader)
    expect([reader.error, reader.ended]).toEqual([undefined, false])
  })

  test('come although heads come without end', async () => {
    const node = new FakeNode(5)
    const reader = read(node)
    await caughtUp(node, reader)
    node.grow(5)
    // Whenever the stream looks at a head there is another already.
    const fork = node.headers.at(-1)!
    node.fail = (method) => {
      if (method === 'chain_getBlockHash' && reader.have.length < 8 && node.salt < 5_000) node.heads.next({ ...fork, stateRoot: util.u8aToHex(util.numberToU8a(++node.salt, 256)) })
      return undefined
    }
    await vi.waitFor(() => expect(reader.have.length).toBeGreaterThanOrEqual(8), { timeout: 4_000, interval: 5 })
    expect(node.salt).toBeLessThan(5_000)
  })

  test('a branch that leads nowhere is not followed for ever: that is told, and the node distrusted', async () => {
    const node = new FakeNode(9)
    const reader = read(node, { confirmations: 3, stallMs: 60 })
    await caughtUp(node, reader, 3)
    // A head whose ancestors are all of the same height.
    const twin = node.headers.at(-1)!
    const real = node.byHash
    node.byHash = { get: (hash: Hash) => (real.has(hash) && hash !== node.hashes[9] ? real.get(hash) : twin) } as typeof real
    node.heads.next({ ...twin, stateRoot: node.genesisHash, parentHash: `0x${'ab'.repeat(32)}` })
    await vi.waitFor(() => expect(reader.others()).toMatchObject([{ type: 'stalled', reason: 'UNREADABLE', detail: 'ws://fake no longer has block 8.' }]))
    expect(node.distrusted.length).toBeGreaterThan(0)
    node.byHash = real
    node.grow(1)
    await caughtUp(node, reader, 3)
  })
})

describe('a reorg', () => {
  test('above the confirmed blocks is told and changes nothing else', async () => {
    const node = new FakeNode(6)
    const reader = read(node, { confirmations: 3 })
    await caughtUp(node, reader, 3)
    node.reorg(2)
    await caughtUp(node, reader, 3)
    expect(reader.others()).toEqual([{ type: 'reorg', from: 6, to: 4, deep: false }])
  })

  test('that only goes back is told too, once', async () => {
    const node = new FakeNode(6)
    const reader = read(node, { confirmations: 3 })
    await caughtUp(node, reader, 3)
    node.back(2)
    node.tell()
    await vi.waitFor(() => expect(reader.others()).toEqual([{ type: 'reorg', from: 6, to: 4, deep: false }]))
    node.grow(4)
    await caughtUp(node, reader, 3)
    expect(reader.others()).toHaveLength(1)
  })

  test('below the confirmed blocks takes them back and gives the new ones', async () => {
    const node = new FakeNode(20)
    const reader = read(node)
    await caughtUp(node, reader)
    node.reorg(7, 9)
    await caughtUp(node, reader)
    expect(reader.others()).toContainEqual({ type: 'reorg', from: 18, to: 13, deep: true })
    expect(reader.others().filter((event) => event.type === 'reorg' && event.deep)).toHaveLength(1)
  })

  test('during an outage is noticed after it', async () => {
    const node = new FakeNode(20)
    const reader = read(node)
    await caughtUp(node, reader)
    node.disconnect()
    node.reorg(5, 30)
    node.reconnect()
    await caughtUp(node, reader)
    expect(reader.others()).toContainEqual({ type: 'reorg', from: 18, to: 15, deep: true })
  })

  test('to before the first block asked for starts over there', async () => {
    const node = new FakeNode(50)
    const reader = read(node, { from: 45 })
    await caughtUp(node, reader, 2, 45)
    node.reorg(20, 22)
    await caughtUp(node, reader, 2, 45)
    expect(reader.others()).toContainEqual({ type: 'reorg', from: 48, to: 29, deep: true })
  })

  test('between two runs is noticed by the blocks remembered', async () => {
    const node = new FakeNode(20)
    const known = numbers(5, 12).map((number) => node.ref(number))
    node.reorg(10, 14)
    const reader = read(node, { from: 13, known })
    await vi.waitFor(() => expect(reader.others()).toContainEqual({ type: 'reorg', from: 12, to: 10, deep: true }))
  })

  test('of any kind leaves a reader with the chain as it is', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('grow' as const), count: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ do: fc.constant('reorg' as const), count: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: fc.constant('outage' as const), count: fc.integer({ min: 0, max: 30 }) }),
      fc.record({ do: fc.constant('settle' as const), count: fc.constant(0) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.integer({ min: 0, max: 4 }), async (steps, confirmations) => {
        const node = new FakeNode(15)
        const reader = read(node, { confirmations })
        await caughtUp(node, reader, confirmations)
        for (const { do: what, count } of steps) {
          if (what === 'grow') node.grow(count)
          if (what === 'reorg') node.reorg(Math.min(count, node.height - 3), count + 2)
          if (what === 'outage') {
            node.disconnect()
            node.reorg(Math.min(count % 4, node.height - 3), count + 1)
            node.reconnect()
          }
          if (what === 'settle') await new Promise((resolve) => setTimeout(resolve, 1))
        }
        node.grow(1)
        await caughtUp(node, reader, confirmations)
        // each block the child of the one before, at every moment of the stream
        const have: Header[] = []
        for (const event of reader.events) {
          if (event.type === 'reorg' && event.deep) while ((have.at(-1)?.number ?? -1) > event.to) have.pop()
          if (event.type !== 'block') continue
          const last = have.at(-1)
          if (last) expect([event.block.number, event.block.parentHash]).toEqual([last.number + 1, last.hash])
          have.push(event.block)
        }
        reader.stop.abort()
      }),
      { numRuns: 60 },
    )
  })
})

describe('a chain that stalls', () => {
  test('says so once, and goes on', async () => {
    const node = new FakeNode(5)
    const reader = read(node, { stallMs: 30 })
    await caughtUp(node, reader)
    await vi.waitFor(() => expect(reader.others()).toEqual([{ type: 'stalled', reason: 'NO_BLOCKS', best: 5, next: 4, detail: 'no block above 5' }]))
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(reader.others()).toHaveLength(1)
    node.grow(1)
    await caughtUp(node, reader)
    await vi.waitFor(() => expect(reader.others()).toHaveLength(2))
  })

  test('tells a lost connection from a silent chain', async () => {
    const node = new FakeNode(5)
    const reader = read(node, { stallMs: 30 })
    await caughtUp(node, reader)
    node.disconnect()
    await vi.waitFor(() => expect(reader.others()).toMatchObject([{ type: 'stalled', reason: 'DISCONNECTED' }]))
  })

  test('tells blocks that the node cannot give, although heads come, and takes them when it can', async () => {
    const node = new FakeNode(5)
    const reader = read(node, { stallMs: 60 })
    await caughtUp(node, reader)
    node.fail = (method, params) => (method === 'chain_getBlockHash' && params[0] === 4 ? new RpcError(method, 4003, 'State already discarded', '') : undefined)
    node.grow(1)
    const growing = setInterval(() => node.grow(1), 20)
    await vi.waitFor(() => expect(reader.others()).toMatchObject([{ type: 'stalled', reason: 'UNREADABLE', next: 4, detail: expect.stringContaining('discarded') }]), { timeout: 3_000 })
    clearInterval(growing)
    node.fail = undefined
    await caughtUp(node, reader)
  })

  test('tells it in time, also while an answer is waited for; heads alone are no progress; an answer that comes at last changes nothing', async () => {
    const node = new FakeNode(20)
    const reader = read(node, { stallMs: 150 })
    await caughtUp(node, reader)
    node.disconnect()
    node.reorg(8, 12, false)
    const chain = Promise.withResolvers<void>()
    node.delay = (method) => (method === 'chain_getBlockHash' ? chain.promise : undefined)
    node.reconnect()
    const growing = setInterval(() => node.grow(1), 20)
    await vi.waitFor(() => expect(reader.others()).toMatchObject([{ type: 'stalled', reason: 'UNREADABLE', detail: 'ws://fake took more than 150 ms to give block 19.' }]), { timeout: 3_000 })
    clearInterval(growing)
    expect(node.distrusted.length).toBeGreaterThan(0)
    node.delay = undefined
    chain.resolve()
    await caughtUp(node, reader)
    expect(reader.others().filter((event) => event.type === 'reorg' && event.deep)).toHaveLength(1)
  })

  test('a node that restarts behind us is waited for', async () => {
    const node = new FakeNode(20)
    const reader = read(node)
    await caughtUp(node, reader)
    const { hashes, headers } = node
    node.disconnect()
    node.hashes = hashes.slice(0, 9)
    node.headers = headers.slice(0, 9)
    node.reconnect()
    await new Promise((resolve) => setTimeout(resolve, 20))
    node.hashes = hashes
    node.headers = headers
    node.grow(3)
    await caughtUp(node, reader)
    expect(reader.others().filter((event) => event.type === 'reorg' && event.deep)).toEqual([])
    expect(reader.ended).toBe(false)
  })
})

describe('one of several endpoints', () => {
  test('that says that confirmed blocks are gone is not believed where another has them', async () => {
    const node = new FakeNode(20)
    const reader = read(node)
    await caughtUp(node, reader)
    const { hashes, headers } = node
    node.others = (number) => [hashes[number] ?? null, null]
    node.hashes = [...hashes]
    node.headers = [...headers]
    node.reorg(10, 12)
    await vi.waitFor(() => expect(node.distrusted[0]).toMatch(/says that block 18 is 0x.*, and 1 of 2 other endpoints say that it is 0x/))
    expect(reader.others()).toEqual([])
    // The one that takes its place has the chain as it was.
    Object.assign(node, { hashes, headers })
    node.disconnect()
    node.grow(1)
    node.reconnect()
    await caughtUp(node, reader)
    expect(reader.others()).toEqual([])
  })

  test('that others agree with is believed', async () => {
    const node = new FakeNode(20)
    const reader = read(node)
    await caughtUp(node, reader)
    const old = [...node.hashes]
    node.others = (number) => [old[number] ?? null, node.hashes[number] ?? null]
    node.reorg(7, 9)
    await caughtUp(node, reader)
    expect(reader.others()).toContainEqual({ type: 'reorg', from: 18, to: 13, deep: true })
  })

  test('that serves another chain ends nothing where another does not', async () => {
    const node = new FakeNode(10)
    const reader = read(node)
    await caughtUp(node, reader)
    node.others = () => [node.genesisHash]
    node.disconnect()
    node.hashes = [`0x${'ab'.repeat(32)}`, ...node.hashes.slice(1)]
    node.grow(1)
    node.reconnect()
    await vi.waitFor(() => expect(node.distrusted[0]).toMatch(/block 0 is 0xabab.* and 1 of 1 other endpoints/))
    expect([reader.ended, reader.others()]).toEqual([false, []])
    node.hashes = [node.genesisHash, ...node.hashes.slice(1)]
    node.disconnect()
    node.reconnect()
    await caughtUp(node, reader)
  })
})

describe('a chain that was replaced', () => {
  test('by one with another genesis', async () => {
    const node = new FakeNode(10)
    const reader = read(node)
    await caughtUp(node, reader)
    node.disconnect()
    node.hashes = [`0x${'ab'.repeat(32)}`, ...node.hashes.slice(1)]
    node.grow(1)
    node.reconnect()
    await vi.waitFor(() => expect(reader.ended).toBe(true))
    expect(reader.others()).toEqual([{ type: 'replaced', expected: { number: 0, hash: node.genesisHash }, found: null }])
  })

  test.each([3, 30])('by one with the same genesis, now at %i', async (height) => {
    const node = new FakeNode(10)
    const reader = read(node)
    await caughtUp(node, reader)
    const first = node.ref(1)
    node.disconnect()
    node.back(10)
    node.salt = 1_000
    node.grow(height)
    node.reconnect()
    await vi.waitFor(() => expect(reader.ended).toBe(true))
    expect(reader.others().at(-1)).toEqual({ type: 'replaced', expected: first, found: expect.stringMatching(/^0x/) })
    expect(reader.error).toBeUndefined()
  })

  test('between two runs', async () => {
    const old = new FakeNode(10)
    const node = new FakeNode()
    node.salt = 500
    node.grow(20)
    const reader = read(node, { from: 9, known: numbers(1, 8).map((number) => old.ref(number)) })
    await vi.waitFor(() => expect(reader.ended).toBe(true))
    expect(reader.events).toMatchObject([{ type: 'replaced' }])
  })
})

describe('runs of blocks', () => {
  const readRuns = (node: FakeNode, options: Partial<BlockOptions> = {}, bytes = 10) => {
    const stop = new AbortController()
    stops.push(stop)
    const events: RunEvent<Header>[] = []
    let asked = 0
    let most = 0
    const load = (headers: readonly Header[]) => headers.map(async (value) => {
      most = Math.max(most, ++asked)
      await new Promise((resolve) => setImmediate(resolve))
      asked--
      return { value, bytes }
    })
    void (async () => {
      for await (const event of blockRuns(node.chain(), { from: 1, confirmations: 2, signal: stop.signal, ...options }, load)) events.push(event)
    })()
    const have = (): number[] => events.flatMap((event) => (event.type === 'blocks' ? event.blocks.map(({ number }) => number) : []))
    return { events, have, stop, sizes: () => events.flatMap((event) => (event.type === 'blocks' ? [event.blocks.length] : [])), get most() { return most } }
  }
  const caughtUp = (node: FakeNode, reader: { have: () => number[] }): Promise<void> => vi.waitFor(() => expect(reader.have()).toEqual(numbers(1, node.height - 2)), { timeout: 5_000, interval: 5 })

  test('grow from one to the next, and are no longer than 128', async () => {
    const node = new FakeNode(3_000)
    const reader = readRuns(node)
    await caughtUp(node, reader)
    expect(reader.sizes()[0]).toBeLessThan(8)
    expect([Math.max(...reader.sizes()), reader.most <= 512]).toEqual([128, true])
    // The short runs of the beginning are not made again in the room that they left.
    expect(new Set(reader.sizes().slice(16, -1))).toEqual(new Set([128]))
    expect(node.asked.filter((method) => method === 'chain_getBlockHash').length).toBeLessThan(50)
  })

  test('are as many as their bytes allow', async () => {
    const node = new FakeNode(400)
    const reader = readRuns(node, { aheadBytes: 20_000 }, 1_000)
    await caughtUp(node, reader)
    expect(Math.max(...reader.sizes().slice(4))).toBeLessThanOrEqual(5) // a quarter of 20
    const huge = readRuns(node, { aheadBytes: 10 }, 1_000_000)
    await caughtUp(node, huge)
    expect(Math.max(...huge.sizes().slice(8))).toBe(1)
  })

  test('are given up to the block that the node does not have', async () => {
    const node = new FakeNode(300)
    node.fail = (method, params) => (method === 'chain_getHeader' && params[0] === node.hashes[200] ? new RpcError(method, 4003, 'State already discarded', '') : undefined)
    const reader = readRuns(node)
    await vi.waitFor(() => expect(reader.have().at(-1)).toBe(199), { timeout: 5_000 })
    node.fail = undefined
    await caughtUp(node, reader)
  })

  test('of a node that takes no lists of heights come one by one', async () => {
    const node = new FakeNode(12)
    node.listless = true
    const reader = readRuns(node)
    await vi.waitFor(() => expect(reader.have().length).toBeGreaterThan(0), { timeout: 5_000 })
    expect(reader.sizes()[0]).toBe(1)
  })

  test('with a header that is not the one of its hash are refused, and the node is not trusted', async () => {
    const node = new FakeNode(100)
    const lie = node.byHash.get(node.hashes[12]!)!
    node.byHash.set(node.hashes[12]!, { ...lie, stateRoot: node.genesisHash })
    const reader = readRuns(node)
    await vi.waitFor(() => expect(node.distrusted[0]).toMatch(/says that block 12 is 0x.*, and gives a header that is 0x/))
    expect(reader.have()).toEqual(numbers(1, 11))
    node.byHash.set(node.hashes[12]!, lie)
    await caughtUp(node, reader)
  })

  test('best blocks are given before they are confirmed, if asked for, and again after a reorg', async () => {
    const node = new FakeNode(5)
    const reader = readRuns(node, { unconfirmed: true })
    const best = (): string[] => reader.events.flatMap((event) => (event.type === 'best' ? [event.block.hash] : event.type === 'reorg' ? [`back to ${event.to}`] : []))
    await vi.waitFor(() => expect(best()).toEqual([node.hashes[4], node.hashes[5]]))
    node.grow(1)
    await vi.waitFor(() => expect(best().at(-1)).toBe(node.hashes[6]))
    const before = best()
    node.reorg(2, 3, false)
    node.tell()
    // Block 5 is confirmed by now and comes as such.
    await vi.waitFor(() => expect(best()).toEqual([...before, 'back to 4', node.hashes[6], node.hashes[7]]))
    await caughtUp(node, reader)
  })

  test('far behind no best blocks are read', async () => {
    const node = new FakeNode(600)
    const reader = readRuns(node, { unconfirmed: true })
    await caughtUp(node, reader)
    expect(reader.events.filter(({ type }) => type === 'best').length).toBeLessThanOrEqual(2)
  })
})

test('a node that stands is told so, time and again', async () => {
  const node = new FakeNode(5)
  const reader = read(node, { stallMs: 30 })
  await vi.waitFor(() => expect(node.distrusted.length).toBeGreaterThan(1))
  expect(node.distrusted[0]).toBe('no block above 5')
  expect(reader.others()).toHaveLength(1)
})

test('what is remembered stays small over a long run', async () => {
  const node = new FakeNode(6_000)
  const stop = new AbortController()
  stops.push(stop)
  const stream = blocks(node.chain(), { from: 1, confirmations: 2, signal: stop.signal }, async ({ number }) => number)
  for (let i = 1; i <= 5_500; i++) expect(await stream.next()).toEqual({ done: false, value: { type: 'block', block: i } })
  node.asked = []
  node.reorg(700, 710)
  const event = await (async () => {
    for (;;) {
      const { value } = await stream.next()
      if (value && value.type !== 'block') return value
    }
  })()
  // the fork at 5,300 is found within the blocks still remembered, a few below
  expect(event).toMatchObject({ type: 'reorg', deep: true })
  if (event.type === 'reorg') expect(event.to).toBeGreaterThan(5_280)
  expect(node.asked.length).toBeLessThan(150)
  await stream.return()
})

test('the best block, each once, until aborted', async () => {
  const node = new FakeNode(3)
  const stop = new AbortController()
  const seen: BlockRef[] = []
  const ended = new Promise<void>((resolve) => best$(node.chain(), stop.signal).subscribe({ next: (head) => seen.push(head), complete: resolve }))
  node.tell()
  node.grow(1)
  expect(seen).toEqual([node.ref(3), node.ref(4)])
  stop.abort()
  await ended
  node.grow(1)
  expect(seen).toHaveLength(2)
  await new Promise<void>((resolve) => best$(node.chain(), AbortSignal.abort()).subscribe({ complete: resolve }))
})

test('an Observable of blocks ends with its subscriber', async () => {
  const node = new FakeNode(9)
  const stop = new AbortController()
  stops.push(stop)
  let ended = 0
  const source = fromBlocks(async function* (signal) {
    try {
      yield* blocks(node.chain(), { from: 1, confirmations: 2, signal }, async ({ number }) => number)
    } finally {
      ended++
    }
  }, stop.signal)
  const seen: unknown[] = []
  const subscription = source.subscribe((event) => seen.push(event))
  await vi.waitFor(() => expect(seen).toHaveLength(7))
  subscription.unsubscribe()
  await vi.waitFor(() => expect(ended).toBe(1))
  const completed = new Promise<void>((resolve) => source.subscribe({ complete: resolve }))
  stop.abort()
  await completed
})

test('a header is of the height asked for, or an error', async () => {
  const node = new FakeNode(5)
  const chain = node.chain()
  expect(await headerAt(chain, 3)).toMatchObject(node.ref(3))
  expect(await headerAt(chain, 9)).toBeNull()
  node.hashes[3] = node.hashes[2]!
  await expect(headerAt(chain, 3)).rejects.toThrow(/no longer has block 3/)
})
