import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import type { KeyringPair } from '@polkadot/keyring/types'
import { fromHex, toHex, type AccountId, type Hex } from '@assay/protocol'
import { ChainError } from './errors.ts'
import { keyring, utilCrypto } from './polkadot.ts'

/** An sr25519 account that can sign. `address` is its SS58 text with prefix 42, `id` the 32 bytes as hex. */
export interface Account {
  readonly address: string
  readonly id: AccountId
  readonly pair: KeyringPair
}

/** The ed25519 key of a peer: its libp2p identity and the key of its protocol signatures. `seed` is the raw 32-byte secret. */
export interface PeerKey {
  readonly seed: Uint8Array
  readonly publicKey: Hex
  sign(message: Uint8Array): Uint8Array
}

/** Text that should name an account does not. */
export class InvalidAddressError extends ChainError {
  constructor(text: string) {
    super('INVALID_ADDRESS', `"${text.slice(0, 64)}" is not an account.`, 'Give an SS58 address (it begins with 5 on peaq), or 0x and 64 hex digits.')
  }
}

/** SS58 text with prefix 42 of an account id. `toAddress('0xd435…') → '5Grw…'` */
export function toAddress(id: AccountId): string {
  return utilCrypto.encodeAddress(fromHex(id), 42)
}

/** Longest text of an account: 0x and 64 digits; SS58 is shorter. */
const MAX_ADDRESS_LENGTH = 66

/** Account id of an SS58 address of any prefix, or of 32 bytes as hex. Throws InvalidAddressError. */
export function toAccountId(address: string): AccountId {
  // base58 takes time with the square of the length: seconds for 100 kB.
  if (address.length > MAX_ADDRESS_LENGTH) throw new InvalidAddressError(address)
  try {
    const bytes = utilCrypto.decodeAddress(address)
    if (bytes.length === 32) return toHex(bytes)
  } catch {
    // said below
  }
  throw new InvalidAddressError(address)
}

/** Account of a key pair that is already open. */
export function accountOf(pair: KeyringPair): Account {
  const id = toHex(pair.publicKey)
  return { address: toAddress(id), id, pair }
}

/** Account of a secret: a mnemonic, optionally with `//hard` derivations, or `//Alice` on development chains. Throws ChainError INVALID_SECRET. Call `cryptoReady` first. */
export function accountFromSecret(secret: string): Account {
  try {
    return accountOf(new keyring.Keyring({ type: 'sr25519', ss58Format: 42 }).addFromUri(secret))
  } catch {
    // never with the cause: it repeats the secret
    throw new ChainError('INVALID_SECRET', 'The secret is not a mnemonic, seed or derivation path.', 'Give the 12 or 24 words, optionally followed by //derivation.')
  }
}

/** Twelve new words of an account. Call `cryptoReady` first. */
export const newMnemonic = (): string => utilCrypto.mnemonicGenerate(12)

/**
 * The secret of an account as people keep it: 12 to 24 words, optionally followed by //derivation, or 0x and 64 hex digits; blanks and line ends between are made one. Throws ChainError INVALID_SECRET for anything
 * else, of which other tools make an account too: one that is nobody's. Call `cryptoReady` first.
 */
export function secretFromText(text: string): string {
  const secret = text.trim().replaceAll(/\s+/g, ' ')
  const phrase = /^[^/]*/.exec(secret)![0].trim()
  if (!/^0x[0-9a-fA-F]{64}$/.test(phrase) && !utilCrypto.mnemonicValidate(phrase)) throw new ChainError('INVALID_SECRET', 'The secret is neither a mnemonic nor a seed.', 'Give the 12 or 24 words in their order, optionally followed by //derivation, or 0x and 64 hex digits.')
  return secret
}

// PrivateKeyInfo of an ed25519 seed up to the seed itself (RFC 8410)
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Peer key of a 32-byte ed25519 seed. Throws RangeError for another length. */
export function peerKey(seed: Uint8Array): PeerKey {
  if (seed.length !== 32) throw new RangeError(`an ed25519 seed has 32 bytes, not ${seed.length}`)
  const secret: KeyObject = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' })
  return { seed: Uint8Array.from(seed), publicKey: toHex(Uint8Array.from(spki.subarray(-32))), sign: (message) => new Uint8Array(sign(null, message, secret)) }
}

// protobuf { type: Ed25519, data: 32 bytes } inside an identity multihash: what libp2p takes as peer id of an ed25519 key
const PEER_ID = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The libp2p peer id (`12D3Koo…`) of an ed25519 public key. */
export function peerIdOf(publicKey: Hex): string {
  return utilCrypto.base58Encode(Uint8Array.from([...PEER_ID, ...fromHex(publicKey)]))
}
