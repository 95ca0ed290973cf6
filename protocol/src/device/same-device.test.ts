import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOf } from '../../testing/crypto.ts'
import { factsOf, X64 } from '../../testing/facts.ts'
import type { AccountId, Hash } from '../bytes.ts'
import type { Facts } from './facts.ts'
import { sameDevice } from './same-device.ts'

const IDS = ['p', 'q', 'r', 's', 't'].map(hashOf)
const shows = (...identifiers: Hash[]): Facts => factsOf({ ...X64, identifiers: identifiers.toSorted() })
const fleets: fc.Arbitrary<[AccountId, Facts][]> = fc
  .uniqueArray(fc.nat(40), { maxLength: 12 })
  .chain((names) => fc.tuple(...names.map((name) => fc.subarray(IDS).map((ids): [AccountId, Facts] => [hashOf(`machine ${name}`), shows(...ids)]))))

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(hashOf) as [Hash, Hash, Hash, Hash]
const [p, q, r] = IDS as [Hash, Hash, Hash]

test('names all who share an identifier, and says which', () => {
  const found = sameDevice(new Map([[a, shows(p, q)], [b, shows(q)], [c, shows(q, r)], [d, shows()]]))
  expect(found).toEqual(new Map([[a, [q]], [b, [q]], [c, [q]]]))
})

test('a liar who shows the identifiers of two strangers does not make them one', () => {
  const found = sameDevice(new Map([[a, shows(p)], [b, shows(q)], [c, shows(p, q)]]))
  expect([found.get(a), found.get(b)]).toEqual([[p], [q]])
})

test('nobody is named where nothing is shared', () => {
  expect(sameDevice(new Map([[a, shows(p)], [b, shows(q)], [c, shows()]])).size).toBe(0)
  expect(sameDevice(new Map()).size).toBe(0)
})

test('a machine is named exactly if another shows one of its identifiers', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const found = sameDevice(new Map(fleet))
      for (const [machine, { device }] of fleet) {
        const others = fleet.filter(([other]) => other !== machine).flatMap(([, { device }]) => device.identifiers)
        expect(found.get(machine) ?? []).toEqual(device.identifiers.filter((identifier) => others.includes(identifier)))
      }
    }),
  )
})

test('the order in which machines are met changes nothing, not even the order of the answer', () => {
  fc.assert(
    fc.property(fleets, fc.infiniteStream(fc.nat()), (fleet, numbers) => {
      const shuffled = fleet.map((entry) => [numbers.next().value!, entry] as const).toSorted(([x], [y]) => x - y).map(([, entry]) => entry)
      expect([...sameDevice(new Map(shuffled))]).toEqual([...sameDevice(new Map(fleet))])
    }),
  )
})

test('one more machine takes nobody off the list', () => {
  fc.assert(
    fc.property(fleets, fc.subarray(IDS), (fleet, ids) => {
      const [before, after] = [sameDevice(new Map(fleet)), sameDevice(new Map([...fleet, [hashOf('newcomer'), shows(...ids)]]))]
      for (const machine of before.keys()) expect(after.has(machine)).toBe(true)
    }),
  )
})
