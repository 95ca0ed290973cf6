import { createRequire } from 'node:module'
import { beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex, type Identity } from '@assay/protocol'
import { accountFromSecret, type Account } from './account.ts'
import { ConsentSignatureError, ConsentTextError, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, parseSignature, verifyConsent, walletPayload } from './consent.ts'
import { cryptoReady } from './crypto.ts'

// The libraries that a polkadot wallet signs with.
const { Keyring } = createRequire(import.meta.url)('@polkadot/keyring') as typeof import('@polkadot/keyring')
const { u8aToHex, u8aWrapBytes } = createRequire(import.meta.url)('@polkadot/util') as typeof import('@polkadot/util')

let owner: Account
let identity: Identity
beforeAll(async () => {
  await cryptoReady()
  owner = accountFromSecret('//owner')
  identity = { kind: 'machine', network: `0x${'11'.repeat(32)}`, account: accountFromSecret('//machine').id, owner: owner.id, peer: `0x${'55'.repeat(32)}`, addresses: [], evidence: [] }
})
const signed = () => ({ identity, signature: owner.pair.sign(fromHex(walletPayload(identity))) })

test('a request and an answer are one line each, and come back as they went', () => {
  const request = encodeRequest(identity)
  expect(request).toMatch(/^assay-request:1:[\w-]{176}$/)
  expect(decodeRequest(`  ${request}\n`)).toEqual(identity)
  const answer = encodeAnswer(signed())
  expect(answer).toMatch(/^assay-answer:1:[\w-]+$/)
  expect(decodeAnswer(`${answer}\r\n`)).toEqual({ identity, signature: expect.any(Uint8Array) })
  verifyConsent(decodeAnswer(answer))
})

test('what a polkadot wallet signs as raw bytes counts: its signRaw wraps them, and some put the kind of key before', () => {
  const pair = new Keyring({ type: 'sr25519', ss58Format: 42 }).addFromUri('//owner')
  const message = u8aWrapBytes(walletPayload(identity))
  for (const withType of [false, true]) {
    const text = u8aToHex(pair.sign(message, { withType }))
    expect(text).toHaveLength(withType ? 132 : 130)
    verifyConsent({ identity, signature: parseSignature(text) })
    verifyConsent({ identity, signature: parseSignature(` ${text.toUpperCase().replace('0X', '0x')}\n`) })
  }
})

describe('refused, with a sentence', () => {
  test('text that is no request or answer', () => {
    const request = encodeRequest(identity)
    const answer = encodeAnswer(signed())
    const faults: [() => unknown, string][] = [
      [() => decodeRequest(''), 'does not begin with assay-request:1:'],
      [() => decodeRequest(answer), 'it is an answer of version 1'],
      [() => decodeAnswer(request), 'it is a request of version 1'],
      [() => decodeRequest(request.replace(':1:', ':2:')), 'it is a request of version 2'],
      [() => decodeRequest(request.slice(0, -1)), 'damaged'],
      [() => decodeRequest(request.slice(0, -8)), 'damaged'],
      [() => decodeRequest(`${request}AAAA`), 'tail of 3 bytes'],
      [() => decodeRequest(request.replace(/.{40}$/, ' $&')), 'damaged'],
      [() => decodeRequest(`${request}=`), 'damaged'],
      [() => decodeRequest(`assay-request:1:${'A'.repeat(1_000_000)}`), 'more than 2048'],
      [() => decodeAnswer('assay-answer:1:AAAA'), 'cut short'],
      [() => decodeAnswer(answer.slice(0, -4)), 'damaged'],
    ]
    for (const [decode, why] of faults) {
      expect(decode, why).toThrow(ConsentTextError)
      expect(decode).toThrow(why)
    }
    expect(() => decodeRequest('x')).toThrow(expect.objectContaining({ exit: 1, advice: expect.stringContaining('Copy the whole line') }))
  })
  test('a signature of a wrong kind or length', () => {
    for (const text of ['', '0x', `0x${'a'.repeat(127)}`, `0x00${'a'.repeat(128)}`, `0x02${'a'.repeat(130)}`, 'a'.repeat(128)]) expect(() => parseSignature(text), text).toThrow('not a signature of an sr25519 key')
  })
  test('a signature of another key, or over another identity', () => {
    const digest = fromHex(walletPayload(identity))
    expect(() => verifyConsent({ identity, signature: accountFromSecret('//mallory').pair.sign(digest) })).toThrow(ConsentSignatureError)
    for (const change of [{ network: owner.id }, { account: owner.id }, { peer: owner.id }, { owner: accountFromSecret('//mallory').id }, { kind: 'checker' as const }]) {
      expect(() => verifyConsent({ ...signed(), identity: { ...identity, ...change } }), toHex(digest)).toThrow(ConsentSignatureError)
    }
  })
})
