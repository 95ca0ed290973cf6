// Who a machine or a checker is. PROTOCOL section 2.
import { type AccountId, concat, fromHex, type Hash, utf8 } from './bytes.ts'
import { boundedVec, bytes64, type Codec, hex32, names, strict, struct, text, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import { isPlainPoint } from './ed25519.ts'
import type { ReasonCode } from './reasons.ts'

export type IdentityKind = 'machine' | 'checker'

export interface Identity {
  kind: IdentityKind
  network: AccountId
  account: AccountId
  /** Who is paid. */
  owner: AccountId
  /** ed25519 public key of the channel and of everything signed in rounds. */
  peer: Hash
  /** Multiaddrs where a checker listens; none for a machine. At most 4 of 128 printable characters. */
  addresses: string[]
  /** HTTP base URLs of a checker's evidence; none for a machine. At most 4 of 128 printable characters. */
  evidence: string[]
}

/** An identity with the 64-byte signatures of all three keys over `identityDigest`; the owner's may be over its `walletMessage`. */
export interface SignedIdentity {
  identity: Identity
  accountSignature: Uint8Array
  ownerSignature: Uint8Array
  peerSignature: Uint8Array
}

/** Why an identity does not count. */
export type IdentityFault = ReasonCode &
  ('WRONG_NETWORK' | 'WRONG_ACCOUNT' | 'WRONG_KIND' | 'BAD_PEER_KEY' | 'BAD_ACCOUNT_SIGNATURE' | 'BAD_OWNER_SIGNATURE' | 'BAD_PEER_SIGNATURE')

const places = boundedVec(text(128), 4)
const identityCodec: Codec<Identity> = versioned(
  1,
  struct({ kind: names({ machine: 0, checker: 1 }), network: hex32, account: hex32, owner: hex32, peer: hex32, addresses: places, evidence: places }),
)
const rule = ({ kind, addresses, evidence }: Identity): string | null => (kind === 'machine' && addresses.length + evidence.length > 0 ? 'a machine listens nowhere' : null)
const identityBytes = strict('identity', identityCodec, { maxBytes: 2048, rule })
const signedBytes = strict('signed identity', struct({ identity: identityCodec, accountSignature: bytes64, ownerSignature: bytes64, peerSignature: bytes64 }), { maxBytes: 2048, rule: ({ identity }) => rule(identity) })

/** The bytes of an identity without its signatures. @throws RangeError if the identity breaks a rule */
export function encodeIdentity(identity: Identity): Uint8Array {
  return identityBytes.encode(identity)
}

/** @throws MalformedError */
export function decodeIdentity(bytes: Uint8Array): Identity {
  return identityBytes.decode(bytes)
}

/** What account, owner and peer key sign: 32 bytes. @throws RangeError if the identity breaks a rule */
export function identityDigest(crypto: Crypto, identity: Identity): Uint8Array {
  return crypto.blake2b256(concat(utf8('assay/1/identity'), identityBytes.encode(identity)))
}

/** What a wallet signs where it is given a digest as raw bytes: it wraps them, so that nothing it signs this way can be a transaction. */
export function walletMessage(digest: Uint8Array): Uint8Array {
  return concat(utf8('<Bytes>'), digest, utf8('</Bytes>'))
}

/** Whether the owner agrees to what has this digest: its sr25519 signature over the digest as it is, or as a wallet wraps it. Never throws. */
export function verifyOwner(crypto: Crypto, owner: AccountId, digest: Uint8Array, signature: Uint8Array): boolean {
  const key = fromHex(owner)
  return crypto.sr25519Verify(signature, digest, key) || crypto.sr25519Verify(signature, walletMessage(digest), key)
}

/** The bytes of the `#assay` service. @throws RangeError */
export function encodeSignedIdentity(signed: SignedIdentity): Uint8Array {
  return signedBytes.encode(signed)
}

/** @throws MalformedError */
export function decodeSignedIdentity(bytes: Uint8Array): SignedIdentity {
  return signedBytes.decode(bytes)
}

/** Checks an identity for the account and network it must be of, cheapest checks first. Never throws on what `decodeSignedIdentity` gave. */
export function verifyIdentity(
  crypto: Crypto,
  { identity, accountSignature, ownerSignature, peerSignature }: SignedIdentity,
  expected: { network: AccountId; account: AccountId; kind?: IdentityKind },
): 'OK' | IdentityFault {
  if (identity.network !== expected.network) return 'WRONG_NETWORK'
  if (identity.account !== expected.account) return 'WRONG_ACCOUNT'
  if (expected.kind !== undefined && identity.kind !== expected.kind) return 'WRONG_KIND'
  if (!isPlainPoint(fromHex(identity.peer))) return 'BAD_PEER_KEY'
  const digest = identityDigest(crypto, identity)
  if (!crypto.ed25519Verify(peerSignature, digest, fromHex(identity.peer))) return 'BAD_PEER_SIGNATURE'
  if (!crypto.sr25519Verify(accountSignature, digest, fromHex(identity.account))) return 'BAD_ACCOUNT_SIGNATURE'
  if (!verifyOwner(crypto, identity.owner, digest, ownerSignature)) return 'BAD_OWNER_SIGNATURE'
  return 'OK'
}
