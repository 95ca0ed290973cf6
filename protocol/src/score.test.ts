import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AccountId } from './bytes.ts'
import type { CheckerVerdict, MachineVerdict, Outcome, RoundJudgement } from './judge.ts'
import { devnetParameters } from './parameters.ts'
import { type Carried, type EpochResult, type EpochState, FIRST_STATE, MAX_PAYEES, scoreEpoch } from './score.ts'

const id = (n: number): AccountId => `0x${n.toString(16).padStart(64, '0')}`
const parameters = { ...devnetParameters(0, 1000), poolPerEpoch: 1000n, machineSharePpm: 800_000, minimumPayout: 1n, standingCheck: 'off' as const }
const nothing = FIRST_STATE
const owing = (carried: Carried): EpochState => ({ ...FIRST_STATE, carried })
const carriedOut = ({ state }: EpochResult): Carried => state.carried

const machine = (round: number, account: number, work: bigint, change: Partial<MachineVerdict> = {}): MachineVerdict => ({
  round,
  machine: id(account),
  owner: id(1000 + account),
  outcome: 'PASS',
  reason: 'OK',
  commitment: null,
  counted: 3,
  committee: [],
  medianSteps: Number(work),
  provenSteps: Number(work),
  work,
  opened: true,
  facts: null,
  flags: [],
  claim: null,
  shownKiB: 0,
  memoryKiB: 0,
  scanMBps: 0,
  relayUs: null,
  downKbps: 0,
  upKbps: 0,
  rttUs: null,
  observations: [],
  ...change,
})
const checker = (round: number, account: number, paidObservations: number, change: Partial<CheckerVerdict> = {}): CheckerVerdict => ({
  round,
  checker: id(account),
  owner: id(1000 + account),
  reported: true,
  packageCounted: true,
  evidence: null,
  paidObservations,
  reason: 'OK',
  ...change,
})
const earnedBy = ({ scores }: EpochResult, account: number, kind = 'machine'): bigint | undefined => scores.find((score) => score.account === id(account) && score.kind === kind)?.earned
const payoutOf = ({ payouts }: EpochResult, account: number) => payouts.find((payout) => payout.account === id(account))

