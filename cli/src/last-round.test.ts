import { expect, it } from 'vitest'
import { devnetParameters, schedule } from '@assay/protocol'
import { lastRound } from './leave.ts'

it('the last round of a machine that leaves is the last one that was frozen before', () => {
  const parameters = devnetParameters(10, 100)
  const frozen = (round: number): number => schedule(parameters, round).freeze
  expect([frozen(0) - 1, frozen(0), frozen(0) + 1, frozen(1), frozen(1) + 1, frozen(7) + 1].map((left) => lastRound(parameters, left))).toEqual([null, null, 0, 0, 1, 7])
})
