import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CAPTURE_LIMIT, captureOf, captureProbability, explainCapture, explainSettlersCapture, overRounds, type Probability, probabilityText, scaled, settlersCaptureOf, sufficientCommittee, vouchProbability } from './capture.ts'

const CERTAIN = 10n ** 18n
const probability = (of: number, all: number): Probability => ({ of: BigInt(of), in: BigInt(all) })
const atMost = (a: Probability, b: Probability): boolean => a.of * b.in <= b.of * a.in
const expectEqual = (a: Probability, b: Probability, what?: string) => expect(a.of * b.in, what).toBe(b.of * a.in)

/** How many of all draws of `seats` have `least` or more of the first `marked`, one by one. */
function counted(all: number, marked: number, seats: number, least: number): Probability {
  let [bad, draws] = [0, 0]
  for (let set = 0; set < 2 ** all; set++) {
    const members = Array.from({ length: all }, (_, i) => i).filter((i) => set & (1 << i))
    if (members.length !== seats) continue
    draws += 1
    if (members.filter((i) => i < marked).length >= least) bad += 1
  }
  return probability(bad, draws)
}

describe('a captured committee', () => {
  test('is what looking at every committee gives', () => {
    for (let checkers = 0; checkers <= 9; checkers++)
      for (let malicious = 0; malicious <= checkers; malicious++)
        for (let size = 1; size <= checkers + 1; size++) {
          const seats = Math.min(size, checkers)
          expectEqual(captureProbability(checkers, malicious, size), counted(checkers, malicious, seats, Math.floor(seats / 2) + 1), `${malicious} of ${checkers}, ${size}`)
        }
  })

  test('has the closed forms of one member, two, three, and all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 500 }), fc.nat(), (n, some) => {
        const b = some % (n + 1)
        expectEqual(captureProbability(n, b, 1), probability(b, n))
        expectEqual(captureProbability(n, b, 2), probability(b * (b - 1), n * (n - 1)))
        expectEqual(captureProbability(n, b, 3), probability(b * (b - 1) * (3 * (n - b) + b - 2), n * (n - 1) * (n - 2)))
        expectEqual(captureProbability(n, b, n + some), probability(2 * b > n ? 1 : 0, 1))
      }),
    )
  })

  test('grows likelier with each malicious checker; two more members make it less likely while a third is malicious, one more only if the majority grows', () => {
    for (let checkers = 1; checkers <= 24; checkers++)
      for (let size = 1; size <= checkers; size++)
        for (let malicious = 0; malicious < checkers; malicious++) {
          const here = captureProbability(checkers, malicious, size)
          const what = `${malicious} of ${checkers}, ${size}`
          expect(atMost(here, captureProbability(checkers, malicious + 1, size)), what).toBe(true)
          if (3 * malicious <= checkers && size + 2 <= checkers) expect(atMost(captureProbability(checkers, malicious, size + 2), here), what).toBe(true)
          if (size === checkers) continue
          const next = captureProbability(checkers, malicious, size + 1)
          expect(size % 2 === 1 ? atMost(next, here) : atMost(here, next), what).toBe(true)
        }
  })

  test('is exact for a hundred thousand checkers: of an odd committee either side has the majority', () => {
    const theirs = captureProbability(100_000, 33_333, 255)
    const ours = captureProbability(100_000, 66_667, 255)
    expect(theirs.of > 0n && theirs.of < ours.of).toBe(true)
    expect(theirs.of + ours.of).toBe(theirs.in)
  })

  test('is not asked of what is no network', () => {
    for (const [n, b, k] of [[3, 4, 1], [3, -1, 1], [3, 1, 0], [3, 1, 1.5], [Number.NaN, 0, 1], [Infinity, 0, 1]] as const) expect(() => captureProbability(n, b, k), `${n} ${b} ${k}`).toThrow(RangeError)
  })
})

