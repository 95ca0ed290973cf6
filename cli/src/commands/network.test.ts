import { expect, test } from 'vitest'
import { captureWarning } from './network.ts'

test('founders are warned of committees that liars could capture, and told which would do', () => {
  expect(captureWarning(3, { committee: 3, epochRounds: 2 })).toBeNull()
  expect(captureWarning(100, { committee: 3, epochRounds: 24 })).toMatch(/^warning: if 33 of 100 checkers are in league.* committee of 3 .*a committee of \d+ would be$/)
  expect(captureWarning(1000, { committee: 15, epochRounds: 240 })).toMatch(/in a round and .* over an epoch/)
})
