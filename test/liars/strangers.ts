// Strangers at the doors: people whom the chain does not know, and bytes that are nothing at all.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { firstValueFrom, toArray } from 'rxjs'
import { type Channel, ChannelRefusedError, dialChannel } from '@assay/kit/channel'
import { type CheckerMessage, type MachineMessage, hello as greeting, VERSIONS, wire, WIRE_PROTOCOL } from '@assay/protocol'
import type { Person } from '../people.ts'
import type { World } from '../world.ts'

/** Ways to say nothing, from polite to rude. */
const NONSENSE: readonly (() => Uint8Array)[] = [
  () => new Uint8Array(0),
  () => randomBytes(4096),
  () => Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
  () => Buffer.from(`GET /evidence/${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`),
  () => Buffer.from('POST /evidence HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4294967296\r\n\r\n{"a":'),
  () => Buffer.concat([Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n'), randomBytes(512)]),
  () => Buffer.alloc(65_536, 0xff),
]

/** Sends each kind of nonsense to a port, one connection each. Resolves when the other end has closed them, or half a second after the last word. */
export async function babble(port: number): Promise<void> {
  await Promise.all(
    NONSENSE.map(
      (make) =>
        new Promise<void>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => socket.write(make(), () => setTimeout(() => socket.destroy(), 500)))
          socket.on('data', () => {}).on('error', () => {}).on('close', () => resolve())
        }),
    ),
  )
}

/** Where a checker listens, and the key that it must prove. */
export interface Door {
  address: string
  peer: Person['peer']['publicKey']
}

/** What a checker answers to somebody who dials it: the code of a refusal, or the open channel. */
export async function knock(world: World, who: Person, { address, peer }: Door): Promise<string | Channel> {
  try {
    return await dialChannel({ key: who.peer, address, expect: peer, protocol: WIRE_PROTOCOL, timeoutMs: 20_000, signal: world.signal })
  } catch (error) {
    if (error instanceof ChannelRefusedError) return error.code
    throw error
  }
}

export const hello = (network: World['network'], versions = VERSIONS): MachineMessage => greeting({ versions, network, release: 'stranger' })

/** Says these words on a fresh channel of a registered machine, and gives back everything that the checker says until it ends the conversation. */
export async function converse(world: World, who: Person, door: Door, words: readonly (MachineMessage | Uint8Array)[]): Promise<CheckerMessage[]> {
  const channel = await knock(world, who, door)
  if (typeof channel === 'string') throw new Error(`${who.name} was refused: ${channel}`)
  const { machine, checker } = wire(world.parameters)
  const heard = firstValueFrom(channel.frames$.pipe(toArray()))
  for (const word of words) await channel.send(word instanceof Uint8Array ? word : machine.encode(word)).catch(() => {}) // the checker may have ended it already
  return (await heard).map((frame) => checker.decode(frame))
}