describe('mirrors that vouch alone', () => {
  test('are a third and one of those drawn from the other checkers', () => {
    for (let checkers = 2; checkers <= 9; checkers++)
      for (let malicious = 1; malicious <= checkers; malicious++)
        for (let mirrors = 1; mirrors < checkers; mirrors++) expectEqual(vouchProbability(checkers, malicious, mirrors), counted(checkers - 1, malicious - 1, mirrors, Math.floor(mirrors / 3) + 1), `${malicious} of ${checkers}, ${mirrors}`)
    expect(vouchProbability(5, 0, 2).of).toBe(0n)
  })

  test('cannot, where all are mirrors and no more than a third is malicious', () => {
    for (let checkers = 0; checkers < 60; checkers++) expect(vouchProbability(checkers, Math.floor(checkers / 3), 255).of).toBe(0n)
    expectEqual(vouchProbability(10, 5, 255), probability(1, 1))
  })
})

describe('over rounds', () => {
  test('is never too low, and at most a unit too high', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 9n), fc.bigInt(1n, 10n ** 9n), fc.nat(60), (a, b, rounds) => {
        const [of, all] = a < b ? [a, b] : [b, a]
        const exact = scaled({ of: all ** BigInt(rounds) - (all - of) ** BigInt(rounds), in: all ** BigInt(rounds) })
        const bound = overRounds({ of, in: all }, rounds)
        expect(bound === exact || bound === exact + 1n).toBe(true)
      }),
    )
  })

  test('of none is none, of the certain certain, of the least not nothing', () => {
    expect(overRounds(probability(0, 7), 65535)).toBe(0n)
    expect(overRounds(probability(1, 2), 0)).toBe(0n)
    expect(overRounds(probability(7, 7), 1)).toBe(CERTAIN)
    expect(overRounds({ of: 1n, in: 10n ** 100n }, 65535)).toBe(1n)
    for (const rounds of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => overRounds(probability(1, 2), rounds)).toThrow(RangeError)
  })
})

describe('drawn settlers', () => {
  const terms = { termEpochs: 2 }

  test('are captured and stalled as looking at every draw gives, where all are drawn', () => {
    for (let checkers = 2; checkers <= 9; checkers++)
      for (let malicious = 0; malicious <= checkers; malicious++) {
        const { settlers, threshold, captured, stalled } = settlersCaptureOf(checkers, terms, malicious)!
        const expected = [threshold, checkers - threshold + 1].map((least) => scaled(counted(checkers, malicious, checkers, least)))
        expect([settlers, captured, stalled], `${malicious} of ${checkers}`).toEqual([checkers, ...expected])
      }
  })

  test('of 20 of 21 and 22 are as the closed forms say', () => {
    // One is left out: all 14 in league stay with 7/21. Two are left out: of 15 one at most may be.
    expect(settlersCaptureOf(21, terms, 14)).toMatchObject({ settlers: 20, threshold: 14, captured: scaled(probability(7, 21)), stalled: CERTAIN })
    expect(settlersCaptureOf(22, terms, 15)).toMatchObject({ captured: scaled(probability(21 + 15 * 7, 231)), stalled: CERTAIN })
    // Seven of 20 are enough to stall: all 7 stay with 14/21.
    expect(settlersCaptureOf(21, terms)).toMatchObject({ malicious: 7, captured: 0n, stalled: scaled(probability(14, 21)), flagged: true })
    expect(settlersCaptureOf(21, terms, 6)).toMatchObject({ captured: 0n, stalled: 0n, flagged: false })
  })

  test('who capture can stall too, and more in league never do less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 400 }), fc.nat(), (checkers, some) => {
        const malicious = some % checkers
        const [fewer, more] = [settlersCaptureOf(checkers, terms, malicious)!, settlersCaptureOf(checkers, terms, malicious + 1)!]
        expect(fewer.captured <= fewer.stalled && fewer.captured <= more.captured && fewer.stalled <= more.stalled).toBe(true)
      }),
    )
  })

  test('are none without terms or with fewer than two checkers', () => {
    expect([settlersCaptureOf(100, { termEpochs: 0 }), settlersCaptureOf(1, terms), settlersCaptureOf(0, terms)]).toEqual([null, null, null])
  })

  test('of three checkers one can stall, of four one can do nothing; in words', () => {
    expect(settlersCaptureOf(4, terms)).toEqual({ checkers: 4, malicious: 1, settlers: 4, threshold: 3, captured: 0n, stalled: 0n, flagged: false })
    expect(explainSettlersCapture(settlersCaptureOf(3, terms)!)).toBe('if 1 of 3 checkers are in league, the 3 settlers drawn for a term, of whom 3 move the pot, can be made to pay them all of it with a probability of 0 and to pay nobody with one of 1; no more than one in a million is advised')
  })
})

