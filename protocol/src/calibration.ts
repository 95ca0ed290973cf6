// How far a checker's word goes: what canaries showed of it, forgotten slowly, as a quality, a weight and intervals. Integers only. PROTOCOL section 16.
import type { Trials } from './canaries.ts'

/** What is remembered of a checker: `Trials` in 256ths, each a u32. All zero is a checker of which nothing is known. */
export type Calibration = Trials

/** One trial in a calibration. Finer than 1, or a single trial would be forgotten whole after its epoch. */
export const TRIAL = 256
const MOST = 2 ** 32 - 1
const MILLION = 1_000_000n

export const NEW_CALIBRATION: Readonly<Calibration> = { muted: 0, falseAccepts: 0, shown: 0, falseRejects: 0 }

/** What is remembered after an epoch: seven eighths of what was, rounded down, and the epoch's trials. */
export function afterEpoch(before: Calibration, trials: Trials = NEW_CALIBRATION): Calibration {
  const next = (of: keyof Calibration): number => Math.min(MOST, Math.floor((before[of] * 7) / 8) + TRIAL * trials[of])
  return { muted: next('muted'), falseAccepts: next('falseAccepts'), shown: next('shown'), falseRejects: next('falseRejects') }
}

/** True if nothing is remembered that a new checker would not have. */
export const isNewCalibration = (calibration: Calibration): boolean => Object.values(calibration).every((value) => value === 0)

/** The part of its canaries that a checker sees rightly, of both kinds, each with one right trial in advance; in millionths. */
export function qualityPpm({ muted, falseAccepts, shown, falseRejects }: Calibration): number {
  const right = BigInt(shown - falseRejects + TRIAL) * BigInt(muted - falseAccepts + TRIAL)
  return Number((MILLION * right) / (BigInt(shown + TRIAL) * BigInt(muted + TRIAL)))
}

/** Below it a checker's word weighs nothing. */
export const LEAST_QUALITY = 500_000

/** What a checker's word weighs, in millionths. */
export function weightOf(calibration: Calibration): number {
  const quality = qualityPpm(calibration)
  return quality < LEAST_QUALITY ? 0 : quality
}

/** In millionths, both ends included. */
export interface Interval {
  lowPpm: number
  highPpm: number
}

/** z^2 for 95 %, z = 1.96, in ten thousandths. */
const Z2 = 38_416n
const SCALE = 10_000n

/** The interval of a rate that shows itself in `events` of `trials`, both in 256ths of a trial: Wilson's score at 95 %, rounded outwards; everything without a trial. */
export function wilson(events: number, trials: number): Interval {
  if (trials === 0) return { lowPpm: 0, highPpm: Number(MILLION) }
  const unit = BigInt(TRIAL)
  const [k, n] = [BigInt(events), BigInt(trials)]
  // (2k + z² ± sqrt(z⁴ + 4z²k(n-k)/n)) / 2(n + z²), all times 256 * SCALE.
  const middle = MILLION * (2n * k * SCALE + Z2 * unit)
  const spread = rootUp(ceilDiv(MILLION * MILLION * (Z2 * Z2 * unit * unit * n + 4n * Z2 * SCALE * unit * k * (n - k)), n))
  const below = 2n * (n * SCALE + Z2 * unit)
  const clamp = (ppm: bigint): number => Number(ppm < 0n ? 0n : ppm > MILLION ? MILLION : ppm)
  return { lowPpm: middle > spread ? clamp((middle - spread) / below) : 0, highPpm: clamp(ceilDiv(middle + spread, below)) }
}

/** The intervals of a checker's two rates. */
export const falseAcceptRate = ({ falseAccepts, muted }: Calibration): Interval => wilson(falseAccepts, muted)
export const falseRejectRate = ({ falseRejects, shown }: Calibration): Interval => wilson(falseRejects, shown)

const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

/** The least integer whose square is at least `value`. */
function rootUp(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) break
    root = next
  }
  return root * root === value ? root : root + 1n
}
