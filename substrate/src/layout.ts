import type { Metadata, Primitive, TypeId } from './metadata.ts'

/**
 * Where a value of a runtime's type ends, without making anything of it: a block has some forty events of which the ledger wants a few, and to build polkadot's codecs for the others costs
 * more than all else in reading a block. The rules are SCALE's; the types are those of the runtime's metadata.
 *
 * A number is the size of every value of the type, in bytes. A function takes bytes and where a value begins, and gives where it ends; it may point beyond the bytes, never before `at`, so whoever
 * calls compares the end with the length once. It throws a LayoutError for what is no value of the type.
 */
export type Layout = number | ((bytes: Uint8Array, at: number) => number)

/** These bytes are no value of the type. */
export class LayoutError extends Error {
  override readonly name = 'LayoutError'
}

const PRIMITIVES: Record<Primitive, Layout> = { bool: 1, char: 4, u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, u256: 32, i8: 1, i16: 2, i32: 4, i64: 8, i128: 16, i256: 32, str: (bytes, at) => after(bytes, at, 1) }

const layouts = new WeakMap<Metadata, Map<TypeId, Layout>>()

/** The layout of a type. Throws LayoutError for a type that metadata should not hold. */
export function layoutOf(metadata: Metadata, type: TypeId): Layout {
  let known = layouts.get(metadata)
  if (!known) layouts.set(metadata, (known = new Map()))
  return compile(metadata, known, type)
}

/** Where a value that begins at `at` ends. */
export const endOf = (layout: Layout, bytes: Uint8Array, at: number): number => (typeof layout === 'number' ? at + layout : layout(bytes, at))

/** Values of several layouts, one after the other. */
export function inARow(parts: readonly Layout[]): Layout {
  if (parts.every((part) => typeof part === 'number')) return parts.reduce((sum, size) => sum + size, 0)
  return (bytes, at) => {
    for (const part of parts) at = endOf(part, bytes, at)
    return at
  }
}

/** A compact length and where what it counts begins. Throws LayoutError for one of 2^30 or more, which fits in no block. */
export function lengthAt(bytes: Uint8Array, at: number): [length: number, from: number] {
  const first = bytes[at] ?? 0
  switch (first & 3) {
    case 0: return [first >> 2, at + 1]
    case 1: return [(first | ((bytes[at + 1] ?? 0) << 8)) >> 2, at + 2]
    case 2: return [((first | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0) >>> 2, at + 4]
    default: throw new LayoutError('a length of 2^30 or more')
  }
}

function compile(metadata: Metadata, known: Map<TypeId, Layout>, id: TypeId): Layout {
  const found = known.get(id)
  if (found !== undefined) return found
  // A type that holds itself finds this while it is made.
  known.set(id, (bytes, at) => endOf(known.get(id)!, bytes, at))
  const made = make()
  known.set(id, made)
  return made

  function make(): Layout {
    const type = metadata.types.get(id)
    const of = (part: TypeId): Layout => compile(metadata, known, part)
    switch (type?.kind) {
      case 'composite': return inARow(type.fields.map((field) => of(field.type)))
      case 'tuple': return inARow(type.of.map(of))
      case 'variant': return choice(type.variants.map(({ index, fields }) => [index, inARow(fields.map((field) => of(field.type)))]))
      case 'sequence': return sequence(of(type.of))
      case 'array': return times(of(type.of), type.length)
      case 'compact': return compact
      case 'primitive': return PRIMITIVES[type.name]
      case 'bits': {
        const store = of(type.store)
        if (typeof store === 'number') return (bytes, at) => bits(bytes, at, store)
        break
      }
      case undefined:
    }
    throw new LayoutError(`type ${id} of the metadata has no layout (${type?.kind ?? 'it is not there'})`)
  }
}

function choice(variants: readonly (readonly [index: number, layout: Layout])[]): Layout {
  const byIndex: (Layout | undefined)[] = []
  for (const [index, layout] of variants) byIndex[index] = layout
  return (bytes, at) => {
    const layout = byIndex[bytes[at] ?? -1]
    if (layout === undefined) throw new LayoutError(`no variant ${bytes[at]}`)
    return endOf(layout, bytes, at + 1)
  }
}

function sequence(element: Layout): Layout {
  return (bytes, at) => {
    if (typeof element === 'number') return after(bytes, at, element)
    const [length, from] = lengthAt(bytes, at)
    return repeated(element, bytes, from, length)
  }
}

const times = (element: Layout, count: number): Layout => (typeof element === 'number' ? element * count : (bytes, at) => repeated(element, bytes, at, count))

function repeated(element: Exclude<Layout, number>, bytes: Uint8Array, at: number, count: number): number {
  for (let i = 0; i < count; i++) {
    at = element(bytes, at)
    if (at > bytes.length) throw new LayoutError('the bytes end within a list')
  }
  return at
}

// The end of a list of `size`d elements.
function after(bytes: Uint8Array, at: number, size: number): number {
  const [length, from] = lengthAt(bytes, at)
  return from + length * size
}

function bits(bytes: Uint8Array, at: number, store: number): number {
  const [length, from] = lengthAt(bytes, at)
  return from + Math.ceil(length / (8 * store)) * store
}

function compact(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  return (first & 3) === 3 ? at + 5 + (first >> 2) : at + (1 << (first & 3))
}
