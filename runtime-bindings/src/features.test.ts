import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Hex } from '@assay/protocol'
import { startDevchain } from '../testing/index.ts'
import { accountFromSecret } from './account.ts'
import { connectChain } from './chain.ts'
import { cryptoReady } from './crypto.ts'
import { MissingFeatureError } from './errors.ts'
import { asMulti } from './multisig.ts'
import { Metadata, TypeRegistry, util } from './polkadot.ts'
import { callOf, createRuntime, storageKey, type Runtime } from './runtime.ts'

const stop = new AbortController()
let peaq: Runtime
let krest: Runtime
beforeAll(async () => {
  await cryptoReady()
  for (const spec of ['peaq', 'krest'] as const) {
    const dev = await startDevchain({ spec })
    const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    if (spec === 'peaq') peaq = chain.runtime
    else krest = chain.runtime
    await chain.close()
    await dev.close()
  }
})
afterAll(() => stop.abort())

const genesisFeatures = {
  multisig: { section: 'multiSig', storeCall: true, weight: '1d', depositBase: 60_000_000_000_000_000n, depositFactor: 100_000_000_000_000_000n, maxSignatories: 20 },
  storage: { itemLimit: 128, removeItem: false, deposit: 0n },
  did: { valueLimit: null, deposit: 0n },
  rbac: { deleteRole: false, roleDeposit: 0n, assignmentDeposit: 0n },
  transfer: 'transfer',
  transferAll: true,
  batchAll: true,
  existentialDeposit: 500n,
  blockMs: 12_000,
  maxExtrinsicWeight: 349_913_702_000n,
}

describe('the two real runtimes', () => {
  test('peaq\'s genesis', () => {
    expect(peaq).toMatchObject({ specName: 'peaq-node', specVersion: 1, codeHash: '0x5d41bdab64a0d78fcab1de62eefacad8b1accfb702d9629616a982882edd5381', features: genesisFeatures })
  })

  test('krest\'s genesis: other code, another set of pallets, the same features', () => {
    expect(krest).toMatchObject({ specName: 'peaq-node-krest', specVersion: 1, features: genesisFeatures })
    expect(krest.codeHash).not.toBe(peaq.codeHash)
    expect(peaq.pallets.tx['council']).toBeDefined()
    expect(krest.pallets.tx['council']).toBeUndefined()
  })

  test('keys of peaq\'s reference', () => {
    const inner = '0xc9a1a3d55076fe53100d8b569aaa734268350dcecad446ad2484f02fd8e03775'
    expect(storageKey(peaq, 'peaqStorage', 'itemStore', inner)).toBe(`0xa94f76f4d854c6324f9c16806bea637ae7384cf5bc10e08366e9e0df10d163d6bb7febd84719f1cb5b98cc47996def9b${inner.slice(2)}`)
  })

  test('what a runtime lacks is named', () => {
    expect(() => callOf(peaq, 'peaqStorage', 'removeItem', '0x00')).toThrow(MissingFeatureError)
    expect(() => callOf(peaq, 'peaqStorage', 'removeItem', '0x00')).toThrow('This runtime (peaq-node/1) has no call peaqStorage.removeItem.')
    expect(() => storageKey(peaq, 'nowhere', 'nothing')).toThrow(MissingFeatureError)
  })
})

// Metadata of peaq's genesis with what is known to have changed later written into it. No real later runtime was at hand: that they look like this is read from public source, not proven.
interface Json {
  metadata: {
    v14: {
      lookup: { types: { id: number; type: { path: string[]; params: unknown[]; def: { variant?: { variants: Variant[] }; composite?: unknown; compact?: { type: number }; primitive?: string }; docs: string[] } }[] }
      pallets: { name: string; calls: { type: number } | null; errors: { type: number } | null; storage: { prefix: string; items: { name: string }[] }; constants: { name: string; type: number; value: Hex; docs: string[] }[] }[]
    }
  }
}
interface Variant {
  name: string
  fields: { name: string | null; type: number; typeName: string; docs: string[] }[]
  index: number
  docs: string[]
}
const later = (change: (edit: Editor) => void): Runtime => {
  const json = new Metadata(new TypeRegistry(), peaq.metadata).toJSON() as unknown as Json
  change(new Editor(json))
  const metadata = new Metadata(new TypeRegistry(), json as never).toHex()
  return createRuntime({ codeHash: `0x${'11'.repeat(32)}`, specName: 'synthetic', specVersion: 99, transactionVersion: 1, metadata })
}
class Editor {
  json: Json['metadata']['v14']
  constructor(json: Json) {
    this.json = json.metadata.v14
  }
  pallet(name: string) {
    return this.json.pallets.find((pallet) => pallet.name === name)!
  }
  variants(id: number): Variant[] {
    return this.json.lookup.types[id]!.type.def.variant!.variants
  }
  calls(name: string): Variant[] {
    return this.variants(this.pallet(name).calls!.type)
  }
  errors(name: string): Variant[] {
    return this.variants(this.pallet(name).errors!.type)
  }
  typeOf(primitive: string): number {
    return this.json.lookup.types.find(({ type }) => type.def.primitive?.toLowerCase() === primitive)!.id
  }
  addType(path: string[], def: object): number {
    const id = this.json.lookup.types.length
    this.json.lookup.types.push({ id, type: { path, params: [], def, docs: [] } })
    return id
  }
  constant(name: string, constant: string, value: bigint, bytes: 4 | 16): void {
    this.pallet(name).constants.push({ name: constant, type: this.typeOf(bytes === 4 ? 'u32' : 'u128'), value: util.u8aToHex(util.bnToU8a(value, { bitLength: bytes * 8, isLe: true })), docs: [] })
  }
  weightV2(): number {
    const compact = this.addType([], { compact: { type: this.typeOf('u64') } })
    const field = (name: string) => ({ name, type: compact, typeName: 'u64', docs: [] })
    return this.addType(['sp_weights', 'weight_v2', 'Weight'], { composite: { fields: [field('ref_time'), field('proof_size')] } })
  }
}

