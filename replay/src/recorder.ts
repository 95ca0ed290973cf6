// Makes a recording of what a replay reads.
import { type AccountId, compareBytes, type Crypto, type Hash, judgementOfEpoch, type Ledger, type LedgerBlock, type LedgerEvent, type LoadBlob, parametersFor, parsePartKey, parseStatementKey, potOf, termOf, toHex } from '@assay/protocol'
import { KEY_CHARACTERS, type RecordedEvent, type Recording, VALUE_BYTES } from './recording.ts'

const HASH_BYTES = 32

export interface Recorder {
  /** Notes the next block of the chain; the first should be the network's origin. */
  block(block: LedgerBlock): void
  /** A source that notes every blob that it has. */
  noting(load: LoadBlob): LoadBlob
  /** All noted blobs, and the blocks up to the epoch's judgement, its statement and the last part of its payees. @throws RangeError if no block was noted, or none founded the network */
  recording(ledger: Ledger, epoch: number): Recording
}

/** A recorder of a network that keeps of every block only what the protocol reads. */
export function createRecorder(crypto: Crypto, network: AccountId): Recorder {
  const blocks: (LedgerBlock & { kept: RecordedEvent[] })[] = []
  const blobs = new Map<Hash, Uint8Array>()
  return {
    block: (block) => void blocks.push({ ...block, events: [], kept: keptEvents(crypto, network, block) }),
    noting: (load) => async (id, maxBytes) => {
      const bytes = await load(id, maxBytes)
      if (bytes !== undefined) blobs.set(id, bytes)
      return bytes
    },
    recording(ledger, epoch) {
      const parameters = parametersFor(ledger, 0)
      const [first] = blocks
      if (first === undefined || parameters === null) throw new RangeError('nothing of a network was recorded')
      const judged = judgementOfEpoch(parameters, epoch)
      const pot = potOf(ledger, termOf(parameters, epoch))
      const stated = blocks.findLast(({ kept }) => kept.some((event) => settles(network, pot, epoch, event)))?.number ?? judged
      return {
        network,
        epoch,
        first: first.number,
        parent: first.parentHash,
        blocks: blocks.slice(0, Math.max(judged, stated) - first.number + 1).map(({ hash, relayRoot, kept }) => ({ hash, relayRoot: parameters.randomness === 0 && relayRoot !== null ? [relayRoot] : [], events: kept })),
        blobs: [...blobs.values()].toSorted(compareBytes),
      }
    },
  }
}

/** Whether it is of the epoch's statement, or of a part in which its payees are paid. */
function settles(network: AccountId, pot: AccountId | null, epoch: number, { tag, value }: RecordedEvent): boolean {
  return tag === 'itemAdded' && value.who === pot && (parseStatementKey(network, value.key) ?? parsePartKey(network, value.key))?.epoch === epoch
}

/**
 * What a ledger of the network may read of a block, in the order of the block: rather too much than too little, for a rule may come to read what none reads yet.
 * Items of the protocol (`assay/…`) by whomever, every role of the network, and the documents that an item names.
 */
export function keptEvents(crypto: Pick<Crypto, 'blake2b256'>, network: AccountId, { events }: LedgerBlock): RecordedEvent[] {
  const isOurs = (event: LedgerEvent) => event.kind === 'item' && event.key.startsWith('assay/') && event.key.length <= KEY_CHARACTERS
  const anchors = new Set(events.flatMap((event) => (event.kind === 'item' && isOurs(event) && event.value.length === HASH_BYTES ? [toHex(event.value)] : [])))
  return events.flatMap((event): RecordedEvent[] => {
    switch (event.kind) {
      case 'item':
        return isOurs(event) ? [{ tag: event.update ? 'itemUpdated' : 'itemAdded', value: { who: event.who, key: event.key, value: event.value.slice(0, VALUE_BYTES) } }] : []
      case 'attribute':
        // One without an identity, or that no anchor of its block names, is as if it were not there.
        return event.identity !== null && anchors.has(toHex(crypto.blake2b256(event.value))) ? [{ tag: 'document', value: event.value }] : []
      case 'role':
        return event.owner === network ? [{ tag: event.assigned ? 'assigned' : 'unassigned', value: { role: event.role, user: event.user } }] : []
    }
  })
}
