import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex, utf8 } from '@assay/protocol'
import { accountFromSecret, peerKey } from './account.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'

beforeAll(cryptoReady)

describe('hashes', () => {
  test('are the standard ones', () => {
    expect(toHex(nodeCrypto.sha256(utf8('abc')))).toBe('0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(toHex(nodeCrypto.blake2b256(utf8('abc')))).toBe('0xbddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319')
    expect(nodeCrypto.sha256(new Uint8Array()).constructor).toBe(Uint8Array)
    expect(toHex(nodeCrypto.sha256(new Uint8Array(100_000)))).toBe(`0x${createHash('sha256').update(new Uint8Array(100_000)).digest('hex')}`)
  })
})

describe('ed25519', () => {
  // RFC 8032, 7.1, test 3
  const publicKey = fromHex('0xfc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025')
  const message = fromHex('0xaf82')
  const signature = fromHex('0x6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a')

  test('accepts the RFC\'s signature and our own', () => {
    expect(nodeCrypto.ed25519Verify(signature, message, publicKey)).toBe(true)
    const key = peerKey(fromHex('0xc5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'))
    expect(key.publicKey).toBe(toHex(publicKey))
    expect(toHex(key.sign(message))).toBe(toHex(signature))
  })

  test('refuses another message, a bit flipped anywhere, wrong lengths and a key that is no point', () => {
    expect(nodeCrypto.ed25519Verify(signature, utf8('x'), publicKey)).toBe(false)
    for (let i = 0; i < 64; i++) expect(nodeCrypto.ed25519Verify(signature.map((b, j) => (i === j ? b ^ 1 : b)), message, publicKey)).toBe(false)
    expect(nodeCrypto.ed25519Verify(signature.subarray(1), message, publicKey)).toBe(false)
    expect(nodeCrypto.ed25519Verify(signature, message, publicKey.subarray(1))).toBe(false)
    expect(nodeCrypto.ed25519Verify(signature, message, new Uint8Array(32).fill(0xff))).toBe(false)
  })

  test('refuses a non-canonical S', () => {
    const order = (1n << 252n) + 27742317777372353535851937790883648493n
    let s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
    const bad = Uint8Array.from(signature)
    for (let i = 32; i < 64; i++, s >>= 8n) bad[i] = Number(s & 0xffn)
    expect(nodeCrypto.ed25519Verify(bad, message, publicKey)).toBe(false)
  })
})

describe('sr25519', () => {
  test('accepts what an account signed, refuses all else without throwing', () => {
    const account = accountFromSecret('//Alice')
    const message = utf8('a digest')
    const signature = account.pair.sign(message)
    expect(nodeCrypto.sr25519Verify(signature, message, account.pair.publicKey)).toBe(true)
    expect(nodeCrypto.sr25519Verify(signature, utf8('another'), account.pair.publicKey)).toBe(false)
    expect(nodeCrypto.sr25519Verify(signature, message, accountFromSecret('//Bob').pair.publicKey)).toBe(false)
    expect(nodeCrypto.sr25519Verify(new Uint8Array(64), message, account.pair.publicKey)).toBe(false)
    expect(nodeCrypto.sr25519Verify(signature.subarray(1), message, account.pair.publicKey)).toBe(false)
    expect(nodeCrypto.sr25519Verify(signature, message, new Uint8Array(32).fill(0xff))).toBe(false)
    expect(nodeCrypto.sr25519Verify(signature, message, new Uint8Array(31))).toBe(false)
  })
})
