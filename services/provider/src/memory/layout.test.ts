import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocate, layOut, log2Unit, placeOf, shareOf, spaceOf } from './layout.ts'

const PAGE = 65536
const region = fc.record({ log2Leaves: fc.integer({ min: 6, max: 20 }), segments: fc.integer({ min: 1, max: 300 }), threads: fc.integer({ min: 1, max: 256 }) })

describe('a layout', () => {
  test('keeps kernels, threads and segments apart, each segment whole in one memory below 4 GiB', () => {
    fc.assert(
      fc.property(region, ({ log2Leaves, segments, threads }) => {
        const layout = layOut(log2Leaves, segments, threads)
        const size = 2 ** log2Leaves * 1024
        let last = { memory: -1, end: 0 }
        for (let segment = 0; segment < segments; segment++) {
          const { memory, base } = placeOf(layout, segment)
          expect(base).toBe(memory === last.memory ? last.end : spaceOf(threads))
          expect(memory).toBeGreaterThanOrEqual(last.memory)
          expect(base + size).toBeLessThanOrEqual(layout.pages[memory]! * PAGE)
          last = { memory, end: base + size }
        }
        expect(last.memory).toBe(layout.pages.length - 1)
        for (const pages of layout.pages) expect(pages).toBeLessThan(65536)
      }),
    )
  })

  test('takes little more than its segments', () => {
    const { bytes, pages } = layOut(20, 4, 16)
    expect(pages).toEqual([17 + 3 * 16384, 17 + 16384])
    expect(bytes).toBe(4 * 2 ** 30 + 34 * PAGE + 4 * 2 ** 20)
  })

  test('is allocated in shared memories of just that size', () => {
    const [memory] = allocate(layOut(6, 3, 2)) as [WebAssembly.Memory]
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(memory.buffer.byteLength).toBe(6 * PAGE)
  })
})

test('shares are in order, cover everything once and differ by one at most', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 64 }), (count, threads) => {
      let next = 0
      for (let thread = 0; thread < threads; thread++) {
        const share = shareOf(count, thread, threads)
        expect(share.first).toBe(next)
        expect(Math.abs(share.count - count / threads)).toBeLessThan(1)
        next += share.count
      }
      expect(next).toBe(count)
    }),
  )
})

test('a unit is a whole chunk of y at least, 4 MiB of leaves at most, and never more than the segment', () => {
  expect([6, 7, 8, 9, 12, 13, 16, 20].map(log2Unit)).toEqual([6, 7, 8, 8, 8, 9, 12, 12])
})
