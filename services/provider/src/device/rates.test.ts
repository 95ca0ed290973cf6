import { readFileSync } from 'node:fs'
import type { Profile } from '@assay/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileKernel, instantiate, PAGE_BYTES } from '../engines/kernel.ts'
import { measureRates, type ProfileKernel } from './rates.ts'

async function load(): Promise<ProfileKernel> {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = await WebAssembly.compile(readFileSync(new URL('profile.wasm', import.meta.url)))
  return { ...(new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Omit<ProfileKernel, 'memory'>), memory }
}

describe('the kernel', () => {
  test('links all lines into one cycle, and follows it', async () => {
    const kernel = await load()
    kernel.memory.grow(16)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 14 }), (log2) => {
        const lines = 2 ** log2
        kernel.link(PAGE_BYTES, lines)
        const seen = new Set<number>()
        for (let at = 0; !seen.has(at); at = kernel.chase(PAGE_BYTES, at, 1)) seen.add(at)
        expect(seen.size).toBe(lines)
        expect(kernel.chase(PAGE_BYTES, 0, lines)).toBe(0)
      }),
      { numRuns: 20 },
    )
  })

  test('reads every byte', async () => {
    const kernel = await load()
    kernel.memory.grow(1)
    const bytes = new Uint8Array(kernel.memory.buffer, PAGE_BYTES, 256)
    for (let at = 0; at < 256; at++) {
      bytes.fill(0)
      bytes[at] = 1
      // Lane 0 of all loads, xored: only its four bytes of each 16 reach the result.
      expect(kernel.read(PAGE_BYTES, 256)).toBe(at % 16 < 4 ? 2 ** (8 * (at % 4)) : 0)
    }
  })

  test('multiplies and adds towards the one fixed point', async () => {
    const kernel = await load()
    expect(kernel.muladd(0)).toBe(78)
    expect(kernel.muladd(100_000)).toBeCloseTo(12, 2)
    expect(kernel.MULADD_FLOPS.value).toBe(96)
  })
})

/** A clock that goes on by `ms` each time it is read. */
const clock = (ms: number): (() => number) => {
  let at = 0
  return () => (at += ms)
}

test('rates are work over time, in the units of the profile', async () => {
  const rates = [...measureRates({ matrix: instantiate(await compileKernel('simd128')), profile: await load(), now: clock(4), sliceMs: 1, memoryBytes: 2 ** 20 })]
  expect(rates.map((rate) => Object.keys(rate)[0])).toEqual(['int8Mmacs', 'f32Mflops', 'memoryMBps', 'chasePs'])
  // A slice takes 4 ms: 64 * 1024 * 1024 products, 200000 * 96 operations, 2^20 bytes, 100000 hops.
  expect(Object.assign({}, ...rates) as Profile).toEqual({ int8Mmacs: 16_777, f32Mflops: 4800, memoryMBps: 262, chasePs: 40_000 })
})

test('a clock that stands still measures nothing, and a rate beyond a u32 is cut off', async () => {
  const measured = measureRates({ matrix: instantiate(await compileKernel('simd128')), profile: await load(), now: () => 0, sliceMs: 0, memoryBytes: 2 ** 20 })
  expect(Object.assign({}, ...measured)).toEqual({ int8Mmacs: 0, f32Mflops: 0, memoryMBps: 0, chasePs: 0 })
  const quick = measureRates({ matrix: instantiate(await compileKernel('simd128')), profile: await load(), now: clock(1e-9), sliceMs: 0, memoryBytes: 2 ** 20 })
  expect(Object.assign({}, ...quick)).toMatchObject({ int8Mmacs: 2 ** 32 - 1, chasePs: 0 })
})
