import { expect, test } from 'vitest'
import type { Hash } from '@assay/protocol'
import { testCrypto } from '@assay/protocol/testing/actors'
import { headerHash, type RawHeader } from './header.ts'

const ZERO: Hash = `0x${'0'.repeat(64)}`
const header = (number: number | string, logs: RawHeader['digest']['logs'] = []): RawHeader => ({ number: String(number), parentHash: ZERO, stateRoot: ZERO, extrinsicsRoot: ZERO, digest: { logs } })

/** The bytes that are hashed, instead of their hash. */
function hashed(raw: RawHeader): string {
  let seen = ''
  headerHash({ blake2b256: (bytes) => {
    seen = Buffer.from(bytes).toString('hex')
    return new Uint8Array(32)
  } }, raw)
  return seen
}

test('a header is its parent, height, roots and digest in SCALE, whatever the height', () => {
  const heights = { 0: '00', 63: 'fc', 64: '0101', 16383: 'fdff', 16384: '02000100', 1073741823: 'feffffff', 1073741824: '0300000040', 4294967295: '03ffffffff' }
  const zeros = '0'.repeat(64)
  for (const [height, compact] of Object.entries(heights)) expect(hashed(header(height))).toBe(`${zeros}${compact}${zeros}${zeros}00`)
  expect(hashed(header('0x10', ['0x0608', '0x']))).toBe(`${zeros}40${zeros}${zeros}080608`)
  expect(headerHash(testCrypto, header(1))).not.toBe(headerHash(testCrypto, header(2)))
})

test('what is no height or no hex is refused', () => {
  for (const height of [-1, 2 ** 32, 0.5, 'x']) expect(() => headerHash(testCrypto, header(height))).toThrow(RangeError)
  expect(() => headerHash(testCrypto, { ...header(1), stateRoot: '0xzz' })).toThrow(RangeError)
})
