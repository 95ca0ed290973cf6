// The machines' lines to this checker. A machine dials in; its channel proves its key; what it says is one of a few messages or the end of the conversation.
import { BehaviorSubject, catchError, defer, filter, finalize, ignoreElements, map, merge, type Observable, of, Subject, switchMap, take, tap, timeout } from 'rxjs'
import type { Channel, ChannelKey, ChannelLimits, listenChannel } from '@assay/kit/channel'
import type { Log } from '@assay/kit/log'
import { type AccountId, type CheckerMessage, commonVersion, type Crypto, type Hash, type Hello, LANE_FRAME_BYTES, LANE_PROTOCOL, LANES, type Ledger, MAX_LANES, type RefusalCode, registeredMachines, roundAt, roundFacts, type Versions, versionsText, type Wire, WIRE_PROTOCOL } from '@assay/protocol'
import { type Arrival, conversation, type ConversationOptions, type Listener, PayloadBudget, Refusal } from './conversation.ts'
import { type Carrier, Lanes } from './lanes.ts'
import type { CheckerMetrics } from './metrics.ts'

/** The line of one peer key: one channel at a time, the newest. It outlives channels, so a round need not care how often the machine reconnects. */
export interface Line extends Carrier {
  readonly peer: Hash
  /** whether a greeted channel is open: now, then each change; a channel that replaces another is told as true again */
  readonly online$: Observable<boolean>
  /** what the machine says after its greeting; never ends, never errors */
  readonly messages$: Observable<Arrival>
  /**
   * Asks the machine for the lanes that it offers and runs `use` with them as soon as all are there, or with none if one is missing after `withinMs`, the machine takes its offer back, or has made
   * none. The lanes end with `use`, and with the channel on which they were asked for.
   */
  withLanes<T>(ask: LaneRequest, use: (lanes: readonly Carrier[]) => Observable<T>): Observable<T>
  /** Ends the present channel, if there is one. The machine comes back. */
  hangUp(): void
}

/** For which measurement lanes are asked; `id` is what they name. */
export interface LaneRequest { id: number, round: number, withinMs: number }

export interface Sessions {
  /** the line of a peer key, also before it ever dialled */
  line(peer: Hash): Line
  /** Begins to listen, until the signal fires; gives the multiaddrs to dial, with the peer id. Throws OperatorError PORT. */
  listen(): Promise<string[]>
  /** Ends all channels: the machines come back, and speak by what `wire` gives then. */
  hangUp(): void
  /** Ends all channels and frees the port. */
  close(): Promise<void>
}

/**
 * Peer keys of the network's machines at a height: registered now, or eligible in the current round or the one before, whose openings may still come. Each connection asks several
 * times, lanes too, so the answer is kept until a block or a round changes it.
 */
export function machinePeersOf(crypto: Crypto): (ledger: Ledger, best: number) => ReadonlySet<Hash> {
  let known: { ledger: Ledger, round: number, peers: ReadonlySet<Hash> } | undefined
  return (ledger, best) => {
    const founding = ledger.parameters[0]?.parameters
    const round = founding === undefined ? -1 : roundAt(founding, best)
    if (known?.ledger === ledger && known.round === round) return known.peers
    const eligible = [round - 1, round].flatMap((of) => roundFacts(crypto, ledger, of)?.machines ?? [])
    const peers = new Set([...registeredMachines(ledger), ...eligible].map(({ identity }) => identity.peer))
    known = { ledger, round, peers }
    return peers
  }
}

export interface SessionsOptions {
  key: ChannelKey
  host: string
  port: number
  network: AccountId
  /** asked for each conversation */
  wire: () => Wire
  /** versions of the protocol that this checker speaks */
  versions: Versions
  /** the lowest version that may be spoken at the best block */
  inForce: () => number
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
  /** hears of each machine that is refused because there are as many conversations as may be */
  full?: () => void
  log: Log
  signal: AbortSignal
}

/** Conversations at once, and lanes at once; with one more the newcomer is refused (FULL). A conversation takes some 0.3 MB. */
const MAX_MACHINES = 16_384

/** Kinds of machines of other versions that are told. */
const TOLD_APART = 16

/** What a conversation was agreed on. */
interface Agreed { version: number, hello: Hello }

