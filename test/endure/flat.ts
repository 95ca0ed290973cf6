// Whether a figure that is taken once a round has stopped growing.

export interface Flatness {
  /** Median of the first quarter after the warm-up. */
  first: number
  /** Median of the last quarter. */
  last: number
  /** Of the straight line through all after the warm-up, a hundred rounds. */
  slope: number
  flat: boolean
}

/** The part of a run in which a process compiles its code and sizes its heap, and grows with a right to. */
const WARM_UP = 0.2
/** A heap is collected when it pays, so what a process has of memory goes up and down by some per cent though it holds no more. */
const ROOM = 0.1

/**
 * Flat is what has in its last quarter at most a tenth, and `slack`, more than in the first after the warm-up. Medians, because single samples stand before or after a collection by chance.
 * @example flatness([50, 9, 100, 101, 99, 100, 101, 100, 99, 100]).flat // true
 */
export function flatness(samples: readonly number[], slack = 0): Flatness {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP))
  const quarter = Math.max(1, Math.floor(warm.length / 4))
  const [first, last] = [median(warm.slice(0, quarter)), median(warm.slice(-quarter))]
  return { first, last, slope: 100 * slopeOf(warm), flat: last <= first * (1 + ROOM) + slack }
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

/** Least squares over 0, 1, 2 …; 0 of fewer than two. */
function slopeOf(values: readonly number[]): number {
  if (values.length < 2) return 0
  const [x, y] = [(values.length - 1) / 2, values.reduce((sum, value) => sum + value, 0) / values.length]
  const [over, under] = values.reduce(([a, b], value, i) => [a + (i - x) * (value - y), b + (i - x) ** 2] as const, [0, 0] as readonly [number, number])
  return over / under
}
