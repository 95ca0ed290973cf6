import { NEVER, Subject, defer, of } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { backoffMs, fromAbort, shareLatest, takeUntilAborted } from './streams.ts'

describe('fromAbort and takeUntilAborted', () => {
  it('end a stream when the signal fires and leave no listener', () => {
    const controller = new AbortController()
    const seen: string[] = []
    NEVER.pipe(takeUntilAborted(controller.signal)).subscribe({ complete: () => seen.push('end') })
    controller.abort()
    of(1).pipe(takeUntilAborted(controller.signal)).subscribe({ next: () => seen.push('value'), complete: () => seen.push('at once') })
    fromAbort(controller.signal).subscribe(() => seen.push('abort'))
    expect(seen).toEqual(['end', 'at once', 'abort'])
  })
})

describe('shareLatest', () => {
  it('subscribes once, gives the latest to late ones, and starts anew after the last has gone', () => {
    let subscriptions = 0
    const source = new Subject<number>()
    const shared = defer(() => (subscriptions++, source)).pipe(shareLatest())
    const late: number[] = []
    const first = shared.subscribe()
    source.next(1)
    source.next(2)
    const second = shared.subscribe((value) => late.push(value))
    expect([subscriptions, late]).toEqual([1, [2]])
    first.unsubscribe()
    second.unsubscribe()
    shared.subscribe((value) => late.push(value))
    expect([subscriptions, late]).toEqual([2, [2]])
  })
  it('passes the source on as it is', () => {
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ cold, expectObservable }) => {
      expectObservable(cold('a-b-#').pipe(shareLatest())).toBe('a-b-#')
    })
  })
})

it('backoffMs doubles to its cap and spreads by half', () => {
  const at = (attempt: number, random: number) => backoffMs(attempt, { firstMs: 100, maxMs: 5000, random: () => random })
  expect([at(0, 0), at(0, 1), at(3, 0), at(3, 1), at(40, 1)]).toEqual([50, 100, 400, 800, 5000])
})
