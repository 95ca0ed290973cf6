import type { DispatchError } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import { describe, expect, test } from 'vitest'
import { describeResult, errorName, failureOf, feeOf, type ChainEvent } from './result.ts'
import { TypeRegistry } from './polkadot.ts'

// The failures that a real chain can be made to show are in the tests of sender and multisig; here are those that it cannot.
const registry = new TypeRegistry()
const badOrigin = registry.createType<DispatchError>('DispatchError', 'BadOrigin')
const codec = (value: unknown): Codec => value as Codec
const event = (name: string, ...data: unknown[]): ChainEvent => ({ name, data: data.map(codec) })
const success = event('system.ExtrinsicSuccess', {})
const failed = { isErr: true, asErr: badOrigin }
const fine = { isErr: false, isOk: true }
const account = (byte: number) => ({ toU8a: () => new Uint8Array(32).fill(byte) })
const amount = (planck: bigint) => ({ toString: () => planck.toString() })

describe('a failure under ExtrinsicSuccess', () => {
  test.each<[string, ChainEvent[], unknown]>([
    ['none', [event('balances.Transfer', account(1), account(2), amount(5n)), success], null],
    ['a proxy call', [event('proxy.ProxyExecuted', failed), success], { code: 'INNER', name: 'BadOrigin' }],
    ['a sudo call', [event('sudo.Sudid', failed), success], { code: 'INNER', name: 'BadOrigin' }],
    ['a proxy call that went well', [event('proxy.ProxyExecuted', fine), success], null],
    ['a multisig by its older name', [event('multiSig.MultisigExecuted', {}, {}, {}, {}, failed), success], { code: 'INNER_MULTISIG', name: 'BadOrigin' }],
    ['a multisig by its newer name', [event('multisig.MultisigExecuted', {}, {}, {}, {}, failed), success], { code: 'INNER_MULTISIG', name: 'BadOrigin' }],
    ['a contract call', [event('evm.ExecutedFailed', {}), success], { code: 'EVM', name: 'evm.ExecutedFailed' }],
    ['an Ethereum transaction', [event('ethereum.Executed', {}, {}, {}, { isSucceed: false, type: 'Revert' }), success], { code: 'EVM', name: 'Revert' }],
    ['an Ethereum transaction that went well', [event('ethereum.Executed', {}, {}, {}, { isSucceed: true, type: 'Succeed' }), success], null],
    ['the first of several', [event('utility.ItemFailed', badOrigin), event('evm.ExecutedFailed', {}), success], { code: 'ITEM_FAILED', name: 'BadOrigin' }],
    ['no outcome at all', [event('balances.Transfer')], { code: 'DISPATCH', name: 'no outcome in the events' }],
  ])('%s', (_, events, expected) => expect(failureOf(registry, events)).toEqual(expected))
})

test('errors of the system have names, errors of pallets unknown to the metadata have numbers', () => {
  expect(errorName(registry, badOrigin)).toBe('BadOrigin')
  expect(errorName(registry, registry.createType<DispatchError>('DispatchError', { Token: 'NoFunds' }))).toBe('Token.NoFunds')
  expect(errorName(registry, registry.createType<DispatchError>('DispatchError', { Module: { index: 77, error: '0x05000000' } }))).toMatch(/^Module\(77, /)
})

describe('the fee', () => {
  const signer = `0x${'01'.repeat(32)}` as const
  const paid = event('transactionPayment.TransactionFeePaid', account(1), amount(60n), amount(0n))
  test('is what was withdrawn first, less the refund', () => {
    expect(feeOf([event('balances.Withdraw', account(1), amount(90n)), event('balances.Deposit', account(9), amount(50n)), paid, success], signer)).toBe(90n)
    expect(feeOf([event('balances.Withdraw', account(1), amount(90n)), event('balances.Deposit', account(1), amount(20n)), event('balances.Deposit', account(9), amount(50n)), paid, success], signer)).toBe(70n)
  })
  test('else what the runtime says, else nothing', () => {
    expect(feeOf([event('balances.Withdraw', account(2), amount(90n)), paid, success], signer)).toBe(60n)
    expect(feeOf([success], signer)).toBe(0n)
  })
})

test('a result in words', () => {
  expect(describeResult({ ok: true, hash: '0x', block: 12, blockHash: '0x', index: 0, events: [], fee: 0n })).toBe('ok in block 12')
  expect(describeResult({ ok: false, code: 'EXPIRED', message: 'Too late.', advice: 'Send it again.', final: true })).toBe('Too late. Send it again.')
})
