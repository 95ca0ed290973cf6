import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveOperations, type Operations } from '@assay/kit/http'
import { createMetrics } from '@assay/kit/metrics'
import type { AccountId, Hash } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import { testCrypto } from '../../../../protocol/testing/actors.ts'
import { apiRoutes } from '../api.ts'
import type { Store } from '../database.ts'
import { indexerMetrics, type IndexerMetrics } from '../metrics.ts'
import { openTestDatabase, testOwner } from '../testing/database.ts'
import { freshWorld, Happenings, hash32, machine, owner } from '../testing/happenings.ts'
import { recorder, type Recorder } from '../testing/log.ts'
import { OPEN_DOOR, type DoorOptions } from './door.ts'
import { RETRY_SECONDS, streamSeats, type LiveOptions } from './seats.ts'

let store: Store
let end: () => Promise<void>
let world: Happenings
let operations: Operations
let metrics: IndexerMetrics
let notes: Recorder
const leaving: AbortController[] = []

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
})
afterAll(() => end())
beforeEach(async () => {
  world = await freshWorld(store.db)
  await open()
})
afterEach(async () => {
  for (const one of leaving.splice(0)) one.abort()
  await operations.close()
})

async function open(options: Partial<LiveOptions & DoorOptions> = {}, db = store.db): Promise<void> {
  metrics = indexerMetrics(createMetrics('indexer'))
  notes = recorder()
  operations = await serveOperations({
    host: '127.0.0.1', port: 0, log: notes.log, ready: () => ({ ready: true, detail: null }), metrics: metrics.text,
    routes: apiRoutes({ db, crypto: testCrypto, state$: world.state$, best: () => null, pot: () => null, network: testOwner.network as AccountId, genesisHash: testOwner.genesisHash as Hash, changes$: world.changes$, log: notes.log }, metrics, { ...OPEN_DOOR, corsOrigins: ['https://explorer.example'], ...options }),
  })
}
async function reopen(options: Partial<LiveOptions & DoorOptions>, db = store.db): Promise<void> {
  await operations.close()
  await open(options, db)
}

interface Told { id?: string, event?: string, data?: string, comment?: true }

