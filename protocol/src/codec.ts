// SCALE, strictly: bounded before anything is allocated, and one encoding for one value. Each codec here refuses what it would not itself have written
// (short bytes, long compacts, unknown codes), and `strict` refuses what is left over: so nothing need be encoded again to be compared.
import { type Hash, type Hex, toHex, writeHex } from './bytes.ts'

/** `TRUNCATED`: the bytes end early; `NOT_CANONICAL`: trailing bytes or a second encoding of the same value; `RULE`: well encoded, but against a rule of its type. */
export type MalformedCode = 'TOO_LONG' | 'TRUNCATED' | 'NOT_CANONICAL' | 'BAD_VERSION' | 'OUT_OF_RANGE' | 'RULE'

/** Bytes from outside that are no such value. Expected from any stranger: catch it and refuse what they sent. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
  readonly code: MalformedCode
  constructor(code: MalformedCode, what: string, options?: ErrorOptions) {
    super(`malformed ${what}`, options)
    this.code = code
  }
}

/** Bytes that grow as they are written. */
export class Writer {
  #bytes = new Uint8Array(128)
  #data = new DataView(this.#bytes.buffer)
  #view = this.#bytes
  #length = 0

  /** Begins anew, over the same memory. */
  clear(): void {
    this.#length = 0
  }

  u8(value: number): void {
    const at = this.#grow(1)
    this.#bytes[at] = value
  }

  /** The lowest `size` bytes of an integer below 2^32, little-endian. */
  uint(value: number, size: number): void {
    const at = this.#grow(size)
    for (let i = 0; i < size; i++) this.#bytes[at + i] = value >>> (8 * i)
  }

  /** The lowest 64 bits of an integer, little-endian. */
  uint64(value: bigint): void {
    const at = this.#grow(8)
    this.#data.setBigUint64(at, value, true)
  }

  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
  }

  /** @throws RangeError unless `value` is hex of `length` bytes */
  hex(value: Hex, length: number): void {
    if (value.length !== 2 + 2 * length) throw new RangeError(`hex of ${value.length} characters where ${length} bytes belong`)
    const at = this.#grow(length)
    writeHex(value, this.#bytes, at)
  }

  /** What was written, in this writer's own memory: good until the next write or `clear`. */
  view(): Uint8Array {
    if (this.#view.length !== this.#length) this.#view = this.#bytes.subarray(0, this.#length)
    return this.#view
  }

  /** A copy of what was written. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** Where `more` bytes can be written. */
  #grow(more: number): number {
    const at = this.#length
    this.#length += more
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = this.#view = grown
      this.#data = new DataView(grown.buffer)
    }
    return at
  }
}

/** Bytes from outside, read from the front. Nothing that is read keeps them. */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** @throws MalformedError TRUNCATED */
  u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  /** An integer of `size` bytes, 4 at most, little-endian. @throws MalformedError TRUNCATED */
  uint(size: number): number {
    const at = this.#take(size)
    let value = 0
    for (let i = 0; i < size; i++) value |= this.#bytes[at + i]! << (8 * i)
    return value >>> 0
  }

  /** A copy of the next `length` bytes. @throws MalformedError TRUNCATED, before anything is allocated */
  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    // Not slice: of a Buffer that is a view.
    return new Uint8Array(this.#bytes.subarray(at, at + length))
  }

  /** The next `length` bytes as hex. @throws MalformedError TRUNCATED */
  hex(length: number): Hex {
    const at = this.#take(length)
    return toHex(this.#bytes.subarray(at, at + length))
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.left) throw new MalformedError('TRUNCATED', `bytes: ${this.left} left where ${length} belong`)
    this.#at = at + length
    return at
  }
}

/** How values of T are written and read. `read` takes exactly what `write` gives, so that a codec made of such codecs is one of them. */
export interface Codec<T> {
  /** @throws RangeError if the value is outside its type */
  write(value: T, to: Writer): void
  /** @throws MalformedError */
  read(from: Reader): T
  /** What `write` writes. @throws RangeError */
  enc(value: T): Uint8Array
}

/** A codec of a writer and its reader. */
export function codec<T>(write: Codec<T>['write'], read: Codec<T>['read']): Codec<T> {
  return {
    write,
    read,
    enc(value) {
      const to = new Writer()
      write(value, to)
      return to.done()
    },
  }
}

/** How values of T become bytes and back, one to one. */
export interface Strict<T> {
  /** Writes what `encode` gives. @throws RangeError as that does */
  write(value: T, to: Writer): void
  /** @throws RangeError if the value is outside its type or breaks its rule */
  encode(value: T): Uint8Array
  /** @throws MalformedError if the bytes are anything but what `encode` gives for the result */
  decode(bytes: Uint8Array): T
}

/** What `strict` checks beside the encoding. */
export interface StrictOptions<T> {
  /** Longer bytes are refused unread. */
  maxBytes?: number
  /** The rule of the type: null, or what is wrong, in words. */
  rule?: (value: T) => string | null
}

