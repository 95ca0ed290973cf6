import type { AccountInfo, Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import type { AccountId, Hash } from '@assay/protocol'
import { toAddress } from './account.ts'
import type { Chain } from './chain.ts'
import { MissingFeatureError } from './errors.ts'
import { specOf } from './runtime.ts'

/** What an account has, in planck, and its next nonce. `usable` is what it can pay with: free less frozen. */
export interface Balance {
  readonly free: bigint
  readonly reserved: bigint
  readonly usable: bigint
  readonly nonce: number
}

/** Reads an account from storage (a runtime call would cost the node a hundred times more); an account that does not exist has nothing. */
export async function readBalance(chain: Chain, account: AccountId, at?: Hash): Promise<Balance> {
  const info = (await chain.read('system', 'account', [toAddress(account)], at)) as AccountInfo | null
  if (!info) return { free: 0n, reserved: 0n, usable: 0n, nonce: 0 }
  const data = info.data as unknown as Record<string, (Codec & { toBigInt(): bigint }) | undefined>
  const amount = (name: string): bigint => data[name]?.toBigInt() ?? 0n
  // `frozen` since 2023, before it two kinds
  const frozen = [amount('frozen'), amount('miscFrozen'), amount('feeFrozen')].reduce((a, b) => (a > b ? a : b))
  const free = amount('free')
  return { free, reserved: amount('reserved'), usable: free > frozen ? free - frozen : 0n, nonce: info.nonce.toNumber() }
}

/** A transfer of `amount` planck by whichever call this runtime has. Throws MissingFeatureError. */
export function transfer(chain: Chain, to: AccountId, amount: bigint): Call {
  const { transfer: method } = chain.features
  if (!method) throw new MissingFeatureError('transfer call', specOf(chain.runtime))
  return chain.call('balances', method, toAddress(to), amount)
}

/**
 * Moves all that the signer can move to `to`, whatever that is when it is executed, and lets the signer's account end, unless `keepAlive` leaves it the existential deposit: with an account its nonce ends,
 * and a sender that signs by it cannot tell what became of the extrinsic. Throws MissingFeatureError.
 */
export function transferAll(chain: Chain, to: AccountId, keepAlive = false): Call {
  if (!chain.features.transferAll) throw new MissingFeatureError('transferAll call', specOf(chain.runtime))
  return chain.call('balances', 'transferAll', toAddress(to), keepAlive)
}

/** Planck as text in whole tokens, exact: `formatAmount(1_500_000_000_000_000_000n) → '1.5 PEAQ'`. */
export function formatAmount(planck: bigint, symbol = 'PEAQ', decimals = 18): string {
  const digits = (planck < 0n ? -planck : planck).toString().padStart(decimals + 1, '0')
  const fraction = digits.slice(-decimals).replace(/0+$/, '')
  return `${planck < 0n ? '-' : ''}${digits.slice(0, -decimals)}${fraction && `.${fraction}`} ${symbol}`
}

/** An amount that a person shall send, rounded up to three digits: `roundUp(91_957_694_451n) → 92_000_000_000n`. Fees move a little until it comes. */
export function roundUp(planck: bigint): bigint {
  const unit = 10n ** BigInt(Math.max(0, String(planck).length - 3))
  return ((planck + unit - 1n) / unit) * unit
}