describe('later shapes, on synthetic metadata', () => {
  const alice = '0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d'
  const approval = (runtime: Runtime) =>
    asMulti(runtime, { threshold: 2, others: [alice], when: { height: 7, index: 2 }, call: callOf(runtime, 'system', 'remark', '0x0102'), weight: 1_000_000n, proofSize: 64n })
  // threshold u16, one other, Some(timepoint)
  const head = `0200${'04'}${alice.slice(2)}${'01'}0700000002000000`
  const remark = '00010801' + '02'

  test('the genesis shape, for comparison: opaque call, store_call, weight of one number', () => {
    expect(approval(peaq).toHex()).toBe(`0x6601${head}14${remark}00${'40420f0000000000'}`)
  })

  test('multisig: new name, the call itself, two-dimensional weight', () => {
    const runtime = later((edit) => {
      const pallet = edit.pallet('MultiSig')
      pallet.name = pallet.storage.prefix = 'Multisig'
      pallet.storage.items = pallet.storage.items.filter(({ name }) => name !== 'Calls')
      const weight = edit.weightV2()
      const call = edit.calls('Multisig').find(({ name }) => name === 'as_multi_threshold_1')!.fields[1]!
      for (const variant of edit.calls('Multisig')) {
        variant.fields = variant.fields.filter(({ name }) => name !== 'store_call').map((field) => (field.name === 'max_weight' ? { ...field, type: weight } : field.name === 'call' ? call : field))
      }
    })
    expect(runtime.features.multisig).toEqual({ ...genesisFeatures.multisig, section: 'multisig', storeCall: false, weight: '2d' })
    expect(approval(runtime).toHex()).toBe(`0x6601${head}${remark}${'02093d00'}${'0101'}`) // compacts of 1,000,000 and 64
    expect(storageKey(runtime, 'multisig', 'multisigs', accountFromSecret('//Alice').address, `0x${'00'.repeat(32)}`)).toMatch(/^0x/)
  })

  test('storage: 256-byte items that can be removed, deposits', () => {
    const change = (edit: Editor): void => {
      edit.calls('PeaqStorage').push({ name: 'remove_item', fields: [edit.calls('PeaqStorage')[2]!.fields[0]!], index: 3, docs: [] })
      edit.errors('PeaqStorage').push({ name: 'ItemExceedMax256', fields: [], index: 4, docs: [] })
    }
    const runtime = later(change)
    expect(runtime.features.storage).toEqual({ itemLimit: 256, removeItem: true, deposit: 330_000_000_000_000_000n })
    expect(runtime.features.did).toEqual({ valueLimit: 2_560, deposit: 100_000_000_000_000_000n })
    expect(runtime.features.rbac).toMatchObject({ roleDeposit: 107_000_000_000_000_000n, assignmentDeposit: 74_000_000_000_000_000n })
    // amounts in the metadata win over those known from the source
    const told = later((edit) => {
      change(edit)
      edit.constant('PeaqStorage', 'StorageDepositBase', 1_000n, 16)
      edit.constant('PeaqStorage', 'StorageDepositPerByte', 10n, 16)
      edit.constant('PeaqDid', 'MaxValueSize', 3_000n, 4)
    })
    expect(told.features.storage!.deposit).toBe(4_200n)
    expect(told.features.did!.valueLimit).toBe(3_000)
  })

  test('balances: transfer by its new name; roles that can be deleted', () => {
    const runtime = later((edit) => {
      edit.calls('Balances').find(({ name }) => name === 'transfer')!.name = 'transfer_allow_death'
      edit.calls('PeaqRbac').push({ name: 'delete_role', fields: [], index: 29, docs: [] })
    })
    expect(runtime.features).toMatchObject({ transfer: 'transferAllowDeath', rbac: { deleteRole: true } })
  })

  test('a chain without our pallets has none of their features', () => {
    const runtime = later((edit) => {
      edit.json.pallets = edit.json.pallets.filter(({ name }) => !/^(Peaq|MultiSig|Utility)/.test(name))
    })
    expect(runtime.features).toMatchObject({ multisig: null, storage: null, did: null, rbac: null, batchAll: false, transfer: 'transfer' })
  })
})
