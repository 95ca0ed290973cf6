import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterEpoch, type Calibration, falseAcceptRate, falseRejectRate, isNewCalibration, NEW_CALIBRATION, qualityPpm, TRIAL, weightOf, wilson } from './calibration.ts'
import { type ExposureSetting, roundsToExposure } from './exposure.ts'

const trials = (muted: number, falseAccepts: number, shown = 0, falseRejects = 0): Calibration => ({ muted, falseAccepts, shown, falseRejects })
const seen = (...counts: Parameters<typeof trials>): Calibration => afterEpoch(NEW_CALIBRATION, trials(...counts))
const arbitrary: fc.Arbitrary<Calibration> = fc
  .tuple(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), fc.nat(1e6))
  .map(([a, b, c, d]) => ({ muted: Math.max(a, b), falseAccepts: Math.min(a, b), shown: Math.max(c, d), falseRejects: Math.min(c, d) }))

describe('what is remembered', () => {
  test('is in 256ths of a trial and loses an eighth an epoch', () => {
    const once = seen(1, 1, 8, 0)
    expect(once).toEqual({ muted: TRIAL, falseAccepts: TRIAL, shown: 8 * TRIAL, falseRejects: 0 })
    expect(afterEpoch(once)).toEqual({ muted: 224, falseAccepts: 224, shown: 1792, falseRejects: 0 })
    expect(afterEpoch({ ...NEW_CALIBRATION, shown: 9 })).toMatchObject({ shown: 7 })
  })

  test('is gone in the end, and stays a u32', () => {
    let calibration = seen(1000, 7, 3, 1)
    for (let epoch = 0; epoch < 120; epoch++) calibration = afterEpoch(calibration)
    expect(isNewCalibration(calibration)).toBe(true)
    expect(isNewCalibration(seen(0, 0, 1))).toBe(false)
    expect(afterEpoch({ ...NEW_CALIBRATION, muted: 2 ** 32 - 1 }, trials(2 ** 30, 0)).muted).toBe(2 ** 32 - 1)
  })

  test('never has more mistakes than trials', () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (before, more) => {
        const after = afterEpoch(before, more)
        expect(after.falseAccepts <= after.muted && after.falseRejects <= after.shown).toBe(true)
      }),
    )
  })
})

describe('quality', () => {
  test('is whole without data, and without mistakes', () => {
    expect(qualityPpm(NEW_CALIBRATION)).toBe(1_000_000)
    expect(qualityPpm(seen(30, 0, 70, 0))).toBe(1_000_000)
  })

  test('of a checker that always says RAN sinks below a half with the second muted trial', () => {
    expect([1, 2, 3].map((muted) => qualityPpm(seen(muted, muted, 5, 0)))).toEqual([500_000, 333_333, 250_000])
    expect([1, 2].map((muted) => weightOf(seen(muted, muted)))).toEqual([500_000, 0])
  })

  test('of a checker that never says RAN sinks alike', () => {
    expect([1, 2].map((shown) => weightOf(seen(5, 0, shown, shown)))).toEqual([500_000, 0])
  })

  test('lies in its bounds, grows with right trials and falls with wrong ones', () => {
    fc.assert(
      fc.property(arbitrary, (calibration) => {
        const quality = qualityPpm(calibration)
        expect(quality >= 0 && quality <= 1_000_000).toBe(true)
        expect([0, quality]).toContain(weightOf(calibration))
        const more = (change: Partial<Calibration>): number => qualityPpm({ ...calibration, ...change })
        const { muted, falseAccepts, shown, falseRejects } = calibration
        expect(more({ muted: muted + TRIAL })).toBeGreaterThanOrEqual(quality)
        expect(more({ shown: shown + TRIAL })).toBeGreaterThanOrEqual(quality)
        expect(more({ muted: muted + TRIAL, falseAccepts: falseAccepts + TRIAL })).toBeLessThanOrEqual(quality)
        expect(more({ shown: shown + TRIAL, falseRejects: falseRejects + TRIAL })).toBeLessThanOrEqual(quality)
      }),
    )
  })
})

