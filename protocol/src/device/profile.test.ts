import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf } from '../../testing/crypto.ts'
import { H100, X64 } from '../../testing/facts.ts'
import { deviceClass } from './classes.ts'
import type { Device, Profile } from './facts.ts'
import { checkProfile, checkProven, checkScan, provenInt8Mmacs, widen } from './profile.ts'

const measured = (device: Device, profile: Partial<Profile>): Device => ({ ...device, profile: { ...device.profile, ...profile } })

describe('a claim', () => {
  test('holds where everything lies within the class', () => {
    expect([checkProfile(H100), checkProfile(X64)]).toEqual(['OK', 'OK'])
  })

  test.each<[string, Device]>([
    ['UNKNOWN_CLASS', { ...H100, class: 0 }],
    ['UNKNOWN_CLASS', { ...H100, class: 65_535 }],
    ['CLASS_KIND', { ...H100, kind: 'CPU' }],
    ['CLASS_MEMORY', { ...H100, memoryMiB: 24_064 }],
    ['PROFILE_INT8', measured(H100, { int8Mmacs: 70_000 })],
    ['PROFILE_INT8', measured(X64, { int8Mmacs: 400_001_000 })],
    ['PROFILE_F32', measured(H100, { f32Mflops: 15_000 })],
    ['PROFILE_MEMORY', measured(H100, { memoryMBps: 30_000 })],
    ['PROFILE_CHASE', measured(X64, { chasePs: 1 })],
    ['NOT_MEASURED', measured(H100, { f32Mflops: 0 })],
    ['TOO_FEW_SOURCES', { ...H100, agreeing: 1 }],
  ])('is flagged %s', (flag, device) => {
    expect(checkProfile(device)).toBe(flag)
  })

  test('is not saved from a wrong rate by leaving another out', () => {
    expect(checkProfile(measured(H100, { int8Mmacs: 0, memoryMBps: 30_000 }))).toBe('PROFILE_MEMORY')
  })

  test('of an H100 by a processor that measures itself honestly is always flagged', () => {
    fc.assert(
      fc.property(fc.nat(416_000), fc.nat(104_000), fc.nat(250_000), fc.nat(), fc.integer({ min: 1, max: 65_535 }), (int8Mmacs, f32Mflops, memoryMBps, chasePs, units) => {
        expect(checkProfile({ ...H100, units, profile: { int8Mmacs, f32Mflops, memoryMBps, chasePs } })).not.toBe('OK')
      }),
    )
  })
})

describe('a scan that a round proved', () => {
  // The class of an H100 reads from 335 to 3685 GB/s, that of a thread up to 250; the claims measured 2900 and 30.
  test.each<[string, Device, number]>([
    ['OK', H100, 2_000_000],
    ['OK', H100, 725_000],
    ['SCAN_BELOW', H100, 724_999],
    ['SCAN_BELOW', measured(H100, { memoryMBps: 0 }), 25_000],
    ['OK', measured(H100, { memoryMBps: 0 }), 700_000],
    ['SCAN_ABOVE', H100, 4_000_000],
    ['OK', X64, 7500],
    ['SCAN_BELOW', X64, 7499],
    ['OK', measured(X64, { memoryMBps: 0 }), 1],
    ['OK', X64, 500_000],
    ['SCAN_ABOVE', X64, 500_001],
    ['OK', { ...H100, class: 0 }, 10_000_000],
  ])('is %s', (verdict, device, rate) => {
    expect(checkScan(device, rate)).toBe(verdict)
  })
})

describe('what a round proved', () => {
  // 100 steps of n = 1024 in 3 seconds: 107.4 * 10^9 multiply-accumulates.
  test('is a rate, rounded down', () => {
    expect(provenInt8Mmacs(100n * 1024n ** 3n, 3000)).toBe(35_791)
    expect(provenInt8Mmacs(0n, 1)).toBe(0)
  })

  test.each([
    ['OK', 100_000, 10, false],
    ['OK', 14_000, 10, false],
    ['PROVEN_BELOW', 13_999, 9, false],
    ['OK', 13_999, 8, false],
    ['OK', 13_999, 10, true],
    ['OK', 832_000, 10, false],
    ['PROVEN_ABOVE', 832_001, 6, true],
  ])('says %s of two threads at %i, n = 2^%i, capped: %s', (verdict, int8Mmacs, log2n, capped) => {
    expect(checkProven(X64, { int8Mmacs, log2n, capped })).toBe(verdict)
  })

  test('shows an invented profile: the H100 that works like two threads', () => {
    expect(checkProfile(H100)).toBe('OK')
    expect(checkProven(H100, { int8Mmacs: 140_000, log2n: 10, capped: false })).toBe('PROVEN_BELOW')
  })

  test('bounds nothing from above where the class is unknown or has no int8 bound', () => {
    expect(checkProven({ ...X64, class: 0 }, { int8Mmacs: 10 ** 9, log2n: 10, capped: false })).toBe('OK')
    expect(checkProven({ ...X64, class: 101 }, { int8Mmacs: 10 ** 9, log2n: 10, capped: false })).toBe('OK')
  })
})

describe('a class is widened', () => {
  const row = deviceClass(1)!
  const by = (...rates: [owner: string, rate: number][]) => rates.map(([owner, int8MmacsPerUnit]) => ({ owner: hashOf(owner), int8MmacsPerUnit }))
  const max = (...rates: [string, number][]): number => widen(row, by(...rates)).profile.int8Mmacs!.max

  test('to the third-greatest rate of different owners', () => {
    expect(max(['a', 500_000], ['b', 450_000], ['c', 430_000], ['d', 100])).toBe(430_000)
    expect(checkProven({ ...X64, units: 1 }, { int8Mmacs: 430_000, log2n: 10, capped: false }, () => widen(row, by(['a', 430_000], ['b', 430_000], ['c', 430_000])))).toBe('OK')
  })
  test('by no owner with many machines, nor by two', () => {
    expect(max(['a', 500_000], ['a', 500_000], ['a', 500_000], ['b', 500_000])).toBe(416_000)
  })
  test('to no more than twice its bound', () => {
    expect(max(['a', 10 ** 9], ['b', 10 ** 9], ['c', 10 ** 9])).toBe(832_000)
  })
  test('never narrowed, in no order, and in nothing but int8', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(10 ** 6)), { maxLength: 12 }), (rates) => {
        const wide = widen(row, by(...rates))
        expect(wide.profile.int8Mmacs!.max).toBeGreaterThanOrEqual(row.profile.int8Mmacs!.max)
        expect(widen(row, by(...rates.toReversed()))).toEqual(wide)
        expect({ ...wide, profile: { ...wide.profile, int8Mmacs: row.profile.int8Mmacs } }).toEqual(row)
      }),
    )
  })
  test('not at all where the table has no bound', () => {
    expect(widen(deviceClass(101)!, by(['a', 1], ['b', 1], ['c', 1]))).toBe(deviceClass(101))
  })
})
