// After how many rounds canaries expose a checker that says RAN whatever it saw, and how surely: exact, over all the ways in which canaries can fall. PROTOCOL section 16.
import { afterEpoch, type Calibration, falseAcceptRate, LEAST_QUALITY, NEW_CALIBRATION, qualityPpm } from './calibration.ts'

/** A network as far as exposure depends on it. */
export interface ExposureSetting {
  checkers: number
  /** Members of a committee. */
  committee: number
  epochRounds: number
  /** Canaries in each round. */
  canaries: number
  /** Of 256: see `Canary`. */
  mute: number
}

/** What exposes: its word weighs nothing any more, or the interval of its false accepts excludes what an honest checker might come to. */
export type Exposed = 'WEIGHTLESS' | 'BEYOND_HONEST'

/** False accepts that an honest checker might come to, in millionths. It comes to none by itself; this is room for faults. */
const HONEST_PPM = 10_000

const isExposed = (by: Exposed, calibration: Calibration): boolean => (by === 'WEIGHTLESS' ? qualityPpm(calibration) < LEAST_QUALITY : falseAcceptRate(calibration).lowPpm > HONEST_PPM)

/** A probability as a fraction. */
interface Chance {
  of: bigint
  in: bigint
}

/** The chance that one canary is a trial of a checker by muting it in one round: it is in the committee, muted, and not everybody else of the committee is, for then nothing shows that the canary ran. */
function mutedTrial({ checkers, committee, mute }: ExposureSetting): Chance {
  const size = BigInt(Math.min(committee, checkers))
  const [q, all] = [BigInt(mute), 256n]
  const others = all ** (size - 1n)
  return reduced({ of: size * q * (others - q ** (size - 1n)), in: BigInt(checkers) * all * others })
}

/**
 * The least number of rounds, whole epochs, after which a checker that always says RAN has been exposed with a probability of at least `surePpm` millionths; null if that takes more than `mostEpochs`.
 * Honest colleagues see every canary that shows itself to them; each canary falls by itself.
 */
export function roundsToExposure(setting: ExposureSetting, by: Exposed, surePpm: number, mostEpochs: number): number | null {
  const trial = mutedTrial(setting)
  const count = setting.canaries * setting.epochRounds
  const ways = binomial(count, trial)
  const total = trial.in ** BigInt(count)
  // Ways in which a checker that is not exposed yet remembers so many muted trials, all of them false accepts.
  let hidden = new Map([[0, 1n]])
  let all = 1n
  for (let epoch = 1; epoch <= mostEpochs; epoch++) {
    const next = new Map<number, bigint>()
    for (const [remembered, way] of hidden)
      for (const [muted, more] of ways.entries()) {
        const after = afterEpoch({ ...NEW_CALIBRATION, muted: remembered, falseAccepts: remembered }, { ...NEW_CALIBRATION, muted, falseAccepts: muted })
        if (more > 0n && !isExposed(by, after)) next.set(after.muted, (next.get(after.muted) ?? 0n) + way * more)
      }
    hidden = next
    all *= total
    const left = [...hidden.values()].reduce((sum, way) => sum + way, 0n)
    if (left * 1_000_000n <= all * BigInt(1_000_000 - surePpm)) return epoch * setting.epochRounds
  }
  return null
}

/** In how many of `chance.in ** count` ways 0, 1, … of `count` things happen. */
function binomial(count: number, { of, in: all }: Chance): bigint[] {
  let ways = [1n]
  for (let i = 0; i < count; i++) ways = Array.from({ length: ways.length + 1 }, (_, happened) => (ways[happened - 1] ?? 0n) * of + (ways[happened] ?? 0n) * (all - of))
  return ways
}

function reduced({ of, in: all }: Chance): Chance {
  const divisor = greatest(of, all)
  return { of: of / divisor, in: all / divisor }
}

const greatest = (a: bigint, b: bigint): bigint => (b === 0n ? a : greatest(b, a % b))
