import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { BlobStore } from '@assay/kit/blobs'
import { serveOperations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { FIRST_STATE, type Hash } from '@assay/protocol'
import { evidenceRoutes } from './evidence.ts'
import { Store } from './store.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-evidence-'))
const account: Hash = `0x${'11'.repeat(32)}`
const store = new Store(dir, { network: account, account })
const blobs = new BlobStore(join(dir, 'blobs'))
const shed: string[] = []
const door = await serveOperations({ host: '127.0.0.1', port: 0, log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: async () => '', routes: evidenceRoutes(store, blobs, { shed: (what) => shed.push(what) }, 2) })
afterAll(async () => {
  await door.close()
  store.close()
  rmSync(dir, { recursive: true, force: true })
})
const get = (path: string) => fetch(`${door.url}${path}`)

test('evidence is served from the moment it is published, not before', async () => {
  const bytes = new Uint8Array(300_000).fill(7)
  const id = await blobs.put(bytes)
  expect((await get(`/evidence/${id.slice(2)}`)).status).toBe(404)
  store.keepPackage({ round: 1, checker: account, root: id }, [])
  const answer = await get(`/evidence/${id.slice(2)}`)
  expect(answer.headers.get('cache-control')).toContain('immutable')
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
})

test.each(['/evidence/xyz', `/evidence/${'AB'.repeat(32)}`, '/evidence/..%2f..%2fchecker.db', '/statements/1', '/statements/-1', '/statements/1e3'])('%s is not found', async (path) => {
  const answer = await get(path)
  expect([answer.status, (await answer.json() as { error: { code: string } }).error.code]).toEqual([404, 'NOT_FOUND'])
})

test('as many blobs as may be are being read: the next is told to come back, and that it was shed; one that is done makes room', async () => {
  const id = await blobs.put(new Uint8Array(48 << 20).fill(9))
  store.keepPackage({ round: 7, checker: account, root: id }, [])
  const slow = await Promise.all([1, 2].map(() => get(`/evidence/${id.slice(2)}`)))
  const refused = await get(`/evidence/${id.slice(2)}`)
  expect([refused.status, refused.headers.get('retry-after'), (await refused.json() as { error: { code: string } }).error.code]).toEqual([503, '1', 'BUSY'])
  expect(shed).toEqual(['evidence'])
  for (const answer of slow) expect((await answer.arrayBuffer()).byteLength).toBe(48 << 20)
  await expect.poll(async () => (await get('/evidence/xyz')).status).toBe(404)
})

test('a statement is shown as this checker computed it', async () => {
  store.keepStatement({ epoch: 2, root: account, bytes: Uint8Array.of(1, 255), payouts: [], state: FIRST_STATE })
  expect(await (await get('/statements/2')).json()).toEqual({ epoch: 2, root: account, bytes: '0x01ff', landed: null, agreed: null })
})
