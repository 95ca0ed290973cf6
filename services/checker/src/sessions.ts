// The machines' lines to this checker. A machine dials in; its channel proves its key; what it says is one of a few messages or the end of the conversation.
import { BehaviorSubject, finalize, ignoreElements, map, Observable, Subject, tap, timeout } from 'rxjs'
import { type Channel, ChannelAbuseError, type ChannelKey, type ChannelLimits, type listenChannel } from '@assay/kit/channel'
import { Allowance } from '@assay/kit/frame'
import type { Log } from '@assay/kit/log'
import { type AccountId, type CheckerMessage, type Crypto, type Hash, type Ledger, type MachineMessage, MalformedError, type RefusalCode, registeredMachines, roundAt, roundFacts, type Wire, WIRE_PROTOCOL, WIRE_VERSION } from '@assay/protocol'
import type { CheckerMetrics } from './metrics.ts'

/** A message of a machine and when it arrived, in ms of the monotonic clock. */
export interface Arrival<M extends MachineMessage = MachineMessage> { message: M, at: number }

/** The line of one peer key: one channel at a time, the newest. It outlives channels, so a round need not care how often the machine reconnects. */
export interface Line {
  readonly peer: Hash
  /** whether a greeted channel is open: now, then each change; a channel that replaces another is told as true again */
  readonly online$: Observable<boolean>
  /** what the machine says after its greeting; never ends, never errors */
  readonly messages$: Observable<Arrival>
  /** Sends when the channel has room. Rejects if there is no channel or it ends before. */
  send(message: CheckerMessage): Promise<void>
  /** Lets the machine send that many more payload bytes; a Chunk beyond what was asked for ends its channel. */
  expectPayload(bytes: number): void
}

export interface Sessions {
  /** the line of a peer key, also before it ever dialled */
  line(peer: Hash): Line
  /** Begins to listen, until the signal fires; gives the multiaddrs to dial, with the peer id. Throws OperatorError PORT. */
  listen(): Promise<string[]>
  /** Ends all channels and frees the port. */
  close(): Promise<void>
}

/** Peer keys of the network's machines at a height: registered now, or eligible in the current round or the one before, whose openings may still come. */
export function machinePeers(crypto: Crypto, ledger: Ledger, best: number): Set<Hash> {
  const founding = ledger.parameters[0]?.parameters
  const round = founding === undefined ? -1 : roundAt(founding, best)
  const eligible = [round - 1, round].flatMap((of) => roundFacts(crypto, ledger, of)?.machines ?? [])
  return new Set([...registeredMachines(ledger), ...eligible].map(({ identity }) => identity.peer))
}

export interface SessionsOptions {
  key: ChannelKey
  host: string
  port: number
  network: AccountId
  wire: Wire
  /** whether a peer key is one of this network's machines; asked again for each channel */
  isMachine: (peer: Hash) => boolean
  /** height of the best block, for the greeting */
  best: () => number
  /** monotonic ms */
  now: () => number
  listen: typeof listenChannel
  limits?: Partial<ChannelLimits>
  /** a machine greets within this many ms, or is taken for something else; default 5000 */
  helloMs?: number
  metrics: CheckerMetrics
  log: Log
  signal: AbortSignal
}

/** The lines of this checker's machines. Whoever listens to them subscribes before `listen`, and misses nothing. */
export function createSessions(options: SessionsOptions): Sessions {
  const { key, host, port, wire, isMachine, metrics, log, signal } = options
  const lines = new Map<Hash, PeerLine>()
  const line = (peer: Hash): PeerLine => {
    const known = lines.get(peer) ?? new PeerLine(peer, wire)
    lines.set(peer, known)
    return known
  }
  let listener: Promise<{ addresses: string[], close(): Promise<void> }> | undefined
  const listen = async (): Promise<string[]> => (await (listener = options.listen({
    key, host, port, log, signal,
    protocol: WIRE_PROTOCOL,
    // As much as a payload in pieces of 64 KiB takes at half a gigabit a second, and no more: what one machine says takes time from the others.
    limits: { maxFramesPerSecond: 1024, maxBytesPerSecond: 64 << 20, ...options.limits, maxFrameBytes: wire.maxFrameBytes },
    admit: (peer) => {
      if (isMachine(peer)) return 'OK'
      metrics.refusals.inc({ code: 'NOT_ELIGIBLE' })
      return 'NOT_ELIGIBLE' satisfies RefusalCode
    },
    // Each channel is its own subscription: what one machine sends, or fails to read, is not waited for by any other.
    onChannel: (channel) => void conversation(channel, line(channel.peer), options).subscribe(),
  }))).addresses
  return { line, listen, close: async () => (await listener?.catch(() => undefined))?.close() }
}

