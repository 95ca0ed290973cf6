import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { captureOf, captureProbability, overRounds, probabilityText, scaled, vouchProbability } from './capture.ts'

const value = ({ of, in: all }: { of: bigint; in: bigint }): number => Number((of * 10n ** 15n) / all) / 1e15

/** By looking at every committee. */
function enumerated(checkers: number, malicious: number, size: number): number {
  let bad = 0
  let all = 0
  for (let set = 0; set < 2 ** checkers; set++) {
    const members = Array.from({ length: checkers }, (_, i) => (set >> i) & 1)
    if (members.reduce((sum, bit) => sum + bit, 0) !== size) continue
    all++
    if (members.slice(0, malicious).reduce((sum, bit) => sum + bit, 0) >= Math.floor(size / 2) + 1) bad++
  }
  return bad / all
}

describe('capture', () => {
  test('is what looking at every committee gives', () => {
    for (let checkers = 1; checkers <= 9; checkers++)
      for (let malicious = 0; malicious <= checkers; malicious++) for (let size = 1; size <= checkers; size++) expect(value(captureProbability(checkers, malicious, size)), `${malicious} of ${checkers}, ${size}`).toBeCloseTo(enumerated(checkers, malicious, size), 12)
  })

  test('grows with the malicious, is sure with all of them and impossible with none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.nat(60), (checkers, size, some) => {
        const malicious = some % checkers
        expect(value(captureProbability(checkers, malicious + 1, size))).toBeGreaterThanOrEqual(value(captureProbability(checkers, malicious, size)))
        expect(captureProbability(checkers, 0, size).of).toBe(0n)
        const { of, in: all } = captureProbability(checkers, checkers, size)
        expect(of).toBe(all)
      }),
    )
  })

  test('a committee of all is captured by a majority only', () => {
    expect(captureProbability(9, 4, 9).of).toBe(0n)
    expect(value(captureProbability(9, 5, 200))).toBe(1)
  })

  test('refuses what is no network', () => {
    for (const [n, b, k] of [[3, 4, 1], [3, -1, 1], [3, 1, 0], [3, 1, 1.5]] as const) expect(() => captureProbability(n, b, k)).toThrow(RangeError)
  })
})

test('mirrors that vouch: a third and one of those drawn from the others', () => {
  // Two of three others are in league; of two mirrors one suffices: all but the draws of two honest ones, of which there is none.
  expect(value(vouchProbability(4, 3, 2))).toBe(1)
  // One of four others, two mirrors: half of the draws have it.
  expect(value(vouchProbability(5, 2, 2))).toBeCloseTo(0.5, 12)
  expect(vouchProbability(5, 0, 2).of).toBe(0n)
})

test('over rounds: exact, and the bound for an epoch is no lower and hardly higher', () => {
  expect(overRounds({ of: 1n, in: 4n }, 3)).toEqual({ of: 37n, in: 64n })
  for (const [n, k, rounds] of [[30, 7, 24], [100, 15, 240], [1000, 63, 24], [12, 3, 1]] as const) {
    const exact = scaled(overRounds(captureProbability(n, Math.floor(n / 3), k), rounds))
    const { perEpoch, perRound } = captureOf(n, k, rounds)
    expect(perEpoch >= exact && perEpoch - exact <= 1n).toBe(true)
    expect(perRound).toBe(scaled(captureProbability(n, Math.floor(n / 3), k)))
  }
})

test('a network is flagged above one in a million, and told which committee would do', () => {
  expect(captureOf(3, 3, 2)).toMatchObject({ malicious: 1, perRound: 0n, flagged: false })
  const small = captureOf(100, 3, 24)
  expect(small.flagged).toBe(true)
  expect(captureOf(100, small.sufficient!, 24).flagged).toBe(false)
  expect(captureOf(100, small.sufficient! - 2, 24).flagged).toBe(true)
  expect(captureOf(100_000, 15, 240).sufficient).toBeNull()
})

test('is written as people write it', () => {
  expect([0n, 25n * 10n ** 15n, 10n ** 12n, 10n ** 18n].map(probabilityText)).toEqual(['0', '2.50 %', '1.0e-6', '100 %'])
})