describe('a network', () => {
  const parameters = { committee: 3, mirrors: 2, epochRounds: 2 }

  test('in figures', () => {
    expect(captureOf(10, parameters)).toEqual({
      checkers: 10, malicious: 3, committee: 3, rounds: 2,
      perRound: scaled(probability(22, 120)), perEpoch: scaled(probability(120 ** 2 - 98 ** 2, 120 ** 2)), vouch: scaled(probability(36 - 21, 36)), flagged: true, sufficient: 6,
    })
    expect(captureOf(10, parameters, 0)).toMatchObject({ malicious: 0, perRound: 0n, perEpoch: 0n, flagged: false, sufficient: 1 })
  })

  test('is flagged above one in a million, and told the least committee that is not', () => {
    for (const checkers of [4, 10, 40, 90]) {
      const sufficient = sufficientCommittee(checkers, Math.floor(checkers / 3), 100)!
      for (let committee = 1; committee <= sufficient; committee++) {
        const { flagged, perEpoch } = captureOf(checkers, { committee, mirrors: 2, epochRounds: 100 })
        expect([flagged, perEpoch > CAPTURE_LIMIT]).toEqual([committee < sufficient, committee < sufficient])
      }
    }
    expect(captureOf(100_000, { committee: 15, mirrors: 2, epochRounds: 240 })).toMatchObject({ flagged: true, sufficient: null })
  })

  test('of three checkers, and of none, needs no flag: a third of them is one or nobody', () => {
    expect(captureOf(3, parameters)).toMatchObject({ malicious: 1, perEpoch: 0n, flagged: false, sufficient: 2 })
    expect(captureOf(0, parameters)).toMatchObject({ malicious: 0, committee: 0, perEpoch: 0n, vouch: 0n, flagged: false, sufficient: null })
  })

  test('in words', () => {
    const risk = (size: number, rest: string) => `if 3 of 10 checkers are in league, they are the majority of a machine's committee of ${size} with a probability of ${rest}`
    expect(explainCapture(captureOf(10, parameters))).toBe(risk(3, '0.19 in a round and 0.34 in one of the 2 rounds of an epoch; no more than one in a million is advised, and a committee of 6 would be enough'))
    expect(explainCapture(captureOf(10, { ...parameters, committee: 6 }))).toBe(risk(6, '0 in a round and 0 in one of the 2 rounds of an epoch; no more than one in a million is advised'))
    expect(explainCapture(captureOf(100_000, { ...parameters, epochRounds: 65535 }))).toMatch(/no committee of up to 255 is large enough/)
  })

  test('as text is never below the number', () => {
    expect([0n, 1n, 12n, 10n ** 10n, 123n * 10n ** 8n, 10n ** 15n, 999n * 10n ** 12n, 333n * 10n ** 15n, 999n * 10n ** 15n, CERTAIN].map(probabilityText)).toEqual(['0', '1e-18', '1.2e-17', '1e-8', '1.3e-8', '0.001', '0.001', '0.34', '1', '1'])
    fc.assert(
      fc.property(fc.nat({ max: 17 }), fc.bigInt(1n, CERTAIN), (shift, some) => {
        const value = some / 10n ** BigInt(shift) + 1n
        const [shown, exact] = [Number(probabilityText(value < CERTAIN ? value : CERTAIN)), Math.min(1, Number(value) / 1e18)]
        expect(shown).toBeGreaterThanOrEqual(exact * (1 - 1e-12))
        expect(shown).toBeLessThanOrEqual(exact * 1.11)
      }),
    )
  })
})
