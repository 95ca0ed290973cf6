import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import { compareBytes, fromHex, toHex, type AccountId, type Hash } from '@assay/protocol'
import { toAddress } from './account.ts'
import type { Chain } from './chain.ts'
import { ChainError, MissingFeatureError } from './errors.ts'
import type { MultisigFeatures } from './features.ts'
import { utilCrypto } from './polkadot.ts'
import type { TxFailure, TxResult } from './result.ts'
import { callOf, specOf, type Runtime } from './runtime.ts'
import type { Estimate, Sender } from './sender.ts'

/** Who signs together: at least `threshold` of `members`. */
export interface Multisig {
  readonly members: readonly AccountId[]
  readonly threshold: number
}

/** An operation that was opened and has not been executed or cancelled. */
export interface Operation {
  readonly when: { readonly height: number; readonly index: number }
  readonly depositor: AccountId
  /** Planck that the depositor gets back at the end. */
  readonly deposit: bigint
  readonly approvals: readonly AccountId[]
}

/**
 * What `approve` did. `opened`, `approved`: ours is in, more are needed. `executed`: ours was the last; `result` tells whether the inner call succeeded. `waiting`: ours was in already.
 * `closed`: no operation is open, and `open` is false. `spent`: the deed is done, nothing was sent. `failed`: ours did not go in.
 */
export type Approval =
  | { readonly state: 'opened' | 'approved' | 'executed'; readonly result: TxResult }
  | { readonly state: 'waiting'; readonly approvals: number }
  | { readonly state: 'closed' | 'spent' }
  | { readonly state: 'failed'; readonly result: TxFailure }

export interface ApproveOptions extends Multisig {
  chain: Chain
  /** Of the member who approves. */
  sender: Sender
  call: Call
  label: string
  /** Whether to open an operation if none is open; default true. One that is open is never opened again. */
  open?: boolean
  /** Whether the deed is done already; asked before anything is sent. A late approval would open a second operation. */
  spent?: () => Promise<boolean>
  timeoutBlocks?: number
  timeoutMs?: number
  confirmations?: number
}

/** The account of a multisig: depends on the set of members and the threshold. Throws RangeError unless 2 <= threshold <= members and the members differ. */
export function multisigAccount({ members, threshold }: Multisig): AccountId {
  const ids = sorted(members)
  if (new Set(ids).size !== ids.length) throw new RangeError('a member is named twice')
  if (!Number.isInteger(threshold) || threshold < 2 || threshold > ids.length) throw new RangeError(`a threshold of ${threshold} does not fit ${ids.length} members`)
  return toHex(utilCrypto.createKeyMulti(ids, threshold))
}

/** The open operation of a multisig for a call hash at `at` (default: best block); null if none is open. */
export async function readOperation(chain: Chain, multisig: AccountId, callHash: Hash, at?: Hash): Promise<Operation | null> {
  const { section } = multisigOf(chain)
  const found = (await chain.read(section, 'multisigs', [toAddress(multisig), callHash], at)) as unknown as {
    when: { height: Codec; index: Codec }
    deposit: { toBigInt(): bigint }
    depositor: Codec
    approvals: Codec[]
  } | null
  if (!found) return null
  return {
    when: { height: Number(found.when.height.toString()), index: Number(found.when.index.toString()) },
    depositor: toHex(found.depositor.toU8a()),
    deposit: found.deposit.toBigInt(),
    approvals: [...found.approvals].map((id) => toHex(id.toU8a())),
  }
}

/**
 * Approves `call` as one member, with what the chain's state asks for: opens the operation, adds an approval, executes at the threshold, or does nothing. Other members may act at the same time:
 * a refusal that says so (`NoTimepoint` and the like) is answered by reading the state again. Throws MissingFeatureError, RangeError, ChainError TOO_HEAVY, and what `sender.send` throws.
 */
