// An epoch from beginning to end: facts, evidence, judgement, scores, statement. The one road that checker, indexer and `assay replay` take.
import type { AccountId, Hash } from './bytes.ts'
import { type CanaryLook, type NamedCanary, trialsOf } from './canaries.ts'
import type { Crypto } from './crypto.ts'
import { gatherEvidence, type LoadBlob } from './evidence.ts'
import { type CheckerVerdict, FULL_WEIGHT, judgeRound, type MachineVerdict, type ObservationVerdict, type RoundJudgement, type Weights } from './judge.ts'
import { looksAt } from './examine.ts'
import { canariesOf, type Ledger, parametersFor, type RoundFacts, roundFacts } from './ledger.ts'
import type { Parameters } from './parameters.ts'
import { explain } from './reasons.ts'
import { judgementOfEpoch, roundsOf } from './schedule.ts'
import { type Canaries, type EpochResult, type EpochState, FIRST_STATE, type Payout, type Score, scoreEpoch, weightsOf } from './score.ts'
import type { Level } from './standing.ts'
import { buildStatement, type BuiltStatement } from './statement.ts'

export interface ReplayedRound {
  facts: RoundFacts
  judgement: RoundJudgement
}

export interface ReplayedEpoch {
  kind: 'done'
  epoch: number
  /** Ascending. */
  rounds: ReplayedRound[]
  result: EpochResult
  statement: BuiltStatement
}

export type Replay =
  | ReplayedEpoch
  /** The ledger's head is below `readyAt`, the epoch's judgement block; null where the ledger does not know the network yet. */
  | { kind: 'early'; readyAt: number | null }
  /** Evidence that counts is not to be had now; ids ascending. `epoch` may be one before: what it left is needed too. */
  | { kind: 'missing'; epoch: number; blobs: Hash[] }

/** The ledger no longer has a round that the replay needs. */
export class RoundForgottenError extends Error {
  override readonly name = 'RoundForgottenError'
  readonly code = 'ROUND_FORGOTTEN'
  constructor(round: number) {
    super(`the ledger was pruned and has no facts of round ${round} any more; replay from a whole ledger, or give what the epoch before left`)
  }
}

/**
 * Judges, scores and states an epoch from the ledger and content-addressed evidence: the same statement for everybody.
 * `previous` is what the epoch before left, from its own replay or from the leaves of its statement; without it every epoch from 0 is replayed first.
 * Rejects with what `load` rejects with.
 * @throws RoundForgottenError if the ledger was pruned too far
 */
export async function replayEpoch(crypto: Crypto, ledger: Ledger, epoch: number, load: LoadBlob, previous?: EpochState): Promise<Replay> {
  const parameters = parametersOf(ledger, epoch)
  const readyAt = parameters === null ? null : judgementOfEpoch(parameters, epoch)
  if (readyAt === null || (ledger.head?.number ?? -1) < readyAt) return { kind: 'early', readyAt }
  let state = previous ?? FIRST_STATE
  for (let before = previous === undefined ? 0 : epoch; before < epoch; before++) {
    const replayed = await replayOne(crypto, ledger, before, load, state)
    if (replayed.kind !== 'done') return replayed
    state = replayed.result.state
  }
  return replayOne(crypto, ledger, epoch, load, state)
}

/** One epoch whose judgement block is in the ledger. */
async function replayOne(crypto: Crypto, ledger: Ledger, epoch: number, load: LoadBlob, before: EpochState): Promise<Replay> {
  const parameters = parametersOf(ledger, epoch)!
  const weights = weightsOf(parameters.calibrationCheck, before.calibrations)
  const all = roundsOf(parameters, epoch).map((round) => {
    const facts = roundFacts(crypto, ledger, round)
    if (facts === null) throw new RoundForgottenError(round)
    return facts
  })
  const named = canariesOf(crypto, ledger, epoch)
  const machines = new Set(named.keys())
  const looks: CanaryLook[] = []
  const rounds: ReplayedRound[] = []
  // Round after round, so that the evidence of one is let go before that of the next is loaded.
  for (const facts of all) {
    const { evidence, missing } = await gatherEvidence(crypto, facts, load)
    if (missing.length > 0) return { kind: 'missing', epoch, blobs: missing }
    looks.push(...looksAt(crypto, facts, evidence, machines))
    rounds.push({ facts, judgement: judgeRound(crypto, facts, evidence, weights) })
  }
  const result = scoreEpoch(epoch, rounds.map(({ judgement }) => judgement), parameters, before, canariesBy(crypto, named, looks, weights))
  return { kind: 'done', epoch, rounds, result, statement: buildStatement(crypto, ledger.network, result, rounds) }
}

/** What an epoch's canaries showed: who they are, and the trials of each checker by what counted packages say of them. */
export const canariesBy = (crypto: Crypto, named: ReadonlyMap<AccountId, NamedCanary>, looks: readonly CanaryLook[], weights: Weights): Canaries => ({
  machines: new Set(named.keys()),
  trials: trialsOf(crypto, named, looks, (checker) => weights.get(checker) ?? FULL_WEIGHT),
})

const parametersOf = (ledger: Ledger, epoch: number): Parameters | null => {
  const any = parametersFor(ledger, 0)
  return any === null ? null : parametersFor(ledger, epoch * any.epochRounds)
}

/** One round of a machine or a checker in words, with all that it rests on. */
export type ExplainedRound =
  | { kind: 'machine'; sentence: string; verdict: MachineVerdict; standing: Level }
  | { kind: 'checker'; sentence: string; verdict: CheckerVerdict; observations: ExplainedObservation[] }

/** One counted observation of a checker. */
export interface ExplainedObservation {
  machine: AccountId
  sentence: string
  observation: ObservationVerdict
}

/** Why a score is what it is. */
export interface Explanation {
  score: Score
  sentence: string
  /** All that the owner gets in the epoch, by whatever account; undefined if that is nothing. */
  payout: Payout | undefined
  /** Ascending; one for each row of the score. */
  rounds: ExplainedRound[]
}

/** Every score of an epoch with its reasons, in the order of the score leaves. The sentences are of the closed vocabulary. */
export function explainEpoch({ rounds, result }: { rounds: readonly Pick<ReplayedRound, 'judgement'>[]; result: Pick<EpochResult, 'scores' | 'payouts'> }): Explanation[] {
  const payouts = new Map(result.payouts.map((payout) => [payout.account, payout]))
  const machines = Map.groupBy(rounds.flatMap(({ judgement }) => judgement.verdicts), ({ machine }) => machine)
  const checkers = Map.groupBy(rounds.flatMap(({ judgement }) => judgement.checkers.map((verdict) => ({ verdict, judgement }))), ({ verdict }) => verdict.checker)
  return result.scores.map((score): Explanation => {
    const explained: ExplainedRound[] =
      score.kind === 'machine'
        ? (machines.get(score.account) ?? []).map((verdict, i) => ({ kind: 'machine', sentence: explain(verdict.reason), verdict, standing: score.rows[i]!.standing }))
        : (checkers.get(score.account) ?? []).map(({ verdict, judgement }) => ({ kind: 'checker', sentence: explain(verdict.reason), verdict, observations: observationsOf(judgement, score.account) }))
    return { score, sentence: explain(score.reason), payout: payouts.get(score.owner), rounds: explained }
  })
}

function observationsOf({ verdicts }: RoundJudgement, checker: AccountId): ExplainedObservation[] {
  return verdicts.flatMap(({ machine, observations }) =>
    observations.filter((observation) => observation.checker === checker).map((observation) => ({ machine, sentence: explain(observation.reason), observation })),
  )
}
