import { once } from 'node:events'
import { createConnection } from 'node:net'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getIntrospectionQuery } from 'graphql'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveOperations, type Operations } from '@assay/kit/http'
import { createMetrics } from '@assay/kit/metrics'
import type { AccountId, Hash } from '@assay/protocol'
import { testCrypto } from '../../../../protocol/testing/actors.ts'
import { apiRoutes } from '../api.ts'
import type { Store } from '../database.ts'
import { indexerMetrics, type IndexerMetrics } from '../metrics.ts'
import { openTestDatabase, testOwner } from '../testing/database.ts'
import { freshWorld, Happenings, hash32, machine, owner } from '../testing/happenings.ts'
import { recorder, type Recorder } from '../testing/log.ts'
import { graphqlSchema } from './document.ts'
import { OPEN_DOOR, type DoorOptions } from './door.ts'
import { LIMITS } from './graphql-limits.ts'
import type { LiveOptions } from './seats.ts'

let store: Store
let end: () => Promise<void>
let world: Happenings
let operations: Operations
let metrics: IndexerMetrics
let notes: Recorder
let failing = false
const clients: WebSocket[] = []

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
})
afterAll(() => end())
beforeEach(async () => {
  world = await freshWorld(store.db)
  failing = false
  await open()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await operations.close()
})

async function open(options: Partial<LiveOptions & DoorOptions> = {}): Promise<void> {
  metrics = indexerMetrics(createMetrics('indexer'))
  notes = recorder()
  const db = store.db.withPlugin({
    transformQuery({ node }) {
      if (failing) throw new Error('a secret of ours')
      return node
    },
    transformResult: ({ result }) => Promise.resolve(result),
  })
  operations = await serveOperations({
    host: '127.0.0.1', port: 0, log: notes.log, ready: () => ({ ready: true, detail: null }), metrics: metrics.text,
    routes: apiRoutes({ db, crypto: testCrypto, state$: world.state$, best: () => null, pot: () => null, network: testOwner.network as AccountId, genesisHash: testOwner.genesisHash as Hash, changes$: world.changes$, log: notes.log }, metrics, { ...OPEN_DOOR, ...options }),
  })
}
async function reopen(options: Partial<LiveOptions & DoorOptions>): Promise<void> {
  await operations.close()
  await open(options)
}

