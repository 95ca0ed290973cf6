// A checker and a machine as they are, over real channels: one stream and several, on loopback and over a line that is thin and long.
import { createHash, randomBytes } from 'node:crypto'
import { filter, firstValueFrom, lastValueFrom, of, reduce } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { link$, type Patch } from '@assay/checker/measure'
import { checkerMetrics } from '@assay/checker/metrics'
import { createSessions, type Sessions } from '@assay/checker/sessions'
import { type Channel, channelKey, dialChannel, listenChannel, peerAddress } from '@assay/kit/channel'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { thinLine } from '@assay/kit/testing/thin-line'
import { CHUNK_BYTES, devnetParameters, LANE_PROTOCOL, LANES, VERSIONS, wire } from '@assay/protocol'
import { createLinks } from '@assay/provider/links'
import { providerMetrics } from '@assay/provider/metrics'

const [checker, other] = ['checker', 'other'].map((name) => channelKey(createHash('sha256').update(name).digest())) as [ReturnType<typeof channelKey>, ReturnType<typeof channelKey>]
const words = wire(devnetParameters(0, 10))
const tools = { now: () => performance.now(), random: (length: number) => new Uint8Array(randomBytes(length)) }
const network = other.publicKey
let stop: AbortController
let sessions: Sessions
let port: number
beforeEach(async () => {
  stop = new AbortController()
  sessions = createSessions({ key: checker, host: '127.0.0.1', port: 0, network, wire: () => words, versions: VERSIONS, inForce: () => 1, isMachine: () => true, best: () => 1, now: tools.now, listen: listenChannel, metrics: checkerMetrics(createMetrics('checker')), log: silentLog, signal: stop.signal })
  port = Number((await sessions.listen())[0]!.split('/')[4])
})
afterEach(async () => {
  stop.abort()
  await sessions.close()
})

/** A machine that dials the checker at this port; gives how it is measured, and its numbers. */
async function machine(lanes: number, at: number, name = 'machine', lanesAt = at) {
  const key = channelKey(createHash('sha256').update(name).digest())
  const metrics = providerMetrics()
  const opened: Channel[] = []
  createLinks({
    network, lanes, laneMs: () => 30_000, wire: () => words, versions: () => VERSIONS, round: () => 1, random: Math.random, log: silentLog, metrics, signal: stop.signal,
    checkers$: of([{ account: checker.publicKey, peer: checker.publicKey, addresses: [peerAddress(checker.publicKey, '127.0.0.1', at)] }]),
    dial: async (target, address, protocol, signal) => {
      const where = protocol === LANE_PROTOCOL ? address.replace(`/tcp/${at}/`, `/tcp/${lanesAt}/`) : address
      const channel = await dialChannel({ key, address: where, expect: target.peer, protocol, limits: { maxFrameBytes: words.maxFrameBytes }, timeoutMs: 5000, signal })
      if (protocol === LANE_PROTOCOL) opened.push(channel)
      return channel
    },
  })
  const line = sessions.line(key.publicKey)
  await firstValueFrom(line.online$.pipe(filter(Boolean)))
  const measure = (bytes: number, round = 1): Promise<Patch> =>
    lastValueFrom(link$(line, { round, bytes, limitMs: 30_000 }, tools).pipe(reduce((all, patch) => ({ ...all, ...patch }), {} as Patch)))
  return { measure, metrics, opened }
}

describe('on loopback', () => {
  test.each([[0, 12 * CHUNK_BYTES + 5], [0, 1], [LANES, 12 * CHUNK_BYTES + 5], [LANES, 4 * CHUNK_BYTES], [LANES, 1]])('%i lanes carry %i bytes both ways', async (lanes, bytes) => {
    const { measure, metrics, opened } = await machine(lanes, port)
    expect(Object.keys(await measure(bytes)).toSorted()).toEqual(['downKbps', 'rttUs', 'upKbps'])
    expect(opened.length).toBe(lanes)
    await Promise.all(opened.map(({ closed }) => closed))
    const text = await metrics.text()
    for (const direction of ['down', 'up']) expect(text).toContain(`assay_provider_transfer_bytes_total{direction="${direction}"} ${bytes}`)
    expect(text).not.toContain('refused_messages_total{')
  })

  test('each round has lanes of its own', async () => {
    const { measure, opened } = await machine(LANES, port)
    for (const round of [0, 1]) expect(Object.keys(await measure(5 * CHUNK_BYTES, round)).length).toBe(3)
    expect(opened.length).toBe(2 * LANES)
  })

  test('lanes that lead to another checker are none: the machine is measured over one stream', async () => {
    const wrong = await listenChannel({ key: other, host: '127.0.0.1', port: 0, protocol: '/assay/1', admit: () => 'OK', onChannel: () => {}, log: silentLog, signal: stop.signal, beside: { protocol: LANE_PROTOCOL, admit: () => 'OK', onChannel: () => {} } })
    const { measure, metrics, opened } = await machine(LANES, port, 'lost', Number(wrong.addresses[0]!.split('/')[4]))
    expect(Object.keys(await measure(5 * CHUNK_BYTES)).length).toBe(3)
    expect(opened).toEqual([])
    expect(await metrics.text()).toContain('reason="NO_LANES"} 1')
    await wrong.close()
  })
})

test('over a line that bounds each connection four streams show about four times what one does', async () => {
  const thin = await thinLine({ port, bytesPerSecond: 1 << 20, latencyMs: 15, signal: stop.signal })
  const one = await (await machine(0, thin, 'one')).measure(1 << 20)
  const four = await (await machine(LANES, thin, 'four')).measure(1 << 20)
  for (const way of ['downKbps', 'upKbps'] as const) {
    const ratio = four[way]! / one[way]!
    expect(ratio, way).toBeGreaterThan(2)
    expect(ratio, way).toBeLessThan(6)
  }
  // What is measured over one is no more than a connection can carry.
  expect(one.downKbps).toBeLessThan(1.3 * 8 * 1024)
})
