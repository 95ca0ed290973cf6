// A machine's side of the channels: one to each checker of the network, dialled out, kept up, redialled with growing patience.
import { EMPTY, Observable, Subject, catchError, defer, distinctUntilChanged, filter, map, mergeMap, of, pairwise, repeat, startWith, takeUntil, tap, timer } from 'rxjs'
import type { SchedulerLike } from 'rxjs'
import { asyncScheduler } from 'rxjs'
import type { Channel } from '@assay/kit/channel'
import type { Log } from '@assay/kit/log'
import { RELEASE } from '@assay/kit/release'
import { backoffMs, shareLatest, takeUntilAborted } from '@assay/kit/streams'
import { hello, LANE_PROTOCOL, MalformedError, versionsText, WIRE_PROTOCOL } from '@assay/protocol'
import type { AccountId, CheckerMessage, Hash, MachineMessage, Versions, Wire } from '@assay/protocol'
import { Lanes } from './lanes.ts'
import type { ProviderMetrics } from './metrics.ts'
import { type Had, nothingHad, Transfers } from './transfers.ts'

/** What a connection is for: a conversation, or a lane beside it. */
export type ChannelProtocol = typeof WIRE_PROTOCOL | typeof LANE_PROTOCOL

/** A checker to keep a channel to. */
export interface CheckerTarget { account: AccountId, peer: Hash, addresses: readonly string[] }

/** What a round's job sees of the channels. */
export interface Links {
  /** what admitted checkers say of rounds */
  messages$: Observable<{ checker: AccountId, message: RoundMessage }>
  /** each time a checker becomes reachable */
  opened$: Observable<AccountId>
  /** checkers reachable now */
  open(): AccountId[]
  /** True when the channel took the message; false when there is no channel, it is full, or it closed. Never rejects. */
  send(checker: AccountId, message: MachineMessage): Promise<boolean>
}

export type RoundMessage = Extract<CheckerMessage, { tag: 'Nonce' | 'Receipt' }>

export interface LinksDeps {
  network: AccountId
  /** the checkers of the network, each time they may have changed */
  checkers$: Observable<readonly CheckerTarget[]>
  dial(target: CheckerTarget, address: string, protocol: ChannelProtocol, signal: AbortSignal): Promise<Channel>
  wire(): Wire
  /** versions of the protocol in which this machine would speak now */
  versions(): Versions
  /** lanes that a checker may ask for in a measurement; 0 to be measured over one connection */
  lanes: number
  /** how long lanes may be open */
  laneMs(): number
  /** the round of the best block */
  round(): number
  /** in [0, 1), spreads the redials of a fleet */
  random(): number
  log: Log
  metrics: Pick<ProviderMetrics, 'links' | 'dials' | 'refusedMessages' | 'transferBytes'>
  signal: AbortSignal
  scheduler?: SchedulerLike
}

