// How scores and payouts are shown: a zero says why.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { falseAcceptRate, falseRejectRate, qualityPpm } from '@assay/protocol'
import type { EpochRow, PayoutRow, ScoreRow } from '../tables.ts'
import { Amount, because, Count, Hash, Height, literals, nullable, OnChain, onChain, Reason } from './shapes.ts'
import { LevelShape } from './verdicts.ts'

const Rate = Type.Object({ lowPpm: Count, highPpm: Count }, { description: '95 % interval, in millionths' })
const Standing = Type.Object({ level: LevelShape, benchedUntil: nullable(Height), passed: Count, asked: Count })
const Quality = Type.Object({
  weightPpm: Type.Integer({ minimum: 0, description: 'what its word weighed in this epoch, in millionths' }),
  qualityPpm: Type.Integer({ minimum: 0, description: 'what canaries measured up to and with this epoch, in millionths' }),
  falseAccepts: Rate,
  falseRejects: Rate,
})

export const Score = Type.Object({
  epoch: Count, account: Hash, owner: Hash, kind: literals(['machine', 'checker']), score: Type.String({ pattern: '^[0-9]+$', description: 'machine: multiply-accumulates by availability and standing; checker: paid observations by weight, in millionths' }), reason: Reason, earned: Amount,
  standing: nullable(Standing), quality: nullable(Quality),
})
export const Payout = Type.Object({ epoch: Count, account: Hash, earned: Amount, carriedIn: Amount, paid: Amount, carriedOut: Amount, reason: Reason })

/** A score: of a machine with its standing, of a checker with its quality. */
export const scoreShape = ({ epoch, account, owner, kind, score, reason, earned, passed, asked, standing, benched_until, weight, calibration }: ScoreRow): Static<typeof Score> => ({
  epoch, account, owner, kind, score: String(score), reason: because(reason), earned: String(earned),
  standing: standing === null || passed === null || asked === null ? null : { level: standing, benchedUntil: benched_until, passed, asked },
  quality: weight === null || calibration === null ? null : qualityOf(weight, calibration),
})

function qualityOf(weightPpm: number, [muted = 0, falseAccepts = 0, shown = 0, falseRejects = 0]: readonly number[]): Static<typeof Quality> {
  const calibration = { muted, falseAccepts, shown, falseRejects }
  return { weightPpm, qualityPpm: qualityPpm(calibration), falseAccepts: falseAcceptRate(calibration), falseRejects: falseRejectRate(calibration) }
}

export const payoutShape = ({ epoch, account, earned, carried_in, paid, carried_out }: PayoutRow): Static<typeof Payout> => ({
  epoch, account, earned: String(earned), carriedIn: String(carried_in), paid: String(paid), carriedOut: String(carried_out), reason: because(paid === 0n ? 'BELOW_MINIMUM' : earned === 0n ? 'NOTHING_EARNED' : 'OK'),
})

export const EpochTotals = Type.Object({ root: Hash, pool: Amount, paid: Amount, carried: Amount, remainder: Amount, scoredAt: Count, onChain: OnChain, kept: Type.Object({ evidence: Type.Boolean(), observations: Type.Boolean() }, { description: 'false: let go by the retention policy' }) })
export const totalsShape = (row: EpochRow): Static<typeof EpochTotals> => ({ root: row.root, pool: String(row.pool), paid: String(row.paid), carried: String(row.carried), remainder: String(row.remainder), scoredAt: row.scored_at, onChain: onChain(row), kept: { evidence: row.evidence === 'kept', observations: row.observations === 'kept' } })
