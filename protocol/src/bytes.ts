/** Lower-case hex digits, two a byte. */
export type Hex = `0x${string}`
/** An account: `0x` and 64 hex digits. */
export type AccountId = Hex
/** A hash, an id or a public key: `0x` and 64 hex digits. */
export type Hash = Hex

/** 32 zero bytes: what stands for "none". */
export const ZERO_HASH: Hash = `0x${'0'.repeat(64)}`

const ENCODER = new TextEncoder()
const HEX = /^0x(?:[0-9a-f]{2})*$/
const DIGITS = utf8('0123456789abcdef')
/** What a digit is worth, by its byte in UTF-8; 255: no digit. */
const VALUES = new Uint8Array(2 ** 8).fill(255)
for (const [value, digit] of DIGITS.entries()) VALUES[digit] = value
const ASCII = new TextDecoder()
/** Where the digits of a hash are put: one text made of 64 small ones takes thirty times the memory. */
const HASH_DIGITS = utf8(ZERO_HASH)
/** Where the text of up to 64 bytes is put to be read: one by one its characters come several times slower. */
const HEX_TEXT = new Uint8Array(2 + 2 * 64)

/** `concat(a, b)` is `a ‖ b`, a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return joinBytes(parts)
}

/** All parts in a row, a new array. Takes any number of them, which arguments cannot. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
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
  const digits = bytes.length === 32 ? HASH_DIGITS : utf8(`0x${'0'.repeat(2 * bytes.length)}`)
  for (let i = 0, at = 2; i < bytes.length; i++) {
    digits[at++] = DIGITS[bytes[i]! >> 4]!
    digits[at++] = DIGITS[bytes[i]! & 15]!
  }
  return ASCII.decode(digits) as Hex
}

/**
 * `fromHex('0x01ff')` is `Uint8Array.of(1, 255)`.
 * @throws RangeError unless the text is `0x` and an even number of lower-case digits
 */
export function fromHex(hex: Hex): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.floor(hex.length / 2) - 1))
  writeHex(hex, bytes, 0)
  return bytes
}

/**
 * Puts the bytes of `hex` into `into` from `at` on, where there must be room.
 * @throws RangeError unless the text is `0x` and an even number of lower-case digits
 */
export function writeHex(hex: Hex, into: Uint8Array, at: number): void {
  const text = hex.length > HEX_TEXT.length ? new Uint8Array(hex.length) : HEX_TEXT
  // Fewer bytes than characters: there is one that is no digit and did not fit.
  const { written } = ENCODER.encodeInto(hex, text)
  let seen = written < hex.length ? 255 : 0
  for (let i = 2, to = at; i + 1 < hex.length; i += 2, to++) {
    const [high, low] = [VALUES[text[i]!]!, VALUES[text[i + 1]!]!]
    seen |= high | low
    into[to] = (high << 4) | low
  }
  if (seen > 15 || !hex.startsWith('0x') || hex.length % 2 !== 0) throw new RangeError(`not lower-case hex with 0x: ${JSON.stringify(hex).slice(0, 80)}`)
}

/** True for `0x` and exactly 64 lower-case digits. */
export function isHash(text: string): text is Hash {
  return text.length === 66 && HEX.test(text)
}

/** The text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return ENCODER.encode(text)
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
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = value >>> (8 * i)
  return bytes
}
