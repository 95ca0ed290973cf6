// An encrypted channel of frames between two ed25519 keys. libp2p (tcp, noise, yamux) lies below and shows nowhere above: one connection carries one
// channel, the listener's first frame says whether the dialer is welcome, and every limit is ours, because a peer may be anybody.
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { isIP } from 'node:net'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, MessageStream, MultiaddrConnection, PeerId, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Libp2p } from 'libp2p'
import { Observable, Subject } from 'rxjs'
import { Allowance, ChannelAbuseError, FrameReader, encodeFrame } from './frame.ts'
import { OperatorError } from './lifecycle.ts'
import type { Log } from './log.ts'

export { ChannelAbuseError } from './frame.ts'

type Hex = `0x${string}`

/** An ed25519 key: the 32-byte seed of RFC 8032 and the public key. */
export interface ChannelKey { seed: Uint8Array, publicKey: Hex }

export interface ChannelLimits {
  /** longest payload of a frame; more is abuse */
  maxFrameBytes: number
  /** what is read from a peer in a second; a faster one is read more slowly, through the transport's back-pressure, and nobody else is */
  maxFramesPerSecond: number
  maxBytesPerSecond: number
  /** bytes of sends that wait, and bytes received that wait; at least 256 KiB are granted to the transport */
  maxPendingBytes: number
  /** a peer without a whole frame (signs of life go to and fro by themselves) for that long is cut; so is one that does not read for that long */
  idleMs: number
  /** from the socket to the channel, at the listener */
  handshakeMs: number
  /** with one more of a peer, its oldest is closed: a machine that restarts need not wait for its ghost */
  maxChannelsPerPeer: number
  /** with one more, the newcomer is refused (FULL) */
  maxChannels: number
}

/** Limits that fit small services; each may be set. */
export const CHANNEL_LIMITS: ChannelLimits = {
  maxFrameBytes: 1 << 20, maxFramesPerSecond: 1000, maxBytesPerSecond: 64 << 20, maxPendingBytes: 4 << 20, idleMs: 20_000, handshakeMs: 5000, maxChannelsPerPeer: 1, maxChannels: 1024,
}

export interface Channel {
  /** the other end's proven public key */
  peer: Hex
  /** payloads in order. Nothing is read before the first subscription. Completes when the channel ends, errors with ChannelAbuseError when the peer broke a limit. */
  frames$: Observable<Uint8Array>
  /** Resolves when the transport took the frame; rejects with ChannelClosedError, ChannelBusyError (maxPendingBytes) or RangeError (maxFrameBytes). */
  send(frame: Uint8Array): Promise<void>
  /** Sends what was accepted, for a second at most, then ends the channel. Never rejects. */
  close(): Promise<void>
  /** resolves when the channel has ended, for whatever reason */
  closed: Promise<void>
}

/** The listener does not want this peer; `code` is what its `admit` said, FULL, or REPLACED. */
export class ChannelRefusedError extends Error {
  override readonly name = 'ChannelRefusedError'
  readonly code: string
  constructor(code: string, address: string) {
    super(`${address} refused the channel: ${code}`)
    this.code = code
  }
}
export class ChannelUnreachableError extends Error {
  override readonly name = 'ChannelUnreachableError'
  readonly code = 'UNREACHABLE'
}
export class ChannelWrongPeerError extends Error {
  override readonly name = 'ChannelWrongPeerError'
  readonly code = 'WRONG_PEER'
}
export class ChannelClosedError extends Error {
  override readonly name = 'ChannelClosedError'
  readonly code = 'CLOSED'
}
export class ChannelBusyError extends Error {
  override readonly name = 'ChannelBusyError'
  readonly code = 'BUSY'
}

const MAX_STRANGERS = 16
/** Connections of a peer beside its channels: those that are opening, refused or ending. */
const MAX_UNTAKEN = 8
const MAX_PENDING = 256
const MAX_PENDING_PER_HOST = 64
const REFUSAL = /^[A-Z][A-Z_]{0,39}$/

/** The key of a 32-byte seed. */
export function channelKey(seed: Uint8Array): ChannelKey {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const spki = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })).export({ format: 'der', type: 'spki' })
  return { seed: new Uint8Array(seed), publicKey: toHex(spki.subarray(-32)) }
}

