import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crypto, hashOf } from '../../testing/crypto.ts'
import { anyFacts, factsOf, H100, X64 } from '../../testing/facts.ts'
import { concat, fromHex, type Hash, toHex, utf8 } from '../bytes.ts'
import { MalformedError } from '../codec.ts'
import { decodeFacts, deviceFingerprint, deviceIdentifier, encodeFacts, factsId, type Facts, sortIdentifiers } from './facts.ts'

const UUID = 'GPU-6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11'
const round = { network: hashOf('network'), beacon: hashOf('beacon') }

describe('the encoding of facts', () => {
  test('is the one that the document gives, byte for byte', () => {
    const hash = (byte: string): Hash => `0x${byte.repeat(32)}`
    const bytes = encodeFacts(factsOf(X64))
    expect(toHex(bytes)).toBe(
      `0x01${'5a'.repeat(32)}` + // version, salt
        '010000' + // class 1, CPU
        '0200' + // two threads
        '005e0000' + // 24064 MiB
        '02' + // two sources
        'f1'.repeat(32) +
        `04${'03'.repeat(32)}` + // one identifier
        '70110100' + // 70000
        '983a0000' + // 15000
        '30750000' + // 30000
        '20bf0200' + // 180000
        `0801${'04'.repeat(32)}06${'05'.repeat(32)}` + // node and engine
        `04${'06'.repeat(32)}0c807be1ff00000000ffffff7f`, // one model: -2000000, 0, 2^31 - 1
    )
    expect(decodeFacts(bytes).device).toMatchObject({ class: 1, identifiers: [hash('03')] })
  })

  test('gives back any facts', () => {
    fc.assert(fc.property(anyFacts, (facts) => {
      expect(decodeFacts(encodeFacts(facts))).toEqual(facts)
    }))
  })

  test('is shorter than its limit, whatever stands in it', () => {
    fc.assert(fc.property(anyFacts, (facts) => encodeFacts(facts).length < 1024))
  })

  test('has an id that no other facts have', () => {
    const bytes = encodeFacts(factsOf(H100))
    expect(factsId(crypto, bytes)).toBe(toHex(crypto.sha256(concat(utf8('assay/1/facts'), bytes))))
    expect(factsId(crypto, bytes.with(1, 0))).not.toBe(factsId(crypto, bytes))
  })

  const [a, b] = [hashOf('a'), hashOf('b')].toSorted() as [Hash, Hash]
  const spoilt: [string, (facts: Facts) => Facts][] = [
    ['identifiers that do not ascend', (facts) => ({ ...facts, device: { ...facts.device, identifiers: [b, a] } })],
    ['an identifier twice', (facts) => ({ ...facts, device: { ...facts.device, identifiers: [a, a] } })],
    ['nine identifiers', (facts) => ({ ...facts, device: { ...facts.device, identifiers: Array.from({ length: 9 }, (_, i) => hashOf(`${i}`)).toSorted() } })],
    ['memory in odd MiB', (facts) => ({ ...facts, device: { ...facts.device, memoryMiB: 81_559 } })],
    ['no unit', (facts) => ({ ...facts, device: { ...facts.device, units: 0 } })],
    ['a rate beyond u32', (facts) => ({ ...facts, device: { ...facts.device, profile: { ...facts.device.profile, int8Mmacs: 2 ** 32 } } })],
    ['an environment in another order', (facts) => ({ ...facts, environment: [...facts.environment].reverse() })],
    ['a part of the environment twice', (facts) => ({ ...facts, environment: [facts.environment[0]!, facts.environment[0]!] })],
    ['two models', (facts) => ({ ...facts, model: [facts.model[0]!, facts.model[0]!] })],
    ['a model without outputs', (facts) => ({ ...facts, model: [{ model: a, outputs: [] }] })],
    ['65 outputs', (facts) => ({ ...facts, model: [{ model: a, outputs: Array<number>(65).fill(1) }] })],
    ['an output beyond i32', (facts) => ({ ...facts, model: [{ model: a, outputs: [2 ** 31] }] })],
    ['an output that is no integer', (facts) => ({ ...facts, model: [{ model: a, outputs: [0.5] }] })],
  ]
  test.each(spoilt)('has none for %s', (_, spoil) => {
    expect(() => encodeFacts(spoil(factsOf(H100)))).toThrow(RangeError)
  })

  test('is refused with the rule that it breaks', () => {
    const bytes = encodeFacts(factsOf(H100))
    const code = (changed: Uint8Array): string => {
      try {
        decodeFacts(changed)
        return 'read'
      } catch (error) {
        return error instanceof MalformedError ? error.code : String(error)
      }
    }
    expect(code(bytes.with(0, 2))).toBe('BAD_VERSION')
    expect(code(bytes.with(35, 2))).toBe('OUT_OF_RANGE') // kind
    expect(code(bytes.with(36, 0))).toBe('RULE') // no unit
    expect(code(bytes.with(38, 1))).toBe('RULE') // odd memory
    expect(code(bytes.with(75, 0x24))).toBe('OUT_OF_RANGE') // nine identifiers
    expect(code(bytes.with(76, 3))).toBe('RULE') // the first behind the second
    expect(code(concat(bytes, Uint8Array.of(0)))).toBe('NOT_CANONICAL')
    expect(code(bytes.slice(0, -1))).toBe('TRUNCATED')
    expect(code(new Uint8Array(4097))).toBe('TOO_LONG')
  })
})

