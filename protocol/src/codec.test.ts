import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes, toHex } from './bytes.ts'
import { boundedBytes, boundedVec, bytes64, type Codec, fixedBytes, hex32, i32, MalformedError, names, strict, strictlyAscending, struct, tagged, text, u128, u16, u32, u64, u8, versioned } from './codec.ts'

const everything = strict(
  'everything',
  versioned(
    3,
    struct({
      a: u8,
      b: u16,
      c: u32,
      d: u64,
      e: u128,
      id: hex32,
      blob: boundedBytes(70),
      list: boundedVec(struct({ n: u16 }), 80),
      label: text(8),
      name: names({ RED: 0, BLUE: 7 }),
      either: tagged<{ Left: number; Right: Uint8Array }>({ Left: u32, Right: boundedBytes(3) }),
    }),
  ),
)
type Everything = ReturnType<typeof everything.decode>

const integer = (bits: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** bits - 1 })
const value: fc.Arbitrary<Everything> = fc.record({
  a: integer(8),
  b: integer(16),
  c: integer(32),
  d: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  e: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
  blob: fc.uint8Array({ maxLength: 70 }),
  list: fc.array(fc.record({ n: integer(16) }), { maxLength: 80 }),
  label: fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme-ascii' }),
  name: fc.constantFrom('RED' as const, 'BLUE' as const),
  either: fc.oneof(
    fc.record({ tag: fc.constant('Left' as const), value: integer(32) }),
    fc.record({ tag: fc.constant('Right' as const), value: fc.uint8Array({ maxLength: 3 }) }),
  ),
})

/** Any bytes: malformed, or the one encoding of what they decode to. */
function oneEncoding<T>(codec: { encode(value: T): Uint8Array; decode(bytes: Uint8Array): T }, bytes: Uint8Array): void {
  let decoded: T
  try {
    decoded = codec.decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError)
    return
  }
  expect(equalBytes(codec.encode(decoded), bytes)).toBe(true)
}

describe('strict', () => {
  test('gives back what went in', () => {
    fc.assert(fc.property(value, (given) => { expect(everything.decode(everything.encode(given))).toEqual(given) }))
  })

  test('knows one encoding only, whatever is changed', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, flip) => {
        const bytes = everything.encode(given)
        bytes[at % bytes.length]! ^= flip
        oneEncoding(everything, bytes)
      }),
      { numRuns: 1000 },
    )
  })

  test('refuses what is cut off or goes on', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ minLength: 1, maxLength: 4 }), (given, more) => {
        const bytes = everything.encode(given)
        for (let length = 0; length < bytes.length; length++) expect(() => everything.decode(bytes.slice(0, length))).toThrow(MalformedError)
        expect(() => everything.decode(Uint8Array.of(...bytes, ...more))).toThrow(MalformedError)
      }),
      { numRuns: 20 },
    )
  })

  test('takes any bytes without another error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => oneEncoding(everything, bytes)))
  })

  test('reads a view where it lies', () => {
    const pair = strict('pair', struct({ a: u8, b: u16 }))
    expect(pair.decode(Uint8Array.of(9, 9, 1, 2, 0, 9).subarray(2, 5))).toEqual({ a: 1, b: 2 })
    expect(pair.decode(Buffer.from([1, 2, 0]))).toEqual({ a: 1, b: 2 })
  })

  test('keeps nothing of what it read or gave', () => {
    const raw = strict('raw', fixedBytes(2))
    const bytes = Uint8Array.of(1, 2)
    const decoded = raw.decode(bytes)
    const encoded = raw.encode(bytes)
    bytes[0] = 9
    expect([...decoded, ...encoded]).toEqual([1, 2, 1, 2])
  })

  test('says what is wrong', () => {
    const even = strict('even', boundedVec(u8, 100), { maxBytes: 90, rule: (list) => (list.length % 2 === 0 ? null : 'an odd number') })
    const codeOf = (bytes: number[]): string => {
      try {
        even.decode(Uint8Array.from(bytes))
        return 'OK'
      } catch (error) {
        return (error as MalformedError).code
      }
    }
    expect(codeOf([8, 1, 2])).toBe('OK')
    expect(codeOf([4, 1])).toBe('RULE')
    expect(codeOf([8, 1])).toBe('TRUNCATED')
    expect(codeOf([])).toBe('TRUNCATED')
    expect(codeOf([8, 1, 2, 3])).toBe('NOT_CANONICAL')
    expect(codeOf([9, 0, 1, 2])).toBe('NOT_CANONICAL')
    expect(codeOf([...new Uint8Array(91)])).toBe('TOO_LONG')
    expect(() => everything.decode(Uint8Array.of(4))).toThrow('malformed everything: malformed version 4, this client knows 3')
    expect(() => even.encode([1])).toThrow('even: an odd number')
  })
})

