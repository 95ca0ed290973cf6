import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accountKey, crypto, hashOf } from '../testing/crypto.ts'
import { keystream } from './compute/chacha.ts'
import type { ModelRun } from './device/facts.ts'
import { compareOutputs, MAX_MODEL_OUTPUTS, MIN_MODEL_RUNS, modelInput, toMicro } from './model.ts'

const model = hashOf('a model')
const machines = Array.from({ length: 12 }, (_, i) => accountKey(`machine ${i}`).public)
const runs = (...outputs: number[][]): Map<(typeof machines)[number], ModelRun> => new Map(outputs.map((values, i) => [machines[i]!, { model, outputs: values }]))
const verdicts = (of: ReturnType<typeof runs>, tolerance = 10): string[] => [...compareOutputs(of, tolerance)].sort(([a], [b]) => machines.indexOf(a) - machines.indexOf(b)).map(([, verdict]) => verdict)

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const anyRuns = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...machines), fc.record({ model: fc.constantFrom(model, hashOf('another')), outputs: fc.oneof(fc.array(int32, { minLength: 1, maxLength: 3 }), fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 2, maxLength: 2 })) })), { selector: ([machine]) => machine })
  .map((entries) => new Map<(typeof machines)[number], ModelRun>(entries))

describe('the input of a round', () => {
  test('is the stream of the tagged beacon, byte for byte, and exact in float32', () => {
    const beacon = hashOf('beacon')
    const bytes = keystream(crypto.sha256(Buffer.concat([Buffer.from('assay/1/model'), Buffer.from(beacon.slice(2), 'hex')])), 0, 4096)
    const input = modelInput(crypto, beacon, 4096)
    expect(input).toHaveLength(4096)
    for (const [i, sample] of input.entries()) expect(sample * 128 + 128).toBe(bytes[i])
    expect([...input.subarray(0, 64)]).not.toEqual([...modelInput(crypto, hashOf('another beacon'), 64)])
  })
})

describe('millionths', () => {
  test('round half away from zero', () => {
    // These halves of a millionth are float32 values: 1/64 is 15625 millionths, 1/128 is 7812.5 of them.
    expect([1 / 64, 1 / 128, -1 / 128, 3 / 128, 0, -0, 2 ** -149, -(2 ** -149), 2147].map(toMicro)).toEqual([15625, 7813, -7813, 23438, 0, 0, 0, 0, 2147000000])
    expect(Object.is(toMicro(-0), 0)).toBe(true)
  })

  test('are exact for any float32 that fits', () => {
    fc.assert(
      fc.property(fc.float({ min: -2147, max: 2147, noNaN: true }), (value) => {
        // On integers: |value| is a whole number of 2^-149.
        const scaled = BigInt(Math.abs(value) * 2 ** 120 * 2 ** 29) * 1_000_000n
        const half = 1n << 148n
        const micro = Number((scaled + half) >> 149n)
        expect(toMicro(value)).toBe(value < 0 ? 0 - micro : micro)
      }),
    )
  })

  test('refuse what is no number or no int32', () => {
    for (const value of [NaN, Infinity, -Infinity, 2148, -2148, 1e30]) expect(() => toMicro(value)).toThrow(RangeError)
    expect(() => toMicro(NaN)).toThrow('not an int32 in millionths: NaN')
  })
})

describe('comparing runs', () => {
  test('who is within the tolerance of the median is right, at the edge too', () => {
    expect(verdicts(runs([100, 5], [110, 5], [90, 5]))).toEqual(['OK', 'OK', 'OK'])
    expect(verdicts(runs([100, 5], [111, 5], [90, 5]))).toEqual(['OK', 'MODEL_DIFFERS', 'OK'])
  })

  test('one value off is enough', () => {
    expect(verdicts(runs([1, 2, 3], [1, 2, 3], [1, 2, 14]))).toEqual(['OK', 'OK', 'MODEL_DIFFERS'])
  })

  test('of an even number the lower of the two in the middle counts', () => {
    expect(verdicts(runs([0], [0], [11], [11]))).toEqual(['OK', 'OK', 'MODEL_DIFFERS', 'MODEL_DIFFERS'])
  })

  test('fewer than three say nothing, and another model is no company', () => {
    expect(verdicts(runs([1], [99]))).toEqual(['TOO_FEW', 'TOO_FEW'])
    const two = runs([1], [1], [1])
    two.set(machines[2]!, { model: hashOf('another'), outputs: [1] })
    expect(verdicts(two)).toEqual(['TOO_FEW', 'TOO_FEW', 'TOO_FEW'])
  })

  test('another number of outputs differs, where enough have the right one', () => {
    expect(verdicts(runs([1], [1], [1], [1, 1], []))).toEqual(['OK', 'OK', 'OK', 'MODEL_DIFFERS', 'MODEL_DIFFERS'])
    expect(verdicts(runs([1], [1], [1, 1]))).toEqual(['TOO_FEW', 'TOO_FEW', 'TOO_FEW'])
  })

  test('nobody at all is no verdict', () => {
    expect(compareOutputs(new Map(), 0)).toEqual(new Map())
  })

  test('has one verdict for each, whatever the order', () => {
    fc.assert(
      fc.property(anyRuns, fc.nat(10), fc.infiniteStream(fc.nat()), (given, tolerance, numbers) => {
        const found = compareOutputs(given, tolerance)
        expect(new Set(found.keys())).toEqual(new Set(given.keys()))
        const shuffled = [...given].map((entry) => ({ entry, key: numbers.next().value! })).sort((a, b) => a.key - b.key).map(({ entry }) => entry)
        expect(compareOutputs(new Map(shuffled), tolerance)).toEqual(found)
      }),
    )
  })

  test('an honest majority keeps its verdict, whatever a minority says', () => {
    const outputs = fc.array(int32, { minLength: 1, maxLength: MAX_MODEL_OUTPUTS })
    fc.assert(
      fc.property(outputs, fc.integer({ min: MIN_MODEL_RUNS, max: 6 }), fc.array(outputs, { maxLength: 5 }), fc.nat(1000), (truth, honest, lies, tolerance) => {
        fc.pre(lies.length < honest)
        const found = verdicts(runs(...Array.from({ length: honest }, () => truth), ...lies), tolerance)
        expect(found.slice(0, honest)).toEqual(Array(honest).fill('OK'))
        // And a lie is one exactly if some value is out of reach of the truth.
        for (const [i, lie] of lies.entries()) expect(found[honest + i]).toBe(lie.length === truth.length && lie.every((value, at) => Math.abs(value - truth[at]!) <= tolerance) ? 'OK' : 'MODEL_DIFFERS')
      }),
    )
  })

  test('a wider tolerance never turns a right one into a wrong one', () => {
    fc.assert(
      fc.property(anyRuns, fc.nat(1000), fc.nat(1000), (given, tolerance, more) => {
        const wide = compareOutputs(given, tolerance + more)
        for (const [machine, verdict] of compareOutputs(given, tolerance)) if (verdict !== 'MODEL_DIFFERS') expect(wide.get(machine)).toBe(verdict)
      }),
    )
  })
})
