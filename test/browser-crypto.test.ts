// The browser's hashes, signature checks and names say what Node's say, to honest and to hostile bytes: else one replay would judge other than another.
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { concat, type Crypto, toHex } from '@assay/protocol'
import { addressOf, amountOf, browserCrypto } from '@assay/replay'
import { accountFromSecret, cryptoReady, formatAmount, nodeCrypto, peerKey, toAddress } from '@assay/runtime-bindings'

beforeAll(cryptoReady)

const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const messages = fc.uint8Array({ maxLength: 300 })
const le32 = (value: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
const le = (from: Uint8Array): bigint => from.reduceRight((value, byte) => (value << 8n) + BigInt(byte), 0n)

/** What both say, which must be one. */
function both(scheme: 'ed25519Verify' | 'sr25519Verify', ...[signature, message, key]: Parameters<Crypto['ed25519Verify']>): boolean {
  const [browser, node] = [browserCrypto[scheme](signature, message, key), nodeCrypto[scheme](signature, message, key)]
  expect(browser, `${scheme} of ${[signature, message, key].map(toHex).join(' ')}`).toBe(node)
  return browser
}

test('hashes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (message) => {
      expect(toHex(browserCrypto.sha256(message))).toBe(toHex(nodeCrypto.sha256(message)))
      expect(toHex(browserCrypto.blake2b256(message))).toBe(toHex(nodeCrypto.blake2b256(message)))
    }),
  )
})

test('addresses and amounts', () => {
  fc.assert(fc.property(bytes(32), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (account, planck) => {
    expect(addressOf(toHex(account))).toBe(toAddress(toHex(account)))
    expect(amountOf(planck)).toBe(formatAmount(planck))
  }))
})

// A point of order 8, and the field, for second encodings of y below 19.
const TORSION = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
const FIELD = 2n ** 255n - 19n
const multiples = Array.from({ length: 8 }, (_, i) => (i === 0 ? Point.ZERO : TORSION.multiplyUnsafe(BigInt(i))))
/** All encodings that a lenient reader takes for a point of small order: canonical, with y + p, and with the sign of x = 0. */
const small = [...new Set(multiples.flatMap((point) => [point.y, point.y + FIELD].filter((y) => y < 2n ** 255n).flatMap((y) => [toHex(le32(y)), toHex(le32(y + 2n ** 255n))])))].map((hex) => Uint8Array.from(Buffer.from(hex.slice(2), 'hex')))

describe('ed25519', () => {
  test('takes what a key signed, and refuses any change of it', () => {
    fc.assert(
      fc.property(bytes(32), messages, fc.nat(511), (seed, message, bit) => {
        const key = peerKey(seed)
        const publicKey = Uint8Array.from(Buffer.from(key.publicKey.slice(2), 'hex'))
        const signature = key.sign(message)
        expect(both('ed25519Verify', signature, message, publicKey)).toBe(true)
        const flipped = signature.with(bit >> 3, signature[bit >> 3]! ^ (1 << (bit & 7)))
        expect(both('ed25519Verify', flipped, message, publicKey)).toBe(false)
        both('ed25519Verify', signature, message, publicKey.with(bit >> 4, publicKey[bit >> 4]! ^ (1 << (bit & 7))))
        const s = le(signature.subarray(32)) + ORDER
        expect(both('ed25519Verify', concat(signature.subarray(0, 32), le32(s)), message, publicKey)).toBe(false)
      }),
    )
  })

  test('any bytes, of any length', () => {
    fc.assert(fc.property(fc.oneof(bytes(64), fc.uint8Array({ maxLength: 70 })), messages, fc.oneof(bytes(32), fc.uint8Array({ maxLength: 40 })), (signature, message, key) => void both('ed25519Verify', signature, message, key)))
  })

  test('keys and commitments of small order, in every encoding', () => {
    expect(small.length).toBeGreaterThanOrEqual(14)
    for (const key of small) for (const r of small) for (const s of [0n, 1n, ORDER]) for (const message of [Uint8Array.of(), Uint8Array.of(7)]) expect(both('ed25519Verify', concat(r, le32(s)), message, key)).toBe(false)
  })

  test('a signature whose R is of small order, though its equation holds', () => {
    const secret = 12345n
    const key = Point.BASE.multiply(secret).toBytes()
    for (const message of [Uint8Array.of(), Uint8Array.of(7)]) {
      const r = Point.ZERO.toBytes()
      const k = le(sha512(concat(r, key, message))) % ORDER
      expect(ed25519.verify(concat(r, le32((k * secret) % ORDER)), message, key, { zip215: true })).toBe(true)
      expect(both('ed25519Verify', concat(r, le32((k * secret) % ORDER)), message, key)).toBe(false)
    }
  })

  test('without the cofactor: a key with a part of small order verifies only where that part falls out', () => {
    let held = 0
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: ORDER - 1n }), fc.bigInt({ min: 1n, max: ORDER - 1n }), fc.integer({ min: 1, max: 7 }), messages, (secret, nonce, torsion, message) => {
        const key = Point.BASE.multiply(secret).add(multiples[torsion]!).toBytes()
        const r = Point.BASE.multiply(nonce).toBytes()
        const k = le(sha512(concat(r, key, message))) % ORDER
        const signature = concat(r, le32((nonce + k * secret) % ORDER))
        const holds = (k * BigInt(torsion)) % 8n === 0n
        held += Number(holds)
        expect(both('ed25519Verify', signature, message, key)).toBe(holds)
        // The library's own check would take all of them.
        expect(ed25519.verify(signature, message, key, { zip215: true })).toBe(true)
      }),
    )
    expect(held).toBeGreaterThan(0)
  })
})

describe('sr25519', () => {
  const account = accountFromSecret('//Alice')
  const publicKey = account.pair.publicKey

  test('takes what an account signed, and refuses any change of it', () => {
    fc.assert(
      fc.property(messages, fc.nat(511), (message, bit) => {
        const signature = account.pair.sign(message)
        expect(both('sr25519Verify', signature, message, publicKey)).toBe(true)
        expect(both('sr25519Verify', signature.with(bit >> 3, signature[bit >> 3]! ^ (1 << (bit & 7))), message, publicKey)).toBe(false)
        const s = le(signature.subarray(32).with(-1, signature.at(-1)! & 0x7f)) + ORDER
        expect(both('sr25519Verify', concat(signature.subarray(0, 32), le32(s | (1n << 255n))), message, publicKey)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('any bytes, of any length, and the key of zeros, of which anybody could sign', () => {
    fc.assert(fc.property(fc.oneof(bytes(64), fc.uint8Array({ maxLength: 70 })), messages, fc.oneof(bytes(32), fc.uint8Array({ maxLength: 40 })), (signature, message, key) => void both('sr25519Verify', signature, message, key)))
    const marked = concat(new Uint8Array(63), Uint8Array.of(0x80))
    expect(both('sr25519Verify', marked, Uint8Array.of(1), new Uint8Array(32))).toBe(false)
    const signature = account.pair.sign(Uint8Array.of(1))
    expect(both('sr25519Verify', signature, Uint8Array.of(1), new Uint8Array(32))).toBe(false)
  })
})
