import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { type Cell, type Crypto, draw, firstKey, matrixKey, ReferenceProver, startKey, stepKey, verifyOpenings } from '@assay/protocol'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { stepMany } from './engine.ts'
import { compileKernel } from './kernel.ts'
import { Rows } from './rows.ts'
import { createWebGpuEngine, type WebGpuEngine } from './webgpu.ts'
import { listAdapters, openDevice, parseAdapters } from './webgpu/device.ts'
import { treeLayout } from './webgpu/tree.ts'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const seed = new Uint8Array(32).fill(1)
const key = new Uint8Array(32).fill(2)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const never = (): AbortSignal => new AbortController().signal
const joined = (parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** The WebAssembly kernels on this thread: a thread of their own for each of a thousand small jobs would take longer than the jobs. */
class KernelChain {
  readonly #rows: Rows
  constructor(module: WebAssembly.Module, n: number, ofSeed: Uint8Array) {
    this.#rows = new Rows({ module, n, matrixKey: matrixKey(crypto, ofSeed), first: 0, count: n, unit: n })
  }
  step(key: Uint8Array, first: boolean): Uint8Array {
    return this.#rows.step(key, first ? startKey(crypto, key) : undefined)
  }
  open(cells: Cell[]): Uint8Array {
    return joined(this.#rows.open(cells).flatMap((rows) => rows.flatMap(({ row, path }) => [row, path])))
  }
}

describe('parseAdapters', () => {
  test('reads the sentence with which Dawn refuses an unknown adapter', () => {
    const sentence = "no adapter with backend 'vulkan' and name '?' found\nAvailable adapters:\n * backend: 'vulkan', name: 'NVIDIA H100 80GB HBM3'\n * backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)'\n"
    expect(parseAdapters(sentence)).toEqual([{ backend: 'vulkan', name: 'NVIDIA H100 80GB HBM3' }, { backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)' }])
    expect(parseAdapters('')).toEqual([])
    expect(parseAdapters('no suitable backends found\nAvailable adapters:\n')).toEqual([])
  })
})

describe('treeLayout', () => {
  test.each([[64, 1], [128, 1], [256, 1], [512, 2], [1024, 4], [8192, 32]])('n = %i, %i leaves a row: leads from the leaves over the row hashes to one root, in regions that do not overlap', (n, leavesPerRow) => {
    const { levels, rowsAt, rootAt, size } = treeLayout(n, leavesPerRow)
    let [at, count] = [0, n * leavesPerRow]
    const seen = [{ at, count }]
    for (const level of levels) {
      expect(level).toMatchObject({ source: at, count })
      expect(level.levels).toBeGreaterThanOrEqual(1)
      expect(level.levels).toBeLessThanOrEqual(7)
      expect(level.sink).toBeGreaterThanOrEqual(at + count)
      expect(level.sink % 8).toBe(0)
      at = level.sink
      count /= 2 ** level.levels
      seen.push({ at, count })
    }
    expect(count).toBe(1)
    expect(rootAt).toBe(at)
    expect(seen).toContainEqual({ at: rowsAt, count: n })
    expect(size).toBeGreaterThan(rootAt)
  })
})

test('stepMany does the keys between for an engine that has no such call', async () => {
  const job = { steps: 0, step: async (of: Uint8Array) => crypto.sha256(of), open: async () => new Uint8Array(), close: async () => {} }
  const roots = await stepMany(crypto, job, key, 3)
  const second = stepKey(crypto, key, crypto.sha256(key), [])
  expect(roots).toEqual([crypto.sha256(key), crypto.sha256(second), crypto.sha256(stepKey(crypto, second, crypto.sha256(second), []))])
})

describe.skipIf(!onLinuxX64)('on a software driver', () => {
  let engine: WebGpuEngine
  beforeAll(async () => void (engine = await createWebGpuEngine(crypto, { variants: ['direct4'] })))
  afterAll(() => engine.close())

  test('says what it is: software, so that nobody takes it for a card', async () => {
    expect(await listAdapters()).toEqual([expect.objectContaining({ index: 0, backend: 'vulkan', software: true, count: 1 })])
    expect(engine.name).toMatch(/^webgpu SwiftShader/)
    expect(engine.gpu).toMatchObject({ name: expect.stringMatching(/^SwiftShader/), adapter: { vendor: 'google' } })
    // What it measures is its own: the products of a software driver are no GPU's.
    const { int8Mmacs } = await engine.gpu!.measure!(never())
    expect(int8Mmacs).toBeGreaterThan(1)
    expect(int8Mmacs).toBeLessThan(1_000_000)
    await expect(engine.gpu!.measure!(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  })

  test('1000 random jobs: reference, simd128, relaxed and WebGPU give the same roots and openings', async () => {
    const kernels = await Promise.all((['simd128', 'relaxed'] as const).map((variant) => compileKernel(variant)))
    const sizes = fc.oneof({ weight: 97, arbitrary: fc.constant(6) }, { weight: 2, arbitrary: fc.constant(7) }, { weight: 1, arbitrary: fc.constant(8) })
    const shape = fc.record({ seed: bytes32, key: bytes32, log2n: sizes, runs: fc.constantFrom([1], [2], [1, 1], [1, 2]), nonce: bytes32, coins: bytes32, samples: fc.integer({ min: 1, max: 3 }) })
    await fc.assert(
      fc.asyncProperty(shape, async ({ seed, key: first, log2n, runs, nonce, coins, samples }) => {
        const job = await engine.stage({ seed, log2n, signal: never() })
        const reference = new ReferenceProver(crypto, seed, log2n)
        const chains = kernels.map((module) => new KernelChain(module, 2 ** log2n, seed))
        let key: Uint8Array = first
        for (const count of runs) {
          for (const root of await job.stepMany!(key, count)) {
            expect(hex(root)).toBe(hex(reference.step(key)))
            for (const chain of chains) expect(hex(chain.step(key, reference.steps === 1))).toBe(hex(root))
            key = stepKey(crypto, key, root, [])
          }
          key = crypto.sha256(joined([key, nonce])) // a fold: some other key
        }
        const { cells } = draw(crypto, coins, 2 ** log2n, job.steps, samples)
        const openings = hash('sha256', await job.open(cells))
        for (const other of [reference, ...chains]) expect(hash('sha256', other.open(cells))).toBe(openings)
        await job.close()
      }),
      { numRuns: 1000 },
    )
  }, 240_000)

  test('the fastest product is found by trying, and gives the same as the others', async () => {
    // A clock on which the second variant is quicker: two readings a turn, a warm turn first, and the first variant is not worth lengthening.
    const readings = [0, 10, 10, 20, 20, 21, 21, 22]
    const tried = await createWebGpuEngine(crypto, { variants: ['direct4', 'direct8'], now: () => readings.shift()! })
    const jobs = await Promise.all([engine, tried].map((each) => each.stage({ seed, log2n: 6, signal: never() })))
    expect(tried.variants.get(64)).toBe('direct8')
    expect(readings).toEqual([])
    const [roots, same] = await Promise.all(jobs.map((job) => job.stepMany!(key, 2)))
    expect(roots!.map(hex)).toEqual(same!.map(hex))
    await jobs[0]!.close()
    const again = await tried.stage({ seed, log2n: 6, signal: never() }) // what is known is not tried again
    await again.close()
    await tried.close()
  })

  test('a quick device is timed on more rows, then on more turns, and its parts are told', async () => {
    let time = 0
    const quick = await createWebGpuEngine(crypto, { variants: ['direct4', 'direct8'], now: () => (time += 0.01) })
    const job = await quick.stage({ seed, log2n: 7, signal: never() })
    expect(['direct4', 'direct8']).toContain(quick.variants.get(128))
    expect(await quick.parts(7, 2)).toEqual({ multiplyMs: expect.closeTo(0.005), activateMs: expect.closeTo(0.005), hashMs: expect.closeTo(0.005) })
    await job.close()
    await quick.close()
  })

  test('matrices beyond a buffer go in panels: same roots and openings', async () => {
    const limits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 16 } // 64 rows of 256 columns
    const opened = await openDevice()
    const paneled = await createWebGpuEngine(crypto, { variants: ['direct8'], open: async () => ({ ...opened, limits }) })
    const cells = [{ t: 1, i: 255 }, { t: 2, i: 64 }, { t: 2, i: 0 }]
    const [one, other] = await Promise.all(
      [engine, paneled].map(async (each) => {
        const job = await each.stage({ seed, log2n: 8, signal: never() })
        const roots = await job.stepMany!(key, 2)
        return { roots: roots.map(hex), openings: hash('sha256', await job.open(cells)) }
      }),
    )
    expect(other).toEqual(one)
    await expect(paneled.stage({ seed, log2n: 9, signal: never() })).rejects.toMatchObject({ code: 'TOO_LARGE', message: expect.stringContaining('takes at most 65536 bytes in one buffer, and B of 512 x 512 has 262144') })
    await paneled.close()
  })

  test('a long chain: over the ends of segments and blocks, with openings in several parts, and they verify', async () => {
    const steps = 1030
    const job = await engine.stage({ seed, log2n: 6, signal: never() })
    const keys = [firstKey(crypto, seed, [])]
    const roots = await stepMany(crypto, job, keys[0]!, steps)
    const relaxed = new KernelChain(await compileKernel('relaxed'), 64, seed)
    for (const [t, root] of roots.entries()) {
      expect(hex(relaxed.step(keys[t]!, t === 0))).toBe(hex(root))
      keys.push(stepKey(crypto, keys[t]!, root, []))
    }
    const [coins, samples] = [crypto.sha256(key), 700]
    const { cells } = draw(crypto, coins, 64, steps, samples)
    const openings = await job.open(cells)
    expect(hash('sha256', openings)).toBe(hash('sha256', relaxed.open(cells)))
    expect(verifyOpenings(crypto, { seed, log2n: 6, roots, keys, coins, samples, openings })).toBe('OK')
    await job.close()
  })

  test('rejects with CLOSED when the signal aborts while a job is staged', async () => {
    const abort = new AbortController()
    const staging = engine.stage({ seed, log2n: 8, signal: abort.signal })
    await Promise.resolve()
    abort.abort()
    await expect(staging).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('a step that runs long is ended by the signal at once, and the next job is not troubled by it', async () => {
    const abort = new AbortController()
    const job = await engine.stage({ seed, log2n: 8, signal: abort.signal })
    const pending = job.stepMany!(key, 20)
    setTimeout(() => abort.abort(), 20)
    await expect(pending).rejects.toMatchObject({ code: 'CLOSED' })
    const next = await engine.stage({ seed, log2n: 6, signal: never() })
    expect((await next.step(key)).length).toBe(32)
    await next.close()
  })

  test('a device that is lost takes its jobs with it; the next stage opens it anew', async () => {
    const devices: GPUDevice[] = []
    const own = await createWebGpuEngine(crypto, { variants: ['direct4'], open: async () => {
      const opened = await openDevice()
      devices.push(opened.device)
      return opened
    } })
    const job = await own.stage({ seed, log2n: 6, signal: never() })
    const root = await job.step(key)
    devices[0]!.destroy()
    await devices[0]!.lost
    await expect(job.step(key)).rejects.toMatchObject({ name: 'EngineError', code: 'CRASHED', message: expect.stringContaining('was lost') })
    await expect(job.open([])).rejects.toMatchObject({ code: 'CRASHED' })
    const again = await own.stage({ seed, log2n: 6, signal: never() })
    expect(await again.step(key)).toEqual(root)
    expect(devices.length).toBe(2)
    await own.close()
    await expect(own.stage({ seed, log2n: 6, signal: never() })).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('a device that cannot be opened again is CRASHED with the reason', async () => {
    const opened = await openDevice()
    let opens = 0
    const own = await createWebGpuEngine(crypto, { open: async () => {
      if (opens++ > 0) throw new Error('the card fell off the bus')
      return opened
    } })
    opened.device.destroy()
    await opened.device.lost
    await expect(own.stage({ seed, log2n: 6, signal: never() })).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringContaining('the card fell off the bus') })
    await own.close()
  })

  test('memory that is not there is CRASHED with what it was for, and the engine goes on', async () => {
    const opened = await openDevice()
    const own = await createWebGpuEngine(crypto, { variants: ['direct4'], open: async () => opened })
    const real = opened.device.popErrorScope
    opened.device.popErrorScope = async function () {
      await real.call(this)
      return { message: 'out of memory' } as GPUError
    }
    await expect(own.stage({ seed, log2n: 8, signal: never() })).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringContaining('has no room for a chain of 256 x 256 (1 MiB): out of memory') })
    opened.device.popErrorScope = real
    const job = await own.stage({ seed, log2n: 6, signal: never() })
    opened.device.popErrorScope = async () => ({ message: 'out of memory' }) as GPUError
    await expect(job.step(key)).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringContaining('the row hashes') })
    await expect(job.step(key)).rejects.toMatchObject({ code: 'CRASHED' })
    await own.close()
  })

  test('a command that the device refuses is CRASHED for the jobs under way', async () => {
    const opened = await openDevice()
    const own = await createWebGpuEngine(crypto, { variants: ['direct4'], open: async () => opened })
    const job = await own.stage({ seed, log2n: 6, signal: never() })
    opened.device.createBuffer({ size: 16, usage: 0 })
    await expect(job.step(key)).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringContaining('refused a command') })
    await own.close()
  })

  test('an adapter that is not there is refused with those that are', async () => {
    await expect(createWebGpuEngine(crypto, { adapter: 'H100' })).rejects.toThrow(/there is no GPU H100; there is 0 \(SwiftShader/)
    await expect(createWebGpuEngine(crypto, { adapter: 7 })).rejects.toThrow(/there is no GPU 7/)
    const [byNumber, byName] = await Promise.all([openDevice(0), openDevice('swiftshader')])
    expect(byNumber.adapter).toEqual(byName.adapter)
    byNumber.device.destroy()
    byName.device.destroy()
  })
})

test('a machine without a driver is told so at once, and nothing is printed', () => {
  const { LD_LIBRARY_PATH: _, ...environment } = process.env
  const script = `const { createWebGpuEngine } = await import(${JSON.stringify(new URL('webgpu.ts', import.meta.url).href)}); await createWebGpuEngine({}).catch((error) => console.log(error.message))`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env: { ...environment, VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' } })
  expect(ran).toMatchObject({ status: 0, stdout: 'no driver offers a GPU here\n', stderr: '' })
})
