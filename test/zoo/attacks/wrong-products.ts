import { type Attack, lyingMachine, STEPS } from '../attack.ts'

/** p of PROTOCOL section 1. */
const PRIME = 2 ** 31 - 1

/** Ways to save multiplications, or to hide that they are wrong, in every row. */
export const wrongProducts: Attack[] = [
  { name: 'skipped steps', liar: 'commits to the step before again in every other step', run: (trial) => lyingMachine(trial, { lie: (t, i, prover) => (t % 2 === 0 ? prover.row(t - 1, i) : undefined) }) },
  {
    name: 'copied rows',
    liar: 'multiplies one row a step and commits to it 64 times',
    run: (trial) => {
      let first: Int32Array | undefined
      return lyingMachine(trial, { lie: (_t, i, prover) => (i === 0 ? (first = prover.product(prover.input(0))) : first) })
    },
  },
  { name: 'truncated inner dimension', liar: 'leaves out the last 3 of 64 terms of every sum', run: (trial) => lyingMachine(trial, { lie: (_t, i, prover) => prover.product(prover.input(i), 61) }) },
  { name: '16-bit rounding', liar: 'rounds every sum to 16 significant bits', run: (trial) => lyingMachine(trial, { lie: (_t, i, prover) => prover.product(prover.input(i)).map(rounded) }) },
  { name: 'range: C + p', liar: 'shifts every sum by the prime of the check', run: (trial) => lyingMachine(trial, { lie: (_t, i, prover) => prover.product(prover.input(i)).map((c) => (c > 0 ? c - PRIME : c + PRIME)) }) },
  {
    name: 'one flipped bit',
    liar: 'an honest machine whose memory flips one bit of one sum',
    run: (trial) => lyingMachine(trial, { lie: (t, i, prover) => (t === STEPS && i === 5 ? prover.product(prover.input(i)).map((c, j) => (j === 7 ? c ^ 1 : c)) : undefined) }),
  },
  { name: 'honest machine', liar: 'none: how often an honest machine passes', run: (trial) => lyingMachine(trial, {}) },
]

/** To 16 significant bits. */
function rounded(c: number): number {
  const drop = Math.max(0, 32 - Math.clz32(Math.abs(c)) - 16)
  return (c >> drop) << drop
}
