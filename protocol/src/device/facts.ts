// What a machine says of its device: committed to by hash, shown with its openings. All of it is a claim. PROTOCOL sections 13.1 and 13.2.
import { type AccountId, concat, fromHex, type Hash, joinBytes, toHex, utf8 } from '../bytes.ts'
import { boundedVec, type Codec, hex32, i32, names, strict, strictlyAscending, struct, u16, u32, u8, versioned } from '../codec.ts'
import type { Crypto } from '../crypto.ts'

/** What kind of device does the work. */
export type DeviceKind = 'CPU' | 'GPU'

/** What one unit of the device was measured at, each a u32; 0: not measured. */
export interface Profile {
  /** 10^6 int8 multiply-accumulates a second. */
  int8Mmacs: number
  /** 10^6 single-precision operations a second, a product and a sum counting two. */
  f32Mflops: number
  /** 10^6 bytes a second, read in order. */
  memoryMBps: number
  /** Picoseconds from one dependent read to the next, in no order. */
  chasePs: number
}

/** The device that works, and none beside it: a processor's thread, or one of some equal GPUs. */
export interface Device {
  /** Id of the class table; 0: none that is known, or its sources did not agree. */
  class: number
  kind: DeviceKind
  /** How many such units work side by side: threads of a CPU, or GPUs. At least 1. */
  units: number
  /** Memory of one GPU, or of the computer for a CPU; rounded down to 256 MiB. */
  memoryMiB: number
  /** How many independent sources named this device; 0 where two of them disagreed. */
  agreeing: number
  /** `deviceFingerprint`: the same in each round as long as the device is. */
  fingerprint: Hash
  /** `deviceIdentifier`s, at most 8, strictly ascending. */
  identifiers: Hash[]
  profile: Profile
}

const ENVIRONMENT = { packageLock: 0, node: 1, kernel: 2, image: 3, driver: 4, runtime: 5, engine: 6, model: 7 } as const

/** What of its environment a machine may name. */
export type EnvironmentKind = keyof typeof ENVIRONMENT

/** One part of what the machine runs with, by the hash of its files: PROTOCOL section 14. */
export interface EnvironmentItem {
  what: EnvironmentKind
  hash: Hash
}

/** A model that ran beside the job, and what came out, in millionths. */
export interface ModelRun {
  model: Hash
  /** 1 to 64. */
  outputs: number[]
}

/** What a machine reveals of itself in a round. */
export interface Facts {
  /** 32 bytes by chance, new in each round: what was not revealed cannot be guessed from its hash. */
  salt: Hash
  device: Device
  /** Strictly ascending by the number of `what`. */
  environment: EnvironmentItem[]
  /** At most one. */
  model: ModelRun[]
}

/** Memory is told in steps of this many MiB: what a kernel or a driver keeps for itself differs from start to start. */
export const MEMORY_STEP_MIB = 256
/** The most identifiers that a device shows. */
export const MAX_IDENTIFIERS = 8
const MAX_FACTS_BYTES = 4096

const factsCodec: Codec<Facts> = versioned(
  1,
  struct({
    salt: hex32,
    device: struct({
      class: u16,
      kind: names({ CPU: 0, GPU: 1 }),
      units: u16,
      memoryMiB: u32,
      agreeing: u8,
      fingerprint: hex32,
      identifiers: boundedVec(hex32, MAX_IDENTIFIERS),
      profile: struct({ int8Mmacs: u32, f32Mflops: u32, memoryMBps: u32, chasePs: u32 }),
    }),
    environment: boundedVec(struct({ what: names(ENVIRONMENT), hash: hex32 }), Object.keys(ENVIRONMENT).length),
    model: boundedVec(struct({ model: hex32, outputs: boundedVec(i32, 64, 1) }), 1),
  }),
)

