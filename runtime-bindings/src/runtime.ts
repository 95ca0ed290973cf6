import type { TypeRegistry as Registry } from '@polkadot/types'
import type { DecoratedMeta } from '@polkadot/types/metadata/decorate/types'
import type { Call } from '@polkadot/types/interfaces'
import type { Codec } from '@polkadot/types/types'
import type { Hash, Hex } from '@assay/protocol'
import { detectFeatures, type Features } from './features.ts'
import { MissingFeatureError } from './errors.ts'
import { expandMetadata, Metadata, TypeRegistry, util } from './polkadot.ts'

/** One runtime of a chain: its types, calls, storage and features, all from the metadata that its code gives. Kept per code hash. */
export interface Runtime {
  /** BLAKE2b of the code in the state. */
  readonly codeHash: Hash
  readonly specName: string
  readonly specVersion: number
  readonly transactionVersion: number
  readonly metadata: Hex
  readonly registry: Registry
  readonly pallets: DecoratedMeta
  readonly features: Features
}

/** Builds a runtime from its metadata (SCALE, hex). Throws what polkadot throws if the bytes are not metadata. */
export function createRuntime(source: Pick<Runtime, 'codeHash' | 'specName' | 'specVersion' | 'transactionVersion' | 'metadata'>): Runtime {
  const registry = new TypeRegistry()
  const metadata = new Metadata(registry, source.metadata)
  registry.setMetadata(metadata)
  const pallets = expandMetadata(registry, metadata)
  return { ...source, registry, pallets, features: detectFeatures(pallets, registry) }
}

/** A call of this runtime. Arguments as polkadot takes them, with one rule: give bytes as hex (a Uint8Array would be read as already length-prefixed). Throws MissingFeatureError. */
export function callOf(runtime: Runtime, section: string, method: string, ...args: unknown[]): Call {
  const build = runtime.pallets.tx[section]?.[method]
  if (!build) throw new MissingFeatureError(`call ${section}.${method}`, specOf(runtime))
  return build(...args) as unknown as Call
}

/** The raw key of a storage entry. Throws MissingFeatureError. */
export function storageKey(runtime: Runtime, section: string, entry: string, ...keys: unknown[]): Hex {
  const build = runtime.pallets.query[section]?.[entry]
  if (!build) throw new MissingFeatureError(`storage ${section}.${entry}`, specOf(runtime))
  return util.u8aToHex(util.compactStripLength(build(...keys))[1])
}

/** Decodes the raw bytes of a storage entry. */
export function storageValue(runtime: Runtime, section: string, entry: string, raw: Hex): Codec {
  const build = runtime.pallets.query[section]?.[entry]
  if (!build) throw new MissingFeatureError(`storage ${section}.${entry}`, specOf(runtime))
  const { type } = build.meta
  return runtime.registry.createTypeUnsafe(runtime.registry.createLookupType(type.isPlain ? type.asPlain : type.asMap.value), [util.hexToU8a(raw)])
}

/** `peaq-node/1`: name and version of a runtime for messages. */
export const specOf = (runtime: Pick<Runtime, 'specName' | 'specVersion'>): string => `${runtime.specName}/${runtime.specVersion}`
