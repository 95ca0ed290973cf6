// Everything that the replay of an epoch needs, in one file. docs/PROTOCOL.md, section 17.
import {
  type AccountId, BLOB_BYTES_LIMIT, boundedBytes, boundedVec, type Codec, compareBytes, DOCUMENT_LIMIT, documentIdentity, type Hash, hex32, ITEM_BYTES,
  type LedgerBlock, type LedgerEvent, MalformedError, strict, struct, tagged, text, u32, versioned,
} from '@assay/protocol'

/** Blocks of a chain, without a gap, and blobs by their content. Whose chain it is, nothing in it shows. */
export interface Recording {
  network: AccountId
  /** The epoch that it was made for; all that its replay needs is there. */
  epoch: number
  /** Number of the first block. */
  first: number
  /** Hash of the block before the first. */
  parent: Hash
  /** Each stands on the one before. */
  blocks: RecordedBlock[]
  /** Strictly ascending by their bytes, so that none is there twice. */
  blobs: Uint8Array[]
}

export interface RecordedBlock {
  hash: Hash
  /** Its relay parent storage root, where the network takes its randomness from there; else none. */
  relayRoot: Hash[]
  events: RecordedEvent[]
}

interface RecordedItem {
  who: AccountId
  key: string
  /** Of a value that is longer than any of the protocol's, what makes it too long. */
  value: Uint8Array
}

interface RecordedRole {
  role: Hash
  user: AccountId
}

export type RecordedEvent =
  | { tag: 'itemAdded' | 'itemUpdated'; value: RecordedItem }
  /** A DID document, in whatever attribute it stood. */
  | { tag: 'document'; value: Uint8Array }
  /** A role of the network, given to or taken from an account. */
  | { tag: 'assigned' | 'unassigned'; value: RecordedRole }

/** Longest recording that is read or written, unpacked: 256 MiB. */
export const RECORDING_BYTES = 2 ** 28
/** Bytes of an item's value that are kept: one more than a value of the protocol may have. */
export const VALUE_BYTES = ITEM_BYTES + 1

/** Longest key of an item that is kept; those of the protocol are shorter. */
export const KEY_CHARACTERS = 64
const BLOCKS = 2 ** 22
const EVENTS = 2 ** 16
const BLOBS = 2 ** 20

const item: Codec<RecordedItem> = struct({ who: hex32, key: text(KEY_CHARACTERS), value: boundedBytes(VALUE_BYTES) })
const role: Codec<RecordedRole> = struct({ role: hex32, user: hex32 })
// A cast, for `tagged` gives the union member by member.
const event = tagged({ itemAdded: item, itemUpdated: item, document: boundedBytes(DOCUMENT_LIMIT), assigned: role, unassigned: role }) as Codec<RecordedEvent>
const block: Codec<RecordedBlock> = struct({ hash: hex32, relayRoot: boundedVec(hex32, 1), events: boundedVec(event, EVENTS) })
const codec = strict<Recording>(
  'recording',
  versioned(1, struct({ network: hex32, epoch: u32, first: u32, parent: hex32, blocks: boundedVec(block, BLOCKS), blobs: boundedVec(boundedBytes(BLOB_BYTES_LIMIT), BLOBS) })),
  {
    maxBytes: RECORDING_BYTES,
    rule: ({ blobs }) => (blobs.every((blob, i) => i === 0 || compareBytes(blobs[i - 1]!, blob) < 0) ? null : 'its blobs do not ascend'),
  },
)

/** @throws RangeError if it is longer than a recording may be, or breaks a rule */
export function encodeRecording(recording: Recording): Uint8Array {
  const bytes = codec.encode(recording)
  if (bytes.length > RECORDING_BYTES) throw new RangeError(`recording: ${bytes.length} bytes, at most ${RECORDING_BYTES}`)
  return bytes
}

/** Takes memory in proportion to the bytes given. @throws MalformedError */
export function decodeRecording(bytes: Uint8Array): Recording {
  return codec.decode(bytes)
}

/** The file: the encoded recording in gzip. Rejects with RangeError as `encodeRecording` throws it. */
export async function packRecording(recording: Recording): Promise<Uint8Array> {
  return through(encodeRecording(recording), new CompressionStream('gzip'), Infinity)
}

/** Reads a file of `packRecording`, never more than RECORDING_BYTES of it. Rejects with MalformedError. */
export async function unpackRecording(file: Uint8Array): Promise<Recording> {
  let bytes: Uint8Array
  try {
    bytes = await through(file, new DecompressionStream('gzip'), RECORDING_BYTES)
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause
    throw new MalformedError('TRUNCATED', `recording of ${file.length} bytes: no gzip`, { cause })
  }
  return decodeRecording(bytes)
}

/** What comes out of the stream for these bytes; leaves it as soon as that is too long. */
async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  // A reader and no `for await`: not every browser iterates over streams.
  const reader = (new Blob([new Uint8Array(bytes)]).stream().pipeThrough(stream) as ReadableStream<Uint8Array<ArrayBuffer>>).getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length
    if (length > maxBytes) {
      await reader.cancel()
      throw new MalformedError('TOO_LONG', `recording: more than ${maxBytes} bytes`)
    }
    parts.push(next.value)
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** The blocks as the ledger takes them. */
export function* ledgerBlocksOf({ network, first, parent, blocks }: Pick<Recording, 'network' | 'first' | 'parent' | 'blocks'>): Generator<LedgerBlock> {
  let parentHash = parent
  for (const [i, { hash, relayRoot, events }] of blocks.entries()) {
    yield { number: first + i, hash, parentHash, relayRoot: relayRoot[0] ?? null, events: events.map((event) => ledgerEvent(event, network)) }
    parentHash = hash
  }
}

function ledgerEvent({ tag, value }: RecordedEvent, network: AccountId): LedgerEvent {
  switch (tag) {
    case 'itemAdded':
    case 'itemUpdated':
      return { kind: 'item', ...value, update: tag === 'itemUpdated' }
    case 'document':
      // Who wrote a document, and to whom, the protocol does not ask.
      return { kind: 'attribute', who: network, subject: network, value, identity: documentIdentity(value) }
    case 'assigned':
    case 'unassigned':
      return { kind: 'role', owner: network, ...value, assigned: tag === 'assigned' }
  }
}