const facts = strict('facts', factsCodec, {
  maxBytes: MAX_FACTS_BYTES,
  rule({ device, environment }) {
    if (device.units === 0) return 'a device without a unit'
    if (device.memoryMiB % MEMORY_STEP_MIB !== 0) return `memory is not a multiple of ${MEMORY_STEP_MIB} MiB`
    if (!strictlyAscending(device.identifiers, (identifier) => identifier)) return 'identifiers do not ascend'
    return strictlyAscending(environment, ({ what }) => toHex(u8.enc(ENVIRONMENT[what]))) ? null : 'the environment does not ascend'
  },
})

/** @throws RangeError if the facts break a rule */
export function encodeFacts(value: Facts): Uint8Array {
  return facts.encode(value)
}

/** @throws MalformedError */
export function decodeFacts(bytes: Uint8Array): Facts {
  return facts.decode(bytes)
}

/** What a machine commits to: `S("assay/1/facts" ‖ bytes)`. */
export function factsId(crypto: Crypto, bytes: Uint8Array): Hash {
  return toHex(crypto.sha256(concat(utf8('assay/1/facts'), bytes)))
}

/** What tells one device from all others: a GPU's UUID, the running kernel's boot id, or the mainboard's UUID. */
export type IdentifierSource = 'gpu' | 'boot' | 'product'

const IDENTIFIER_SOURCES: Record<IdentifierSource, number> = { gpu: 0, boot: 1, product: 2 }
/** One digit that often is a vendor's filling (zeros, or zeros and a MAC address); of 10^7 UUIDs by chance, one. */
const FILLING = 14
/** Other UUIDs that many boards share. */
const PLACEHOLDERS = new Set(['123456781234567890abcddeefaabbcc', '01234567891011121314151617181920'])

/**
 * The identifier of a device for one round, null if the text is no UUID or a vendor's placeholder: `H("assay/1/device-id" ‖ N ‖ beacon ‖ u8 source ‖
 * the UUID's 32 hex digits, lower-case)`. Only UUIDs: whatever has less chance in it (serial numbers, MAC addresses) is found by trying.
 *
 * ```ts
 * deviceIdentifier(crypto, { network, beacon }, 'gpu', 'GPU-6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11') // '0x…'
 * ```
 */
export function deviceIdentifier(crypto: Crypto, round: { network: AccountId; beacon: Hash }, source: IdentifierSource, text: string): Hash | null {
  const digits = /^(?:gpu-)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/.exec(text.trim().toLowerCase())?.slice(1).join('')
  if (digits === undefined || PLACEHOLDERS.has(digits) || [...new Set(digits)].some((digit) => digits.split(digit).length - 1 >= FILLING)) return null
  return toHex(crypto.blake2b256(concat(utf8('assay/1/device-id'), fromHex(round.network), fromHex(round.beacon), Uint8Array.of(IDENTIFIER_SOURCES[source]), utf8(digits))))
}

/** At most `MAX_IDENTIFIERS` of them, each once, as `Device` wants them. Of more, chance (the beacon) chooses the same for all who hold the device. */
export function sortIdentifiers(identifiers: Iterable<Hash | null>): Hash[] {
  return [...new Set([...identifiers].filter((identifier) => identifier !== null))].toSorted().slice(0, MAX_IDENTIFIERS)
}

/**
 * What stays the same as long as the device does: `H("assay/1/fingerprint" ‖ N ‖ M ‖ name ‖ 0x00 ‖ value ‖ 0x00 ‖ …)` over named static facts, ascending by name.
 * Salted with the machine's account: it shows change over time and links no two accounts.
 */
export function deviceFingerprint(crypto: Crypto, network: AccountId, machine: AccountId, statics: Readonly<Record<string, string>>): Hash {
  // A zero byte ends each part, and no part may hold one: no two sets of facts give the same bytes.
  const parts = Object.keys(statics).toSorted().flatMap((name) => [name, statics[name]!])
  const ended = parts.map((part) => concat(utf8(part.replaceAll('\0', '')), Uint8Array.of(0)))
  return toHex(crypto.blake2b256(concat(utf8('assay/1/fingerprint'), fromHex(network), fromHex(machine), joinBytes(ended))))
}