interface Answer { data?: Record<string, unknown>, errors?: { message: string, extensions: { code: string } }[] }
async function ask(body: object | string): Promise<{ status: number } & Answer> {
  const answer = await fetch(`${operations.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) })
  return { status: answer.status, ...(await answer.json() as Answer) }
}
const refused = async (query: string, code: string, more: object = {}) => {
  const { status, data, errors } = await ask({ query, ...more })
  expect([query.slice(0, 60), status, data, errors?.[0]?.extensions.code]).toEqual([query.slice(0, 60), 400, undefined, code])
}
const figure = async (name: string): Promise<number> => Number(new RegExp(`^assay_indexer_${name.replaceAll(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(await metrics.text())?.[1] ?? 0)
async function until(so: () => Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('the schema', () => {
  it('is the one in the file: `node tools/generate-client.ts` writes it', async () => {
    expect(readFileSync(join(import.meta.dirname, '../../schema.graphql'), 'utf8')).toBe(await graphqlSchema())
  })

  it('can be asked for, once and not without end', async () => {
    const { status, data } = await ask({ query: getIntrospectionQuery() })
    expect([status, Object.keys(data ?? {})]).toEqual([200, ['__schema']])
    await refused('{ a: __schema { description } b: __schema { description } }', 'QUERY_TOO_LARGE')
    await refused('{ __schema { a: types { name } b: types { name } } }', 'QUERY_TOO_LARGE')
    await refused('{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }', 'BAD_QUERY')
  })
})

describe('a document', () => {
  it('may come by POST or in the URL', async () => {
    expect(await ask({ query: 'query A { rounds { next } } query B { machines { next } }', operationName: 'B' })).toEqual({ status: 200, data: { machines: { next: null } } })
    const url = `${operations.url}/graphql?query=${encodeURIComponent('query ($limit: Count) { verifiedMachines(limit: $limit) { next } }')}&variables=${encodeURIComponent('{"limit":1}')}`
    expect(await (await fetch(url)).json()).toEqual({ data: { verifiedMachines: { next: null } } })
  })

  it('that is none is refused with the reason', async () => {
    await refused('{', 'BAD_QUERY')
    await refused('{ nothing }', 'BAD_QUERY')
    await refused('{ machine { account } }', 'BAD_QUERY')
    await refused('query A { rounds { next } } query B { rounds { next } }', 'BAD_QUERY')
    await refused('{ rounds { next } }', 'BAD_QUERY', { operationName: 'B' })
    await refused('subscription { blocks { number } }', 'BAD_QUERY')
    await refused('mutation { x }', 'BAD_QUERY')
    await refused('fragment A on Query { ...B } fragment B on Query { ...A } { ...A }', 'BAD_QUERY')
    // Values of variables are looked at when it runs.
    expect((await ask({ query: 'query ($n: Count!) { round(number: $n) { round } }', variables: { n: 'x' } })).errors?.[0]?.extensions.code).toBe('BAD_QUERY')
    expect((await ask({ query: 'query ($n: Count!) { round(number: $n) { round } }' })).errors?.[0]?.extensions.code).toBe('BAD_QUERY')
  })

  it('in a request that is none is refused as everywhere', async () => {
    for (const body of ['nothing', '[]', '{}', '{"query":1}', '{"query":"{ rounds { next } }","variables":[]}', JSON.stringify({ query: 'x'.repeat(20_001) })]) {
      expect([body.slice(0, 20), (await ask(body)).status]).toEqual([body.slice(0, 20), 400])
    }
    for (const query of ['', '?query=%7Brounds%7Bnext%7D%7D&variables=x', '?query=%7Brounds%7Bnext%7D%7D&variables=[]']) {
      const answer = await fetch(`${operations.url}/graphql${query}`)
      expect([query, answer.status, await answer.json()]).toEqual([query, 400, { error: { code: 'BAD_REQUEST', message: expect.any(String) } }])
    }
    expect((await fetch(`${operations.url}/graphql`, { method: 'POST', body: '{"query":"{ rounds { next } }"}' })).status).toBe(400)
  })

  it('that asks for too much is not run', async () => {
    await refused(`{ ${'rounds '.repeat(LIMITS.tokens)} }`, 'BAD_QUERY')
    await refused(`{ ${Array.from({ length: 31 }, (_, i) => `a${i}: rounds { next }`).join(' ')} }`, 'QUERY_TOO_LARGE')
    await refused('{ machines(limit: 200) { items { verdicts(limit: 200) { items { round } } } } }', 'QUERY_TOO_COSTLY')
    await refused('query ($a: Count) { machines(limit: $a) { items { verdicts(limit: $a) { items { round } } } } }', 'QUERY_TOO_COSTLY', { variables: { a: 200 } })
    await refused('query ($a: Count) { machines(limit: $a) { items { verdicts(limit: $a) { items { round } } } } }', 'QUERY_TOO_COSTLY')
    // Spreads of spreads double with each: counted all the same, and in no time.
    const bomb = Array.from({ length: 40 }, (_, i) => `fragment F${i} on Query { ${i === 39 ? 'rounds { next }' : `...F${i + 1} ...F${i + 1}`} }`).join(' ')
    await refused(`${bomb} { ...F0 }`, 'QUERY_TOO_COSTLY')
    expect(await figure('graphql_refused_total{code="QUERY_TOO_COSTLY"}')).toBe(4)
    // A verdict in full costs three reads, whatever is asked of it.
    await refused('{ machines(limit: 200) { items { verdicts(limit: 10) { items { full { verdict { round } } } } } } }', 'QUERY_TOO_COSTLY')
    // A list that is refused later must not pay for another.
    const costly = 'machines(limit: 200) { items { verdicts(limit: 200) { items { round } } } }'
    await refused(`{ less: machines(limit: -1000000) { items { address did } } ${costly} }`, 'QUERY_TOO_COSTLY')
    await refused(`query ($a: Count) { less: machines(limit: $a) { items { address did } } ${costly} }`, 'QUERY_TOO_COSTLY', { variables: { a: -1_000_000 } })
  })

  it('counts as one request for each thousand fields that it may ask for', async () => {
    await reopen({ requestsPerMinute: 6 })
    const query = '{ machines(limit: 200) { items { verdicts(limit: 10) { next } } } }' // 4,400 fields and some: 5 requests
    expect((await ask({ query })).status).toBe(200)
    const more = await fetch(`${operations.url}/graphql?query=${encodeURIComponent(query)}`)
    expect([more.status, Number(more.headers.get('retry-after')) > 0, await more.json()]).toEqual([429, true, { errors: [expect.objectContaining({ extensions: { code: 'RATE_LIMITED' } })] }])
  })

  it('that nests too deeply is not run', async () => {
    // Types lead back to themselves by nothing but introspection and Verdict.full, which has a verdict in full.
    await refused(`{ __type(name: "Query") { ${'ofType { '.repeat(25)} name ${'} '.repeat(25)} } }`, 'QUERY_TOO_DEEP')
  })

  it('whose answer fails says nothing of our inside', async () => {
    failing = true
    const { status, data, errors } = await ask({ query: '{ __typename machines { next } }' })
    expect([status, data, errors]).toEqual([200, { __typename: 'Query', machines: null }, [{ message: 'the server could not answer', locations: expect.any(Array), path: ['machines'], extensions: { code: 'INTERNAL' } }]])
    await notes.until('GraphQL field failed', { path: 'machines' })
  })
})

interface Message { id?: string, type: string, payload?: unknown }

/** A client of graphql-transport-ws, as bare as can be. */
async function client(protocol = 'graphql-transport-ws') {
  const socket = new WebSocket(`${operations.url.replace('http', 'ws')}/graphql`, protocol)
  clients.push(socket)
  const messages: Message[] = []
  let look = (): void => {}
  socket.addEventListener('message', ({ data }) => {
    messages.push(JSON.parse(String(data)) as Message)
    look()
  })
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code), { once: true }))
  const opened = await new Promise<boolean>((resolve) => {
    socket.addEventListener('open', () => resolve(true), { once: true })
    socket.addEventListener('error', () => resolve(false), { once: true })
  })
  const next = () => new Promise<Message>((resolve) => {
    look = () => {
      const message = messages.shift()
      if (message) resolve(message)
      else return
      look = () => {}
    }
    look()
  })
  const send = (message: object | string) => socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  const start = async () => {
    send({ type: 'connection_init' })
    expect(await next()).toEqual({ type: 'connection_ack' })
  }
  return { opened, socket, closed, next, send, start, subscribe: (id: string, query: string, variables?: object) => send({ id, type: 'subscribe', payload: { query, variables } }) }
}

describe('a subscription', () => {
  it('tells what happens, in the words of the schema', async () => {
    const { start, subscribe, next } = await client()
    await start()
    subscribe('1', 'subscription { events(types: [block, round, verdict, payout]) { id type block { number } round { round outcomes { key value } } verdict { machine } payout { account paid } } }')
    expect(await next()).toMatchObject({ id: '1', type: 'next', payload: { data: { events: { type: 'ready', block: null } } } })
    await world.blocks(11)
    expect(await next()).toMatchObject({ payload: { data: { events: { type: 'block', block: { number: 11 } } } } })
    await world.round(0, [1])
    expect(await next()).toMatchObject({ payload: { data: { events: { id: '12.1.round0.0', round: { round: 0, outcomes: [{ key: 'PASS', value: 1 }] } } } } })
    expect(await next()).toMatchObject({ payload: { data: { events: { verdict: { machine: machine(1) } } } } })
    await world.epoch(0, [1])
    expect(await next()).toMatchObject({ payload: { data: { events: { payout: { account: owner(1), paid: '10' } } } } })
  })

  it('may be to one kind only, of one machine, and go on after an id', async () => {
    await world.round(0, [1, 2])
    const { start, subscribe, next, send } = await client()
    await start()
    for (const [id, query] of [['b', '{ blocks { number hash } }'], ['r', '{ rounds { round } }'], ['v', `{ verdicts(machine: "${machine(2)}") { round machine } }`], ['p', `{ payouts(machine: "${machine(2)}") { account } }`], ['e', '{ epochs { epoch totals { paid } } }']]) subscribe(id!, `subscription ${query}`)
    send({ type: 'ping' })
    expect(await next()).toEqual({ type: 'pong' })
    await until(async () => (await figure('live_events_total{type="ready"}')) === 5)
    await world.blocks(11)
    await world.round(1, [1, 2])
    await world.epoch(0, [1, 2])
    const told = new Map<string, unknown>()
    while (told.size < 5) {
      const { id, payload } = await next()
      told.set(id!, (payload as { data: unknown }).data)
    }
    expect(told.get('b')).toEqual({ blocks: { number: 11, hash: hash32(11) } })
    expect(told.get('v')).toEqual({ verdicts: { round: 1, machine: machine(2) } })
    expect(told.get('p')).toEqual({ payouts: { account: owner(2) } })
    expect(told.get('e')).toEqual({ epochs: { epoch: 0, totals: { paid: '10' } } })
    subscribe('again', 'subscription ($after: String) { events(types: [verdict], after: $after) { type verdict { round machine } } }', { after: `11.1.round0.${machine(1)}` })
    expect([await next(), await next()]).toMatchObject([{ payload: { data: { events: { type: 'ready' } } } }, { payload: { data: { events: { verdict: { round: 0, machine: machine(2) } } } } }])
  })

  it('is no more when the client says so, also while nothing happens', async () => {
    const { start, subscribe, next, send } = await client()
    await start()
    for (let i = 0; i < 25; i++) {
      subscribe(String(i), 'subscription { events { type } }')
      expect(await next()).toMatchObject({ id: String(i), type: 'next' })
      send({ id: String(i), type: 'complete' })
      send({ type: 'ping' })
      expect(await next()).toEqual({ type: 'pong' })
    }
  })

  it('that is not understood is refused alone', async () => {
    const { start, subscribe, next } = await client()
    await start()
    for (const [query, code] of [['subscription {', 'BAD_QUERY'], ['subscription { nothing }', 'BAD_QUERY'], ['subscription { blocks { number } rounds { round } }', 'BAD_QUERY'], ['{ machines(limit: 200) { items { verdicts(limit: 200) { items { round } } } } }', 'QUERY_TOO_COSTLY'], ['x'.repeat(20_001), 'QUERY_TOO_LARGE']]) {
      subscribe('1', query!)
      expect([query, await next()]).toEqual([query, { id: '1', type: 'error', payload: [expect.objectContaining({ extensions: { code } })] }])
    }
    for (const [query, code] of [['subscription { events(after: "x") { type } }', 'BAD_EVENT_ID'], ['subscription { verdicts(machine: "x") { round } }', 'BAD_ACCOUNT'], ['subscription { events(types: []) { type } }', 'BAD_REQUEST']]) {
      subscribe('1', query!)
      expect([query, await next()]).toMatchObject([query, { id: '1', type: 'next', payload: { errors: [{ extensions: { code } }] } }])
      expect(await next()).toEqual({ id: '1', type: 'complete' })
    }
    // The socket serves on, queries too.
    subscribe('2', '{ machines { next } }')
    expect(await next()).toMatchObject({ id: '2', type: 'next', payload: { data: { machines: { next: null } } } })
  })

  it('is one of ten of a socket at most', async () => {
    const { start, subscribe, next } = await client()
    await start()
    for (let i = 0; i < 10; i++) {
      subscribe(String(i), 'subscription { events { type } }')
      expect(await next()).toMatchObject({ id: String(i), type: 'next' })
    }
    subscribe('x', 'subscription { events { type } }')
    expect(await next()).toMatchObject({ id: 'x', type: 'error', payload: [{ extensions: { code: 'TOO_MANY_CLIENTS' } }] })
  })
})

describe('a socket', () => {
  it('that speaks otherwise is closed', async () => {
    for (const [message, code] of [['nothing', 4400], ['null', 4400], ['{"type":"nothing"}', 4400], [JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ rounds { next } }' } }), 4401]] as const) {
      const { send, closed } = await client()
      send(message)
      expect([message, await closed]).toEqual([message, code])
    }
    const big = await client()
    big.send('x'.repeat(65 * 1024))
    expect(await big.closed).toBe(1009)
    const other = await client('graphql-ws')
    expect(other.opened).toBe(false)
    await until(async () => (await figure('live_clients{transport="websocket"}')) === 0)
  })

  it('whose handshake fails leaves its seat', async () => {
    await reopen({ liveClientsPerAddress: 1 })
    const { hostname, port } = new URL(operations.url)
    for (let i = 0; i < 3; i++) {
      const socket = createConnection({ host: hostname, port: Number(port) })
      socket.write('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: none\r\n\r\n')
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      expect(bytes.toString()).toMatch(/^HTTP\/1.1 400/)
      await once(socket, 'close')
    }
    await until(async () => (await client()).opened)
  })

  it('is counted by what it asks for, as requests are', async () => {
    await reopen({ requestsPerMinute: 3 })
    const { start, subscribe, next } = await client()
    await start()
    for (const id of ['1', '2']) {
      subscribe(id, 'subscription { events { type } }')
      expect(await next()).toMatchObject({ id, type: 'next' })
    }
    subscribe('3', '{ rounds { next } }')
    expect(await next()).toMatchObject({ id: '3', type: 'error', payload: [{ extensions: { code: 'RATE_LIMITED' } }] })
  })

  it('that does not read its answers is not listened to, and ended', async () => {
    await reopen({ slowMs: 50 })
    const { hostname, port } = new URL(operations.url)
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.write('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n')
    await once(socket, 'data')
    socket.on('error', () => {}).pause()
    // Masked with zeros.
    const frame = (message: object): Buffer => {
      const text = Buffer.from(JSON.stringify(message))
      return Buffer.concat([Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]), text])
    }
    socket.write(frame({ type: 'connection_init' }))
    // Each is answered with as much.
    const pings = Buffer.concat(Array.from({ length: 200 }, () => frame({ type: 'ping', payload: { x: 'x'.repeat(300) } })))
    const flood = setInterval(() => void (socket.writableLength < 1e6 && socket.write(pings)), 1)
    await until(async () => (await figure('live_clients_dropped_total{reason="SLOW_CLIENT"}')) === 1)
    clearInterval(flood)
    socket.destroy()
    await until(async () => (await figure('live_clients{transport="websocket"}')) === 0)
  })

  it('is one of so many', async () => {
    await reopen({ liveClientsPerAddress: 1 })
    const first = await client()
    expect([first.opened, (await client()).opened]).toEqual([true, false])
    const full = await fetch(`${operations.url}/events`)
    expect([full.status, full.headers.get('retry-after'), await full.json()]).toEqual([503, '15', { error: { code: 'TOO_MANY_CLIENTS', message: expect.any(String) } }])
    first.socket.close()
    await until(async () => (await client()).opened)
  })

  it('is not for pages of origins that are not let in', async () => {
    await reopen({ corsOrigins: ['https://explorer.example'] })
    const upgraded = async (origin: string) => {
      const { hostname, port, host } = new URL(operations.url)
      const socket = createConnection({ host: hostname, port: Number(port) })
      socket.write(`GET /graphql HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin.replace('OWN', host)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`)
      const [bytes] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return bytes.toString().split('\r\n')[0]
    }
    expect([await upgraded('https://explorer.example'), await upgraded('http://OWN'), await upgraded('https://other.example'), await upgraded('null')]).toEqual([
      'HTTP/1.1 101 Switching Protocols', 'HTTP/1.1 101 Switching Protocols', 'HTTP/1.1 403 Forbidden', 'HTTP/1.1 403 Forbidden',
    ])
  })

  it('ends with the server', async () => {
    const { start, subscribe, next, closed } = await client()
    await start()
    subscribe('1', 'subscription { events { type } }')
    await next()
    await operations.close()
    expect([1001, 1005, 1006]).toContain(await closed)
    await open()
  })

  it('that answers no ping is ended', async () => {
    await reopen({ heartbeatMs: 20 })
    const { hostname, port } = new URL(operations.url)
    const socket = createConnection({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    socket.write('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
    expect(await figure('live_clients_dropped_total{reason="SILENT"}')).toBe(1)
  })
})
