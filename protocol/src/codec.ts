// SCALE, strictly: bounded before anything is allocated, and one encoding for one value. scale-ts by itself is lenient (it wraps numbers, takes long
// compacts, short and trailing bytes, and loops as long as a length says), so whatever comes from outside passes through `strict`.
import * as scale from 'scale-ts'
import { type Codec, createCodec, createDecoder } from 'scale-ts'
import { concat, equalBytes, fromHex, type Hash, type Hex, joinBytes, toHex } from './bytes.ts'

export type { Codec } from 'scale-ts'

/** `TRUNCATED`: the bytes end early, or hold no such value; `NOT_CANONICAL`: trailing bytes or a second encoding of the same value; `RULE`: well encoded, but against a rule of its type. */
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

/** How values of T become bytes and back, one to one. */
export interface Strict<T> {
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
 * Makes a codec strict: decodes, encodes again and compares.
 *
 * ```ts
 * strict('pair', struct({ a: u8, b: u16 })).decode(Uint8Array.of(1, 2, 0)) // { a: 1, b: 2 }
 * ```
 */
export function strict<T>(what: string, codec: Codec<T>, { maxBytes = Infinity, rule = () => null }: StrictOptions<T> = {}): Strict<T> {
  return {
    encode(value) {
      const broken = rule(value)
      if (broken !== null) throw new RangeError(`${what}: ${broken}`)
      // A copy: scale-ts may hand out the caller's own array.
      return codec.enc(value).slice()
    },
    decode(bytes) {
      if (bytes.length > maxBytes) throw new MalformedError('TOO_LONG', `${what}: ${bytes.length} bytes, at most ${maxBytes}`)
      let value: T
      let again: Uint8Array
      try {
        // A plain copy: scale-ts reads the buffer below a view from its very beginning.
        value = codec.dec(new Uint8Array(bytes))
        again = codec.enc(value)
      } catch (cause) {
        if (cause instanceof MalformedError) throw new MalformedError(cause.code, `${what}: ${cause.message}`, { cause })
        throw new MalformedError('TRUNCATED', `${what} of ${bytes.length} bytes`, { cause })
      }
      if (!equalBytes(bytes, again)) throw new MalformedError('NOT_CANONICAL', `${what}: not the encoding of its value`)
      const broken = rule(value)
      if (broken !== null) throw new MalformedError('RULE', `${what}: ${broken}`)
      return value
    },
  }
}

/** A struct: its fields in order, nothing between. */
export function struct<T extends object>(fields: { [K in keyof T]: Codec<T[K]> }): Codec<T> {
  return scale.Struct(fields as never) as unknown as Codec<T>
}

/** One of several, told by a leading u8 that counts from 0 in the order given: `{ tag, value }`. */
export function tagged<T extends object>(variants: { [K in keyof T]: Codec<T[K]> }): Codec<{ [K in keyof T]: { tag: K; value: T[K] } }[keyof T]> {
  return scale.Enum(variants as never) as unknown as Codec<{ [K in keyof T]: { tag: K; value: T[K] } }[keyof T]>
}

const uint = (bits: number, codec: Codec<number>): Codec<number> =>
  createCodec((value: number) => {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) throw new RangeError(`not a u${bits}: ${value}`)
    return codec.enc(value)
  }, codec.dec)

const bigUint = (bits: bigint, codec: Codec<bigint>): Codec<bigint> =>
  createCodec((value: bigint) => {
    if (typeof value !== 'bigint' || value < 0n || value >> bits !== 0n) throw new RangeError(`not a u${bits}: ${value}`)
    return codec.enc(value)
  }, codec.dec)

export const u8: Codec<number> = uint(8, scale.u8)
export const u16: Codec<number> = uint(16, scale.u16)
export const u32: Codec<number> = uint(32, scale.u32)
/** Two's complement in four bytes. */
export const i32: Codec<number> = createCodec((value: number) => {
  if ((value | 0) !== value) throw new RangeError(`not an i32: ${value}`)
  return scale.i32.enc(value)
}, scale.i32.dec)
export const u64: Codec<bigint> = bigUint(64n, scale.u64)
export const u128: Codec<bigint> = bigUint(128n, scale.u128)