describe('scores', () => {
  test('share the pool by work and by paid observations, rounded down', () => {
    const result = scoreEpoch(
      3,
      [
        { round: 6, verdicts: [machine(6, 1, 10n), machine(6, 2, 5n)], checkers: [checker(6, 11, 2), checker(6, 12, 1)] },
        { round: 7, verdicts: [machine(7, 1, 10n), machine(7, 2, 5n)], checkers: [checker(7, 11, 2), checker(7, 12, 1)] },
      ],
      parameters,
      nothing,
    )
    // 800 to machines by 20 : 10, 200 to checkers by 4 : 2.
    expect([earnedBy(result, 1), earnedBy(result, 2), earnedBy(result, 11, 'checker'), earnedBy(result, 12, 'checker')]).toEqual([533n, 266n, 133n, 66n])
    expect(result).toMatchObject({ epoch: 3, paid: 998n, carried: 0n })
    expect(result.scores.map(({ kind, account, score, reason }) => [kind, account, score, reason])).toEqual([
      ['machine', id(1), 20n, 'OK'],
      ['machine', id(2), 10n, 'OK'],
      ['checker', id(11), 4_000_000n, 'OK'],
      ['checker', id(12), 2_000_000n, 'OK'],
    ])
    expect(result.scores[0]?.rows).toEqual([
      { round: 6, outcome: 'PASS', reason: 'OK', standing: 'STANDARD', medianSteps: 10, provenSteps: 10, work: 10n },
      { round: 7, outcome: 'PASS', reason: 'OK', standing: 'STANDARD', medianSteps: 10, provenSteps: 10, work: 10n },
    ])
    expect(result.scores[2]?.rows).toEqual([
      { round: 6, paidObservations: 2, reason: 'OK' },
      { round: 7, paidObservations: 2, reason: 'OK' },
    ])
  })

  // Whoever was not there for one of two rounds is paid half of the other; what its checkers failed at costs it nothing.
  test.for<[Outcome, boolean, bigint, bigint]>([
    ['FAIL', true, 0n, 0n],
    ['NOT_OPENED', true, 0n, 0n],
    ['EQUIVOCATION', true, 0n, 0n],
    ['NOT_RUN', false, 5n, 160n],
    ['UNREACHABLE', false, 5n, 160n],
    ['NO_QUORUM', false, 10n, 266n],
  ])('after %s in one round the epoch is forfeited: %s', ([outcome, forfeited, score, earned]) => {
    const bad = machine(0, 1, 0n, { outcome, reason: 'WRONG_PRODUCT' })
    const judgements: RoundJudgement[] = [
      { round: 1, verdicts: [machine(1, 1, 10n), machine(1, 2, 10n)], checkers: [] },
      { round: 0, verdicts: [bad, machine(0, 2, 10n)], checkers: [] },
      { round: 2, verdicts: [machine(2, 1, 0n, { outcome: 'FAIL', reason: 'BAD_PATH' })].slice(forfeited ? 0 : 1), checkers: [] },
    ]
    const result = scoreEpoch(0, judgements, parameters, nothing)
    expect(result.scores[0]).toMatchObject(forfeited ? { score: 0n, reason: 'WRONG_PRODUCT', earned } : { score, reason: 'OK', earned })
    expect(result.scores[0]?.rows.map(({ round }) => round)).toEqual(forfeited ? [0, 1, 2] : [0, 1])
    expect(payoutOf(result, 1001) === undefined).toBe(forfeited)
  })

  test('without any work, or any machine, or any checker, or any pool, nobody earns', () => {
    const idle: RoundJudgement = { round: 0, verdicts: [machine(0, 1, 0n)], checkers: [checker(0, 11, 0)] }
    const busy: RoundJudgement = { round: 0, verdicts: [machine(0, 1, 7n)], checkers: [checker(0, 11, 7)] }
    expect(scoreEpoch(0, [idle], parameters, nothing)).toMatchObject({ payouts: [], paid: 0n, carried: 0n })
    expect(scoreEpoch(0, [{ round: 0, verdicts: [], checkers: [] }], parameters, nothing)).toMatchObject({ scores: [], payouts: [] })
    expect(scoreEpoch(0, [], parameters, nothing)).toMatchObject({ scores: [], payouts: [] })
    expect(scoreEpoch(0, [busy], { ...parameters, poolPerEpoch: 0n }, nothing)).toMatchObject({ payouts: [], paid: 0n })
    // The checkers' part stays in the pot, it does not go to machines.
    expect(scoreEpoch(0, [{ ...busy, checkers: [] }], parameters, nothing).paid).toBe(800n)
  })

  test('count an account that is machine and checker twice, and the rounds in which it was eligible only', () => {
    const result = scoreEpoch(0, [{ round: 0, verdicts: [machine(0, 1, 10n)], checkers: [checker(0, 1, 1)] }, { round: 1, verdicts: [], checkers: [checker(1, 1, 1)] }], parameters, nothing)
    expect(result.scores.map(({ kind, rows }) => [kind, rows.length])).toEqual([
      ['machine', 1],
      ['checker', 2],
    ])
    expect(result.payouts).toEqual([{ account: id(1001), earned: 1000n, carriedIn: 0n, paid: 1000n, carriedOut: 0n }])
  })
})