/**
 * The multiaddr of a listener.
 * @example peerAddress('0x…', '127.0.0.1', 4001) // '/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo…'
 */
export function peerAddress(publicKey: Hex, host: string, port: number): string {
  const kind = isIP(host) === 4 ? 'ip4' : isIP(host) === 6 ? 'ip6' : 'dns'
  return `/${kind}/${host}/tcp/${port}/p2p/${peerIdOf(publicKey)}`
}

export interface ListenOptions {
  key: ChannelKey
  host: string
  /** 0 takes any free port */
  port: number
  protocol: string
  /** asked for each connection and again for its channel, before any frame; anything but OK is sent as the refusal's code (A-Z and _, at most 40) */
  admit: (peer: Hex) => 'OK' | (string & {})
  /** gets each admitted channel; subscribe to its frames here */
  onChannel: (channel: Channel) => void
  /** hears of each channel that was refused because there are as many as may be */
  onFull?: (peer: Hex) => void
  limits?: Partial<ChannelLimits>
  /** asked for each channel, in the place of the limit maxFrameBytes */
  maxFrameBytes?: () => number
  beside?: SideDoor
  log: Log
  signal: AbortSignal
}

/**
 * A second protocol on the port of a listener, for peers whom the listener admits too. Its channels are counted by themselves and take nobody's place: with one more than `maxChannelsPerPeer`
 * or `maxChannels` the newcomer is refused (FULL). The transport's limits are the listener's.
 */
export interface SideDoor extends Pick<ListenOptions, 'protocol' | 'admit' | 'onChannel' | 'onFull' | 'limits' | 'maxFrameBytes'> {}