/** Exactly `length` raw bytes, without a length before them. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  const raw = scale.Bytes(length)
  return createCodec(
    (value: Uint8Array) => {
      if (value.length !== length) throw new RangeError(`${value.length} bytes where ${length} belong`)
      return value
    },
    createDecoder((input: Uint8Array) => {
      const value = raw.dec(input)
      if (value.length !== length) throw new MalformedError('TRUNCATED', `bytes: ${value.length} where ${length} belong`)
      return value
    }),
  )
}

const fixedHex = (length: number): Codec<Hex> => {
  const raw = fixedBytes(length)
  return createCodec((value: Hex) => raw.enc(fromHex(value)), (input) => toHex(raw.dec(input)))
}

/** 32 raw bytes as hex: accounts, keys, hashes. */
export const hex32: Codec<Hash> = fixedHex(32)
/** 64 raw bytes as hex. */
export const hex64: Codec<Hex> = fixedHex(64)
/** 64 raw bytes: signatures. */
export const bytes64: Codec<Uint8Array> = fixedBytes(64)
/** 32 raw bytes. */
export const bytes32: Codec<Uint8Array> = fixedBytes(32)

/** A compact length that is refused above `max`, before anything is read for it. */
const lengthUpTo = (max: number, min = 0): Codec<number> =>
  createCodec(
    (value: number) => {
      if (value < min || value > max) throw new RangeError(`length ${value}, not from ${min} to ${max}`)
      return scale.compact.enc(value)
    },
    createDecoder((input: Uint8Array) => {
      const value = scale.compact.dec(input)
      if (typeof value !== 'number' || value < min || value > max) throw new MalformedError('OUT_OF_RANGE', `length ${value}, not from ${min} to ${max}`)
      return value
    }),
  )

/** A compact length and that many bytes, `min` to `max` of them. */
export function boundedBytes(max: number, min = 0): Codec<Uint8Array> {
  const length = lengthUpTo(max, min)
  return createCodec(
    (value: Uint8Array) => concat(length.enc(value.length), value),
    createDecoder((input: Uint8Array) => fixedBytes(length.dec(input)).dec(input)),
  )
}

/** A compact length and that many values, `min` to `max` of them. */
export function boundedVec<T>(inner: Codec<T>, max: number, min = 0): Codec<T[]> {
  const length = lengthUpTo(max, min)
  return createCodec(
    (values: T[]) => joinBytes([length.enc(values.length), ...values.map((value) => inner.enc(value))]),
    createDecoder((input: Uint8Array) => {
      const values: T[] = []
      // Grows as it reads, so a length that lies costs no memory: the bytes end first.
      for (let left = length.dec(input); left > 0; left--) values.push(inner.dec(input))
      return values
    }),
  )
}

/** Printable ASCII (0x20 to 0x7e), 1 to `max` bytes. */
export function text(max: number): Codec<string> {
  const raw = boundedBytes(max, 1)
  return createCodec(
    (value: string) => {
      if (!/^[ -~]*$/.test(value)) throw new RangeError('text is not printable ASCII')
      return raw.enc(Uint8Array.from(value, (char) => char.charCodeAt(0)))
    },
    (input) => {
      const bytes = raw.dec(input)
      if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw new MalformedError('OUT_OF_RANGE', 'text: not printable ASCII')
      return String.fromCharCode(...bytes)
    },
  )
}

/** A closed set of names, each with its u8. */
export function names<T extends string>(codes: Readonly<Record<T, number>>): Codec<T> {
  const byCode = new Map(Object.entries<number>(codes).map(([name, code]) => [code, name as T]))
  return createCodec(
    (value: T) => {
      const code = codes[value]
      if (code === undefined) throw new RangeError(`unknown name: ${value}`)
      return u8.enc(code)
    },
    (input) => {
      const code = u8.dec(input)
      const name = byCode.get(code)
      if (name === undefined) throw new MalformedError('OUT_OF_RANGE', `name: no such code ${code}`)
      return name
    },
  )
}

/** `inner` behind a u8 that must be `version`. */
export function versioned<T>(version: number, inner: Codec<T>): Codec<T> {
  return createCodec(
    (value: T) => concat(u8.enc(version), inner.enc(value)),
    createDecoder((input: Uint8Array) => {
      const found = u8.dec(input)
      if (found !== version) throw new MalformedError('BAD_VERSION', `version ${found}, this client knows ${version}`)
      return inner.dec(input)
    }),
  )
}

/** True if each item stands before the next: the order of bytes is the order of their lower-case hex. */
export function strictlyAscending<T>(items: readonly T[], keyOf: (item: T) => Hex): boolean {
  return items.every((item, i) => i === 0 || keyOf(items[i - 1]!) < keyOf(item))
}
