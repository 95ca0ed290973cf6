// Exact binomial statistics, in floats: they describe what was measured and decide nothing that is paid.

const logFactorials = [0]
function logFactorial(n: number): number {
  for (let i = logFactorials.length; i <= n; i++) logFactorials.push(logFactorials[i - 1]! + Math.log(i))
  return logFactorials[n]!
}
const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k)

/** P(X <= k) for X binomial with n trials of chance p. */
export function atMost(n: number, k: number, p: number): number {
  if (k >= n || p <= 0) return 1
  if (p >= 1) return 0
  const terms = Array.from({ length: k + 1 }, (_, i) => logChoose(n, i) + i * Math.log(p) + (n - i) * Math.log1p(-p))
  const top = Math.max(...terms)
  return Math.min(1, Math.exp(top) * terms.reduce((sum, term) => sum + Math.exp(term - top), 0))
}

/** The 95 % interval of Clopper and Pearson for the chance behind `hits` of `trials`: it holds the true chance at least so often, however few the trials. */
export function interval(trials: number, hits: number): [low: number, high: number] {
  const solve = (tooLow: (p: number) => boolean): number => {
    let [low, high] = [0, 1]
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2
      if (tooLow(middle)) low = middle
      else high = middle
    }
    return (low + high) / 2
  }
  return [hits === 0 ? 0 : solve((p) => 1 - atMost(trials, hits - 1, p) < 0.025), hits === trials ? 1 : solve((p) => atMost(trials, hits, p) > 0.025)]
}

/** Rounds after which a liar that is caught with chance `rate` in each has been caught with 99 %; Infinity for 0. */
export function roundsTo99(rate: number): number {
  return rate >= 1 ? 1 : Math.max(1, Math.ceil(Math.log(0.01) / Math.log1p(-rate) - 1e-9))
}
