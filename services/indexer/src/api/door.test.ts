import { once } from 'node:events'
import { createConnection } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { afterEach, describe, expect, it } from 'vitest'
import { operationsApp, serveOperations, type OperationsOptions } from '@assay/kit/http'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { silentLog } from '@assay/kit/log'
import { clientOf } from './client.ts'
import { OPEN_DOOR, openDoor, type DoorOptions } from './door.ts'
import { route } from './route.ts'

const Answer = Type.Object({ text: Type.String() })
const LONG = 'measured '.repeat(500)
const apps: FastifyInstance[] = []
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

let refused = 0
const options = (door: Partial<DoorOptions>, text: () => string = () => LONG): Omit<OperationsOptions, 'host' | 'port'> => ({
  log: silentLog,
  ready: () => ({ ready: true, detail: null }),
  metrics: () => Promise.resolve('assay_x 1\n'),
  async routes(app) {
    await openDoor(app, { ...OPEN_DOOR, ...door }, () => void refused++)
    const shape = { tag: 'network', summary: 'for tests', answer: Answer } as const
    route(app, '/text', { ...shape, id: 'text' }, () => ({ text: text() }))
    route(app, '/never', { ...shape, id: 'never' }, () => new Promise<{ text: string }>(() => {}))
    route(app, '/lost', { ...shape, id: 'lost' }, () => Promise.reject(new OperatorError('DATABASE_LOST', 'the database at a secret place cannot be reached', { advice: '', exit: EXIT.again })))
    route(app, '/kept', { ...shape, id: 'kept', fresh: 60 }, () => ({ text: 'kept' }))
  },
})
async function open(door: Partial<DoorOptions> = {}, more: Partial<OperationsOptions> = {}, text?: () => string): Promise<FastifyInstance> {
  const app = await operationsApp({ ...options(door, text), ...more })
  apps.push(app)
  return app
}