/** Listens for channels until the signal fires or `close` is called; then all of its channels end. Throws OperatorError PORT. */
export async function listenChannel({ key, host, port, protocol, admit, onChannel, onFull = () => {}, limits: given, maxFrameBytes, beside, log, signal }: ListenOptions): Promise<{ addresses: string[], close(): Promise<void> }> {
  signal.throwIfAborted()
  const limits = { ...CHANNEL_LIMITS, ...given }
  const main: Door = { protocol, admit, onChannel, onFull, limits, maxFrameBytes: maxFrameBytes ?? (() => limits.maxFrameBytes), newestStays: true, channels: new Map() }
  const doors = beside === undefined ? [main] : [main, sideDoor(beside)]
  const pending = new Map<MultiaddrConnection, string>()
  const strangers = new Set<MultiaddrConnection>()
  const welcome = (peer: Hex, door: Door): string => {
    try {
      const answer = door.admit(peer)
      return answer === 'OK' || REFUSAL.test(answer) ? answer : 'REFUSED'
    } catch (error) {
      log.error('admission failed', { peer, error })
      return 'INTERNAL'
    }
  }

  const held = new Map<Hex, number>()
  const mostHeld = MAX_UNTAKEN + doors.reduce((sum, door) => sum + door.limits.maxChannelsPerPeer, 0)
  /** Counts a member's connection while it lasts, if it may have one more. */
  const mayHold = (peer: Hex, connection: MultiaddrConnection): boolean => {
    const before = held.get(peer) ?? 0
    if (before >= mostHeld) return false
    held.set(peer, before + 1)
    connection.addEventListener('close', () => {
      const left = held.get(peer)! - 1
      if (left > 0) held.set(peer, left)
      else held.delete(peer)
    }, { once: true })
    return true
  }

  const node = await startNode(key, limits, {
    listen: [`/${isIP(host) === 6 ? 'ip6' : isIP(host) === 4 ? 'ip4' : 'dns4'}/${host}/tcp/${port}`],
    maxInboundStreams: 2,
    maxChannels: doors.reduce((sum, door) => sum + door.limits.maxChannels, 0),
    gater: {
      // Before the handshake: one address cannot take all the places of those who are shaking hands.
      denyInboundConnection: (connection) => {
        const address = connection.remoteAddr.toString().split('/').slice(1, 3).join('/')
        if ([...pending.values()].filter((other) => other === address).length >= MAX_PENDING_PER_HOST) return true
        pending.set(connection, address)
        connection.addEventListener('close', () => pending.delete(connection))
        return false
      },
      // After it: no member takes the places of others by connections that never become channels; strangers get their refusal, but only a few at a time, so that they never stand in a member's way.
      denyInboundEncryptedConnection: (peerId, connection) => {
        const peer = publicKeyOf(peerId)
        if (peer === undefined) return true
        if (welcome(peer, main) === 'OK') return !mayHold(peer, connection)
        if (strangers.size >= MAX_STRANGERS) return true
        strangers.add(connection)
        connection.addEventListener('close', () => strangers.delete(connection))
        return false
      },
      denyInboundUpgradedConnection: (_peerId, connection) => {
        pending.delete(connection)
        return false
      },
    },
  }).catch((cause: unknown) => {
    throw new OperatorError('PORT', `cannot listen on ${host}:${port} (${messageOf(cause)})`, { advice: 'Choose another port, or stop the program that uses this one.', cause })
  })

  const taken = new WeakSet<Connection>()
  node.addEventListener('connection:open', ({ detail: connection }) => {
    const timer = setTimeout(() => void (taken.has(connection) || connection.abort(new Error('no channel was opened in time'))), limits.handshakeMs)
    connection.addEventListener('close', () => {
      clearTimeout(timer)
      // Or the book of peers would grow with every stranger's key.
      node.peerStore.delete(connection.remotePeer).catch(() => {})
    })
  })

  const accept = async (door: Door, stream: Stream, connection: Connection): Promise<void> => {
    const { limits, channels } = door
    const peer = publicKeyOf(connection.remotePeer)
    if (peer === undefined || taken.has(connection) || closing) return stream.abort(new Error('one channel a connection'))
    taken.add(connection)
    const total = [...channels.values()].reduce((sum, list) => sum + list.length, 0)
    const own = channels.get(peer) ?? []
    // Strangers come as far as this, for their refusal: a door that knows nothing of them must not take it for an admission.
    const atAll = welcome(peer, main)
    const answer = atAll === 'OK' && door !== main ? welcome(peer, door) : atAll
    const isNew = own.length < limits.maxChannelsPerPeer
    const isFull = isNew ? total >= limits.maxChannels : !door.newestStays
    const refusal = answer !== 'OK' ? answer : isFull ? 'FULL' : undefined
    if (refusal !== undefined) {
      log.debug('channel refused', { peer, code: refusal })
      if (answer === 'OK') door.onFull(peer)
      return hangUp(stream, connection, refusal)
    }
    while (own.length >= limits.maxChannelsPerPeer) void own.shift()?.close()
    const channel = new StreamChannel(peer, stream, { ...limits, maxFrameBytes: door.maxFrameBytes() }, () => endConnection(connection))
    channels.set(peer, [...own, channel])
    void channel.closed.then(() => {
      const left = (channels.get(peer) ?? []).filter((other) => other !== channel)
      if (left.length > 0) channels.set(peer, left)
      else channels.delete(peer)
    })
    try {
      await channel.send(WELCOME)
      door.onChannel(channel)
    } catch (error) {
      if (!(error instanceof ChannelClosedError)) log.error('channel not taken', { peer, error })
      await channel.close()
    }
  }

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      signal.removeEventListener('abort', close)
      await Promise.all(doors.flatMap(({ channels }) => [...channels.values()].flat()).map((channel) => channel.close()))
      await stopNode(node)
    })()
    return closing
  }
  for (const door of doors) await node.handle(door.protocol, (stream, connection) => void accept(door, stream, connection).catch((error: unknown) => log.debug('channel failed', { error })), { maxInboundStreams: 2 })
  signal.addEventListener('abort', close, { once: true })
  if (signal.aborted) {
    await close()
    signal.throwIfAborted()
  }
  const addresses = node.getMultiaddrs().map(String)
  return { addresses, close }
}

/** A protocol of a listener, with what came through it. */
interface Door extends Required<SideDoor> {
  limits: ChannelLimits
  /** whether one more of a peer closes its oldest */
  newestStays: boolean
  channels: Map<Hex, StreamChannel[]>
}

function sideDoor({ limits: given, ...rest }: SideDoor): Door {
  const limits = { ...CHANNEL_LIMITS, ...given }
  return { onFull: () => {}, maxFrameBytes: () => limits.maxFrameBytes, ...rest, limits, newestStays: false, channels: new Map() }
}

