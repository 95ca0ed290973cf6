import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pathTo, placeOf } from './router.ts'

describe('a path', () => {
  test('names a page', () => {
    expect(['/', '/explorer', '/explorer/', '/explorer/machines', '/explorer/machines/5F', '/explorer/rounds/7', '/explorer/epochs/0/', '/explorer/verify', '/explorer/verify/3'].map(placeOf)).toEqual([
      { page: 'overview' }, { page: 'overview' }, { page: 'overview' }, { page: 'machines' }, { page: 'machine', account: '5F' }, { page: 'round', number: 7 }, { page: 'epoch', number: 0 }, { page: 'verify', number: null }, { page: 'verify', number: 3 },
    ])
  })

  test('that names none is nowhere', () => {
    for (const path of ['/explorer/nothing', '/explorer/rounds/x', '/explorer/rounds/-1', '/explorer/verify/1e3', '/explorer/machines/5F/more', '/explorer/rounds/99999999999']) expect([path, placeOf(path)]).toEqual([path, { page: 'nowhere' }])
  })

  test('leads back to what it was made from, whatever a stranger is called', () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }).filter((text) => !/^\.{1,2}$/.test(text)), (account) => {
      expect(placeOf(new URL(pathTo('machines', account), 'http://x').pathname)).toEqual({ page: 'machine', account })
    }))
    fc.assert(fc.property(fc.nat(), (number) => {
      expect(placeOf(pathTo('epochs', number))).toEqual({ page: 'epoch', number })
    }))
  })

  test('that is no text in percent is taken as it stands', () => {
    expect(placeOf('/explorer/machines/%E0%A4%A')).toEqual({ page: 'machine', account: '%E0%A4%A' })
  })
})
