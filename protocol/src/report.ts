// What a checker saw, and how it stands on chain. PROTOCOL sections 6 and 7.
import { type AccountId, concat, fromHex, type Hash, u32le, utf8, ZERO_HASH } from './bytes.ts'
import { boundedBytes, type Codec, hex32, names, strict, strictlyAscending, struct, u32, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import { merkleRoot } from './merkle.ts'
import { ITEM_BYTES } from './parameters.ts'
import { isNotRunReason, reasonCodec, type ReasonCode } from './reasons.ts'

/** What one checker saw of one machine in one round. */
export interface Observation {
  machine: AccountId
  outcome: 'RAN' | 'NOT_RUN' | 'UNREACHABLE'
  /** OK with RAN, UNREACHABLE with UNREACHABLE, with NOT_RUN why: one of `NotRunReason`. */
  reason: ReasonCode
  /** Id of the commitment blob; zeros unless RAN. */
  commitment: Hash
  /** Last step that arrived within the window; 0 and zeros if none did. */
  lastStep: number
  /** key_lastStep. */
  lastKey: Hash
  /** Kilobits a second, to the machine; 0: not measured. */
  downKbps: number
  /** Kilobits a second, from the machine; 0: not measured. */
  upKbps: number
  /** Microseconds; 0: not measured. */
  rttUs: number
  /** Microseconds from the nonce to the first progress; 0: none came. */
  firstUs: number
}

/** A checker's one extrinsic of a round. */
export interface ReportItem {
  round: number
  /** Root over the observations of this round. */
  commitment: Hash
  /** Package root of the round before; zeros: none. */
  previousPackage: Hash
  /** Bit i: the package of the i-th of the checkers eligible two rounds before is held completely. */
  held: Uint8Array
}

/** Inside a manifest. */
export const observationCodec: Codec<Observation> = struct({
  machine: hex32,
  outcome: names({ RAN: 0, NOT_RUN: 1, UNREACHABLE: 2 }),
  reason: reasonCodec,
  commitment: hex32,
  lastStep: u32,
  lastKey: hex32,
  downKbps: u32,
  upKbps: u32,
  rttUs: u32,
  firstUs: u32,
})

/** The rule of an observation: null, or what is wrong. */
export function observationFault({ outcome, reason, commitment }: Observation): string | null {
  if (outcome !== 'RAN' && commitment !== ZERO_HASH) return 'a commitment without RAN'
  const fits = outcome === 'RAN' ? reason === 'OK' : outcome === 'UNREACHABLE' ? reason === 'UNREACHABLE' : isNotRunReason(reason)
  return fits ? null : `${outcome} with reason ${reason}`
}

const observation = strict('observation', observationCodec, { rule: observationFault })

/** @throws RangeError if it breaks a rule of section 6 */
export function encodeObservation(value: Observation): Uint8Array {
  return observation.encode(value)
}

/** @throws MalformedError */
export function decodeObservation(bytes: Uint8Array): Observation {
  return observation.decode(bytes)
}

/** What a report's tree commits to: who looks, where, when, and the salt that hides it until the package is out. */
export interface ReportScope {
  network: AccountId
  round: number
  checker: AccountId
  salt: Hash
}

/**
 * The leaves of a report's tree, without the 0x00 that the tree puts before each.
 * @throws RangeError unless the observations ascend strictly by machine
 */
export function observationLeaves(crypto: Crypto, scope: ReportScope, observations: readonly Observation[]): Uint8Array[] {
  if (!strictlyAscending(observations, ({ machine }) => machine)) throw new RangeError('observations do not ascend by machine')
  const leafOf = observationLeaf(crypto, scope)
  return observations.map((observed) => leafOf(encodeObservation(observed)))
}

/** What makes a leaf of a report's tree of the bytes of an observation, as `observationLeaves` does; whether they are one must be known already. */
export function observationLeaf(crypto: Crypto, { network, round, checker, salt }: ReportScope): (observation: Uint8Array) => Uint8Array {
  const scope = concat(utf8('assay/1/observation'), fromHex(network), u32le(round), fromHex(checker))
  const salted = concat(utf8('assay/1/salt'), fromHex(salt))
  // The machine is what an observation begins with.
  return (bytes) => concat(scope, crypto.sha256(concat(salted, bytes.subarray(0, 32))), bytes)
}

/** The root that a report commits to; see `observationLeaves`. */
export function reportRoot(crypto: Crypto, scope: ReportScope, observations: readonly Observation[]): Hash {
  return merkleRoot(crypto, observationLeaves(crypto, scope, observations))
}

/** Longest bitmap that fits an item: enough for 464 checkers. */
export const HELD_BYTES = 58

const item = strict('report item', versioned(1, struct({ round: u32, commitment: hex32, previousPackage: hex32, held: boundedBytes(HELD_BYTES) })), { maxBytes: ITEM_BYTES })

/** At most 128 bytes. @throws RangeError */
export function encodeReportItem(value: ReportItem): Uint8Array {
  return item.encode(value)
}

/** @throws MalformedError */
export function decodeReportItem(bytes: Uint8Array): ReportItem {
  return item.decode(bytes)
}

/** The bitmap of `size` checkers in which the given places are set. @throws RangeError if a place is not below `size`, or `size` above 464 */
export function heldBitmap(size: number, places: Iterable<number>): Uint8Array {
  if (size > 8 * HELD_BYTES) throw new RangeError(`${size} checkers do not fit a bitmap of ${HELD_BYTES} bytes`)
  const bits = new Uint8Array(Math.ceil(size / 8))
  for (const place of places) {
    if (!Number.isInteger(place) || place < 0 || place >= size) throw new RangeError(`no place ${place} among ${size}`)
    bits[place >> 3]! |= 1 << (place & 7)
  }
  return bits
}

/** True if bit `place` is set; a bit beyond the end is not. */
export function isHeld(held: Uint8Array, place: number): boolean {
  return ((held[place >> 3] ?? 0) & (1 << (place & 7))) !== 0
}
