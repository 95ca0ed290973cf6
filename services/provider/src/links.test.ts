import { BehaviorSubject, Subject, VirtualTimeScheduler } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { ChannelRefusedError, ChannelUnreachableError } from '@assay/kit/channel'
import type { Channel } from '@assay/kit/channel'
import { createLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { RELEASE } from '@assay/kit/release'
import { CHUNK_BYTES, devnetParameters, hello, VERSIONS, wire } from '@assay/protocol'
import type { AccountId, CheckerMessage, MachineMessage } from '@assay/protocol'
import { createLinks } from './links.ts'
import type { CheckerTarget } from './links.ts'
import { providerMetrics } from './metrics.ts'

const id = (n: number): AccountId => `0x${n.toString(16).padStart(2, '0').repeat(32)}`
const network = id(0xaa)
const target = (n: number, addresses = [`/ip4/127.0.0.1/tcp/${n}`]): CheckerTarget => ({ account: id(n), peer: id(n + 100), addresses })
const codecs = wire(devnetParameters(0, 0))

/** The far end of a channel, and what the machine sent to it. */
class FakeChannel implements Channel {
  readonly frames$ = new Subject<Uint8Array>()
  readonly heard: MachineMessage[] = []
  readonly peer = id(1)
  closes = 0
  full = false
  closed: Promise<void> = new Promise(() => {})
  send = async (frame: Uint8Array): Promise<void> => {
    if (this.full) throw new Error('busy')
    this.heard.push(codecs.machine.decode(frame))
  }
  close = async (): Promise<void> => void this.closes++
  say(message: CheckerMessage): void {
    this.frames$.next(codecs.checker.encode(message))
  }
  welcome(): void {
    this.say({ tag: 'Welcome', value: { version: 1, best: 7 } })
  }
}

type Answer = (address: string) => Promise<Channel>

function setup(targets: CheckerTarget[] = [target(1)], answers: Answer[] = [], lanes = 0, versions = VERSIONS) {
  const scheduler = new VirtualTimeScheduler(undefined, Infinity)
  const checkers$ = new BehaviorSubject(targets)
  const dials: { address: string, protocol: string, at: number }[] = []
  const channels: FakeChannel[] = []
  const lines: string[] = []
  const stop = new AbortController()
  const metrics = providerMetrics(createMetrics('provider'))
  const links = createLinks({
    network, checkers$, lanes, laneMs: () => 3000, wire: () => codecs, versions: () => versions, round: () => 5, random: () => 0, metrics, signal: stop.signal, scheduler,
    log: createLog({ json: true, level: 'info', write: (line) => void lines.push(line) }),
    dial: (_, address, protocol) => {
      dials.push({ address, protocol, at: scheduler.now() })
      const answer = answers.shift()
      if (answer) return answer(address)
      const channel = new FakeChannel()
      channels.push(channel)
      return Promise.resolve(channel)
    },
  })
  const messages: unknown[] = []
  const opened: AccountId[] = []
  links.messages$.subscribe((message) => messages.push(message))
  links.opened$.subscribe((checker) => opened.push(checker))
  /** Lets promises settle, then runs what is due within `ms` of virtual time. */
  const pass = async (ms: number): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    const end = scheduler.frame + ms
    for (let next = scheduler.actions[0]; next && next.delay <= end; next = scheduler.actions[0]) {
      scheduler.maxFrames = next.delay
      scheduler.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    scheduler.frame = end
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { links, checkers$, dials, channels, lines, stop, messages, opened, pass, metrics, scheduler }
}

describe('links', () => {
  it('dial each checker, say hello, are open after the welcome, and pass on what belongs to rounds', async () => {
    const t = setup([target(1), target(2)])
    await t.pass(0)
    expect(t.channels.map(({ heard }) => heard)).toEqual(Array(2).fill([hello({ versions: VERSIONS, network, release: RELEASE })]))
    expect(t.links.open()).toEqual([])
    expect(await t.links.send(id(1), { tag: 'Pong', value: { id: 0 } })).toBe(false)
    t.channels[0]!.welcome()
    expect([t.links.open(), t.opened]).toEqual([[id(1)], [id(1)]])
    const nonce: CheckerMessage = { tag: 'Nonce', value: { round: 5, signature: new Uint8Array(64).fill(1) } }
    t.channels[0]!.say(nonce)
    expect(t.messages).toEqual([{ checker: id(1), message: nonce }])
    expect(await t.links.send(id(1), { tag: 'NotRun', value: { round: 5, reason: 'BUSY' } })).toBe(true)
    expect(t.channels[0]!.heard.at(-1)).toEqual({ tag: 'NotRun', value: { round: 5, reason: 'BUSY' } })
    t.channels[0]!.full = true
    expect(await t.links.send(id(1), { tag: 'Pong', value: { id: 0 } })).toBe(false)
    expect(await t.links.send(id(3), { tag: 'Pong', value: { id: 0 } })).toBe(false)
    expect(await t.links.send(id(1), { tag: 'Openings', value: { round: 5, blob: new Uint8Array(10_000_000) } })).toBe(false)
    expect(t.lines.join()).toContain('message not sent')
  })
  it('answer pings and measurements by themselves', async () => {
    const t = setup()
    await t.pass(0)
    t.channels[0]!.welcome()
    t.channels[0]!.say({ tag: 'Ping', value: { id: 9 } })
    t.channels[0]!.say({ tag: 'Upload', value: { id: 2, round: 5, seed: new Uint8Array(32), bytes: 100 } })
    t.channels[0]!.say({ tag: 'Download', value: { id: 3, round: 5, bytes: 0 } })
    t.channels[0]!.say({ tag: 'Chunk', value: { id: 77, bytes: new Uint8Array(1) } })
    await t.pass(0)
    expect(t.channels[0]!.heard.slice(1).map(({ tag }) => tag)).toEqual(['Pong', 'Chunk', 'DownloadDone'])
    expect(t.messages).toEqual([])
    expect(await t.metrics.text()).toContain('assay_provider_refused_messages_total{reason="NOT_ASKED"} 1')
  })
  it('open lanes for a measurement, take their pieces and end them when it is done with, refused, or out of time', async () => {
    const open = async () => {
      const t = setup([target(1)], [], 3)
      await t.pass(0)
      const [main] = t.channels as [FakeChannel]
      main.welcome()
      main.say({ tag: 'OpenLanes', value: { id: 9, round: 5, lanes: 2 } })
      await t.pass(0)
      const [one, two] = t.channels.slice(1) as [FakeChannel, FakeChannel]
      return { ...t, main, one, two, said: () => main.heard.map(({ tag }) => tag) }
    }
    const chunk = (length: number, id = 9): CheckerMessage => ({ tag: 'Chunk', value: { id, bytes: new Uint8Array(length) } })
    const download: CheckerMessage = { tag: 'Download', value: { id: 9, round: 5, bytes: 2 * CHUNK_BYTES + 7 } }

    const t = await open()
    expect(t.said()).toEqual(['Hello', 'OfferLanes'])
    expect(t.dials.map(({ address, protocol }) => [address, protocol])).toEqual([['/ip4/127.0.0.1/tcp/1', '/assay/1'], ...Array(2).fill(['/ip4/127.0.0.1/tcp/1', '/assay/1/lane'])])
    expect([t.one.heard, t.two.heard]).toEqual([1, 2].map((lane) => [{ tag: 'Lane', value: { version: 1, network, id: 9, lane } }]))
    expect([t.one.frames$.observed, t.links.open().length]).toEqual([false, 1])
    t.main.say(download)
    await t.pass(0)
    t.two.say(chunk(7))
    t.one.say(chunk(CHUNK_BYTES))
    t.main.say(chunk(CHUNK_BYTES))
    await t.pass(0)
    expect(t.said()).toEqual(['Hello', 'OfferLanes', 'DownloadDone'])
    t.main.say({ tag: 'Upload', value: { id: 9, round: 5, seed: new Uint8Array(32), bytes: CHUNK_BYTES + 1 } })
    await t.pass(0)
    expect([t.main, t.one, t.two].map(({ heard }) => heard.filter(({ tag }) => tag === 'Chunk').length)).toEqual([1, 1, 0])
    await t.pass(2990)
    expect([t.one.closes, t.two.closes]).toEqual([0, 0])
    await t.pass(20)
    expect([t.main.closes, t.one.closes, t.two.closes]).toEqual([0, 1, 1])

    const ends: Record<string, (t: Awaited<ReturnType<typeof open>>) => void> = {
      'a piece too many': ({ one }) => (one.say(chunk(CHUNK_BYTES)), one.say(chunk(1))),
      'a piece of the wrong size': ({ two }) => two.say(chunk(8)),
      'a piece of something else': ({ one }) => one.say(chunk(CHUNK_BYTES, 8)),
      'another message': ({ one }) => one.say({ tag: 'Ping', value: { id: 1 } }),
      'a refusal': ({ one }) => one.say({ tag: 'Refused', value: { code: 'TOO_MUCH' } }),
      'no message': ({ one }) => one.frames$.next(new Uint8Array([99])),
      'the end of one': ({ two }) => two.frames$.complete(),
      'a fault of one': ({ two }) => two.frames$.error(new Error('IDLE')),
    }
    for (const [what, act] of Object.entries(ends)) {
      const t = await open()
      t.main.say(download)
      await t.pass(0)
      act(t)
      await t.pass(0)
      expect([t.one.closes, t.two.closes, t.main.closes], what).toEqual([1, 1, 0])
      t.main.say({ tag: 'Upload', value: { id: 9, round: 5, seed: new Uint8Array(32), bytes: 9 } })
      await t.pass(0)
      expect(t.said(), what).toEqual(['Hello', 'OfferLanes'])
      expect(await t.metrics.text(), what).toContain('reason="NO_LANES"} 1')
    }
    const last = await open()
    last.main.frames$.complete()
    await last.pass(0)
    expect([last.one.closes, last.two.closes]).toEqual([1, 1])
  })
  it('take the offer of lanes back when one cannot be dialled or does not take its name, and are measured over one stream then', async () => {
    const full = async (): Promise<Channel> => Object.assign(new FakeChannel(), { full: true })
    const down = () => Promise.reject(new ChannelRefusedError('NOT_ASKED', 'x'))
    for (const answer of [down, full]) {
      const main = new FakeChannel()
      const t = setup([target(1)], [async () => main, answer], 3)
      await t.pass(0)
      main.welcome()
      main.say({ tag: 'OpenLanes', value: { id: 9, round: 5, lanes: 2 } })
      await t.pass(0)
      expect(main.heard.slice(1)).toEqual([3, 0].map((lanes) => ({ tag: 'OfferLanes', value: { lanes } })))
      expect(t.channels.map(({ closes }) => closes)).toEqual([1])
      main.say({ tag: 'Download', value: { id: 10, round: 5, bytes: 0 } })
      await t.pass(0)
      expect(main.heard.at(-1)!.tag).toBe('DownloadDone')
    }
  })
  it('give lanes up for a later measurement without taking the offer back', async () => {
    let late!: (channel: Channel) => void
    const main = new FakeChannel()
    const t = setup([target(1)], [async () => main, () => new Promise((resolve) => void (late = resolve))], 1)
    await t.pass(0)
    main.welcome()
    main.say({ tag: 'OpenLanes', value: { id: 9, round: 5, lanes: 1 } })
    await t.pass(0)
    main.say({ tag: 'OpenLanes', value: { id: 10, round: 6, lanes: 1 } })
    await t.pass(0)
    const channel = new FakeChannel()
    late(channel)
    await t.pass(0)
    expect([channel.closes, t.channels.length, t.channels[0]!.closes]).toEqual([1, 1, 0])
    expect(main.heard.map(({ tag }) => tag)).toEqual(['Hello', 'OfferLanes'])
  })
  it('measure once a round for a checker, also when it hangs up and is dialled again, or moves', async () => {
    const t = setup()
    const upload: CheckerMessage = { tag: 'Upload', value: { id: 2, round: 5, seed: new Uint8Array(32), bytes: 100 } }
    for (const n of [0, 1, 2]) {
      await t.pass(500)
      const channel = t.channels.at(-1)!
      channel.welcome()
      channel.say(upload)
      await t.pass(0)
      expect(channel.heard.slice(1).map(({ tag }) => tag)).toEqual(n === 0 ? ['Chunk'] : [])
      if (n === 1) t.checkers$.next([target(1, ['/ip4/127.0.0.1/tcp/9'])])
      else channel.frames$.complete()
    }
  })
  it('leave a checker that sends payload which nobody is told of, at more than two measurements have', async () => {
    const t = setup()
    await t.pass(0)
    const [channel] = t.channels
    channel!.welcome()
    const pieces = (2 * codecs.maxPayloadBytes) / CHUNK_BYTES
    for (let i = 0; i < pieces; i++) channel!.say({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(CHUNK_BYTES) } })
    await t.pass(0)
    expect(channel!.closes).toBe(0)
    channel!.say({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(1) } })
    await t.pass(0)
    expect(channel!.closes).toBe(1)
    expect(t.lines.join()).toContain('"error":{"code":"TOO_MUCH"')
  })
  it('end an upload that is still under way when the nonce comes', async () => {
    const t = setup()
    await t.pass(0)
    const [channel] = t.channels
    channel!.welcome()
    channel!.say({ tag: 'Upload', value: { id: 2, round: 5, seed: new Uint8Array(32), bytes: 16 * CHUNK_BYTES } })
    channel!.say({ tag: 'Nonce', value: { round: 5, signature: new Uint8Array(64) } })
    await t.pass(0)
    expect(channel!.heard.filter(({ tag }) => tag === 'Chunk').length).toBe(1)
  })
  it('redial with growing patience, say each kind of trouble once, and are quick again after a sound conversation', async () => {
    const down = () => Promise.reject(new ChannelUnreachableError('nothing there'))
    const t = setup([target(1)], [down, down, down, down, () => Promise.reject(new ChannelRefusedError('FULL', 'x'))])
    await t.pass(33_000)
    // Half of 250, 500, 1000 … ms, as the random number is 0.
    expect(t.dials.slice(0, 6).map(({ at }) => at)).toEqual([0, 125, 375, 875, 1875, 3875])
    expect(t.lines.filter((line) => line.includes('not reachable')).map((line) => JSON.parse(line).error.code)).toEqual(['UNREACHABLE', 'FULL', 'NO_WELCOME'])
    const last = t.channels.at(-1)!
    last.welcome()
    await t.pass(6000)
    const before = t.dials.length
    last.frames$.complete()
    await t.pass(130)
    expect(t.dials.length).toBe(before + 1)
    expect(t.links.open()).toEqual([])
  })
  it('give a checker time to learn of them before they say that it does not know them', async () => {
    const stranger = () => Promise.reject(new ChannelRefusedError('NOT_ELIGIBLE', 'x'))
    const t = setup([target(1)], Array.from({ length: 12 }, () => stranger))
    const said = (): string[] => t.lines.filter((line) => line.includes('not reachable')).map((line) => JSON.parse(line).error.code)
    await t.pass(12_000)
    expect(t.dials.length).toBe(7)
    expect(said()).toEqual([])
    await t.pass(20_000)
    expect(said()).toEqual(['NOT_ELIGIBLE'])
  })
  it('begin to wait anew after a conversation, and say at once that one which they had is lost', async () => {
    const stranger = () => Promise.reject(new ChannelRefusedError('NOT_ELIGIBLE', 'x'))
    const t = setup([target(1)], Array.from({ length: 3 }, () => stranger))
    await t.pass(900)
    const channel = t.channels.at(-1)!
    channel.welcome()
    await t.pass(0)
    channel.frames$.error(new ChannelRefusedError('NOT_ELIGIBLE', 'x'))
    await t.pass(0)
    expect(t.lines.filter((line) => line.includes('checker lost')).map((line) => JSON.parse(line).error.code)).toEqual(['NOT_ELIGIBLE'])
    expect(t.lines.filter((line) => line.includes('not reachable'))).toEqual([])
  })
  it('say no more of a checker that lets them in and throws them out, again and again', async () => {
    const t = setup()
    for (let i = 0; i < 10; i++) {
      await t.pass(10_000)
      t.channels.at(-1)!.welcome()
      await t.pass(100)
      t.channels.at(-1)!.frames$.complete()
      await t.pass(0)
    }
    expect(t.channels.length).toBeGreaterThan(9)
    expect(t.lines.map((line) => JSON.parse(line).event).filter((event) => /^checker (lost|connected)/.test(event))).toEqual(['checker connected', 'checker lost', 'checker connected'])
  })
  it('try the addresses of a checker in order', async () => {
    const t = setup([target(1, ['/x', '/y'])], [() => Promise.reject(new ChannelUnreachableError('no x'))])
    await t.pass(0)
    expect(t.dials.map(({ address }) => address)).toEqual(['/x', '/y'])
  })
  it('follow the registry: a new checker is dialled, one that left or moved is closed, others are left alone', async () => {
    const t = setup([target(1), target(2)])
    await t.pass(0)
    for (const channel of t.channels) channel.welcome()
    t.checkers$.next([target(1), target(2)])
    t.checkers$.next([target(1), target(3)])
    await t.pass(0)
    expect(t.channels.map(({ closes }) => closes)).toEqual([0, 1, 0])
    expect(t.dials.map(({ address }) => address.split('/').at(-1))).toEqual(['1', '2', '3'])
    expect(t.links.open()).toEqual([id(1)])
    t.checkers$.next([target(1, ['/ip4/127.0.0.1/tcp/9']), target(3)])
    await t.pass(0)
    expect(t.channels[0]!.closes).toBe(1)
    expect(t.dials.at(-1)!.address).toBe('/ip4/127.0.0.1/tcp/9')
  })
  it('leave a checker that breaks the rules, and come back later', async () => {
    const bad: [string, (channel: FakeChannel) => void][] = [
      ['MALFORMED', (channel) => channel.frames$.next(new Uint8Array([99, 1, 2]))],
      ['NO_WELCOME', (channel) => channel.say({ tag: 'Ping', value: { id: 1 } })],
      ['WRONG_VERSION', (channel) => channel.say({ tag: 'Welcome', value: { version: 3, best: 0 } })],
      ['WRONG_NETWORK', (channel) => channel.say({ tag: 'Refused', value: { code: 'WRONG_NETWORK' } })],
      ['MALFORMED', (channel) => (channel.welcome(), channel.welcome())],
      ['IDLE', (channel) => channel.frames$.error(Object.assign(new Error('gone'), { code: 'IDLE' }))],
    ]
    for (const [code, act] of bad) {
      const t = setup()
      await t.pass(0)
      act(t.channels[0]!)
      await t.pass(0)
      expect(t.lines.join(), code).toContain(`"error":{"code":"${code}"`)
      expect([t.channels[0]!.closes, t.links.open(), t.messages], code).toEqual([1, [], []])
      await t.pass(130)
      expect(t.dials.length, code).toBe(2)
    }
  })
  describe('versions', () => {
    const FIRST = { lowest: 1, highest: 1 }
    const refuse = (channel: FakeChannel, code: 'BAD_MESSAGE' | 'WRONG_VERSION') => channel.say({ tag: 'Refused', value: { code } })

    it('begin again at once in the first with a checker that knows no other, and with the second after that', async () => {
      for (const code of ['BAD_MESSAGE', 'WRONG_VERSION'] as const) {
        const t = setup([target(1)], [], 3)
        await t.pass(0)
        refuse(t.channels[0]!, code)
        await t.pass(0)
        expect(t.channels[1]!.heard).toEqual([hello({ versions: FIRST, network, release: '' })])
        t.channels[1]!.say({ tag: 'Welcome', value: { version: 1, best: 7 } })
        await t.pass(0)
        expect(t.links.open()).toEqual([id(1)])
        expect(t.lines.map((line) => (JSON.parse(line) as { event: string, version: number }))).toMatchObject([{ event: 'checker connected', version: 1 }])
        // A lane says the version of its conversation.
        t.channels[1]!.say({ tag: 'OpenLanes', value: { id: 9, round: 5, lanes: 1 } })
        await t.pass(0)
        expect(t.channels[2]!.heard).toEqual([{ tag: 'Lane', value: { version: 1, network, id: 9, lane: 1 } }])
        t.channels[1]!.frames$.complete()
        await t.pass(300)
        expect(t.channels[3]!.heard).toEqual([hello({ versions: VERSIONS, network, release: RELEASE })])
      }
    })
    it('wait longer and longer for a checker that refuses the first too', async () => {
      const t = setup()
      for (const [before, after] of [[0, 1], [2, 3], [4, 5]] as const) {
        await t.pass(before === 0 ? 0 : 2000)
        refuse(t.channels[before]!, 'BAD_MESSAGE')
        await t.pass(0)
        refuse(t.channels[after]!, 'BAD_MESSAGE')
        await t.pass(0)
      }
      expect(t.dials).toHaveLength(6)
      expect(t.lines).toHaveLength(1)
      expect(t.lines[0]).toContain('"code":"BAD_MESSAGE","message":"the checker refused')
    })
    it('fall back no more when a later one is in force, and say who is behind', async () => {
      const t = setup([target(1)], [], 0, { lowest: 2, highest: 2 })
      await t.pass(0)
      refuse(t.channels[0]!, 'BAD_MESSAGE')
      await t.pass(1)
      expect(t.dials).toHaveLength(1)
      expect(t.lines.join()).toContain('"code":"WRONG_VERSION","message":"the checker speaks version 1, this machine version 2: the checker is to be updated')
    })
    it('of which none is common: one sentence says which side is to be updated', async () => {
      for (const [theirs, who] of [[{ lowest: 3, highest: 4 }, 'versions 3 to 4, this machine versions 1 to 2: this machine'], [{ lowest: 1, highest: 1 }, 'version 1, this machine version 2: the checker']] as const) {
        const t = setup([target(1)], [], 0, theirs.highest === 1 ? { lowest: 2, highest: 2 } : VERSIONS)
        await t.pass(0)
        t.channels[0]!.say({ tag: 'WrongVersion', value: theirs })
        await t.pass(0)
        expect(t.lines.join()).toContain(`"code":"WRONG_VERSION","message":"the checker speaks ${who} is to be updated`)
      }
      const old = setup([target(1)], [], 0, FIRST)
      await old.pass(0)
      refuse(old.channels[0]!, 'WRONG_VERSION')
      await old.pass(0)
      expect(old.lines.join()).toContain('"code":"WRONG_VERSION","message":"the checker no longer speaks version 1: this machine is to be updated')
    })
  })
  it('wait no longer than ten seconds for a welcome', async () => {
    const t = setup()
    await t.pass(9999)
    expect(t.channels[0]!.closes).toBe(0)
    await t.pass(2)
    expect(t.channels[0]!.closes).toBe(1)
  })
  it('end with the signal, also in the middle of a dial', async () => {
    let late!: (channel: Channel) => void
    const t = setup([target(2), target(1)], [() => new Promise((resolve) => void (late = resolve))])
    await t.pass(0)
    t.channels[0]!.welcome()
    t.stop.abort()
    const channel = new FakeChannel()
    late(channel)
    await t.pass(60_000)
    expect([t.channels[0]!.closes, channel.closes, channel.heard, t.links.open(), t.dials.length]).toEqual([1, 1, [], [], 2])
    expect(t.scheduler.actions.length).toBe(0)
  })
})
