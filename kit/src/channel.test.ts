import { execFile } from 'node:child_process'
import { connect, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { StreamMuxerFactory } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { firstValueFrom, take, toArray } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CHANNEL_LIMITS, ChannelBusyError, ChannelClosedError, ChannelRefusedError, ChannelUnreachableError, ChannelWrongPeerError, channelKey, dialChannel, listenChannel, peerAddress } from './channel.ts'
import type { Channel, ChannelKey, ChannelLimits } from './channel.ts'
import { silentLog } from './log.ts'

const key = (n: number): ChannelKey => channelKey(new Uint8Array(32).fill(n))
const server = key(1)
const machine = key(2)
const other = key(3)
const stranger = key(9)
const PROTOCOL = '/assay/test/1'
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

let stop = new AbortController()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  stop.abort()
  stop = new AbortController()
  for (const clean of cleanups.splice(0)) await clean()
})

type Ended = { channel: Channel, frames: Uint8Array[], end: Promise<string> }

/** A listener that echoes; `ends` tells how each of its channels ended. */
async function listen(given: Partial<ChannelLimits> = {}, admit = (peer: string): string => (peer === stranger.publicKey ? 'STRANGER' : 'OK')) {
  const limits = { handshakeMs: 500, ...given }
  const taken: Ended[] = []
  const arrivals: ((ended: Ended) => void)[] = []
  const listener = await listenChannel({
    key: server, host: '127.0.0.1', port: 0, protocol: PROTOCOL, admit, limits, log: silentLog, signal: stop.signal,
    onChannel: (channel) => {
      const ended: Ended = { channel, frames: [], end: watch(channel, (frame) => {
        ended.frames.push(frame)
        channel.send(frame).catch(() => {})
      }) }
      taken.push(ended)
      arrivals.shift()?.(ended)
    },
  })
  cleanups.push(() => listener.close())
  const address = listener.addresses[0]!
  return { ...listener, address, port: Number(address.split('/')[4]), taken, next: () => new Promise<Ended>((resolve) => arrivals.push(resolve)) }
}

function watch(channel: Channel, onFrame: (frame: Uint8Array) => void = () => {}): Promise<string> {
  return new Promise((resolve) => channel.frames$.subscribe({ next: onFrame, complete: () => resolve('complete'), error: (error: { code: string }) => resolve(error.code) }))
}

const dial = (address: string, options: Partial<Parameters<typeof dialChannel>[0]> = {}) => dialChannel({ key: machine, address, expect: server.publicKey, protocol: PROTOCOL, timeoutMs: 3000, signal: stop.signal, ...options })

async function echo(channel: Channel, message: string): Promise<string> {
  const answer = firstValueFrom(channel.frames$)
  await channel.send(Buffer.from(message))
  return text(await answer)
}

function socket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const raw = connect({ port, host: '127.0.0.1' }, () => resolve(raw)).on('error', reject)
    cleanups.push(() => raw.destroy())
  })
}
const socketClosed = (raw: Socket): Promise<void> => new Promise((resolve) => void raw.on('error', () => {}).resume().once('close', () => resolve()))

/** A libp2p dialer without our limits, to send what our own would not. */
async function rawNode(who: ChannelKey, muxer: () => StreamMuxerFactory = yamux({ enableKeepAlive: false })) {
  const node = await createLibp2p({ privateKey: privateKeyFromRaw(Buffer.concat([who.seed, Buffer.from(who.publicKey.slice(2), 'hex')])), transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [muxer], connectionMonitor: { enabled: false }, connectionGater: {} })
  cleanups.push(() => node.stop())
  return node
}
async function rawStream(who: ChannelKey, address: string) {
  const node = await rawNode(who)
  const connection = await node.dial(multiaddr(address))
  const stream = await connection.newStream(PROTOCOL)
  return { node, connection, stream, closed: new Promise<void>((resolve) => connection.addEventListener('close', () => resolve())) }
}

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'))

