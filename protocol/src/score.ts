// Scores and pay of an epoch, PROTOCOL section 9.
import type { AccountId } from './bytes.ts'
import { afterEpoch, type Calibration, isNewCalibration, NEW_CALIBRATION, weightOf } from './calibration.ts'
import type { Trials } from './canaries.ts'
import { type CheckerVerdict, EQUAL_WEIGHTS, forfeits, FULL_WEIGHT, type MachineVerdict, paidFor, type RoundJudgement, type Weights } from './judge.ts'
import type { CheckMode, Parameters } from './parameters.ts'
import { MAX_PARTS, PART_PAYEES } from './parts.ts'
import type { ReasonCode } from './reasons.ts'
import { afterRound, isNewStanding, type Level, levelIn, NEW_STANDING, type Standing, type StandingParameters, workPaidOn } from './standing.ts'

/** What one round gave a machine. `medianSteps` and `provenSteps` are steps of n^3, `work` multiply-accumulates, before standing. */
export type MachineRow = Pick<MachineVerdict, 'round' | 'outcome' | 'reason' | 'medianSteps' | 'provenSteps' | 'work'> & { standing: Level }

/** What one round gave a checker, and why not more. `paidObservations` counts those of machines that are neither benched nor canaries. */
export type CheckerRow = Pick<CheckerVerdict, 'round' | 'paidObservations' | 'reason'>

interface ScoreBase {
  account: AccountId
  /** Payee: the owner in the identity of the account's last eligible round. */
  owner: AccountId
  score: bigint
  /** Why it is 0; OK if it is not. */
  reason: ReasonCode
  /** Planck, before amounts of one payee are added up. */
  earned: bigint
}

/** How often a machine was there when it was asked: `passed` of `asked` rounds. */
export interface Availability {
  passed: number
  asked: number
}

/** A machine's score is multiply-accumulates, a checker's paid observations times what its word weighs in millionths. Rows ascend by round. */
export type Score = ScoreBase & ({ kind: 'machine'; availability: Availability; rows: MachineRow[] } | { kind: 'checker'; weight: number; rows: CheckerRow[] })

/** What a payee gets, in planck: `paid + carriedOut = earned + carriedIn`. */
export interface Payout {
  account: AccountId
  earned: bigint
  carriedIn: bigint
  paid: bigint
  carriedOut: bigint
}

/** What each payee is still owed, in planck; amounts above 0 only. */
export type Carried = ReadonlyMap<AccountId, bigint>

/** All that one epoch leaves to the next: with it, nobody needs the epochs before. */
export interface EpochState {
  carried: Carried
  /** Of every machine that was ever eligible and is not as new. */
  standings: ReadonlyMap<AccountId, Standing>
  /** Of every checker that was ever tried and of which something is still remembered. */
  calibrations: Calibrations
}

export type Calibrations = ReadonlyMap<AccountId, Calibration>

/** What is known before epoch 0. */
export const FIRST_STATE: EpochState = { carried: new Map(), standings: new Map(), calibrations: new Map() }

/** What the network's calibrators opened of an epoch. */
export interface Canaries {
  /** Machines whose truth the network knew: they are not paid, nor is who observed them. */
  machines: ReadonlySet<AccountId>
  trials: ReadonlyMap<AccountId, Trials>
}

export const NO_CANARIES: Canaries = { machines: new Set(), trials: new Map() }

export interface EpochResult {
  epoch: number
  /** Ascending by kind (machines first) and account. */
  scores: Score[]
  /** Ascending by account; one for each payee that earned or was owed something. */
  payouts: Payout[]
  /** Sum of `paid`, in planck. */
  paid: bigint
  /** Sum of `carriedOut`, in planck. */
  carried: bigint
  /** What the next epoch starts from. */
  state: EpochState
}

/** What each checker's word weighs in an epoch, by what was known before it; all weigh the same unless calibration is enforced. */
export const weightsOf = (mode: CheckMode, calibrations: Calibrations): Weights =>
  mode === 'enforce' ? new Map([...calibrations].map(([account, calibration]) => [account, weightOf(calibration)])) : EQUAL_WEIGHTS

