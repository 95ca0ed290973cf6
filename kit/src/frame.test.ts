import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Allowance, FrameReader, encodeFrame } from './frame.ts'

function readAll(reader: FrameReader): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) out.push(frame)
  return out
}

describe('FrameReader', () => {
  it('gives back every payload, however the bytes are cut', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (payloads, cuts) => {
      const bytes = new Uint8Array(Buffer.concat(payloads.map(encodeFrame)))
      const reader = new FrameReader(40)
      const out: Uint8Array[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length]!
        reader.push(bytes.slice(at, at + size))
        at += size
        out.push(...readAll(reader))
      }
      expect(out).toEqual(payloads)
      expect(reader.heldBytes).toBe(0)
    }))
  })
  it('refuses a length above the limit as soon as it can be read', () => {
    const reader = new FrameReader(100)
    reader.push(new Uint8Array([101, 0, 0]))
    expect(reader.next()).toBeUndefined()
    reader.push(new Uint8Array([0]))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LONG', message: 'a frame of 101 bytes was announced, the limit is 100' }))
  })
  it('reads all four bytes of a length as unsigned', () => {
    const reader = new FrameReader(100)
    reader.push(new Uint8Array([0, 0, 0, 0xff]))
    expect(() => reader.next()).toThrow(/4278190080/)
  })
})

describe('Allowance', () => {
  it('grants a second at once, then refills with time, and runs a debt for a large use', () => {
    const allowance = new Allowance(100, 0)
    allowance.take(100, 0)
    expect(allowance.waitMs(0)).toBe(1)
    expect(allowance.waitMs(10)).toBe(0)
    allowance.take(201, 10)
    expect(allowance.waitMs(10)).toBeGreaterThanOrEqual(2000)
    expect(allowance.waitMs(2015)).toBe(0)
    allowance.take(100, 1_000_000)
    expect(allowance.waitMs(1_000_000)).toBeGreaterThan(0)
  })
})
