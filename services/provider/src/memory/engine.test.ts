import { hash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { chainKeys, type Crypto, drawMemory, MemoryProver, type Region, verifyMemory } from '@assay/protocol'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { createMemoryEngine, type MemoryEngine, type MemoryEngineOptions, type MemoryJob, spawnPart } from './engine.ts'
import { layOut } from './layout.ts'
import { createWebGpuMemoryEngine } from './webgpu.ts'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const named = (name: string): Uint8Array => crypto.sha256(Buffer.from(name))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const never = (): AbortSignal => new AbortController().signal
const REGION: Region = { fillSeed: named('fill'), log2Leaves: 6, log2Passes: 0, segments: 2 }
const maxBytes = 2 ** 26

let engines: MemoryEngine[]
beforeAll(async () => {
  engines = await Promise.all([
    createMemoryEngine(crypto, { maxBytes, variant: 'simd128', threads: 1 }),
    createMemoryEngine(crypto, { maxBytes, variant: 'relaxed', threads: 2 }),
    createMemoryEngine(crypto, { maxBytes, threads: 5 }),
    ...(onLinuxX64 ? [createWebGpuMemoryEngine(crypto, { maxBytes })] : []),
  ])
})
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

test('says what it is', () => {
  const onGpu = onLinuxX64 ? [expect.stringMatching(/^memory webgpu SwiftShader/)] : []
  expect(engines.map(({ name }) => name)).toEqual(['memory wasm simd128 x1', 'memory wasm relaxed x2', 'memory wasm relaxed x5', ...onGpu])
})

test('all engines give the bytes of the reference, and they verify', async () => {
  await fc.assert(
    fc.asyncProperty(bytes32, bytes32, fc.integer({ min: 6, max: 10 }), fc.nat(2), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }), async (fillSeed, coins, log2Leaves, log2Passes, segments, steps) => {
      const region = { fillSeed, log2Leaves, log2Passes, segments }
      const cells = drawMemory(crypto, coins, log2Leaves, steps, 20)
      const run = async (prover: MemoryProver | MemoryJob) => {
        const roots: Uint8Array[] = []
        for (let t = 1; t <= steps; t++) roots.push(await prover.step(chainKeys(crypto, coins, roots, new Map())[t - 1]!))
        return { fillRoots: prover.fillRoots, roots, openings: await prover.open(cells) }
      }
      const reference = await run(new MemoryProver(crypto, region))
      for (const engine of engines) {
        const job = await engine.stage({ ...region, signal: never() })
        const { openings, ...rest } = await run(job)
        await job.close()
        expect(rest).toEqual({ fillRoots: reference.fillRoots, roots: reference.roots })
        expect(Buffer.compare(openings, reference.openings)).toBe(0)
      }
      expect(verifyMemory(crypto, { ...region, ...reference, keys: chainKeys(crypto, coins, reference.roots, new Map()), coins, samples: 20 })).toBe('OK')
    }),
    { numRuns: 6 },
  )
})

