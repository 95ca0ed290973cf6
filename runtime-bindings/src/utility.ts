import type { Call } from '@polkadot/types/interfaces'
import type { Chain } from './chain.ts'

/** Calls that take effect together or not at all. Throws MissingFeatureError. */
export function batchAll(chain: Chain, calls: readonly Call[]): Call {
  return chain.call('utility', 'batchAll', calls)
}

/** Calls that take effect one by one; a failing one is skipped and told by ITEM_FAILED. */
export function forceBatch(chain: Chain, calls: readonly Call[]): Call {
  return chain.call('utility', 'forceBatch', calls)
}
