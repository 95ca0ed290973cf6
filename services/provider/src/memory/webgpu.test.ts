import { hash } from 'node:crypto'
import { type Crypto, drawMemory, MemoryProver, type Region } from '@assay/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { openDevice, type OpenDevice } from '../engines/webgpu/device.ts'
import { createMemoryEngine, type MemoryEngine, type MemoryJob } from './engine.ts'
import { regionBytes } from './region.ts'
import { testMemory } from './self-test.ts'
import { createWebGpuMemoryEngine, type WebGpuMemoryOptions } from './webgpu.ts'

// What all memory engines do is in engine.test.ts and vectors.test.ts; here is what only one on a device can.
const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const named = (name: string): Uint8Array => crypto.sha256(Buffer.from(name))
const never = (): AbortSignal => new AbortController().signal
const REGION: Region = { fillSeed: named('fill'), log2Leaves: 6, log2Passes: 0, segments: 5 }

/** A device, and the bytes of the buffers on it that nobody has given back. */
async function watched(): Promise<{ opened: OpenDevice; held(): number; most(): number }> {
  const opened = await openDevice()
  const { device } = opened
  const create = device.createBuffer.bind(device)
  let [held, most] = [0, 0]
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    const destroy = buffer.destroy.bind(buffer)
    let there = true
    held += descriptor.size
    most = Math.max(most, held)
    buffer.destroy = () => {
      if (there) held -= descriptor.size
      there = false
      return destroy()
    }
    return buffer
  }
  return { opened, held: () => held, most: () => most }
}

