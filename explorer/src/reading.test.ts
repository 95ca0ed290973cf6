import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { devnetParameters, schedule } from '@assay/protocol'
import type { Schemas } from './api.ts'
import { askFor, byEpoch, deviceText, LEVELS, OUTCOMES, queryOf, segmentsOf, share, SORTS, STAGE_TEXT, tally, type Wish, wishOf } from './reading.ts'

describe('the round clock', () => {
  test('goes from stage to stage without a gap, from the start of its round to the next one', () => {
    const parameters = devnetParameters(0, 100)
    for (const round of [0, 7]) {
      const segments = segmentsOf(schedule(parameters, round), parameters.roundBlocks)
      expect(segments[0]!.from).toBe(schedule(parameters, round).start)
      expect(segments.at(-1)!.to).toBe(schedule(parameters, round + 1).start)
      for (const [i, { from, to, stage }] of segments.entries()) {
        expect(from).toBeLessThan(to)
        expect(STAGE_TEXT[stage]).toBeTruthy()
        if (i > 0) expect(from).toBe(segments[i - 1]!.to)
      }
    }
  })

  test('leaves out what has no block of its own in the round', () => {
    const at = { freeze: 0, start: 10, beaconKnown: 12, seed: 12, fire: 12, commitmentBy: 15, commitFrom: 16, commitTo: 18, open: 19, openKnown: 40, packageBy: 50, judgement: 60 }
    expect(segmentsOf(at, 20)).toEqual([{ stage: 'BEACON', from: 10, to: 12 }, { stage: 'WORK', from: 12, to: 16 }, { stage: 'COMMIT', from: 16, to: 19 }, { stage: 'OPEN', from: 19, to: 30 }])
  })
})

describe('a wish', () => {
  const wishes = fc.record<Wish>({ search: fc.string({ maxLength: 80 }), outcome: fc.option(fc.constantFrom(...OUTCOMES)), standing: fc.option(fc.constantFrom(...LEVELS)), device: fc.option(fc.integer({ min: 0, max: 65_535 })), sort: fc.constantFrom(...SORTS), order: fc.constantFrom('asc', 'desc') })

  test('is read from the path that it was written to', () => {
    fc.assert(fc.property(wishes, (wish) => {
      expect(wishOf(new URLSearchParams(queryOf(wish)))).toEqual(wish)
    }))
    const nothing = { search: '', outcome: null, standing: null, device: null } as const
    expect(queryOf({ ...nothing, sort: 'score', order: 'desc' })).toBe('')
    expect(queryOf({ ...nothing, sort: 'account', order: 'asc' })).toBe('?sort=account')
    expect(queryOf({ ...nothing, device: 0, sort: 'score', order: 'asc' })).toBe('?device=0&order=asc')
  })

  test('that is none is nobody’s', () => {
    expect(wishOf(new URLSearchParams(`outcome=<b>&standing=constructor&sort=__proto__&order=up&device=65536&search=${'x'.repeat(200)}`))).toEqual({ search: 'x'.repeat(80), outcome: null, standing: null, device: null, sort: 'score', order: 'desc' })
    for (const device of ['', '-1', '1e3', 'x', '0x1']) expect(wishOf(new URLSearchParams({ device })).device).toBeNull()
  })

  test('is asked of the indexer word for word', () => {
    expect(askFor({ search: ' did:peaq:5F&x=1 ', outcome: 'FAIL', standing: 'BENCHED', device: 141, sort: 'work', order: 'asc' })).toBe('/machines?limit=100&search=did%3Apeaq%3A5F%26x%3D1&outcome=FAIL&standing=BENCHED&device=141&sort=work&order=asc')
  })
})

test('a device class is told by its name, by its number, or that it is none', () => {
  expect([{ class: 141, name: 'NVIDIA H100 SXM5' }, { class: 4711, name: null }, { class: 0, name: null }].map(deviceText)).toEqual(['NVIDIA H100 SXM5', 'class 4711', 'no known class'])
})

test('verdicts and scores go together by epoch, newest first, rounds in their order', () => {
  const verdict = (round: number, epoch: number) => ({ round, epoch }) as Schemas['Verdict']
  const score = (epoch: number) => ({ epoch }) as Schemas['Score']
  expect(byEpoch([verdict(5, 2), verdict(4, 2), verdict(3, 1), verdict(2, 1)], [score(1), score(0)])).toEqual([
    { epoch: 2, score: null, verdicts: [verdict(4, 2), verdict(5, 2)] },
    { epoch: 1, score: score(1), verdicts: [verdict(2, 1), verdict(3, 1)] },
    { epoch: 0, score: score(0), verdicts: [] },
  ])
})

test('outcomes are told in one order, those that there are', () => {
  expect(tally({ UNREACHABLE: 1, PASS: 12, FAIL: 0 })).toEqual([['PASS', 12], ['UNREACHABLE', 1]])
  expect(tally(null)).toEqual([])
})

test('a share of nothing has no percentage', () => {
  expect([share(0, 0), share(12, 14), share(3, 3)]).toEqual(['0 of 0', '12 of 14 (85.7 %)', '3 of 3 (100 %)'])
})
