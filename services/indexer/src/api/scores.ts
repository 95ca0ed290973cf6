// How scores and payouts are shown: a zero says why.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Kysely } from 'kysely'
import { falseAcceptRate, falseRejectRate, qualityPpm, type Ledger } from '@assay/protocol'
import type { EpochRow, PayoutRow, ScoreRow, Tables } from '../tables.ts'
import { extrinsicOf, extrinsicsOf, paymentOf } from './extrinsics.ts'
import { Amount, because, component, count, EpochNumber, flag, Hash, Height, Href, literals, nullable, OnChain, onChain, orNull, Reason } from './shapes.ts'
import { LevelShape } from './verdicts.ts'

const Rate = Type.Object({ lowPpm: count('lower end, in millionths'), highPpm: count('upper end, in millionths') }, { description: '95 % interval, in millionths' })
const Standing = Type.Object({ level: LevelShape, benchedUntil: nullable(Height), passed: count('rounds of the epoch that it passed'), asked: count('rounds of the epoch in which enough checkers observed it') })
const Quality = Type.Object({
  weightPpm: Type.Integer({ minimum: 0, description: 'what its word weighed in this epoch, in millionths' }),
  qualityPpm: Type.Integer({ minimum: 0, description: 'what canaries measured up to and with this epoch, in millionths' }),
  falseAccepts: Rate,
  falseRejects: Rate,
})

const Proof = Type.Object({ statement: Hash, index: Type.Integer({ minimum: 0, description: 'place of the leaf' }), path: Href }, { description: 'root of the epoch’s statement, and where the Merkle path of this line to it is found' })

export const Score = component('Score', Type.Object({
  epoch: EpochNumber, account: Hash, owner: Hash, kind: literals(['machine', 'checker']), score: Type.String({ pattern: '^[0-9]+$', description: 'machine: multiply-accumulates by availability and standing; checker: paid observations by weight, in millionths' }), reason: Reason, earned: Amount,
  standing: orNull(Standing, 'of a machine, after the epoch; null of a checker'), quality: orNull(Quality, 'of a checker; null of a machine'), proof: Proof,
}, { description: 'what an epoch gives a machine or a checker' }))
export const Payout = component('Payout', Type.Object({ epoch: EpochNumber, account: Hash, earned: Amount, carriedIn: Amount, paid: Amount, carriedOut: Amount, reason: Reason, proof: Proof, extrinsic: extrinsicOf('which paid it, with the statement or behind it') }, { description: 'what an epoch pays an owner: paid + carriedOut = earned + carriedIn' }))

/** A row with the root of the statement it is in. */
export type Stated<Row> = Row & { root: EpochRow['root'] }

const proofOf = ({ epoch, account, position, root }: Stated<{ epoch: number, account: string, position: number }>): Static<typeof Proof> => ({ statement: root, index: position, path: `/epochs/${epoch}/proofs/${account}` })

/** A score: of a machine with its standing, of a checker with its quality. */
export const scoreShape = (row: Stated<ScoreRow>): Static<typeof Score> => {
  const { epoch, account, owner, kind, score, reason, earned, passed, asked, standing, benched_until, weight, calibration } = row
  return {
    epoch, account, owner, kind, score: String(score), reason: because(reason), earned: String(earned),
    standing: standing === null || passed === null || asked === null ? null : { level: standing, benchedUntil: benched_until, passed, asked },
    quality: weight === null || calibration === null ? null : qualityOf(weight, calibration),
    proof: proofOf(row),
  }
}

function qualityOf(weightPpm: number, [muted = 0, falseAccepts = 0, shown = 0, falseRejects = 0]: readonly number[]): Static<typeof Quality> {
  const calibration = { muted, falseAccepts, shown, falseRejects }
  return { weightPpm, qualityPpm: qualityPpm(calibration), falseAccepts: falseAcceptRate(calibration), falseRejects: falseRejectRate(calibration) }
}

/** A payout, and by which extrinsic it was paid if that is known. */
export const payoutShape = (row: Stated<PayoutRow>, extrinsic: Static<typeof Payout>['extrinsic'] = null): Static<typeof Payout> => {
  const { epoch, account, earned, carried_in, paid, carried_out } = row
  return { epoch, account, earned: String(earned), carriedIn: String(carried_in), paid: String(paid), carriedOut: String(carried_out), reason: because(paid === 0n && carried_out > 0n ? 'BELOW_MINIMUM' : earned === 0n ? 'NOTHING_EARNED' : 'OK'), proof: proofOf(row), extrinsic }
}

/** Payouts with the extrinsics that paid them. */
export async function payoutShapes({ db, ledger }: { db: Kysely<Tables>, ledger: Ledger }, rows: readonly (Stated<PayoutRow> & Pick<EpochRow, 'chain_state'>)[]): Promise<Static<typeof Payout>[]> {
  const extrinsics = await extrinsicsOf(db, rows.map((row) => paymentOf(ledger, row)))
  return rows.map((row, i) => payoutShape(row, extrinsics[i]))
}

export const EpochTotals = component('EpochTotals', Type.Object({ root: Hash, pool: Amount, paid: Amount, carried: Amount, remainder: Amount, scoredAt: Height, onChain: OnChain, kept: Type.Object({ evidence: flag('whether its evidence is here'), observations: flag('whether its single observations are here') }, { description: 'false: let go by the retention policy' }) }))
export const totalsShape = (row: EpochRow): Static<typeof EpochTotals> => ({ root: row.root, pool: String(row.pool), paid: String(row.paid), carried: String(row.carried), remainder: String(row.remainder), scoredAt: row.scored_at, onChain: onChain(row), kept: { evidence: row.evidence === 'kept', observations: row.observations === 'kept' } })
