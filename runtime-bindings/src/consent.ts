// How an owner takes a machine that does not hold the owner's key: the machine asks in a line of text, the owner answers in another.
import { concat, decodeIdentity, encodeIdentity, fromHex, identityDigest, MalformedError, toHex, verifyOwner, type AccountId, type Hex, type Identity } from '@assay/protocol'
import { toAddress } from './account.ts'
import { nodeCrypto } from './crypto.ts'
import { ChainError } from './errors.ts'

/** An identity and its owner's yes to it: a signature of 64 bytes over its digest, or over the digest as a wallet wraps it. */
export interface Consent {
  readonly identity: Identity
  readonly signature: Uint8Array
}

/** A line that should be a request or an answer is something else, or damaged. */
export class ConsentTextError extends ChainError {
  constructor(what: 'request' | 'answer', why: string) {
    super('CONSENT_TEXT', `This is not ${what === 'request' ? 'a request' : 'an answer'}: ${why}.`, `Copy the whole line again; it begins with assay-${what}:1: and holds no spaces.`)
  }
}

/** The signature is not the owner's over this identity. */
export class ConsentSignatureError extends ChainError {
  constructor(owner: AccountId) {
    super('CONSENT_SIGNATURE', `The signature is not one of ${toAddress(owner)} over what this machine asked for.`, 'Sign the last request again with the key of exactly this account; it must be an sr25519 key.')
  }
}

/** What the machine asks its owner to sign, as one line: `assay-request:1:AQAR…`. @throws RangeError if the identity breaks a rule */
export function encodeRequest(identity: Identity): string {
  return textOf('request', encodeIdentity(identity))
}

/** Throws ConsentTextError. */
export function decodeRequest(text: string): Identity {
  return identityOf('request', bytesOf('request', text))
}

/** The owner's answer as one line: `assay-answer:1:AQAR…`. @throws RangeError if the identity breaks a rule */
export function encodeAnswer({ identity, signature }: Consent): string {
  return textOf('answer', concat(encodeIdentity(identity), signature))
}

/** Says nothing about the signature yet: see `verifyConsent`. Throws ConsentTextError. */
export function decodeAnswer(text: string): Consent {
  const bytes = bytesOf('answer', text)
  if (bytes.length < SIGNATURE_BYTES) throw new ConsentTextError('answer', 'it is cut short')
  const at = bytes.length - SIGNATURE_BYTES
  return { identity: identityOf('answer', bytes.subarray(0, at)), signature: bytes.slice(at) }
}

/** The 32 bytes, as hex, that a wallet is given to sign as raw bytes. */
export function walletPayload(identity: Identity): Hex {
  return toHex(identityDigest(nodeCrypto, identity))
}

/** A signature as wallets give it: 64 bytes in hex, or 65 with the kind of key (1, sr25519) before. Throws ChainError CONSENT_TEXT. */
export function parseSignature(text: string): Uint8Array {
  const match = /^0x(?:01)?([0-9a-f]{128})$/i.exec(text.trim())
  if (!match) throw new ChainError('CONSENT_TEXT', 'This is not a signature of an sr25519 key, which has 0x and 128 hex digits.', 'Copy what the wallet shows, from 0x to its end; the owner must be an sr25519 account, as wallets make them by default.')
  return fromHex(`0x${match[1]!.toLowerCase()}`)
}

/** Throws ConsentSignatureError if the owner that the identity names did not sign it. */
export function verifyConsent({ identity, signature }: Consent): void {
  if (!verifyOwner(nodeCrypto, identity.owner, identityDigest(nodeCrypto, identity), signature)) throw new ConsentSignatureError(identity.owner)
}

const SIGNATURE_BYTES = 64
/** Longer than the longest identity (4 addresses and 4 URLs of 128 characters) and a signature in base64. */
const MAX_TEXT = 2048

const textOf = (what: string, bytes: Uint8Array): string => `assay-${what}:1:${Buffer.from(bytes).toString('base64url')}`

function bytesOf(what: 'request' | 'answer', given: string): Uint8Array {
  const text = given.trim()
  const prefix = `assay-${what}:1:`
  if (text.length > MAX_TEXT) throw new ConsentTextError(what, `it has ${text.length} characters, more than ${MAX_TEXT}`)
  if (!text.startsWith(prefix)) {
    const other = /^assay-(request|answer):(\d{1,3}):/.exec(text)
    throw new ConsentTextError(what, other ? `it is ${other[1] === 'request' ? 'a request' : 'an answer'} of version ${other[2]}` : `it does not begin with ${prefix}`)
  }
  const body = text.slice(prefix.length)
  const bytes = Uint8Array.from(Buffer.from(body, 'base64url'))
  // Node reads any text as base64, and leaves out what it does not know.
  if (Buffer.from(bytes).toString('base64url') !== body) throw new ConsentTextError(what, 'it is damaged')
  return bytes
}

function identityOf(what: 'request' | 'answer', bytes: Uint8Array): Identity {
  try {
    return decodeIdentity(bytes)
  } catch (error) {
    if (error instanceof MalformedError) throw new ConsentTextError(what, `it is damaged (${error.message})`)
    throw error
  }
}
