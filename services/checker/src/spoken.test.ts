import { expect, test } from 'vitest'
import { Spoken } from './spoken.ts'

const said = (highest: number, release: string) => ({ versions: { lowest: 1, highest }, release })

test('machines are counted by the highest version they speak, and forgotten when they leave', () => {
  const spoken = new Spoken()
  for (const [highest, release] of [[1, ''], [2, '0.1.0'], [2, '0.1.0'], [7, '9.9'], [8, '9.9']] as const) spoken.add(said(highest, release))
  expect(spoken.versions(2)).toEqual({ 1: 1, 2: 2, newer: 2 })
  expect(spoken.releases()).toEqual({ none: 1, '0.1.0': 2, '9.9': 2 })
  spoken.remove(said(1, ''))
  spoken.remove(said(2, '0.1.0'))
  expect(spoken.versions(2)).toEqual({ 2: 1, newer: 2 })
  expect(spoken.releases()).toEqual({ '0.1.0': 1, '9.9': 2 })
})

test('a release of their own each makes nine figures, not a thousand', () => {
  const spoken = new Spoken()
  for (let i = 0; i < 1000; i++) spoken.add(said(2, `liar-${i}`))
  for (let i = 0; i < 3; i++) spoken.add(said(2, 'common'))
  const told = spoken.releases()
  expect(Object.keys(told)).toHaveLength(9)
  expect(told).toMatchObject({ common: 3, other: 993 })
})
