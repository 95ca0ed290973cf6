// What a machine and a checker say to each other. PROTOCOL section 11.
import type { AccountId, Hash } from './bytes.ts'
import { boundedBytes, bytes32, bytes64, type Codec, hex32, names, strict, type Strict, struct, tagged, u32, u8 } from './codec.ts'
import { commitmentBytesLimit, openingsBytesLimit, type Parameters } from './parameters.ts'
import { notRunCodec, type NotRunReason } from './reasons.ts'

/** The protocol's name in channel negotiation. */
export const WIRE_PROTOCOL = '/assay/1'
/** First word of both sides: who speaks another version is refused. */
export const WIRE_VERSION = 1
/** Longest piece of a bandwidth payload. */
export const CHUNK_BYTES = 64 * 1024

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
  /** A piece of an Upload, in order. */
  Chunk: { id: number; bytes: Uint8Array }
  /** key_step is known. */
  Progress: { round: number; step: number; key: Hash }
  Commitment: { round: number; blob: Uint8Array }
  Openings: { round: number; blob: Uint8Array }
  NotRun: { round: number; reason: NotRunReason }
}

interface CheckerSays {
  /** Answers Hello; `best` is the checker's best block. */
  Welcome: { version: number; best: number }
  Refused: { code: RefusalCode }
  Ping: { id: number }
  /** `bytes` bytes follow in Chunks, which the machine hashes. */
  Download: { id: number; round: number; bytes: number }
  /** A piece of a Download, in order. */
  Chunk: { id: number; bytes: Uint8Array }
  /** The machine sends the first `bytes` bytes of the key stream of `seed` in Chunks. */
  Upload: { id: number; round: number; seed: Uint8Array; bytes: number }
  /** The checker's 64-byte signature over `nonceMessage`. */
  Nonce: { round: number; signature: Uint8Array }
  /** The checker keeps the commitment or openings blob with this id. */
  Receipt: { round: number; id: Hash }
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
  })
  const payload = (bytes: number): string | null => (bytes > parameters.bandwidthBytes ? `a payload of ${bytes} bytes, at most ${parameters.bandwidthBytes}` : null)
  return {
    machine: strict('message of a machine', machine, { maxBytes: maxFrameBytes }),
    checker: strict('message of a checker', checker, {
      maxBytes: maxFrameBytes,
      rule: (message) => (message.tag === 'Download' || message.tag === 'Upload' ? payload(message.value.bytes) : null),
    }),
    maxFrameBytes,
  }
}

/** Longest frame of a network, in bytes: what a channel's own limit must let through. */
export function frameBytesLimit(parameters: Parameters): number {
  // Tag, round or id, and the compact length.
  return 1 + 4 + 4 + Math.max(commitmentBytesLimit(parameters), openingsBytesLimit(parameters), CHUNK_BYTES)
}
