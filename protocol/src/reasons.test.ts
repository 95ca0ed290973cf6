import { expect, test } from 'vitest'
import { strict } from './codec.ts'
import { explain, isNotRunReason, notRunCodec, REASON_CODES, reasonByte, reasonCodec, reasonOfByte } from './reasons.ts'

test('each reason has a byte of its own and a sentence', () => {
  expect(new Set(REASON_CODES.map(reasonByte)).size).toBe(REASON_CODES.length)
  expect(new Set(REASON_CODES.map(explain)).size).toBe(REASON_CODES.length)
  for (const reason of REASON_CODES) {
    expect(reasonOfByte(reasonByte(reason))).toBe(reason)
    expect(reason).toMatch(/^[A-Z][A-Z_]*$/)
    expect(explain(reason)).toMatch(/^[A-Z].*\.$/)
  }
  expect(reasonByte('OK')).toBe(0)
})

test('the vocabulary is closed', () => {
  const known = new Set(REASON_CODES.map(reasonByte))
  const codec = strict('reason', reasonCodec)
  for (let byte = 0; byte < 256; byte++)
    if (known.has(byte)) expect(reasonByte(codec.decode(Uint8Array.of(byte)))).toBe(byte)
    else {
      expect(reasonOfByte(byte)).toBeNull()
      expect(() => codec.decode(Uint8Array.of(byte))).toThrow('malformed reason')
    }
})

test('a machine can only say why it did not run', () => {
  const codec = strict('reason', notRunCodec)
  for (const reason of REASON_CODES)
    if (isNotRunReason(reason)) expect(codec.decode(Uint8Array.of(reasonByte(reason)))).toBe(reason)
    else expect(() => codec.decode(Uint8Array.of(reasonByte(reason)))).toThrow('malformed reason')
})
