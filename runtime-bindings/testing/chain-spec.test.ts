import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { chainSpec } from './chain-spec.ts'

/** The bytes of the real file, found the usual way. */
let real: Uint8Array
let server: Server
let source: string
let asked: string[] = []
let served: Uint8Array | undefined

let folder: string
let env: Record<string, string>
let root: string

beforeAll(async () => {
  real = readFileSync((await chainSpec('peaq')).path)
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (served === undefined) response.writeHead(404).end()
    else response.end(served)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  source = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-spec-'))
  root = join(folder, 'clone')
  mkdirSync(root)
  env = { XDG_CACHE_HOME: join(folder, 'cache') }
  asked = []
  served = real
})
afterEach(() => rmSync(folder, { recursive: true }))

test('the environment comes first, then the folder beside the clone, then the cache, then the download', async () => {
  const named = join(folder, 'named.json')
  writeFileSync(named, real)
  expect(await chainSpec('peaq', { env: { ...env, ASSAY_CHAIN_SPEC: named }, root, source })).toMatchObject({ path: named, genesis: { id: 'peaq' } })

  const progress: string[] = []
  const cached = join(folder, 'cache', 'assay', 'peaq-raw.json')
  const fetched = await chainSpec('peaq', { env, root, source, onProgress: (text) => progress.push(text) })
  expect(fetched.path).toBe(cached)
  expect(asked).toEqual(['/peaq-raw.json'])
  expect(progress).toHaveLength(2)
  expect(readdirSync(join(folder, 'cache', 'assay'))).toEqual(['peaq-raw.json'])

  expect((await chainSpec('peaq', { env, root, source })).path).toBe(cached)
  expect(asked).toHaveLength(1)

  mkdirSync(join(folder, 'shared', 'chain'), { recursive: true })
  writeFileSync(join(folder, 'shared', 'chain', 'peaq-raw.json'), real)
  expect((await chainSpec('peaq', { env, root, source })).path).toBe(join(folder, 'shared', 'chain', 'peaq-raw.json'))
})

test('a file a person put there is right or refused, never skipped', async () => {
  const edited = Buffer.from(real)
  edited[1000] = edited[1000]! ^ 1
  const named = join(folder, 'named.json')
  writeFileSync(named, edited)
  await expect(chainSpec('peaq', { env: { ...env, ASSAY_CHAIN_SPEC: named }, root, source })).rejects.toThrow(/named\.json is not the raw genesis of peaq.*point it at the right file/)
  await expect(chainSpec('peaq', { env: { ...env, ASSAY_CHAIN_SPEC: join(folder, 'none') }, root, source })).rejects.toMatchObject({ code: 'SPEC_MISSING' })
  await expect(chainSpec('peaq', { env: { ...env, ASSAY_CHAIN_SPEC: folder }, root, source })).rejects.toThrow(/cannot be read/)

  mkdirSync(join(folder, 'shared', 'chain'), { recursive: true })
  writeFileSync(join(folder, 'shared', 'chain', 'peaq-raw.json'), edited)
  await expect(chainSpec('peaq', { env, root, source })).rejects.toMatchObject({ code: 'SPEC_WRONG' })
  expect(asked).toEqual([])
})

test('one network is not taken for the other', async () => {
  const named = join(folder, 'named.json')
  writeFileSync(named, real)
  await expect(chainSpec('krest', { env: { ...env, ASSAY_CHAIN_SPEC_KREST: named }, root, source })).rejects.toMatchObject({ code: 'SPEC_WRONG' })
})

test('a spoilt cache is downloaded again', async () => {
  const cache = join(folder, 'cache', 'assay')
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'peaq-raw.json'), real.subarray(0, 5000))
  expect((await chainSpec('peaq', { env, root, source })).genesis.id).toBe('peaq')
  expect(readFileSync(join(cache, 'peaq-raw.json')).equals(real)).toBe(true)
})

test('a failed or forged download says what was tried and keeps nothing', async () => {
  served = undefined
  await expect(chainSpec('peaq', { env, root, source })).rejects.toThrow(/Tried: ASSAY_CHAIN_SPEC \(not set\).*shared\/chain.*cache.*HTTP 404.*set ASSAY_CHAIN_SPEC/)
  served = Buffer.from('{}')
  await expect(chainSpec('peaq', { env, root, source })).rejects.toMatchObject({ code: 'SPEC_WRONG' })
  expect(readdirSync(folder)).toEqual(['clone'])
})

test('an abort ends the download', async () => {
  await expect(chainSpec('peaq', { env, root, source, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
})
