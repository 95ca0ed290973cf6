import { fromHex, type AccountId, type Hex } from '@assay/protocol'
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
