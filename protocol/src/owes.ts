// What a checker that leaves its network still owes it, by the chain alone: rounds that were drawn with it, and the pot that waits for its approvals.
import type { AccountId } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { type Ledger, registeredCheckers, roundFacts, statementsOnChain } from './ledger.ts'
import { epochOf, judgementOfEpoch, roundAt } from './schedule.ts'
import { foundersOf, payingTerm, potOf, settlersOf } from './settlers.ts'

/** `until`: the earliest block after which it is owed no more. */
export type Owed =
  /** Its leaving is not confirmed, or was never written: it may be in any round that is frozen. */
  | { kind: 'leaving' }
  /** Its evidence is needed until the epoch of its last round is settled. */
  | { kind: 'rounds'; round: number; epoch: number; until: number }
  /** It is one of those who settle a term, until that term's pot is handed over. */
  | { kind: 'pot'; term: number; until: number }
  /** It is a founder of a network without terms, which its founders settle for ever. */
  | { kind: 'for ever' }

/** Null: it may stop. `founders`: if the caller knows them better than the chain tells. */
export function owedBy(crypto: Crypto, ledger: Ledger, me: AccountId, founders: readonly AccountId[] | null = foundersOf(crypto, ledger)): Owed | null {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined || ledger.head === null) return null
  const settles = (term: number): boolean => settlersOf(crypto, ledger, term, founders)?.includes(me) === true
  if (founding.termEpochs === 0 && settles(0)) return { kind: 'for ever' }
  if (registeredCheckers(ledger).some(({ account }) => account === me)) return { kind: 'leaving' }
  // From an epoch's statement on its mirrors are asked; likewise of those before it, for each needs the one before.
  const settled = Math.max(-1, ...statementsOnChain(ledger).keys())
  for (let round = roundAt(founding, ledger.head.number) + 1; round >= 0 && epochOf(founding, round) > settled; round--) {
    if (roundFacts(crypto, ledger, round)?.checkers.some(({ account }) => account === me)) return { kind: 'rounds', round, epoch: epochOf(founding, round), until: judgementOfEpoch(founding, epochOf(founding, round)) }
  }
  for (let term = payingTerm(ledger); potOf(ledger, term) !== null; term++) {
    if (settles(term)) return { kind: 'pot', term, until: judgementOfEpoch(founding, (term + 1) * founding.termEpochs - 1) }
  }
  return null
}
