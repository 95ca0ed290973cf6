// Scores and pay of an epoch, PROTOCOL section 9.
import type { AccountId } from './bytes.ts'
import { type CheckerVerdict, forfeits, type MachineVerdict, type RoundJudgement } from './judge.ts'
import type { Parameters } from './parameters.ts'
import type { ReasonCode } from './reasons.ts'

/** What one round gave a machine. `medianSteps` and `provenSteps` are steps of n^3, `work` multiply-accumulates. */
export type MachineRow = Pick<MachineVerdict, 'round' | 'outcome' | 'reason' | 'medianSteps' | 'provenSteps' | 'work'>

/** What one round gave a checker, and why not more. */
export type CheckerRow = Pick<CheckerVerdict, 'round' | 'paidObservations' | 'reason'>

interface ScoreBase {
  account: AccountId
  /** Payee: the owner in the identity of the account's last eligible round. */
  owner: AccountId
  score: bigint
  /** Of the first round that forfeited the epoch, else OK. */
  reason: ReasonCode
  /** Planck, before amounts of one payee are added up. */
  earned: bigint
}

/** A score with its rows, ascending by round. */
export type Score = ScoreBase & ({ kind: 'machine'; rows: MachineRow[] } | { kind: 'checker'; rows: CheckerRow[] })

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
}

const MILLION = 1_000_000n

/**
 * Scores and payouts of an epoch from the judgements of all its rounds, in any order, and what the epoch before carried out.
 * All amounts are planck; the sum of `earned` never exceeds the pool, and what it lacks stays in the pot.
 */
export function scoreEpoch(epoch: number, judgements: readonly RoundJudgement[], parameters: Pick<Parameters, 'poolPerEpoch' | 'machineSharePpm' | 'minimumPayout'>, carried: Carried): EpochResult {
  const rounds = judgements.toSorted((a, b) => a.round - b.round)
  const machinePool = (parameters.poolPerEpoch * BigInt(parameters.machineSharePpm)) / MILLION
  const machines = [...byAccount(rounds.flatMap(({ verdicts }) => verdicts), ({ machine }) => machine)].map(([account, rows]) => machineScore(account, rows))
  const checkers = [...byAccount(rounds.flatMap(({ checkers }) => checkers), ({ checker }) => checker)].map(([account, rows]) => checkerScore(account, rows))
  const scores = [...share(machinePool, machines), ...share(parameters.poolPerEpoch - machinePool, checkers)]
  const payouts = pay(scores, carried, parameters.minimumPayout)
  return { epoch, scores, payouts, paid: sum(payouts.map(({ paid }) => paid)), carried: sum(payouts.map(({ carriedOut }) => carriedOut)) }
}

/** What an epoch leaves to the next: the `carried` of its `scoreEpoch`. */
export function carriedOut({ payouts }: Pick<EpochResult, 'payouts'>): Carried {
  return new Map(payouts.filter((payout) => payout.carriedOut > 0n).map((payout) => [payout.account, payout.carriedOut]))
}

function machineScore(account: AccountId, verdicts: readonly MachineVerdict[]): Score {
  const forfeit = verdicts.find(({ outcome }) => forfeits(outcome))
  const rows = verdicts.map(({ round, outcome, reason, medianSteps, provenSteps, work }) => ({ round, outcome, reason, medianSteps, provenSteps, work }))
  const score = forfeit === undefined ? sum(rows.map(({ work }) => work)) : 0n
  return { kind: 'machine', account, owner: verdicts.at(-1)!.owner, score, reason: forfeit?.reason ?? 'OK', earned: 0n, rows }
}

function checkerScore(account: AccountId, verdicts: readonly CheckerVerdict[]): Score {
  const rows = verdicts.map(({ round, paidObservations, reason }) => ({ round, paidObservations, reason }))
  const score = BigInt(rows.reduce((total, { paidObservations }) => total + paidObservations, 0))
  return { kind: 'checker', account, owner: verdicts.at(-1)!.owner, score, reason: 'OK', earned: 0n, rows }
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

/** Most payees of one settlement: their transfers fit one extrinsic of peaq's genesis runtime twice over. */
export const MAX_PAYEES = 1000

function pay(scores: readonly Score[], carried: Carried, minimumPayout: bigint): Payout[] {
  const earned = new Map<AccountId, bigint>()
  for (const score of scores) earned.set(score.owner, (earned.get(score.owner) ?? 0n) + score.earned)
  const owed = [...new Set([...earned.keys(), ...carried.keys()])]
    .toSorted()
    .map((account) => ({ account, earned: earned.get(account) ?? 0n, carriedIn: carried.get(account) ?? 0n }))
    .filter((amount) => total(amount) > 0n)
  // The greatest first; the sort is stable, so of equal amounts the smaller account is paid.
  const payees = new Set(owed.filter((amount) => total(amount) >= minimumPayout).toSorted((a, b) => (total(a) > total(b) ? -1 : total(a) < total(b) ? 1 : 0)).slice(0, MAX_PAYEES))
  return owed.map((amount) => (payees.has(amount) ? { ...amount, paid: total(amount), carriedOut: 0n } : { ...amount, paid: 0n, carriedOut: total(amount) }))
}

const total = (amount: { earned: bigint; carriedIn: bigint }): bigint => amount.earned + amount.carriedIn

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
