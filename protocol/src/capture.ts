// How likely a committee falls into malicious hands, counted exactly from the number of checkers and the size of committees. PROTOCOL section 4.1.
// Nothing here decides anything: it is what founders and users weigh.
//
// What a captured committee can do: a majority of a committee's votes decides what became of a machine (section 8). Those who hold it can say NOT_RUN or UNREACHABLE of an honest machine, which is
// then not paid; and with a machine in league they can say that they read in the window what was computed after it, so that a slow device is paid as a fast one. They cannot make a wrong product
// right. A machine forfeits by them only if no honest member's package counts either: then nobody shows the openings that it sent to its committee, NOT_OPENED. Each round draws anew, so what is captured is that round of that machine.
//
// What the figures leave out, all of it to the attacker's gain unless the network sees to it:
// - Honest members who do not report, or whose packages too few mirrors hold, are not counted. Of c counted more than c/2 suffice, and c = floor(k/2) + 1 make a quorum.
// - Half of an even committee decides nothing but keeps anything from being decided: NO_QUORUM, unpaid for that round.
// - Whoever can choose among several beacons (`rand` of section 1) draws again: with d tries per-round figures are up to d times as high.
// - Whether checkers are independent people nobody can see; the role that the network gives is what stands for it.
import type { Parameters } from './parameters.ts'
import { MAX_SETTLERS, thresholdOf } from './settlers.ts'

/** A probability as an exact fraction, not in lowest terms. */
export interface Probability {
  of: bigint
  in: bigint
}

const SCALE = 10n ** 18n
/** The most that a sound network allows over an epoch with a third of its checkers in league: one in a million, in units of 10^-18. */
export const CAPTURE_LIMIT = SCALE / 1_000_000n
/** The largest `committee` that parameters can have. */
const MOST_COMMITTEE = 255

/**
 * The probability that a committee of `size`, drawn without replacement from `checkers` of which `malicious` are in league, has a strict majority of them: `floor(size/2)+1` or more. Exact.
 * Where there are fewer checkers than `size` all of them are the committee.
 * @throws RangeError unless 0 <= malicious <= checkers and size >= 1, integers all
 */
export function captureProbability(checkers: number, malicious: number, size: number): Probability {
  if (![checkers, malicious, size].every(Number.isSafeInteger) || malicious < 0 || malicious > checkers || size < 1) throw new RangeError(`no ${malicious} of ${checkers} checkers, or no committee of ${size}`)
  const seats = Math.min(size, checkers)
  return atLeast(checkers, malicious, seats, Math.floor(seats / 2) + 1)
}

/**
 * The probability that so many mirrors of a malicious checker's package are malicious that they can vouch for it alone: `floor(mirrors/3)+1` of those drawn from the other checkers. Exact.
 * With a third in league that is a quarter to a half for any m unless all the others are mirrors: a bit says that a package is somewhere, not that honest hands have it. What it gains: a package counts that cannot
 * be had, and its round cannot be judged until somebody shows it.
 */
export function vouchProbability(checkers: number, malicious: number, mirrors: number): Probability {
  if (malicious < 1) return { of: 0n, in: 1n }
  const seats = Math.min(mirrors, checkers - 1)
  return atLeast(checkers - 1, malicious - 1, seats, Math.floor(seats / 3) + 1)
}

/** P(at least `least` of `seats` drawn from `all` are of the `marked`): the upper tail of the hypergeometric distribution, the sum of C(marked, j) * C(all - marked, seats - j) / C(all, seats). */
function atLeast(all: number, marked: number, seats: number, least: number): Probability {
  const most = Math.min(seats, marked)
  const unmarked = all - marked
  const first = Math.max(least, seats - unmarked)
  const ways = choose(all, seats)
  if (first > most) return { of: 0n, in: ways }
  let term = choose(marked, first) * choose(unmarked, seats - first)
  let of = term
  for (let j = first; j < most; j++) {
    // Each from the one before; the division leaves nothing.
    term = (term * BigInt(marked - j) * BigInt(seats - j)) / (BigInt(j + 1) * BigInt(unmarked - seats + j + 1))
    of += term
  }
  return { of, in: ways }
}

function choose(n: number, k: number): bigint {
  let ways = 1n
  for (let i = 1; i <= Math.min(k, n - k); i++) ways = (ways * BigInt(n - i + 1)) / BigInt(i)
  return ways
}

/** In units of 10^-18, rounded up: 0 only of what cannot be. */
export const scaled = ({ of, in: all }: Probability): bigint => (of * SCALE + all - 1n) / all

const FIXED_BITS = 256n

/**
 * That it happens at least once in `rounds` independent rounds, `1 - (1 - p)^rounds`, in units of 10^-18. Powers of exact fractions would have megabytes of digits, so `(1 - p)^rounds` is kept to
 * 2^-256 and rounded down with each product: never too low, and at most one unit above the exact value rounded up, for that costs less than `2 * rounds * 2^-256`.
 * @throws RangeError unless `rounds` is an integer from 0 to 2^32 - 1
 */
export function overRounds({ of, in: all }: Probability, rounds: number): bigint {
  if (!Number.isInteger(rounds) || rounds < 0 || rounds >= 2 ** 32) throw new RangeError(`${rounds} rounds`)
  if (of === 0n) return 0n
  let factor = ((all - of) << FIXED_BITS) / all
  let spared = 1n << FIXED_BITS
  for (let left = rounds; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) spared = (spared * factor) >> FIXED_BITS
    factor = (factor * factor) >> FIXED_BITS
  }
  return scaled({ of: (1n << FIXED_BITS) - spared, in: 1n << FIXED_BITS })
}

