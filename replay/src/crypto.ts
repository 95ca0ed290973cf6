// The protocol's hashes and signature checks in plain JavaScript.
import { ed25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { verify } from '@scure/sr25519'
import { concat, type Crypto, equalBytes, isSmallOrder } from '@assay/protocol'

const { Point } = ed25519
const ORDER = Point.Fn.ORDER

/**
 * What `nodeCrypto` of runtime-bindings says, by noble and scure, without Node and without WebAssembly. Takes milliseconds for a signature where OpenSSL takes a tenth of one.
 * The library's own ed25519 check multiplies by the cofactor and would take signatures that OpenSSL refuses; so the equation is written out here, over the library's points.
 */
export const browserCrypto: Crypto = {
  sha256: (bytes) => sha256(bytes),
  blake2b256: (bytes) => blake2b(bytes, { dkLen: 32 }),
  ed25519Verify: (signature, message, publicKey) => signature.length === 64 && publicKey.length === 32 && orFalse(() => ed25519Holds(signature, message, publicKey)),
  sr25519Verify: (signature, message, publicKey) => signature.length === 64 && publicKey.length === 32 && orFalse(() => verify(message, signature, publicKey)),
}

/** RFC 8032, 5.1.7, without the cofactor: S < L, nothing of small order, and the encoding of [S]B - [k]A is R byte for byte, which refuses every second encoding of R. @throws Error if the key is no point */
function ed25519Holds(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))]
  if (s >= ORDER || isSmallOrder(r) || isSmallOrder(publicKey)) return false
  // Leniently (`true`): a second encoding of a key is the protocol's matter, which refuses it where keys are registered.
  const key = Point.fromBytes(publicKey, true)
  const k = littleEndian(sha512(concat(r, publicKey, message))) % ORDER
  return equalBytes(Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(k)).toBytes(), r)
}

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) + BigInt(byte), 0n)

/** The library throws for what is no key or no signature. */
function orFalse(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}
