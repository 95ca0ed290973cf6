import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPlainPoint, isSmallOrder } from './ed25519.ts'

const FIELD = 2n ** 255n - 19n
const bytesOf = (y: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => Number((y >> BigInt(8 * i)) & 0xffn))
// What libsodium refuses, and its negation.
const EIGHT = [0n, 1n, FIELD - 1n, 2707385501144840649318225287225658788936804267575313519463743609750303402022n, FIELD - 2707385501144840649318225287225658788936804267575313519463743609750303402022n]

describe('points of small order', () => {
  test('are known in every encoding: with either sign of x, and with y that is not reduced', () => {
    for (const y of EIGHT)
      for (const encoded of [y, y + FIELD].filter((one) => one < 2n ** 255n).flatMap((one) => [one, one + 2n ** 255n])) {
        expect(isSmallOrder(bytesOf(encoded))).toBe(true)
        expect(isPlainPoint(bytesOf(encoded))).toBe(false)
      }
  })

  test('are no others', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n, max: FIELD - 2n }), fc.boolean(), (y, sign) => {
        fc.pre(!EIGHT.includes(y))
        expect(isSmallOrder(bytesOf(y + (sign ? 2n ** 255n : 0n)))).toBe(false)
        expect(isPlainPoint(bytesOf(y + (sign ? 2n ** 255n : 0n)))).toBe(true)
      }),
    )
    // A second encoding of another point is not plain either.
    for (let more = 2n; more < 19n; more++) expect([isSmallOrder(bytesOf(FIELD + more)), isPlainPoint(bytesOf(FIELD + more))]).toEqual([false, false])
  })
})
