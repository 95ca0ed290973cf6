import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import { concat, fromHex, toHex, utf8, type AccountId, type Hash } from '@assay/protocol'
import { toAddress } from './account.ts'
import type { Chain } from './chain.ts'
import { ChainError } from './errors.ts'
import { utilCrypto } from './polkadot.ts'

// On this pallet anyone may add an attribute to anyone's DID and then change or remove all of them: nothing here proves who wrote it.

/** The value of an attribute in storage at `at` (default: best block); null if there is none. Expiry is not looked at, as the pallet does not. */
export async function readAttribute(chain: Chain, account: AccountId, name: string, at?: Hash): Promise<Uint8Array | null> {
  const found = (await chain.read('peaqDid', 'attributeStore', [attributeHash(account, name)], at)) as unknown as { value: Codec } | null
  return found && Uint8Array.from(found.value.toU8a(true))
}

/** Adds an attribute without expiry. */
export function addAttribute(chain: Chain, account: AccountId, name: string, value: Uint8Array): Call {
  return chain.call('peaqDid', 'addAttribute', toAddress(account), toHex(utf8(name)), toHex(value), null)
}

/** Replaces the value of an attribute. */
export function updateAttribute(chain: Chain, account: AccountId, name: string, value: Uint8Array): Call {
  return chain.call('peaqDid', 'updateAttribute', toAddress(account), toHex(utf8(name)), toHex(value), null)
}

/**
 * Writes `value` as an attribute of the account's own DID under `name`, or under `name/1`, `name/2`, … where someone else sits on the name: adds, or updates what the account may update.
 * `added` says that a deposit may be due. Throws ChainError TOO_LONG.
 */
export async function putAttribute(chain: Chain, account: AccountId, name: string, value: Uint8Array): Promise<{ call: Call; added: boolean }> {
  const limit = chain.features.did?.valueLimit ?? null
  if (limit !== null && value.length > limit) throw new ChainError('TOO_LONG', `The attribute has ${value.length} bytes; this chain stores ${limit}.`, 'Give fewer or shorter addresses.')
  const owner = await isOwner(chain, account, account)
  for (let i = 0; i < 1_000; i++) {
    const free = i === 0 ? name : `${name}/${i}`
    if ((await chain.readRaw('peaqDid', 'attributeStore', [attributeHash(account, free)])) === null) return { call: addAttribute(chain, account, free, value), added: true }
    if (owner) return { call: updateAttribute(chain, account, free, value), added: false }
  }
  throw new ChainError('DID_SQUATTED', `A thousand attributes called ${name} of ${toAddress(account)} are taken by others.`, 'Use another account.')
}

/** Whether `who` may update and remove the attributes of `account`: it has once added one of them. */
export async function isOwner(chain: Chain, who: AccountId, account: AccountId): Promise<boolean> {
  const pair = toHex(utilCrypto.blake2AsU8a(concat(fromHex(who), fromHex(account)), 256))
  return (await chain.readRaw('peaqDid', 'ownerStore', [[toAddress(who), pair]])) !== null
}

/** Key in the pallet's map: BLAKE2b of account and name. */
export function attributeHash(account: AccountId, name: string): Hash {
  return toHex(utilCrypto.blake2AsU8a(concat(fromHex(account), utf8(name)), 256))
}
