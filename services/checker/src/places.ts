// What many machines want at once is done a few at a time: places that are held and given back, and turns of the event loop.
import { Observable } from 'rxjs'

/** So many at a time; who finds no place waits until one is given back, the first that came first. */
export class Places {
  #free: number
  readonly #waiting = new Set<() => void>()
  #admitting = false

  constructor(count: number) {
    this.#free = count
  }

  /** how many wait */
  get waiting(): number {
    return this.#waiting.size
  }

  /** `work$`, begun when there is a place for it; the place is given back when it ends or is left. `inVain` is called if it is left before it was begun. */
  hold<T>(work$: Observable<T>, inVain: () => void = () => {}): Observable<T> {
    return new Observable((subscriber) => {
      const enter = (): void => {
        this.#free--
        subscriber.add(() => this.#leave())
        subscriber.add(work$.subscribe(subscriber))
      }
      if (this.#free > 0) return enter()
      this.#waiting.add(enter)
      return () => void (this.#waiting.delete(enter) && inVain())
    })
  }

  #leave(): void {
    this.#free++
    // Work that ends at once comes back here from within: whoever admits already goes on with the next.
    if (this.#admitting) return
    this.#admitting = true
    for (const enter of this.#waiting) {
      if (this.#free <= 0) break
      this.#waiting.delete(enter)
      enter()
    }
    this.#admitting = false
  }
}

/** Lets those who come go on a few at a time, each few in a turn of the event loop: what each of them sets going is done, and what arrives meanwhile is heard, before the next go. */
export class Turns {
  readonly #few: number
  readonly #waiting = new Set<() => void>()
  #running = false

  constructor(few: number) {
    this.#few = few
  }

  /** Emits once, in the order of subscriptions. */
  readonly turn$ = new Observable<void>((subscriber) => {
    const go = (): void => {
      subscriber.next()
      subscriber.complete()
    }
    this.#waiting.add(go)
    this.#run()
    return () => this.#waiting.delete(go)
  })

  #run(): void {
    if (this.#running) return
    this.#running = true
    setImmediate(() => {
      this.#running = false
      let left = this.#few
      for (const go of this.#waiting) {
        this.#waiting.delete(go)
        go()
        if (--left === 0) break
      }
      if (this.#waiting.size > 0) this.#run()
    })
  }
}
