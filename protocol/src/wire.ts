// What a machine and a checker say to each other. PROTOCOL section 11.
import type { AccountId, Hash } from './bytes.ts'
import { boundedBytes, bytes32, bytes64, type Codec, hex32, names, strict, type Strict, struct, tagged, u32, u8 } from './codec.ts'
import { commitmentBytesLimit, openingsBytesLimit, type Parameters } from './parameters.ts'
import { notRunCodec, type NotRunReason } from './reasons.ts'

/** The protocol's name in channel negotiation. */
export const WIRE_PROTOCOL = '/assay/1'
/** The same for a lane: a further connection for payload alone. It tells lanes from conversations before a word is said, because a new conversation ends the older one. */
export const LANE_PROTOCOL = '/assay/1/lane'
/** First word of both sides: who speaks another version is refused. */
export const WIRE_VERSION = 1
/** Longest piece of a bandwidth payload. */
export const CHUNK_BYTES = 64 * 1024
/** Lanes that a machine offers and a checker asks for: four streams with the conversation. */
export const LANES = 3
/** Most lanes of a measurement. */
export const MAX_LANES = 7
/** Longest frame of a lane: a Chunk. */
export const LANE_FRAME_BYTES = 1 + 4 + 4 + CHUNK_BYTES

/** Why a checker ends a conversation. */
export type RefusalCode = keyof typeof REFUSALS
const REFUSALS = { WRONG_VERSION: 0, WRONG_NETWORK: 1, NOT_ELIGIBLE: 2, BAD_MESSAGE: 3, TOO_MUCH: 4, SHUTTING_DOWN: 5 }

interface MachineSays {
  /** First message. */
  Hello: { version: number; network: AccountId }
  /** Answers Ping at once. */
  Pong: { id: number }
  /** SHA-256 of all bytes of a Download. */
  DownloadDone: { id: number; sha256: Hash }
  /** The next piece of an Upload on its stream. */
  Chunk: { id: number; bytes: Uint8Array }
  /** key_step is known. */
  Progress: { round: number; step: number; key: Hash }
  Commitment: { round: number; blob: Uint8Array }
  Openings: { round: number; blob: Uint8Array }
  NotRun: { round: number; reason: NotRunReason }
  /** Lanes that the machine would open for a measurement; the last word counts, none before the first. */
  OfferLanes: { lanes: number }
  /** First and only message of a lane beside its Chunks; `id` is that of OpenLanes. */
  Lane: { version: number; network: AccountId; id: number; lane: number }
}

interface CheckerSays {
  /** Answers Hello; `best` is the checker's best block. */
  Welcome: { version: number; best: number }
  Refused: { code: RefusalCode }
  Ping: { id: number }
  /** `bytes` bytes follow in Chunks, over the lanes too if they were opened with this id, which the machine hashes. */
  Download: { id: number; round: number; bytes: number }
  /** The next piece of a Download on its stream. */
  Chunk: { id: number; bytes: Uint8Array }
  /** The machine sends the first `bytes` bytes of the key stream of `seed` in Chunks, over the lanes too if they were opened with this id. */
  Upload: { id: number; round: number; seed: Uint8Array; bytes: number }
  /** The checker's 64-byte signature over `nonceMessage`. */
  Nonce: { round: number; signature: Uint8Array }
  /** The checker keeps the commitment or openings blob with this id. */
  Receipt: { round: number; id: Hash }
  /** The machine opens lanes 1 to `lanes`. */
  OpenLanes: { id: number; round: number; lanes: number }
}

type Message<T> = { [K in keyof T]: { tag: K; value: T[K] } }[keyof T]
/** From machine to checker. */
export type MachineMessage = Message<MachineSays>
/** From checker to machine. */
export type CheckerMessage = Message<CheckerSays>

/** Both directions of one network's channel. Encoding throws RangeError, decoding MalformedError, both before anything beyond the limits is allocated. */
export interface Wire {
  machine: Strict<MachineMessage>
  checker: Strict<CheckerMessage>
  /** Longest frame in bytes. */
  maxFrameBytes: number
  /** Most payload of a Download or an Upload. */
  maxPayloadBytes: number
}

/** The messages of a network with these parameters. */
export function wire(parameters: Parameters): Wire {
  const maxFrameBytes = frameBytesLimit(parameters)
  const chunk: Codec<{ id: number; bytes: Uint8Array }> = struct({ id: u32, bytes: boundedBytes(CHUNK_BYTES, 1) })
  const machine: Codec<MachineMessage> = tagged<MachineSays>({
    Hello: struct({ version: u8, network: hex32 }),
    Pong: struct({ id: u32 }),
    DownloadDone: struct({ id: u32, sha256: hex32 }),
    Chunk: chunk,
    Progress: struct({ round: u32, step: u32, key: hex32 }),
    Commitment: struct({ round: u32, blob: boundedBytes(commitmentBytesLimit(parameters)) }),
    Openings: struct({ round: u32, blob: boundedBytes(openingsBytesLimit(parameters)) }),
    NotRun: struct({ round: u32, reason: notRunCodec }),
    OfferLanes: struct({ lanes: u8 }),
    Lane: struct({ version: u8, network: hex32, id: u32, lane: u8 }),
  })
  const checker: Codec<CheckerMessage> = tagged<CheckerSays>({
    Welcome: struct({ version: u8, best: u32 }),
    Refused: struct({ code: names(REFUSALS) }),
    Ping: struct({ id: u32 }),
    Download: struct({ id: u32, round: u32, bytes: u32 }),
    Chunk: chunk,
    Upload: struct({ id: u32, round: u32, seed: bytes32, bytes: u32 }),
    Nonce: struct({ round: u32, signature: bytes64 }),
    Receipt: struct({ round: u32, id: hex32 }),
    OpenLanes: struct({ id: u32, round: u32, lanes: u8 }),
  })
  const payload = (bytes: number): string | null => (bytes > parameters.bandwidthBytes ? `a payload of ${bytes} bytes, at most ${parameters.bandwidthBytes}` : null)
  const lane = (number: number, least: 0 | 1): string | null => (number < least || number > MAX_LANES ? `lane ${number}, not from ${least} to ${MAX_LANES}` : null)
  return {
    machine: strict('message of a machine', machine, {
      maxBytes: maxFrameBytes,
      rule: ({ tag, value }) => (tag === 'OfferLanes' ? lane(value.lanes, 0) : tag === 'Lane' ? lane(value.lane, 1) : null),
    }),
    checker: strict('message of a checker', checker, {
      maxBytes: maxFrameBytes,
      rule: ({ tag, value }) => (tag === 'Download' || tag === 'Upload' ? payload(value.bytes) : tag === 'OpenLanes' ? lane(value.lanes, 1) : null),
    }),
    maxFrameBytes,
    maxPayloadBytes: parameters.bandwidthBytes,
  }
}

/** Longest frame of a network, in bytes: what a channel's own limit must let through. */
export function frameBytesLimit(parameters: Parameters): number {
  // Tag, round, and the compact length.
  return Math.max(1 + 4 + 4 + Math.max(commitmentBytesLimit(parameters), openingsBytesLimit(parameters)), LANE_FRAME_BYTES)
}
