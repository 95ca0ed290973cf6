import { expect, test } from 'vitest'
import { hashOf } from '../testing/crypto.ts'
import { parseStatementKey, reportKey, statementKey } from './storage-keys.ts'

const network = hashOf('network')

test('keys fit the pallet’s 64 bytes', () => {
  expect(statementKey(network, 2 ** 32 - 1, 15).length).toBeLessThanOrEqual(64)
  expect(reportKey(network).length).toBeLessThanOrEqual(64)
})

test('a statement key has one spelling', () => {
  const key = statementKey(network, 12, 1)
  expect(parseStatementKey(network, key)).toEqual({ epoch: 12, chunk: 1 })
  const [, prefix] = /^(.*\/)12\/1$/.exec(key)!
  for (const bad of ['12', '12/', '/1', '012/1', '12/01', '12/1/', '12/1/2', '-1/1', '1e3/1', '12/x', ' 12/1', '12/1 ', '99999999999/1']) expect(parseStatementKey(network, prefix + bad), bad).toBeNull()
  expect(parseStatementKey(hashOf('another'), key)).toBeNull()
})
