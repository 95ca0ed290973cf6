import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareBytes, concat, equalBytes, fromHex, type Hex, isHash, toHex, u16le, u32le, ZERO_HASH } from './bytes.ts'

const bytes = fc.uint8Array({ maxLength: 80 })

test('hex and back', () => {
  fc.assert(fc.property(bytes, (value) => equalBytes(fromHex(toHex(value)), value)))
  expect(toHex(Uint8Array.of(1, 255))).toBe('0x01ff')
})

test('hex in any other shape is refused', () => {
  for (const text of ['', '0x', '0x0', '0xAB', '0x0g', '01ff', '0x01ff\n', ' 0x01'])
    if (text === '0x') expect(fromHex(text)).toEqual(new Uint8Array())
    else expect(() => fromHex(text as Hex), text).toThrow(RangeError)
})

test('a character that is no digit is refused wherever it stands, also if it takes more bytes than are left', () => {
  fromHex(`0x${'0'.repeat(128)}`)
  for (const length of [2, 64, 128, 130])
    for (const strange of ['é', '€', '\ud800', '\u0130'])
      for (const at of [0, length - 1]) {
        const digits = Array.from({ length }, () => '0')
        digits[at] = strange
        expect(() => fromHex(`0x${digits.join('')}`), `${strange} at ${at} of ${length}`).toThrow(RangeError)
      }
})

test('a hash is 64 lower-case digits', () => {
  expect(isHash(ZERO_HASH)).toBe(true)
  for (const text of [ZERO_HASH.slice(0, -1), `${ZERO_HASH}0`, ZERO_HASH.toUpperCase(), `0x${'A'.repeat(64)}`]) expect(isHash(text)).toBe(false)
})

test('bytes stand in the order of their hex', () => {
  fc.assert(fc.property(bytes, bytes, (a, b) => Math.sign(compareBytes(a, b)) === (toHex(a) < toHex(b) ? -1 : toHex(a) > toHex(b) ? 1 : 0)))
  expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
})

test('concat joins without sharing memory', () => {
  const a = Uint8Array.of(1)
  const joined = concat(a, Uint8Array.of(2, 3), new Uint8Array())
  a[0] = 9
  expect([...joined]).toEqual([1, 2, 3])
})

test('little-endian, and only what fits', () => {
  expect([...u16le(0x0102)]).toEqual([2, 1])
  expect([...u32le(0xfffefdfc)]).toEqual([0xfc, 0xfd, 0xfe, 0xff])
  for (const value of [-1, 0.5, 65536, Number.NaN]) expect(() => u16le(value)).toThrow(RangeError)
  expect(() => u32le(2 ** 32)).toThrow(RangeError)
})
