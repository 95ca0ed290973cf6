import { draw, encodeOpeningsBlob, type WorkCommitment } from '@assay/protocol'
import { actor } from '@assay/protocol/testing/actors'
import { actorFacts } from '@assay/protocol/testing/actor-facts'
import type { LyingProver } from '@assay/protocol/testing/prover'
import { signCommitment } from '@assay/protocol/testing/round'
import { type Attack, chance, crypto, drawCells, junkRow, lyingMachine, N, packageOf, refOf, SAMPLES, STEPS } from '../attack.ts'

const MACHINE = actor('machine', 'machine 0')
const OTHER = actor('machine', 'machine 1')
const TRIES = 256

/** Lies in what a machine signs. */
export const commitments: Attack[] = [
  {
    name: 'two commitments',
    liar: 'shows one checker a shorter chain than the others',
    run: (trial) => {
      let shorter: Uint8Array | undefined
      const commitment = (own: WorkCommitment): WorkCommitment => ((shorter = signCommitment(MACHINE, { ...own, roots: own.roots.slice(0, -1) })), own)
      const shown = packageOf(chance(trial)(3), (_checker, round, manifest, put) =>
        round > 0 ? manifest : { ...manifest, evidence: manifest.evidence.map((entry) => ({ ...entry, commitments: [...entry.commitments, put(shorter!)] })) },
      )
      return lyingMachine(trial, { commitment }, shown)
    },
  },
  { name: 'smaller matrices', liar: 'commits to a chain of matrices of half the width', run: (trial) => lyingMachine(trial, { commitment: (own) => ({ ...own, log2n: 5 }) }) },
  { name: 'more steps than allowed', liar: 'commits to more steps than the network allows', run: (trial) => lyingMachine(trial, { foldAt: (place) => (place === 0 ? 0 : null), commitment: (own) => ({ ...own, roots: Array.from({ length: 65 }, (_, t) => own.roots[t % STEPS]!) }), opens: false }) },
  {
    name: 'commitment signed by another key',
    liar: 'hands in work that another machine signed',
    run: (trial) => {
      let forged: Uint8Array | undefined
      const hooks = {
        publish: (_checker, round, manifest, put) => (round > 0 ? manifest : { ...manifest, evidence: manifest.evidence.map((entry) => ({ ...entry, commitments: [put(forged!)] })) }),
        observe: (_checker, round, seen) => (round > 0 ? seen : seen.map((one) => ({ ...one, commitment: refOf(forged!).id }))),
      } satisfies Parameters<typeof lyingMachine>[2]
      return lyingMachine(trial, { commitment: (own) => ((forged = signCommitment(OTHER, own)), own) }, hooks)
    },
  },
  {
    name: 'openings signed by another key',
    liar: 'makes up half of its rows and lets another machine sign the openings',
    run: (trial) =>
      lyingMachine(
        trial,
        { lie: (t, i) => (i % 2 === 1 ? junkRow(t, i) : undefined) },
        {
          publish: (_checker, round, manifest, put) =>
            round > 0
              ? manifest
              : {
                  ...manifest,
                  evidence: manifest.evidence.map((entry) => {
                    const openings = { network: manifest.network, round, machine: entry.machine, commitment: entry.commitments[0]!.id, facts: actorFacts(OTHER.name), openings: new Uint8Array(1000) }
                    return { ...entry, openings: [put(encodeOpeningsBlob(crypto, openings, (digest) => OTHER.sign(digest)))] }
                  }),
                },
        },
      ),
  },
  {
    name: 'grinding the last step',
    liar: 'makes up 5 % of its rows and changes the last step until coins drawn from its own commitment spare them',
    run: (trial) => {
      const faked = drawCells(trial, 0.05).add(STEPS * N + 7)
      let prover: LyingProver | undefined
      const ground = (own: WorkCommitment): WorkCommitment => {
        let tried = own
        for (let attempt = 0; attempt < TRIES; attempt++) {
          tried = { ...own, roots: own.roots.with(-1, prover!.replace(STEPS, 7, junkRow(attempt, 7))) }
          const guess = crypto.sha256(signCommitment(MACHINE, tried))
          if (!draw(crypto, guess, N, STEPS, SAMPLES).cells.some(({ t, i }) => faked.has(t * N + i))) break
        }
        return tried
      }
      return lyingMachine(trial, { lie: (t, i, own) => ((prover = own), faked.has(t * N + i) ? junkRow(t, i) : undefined), commitment: ground })
    },
  },
]
