// Accounts and amounts as people read them.
import { base58 } from '@scure/base'
import { blake2b } from '@noble/hashes/blake2.js'
import { type AccountId, concat, fromHex, utf8 } from '@assay/protocol'

const PREFIX = Uint8Array.of(42)
const PLANCK_DIGITS = 18

/** SS58 text with prefix 42 of an account: `addressOf('0xd435…')` is `'5Grw…'`. */
export function addressOf(account: AccountId): string {
  const named = concat(PREFIX, fromHex(account))
  return base58.encode(concat(named, blake2b(concat(utf8('SS58PRE'), named)).subarray(0, 2)))
}

/** Planck, not negative, as text in whole tokens, exact: `amountOf(1_500_000_000_000_000_000n)` is `'1.5 PEAQ'`. */
export function amountOf(planck: bigint): string {
  const digits = planck.toString().padStart(PLANCK_DIGITS + 1, '0')
  const fraction = digits.slice(-PLANCK_DIGITS).replace(/0+$/, '')
  return `${digits.slice(0, -PLANCK_DIGITS)}${fraction && `.${fraction}`} PEAQ`
}
