// What `substrate` reads, held against polkadot.js, which only this package has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Vec } from '@polkadot/types-codec'
import type { Codec } from '@polkadot/types/types'
import type { EventRecord, SiLookupTypeId } from '@polkadot/types/interfaces'
import type { Hex } from '@assay/protocol'
import { eventReader, fieldReader, layoutOf, LayoutError, type Metadata, readMetadata, STORAGE_KEYS } from '@assay/substrate'
import { util } from './polkadot.ts'
import { createRuntime, storageKey, storageValue, type Runtime } from './runtime.ts'

// Blocks of peaq's real runtime, and its metadata.
interface Recording { metadata: Hex; specName: string; specVersion: number; codeHash: Hex; founding: Block; blocks: Block[] }
interface Block { storage: [Hex, Hex | null][] }
const recording = JSON.parse(gunzipSync(readFileSync(join(import.meta.dirname, '../../bench/backfill/blocks.json.gz'))).toString()) as Recording

let runtime: Runtime
let metadata: Metadata
let names: string[]
let raws: Uint8Array[]
let variants: { at: [number, number]; name: string; fields: SiLookupTypeId[] }[]
const valueOf = (block: Block, section: string, entry: string): Hex => new Map(block.storage).get(storageKey(runtime, section, entry))!
beforeAll(() => {
  runtime = createRuntime({ ...recording, transactionVersion: 1 })
  metadata = readMetadata(util.hexToU8a(recording.metadata))
  raws = [recording.founding, ...recording.blocks].map((block) => util.hexToU8a(valueOf(block, 'system', 'events')))
  variants = runtime.registry.metadata.pallets.flatMap((pallet) => (pallet.events.isNone ? [] : runtime.registry.lookup.getSiType(pallet.events.unwrap().type).def.asVariant.variants.map((variant) => ({
    at: [pallet.index.toNumber(), variant.index.toNumber()] as [number, number], name: `${pallet.name.toString()}.${variant.name.toString()}`, fields: variant.fields.map(({ type }) => type),
  }))))
  names = variants.map(({ name }) => name)
})

// polkadot's names of pallets begin with a small letter.
const nameOf = (section: string, method: string): string => names.find((name) => util.stringCamelCase(name.split('.')[0]!) === section && name.endsWith(`.${method}`))!

// As polkadot reads it; of a list of bytes only these.
function polkadot(raw: Uint8Array): { name: string; extrinsic: number | null; fields: Uint8Array[] }[] {
  const records = runtime.registry.createType<Vec<EventRecord>>('Vec<EventRecord>', raw)
  expect(records.encodedLength).toBe(raw.length)
  return records.map(({ event, phase }) => ({ name: nameOf(event.section, event.method), extrinsic: phase.isApplyExtrinsic ? phase.asApplyExtrinsic.toNumber() : null, fields: [...(event.data as unknown as Codec[])].map((field) => Uint8Array.from(field.toU8a(field.toRawType() === 'Bytes'))) }))
}

/** Bytes of a value of a type, drawn from what the type allows. */
function encoded(type: SiLookupTypeId, draw: (below: number) => number, depth = 0): number[] {
  const { def } = runtime.registry.lookup.getSiType(type)
  const of = (part: SiLookupTypeId): number[] => encoded(part, draw, depth + 1)
  const many = (count: number, part: SiLookupTypeId): number[] => Array.from({ length: count }, () => of(part)).flat()
  if (def.isComposite) return def.asComposite.fields.flatMap((field) => of(field.type))
  if (def.isTuple) return [...def.asTuple].flatMap(of)
  if (def.isVariant) {
    const { variants } = def.asVariant
    // Types that hold themselves end with the variant that has the fewest fields.
    const variant = depth > 6 ? variants.toSorted((a, b) => a.fields.length - b.fields.length)[0]! : variants[draw(variants.length)]!
    return [variant.index.toNumber(), ...variant.fields.flatMap((field) => of(field.type))]
  }
  if (def.isSequence) {
    const count = depth > 6 ? 0 : draw(4) === 0 ? 70 * draw(2) : draw(3)
    return [...util.compactToU8a(count), ...many(count, def.asSequence.type)]
  }
  if (def.isArray) return many(def.asArray.len.toNumber(), def.asArray.type)
  if (def.isCompact) return [...util.compactToU8a(draw(2) === 0 ? draw(200) : draw(2 ** 30))]
  if (def.isBitSequence) {
    const bits = draw(20)
    return [...util.compactToU8a(bits), ...Array.from({ length: Math.ceil(bits / 8) }, () => 0)]
  }
  const size = layoutOf(metadata, type.toNumber())
  if (def.asPrimitive.isBool) return [draw(2)]
  return typeof size === 'number' ? Array.from({ length: size }, () => draw(256)) : [...util.compactToU8a(2), 0x61, 0x62] // text
}

