// A runtime's own description of its types and pallets, version 14: what `state_getMetadata` gives. The format is that of frame-metadata and scale-info.
import { lengthAt, LayoutError } from './layout.ts'

/** A number under which a type stands in the metadata. */
export type TypeId = number

export interface Field {
  readonly name: string | null
  readonly type: TypeId
}

export interface Variant {
  readonly name: string
  readonly index: number
  readonly fields: readonly Field[]
}

export type Type =
  | { readonly kind: 'composite'; readonly fields: readonly Field[] }
  | { readonly kind: 'variant'; readonly variants: readonly Variant[] }
  | { readonly kind: 'sequence' | 'compact'; readonly of: TypeId }
  | { readonly kind: 'array'; readonly of: TypeId; readonly length: number }
  | { readonly kind: 'tuple'; readonly of: readonly TypeId[] }
  | { readonly kind: 'primitive'; readonly name: Primitive }
  | { readonly kind: 'bits'; readonly store: TypeId }

export interface Pallet {
  readonly name: string
  readonly index: number
  /** By the name of the entry, the type of its values. */
  readonly storage: ReadonlyMap<string, TypeId>
  readonly events: TypeId | null
}

export interface Metadata {
  readonly types: ReadonlyMap<TypeId, Type>
  readonly pallets: readonly Pallet[]
}

const PRIMITIVES = ['bool', 'char', 'str', 'u8', 'u16', 'u32', 'u64', 'u128', 'u256', 'i8', 'i16', 'i32', 'i64', 'i128', 'i256'] as const
export type Primitive = (typeof PRIMITIVES)[number]

/** `meta`, then the version. */
const HEAD = [0x6d, 0x65, 0x74, 0x61, 14]

/**
 * Reads a runtime's metadata up to its pallets; the signed extensions behind them are nobody's here. Throws LayoutError for what is no metadata of version 14.
 *
 *     readMetadata(bytes).pallets[0]   // { name: 'System', index: 0, … }
 */
export function readMetadata(bytes: Uint8Array): Metadata {
  let at = 0
  if (HEAD.some((byte) => u8() !== byte)) throw new LayoutError(`no metadata of version 14 (it begins with ${bytes.subarray(0, HEAD.length).join(' ')})`)
  const types = new Map(list(() => [compact(), type()] as const))
  return { types, pallets: list(pallet) }

  function pallet(): Pallet {
    const name = text()
    const storage = new Map(option(entries) ?? [])
    option(compact) // calls
    const events = option(compact)
    list(constant)
    option(compact) // errors
    return { name, index: u8(), storage, events }
  }
  function entries(): [name: string, type: TypeId][] {
    skip() // prefix
    return list(() => {
      const name = text()
      u8() // what an absent value is
      const value = storedType()
      skip() // the default
      docs()
      return [name, value]
    })
  }
  function storedType(): TypeId {
    if (oneOf(2) === 0) return compact()
    list(u8) // hashers
    compact() // key
    return compact()
  }
  function constant(): void {
    skip()
    compact()
    skip()
    docs()
  }
  function type(): Type {
    list(skip) // path
    list(() => {
      skip()
      option(compact)
    })
    const made = definition()
    docs()
    return made
  }
  function definition(): Type {
    switch (oneOf(8)) {
      case 0: return { kind: 'composite', fields: list(field) }
      case 1: return { kind: 'variant', variants: list(variant) }
      case 2: return { kind: 'sequence', of: compact() }
      case 3: {
        const length = u8() + u8() * 2 ** 8 + u8() * 2 ** 16 + u8() * 2 ** 24
        return { kind: 'array', length, of: compact() }
      }
      case 4: return { kind: 'tuple', of: list(compact) }
      case 5: return { kind: 'primitive', name: PRIMITIVES[oneOf(PRIMITIVES.length)]! }
      case 6: return { kind: 'compact', of: compact() }
      default: {
        const store = compact()
        compact() // order
        return { kind: 'bits', store }
      }
    }
  }
  function field(): Field {
    const name = option(text)
    const type = compact()
    option(skip) // how the code calls the type
    docs()
    return { name, type }
  }
  function variant(): Variant {
    const name = text()
    const fields = list(field)
    const index = u8()
    docs()
    return { name, index, fields }
  }

  function u8(): number {
    const byte = bytes[at++]
    if (byte === undefined) throw new LayoutError('the metadata ends early')
    return byte
  }
  function oneOf(kinds: number): number {
    const kind = u8()
    if (kind >= kinds) throw new LayoutError(`the metadata has a ${kind} where there are ${kinds} kinds`)
    return kind
  }
  function compact(): number {
    const [value, end] = lengthAt(bytes, at)
    if (end > bytes.length) throw new LayoutError('the metadata ends early')
    at = end
    return value
  }
  function option<T>(read: () => T): T | null {
    return oneOf(2) === 0 ? null : read()
  }
  // Each element takes a byte at least, so that a long list cannot be but in long bytes.
  function list<T>(read: () => T): T[] {
    const count = compact()
    const found: T[] = []
    for (let i = 0; i < count; i++) found.push(read())
    return found
  }
  function skip(): Uint8Array {
    const length = compact()
    if (length > bytes.length - at) throw new LayoutError('the metadata ends early')
    at += length
    return bytes.subarray(at - length, at)
  }
  function text(): string {
    return new TextDecoder().decode(skip())
  }
  function docs(): void {
    list(skip)
  }
}
