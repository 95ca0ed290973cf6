// How scores and payouts are shown: a zero says why.
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { AccountId, ReasonCode } from '@assay/protocol'
import type { EpochRow, PayoutRow, ScoreRow, Tables } from '../tables.ts'
import { Amount, because, Count, Hash, literals, OnChain, onChain, Reason, type ShownReason } from './shapes.ts'

export const Score = Type.Object({ epoch: Count, account: Hash, owner: Hash, kind: literals(['machine', 'checker']), score: Type.String({ pattern: '^[0-9]+$', description: 'machine: multiply-accumulates; checker: paid observations' }), reason: Reason, earned: Amount })
export const Payout = Type.Object({ epoch: Count, account: Hash, earned: Amount, carriedIn: Amount, paid: Amount, carriedOut: Amount, reason: Reason })

/** Scores with a reason for each zero: the forfeit, else the first thing in the epoch's rounds that went wrong. */
export async function scoreShapes(db: Kysely<Tables>, rows: readonly ScoreRow[]): Promise<Static<typeof Score>[]> {
  const zeros = rows.filter(({ score, reason }) => score === 0n && reason === 'OK')
  const reasons = new Map<string, ShownReason>()
  if (zeros.length > 0) {
    const accounts = [...new Set(zeros.map(({ account }) => account))]
    const epochs = [...new Set(zeros.map(({ epoch }) => epoch))]
    const firstFault = (kind: string, found: readonly { epoch: number, account: AccountId, reason: ReasonCode }[]) => {
      for (const { epoch, account, reason } of found) {
        const key = `${kind} ${account} ${epoch}`
        const known = reasons.get(key)
        if (known === undefined || (known === 'OK' && reason !== 'OK')) reasons.set(key, reason)
      }
    }
    firstFault('machine', await db.selectFrom('verdicts').innerJoin('rounds', 'rounds.round', 'verdicts.round').select(['rounds.epoch', 'verdicts.machine as account', 'verdicts.reason']).where('machine', 'in', accounts).where('epoch', 'in', epochs).orderBy('verdicts.round').execute())
    firstFault('checker', await db.selectFrom('round_checkers').innerJoin('rounds', 'rounds.round', 'round_checkers.round').select(['rounds.epoch', 'round_checkers.checker as account', 'round_checkers.reason']).where('checker', 'in', accounts).where('epoch', 'in', epochs).orderBy('round_checkers.round').execute())
  }
  return rows.map(({ epoch, account, owner, kind, score, reason, earned }) => {
    const why = reasons.get(`${kind} ${account} ${epoch}`) ?? 'NOT_JUDGED'
    const shown = score > 0n || reason !== 'OK' ? reason : why !== 'OK' ? why : kind === 'machine' ? 'NOTHING_PROVEN' : 'NOTHING_PAYABLE'
    return { epoch, account, owner, kind, score: String(score), reason: because(shown), earned: String(earned) }
  })
}

export const payoutShape = ({ epoch, account, earned, carried_in, paid, carried_out }: PayoutRow): Static<typeof Payout> => ({
  epoch, account, earned: String(earned), carriedIn: String(carried_in), paid: String(paid), carriedOut: String(carried_out), reason: because(paid === 0n ? 'BELOW_MINIMUM' : earned === 0n ? 'NOTHING_EARNED' : 'OK'),
})

export const EpochTotals = Type.Object({ root: Hash, pool: Amount, paid: Amount, carried: Amount, remainder: Amount, scoredAt: Count, onChain: OnChain })
export const totalsShape = (row: EpochRow): Static<typeof EpochTotals> => ({ root: row.root, pool: String(row.pool), paid: String(row.paid), carried: String(row.carried), remainder: String(row.remainder), scoredAt: row.scored_at, onChain: onChain(row) })
