// What all engines on a device have in common: the device, opened anew after it was lost, and the jobs that live on it.
import { EngineError } from '../engine.ts'
import type { OpenDevice } from './device.ts'
import { Gpu } from './gpu.ts'

/**
 * One job on a device. It ends once and for one reason, and then gives back what it holds there; calls come one at a time, and whoever waits for the device
 * hears at once that the job is over.
 */
export class DeviceJob<Held extends { destroy(): void }> {
  readonly gpu: Gpu
  /** Rejects with the reason once the job is over. */
  readonly ended: Promise<never>
  readonly #end: (error: EngineError) => void
  readonly #what: string
  #held: Held | undefined
  #busy = false
  #error: EngineError | undefined

  /** `what` it is, for messages: `chain`. */
  constructor(gpu: Gpu, what: string) {
    this.gpu = gpu
    this.#what = what
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.ended = promise
    this.#end = reject
  }

  async close(): Promise<void> {
    this.end(closedError(this.#what))
  }

  /** Ends the job and gives its memory back; the first reason counts. */
  end(error: EngineError): void {
    if (this.#error) return
    this.#error = error
    this.#end(error)
    this.#held?.destroy()
  }

  /** Takes what the job owns from now on, as soon as that holds memory. */
  protected hold(held: Held): void {
    this.#held = held
    if (this.#error) held.destroy()
  }

  /** Runs one call; a failure ends the job. @throws EngineError */
  protected async alone<T>(compute: (held: Held | undefined) => Promise<T>): Promise<T> {
    if (this.#error) throw this.#error
    if (this.#busy) throw new EngineError('BUSY', `An earlier call on this ${this.#what} has not come back yet; await it first`)
    this.#busy = true
    try {
      const result = compute(this.#held)
      // Lost to the race, it still fails, and nobody listens.
      result.catch(() => {})
      return await Promise.race([result, this.ended])
    } catch (cause) {
      this.end(cause instanceof EngineError ? cause : new EngineError('CRASHED', `${this.gpu.name} failed: ${messageOf(cause)}`, { cause }))
      throw this.#error
    } finally {
      this.#busy = false
    }
  }
}

type AnyJob = Pick<DeviceJob<{ destroy(): void }>, 'gpu' | 'ended' | 'end' | 'close'>

/** An engine's device. A device that is lost takes its jobs with it; the next job opens it anew. */
export class Session {
  readonly #open: () => Promise<OpenDevice>
  readonly #what: string
  readonly #jobs = new Set<AnyJob>()
  #closed = false
  #opening: Promise<Gpu> | undefined

  /** `what` its jobs are, for messages. */
  constructor(open: () => Promise<OpenDevice>, what: string) {
    this.#open = open
    this.#what = what
  }

  /** The device; rejects with whatever opening it rejects with. */
  connected(): Promise<Gpu> {
    this.#opening ??= this.#connect()
    this.#opening.catch(() => (this.#opening = undefined))
    return this.#opening
  }

  /** Makes a job on the device and waits until `ready` has done with it. @throws EngineError */
  async stage<Job extends AnyJob>(signal: AbortSignal, make: (gpu: Gpu) => Job, ready: (job: Job) => Promise<void>): Promise<Job> {
    if (this.#closed || signal.aborted) throw closedError(this.#what)
    const gpu = await this.connected().catch((cause: unknown) => {
      throw new EngineError('CRASHED', `The GPU cannot be opened again: ${messageOf(cause)}`, { cause })
    })
    const job = make(gpu)
    this.#jobs.add(job)
    const abort = (): void => void job.close()
    signal.addEventListener('abort', abort, { once: true })
    void job.ended.catch(() => {
      this.#jobs.delete(job)
      signal.removeEventListener('abort', abort)
    })
    if (this.#closed || signal.aborted) abort()
    await ready(job)
    return job
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#jobs) void job.close()
    const gpu = await this.#opening?.catch(() => undefined)
    gpu?.destroy()
  }

  async #connect(): Promise<Gpu> {
    const opened = await this.#open()
    const gpu = new Gpu(opened)
    const fail = (cause: unknown, message: string): void => {
      for (const job of this.#jobs) if (job.gpu === gpu) job.end(new EngineError('CRASHED', message, { cause }))
    }
    opened.device.addEventListener('uncapturederror', ({ error }) => fail(error, `${gpu.name} refused a command: ${error.message}`))
    void opened.device.lost.then(({ reason, message }) => {
      this.#opening = undefined // a second device opens only after this
      fail(undefined, `${gpu.name} was lost (${reason || 'unknown'}): ${message}`)
    })
    return gpu
  }
}

const closedError = (what: string): EngineError => new EngineError('CLOSED', `The ${what} was closed by its owner`)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
