import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { connectProblem } from './connect-problem.ts'
import { ChainTimeoutError, ChainUnreachableError, RpcError, StoppedError } from './errors.ts'
import { connectRpc, type Rpc } from './rpc.ts'

// A node that answers by script and can be cut.
class Node {
  readonly asked: { id: number; method: string; params: unknown[]; socket: WebSocket }[] = []
  answer: (method: string, params: unknown[]) => unknown = () => undefined
  server!: WebSocketServer
  port = 0

  async listen(): Promise<this> {
    this.server = new WebSocketServer({ port: this.port, host: '127.0.0.1' })
    await once(this.server, 'listening')
    this.port = (this.server.address() as { port: number }).port
    this.server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data) => {
        const { id, method, params } = JSON.parse(String(data)) as { id: number; method: string; params: unknown[] }
        this.asked.push({ id, method, params, socket })
        try {
          const result = this.answer(method, params)
          if (result !== undefined) socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }))
        } catch (error) {
          socket.send(JSON.stringify({ jsonrpc: '2.0', id, error }))
        }
      })
    })
    return this
  }

  tell(subscription: unknown, result: unknown): void {
    for (const client of this.server.clients) client.send(JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { subscription, result } }))
  }

  async down(): Promise<void> {
    for (const client of this.server.clients) client.terminate()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

const nodes: Node[] = []
let stop = new AbortController()
afterEach(async () => {
  stop.abort()
  stop = new AbortController()
  await Promise.all(nodes.splice(0).map((node) => node.down().catch(() => {})))
})
const node = async (answer: Node['answer'] = () => undefined): Promise<Node> => {
  const made = await new Node().listen()
  made.answer = answer
  nodes.push(made)
  return made
}
const connect = ({ port }: { port: number }, options: Partial<Parameters<typeof connectRpc>[0]> = {}): Promise<Rpc> => connectRpc({ endpoint: `ws://127.0.0.1:${port}`, signal: stop.signal, requestTimeoutMs: 5_000, retryMs: 20, ...options })
const methods = (of: Node): string[] => of.asked.map(({ method }) => method)

test('asks and is answered, side by side', async () => {
  const rpc = await connect(await node((method, params) => [method, ...params]))
  expect(await Promise.all([rpc.request('a', [1]), rpc.request('b')])).toEqual([['a', 1], ['b']])
})

test('a refusal carries the node\'s code and data', async () => {
  const rpc = await connect(await node(() => { throw { code: 1010, message: 'Invalid Transaction', data: 'Inability to pay' } }))
  const error = await rpc.request('author_submitExtrinsic').catch((e: unknown) => e)
  expect(error).toBeInstanceOf(RpcError)
  expect(error).toMatchObject({ rpcCode: 1010, data: 'Inability to pay', message: expect.stringContaining('author_submitExtrinsic') })
})

test('a request that is not answered says so after its time', async () => {
  const rpc = await connect(await node())
  await expect(rpc.request('slow', [], 30)).rejects.toThrow(ChainTimeoutError)
})

test('a request rides out a cut and is sent once on each connection', async () => {
  const held = await node()
  const rpc = await connect(held)
  const states: boolean[] = []
  rpc.connected$.subscribe((up) => states.push(up))
  const asking = rpc.request('read', [7])
  await vi.waitFor(() => expect(methods(held)).toEqual(['read']))
  await held.down()
  const inOutage = rpc.request('other')
  await vi.waitFor(() => expect(rpc.connected).toBe(false))
  held.answer = (method) => `${method} at last`
  await held.listen()
  expect(await asking).toBe('read at last')
  expect(await inOutage).toBe('other at last')
  expect(methods(held).sort()).toEqual(['other', 'read', 'read'])
  expect(states).toEqual([true, false, true])
})

test('a subscription is made anew on each connection and lets go when nobody listens', async () => {
  let next = 0
  const told = await node((method) => (method === 'sub' ? `s${next++}` : true))
  const rpc = await connect(told)
  const got: unknown[] = []
  const listening = rpc.subscribe('sub', 'unsub').subscribe((value) => got.push(value))
  await vi.waitFor(() => expect(methods(told)).toEqual(['sub']))
  told.tell('s0', 1)
  told.tell('other', 'stray')
  await vi.waitFor(() => expect(got).toEqual([1]))
  await told.down()
  await told.listen()
  await vi.waitFor(() => expect(methods(told)).toEqual(['sub', 'sub']))
  told.tell('s0', 'of the old connection')
  told.tell('s1', 2)
  await vi.waitFor(() => expect(got).toEqual([1, 2]))
  listening.unsubscribe()
  await vi.waitFor(() => expect(told.asked.at(-1)).toMatchObject({ method: 'unsub', params: ['s1'] }))
  told.tell('s1', 3)
  await rpc.request('ping')
  expect(got).toEqual([1, 2])
})

test('a cut in the middle of subscribing leaves one subscription, not two', async () => {
  let next = 0
  const quiet = await node()
  const rpc = await connect(quiet)
  const got: unknown[] = []
  rpc.subscribe('sub', 'unsub').subscribe((value) => got.push(value))
  await vi.waitFor(() => expect(methods(quiet)).toEqual(['sub']))
  await quiet.down()
  quiet.answer = (method) => (method === 'sub' ? `s${next++}` : true)
  await quiet.listen()
  await vi.waitFor(() => expect(methods(quiet).filter((method) => method === 'unsub')).toHaveLength(1))
  for (const id of ['s0', 's1']) quiet.tell(id, id)
  await rpc.request('ping')
  expect(got).toHaveLength(1)
})

test('a value that overtakes the answer naming its subscription is kept', async () => {
  const hasty = await node()
  const rpc = await connect(hasty)
  const got: unknown[] = []
  rpc.subscribe('sub', 'unsub').subscribe((value) => got.push(value))
  await vi.waitFor(() => expect(methods(hasty)).toEqual(['sub']))
  hasty.tell('early', 1)
  const { id, socket } = hasty.asked[0]!
  socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: 'early' }))
  hasty.tell('early', 2)
  await vi.waitFor(() => expect(got).toEqual([1, 2]))
})

