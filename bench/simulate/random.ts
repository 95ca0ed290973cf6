// Chance that is the same for the same seed. Floats: nothing here is money.

export interface Random {
  /** From 0 to below 1. */
  next(): number
  /** Failures before the first success of chance `p`: how many rounds pass until something happens. Infinity if it never does. */
  skip(p: number): number
  /** How many of `count` succeed with chance `p`; by the normal distribution where that is close. */
  binomial(count: number, p: number): number
  /** exp of a normal variable of mean 0. */
  logNormal(sigma: number): number
}

/** sfc32 (C. Doty-Humphrey), seeded with one number. */
export function random(seed: number): Random {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, seed | 0, 1]
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 16; i++) next()
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return {
    next,
    skip: (p) => (p <= 0 ? Infinity : p >= 1 ? 0 : Math.floor(Math.log(1 - next()) / Math.log(1 - p))),
    binomial(count, p) {
      const mean = count * p
      if (mean > 30 && count - mean > 30) return Math.min(count, Math.max(0, Math.round(mean + Math.sqrt(mean * (1 - p)) * normal())))
      let happened = 0
      const [rare, turned] = p > 0.5 ? [1 - p, true] : [p, false]
      for (let at = this.skip(rare); at < count; at += 1 + this.skip(rare)) happened++
      return turned ? count - happened : happened
    },
    logNormal: (sigma) => Math.exp(sigma * normal()),
  }
}
