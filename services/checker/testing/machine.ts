// A machine for tests: a real channel, and behaviour that the test writes.
import { createHash } from 'node:crypto'
import { catchError, EMPTY, filter, firstValueFrom, map, type Observable, shareReplay } from 'rxjs'
import { type Channel, type ChannelKey, dialChannel } from '@assay/kit/channel'
import { type AccountId, type CheckerMessage, CHUNK_BYTES, type Hash, hello, keystream, LANE_PROTOCOL, LANES, type MachineMessage, VERSIONS, type Wire, WIRE_PROTOCOL } from '@assay/protocol'

export interface ScriptedMachine {
  channel: Channel
  /** everything the checker said, from the first */
  heard$: Observable<CheckerMessage>
  say(message: MachineMessage): Promise<void>
  /** the first message of a kind, said already or later */
  hear<T extends CheckerMessage['tag']>(tag: T): Promise<Extract<CheckerMessage, { tag: T }>>
}

/** Dials a checker and says nothing yet. */
export async function dialMachine({ key, address, checker, wire, signal, lane = false }: { key: ChannelKey, address: string, checker: Hash, wire: Wire, signal: AbortSignal, lane?: boolean }): Promise<ScriptedMachine> {
  const channel = await dialChannel({ key, address, expect: checker, protocol: lane ? LANE_PROTOCOL : WIRE_PROTOCOL, timeoutMs: 5000, signal, limits: { maxFrameBytes: 2 * wire.maxFrameBytes, maxFramesPerSecond: 4096, maxBytesPerSecond: 256 << 20 } })
  // Nothing is read from the channel before somebody listens here.
  const heard$ = channel.frames$.pipe(map((frame) => wire.checker.decode(frame)), catchError(() => EMPTY), shareReplay())
  return {
    channel,
    heard$,
    say: (message) => channel.send(wire.machine.encode(message)),
    hear: <T extends CheckerMessage['tag']>(tag: T) => firstValueFrom(heard$.pipe(filter((message): message is Extract<CheckerMessage, { tag: T }> => message.tag === tag))),
  }
}

/** Greets and is welcomed. */
export async function greet(machine: ScriptedMachine, network: AccountId, versions = VERSIONS): Promise<ScriptedMachine> {
  await machine.say(hello({ versions, network, release: 'test' }))
  await machine.hear('Welcome')
  return machine
}

export interface AnswerOptions {
  /** changes or (null) withholds what is said; streams count from 0, the conversation */
  twist?: (message: MachineMessage, stream: number) => MachineMessage | null
  /** dials a lane, for a machine that offers some */
  dialLane?: () => Promise<ScriptedMachine>
  network?: AccountId
  /** of the conversation */
  version?: number
}

/** Answers pings and payloads as an honest machine does, twists apart; gives the streams of its last measurement over lanes as they open. */
export function answer(machine: ScriptedMachine, { twist = (message) => message, dialLane, network, version = VERSIONS.highest }: AnswerOptions = {}): ScriptedMachine[] {
  const streams = [machine]
  let laneId: number | undefined
  let download: { id: number, bytes: number } | undefined
  const came = new Map<number, Uint8Array[]>()
  const say = (message: MachineMessage, stream = 0): void => {
    const twisted = twist(message, stream)
    if (twisted !== null) streams[stream]?.say(twisted).catch(() => {})
  }
  const sha256 = (parts: Iterable<Uint8Array>): Uint8Array => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const received = (stream: number, piece?: Uint8Array): void => {
    if (piece) came.set(stream, [...(came.get(stream) ?? []), piece])
    const sum = [...came.values()].flat().reduce((total, { length }) => total + length, 0)
    if (download === undefined || sum < download.bytes) return
    const hashes = Array.from({ length: download.id === laneId ? streams.length : 1 }, (_, i) => sha256(came.get(i) ?? []))
    say({ tag: 'DownloadDone', value: { id: download.id, sha256: `0x${Buffer.from(hashes.length === 1 ? hashes[0]! : sha256(hashes)).toString('hex')}` } })
    download = undefined
    came.clear()
  }
  const open = async (id: number, lanes: number): Promise<void> => {
    laneId = id
    for (let lane = 1; lane <= lanes; lane++) {
      const one = await dialLane!()
      streams[lane] = one
      one.heard$.subscribe((message) => void (message.tag === 'Chunk' && received(lane, message.value.bytes)))
      say({ tag: 'Lane', value: { version, network: network!, id, lane } }, lane)
    }
  }
  machine.heard$.subscribe((message) => {
    if (message.tag === 'Ping') say({ tag: 'Pong', value: message.value })
    if (message.tag === 'OpenLanes') open(message.value.id, message.value.lanes).catch(() => {}) // refused, as some tests have it
    if (message.tag === 'Download') {
      download = message.value
      received(0)
    }
    if (message.tag === 'Chunk') received(0, message.value.bytes)
    if (message.tag === 'Upload') {
      const { id, seed, bytes } = message.value
      const count = id === laneId ? streams.length : 1
      for (let i = 0; i * CHUNK_BYTES < bytes; i++) say({ tag: 'Chunk', value: { id, bytes: keystream(seed, i * CHUNK_BYTES, Math.min(CHUNK_BYTES, bytes - i * CHUNK_BYTES)) } }, i % count)
    }
  })
  if (dialLane) say({ tag: 'OfferLanes', value: { lanes: LANES } })
  return streams
}
