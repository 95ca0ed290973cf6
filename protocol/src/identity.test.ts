import { describe, expect, test } from 'vitest'
import { actor, NETWORK, signedIdentity } from '../testing/chain.ts'
import { accountKey, crypto, hashOf, peerKey } from '../testing/crypto.ts'
import type { Hash } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { decodeIdentity, decodeSignedIdentity, encodeIdentity, encodeSignedIdentity, type Identity, identityDigest, type SignedIdentity, verifyIdentity, walletMessage } from './identity.ts'

const checker = actor('checker', 'carol')
const machine = actor('machine', 'mike')
const signed = signedIdentity(checker)
const verify = (given: SignedIdentity, account = checker.account.public): string => verifyIdentity(crypto, given, { network: NETWORK, account })

test('what all three keys signed counts', () => {
  expect(verify(signed)).toBe('OK')
  expect(verify(decodeSignedIdentity(encodeSignedIdentity(signed)))).toBe('OK')
  expect(verify(signedIdentity(machine), machine.account.public)).toBe('OK')
  expect(verifyIdentity(crypto, signed, { network: NETWORK, account: checker.account.public, kind: 'checker' })).toBe('OK')
})

describe('a wallet wraps what it signs as raw bytes', () => {
  const digest = identityDigest(crypto, signed.identity)
  const wrapped = walletMessage(digest)
  test('in <Bytes>, and the owner’s signature over that counts too', () => {
    expect(Buffer.from(wrapped)).toEqual(Buffer.concat([Buffer.from('<Bytes>'), digest, Buffer.from('</Bytes>')]))
    expect(verify({ ...signed, ownerSignature: checker.owner.sign(wrapped) })).toBe('OK')
  })
  test('the account’s and the peer key’s do not: nobody signs with them but the machine', () => {
    expect(verify({ ...signed, accountSignature: checker.account.sign(wrapped) })).toBe('BAD_ACCOUNT_SIGNATURE')
    expect(verify({ ...signed, peerSignature: checker.peer.sign(wrapped) })).toBe('BAD_PEER_SIGNATURE')
  })
  test('somebody else’s, a wrapping that differs by one byte, one within the other, and one of another identity do not', () => {
    const by = (message: Uint8Array, key = checker.owner): string => verify({ ...signed, ownerSignature: key.sign(message) })
    expect(by(wrapped, accountKey('mallory'))).toBe('BAD_OWNER_SIGNATURE')
    expect(by(wrapped.with(1, 0x62))).toBe('BAD_OWNER_SIGNATURE')
    expect(by(wrapped.subarray(0, -1))).toBe('BAD_OWNER_SIGNATURE')
    expect(by(walletMessage(wrapped))).toBe('BAD_OWNER_SIGNATURE')
    expect(by(walletMessage(identityDigest(crypto, { ...signed.identity, evidence: [] })))).toBe('BAD_OWNER_SIGNATURE')
  })
})

describe('what does not count', () => {
  const by = (name: string, change: Partial<Identity> = {}): SignedIdentity => {
    const given = signedIdentity(checker, change)
    const digest = identityDigest(crypto, given.identity)
    return { ...given, accountSignature: name === 'account' ? accountKey('mallory').sign(digest) : given.accountSignature, ownerSignature: name === 'owner' ? accountKey('mallory').sign(digest) : given.ownerSignature, peerSignature: name === 'peer' ? peerKey('mallory').sign(digest) : given.peerSignature }
  }
  test('somebody else’s signature, for each of the three', () => {
    expect(verify(by('account'))).toBe('BAD_ACCOUNT_SIGNATURE')
    expect(verify(by('owner'))).toBe('BAD_OWNER_SIGNATURE')
    expect(verify(by('peer'))).toBe('BAD_PEER_SIGNATURE')
  })
  test('another’s peer key, or another as owner, without their signatures', () => {
    expect(verify(signedIdentity(checker, { peer: peerKey('victim').public }))).toBe('BAD_PEER_SIGNATURE')
    expect(verify(signedIdentity(checker, { owner: accountKey('victim').public }))).toBe('BAD_OWNER_SIGNATURE')
  })
  test('an identity of another account, network or kind', () => {
    expect(verify(signed, accountKey('mallory').public)).toBe('WRONG_ACCOUNT')
    expect(verify(signedIdentity(checker, { network: hashOf('another') }))).toBe('WRONG_NETWORK')
    expect(verifyIdentity(crypto, signed, { network: NETWORK, account: checker.account.public, kind: 'machine' })).toBe('WRONG_KIND')
  })
  test('signatures of another identity', () => {
    expect(verify({ ...signed, identity: { ...signed.identity, evidence: [] } })).toBe('BAD_PEER_SIGNATURE')
  })
  test('an account that is no point of the curve', () => {
    const account: Hash = `0x${'ff'.repeat(32)}`
    expect(verify(signedIdentity(checker, { account }), account)).toBe('BAD_ACCOUNT_SIGNATURE')
  })
})

