// The parts in which an epoch's payees are paid, so that each is one extrinsic that a block bears. PROTOCOL section 10.
import { type AccountId, concat, equalBytes, fromHex, type Hash, joinBytes, toHex, u32le, utf8 } from './bytes.ts'
import { u128 } from './codec.ts'
import type { Crypto } from './crypto.ts'
import type { StatementOnChain } from './ledger.ts'

/** What an account is paid: planck. */
export type Payment = readonly [account: AccountId, planck: bigint]

/**
 * Transfers of one part at most. On peaq's genesis runtime an extrinsic with the statement and 1,000 of them weighs 170.0e9 of the 349.9e9 that it may (2,000 weigh 339.6e9, 2,150 are refused)
 * and has 43 kB of the block's megabytes, so a part leaves a block room for as much again (`node bench/settlement.ts`).
 */
export const PART_PAYEES = 1000
/** Parts of an epoch at most. */
export const MAX_PARTS = 100

/** Payments, ascending by account, in their parts: the first is never missing, for it goes with the statement. */
export function partsOf<T>(payments: readonly T[]): T[][] {
  const parts = Array.from({ length: Math.max(1, Math.ceil(payments.length / PART_PAYEES)) }, (_, part) => payments.slice(part * PART_PAYEES, (part + 1) * PART_PAYEES))
  if (parts.length > MAX_PARTS) throw new RangeError(`${payments.length} payees do not fit ${MAX_PARTS} parts`)
  return parts
}

/** How the chain has settled an epoch, against what a reader computed of it. */
export type Settled =
  /** Nothing of it is on chain. */
  | { kind: 'nothing' }
  /** The statement, and no others than these parts are missing. */
  | { kind: 'partly'; missing: number[] }
  /** All, with this block. */
  | { kind: 'whole'; block: number }
  | { kind: 'other statement'; block: number; bytes: Uint8Array }
  | { kind: 'other part'; block: number; part: number }

/** Compares an epoch's statement and payments, ascending by account, with what its pot wrote. */
export function settledAs(crypto: Crypto, network: AccountId, own: { epoch: number; bytes: Uint8Array; payouts: readonly Payment[] }, onChain: StatementOnChain | undefined): Settled {
  if (onChain === undefined) return { kind: 'nothing' }
  const bytes = statementBytes(onChain)
  if (!equalBytes(bytes, own.bytes)) return { kind: 'other statement', block: onChain.block, bytes }
  const parts = partsOf(own.payouts)
  const missing = parts.flatMap((_, part) => (part === 0 || onChain.parts.has(part) ? [] : [part]))
  // To hash them all is long where they are many: once, at the end.
  if (missing.length > 0) return { kind: 'partly', missing }
  for (const [part, { block, value }] of onChain.parts) {
    const payments = parts[part]
    if (payments === undefined || !equalBytes(value, fromHex(partDigest(crypto, { network, epoch: own.epoch, part }, payments)))) return { kind: 'other part', block, part }
  }
  return { kind: 'whole', block: Math.max(onChain.block, ...Array.from(onChain.parts.values(), ({ block }) => block)) }
}

/** The bytes of a statement as its chunks give them. */
export const statementBytes = ({ chunks }: Pick<StatementOnChain, 'chunks'>): Uint8Array => joinBytes([...chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))

/** Planck of a settled epoch that are still to be transferred: its parts whose items are not on chain. */
export function pendingOf({ parts }: { parts: ReadonlyMap<number, unknown> }, payments: readonly Payment[]): bigint {
  const open = partsOf(payments).flatMap((part, number) => (number === 0 || parts.has(number) ? [] : part))
  return open.reduce((sum, [, planck]) => sum + planck, 0n)
}

/** What the item of a part after the first holds: S over all that it pays. */
export function partDigest(crypto: Crypto, { network, epoch, part }: { network: AccountId; epoch: number; part: number }, payments: readonly Payment[]): Hash {
  return toHex(crypto.sha256(concat(utf8('assay/1/part'), fromHex(network), u32le(epoch), u32le(part), joinBytes(payments.flatMap(([account, planck]) => [fromHex(account), u128.enc(planck)])))))
}
