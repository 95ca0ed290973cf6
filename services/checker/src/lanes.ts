// Lanes: further connections of a machine for the payload of one measurement, beside its conversation. They come when they were asked for and end with the measurement.
import { type Observable, ReplaySubject, Subject } from 'rxjs'
import type { Channel } from '@assay/kit/channel'
import { type AccountId, type CheckerMessage, type MachineMessage, type Wire } from '@assay/protocol'
import { type Arrival, type Listener, PayloadBudget, Refusal } from './conversation.ts'

/** What carries payload: the conversation, or a lane. */
export interface Carrier {
  /** what the machine says on it; a lane's errors when the lane is over, a conversation's never */
  readonly messages$: Observable<Arrival>
  /** Sends when the channel has room. Rejects if there is no channel or it ends before. */
  send(message: CheckerMessage): Promise<void>
  /** Lets the machine send that many more payload bytes; a Chunk beyond what was asked for ends its channel. */
  expectPayload(bytes: number): void
}

/** The lanes of one measurement: those that were asked for, as they come. */
export class Lanes {
  /** the lanes, 1 first, once all are there */
  readonly whole$ = new ReplaySubject<readonly Carrier[]>(1)
  readonly #asked: { version: number, network: AccountId, id: number, lanes: number }
  readonly #wire: Wire
  readonly #lanes = new Map<number, Lane>()
  readonly #channels = new Set<Channel>()

  constructor(asked: { version: number, network: AccountId, id: number, lanes: number }, wire: Wire) {
    this.#asked = asked
    this.#wire = wire
  }

  /** Holds an admitted channel, so that it ends with the rest though it never said which lane it is. */
  hold(channel: Channel): void {
    this.#channels.add(channel)
    void channel.closed.then(() => this.#channels.delete(channel))
  }

  /** Takes a channel's first message. Throws Refusal for what is not one of the lanes that were asked for, or is there already. */
  greet(channel: Channel, message: MachineMessage): Listener {
    if (message.tag !== 'Lane') throw new Refusal('BAD_MESSAGE')
    const { version, network, id, lane: number } = message.value
    if (version !== this.#asked.version) throw new Refusal('WRONG_VERSION')
    if (network !== this.#asked.network) throw new Refusal('WRONG_NETWORK')
    if (id !== this.#asked.id || number > this.#asked.lanes || this.#lanes.has(number)) throw new Refusal('BAD_MESSAGE')
    const lane = new Lane(channel, this.#wire)
    this.#lanes.set(number, lane)
    if (this.#lanes.size === this.#asked.lanes) this.whole$.next(Array.from({ length: this.#lanes.size }, (_, i) => this.#lanes.get(i + 1)!))
    return lane
  }

  /** Ends all of them. */
  close(): void {
    for (const channel of this.#channels) void channel.close()
  }
}

/** A lane is never replaced: once it is over it stays over, and whoever listens, then or later, is told by an error. */
class Lane implements Carrier, Listener {
  readonly messages$ = new Subject<Arrival>()
  readonly #channel: Channel
  readonly #wire: Wire
  readonly #payload = new PayloadBudget()

  constructor(channel: Channel, wire: Wire) {
    this.#channel = channel
    this.#wire = wire
  }

  async send(message: CheckerMessage): Promise<void> {
    await this.#channel.send(this.#wire.checker.encode(message))
  }

  expectPayload(bytes: number): void {
    this.#payload.expect(bytes)
  }

  take(arrival: Arrival): void {
    if (arrival.message.tag !== 'Chunk') throw new Refusal('BAD_MESSAGE')
    this.#payload.take(arrival.message.value.bytes.length)
    this.messages$.next(arrival)
  }

  end(): void {
    this.messages$.error(new Error('the lane is over'))
  }
}
