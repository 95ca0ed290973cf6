import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { keystream } from './chacha.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('gives the published stream of eight rounds (draft-strombergson-chacha-test-vectors, TC1 and TC2)', () => {
  expect(hex(keystream(new Uint8Array(32), 0, 128))).toBe(
    '3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42' +
      'd2aefa0deaa5c151bf0adb6c01f2a5adc0fd581259f9a2aadcf20f8fd566a26b5032ec38bbc5da98ee0c6f568b872a65a08abf251deb21bb4b56e5d8821e68aa',
  )
  expect(hex(keystream(Uint8Array.of(1, ...new Uint8Array(31)), 0, 64))).toBe(
    'cf5ee9a0494aa9613e05d5ed725b804b12f4a465ee635acc3a311de8740489ea289d04f43c7518db56eb4433e498a1238cd8464d3763ddbb9222ee3bd8fae3c8',
  )
})

test('any piece of the stream is that piece of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(1000), fc.nat(1000), (key, offset, length) => {
      expect(keystream(key, offset, length)).toEqual(keystream(key, 0, offset + length).slice(offset))
    }),
  )
})

test('blocks beyond 2^31 bytes have counters of their own', () => {
  const key = new Uint8Array(32).fill(7)
  expect(hex(keystream(key, 2 ** 37, 64))).not.toBe(hex(keystream(key, 0, 64)))
  expect(hex(keystream(key, 2 ** 37 + 64, 64))).toBe(hex(keystream(key, 2 ** 37, 128).slice(64)))
})
