/** Lower-case hex digits, two a byte. */
export type Hex = `0x${string}`
/** An account: `0x` and 64 hex digits. */
export type AccountId = Hex
/** A hash, an id or a public key: `0x` and 64 hex digits. */
export type Hash = Hex

/** 32 zero bytes: what stands for "none". */
export const ZERO_HASH: Hash = `0x${'0'.repeat(64)}`

const HEX = /^0x(?:[0-9a-f]{2})*$/
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** `concat(a, b)` is `a ‖ b`, a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return joinBytes(parts)
}

/** All parts in a row, a new array. Takes any number of them, which arguments cannot. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Negative, 0 or positive as `a` stands before, at or after `b` in the order of their bytes; a prefix stands before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** True if both hold the same bytes. Not in constant time: nothing here is secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

/** `toHex(Uint8Array.of(1, 255))` is `'0x01ff'`. */
export function toHex(bytes: Uint8Array): Hex {
  let digits = ''
  for (const byte of bytes) digits += DIGITS[byte]
  return `0x${digits}`
}

/**
 * `fromHex('0x01ff')` is `Uint8Array.of(1, 255)`.
 * @throws RangeError unless the text is `0x` and an even number of lower-case digits
 */
export function fromHex(hex: Hex): Uint8Array {
  if (!HEX.test(hex)) throw new RangeError(`not lower-case hex with 0x: ${JSON.stringify(hex).slice(0, 80)}`)
  const bytes = new Uint8Array(hex.length / 2 - 1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16)
  return bytes
}

/** True for `0x` and exactly 64 lower-case digits. */
export function isHash(text: string): text is Hash {
  return text.length === 66 && HEX.test(text)
}

/** The text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Two bytes, little-endian. @throws RangeError unless an integer from 0 to 2^16 - 1 */
export function u16le(value: number): Uint8Array {
  return littleEndian(value, 2)
}

/** Four bytes, little-endian. @throws RangeError unless an integer from 0 to 2^32 - 1 */
export function u32le(value: number): Uint8Array {
  return littleEndian(value, 4)
}

function littleEndian(value: number, length: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * length)) throw new RangeError(`not a u${8 * length}: ${value}`)
  return Uint8Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256)
}
