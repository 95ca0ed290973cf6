import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from './judge.ts'
import { devnetParameters } from './parameters.ts'
import { afterRound, isNewStanding, levelIn, NEW_STANDING, type Standing, workPaidOn } from './standing.ts'

// Rounds of 30 blocks from block 1000, hours of 300 blocks: an hour is ten rounds.
const rules = { ...devnetParameters(0, 1000), roundBlocks: 30, hourBlocks: 300, probationRounds: 8, trustedRounds: 128 }

/** Folds outcomes from round `from` on. */
function fold(outcomes: readonly Outcome[], standing: Standing = NEW_STANDING, from = 0): Standing {
  return outcomes.reduce((before, outcome, i) => afterRound(rules, before, from + i, outcome), standing)
}
const times = (count: number, outcome: Outcome): Outcome[] => Array.from({ length: count }, () => outcome)

describe('levels', () => {
  test('a machine passes from probation to standard to trusted by rounds passed', () => {
    const levels = [0, 7, 8, 127, 128].map((count) => levelIn(rules, fold(times(count, 'PASS')), count))
    expect(levels).toEqual(['PROBATION', 'PROBATION', 'STANDARD', 'STANDARD', 'TRUSTED'])
  })

  test('a rung that is left keeps it from being trusted', () => {
    const blemished = { ...NEW_STANDING, passed: 200, unreachableRung: 1 }
    expect(levelIn(rules, blemished, 0)).toBe('STANDARD')
    expect(levelIn(rules, { ...blemished, unreachableRung: 0 }, 0)).toBe('TRUSTED')
  })

  test('work is paid in part where standing is enforced, else whole', () => {
    expect((['PROBATION', 'STANDARD', 'TRUSTED', 'BENCHED'] as const).map((level) => workPaidOn('enforce', level, 1001n))).toEqual([500n, 900n, 1001n, 0n])
    for (const mode of ['off', 'shadow'] as const) expect(workPaidOn(mode, 'BENCHED', 1001n)).toBe(1001n)
  })
})

describe('benches', () => {
  test.each(['FAIL', 'NOT_OPENED', 'EQUIVOCATION'] as const)('%s benches at once, from the next round, for 1, 4, 16 and then 64 hours', (outcome) => {
    let standing: Standing = fold(times(5, 'PASS'))
    const hours: number[] = []
    let round = 5
    for (let i = 0; i < 6; i++) {
      standing = afterRound(rules, standing, round, outcome)
      expect(levelIn(rules, standing, round + 1)).toBe('BENCHED')
      hours.push((standing.benchedUntil - (1000 + 30 * (round + 1))) / 300)
      round = (standing.benchedUntil - 1000) / 30
      expect(levelIn(rules, standing, round - 1)).toBe('BENCHED')
      expect(levelIn(rules, standing, round)).toBe('PROBATION')
    }
    expect(hours).toEqual([1, 4, 16, 64, 64, 64])
    expect(standing).toMatchObject({ failRung: 4, notRunRung: 0, unreachableRung: 0 })
  })

  test('NOT_RUN benches with the 8th in a row, UNREACHABLE with the 32nd, each on a ladder of its own', () => {
    expect(fold(times(7, 'NOT_RUN'))).toMatchObject({ benchedUntil: 0, notRunStrikes: 56 })
    expect(fold(times(8, 'NOT_RUN'))).toMatchObject({ benchedUntil: 1000 + 30 * 8 + 300, notRunRung: 1, notRunStrikes: 0, failRung: 0, unreachableRung: 0 })
    expect(fold(times(31, 'UNREACHABLE'))).toMatchObject({ benchedUntil: 0, unreachableStrikes: 62 })
    expect(fold(times(32, 'UNREACHABLE'))).toMatchObject({ benchedUntil: 1000 + 30 * 32 + 300, unreachableRung: 1 })
    // Thirty-one of one kind and seven of the other: neither ladder is climbed.
    expect(fold([...times(31, 'UNREACHABLE'), ...times(7, 'NOT_RUN')])).toMatchObject({ benchedUntil: 0 })
  })

  test('whoever misses one round in four is never benched for it, whoever misses one in two is', () => {
    const every = (n: number): Outcome[] => Array.from({ length: 2000 }, (_, i) => (i % n === 0 ? 'UNREACHABLE' : 'PASS'))
    expect(fold(every(4)).unreachableRung).toBe(0)
    expect(fold(every(2)).benchedUntil).toBeGreaterThan(0)
  })

  test('in a benched round nothing counts, NO_QUORUM never does', () => {
    const benched = fold(['FAIL'])
    for (const outcome of ['PASS', 'FAIL', 'NOT_RUN', 'UNREACHABLE', 'EQUIVOCATION', 'NOT_OPENED', 'NO_QUORUM'] as const) expect(afterRound(rules, benched, 1, outcome)).toBe(benched)
    const fresh = fold(times(3, 'PASS'))
    expect(afterRound(rules, fresh, 3, 'NO_QUORUM')).toBe(fresh)
  })

  test('a clean run climbs every ladder down a rung; anything else breaks it', () => {
    const worn = { ...NEW_STANDING, failRung: 2, notRunRung: 1 }
    expect(fold(times(63, 'PASS'), worn)).toMatchObject({ failRung: 2, notRunRung: 1, run: 63 })
    expect(fold(times(64, 'PASS'), worn)).toMatchObject({ failRung: 1, notRunRung: 0, unreachableRung: 0, run: 0 })
    expect(fold([...times(63, 'PASS'), 'NOT_RUN', 'PASS'], worn)).toMatchObject({ failRung: 2, run: 1 })
    expect(fold(times(128, 'PASS'), worn)).toMatchObject({ failRung: 0 })
  })
})

test('any history stays within its bounds, and a new machine is known as one', () => {
  const outcome = fc.constantFrom<Outcome>('PASS', 'PASS', 'PASS', 'FAIL', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM', 'NOT_OPENED', 'EQUIVOCATION')
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 300 }), (outcomes) => {
      const standing = fold(outcomes)
      for (const rung of [standing.failRung, standing.notRunRung, standing.unreachableRung]) expect(rung >= 0 && rung <= 4).toBe(true)
      for (const strikes of [standing.notRunStrikes, standing.unreachableStrikes]) expect(strikes >= 0 && strikes < 64).toBe(true)
      expect(standing.run >= 0 && standing.run < 64 && standing.run <= standing.passed + 64).toBe(true)
      expect(isNewStanding(standing)).toBe(outcomes.every((one) => one === 'NO_QUORUM'))
    }),
  )
})