describe('answers', () => {
  it('have a tag by which a copy is asked for again', async () => {
    let text = 'one'
    const app = await open({}, {}, () => text)
    const first = await app.inject({ url: '/text' })
    const tag = String(first.headers['etag'])
    expect([tag, first.headers['cache-control']]).toEqual([expect.stringMatching(/^W\/"/), 'public, no-cache'])
    const again = await app.inject({ url: '/text', headers: { 'if-none-match': tag } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
    text = 'two'
    expect((await app.inject({ url: '/text', headers: { 'if-none-match': tag } })).json()).toEqual({ text: 'two' })
    expect((await app.inject({ url: '/kept' })).headers['cache-control']).toBe('public, max-age=60')
  })

  it('are the same for whoever holds one of several copies, or any', async () => {
    const app = await open()
    const tag = String((await app.inject({ url: '/text' })).headers['etag'])
    const status = async (header: string) => (await app.inject({ url: '/text', headers: { 'if-none-match': header } })).statusCode
    for (const header of [tag, tag.slice(2), `"other", ${tag}`, `W/"other" ,${tag.slice(2)}`, '*']) expect([header, await status(header)]).toEqual([header, 304])
    for (const header of ['', '"other"', tag.slice(3, -1), `${tag}x`]) expect([header, await status(header)]).toEqual([header, 200])
  })

  it('that are errors are kept by nobody, and never stand for what was there before', async () => {
    const app = await open({}, { ready: () => ({ ready: false, detail: null }) })
    for (const [url, status] of [['/none', 404], ['/ready', 503], ['/lost', 503]] as const) {
      const answer = await app.inject({ url, headers: { 'if-none-match': '*' } })
      expect([url, answer.statusCode, answer.headers['etag'], answer.headers['cache-control']]).toEqual([url, status, undefined, 'no-store'])
    }
  })

  it('of a database that is away have one code, and say nothing of our inside', async () => {
    const lost = await (await open()).inject({ url: '/lost' })
    expect([lost.statusCode, lost.json()]).toEqual([503, { error: { code: 'DATABASE', message: 'the server could not answer' } }])
  })

  it('travel compressed to whoever takes that, long ones only', async () => {
    const app = await open()
    const plain = await app.inject({ url: '/text' })
    for (const [encoding, unpack] of [['br', brotliDecompressSync], ['gzip', gunzipSync]] as const) {
      const packed = await app.inject({ url: '/text', headers: { 'accept-encoding': encoding } })
      expect([packed.headers['content-encoding'], packed.headers['etag'], packed.headers['vary']]).toEqual([encoding, plain.headers['etag'], expect.stringContaining('accept-encoding')])
      expect(unpack(packed.rawPayload).toString()).toBe(plain.body)
    }
    expect((await app.inject({ url: '/kept', headers: { 'accept-encoding': 'br' } })).headers['content-encoding']).toBeUndefined()
    expect((await app.inject({ url: '/text', headers: { 'accept-encoding': 'br', 'if-none-match': String(plain.headers['etag']) } })).statusCode).toBe(304)
  })

  it('to HEAD are those to GET without a body', async () => {
    const app = await open()
    const [get, head] = [await app.inject({ url: '/text' }), await app.inject({ url: '/text', method: 'HEAD' })]
    expect([head.statusCode, head.body, head.headers['etag'], head.headers['content-type'], head.headers['content-length']]).toEqual([200, '', get.headers['etag'], get.headers['content-type'], get.headers['content-length']])
  })

  it('that take too long are given up', async () => {
    const app = await open({}, { answerTimeoutMs: 5 })
    const late = await app.inject({ url: '/never' })
    expect([late.statusCode, late.json()]).toEqual([503, { error: { code: 'TIMED_OUT', message: expect.any(String) } }])
  })

  it('to what only reads cannot be had by writing', async () => {
    const app = await open()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
      const refused = await app.inject({ url: '/text', method })
      expect([refused.statusCode, refused.json()]).toEqual([405, { error: { code: 'METHOD_NOT_ALLOWED', message: expect.stringContaining(method) } }])
    }
    const none = await app.inject({ url: '/none' })
    expect([none.statusCode, none.json()]).toEqual([404, { error: { code: 'NOT_FOUND', message: expect.any(String) } }])
    expect((await app.inject({ url: '/%zz' })).json()).toEqual({ error: { code: 'BAD_REQUEST', message: expect.any(String) } })
  })
})

describe('pages of other origins', () => {
  const ask = async (door: Partial<DoorOptions>, origin: string) => (await (await open(door)).inject({ url: '/text', headers: { origin } })).headers['access-control-allow-origin']

  it('may read if they are listed, or if any may', async () => {
    expect(await ask({}, 'https://anyone.example')).toBe('*')
    const listed = { corsOrigins: ['https://one.example', 'https://two.example'] }
    expect(await ask(listed, 'https://two.example')).toBe('https://two.example')
    expect(await ask(listed, 'https://three.example')).toBeUndefined()
    expect(await ask({ corsOrigins: [] }, 'https://one.example')).toBeUndefined()
  })

  it('are told before they ask, and OPTIONS answers nothing else', async () => {
    const app = await open()
    const before = await app.inject({ url: '/text', method: 'OPTIONS', headers: { origin: 'https://one.example', 'access-control-request-method': 'GET' } })
    expect([before.statusCode, before.headers['access-control-allow-methods'], before.body]).toEqual([204, expect.stringContaining('GET'), ''])
    expect((await app.inject({ url: '/text', method: 'OPTIONS' })).statusCode).toBe(204)
    expect((await app.inject({ url: '/text', headers: { origin: 'https://one.example' } })).headers['access-control-expose-headers']).toContain('etag')
  })
})

describe('a client that asks too often', () => {
  it('is told how long to wait, in the shape of all errors; whoever watches the server is not', async () => {
    const app = await open({ requestsPerMinute: 2 })
    for (const left of ['1', '0']) {
      const answer = await app.inject({ url: '/text' })
      expect([answer.statusCode, answer.headers['x-ratelimit-remaining']]).toEqual([200, left])
    }
    const refused = await app.inject({ url: '/text' })
    expect([refused.statusCode, refused.json()]).toEqual([429, { error: { code: 'RATE_LIMITED', message: expect.stringContaining('2 a minute') } }])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    for (const url of ['/health', '/ready', '/metrics']) expect([url, (await app.inject({ url })).statusCode]).toEqual([url, 200])
    expect((await app.inject({ url: '/text', remoteAddress: '192.0.2.7' })).statusCode).toBe(200)
  })

  it('is whom a trusted proxy names, and else the proxy itself, whatever it says', async () => {
    const statuses = async (trustProxy: string[]) => {
      const app = await open({ requestsPerMinute: 1 }, { trustProxy })
      const from = async (client: string) => (await app.inject({ url: '/text', headers: { 'x-forwarded-for': client } })).statusCode
      return [await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.1')]
    }
    expect(await statuses(['127.0.0.1'])).toEqual([200, 200, 429])
    expect(await statuses([])).toEqual([200, 429, 429])
    expect(await statuses(['10.0.0.0/8'])).toEqual([200, 429, 429])
  })

  it('of IPv6 is its subscriber’s network', () => {
    expect(clientOf('192.0.2.1')).toBe('192.0.2.1')
    expect(clientOf('::ffff:192.0.2.1')).toBe('192.0.2.1')
    expect(clientOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(clientOf('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64')
    expect(clientOf('2001:0db8::1')).toBe('2001:db8:0:0::/64')
    expect(clientOf('::1')).toBe('0:0:0:0::/64')
    expect(clientOf('2001:db8:1:3::9')).not.toBe(clientOf('2001:db8:1:2::9'))
  })
})

describe('requests under way', () => {
  it('are so many of one client; whoever watches the server always finds a place', async () => {
    const app = await open({ openRequests: 3, openRequestsPerAddress: 2 }, { answerTimeoutMs: 50 })
    // What is injected begins when it is waited for.
    const begin = (remoteAddress: string) => app.inject({ url: '/never', remoteAddress }).then(({ statusCode }) => statusCode)
    const never = [begin('127.0.0.1'), begin('127.0.0.1')]
    await new Promise((resolve) => setImmediate(resolve))
    const more = await app.inject({ url: '/text' })
    expect([more.statusCode, more.json(), more.headers['retry-after']]).toEqual([503, { error: { code: 'BUSY', message: expect.stringContaining('2 requests of one client') } }, '1'])
    for (const url of ['/health', '/ready', '/metrics']) expect([url, (await app.inject({ url })).statusCode]).toEqual([url, 200])
    never.push(begin('192.0.2.7'))
    await new Promise((resolve) => setImmediate(resolve))
    expect((await app.inject({ url: '/text', remoteAddress: '192.0.2.8' })).json()).toEqual({ error: { code: 'BUSY', message: expect.stringContaining('3 requests are being') } })
    expect(await Promise.all(never)).toEqual([503, 503, 503])
    expect((await app.inject({ url: '/text' })).statusCode).toBe(200)
  })

  it('of a connection that ends make room, those too that waited behind another', async () => {
    const operations = await serveOperations({ ...options({ openRequests: 5, openRequestsPerAddress: 5 }), host: '127.0.0.1', port: 0 })
    try {
      const { hostname, port } = new URL(operations.url)
      const socket = createConnection({ host: hostname, port: Number(port) })
      socket.write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5))
      await once(socket, 'connect')
      const status = async () => (await fetch(`${operations.url}/text`)).status
      while ((await status()) !== 503) await new Promise((resolve) => setImmediate(resolve))
      socket.destroy()
      while ((await status()) !== 200) await new Promise((resolve) => setImmediate(resolve))
    } finally {
      await operations.close()
    }
  })
})

describe('connections', () => {
  it('are so many of one address, unless a trusted proxy has it; who leaves makes room', async () => {
    const counts = async (door: Partial<DoorOptions>) => {
      const operations = await serveOperations({ ...options(door), host: '127.0.0.1', port: 0 })
      const { hostname, port } = new URL(operations.url)
      const connect = async () => {
        const socket = createConnection({ host: hostname, port: Number(port) })
        socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
        const served = await Promise.race([once(socket, 'data').then(() => true, () => false), once(socket, 'close').then(() => false, () => false)])
        return { socket, served }
      }
      try {
        const opened = [await connect(), await connect(), await connect()]
        const served = opened.map((one) => one.served)
        opened[0]!.socket.destroy()
        while (!(await connect()).served) await new Promise((resolve) => setImmediate(resolve))
        return served
      } finally {
        await operations.close()
      }
    }
    const limits = { connections: 3, connectionsPerAddress: 2 }
    expect([await counts(limits), refused > 0]).toEqual([[true, true, false], true])
    expect(await counts({ ...limits, trustProxy: ['127.0.0.0/8'] })).toEqual([true, true, true])
    expect(await counts({ ...limits, trustProxy: ['10.0.0.1'] })).toEqual([true, true, false])
    expect(await counts({ ...limits, connections: 2, trustProxy: ['127.0.0.1', '::1'] })).toEqual([true, true, false])
  })
})

describe('requests', () => {
  it('that are too long are refused', async () => {
    const operations = await serveOperations({ ...options({}), host: '127.0.0.1', port: 0 })
    try {
      expect((await fetch(`${operations.url}/text?x=${'x'.repeat(20_000)}`)).status).toBe(431)
    } finally {
      await operations.close()
    }
  })
})
