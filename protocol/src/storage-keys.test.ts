import { expect, test } from 'vitest'
import { hashOf } from '../testing/crypto.ts'
import { handOverKey, parseHandOverKey, parsePartKey, parseStatementKey, partKey, reportKey, statementKey } from './storage-keys.ts'

const network = hashOf('network')

test('keys fit the pallet’s 64 bytes', () => {
  expect(statementKey(network, 2 ** 32 - 1, 15).length).toBeLessThanOrEqual(64)
  expect(partKey(network, 2 ** 32 - 1, 99).length).toBeLessThanOrEqual(64)
  expect(handOverKey(network, 2 ** 32 - 1).length).toBeLessThanOrEqual(64)
  expect(reportKey(network).length).toBeLessThanOrEqual(64)
})

test('a statement key has one spelling', () => {
  const key = statementKey(network, 12, 1)
  expect(parseStatementKey(network, key)).toEqual({ epoch: 12, chunk: 1 })
  const [, prefix] = /^(.*\/)12\/1$/.exec(key)!
  for (const bad of ['12', '12/', '/1', '012/1', '12/01', '12/1/', '12/1/2', '-1/1', '1e3/1', '12/x', ' 12/1', '12/1 ', '99999999999/1']) expect(parseStatementKey(network, prefix + bad), bad).toBeNull()
  expect(parseStatementKey(hashOf('another'), key)).toBeNull()
})

test('a part’s key has one spelling, and is no chunk’s', () => {
  const key = partKey(network, 12, 1)
  expect([parsePartKey(network, key), parseStatementKey(network, key), parsePartKey(network, statementKey(network, 12, 1))]).toEqual([{ epoch: 12, part: 1 }, null, null])
  const prefix = key.slice(0, -'12/p1'.length)
  for (const bad of ['12/p', 'p12/p1', '12/pp1', '12/p01', '012/p1', '12/p1/', '12/1p', '12/P1', '12/p 1', '12/p99999999999']) expect(parsePartKey(network, prefix + bad), bad).toBeNull()
  expect(parsePartKey(hashOf('another'), key)).toBeNull()
})

test('a hand-over’s key has one spelling', () => {
  const key = handOverKey(network, 12)
  expect(parseHandOverKey(network, key)).toBe(12)
  for (const bad of [`${key}/`, `${key}/0`, key.replace('12', '012'), key.slice(0, -2), key.replace('12', '1e1'), ` ${key}`]) expect(parseHandOverKey(network, bad), bad).toBeNull()
  expect(parseHandOverKey(hashOf('another'), key)).toBeNull()
})