/** What scores depend on. */
export type ScoreParameters = StandingParameters & Pick<Parameters, 'poolPerEpoch' | 'machineSharePpm' | 'minimumPayout' | 'calibrationCheck'>

const MILLION = 1_000_000n

/**
 * Scores and payouts of an epoch from the judgements of all its rounds, in any order, what the epoch before left, and what canaries showed.
 * The rounds must have been judged by the weights of `before`. All amounts are planck; the sum of `earned` never exceeds the pool, and what it lacks stays in the pot.
 */
export function scoreEpoch(epoch: number, judgements: readonly RoundJudgement[], parameters: ScoreParameters, before: EpochState, opened: Canaries = NO_CANARIES): EpochResult {
  const canaries = parameters.calibrationCheck === 'off' ? NO_CANARIES : opened
  const rounds = judgements.toSorted((a, b) => a.round - b.round)
  const machinePool = (parameters.poolPerEpoch * BigInt(parameters.machineSharePpm)) / MILLION
  const weights = weightsOf(parameters.calibrationCheck, before.calibrations)
  const standings = new Map(before.standings)
  const unpaid = new Set<MachineVerdict>()
  const machines = [...byAccount(rounds.flatMap(({ verdicts }) => verdicts), ({ machine }) => machine)].map(([account, verdicts]) => {
    const canary = canaries.machines.has(account)
    const rows = verdicts.map((verdict): MachineRow => {
      const { round, outcome, reason, medianSteps, provenSteps, work } = verdict
      const standing = levelOf(parameters, standings, account, round, outcome)
      if (canary || (standing === 'BENCHED' && parameters.standingCheck === 'enforce')) unpaid.add(verdict)
      return { round, outcome, reason, standing, medianSteps, provenSteps, work }
    })
    return machineScore(parameters, account, verdicts.at(-1)!.owner, rows, canary)
  })
  const withheld = rounds.map(({ verdicts }) => paidFor(verdicts.filter((verdict) => unpaid.has(verdict))))
  const paid = rounds.flatMap(({ checkers }, i) => checkers.map((verdict) => ({ ...verdict, paidObservations: verdict.paidObservations - (withheld[i]!.get(verdict.checker)?.count ?? 0) })))
  const checkers = [...byAccount(paid, ({ checker }) => checker)].map(([account, verdicts]) => checkerScore(account, verdicts, weights.get(account) ?? FULL_WEIGHT))
  const scores = [...share(machinePool, machines), ...share(parameters.poolPerEpoch - machinePool, checkers)]
  const payouts = pay(scores, before.carried, parameters.minimumPayout)
  const state: EpochState = { carried: new Map(payouts.filter((payout) => payout.carriedOut > 0n).map((payout) => [payout.account, payout.carriedOut])), standings: ascending(standings), calibrations: afterTrials(before.calibrations, canaries.trials) }
  return { epoch, scores, payouts, paid: sum(payouts.map((payout) => payout.paid)), carried: sum(payouts.map((payout) => payout.carriedOut)), state }
}

/** What a machine counts as in a round; remembers the round's outcome in `standings`. Where standing is off nothing is remembered and all are alike. */
function levelOf(parameters: ScoreParameters, standings: Map<AccountId, Standing>, account: AccountId, round: number, outcome: MachineVerdict['outcome']): Level {
  if (parameters.standingCheck === 'off') return 'STANDARD'
  const standing = standings.get(account) ?? NEW_STANDING
  const after = afterRound(parameters, standing, round, outcome)
  if (after !== standing) standings.set(account, after)
  return levelIn(parameters, standing, round)
}