/** The lines of this checker's machines. Whoever listens to them subscribes before `listen`, and misses nothing. */
export function createSessions(options: SessionsOptions): Sessions {
  const { key, host, port, network, wire, versions, inForce, isMachine, best, now, helloMs = 5000, metrics, full = () => {}, log, signal } = options
  const lines = new Map<Hash, PeerLine>()
  const line = (peer: Hash): PeerLine => {
    const known = lines.get(peer) ?? new PeerLine(peer, network, wire, inForce, metrics)
    lines.set(peer, known)
    return known
  }
  /** Each channel is its own subscription: what one machine sends, or fails to read, is not waited for by any other. */
  const converse = (channel: Channel, budget: number, greet: (say: ConversationOptions['say']) => ConversationOptions['greet']): void => {
    const messages = wire()
    // A channel that ends says so by itself: nobody waits for these.
    const say = (message: CheckerMessage): void => void channel.send(messages.checker.encode(message)).catch(() => {})
    conversation(channel, { wire: messages, budget, say, greet: greet(say), now, helloMs, metrics, log }).subscribe()
  }
  const greetMachine = (channel: Channel) => (say: ConversationOptions['say']): ConversationOptions['greet'] => (message) => {
    if (message.tag !== 'Hello') throw new Refusal('BAD_MESSAGE')
    const ours = { lowest: Math.max(versions.lowest, inForce()), highest: versions.highest }
    const version = commonVersion(ours, message.value.versions)
    if (version === null) {
      tellApart(channel.peer, message.value.versions, ours)
      throw new Refusal('WRONG_VERSION', message.value.versions.highest === 1 || ours.highest === 1 ? undefined : { tag: 'WrongVersion', value: ours })
    }
    if (message.value.network !== network) throw new Refusal('WRONG_NETWORK')
    say({ tag: 'Welcome', value: { version, best: best() } })
    return line(channel.peer).open(channel, { version, hello: message.value })
  }
  const toldApart = new Set<string>()
  /** Once for each kind of machine that this checker cannot speak with, and for few kinds: a fleet that is behind is not a line for each of its tries. */
  const tellApart = (peer: Hash, theirs: Versions, ours: Versions): void => {
    const kind = `${versionsText(theirs)}, ${versionsText(ours)}`
    if (toldApart.has(kind) || toldApart.size >= TOLD_APART) return
    toldApart.add(kind)
    const behind = theirs.highest < ours.lowest
    log.warn('machines of other version', { peer, machine: versionsText(theirs), checker: versionsText(ours), toUpdate: behind ? 'the machines' : 'this checker', advice: behind ? 'Their owners have to update them.' : 'Update this checker.' })
  }
  const onLane = (channel: Channel): void => {
    const lanes = line(channel.peer).lanes
    // The measurement ended while the lane came in.
    if (lanes === undefined) return void channel.close()
    lanes.hold(channel)
    converse(channel, LANE_FRAME_BYTES, () => (message) => lanes.greet(channel, message))
  }
  // As much as a payload in pieces of 64 KiB takes at half a gigabit a second, and no more: what one machine says takes time from the others.
  const limits = { maxFramesPerSecond: 1024, maxBytesPerSecond: 64 << 20, maxChannels: MAX_MACHINES, ...options.limits }
  let listener: Promise<{ addresses: string[], close(): Promise<void> }> | undefined
  const listen = async (): Promise<string[]> => (await (listener = options.listen({
    key, host, port, log, signal,
    protocol: WIRE_PROTOCOL,
    limits,
    maxFrameBytes: () => wire().maxFrameBytes,
    admit: (peer) => {
      if (isMachine(peer)) return 'OK'
      metrics.refusals.inc({ code: 'NOT_ELIGIBLE' })
      return 'NOT_ELIGIBLE' satisfies RefusalCode
    },
    onChannel: (channel) => converse(channel, 4 * wire().maxFrameBytes, greetMachine(channel)),
    onFull: () => {
      metrics.refusals.inc({ code: 'FULL' })
      full()
    },
    beside: {
      protocol: LANE_PROTOCOL,
      limits: { ...limits, maxFrameBytes: LANE_FRAME_BYTES, maxChannelsPerPeer: MAX_LANES },
      admit: (peer) => {
        if (lines.get(peer)?.lanes !== undefined) return 'OK'
        metrics.refusals.inc({ code: 'NOT_ASKED' })
        return 'NOT_ASKED'
      },
      onChannel: onLane,
      onFull: () => metrics.refusals.inc({ code: 'FULL' }),
    },
  }))).addresses
  return { line, listen, hangUp: () => lines.forEach((one) => one.hangUp()), close: async () => (await listener?.catch(() => undefined))?.close() }
}

