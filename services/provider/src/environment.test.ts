import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EnvironmentProbes, environmentProbes, readEnvironment } from './environment.ts'

const folder = await mkdtemp(join(tmpdir(), 'assay-environment-'))
beforeAll(cryptoReady)
afterAll(() => rm(folder, { recursive: true }))

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()
const signal = (): AbortSignal => new AbortController().signal
const never = new Promise<never>(() => {})
const none = (): string[] => []
const NOTHING: EnvironmentProbes = { files: { packageLock: none, node: none, kernel: none, image: none, driver: none, runtime: none, engine: none, model: none }, hashFile: async (path) => sha256(path) }
const read = (files: Partial<EnvironmentProbes['files']>, over: Partial<EnvironmentProbes> = {}, timeoutMs = 10_000) => readEnvironment({ crypto, timeoutMs, signal: signal(), probes: { ...NOTHING, ...over, files: { ...NOTHING.files, ...files } } })

describe('the environment of a machine', () => {
  it('is a tagged hash over the hashes of the files of each item, in order', async () => {
    const { items, gaps } = await read({ engine: () => ['a', 'b'], node: async () => ['c'] })
    const tagged = (what: string, ...files: string[]): string => `0x${Buffer.from(crypto.blake2b256(Buffer.concat([Buffer.from(`assay/1/environment${what}`), ...files.map((file) => sha256(file))]))).toString('hex')}`
    expect(items).toEqual([{ what: 'node', hash: tagged('node', 'c') }, { what: 'engine', hash: tagged('engine', 'a', 'b') }])
    expect(gaps).toEqual([])
  })

  it('leaves out what cannot be read, and says why', async () => {
    const hashFile = async (path: string): Promise<Uint8Array> => {
      if (path === 'locked') throw new Error('EACCES: permission denied\nat open')
      return sha256(path)
    }
    const { items, gaps } = await read({ model: () => ['locked'], kernel: () => ['there'], driver: () => Promise.reject(new Error('no such folder')) }, { hashFile })
    expect(items.map(({ what }) => what)).toEqual(['kernel'])
    expect(gaps).toEqual(['driver: no such folder', 'model: EACCES: permission denied'])
  })

  it('waits no longer than its time for a file that hangs, and tells the reader to stop', async () => {
    let told: AbortSignal | undefined
    const hashFile = (path: string, stop: AbortSignal): Promise<Uint8Array> => {
      if (path !== 'hung') return Promise.resolve(sha256(path))
      told = stop
      return never
    }
    const { items, gaps } = await read({ driver: () => ['hung'], image: () => ['there'] }, { hashFile }, 20)
    expect(items.map(({ what }) => what)).toEqual(['image'])
    expect(gaps).toEqual(['driver: no answer within 20 ms'])
    expect(told!.aborted).toBe(true)
  })

  it('ends with its signal, before and during', async () => {
    const stop = new AbortController()
    const options = { crypto, timeoutMs: 10_000, signal: stop.signal, probes: { ...NOTHING, files: { ...NOTHING.files, driver: () => never } } }
    const reading = readEnvironment(options)
    stop.abort(new Error('stopped'))
    await expect(reading).rejects.toThrow('stopped')
    await expect(readEnvironment(options)).rejects.toThrow('stopped')
  })

  it('of this machine has all that a Linux system with the optional packages has', async () => {
    const { items, gaps } = await readEnvironment({ crypto, timeoutMs: 30_000, signal: signal(), probes: environmentProbes('wasm') })
    expect(items.map(({ what }) => what)).toEqual(expect.arrayContaining(['packageLock', 'node', 'kernel', 'runtime', 'engine', 'model']))
    expect(items.every(({ hash }) => /^0x[0-9a-f]{64}$/.test(hash))).toBe(true)
    expect(gaps).toEqual([])
  })

  it('follows the files: one byte, or a module of the operator, is another hash', async () => {
    const module = join(folder, 'engine.ts')
    const engine = async (): Promise<string> => {
      const { items } = await readEnvironment({ crypto, timeoutMs: 30_000, signal: signal(), probes: { ...environmentProbes(module), files: { ...NOTHING.files, engine: environmentProbes(module).files.engine } } })
      return items[0]!.hash
    }
    const hashes = [await engine()]
    for (const text of ['export const createEngine = 1', 'export const createEngine = 2']) {
      await writeFile(module, text)
      hashes.push(await engine())
    }
    expect(new Set(hashes).size).toBe(3)
  })

  it('names the lock file of this very tree, and no test among the engines', async () => {
    const { files } = environmentProbes('wasm')
    const [lock] = await files.packageLock()
    expect(JSON.parse(await readFile(lock!, 'utf8'))).toMatchObject({ name: 'assay' })
    const engine = await files.engine()
    expect(engine.some((file) => file.endsWith('relaxed.wasm'))).toBe(true)
    expect(engine.filter((file) => file.endsWith('.test.ts'))).toEqual([])
  })
})