/** The least committee that is captured in one of `rounds` rounds with no more than `CAPTURE_LIMIT`, odd or even; null if none of up to 255 is. */
export function sufficientCommittee(checkers: number, malicious: number, rounds: number): number | null {
  for (let size = 1; size <= Math.min(checkers, MOST_COMMITTEE); size++) if (overRounds(captureProbability(checkers, malicious, size), rounds) <= CAPTURE_LIMIT) return size
  return null
}

/** What a network promises one machine if a part of its checkers is in league. Probabilities in units of 10^-18, never too low. */
export interface Capture {
  checkers: number
  malicious: number
  /** Members that a committee has: all checkers if there are no more. */
  committee: number
  /** Of an epoch. */
  rounds: number
  /** Of one machine's committee in one round. */
  perRound: bigint
  /** Of one machine's committee in at least one round of an epoch. */
  perEpoch: bigint
  /** That malicious mirrors can vouch alone for a package of one of them, in one round. */
  vouch: bigint
  /** True if `perEpoch` is above one in a million. A warning and no fault: small networks for development must run. */
  flagged: boolean
  /** The least committee that is not flagged; null if none is. */
  sufficient: number | null
}

/** See `Capture`; unless said otherwise a third of the checkers, rounded down, is in league. */
export function captureOf(checkers: number, { committee, mirrors, epochRounds: rounds }: { committee: number; mirrors: number; epochRounds: number }, malicious: number = Math.floor(checkers / 3)): Capture {
  const once = captureProbability(checkers, malicious, committee)
  const perEpoch = overRounds(once, rounds)
  return {
    checkers,
    malicious,
    committee: Math.min(committee, checkers),
    rounds,
    perRound: scaled(once),
    perEpoch,
    vouch: scaled(vouchProbability(checkers, malicious, mirrors)),
    flagged: perEpoch > CAPTURE_LIMIT,
    sufficient: sufficientCommittee(checkers, malicious, rounds),
  }
}

/** The same in a sentence for people. */
export function explainCapture({ checkers, malicious, committee, rounds, perRound, perEpoch, flagged, sufficient }: Capture): string {
  const risk = `if ${malicious} of ${checkers} checkers are in league, they are the majority of a machine's committee of ${committee} with a probability of ${probabilityText(perRound)} in a round and ${probabilityText(perEpoch)} in one of the ${rounds} rounds of an epoch`
  if (!flagged) return `${risk}; no more than one in a million is advised`
  const cure = sufficient === null ? 'no committee of up to 255 is large enough for that: fewer rounds would have to make an epoch' : `a committee of ${sufficient} would be enough`
  return `${risk}; no more than one in a million is advised, and ${cure}`
}

/** What the draw of a term's settlers promises if a part of its checkers is in league. Probabilities in units of 10^-18, never too low. */
export interface SettlersCapture {
  checkers: number
  malicious: number
  /** Drawn: all checkers if there are no more than 20. */
  settlers: number
  threshold: number
  /** In one draw, so once a term: that those in league are `threshold` or more, and can move the pot wherever they like. */
  captured: bigint
  /** In one draw: that without those in league `threshold` is not reached, so that the pot stands still if they do nothing. Whoever captures can do this too. */
  stalled: bigint
  /** True if one of the two is above one in a million. A warning and no fault. */
  flagged: boolean
}

/** See `SettlersCapture`; unless said otherwise a third of the checkers, rounded down, is in league. Null where nobody is drawn: there are no terms, or fewer than two checkers. */
export function settlersCaptureOf(checkers: number, { termEpochs }: Pick<Parameters, 'termEpochs'>, malicious: number = Math.floor(checkers / 3)): SettlersCapture | null {
  if (termEpochs === 0 || checkers < 2) return null
  const settlers = Math.min(MAX_SETTLERS, checkers)
  const threshold = thresholdOf(settlers)
  const captured = scaled(atLeast(checkers, malicious, settlers, threshold))
  const stalled = scaled(atLeast(checkers, malicious, settlers, settlers - threshold + 1))
  return { checkers, malicious, settlers, threshold, captured, stalled, flagged: captured > CAPTURE_LIMIT || stalled > CAPTURE_LIMIT }
}

/** The same in a sentence for people. */
export function explainSettlersCapture({ checkers, malicious, settlers, threshold, captured, stalled }: SettlersCapture): string {
  return `if ${malicious} of ${checkers} checkers are in league, the ${settlers} settlers drawn for a term, of whom ${threshold} move the pot, can be made to pay them all of it with a probability of ${probabilityText(captured)} and to pay nobody with one of ${probabilityText(stalled)}; no more than one in a million is advised`
}

/** A probability in units of 10^-18 as people write it, two digits, rounded up: `probabilityText(333n * 10n ** 15n)` is `'0.34'`; below a thousandth a power of ten, `'1e-8'`. */
export function probabilityText(value: bigint): string {
  const unit = 10n ** BigInt(Math.max(0, String(value).length - 2))
  const rounded = ((value + unit - 1n) / unit) * unit
  if (rounded === 0n || rounded === SCALE) return String(rounded / SCALE)
  const digits = String(rounded)
  if (rounded * 1000n >= SCALE) return `0.${digits.padStart(18, '0').replace(/0+$/, '')}`
  return `${digits[0]}${digits.length > 1 && digits[1] !== '0' ? `.${digits[1]}` : ''}e-${19 - digits.length}`
}
