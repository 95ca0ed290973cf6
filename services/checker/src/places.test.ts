import { EMPTY, NEVER, of, Subject, throwError } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { Places, Turns } from './places.ts'

describe('places', () => {
  test('so many at a time, the others in their order as places are given back', () => {
    const places = new Places(2)
    const works = [0, 1, 2, 3].map(() => new Subject<string>())
    const said: string[] = []
    const begun = (): boolean[] => works.map((work) => work.observed)
    for (const [i, work] of works.entries()) places.hold(work).subscribe({ next: (what) => said.push(`${i} ${what}`), error: () => said.push(`${i} failed`) })
    expect(begun()).toEqual([true, true, false, false])
    expect(places.waiting).toBe(2)
    works[1]!.next('works')
    works[1]!.complete()
    expect(begun()).toEqual([true, false, true, false])
    works[0]!.error(new Error('failed'))
    expect(begun()).toEqual([false, false, true, true])
    expect(said).toEqual(['1 works', '0 failed'])
  })

  test('a place is given back by an error and by leaving, and who leaves the queue takes none', () => {
    const places = new Places(1)
    const first = places.hold(NEVER).subscribe()
    let vain = 0
    const second = places.hold(NEVER, () => vain++).subscribe()
    const last = new Subject<void>()
    places.hold(last).subscribe()
    second.unsubscribe()
    expect([places.waiting, vain]).toEqual([1, 1])
    first.unsubscribe()
    expect(last.observed).toBe(true)
    last.complete()
    let failed: unknown
    places.hold(throwError(() => new Error('no'))).subscribe({ error: (error: unknown) => (failed = error) })
    expect(failed).toEqual(new Error('no'))
    let said = 0
    places.hold(of(1)).subscribe((n) => (said = n))
    expect(said).toBe(1)
  })

  test('work that ends at once gives its place to the next of many', () => {
    const places = new Places(1)
    const first = new Subject<void>()
    places.hold(first).subscribe()
    let done = 0
    for (let i = 0; i < 10_000; i++) places.hold(EMPTY).subscribe({ complete: () => done++ })
    first.complete()
    expect(done).toBe(10_000)
  })
})

describe('turns', () => {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('a few in each turn of the event loop, in order; who left meanwhile has none', async () => {
    const turns = new Turns(2)
    const went: number[] = []
    const all = [0, 1, 2, 3, 4].map((i) => turns.turn$.subscribe(() => went.push(i)))
    expect(went).toEqual([])
    all[1]!.unsubscribe()
    await nextTurn()
    expect(went).toEqual([0, 2])
    await nextTurn()
    expect(went).toEqual([0, 2, 3, 4])
    turns.turn$.subscribe(() => went.push(5))
    await nextTurn()
    expect(went.at(-1)).toBe(5)
  })
})
