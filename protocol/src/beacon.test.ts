import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crypto } from '../testing/crypto.ts'
import { committeeOf, mirrorsOf } from './beacon.ts'
import { type Hash, toHex, utf8 } from './bytes.ts'

const id = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
const beacon = (n: number): Hash => toHex(crypto.sha256(utf8(`beacon ${n}`)))
const ascending = (count: number): Hash[] => Array.from({ length: count }, (_, i) => id(i))

test('a committee is as large as asked or as all, ascending, each member once; a checker is no mirror of its own', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(70), fc.nat(1000), (count, size, n) => {
      const checkers = ascending(count)
      const committee = committeeOf(crypto, beacon(n), id(9999), checkers, size)
      expect(committee).toEqual([...new Set(committee)].toSorted())
      expect(committee).toHaveLength(Math.min(size, count))
      if (count === 0) return
      const mirrors = mirrorsOf(crypto, beacon(n), id(0), checkers, size)
      expect(mirrors).not.toContain(id(0))
      expect(mirrors).toHaveLength(Math.min(size, count - 1))
    }),
  )
})

test('every set of three out of six is drawn about as often: 20 sets, 19 degrees of freedom, chi-square below its 99.99 % point', () => {
  const rounds = 4000
  const seen = new Map<string, number>()
  for (let n = 0; n < rounds; n++) {
    const drawn = committeeOf(crypto, beacon(n), id(77), ascending(6), 3).join()
    seen.set(drawn, (seen.get(drawn) ?? 0) + 1)
  }
  expect(seen.size).toBe(20)
  const expected = rounds / 20
  expect([...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(50.8)
})