const record = (name: string, draw: (below: number) => number): number[] => {
  const { at, fields } = variants.find((variant) => variant.name === name)!
  const phase = draw(2) === 0 ? [0, draw(256), 0, 0, 0] : [1 + draw(2)]
  return [...phase, ...at, ...fields.flatMap((field) => encoded(field, draw)), ...util.compactToU8a(1), ...Array.from({ length: 32 }, () => draw(256))]
}

describe('events', () => {
  test('of recorded blocks are those that polkadot reads, all of them or some', () => {
    const [all, some] = [eventReader(metadata, names), eventReader(metadata, ['PeaqStorage.ItemAdded', 'PeaqDid.AttributeAdded', 'No.Such'])]
    for (const raw of raws) {
      const expected = polkadot(raw)
      expect(all(raw)).toEqual(expected)
      expect(some(raw)).toEqual(expected.filter(({ name }) => name === 'PeaqStorage.ItemAdded' || name === 'PeaqDid.AttributeAdded'))
    }
    expect(raws.slice(1).map((raw) => all(raw).length)).toEqual(recording.blocks.map(() => 42))
  })

  test('of every kind the runtime has end where polkadot ends them', () => {
    const read = eventReader(metadata, names)
    expect(names.length).toBeGreaterThan(150)
    fc.assert(fc.property(fc.constantFrom(...names), fc.infiniteStream(fc.nat(2 ** 30)), (name, stream) => {
      const draw = (below: number): number => stream.next().value! % below
      const raw = Uint8Array.from([...util.compactToU8a(2), ...record(name, draw), ...record('System.CodeUpdated', draw)])
      const found = read(raw)
      expect(found.map((event) => event.name)).toEqual([name, 'System.CodeUpdated'])
      const by = ({ name, extrinsic }: { name: string; extrinsic: number | null }) => [name, extrinsic]
      expect(found.map(by)).toEqual(polkadot(raw).map(by))
      // Together with what is before and behind them the fields are the bytes.
      expect(eventReader(metadata, [])(raw)).toEqual([])
    }), { numRuns: 1_000 })
  })

  test('that were cut, lengthened or changed are read as something or refused, and never anything else', () => {
    const read = eventReader(metadata, names)
    for (const raw of raws.slice(0, 2)) {
      expect(() => read(raw.subarray(0, -1))).toThrow(LayoutError)
      expect(() => read(Uint8Array.from([...raw, 0]))).toThrow(LayoutError)
    }
    fc.assert(fc.property(fc.constantFrom(...raws.slice(0, 3)), fc.array(fc.tuple(fc.nat(4_000), fc.nat(255)), { minLength: 1, maxLength: 5 }), fc.nat(4_000), (raw, changes, cut) => {
      const bytes = Uint8Array.from(raw.subarray(0, Math.max(1, cut)))
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      try {
        read(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(LayoutError)
      }
    }), { numRuns: 2_000 })
  })

  test('are copies: the answer they came in is not kept', () => {
    const [event] = eventReader(metadata, names)(raws[1]!)
    expect(event!.fields.every((field) => field.buffer !== raws[1]!.buffer)).toBe(true)
  })
})

test('a field of a storage value is what polkadot makes of it', () => {
  const read = fieldReader(metadata, 'ParachainSystem', 'ValidationData', 'relay_parent_storage_root')
  for (const block of recording.blocks.slice(0, 4)) {
    const raw = valueOf(block, 'parachainSystem', 'validationData')
    const whole = storageValue(runtime, 'parachainSystem', 'validationData', raw) as unknown as { relayParentStorageRoot: Codec }
    expect(util.u8aToHex(read(util.hexToU8a(raw)))).toBe(whole.relayParentStorageRoot.toHex())
  }
  expect(read(new Uint8Array(3))).toBeNull()
  expect(fieldReader(metadata, 'ParachainSystem', 'ValidationData', 'no_such')(new Uint8Array(80))).toBeNull()
})

test('the keys that every reader asks for are those of this runtime', () => {
  expect([['system', 'events'], ['system', 'lastRuntimeUpgrade'], ['parachainSystem', 'validationData']].map(([section, entry]) => storageKey(runtime, section!, entry!))).toEqual([STORAGE_KEYS.events, STORAGE_KEYS.lastRuntimeUpgrade, STORAGE_KEYS.validationData])
})