describe('Wilson’s interval', () => {
  /** As textbooks write it. */
  const textbook = (k: number, n: number): [number, number] => {
    const z2 = 3.8416
    const spread = Math.sqrt(z2 * z2 + (4 * z2 * k * (n - k)) / n)
    return [(2 * k + z2 - spread) / (2 * (n + z2)), (2 * k + z2 + spread) / (2 * (n + z2))]
  }

  test('known values: nothing, none of ten, one of ten, ten of ten', () => {
    expect(wilson(0, 0)).toEqual({ lowPpm: 0, highPpm: 1_000_000 })
    expect(wilson(0, 10 * TRIAL)).toEqual({ lowPpm: 0, highPpm: 277_541 })
    expect(wilson(TRIAL, 10 * TRIAL)).toEqual({ lowPpm: 17_875, highPpm: 404_157 })
    expect(wilson(10 * TRIAL, 10 * TRIAL)).toEqual({ lowPpm: 722_459, highPpm: 1_000_000 })
  })

  test('is the textbook’s, rounded outwards, and holds the rate', () => {
    fc.assert(
      fc.property(arbitrary.filter(({ muted, shown }) => muted > 0 && shown > 0), (calibration) => {
        for (const [{ lowPpm, highPpm }, k, n] of [[falseAcceptRate(calibration), calibration.falseAccepts, calibration.muted], [falseRejectRate(calibration), calibration.falseRejects, calibration.shown]] as const) {
          const [low, high] = textbook(k / TRIAL, n / TRIAL)
          expect(Math.abs(lowPpm - low * 1e6)).toBeLessThan(2)
          expect(Math.abs(highPpm - high * 1e6)).toBeLessThan(2)
          expect(lowPpm * n <= k * 1e6 && highPpm * n >= k * 1e6).toBe(true)
          expect(lowPpm >= 0 && highPpm <= 1_000_000).toBe(true)
        }
      }),
    )
  })

  test('shrinks with trials', () => {
    const width = (n: number): number => {
      const { lowPpm, highPpm } = wilson((n * TRIAL) / 4, n * TRIAL)
      return highPpm - lowPpm
    }
    expect(width(40)).toBeLessThan(width(4))
  })
})

describe('exposure', () => {
  // Everybody sits in every committee; the canary mutes half: a trial for a checker in 1/2 * (1 - 1/2^2) of the rounds.
  const small: ExposureSetting = { checkers: 3, committee: 3, epochRounds: 1, canaries: 1, mute: 128 }

  test('by hand: the first false accept is beyond an honest rate', () => {
    // 1 - (5/8)^n >= 99 %: n = 10.
    expect(roundsToExposure(small, 'BEYOND_HONEST', 990_000, 50)).toBe(10)
    expect(roundsToExposure(small, 'BEYOND_HONEST', 374_999, 50)).toBe(1)
    expect(roundsToExposure(small, 'BEYOND_HONEST', 375_001, 50)).toBe(2)
  })

  test('by hand: within an epoch two false accepts leave no weight', () => {
    // At most one of n rounds is a trial with (5/8)^n + n (3/8) (5/8)^(n-1): 0.0087 for 15, 0.0130 for 14.
    expect(roundsToExposure({ ...small, epochRounds: 15 }, 'WEIGHTLESS', 990_000, 1)).toBe(15)
    expect(roundsToExposure({ ...small, epochRounds: 14 }, 'WEIGHTLESS', 990_000, 1)).toBeNull()
  })

  test('comes sooner with more canaries, and never with canaries that mute nobody or everybody', () => {
    const rounds = [1, 2, 4].map((canaries) => roundsToExposure({ ...small, canaries }, 'WEIGHTLESS', 990_000, 100)!)
    expect(rounds[0]).toBeGreaterThan(rounds[1]!)
    expect(rounds[1]).toBeGreaterThan(rounds[2]!)
    expect(roundsToExposure({ ...small, mute: 0 }, 'WEIGHTLESS', 990_000, 20)).toBeNull()
    expect(roundsToExposure({ ...small, committee: 1 }, 'WEIGHTLESS', 990_000, 20)).toBeNull()
  })

  test('agrees with the dice', () => {
    const rounds = roundsToExposure({ ...small, epochRounds: 4 }, 'WEIGHTLESS', 500_000, 100)!
    let state = 12345
    const dice = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31
    const exposedBy = (limit: number): boolean => {
      let calibration: Calibration = NEW_CALIBRATION
      for (let epoch = 0; epoch < limit / 4; epoch++) {
        const muted = [1, 2, 3, 4].filter(() => dice() < 0.375).length
        calibration = afterEpoch(calibration, trials(muted, muted))
        if (weightOf(calibration) === 0) return true
      }
      return false
    }
    const part = (limit: number): number => Array.from({ length: 4000 }, () => exposedBy(limit)).filter(Boolean).length / 4000
    expect(part(rounds)).toBeGreaterThan(0.47)
    if (rounds > 4) expect(part(rounds - 4)).toBeLessThan(0.53)
  })
})