/**
 * Makes a codec strict: all of the bytes, and a value that keeps its rule.
 *
 * ```ts
 * strict('pair', struct({ a: u8, b: u16 })).decode(Uint8Array.of(1, 2, 0)) // { a: 1, b: 2 }
 * ```
 */
export function strict<T>(what: string, inner: Codec<T>, { maxBytes = Infinity, rule = () => null }: StrictOptions<T> = {}): Strict<T> {
  const read = (bytes: Uint8Array): T => {
    const from = new Reader(bytes)
    try {
      const value = inner.read(from)
      if (from.left > 0) throw new MalformedError('NOT_CANONICAL', `tail of ${from.left} bytes`)
      return value
    } catch (cause) {
      if (cause instanceof MalformedError) throw new MalformedError(cause.code, `${what}: ${cause.message}`, { cause })
      throw cause
    }
  }
  const outer = codec<T>((value, to) => {
    const broken = rule(value)
    if (broken !== null) throw new RangeError(`${what}: ${broken}`)
    inner.write(value, to)
  }, inner.read)
  return {
    write: outer.write,
    encode: outer.enc,
    decode(bytes) {
      if (bytes.length > maxBytes) throw new MalformedError('TOO_LONG', `${what}: ${bytes.length} bytes, at most ${maxBytes}`)
      const value = read(bytes)
      const broken = rule(value)
      if (broken !== null) throw new MalformedError('RULE', `${what}: ${broken}`)
      return value
    },
  }
}

