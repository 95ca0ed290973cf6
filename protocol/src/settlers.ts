// Who settles an epoch, and from which account: the founders in term 0, afterwards committees drawn from the checkers. PROTOCOL sections 2 and 10.
import { type AccountId, concat, fromHex, type Hash, joinBytes, toHex, u16le, utf8 } from './bytes.ts'
import { hex32, strict, struct, u32, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import type { Ledger } from './ledger.ts'
import { ITEM_BYTES, type Parameters } from './parameters.ts'
import { roundStart } from './schedule.ts'

/** Signatories of a settlement at most: what peaq's multisig takes. */
export const MAX_SETTLERS = 20

/** A drawn committee and the account that is its multisig. */
export interface Committee {
  /** Ascending. */
  settlers: readonly AccountId[]
  pot: AccountId
}

/** What a pot says when it hands its money over. */
export interface HandOver {
  /** The term that begins. */
  term: number
  /** The pot of that term. */
  pot: AccountId
}

/** The first item of a pot under the key of a hand-over. */
export interface HandOverOnChain {
  block: number
  /** Null: malformed, or of another term. */
  item: HandOver | null
}

type TermParameters = Pick<Parameters, 'termEpochs' | 'epochRounds' | 'start' | 'roundBlocks'>

const handOver = strict<HandOver>('hand-over', versioned(1, struct({ term: u32, pot: hex32 })), { maxBytes: ITEM_BYTES })

/** @throws RangeError */
export const encodeHandOver = (value: HandOver): Uint8Array => handOver.encode(value)
/** @throws MalformedError */
export const decodeHandOver = (bytes: Uint8Array): HandOver => handOver.decode(bytes)

/** `floor(2n/3) + 1`: how many of n members move the money. */
export function thresholdOf(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/** The account of Substrate's multisig pallet for these members, in any order; knows nothing of limits. */
export function multisigId(crypto: Crypto, members: readonly AccountId[], threshold: number): AccountId {
  if (members.length >= 64) throw new RangeError(`${members.length} members; the length would not be one byte`)
  return toHex(crypto.blake2b256(concat(utf8('modlpy/utilisuba'), Uint8Array.of(members.length << 2), joinBytes(members.toSorted().map(fromHex)), u16le(threshold))))
}

/** The settlers that a beacon draws from the eligible checkers: those with the smallest hashes. Null if there are fewer than two checkers. */
export function drawSettlers(crypto: Crypto, beacon: Hash, checkers: readonly AccountId[]): Committee | null {
  if (checkers.length < 2) return null
  const draw = (checker: AccountId): Hash => toHex(crypto.blake2b256(concat(utf8('assay/1/settlers'), fromHex(beacon), fromHex(checker))))
  const drawn = checkers.map((checker) => [draw(checker), checker] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const settlers = drawn.slice(0, MAX_SETTLERS).map(([, checker]) => checker).toSorted()
  return { settlers, pot: multisigId(crypto, settlers, thresholdOf(settlers.length)) }
}

/** The term in which an epoch is settled; 0 for ever where `termEpochs` is 0. */
export function termOf({ termEpochs }: Pick<Parameters, 'termEpochs'>, epoch: number): number {
  return termEpochs === 0 ? 0 : Math.floor(epoch / termEpochs)
}

/** The term whose settlers a round's beacon draws, if it is the first of one after term 0; else null. */
export function termBegunBy({ termEpochs, epochRounds }: Pick<Parameters, 'termEpochs' | 'epochRounds'>, round: number): number | null {
  const rounds = termEpochs * epochRounds
  return rounds > 0 && round >= rounds && round % rounds === 0 ? round / rounds : null
}

/** The block whose randomness draws the settlers of a term. */
export function termStart(parameters: TermParameters, term: number): number {
  return roundStart(parameters, term * parameters.termEpochs * parameters.epochRounds)
}

/** The founding checkers: who got the role in the block that founded the network, ascending; null unless the network's account is their multisig. */
export function foundersOf(crypto: Crypto, ledger: Ledger): AccountId[] | null {
  const block = ledger.parameters[0]?.block
  const founders = [...ledger.roles].filter(([, entries]) => entries.some((entry) => entry.block === block && entry.assigned)).map(([account]) => account)
  return isCommittee(crypto, ledger.network, founders) ? founders.toSorted() : null
}

/** Whether an account is the multisig of these members, each named once, with the threshold of section 2. */
export function isCommittee(crypto: Crypto, account: AccountId, members: readonly AccountId[]): boolean {
  if (members.length < 2 || members.length > MAX_SETTLERS || new Set(members).size !== members.length) return false
  return multisigId(crypto, members, thresholdOf(members.length)) === account
}

/** The account that pays the epochs of a term; null before its settlers are drawn. */
export function potOf(ledger: Ledger, term: number): AccountId | null {
  const committee = committeeOfTerm(ledger, term)
  return committee === null ? null : committee === 'FOUNDERS' ? ledger.network : committee.pot
}

/**
 * Who settles the epochs of a term, ascending; null before they are drawn, or where they are the founders and these are not known.
 * `founders`: if the caller knows them better than the chain tells.
 */
export function settlersOf(crypto: Crypto, ledger: Ledger, term: number, founders: readonly AccountId[] | null = foundersOf(crypto, ledger)): readonly AccountId[] | null {
  const committee = committeeOfTerm(ledger, term)
  return committee === 'FOUNDERS' ? founders : (committee?.settlers ?? null)
}

/** A term that found fewer than two checkers keeps the committee before it. */
function committeeOfTerm(ledger: Ledger, term: number): Committee | 'FOUNDERS' | null {
  const founding = ledger.parameters[0]?.parameters
  if (term === 0) return 'FOUNDERS'
  if (founding === undefined || founding.termEpochs === 0 || ledger.head === null || ledger.head.number < termStart(founding, term)) return null
  for (let before = term; before > 0; before--) {
    const committee = ledger.terms.get(before)
    if (committee !== undefined) return committee
  }
  return 'FOUNDERS'
}

/** The newest term whose pot has the money, as far as the chain says: every pot before it wrote its hand-over, or is the same account as the next. */
export function payingTerm(ledger: Ledger): number {
  for (let term = 0, pot: AccountId | null = ledger.network; ; term++) {
    const next = potOf(ledger, term + 1)
    if (next === null || (next !== pot && !ledger.handOvers.has(term + 1))) return term
    pot = next
  }
}
