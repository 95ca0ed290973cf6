import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Crypto } from '../crypto.ts'
import { keystream } from './chacha.ts'
import { draw } from './coins.ts'
import { PRIME } from './field.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const crypto = { sha256 } as Crypto
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('vectors and cells are read from the stream word by word, on big integers', () => {
  fc.assert(
    fc.property(bytes32, fc.constantFrom(64, 128), fc.integer({ min: 1, max: 0xffffffff }), fc.integer({ min: 1, max: 40 }), (coins, n, steps, samples) => {
      const stream = keystream(sha256(Buffer.concat([Buffer.from('assay/1/draw'), coins])), 0, 8 * (n + samples))
      const view = new DataView(stream.buffer, stream.byteOffset)
      const word = (k: number): bigint => BigInt(view.getUint32(4 * k, true))
      const { r, q, cells } = draw(crypto, coins, n, steps, samples)
      for (let j = 0; j < n; j++) {
        expect(BigInt(r[j]!)).toBe((word(2 * j) & 0x7fffffffn) % BigInt(PRIME))
        expect(BigInt(q[j]!)).toBe((word(2 * j + 1) & 0x7fffffffn) % BigInt(PRIME))
      }
      expect(cells).toEqual(
        Array.from({ length: samples }, (_, s) => ({
          t: 1 + Number((word(2 * n + 2 * s) * BigInt(steps)) / 2n ** 32n),
          i: Number((word(2 * n + 2 * s + 1) * BigInt(n)) / 2n ** 32n),
        })),
      )
    }),
  )
})

test('cells stay inside the chain and reach its first and last step and row', () => {
  const { cells } = draw(crypto, new Uint8Array(32), 64, 3, 4000)
  expect(new Set(cells.map(({ t }) => t))).toEqual(new Set([1, 2, 3]))
  expect(new Set(cells.map(({ i }) => i)).size).toBe(64)
  expect(Math.max(...cells.map(({ i }) => i))).toBe(63)
})