describe('an identifier', () => {
  test('is the hash that the document gives', () => {
    const digits = utf8('6f2b6c5e3a524d7c9c3b0d8f6f2f1e11')
    expect(deviceIdentifier(crypto, round, 'boot', UUID)).toBe(toHex(crypto.blake2b256(concat(utf8('assay/1/device-id'), fromHex(round.network), fromHex(round.beacon), Uint8Array.of(1), digits))))
  })

  test('is the same however the UUID is written', () => {
    expect(deviceIdentifier(crypto, round, 'gpu', ` ${UUID.toUpperCase()}\n`)).toBe(deviceIdentifier(crypto, round, 'gpu', UUID.slice(4)))
  })

  test('is another in another round, another network and from another source', () => {
    const all = [
      deviceIdentifier(crypto, round, 'gpu', UUID),
      deviceIdentifier(crypto, { ...round, beacon: hashOf('next') }, 'gpu', UUID),
      deviceIdentifier(crypto, { ...round, network: hashOf('other') }, 'gpu', UUID),
      deviceIdentifier(crypto, round, 'product', UUID),
    ]
    expect(new Set(all).size).toBe(4)
    expect(all).not.toContain(null)
  })

  test.each([
    'To be filled by O.E.M.', '', '52:54:00:12:34:56', '3d1219c7c4c5404aaa1f6d2a48adfda4', 'GPU-????????-????-????-????-????????????',
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '03000200-0400-0500-0006-000700080009', '00000000-0000-0000-0000-ac1f6b8e12f4', '12345678-1234-5678-90AB-CDDEEFAABBCC',
  ])('does not come from %j', (text) => {
    expect(deviceIdentifier(crypto, round, 'product', text)).toBeNull()
  })

  test('stands once in a device, in order, and none that is missing', () => {
    const many = Array.from({ length: 12 }, (_, i) => hashOf(`${i}`))
    const sorted = sortIdentifiers([...many, null, ...many])
    expect(sorted).toEqual(many.toSorted().slice(0, 8))
    expect(sortIdentifiers([...many].reverse())).toEqual(sorted)
  })
})

describe('a fingerprint', () => {
  const print = (statics: Record<string, string>, machine = hashOf('machine')): Hash => deviceFingerprint(crypto, round.network, machine, statics)

  test('does not depend on the order in which the facts were read', () => {
    expect(print({ cpu: 'EPYC', memory: '24064' })).toBe(print({ memory: '24064', cpu: 'EPYC' }))
  })
  test('changes with each fact, and with the machine', () => {
    const all = [print({ a: 'b' }), print({ a: 'c' }), print({ b: 'b' }), print({ a: 'b', c: '' }), print({ a: 'b' }, hashOf('another'))]
    expect(new Set(all).size).toBe(all.length)
  })
  test('cannot be the same for facts that are cut elsewhere', () => {
    expect(print({ a: 'b\0c\0d' })).not.toBe(print({ a: 'b', c: 'd' }))
  })
})