export interface DialOptions {
  key: ChannelKey
  /** multiaddr, with or without /p2p/ */
  address: string
  /** the public key that the other end must prove */
  expect: Hex
  protocol: string
  limits?: Partial<ChannelLimits>
  /** until the listener's welcome */
  timeoutMs: number
  signal: AbortSignal
}

/** Opens a channel. Throws ChannelRefusedError, ChannelUnreachableError or ChannelWrongPeerError, or the signal's reason. The signal ends an open channel too. */
export async function dialChannel({ key, address, expect, protocol, limits: given, timeoutMs, signal }: DialOptions): Promise<Channel> {
  signal.throwIfAborted()
  const limits = { ...CHANNEL_LIMITS, ...given }
  const where = plainAddress(address, expect)
  const deadline = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([signal, deadline])
  const node = await startNode(key, limits, { listen: [], maxInboundStreams: 0, maxChannels: 1, gater: {} })
  const stop = (): Promise<void> => stopNode(node)
  try {
    const connection = await node.dial(where, { signal: either })
    const peer = publicKeyOf(connection.remotePeer)
    if (peer !== expect) throw new ChannelWrongPeerError(`${address} is held by ${peer ?? 'a key of another kind'}, not by ${expect}`)
    const stream = await connection.newStream(protocol, { signal: either })
    const channel = new StreamChannel(peer, stream, limits, stop)
    try {
      await readWelcome(channel, address, either)
    } catch (error) {
      await channel.close()
      throw error
    }
    const end = (): void => void channel.close()
    signal.addEventListener('abort', end, { once: true })
    void channel.closed.then(() => signal.removeEventListener('abort', end))
    if (signal.aborted) {
      await channel.close()
      signal.throwIfAborted()
    }
    return channel
  } catch (error) {
    await stop()
    signal.throwIfAborted()
    if (error instanceof ChannelRefusedError || error instanceof ChannelWrongPeerError) throw error
    throw new ChannelUnreachableError(`${address} cannot be reached: ${deadline.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error)}`, { cause: error })
  }
}

const WELCOME = new Uint8Array([0])

/** Reads the listener's first frame: 0 is a welcome, 1 and a code a refusal. */
function readWelcome(channel: StreamChannel, address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    channel.first((frame) => {
      signal.removeEventListener('abort', onAbort)
      if (frame?.length === 1 && frame[0] === 0) return resolve()
      const code = frame?.[0] === 1 ? Buffer.from(frame.subarray(1, 41)).toString('latin1') : ''
      reject(frame === undefined ? new ChannelClosedError('the channel was closed before a welcome') : new ChannelRefusedError(REFUSAL.test(code) ? code : 'REFUSED', address))
    })
  })
}

async function hangUp(stream: Stream, connection: Connection, code: string): Promise<void> {
  try {
    stream.send(encodeFrame(new Uint8Array([1, ...Buffer.from(code, 'latin1')])))
    await stream.close({ signal: AbortSignal.timeout(1000) })
    // The dialer closes when it has read the code; one that does not is cut.
    if (connection.status === 'open') await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000)
      connection.addEventListener('close', () => (clearTimeout(timer), resolve()))
    })
  } finally {
    connection.abort(new Error(code))
  }
}

async function endConnection(connection: Connection): Promise<void> {
  await connection.close({ signal: AbortSignal.timeout(1000) }).catch(() => {})
  if (connection.status !== 'closed') connection.abort(new Error('channel ended'))
}

/** A channel over one libp2p stream. */
class StreamChannel implements Channel {
  readonly peer: Hex
  readonly frames$: Observable<Uint8Array>
  readonly closed: Promise<void>
  readonly #stream: Stream
  readonly #limits: ChannelLimits
  readonly #release: () => Promise<void>
  readonly #reader: FrameReader
  readonly #out = new Subject<Uint8Array>()
  readonly #frames: Allowance
  readonly #bytes: Allowance
  readonly #pulse: NodeJS.Timeout
  #first: ((frame: Uint8Array | undefined) => void) | undefined
  #wanted = false
  #paused = false
  #remoteEnded = false
  #throttle: NodeJS.Timeout | undefined
  #pendingBytes = 0
  #sending: Promise<void> = Promise.resolve()
  #lastFrameAt = now()
  #sendingSince: number | undefined
  #ending: Promise<void> | undefined
  #isEnded = false
  #markClosed!: () => void
  /** ends the wait of the send whose turn it is */
  #giveUp = (): void => {}

