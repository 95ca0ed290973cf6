import type { DispatchError, EventRecord } from '@polkadot/types/interfaces'
import type { Codec, Registry } from '@polkadot/types/types'
import type { AccountId, Hash } from '@assay/protocol'
import { toHex } from '@assay/protocol'

/** One event of an extrinsic: `balances.Transfer` and its fields in order. */
export interface ChainEvent {
  readonly name: string
  readonly data: readonly Codec[]
}

/** The extrinsic is in block `block` and everything in it took effect. `hash` is its own hash; `fee` is what its signer paid in planck. */
export interface TxSuccess {
  readonly ok: true
  readonly hash: Hash
  readonly block: number
  readonly blockHash: Hash
  readonly index: number
  readonly events: readonly ChainEvent[]
  readonly fee: bigint
}

/**
 * Why an extrinsic did not do what it should.
 * In a block, fee paid: DISPATCH (refused, no effect), BATCH_INTERRUPTED (the calls before took effect), ITEM_FAILED (the other calls took effect), INNER_MULTISIG and INNER (the wrapped call
 * failed), EVM (reverted).
 * Not in a block: NO_FUNDS, INVALID (the node refuses it), EXPIRED (its time passed), REPLACED (another extrinsic took its nonce), TIMEOUT and STOPPED (we stopped waiting: it may still
 * take effect until block `until`), UNREADABLE (the node cannot tell: it forgot the state, or gives nonsense).
 */
export type TxFailureCode = IncludedFailure | 'NO_FUNDS' | 'INVALID' | 'EXPIRED' | 'REPLACED' | 'TIMEOUT' | 'STOPPED' | 'UNREADABLE'
export type IncludedFailure = 'DISPATCH' | 'BATCH_INTERRUPTED' | 'ITEM_FAILED' | 'INNER_MULTISIG' | 'INNER' | 'EVM'

export interface TxFailure {
  readonly ok: false
  readonly code: TxFailureCode
  /** The chain's own name of the error: `peaqStorage.ItemTypeAlreadyExists`, `BadOrigin`, `Token.NoFunds`, `Stale`. */
  readonly name?: string
  readonly message: string
  readonly advice?: string
  /** False if the extrinsic may still take effect. */
  readonly final: boolean
  readonly hash?: Hash
  readonly block?: number
  readonly blockHash?: Hash
  readonly events?: readonly ChainEvent[]
  readonly fee?: bigint
  /** TIMEOUT, STOPPED: the last block that could still take it. */
  readonly until?: number
  /** NO_FUNDS: planck that the account lacks. */
  readonly missing?: bigint
  /** BATCH_INTERRUPTED: index of the call that failed. */
  readonly index?: number
}

export type TxResult = TxSuccess | TxFailure

/** The chain's name of a dispatch error: `pallet.Error` for a pallet's, else its variant (`BadOrigin`, `Token.NoFunds`). */
export function errorName(registry: Registry, error: DispatchError): string {
  if (error.isModule) {
    try {
      const { section, name } = registry.findMetaError(error.asModule)
      return `${section}.${name}`
    } catch {
      return `Module(${error.asModule.index.toString()}, ${error.asModule.error.toHex()})`
    }
  }
  const inner = error.inner as Codec & { type?: string }
  return inner?.type ? `${error.type}.${inner.type}` : error.type
}

/** What the events of one extrinsic mean: null if all of it succeeded, else the first failure, however deep the runtime hid it under ExtrinsicSuccess. */
export function failureOf(registry: Registry, events: readonly ChainEvent[]): { code: IncludedFailure; name: string; index?: number } | null {
  if (!events.some(({ name }) => name === 'system.ExtrinsicSuccess')) {
    const failed = events.find(({ name }) => name === 'system.ExtrinsicFailed')
    return { code: 'DISPATCH', name: failed ? errorName(registry, failed.data[0] as DispatchError) : 'no outcome in the events' }
  }
  for (const { name, data } of events) {
    switch (name) {
      case 'utility.BatchInterrupted':
        return { code: 'BATCH_INTERRUPTED', name: errorName(registry, data[1] as DispatchError), index: Number(data[0]!.toString()) }
      case 'utility.ItemFailed':
        return { code: 'ITEM_FAILED', name: errorName(registry, data[0] as DispatchError) }
      case 'evm.ExecutedFailed':
      case 'evm.CreatedFailed':
        return { code: 'EVM', name }
      case 'ethereum.Executed': {
        const reason = data.at(-1) as Codec & { isSucceed?: boolean; type?: string }
        if (reason?.isSucceed === false) return { code: 'EVM', name: reason.type ?? name }
        break
      }
      default:
        // MultisigExecuted, ProxyExecuted, Sudid, DispatchedAs and whatever comes: they carry the inner call's result
        for (const field of data) {
          const result = field as Codec & { isErr?: boolean; asErr?: DispatchError & { isModule?: boolean } }
          if (result.isErr === true && result.asErr && 'isModule' in result.asErr) {
            return { code: name.toLowerCase().startsWith('multisig.') ? 'INNER_MULTISIG' : 'INNER', name: errorName(registry, result.asErr) }
          }
        }
    }
  }
  return null
}

/** The events of the extrinsic at `index` of a block, in order. */
export function eventsOf(records: readonly EventRecord[], index: number): ChainEvent[] {
  return records
    .filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index)
    .map(({ event }) => ({ name: `${event.section}.${event.method}`, data: [...event.data] }))
}

/** Planck that `signer` paid for an extrinsic, by its events: what was withdrawn before the call, less the refund after it. On this runtime that is 1.5 times what `TransactionFeePaid` says. */
export function feeOf(events: readonly ChainEvent[], signer: AccountId): bigint {
  const amount = (event: ChainEvent): bigint => BigInt(event.data[1]!.toString())
  const ours = (event: ChainEvent): boolean => event.data.length > 1 && toHex(event.data[0]!.toU8a()) === signer
  const first = events[0]
  const paidAt = events.findIndex(({ name }) => name === 'transactionPayment.TransactionFeePaid')
  if (first?.name !== 'balances.Withdraw' || !ours(first)) return paidAt < 0 ? 0n : BigInt(events[paidAt]!.data[1]!.toString())
  const end = paidAt < 0 ? events.length : paidAt
  const refund = events.slice(1, end).findLast((event) => event.name === 'balances.Deposit' && ours(event))
  return amount(first) - (refund ? amount(refund) : 0n)
}

/** A result for people: `ok in block 12`, or the failure with its name and advice. */
export function describeResult(result: TxResult): string {
  if (result.ok) return `ok in block ${result.block}`
  return [result.message, result.advice].filter(Boolean).join(' ')
}