it.runIf(hasIpv6)('listens and dials where there is IPv6 alone', async () => {
  const listener = await listenChannel({ key: server, host: '::1', port: 0, protocol: PROTOCOL, admit: () => 'OK', log: silentLog, signal: stop.signal, onChannel: (channel) => void watch(channel, (frame) => void channel.send(frame).catch(() => {})) })
  cleanups.push(() => listener.close())
  const [address = ''] = listener.addresses
  expect(address).toMatch(/^\/ip6\/::1\/tcp\/\d+\/p2p\//)
  expect(address).toBe(peerAddress(server.publicKey, '::1', Number(address.split('/')[4])))
  expect(await echo(await dial(address), 'over IPv6')).toBe('over IPv6')
})

describe('a channel', () => {
  it('carries frames both ways between proven keys', async () => {
    const { address, taken } = await listen()
    const channel = await dial(address)
    expect(channel.peer).toBe(server.publicKey)
    const replies = firstValueFrom(channel.frames$.pipe(take(100), toArray()))
    for (let i = 0; i < 100; i++) void channel.send(Buffer.from(`frame ${i}`))
    expect((await replies).map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `frame ${i}`))
    expect(taken[0]!.channel.peer).toBe(machine.publicKey)
  })
  it('takes one write to the socket for a short frame, and no answer of the transport, until so much has come that the sender needs room', async () => {
    const { address, next } = await listen({}, () => 'OK')
    const arrived = next()
    const channel = await dial(address)
    const { frames } = await arrived
    const write = vi.spyOn(Socket.prototype, 'write')
    cleanups.push(() => write.mockRestore())
    // What opening the connection still had to say.
    await new Promise((resolve) => setTimeout(resolve, 200))
    write.mockClear()
    void watch(channel)
    for (let i = 0; i < 20; i++) await channel.send(new Uint8Array(100).fill(1))
    await vi.waitFor(() => expect(frames).toHaveLength(20))
    await new Promise((resolve) => setTimeout(resolve, 50))
    // Each frame, and its echo.
    expect(write).toHaveBeenCalledTimes(40)
    write.mockClear()
    await channel.send(new Uint8Array(200_000).fill(1))
    await vi.waitFor(() => expect(frames).toHaveLength(21))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(write.mock.calls.some(([bytes]) => (bytes as Uint8Array).length < 40)).toBe(true)
  })

  it('is refused when there are as many as may be, which the listener hears of', async () => {
    const full: string[] = []
    const listener = await listenChannel({ key: server, host: '127.0.0.1', port: 0, protocol: PROTOCOL, admit: () => 'OK', onChannel: (channel) => void channel.frames$.subscribe({ error: () => {} }), onFull: (peer) => full.push(peer), limits: { maxChannels: 1 }, log: silentLog, signal: stop.signal })
    cleanups.push(() => listener.close())
    await dialChannel({ key: machine, address: listener.addresses[0]!, expect: server.publicKey, protocol: PROTOCOL, timeoutMs: 5000, signal: stop.signal })
    await expect(dialChannel({ key: other, address: listener.addresses[0]!, expect: server.publicKey, protocol: PROTOCOL, timeoutMs: 5000, signal: stop.signal })).rejects.toMatchObject({ code: 'FULL' })
    expect(full).toEqual([other.publicKey])
  })

  it('carries a frame of the full length, and refuses to send a longer or an empty one', async () => {
    const { address } = await listen({ maxFrameBytes: 3_000_000 })
    const channel = await dial(address, { limits: { maxFrameBytes: 3_000_000 } })
    const big = new Uint8Array(3_000_000).map((_, i) => i * 7)
    const reply = firstValueFrom(channel.frames$)
    await channel.send(big)
    expect(Buffer.compare(await reply, big)).toBe(0)
    await expect(channel.send(new Uint8Array(3_000_001))).rejects.toThrow(RangeError)
    await expect(channel.send(new Uint8Array(0))).rejects.toThrow(RangeError)
  })
  it('takes frames as long as the listener says when it comes; one that stands keeps its bound', async () => {
    let longest = 10
    const ends: Promise<string>[] = []
    const listener = await listenChannel({ key: server, host: '127.0.0.1', port: 0, protocol: PROTOCOL, admit: () => 'OK', maxFrameBytes: () => longest, log: silentLog, signal: stop.signal, onChannel: (channel) => void ends.push(watch(channel, (frame) => void channel.send(frame).catch(() => {}))) })
    cleanups.push(() => listener.close())
    const [address = ''] = listener.addresses
    const before = await dial(address)
    expect(await echo(before, 'ten bytes.')).toBe('ten bytes.')
    longest = 20
    await before.send(Buffer.from('eleven byte'))
    expect(await ends[0]).toBe('FRAME_TOO_LONG')
    expect(await echo(await dial(address), 'eleven byte')).toBe('eleven byte')
  })
  it('reads nothing before the first subscription and loses nothing', async () => {
    const { address } = await listen()
    const channel = await dial(address)
    await channel.send(Buffer.from('early'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(text(await firstValueFrom(channel.frames$))).toBe('early')
  })
  it('completes at both ends when one closes, and rejects later sends', async () => {
    const { address, next } = await listen()
    const arriving = next()
    const channel = await dial(address)
    const mine = watch(channel)
    const theirs = await arriving
    void channel.send(Buffer.from('last words'))
    await channel.close()
    expect([await mine, await theirs.end]).toEqual(['complete', 'complete'])
    expect(theirs.frames.map(text)).toEqual(['last words'])
    await channel.closed
    await expect(channel.send(Buffer.from('x'))).rejects.toThrow(ChannelClosedError)
    expect(await watch(channel)).toBe('complete')
  })
  it('outlives its idle time by signs of life', async () => {
    const { address } = await listen({ idleMs: 120 })
    const channel = await dial(address, { limits: { idleMs: 120 } })
    expect(await echo(channel, 'a')).toBe('a')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await echo(channel, 'b')).toBe('b')
  })
  it('keeps nothing of a send that waited for room, once it is sent', async () => {
    const { address } = await listen()
    const channel = await dial(address)
    const kept = vi.spyOn(channel.closed, 'then')
    const replies = firstValueFrom(channel.frames$.pipe(take(16), toArray()))
    await Promise.all(Array.from({ length: 16 }, () => channel.send(new Uint8Array(200_000))))
    await replies
    expect(kept).not.toHaveBeenCalled()
  })
  it('ends with the signal at both ends', async () => {
    const { address, next } = await listen()
    const arriving = next()
    const dialer = new AbortController()
    const channel = await dial(address, { signal: dialer.signal })
    const mine = watch(channel)
    const theirs = await arriving
    dialer.abort()
    expect([await mine, await theirs.end]).toEqual(['complete', 'complete'])
    const second = await dial(address)
    const end = watch(second)
    stop.abort()
    expect(await end).toBe('complete')
    await expect(dial(address, { signal: stop.signal })).rejects.toThrow()
  })
  it('keeps the rest of a send back until the peer reads, then says busy', async () => {
    const { address } = await listen({ maxPendingBytes: 256 * 1024 })
    const slow = await rawStream(machine, address)
    slow.stream.pause()
    const fast = await dial(address, { key: other, limits: { maxPendingBytes: 600_000 } })
    const chunk = new Uint8Array(200_000)
    // Nobody subscribes at the far end of `held`, so its window fills.
    const silent = await listenChannel({ key: key(4), host: '127.0.0.1', port: 0, protocol: PROTOCOL, admit: () => 'OK', onChannel: () => {}, log: silentLog, signal: stop.signal })
    cleanups.push(() => silent.close())
    const held = await dialChannel({ key: other, address: silent.addresses[0]!, expect: key(4).publicKey, protocol: PROTOCOL, timeoutMs: 3000, signal: stop.signal, limits: { maxPendingBytes: 600_000 } })
    const sends = Array.from({ length: 40 }, () => held.send(chunk))
    const results = await Promise.allSettled(sends.map((send) => Promise.race([send, new Promise((_, reject) => setTimeout(() => reject(new Error('waits')), 300))])))
    expect(results.some((result) => result.status === 'rejected' && result.reason instanceof ChannelBusyError)).toBe(true)
    expect(await echo(fast, 'not stalled')).toBe('not stalled')
    await held.close()
    for (const result of await Promise.allSettled(sends)) if (result.status === 'rejected') expect(['BUSY', 'CLOSED']).toContain((result.reason as { code: string }).code)
  })
})

describe('a turn of the event loop', () => {
  /** Counts turns until the test is over. */
  function turns(): () => number {
    let [turn, counts] = [0, true]
    const next = (): void => {
      turn++
      if (counts) setImmediate(next)
    }
    next()
    cleanups.push(() => (counts = false))
    return () => turn
  }
  it('sends one frame of a channel, however many its peer would take', async () => {
    const { address } = await listen()
    const channel = await dial(address)
    const turn = turns()
    const sent = await Promise.all(Array.from({ length: 20 }, () => channel.send(new Uint8Array(1000)).then(turn)))
    expect(new Set(sent).size).toBe(20)
  })
  it('reads a connection once, however much has come', async () => {
    const { address, next } = await listen()
    const arriving = next()
    const raw = await rawStream(machine, address)
    const { channel, frames } = await arriving
    const turn = turns()
    const arrived: number[] = []
    channel.frames$.subscribe({ next: () => void arrived.push(turn()), error: () => {} })
    // As much as the window lets through, at once, in frames of 8 KiB: of these a read has eight at most.
    for (let i = 0; i < 31; i++) raw.stream.send(new Uint8Array(Buffer.concat([Buffer.from([0, 32, 0, 0]), Buffer.alloc(8192)])))
    await expect.poll(() => frames.length).toBe(31)
    const most = Math.max(...[...Map.groupBy(arrived, (at) => at).values()].map(({ length }) => length))
    expect(most).toBeLessThanOrEqual(9)
  })
})

describe('dialling', () => {
  it('gives a stranger the code of its refusal and nothing else', async () => {
    const { address, taken } = await listen()
    await expect(dial(address, { key: stranger })).rejects.toEqual(new ChannelRefusedError('STRANGER', address))
    expect(taken).toEqual([])
  })
  it('hides a failing admission behind a code', async () => {
    const { address } = await listen({}, () => { throw new Error('secret') })
    await expect(dial(address)).rejects.toMatchObject({ code: 'INTERNAL' })
    const odd = await listen({}, () => 'free text\n')
    await expect(dial(odd.address)).rejects.toMatchObject({ code: 'REFUSED' })
  })
  it('tells a wrong peer from an unreachable one', async () => {
    const { address, port } = await listen()
    await expect(dial(peerAddress(other.publicKey, '127.0.0.1', port), { expect: other.publicKey, key: machine })).rejects.toThrow(ChannelWrongPeerError)
    await expect(dial(address, { expect: other.publicKey })).rejects.toThrow(ChannelWrongPeerError)
    await expect(dial('/ip4/127.0.0.1/tcp/1')).rejects.toThrow(ChannelUnreachableError)
    for (const bad of ['', 'x', '/ip4/127.0.0.1/udp/1/quic-v1', '/ip4/1.2.3.4/tcp/5/ws']) await expect(dial(bad), bad).rejects.toThrow(ChannelUnreachableError)
  })
  it('gives up on a listener that accepts and says nothing', async () => {
    const { createServer } = await import('node:net')
    const mute = createServer(() => {}).listen(0, '127.0.0.1')
    cleanups.push(() => mute.close())
    await new Promise((resolve) => mute.once('listening', resolve))
    const address = `/ip4/127.0.0.1/tcp/${(mute.address() as { port: number }).port}`
    await expect(dial(address, { timeoutMs: 200 })).rejects.toThrow(/no answer within 200 ms/)
  })
  it('speaks only its protocol', async () => {
    const { address } = await listen()
    await expect(dial(address, { protocol: '/assay/other/1' })).rejects.toThrow(ChannelUnreachableError)
  })
  it('replaces a peer\'s oldest channel with its newest, and refuses newcomers when full', async () => {
    const { address, next } = await listen({ maxChannels: 2 })
    const arriving = next()
    const first = await dial(address)
    const ghost = watch(first)
    const theirs = await arriving
    const second = await dial(address)
    expect([await ghost, await theirs.end]).toEqual(['complete', 'complete'])
    const third = await dial(address, { key: other })
    await expect(dial(address, { key: key(5) })).rejects.toMatchObject({ code: 'FULL' })
    expect([await echo(second, 'b'), await echo(third, 'c')]).toEqual(['b', 'c'])
    await third.close()
    await expect.poll(async () => dial(address, { key: key(5) }).then(() => 'taken', (error: { code: string }) => error.code)).toBe('taken')
  })
  it('beside the listener: a second protocol, whose channels replace nobody and are refused when they are too many', async () => {
    const sides: Ended[] = []
    const asked: string[] = []
    const listener = await listenChannel({
      key: server, host: '127.0.0.1', port: 0, protocol: PROTOCOL, admit: (peer) => (peer === stranger.publicKey ? 'STRANGER' : 'OK'), limits: { maxChannels: 1 }, log: silentLog, signal: stop.signal,
      onChannel: (channel) => void channel.frames$.subscribe((frame) => void channel.send(frame).catch(() => {})),
      beside: {
        protocol: '/assay/side/1', limits: { maxChannelsPerPeer: 2, maxChannels: 3, maxFrameBytes: 10 },
        admit: (peer) => (asked.push(peer), peer === key(5).publicKey ? 'NOT_ASKED' : 'OK'),
        onChannel: (channel) => void sides.push({ channel, frames: [], end: watch(channel) }),
      },
    })
    cleanups.push(() => listener.close())
    const address = listener.addresses[0]!
    const side = (who: ChannelKey = machine) => dial(address, { key: who, protocol: '/assay/side/1' })
    const main = await dial(address)
    const first = await side()
    await side()
    await expect(side()).rejects.toMatchObject({ code: 'FULL' })
    await side(other)
    await expect(side(other)).rejects.toMatchObject({ code: 'FULL' })
    await expect(side(key(5))).rejects.toMatchObject({ code: 'NOT_ASKED' })
    asked.length = 0
    await expect(side(stranger)).rejects.toMatchObject({ code: 'STRANGER' })
    expect(asked).toEqual([])
    expect(await echo(main, 'still here')).toBe('still here')
    await first.send(new Uint8Array(11))
    expect(await sides[0]!.end).toBe('FRAME_TOO_LONG')
    expect(await echo(main, 'and now')).toBe('and now')
    await expect.poll(async () => side().then(() => 'taken', (error: { code: string }) => error.code)).toBe('taken')
    await listener.close()
    expect(await sides[1]!.end).toBe('complete')
  })
  it('reports a taken port with advice', async () => {
    const { port } = await listen()
    await expect(listenChannel({ key: other, host: '127.0.0.1', port, protocol: PROTOCOL, admit: () => 'OK', onChannel: () => {}, log: silentLog, signal: stop.signal })).rejects.toMatchObject({ name: 'OperatorError', code: 'PORT' })
  })
})

describe('a hostile peer', () => {
  it('is cut at an oversized length, before its bytes come', async () => {
    const { address, next } = await listen({ maxFrameBytes: 1000 })
    const arriving = next()
    const raw = await rawStream(machine, address)
    const theirs = await arriving
    raw.stream.send(new Uint8Array([0xff, 0xff, 0xff, 0x7f]))
    expect(await theirs.end).toBe('FRAME_TOO_LONG')
    await raw.closed
  })
  it('is cut when it trickles a frame, or stays silent', async () => {
    const { address, next } = await listen({ idleMs: 150 })
    const arriving = next()
    const loris = await rawStream(machine, address)
    const theirs = await arriving
    const drip = setInterval(() => {
      try {
        loris.stream.send(new Uint8Array([100]))
      } catch {}
    }, 40)
    cleanups.push(() => clearInterval(drip))
    loris.stream.send(new Uint8Array([200, 0, 0, 0]))
    expect(await theirs.end).toBe('FRAME_TOO_SLOW')
    clearInterval(drip)
    const again = next()
    await rawStream(other, address)
    expect(await (await again).end).toBe('IDLE')
  })
  it('that never reads is cut', async () => {
    const { address, next } = await listen({ idleMs: 1500, maxFrameBytes: 8192 })
    const arriving = next()
    const raw = await rawStream(machine, address)
    raw.stream.pause()
    const theirs = await arriving
    const alive = setInterval(() => {
      try {
        raw.stream.send(new Uint8Array(4))
      } catch {}
    }, 40)
    cleanups.push(() => clearInterval(alive))
    const sends = Array.from({ length: 100 }, () => theirs.channel.send(new Uint8Array(8000)))
    const ends = await Promise.allSettled(sends)
    expect(ends.at(-1)!.status).toBe('rejected')
    expect(await theirs.end).toBe('STALLED')
  }, 20_000)
  it('ends inside a frame', async () => {
    const { address, next } = await listen()
    const arriving = next()
    const raw = await rawStream(machine, address)
    const theirs = await arriving
    raw.stream.send(new Uint8Array([9, 0, 0, 0, 1]))
    await raw.stream.close()
    expect(await theirs.end).toBe('FRAME_CUT')
  })
  it('vanishes without a word', async () => {
    const { address, next } = await listen()
    const arriving = next()
    const raw = await rawStream(machine, address)
    const theirs = await arriving
    raw.connection.abort(new Error('gone'))
    expect(await theirs.end).toBe('complete')
  })
  it('floods: it is read at its rate, and nobody else waits', async () => {
    const { address, next } = await listen({ maxFramesPerSecond: 50 })
    const arriving = next()
    const raw = await rawStream(machine, address)
    const theirs = await arriving
    const started = performance.now()
    raw.stream.send(new Uint8Array(Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([1, 0, 0, 0, 7])))))
    const honest = await dial(address, { key: other })
    for (let i = 0; i < 5; i++) expect(await echo(honest, `${i}`)).toBe(`${i}`)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const seconds = (performance.now() - started) / 1000
    expect(theirs.frames.length).toBeGreaterThanOrEqual(50)
    expect(theirs.frames.length).toBeLessThanOrEqual(50 + 50 * seconds + 1)
  })
  it('opens a second stream: the first stays, the second is reset', async () => {
    const { address, taken } = await listen()
    const { connection, stream } = await rawStream(machine, address)
    const second = await connection.newStream(PROTOCOL)
    if (second.status === 'open') await new Promise<void>((resolve) => second.addEventListener('close', () => resolve()))
    expect(stream.status).toBe('open')
    expect(taken.length).toBe(1)
  })
  it('opens a connection and no channel, or is a stranger that does not hang up: it is cut', async () => {
    const { address } = await listen()
    const idle = await (await rawNode(machine)).dial(multiaddr(address))
    const cut = new Promise<void>((resolve) => idle.addEventListener('close', () => resolve()))
    const lingering = await rawStream(stranger, address)
    await Promise.all([cut, lingering.closed])
  })
  it('opens connections on and on and no channel: it holds a few, and nobody else waits', async () => {
    const { address } = await listen({ handshakeMs: 600_000 })
    const opened = await Promise.all(Array.from({ length: 40 }, async () => (await rawNode(machine)).dial(multiaddr(address)).catch(() => null)))
    await expect.poll(() => opened.filter((connection) => connection?.status === 'open').length).toBe(CHANNEL_LIMITS.maxChannelsPerPeer + 8)
    expect(await echo(await dial(address, { key: other }), 'in')).toBe('in')
    opened.find((connection) => connection?.status === 'open')!.abort(new Error('gone'))
    await expect.poll(() => dial(address).then((channel) => echo(channel, 'in too'), () => 'full')).toBe('in too')
  }, 30_000)
  it('comes as many strangers: members still get in', async () => {
    const { address } = await listen()
    const strangers = await Promise.allSettled(Array.from({ length: 40 }, async (_, i) => (await rawNode(key(100 + i))).dial(multiaddr(address)))).then((all) => all.length)
    const admitted = await listen({}, (peer) => (peer === machine.publicKey ? 'OK' : 'STRANGER'))
    const held = await Promise.all(Array.from({ length: 30 }, async (_, i) => (await rawNode(key(50 + i))).dial(multiaddr(admitted.address)).then(() => true, () => false)))
    expect(strangers).toBe(40)
    expect(held.filter(Boolean).length).toBeLessThanOrEqual(30)
    expect(await echo(await dial(admitted.address), 'in')).toBe('in')
  }, 30_000)

  const garbage: Record<string, Uint8Array> = {
    nothing: new Uint8Array(0),
    zeros: new Uint8Array(5000),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'a huge varint': new Uint8Array(64).fill(0xff),
    noise: new Uint8Array(20_000).map((_, i) => (i * 197 + (i >> 3)) & 255),
    'multistream, then junk': Buffer.concat([Buffer.from([0x13]), Buffer.from('/multistream/1.0.0\n'), Buffer.from([7]), Buffer.from('/noise\n'), Buffer.alloc(3000, 0xaa)]),
  }
  for (const [name, bytes] of Object.entries(garbage)) {
    it(`sends ${name} instead of a handshake: it is cut, others do not notice`, async () => {
      const { address, port } = await listen()
      const raw = await socket(port)
      const closed = socketClosed(raw)
      raw.write(bytes)
      expect(await echo(await dial(address), 'fine')).toBe('fine')
      await closed
    }, 15_000)
  }
  it('opens sixty sockets and says nothing: members still get in', async () => {
    const { address, port } = await listen()
    await Promise.all(Array.from({ length: 60 }, () => socket(port)))
    expect(await echo(await dial(address), 'in')).toBe('in')
  })

  const header = (type: number, flags: number, stream: number, length: number): Buffer => {
    const bytes = Buffer.alloc(12)
    bytes.writeUInt8(type, 1)
    bytes.writeUInt16BE(flags, 2)
    bytes.writeUInt32BE(stream, 4)
    bytes.writeUInt32BE(length, 8)
    return bytes
  }
  /** Writes raw muxer bytes after a real handshake with a member's key, on and on while the connection lives. */
  async function rawMuxer(address: string, bytes: Uint8Array, times = 1): Promise<{ sent: number, pauseReading: () => void, closed: Promise<void> }> {
    const state = { sent: 0, pauseReading: () => {}, closed: Promise.resolve() }
    const node = await rawNode(machine, () => ({
      protocol: '/yamux/1.0.0',
      createStreamMuxer: (connection) => {
        state.pauseReading = () => connection.pause()
        state.closed = new Promise((resolve) => connection.addEventListener('close', () => resolve()))
        const muxer = yamux({ enableKeepAlive: false })().createStreamMuxer(connection)
        void (async () => {
          for (let i = 0; i < times && connection.status === 'open'; i++) {
            try {
              if (!connection.send(bytes)) await new Promise<void>((resolve) => (connection.addEventListener('drain', () => resolve(), { once: true }), connection.addEventListener('close', () => resolve(), { once: true })))
            } catch {
              break
            }
            state.sent += bytes.length
            if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
          }
        })()
        return muxer
      },
    }))
    await node.dial(multiaddr(address)).catch(() => {})
    return state
  }
  it('announces a transport frame of 4 GiB: it is cut at the window, not at the end of memory', async () => {
    const { address } = await listen({ maxPendingBytes: 256 * 1024 })
    const before = process.memoryUsage().arrayBuffers
    const state = await rawMuxer(address, Buffer.concat([header(0, 1, 1, 0xffffffff), Buffer.alloc(60_000)]), 2000)
    await state.closed
    expect(state.sent).toBeLessThan(40_000_000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
    expect(await echo(await dial(address, { key: other }), 'fine')).toBe('fine')
  }, 15_000)
  it('floods the transport with pings, opens thousands of streams, or answers pings that nobody sent: it is cut', async () => {
    const { address } = await listen()
    const pings = await rawMuxer(address, Buffer.concat(Array.from({ length: 100 }, (_, i) => header(2, 1, 0, i))), 2000)
    await pings.closed
    const streams = await rawMuxer(address, Buffer.concat(Array.from({ length: 500 }, (_, i) => header(1, 1, 2 * i + 1, 0))), 100)
    await streams.closed
    for (const odd of [header(2, 2, 0, 77), header(9, 0, 0, 0), header(0, 1, 2, 0), Buffer.from([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]), header(3, 0, 0, 99)]) await (await rawMuxer(address, odd)).closed
    expect(await echo(await dial(address, { key: other }), 'fine')).toBe('fine')
  }, 30_000)
})

