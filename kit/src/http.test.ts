import { afterEach, describe, expect, it } from 'vitest'
import { serveOperations } from './http.ts'
import type { Operations, OperationsOptions } from './http.ts'
import { silentLog } from './log.ts'

const open: Operations[] = []
afterEach(() => Promise.all(open.splice(0).map((operations) => operations.close())))
async function serve(options: Partial<OperationsOptions> = {}) {
  const operations = await serveOperations({ host: '127.0.0.1', port: 0, log: silentLog, ready: () => ({ ready: true, detail: {} }), metrics: async () => 'assay_x 1\n', ...options })
  open.push(operations)
  const get = async (path: string) => {
    const response = await fetch(operations.url + path)
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  return { ...operations, get }
}

describe('serveOperations', () => {
  it('answers health, ready and metrics', async () => {
    let ready = false
    const { get } = await serve({ ready: () => ({ ready, detail: { links: 0 } }) })
    expect(await get('/health')).toEqual({ status: 200, body: { ok: true } })
    expect(await get('/ready')).toEqual({ status: 503, body: { ready: false, detail: { links: 0 } } })
    ready = true
    expect((await get('/ready')).status).toBe(200)
    expect(await get('/metrics')).toEqual({ status: 200, body: 'assay_x 1\n' })
  })
  it('answers errors as JSON and shows no inside', async () => {
    const { get } = await serve({ routes: (app) => void app.get('/boom', () => { throw new Error('secret path /home/x') }) })
    expect(await get('/none')).toEqual({ status: 404, body: { error: { code: 'NOT_FOUND', message: 'there is nothing here' } } })
    expect(await get('/boom')).toEqual({ status: 500, body: { error: { code: 'INTERNAL', message: 'the server could not answer' } } })
  })
  it.each(['999.1.1.1', '10.0.0.0/33', '10.0.0.0/0', 'fd00::/129', '10.0.0.1/x', 'proxy'])('says that %s is no proxy, before it listens', async (proxy) => {
    await expect(serve({ trustProxy: ['10.0.0.2', 'fd00::/8', proxy] })).rejects.toMatchObject({ name: 'OperatorError', code: 'CONFIG', message: expect.stringContaining(`has ${proxy},`) })
  })

  it('says when the port is taken', async () => {
    const { url } = await serve()
    await expect(serve({ port: Number(new URL(url).port) })).rejects.toMatchObject({ name: 'OperatorError', code: 'PORT' })
  })
})
