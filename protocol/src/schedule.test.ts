import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { devnetParameters } from './parameters.ts'
import { commitRoundAt, epochOf, judgementOfEpoch, offsets, roundAt, roundsOf, roundStart, schedule } from './schedule.ts'

const p = { ...devnetParameters(100, 200), confirmations: 2, roundBlocks: 30, seedOffset: 5, commitOffset: 14, packageOffset: 24 }

test('the example of DESIGN, section 3', () => {
  expect(offsets(p)).toEqual({ freeze: -3, start: 0, beaconKnown: 2, seed: 5, fire: 7, commitmentBy: 10, commitFrom: 11, commitTo: 14, open: 17, openKnown: 19, packageBy: 24, judgement: 76 })
  expect(schedule(p, 2)).toEqual({ freeze: 257, start: 260, beaconKnown: 262, seed: 265, fire: 267, commitmentBy: 270, commitFrom: 271, commitTo: 274, open: 277, openKnown: 279, packageBy: 284, judgement: 336 })
})

test('judgement is when the window of two rounds later is c deep', () => {
  expect(schedule(p, 4).judgement).toBe(schedule(p, 6).commitTo + p.confirmations)
  expect(judgementOfEpoch(p, 1)).toBe(schedule(p, 3).judgement)
})

test('a block stands in one round, a round in one epoch', () => {
  fc.assert(
    fc.property(fc.nat(100_000), (block) => {
      const round = roundAt(p, block)
      expect(roundStart(p, round) <= block && block < roundStart(p, round + 1)).toBe(true)
      if (round >= 0) expect(roundsOf(p, epochOf(p, round))).toContain(round)
    }),
  )
  expect(roundAt(p, 199)).toBe(-1)
})

test('a block is in the commit window that says so, also where windows touch the next round', () => {
  for (const parameters of [p, { ...p, roundBlocks: 14 }, { ...devnetParameters(0, 10), roundBlocks: 11 }])
    for (let block = 0; block < 500; block++) {
      const expected = Array.from({ length: 60 }, (_, round) => round).filter((round) => schedule(parameters, round).commitFrom <= block && block <= schedule(parameters, round).commitTo)
      expect(expected.length).toBeLessThanOrEqual(1)
      expect(commitRoundAt(parameters, block)).toBe(expected[0] ?? null)
    }
})
