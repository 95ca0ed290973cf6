// A played network whose registrations hold real DID documents, as a recording wants them, and the recording of it.
import { type AccountId, type LedgerBlock, type LedgerEvent, concat, toHex, utf8 } from '@assay/protocol'
import { testCrypto as crypto } from '@assay/protocol/testing/actors'
import { type NetworkOptions, type PlayedNetwork, playNetwork } from '@assay/protocol/testing/round'
import { applyBlock, emptyLedger, type Ledger } from '@assay/protocol'
import { addressOf } from '../src/names.ts'

/** A field of a protobuf message that holds bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(number * 8 + 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes)
}

/** The shortest document that has this identity. */
export const documentOf = (identity: Uint8Array): Uint8Array => field(5, concat(field(1, utf8('#assay')), field(4, utf8(toHex(identity).slice(2)))))

/** The same of an account, with what a document of peaq says besides. */
function described(account: AccountId, identity: Uint8Array): Uint8Array {
  const did = `did:peaq:${addressOf(account)}`
  const text = (number: number, value: string): Uint8Array => field(number, utf8(value))
  const method = concat(text(1, `${did}#keys-1`), text(2, 'Ed25519VerificationKey2020'), text(3, did), text(4, 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'))
  return concat(text(1, did), text(2, did), field(3, method), documentOf(identity), text(6, `${did}#keys-1`))
}

function withDocuments(events: readonly LedgerEvent[]): LedgerEvent[] {
  const anchors = new Map<string, Uint8Array>()
  const documented = events.map((event): LedgerEvent => {
    if (event.kind !== 'attribute' || event.identity === null) return event
    const value = described(event.subject, event.identity)
    anchors.set(toHex(crypto.blake2b256(event.value)), crypto.blake2b256(value))
    return { ...event, value }
  })
  return documented.map((event) => (event.kind === 'item' ? { ...event, value: anchors.get(toHex(event.value)) ?? event.value } : event))
}

export type Played = PlayedNetwork & { ledger: Ledger; blocks: LedgerBlock[] }

/** `playNetwork`, its blocks with real documents. */
export function play(...[options, hooks]: [NetworkOptions?, Parameters<typeof playNetwork>[1]?]): Played {
  const played = playNetwork(options, hooks)
  const blocks = played.blocks.map((block) => ({ ...block, events: withDocuments(block.events) }))
  return { ...played, blocks, ledger: blocks.reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(played.network)) }
}
