// Crypto and keys for tests of the rules: node:crypto and polkadot's WebAssembly, seeds from names.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { createRequire } from 'node:module'
import { type AccountId, type Crypto, fromHex, type Hash, toHex } from '../src/index.ts'

// Through require: the ESM build beside a CommonJS one prints pages of warnings.
const { blake2AsU8a, cryptoWaitReady, sr25519PairFromSeed, sr25519Sign, sr25519Verify } = createRequire(import.meta.url)('@polkadot/util-crypto') as typeof import('@polkadot/util-crypto')
await cryptoWaitReady()

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const SPKI = fromHex('0x302a300506032b6570032100')
const PKCS8 = fromHex('0x302e020100300506032b657004220420')

const orFalse = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

/** A check takes milliseconds, and tests ask the same again and again. */
const answers = new Map<string, boolean>()

export const crypto: Crypto = {
  sha256,
  blake2b256: (bytes) => blake2AsU8a(bytes, 256),
  ed25519Verify: (signature, message, publicKey) => orFalse(() => verify(null, message, createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' }), signature)),
  sr25519Verify(signature, message, publicKey) {
    const asked = [signature, message, publicKey].map(toHex).join()
    const answer = answers.get(asked) ?? orFalse(() => sr25519Verify(message, signature, publicKey))
    answers.set(asked, answer)
    return answer
  },
}

export interface TestKey {
  public: AccountId
  sign(message: Uint8Array): Uint8Array
}

const seedOf = (name: string): Uint8Array => sha256(new TextEncoder().encode(name))

/** An account key. */
export function accountKey(name: string): TestKey {
  const pair = sr25519PairFromSeed(seedOf(name))
  return { public: toHex(pair.publicKey), sign: (message) => sr25519Sign(message, pair) }
}

/** A peer key. */
export function peerKey(name: string): TestKey {
  const key: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8, seedOf(name)]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return { public: toHex(spki.subarray(-32)), sign: (message) => new Uint8Array(sign(null, message, key)) }
}

/** A hash that stands for anything: `hashOf('parent')`. */
export function hashOf(name: string): Hash {
  return toHex(seedOf(name))
}