/** A checker said no, or said nothing, after the channel was open. */
export class ConversationError extends Error {
  override readonly name = 'ConversationError'
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const FIRST_BACKOFF_MS = 250
const MAX_BACKOFF_MS = 10_000
/** From the first dial to the checker's welcome. */
const OPENING_MS = 10_000
/** A conversation of that length proves the other end sound: the next redial is quick again. */
const SOUND_MS = 5000

/** A machine that has just registered is ahead of a checker that waits for the block to be confirmed, and of one that starts: half a minute of refusals is no trouble. */
const STRANGER = 'NOT_ELIGIBLE'
const STRANGER_TRIES = 8

/** Why a conversation ends that is begun again at once, in version 1: its greeting was not understood. */
const OLDER = 'OLDER_CHECKER'
/** What is spoken with a checker that knows nothing of other versions. */
const FIRST: Versions = { lowest: 1, highest: 1 }

type LinkEvent = { kind: 'open', version: number } | { kind: 'message', message: RoundMessage }

/** Keeps channels to all checkers until the signal fires. */
export function createLinks(deps: LinksDeps): Links {
  const { log, metrics, signal } = deps
  const scheduler = deps.scheduler ?? asyncScheduler
  const channels = new Map<AccountId, Channel>()
  const events$ = new Subject<LinkEvent & { checker: AccountId }>()
  const had = new Map<AccountId, Had>()
  const hadBy = (checker: AccountId): Had => {
    const known = had.get(checker) ?? nothingHad()
    had.set(checker, known)
    return known
  }
  const register: Register = {
    add: (checker, channel) => {
      channels.set(checker, channel)
      metrics.links.set(channels.size)
    },
    remove: (checker, channel) => {
      if (channels.get(checker) === channel) channels.delete(checker)
      metrics.links.set(channels.size)
    },
  }

  const wanted$ = deps.checkers$.pipe(
    map((targets) => new Map(targets.map((target) => [keyOf(target), target]))),
    distinctUntilChanged((a, b) => a.size === b.size && [...a.keys()].every((key) => b.has(key))),
    shareLatest(),
  )
  const links$ = wanted$.pipe(
    startWith(new Map<string, CheckerTarget>()),
    pairwise(),
    mergeMap(([before, now]) => [...now].filter(([key]) => !before.has(key))),
    // Side by side, without limit: the ledger decides how many there are. A checker that left, or moved, ends its own link alone.
    mergeMap(([key, target]) =>
      keptUp$(target).pipe(
        map((event) => ({ ...event, checker: target.account })),
        takeUntil(wanted$.pipe(filter((now) => !now.has(key)))),
      ),
    ),
    takeUntilAborted(signal),
  )

  function keptUp$(target: CheckerTarget): Observable<LinkEvent> {
    let failures = 0
    let openedAt: number | undefined
    let lastCode = ''
    /** Refusals in a row as one that the checker's ledger does not have. */
    let strangers = 0
    let toldOpen = false
    let older = false
    return defer(() => conversation$(target, older ? FIRST : deps.versions(), deps, scheduler, register, hadBy(target.account))).pipe(
      tap((event) => {
        if (event.kind !== 'open') return
        openedAt = scheduler.now()
        strangers = 0
        metrics.dials.inc({ result: 'open' })
        if (!toldOpen) log.info('checker connected', { checker: target.account, version: event.version })
        toldOpen = true
      }),
      catchError((error: unknown) => {
        const code = String((error as { code?: unknown }).code ?? 'FAILED')
        older = code === OLDER
        if (older) {
          metrics.dials.inc({ result: 'older' })
          log.debug('checker older', { checker: target.account })
          return EMPTY
        }
        metrics.dials.inc({ result: openedAt === undefined ? 'failed' : 'lost' })
        strangers = code === STRANGER && openedAt === undefined ? strangers + 1 : 0
        if (strangers > 0 && strangers < STRANGER_TRIES) {
          log.debug('checker does not know us yet', { checker: target.account })
          return EMPTY
        }
        // Once for each kind of trouble: a checker that is down for a day is not a line every ten seconds.
        if (code !== lastCode) {
          log.warn(openedAt === undefined ? 'checker not reachable' : 'checker lost', { checker: target.account, error })
          toldOpen = false
        }
        lastCode = code
        return EMPTY
      }),
      repeat({
        delay: () => {
          if (older) return timer(0, scheduler)
          // Nor is one that lets us in and throws us out, again and again.
          if (openedAt !== undefined && scheduler.now() - openedAt >= SOUND_MS) [failures, lastCode] = [0, '']
          openedAt = undefined
          return timer(backoffMs(failures++, { firstMs: FIRST_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, random: deps.random }), scheduler)
        },
      }),
    )
  }

  links$.subscribe(events$)

  return {
    messages$: events$.pipe(mergeMap((event) => (event.kind === 'message' ? of({ checker: event.checker, message: event.message }) : EMPTY))),
    opened$: events$.pipe(mergeMap((event) => (event.kind === 'open' ? of(event.checker) : EMPTY))),
    open: () => [...channels.keys()],
    send: async (checker, message) => {
      try {
        await channels.get(checker)?.send(deps.wire().machine.encode(message))
        return channels.has(checker)
      } catch (error) {
        // Larger than what the network now allows, or no room: the caller sees that it did not go out.
        if (error instanceof RangeError) log.error('message not sent', { checker, message: message.tag, error })
        return false
      }
    },
  }
}

/** Channels that were welcomed. */
interface Register {
  add(checker: AccountId, channel: Channel): void
  remove(checker: AccountId, channel: Channel): void
}

/** One channel's life: dial, hello in these versions, welcome, then messages; errors when it ends or breaks the rules, and closes the channel when it is left. */
function conversation$(target: CheckerTarget, versions: Versions, deps: LinksDeps, scheduler: SchedulerLike, register: Register, had: Had): Observable<LinkEvent> {
  const { metrics } = deps
  return new Observable<LinkEvent>((subscriber) => {
    const left = new AbortController()
    let channel: Channel | undefined
    let lanes: Lanes | undefined
    let welcome = false
    let version = versions.highest
    const fail = (code: string, message: string): void => subscriber.error(new ConversationError(code, message))
    const say = (open: Channel, message: MachineMessage): Promise<void> => open.send(deps.wire().machine.encode(message))
    const refused = (reason: string): void => metrics.refusedMessages.inc({ reason })

    const hear = (open: Channel, transfers: Transfers, frame: Uint8Array): void => {
      let message: CheckerMessage
      try {
        message = deps.wire().checker.decode(frame)
      } catch (error) {
        if (!(error instanceof MalformedError)) return subscriber.error(error)
        refused('MALFORMED')
        return fail('MALFORMED', `the checker sent a malformed message (${error.code})`)
      }
      if (message.tag === 'WrongVersion') return fail('WRONG_VERSION', apart(versions, message.value))
      if (message.tag === 'Refused') {
        const { code } = message.value
        if (!welcome && versions.highest > 1 && (code === 'BAD_MESSAGE' || code === 'WRONG_VERSION')) return versions.lowest === 1 ? fail(OLDER, 'the checker does not know this greeting') : fail('WRONG_VERSION', apart(versions, FIRST))
        return fail(code, code === 'WRONG_VERSION' ? `the checker no longer speaks ${versionsText(versions)}: this machine is to be updated` : `the checker refused: ${code}`)
      }
      if (message.tag === 'Welcome') {
        if (welcome) return fail('MALFORMED', 'the checker welcomed twice')
        version = message.value.version
        if (version < versions.lowest || version > versions.highest) return fail('WRONG_VERSION', `the checker chose version ${version}, and this machine offered ${versionsText(versions)}: the checker is to be mended`)
        welcome = true
        register.add(target.account, open)
        if (deps.lanes > 0) say(open, { tag: 'OfferLanes', value: { lanes: deps.lanes } }).catch(() => {}) // closed, which its own end tells
        return subscriber.next({ kind: 'open', version })
      }
      if (!welcome) return fail('NO_WELCOME', `the checker began with ${message.tag} instead of a welcome`)
      switch (message.tag) {
        case 'Ping':
          return void say(open, { tag: 'Pong', value: { id: message.value.id } }).catch(() => {})
        case 'OpenLanes':
        case 'Download':
        case 'Upload':
        case 'Chunk':
          return void transfers.take(message).then(
            (verdict) => {
              if (verdict !== 'OK') refused(verdict)
              if (verdict === 'TOO_MUCH') fail('TOO_MUCH', 'the checker sent more payload than a measurement has')
            },
            () => {}, // the channel closed, which its own end tells
          )
        case 'Nonce':
          // It measures no more.
          transfers.endUploads()
          return subscriber.next({ kind: 'message', message })
        case 'Receipt':
          return subscriber.next({ kind: 'message', message })
      }
    }

    const begin = async (): Promise<void> => {
      const { channel: open, address } = await dialAny(target, deps, left.signal)
      if (left.signal.aborted) return open.close()
      channel = open
      const beside = (lanes = new Lanes({
        network: deps.network, version: () => version, wire: deps.wire, lifeMs: deps.laneMs, scheduler,
        dial: (signal) => deps.dial(target, address, LANE_PROTOCOL, signal),
        take: async (payload, stream) => {
          const verdict = await transfers.takePiece(payload, stream)
          if (verdict !== 'OK') refused(verdict)
          return verdict === 'OK'
        },
      }))
      const transfers = new Transfers({
        send: (message) => say(open, message), round: deps.round, had, mostStrayBytes: () => 2 * deps.wire().maxPayloadBytes, count: (direction, bytes) => metrics.transferBytes.inc({ direction }, bytes),
        lanes: { offered: deps.lanes, open: (id, count) => beside.open(id, count), streams: (id) => beside.streams(id), read: () => beside.read(), send: (message, lane) => beside.send(message, lane) },
      })
      open.frames$.subscribe({
        next: (frame) => void (left.signal.aborted || hear(open, transfers, frame)),
        error: (error: unknown) => subscriber.error(error),
        complete: () => fail('CLOSED', 'the checker closed the channel'),
      })
      await say(open, hello({ versions, network: deps.network, release: RELEASE }))
    }
    begin().catch((error: unknown) => subscriber.error(error))
    const patience = timer(OPENING_MS, scheduler).subscribe(() => void (welcome || fail('NO_WELCOME', `the checker did not welcome this machine within ${OPENING_MS} ms`)))
    return () => {
      left.abort()
      patience.unsubscribe()
      lanes?.close()
      if (!channel) return
      register.remove(target.account, channel)
      void channel.close()
    }
  })
}

/** Who is to be updated, where a machine and a checker have no version in common. */
function apart(machine: Versions, checker: Versions): string {
  return `the checker speaks ${versionsText(checker)}, this machine ${versionsText(machine)}: ${checker.highest < machine.lowest ? 'the checker' : 'this machine'} is to be updated`
}

async function dialAny(target: CheckerTarget, deps: LinksDeps, signal: AbortSignal): Promise<{ channel: Channel, address: string }> {
  let last: unknown = new ConversationError('NO_ADDRESS', 'the checker names no address')
  for (const address of target.addresses) {
    try {
      return { channel: await deps.dial(target, address, WIRE_PROTOCOL, signal), address }
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw last
}

const keyOf = ({ account, peer, addresses }: CheckerTarget): string => [account, peer, ...addresses].join(' ')
