// One stream against several: a checker measures a machine over a line that bounds each connection and is long, as shapers and lossy paths do.
//   node bench/bandwidth.ts [--mbit 16] [--latency 40] [--bytes 8388608] [--lanes 3] [--json]
import { createHash, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { filter, firstValueFrom, lastValueFrom, of, reduce } from 'rxjs'
import { link$, type Patch } from '@assay/checker/measure'
import { checkerMetrics } from '@assay/checker/metrics'
import { createSessions } from '@assay/checker/sessions'
import { channelKey, dialChannel, listenChannel, peerAddress } from '@assay/kit/channel'
import { silentLog } from '@assay/kit/log'
import { thinLine } from '@assay/kit/testing/thin-line'
import { devnetParameters, LANES, VERSIONS, wire } from '@assay/protocol'
import { createLinks } from '@assay/provider/links'
import { providerMetrics } from '@assay/provider/metrics'

const { values } = parseArgs({ options: { mbit: { type: 'string', default: '16' }, latency: { type: 'string', default: '40' }, bytes: { type: 'string', default: String(8 << 20) }, lanes: { type: 'string', default: String(LANES) }, json: { type: 'boolean' } } })
const [mbit, latencyMs, bytes, lanes] = [values.mbit, values.latency, values.bytes, values.lanes].map(Number) as [number, number, number, number]
const LIMIT_MS = 300_000

const [machine, checker] = ['machine', 'checker'].map((name) => channelKey(createHash('sha256').update(name).digest())) as [ReturnType<typeof channelKey>, ReturnType<typeof channelKey>]
const words = wire({ ...devnetParameters(0, 10), bandwidthBytes: bytes })
const now = (): number => performance.now()
const network = machine.publicKey

/** Measures once with fresh ends, the machine offering so many lanes. */
async function measure(offered: number): Promise<Patch> {
  const stop = new AbortController()
  const { signal } = stop
  const sessions = createSessions({ key: checker, host: '127.0.0.1', port: 0, network, wire: () => words, versions: VERSIONS, inForce: () => 1, isMachine: () => true, best: () => 1, now, listen: listenChannel, metrics: checkerMetrics(), log: silentLog, signal })
  const [address] = await sessions.listen()
  const port = await thinLine({ port: Number(address!.split('/')[4]), bytesPerSecond: mbit * 125_000, latencyMs, signal })
  createLinks({
    network, lanes: offered, laneMs: () => LIMIT_MS, wire: () => words, versions: () => VERSIONS, round: () => 1, random: Math.random, log: silentLog, metrics: providerMetrics(), signal,
    checkers$: of([{ account: checker.publicKey, peer: checker.publicKey, addresses: [peerAddress(checker.publicKey, '127.0.0.1', port)] }]),
    dial: (target, where, protocol, left) => dialChannel({ key: machine, address: where, expect: target.peer, protocol, limits: { maxFrameBytes: words.maxFrameBytes }, timeoutMs: 10_000, signal: left }),
  })
  const line = sessions.line(machine.publicKey)
  await firstValueFrom(line.online$.pipe(filter(Boolean)))
  const reading = await lastValueFrom(link$(line, { round: 1, bytes, limitMs: LIMIT_MS }, { now, random: (length) => new Uint8Array(randomBytes(length)) }).pipe(reduce((all, patch) => ({ ...all, ...patch }), {} as Patch)))
  stop.abort()
  await sessions.close()
  return reading
}

const one = { streams: 1, ...(await measure(0)) }
const several = { streams: lanes + 1, ...(await measure(lanes)) }
const ratio = (way: 'downKbps' | 'upKbps'): number | null => (one[way] === undefined || several[way] === undefined ? null : Math.round((100 * several[way]) / one[way]) / 100)
const result = { node: process.version, perConnectionKbps: mbit * 1000, oneWayMs: latencyMs, bytes, rows: [one, several], down: ratio('downKbps'), up: ratio('upKbps') }
if (values.json) console.log(JSON.stringify(result, null, 2))
else {
  console.log(`a line of ${mbit} Mbit/s for each connection, ${latencyMs} ms one way, ${bytes} bytes each way`)
  console.table(result.rows)
  console.log(`${lanes + 1} streams against one: ${result.down ?? 'not measured'} down, ${result.up ?? 'not measured'} up`)
}
process.exit(0)
