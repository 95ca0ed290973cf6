import { filter, firstValueFrom, take, toArray } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyLedger, hello, type Ledger, VERSIONS } from '@assay/protocol'
import { createLog } from '@assay/kit/log'
import { nodeCrypto } from '@assay/runtime-bindings'
import { greet } from '../testing/machine.ts'
import { keyOf, type Loopback, loopback, NETWORK } from '../testing/sessions.ts'
import { machinePeersOf } from './sessions.ts'

let stop: AbortController
let net: Loopback
beforeEach(async () => {
  stop = new AbortController()
  net = await loopback(stop.signal, { helloMs: 300 })
})
afterEach(() => stop.abort())

const online = (n: number) => firstValueFrom(net.sessions.line(keyOf(n).publicKey).online$.pipe(filter(Boolean)))
const offline = (n: number) => firstValueFrom(net.sessions.line(keyOf(n).publicKey).online$.pipe(filter((is) => !is)))
const greeting = (versions = VERSIONS, network = NETWORK) => hello({ versions, network, release: 'test' })

test('a machine is welcomed, and what it says arrives in order with the time of its arrival', async () => {
  const heard = firstValueFrom(net.sessions.line(keyOf(1).publicKey).messages$.pipe(take(2), toArray()))
  const before = performance.now()
  const machine = await net.join(1)
  expect((await machine.hear('Welcome')).value).toEqual({ version: VERSIONS.highest, best: 7 })
  await machine.say({ tag: 'Pong', value: { id: 1 } })
  await machine.say({ tag: 'Pong', value: { id: 2 } })
  const [one, two] = await heard
  expect([one!.message, two!.message].map(({ value }) => value)).toEqual([{ id: 1 }, { id: 2 }])
  expect(one!.at).toBeGreaterThan(before)
  expect(two!.at).toBeGreaterThanOrEqual(one!.at)
})

test('a send goes to the newest channel of the key, and the line outlives channels', async () => {
  const first = await net.join(1)
  await net.join(1).then(async (second) => {
    await first.channel.closed
    const line = net.sessions.line(keyOf(1).publicKey)
    await line.send({ tag: 'Ping', value: { id: 5 } })
    expect((await second.hear('Ping')).value.id).toBe(5)
    await second.channel.close()
    await offline(1)
    await expect(line.send({ tag: 'Ping', value: { id: 6 } })).rejects.toThrow('no channel')
  })
  const third = await net.join(1)
  await net.sessions.line(keyOf(1).publicKey).send({ tag: 'Ping', value: { id: 7 } })
  expect((await third.hear('Ping')).value.id).toBe(7)
})

test('hung up on, a machine is gone until it comes back', async () => {
  const machine = await net.join(1)
  net.sessions.line(keyOf(1).publicKey).hangUp()
  await machine.channel.closed
  await offline(1)
  await net.join(1)
  await online(1)
})

describe('refused', () => {
  test('one more than may be connected at once, which is counted', async () => {
    let full = 0
    const small = await loopback(stop.signal, { helloMs: 300, limits: { maxChannels: 1 }, full: () => full++ })
    await small.join(1)
    await expect(small.dial(2)).rejects.toMatchObject({ code: 'FULL' })
    expect(full).toBe(1)
  })

  test('a stranger, before any word', async () => {
    await expect(net.dial(100)).rejects.toMatchObject({ code: 'NOT_ELIGIBLE' })
  })

  test.each([
    ['another network', 'WRONG_NETWORK', greeting(VERSIONS, keyOf(3).publicKey)],
    ['no greeting first', 'BAD_MESSAGE', { tag: 'Pong', value: { id: 1 } }],
  ] as const)('%s', async (_, code, first) => {
    const machine = await net.dial(1)
    await machine.say(first)
    expect((await machine.hear('Refused')).value.code).toBe(code)
    await machine.channel.closed
  })

  test('silence instead of a greeting', async () => {
    const machine = await net.dial(1)
    expect((await machine.hear('Refused')).value.code).toBe('BAD_MESSAGE')
    await machine.channel.closed
  })

  test.each([
    ['garbage', (m: Awaited<ReturnType<Loopback['join']>>) => m.channel.send(new Uint8Array(100).fill(255)), 'BAD_MESSAGE'],
    ['a second greeting', (m: Awaited<ReturnType<Loopback['join']>>) => m.say(greeting()), 'BAD_MESSAGE'],
    ['payload that nobody asked for', (m: Awaited<ReturnType<Loopback['join']>>) => m.say({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(10) } }), 'TOO_MUCH'],
  ] as const)('%s; nobody else notices', async (_, abuse, code) => {
    const good = await net.join(2)
    const bad = await net.join(1)
    await abuse(bad)
    expect((await bad.hear('Refused')).value.code).toBe(code)
    await bad.channel.closed
    await offline(1)
    await online(2)
    await net.sessions.line(keyOf(2).publicKey).send({ tag: 'Ping', value: { id: 1 } })
    await good.hear('Ping')
    expect(await net.metrics.text()).toContain(`assay_checker_channel_refusals_total{code="${code}"} 1`)
    expect(await net.metrics.text()).toContain('assay_checker_connected_machines 1')
  })

  test('a frame longer than any message', async () => {
    const machine = await net.join(1)
    machine.channel.send(new Uint8Array(net.wire.maxFrameBytes + 1)).catch(() => {})
    await machine.channel.closed
    await offline(1)
    expect(await net.metrics.text()).toContain('{code="FRAME_TOO_LONG"} 1')
  })
})

