// The rules against their short and obvious twin, and what must hold of them whatever happens.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crypto } from '../testing/crypto.ts'
import { REFERENCE_START, referenceEpoch, referenceRound, referenceWeights } from '../testing/reference.ts'
import { people, syntheticRound, type SyntheticRound } from '../testing/synthetic.ts'
import { type AccountId, ZERO_HASH } from './bytes.ts'
import type { Trials } from './canaries.ts'
import type { RoundEvidence } from './evidence.ts'
import { decideRound, type Weights } from './judge.ts'
import type { Parameters } from './parameters.ts'
import { FIRST_STATE, scoreEpoch, weightsOf } from './score.ts'
import { buildStatement } from './statement.ts'

const checkers = people(crypto, 'checker', 9)
const fleet = people(crypto, 'machine', 12, 7)

/** A few rounds of a small network in which much goes wrong. */
const epochs = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 20 }),
  rounds: fc.integer({ min: 1, max: 12 }),
  machines: fc.integer({ min: 0, max: 12 }),
  unreachable: fc.constantFrom(0, 50, 300),
  notRun: fc.constantFrom(0, 50, 400),
  otherwise: fc.constantFrom(0, 30, 500),
  withheld: fc.constantFrom(0, 100, 600),
  bad: fc.constantFrom(0, 15, 50, 300),
  standingCheck: fc.constantFrom<Parameters['standingCheck']>('off', 'shadow', 'enforce'),
  committee: fc.integer({ min: 1, max: 9 }),
})
type Case = typeof epochs extends fc.Arbitrary<infer T> ? T : never

const parametersOf = ({ standingCheck, committee }: Case): Partial<Parameters> => ({ standingCheck, committee, hourBlocks: 30, probationRounds: 2, trustedRounds: 5, minimumPayout: 5n * 10n ** 18n })
const roundsOf = (one: Case, first = 0, change: Partial<Parameters> = {}): SyntheticRound[] =>
  Array.from({ length: one.rounds }, (_, i) => syntheticRound({ ...one, crypto, round: first + i, machines: fleet.slice(0, one.machines), checkers, parameters: { ...parametersOf(one), ...change } }))

const FULL: Weights = new Map()
const refused: RoundEvidence['refused'] = new Map()
const judge = (rounds: readonly SyntheticRound[], weights = FULL) => rounds.map(({ facts, packages, examine }) => ({ facts, judgement: decideRound(facts, { packages, refused }, weights, examine) }))

/** What canaries show in an epoch. */
interface Opened {
  machines: AccountId[]
  trials: [AccountId, Trials][]
}

/** Expects the rules and the twin to come to the same, epoch after epoch. */
function agreeOver(one: Case, calibrationCheck: Parameters['calibrationCheck'], opened: readonly Opened[]): void {
  let [state, twinState] = [FIRST_STATE, REFERENCE_START]
  for (const [epoch, { machines, trials }] of opened.entries()) {
    const rounds = roundsOf(one, epoch * one.rounds, { calibrationCheck })
    const { parameters } = rounds[0]!.facts
    const judged = judge(rounds, weightsOf(calibrationCheck, state.calibrations))
    const result = scoreEpoch(epoch, judged.map(({ judgement }) => judgement), parameters, state, { machines: new Set(machines), trials: new Map(trials) })
    const weights = referenceWeights(calibrationCheck, twinState)
    const fours = new Map(trials.map(([checker, { muted, falseAccepts, shown, falseRejects }]) => [checker, [muted, falseAccepts, shown, falseRejects] as [number, number, number, number]]))
    const twin = referenceEpoch(crypto, ZERO_HASH, epoch, rounds.map(({ facts, packages, examine }) => referenceRound(facts, packages, weights, examine)), parameters, twinState, { machines: new Set(machines), trials: fours })
    expect(new Map(result.scores.map(({ kind, account, earned }) => [`${kind === 'machine' ? 0 : 1} ${account}`, earned]))).toEqual(twin.earned)
    expect([result.paid, result.carried]).toEqual([twin.paid, twin.carried])
    expect(buildStatement(crypto, ZERO_HASH, result, judged).root).toBe(twin.root)
    ;[state, twinState] = [result.state, twin.state]
  }
}