test('a refused subscription is an error, a closed connection completes it', async () => {
  const strict = await node((method) => {
    if (method === 'bad') throw { code: -32601, message: 'Method not found' }
    return 'id'
  })
  const rpc = await connect(strict)
  await expect(new Promise((_, reject) => rpc.subscribe('bad', 'x').subscribe({ error: reject }))).rejects.toThrow(RpcError)
  const ended = new Promise<void>((resolve) => rpc.subscribe('good', 'x').subscribe({ complete: resolve }))
  const waiting = expect(rpc.request('never')).resolves.toBe('id')
  await waiting
  stop.abort()
  await ended
  await expect(rpc.request('late')).rejects.toThrow(StoppedError)
})

test('a connection that goes silent without closing is given up', async () => {
  const mute = await node((method) => (mute.asked.length < 2 ? method : undefined))
  const rpc = await connect(mute, { idleMs: 60 })
  expect(await rpc.request('first')).toBe('first')
  await vi.waitFor(() => expect(rpc.connected).toBe(false))
})

test('garbage from the node is passed over', async () => {
  const odd = await node((method) => method)
  const rpc = await connect(odd)
  await rpc.request('first')
  for (const text of ['not json', '[]', 'null', '{"id":999}', '{"params":{}}', '{"id":"x","result":1}']) for (const client of odd.server.clients) client.send(text)
  expect(await rpc.request('second')).toBe('second')
})

test('nobody there: a clear error after the time given, and nothing left running', async () => {
  const gone = await node()
  await gone.down()
  await expect(connect(gone, { requestTimeoutMs: 100 })).rejects.toThrow(ChainUnreachableError)
  // Longer requests do not mean a longer wait for the first connection.
  await expect(connect(gone, { requestTimeoutMs: 600_000, connectMs: 100 })).rejects.toThrow(`No chain answers at ws://127.0.0.1:${gone.port}`)
})

