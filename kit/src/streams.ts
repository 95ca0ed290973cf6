// The few rxjs helpers that every service shares.
import { Observable, ReplaySubject, share, takeUntil } from 'rxjs'
import type { MonoTypeOperatorFunction } from 'rxjs'

/** Emits once and completes when the signal fires, at once if it has fired already. */
export function fromAbort(signal: AbortSignal): Observable<void> {
  return new Observable((subscriber) => {
    if (signal.aborted) {
      subscriber.next()
      return subscriber.complete()
    }
    const onAbort = () => {
      subscriber.next()
      subscriber.complete()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return () => signal.removeEventListener('abort', onAbort)
  })
}

/** Completes the stream when the signal fires. */
export function takeUntilAborted<T>(signal: AbortSignal): MonoTypeOperatorFunction<T> {
  return takeUntil(fromAbort(signal))
}

/** Shares one subscription and gives each late subscriber the latest value; the source is left when the last subscriber goes, and starts anew with the next. */
export function shareLatest<T>(): MonoTypeOperatorFunction<T> {
  return share({ connector: () => new ReplaySubject<T>(1), resetOnRefCountZero: true, resetOnComplete: true, resetOnError: true })
}

/**
 * Delays in ms for tries 0, 1, 2 …: doubling from `firstMs` to `maxMs`, each between half and the whole of it by `random` in [0, 1), so that a fleet
 * does not come back in step.
 * @example backoffMs(3, { firstMs: 100, maxMs: 5000, random: () => 0 }) // 400
 */
export function backoffMs(attempt: number, { firstMs, maxMs, random }: { firstMs: number, maxMs: number, random: () => number }): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30))
  return whole / 2 + (whole / 2) * random()
}
