import { hash } from 'node:crypto'
import type { Crypto } from '@assay/protocol'
import { describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { decideEngine, type EngineProbes, selfTest } from './auto.ts'
import type { ChainJob, Engine } from './engine.ts'
import { createReferenceEngine } from './reference.ts'
import { type Adapter, listAdapters } from './webgpu/device.ts'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const card = (index: number, name: string, software = false): Adapter => ({ index, name, backend: 'vulkan', vendor: '', architecture: '', description: '', software, count: 1 })
const [weak, strong, llvmpipe] = [card(0, 'weak'), card(1, 'strong'), card(2, 'llvmpipe', true)]

/** A machine with these adapters, of which some compute wrongly. */
const machine = (adapters: Adapter[], wrong: Record<string, string> = {}, rest: Partial<EngineProbes> = {}): EngineProbes => ({
  vulkanFault: () => null, listAdapters: async () => adapters, selfTest: async ({ name }) => wrong[name] ?? null, wasmVariant: () => 'relaxed', ...rest,
})

describe('decideEngine', () => {
  test('takes the first GPU that passes its self-test', async () => {
    expect(await decideEngine(machine([llvmpipe, weak, strong]))).toMatchObject({ kind: 'webgpu', adapter: weak, reason: 'weak is a GPU and passed its self-test' })
    expect(await decideEngine(machine([weak, strong], { weak: 'wrong root 1' }))).toMatchObject({ kind: 'webgpu', adapter: strong, failed: ['weak failed its self-test: wrong root 1'] })
  })
  test.each<[string, EngineProbes, string]>([
    ['no loader', machine([], {}, { vulkanFault: () => 'not found' }), 'no GPU: the Vulkan loader is missing (not found)'],
    ['no driver', machine([]), 'no GPU: no driver offers one'],
    ['software alone', machine([llvmpipe]), 'no GPU: the drivers only compute in software (llvmpipe), which is slower'],
    ['a GPU that computes wrongly', machine([weak, llvmpipe], { weak: 'wrong root 1' }), 'weak failed its self-test: wrong root 1'],
    ['no package', machine([], {}, { listAdapters: () => Promise.reject(new Error('no binary for sunos')) }), 'no GPU: no binary for sunos'],
  ])('takes WebAssembly with %s, and says why', async (_, probes, reason) => {
    expect(await decideEngine(probes)).toMatchObject({ kind: 'wasm', variant: 'relaxed', reason })
  })
  test('has nothing without SIMD and GPU, and a GPU does without SIMD', async () => {
    const noSimd = { wasmVariant: () => undefined }
    expect(await decideEngine(machine([], {}, noSimd))).toMatchObject({ kind: 'none', reason: 'no GPU: no driver offers one; and this runtime has no WebAssembly SIMD' })
    expect(await decideEngine(machine([strong], {}, noSimd))).toMatchObject({ kind: 'webgpu' })
  })
})

describe('selfTest', () => {
  /** The reference with a fault: a bit of what a call returns is flipped. */
  const faulty = (call: 'step' | 'open', log2n: number): Engine => {
    const inner = createReferenceEngine(crypto)
    const flip = async (bytes: Promise<Uint8Array>): Promise<Uint8Array> => (await bytes).map((byte, i) => (i === 0 ? byte ^ 1 : byte))
    return {
      ...inner,
      stage: async (options) => {
        const job = await inner.stage(options)
        if (options.log2n !== log2n) return job
        return Object.defineProperty({ ...job, step: (key) => (call === 'step' ? flip(job.step(key)) : job.step(key)), open: (cells) => (call === 'open' ? flip(job.open(cells)) : job.open(cells)) } as ChainJob, 'steps', { get: () => job.steps })
      },
    }
  }
  test('passes what computes right', async () => {
    expect(await selfTest(crypto, strong, async () => createReferenceEngine(crypto))).toBeNull()
  })
  test('finds one wrong bit in a root or an opening, with small rows and with large', async () => {
    expect(await selfTest(crypto, strong, async () => faulty('step', 6))).toBe('wrong root 1 with n = 64 and direct4')
    expect(await selfTest(crypto, strong, async () => faulty('open', 6))).toBe('wrong openings with n = 64 and direct4')
    expect(await selfTest(crypto, strong, async () => faulty('step', 9))).toBe('wrong root 1 with n = 512 and direct4')
  })
  test('finds that a product of one kind alone is wrong', async () => {
    expect(await selfTest(crypto, strong, async ([variant]) => (variant === 'shared8' ? faulty('step', 6) : createReferenceEngine(crypto)))).toBe('wrong root 1 with n = 64 and shared8')
  })
  test('an adapter that does not open has failed', async () => {
    expect(await selfTest(crypto, strong, () => Promise.reject(new Error('no such device')))).toBe('no such device')
  })
  test.skipIf(!onLinuxX64)('passes on a software driver, every product of it', async () => {
    expect(await selfTest(crypto, (await listAdapters())[0]!)).toBeNull()
  })
})
