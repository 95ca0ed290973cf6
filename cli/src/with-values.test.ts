import { expect, it } from 'vitest'
import { networkParameters } from './devnet/parameters.ts'
import { withValues } from './with-values.ts'

const parameters = networkParameters(100, 200)

it('sets numbers, amounts and the words of checks, and leaves the rest', () => {
  expect(withValues(parameters, ['samples=96', 'poolPerEpoch=2000000000000000000001', 'deviceCheck=enforce', 'samples=97'])).toEqual({ ...parameters, samples: 97, poolPerEpoch: 2_000_000_000_000_000_000_001n, deviceCheck: 'enforce' })
  expect(withValues(parameters, [])).toEqual(parameters)
})

it.each([
  ['samples', 'samples is not name=value of a parameter'],
  ['sample=1', 'sample=1 is not name=value of a parameter'],
  ['constructor=1', 'constructor=1 is not name=value of a parameter'],
  ['samples=', 'samples cannot be empty'],
  ['samples=-1', 'samples cannot be -1'],
  ['samples=1.5', 'samples cannot be 1.5'],
  ['samples=0x10', 'samples cannot be 0x10'],
  ['poolPerEpoch=1e18', 'poolPerEpoch cannot be 1e18'],
  ['deviceCheck=on', 'deviceCheck cannot be on'],
])('refuses %s, and says what it would take', (pair, message) => {
  expect(() => withValues(parameters, ['committee=4', pair])).toThrow(expect.objectContaining({ code: 'SET', exit: 1, message, advice: expect.stringMatching(/Nothing was done\.$/) }))
})