/** One stream, read as EventSource reads it. */
async function connect(query = '', headers: Record<string, string> = {}) {
  const leave = new AbortController()
  leaving.push(leave)
  const answer = await fetch(`${operations.url}/events${query}`, { headers, signal: leave.signal })
  async function* read(): AsyncGenerator<Told> {
    let text = ''
    for await (const bytes of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += bytes
      for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
        const fields = text.slice(0, at).split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)!.slice(1) as [string, string])
        text = text.slice(at + 2)
        yield fields[0]![0] === '' ? { comment: true } : Object.fromEntries(fields)
      }
    }
  }
  const told = read()
  return { answer, told, leave, next: async () => (await told.next()).value as Told | undefined }
}
const figure = async (name: string): Promise<number> => Number(new RegExp(`^assay_indexer_${name.replaceAll(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(await metrics.text())?.[1] ?? 0)
/** Looks until it is so, letting others go on between. */
async function until(so: () => Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 5))
}
const refused = async (query: string, status: number, code: string, headers: Record<string, string> = {}) => {
  const { answer } = await connect(query, headers)
  expect([query, answer.status, await answer.json()]).toEqual([query, status, { error: { code, message: expect.any(String) } }])
  return answer
}

describe('a stream of events', () => {
  it('tells what happens, each with its id, type and JSON', async () => {
    const { answer, next } = await connect()
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), answer.headers.get('content-encoding')]).toEqual([200, 'text/event-stream; charset=utf-8', 'no-store', null])
    expect(await next()).toMatchObject({ event: 'ready', id: expect.stringMatching(/^\d+\.\d+$/) })
    await world.blocks(11)
    expect(await next()).toEqual({ id: '12.0', event: 'block', data: JSON.stringify({ number: 11, hash: hash32(11), parentHash: hash32(10) }) })
    await world.round(0, [1])
    expect(await next()).toMatchObject({ id: '12.1.round0.0', event: 'round' })
    expect(await figure('live_clients{transport="sse"}')).toBe(1)
    expect(await figure('live_events_total{type="block"}')).toBe(1)
  })

  it('is of the types and the machine that are asked for', async () => {
    const { next } = await connect(`?types=verdict,payout&machine=${toAddress(machine(2))}`)
    expect((await next())?.event).toBe('ready')
    await world.blocks(11)
    await world.round(0, [1, 2])
    await world.epoch(0, [1, 2])
    expect(JSON.parse((await next())!.data!)).toMatchObject({ machine: machine(2), round: 0 })
    expect(JSON.parse((await next())!.data!)).toMatchObject({ account: owner(2), epoch: 0 })
    // Of a machine all is told if no types are named.
    const all = await connect(`?machine=${machine(1)}&after=11.0`)
    const types = []
    for (let i = 0; i < 6; i++) types.push((await all.next())?.event)
    expect(types).toEqual(['ready', 'block', 'round', 'verdict', 'epoch', 'payout'])
  })

  it('goes on after the last id, by header or by query, also in a process that was started anew', async () => {
    const first = await connect('?types=block,round,verdict')
    await first.next()
    await world.blocks(11)
    await world.round(0, [1, 2])
    const ids = []
    for (let i = 0; i < 4; i++) ids.push((await first.next())!.id!)
    await reopen({})
    for (const connected of [await connect('?types=block,round,verdict', { 'last-event-id': ids[1]! }), await connect(`?types=block,round,verdict&after=${ids[1]}`), await connect('?types=block,round,verdict&after=11.0', { 'last-event-id': ids[1]! })]) {
      expect(await connected.next()).toMatchObject({ event: 'ready', id: ids[1] })
      expect([(await connected.next())?.id, (await connected.next())?.id]).toEqual(ids.slice(2))
    }
    const lost = await connect('', { 'last-event-id': '12.1.round7' })
    expect((await lost.next())?.event).toBe('reset')
  })

  it('shows that it lives while nothing happens', async () => {
    await reopen({ heartbeatMs: 10 })
    const { next } = await connect()
    expect((await next())?.event).toBe('ready')
    expect([await next(), await next()]).toEqual([{ comment: true }, { comment: true }])
  })

  it('may be read by pages of the origins that are configured', async () => {
    const { answer } = await connect('', { origin: 'https://explorer.example' })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://explorer.example')
  })

  it('is not begun with what is not understood', async () => {
    await refused('?types=block,blok', 400, 'BAD_REQUEST')
    await refused('?types=', 400, 'BAD_REQUEST')
    await refused('?machine=5xyz', 400, 'BAD_ACCOUNT')
    await refused('?after=yesterday', 400, 'BAD_EVENT_ID')
    await refused('', 400, 'BAD_EVENT_ID', { 'last-event-id': '1.2.block3' })
    expect((await fetch(`${operations.url}/events`, { method: 'HEAD' })).status).toBe(404)
  })

  it('ends with the server', async () => {
    const { told, next } = await connect()
    await next()
    const closed = operations.close()
    expect((await told.next()).done).toBe(true)
    await closed
    await open()
  })

  it('whose database fails is ended, and its client comes back', async () => {
    let failing = false
    const db = store.db.withPlugin({
      transformQuery({ node }) {
        if (failing && JSON.stringify(node, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes('"round_totals"')) throw new Error('away')
        return node
      },
      transformResult: ({ result }) => Promise.resolve(result),
    })
    await reopen({}, db)
    const { next, told } = await connect('?types=round')
    await next()
    failing = true
    await world.round(0, [])
    await expect(told.next()).rejects.toThrow('terminated')
    await notes.until('event stream failed')
    expect(await figure('live_clients_dropped_total{reason="INTERNAL"}')).toBe(1)
    failing = false
    const again = await connect('?types=round&after=11.0')
    expect([(await again.next())?.event, (await again.next())?.event]).toEqual(['ready', 'round'])
  })
})

describe('streams', () => {
  it('are so many of one client', async () => {
    await reopen({ liveClientsPerAddress: 2 })
    const [first] = [await connect(), await connect()]
    const full = await refused('', 503, 'TOO_MANY_CLIENTS')
    expect(full.headers.get('retry-after')).toBe(String(RETRY_SECONDS))
    expect(await figure('live_clients_dropped_total{reason="TOO_MANY_CLIENTS"}')).toBe(1)
    // Whoever leaves makes room.
    first.leave.abort()
    await until(async () => (await connect()).answer.status === 200)
  })

  it('that wait behind another on their connection give up their seats with it', async () => {
    await reopen({ liveClientsPerAddress: 5 })
    const { hostname, port } = new URL(operations.url)
    const socket: Socket = createConnection({ host: hostname, port: Number(port) })
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5))
    await until(async () => (await figure('live_clients{transport="sse"}')) === 5)
    await refused('', 503, 'TOO_MANY_CLIENTS')
    socket.destroy()
    await until(async () => (await connect()).answer.status === 200)
    await until(async () => (await figure('live_clients{transport="sse"}')) === 1)
  })

  it('are no requests under way', async () => {
    await reopen({ openRequests: 2, openRequestsPerAddress: 2 })
    for (let i = 0; i < 4; i++) expect((await connect()).answer.status).toBe(200)
  })

  it('are so many in all', () => {
    const seats = streamSeats({ liveClients: 2, liveClientsPerAddress: 2 })
    const [first] = [seats.take('a'), seats.take('b')]
    expect(() => seats.take('c')).toThrow(expect.objectContaining({ code: 'TOO_MANY_CLIENTS', statusCode: 503 }))
    first()
    first()
    seats.take('c')
    expect(() => seats.take('c')).toThrow('2 streams of events at once')
    expect(() => streamSeats({ liveClients: 0, liveClientsPerAddress: 1 }).take('a')).toThrow(expect.objectContaining({ code: 'TOO_MANY_CLIENTS' }))
  })

  it('that are not read are ended, and cost no memory meanwhile', async () => {
    await reopen({ slowMs: 50 })
    const { hostname, port } = new URL(operations.url)
    const socket: Socket = createConnection({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    socket.pause()
    socket.write('GET /events?types=verdict HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(async () => (await figure('live_clients{transport="sse"}')) === 1)
    const many = Array.from({ length: 20_000 }, (_, i) => i)
    await world.round(0, many)
    await until(async () => (await figure('live_clients_dropped_total{reason="SLOW_CLIENT"}')) === 1)
    // What was made for it is what fits the sockets' buffers, not the whole round.
    expect(await figure('live_events_total{type="verdict"}')).toBeLessThan(20_000)
    await until(async () => (await figure('live_clients{transport="sse"}')) === 0)
    socket.destroy()
  }, 30_000)
})
