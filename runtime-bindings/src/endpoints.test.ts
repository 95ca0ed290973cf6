import { afterEach, describe, expect, test, vi } from 'vitest'
import { serveRpc, type RpcSubscriptions } from '../testing/rpc-server.ts'
import { firstValueFrom } from 'rxjs'
import { connectEndpoints, type EndpointsOptions } from './endpoints.ts'
import { ChainUnreachableError, RpcError, StoppedError } from './errors.ts'
import type { EndpointInUse, Rpc } from './rpc.ts'

// A node as far as endpoints go: a genesis, a height, and answers that a test may hold back or refuse.
class Node {
  genesis = '0xaa'
  /** How often it does not tell its genesis yet. */
  starting = 0
  height = 10
  asked: string[] = []
  refuse: { code: number; message: string } | undefined
  mute = false
  /** Refuses subscriptions. */
  headless = false
  heads: ((data: unknown) => void)[] = []
  server!: Awaited<ReturnType<typeof serveRpc>>
  port = 0

  async up(): Promise<this> {
    this.server = await serveRpc({ host: '127.0.0.1', port: this.port, call: (method, params, subscriptions) => this.answer(method, params, subscriptions) })
    this.port = this.server.port
    return this
  }
  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }
  answer(method: string, params: unknown[], subscriptions: RpcSubscriptions): Promise<unknown> {
    if (method === 'chain_getBlockHash') return this.starting-- > 0 ? Promise.reject(Object.assign(new Error('starting'), { code: -32000 })) : Promise.resolve(this.genesis)
    if (method === 'chain_getHeader') return Promise.resolve({ number: `0x${this.height.toString(16)}` })
    this.asked.push(method)
    if (this.mute) return new Promise(() => {})
    if (this.refuse) return Promise.reject(Object.assign(new Error(this.refuse.message), this.refuse))
    if (method === 'heads' && this.headless) return Promise.reject(Object.assign(new Error('Subscriptions are not available'), { code: -32601 }))
    if (method === 'heads') this.heads.push(subscriptions.subscribe('head', `s${this.heads.length}`))
    return Promise.resolve(method === 'heads' ? `s${this.heads.length - 1}` : [this.port, method, ...params])
  }
  tell(value: unknown): void {
    for (const head of this.heads) head(value)
  }
}

const nodes: Node[] = []
let stop = new AbortController()
afterEach(async () => {
  stop.abort()
  stop = new AbortController()
  await Promise.all(nodes.splice(0).map((node) => node.server.close().catch(() => {})))
})
const node = async (height = 10): Promise<Node> => {
  const made = await new Node().up()
  made.height = height
  nodes.push(made)
  return made
}
const said: { event: string; fields: Record<string, unknown> | undefined }[] = []
const note = (event: string, fields?: Record<string, unknown>): void => void said.push({ event, fields })
const connect = (endpoints: readonly Node[], options: Partial<EndpointsOptions> = {}): Promise<Rpc> =>
  connectEndpoints({ endpoints: endpoints.map(({ url }) => url), signal: stop.signal, retryMs: 20, probeMs: 20, standMs: 100, restMs: 50, requestTimeoutMs: 4_000, random: () => 0.5, log: { info: note, warn: note, debug: note }, ...options })
/** Connected with the first in use and the others known. */
const connected = async (endpoints: readonly Node[], options: Partial<EndpointsOptions> = {}, name = endpoints[0]!.url): Promise<Rpc> => {
  const [, ...others] = endpoints
  const ports = others.map(({ port }) => port)
  await Promise.all(others.map((other) => other.server.close()))
  const rpc = await connect(endpoints, options)
  expect(rpc.endpoint).toBe(name)
  const header = others.map((other) => vi.spyOn(other, 'answer'))
  for (const [i, other] of others.entries()) await Object.assign(other, { port: ports[i] }).up()
  await vi.waitFor(() => expect(header.every((spy) => spy.mock.calls.some(([method]) => method === 'chain_getHeader'))).toBe(true), { timeout: 5_000 })
  return rpc
}

