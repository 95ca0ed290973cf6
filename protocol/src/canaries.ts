// Canaries: machines whose truth the network knows, by which it measures its checkers. Who they are, whom they mute, and what a checker's words on them show. PROTOCOL section 16.
import { type AccountId, concat, fromHex, type Hash, toHex, u32le, utf8, ZERO_HASH } from './bytes.ts'
import { boundedVec, bytes64, type Codec, hex32, strict, strictlyAscending, struct, u32, u8, versioned, wellFormed } from './codec.ts'
import type { Crypto } from './crypto.ts'
import type { CountedObservation } from './examine.ts'
import { ITEM_BYTES } from './parameters.ts'
import { canariesKey, parseCanariesKey } from './storage-keys.ts'

/** A machine that its calibrator names. */
export interface Canary {
  machine: AccountId
  /** Of 256: how many of the checkers it mutes in a round, on average; 0 is an honest machine. */
  mute: number
  /** 64 bytes: the machine's peer key agrees to be named by this calibrator, see `consentMessage`. */
  consent: Uint8Array
}

/** What a calibrator's opening of an epoch says. */
export interface CanaryOpening {
  salt: Hash
  /** Strictly ascending by machine, at most `CANARIES_MOST`. */
  canaries: Canary[]
}

/** A calibrator's first item for an epoch. */
export interface CanaryCommitment {
  epoch: number
  commitment: Hash
}

/** Most canaries of one calibrator in an epoch. */
export const CANARIES_MOST = 63
/** Longest opening: salt, length, canaries. */
export const OPENING_BYTES = 32 + 1 + CANARIES_MOST * (32 + 1 + 64)
/** Chunks that an opening may have. */
const CHUNKS = Math.ceil(OPENING_BYTES / ITEM_BYTES)

const commitmentItem = strict('canary commitment', versioned(1, struct<CanaryCommitment>({ epoch: u32, commitment: hex32 })), { maxBytes: ITEM_BYTES })

/** The item under `canariesKey`. */
export const encodeCanaryCommitment = (value: CanaryCommitment): Uint8Array => commitmentItem.encode(value)

/** @throws MalformedError */
export const decodeCanaryCommitment = (bytes: Uint8Array): CanaryCommitment => commitmentItem.decode(bytes)

const canary: Codec<Canary> = struct<Canary>({ machine: hex32, mute: u8, consent: bytes64 })
const opening = strict('canary opening', struct<CanaryOpening>({ salt: hex32, canaries: boundedVec(canary, CANARIES_MOST) }), {
  maxBytes: OPENING_BYTES,
  rule: ({ canaries }) => (strictlyAscending(canaries, ({ machine }) => machine) ? null : 'canaries do not ascend by machine'),
})

/** @throws RangeError unless the canaries ascend strictly and are at most 63 */
export const encodeCanaryOpening = (value: CanaryOpening): Uint8Array => opening.encode(value)

/** @throws MalformedError */
export const decodeCanaryOpening = (bytes: Uint8Array): CanaryOpening => opening.decode(bytes)

/** An encoded opening in the items that bring it on chain, in order. */
export function openingChunks(encoded: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(encoded.length / ITEM_BYTES) }, (_, i) => encoded.slice(i * ITEM_BYTES, (i + 1) * ITEM_BYTES))
}

/** The hash by which a calibrator commits to an encoded opening. */
export function canaryCommitment(crypto: Crypto, { network, epoch, calibrator }: { network: AccountId; epoch: number; calibrator: AccountId }, encoded: Uint8Array): Hash {
  return toHex(crypto.blake2b256(concat(utf8('assay/1/canaries'), fromHex(network), u32le(epoch), fromHex(calibrator), encoded)))
}

/** What a machine's peer key signs to be a canary of this calibrator: nobody makes a canary of another's machine. */
export function consentMessage({ network, calibrator, machine }: { network: AccountId; calibrator: AccountId; machine: AccountId }): Uint8Array {
  return concat(utf8('assay/1/canary'), fromHex(network), fromHex(calibrator), fromHex(machine))
}