class PeerLine implements Line {
  readonly peer: Hash
  readonly online$ = new BehaviorSubject(false)
  readonly messages$ = new Subject<Arrival>()
  readonly #network: AccountId
  readonly #wire: () => Wire
  readonly #payload = new PayloadBudget()
  /** lanes that the machine offers on its present channel */
  readonly #offered$ = new BehaviorSubject(0)
  readonly #inForce: () => number
  readonly #metrics: CheckerMetrics
  #channel: Channel | undefined
  #agreed: Agreed | undefined
  #lanes: Lanes | undefined

  constructor(peer: Hash, network: AccountId, wire: () => Wire, inForce: () => number, metrics: CheckerMetrics) {
    this.peer = peer
    this.#network = network
    this.#wire = wire
    this.#inForce = inForce
    this.#metrics = metrics
  }

  /** those that are awaited or in use */
  get lanes(): Lanes | undefined {
    return this.#lanes
  }

  async send(message: CheckerMessage): Promise<void> {
    if (this.#channel === undefined) throw new Error(`no channel to ${this.peer}`)
    await this.#channel.send(this.#wire().checker.encode(message))
  }

  expectPayload(bytes: number): void {
    this.#payload.expect(bytes)
  }

  hangUp(): void {
    void this.#channel?.close()
  }

  withLanes<T>({ id, round, withinMs }: LaneRequest, use: (lanes: readonly Carrier[]) => Observable<T>): Observable<T> {
    return defer(() => {
      const lanes = Math.min(LANES, this.#offered$.value)
      if (lanes === 0) return use([])
      const awaited = new Lanes({ version: this.#agreed!.version, network: this.#network, id, lanes }, this.#wire())
      this.#dropLanes()
      this.#lanes = awaited
      const drop = (): void => {
        awaited.close()
        if (this.#lanes === awaited) this.#lanes = undefined
      }
      const asked$ = defer(() => this.send({ tag: 'OpenLanes', value: { id, round, lanes } })).pipe(ignoreElements())
      const takenBack$ = this.#offered$.pipe(filter((offered) => offered < lanes), map((): readonly Carrier[] => []))
      return merge(takenBack$, awaited.whole$, asked$).pipe(
        take(1),
        timeout({ first: withinMs }),
        catchError(() => of<readonly Carrier[]>([])),
        // Some are no use: what was cut for all of them would miss a part.
        tap((whole) => void (whole.length === 0 && drop())),
        switchMap(use),
        finalize(drop),
      )
    })
  }

  /** Makes a greeted channel this line's, in place of the one before. */
  open(channel: Channel, agreed: Agreed): Listener {
    const metrics = this.#metrics
    const before = this.#channel
    if (this.#agreed !== undefined) metrics.spoken.remove(this.#agreed.hello)
    this.#channel = channel
    this.#agreed = agreed
    metrics.spoken.add(agreed.hello)
    this.#payload.expect(0)
    this.#offered$.next(0)
    this.#dropLanes()
    void before?.close()
    if (before === undefined) metrics.machines.inc()
    this.online$.next(true)
    return {
      take: (arrival) => this.#take(channel, agreed.version, arrival),
      end: () => {
        if (this.#channel !== channel) return
        this.#channel = undefined
        this.#agreed = undefined
        metrics.spoken.remove(agreed.hello)
        this.#offered$.next(0)
        this.#dropLanes()
        metrics.machines.dec()
        this.online$.next(false)
      },
    }
  }

  #dropLanes(): void {
    this.#lanes?.close()
    this.#lanes = undefined
  }

  #take(channel: Channel, version: number, arrival: Arrival): void {
    const { message } = arrival
    // What was agreed on before another version came in force.
    if (version < this.#inForce()) throw new Refusal('WRONG_VERSION')
    if (this.#channel !== channel || message.tag === 'Hello' || message.tag === 'Lane') throw new Refusal('BAD_MESSAGE')
    if (message.tag === 'Chunk') this.#payload.take(message.value.bytes.length)
    if (message.tag === 'OfferLanes') this.#offered$.next(message.value.lanes)
    this.messages$.next(arrival)
  }
}
