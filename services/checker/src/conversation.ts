// One channel of a machine: a greeting, then messages, until either side ends it or the machine breaks a rule.
import { finalize, ignoreElements, map, Observable, tap, timeout } from 'rxjs'
import { type Channel, ChannelAbuseError } from '@assay/kit/channel'
import { Allowance } from '@assay/kit/frame'
import type { Log } from '@assay/kit/log'
import { type CheckerMessage, type MachineMessage, MalformedError, type RefusalCode, type Wire } from '@assay/protocol'
import type { CheckerMetrics } from './metrics.ts'

/** A message of a machine and when it arrived, in ms of the monotonic clock. */
export interface Arrival<M extends MachineMessage = MachineMessage> { message: M, at: number }

/** Why this checker ends a conversation. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** What the machine is told. */
  readonly said: CheckerMessage
  constructor(code: RefusalCode, said: CheckerMessage = { tag: 'Refused', value: { code } }) {
    super(code)
    this.code = code
    this.said = said
  }
}

/** Who listens to a channel after its greeting. */
export interface Listener {
  /** Throws Refusal for what the machine must not say. */
  take(arrival: Arrival): void
  /** the channel is over, whatever the reason */
  end(): void
}

export interface ConversationOptions {
  wire: Wire
  /** bytes a second, payload apart; more is TOO_MUCH */
  budget: number
  /** what this checker says on this channel */
  say: (message: CheckerMessage) => void
  /** Takes the first message, or throws Refusal. */
  greet: (message: MachineMessage) => Listener
  /** monotonic ms */
  now: () => number
  /** the first message comes within this many ms */
  helloMs: number
  metrics: CheckerMetrics
  log: Log
}

/** First byte of a Chunk, PROTOCOL section 11. */
const CHUNK_TAG = 3

/** Greets, then hands messages on until either side ends it. Never errors: a machine's fault ends its own channel and nothing else. */
export function conversation(channel: Channel, { wire, budget: perSecond, say, greet, now, helloMs, metrics, log }: ConversationOptions): Observable<never> {
  const budget = new Allowance(perSecond, now())
  let listener: Listener | undefined
  return new Observable<never>((subscriber) =>
    channel.frames$
      .pipe(
        timeout({ first: helloMs, with: () => { throw new Refusal('BAD_MESSAGE') } }),
        // The clock is read before anything is decoded: what the stopwatch sees is the arrival.
        map((frame): Arrival => {
          const at = now()
          // Payload has its own bounds; of all else a round needs one commitment and one opening. To decode more would take time from other machines' stopwatches.
          if (frame[0] !== CHUNK_TAG) budget.take(frame.length, at)
          if (budget.waitMs(at) > 0) throw new Refusal('TOO_MUCH')
          return { at, message: wire.machine.decode(frame) }
        }),
        tap((arrival) => {
          if (listener) listener.take(arrival)
          else listener = greet(arrival.message)
        }),
        ignoreElements(),
        finalize(() => {
          listener?.end()
          void channel.close()
        }),
      )
      .subscribe({
        error: (error: unknown) => {
          const refusal = error instanceof Refusal ? error : error instanceof MalformedError ? new Refusal('BAD_MESSAGE') : undefined
          metrics.refusals.inc({ code: refusal?.code ?? (error instanceof ChannelAbuseError ? error.code : 'INTERNAL') })
          log.debug('conversation ended', { peer: channel.peer, error })
          if (refusal !== undefined) say(refusal.said)
          subscriber.complete()
        },
        complete: () => subscriber.complete(),
      }),
  )
}

/** What a machine may still send of payload. */
export class PayloadBudget {
  #left = 0

  expect(bytes: number): void {
    this.#left = bytes
  }

  /** Throws Refusal TOO_MUCH for a byte that nobody asked for. */
  take(bytes: number): void {
    this.#left -= bytes
    if (this.#left < 0) throw new Refusal('TOO_MUCH')
  }
}