test('a peer key of small order, or written in a second way, is refused before its signature is looked at', () => {
  // The y of all eight points of small order, each with both signs of x (the list that libsodium refuses).
  const small = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ]
  const keys = new Set<Hash>(small.flatMap((y) => [`0x${y}`, `0x${y.slice(0, 62)}${(Number.parseInt(y.slice(62), 16) | 0x80).toString(16)}`] as const))
  expect(keys.size).toBe(10)
  for (let low = 0xed; low <= 0xff; low++) for (const high of ['7f', 'ff']) keys.add(`0x${low.toString(16)}${'ff'.repeat(30)}${high}`)
  for (const peer of keys) expect(verify(signedIdentity(checker, { peer })), peer).toBe('BAD_PEER_KEY')
  // the largest y below p is not refused as a key
  expect(verify(signedIdentity(checker, { peer: `0xeb${'ff'.repeat(30)}7f` }))).toBe('BAD_PEER_SIGNATURE')
})

describe('malformed', () => {
  const bytes = encodeSignedIdentity(signed)
  test('cut off, with a tail, of another version or kind', () => {
    for (let length = 0; length < bytes.length; length++) expect(() => decodeSignedIdentity(bytes.subarray(0, length))).toThrow(MalformedError)
    expect(() => decodeSignedIdentity(Uint8Array.of(...bytes, 0))).toThrow(MalformedError)
    expect(() => decodeSignedIdentity(Uint8Array.of(2, ...bytes.subarray(1)))).toThrow(/version 2/)
    expect(() => decodeSignedIdentity(Uint8Array.of(1, 2, ...bytes.subarray(2)))).toThrow(MalformedError)
    expect(() => decodeSignedIdentity(new Uint8Array(100_000))).toThrow(/at most 2048/)
  })
  test('a machine that listens, too many or too long places', () => {
    expect(() => signedIdentity(machine, { addresses: ['/ip4/127.0.0.1/tcp/1'] })).toThrow('a machine listens nowhere')
    const asMachine = Uint8Array.from(bytes)
    asMachine[1] = 0
    expect(() => decodeSignedIdentity(asMachine)).toThrow('a machine listens nowhere')
    expect(() => signedIdentity(checker, { addresses: ['a', 'b', 'c', 'd', 'e'] })).toThrow(RangeError)
    expect(() => signedIdentity(checker, { evidence: ['x'.repeat(129)] })).toThrow(RangeError)
    expect(() => signedIdentity(checker, { evidence: ['http://ex\nample'] })).toThrow(RangeError)
  })
  test('an identity alone: cut off, with a tail, against the rules, too long', () => {
    const alone = encodeIdentity(signed.identity)
    expect(decodeIdentity(alone)).toEqual(signed.identity)
    for (let length = 0; length < alone.length; length++) expect(() => decodeIdentity(alone.subarray(0, length))).toThrow(MalformedError)
    expect(() => decodeIdentity(Uint8Array.of(...alone, 0))).toThrow(MalformedError)
    expect(() => decodeIdentity(alone.with(1, 0))).toThrow('a machine listens nowhere')
    expect(() => decodeIdentity(new Uint8Array(2049))).toThrow(/at most 2048/)
    expect(() => encodeIdentity({ ...signed.identity, kind: 'machine' })).toThrow(RangeError)
  })
  test('the largest identity decodes', () => {
    const long = Array.from({ length: 4 }, () => 'x'.repeat(128))
    const largest = signedIdentity(checker, { addresses: long, evidence: long })
    expect(decodeSignedIdentity(encodeSignedIdentity(largest))).toEqual(largest)
  })
})