/** First byte of a Chunk, PROTOCOL section 11. */
const CHUNK_TAG = 3

/** Why this checker ends a conversation. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  constructor(code: RefusalCode) {
    super(code)
    this.code = code
  }
}

/** Greets, then hands messages to the line until either side ends it. Never errors: a machine's fault ends its own channel and nothing else. */
function conversation(channel: Channel, line: PeerLine, { wire, network, best, now, helloMs = 5000, metrics, log }: SessionsOptions): Observable<never> {
  // A channel that ends says so by itself: nobody waits for these.
  const say = (message: CheckerMessage): void => void channel.send(wire.checker.encode(message)).catch(() => {})
  const budget = new Allowance(4 * wire.maxFrameBytes, now())
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
          if (line.has(channel)) return line.take(arrival)
          const { message } = arrival
          if (message.tag !== 'Hello') throw new Refusal('BAD_MESSAGE')
          if (message.value.version !== WIRE_VERSION) throw new Refusal('WRONG_VERSION')
          if (message.value.network !== network) throw new Refusal('WRONG_NETWORK')
          say({ tag: 'Welcome', value: { version: WIRE_VERSION, best: best() } })
          line.open(channel)
          metrics.machines.inc()
        }),
        ignoreElements(),
        finalize(() => {
          if (line.close(channel)) metrics.machines.dec()
          void channel.close()
        }),
      )
      .subscribe({
        error: (error: unknown) => {
          const code = error instanceof Refusal ? error.code : error instanceof MalformedError ? 'BAD_MESSAGE' : undefined
          metrics.refusals.inc({ code: code ?? (error instanceof ChannelAbuseError ? error.code : 'INTERNAL') })
          log.debug('conversation ended', { peer: channel.peer, error })
          if (code !== undefined) say({ tag: 'Refused', value: { code } })
          subscriber.complete()
        },
        complete: () => subscriber.complete(),
      }),
  )
}

class PeerLine implements Line {
  readonly peer: Hash
  readonly online$ = new BehaviorSubject(false)
  readonly messages$ = new Subject<Arrival>()
  readonly #wire: Wire
  #channel: Channel | undefined
  #payloadLeft = 0

  constructor(peer: Hash, wire: Wire) {
    this.peer = peer
    this.#wire = wire
  }

  async send(message: CheckerMessage): Promise<void> {
    if (this.#channel === undefined) throw new Error(`no channel to ${this.peer}`)
    await this.#channel.send(this.#wire.checker.encode(message))
  }

  expectPayload(bytes: number): void {
    this.#payloadLeft = bytes
  }

  has(channel: Channel): boolean {
    return this.#channel === channel
  }

  open(channel: Channel): void {
    const before = this.#channel
    this.#channel = channel
    this.#payloadLeft = 0
    void before?.close()
    this.online$.next(true)
  }

  /** False if the channel was not, or no longer, this line's. */
  close(channel: Channel): boolean {
    if (!this.has(channel)) return false
    this.#channel = undefined
    this.online$.next(false)
    return true
  }

  take(arrival: Arrival): void {
    const { message } = arrival
    if (message.tag === 'Hello') throw new Refusal('BAD_MESSAGE')
    if (message.tag === 'Chunk') {
      this.#payloadLeft -= message.value.bytes.length
      if (this.#payloadLeft < 0) throw new Refusal('TOO_MUCH')
    }
    this.messages$.next(arrival)
  }
}
