import { firstKey, type Fold, type Hash, jobSeed, nonceOf, schedule, stepKey } from '@assay/protocol'
import { accountOf } from '@assay/protocol/testing/actors'
import { LyingProver } from '@assay/protocol/testing/prover'
import { blockHash, smallParameters } from '@assay/protocol/testing/round'
import { type Attack, crypto, lyingMachine, STEPS } from '../attack.ts'

const NETWORK = accountOf('network')
const MACHINE = accountOf('machine 0')
const seedRandomness = (trial: string): Hash => blockHash(schedule(smallParameters(), 0).seed, trial)

/** The seed that machine 0 is given in the round of a trial. */
export const jobOf = (trial: string): Uint8Array => jobSeed(crypto, NETWORK, 0, seedRandomness(trial), MACHINE)

/** An honest chain of any seed, whose keys fold these nonces. */
export function chainFrom(seed: Uint8Array): { prover: LyingProver; rootsOf: (folds: readonly Fold[]) => Uint8Array[] } {
  const prover = new LyingProver(crypto, seed, 6, () => undefined)
  const rootsOf = (folds: readonly Fold[]): Uint8Array[] => {
    const noncesAt = (at: number): Uint8Array[] => folds.filter(({ step }) => step === at).map(({ signature }) => nonceOf(crypto, signature))
    const roots: Uint8Array[] = []
    for (let key = firstKey(crypto, seed, noncesAt(0)); roots.length < STEPS; key = stepKey(crypto, key, roots.at(-1)!, noncesAt(roots.length))) roots.push(prover.step(key))
    return roots
  }
  return { prover, rootsOf }
}

/** Hands in the chain of another job, signed anew with the nonces of this round. */
const replay = (name: Attack['name'], liar: string, seedOf: (randomness: Hash) => Uint8Array): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const { prover, rootsOf } = chainFrom(seedOf(seedRandomness(trial)))
    const { found, pay } = await lyingMachine(trial, { commitment: (own) => ({ ...own, roots: rootsOf(own.folds) }), opening: (_openings, cells) => prover.open(cells) })
    return { found, pay, cost: 0 }
  },
})

export const replays: Attack[] = [
  replay('proof of another round', 'hands in the chain of another round, signed anew', (randomness) => jobSeed(crypto, NETWORK, 1, randomness, MACHINE)),
  replay('proof of another machine', 'hands in the chain of another machine, signed anew', (randomness) => jobSeed(crypto, NETWORK, 0, randomness, accountOf('machine 1'))),
  replay('proof of another network', 'hands in the chain of another network, signed anew', (randomness) => jobSeed(crypto, accountOf('network 2'), 0, randomness, MACHINE)),
]
