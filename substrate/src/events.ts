import { endOf, inARow, layoutOf, LayoutError, lengthAt, type Layout } from './layout.ts'
import type { Metadata, Type, TypeId } from './metadata.ts'

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
 * A reader of some events of a runtime, in the order of the block; the others are stepped over. Names are the metadata's (`PeaqStorage.ItemAdded`); one that the runtime lacks is never met. The
 * reader throws LayoutError if the bytes are not exactly a list of the runtime's events.
 *
 *     eventReader(metadata, ['PeaqStorage.ItemAdded'])(bytes)   // [{ name: 'PeaqStorage.ItemAdded', extrinsic: 2, fields: [who, key, value] }]
 */
export function eventReader<N extends string>(metadata: Metadata, names: readonly N[]): EventReader<N> {
  const records = typeAt(metadata, storedType(metadata, 'System', 'Events'))
  const parts = records.kind === 'sequence' ? fieldsOf(metadata, records.of) : []
  const at = parts.findIndex(({ name }) => name === 'event')
  if (at < 0) throw new LayoutError('the records of events have no event')
  const before = inARow(parts.slice(0, at).map((part) => layoutOf(metadata, part.type)))
  const behind = inARow(parts.slice(at + 1).map((part) => layoutOf(metadata, part.type)))
  const event = layoutOf(metadata, parts[at]!.type)
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
    const phase = parts.slice(0, at).findIndex(({ name }) => name === 'phase')
    const def = phase < 0 ? undefined : typeAt(metadata, parts[phase]!.type)
    const apply = def?.kind === 'variant' ? def.variants.find(({ name }) => name === 'ApplyExtrinsic') : undefined
    if (apply?.fields.length !== 1 || layoutOf(metadata, apply.fields[0]!.type) !== 4) return () => null
    const ahead = inARow(parts.slice(0, phase).map((part) => layoutOf(metadata, part.type)))
    return (raw, record) => {
      const from = endOf(ahead, raw, record)
      const byte = (i: number): number => raw[from + i] ?? 0 // beyond the end: that is said of the whole
      return byte(0) === apply.index ? (byte(1) | (byte(2) << 8) | (byte(3) << 16) | (byte(4) << 24)) >>> 0 : null
    }
  }

  // By pallet and event index, which are the first two bytes of an event.
  function wantedFields(): Map<number, { name: N; fields: Field[] }> {
    const found = new Map<number, { name: N; fields: Field[] }>()
    for (const pallet of metadata.pallets) {
      const events = pallet.events === null ? undefined : typeAt(metadata, pallet.events)
      if (events?.kind !== 'variant') continue
      for (const variant of events.variants) {
        const name = names.find((wanted) => wanted === `${pallet.name}.${variant.name}`)
        if (name === undefined) continue
        const fields = variant.fields.map(({ type }) => ({ layout: layoutOf(metadata, type), list: isByteList(type) }))
        found.set((pallet.index << 8) | variant.index, { name, fields })
      }
    }
    return found
  }

  // Vec<u8>, or that in a wrapper such as BoundedVec<u8, _>.
  function isByteList(id: TypeId): boolean {
    const type = typeAt(metadata, id)
    if (type.kind === 'composite') return type.fields.length === 1 && isByteList(type.fields[0]!.type)
    return type.kind === 'sequence' && typeAt(metadata, type.of).kind === 'primitive' && layoutOf(metadata, type.of) === 1
  }
}

/**
 * A reader of one field of a storage value that is a record: its bytes, null if the record has no such field or the value ends before it. Throws LayoutError for what is no such record.
 *
 *     fieldReader(metadata, 'ParachainSystem', 'ValidationData', 'relay_parent_storage_root')(bytes)   // 32 bytes
 */
export function fieldReader(metadata: Metadata, pallet: string, entry: string, field: string): (raw: Uint8Array) => Uint8Array | null {
  const fields = fieldsOf(metadata, storedType(metadata, pallet, entry))
  const at = fields.findIndex(({ name }) => name === field)
  if (at < 0) return () => null
  const before = inARow(fields.slice(0, at).map((part) => layoutOf(metadata, part.type)))
  const own = layoutOf(metadata, fields[at]!.type)
  return (raw) => {
    const from = endOf(before, raw, 0)
    const to = endOf(own, raw, from)
    return to > raw.length ? null : raw.slice(from, to)
  }
}

function storedType({ pallets }: Metadata, pallet: string, entry: string): TypeId {
  const type = pallets.find(({ name }) => name === pallet)?.storage.get(entry)
  if (type === undefined) throw new LayoutError(`the metadata has no storage ${pallet}.${entry}`)
  return type
}

function typeAt({ types }: Metadata, id: TypeId): Type {
  const type = types.get(id)
  if (type === undefined) throw new LayoutError(`the metadata has no type ${id}`)
  return type
}

function fieldsOf(metadata: Metadata, id: TypeId): readonly { name: string | null; type: TypeId }[] {
  const type = typeAt(metadata, id)
  return type.kind === 'composite' ? type.fields : []
}