describe('the rules and their twin', () => {
  test('come to the same statements and the same pay, epoch after epoch, by what was carried, standings, canaries and weights', () => {
    const calibrationChecks = fc.constantFrom<Parameters['calibrationCheck']>('off', 'shadow', 'enforce')
    const trial = fc.record({ muted: fc.nat(4), falseAccepts: fc.nat(4), shown: fc.nat(9), falseRejects: fc.nat(9) }).map(({ muted, falseAccepts, shown, falseRejects }): Trials => ({ muted, falseAccepts: Math.min(muted, falseAccepts), shown, falseRejects: Math.min(shown, falseRejects) }))
    const opened = fc.record({ machines: fc.subarray(fleet.map(({ account }) => account), { maxLength: 3 }), trials: fc.uniqueArray(fc.tuple(fc.constantFrom(...checkers.map(({ account }) => account)), trial), { selector: ([checker]) => checker, maxLength: 6 }) })
    fc.assert(fc.property(epochs, calibrationChecks, fc.array(opened, { minLength: 1, maxLength: 3 }), agreeOver))
    // Long enough for a bench and 64 rounds passed in a row after it.
    const nothing = { machines: [], trials: [] }
    agreeOver({ seed: 7, rounds: 100, machines: 6, unreachable: 0, notRun: 0, otherwise: 0, withheld: 0, bad: 15, standingCheck: 'enforce', committee: 5 }, 'off', [nothing, nothing])
  })

  test('agree on every verdict, also by weights', () => {
    const weights = fc.array(fc.constantFrom(0, 500_000, 777_777, 1_000_000), { minLength: 9, maxLength: 9 })
    fc.assert(
      fc.property(epochs, weights, (one, heavy) => {
        const weighing = new Map(checkers.map(({ account }, i) => [account, heavy[i]!]))
        for (const { facts, packages, examine } of roundsOf({ ...one, rounds: 1 })) {
          const { verdicts } = decideRound(facts, { packages, refused }, weighing, examine)
          const twin = referenceRound(facts, packages, weighing, examine)
          expect(verdicts.map(({ machine, outcome, reason, medianSteps, provenSteps, work, observations }) => ({ machine, outcome, reason, median: medianSteps, steps: provenSteps, work, paid: observations.filter(({ paid }) => paid).map(({ checker }) => checker) }))).toEqual(
            twin.verdicts.map(({ machine, outcome, reason, median, steps, work, paid }) => ({ machine, outcome, reason, median, steps, work, paid })),
          )
        }
      }),
    )
  })
})

describe('whatever happens', () => {
  test('the order in which packages come does not matter', () => {
    fc.assert(
      fc.property(epochs, fc.infiniteStream(fc.nat()), (one, random) => {
        const shuffle = <T>(items: Iterable<T>): T[] => [...items].map((item) => ({ item, at: random.next().value! })).toSorted((a, b) => a.at - b.at).map(({ item }) => item)
        const rounds = roundsOf(one)
        const turned = rounds.map((round) => ({ ...round, packages: new Map(shuffle(round.packages)) }))
        expect(judge(turned)).toEqual(judge(rounds))
      }),
    )
  })

  test('a machine whose checkers read more never earns less', () => {
    fc.assert(
      fc.property(epochs, fc.nat(), fc.nat(300), (one, pick, more) => {
        const rounds = roundsOf({ ...one, machines: Math.max(1, one.machines) })
        const { parameters } = rounds[0]!.facts
        const chosen = fleet[pick % Math.max(1, one.machines)]!.account
        const raised = rounds.map((round) => ({ ...round, packages: new Map([...round.packages].map(([checker, manifest]) => [checker, { ...manifest, observations: manifest.observations.map((seen) => (seen.machine === chosen && seen.outcome === 'RAN' ? { ...seen, lastStep: seen.lastStep + more } : seen)) }])) }))
        const earned = (all: readonly SyntheticRound[]): bigint => scoreEpoch(0, judge(all).map(({ judgement }) => judgement), parameters, FIRST_STATE).scores.find(({ account }) => account === chosen)!.earned
        expect(earned(raised) >= earned(rounds)).toBe(true)
      }),
    )
  })

  test('votes of a checker that weighs nothing change no verdict', () => {
    fc.assert(
      fc.property(epochs, (one) => {
        const silent = checkers[0]!.account
        const weights = new Map([[silent, 0]])
        const [round] = roundsOf({ ...one, rounds: 1 })
        const without = { ...round!, packages: new Map([...round!.packages].filter(([checker]) => checker !== silent)) }
        const facts = (all: readonly SyntheticRound[]) => judge(all, weights)[0]!.judgement.verdicts.map(({ outcome, reason, medianSteps, work }) => [outcome, reason, medianSteps, work])
        expect(facts([round!])).toEqual(facts([without]))
        expect(judge([round!], weights)[0]!.judgement.verdicts.flatMap(({ observations }) => observations).filter(({ checker }) => checker === silent).every(({ paid, reason }) => !paid && reason === 'WEIGHTLESS')).toBe(true)
      }),
    )
  })

  test('who is off the median reads by how much', () => {
    const [round] = roundsOf({ seed: 5, rounds: 1, machines: 12, unreachable: 0, notRun: 0, otherwise: 0, withheld: 0, bad: 0, standingCheck: 'off', committee: 9 })
    for (const { medianSteps, observations } of judge([round!])[0]!.judgement.verdicts)
      for (const { credited, offPpm } of observations) expect(offPpm).toBe(Math.trunc(((credited - medianSteps) * 1_000_000) / medianSteps))
  })
})
