// How likely a committee is to be in the hands of liars: exact, by counting. PROTOCOL section 4.1.

/** A probability as an exact fraction. */
export interface Probability {
  of: bigint
  in: bigint
}

/**
 * The probability that a committee of `size`, drawn without replacement from `checkers` of which `malicious` are in league, has a majority of them: `floor(size/2)+1` or more, by which they
 * decide what only witnesses know. They cannot pass a bad proof by it; they can say that an honest machine was not there, and read an accomplice high.
 * @throws RangeError unless 0 <= malicious <= checkers and size >= 1
 */
export function captureProbability(checkers: number, malicious: number, size: number): Probability {
  if (![checkers, malicious, size].every(Number.isInteger) || malicious < 0 || malicious > checkers || size < 1) throw new RangeError(`no ${malicious} of ${checkers} checkers, or no committee of ${size}`)
  const seats = Math.min(size, checkers)
  return atLeast(checkers, malicious, seats, Math.floor(seats / 2) + 1)
}

/** The probability that so many of a package's mirrors are malicious that they alone can vouch for it: `floor(mirrors/3)+1`; of the package of one in league, so there is one of these fewer to draw. */
export function vouchProbability(checkers: number, malicious: number, mirrors: number): Probability {
  if (malicious < 1) return { of: 0n, in: 1n }
  const seats = Math.min(mirrors, checkers - 1)
  return atLeast(checkers - 1, malicious - 1, seats, Math.floor(seats / 3) + 1)
}

/** P(at least `least` of `seats` drawn from `all` are of the `marked`): the upper tail of the hypergeometric distribution. */
function atLeast(all: number, marked: number, seats: number, least: number): Probability {
  let of = 0n
  // C(marked, j) * C(all - marked, seats - j), each from the one before; those that cannot be are 0.
  for (let j = Math.max(least, seats - (all - marked)); j <= Math.min(seats, marked); j++) of += choose(marked, j) * choose(all - marked, seats - j)
  return { of, in: choose(all, seats) }
}

function choose(n: number, k: number): bigint {
  let ways = 1n
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - i + 1)) / BigInt(i)
  return ways
}

/** That it happens at least once in `rounds` independent rounds: `1 - (1 - p)^rounds`, exactly. */
export function overRounds({ of, in: all }: Probability, rounds: number): Probability {
  const times = BigInt(rounds)
  return { of: all ** times - (all - of) ** times, in: all ** times }
}

const SCALE = 10n ** 18n

/** In units of 10^-18, rounded up. */
export const scaled = ({ of, in: all }: Probability): bigint => (of * SCALE + all - 1n) / all

/** What a network promises over an epoch if a third of its checkers are in league; more than this is flagged. In units of 10^-18. */
export const CAPTURE_LIMIT = SCALE / 1_000_000n

/** How likely capture is in a network of these sizes. Probabilities in units of 10^-18, rounded up. */
export interface Capture {
  checkers: number
  /** A third of them, rounded down. */
  malicious: number
  /** Of one machine's committee in one round. */
  perRound: bigint
  /** Of one machine's committee in at least one round of an epoch. */
  perEpoch: bigint
  /** True if `perEpoch` is above one in a million. */
  flagged: boolean
  /** The least committee, odd, that is not flagged; null if none is but all of them. */
  sufficient: number | null
}

/** The share in league that networks are measured against: a third. */
export function captureOf(checkers: number, committee: number, epochRounds: number): Capture {
  const malicious = Math.floor(checkers / 3)
  const perRound = captureProbability(checkers, malicious, committee)
  const perEpoch = epochBound(perRound, epochRounds)
  let sufficient: number | null = null
  for (let size = 1; size < Math.min(checkers, 256) && sufficient === null; size += 2) if (epochBound(captureProbability(checkers, malicious, size), epochRounds) <= CAPTURE_LIMIT) sufficient = size
  return { checkers, malicious, perRound: scaled(perRound), perEpoch, flagged: perEpoch > CAPTURE_LIMIT, sufficient }
}

/**
 * `overRounds` in units of 10^-18 and never too low: powers of exact fractions would have megabytes of digits, so the chance to be spared is kept to 10^-36, rounded down with each product.
 */
function epochBound(probability: Probability, rounds: number): bigint {
  const unit = SCALE * SCALE
  let spared = unit
  let factor = unit - (probability.of * unit + probability.in - 1n) / probability.in
  for (let left = rounds; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) spared = (spared * factor) / unit
    factor = (factor * factor) / unit
  }
  return (unit - spared + SCALE - 1n) / SCALE
}

/** A probability in units of 10^-18 as people write it: `probabilityText(12n * 10n ** 15n)` is `'1.20 %'`, and below a hundredth of a percent a power of ten. */
export function probabilityText(value: bigint): string {
  if (value === 0n) return '0'
  if (value >= 10n ** 14n) return `${(Number(value) / 1e16).toPrecision(3)} %`
  return (Number(value) / 1e18).toExponential(1)
}
