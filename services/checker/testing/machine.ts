// A machine for tests: a real channel, and behaviour that the test writes.
import { createHash, type Hash as Digest } from 'node:crypto'
import { catchError, EMPTY, filter, firstValueFrom, map, type Observable, shareReplay } from 'rxjs'
import { type Channel, type ChannelKey, dialChannel } from '@assay/kit/channel'
import { type AccountId, type CheckerMessage, CHUNK_BYTES, type Hash, keystream, type MachineMessage, type Wire, WIRE_PROTOCOL, WIRE_VERSION } from '@assay/protocol'

export interface ScriptedMachine {
  channel: Channel
  /** everything the checker said, from the first */
  heard$: Observable<CheckerMessage>
  say(message: MachineMessage): Promise<void>
  /** the first message of a kind, said already or later */
  hear<T extends CheckerMessage['tag']>(tag: T): Promise<Extract<CheckerMessage, { tag: T }>>
}

/** Dials a checker and says nothing yet. */
export async function dialMachine({ key, address, checker, wire, signal }: { key: ChannelKey, address: string, checker: Hash, wire: Wire, signal: AbortSignal }): Promise<ScriptedMachine> {
  const channel = await dialChannel({ key, address, expect: checker, protocol: WIRE_PROTOCOL, timeoutMs: 5000, signal, limits: { maxFrameBytes: 2 * wire.maxFrameBytes, maxFramesPerSecond: 4096, maxBytesPerSecond: 256 << 20 } })
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
export async function greet(machine: ScriptedMachine, network: AccountId): Promise<ScriptedMachine> {
  await machine.say({ tag: 'Hello', value: { version: WIRE_VERSION, network } })
  await machine.hear('Welcome')
  return machine
}

/** Answers pings and payloads as an honest machine does, except for what `twist` changes or (null) withholds. */
export function answer(machine: ScriptedMachine, twist: (message: MachineMessage) => MachineMessage | null = (message) => message): void {
  const say = (message: MachineMessage): void => {
    const twisted = twist(message)
    if (twisted !== null) machine.say(twisted).catch(() => {})
  }
  let download: { id: number, left: number, hash: Digest } | undefined
  machine.heard$.subscribe((message) => {
    if (message.tag === 'Ping') say({ tag: 'Pong', value: message.value })
    if (message.tag === 'Download') download = { id: message.value.id, left: message.value.bytes, hash: createHash('sha256') }
    if (message.tag === 'Chunk' && download?.id === message.value.id) {
      download.left -= message.value.bytes.length
      download.hash.update(message.value.bytes)
      if (download.left === 0) say({ tag: 'DownloadDone', value: { id: download.id, sha256: `0x${download.hash.digest('hex')}` } })
    }
    if (message.tag === 'Upload') {
      const { id, seed, bytes } = message.value
      for (let at = 0; at < bytes; at += CHUNK_BYTES) say({ tag: 'Chunk', value: { id, bytes: keystream(seed, at, Math.min(CHUNK_BYTES, bytes - at)) } })
    }
  })
}
