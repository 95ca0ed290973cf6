/** The hash functions and signature checks that the rules need; the caller passes an implementation in, so that the rules stay pure and run anywhere. They keep nothing of the bytes that they are given: these change after the call. */
export interface Crypto {
  /** 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** BLAKE2b with a 32-byte digest and no key. */
  blake2b256(bytes: Uint8Array): Uint8Array
  /** RFC 8032 without the cofactor; non-canonical S, and an R or a key of small order (`isSmallOrder`), refused. Never throws: keys and signatures of any length or shape give false. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** Schnorrkel with Substrate's signing context; the key of zeros refused. Never throws. */
  sr25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}
