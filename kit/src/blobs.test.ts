import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BlobStore, blobId, createFetcher, fetchBlob, writeDurably, writeOnce } from './blobs.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-blobs-'))))
afterAll(() => rm(dir, { recursive: true }))
const bytes = new TextEncoder().encode('abc')
const id = '0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

describe('BlobStore', () => {
  it('stores by hash, gives back, tells, forgets', async () => {
    const store = new BlobStore(join(dir, 'a'))
    expect(await store.put(bytes)).toBe(id)
    expect(await store.put(bytes)).toBe(id)
    expect([await store.has(id), await store.get(id)]).toEqual([true, bytes])
    await store.delete(id)
    await store.delete(id)
    expect([await store.has(id), await store.get(id)]).toEqual([false, undefined])
  })
  it('leaves no temporary file, even with writers side by side', async () => {
    const store = new BlobStore(join(dir, 'b'))
    await Promise.all(Array.from({ length: 8 }, () => store.put(bytes)))
    expect((await readdir(join(dir, 'b'), { recursive: true })).sort()).toEqual(['ba', join('ba', id.slice(2))])
  })
  it('removes bytes that rotted and says they are not here', async () => {
    const store = new BlobStore(join(dir, 'c'))
    await store.put(bytes)
    await writeFile(join(dir, 'c', 'ba', id.slice(2)), 'abd')
    expect(await store.get(id)).toBeUndefined()
    expect(await store.has(id)).toBe(false)
  })
  it('refuses an id that is no hash, so that no path of a peer is opened', async () => {
    await expect(new BlobStore(dir).get('0x../../etc/passwd')).rejects.toThrow(/not a blob id/)
  })
  it('says what to do when the disk refuses', async () => {
    const path = join(dir, 'file')
    await writeFile(path, '')
    await expect(new BlobStore(path).put(bytes)).rejects.toMatchObject({ name: 'OperatorError', code: 'DISK' })
  })
})

describe('writeOnce and writeDurably', () => {
  it('the first writer wins; the other replaces', async () => {
    const path = join(dir, 'once', 'x')
    const results = await Promise.all(['a', 'b', 'c'].map((text) => writeOnce(path, Buffer.from(text))))
    expect(results.filter(Boolean).length).toBe(1)
    const first = await readFile(path, 'utf8')
    expect(await writeOnce(path, Buffer.from('d'))).toBe(false)
    expect(await readFile(path, 'utf8')).toBe(first)
    await writeDurably(path, Buffer.from('e'), { mode: 0o600 })
    expect(await readFile(path, 'utf8')).toBe('e')
    expect(await readdir(join(dir, 'once'))).toEqual(['x'])
  })
})

describe('fetchBlob', () => {
  const servers: ReturnType<typeof createServer>[] = []
  const paths: string[] = []
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer((request, response) => (paths.push(request.url!), listener(request, response)))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
    paths.length = 0
  })
  const get = (urls: string[], options: Partial<Parameters<typeof fetchBlob>[0]> = {}) => fetchBlob({ urls, id, maxBytes: 100, timeoutMs: 300, signal: new AbortController().signal, ...options })

  it('asks one after the other until an answer has the hash', async () => {
    const absent = await serve((_, response) => response.writeHead(404).end())
    const liar = await serve((_, response) => response.end('other'))
    const good = await serve((_, response) => response.end(bytes))
    expect(await get(['http://127.0.0.1:1', 'not a url', absent, liar, `${good}/`])).toEqual(bytes)
    expect(paths).toEqual(Array(3).fill(`/evidence/${id.slice(2)}`))
  })
  it('cuts off an endless answer at the limit', async () => {
    let sent = 0
    const endless = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 14))) sent += 1 << 14
      }
      response.on('drain', more)
      more()
    })
    expect(await get([endless], { timeoutMs: 5000 })).toBeUndefined()
    expect(sent).toBeLessThan(1 << 24)
  })
  it('does not wait for one that says too long a length, or that never ends', async () => {
    const large = await serve((_, response) => response.writeHead(200, { 'content-length': 101 }).write('x'))
    const silent = await serve(() => {})
    const trickle = await serve((_, response) => response.write('a'))
    expect(await get([large], { timeoutMs: 60_000 })).toBeUndefined()
    expect(await get([silent, trickle])).toBeUndefined()
  })
  it('follows no redirect', async () => {
    const good = await serve((_, response) => response.end(bytes))
    const redirect = await serve((_, response) => response.writeHead(302, { location: `${good}/evidence/${id.slice(2)}` }).end())
    expect(await get([redirect])).toBeUndefined()
  })
  it('asks a server that hung last when there are others', async () => {
    let hung = 0
    const silent = await serve(() => void hung++)
    const good = await serve((_, response) => response.end(bytes))
    const from = createFetcher({ timeoutMs: 100, signal: new AbortController().signal })
    for (let i = 0; i < 3; i++) expect(await from([silent, good], id, 100)).toEqual(bytes)
    expect(hung).toBe(1)
    expect(await from([silent], id, 100)).toBeUndefined()
  })
  it('throws when the signal fires', async () => {
    const silent = await serve(() => {})
    await expect(get([silent], { signal: AbortSignal.timeout(30), timeoutMs: 5000 })).rejects.toThrow()
  })
})

it('blobId is SHA-256', () => expect(blobId(bytes)).toBe(id))