describe.each(onLinuxX64 ? [0, 1, 2, 3] : [0, 1, 2])('engine %i', (index) => {
  const stage = (options: Partial<Parameters<MemoryEngine['stage']>[0]> = {}): Promise<MemoryJob> => engines[index]!.stage({ ...REGION, signal: never(), ...options })
  const cells = [{ t: 1, j: 3, u: 0 }, { t: 2, j: 60, u: 15 }, { t: 2, j: 17, u: 0 }, { t: 1, j: 3, u: 0 }]

  test('goes on stepping after an opening, and opens the same again; regions side by side do not disturb each other', async () => {
    const [job, other] = await Promise.all([stage(), stage({ fillSeed: named('other') })])
    for (const key of ['key 0', 'key 1']) await Promise.all([job.step(named(key)), other.step(named(key))])
    const openings = await job.open(cells)
    expect(await other.open(cells)).not.toEqual(openings)
    await job.step(named('key 2'))
    expect(await job.open(cells)).toEqual(openings)
    expect(job.steps).toBe(3)
    await Promise.all([job.close(), other.close()])
  })

  test('refuses cells that are not there', async () => {
    const job = await stage()
    await job.step(named('key 0'))
    for (const cell of [{ t: 2, j: 0, u: 0 }, { t: 0, j: 0, u: 0 }, { t: 1, j: 64, u: 0 }, { t: 1, j: -1, u: 0 }, { t: 1, j: 0, u: 16 }]) await expect(job.open([cell])).rejects.toThrow(RangeError)
    expect(await job.open([])).toEqual(new Uint8Array(0))
    await job.close()
  })

  test('refuses a region that is none', async () => {
    for (const wrong of [{ log2Leaves: 5 }, { log2Leaves: 21 }, { log2Passes: 9 }, { segments: 0 }]) await expect(stage(wrong)).rejects.toThrow(RangeError)
  })

  test('does one thing at a time', async () => {
    const job = await stage()
    const first = job.step(named('key 0'))
    await expect(job.step(named('key 0'))).rejects.toMatchObject({ code: 'BUSY' })
    await first
    expect(job.steps).toBe(1)
    await job.close()
  })

  test('rejects with CLOSED what is pending and what comes later when the signal aborts', async () => {
    const abort = new AbortController()
    const job = await stage({ signal: abort.signal })
    const pending = job.step(named('key 0'))
    abort.abort()
    await expect(pending).rejects.toMatchObject({ name: 'EngineError', code: 'CLOSED' })
    await expect(job.open([])).rejects.toMatchObject({ code: 'CLOSED' })
    await job.close()
    await expect(stage({ signal: abort.signal })).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('stops staging when the signal aborts', async () => {
    const abort = new AbortController()
    const staging = stage({ log2Leaves: 14, log2Passes: 8, signal: abort.signal })
    abort.abort()
    await expect(staging).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

test('closes its jobs when it closes, and can be closed twice', async () => {
  const engine = await createMemoryEngine(crypto, { maxBytes, threads: 2 })
  const job = await engine.stage({ ...REGION, signal: never() })
  await engine.close()
  await engine.close()
  await expect(job.step(named('key 0'))).rejects.toMatchObject({ code: 'CLOSED', message: 'The region was closed by its owner' })
})

describe('the limit', () => {
  const { bytes } = layOut(6, 2, 2)

  test('is kept before any thread is started', async () => {
    const engine = await createMemoryEngine(crypto, { maxBytes: bytes - 1, threads: 2, spawn: () => expect.unreachable('started') })
    await expect(engine.stage({ ...REGION, signal: never() })).rejects.toMatchObject({ name: 'EngineError', code: 'TOO_LARGE', message: expect.stringContaining(`the ${bytes - 1} that are allowed`) })
  })

  test('counts all regions that are open, and a closed one no longer', async () => {
    const engine = await createMemoryEngine(crypto, { maxBytes: bytes, threads: 2 })
    const job = await engine.stage({ ...REGION, signal: never() })
    await expect(engine.stage({ ...REGION, segments: 1, signal: never() })).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await job.close()
    await engine.stage({ ...REGION, signal: never() })
    await engine.close()
  })
})

describe('a broken thread', () => {
  // Each stands in for one thread of two: a worker that dies, or never was one. What must come back is a rejection, not silence.
  const script = (code: string): Worker => new Worker(`const { parentPort } = require('node:worker_threads'); ${code}`, { eval: true })
  const withOne = (bad: () => Worker, which: number): MemoryEngineOptions => ({ maxBytes, threads: 2, spawn: (options) => (options.thread === which ? bad() : spawnPart(options)) })
  const broken: Record<string, () => Worker> = {
    'throws at once': () => script(`throw new Error('no memory')`),
    'ends at once': () => script(`process.exit(3)`),
    'cannot be started': () => {
      throw new Error('no more threads')
    },
  }
  const staging = async (bad: () => Worker, which: number): Promise<void> => {
    const engine = await createMemoryEngine(crypto, withOne(bad, which))
    await expect(engine.stage({ ...REGION, signal: never() })).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringMatching(/thread/) })
    await engine.close()
  }
  for (const [name, bad] of Object.entries(broken)) {
    // The first thread is the one that takes the memory for all.
    test.each([0, 1])(`that ${name} makes staging fail, thread %i`, (which) => staging(bad, which))
  }
  test('that throws while it fills makes staging fail', () =>
    staging(() => script(`parentPort.postMessage({ kind: 'staged' }); parentPort.on('message', () => { throw new Error('trap') })`), 1))

  test('that gets no memory from the system makes staging fail', async () => {
    const spawn = (options: Parameters<typeof spawnPart>[0]): Worker => spawnPart({ ...options, layout: { ...options.layout, pages: [65537] } })
    const engine = await createMemoryEngine(crypto, { maxBytes, threads: 2, spawn })
    await expect(engine.stage({ ...REGION, signal: never() })).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringContaining('Memory') })
    await engine.close()
  })
})