describe.skipIf(!onLinuxX64)('on a software driver', () => {
  const engines: MemoryEngine[] = []
  afterEach(async () => void (await Promise.all(engines.splice(0).map((engine) => engine.close()))))
  const create = async (options: WebGpuMemoryOptions = {}): Promise<MemoryEngine> => {
    const engine = await createWebGpuMemoryEngine(crypto, options)
    engines.push(engine)
    return engine
  }
  const stage = (engine: MemoryEngine, region: Partial<Region> = {}, signal = never()): Promise<MemoryJob> => engine.stage({ ...REGION, ...region, signal })

  test('segments lie in as many buffers as the device asks for: same roots and openings', async () => {
    const opened = await openDevice()
    // Two segments of 64 KiB fit in a buffer; five take three.
    const engine = await create({ open: async () => ({ ...opened, limits: { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 150_000 } }) })
    const job = await stage(engine)
    const reference = new MemoryProver(crypto, REGION)
    expect(job.fillRoots).toEqual(reference.fillRoots)
    for (let t = 1; t <= 6; t++) expect(await job.step(named(`key ${t}`))).toEqual(reference.step(named(`key ${t}`)))
    // More than are opened together.
    const cells = drawMemory(crypto, named('coins'), 6, 6, 150)
    expect(Buffer.compare(await job.open(cells), reference.open(cells))).toBe(0)
  })

  test('trees of several folds, as segments of a useful size have: what WebAssembly gives', async () => {
    const host = await createMemoryEngine(crypto, { maxBytes: 2 ** 28, threads: 2 })
    engines.push(host)
    const jobs = await Promise.all([await create(), host].map((engine) => stage(engine, { log2Leaves: 15, segments: 1 })))
    const cells = [...drawMemory(crypto, named('coins'), 15, 1, 20), { t: 1, j: 32_767, u: 0 }, { t: 1, j: 0, u: 0 }]
    const [own, other] = await Promise.all(jobs.map(async (job) => ({ fillRoots: job.fillRoots, root: await job.step(named('key')), openings: hash('sha256', await job.open(cells)) })))
    expect(own).toEqual(other)
  })

  test('a segment beyond a buffer of the device is TOO_LARGE, with nothing taken', async () => {
    const { opened, held } = await watched()
    const engine = await create({ open: async () => ({ ...opened, limits: { maxBufferSize: 2 ** 16, maxStorageBufferBindingSize: 2 ** 28 } }) })
    const before = held()
    await expect(stage(engine, { log2Leaves: 7 })).rejects.toMatchObject({ name: 'EngineError', code: 'TOO_LARGE', message: expect.stringContaining('takes at most 65536 bytes in one buffer, and a segment of 128 KiB has 131072') })
    expect(held()).toBe(before)
    await stage(engine)
  })

  test('the limit counts all regions that are open, and a closed one no longer', async () => {
    const bytes = regionBytes(6, 5)
    await expect(stage(await create({ maxBytes: bytes - 1 }))).rejects.toMatchObject({ code: 'TOO_LARGE', message: expect.stringContaining(`the ${bytes - 1} that are allowed`) })
    const engine = await create({ maxBytes: bytes })
    const job = await stage(engine)
    await expect(stage(engine, { segments: 1 })).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await job.close()
    const abort = new AbortController()
    const aborted = stage(engine, {}, abort.signal)
    abort.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'CLOSED' })
    // One that never began takes nothing either.
    await expect(stage(engine, {}, abort.signal)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect.poll(() => stage(engine).then(() => 'staged', (error: { code: string }) => error.code)).toBe('staged')
  })

  test('a region takes what it is counted for, its tables aside, and gives all of it back', async () => {
    const { opened, held, most } = await watched()
    const engine = await create({ open: async () => opened })
    const before = held()
    const job = await stage(engine, { log2Leaves: 10, segments: 3 })
    const bytes = regionBytes(10, 3)
    expect(most() - before).toBeGreaterThan(3 * 2 ** 20)
    expect(Math.abs(most() - before - bytes)).toBeLessThan(16_384)
    const filled = held()
    await job.step(named('key'))
    await job.open([{ t: 1, j: 1000, u: 0 }])
    expect(held()).toBe(filled)
    await job.close()
    expect(held()).toBe(before)
  })

  test('memory that is not there is CRASHED with what it was for; what was taken is given back, and the engine goes on', async () => {
    const { opened, held } = await watched()
    const { device } = opened
    const engine = await create({ open: async () => ({ ...opened, limits: { maxBufferSize: 2 ** 16, maxStorageBufferBindingSize: 2 ** 16 } }) })
    const before = held()
    const real = device.popErrorScope
    // Two scopes to each allocation: y, the first segment, and the second has no room.
    let asked = 0
    device.popErrorScope = async function () {
      const fault = await real.call(this)
      return ++asked === 6 ? ({ message: 'out of memory' } as GPUError) : fault
    }
    await expect(stage(engine)).rejects.toMatchObject({ name: 'EngineError', code: 'CRASHED', message: expect.stringContaining('has no room for segments 1 to 1 of 5 (64 KiB each): out of memory') })
    expect(held()).toBe(before)
    await stage(engine)
  })

  test('what the driver itself refuses is CRASHED: this one makes no allocation of a GiB', async () => {
    const refused = stage(await create(), { log2Leaves: 20 })
    await expect(refused).rejects.toMatchObject({ name: 'EngineError', code: 'CRASHED', message: expect.stringMatching(/has no room for segments 0 to 0 of 5 \(1048576 KiB each\): .*OUT_OF_DEVICE_MEMORY/) })
  })

  test('a region that is closed while it is filled leaves the device to others', async () => {
    const opened = await openDevice()
    const { queue } = opened.device
    const engine = await create({ open: async () => opened })
    const other = await stage(engine)
    const abort = new AbortController()
    const real = queue.onSubmittedWorkDone
    let slices = 0
    queue.onSubmittedWorkDone = async function () {
      await real.call(this)
      if (++slices === 2) abort.abort()
      return undefined
    }
    await expect(stage(engine, { log2Leaves: 10 }, abort.signal)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await other.step(named('key'))).toEqual(new MemoryProver(crypto, REGION).step(named('key')))
    // The third is the one that says when the memory is back.
    expect(slices).toBeLessThanOrEqual(3)
  })

  test('a device that is lost takes its regions with it; the next stage opens it anew', async () => {
    const devices: GPUDevice[] = []
    const engine = await create({ maxBytes: regionBytes(6, 5), open: async () => {
      const opened = await openDevice()
      devices.push(opened.device)
      return opened
    } })
    const job = await stage(engine)
    devices[0]!.destroy()
    await devices[0]!.lost
    await expect(job.step(named('key'))).rejects.toMatchObject({ name: 'EngineError', code: 'CRASHED', message: expect.stringContaining('was lost') })
    await job.close()
    const again = await stage(engine)
    expect(again.fillRoots).toEqual(job.fillRoots)
    expect(devices.length).toBe(2)
    await engine.close()
    await expect(again.step(named('key'))).rejects.toMatchObject({ code: 'CLOSED', message: 'The region was closed by its owner' })
    await expect(stage(engine)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('an adapter that is not there is refused with those that are', async () => {
    await expect(create({ adapter: 'H100' })).rejects.toThrow(/there is no GPU H100; there is 0 \(SwiftShader/)
  })

  test('passes the self-test', async () => {
    expect(await testMemory(crypto, await create({ adapter: 'swiftshader' }))).toBeNull()
  })
})

describe('the self-test', () => {
  const wrong = new Uint8Array(32)
  /** The reference as an engine, with some lies. */
  const liar = (lies: Partial<MemoryJob>): MemoryEngine => ({
    name: 'liar',
    close: async () => {},
    stage: async (region) => {
      const prover = new MemoryProver(crypto, region)
      return { fillRoots: prover.fillRoots, steps: 0, step: async (key) => prover.step(key), open: async (cells) => prover.open(cells), close: async () => {}, ...lies }
    },
  })

  test('passes the honest and says what another does wrong', async () => {
    expect(await testMemory(crypto, liar({}))).toBeNull()
    expect(await testMemory(crypto, liar({ fillRoots: [wrong, wrong] }))).toBe('wrong roots of a filled memory')
    expect(await testMemory(crypto, liar({ step: async () => wrong }))).toBe('wrong root of step 1')
    expect(await testMemory(crypto, liar({ open: async () => wrong }))).toBe('wrong openings')
    expect(await testMemory(crypto, liar({ step: async () => Promise.reject(new Error('the card fell off the bus')) }))).toBe('the card fell off the bus')
  })
})
