import type { DecoratedMeta } from '@polkadot/types/metadata/decorate/types'
import type { Registry } from '@polkadot/types/types'

/**
 * What a runtime can do, read from its metadata. The genesis runtimes of peaq and krest are the two real ones this is proven on; the later shapes (`multisig`, two-dimensional weights, call
 * instead of opaque call, 256-byte items, deposits, `remove_item`) are tested on synthetic metadata and are unproven on a real runtime.
 */
export interface Features {
  readonly multisig: MultisigFeatures | null
  readonly storage: StorageFeatures | null
  readonly did: DidFeatures | null
  readonly rbac: RbacFeatures | null
  /** The call that moves money and may empty the sender: `transfer` up to about 2023, `transferAllowDeath` after. */
  readonly transfer: 'transfer' | 'transferAllowDeath' | null
  readonly transferAll: boolean
  readonly batchAll: boolean
  /** Planck that an account must keep to exist. */
  readonly existentialDeposit: bigint
  /** Time between two blocks as the runtime means it, ms: twice `timestamp.minimumPeriod`. */
  readonly blockMs: number
  /** Greatest weight (reference time) of one normal extrinsic. */
  readonly maxExtrinsicWeight: bigint
}
export interface MultisigFeatures {
  readonly section: 'multiSig' | 'multisig'
  /** `as_multi` takes `store_call` (before 2023). */
  readonly storeCall: boolean
  /** `1d`: a weight is one number; `2d`: reference time and proof size. */
  readonly weight: '1d' | '2d'
  /** Planck reserved from the opener: base + factor * threshold. */
  readonly depositBase: bigint
  readonly depositFactor: bigint
  readonly maxSignatories: number
}
export interface StorageFeatures {
  /** Longest item in bytes. */
  readonly itemLimit: number
  readonly removeItem: boolean
  /** Planck reserved for a new item; 0n where the runtime takes none. An upper bound where it is not in the metadata. */
  readonly deposit: bigint
}
export interface DidFeatures {
  /** Longest attribute value in bytes, null if unbounded. */
  readonly valueLimit: number | null
  /** Planck reserved for a new attribute, as above. */
  readonly deposit: bigint
}
export interface RbacFeatures {
  readonly deleteRole: boolean
  /** Planck reserved for a new role and for an assignment, as above. */
  readonly roleDeposit: bigint
  readonly assignmentDeposit: bigint
}

const PEAQ = 10n ** 18n

/** Reads the features of decorated metadata; `registry` is the one it was set on. Never throws: what is absent is null. */
export function detectFeatures(pallets: DecoratedMeta, registry: Registry): Features {
  const { tx, errors } = pallets
  const constant = (section: string, name: string): bigint | null => {
    const value = pallets.consts[section]?.[name]
    return value && 'toBigInt' in value && typeof value.toBigInt === 'function' ? (value.toBigInt() as bigint) : null
  }
  // From spec 6 on the storage pallet can remove items, and at 7 deposits came; their amounts (peaq's public configuration of 7 to 102) are used where the metadata does not say.
  const deposits = tx['peaqStorage']?.['removeItem'] !== undefined
  const deposit = (section: string, amount: bigint): bigint => {
    const base = constant(section, 'storageDepositBase')
    if (base !== null) return base + 320n * (constant(section, 'storageDepositPerByte') ?? 0n)
    return deposits ? amount : 0n
  }

  let multisig: MultisigFeatures | null = null
  for (const section of ['multisig', 'multiSig'] as const) {
    const asMulti = tx[section]?.['asMulti']
    if (!asMulti) continue
    const args = asMulti.meta.args.map((arg) => ({ name: arg.name.toString(), type: arg.type.toString() }))
    const weight = asMulti.meta.fields.find((_, i) => args[i]!.name === 'max_weight' || args[i]!.name === 'maxWeight')
    multisig = {
      section,
      storeCall: args.some(({ name }) => name === 'store_call' || name === 'storeCall'),
      weight: weight && registry.lookup.getSiType(weight.type).def.isComposite && registry.lookup.getSiType(weight.type).def.asComposite.fields.length === 2 ? '2d' : '1d',
      depositBase: constant(section, 'depositBase') ?? 0n,
      depositFactor: constant(section, 'depositFactor') ?? 0n,
      maxSignatories: Number(constant(section, 'maxSignatories') ?? 0n),
    }
  }
  const limits = errors['peaqStorage'] ?? {}
  const blockWeights = pallets.consts['system']?.['blockWeights'] as unknown as { perClass?: { normal?: { maxExtrinsic?: { isSome: boolean; unwrap(): unknown } } } } | undefined
  const maxExtrinsic = blockWeights?.perClass?.normal?.maxExtrinsic
  return {
    multisig,
    storage: tx['peaqStorage']?.['addItem']
      ? { itemLimit: 'ItemExceedMax256' in limits ? 256 : 128, removeItem: deposits, deposit: deposit('peaqStorage', (33n * PEAQ) / 100n) }
      : null,
    did: tx['peaqDid']?.['addAttribute']
      ? { valueLimit: Number(constant('peaqDid', 'maxValueSize') ?? constant('peaqDid', 'boundedDataLen') ?? (deposits ? 2560n : 0n)) || null, deposit: deposit('peaqDid', PEAQ / 10n) }
      : null,
    rbac: tx['peaqRbac']?.['assignRoleToUser']
      ? {
          deleteRole: tx['peaqRbac']?.['deleteRole'] !== undefined,
          roleDeposit: deposit('peaqRbac', (107n * PEAQ) / 1000n),
          assignmentDeposit: deposit('peaqRbac', (74n * PEAQ) / 1000n),
        }
      : null,
    transfer: tx['balances']?.['transferAllowDeath'] ? 'transferAllowDeath' : tx['balances']?.['transfer'] ? 'transfer' : null,
    transferAll: tx['balances']?.['transferAll'] !== undefined,
    batchAll: tx['utility']?.['batchAll'] !== undefined,
    existentialDeposit: constant('balances', 'existentialDeposit') ?? 0n,
    blockMs: Number(2n * (constant('timestamp', 'minimumPeriod') ?? 6_000n)),
    maxExtrinsicWeight: maxExtrinsic?.isSome ? refTime(maxExtrinsic.unwrap()) : 10n ** 11n,
  }
}

/** Reference time of a weight of either shape. */
export function refTime(weight: unknown): bigint {
  const value = (weight as { refTime?: unknown }).refTime ?? weight
  const plain = (value as { unwrap?: () => unknown }).unwrap?.() ?? value
  return (plain as { toBigInt(): bigint }).toBigInt()
}