describe('pay', () => {
  test('goes to the owner of the last eligible round, all accounts of one owner together', () => {
    const owner = id(7)
    const result = scoreEpoch(
      0,
      [
        { round: 1, verdicts: [machine(1, 1, 1n, { owner }), machine(1, 2, 1n)], checkers: [checker(1, 11, 1, { owner })] },
        { round: 0, verdicts: [machine(0, 1, 1n), machine(0, 3, 2n, { owner })], checkers: [] },
      ],
      parameters,
      nothing,
    )
    // Machine 1 moved to the owner between the rounds: 2/5 of 800, with machine 3's 2/5 and the checkers' 200.
    expect(result.payouts).toEqual([
      { account: owner, earned: 840n, carriedIn: 0n, paid: 840n, carriedOut: 0n },
      { account: id(1002), earned: 160n, carriedIn: 0n, paid: 160n, carriedOut: 0n },
    ])
  })

  test('below the minimum is carried from epoch to epoch until it reaches it', () => {
    const rules = { ...parameters, minimumPayout: 650n }
    const round = (r: number): RoundJudgement => ({ round: r, verdicts: [machine(r, 1, 3n), machine(r, 2, 1n)], checkers: [] })
    const first = scoreEpoch(0, [round(0)], rules, nothing)
    expect(first.payouts.map(({ earned, carriedIn, paid, carriedOut }) => [earned, carriedIn, paid, carriedOut])).toEqual([
      [600n, 0n, 0n, 600n],
      [200n, 0n, 0n, 200n],
    ])
    expect(first).toMatchObject({ paid: 0n, carried: 800n })
    const second = scoreEpoch(1, [round(1)], rules, first.state)
    expect(second.payouts.map(({ earned, carriedIn, paid, carriedOut }) => [earned, carriedIn, paid, carriedOut])).toEqual([
      [600n, 600n, 1200n, 0n],
      [200n, 200n, 0n, 400n],
    ])
    // Nobody works any more: what is owed stays owed.
    const third = scoreEpoch(2, [], rules, second.state)
    expect(third.payouts).toEqual([{ account: id(1002), earned: 0n, carriedIn: 400n, paid: 0n, carriedOut: 400n }])
    expect([...carriedOut(third)]).toEqual([[id(1002), 400n]])
  })

  test('beyond the hundred thousand greatest is carried, the smaller account first among equals', () => {
    const owed: Carried = new Map(Array.from({ length: MAX_PAYEES + 2 }, (_, n) => [id(n + 1), n === MAX_PAYEES + 1 ? 3n : 2n]))
    const result = scoreEpoch(0, [], parameters, owing(owed))
    expect(result.payouts.filter(({ paid }) => paid > 0n)).toHaveLength(MAX_PAYEES)
    expect([...carriedOut(result).keys()]).toEqual([id(MAX_PAYEES), id(MAX_PAYEES + 1)])
    expect(scoreEpoch(1, [], parameters, result.state)).toMatchObject({ paid: 4n, carried: 0n })
  })

  test('of exactly the minimum is paid, and of nothing is no payout', () => {
    const round: RoundJudgement = { round: 0, verdicts: [machine(0, 1, 1n), machine(0, 2, 0n)], checkers: [] }
    expect(scoreEpoch(0, [round], { ...parameters, minimumPayout: 800n }, nothing)).toMatchObject({ paid: 800n, carried: 0n, payouts: [{ account: id(1001) }] })
    expect(scoreEpoch(0, [round], { ...parameters, minimumPayout: 801n }, nothing)).toMatchObject({ paid: 0n, carried: 800n })
    expect(scoreEpoch(0, [round], { ...parameters, minimumPayout: 0n }, owing(new Map([[id(5), 0n]]))).payouts).toHaveLength(1)
  })

  test('is exact for the greatest amounts and works there are', () => {
    const huge = { ...parameters, poolPerEpoch: (1n << 128n) - 1n, machineSharePpm: 1_000_000, minimumPayout: 0n }
    const work = (2n ** 32n - 1n) << 39n
    const verdicts = [1, 2, 3].map((account) => machine(0, account, work))
    const result = scoreEpoch(0, [{ round: 0, verdicts, checkers: [] }], huge, nothing)
    expect(result.scores.map(({ earned }) => earned)).toEqual([1, 2, 3].map(() => huge.poolPerEpoch / 3n))
    // A score is a u128 however long the epoch.
    expect(work * 65535n < 1n << 128n).toBe(true)
  })
})