it('leaves no handle open: a program that used channels ends by itself when its signal fires', async () => {
  const program = `
    import { channelKey, dialChannel, listenChannel } from ${JSON.stringify(new URL('channel.ts', import.meta.url).href)}
    import { silentLog } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)}
    const stop = new AbortController(), key = (n) => channelKey(new Uint8Array(32).fill(n))
    const listener = await listenChannel({ key: key(1), host: '127.0.0.1', port: 0, protocol: '/x/1', admit: (p) => p === key(9).publicKey ? 'NO' : 'OK', onChannel: (c) => c.frames$.subscribe({ next: (f) => void c.send(f).catch(() => {}), error() {} }), log: silentLog, signal: stop.signal })
    const dial = (n) => dialChannel({ key: key(n), address: listener.addresses[0], expect: key(1).publicKey, protocol: '/x/1', timeoutMs: 3000, signal: stop.signal })
    const channel = await dial(2)
    await dial(9).catch((error) => console.log(error.code))
    channel.frames$.subscribe({ next: () => { console.log('echo'); stop.abort(); const at = performance.now(); process.on('exit', () => console.log(performance.now() - at < 500 ? 'soon' : 'late')) }, complete: () => console.log('end') })
    await channel.send(new Uint8Array(9))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', program], { timeout: 20_000 })
  expect(stdout.trim().split('\n')).toEqual(['NO', 'echo', 'end', 'soon'])
}, 30_000)

it('CHANNEL_LIMITS and channelKey are what the docs say', () => {
  expect(CHANNEL_LIMITS.maxChannelsPerPeer).toBe(1)
  // RFC 8032, 7.1, test 1
  expect(channelKey(Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')).publicKey).toBe('0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
})
