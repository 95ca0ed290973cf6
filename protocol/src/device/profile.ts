// Whether what was measured, and what a round proved, fits the device that a machine claims. Flags, not verdicts. PROTOCOL section 13.5.
import type { AccountId } from '../bytes.ts'
import { type DeviceClass, deviceClass, type Range } from './classes.ts'
import type { Device, Profile } from './facts.ts'

/** What is odd about a claim, the gravest first: a class that nobody knows, of the other kind, or with other memory; a rate out of the class's bounds; a rate that is missing; a single source. */
export type ProfileFlag = 'UNKNOWN_CLASS' | 'CLASS_KIND' | 'CLASS_MEMORY' | 'PROFILE_INT8' | 'PROFILE_F32' | 'PROFILE_MEMORY' | 'PROFILE_CHASE' | 'NOT_MEASURED' | 'TOO_FEW_SOURCES'

const RATES = [['int8Mmacs', 'PROFILE_INT8'], ['f32Mflops', 'PROFILE_F32'], ['memoryMBps', 'PROFILE_MEMORY'], ['chasePs', 'PROFILE_CHASE']] as const satisfies [keyof Profile, ProfileFlag][]
/** As many sources must name a device before its class is more than one program's word. */
const MIN_SOURCES = 2

const within = (value: number, { min, max }: Range): boolean => min <= value && value <= max

/** Checks a device's claim against its class, gravest flag first; `classOf` may hand in widened rows. */
export function checkProfile(device: Device, classOf: (id: number) => DeviceClass | undefined = deviceClass): 'OK' | ProfileFlag {
  const row = classOf(device.class)
  if (row === undefined) return 'UNKNOWN_CLASS'
  if (row.kind !== device.kind) return 'CLASS_KIND'
  if (!within(device.memoryMiB, row.memoryMiB)) return 'CLASS_MEMORY'
  const bounded = RATES.flatMap(([rate, flag]) => (row.profile[rate] === null ? [] : [{ flag, range: row.profile[rate], measured: device.profile[rate] }]))
  const outside = bounded.find(({ range, measured }) => measured !== 0 && !within(measured, range))
  if (outside !== undefined) return outside.flag
  if (bounded.some(({ measured }) => measured === 0)) return 'NOT_MEASURED'
  return device.agreeing < MIN_SOURCES ? 'TOO_FEW_SOURCES' : 'OK'
}

/** The rate that a round proved, in 10^6 multiply-accumulates a second, rounded down: at least so fast is the machine as a whole. `work` is what a PASS is paid for (PROTOCOL section 8). */
export function provenInt8Mmacs(work: bigint, windowMs: number): number {
  return Number(work / BigInt(windowMs) / 1000n)
}

/** What is odd about a claim in the light of what a round proved. */
export type ProvenFlag = 'PROVEN_BELOW' | 'PROVEN_ABOVE' | 'SCAN_BELOW' | 'SCAN_ABOVE'

/** All that can be odd about a claim. */
export type ClaimFlag = ProfileFlag | ProvenFlag

/** Below this size of a matrix (2^9) a chain is hashes and messages rather than products, and its rate tells little of the device. */
const TELLING_LOG2N = 9

/**
 * Checks what a machine claims to have measured against what it proved: the one number here that no owner can make up. PROVEN_BELOW: less than a tenth of
 * its units' claimed rate; not said of small matrices, nor of a chain that was `capped` by `maxSteps`. PROVEN_ABOVE: more than so many units of that class can do.
 */
export function checkProven(
  device: Device,
  proven: { int8Mmacs: number; log2n: number; capped: boolean },
  classOf: (id: number) => DeviceClass | undefined = deviceClass,
): 'OK' | ProvenFlag {
  const range = classOf(device.class)?.profile.int8Mmacs
  if (range && proven.int8Mmacs > device.units * range.max) return 'PROVEN_ABOVE'
  const telling = !proven.capped && proven.log2n >= TELLING_LOG2N
  return telling && proven.int8Mmacs * 10 < device.units * device.profile.int8Mmacs ? 'PROVEN_BELOW' : 'OK'
}

/** Honest scans lie above this part of what the machine measured of itself: they hash, and talk to checkers, beside reading. */
const SCAN_SHARE = 4

/**
 * Checks the rate at which a memory round proved that memory was read, in 10^6 bytes a second. SCAN_BELOW: a GPU below its class, so that the memory is not the card's or is computed again, or any
 * device below a quarter of what it measured of one unit. SCAN_ABOVE: more than so many units of that class can read: a cache, or another device.
 */
export function checkScan(device: Device, scanMBps: number, classOf: (id: number) => DeviceClass | undefined = deviceClass): 'OK' | ProvenFlag {
  const range = classOf(device.class)?.profile.memoryMBps
  if (range && scanMBps > device.units * range.max) return 'SCAN_ABOVE'
  const belowClass = device.kind === 'GPU' && range != null && scanMBps < range.min
  return belowClass || scanMBps * SCAN_SHARE < device.profile.memoryMBps ? 'SCAN_BELOW' : 'OK'
}

/** So many owners must have proven a rate before a class is widened by it. */
const WIDENING_OWNERS = 3

/**
 * The class with its int8 bound raised to what rounds proved of machines that claim it: the third-greatest of the owners' best rates per unit, at most twice
 * the table's bound. Only upwards, since slowness cannot be proven, and only int8, since nothing else is. Takes the row of the table, never a widened one:
 * so the order of the measurements does not matter, and nothing creeps.
 */
export function widen(row: DeviceClass, proven: Iterable<{ owner: AccountId; int8MmacsPerUnit: number }>): DeviceClass {
  const range = row.profile.int8Mmacs
  if (range === null) return row
  const best = new Map<AccountId, number>()
  for (const { owner, int8MmacsPerUnit } of proven) best.set(owner, Math.max(best.get(owner) ?? 0, int8MmacsPerUnit))
  const agreed = [...best.values()].toSorted((a, b) => b - a)[WIDENING_OWNERS - 1] ?? 0
  const max = Math.max(range.max, Math.min(agreed, 2 * range.max))
  return { ...row, profile: { ...row.profile, int8Mmacs: { ...range, max } } }
}