  constructor(peer: Hex, stream: Stream, limits: ChannelLimits, release: () => Promise<void>) {
    this.peer = peer
    this.#stream = stream
    this.#limits = limits
    this.#release = release
    this.#reader = new FrameReader(limits.maxFrameBytes)
    this.#frames = new Allowance(limits.maxFramesPerSecond, now())
    this.#bytes = new Allowance(limits.maxBytesPerSecond, now())
    this.closed = new Promise((resolve) => void (this.#markClosed = resolve))
    this.frames$ = new Observable((subscriber) => {
      const subscription = this.#out.subscribe(subscriber)
      this.#wanted = true
      this.#read()
      return subscription
    })
    stream.addEventListener('message', (event) => {
      this.#reader.push(event.data instanceof Uint8Array ? event.data : event.data.subarray())
      this.#read()
    })
    stream.addEventListener('remoteCloseWrite', () => this.#onRemoteEnd())
    stream.addEventListener('close', () => this.#onRemoteEnd())
    this.#pulse = setInterval(() => this.#beat(), Math.max(10, Math.floor(limits.idleMs / 4)))
  }

  /** Takes the first frame apart from `frames$`; undefined if the channel ends before it. */
  first(take: (frame: Uint8Array | undefined) => void): void {
    this.#first = take
    this.#read()
  }

  async send(payload: Uint8Array): Promise<void> {
    if (payload.length > this.#limits.maxFrameBytes) throw new RangeError(`a frame of ${payload.length} bytes is longer than the limit of ${this.#limits.maxFrameBytes}`)
    if (payload.length === 0) throw new RangeError('a frame must not be empty')
    return this.#sendFrame(payload)
  }

  close(): Promise<void> {
    return this.#end(undefined, 1000)
  }

  async #sendFrame(payload: Uint8Array): Promise<void> {
    if (this.#ending) throw new ChannelClosedError('the channel is closed')
    const size = payload.length + 4
    if (this.#pendingBytes > 0 && this.#pendingBytes + size > this.#limits.maxPendingBytes) throw new ChannelBusyError(`${this.#pendingBytes} bytes wait for the peer already, the limit is ${this.#limits.maxPendingBytes}`)
    this.#pendingBytes += size
    const turn = this.#sending.then(async () => {
      if (this.#isEnded) throw new ChannelClosedError('the channel is closed')
      this.#sendingSince = now()
      this.#stream.send(encodeFrame(payload))
      while (!this.#isEnded && this.#stream.writableNeedsDrain) await this.#drain()
      if (this.#isEnded) throw new ChannelClosedError('the channel was closed before the frame was sent')
      // A frame a turn: a peer that grants itself any window would else take this process from all others.
      await turnOfLoop()
    })
    this.#sending = turn.catch(() => {}).then(() => {
      this.#pendingBytes -= size
      this.#sendingSince = undefined
    })
    return turn.catch((error: unknown) => {
      throw error instanceof ChannelClosedError ? error : new ChannelClosedError(`the channel was closed: ${messageOf(error)}`)
    })
  }

  // One event at a time, and nothing left behind it: libp2p's own onDrain() keeps its first promise for ever, and a promise that lives as long as the channel keeps whoever waits for it.
  #drain(): Promise<void> {
    return new Promise((resolve) => {
      const moved = (): void => {
        this.#stream.removeEventListener('drain', moved)
        this.#stream.removeEventListener('close', moved)
        resolve()
      }
      this.#stream.addEventListener('drain', moved)
      this.#stream.addEventListener('close', moved)
      this.#giveUp = moved
    })
  }

  /** Hands out whole frames as far as the peer's allowance goes, and lets the transport hold the rest. */
  #read(): void {
    try {
      while (!this.#ending && this.#throttle === undefined) {
        const first = this.#first
        if (!first && !this.#wanted) break
        const wait = Math.max(this.#frames.waitMs(now()), this.#bytes.waitMs(now()))
        if (wait > 0) {
          this.#throttle = setTimeout(() => {
            this.#throttle = undefined
            this.#lastFrameAt = now()
            this.#read()
          }, wait)
          break
        }
        const frame = this.#reader.next()
        if (frame === undefined) break
        this.#lastFrameAt = now()
        this.#frames.take(1, now())
        this.#bytes.take(frame.length + 4, now())
        if (frame.length === 0) continue
        this.#first = undefined
        if (first) first(frame)
        else this.#out.next(frame)
      }
    } catch (error) {
      return void this.#end(error instanceof ChannelAbuseError ? error : undefined, 0)
    }
    if (this.#ending) return
    const waits = this.#throttle !== undefined || (!this.#wanted && !this.#first)
    if (this.#remoteEnded) {
      if (waits) return
      return void this.#end(this.#reader.heldBytes > 0 ? new ChannelAbuseError('FRAME_CUT', 'the peer ended the channel inside a frame') : undefined, 0)
    }
    this.#setPaused(waits)
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused || this.#stream.readStatus === 'closed' || this.#stream.readStatus === 'closing') return
    this.#paused = paused
    if (paused) this.#stream.pause()
    else this.#stream.resume()
  }

  #onRemoteEnd(): void {
    if (this.#remoteEnded || this.#ending) return
    // What arrived before the end is still handed out; it is no more than a window.
    this.#setPaused(false)
    this.#remoteEnded = true
    this.#read()
  }

  #beat(): void {
    const at = now()
    const { idleMs } = this.#limits
    if (this.#sendingSince !== undefined && at - this.#sendingSince > idleMs + (this.#limits.maxFrameBytes / SLOWEST_BYTES) * 1000) {
      return void this.#end(new ChannelAbuseError('STALLED', `the peer has not read for ${idleMs} ms`), 0)
    }
    // A large frame on a thin line is allowed its time; a byte now and then is not.
    const inFrame = this.#reader.heldBytes
    const reading = this.#throttle === undefined && (this.#wanted || this.#first !== undefined)
    if (reading && at - this.#lastFrameAt > idleMs + (inFrame / SLOWEST_BYTES) * 1000) {
      const slow = inFrame > 0
      return void this.#end(new ChannelAbuseError(slow ? 'FRAME_TOO_SLOW' : 'IDLE', slow ? `a frame came too slowly: ${inFrame} bytes in ${idleMs} ms` : `the peer gave no sign of life for ${idleMs} ms`), 0)
    }
    if (this.#pendingBytes === 0) this.#sendFrame(SIGN_OF_LIFE).catch(() => {})
  }

  #end(reason: ChannelAbuseError | undefined, flushMs: number): Promise<void> {
    this.#ending ??= (async () => {
      if (flushMs > 0) {
        let timer: NodeJS.Timeout | undefined
        await Promise.race([this.#sending, new Promise((resolve) => void (timer = setTimeout(resolve, flushMs)))])
        clearTimeout(timer)
      }
      this.#isEnded = true
      clearInterval(this.#pulse)
      clearTimeout(this.#throttle)
      const first = this.#first
      this.#first = undefined
      first?.(undefined)
      if (reason) this.#out.error(reason)
      else this.#out.complete()
      if (reason) this.#stream.abort(reason)
      else await this.#stream.close({ signal: AbortSignal.timeout(1000) }).catch(() => {})
      await this.#release().catch(() => {})
      this.#markClosed()
      this.#giveUp()
    })()
    return this.#ending
  }
}

const SIGN_OF_LIFE = new Uint8Array(0)
const SLOWEST_BYTES = 8192

interface NodeInit {
  listen: string[]
  maxInboundStreams: number
  maxChannels: number
  gater: {
    denyInboundConnection?: (connection: MultiaddrConnection) => boolean
    denyInboundEncryptedConnection?: (peerId: PeerId, connection: MultiaddrConnection) => boolean
    denyInboundUpgradedConnection?: (peerId: PeerId, connection: MultiaddrConnection) => boolean
  }
}

async function startNode(key: ChannelKey, limits: ChannelLimits, init: NodeInit): Promise<Libp2p> {
  const inactivity = 2 * limits.idleMs + limits.handshakeMs
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(Buffer.concat([key.seed, Buffer.from(key.publicKey.slice(2), 'hex')])),
    addresses: { listen: init.listen },
    transports: [tcp({ inboundSocketInactivityTimeout: inactivity, outboundSocketInactivityTimeout: inactivity, maxConnections: init.maxChannels + MAX_PENDING + MAX_STRANGERS })],
    connectionEncrypters: [noise()],
    streamMuxers: [boundedYamux(limits, init.maxInboundStreams)],
    connectionGater: init.gater,
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: init.maxChannels + MAX_STRANGERS + MAX_PENDING,
      maxIncomingPendingConnections: MAX_PENDING,
      inboundConnectionThreshold: MAX_PENDING_PER_HOST,
      inboundUpgradeTimeout: limits.handshakeMs,
      inboundStreamProtocolNegotiationTimeout: limits.handshakeMs,
      reconnectRetries: 0,
    },
  })
  // It asks for all of them whenever one comes, and makes the list by copying it once for each.
  const { components } = node as unknown as { components: { connectionManager: { connections: Map<PeerId, Connection[]>, getConnections(peer?: PeerId): Connection[] } } }
  const { connectionManager: manager } = components
  manager.getConnections = (peer) => (peer === undefined ? [...manager.connections.values()].flat() : (manager.connections.get(peer) ?? []))
  return node
}

async function stopNode(node: Libp2p): Promise<void> {
  try {
    await node.stop()
  } catch {
    // What could not be closed in time was cut.
  }
  // Its listener's end starts a timer of a second, after it has stopped, that would only hold the process.
  ;(node as unknown as { components?: { addressManager?: { _updatePeerStoreAddresses?: { stop?(): void } } } }).components?.addressManager?._updatePeerStoreAddresses?.stop?.()
}

/**
 * Yamux with the bounds it lacks: it gathers a data frame of any announced length before it looks at the window, answers pings without counting them,
 * queues its answers for a peer that never reads, and takes two megabytes of a connection that is full before anybody else has a turn.
 */
function boundedYamux(limits: ChannelLimits, maxInboundStreams: number) {
  const window = Math.max(256 * 1024, Math.min(16 << 20, limits.maxPendingBytes))
  const create = yamux({ maxInboundStreams, maxEarlyStreams: 2, streamOptions: { maxStreamWindowSize: window, maxReadBufferLength: 2 * window, inactivityTimeout: 2 * limits.idleMs + limits.handshakeMs } })
  return (): StreamMuxerFactory => {
    const factory = create()
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        connection.maxWriteBufferLength = 2 * window + limits.maxFrameBytes
        const muxer = factory.createStreamMuxer(connection) as StreamMuxer as StreamMuxer & YamuxInside
        const frames = new Allowance(1000 + 4 * limits.maxFramesPerSecond, now())
        const { onData, handleFrame } = muxer
        const rest = restAfterRead(connection)
        sparing(connection as StreamMuxerConnection & Partial<NoiseInside>)
        spareWindowUpdates(muxer)
        muxer.onData = (bytes) => {
          rest(bytes.byteLength)
          onData.call(muxer, bytes)
          if (muxer.decoder.buffer.byteLength > window + 64) throw new Error('a transport frame is longer than the window')
        }
        muxer.handleFrame = (frame) => {
          frames.take(1, now())
          if (frames.waitMs(now()) > 0) throw new Error('too many transport frames')
          handleFrame.call(muxer, frame)
        }
        return muxer
      },
    }
  }
}