describe('bounds', () => {
  // A length says a billion; nothing may be allocated, nor looped over, for it.
  const lie = [0xfe, 0xff, 0xff, 0xff]
  const refuses = <T>(codec: Codec<T>, bytes: number[]): void => expect(() => strict('it', codec).decode(Uint8Array.from(bytes))).toThrow(MalformedError)

  test('a length above the limit is refused unread', () => {
    refuses(boundedVec(u8, 1000), [...lie, 1, 2])
    refuses(boundedBytes(1000), [...lie, 1, 2])
    refuses(boundedBytes(2 ** 30), [...lie, 1, 2])
    // lengths of more than 30 bits
    refuses(boundedBytes(1000), [3, 255, 255, 255, 255, 1])
    refuses(boundedBytes(1000), [255, ...new Uint8Array(67).fill(255)])
  })

  test('each length has one form, the shortest', () => {
    const blob = strict('blob', boundedBytes(2 ** 20))
    for (const [length, head] of [[0, [0]], [63, [252]], [64, [1, 1]], [16383, [253, 255]], [16384, [2, 0, 1, 0]], [70_000, [0xc2, 0x45, 0x04, 0]]] as const) {
      const bytes = blob.encode(new Uint8Array(length))
      expect([...bytes.subarray(0, head.length)]).toEqual(head)
      expect(bytes.length).toBe(head.length + length)
      expect(blob.decode(bytes).length).toBe(length)
    }
    for (const long of [[1, 0], [253, 0, ...new Uint8Array(63)], [2, 0, 0, 0], [254, 255, 0, 0, ...new Uint8Array(16383)]]) expect(() => blob.decode(Uint8Array.from(long))).toThrow(/length \d+ in \d bytes/)
    expect(() => boundedBytes(Infinity).enc({ length: 2 ** 30 } as Uint8Array)).toThrow(RangeError)
  })

  test('a list that is shorter than it says ends early', () => {
    refuses(boundedVec(bytes64, 2 ** 30), [...lie, ...new Uint8Array(64)])
  })

  test('shorter than the least is refused', () => {
    refuses(boundedVec(u8, 5, 2), [4, 1])
    expect(() => boundedVec(u8, 5, 2).enc([1])).toThrow(RangeError)
    refuses(text(5), [0])
  })

  test('values outside their type are not encoded', () => {
    for (const bad of [-1, 256, 1.5, Number.NaN]) expect(() => u8.enc(bad)).toThrow(RangeError)
    for (const bad of [-(2 ** 31) - 1, 2 ** 31, 0.5, Number.NaN]) expect(() => i32.enc(bad)).toThrow(RangeError)
    for (const bad of [-1n, 2n ** 64n]) expect(() => u64.enc(bad)).toThrow(RangeError)
    expect(() => u128.enc(2n ** 128n)).toThrow(RangeError)
    expect(() => u128.enc(1 as never)).toThrow(RangeError)
    expect(() => fixedBytes(3).enc(new Uint8Array(4))).toThrow(RangeError)
    expect(() => hex32.enc('0x00')).toThrow(RangeError)
    expect(() => boundedBytes(3).enc(new Uint8Array(4))).toThrow(RangeError)
    expect(() => names({ A: 0 }).enc('B' as never)).toThrow(RangeError)
  })

  test('text is printable ASCII', () => {
    const codec = strict('text', text(5))
    expect(codec.decode(codec.encode('a ~z!'))).toBe('a ~z!')
    for (const bad of ['', 'ä', 'a\n', 'too long', '\u0000']) expect(() => codec.encode(bad)).toThrow(RangeError)
    for (const bad of [[4, 10], [4, 127], [4, 200], [8, 0xc3, 0xa4]]) expect(() => codec.decode(Uint8Array.from(bad))).toThrow(MalformedError)
  })
})

test('strictly ascending', () => {
  const keyOf = (id: `0x${string}`): `0x${string}` => id
  expect(strictlyAscending([], keyOf)).toBe(true)
  expect(strictlyAscending(['0x01', '0x02', '0x0a'], keyOf)).toBe(true)
  expect(strictlyAscending(['0x01', '0x01'], keyOf)).toBe(false)
  expect(strictlyAscending(['0x02', '0x01'], keyOf)).toBe(false)
})