describe('versions', () => {
  const FIRST = { lowest: 1, highest: 1 }
  const tell = () => {
    const lines: { event: string, [field: string]: unknown }[] = []
    return { lines, log: createLog({ json: true, level: 'warn', write: (line) => void lines.push(JSON.parse(line) as { event: string }) }) }
  }

  test.each([
    ['the second, of one who speaks both', VERSIONS, VERSIONS, 2],
    ['the first, with a machine that speaks no other', VERSIONS, FIRST, 1],
    ['the second, of a machine that will speak more', VERSIONS, { lowest: 2, highest: 9 }, 2],
    ['the first, of a checker that speaks no other', FIRST, FIRST, 1],
  ])('a checker chooses %s', async (_, versions, theirs, chosen) => {
    const near = await loopback(stop.signal, { versions })
    const machine = await greet(await near.dial(1), NETWORK, theirs)
    expect((await machine.hear('Welcome')).value.version).toBe(chosen)
  })

  test('a greeting with what a later version adds is read as far as it is known', async () => {
    const machine = await net.dial(1)
    const said = net.wire.machine.encode(greeting())
    await machine.channel.send(Uint8Array.of(...said.with(1, 200), 1, 2, 3))
    expect((await machine.hear('Welcome')).value.version).toBe(2)
  })

  test('a checker of version 1 refuses the second greeting as it always refused what it does not know', async () => {
    const old = await loopback(stop.signal, { versions: FIRST })
    const machine = await old.dial(1)
    await machine.say(greeting())
    expect((await machine.hear('Refused')).value.code).toBe('BAD_MESSAGE')
  })

  test('where there is none in common the machine is told what is spoken, once for the log, and who is behind', async () => {
    const { lines, log } = tell()
    const near = await loopback(stop.signal, { log, inForce: () => 2 })
    for (const versions of [FIRST, FIRST, { lowest: 3, highest: 5 }]) {
      const machine = await near.dial(1)
      await machine.say(greeting(versions))
      if (versions === FIRST) expect((await machine.hear('Refused')).value.code).toBe('WRONG_VERSION')
      else expect((await machine.hear('WrongVersion')).value).toEqual({ lowest: 2, highest: 2 })
      await machine.channel.closed
    }
    expect(lines).toMatchObject([
      { event: 'machines of other version', machine: 'version 1', checker: 'version 2', toUpdate: 'the machines' },
      { event: 'machines of other version', machine: 'versions 3 to 5', checker: 'version 2', toUpdate: 'this checker' },
    ])
    expect(await near.metrics.text()).toContain('assay_checker_channel_refusals_total{code="WRONG_VERSION"} 3')
  })

  test('who makes up a range each time fills no log', async () => {
    const { lines, log } = tell()
    const near = await loopback(stop.signal, { log })
    for (let lowest = 3; lowest < 23; lowest++) {
      const machine = await near.dial(1)
      await machine.say(greeting({ lowest, highest: 100 }))
      await machine.hear('WrongVersion')
    }
    expect(lines).toHaveLength(16)
  })

  test('a conversation of a version that is no longer in force ends with the machine’s next word', async () => {
    let inForce = 1
    const near = await loopback(stop.signal, { inForce: () => inForce })
    const [old, now] = [await greet(await near.dial(1), NETWORK, FIRST), await greet(await near.dial(2), NETWORK)]
    inForce = 2
    for (const machine of [old, now]) await machine.say({ tag: 'Pong', value: { id: 1 } })
    expect((await old.hear('Refused')).value.code).toBe('WRONG_VERSION')
    await old.channel.closed
    await near.sessions.line(keyOf(2).publicKey).send({ tag: 'Ping', value: { id: 1 } })
    await now.hear('Ping')
    expect(await near.metrics.text()).toContain('assay_checker_connected_machines 1')
  })

  test('what machines speak is counted while they are there, and a hundred names are not a hundred figures', async () => {
    await greet(await net.dial(1), NETWORK, FIRST)
    const replaced = await net.join(2)
    await net.join(2)
    await replaced.channel.closed
    const leaving = await net.join(3)
    const told = await net.metrics.text()
    for (const line of ['machine_versions{highest="1"} 1', 'machine_versions{highest="2"} 2', 'machine_releases{release="none"} 1', 'machine_releases{release="test"} 2']) expect(told).toContain(`assay_checker_${line}`)
    await leaving.channel.close()
    await offline(3)
    expect(await net.metrics.text()).toContain('assay_checker_machine_versions{highest="2"} 1')
  })
})

test('who is a machine is found once for a ledger, and again for the next', () => {
  const peers = machinePeersOf(nodeCrypto)
  const identity = { kind: 'machine' as const, network: NETWORK, account: NETWORK, owner: NETWORK, peer: keyOf(1).publicKey, addresses: [], evidence: [] }
  const registered = { account: NETWORK, anchor: NETWORK, block: 1, identity }
  const before = emptyLedger(NETWORK)
  const after: Ledger = { ...before, identities: { ...before.identities, machine: new Map([[NETWORK, { block: 1, event: 0, registered, reason: 'OK', since: [1, 0], before: null }]]) } }
  expect([...peers(before, 1)]).toEqual([])
  expect([...peers(after, 1)]).toEqual([keyOf(1).publicKey])
  expect(peers(after, 2)).toBe(peers(after, 1))
  expect([...peers(before, 2)]).toEqual([])
})
