import { beforeAll, expect, test } from 'vitest'
import { accountFromSecret, InvalidAddressError, peerIdOf, peerKey, toAccountId, toAddress } from './account.ts'
import { cryptoReady } from './crypto.ts'

beforeAll(cryptoReady)

const ALICE = '0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d'
const ALICE_ADDRESS = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

test('an account is known by id and address', () => {
  expect(accountFromSecret('//Alice')).toMatchObject({ id: ALICE, address: ALICE_ADDRESS })
  expect(toAddress(ALICE)).toBe(ALICE_ADDRESS)
  expect(toAccountId(ALICE_ADDRESS)).toBe(ALICE)
  expect(toAccountId(ALICE)).toBe(ALICE)
  expect(toAccountId('15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5')).toBe(ALICE) // another chain's prefix
})

test('what is no account is named', () => {
  for (const text of ['', 'alice', '0x1234', `${ALICE_ADDRESS.slice(0, -1)}Z`, '0x' + '0'.repeat(40), 'Y'.repeat(2 ** 24)]) {
    expect(() => toAccountId(text)).toThrow(InvalidAddressError)
  }
})

test('a bad secret is refused without being repeated', () => {
  const words = 'these are surely no words of a mnemonic at all'
  const error = catching(() => accountFromSecret(words))
  expect(error).toMatchObject({ code: 'INVALID_SECRET' })
  expect(String(error.stack) + JSON.stringify(error) + String(error.cause)).not.toContain('surely')
})

test('a peer key has libp2p\'s peer id', () => {
  // the example of libp2p's specification of peer ids (ed25519)
  const key = peerKey(Uint8Array.from(Buffer.from('7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d', 'hex')))
  expect(key.publicKey).toBe('0x1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e')
  expect(peerIdOf(key.publicKey)).toMatch(/^12D3KooW/)
  expect(() => peerKey(new Uint8Array(31))).toThrow(RangeError)
})

function catching(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