export async function approve(options: ApproveOptions): Promise<Approval> {
  const { chain, sender, members, threshold, call, label, open = true, spent = async () => false } = options
  const features = multisigOf(chain)
  const account = multisigAccount({ members, threshold })
  const callHash = call.hash.toHex()
  const others = sorted(members).filter((id) => id !== sender.account.id)
  if (others.length === members.length) throw new RangeError(`${sender.account.address} is no member of ${toAddress(account)}`)
  let cost: Estimate | undefined // costs the node a runtime call: only once it is needed
  let result: TxResult | undefined
  for (let attempt = 0; attempt < 4; attempt++) {
    if (await spent()) return { state: 'spent' }
    const operation = await readOperation(chain, account, callHash)
    if (operation?.approvals.includes(sender.account.id)) return { state: 'waiting', approvals: operation.approvals.length }
    if (!operation && !open) return { state: 'closed' }
    cost ??= await sender.estimate(call)
    const { weight, proofSize } = cost
    if (weight > chain.features.maxExtrinsicWeight) throw new ChainError('TOO_HEAVY', `${label} weighs ${weight}, more than a block takes (${chain.features.maxExtrinsicWeight}).`, 'Split it.')
    result = await sender.send(asMulti(chain.runtime, { threshold, others, when: operation?.when ?? null, call, weight, proofSize }), {
      label,
      spend: operation ? 0n : features.depositBase + features.depositFactor * BigInt(threshold),
      ...pick(options),
    })
    const executed = result.events?.some(({ name }) => name.toLowerCase() === 'multisig.multisigexecuted') ?? false
    if (executed) return { state: 'executed', result }
    if (result.ok) return { state: operation ? 'approved' : 'opened', result }
    if (result.code !== 'DISPATCH' || !RACES.test(result.name ?? '')) break
  }
  return { state: 'failed', result: result as TxFailure }
}

/** The approval of `call` in the shape that a runtime's `as_multi` has. `others` ascending, without the one who signs; `when`: of the open operation, null to open one. */
export function asMulti(
  runtime: Runtime,
  { threshold, others, when, call, weight, proofSize }: { threshold: number; others: readonly AccountId[]; when: Operation['when'] | null; call: Call; weight: bigint; proofSize: bigint },
): Call {
  const { multisig } = runtime.features
  if (!multisig) throw new MissingFeatureError('multisig pallet', specOf(runtime))
  const maxWeight = multisig.weight === '2d' ? { refTime: weight, proofSize } : weight
  return callOf(runtime, multisig.section, 'asMulti', threshold, others.map(toAddress), when, call, ...(multisig.storeCall ? [false] : []), maxWeight)
}

// Somebody opened, approved or executed between our look at the state and our block.
const RACES = /\.(NoTimepoint|WrongTimepoint|UnexpectedTimepoint|AlreadyApproved|NotFound)$/

/** Takes back an open operation; only its depositor can, and gets the deposit back. Null if none is open. */
export async function cancel(options: Multisig & { chain: Chain; sender: Sender; callHash: Hash; label: string } & Pick<ApproveOptions, 'timeoutBlocks' | 'timeoutMs' | 'confirmations'>): Promise<TxResult | null> {
  const { chain, sender, members, threshold, callHash, label } = options
  const operation = await readOperation(chain, multisigAccount({ members, threshold }), callHash)
  if (!operation) return null
  const others = sorted(members).filter((id) => id !== sender.account.id)
  return sender.send(chain.call(multisigOf(chain).section, 'cancelAsMulti', threshold, others.map(toAddress), operation.when, callHash), { label, ...pick(options) })
}

function multisigOf(chain: Chain): MultisigFeatures {
  const { multisig } = chain.features
  if (!multisig) throw new MissingFeatureError('multisig pallet', specOf(chain.runtime))
  return multisig
}

const sorted = (members: readonly AccountId[]): AccountId[] => [...members].sort((a, b) => compareBytes(fromHex(a), fromHex(b)))

const pick = ({ timeoutBlocks, timeoutMs, confirmations }: Pick<ApproveOptions, 'timeoutBlocks' | 'timeoutMs' | 'confirmations'>) => ({
  ...(timeoutBlocks === undefined ? {} : { timeoutBlocks }),
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
  ...(confirmations === undefined ? {} : { confirmations }),
})
