import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operationsApp } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { explorerRoutes } from './explorer.ts'

const PAGE = '<!doctype html><title>Assay</title>'
const SCRIPT = `console.log('${'x'.repeat(2000)}')`
const NAME = 'assets/index-AbCd_123.js'

let root: string
let dir: string
let app: FastifyInstance

function build(page = PAGE): void {
  mkdirSync(join(dir, 'assets'), { recursive: true })
  writeFileSync(join(dir, 'index.html'), page)
  writeFileSync(join(dir, NAME), SCRIPT)
  writeFileSync(join(dir, `${NAME}.br`), brotliCompressSync(SCRIPT))
  writeFileSync(join(dir, '.built-from'), 'secret')
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'assay-explorer-'))
  dir = join(root, 'dist')
  writeFileSync(join(root, 'secret.js'), 'secret')
  app = await operationsApp({
    log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: () => Promise.resolve(''),
    routes: (on) => {
      on.get('/machines', () => ({ items: [] }))
      explorerRoutes(on, { dir, links: { block: 'https://x/{number}', extrinsic: 'https://x/{extrinsic}', account: null } })
    },
  })
})
afterEach(async () => {
  await app.close()
  rmSync(root, { recursive: true })
})

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })

describe('the explorer', () => {
  it('is one page for /, /explorer and every path under it, asked for anew each time and unchanged answered so', async () => {
    build()
    for (const path of ['/', '/?x=1', '/explorer', '/explorer/', '/explorer/machines', '/explorer/machines/5F', '/explorer/nowhere/at/all']) {
      const { statusCode, body, headers } = await get(path)
      expect([path, statusCode, body, headers['content-type'], headers['cache-control']]).toEqual([path, 200, PAGE, 'text/html; charset=utf-8', 'no-cache'])
    }
    const { headers: { etag } } = await get('/')
    expect((await get('/', { 'if-none-match': String(etag) })).statusCode).toBe(304)
    expect((await get('/', { 'if-none-match': '"other"' })).statusCode).toBe(200)
    expect((await app.inject({ url: '/', method: 'HEAD' })).statusCode).toBe(200)
  })

  it('lets nothing in from elsewhere and nothing inline, and is framed by nobody', async () => {
    build()
    for (const path of ['/', `/explorer/${NAME}`]) {
      const { headers } = await get(path)
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self';")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("require-trusted-types-for 'script'")
      expect(policy).not.toContain('unsafe')
      expect([headers['x-content-type-options'], headers['referrer-policy'], headers['cross-origin-opener-policy']]).toEqual(['nosniff', 'no-referrer', 'same-origin'])
    }
  })

  it('lets the worker that replays ask any node, and nothing else of the page', async () => {
    build()
    writeFileSync(join(dir, 'assets/replay-worker-AbCd_123.js'), SCRIPT)
    writeFileSync(join(dir, 'assets/replay-workers-AbCd_123.js'), SCRIPT)
    const connects = async (path: string) => /connect-src ([^;]*);/.exec(String((await get(path)).headers['content-security-policy']))?.[1]
    expect(await connects('/explorer/assets/replay-worker-AbCd_123.js')).toBe('ws: wss: http: https:')
    for (const path of ['/', '/explorer/verify', `/explorer/${NAME}`, '/explorer/assets/replay-workers-AbCd_123.js', '/explorer/replay-worker-AbCd_123.js']) expect([path, await connects(path)]).toEqual([path, "'self'"])
  })

  it('gives what has a hash in its name for ever, packed as the browser takes it', async () => {
    build()
    const packed = await get(`/explorer/${NAME}`, { 'accept-encoding': 'gzip, br;q=0.9' })
    expect([packed.headers['content-encoding'], packed.headers['cache-control'], packed.headers['content-type'], brotliDecompressSync(packed.rawPayload).toString()]).toEqual(['br', 'public, max-age=31536000, immutable', 'text/javascript; charset=utf-8', SCRIPT])
    const plain = await get(`/explorer/${NAME}`)
    expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, SCRIPT])
  })

  it('never stands before the API, and gives no file that is not of the build', async () => {
    build()
    expect((await get('/machines', { accept: 'text/html' })).json()).toEqual({ items: [] })
    expect((await get('/explorer/links.json')).json()).toEqual({ block: 'https://x/{number}', extrinsic: 'https://x/{extrinsic}', account: null })
    for (const path of ['/nothing', '/explorer/assets/none.js', '/index.html', '/assets/index-AbCd_123.js']) expect([path, (await get(path)).json()]).toEqual([path, { error: { code: 'NOT_FOUND', message: 'there is nothing here' } }])
    for (const path of ['/explorer/../../secret.js', '/explorer/%2e%2e/secret.js', '/explorer/..%2fsecret.js', '/explorer/.built-from', '/explorer/assets%2f..%2f..%2fsecret.js', `/explorer/${NAME}.br`]) expect([path, (await get(path)).body.includes('secret')]).toEqual([path, false])
  })

  it('that is not built says by which command it is, and is there as soon as it was', async () => {
    const before = await get('/')
    expect([before.statusCode, before.headers['content-type'], before.body]).toEqual([503, 'text/plain; charset=utf-8', 'The explorer is not built here. Run `npm run build -w explorer` in the repository and load this page again; the API answers without it.\n'])
    expect((await get('/machines')).statusCode).toBe(200)
    build()
    expect((await get('/')).body).toBe(PAGE)
    build('<!doctype html><title>Newer</title>')
    utimesSync(join(dir, 'index.html'), new Date(), new Date(Date.now() + 5_000))
    expect((await get('/')).body).toContain('Newer')
  })
})
