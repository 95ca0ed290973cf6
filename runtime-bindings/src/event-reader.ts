import type { SiLookupTypeId, Si1TypeDef } from '@polkadot/types/interfaces'
import { endOf, inARow, layoutOf, LayoutError, lengthAt, type Layout } from './layout.ts'
import { util } from './polkadot.ts'
import type { Runtime } from './runtime.ts'

/** An event that was asked for. */
export interface ReadEvent<N extends string = string> {
  readonly name: N
  /** Place in the block of the extrinsic that did it; null if none did: what begins or ends a block. */
  readonly extrinsic: number | null
  /** Its fields as the chain encodes them, own copies; of a field that is a list of bytes only those bytes, without their count. */
  readonly fields: readonly Uint8Array[]
}

/** Reads what `System.Events` holds; see `eventReader`. */
export type EventReader<N extends string> = (raw: Uint8Array) => ReadEvent<N>[]

interface Field {
  layout: Layout
  /** a list of bytes */
  list: boolean
}

/**
 * A reader of some events of a runtime, in the order of the block; the others are stepped over. Names are polkadot's (`peaqStorage.ItemAdded`); one that the runtime lacks is never met. The
 * reader throws LayoutError if the bytes are not exactly a list of the runtime's events.
 *
 *     eventReader(runtime, ['peaqStorage.ItemAdded'])(bytes)   // [{ name: 'peaqStorage.ItemAdded', extrinsic: 2, fields: [who, key, value] }]
 */
export function eventReader<N extends string>(runtime: Runtime, names: readonly N[]): EventReader<N> {
  const { registry, pallets } = runtime
  const type = (id: SiLookupTypeId): Si1TypeDef => registry.lookup.getSiType(id).def
  const records = type(pallets.query['system']!['events']!.meta.type.asPlain)
  const parts = type(records.asSequence.type).asComposite.fields
  const at = parts.findIndex((part) => part.name.unwrapOrDefault().toString() === 'event')
  if (at < 0) throw new LayoutError('the records of events have no event')
  const before = inARow(parts.slice(0, at).map((part) => layoutOf(registry, part.type)))
  const behind = inARow(parts.slice(at + 1).map((part) => layoutOf(registry, part.type)))
  const event = layoutOf(registry, parts[at]!.type)
  const wanted = wantedFields()
  const extrinsicAt = extrinsicReader()

  return (raw) => {
    const found: ReadEvent<N>[] = []
    const [count, from] = lengthAt(raw, 0)
    let end = from
    for (let i = 0; i < count; i++) {
      const record = end
      const begin = endOf(before, raw, record)
      const want = wanted.get(((raw[begin] ?? 0) << 8) | (raw[begin + 1] ?? 0))
      if (want === undefined) end = endOf(event, raw, begin)
      else {
        const fields: Uint8Array[] = []
        end = begin + 2
        for (const { layout, list } of want.fields) {
          const field = end
          end = endOf(layout, raw, field)
          fields.push(raw.slice(list ? lengthAt(raw, field)[1] : field, end))
        }
        found.push({ name: want.name, extrinsic: extrinsicAt(raw, record), fields })
      }
      end = endOf(behind, raw, end)
      if (end > raw.length) throw new LayoutError('the bytes end within an event')
    }
    if (end !== raw.length) throw new LayoutError('there are bytes after the last event')
    return found
  }

  // Of a record that begins there: its phase, `ApplyExtrinsic(u32)` or none.
  function extrinsicReader(): (raw: Uint8Array, record: number) => number | null {
    const phase = parts.slice(0, at).findIndex((part) => part.name.unwrapOrDefault().toString() === 'phase')
    const def = phase < 0 ? undefined : type(parts[phase]!.type)
    const apply = def?.isVariant ? def.asVariant.variants.find(({ name }) => name.toString() === 'ApplyExtrinsic') : undefined
    if (apply?.fields.length !== 1 || layoutOf(registry, apply.fields[0]!.type) !== 4) return () => null
    const ahead = inARow(parts.slice(0, phase).map((part) => layoutOf(registry, part.type)))
    const index = apply.index.toNumber()
    return (raw, record) => {
      const from = endOf(ahead, raw, record)
      const byte = (i: number): number => raw[from + i] ?? 0 // beyond the end: that is said of the whole
      return byte(0) === index ? (byte(1) | (byte(2) << 8) | (byte(3) << 16) | (byte(4) << 24)) >>> 0 : null
    }
  }

  // By pallet and event index, which are the first two bytes of an event.
  function wantedFields(): Map<number, { name: N; fields: Field[] }> {
    const found = new Map<number, { name: N; fields: Field[] }>()
    for (const pallet of type(parts[at]!.type).asVariant.variants) {
      const events = pallet.fields[0] && type(pallet.fields[0].type)
      if (!events?.isVariant) continue
      for (const variant of events.asVariant.variants) {
        const name = names.find((wanted) => wanted === `${util.stringCamelCase(pallet.name.toString())}.${variant.name.toString()}`)
        if (name === undefined) continue
        const fields = variant.fields.map((field) => ({ layout: layoutOf(registry, field.type), list: isByteList(field.type) }))
        found.set((pallet.index.toNumber() << 8) | variant.index.toNumber(), { name, fields })
      }
    }
    return found
  }

  // Vec<u8>, or that in a wrapper such as BoundedVec<u8, _>.
  function isByteList(id: SiLookupTypeId): boolean {
    const def = type(id)
    if (def.isComposite) return def.asComposite.fields.length === 1 && isByteList(def.asComposite.fields[0]!.type)
    return def.isSequence && type(def.asSequence.type).isPrimitive && layoutOf(registry, def.asSequence.type) === 1
  }
}

/**
 * A reader of one field of a storage value that is a record: its bytes, null if the record has no such field or the value ends before it. Throws LayoutError for what is no such record.
 *
 *     fieldReader(runtime, 'parachainSystem', 'validationData', 'relayParentStorageRoot')(bytes)   // 32 bytes
 */
export function fieldReader({ registry, pallets }: Runtime, section: string, entry: string, field: string): (raw: Uint8Array) => Uint8Array | null {
  const type = pallets.query[section]![entry]!.meta.type
  const { def } = registry.lookup.getSiType(type.isPlain ? type.asPlain : type.asMap.value)
  const fields = def.isComposite ? [...def.asComposite.fields] : []
  const at = fields.findIndex(({ name }) => name.isSome && util.stringCamelCase(name.unwrap().toString()) === field)
  if (at < 0) return () => null
  const before = inARow(fields.slice(0, at).map((part) => layoutOf(registry, part.type)))
  const own = layoutOf(registry, fields[at]!.type)
  return (raw) => {
    const from = endOf(before, raw, 0)
    const to = endOf(own, raw, from)
    return to > raw.length ? null : raw.slice(from, to)
  }
}