describe('for any epoch', () => {
  const outcome = fc.constantFrom<Outcome>('PASS', 'PASS', 'PASS', 'FAIL', 'NOT_OPENED', 'EQUIVOCATION', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM')
  const owners = fc.integer({ min: 1000, max: 1004 }).map(id)
  const machines = (round: number): fc.Arbitrary<MachineVerdict[]> =>
    fc
      .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 6 }), outcome, fc.bigInt({ min: 0n, max: 2n ** 71n }), owners), { selector: ([account]) => account, maxLength: 6 })
      .map((all) => all.map(([account, outcome, work, owner]) => machine(round, account, outcome === 'PASS' ? work : 0n, { outcome, owner })))
  const checkers = (round: number): fc.Arbitrary<CheckerVerdict[]> =>
    fc.uniqueArray(fc.tuple(fc.integer({ min: 5, max: 9 }), fc.nat(1000), owners), { selector: ([account]) => account, maxLength: 5 }).map((all) => all.map(([account, paid, owner]) => checker(round, account, paid, { owner })))
  const epoch = fc.tuple(...[0, 1, 2].map((round) => fc.record({ round: fc.constant(round), verdicts: machines(round), checkers: checkers(round) })))
  const rules = fc.record({ ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, fc.constant(value)])) as { [K in keyof typeof parameters]: fc.Arbitrary<(typeof parameters)[K]> }, poolPerEpoch: fc.bigInt({ min: 0n, max: 2n ** 96n }), machineSharePpm: fc.integer({ min: 0, max: 1_000_000 }), minimumPayout: fc.bigInt({ min: 0n, max: 2n ** 96n }) })
  const carried = fc.array(fc.tuple(owners, fc.bigInt({ min: 1n, max: 2n ** 96n }))).map((entries): Carried => new Map(entries))

  test('no planck is lost or made', () => {
    fc.assert(
      fc.property(epoch, rules, carried, (judgements, rule, before) => {
        const result = scoreEpoch(0, judgements, rule, owing(before))
        const total = (amounts: bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)
        for (const { earned, carriedIn, paid, carriedOut } of result.payouts) {
          expect(paid + carriedOut).toBe(earned + carriedIn)
          expect(paid === 0n || paid >= rule.minimumPayout).toBe(true)
          expect(carriedOut === 0n || (paid === 0n && carriedOut < rule.minimumPayout)).toBe(true)
        }
        const earned = total(result.scores.map((score) => score.earned))
        expect(earned <= rule.poolPerEpoch).toBe(true)
        // The floors cost less than one planck a score.
        const working = (kind: string): boolean => result.scores.some((score) => score.kind === kind && score.score > 0n)
        expect(!working('machine') || !working('checker') || rule.poolPerEpoch - earned < BigInt(result.scores.length)).toBe(true)
        expect(total(result.payouts.map((payout) => payout.earned))).toBe(earned)
        expect(total(result.payouts.map((payout) => payout.carriedIn))).toBe(total([...before.values()]))
        expect(result.paid + result.carried).toBe(earned + total([...before.values()]))
        expect(total([...carriedOut(result).values()])).toBe(result.carried)
      }),
    )
  })

  test('the order of rounds, machines, checkers and carried amounts does not matter', () => {
    fc.assert(
      fc.property(epoch, rules, carried, fc.infiniteStream(fc.nat()), (judgements, rule, before, random) => {
        const shuffle = <T>(items: readonly T[]): T[] => items.map((item) => ({ item, at: random.next().value! })).toSorted((a, b) => a.at - b.at).map(({ item }) => item)
        const shuffled = shuffle(judgements).map((judgement) => ({ ...judgement, verdicts: shuffle(judgement.verdicts), checkers: shuffle(judgement.checkers) }))
        expect(scoreEpoch(0, shuffled, rule, owing(new Map(shuffle([...before]))))).toEqual(scoreEpoch(0, judgements, rule, owing(before)))
      }),
    )
  })

  test('more proven work never earns less, and never gives another more', () => {
    fc.assert(
      fc.property(epoch, rules, fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 71n }), (judgements, rule, pick, more) => {
        const passed = judgements.flatMap(({ verdicts }) => verdicts).filter((verdict) => verdict.outcome === 'PASS')
        const chosen = passed[pick % Math.max(1, passed.length)]
        if (chosen === undefined) return
        const raised = judgements.map((judgement) => ({ ...judgement, verdicts: judgement.verdicts.map((verdict) => (verdict === chosen ? { ...verdict, work: verdict.work + more } : verdict)) }))
        const [before, after] = [scoreEpoch(0, judgements, rule, nothing), scoreEpoch(0, raised, rule, nothing)]
        for (const [i, score] of after.scores.entries()) {
          const own = score.kind === 'machine' && score.account === chosen.machine
          expect(own ? score.earned >= before.scores[i]!.earned : score.earned <= before.scores[i]!.earned).toBe(true)
        }
      }),
    )
  })

  test('splitting a machine under two names earns no more than one, but for the floors', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 71n }), fc.bigInt({ min: 1n, max: 2n ** 71n }), fc.bigInt({ min: 1n, max: 2n ** 71n }), (a, b, rest) => {
        const alone = scoreEpoch(0, [{ round: 0, verdicts: [machine(0, 1, a + b), machine(0, 9, rest)], checkers: [] }], parameters, nothing)
        const split = scoreEpoch(0, [{ round: 0, verdicts: [machine(0, 1, a), machine(0, 2, b), machine(0, 9, rest)], checkers: [] }], parameters, nothing)
        expect(earnedBy(split, 1)! + earnedBy(split, 2)! <= earnedBy(alone, 1)!).toBe(true)
      }),
    )
  })
})
