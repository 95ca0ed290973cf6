// Lanes to one checker: further connections for the payload of one measurement, opened when it asks and closed when it is done, or has had its time.
import { type SchedulerLike, type Subscription, timer } from 'rxjs'
import type { Channel } from '@assay/kit/channel'
import { type AccountId, MalformedError, type MachineMessage, type Wire } from '@assay/protocol'
import type { Payload } from './transfers.ts'

export interface LanesDeps {
  network: AccountId
  /** that of the conversation */
  version(): number
  dial(signal: AbortSignal): Promise<Channel>
  wire(): Wire
  /** a piece that came on lane `stream`; false if it does not belong there, which ends the lanes */
  take(payload: Payload, stream: number): Promise<boolean>
  /** how long lanes may be open */
  lifeMs(): number
  scheduler: SchedulerLike
}

/** The lanes of one conversation, one measurement's at a time. A measurement has all of its lanes or none. */
export class Lanes {
  readonly #deps: LanesDeps
  #id: number | undefined
  #channels: readonly Channel[] = []
  #left = new AbortController()
  #life: Subscription | undefined

  constructor(deps: LanesDeps) {
    this.#deps = deps
  }

  /** Opens `lanes` lanes that carry payload of this id, in place of those before. False, and none, if one cannot be opened; true if they were given up meanwhile. Never rejects. */
  async open(id: number, lanes: number): Promise<boolean> {
    this.close()
    const left = (this.#left = new AbortController())
    this.#id = id
    this.#life = timer(this.#deps.lifeMs(), this.#deps.scheduler).subscribe(() => this.close())
    const opening = await Promise.allSettled(Array.from({ length: lanes }, (_, i) => this.#openOne(id, i + 1, left.signal)))
    const channels = opening.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (!left.signal.aborted && channels.length === lanes) {
      this.#channels = channels
      return true
    }
    for (const channel of channels) void channel.close()
    // What was given up for another measurement did not fail.
    if (left.signal.aborted) return true
    this.close()
    return false
  }

  /** The streams over which payload of this id goes: the conversation and its lanes; 0 if lanes were opened for it and are gone. */
  streams(id: number): number {
    if (id !== this.#id) return 1
    return this.#channels.length === 0 ? 0 : 1 + this.#channels.length
  }

  /** Begins to read: not before it is known what comes, since what comes first on a lane and what comes on the conversation have no order. */
  read(): void {
    const { signal } = this.#left
    for (const [i, channel] of this.#channels.entries()) {
      const over = (): void => {
        if (!signal.aborted) this.close()
      }
      channel.frames$.subscribe({ next: (frame) => void (signal.aborted || this.#hear(frame, i + 1).then((belongs) => belongs || over(), over)), error: over, complete: over })
    }
  }

  /** Rejects when the lane, counted from 1, is gone. */
  async send(message: MachineMessage, lane: number): Promise<void> {
    const channel = this.#channels[lane - 1]
    if (channel === undefined) throw new Error(`lane ${lane} is not open`)
    await channel.send(this.#deps.wire().machine.encode(message))
  }

  close(): void {
    this.#left.abort()
    this.#life?.unsubscribe()
    for (const channel of this.#channels) void channel.close()
    this.#channels = []
  }

  async #openOne(id: number, lane: number, signal: AbortSignal): Promise<Channel> {
    const channel = await this.#deps.dial(signal)
    try {
      await channel.send(this.#deps.wire().machine.encode({ tag: 'Lane', value: { version: this.#deps.version(), network: this.#deps.network, id, lane } }))
      return channel
    } catch (error) {
      await channel.close()
      throw error
    }
  }

  /** False for anything but a piece that belongs there. */
  async #hear(frame: Uint8Array, stream: number): Promise<boolean> {
    try {
      const message = this.#deps.wire().checker.decode(frame)
      return message.tag === 'Chunk' && (await this.#deps.take(message.value, stream))
    } catch (error) {
      if (error instanceof MalformedError) return false
      throw error
    }
  }
}
