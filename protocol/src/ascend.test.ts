import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ascend } from './ascend.ts'

test('numbers ascend, and what stands beside each stays beside it', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 40 }), (given) => {
      const values = [...given]
      const places = given.map((_, place) => place)
      expect(ascend(values, places)).toBe(values)
      expect(values).toEqual(given.toSorted((a, b) => a - b))
      expect(places.map((place) => given[place])).toEqual(values)
      expect(new Set(places).size).toBe(given.length)
    }),
  )
})

test('nothing need stand beside', () => {
  expect(ascend([3, 1, 2])).toEqual([1, 2, 3])
  expect(ascend([])).toEqual([])
})
