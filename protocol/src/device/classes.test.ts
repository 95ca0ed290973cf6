import { describe, expect, test } from 'vitest'
import { classOfDriverName, classOfPciDevice, DEVICE_CLASSES, deviceClass, type Range } from './classes.ts'

const distinct = (values: readonly unknown[]): boolean => new Set(values).size === values.length

describe('the table', () => {
  test('has ascending ids that fit a u16, and no class 0', () => {
    const ids = DEVICE_CLASSES.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b))
    expect(Math.min(...ids)).toBeGreaterThan(0)
    expect(Math.max(...ids)).toBeLessThan(2 ** 16)
  })

  test('names each class, each PCI device and each driver’s name once', () => {
    expect(distinct(DEVICE_CLASSES.map(({ name }) => name))).toBe(true)
    expect(distinct(DEVICE_CLASSES.flatMap(({ pciDevices }) => pciDevices))).toBe(true)
    expect(distinct(DEVICE_CLASSES.flatMap(({ driverNames }) => driverNames))).toBe(true)
  })

  test.each(DEVICE_CLASSES.map((row) => [row.name, row] as const))('%s has a source and bounds that a u32 can be within', (_, row) => {
    expect(row.source).toMatch(/data sheet|whitepaper/)
    const ranges: Range[] = [row.memoryMiB, ...Object.values(row.profile).filter((range) => range !== null)]
    expect(ranges.length).toBeGreaterThan(2)
    for (const { min, max } of ranges) {
      expect(Number.isInteger(min) && Number.isInteger(max)).toBe(true)
      expect(min).toBeGreaterThan(0)
      expect(max).toBeGreaterThan(min)
      expect(max).toBeLessThan(2 ** 32)
    }
    // A GPU is told by its card; a range as wide as a thousandfold would tell nothing.
    if (row.kind === 'GPU') {
      expect(row.pciDevices.length).toBeGreaterThan(0)
      expect(row.driverNames.length).toBeGreaterThan(0)
      for (const { min, max } of ranges) expect(max / min).toBeLessThan(400)
    }
  })

  test.each([['NVIDIA T4', 'NVIDIA H100 SXM5'], ['NVIDIA L4', 'NVIDIA A100 SXM4 80 GB'], ['x64 thread', 'NVIDIA T4']])('keeps %s from passing as %s', (small, large) => {
    const [less, more] = [small, large].map((wanted) => DEVICE_CLASSES.find(({ name }) => name === wanted)!)
    const apart = (['memoryMiB'] as const).some((key) => less![key].max < more![key].min) || (['f32Mflops', 'memoryMBps'] as const).some((key) => less!.profile[key]!.max < more!.profile[key]!.min)
    expect(apart).toBe(true)
  })
})

test('an H100 as the data sheet has it: 1979 dense TOPS, 67 TFLOPS, 3.35 TB/s', () => {
  expect(deviceClass(141)).toMatchObject({
    name: 'NVIDIA H100 SXM5',
    memoryMiB: { min: 73_728, max: 81_920 },
    profile: { int8Mmacs: { min: 6_700_000, max: 1_088_450_000 }, f32Mflops: { min: 6_700_000, max: 73_700_000 }, memoryMBps: { min: 335_000, max: 3_685_000 }, chasePs: null },
  })
})

test('a card is found by its PCI device and by its driver’s name, as the same class', () => {
  expect(classOfPciDevice(0x2330)?.id).toBe(141)
  expect(classOfDriverName('NVIDIA H100 80GB HBM3')?.id).toBe(141)
  expect([deviceClass(0), classOfPciDevice(0xffff), classOfDriverName('NVIDIA H100')]).toEqual([undefined, undefined, undefined])
})
