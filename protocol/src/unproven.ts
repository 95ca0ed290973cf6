/** ln(2^20) * 10^6, rounded up. */
const LN_2_20_MICRO = 13_862_944n

/**
 * Steps' worth of cells that an accepted chain of `steps` steps may have wrong with probability above 2^-20: (1 - f)^samples <= e^(-f * samples) gives f <= ln(2^20) / samples.
 * Ten of the twenty bits are a margin against whoever can draw a block's randomness a thousand times. PROTOCOL section 8.
 */
export function unprovenSteps(steps: number, samples: number): number {
  const share = (LN_2_20_MICRO + BigInt(samples) - 1n) / BigInt(samples)
  return Number((BigInt(steps) * share + 999_999n) / 1_000_000n)
}
