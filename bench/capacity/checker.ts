// The checker of bench/capacity.ts, in a process of its own: sessions, rounds, store and blobs are the product's, put together as services/checker/src/main.ts does. The chain is a made-up ledger whose
// blocks come when the bench says so; reports land at once. Clock, channel and sockets are wrapped to see when what happens.
import { mkdtempSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { BehaviorSubject, tap } from 'rxjs'
import { checkerMetrics } from '@assay/checker/metrics'
import { observationsOf } from '@assay/checker/report'
import { rounds$ } from '@assay/checker/rounds'
import { createSessions, machinePeersOf } from '@assay/checker/sessions'
import { Shedding } from '@assay/checker/shedding'
import { Store } from '@assay/checker/store'
import { BlobStore } from '@assay/kit/blobs'
import { type Channel, listenChannel } from '@assay/kit/channel'
import { createLog } from '@assay/kit/log'
import { type Hash, type Ledger, type Observation, roundAt, schedule, VERSIONS, wire } from '@assay/protocol'
import { cryptoReady, nodeCrypto } from '@assay/runtime-bindings'
import { Blocks, CHECKER, NETWORK, parametersOf, type Setting } from './network.ts'
import { now, socketBytes, timed, watchSockets } from './socket-times.ts'

export type CheckerAsked =
  | { ask: 'begin', setting: Setting }
  | { ask: 'register', machines: number }
  | { ask: 'play', linkMs: number, openMs: number }
  | { ask: 'idle', forMs: number }
/** What the checker's process used in a part of a round. */
export interface Used { cpuMs: number, wallMs: number, readBytes: number, writtenBytes: number, loopP99Ms: number, loopMaxMs: number, gcMs: number, gcMaxMs: number, rssMB: number }
export interface Played {
  round: number
  parts: Record<'link' | 'window' | 'report' | 'openings' | 'package', Used>
  /** ms, one a machine: from the block that fires to the timestamp, and from the timestamp to the write of the nonce */
  due: number[]
  nonces: number[]
  /** timestamps, by machine: those of its progress in order, that of its commitment */
  progress: [Hash, number[]][]
  commitments: [Hash, number][]
  outcomes: Record<string, number>
  /** of those that ran: what was read of the line and of progress */
  measured: { rtt: number, down: number, up: number, lastStep: number }
  stored: { commitments: number, openings: number }
}
export interface Idled { cpuMs: number, wallMs: number, rssMB: number, readBytes: number, writtenBytes: number }

/** After the window, for commitments to come: half a block of a chain of 12 s, of the one or more that a network gives. */
const COMMIT_MS = 6000

const NONCE = 6
const PROGRESS = 4
const COMMITMENT = 5

await cryptoReady()
watchSockets()
const dir = mkdtempSync(join(tmpdir(), 'assay-bench-capacity-'))
const stop = new AbortController()
const log = createLog({ json: true, level: 'warn', write: (line) => void process.stderr.write(line) })

let parameters: ReturnType<typeof parametersOf>
let blocks: Blocks
let store: Store
let best$: BehaviorSubject<number>
let ledger$: BehaviorSubject<Ledger>
let nonceAt = 0
const nonces: { stamp: number, written: number }[] = []
const progress = new Map<Hash, number[]>()
const commitments = new Map<Hash, number>()

/** The channel, with a note of when nonces left and when progress and commitments were taken. */
function watched(channel: Channel): Channel {
  const { peer } = channel
  return {
    peer,
    closed: channel.closed,
    close: () => channel.close(),
    send: (frame) => {
      if (frame[0] !== NONCE) return channel.send(frame)
      const nonce = { stamp: nonceAt, written: 0 }
      nonces.push(nonce)
      return timed((at) => void (nonce.written ||= at), () => channel.send(frame))
    },
    // Just before the conversation reads the clock for the frame.
    frames$: channel.frames$.pipe(
      tap((frame) => {
        if (frame[0] === PROGRESS) progress.set(peer, [...(progress.get(peer) ?? []), now()])
        else if (frame[0] === COMMITMENT && !commitments.has(peer)) commitments.set(peer, now())
      }),
    ),
  }
}

async function begin(setting: Setting): Promise<string> {
  parameters = parametersOf(setting)
  blocks = new Blocks(parameters)
  store = new Store(dir, { network: NETWORK, account: CHECKER.account })
  for (let block = 0; block < 2; block++) blocks.add()
  ledger$ = new BehaviorSubject(blocks.ledger)
  best$ = new BehaviorSubject(2 + parameters.confirmations)
  const metrics = checkerMetrics()
  const peers = machinePeersOf(nodeCrypto)
  // A stopwatch reads the clock right before it sends.
  const clock = (): number => (nonceAt = now())
  const messages = wire(parameters)
  const sessions = createSessions({
    key: CHECKER.key, host: '127.0.0.1', port: 0, network: NETWORK, wire: () => messages, versions: VERSIONS, inForce: () => parameters.version, now: clock, metrics, log, signal: stop.signal,
    isMachine: (peer) => peers(ledger$.value, best$.value).has(peer),
    best: () => best$.value,
    listen: (options) => listenChannel({ ...options, onChannel: (channel) => options.onChannel(watched(channel)) }),
  })
  rounds$({
    crypto: nodeCrypto, network: NETWORK, me: CHECKER.account, parameters, store, blobs: new BlobStore(join(dir, 'blobs')), random: (bytes) => new Uint8Array(randomBytes(bytes)), now: clock, metrics, shedding: new Shedding({ metrics, log }), log, best$, ledger$, timeoutMs: 1000,
    chain: { readItem: async () => null, putItem: async () => ({ ok: true, block: best$.value, hash: NETWORK, fee: 0n, events: [] }) as never },
    line: (peer) => sessions.line(peer), sign: (message) => CHECKER.key.sign(message),
  }).subscribe({ error: (error: unknown) => { throw error } })
  return (await sessions.listen())[0]!
}

/** The next block; what it sets going happens meanwhile. */
function block(machines?: number): void {
  const ledger = blocks.add(machines)
  const best = ledger.head!.number + parameters.confirmations
  ledger$.next(ledger)
  best$.next(best)
}

/** Blocks up to a height, that many ms apart. */
async function to(height: number, everyMs: number): Promise<void> {
  while (best$.value < height) {
    await pause(everyMs)
    block()
  }
}

async function used(work: () => Promise<void>): Promise<Used> {
  const loop = monitorEventLoopDelay({ resolution: 5 })
  const pauses: number[] = []
  const collector = new PerformanceObserver((list) => pauses.push(...list.getEntries().map(({ duration }) => duration)))
  collector.observe({ entryTypes: ['gc'] })
  loop.enable()
  const [cpu, since, bytes] = [process.cpuUsage(), now(), socketBytes()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  const after = socketBytes()
  loop.disable()
  collector.disconnect()
  return { cpuMs: (user + system) / 1000, wallMs: now() - since, readBytes: after.read - bytes.read, writtenBytes: after.written - bytes.written, loopP99Ms: loop.percentile(99) / 1e6, loopMaxMs: loop.max / 1e6, gcMs: pauses.reduce((sum, ms) => sum + ms, 0), gcMaxMs: Math.max(0, ...pauses), rssMB: process.memoryUsage.rss() / 1e6 }
}

/** The next round, from the block before its beacon to its package. */
async function play(linkMs: number, openMs: number): Promise<Played> {
  const round = Math.max(0, roundAt(parameters, best$.value)) + (best$.value < parameters.start ? 0 : 1)
  const at = schedule(parameters, round)
  const { windowMs } = parameters
  await to(at.beaconKnown - 1, 50)
  nonces.length = 0
  progress.clear()
  commitments.clear()
  const link = await used(() => to(at.fire - 1, linkMs / (at.fire - at.beaconKnown)))
  let firedAt = 0
  const window = await used(async () => {
    await pause(linkMs / (at.fire - at.beaconKnown))
    firedAt = now()
    block()
    // Commitments have the blocks up to the last one for them.
    await to(at.commitmentBy, (windowMs + COMMIT_MS) / (at.commitmentBy - at.fire + 1))
    await pause((windowMs + COMMIT_MS) / (at.commitmentBy - at.fire + 1))
  })
  const report = await used(async () => {
    await to(at.commitFrom, 50)
    await pause(1000)
    await to(at.openKnown, 50)
  })
  const openings = await used(async () => {
    process.send!({ open: round, withinMs: openMs / 2 })
    await pause(openMs)
    await to(at.packageBy - 1, 50)
  })
  const packaged = await used(async () => {
    await to(at.packageBy, 50)
    await pause(1000)
  })
  const seen: Observation[] = observationsOf(store.report(round)!)
  const count = (of: (one: Observation) => boolean): number => seen.filter(of).length
  return {
    round, parts: { link, window, report, openings, package: packaged },
    due: nonces.map(({ stamp }) => stamp - firedAt), nonces: nonces.map(({ stamp, written }) => written - stamp), progress: [...progress], commitments: [...commitments],
    outcomes: Object.fromEntries(Object.entries(Object.groupBy(seen, ({ outcome, reason }) => (reason === 'OK' ? outcome : `${outcome} ${reason}`))).map(([outcome, of]) => [outcome, of!.length])),
    measured: { rtt: count(({ rttUs }) => rttUs > 0), down: count(({ downKbps }) => downKbps > 0), up: count(({ upKbps }) => upKbps > 0), lastStep: count(({ lastStep }) => lastStep > 0) },
    stored: { commitments: store.commitments(round).size, openings: store.openings(round).size },
  }
}

async function answer(asked: CheckerAsked): Promise<unknown> {
  switch (asked.ask) {
    case 'begin':
      return begin(asked.setting)
    case 'register':
      // In a block that is confirmed, and has waited, when the next round's registry is frozen.
      if (best$.value >= parameters.start - 4) await to(schedule(parameters, roundAt(parameters, best$.value)).packageBy + 2, 20)
      block(asked.machines)
      return null
    case 'play':
      return play(asked.linkMs, asked.openMs)
    case 'idle':
      return used(() => pause(asked.forMs).then(() => {})) satisfies Promise<Idled>
  }
}

process.on('message', ({ id, asked }: { id: number, asked: CheckerAsked }) => void answer(asked).then((told) => process.send!({ id, told })))
process.once('disconnect', () => {
  rmSync(dir, { recursive: true })
  process.exit(0)
})
