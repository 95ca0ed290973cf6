// What a machine and a checker say to each other. PROTOCOL section 11.
import type { AccountId, Hash } from './bytes.ts'
import { boundedBytes, bytes32, bytes64, codec, type Codec, hex32, names, strict, type Strict, struct, tagged, text, u32, u8 } from './codec.ts'
import { commitmentBytesLimit, openingsBytesLimit, type Parameters } from './parameters.ts'
import { notRunCodec, type NotRunReason } from './reasons.ts'
import { type Versions, VERSIONS, versionsText } from './version.ts'

/** The protocol's name in channel negotiation: that of its framing, whatever version is spoken in it. */
export const WIRE_PROTOCOL = '/assay/1'
/** The same for a lane: a further connection for payload alone. It tells lanes from conversations before a word is said, because a new conversation ends the older one. */
export const LANE_PROTOCOL = '/assay/1/lane'
/** Longest label of a program's release. */
export const RELEASE_BYTES = 32
/** What such a label is made of: it goes into logs and metrics as it is. */
const RELEASE = /^[0-9A-Za-z.+-]*$/
/** What a version to come may add to a greeting. */
const LATER_BYTES = 128
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

/** What a machine begins with. */
export interface Hello {
  /** That it speaks. */
  versions: Versions
  network: AccountId
  /** Which program it says it is, of `RELEASE_BYTES` characters at most, all of them letters, digits, dots, pluses and minuses. Empty in version 1, which has no place for it. */
  release: string
  /** What a version above those that the reader knows adds. */
  more: Uint8Array
}

interface MachineSays {
  /** First message; see `hello`. */
  Hello: Hello
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
  /** First and only message of a lane beside its Chunks; `version` is that of the conversation, `id` that of OpenLanes. */
  Lane: { version: number; network: AccountId; id: number; lane: number }
}

interface CheckerSays {
  /** Answers Hello with the highest version that both speak; `best` is the checker's best block. */
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
  /** In the place of Refused, to whoever greeted in version 2 or above: the versions in which this checker would speak now. */
  WrongVersion: Versions
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

/** A machine's greeting: in the form of version 1 where it speaks no other. */
export const hello = ({ versions, network, release }: Pick<Hello, 'versions' | 'network' | 'release'>): MachineMessage => ({ tag: 'Hello', value: { versions, network, release: versions.highest === 1 ? '' : release, more: new Uint8Array() } })

/** The greeting as who knows no version above `highest` reads it. */
function helloCodec(highest: number): Codec<Hello> {
  const [old, now] = [struct({ network: hex32 }), struct({ lowest: u8, network: hex32, release: text(RELEASE_BYTES) })]
  return codec<Hello>(
    ({ versions, network, release, more }, to) => {
      u8.write(versions.highest, to)
      if (highest === 1 || versions.highest === 1) return old.write({ network }, to)
      now.write({ lowest: versions.lowest, network, release }, to)
      to.bytes(more)
    },
    (from) => {
      const version = u8.read(from)
      if (highest === 1 || version === 1) return { versions: { lowest: version, highest: version }, ...old.read(from), release: '', more: new Uint8Array() }
      const { lowest, network, release } = now.read(from)
      return { versions: { lowest, highest: version }, network, release, more: version > highest ? from.bytes(from.left) : new Uint8Array() }
    },
  )
}

/** What is wrong with a greeting; null if nothing is. */
function helloProblem({ versions, release, more }: Hello): string | null {
  if (versions.lowest < 1 || versions.lowest > versions.highest) return `${versionsText(versions)} that are none`
  if (!RELEASE.test(release)) return 'a release of other characters than letters, digits, dots, pluses and minuses'
  return more.length > LATER_BYTES ? `a greeting with ${more.length} bytes of a later version, at most ${LATER_BYTES}` : null
}

/** The messages of a network with these parameters, as who speaks these versions understands them. */
export function wire(parameters: Parameters, { highest } = VERSIONS): Wire {
  const maxFrameBytes = frameBytesLimit(parameters)
  const chunk: Codec<{ id: number; bytes: Uint8Array }> = struct({ id: u32, bytes: boundedBytes(CHUNK_BYTES, 1) })
  const machine: Codec<MachineMessage> = tagged<MachineSays>({
    Hello: helloCodec(highest),
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
    WrongVersion: struct({ lowest: u8, highest: u8 }),
  })
  const payload = (bytes: number): string | null => (bytes > parameters.bandwidthBytes ? `a payload of ${bytes} bytes, at most ${parameters.bandwidthBytes}` : null)
  const lane = (number: number, least: 0 | 1): string | null => (number < least || number > MAX_LANES ? `lane ${number}, not from ${least} to ${MAX_LANES}` : null)
  return {
    machine: strict('message of a machine', machine, {
      maxBytes: maxFrameBytes,
      rule: ({ tag, value }) => (tag === 'Hello' ? helloProblem(value) : tag === 'OfferLanes' ? lane(value.lanes, 0) : tag === 'Lane' ? lane(value.lane, 1) : null),
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