/** Every connection of the transport has it, although its interface does not say so. */
type Readable = MessageStream & { readonly readStatus?: string }

/** What a connection may read in a turn of the event loop without a rest: more than a few messages, less than a full read of a socket, after which libuv would read again at once. */
const READ_A_TURN = 32 << 10

let turn = 0
let isTurnOver = true
/** The number of this turn of the event loop, as far as anybody asks. */
function thisTurn(): number {
  if (isTurnOver) setImmediate(() => (isTurnOver = true))
  if (isTurnOver) turn++
  isTurnOver = false
  return turn
}

/** Has a connection that reads much read no more in this turn of the event loop, once what was read is handed out. To stop and begin again costs two calls of the system, so few bytes are no reason to. */
function restAfterRead(connection: Readable): (bytes: number) => void {
  let resting = false
  let readIn = 0
  let read = 0
  /** False if the connection is ending, which says so by itself. */
  const tried = (change: () => void): boolean => {
    try {
      change()
      return true
    } catch {
      return false
    }
  }
  const pause = (): void => {
    resting = connection.readStatus === 'readable' && tried(() => connection.pause())
    if (resting) setImmediate(resume)
  }
  const resume = (): void => {
    resting = false
    if (connection.readStatus === 'paused') tried(() => connection.resume())
  }
  return (bytes) => {
    const now = thisTurn()
    read = readIn === now ? read + bytes : bytes
    readIn = now
    if (resting || read < READ_A_TURN) return
    resting = true
    queueMicrotask(pause)
  }
}

