// The pure parts of `npm run soak` and `npm run kill`: what counts as flat, as an alarm, as a phase of a round. The commands themselves take minutes and are run by hand; what chaos.test.ts
// kills in the middle of a round is killed in CI.
import { describe, expect, test } from 'vitest'
import { devnetParameters, schedule } from '@assay/protocol'
import { alarmsOf } from './alarms.ts'
import { flatness, median } from './flat.ts'
import { chance, countPhases, PHASES, phasesAt } from './moments.ts'

describe('flat', () => {
  const steady = Array.from({ length: 200 }, (_, i) => 100 + (i % 7))

  test('is what goes up and down', () => expect(flatness(steady)).toMatchObject({ first: 103, last: 103, flat: true }))

  test('is not what grows by a tenth and more', () => {
    const leak = (aRound: number) => flatness(steady.map((mb, i) => mb + i * aRound))
    expect(leak(0.05).flat).toBe(true)
    expect(leak(0.2)).toMatchObject({ flat: false, slope: expect.closeTo(20, 0) })
  })

  test('lets a process warm up', () => {
    expect(flatness(steady.map((mb, i) => (i < 40 ? mb / 4 : mb))).flat).toBe(true)
    expect(flatness(steady.map((mb, i) => (i < 80 ? mb / 4 : mb))).flat).toBe(false)
  })

  test('is not spoiled by single samples', () => expect(flatness(steady.map((mb, i) => (i % 20 === 19 ? 500 : mb))).flat).toBe(true))

  test('may have some more where a few are nothing', () => {
    expect(flatness([20, 20, 20, 20, 24], 5).flat).toBe(true)
    expect(flatness([20, 20, 20, 20, 24]).flat).toBe(false)
  })

  test('says of one sample what it is', () => expect(flatness([7])).toEqual({ first: 7, last: 7, slope: 0, flat: true }))
  test('medians of even and odd', () => expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]))
})

describe('alarms', () => {
  const line = (level: string | undefined, event: string, fields = {}) => ({ ...(level === undefined ? {} : { level }), event, ...fields })
  const said = [
    ['checker-1', [line('info', 'round reported'), line('warn', 'slow', { why: 'disk' }), line('warn', 'slow', { why: 'luck' }), line('error', 'lost')]],
    ['checker-2', [line('debug', 'receipt'), line('warn', 'slow', { why: 'disk' }), line('fatal', 'gone'), line(undefined, 'ready')]],
  ] as const

  test('are the lines at warn and above, by what they say and who said it', () => {
    expect(alarmsOf(said).map(({ level, event, count, who }) => [level, event, count, who])).toEqual([
      ['warn', 'slow', 3, ['checker-1', 'checker-2']],
      ['error', 'gone', 1, ['checker-2']],
      ['error', 'lost', 1, ['checker-1']],
    ])
  })

  test('an explanation holds for what it is of alone', () => {
    const alarms = alarmsOf(said, [{ event: 'slow', when: ({ why }) => why === 'disk', why: 'the disk is old' }])
    expect(alarms.map(({ event, count, why }) => [event, count, why])).toEqual([['gone', 1, undefined], ['lost', 1, undefined], ['slow', 1, undefined], ['slow', 2, 'the disk is old']])
    expect(alarms[2]!.first).toMatchObject({ why: 'luck' })
  })
})

describe('phases', () => {
  const parameters = { ...devnetParameters(0, 100), roundBlocks: 11, confirmations: 1, seedOffset: 3, commitOffset: 11, packageOffset: 16 }
  const at = schedule(parameters, 2)

  test('follow the schedule, of two rounds where they overlap', () => {
    const phases = (height: number) => phasesAt(parameters, height, false)
    expect([at.start, at.fire, at.commitFrom, at.commitTo].map(phases)).toEqual([['lines', 'commit window'], ['fire', 'package'], ['commit window'], ['lines', 'commit window']])
    expect(phases(at.openKnown)).toEqual(['lines', 'open'])
    expect(phases(at.packageBy)).toEqual(['fire', 'package'])
    expect(phasesAt(parameters, at.commitFrom, true)).toEqual(['commit window', 'settlement'])
  })

  test('no block of a round is without one, and none before round 0 has one', () => {
    for (let height = at.start; height < at.start + 11; height++) expect(phasesAt(parameters, height, false), `block ${height}`).not.toEqual([])
    expect(phasesAt(parameters, 99, false)).toEqual([])
  })

  test('are counted each by itself', () => {
    const counted = countPhases([at.start, at.commitFrom].map((height) => ({ phases: phasesAt(parameters, height, true) })))
    expect(counted).toEqual({ lines: 1, fire: 0, 'commit window': 2, open: 0, package: 0, settlement: 2 })
    expect(Object.keys(counted)).toEqual([...PHASES])
  })
})

test('chance is the seed’s', () => {
  const [a, b, other] = ['x', 'x', 'y'].map(chance) as [() => number, () => number, () => number]
  const drawn = Array.from({ length: 1000 }, a)
  expect(Array.from({ length: 1000 }, b)).toEqual(drawn)
  expect(other()).not.toBe(drawn[0])
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...drawn)).toBeLessThan(1)
  for (const quarter of [0, 1, 2, 3]) expect(drawn.filter((value) => Math.floor(4 * value) === quarter).length).toBeGreaterThan(150)
})
