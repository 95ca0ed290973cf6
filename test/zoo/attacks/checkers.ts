import { toHex, utf8, ZERO_HASH, type Observation } from '@assay/protocol'
import { accountOf } from '@assay/protocol/testing/actors'
import { type Attack, chance, crypto, gain, isChecker, lyingChecker, playRound, STEPS, WINDOW } from '../attack.ts'

/** Places of the checkers in every committee, which stands in the order of accounts. */
const ACCOUNTS = [0, 1, 2].map((place) => accountOf(`checker ${place}`)).toSorted()
const placeOf = (checker: number): number => ACCOUNTS.indexOf(accountOf(`checker ${checker}`))

/** Changes what one checker says that it saw. */
const saying = (liar: number, change: (seen: Observation) => Partial<Observation>) => ({
  observe: (checker: Parameters<typeof isChecker>[0], _round: number, seen: Observation[]) => (isChecker(checker, liar) ? seen.map((one) => ({ ...one, ...change(one) })) : seen),
})

/** A reading outside the band of 30 %: too low or too high. */
const outside = (trial: string): number => [0, 1, 2, 3, 4, 5, 11, 12][chance(`reading of ${trial}`)(8)]!

/** Checkers that want to be paid for nothing, or to move a machine's pay. */
export const checkers: Attack[] = [
  {
    name: 'lazy checker: always RAN',
    liar: 'a checker that watches nobody and says that all went well',
    run: (trial) => {
      const liar = chance(trial)(3)
      return lyingChecker(trial, liar, saying(liar, () => ({ lastStep: WINDOW, lastKey: toHex(crypto.sha256(utf8(trial))) })))
    },
  },
  {
    name: 'lazy checker: never RAN',
    liar: 'a checker that says that it reached nobody',
    run: (trial) => {
      const liar = chance(trial)(3)
      return lyingChecker(trial, liar, saying(liar, () => ({ outcome: 'UNREACHABLE', reason: 'UNREACHABLE', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH })))
    },
  },
  {
    name: 'copied reading',
    liar: 'a checker that sends no nonce and repeats what another saw',
    run: (trial) => {
      const liar = chance(trial)(3)
      // With nothing folded for it, its own observation is that of a checker whose nonce was folded at 0.
      return lyingChecker(trial, liar, { machine: () => ({ foldAt: (place) => (place === placeOf(liar) ? null : 0) }) })
    },
  },
  {
    name: 'copied report',
    liar: 'a checker that puts the report of another on chain as its own',
    run: (trial) => {
      let first = ZERO_HASH
      return lyingChecker(trial, 2, {
        report: (checker, round, item) => {
          if (round === 0 && isChecker(checker, 0)) first = item.commitment
          return round === 0 && isChecker(checker, 2) ? { ...item, commitment: first } : item
        },
      })
    },
  },
  {
    name: 'reading too low or too high',
    liar: 'a checker that says of an honest machine that it did less, or more',
    run: async (trial) => {
      const liar = chance(trial)(3)
      const round = await playRound(trial, { machine: () => ({ foldAt: () => 0, seen: (place) => (place === placeOf(liar) ? outside(trial) : WINDOW) }) })
      const { found, pay } = round.checker(liar)
      return { found: round.found() === 'PASS(OK)' && round.pay === 1 ? found : 'HARM', pay }
    },
  },
  {
    name: 'checker in league with a machine',
    liar: 'a checker that credits its machine with every step there is',
    run: async (trial) => {
      const liar = chance(trial)(3)
      return gain(await playRound(trial, { machine: () => ({ foldAt: () => 0, seen: (place) => (place === placeOf(liar) ? STEPS : WINDOW) }) }), WINDOW)
    },
  },
]