type StreamMuxerConnection = Parameters<StreamMuxerFactory['createStreamMuxer']>[0]

/** What is used of the inside of an encrypted connection; as of the muxer's, a test fails if it changes. */
interface NoiseInside {
  encrypt(chunk: unknown): { subarray(): Uint8Array }
  decoder: { lengthDecoder(data: { byteLength: number }): number }
}

const NO_LENGTH_YET = new RangeError('a length has two bytes')

/**
 * Takes from an encrypted connection what costs more than it does. Noise gives a message's length, its bytes and its tag one by one, and each would be a write of its own to the socket. And its decoder
 * ends every read by an error, that there is no further length: to make one takes longer than to decrypt a short message.
 */
function sparing(connection: StreamMuxerConnection & Partial<NoiseInside>): void {
  const { encrypt, decoder } = connection
  if (encrypt === undefined || decoder === undefined) return
  connection.encrypt = (chunk) => encrypt.call(connection, chunk).subarray()
  const { lengthDecoder } = decoder
  decoder.lengthDecoder = (data) => {
    if (data.byteLength < 2) throw NO_LENGTH_YET
    return lengthDecoder(data)
  }
}

/** Yamux answers every data frame by a frame that gives back the room it took; here it waits until that is worth a frame. A window has 256 KiB at least, so nobody runs out of it. */
const WORTH_AN_UPDATE = 16 << 10
/** A stream whose opening both ends have told each other: nothing but room is in its updates. */
const ESTABLISHED = 3