/** True if machine M mutes checker K in a round: says nothing to it from the nonce on. */
export function isMuted(crypto: Crypto, { mute, salt }: Pick<NamedCanary, 'mute' | 'salt'>, round: number, machine: AccountId, checker: AccountId): boolean {
  const [first] = crypto.blake2b256(concat(utf8('assay/1/mute'), fromHex(salt), u32le(round), fromHex(machine), fromHex(checker)))
  return first! < mute
}

/** A machine that was opened as a canary. */
export interface NamedCanary {
  mute: number
  salt: Hash
  calibrator: AccountId
}

// What a ledger keeps.

/** What a calibrator wrote for an epoch. */
export interface CanaryItems {
  readonly commitment: Hash
  /** Held the role at the epoch's first freeze; null before. */
  readonly frozen: boolean | null
  readonly chunks: ReadonlyMap<number, Uint8Array>
}

/** By epoch, by calibrator. */
export type CanaryBook = ReadonlyMap<number, ReadonlyMap<AccountId, CanaryItems>>

/** An item of an account that holds the calibrator's role in this block. */
export interface CalibratorItem {
  who: AccountId
  key: string
  value: Uint8Array
  update: boolean
}

/** Blocks of an epoch that decide what an item is for. */
export interface CanaryDates {
  /** The epoch whose first freeze is at or after this block. */
  next: number
  /** The last block in which an opening of this epoch counts. */
  openBy(epoch: number): number
}

/** The book after an item; the same book if the item is nothing. A commitment is taken for the next epoch and the one after, the first of each. */
export function withCanaryItem(book: CanaryBook, network: AccountId, block: number, { who, key, value, update }: CalibratorItem, { next, openBy }: CanaryDates): CanaryBook {
  if (value.length > ITEM_BYTES) return book
  if (key === canariesKey(network)) {
    const item = wellFormed(() => decodeCanaryCommitment(value))
    if (item === null || (item.epoch !== next && item.epoch !== next + 1) || book.get(item.epoch)?.has(who) === true) return book
    return withItems(book, item.epoch, who, { commitment: item.commitment, frozen: null, chunks: new Map() })
  }
  const at = update ? null : parseCanariesKey(network, key)
  const items = at === null ? undefined : book.get(at.epoch)?.get(who)
  if (at === null || items === undefined || at.chunk >= CHUNKS || items.chunks.has(at.chunk) || block > openBy(at.epoch)) return book
  return withItems(book, at.epoch, who, { ...items, chunks: new Map(items.chunks).set(at.chunk, value) })
}

/** The book after the first freeze of an epoch: who holds the role now is a calibrator of it. */
export function withCanaryFreeze(book: CanaryBook, epoch: number, holdsRole: (account: AccountId) => boolean): CanaryBook {
  const written = book.get(epoch)
  return written === undefined ? book : new Map(book).set(epoch, new Map([...written].map(([who, items]) => [who, { ...items, frozen: holdsRole(who) }])))
}

function withItems(book: CanaryBook, epoch: number, who: AccountId, items: CanaryItems): CanaryBook {
  return new Map(book).set(epoch, new Map(book.get(epoch)).set(who, items))
}

/**
 * The canaries of an epoch from its items. An opening that is not complete, malformed, or not what was committed to names nobody; a machine that `peerOf` does not know, or whose
 * peer key did not consent, is none. Of two calibrators that name one machine the smaller counts.
 */
export function namedCanaries(crypto: Crypto, network: AccountId, epoch: number, written: ReadonlyMap<AccountId, CanaryItems>, peersOf: (machine: AccountId) => readonly Hash[]): Map<AccountId, NamedCanary> {
  const named = new Map<AccountId, NamedCanary>()
  for (const [calibrator, items] of [...written].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const opened = items.frozen === true ? openedOf(crypto, { network, epoch, calibrator }, items) : null
    for (const { machine, mute, consent } of opened?.canaries ?? []) {
      const message = consentMessage({ network, calibrator, machine })
      if (!named.has(machine) && peersOf(machine).some((peer) => crypto.ed25519Verify(consent, message, fromHex(peer)))) named.set(machine, { mute, salt: opened!.salt, calibrator })
    }
  }
  return named
}