test.runIf(Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1')))('a node that has IPv6 alone is asked by its address', async () => {
  const server = new WebSocketServer({ port: 0, host: '::1' })
  await once(server, 'listening')
  server.on('connection', (socket) => void socket.on('message', (data) => socket.send(JSON.stringify({ id: (JSON.parse(String(data)) as { id: number }).id, result: 'six' }))))
  const { port } = server.address() as { port: number }
  const rpc = await connectRpc({ endpoint: `ws://[::1]:${port}`, signal: stop.signal, requestTimeoutMs: 5_000 })
  expect([await rpc.request('x'), rpc.endpoint]).toEqual(['six', `ws://[::1]:${port}`])
  for (const client of server.clients) client.terminate()
  server.close()
})

test('a name that does not resolve is said to be one', async () => {
  await expect(connectRpc({ endpoint: 'ws://nowhere.invalid', signal: stop.signal, requestTimeoutMs: 2_000, retryMs: 20 })).rejects.toThrow(/the name nowhere\.invalid (does not resolve|cannot be looked up) \((ENOTFOUND|EAI_AGAIN)\)/)
})

test('a door that answers too many requests is said to be one, and entered when it opens', async () => {
  const sockets = new WebSocketServer({ noServer: true })
  let open = false
  const door = createHttpServer().on('upgrade', (request, socket, head) => void (open ? sockets.handleUpgrade(request, socket, head, () => {}) : socket.end('HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n')))
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const { port } = door.address() as { port: number }
  await expect(connect({ port }, { requestTimeoutMs: 200 })).rejects.toThrow(/HTTP 429, too many requests/)
  const connecting = connect({ port })
  open = true
  const rpc = await connecting
  for (const client of sockets.clients) client.terminate()
  open = false
  await vi.waitFor(() => expect(rpc.problem).toMatch(/429/))
  door.close()
})

test.each([
  ['ECONNREFUSED', /refused/], ['EAI_AGAIN', /DNS does not answer/], ['ENETUNREACH', /IPv4 or IPv6/], ['EMFILE', /ulimit -n/],
  ['CERT_NOT_YET_VALID', /2020-01-01T00:00:00\.000Z.*set its clock/], ['CERT_HAS_EXPIRED', /set its clock/], ['EPROTO', /no \(EPROTO\)/],
])('%s is said in a clause', (code, said) => {
  expect(connectProblem(Object.assign(new Error('no'), { code }), 'x', new Date(Date.UTC(2020, 0)))).toMatch(said)
})

test('a node that is asked too much may be asked again later, others may not', async () => {
  const errors = [{ code: -32005, message: 'slow down' }, { code: 429, message: '' }, { code: -32000, message: 'Rate limit reached' }, { code: 1010, message: 'Invalid Transaction' }]
  const strict = await node((method) => { throw errors[Number(method)]! })
  const rpc = await connect(strict)
  const found = await Promise.all(errors.map((_, i) => rpc.request(String(i)).catch((error: unknown) => error as RpcError)))
  expect(found.map((error) => [(error as RpcError).busy, (error as RpcError).exit])).toEqual([[true, 75], [true, 75], [true, 75], [false, 1]])
})

test('a port that accepts and never speaks is nobody too', async () => {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => void sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await expect(connect({ port: (server.address() as { port: number }).port }, { requestTimeoutMs: 100 })).rejects.toThrow(ChainUnreachableError)
  for (const socket of sockets) socket.destroy()
  server.close()
})

test.each(['http://127.0.0.1:1', '127.0.0.1:9944', 'ws://', ''])('"%s" is no endpoint', async (endpoint) => {
  await expect(connectRpc({ endpoint, signal: stop.signal })).rejects.toThrow(/ws:\/\/ or wss:\/\//)
})

test('an endpoint that comes up late is found', async () => {
  const late = await node((method) => method)
  await late.down()
  const connecting = connect(late)
  await new Promise((resolve) => setTimeout(resolve, 60))
  await late.listen()
  expect(await (await connecting).request('hello')).toBe('hello')
})

test('stopped before or while connecting', async () => {
  const gone = await node()
  await gone.down()
  const connecting = connect(gone)
  stop.abort()
  await expect(connecting).rejects.toThrow(StoppedError)
  await expect(connect(gone, { signal: AbortSignal.abort() })).rejects.toThrow(StoppedError)
})
