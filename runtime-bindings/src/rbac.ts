import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import { concat, fromHex, toHex, utf8, type AccountId, type Hash } from '@assay/protocol'
import type { Chain } from './chain.ts'
import { utilCrypto } from './polkadot.ts'

/** Creates a role of the signer. A role that was disabled cannot be added again. */
export function addRole(chain: Chain, role: Hash, name: string): Call {
  return chain.call('peaqRbac', 'addRole', role, toHex(utf8(name)))
}

/** Gives `user` a role of the signer. */
export function assignRole(chain: Chain, role: Hash, user: AccountId): Call {
  return chain.call('peaqRbac', 'assignRoleToUser', role, user)
}

/**
 * Takes it back. Before spec 5 this fails with `peaqRbac.AssignmentDoesNotExist` for a user with several roles unless they happen to be in order (the pallet searches an unsorted list); the role
 * then stays assigned. Give a user one role of an owner only, and after a revocation read `rolesOf`.
 */
export function revokeRole(chain: Chain, role: Hash, user: AccountId): Call {
  return chain.call('peaqRbac', 'unassignRoleToUser', role, user)
}

/** Roles of `owner` that `user` holds, from the assignment storage. */
export async function rolesOf(chain: Chain, owner: AccountId, user: AccountId, at?: Hash): Promise<Hash[]> {
  const found = (await chain.read('peaqRbac', 'role2UserStore', [rbacHash(owner, user, 'R2U')], at)) as unknown as { role: Codec }[] | null
  return [...(found ?? [])].map(({ role }) => toHex(role.toU8a()))
}

/** Whether `owner` has created the role (and not disabled it, which keeps it as well). */
export async function hasRole(chain: Chain, owner: AccountId, role: Hash, at?: Hash): Promise<boolean> {
  return (await chain.readRaw('peaqRbac', 'keysLookUpStore', [rbacHash(owner, role, 'Role')], at)) !== null
}

const rbacHash = (owner: AccountId, id: Hash, tag: string): Hash => toHex(utilCrypto.blake2AsU8a(concat(fromHex(owner), fromHex(id), utf8(tag)), 256))
