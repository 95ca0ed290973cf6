import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { about, accountIn, count, grouped, linkTo, memory, micros, peaq, peaqNumber, peaqTold, percent, rate, short, words, work } from './format.ts'

describe('amounts', () => {
  test('are told in PEAQ, rounded down', () => {
    expect(['0', '1000000000000000000', '1500000000000000000', '999999999999999999999', '1234567000000000000000000'].map((planck) => peaq(planck))).toEqual(['0', '1', '1.5', '999.999', '1\u202f234\u202f567'])
    expect(peaq('-3500000000000000000')).toBe('-3.5')
  })

  test('that are not nothing never read as nothing', () => {
    expect([peaq('1'), peaq('-1'), peaq('1', 6)]).toEqual(['<0.001', '-<0.001', '<0.000001'])
    fc.assert(fc.property(fc.bigInt({ min: 1n, max: 2n ** 128n }), fc.integer({ min: 1, max: 18 }), (planck, digits) => {
      expect(peaq(String(planck), digits)).not.toBe('0')
    }))
  })

  test('are exact with all digits', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n }), (planck) => {
      const [whole, fraction = ''] = peaq(String(planck), 18).replaceAll('\u202f', '').split('.')
      expect(BigInt(whole!) * 10n ** 18n + BigInt(fraction.padEnd(18, '0'))).toBe(planck)
    }))
  })
})

test('work has a unit and three digits', () => {
  expect(['0', '1', '999', '1000', '47596961792', '12345678901234'].map(work)).toEqual(['0 MAC', '1 MAC', '999 MAC', '1 kMAC', '47.6 GMAC', '12.3 TMAC'])
  expect(work('9'.repeat(39))).toMatch(/ ZMAC$/)
})

test('rates, times and sizes have units; what was not measured is a dash', () => {
  expect([rate(null), rate(512), rate(80_000), rate(2_500_000), micros(null), micros(900), memory(512), memory(28_672), memory(3 << 20), percent(12_345), percent(1_000_000)]).toEqual(['–', '512 kbit/s', '80 Mbit/s', '2.50 Gbit/s', '–', '0.90 ms', '512 KiB', '28 MiB', '3 GiB', '1.2 %', '100 %'])
})

test('blocks are told as rough times', () => {
  expect([about(0, 12), about(2, 12), about(90, 12), about(-90, 12), about(900, 12), about(30_000, 12)]).toEqual(['now', 'about 24 s', 'about 18 min', 'about 18 min', 'about 3 h', 'about 4 days'])
})

test('counts, codes and names', () => {
  expect([count(1, 'machine'), count(10_000, 'machine'), count(2, 'try', 'tries'), grouped(1_234), words('NO_QUORUM'), short('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'), short('5Grw'), peaqTold(peaqNumber('40000000000000000000')), peaqTold(1234.5), peaqTold(0.0123456)]).toEqual(['1 machine', '10\u202f000 machines', '2 tries', '1\u202f234', 'no quorum', '5Grwva…utQY', '5Grw', '40 PEAQ', '1\u202f235 PEAQ', '0.0123 PEAQ'])
})

describe('links elsewhere', () => {
  test('are made from a template', () => {
    expect(linkTo('https://x/block/{number}?h={hash}', { number: 7, hash: 'a b&c' })).toBe('https://x/block/7?h=a%20b%26c')
  })

  test('are none where there is no template, a part is missing, or it is no web address', () => {
    expect([linkTo(null, {}), linkTo('https://x/{hash}', { number: 7 }), linkTo('javascript:alert({number})', { number: 7 }), linkTo('//x/{number}', { number: 7 })]).toEqual([null, null, null, null])
  })

  test('never leave their template, whatever a stranger is called', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (address) => {
      const link = linkTo('https://x.example/account/{address}', { address })
      if (link !== null) expect([new URL(link).origin, new URL(link).search, new URL(link).hash]).toEqual(['https://x.example', '', ''])
    }))
  })
})

test('an account is found in what people type', () => {
  const address = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
  expect([` ${address} `, `did:peaq:${address}`, `DID:PEAQ:${address}`].map(accountIn)).toEqual([address, address, address])
  expect(accountIn(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`)
  expect(['', 'machine', '0x12', '<img>', address.slice(0, 20), `${address}0`].map(accountIn)).toEqual([null, null, null, null, null, null])
})