/** A struct: its fields in order, nothing between. */
export function struct<T extends object>(fields: { [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][]
  return codec(
    (value, to) => {
      for (const [name, field] of entries) field.write(value[name], to)
    },
    (from) => {
      const value: Partial<T> = {}
      for (const [name, field] of entries) value[name] = field.read(from)
      return value as T
    },
  )
}

/** One of several, told by a leading u8 that counts from 0 in the order given: `{ tag, value }`. */
export function tagged<T extends object>(variants: { [K in keyof T]: Codec<T[K]> }): Codec<{ [K in keyof T]: { tag: K; value: T[K] } }[keyof T]> {
  type Variant = { tag: keyof T; value: T[keyof T] }
  const entries = Object.entries(variants) as [keyof T, Codec<T[keyof T]>][]
  const codes = new Map(entries.map(([tag], code) => [tag, code]))
  return codec<Variant>(
    ({ tag, value }, to) => {
      const code = codes.get(tag)
      if (code === undefined) throw new RangeError(`unknown tag: ${String(tag)}`)
      to.u8(code)
      variants[tag].write(value, to)
    },
    (from) => {
      const code = from.u8()
      const variant = entries[code]
      if (variant === undefined) throw new MalformedError('OUT_OF_RANGE', `tag: no such code ${code}`)
      const [tag, inner] = variant
      return { tag, value: inner.read(from) }
    },
  ) as Codec<{ [K in keyof T]: { tag: K; value: T[K] } }[keyof T]>
}

const uint = (size: number): Codec<number> => {
  const limit = 2 ** (8 * size)
  return codec(
    (value, to) => {
      if (!Number.isInteger(value) || value < 0 || value >= limit) throw new RangeError(`not a u${8 * size}: ${value}`)
      to.uint(value, size)
    },
    (from) => from.uint(size),
  )
}

/** An unsigned integer of `words` times 64 bits. */
const bigUint = (words: number): Codec<bigint> => {
  const limit = 1n << BigInt(64 * words)
  return codec(
    (value, to) => {
      if (typeof value !== 'bigint' || value < 0n || value >= limit) throw new RangeError(`not a u${64 * words}: ${value}`)
      for (let i = 0; i < words; i++) to.uint64(i === 0 ? value : value >> BigInt(64 * i))
    },
    (from) => {
      let value = 0n
      for (let i = 0; i < 2 * words; i++) value |= BigInt(from.uint(4)) << BigInt(32 * i)
      return value
    },
  )
}

export const u8: Codec<number> = uint(1)
export const u16: Codec<number> = uint(2)
export const u32: Codec<number> = uint(4)
/** Two's complement in four bytes. */
export const i32: Codec<number> = codec(
  (value, to) => {
    if ((value | 0) !== value) throw new RangeError(`not an i32: ${value}`)
    to.uint(value >>> 0, 4)
  },
  (from) => from.uint(4) | 0,
)
export const u64: Codec<bigint> = bigUint(1)
export const u128: Codec<bigint> = bigUint(2)

/** Exactly `length` raw bytes, without a length before them. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  return codec(
    (value, to) => {
      if (value.length !== length) throw new RangeError(`${value.length} bytes where ${length} belong`)
      to.bytes(value)
    },
    (from) => from.bytes(length),
  )
}

const fixedHex = (length: number): Codec<Hex> => codec((value, to) => to.hex(value, length), (from) => from.hex(length))

/** 32 raw bytes as hex: accounts, keys, hashes. */
export const hex32: Codec<Hash> = fixedHex(32)
/** 64 raw bytes as hex. */
export const hex64: Codec<Hex> = fixedHex(64)
/** 64 raw bytes: signatures. */
export const bytes64: Codec<Uint8Array> = fixedBytes(64)
/** 32 raw bytes. */
export const bytes32: Codec<Uint8Array> = fixedBytes(32)

/** Compacts of this size and more take another form, which no length here needs. */
const COMPACT_LIMIT = 2 ** 30
/** Bytes of a compact by its two lowest bits, and the least value that is written so. */
const COMPACT_FORMS = [{ size: 1, from: 0 }, { size: 2, from: 2 ** 6 }, { size: 4, from: 2 ** 14 }] as const

/** SCALE's compact length, from `min` to `max` and below 2^30, which is checked before anything is read for it. */
const lengthUpTo = (max: number, min = 0): Codec<number> =>
  codec(
    (value, to) => {
      if (value < min || value > max || value >= COMPACT_LIMIT) throw new RangeError(`length ${value}, not from ${min} to ${max}`)
      const form = COMPACT_FORMS.findLastIndex(({ from }) => value >= from)
      to.uint(value * 4 + form, COMPACT_FORMS[form]!.size)
    },
    (from) => {
      const first = from.u8()
      const form = COMPACT_FORMS[first & 3]
      if (form === undefined) throw new MalformedError('OUT_OF_RANGE', `length of 2^30 or more, not from ${min} to ${max}`)
      const value = (first + (form.size > 1 ? from.uint(form.size - 1) * 256 : 0)) >>> 2
      if (value < form.from) throw new MalformedError('NOT_CANONICAL', `length ${value} in ${form.size} bytes`)
      if (value < min || value > max) throw new MalformedError('OUT_OF_RANGE', `length ${value}, not from ${min} to ${max}`)
      return value
    },
  )

/** A compact length and that many bytes, `min` to `max` of them. */
export function boundedBytes(max: number, min = 0): Codec<Uint8Array> {
  const length = lengthUpTo(max, min)
  return codec(
    (value, to) => {
      length.write(value.length, to)
      to.bytes(value)
    },
    (from) => from.bytes(length.read(from)),
  )
}

/** A compact length and that many values, `min` to `max` of them. */
export function boundedVec<T>(inner: Codec<T>, max: number, min = 0): Codec<T[]> {
  const length = lengthUpTo(max, min)
  return codec(
    (values, to) => {
      length.write(values.length, to)
      for (const value of values) inner.write(value, to)
    },
    (from) => {
      const values: T[] = []
      // Grows as it reads, so a length that lies costs no memory: the bytes end first.
      for (let left = length.read(from); left > 0; left--) values.push(inner.read(from))
      return values
    },
  )
}

/** Printable ASCII (0x20 to 0x7e), 1 to `max` bytes. */
export function text(max: number): Codec<string> {
  const raw = boundedBytes(max, 1)
  return codec(
    (value, to) => {
      if (!/^[ -~]*$/.test(value)) throw new RangeError('text is not printable ASCII')
      raw.write(Uint8Array.from(value, (char) => char.charCodeAt(0)), to)
    },
    (from) => {
      const bytes = raw.read(from)
      if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw new MalformedError('OUT_OF_RANGE', 'text: not printable ASCII')
      return String.fromCharCode(...bytes)
    },
  )
}

/** A closed set of names, each with its u8. */
export function names<T extends string>(codes: Readonly<Record<T, number>>): Codec<T> {
  const byCode = new Map(Object.entries<number>(codes).map(([name, code]) => [code, name as T]))
  return codec(
    (value, to) => {
      const code = codes[value]
      if (code === undefined) throw new RangeError(`unknown name: ${value}`)
      u8.write(code, to)
    },
    (from) => {
      const code = from.u8()
      const name = byCode.get(code)
      if (name === undefined) throw new MalformedError('OUT_OF_RANGE', `name: no such code ${code}`)
      return name
    },
  )
}

/** `inner` behind a u8 that must be `version`. */
export function versioned<T>(version: number, inner: Codec<T>): Codec<T> {
  return codec(
    (value, to) => {
      to.u8(version)
      inner.write(value, to)
    },
    (from) => {
      const found = from.u8()
      if (found !== version) throw new MalformedError('BAD_VERSION', `version ${found}, this client knows ${version}`)
      return inner.read(from)
    },
  )
}

/** True if each item stands before the next: the order of bytes is the order of their lower-case hex. */
export function strictlyAscending<T>(items: readonly T[], keyOf: (item: T) => Hex): boolean {
  return items.every((item, i) => i === 0 || keyOf(items[i - 1]!) < keyOf(item))
}

/** The value of bytes that a stranger wrote, or null if they are no such thing; any other error is a fault of ours and goes on. */
export function wellFormed<T>(decode: () => T): T | null {
  try {
    return decode()
  } catch (error) {
    if (error instanceof MalformedError) return null
    throw error
  }
}
