import { expect, test } from 'vitest'
import { formatAmount, roundUp } from './balances.ts'

test.each([
  [0n, '0 PEAQ'],
  [1n, '0.000000000000000001 PEAQ'],
  [10n ** 18n, '1 PEAQ'],
  [1_500_000_000_000_000_000n, '1.5 PEAQ'],
  [-25n * 10n ** 17n, '-2.5 PEAQ'],
  [123_456_789n * 10n ** 18n + 10n, '123456789.00000000000000001 PEAQ'],
])('%s planck is %s', (planck, text) => expect(formatAmount(planck)).toBe(text))

test('another token', () => expect(formatAmount(1_250n, 'KREST', 3)).toBe('1.25 KREST'))

test.each([[0n, 0n], [7n, 7n], [999n, 999n], [1_000n, 1_000n], [1_001n, 1_010n], [91_957_694_451n, 92_000_000_000n], [999_999n, 1_000_000n]])('%s is asked for as %s', (planck, asked) => expect(roundUp(planck)).toBe(asked))
