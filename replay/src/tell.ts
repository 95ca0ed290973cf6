// Why a score is what it is, line by line.
import type { Explanation, ObservationVerdict, ReplayedEpoch, Score } from '@assay/protocol'
import { addressOf, amountOf } from './names.ts'
import type { OnChain } from './on-chain.ts'

const ON_CHAIN: Record<OnChain, string> = { match: 'the same', mismatch: 'ANOTHER', partly: 'the same, and some payees are still to be paid', 'not yet': 'nothing yet' }

/**
 * The epoch in words, a line each: its root, what is paid, and for each explanation why the score is what it is.
 * `detailed` also tells of each observation.
 */
export function tellEpoch({ epoch, statement, result }: ReplayedEpoch, onChain: OnChain, explanations: readonly Explanation[], detailed: boolean): string[] {
  const lines = [
    `epoch ${epoch}: statement root ${statement.root}`,
    `on chain: ${ON_CHAIN[onChain]}`,
    `paid ${amountOf(result.paid)}, carried ${amountOf(result.carried)}`,
  ]
  for (const explanation of explanations) lines.push('', ...tellScore(explanation, detailed))
  return lines
}

/** Why one score is what it is, a line each; `detailed` also tells of each observation. */
export function tellScore({ score, sentence, payout, rounds }: Explanation, detailed: boolean): string[] {
  const lines = [`${score.kind} ${addressOf(score.account)}: score ${score.score}, earned ${amountOf(score.earned)}${score.reason === 'OK' ? '' : ` (${score.reason}: ${sentence})`}`]
  lines.push(payout === undefined ? `  owner ${addressOf(score.owner)} gets nothing` : `  owner ${addressOf(score.owner)}: paid ${amountOf(payout.paid)}, carried ${amountOf(payout.carriedOut)}`)
  lines.push(`  ${how(score)}`)
  for (const round of rounds) {
    if (round.kind === 'machine') {
      const { verdict } = round
      lines.push(`  round ${verdict.round}: ${verdict.outcome}${verdict.reason === 'OK' ? '' : ` (${verdict.reason}: ${round.sentence})`}, ${round.standing}, ${verdict.counted} of ${verdict.committee.length} checkers counted, median ${verdict.medianSteps} steps, proven ${verdict.provenSteps}, work ${verdict.work}`)
      if (detailed) for (const one of verdict.observations) lines.push(`    ${addressOf(one.checker)}: ${one.vote}, credited ${one.credited} steps${offText(one)}${one.paid ? ', paid' : ` (${one.reason})`}`)
    } else {
      lines.push(`  round ${round.verdict.round}: ${round.verdict.paidObservations} paid observations${round.verdict.reason === 'OK' ? '' : ` (${round.verdict.reason}: ${round.sentence})`}`)
      if (detailed) for (const one of round.observations) lines.push(`    ${addressOf(one.machine)}: ${one.observation.vote}, credited ${one.observation.credited} steps${offText(one.observation)}${one.observation.paid ? ', paid' : ` (${one.observation.reason}: ${one.sentence})`}`)
    }
  }
  return lines
}

/** What a score is made of, beside its rounds. */
function how(score: Score): string {
  if (score.kind === 'checker') return `its word weighs ${percent(score.weight)} %; the score is its paid observations times that, in millionths`
  const { passed, asked } = score.availability
  return `passed ${passed} of ${asked} rounds; the score is its work, in part by its standing where the network enforces it, times that`
}

/** How far a reading lies from the committee's median. */
const offText = ({ offPpm }: ObservationVerdict): string => (offPpm === null || offPpm === 0 ? '' : `, ${offPpm > 0 ? '+' : '-'}${percent(Math.abs(offPpm))} % off the median`)

/** Millionths as percent, exactly. */
const percent = (ppm: number): string => `${Math.floor(ppm / 10_000)}.${String(ppm % 10_000).padStart(4, '0')}`.replace(/\.?0+$/, '')