function machineScore({ standingCheck }: ScoreParameters, account: AccountId, owner: AccountId, rows: MachineRow[], canary: boolean): Score {
  const forfeit = rows.find(({ outcome }) => forfeits(outcome))
  const enforced = rows.filter(({ standing }) => standing !== 'BENCHED' || standingCheck !== 'enforce')
  const passed = enforced.filter(({ outcome }) => outcome === 'PASS').length
  // A round without a quorum is its checkers' failure, not the machine's.
  const asked = enforced.filter(({ outcome }) => outcome !== 'NO_QUORUM').length
  const work = sum(rows.map((row) => workPaidOn(standingCheck, row.standing, row.work)))
  const score = forfeit !== undefined || canary || asked === 0 ? 0n : (work * BigInt(passed)) / BigInt(asked)
  const reason = score > 0n ? 'OK' : whyNothing(rows, forfeit, canary, enforced.length < rows.length)
  return { kind: 'machine', account, owner, score, reason, earned: 0n, availability: { passed, asked }, rows }
}

function whyNothing(rows: readonly MachineRow[], forfeit: MachineRow | undefined, canary: boolean, benched: boolean): ReasonCode {
  if (forfeit !== undefined) return forfeit.reason
  if (canary) return 'CANARY'
  if (benched) return 'BENCHED'
  return rows.find(({ reason }) => reason !== 'OK')?.reason ?? 'NOTHING_PROVEN'
}

function checkerScore(account: AccountId, verdicts: readonly CheckerVerdict[], weight: number): Score {
  const rows = verdicts.map(({ round, paidObservations, reason }) => ({ round, paidObservations, reason }))
  const score = BigInt(rows.reduce((total, { paidObservations }) => total + paidObservations, 0)) * BigInt(weight)
  const reason = score > 0n ? 'OK' : weight === 0 ? 'WEIGHTLESS' : (rows.find(({ reason }) => reason !== 'OK')?.reason ?? 'NOT_PAYABLE')
  return { kind: 'checker', account, owner: verdicts.at(-1)!.owner, score, reason, earned: 0n, weight, rows }
}

const ascending = (standings: ReadonlyMap<AccountId, Standing>): Map<AccountId, Standing> => new Map([...standings].filter(([, standing]) => !isNewStanding(standing)).toSorted(([a], [b]) => (a < b ? -1 : 1)))

function afterTrials(before: Calibrations, trials: Canaries['trials']): Calibrations {
  const accounts = [...new Set([...before.keys(), ...trials.keys()])].toSorted()
  return new Map(accounts.map((account) => [account, afterEpoch(before.get(account) ?? NEW_CALIBRATION, trials.get(account))] as const).filter(([, calibration]) => !isNewCalibration(calibration)))
}

/** Groups in ascending order of the account; within a group the order stays. */
function byAccount<T>(items: readonly T[], accountOf: (item: T) => AccountId): Map<AccountId, T[]> {
  const groups = Map.groupBy(items, accountOf)
  return new Map([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function share(pool: bigint, scores: readonly Score[]): Score[] {
  const total = sum(scores.map(({ score }) => score))
  return scores.map((score) => ({ ...score, earned: total === 0n ? 0n : (pool * score.score) / total }))
}

/** Most payees of one epoch: those of all the parts in which it is paid (parts.ts). */
export const MAX_PAYEES = MAX_PARTS * PART_PAYEES

function pay(scores: readonly Score[], carried: Carried, minimumPayout: bigint): Payout[] {
  const earned = new Map<AccountId, bigint>()
  for (const score of scores) earned.set(score.owner, (earned.get(score.owner) ?? 0n) + score.earned)
  const owed = [...new Set([...earned.keys(), ...carried.keys()])]
    .toSorted()
    .map((account) => {
      const [own, carriedIn] = [earned.get(account) ?? 0n, carried.get(account) ?? 0n]
      return { account, earned: own, carriedIn, total: own + carriedIn }
    })
    .filter(({ total }) => total > 0n)
  // The greatest first; the sort is stable, so of equal amounts the smaller account is paid.
  const payees = new Set(owed.filter(({ total }) => total >= minimumPayout).toSorted((a, b) => (a.total > b.total ? -1 : a.total < b.total ? 1 : 0)).slice(0, MAX_PAYEES).map(({ account }) => account))
  return owed.map(({ account, earned, carriedIn, total }) => (payees.has(account) ? { account, earned, carriedIn, paid: total, carriedOut: 0n } : { account, earned, carriedIn, paid: 0n, carriedOut: total }))
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
