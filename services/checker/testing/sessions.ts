// Sessions on loopback, and keys for machines, for tests.
import { channelKey, type ChannelKey, type ChannelLimits, listenChannel } from '@assay/kit/channel'
import { type Log, silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { devnetParameters, type Hash, type Parameters, VERSIONS, type Versions, wire, type Wire } from '@assay/protocol'
import { checkerMetrics, type CheckerMetrics } from '../src/metrics.ts'
import { createSessions, type Sessions } from '../src/sessions.ts'
import { dialMachine, greet, type ScriptedMachine } from './machine.ts'

export const NETWORK: Hash = `0x${'ab'.repeat(32)}`
export const keyOf = (n: number): ChannelKey => channelKey(new Uint8Array(32).fill(n))

export interface Loopback {
  sessions: Sessions
  wire: Wire
  metrics: CheckerMetrics
  /** dials as machine `n` and does not greet */
  dial(n: number): Promise<ScriptedMachine>
  /** dials a lane as machine `n` and says nothing */
  lane(n: number): Promise<ScriptedMachine>
  /** dials as machine `n` and greets */
  join(n: number): Promise<ScriptedMachine>
}

/** Sessions that admit machines 1 to 9; their wire is that of a small network, `changes` apart. */
export async function loopback(signal: AbortSignal, { changes = {}, limits = {}, helloMs = 5000, versions = VERSIONS, inForce = () => 1, full = () => {}, log = silentLog }: { changes?: Partial<Parameters>, limits?: Partial<ChannelLimits>, helloMs?: number, versions?: Versions, inForce?: () => number, full?: () => void, log?: Log } = {}): Promise<Loopback> {
  const parameters = { ...devnetParameters(0, 10), ...changes }
  const messages = wire(parameters)
  const spoken = wire(parameters, versions)
  const machines = new Set(Array.from({ length: 9 }, (_, i) => keyOf(i + 1).publicKey))
  const key = keyOf(200)
  const metrics = checkerMetrics(createMetrics('checker'))
  const sessions = createSessions({ key, host: '127.0.0.1', port: 0, network: NETWORK, wire: () => spoken, versions, inForce, isMachine: (peer) => machines.has(peer), best: () => 7, now: () => performance.now(), listen: listenChannel, limits, helloMs, metrics, full, log, signal })
  const [address] = await sessions.listen()
  const dial = (n: number, lane = false): Promise<ScriptedMachine> => dialMachine({ key: keyOf(n), address: address!, checker: key.publicKey, wire: messages, signal, lane })
  return { sessions, wire: messages, metrics, dial, lane: (n) => dial(n, true), join: async (n) => greet(await dial(n), NETWORK) }
}
