import { encodeOpeningsBlob, type MachineEvidence, type Manifest, ZERO_HASH } from '@assay/protocol'
import { accountOf, actor } from '@assay/protocol/testing/actors'
import { actorFacts } from '@assay/protocol/testing/actor-facts'
import type { Hooks } from '@assay/protocol/testing/round'
import { type Attack, chance, crypto, isChecker, packageOf, playRound } from '../attack.ts'

/** One checker wants an honest machine to lose its pay: whether the machine passes and is paid in full. */
const framing = (name: Attack['name'], liar: string, hooksOf: (liar: number, trial: string) => Hooks): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const liar = chance(trial)(3)
    const round = await playRound(trial, hooksOf(liar, trial))
    return { found: round.pay === 1 ? round.found() : `${round.found()}, less pay`, pay: round.checker(liar).pay }
  },
})

const placeOf = (liar: number): number => [0, 1, 2].map((place) => accountOf(`checker ${place}`)).toSorted().indexOf(accountOf(`checker ${liar}`))
const evidenceOf = (manifest: Manifest, change: (entry: MachineEvidence) => Partial<MachineEvidence>): Manifest => ({ ...manifest, evidence: manifest.evidence.map((entry) => ({ ...entry, ...change(entry) })) })

export const framings: Attack[] = [
  framing('framing: nonce withheld', 'a checker that sends no nonce and says that the machine did not run', (liar) => ({
    machine: () => ({ foldAt: (place) => (place === placeOf(liar) ? null : 0) }),
    observe: (checker, _round, seen) => (isChecker(checker, liar) ? seen.map((one) => ({ ...one, outcome: 'NOT_RUN', reason: 'NO_COMMITMENT', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH })) : seen),
  })),
  framing('framing: nonce delayed', 'a checker that sends its nonce late', (liar) => ({ machine: () => ({ foldAt: (place) => (place === placeOf(liar) ? 3 : 0), seen: (place) => (place === placeOf(liar) ? 11 : 8) }) })),
  framing('framing: openings withheld', 'a checker whose package leaves the machine’s openings out', (liar) => packageOf(liar, (_checker, _round, manifest) => evidenceOf(manifest, () => ({ openings: [] })))),
  framing('framing: package withheld', 'a checker that publishes no package, or bytes that are none', (liar, trial) => packageOf(liar, () => (chance(`package of ${trial}`)(2) === 0 ? null : crypto.sha256(new Uint8Array(liar))))),
  framing('framing: made-up evidence', 'a checker that shows commitments and openings of its own making', (liar, trial) =>
    packageOf(liar, (checker, round, manifest, put) =>
      evidenceOf(manifest, ({ machine, commitments: [real] }) => {
        const own = encodeOpeningsBlob(crypto, { network: manifest.network, round, machine, commitment: real!.id, facts: actorFacts(checker.name), openings: crypto.sha256(new Uint8Array(9)) }, (digest) => actor('checker', checker.name).sign(digest))
        const bytes = [crypto.sha256(new Uint8Array(7)), new Uint8Array(0), own][chance(`evidence of ${trial}`)(3)]!
        return { commitments: [real!, put(bytes)], openings: [put(own)] }
      }),
    ),
  ),
]