describe('several endpoints', () => {
  test('one that connects and cannot tell its chain yet is tried again, on one connection at a time', async () => {
    const [good, starting] = [await node(), await node()]
    starting.starting = 3
    await connect([good, starting])
    const asked = vi.spyOn(starting, 'answer')
    await vi.waitFor(() => expect(asked.mock.calls.some(([method]) => method === 'chain_getHeader')).toBe(true), { timeout: 5_000 })
    expect(starting.server.clients()).toBe(1)
  })

  test('are one connection: the first that answers is asked', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    expect(await rpc.request('x', [1])).toEqual([a.port, 'x', 1])
    expect(await Promise.all(rpc.requests([{ method: 'y', params: [1] }, { method: 'z', params: [] }]))).toEqual([[a.port, 'y', 1], [a.port, 'z']])
    expect(b.asked).toEqual([])
  })

  test('when one is cut off, what was asked is asked of the next, and subscriptions go on there', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    const heads: unknown[] = []
    rpc.subscribe('heads', 'unheads').subscribe((head) => heads.push(head))
    await vi.waitFor(() => expect(a.heads).toHaveLength(1))
    a.mute = true
    const asking = rpc.requests([{ method: 'x', params: [] }, { method: 'y', params: [] }])
    await vi.waitFor(() => expect(a.asked).toContain('y'))
    await a.server.close()
    expect(await Promise.all(asking)).toEqual([[b.port, 'x'], [b.port, 'y']])
    expect([rpc.endpoint, rpc.connected]).toEqual([b.url, true])
    await vi.waitFor(() => expect(b.heads).toHaveLength(1))
    b.tell(7)
    await vi.waitFor(() => expect(heads).toEqual([7]))
    expect(said.some(({ event, fields }) => event === 'endpoint switched' && fields?.['to'] === b.url)).toBe(true)
  })

  test('one that answers and does not move is left while another goes on, and taken again when that one fails', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    const growing = setInterval(() => b.height++, 10)
    await vi.waitFor(() => expect(rpc.endpoint).toBe(b.url), { timeout: 5_000 })
    clearInterval(growing)
    a.height = b.height + 5
    await vi.waitFor(() => expect(said.at(-1)).toBeDefined())
    await new Promise((resolve) => setTimeout(resolve, 120)) // its rest
    await b.server.close()
    await vi.waitFor(() => expect(rpc.endpoint).toBe(a.url), { timeout: 5_000 })
    expect(await rpc.request('x')).toEqual([a.port, 'x'])
  })

  test('if all stand, none is blamed', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(rpc.endpoint).toBe(a.url)
  })

  test('of another chain is left out', async () => {
    const [a, b] = [await node(), await node()]
    b.genesis = '0xbb'
    const rpc = await connect([a, b])
    const [good, other] = rpc.endpoint === a.url ? [a, b] : [b, a]
    await vi.waitFor(() => expect(said).toContainEqual({ event: 'endpoint left out', fields: { endpoint: other.url, why: expect.stringContaining(other.genesis) } }), { timeout: 5_000 })
    rpc.distrust('a test')
    expect(await rpc.request('x')).toEqual([good.port, 'x'])
  })

  test('too many requests for one: the next is asked; its other refusals are the answer', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    a.refuse = { code: -32005, message: 'slow down' }
    expect(await rpc.request('x')).toEqual([b.port, 'x'])
    b.refuse = { code: 4003, message: 'State already discarded' }
    await expect(rpc.request('y')).rejects.toThrow(RpcError)
    expect(rpc.endpoint).toBe(b.url)
  })

  test('that never answers a request is left before the request is given up', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b], { requestTimeoutMs: 400 })
    a.mute = true
    expect(await rpc.request('x', [], 4_000)).toEqual([b.port, 'x'])
  })

  test('the reader may distrust one; the last one is connected to anew', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    const states: boolean[] = []
    rpc.connected$.subscribe((is) => states.push(is))
    rpc.distrust('it lies')
    expect([rpc.endpoint, states]).toEqual([b.url, [true, true]])
    rpc.distrust('it lies too')
    await vi.waitFor(() => expect(states.slice(2)).toContain(false), { timeout: 5_000 })
    await vi.waitFor(() => expect(rpc.connected).toBe(true), { timeout: 5_000 })
  })

  test('a subscription that one refuses is asked of another, and is an error where none grants it', async () => {
    const [a, b] = [await node(), await node()]
    a.headless = true
    const rpc = await connected([a, b])
    const heads: unknown[] = []
    rpc.subscribe('heads', 'unheads').subscribe((head) => heads.push(head))
    await vi.waitFor(() => expect(b.heads).toHaveLength(1))
    b.tell(7)
    await vi.waitFor(() => expect(heads).toEqual([7]))
    b.headless = true
    await expect(firstValueFrom(rpc.subscribe('heads', 'unheads'))).rejects.toThrow(/Subscriptions are not available/)
  })

  test('which one is in use, how often that changed and why is told, and no secret of an address', async () => {
    const [a, b] = [await node(), await node()]
    const seen: EndpointInUse[] = []
    const rpc = await connected([a, b], { endpoints: [`ws://me:hunter2@127.0.0.1:${a.port}/hunter2?key=hunter2`, b.url] }, `${a.url}/…`)
    rpc.inUse$.subscribe((inUse) => seen.push(inUse))
    rpc.distrust('it lies')
    expect(seen).toEqual([{ endpoint: `${a.url}/…`, switches: 0, why: null }, { endpoint: b.url, switches: 1, why: 'it lies' }])
    expect(said.filter(({ event }) => event === 'endpoint switched').at(-1)).toEqual({ event: 'endpoint switched', fields: { from: `${a.url}/…`, to: b.url, why: 'it lies', switches: 1 } })
    expect(JSON.stringify(said)).not.toMatch(/hunter2/)
    await expect(connect([], { endpoints: [`ws://127.0.0.1:1/hunter2`, `ws://127.0.0.1:2?hunter2`], requestTimeoutMs: 100 })).rejects.toSatisfy((error: Error) => error instanceof ChainUnreachableError && !/hunter2/.test(error.message))
  })

  test('the others can be asked what they say', async () => {
    const [a, b, c] = [await node(), await node(), await node()]
    const rpc = await connected([a, b, c])
    b.refuse = { code: 4003, message: 'State already discarded' }
    expect(await rpc.elsewhere('x', [1])).toEqual([[c.port, 'x', 1]])
    expect(a.asked).toEqual([])
  })

  test('what is no header is no height', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    a.height = NaN
    await vi.waitFor(() => expect(rpc.endpoint).toBe(b.url), { timeout: 5_000 })
  })

  test('requests are spaced, for each endpoint', async () => {
    const a = await node()
    const rpc = await connect([a], { requestsPerSecond: 100 })
    const begun = performance.now()
    await Promise.all(Array.from({ length: 21 }, () => rpc.request('x')))
    expect(performance.now() - begun).toBeGreaterThan(190) // no fewer than 20 spaces of 10 ms
    expect(a.asked).toHaveLength(21)
  })

  test('nobody there, or stopped: an error in the end', async () => {
    const [a, b] = [await node(), await node()]
    await Promise.all([a.server.close(), b.server.close()])
    await expect(connect([a, b], { requestTimeoutMs: 600_000, connectMs: 200 })).rejects.toThrow(ChainUnreachableError)
    const connecting = connect([a, b])
    stop.abort()
    await expect(connecting).rejects.toThrow(StoppedError)
    await expect(connect([a, b])).rejects.toThrow(StoppedError)
  })

  test('requests under way end with it', async () => {
    const [a, b] = [await node(), await node()]
    const rpc = await connected([a, b])
    a.mute = b.mute = true
    const asking = rpc.request('x')
    rpc.close()
    await expect(asking).rejects.toThrow(StoppedError)
    await expect(rpc.request('y')).rejects.toThrow(StoppedError)
  })
})
