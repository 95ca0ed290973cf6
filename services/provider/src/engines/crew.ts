import type { Worker } from 'node:worker_threads'
import { EngineError } from './engine.ts'

interface Kinded {
  kind: string
}

/** What a thread says first, unasked; every later message answers an ask, in order and of the same kind. */
export interface Staged {
  kind: 'staged'
}

/** Threads that work on one thing, one call at a time. A crew that lost one thread has lost all. */
export class Crew<Ask extends Kinded, Answer extends Kinded> {
  readonly threads: readonly Thread<Ask, Answer>[]
  /** Resolves once every thread has ended. */
  readonly closed: Promise<unknown>
  readonly #what: string
  #busy = false
  #ended: EngineError | undefined

  /** `what` they work on, for messages: `chain`. */
  constructor(what: string, spawns: readonly (() => Worker)[]) {
    this.#what = what
    const threads: Thread<Ask, Answer>[] = []
    this.threads = threads
    try {
      for (const spawn of spawns) threads.push(new Thread(spawn()))
    } catch (cause) {
      this.#end(new EngineError('CRASHED', `A compute thread did not start: ${String(cause)}`, { cause }))
    }
    for (const thread of threads) void thread.gone.then((error) => this.#end(error))
    this.closed = Promise.all(threads.map((thread) => thread.gone))
  }

  /** Resolves once every thread has said that it is staged. */
  async staged(): Promise<void> {
    await this.exclusively(() => Promise.all(this.threads.map((thread) => thread.next('staged'))))
  }

  /** Lets `work` ask the threads. One such call at a time, since each thread answers in order. @throws EngineError */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw this.#ended
    if (this.#busy) throw new EngineError('BUSY', `An earlier call on this ${this.#what} has not come back yet; await it first`)
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }

  async close(): Promise<void> {
    this.#end(new EngineError('CLOSED', `The ${this.#what} was closed by its owner`))
    await this.closed
  }

  /** The first reason counts. */
  #end(error: EngineError): void {
    this.#ended ??= error
    for (const thread of this.threads) thread.end(this.#ended)
  }
}

/** Jobs of an engine, each ended by its own signal or all with the engine. */
export class Jobs<Job extends { readonly closed: Promise<unknown>; close(): Promise<void>; staged(): Promise<void> }> {
  readonly #open = new Set<Job>()

  /** Takes a job in and waits until it is staged. @throws EngineError */
  async stage(job: Job, signal: AbortSignal): Promise<Job> {
    this.#open.add(job)
    const abort = (): void => void job.close()
    signal.addEventListener('abort', abort, { once: true })
    void job.closed.finally(() => {
      this.#open.delete(job)
      signal.removeEventListener('abort', abort)
    })
    if (signal.aborted) abort()
    await job.staged()
    return job
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((job) => job.close()))
  }
}

/** A worker as a partner in questions and answers. */
class Thread<Ask extends Kinded, Answer extends Kinded> {
  /** Resolves with the reason once the worker has ended. */
  readonly gone: Promise<EngineError>
  readonly #worker: Worker
  #waiting: PromiseWithResolvers<Answer> | undefined
  #ended: EngineError | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (answer: Answer) => this.#waiting?.resolve(answer))
    worker.on('error', (cause) => this.end(new EngineError('CRASHED', `A compute thread failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })))
    this.gone = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.end(new EngineError('CRASHED', `A compute thread ended with code ${code}`))
        resolve(this.#ended!)
      })
    })
  }

  ask<K extends Ask['kind']>(ask: Extract<Ask, { kind: K }>): Promise<Extract<Answer, { kind: K }>> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(ask)
    return this.next(ask.kind as K)
  }

  /** The next answer, which the caller knows to be of that kind. */
  next<K extends Answer['kind']>(_kind: K): Promise<Extract<Answer, { kind: K }>> {
    this.#waiting = Promise.withResolvers<Answer>()
    if (this.#ended) this.#waiting.reject(this.#ended)
    return this.#waiting.promise as Promise<Extract<Answer, { kind: K }>>
  }

  end(error: EngineError): void {
    if (this.#ended) return
    this.#ended = error
    this.#waiting?.reject(error)
    void this.#worker.terminate()
  }
}
