import type { Call } from '@polkadot/types/interfaces'
import { concat, fromHex, toHex, utf8, type AccountId, type Hash } from '@assay/protocol'
import type { Chain } from './chain.ts'
import { ChainError, MissingFeatureError } from './errors.ts'
import { specOf } from './runtime.ts'
import { util, utilCrypto } from './polkadot.ts'

const KEY_LIMIT = 64

/** Writes a new item of the signer; fails on chain with `peaqStorage.ItemTypeAlreadyExists` if it has one of that key. Throws ChainError TOO_LONG, MissingFeatureError. */
export function addItem(chain: Chain, key: string, value: Uint8Array): Call {
  return itemCall(chain, 'addItem', key, value)
}

/** Replaces an item of the signer; fails on chain with `peaqStorage.ItemNotFound` if there is none. Throws as `addItem`. */
export function updateItem(chain: Chain, key: string, value: Uint8Array): Call {
  return itemCall(chain, 'updateItem', key, value)
}

/** Adds or updates, by what is on chain now: `who` is the account that will sign. */
export async function putItem(chain: Chain, who: AccountId, key: string, value: Uint8Array): Promise<Call> {
  return (await hasItem(chain, who, key)) ? updateItem(chain, key, value) : addItem(chain, key, value)
}

/** An item of `who` at `at` (default: best block); null if there is none (an empty item is not none). */
export async function readItem(chain: Chain, who: AccountId, key: string, at?: Hash): Promise<Uint8Array | null> {
  const raw = await chain.readRaw('peaqStorage', 'itemStore', [itemHash(who, key)], at)
  return raw === null ? null : Uint8Array.from(util.compactStripLength(fromHex(raw))[1])
}

/** Whether `who` has an item of that key. */
export async function hasItem(chain: Chain, who: AccountId, key: string, at?: Hash): Promise<boolean> {
  return (await chain.readRaw('peaqStorage', 'itemStore', [itemHash(who, key)], at)) !== null
}

/** Key in the pallet's map: BLAKE2b of account and item key. */
export function itemHash(who: AccountId, key: string): Hash {
  return toHex(utilCrypto.blake2AsU8a(concat(fromHex(who), utf8(key)), 256))
}

function itemCall(chain: Chain, method: 'addItem' | 'updateItem', key: string, value: Uint8Array): Call {
  const { storage } = chain.features
  if (!storage) throw new MissingFeatureError('pallet peaqStorage', specOf(chain.runtime))
  if (utf8(key).length > KEY_LIMIT) throw new ChainError('TOO_LONG', `The item key "${key}" has ${utf8(key).length} bytes, more than ${KEY_LIMIT}.`, 'Use a shorter key.')
  if (value.length > storage.itemLimit) throw new ChainError('TOO_LONG', `The item "${key}" has ${value.length} bytes; this chain stores ${storage.itemLimit}.`, 'Split it.')
  return chain.call('peaqStorage', method, toHex(utf8(key)), toHex(value))
}