function openedOf(crypto: Crypto, scope: { network: AccountId; epoch: number; calibrator: AccountId }, { commitment, chunks }: CanaryItems): CanaryOpening | null {
  const parts: Uint8Array[] = []
  for (let part = chunks.get(0); part !== undefined; part = chunks.get(parts.length)) parts.push(part)
  const encoded = concat(...parts)
  return canaryCommitment(crypto, scope, encoded) === commitment ? wellFormed(() => decodeCanaryOpening(encoded)) : null
}

// What a round shows of a checker.

/** What was said of a canary in a round in which it was eligible. */
export interface CanaryLook {
  round: number
  machine: AccountId
  /** All members of its committee. */
  committee: readonly AccountId[]
  /** Members whose package counts and has an observation of it. */
  counted: readonly CountedObservation[]
  /** The checkers whose nonces a commitment holds: the machine's own word that it did not mute them. Null unless the machine signed it and counted packages offer it. */
  folded(commitment: Hash): ReadonlySet<AccountId> | null
}

/** Whole trials of a checker in an epoch. */
export interface Trials {
  /** Canaries that had muted it. */
  muted: number
  /** Of these, how many it says ran. */
  falseAccepts: number
  /** Canaries that ran before its eyes. */
  shown: number
  /** Of these, how many it does not say so of. */
  falseRejects: number
}

/**
 * The trials of each checker by these looks; who had none is not in it. The order of looks does not matter. `weigh`: what a checker's word weighed in the epoch.
 * A look shows something only if more than half of the committee is counted and one commitment is named by more than half of the weight of those that were not muted: else the canary itself was down.
 * The machine must have signed that one: else a few, and muting leaves few, would frame the others by a name that they made up.
 */
export function trialsOf(crypto: Crypto, canaries: ReadonlyMap<AccountId, Pick<NamedCanary, 'mute' | 'salt'>>, looks: readonly CanaryLook[], weigh: (checker: AccountId) => number): Map<AccountId, Trials> {
  const trials = new Map<AccountId, Trials>()
  const count = (checker: AccountId, change: Trials): void => {
    const { muted, falseAccepts, shown, falseRejects } = trials.get(checker) ?? NO_TRIALS
    trials.set(checker, { muted: muted + change.muted, falseAccepts: falseAccepts + change.falseAccepts, shown: shown + change.shown, falseRejects: falseRejects + change.falseRejects })
  }
  for (const { round, machine, committee, counted, folded } of looks) {
    const canary = canaries.get(machine)
    if (canary === undefined || 2 * counted.length <= committee.length) continue
    const [muted, open] = parted(counted, ({ checker }) => isMuted(crypto, canary, round, machine, checker))
    const ran = commitmentOf(open, weigh)
    const answered = ran === null ? null : folded(ran)
    if (answered === null) continue
    for (const { checker, observation } of open) count(checker, { ...NO_TRIALS, shown: 1, falseRejects: observation.commitment === ran ? 0 : 1 })
    for (const { checker, observation } of muted) {
      // Whose nonce the machine folded it did answer, whatever its calibrator meant it to do.
      if (!answered.has(checker)) count(checker, { ...NO_TRIALS, muted: 1, falseAccepts: observation.outcome === 'RAN' ? 1 : 0 })
    }
  }
  return trials
}

const NO_TRIALS: Trials = { muted: 0, falseAccepts: 0, shown: 0, falseRejects: 0 }

function parted<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  const { yes = [], no = [] } = Object.groupBy(items, (item) => (first(item) ? 'yes' : 'no'))
  return [yes, no]
}

/** The commitment that more than half of the weight names. */
function commitmentOf(counted: readonly CountedObservation[], weigh: (checker: AccountId) => number): Hash | null {
  const named = new Map<Hash, number>()
  let all = 0
  for (const { checker, observation } of counted) {
    const weight = weigh(checker)
    all += weight
    named.set(observation.commitment, (named.get(observation.commitment) ?? 0) + weight)
  }
  return [...named].find(([commitment, weight]) => commitment !== ZERO_HASH && 2 * weight > all)?.[0] ?? null
}
