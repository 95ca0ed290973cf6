import type { Call } from '@polkadot/types/interfaces'
import {
  calibratorRoleId,
  checkerRoleId,
  decodeParameters,
  encodeParameters,
  equalBytes,
  PARAMETERS_KEY,
  readPrefix,
  thresholdOf,
  updateProblems,
  validateParameters,
  VERSIONS,
  versionsText,
  type AccountId,
  type Hash,
  type Parameters,
  type ParametersPrefix,
} from '@assay/protocol'
import { toAddress } from './account.ts'
import type { Chain } from './chain.ts'
import { nodeCrypto } from './crypto.ts'
import { ChainError } from './errors.ts'
import { approve, cancel, multisigAccount, type Approval, type ApproveOptions } from './multisig.ts'
import { addRole, assignRole, hasRole, revokeRole, rolesOf } from './rbac.ts'
import { addItem, readItem, updateItem } from './storage.ts'
import { batchAll } from './utility.ts'

/** What stands of a network on chain. */
export interface FoundNetwork {
  /** what parameters of every version begin with: enough to follow the chain */
  prefix: ParametersPrefix
  /** null: they are of a version that this program does not know; those before them may still be in force, which the ledger tells */
  parameters: Parameters | null
  raw: Uint8Array
}

/** A network's parameters as its account wrote them last; null if the account holds none. Reads the chain at `at` (default: best block). Throws ChainError NOT_A_NETWORK if they are malformed. */
export async function findNetwork(chain: Chain, network: AccountId, at?: Hash): Promise<FoundNetwork | null> {
  const raw = await readItem(chain, network, PARAMETERS_KEY, at)
  if (!raw) return null
  const prefix = readPrefix(raw)
  if (prefix !== null && prefix.version > VERSIONS.highest) return { prefix, parameters: null, raw }
  try {
    const parameters = decodeParameters(raw)
    return { prefix: parameters, parameters, raw }
  } catch (error) {
    throw new ChainError('NOT_A_NETWORK', `The parameters of ${toAddress(network)} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, 'Check the network\'s address.')
  }
}

/** The parameters that were found, for who acts by the newest ones. Throws ChainError NEWER_VERSION if this program does not know their version. */
export function knownParameters({ prefix, parameters }: Pick<FoundNetwork, 'prefix' | 'parameters'>): Parameters {
  if (parameters !== null) return parameters
  throw new ChainError('NEWER_VERSION', `The network has agreed on version ${prefix.version} of the protocol, and this program knows ${versionsText(VERSIONS)}.`, 'Update this program.')
}

/** What keeps parameters from being a network's on this chain, beside what they are among themselves: one sentence a problem. A transfer below the deposit to a new account fails. */
export const payoutProblems = (chain: Chain, { minimumPayout }: Pick<Parameters, 'minimumPayout'>): string[] =>
  minimumPayout < chain.features.existentialDeposit ? [`minimumPayout is ${minimumPayout}, below the chain's existential deposit (${chain.features.existentialDeposit})`] : []

/** The account of a network: the multisig of its founding checkers with threshold `floor(2n/3) + 1`. */
export function networkAccount(founders: readonly AccountId[]): AccountId {
  return multisigAccount({ members: founders, threshold: thresholdOf(founders.length) })
}

/** The network of these founders as it stands. Throws ChainError NO_NETWORK where they have none, and as `findNetwork`. */
export async function foundersNetwork(chain: Chain, founders: readonly AccountId[]): Promise<FoundNetwork & { network: AccountId }> {
  const network = networkAccount(founders)
  const found = await findNetwork(chain, network)
  if (found === null) throw new ChainError('NO_NETWORK', `The account of these founders, ${toAddress(network)}, holds no network on ${chain.endpoint}.`, 'Name all founders of the network, and no others.')
  return { ...found, network }
}

/** Who acts for a network, and of whom it is. `withdraw`: takes back what this founder opened, by the same arguments, instead of approving it; then nothing is open, whoever else approved it. */
export type Founding = Omit<ApproveOptions, 'members' | 'threshold' | 'call' | 'label' | 'open' | 'spent'> & { founders: readonly AccountId[]; withdraw?: boolean }

/** Approves, or takes back. Throws ChainError NOTHING_OPEN, NOT_WITHDRAWN. */
async function act(options: Founding, { call, label, spent }: Pick<ApproveOptions, 'call' | 'label' | 'spent'>): Promise<Approval | { state: 'withdrawn' }> {
  const { founders, withdraw = false, ...rest } = options
  const multisig = { members: founders, threshold: thresholdOf(founders.length) }
  if (!withdraw) return approve({ ...rest, ...multisig, call, label, ...(spent && { spent }) })
  const result = await cancel({ ...rest, ...multisig, callHash: call.hash.toHex(), label: `${label}, taken back` })
  if (result === null) throw new ChainError('NOTHING_OPEN', `No approval of the ${label} is open.`, 'Nothing was done. Give the arguments with which it was opened, as long as nothing else was changed since.')
  if (!result.ok) throw new ChainError('NOT_WITHDRAWN', `The ${label} was not taken back: ${result.message}`, result.advice ?? 'Only the founder who approved it first can take it back.')
  return { state: 'withdrawn' }
}

/**
 * One founding checker's part in the creation of a network: approves `batchAll([parameters, role, role of each founder])` by the network's multisig; call it for each founder, any number of times.
 * `waiting`: more founders are needed. Throws ChainError BAD_PARAMETERS, NETWORK_EXISTS (with other parameters) or NETWORK_NOT_CREATED (with the reason).
 */
export async function createNetwork(
  options: Founding & { parameters: Parameters },
): Promise<{ network: AccountId; state: 'waiting' | 'created' | 'withdrawn' }> {
  const { chain, founders, parameters } = options
  const problems = validateParameters(parameters)
  if (problems.length > 0) throw new ChainError('BAD_PARAMETERS', `The network's parameters do not fit together: ${problems.join('; ')}.`, 'Change them.')
  const below = payoutProblems(chain, parameters)
  if (below.length > 0) throw new ChainError('BAD_PARAMETERS', `The network's ${below.join('; ')}.`, 'Raise it.')
  const raw = encodeParameters(parameters)
  const network = networkAccount(founders)
  const exists = async (): Promise<boolean> => {
    const found = await readItem(chain, network, PARAMETERS_KEY)
    if (found && !equalBytes(found, raw)) throw new ChainError('NETWORK_EXISTS', `The network ${toAddress(network)} exists with other parameters.`, 'Use it as it is, or found one with other checkers.')
    return found !== null
  }
  const role = roleId('checker')
  const ascending = [...founders].sort() // the members must build the identical call
  const call = batchAll(chain, [addItem(chain, PARAMETERS_KEY, raw), addRole(chain, role, ROLES.checker.name), ...ascending.map((founder) => assignRole(chain, role, founder))])
  const approval = await act(options, { call, label: 'creation of the network', spent: exists })
  switch (approval.state) {
    case 'withdrawn':
      return { network, state: 'withdrawn' }
    case 'spent':
      return { network, state: 'created' }
    case 'opened':
    case 'approved':
    case 'waiting':
    case 'closed':
      return { network, state: 'waiting' }
    case 'executed':
    case 'failed':
      if (approval.result.ok) return { network, state: 'created' }
      if (await exists()) return { network, state: 'created' }
      throw new ChainError('NETWORK_NOT_CREATED', `The network ${toAddress(network)} was not created: ${approval.result.message}`, approval.result.advice ?? 'See the chain\'s reason.')
  }
}

/** What a network's account can make somebody. */
export type RoleName = 'checker' | 'calibrator'
const ROLES: Record<RoleName, { idOf: typeof checkerRoleId; name: string }> = { checker: { idOf: checkerRoleId, name: 'assay checker' }, calibrator: { idOf: calibratorRoleId, name: 'assay calibrator' } }
const roleId = (role: RoleName): Hash => ROLES[role].idOf(nodeCrypto)

type RoleChanged = { network: AccountId; state: 'waiting' | 'done' | 'unchanged' | 'withdrawn' }
type RoleChange = Founding & { role: RoleName; user: AccountId }

/**
 * One founding checker's part in giving `user` a role, which is created if nobody had it: approves that by the network's multisig; call it for each founder, any number of times. An account has one role:
 * who measures checkers is none, and before spec 5 of several none can be taken back. `waiting`: more founders are needed; `unchanged`: it was so already. Throws ChainError NO_NETWORK, OTHER_ROLE, ROLE_NOT_CHANGED (with the reason).
 */
export async function giveRole(options: RoleChange): Promise<RoleChanged> {
  const { chain, user, role } = options
  const id = roleId(role)
  return changeRole(options, `role of a ${role}`, async (network) => {
    const held = await rolesOf(chain, network, user)
    const other = (Object.keys(ROLES) as RoleName[]).find((one) => one !== role && held.includes(roleId(one)))
    if (other) throw new ChainError('OTHER_ROLE', `${toAddress(user)} is a ${other} of ${toAddress(network)}, and nobody is both.`, `Name another account, or take that role from it first: assay network expel${other === 'calibrator' ? ' --calibrator' : ''}.`)
    const assign = assignRole(chain, id, user)
    return { isDone: held.includes(id), call: batchAll(chain, (await hasRole(chain, network, id)) ? [assign] : [addRole(chain, id, ROLES[role].name), assign]) }
  })
}

/** The same for taking a role from `user`. */
export async function takeRole(options: RoleChange): Promise<RoleChanged> {
  const { chain, user, role } = options
  const id = roleId(role)
  return changeRole(options, `end of a ${role}`, async (network) => ({ isDone: !(await rolesOf(chain, network, user)).includes(id), call: revokeRole(chain, id, user) }))
}

async function changeRole(options: RoleChange, label: string, look: (network: AccountId) => Promise<{ isDone: boolean; call: Call }>): Promise<RoleChanged> {
  const { chain, founders, user } = options
  const { network } = await foundersNetwork(chain, founders)
  const isDone = async (): Promise<boolean> => (await look(network)).isDone
  const { call } = await look(network)
  const approval = await act(options, { call, label, spent: isDone })
  if (approval.state === 'withdrawn') return { network, state: 'withdrawn' }
  if (approval.state === 'spent') return { network, state: 'unchanged' }
  if (await isDone()) return { network, state: 'done' }
  if (!('result' in approval) || approval.result.ok) return { network, state: 'waiting' }
  throw new ChainError('ROLE_NOT_CHANGED', `The ${label}, ${toAddress(user)}, was not approved: ${approval.result.message}`, approval.result.advice ?? 'See the chain\'s reason.')
}

/**
 * One founding checker's part in an update of the parameters: approves that they are written by the network's multisig; call it for each founder, any number of times. They take effect with the second epoch
 * after the one in which they are written. `waiting`: more founders are needed. Throws ChainError NO_NETWORK, NEWER_VERSION, BAD_PARAMETERS, NOT_UPDATED (with the reason).
 */
export async function updateNetwork(
  options: Founding & { change: (current: Parameters) => Parameters },
): Promise<{ network: AccountId; state: 'waiting' | 'updated' | 'withdrawn'; parameters: Parameters }> {
  const { chain, founders, change } = options
  const { network, ...found } = await foundersNetwork(chain, founders)
  const current = knownParameters(found)
  const parameters = change(current)
  const raw = encodeParameters(parameters)
  const updated = async (): Promise<boolean> => equalBytes((await readItem(chain, network, PARAMETERS_KEY)) ?? new Uint8Array(), raw)
  const problems = [...updateProblems(current, parameters), ...payoutProblems(chain, parameters)]
  if (problems.length > 0) throw new ChainError('BAD_PARAMETERS', `The network's parameters cannot become these: ${problems.join('; ')}.`, 'Change them.')
  const approval = await act(options, { call: updateItem(chain, PARAMETERS_KEY, raw), label: 'update of the network', spent: updated })
  if (approval.state === 'withdrawn') return { network, state: 'withdrawn', parameters }
  if (approval.state === 'spent' || (await updated())) return { network, state: 'updated', parameters }
  if (!('result' in approval) || approval.result.ok) return { network, state: 'waiting', parameters }
  throw new ChainError('NOT_UPDATED', `The parameters of ${toAddress(network)} were not updated: ${approval.result.message}`, approval.result.advice ?? 'See the chain\'s reason.')
}