function spareWindowUpdates(muxer: YamuxInside): void {
  const { _newStream } = muxer
  muxer._newStream = (...args) => {
    const stream = _newStream.apply(muxer, args)
    const { sendWindowUpdate } = stream
    stream.sendWindowUpdate = () => {
      if (stream.state === ESTABLISHED && stream.recvWindow - stream.recvWindowCapacity < WORTH_AN_UPDATE) return
      sendWindowUpdate.call(stream)
    }
    return stream
  }
}

/** What is used of the muxer's inside; the version is pinned, and the hostile tests fail if it changes. */
interface YamuxInside {
  onData(bytes: { byteLength: number }): void
  _newStream(...args: unknown[]): YamuxStreamInside
  handleFrame(frame: unknown): void
  decoder: { buffer: { byteLength: number } }
}

interface YamuxStreamInside {
  state: number
  recvWindow: number
  recvWindowCapacity: number
  sendWindowUpdate(): void
}

const now = (): number => performance.now()
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const toHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
/** A peer key as multiaddrs name it: `12D3Koo…`. */
export const peerIdOf = (publicKey: Hex): PeerId => peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(publicKey.slice(2), 'hex')))
const publicKeyOf = (peer: PeerId): Hex | undefined => (peer.type === 'Ed25519' ? toHex(peer.publicKey.raw) : undefined)

/** The address without its peer id, which is checked after the handshake so that the error can name who is there instead. */
function plainAddress(address: string, expect: Hex): Multiaddr {
  let parts: string[]
  try {
    parts = multiaddr(address).toString().split('/p2p/')
  } catch (cause) {
    throw new ChannelUnreachableError(`${JSON.stringify(address.slice(0, 200))} is not a multiaddr`, { cause })
  }
  if (parts[1] !== undefined && parts[1] !== peerIdOf(expect).toString()) throw new ChannelWrongPeerError(`${address} names another peer than ${expect}`)
  if (!/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+$/.test(parts[0]!)) throw new ChannelUnreachableError(`${address} is not a tcp address`)
  return multiaddr(parts[0]!)
}
