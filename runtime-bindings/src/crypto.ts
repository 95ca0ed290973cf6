import { createPublicKey, hash, verify } from 'node:crypto'
import { type Crypto, isSmallOrder } from '@assay/protocol'
import { utilCrypto } from './polkadot.ts'

// SubjectPublicKeyInfo of an ed25519 key up to the key itself (RFC 8410)
const SPKI = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)

/** Resolves when BLAKE2 (WebAssembly) is ready; await it once before `nodeCrypto` or any account is used. */
export async function cryptoReady(): Promise<void> {
  await utilCrypto.cryptoWaitReady()
}

/** The bytes that stand in a text of characters below 256. A digest as such a text and from there costs a third of what a Buffer from OpenSSL does, and trees hash millions of small nodes. */
function fromBinary(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/**
 * The protocol's hashes and signature checks on Node: SHA-256 and ed25519 by OpenSSL (0.1 ms), BLAKE2b by polkadot's WebAssembly, sr25519 by scure (some ms).
 * Node 24.21 refuses points of small order by itself and Node 22 does not; here they never come so far.
 * The two verifiers say false for keys or signatures of a wrong length or shape, they never throw.
 */
export const nodeCrypto: Crypto = {
  sha256: (bytes) => fromBinary(hash('sha256', bytes, 'binary')),
  blake2b256: (bytes) => utilCrypto.blake2AsU8a(bytes, 256),
  ed25519Verify(signature, message, publicKey) {
    if (signature.length !== 64 || publicKey.length !== 32 || isSmallOrder(signature.subarray(0, 32)) || isSmallOrder(publicKey)) return false
    try {
      const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
      return verify(null, message, key, signature)
    } catch {
      return false // not a point of the curve
    }
  },
  sr25519Verify(signature, message, publicKey) {
    if (signature.length !== 64 || publicKey.length !== 32) return false
    try {
      return utilCrypto.sr25519Verify(message, signature, publicKey)
    } catch {
      return false
    }
  },
}
