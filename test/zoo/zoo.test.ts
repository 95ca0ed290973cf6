// The zoo in short, that it notices broken promises, and that the promises are those of the document.
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Attack, playRound } from './attack.ts'
import { type AttackName, PROMISES } from './promises.ts'
import { atMost, interval, roundsTo99 } from './statistics.ts'
import { attacks, measure, tableOf } from './zoo.ts'

describe('the zoo', () => {
  // Few trials of a fixed seed; by `kept`, chance alone fails one of them less than once in 10^9 seeds.
  test.each(attacks().map((attack) => [attack.name, attack] as const))('%s', async (name, attack) => {
    const { kept, others } = await measure(attack, PROMISES[name].atLeast === 1 ? 8 : 48, 'in short')
    expect({ kept, others: PROMISES[name].atLeast === 1 ? others : {} }).toEqual({ kept: true, others: {} })
  })

  test('plays what its trial names, the same each time', async () => {
    const [a, again, b] = [await playRound('a', {}), await playRound('a', {}), await playRound('b', {})]
    expect(again.verdict()).toEqual(a.verdict())
    expect(b.facts.beacon).not.toBe(a.facts.beacon)
    expect(b.facts.openRandomness).not.toBe(a.facts.openRandomness)
    expect(a.pay).toBe(1)
  })

  test('says so when a promise is not kept', async () => {
    const caught = (share: number): Attack => ({ name: 'lazy rows, 5 %', liar: 'is lucky', run: (trial) => ({ found: Number(trial.split(' ').at(-1)) % 100 < 100 * share ? 'FAIL(WRONG_PRODUCT)' : 'PASS(OK)', pay: 0 }) })
    expect(await measure(caught(0.96), 600, '')).toMatchObject({ kept: true, hits: 576, others: { 'PASS(OK)': 24 } })
    expect(await measure(caught(0.85), 600, '')).toMatchObject({ kept: false })
    const always: Attack = { ...caught(0.99), name: 'skipped steps' }
    expect(await measure(always, 99, '')).toMatchObject({ kept: true })
    expect(await measure(always, 100, '')).toMatchObject({ kept: false, others: { 'PASS(OK)': 1 } })
    expect(tableOf([await measure(always, 100, '')])).toContain('| skipped steps | is lucky |  | 0 % | FAIL(WRONG_PRODUCT) | 99 % of 100 | 94.6 % to 100 % | always | 1 |')
  })
})

test('the promises are those of docs/PROTOCOL.md', () => {
  const document = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8')
  const rows = [...document.slice(document.indexOf('\n## 15. '), document.indexOf('\n## 16. ')).matchAll(/^\| (.+) \| (.+) \| (.+) \|$/gm)].slice(1).map(([, ...cells]) => cells)
  const promised = (Object.keys(PROMISES) as AttackName[]).map((name) => [name, PROMISES[name].expected.join(' or '), PROMISES[name].atLeast === 1 ? 'always' : `${Number((100 * PROMISES[name].atLeast).toFixed(4))} %`])
  expect(rows).toEqual(promised)
})

describe('statistics', () => {
  test('of a fair coin, by hand', () => {
    expect(atMost(4, 0, 0.5)).toBeCloseTo(1 / 16, 12)
    expect(atMost(4, 2, 0.5)).toBeCloseTo(11 / 16, 12)
    expect([atMost(4, 4, 0.5), atMost(4, 3, 1), atMost(4, 0, 0)]).toEqual([1, 0, 1])
  })

  test('intervals are those of the tables of Clopper and Pearson', () => {
    const shown = (trials: number, hits: number): string[] => interval(trials, hits).map((bound) => bound.toFixed(4))
    expect(shown(10, 0)).toEqual(['0.0000', '0.3085'])
    expect(shown(10, 5)).toEqual(['0.1871', '0.8129'])
    expect(shown(20, 1)).toEqual(['0.0013', '0.2487'])
    expect(shown(100, 100)).toEqual(['0.9638', '1.0000'])
  })

  test('an interval holds the share that was seen, and narrows with trials', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(400), (trials, some) => {
        const hits = some % (trials + 1)
        const [low, high] = interval(trials, hits)
        const [lower, higher] = interval(4 * trials, 4 * hits)
        expect(low <= hits / trials && hits / trials <= high && higher - lower < high - low).toBe(true)
      }),
    )
  })

  test('rounds until a liar is caught with 99 %', () => {
    expect([1, 0.99, 0.9, 0.5, 0.01, 0].map(roundsTo99)).toEqual([1, 1, 2, 7, 459, Infinity])
  })
})
