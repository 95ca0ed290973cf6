import { documentFields, fromHex, messageFields, type AccountId, type Hex, type MessageField } from '@assay/protocol'
import { peerIdOf, toAddress } from './account.ts'
import { ChainError } from './errors.ts'
import { peaqSdk, utilCrypto } from './polkadot.ts'

/** What a DID document of ours says. `identity` is the encoded SignedIdentity. */
export interface DocumentContent {
  readonly account: AccountId
  readonly owner: AccountId
  readonly peer: Hex
  /** Multiaddrs where it listens; the first is the endpoint of `#p2p`. */
  readonly addresses: readonly string[]
  readonly identity: Uint8Array
}

/**
 * The DID document (protobuf bytes) of a machine or checker, made offline by the peaq SDK with the services `#p2p` (peer id, first address), `#payment` (the owner's address) and `#assay`
 * (the SignedIdentity as lower-case hex). Of the SDK's faults: it numbers every verification method `#keys-1` and writes a default key as bare hex, so we give it exactly one method with a
 * multibase key of our own; it rejects with text in place of causes, which becomes a ChainError DID_DOCUMENT.
 */
export async function buildDocument({ account, owner, peer, addresses, identity }: DocumentContent): Promise<Uint8Array> {
  const first = addresses[0]
  try {
    const { value } = await peaqSdk().generateDidDocument({
      address: toAddress(account),
      customDocumentFields: {
        prefix: 'peaq',
        controller: toAddress(account),
        // multibase base58btc (z) over multicodec ed25519-pub (0xed 0x01) and the key
        verifications: [{ type: 'Ed25519VerificationKey2020', publicKeyMultibase: `z${utilCrypto.base58Encode(Uint8Array.from([0xed, 0x01, ...fromHex(peer)]))}` }],
        services: [
          { id: '#p2p', type: 'p2p', data: peerIdOf(peer), ...(first === undefined ? {} : { serviceEndpoint: first }) },
          { id: '#payment', type: 'payment', data: toAddress(owner) },
          { id: '#assay', type: 'assay', data: Buffer.from(identity).toString('hex') },
        ],
      },
    })
    return Uint8Array.from(Buffer.from(value.replace(/^0x/, ''), 'hex'))
  } catch (error) {
    throw new ChainError('DID_DOCUMENT', `The peaq SDK cannot make the DID document: ${error instanceof Error ? error.message : String(error)}.`, 'Check the account and the addresses.', { cause: error })
  }
}

/** A DID document of peaq as anybody may have written it: every text is a stranger's, and one that it lacks is empty. */
export interface DidDocument {
  id: string
  controller: string
  verificationMethods: { id: string; type: string; controller: string; publicKeyMultibase: string }[]
  signature: { type: string; issuer: string; hash: string } | null
  services: { id: string; type: string; serviceEndpoint: string; data: string }[]
  authentications: string[]
}

/** The most entries that a list of a document may have to be read. */
const ENTRIES = 64

/** What a value says as a DID document (the message `Document` of peaq-did-proto-js, in either encoding), for people to read; null if it is none, a text in it is no UTF-8, or a list is longer than any that somebody would read. Never throws. What decides who is registered is protocol's `documentIdentity`. */
export function readDocument(value: Uint8Array): DidDocument | null {
  const fields = documentFields(value)
  if (fields === null) return null
  try {
    const many = (field: number): Uint8Array[] => {
      const found = fields.filter((one) => one.field === field).map(bytesIn)
      if (found.length > ENTRIES) throw new Unreadable()
      return found
    }
    return {
      id: textIn(fields, 1),
      controller: textIn(fields, 2),
      verificationMethods: many(3).map(messageIn).map((method) => ({ id: textIn(method, 1), type: textIn(method, 2), controller: textIn(method, 3), publicKeyMultibase: textIn(method, 4) })),
      signature: many(4).slice(-1).map(messageIn).map((signature) => ({ type: textIn(signature, 1), issuer: textIn(signature, 2), hash: textIn(signature, 3) }))[0] ?? null,
      services: many(5).map(messageIn).map((service) => ({ id: textIn(service, 1), type: textIn(service, 2), serviceEndpoint: textIn(service, 3), data: textIn(service, 4) })),
      authentications: many(6).map(textOf),
    }
  } catch (error) {
    if (error instanceof Unreadable) return null
    throw error
  }
}

class Unreadable extends Error {}

function bytesIn({ bytes }: MessageField): Uint8Array {
  if (bytes === null) throw new Unreadable()
  return bytes
}

function messageIn(bytes: Uint8Array): MessageField[] {
  const fields = messageFields(bytes)
  if (fields === null) throw new Unreadable()
  return fields
}

// Of a field that is there several times the last one counts.
function textIn(fields: readonly MessageField[], field: number): string {
  const found = fields.findLast((one) => one.field === field)
  return found === undefined ? '' : textOf(bytesIn(found))
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Unreadable()
  }
}
