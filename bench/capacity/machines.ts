// Light machines of bench/capacity.ts, many in one process: each its own key, connection and conversation over the product's channel, but none computes. Roots are made up, so are the bytes of openings;
// what a checker looks at in a round is real: nonces are awaited and folded, commitments and openings are of the right length, name what they must and are signed.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Channel, dialChannel } from '@assay/kit/channel'
import { encodeCommitmentBlob, commitmentDigest, encodeFacts, encodeOpeningsBlob, factsId, type Hash, keystream, type MachineMessage, openingsBytesLimit, type Parameters, toHex, type Wire, wire, VERSIONS, WIRE_PROTOCOL, blobId, hello } from '@assay/protocol'
import { factsOf, X64 } from '@assay/protocol/testing/facts'
import { cryptoReady, nodeCrypto } from '@assay/runtime-bindings'
import { CHECKER, machineAt, type Member, NETWORK, parametersOf, type Setting } from './network.ts'
import { now, timed, watchSockets } from './socket-times.ts'

export type MachinesAsked =
  | { ask: 'begin', setting: Setting, address: string, steps: number, first: number, every: number }
  /** dials until `machines` of the network have lines, this process' share of them */
  | { ask: 'connect', machines: number }
  /** coins are known: each machine opens at a moment by chance within `withinMs` */
  | { ask: 'open', round: number, withinMs: number }
  | { ask: 'told', round: number }
/** When bytes were written to the socket, by machine, in order; and who was not acknowledged. */
export interface MachinesTold { progress: [Hash, number[]][], commitments: [Hash, number][], commitmentReceipts: number, openingsReceipts: number, cpuMs: number, lost: number }

const FACTS = encodeFacts(factsOf(X64))
/** Progress messages in a window, as the provider sends them. */
const TELLS = 16

/** One round of one machine. */
class Work {
  readonly progress: number[] = []
  committedAt = 0
  commitment: Hash | undefined
  receipts = 0
}

class LightMachine {
  readonly self: Member
  readonly works = new Map<number, Work>()
  readonly #parameters: Parameters
  readonly #wire: Wire
  readonly #roots: Uint8Array[]
  #channel: Channel | undefined
  #download: { id: number, left: number, hash: ReturnType<typeof createHash> } | undefined
  lost = false

  constructor(self: Member, parameters: Parameters, words: Wire, steps: number) {
    this.self = self
    this.#parameters = parameters
    this.#wire = words
    const bytes = randomBytes(32 * steps)
    this.#roots = Array.from({ length: steps }, (_, i) => new Uint8Array(bytes.subarray(32 * i, 32 * i + 32)))
  }

  async connect(address: string, signal: AbortSignal): Promise<void> {
    const { key } = this.self
    const { maxFrameBytes } = this.#wire
    this.#channel = await dialChannel({ key, address, expect: CHECKER.key.publicKey, protocol: WIRE_PROTOCOL, limits: { maxFrameBytes, maxPendingBytes: 4 * maxFrameBytes }, timeoutMs: 20_000, signal })
    await new Promise<void>((resolve) => {
      this.#channel!.frames$.subscribe({ next: (frame) => this.#hear(frame, resolve), error: () => (this.lost = true), complete: () => (this.lost = true) })
      this.#say(hello({ versions: VERSIONS, network: NETWORK, release: 'light' }))
    })
  }

  open(round: number): void {
    const work = this.works.get(round)
    if (work?.commitment === undefined) return
    const openings = randomBytes(openingsBytesLimit(this.#parameters) - 4278)
    this.#say({ tag: 'Openings', value: { round, blob: encodeOpeningsBlob(nodeCrypto, { network: NETWORK, round, machine: this.self.account, commitment: work.commitment, facts: FACTS, openings }, (digest) => this.self.key.sign(digest)) } })
  }

  #say(message: MachineMessage, written: (at: number) => void = () => {}): void {
    timed(written, () => this.#channel!.send(this.#wire.machine.encode(message))).catch(() => (this.lost = true))
  }

  #hear(frame: Uint8Array, welcomed: () => void): void {
    const message = this.#wire.checker.decode(frame)
    switch (message.tag) {
      case 'Welcome':
        return welcomed()
      case 'Ping':
        return this.#say({ tag: 'Pong', value: message.value })
      case 'Download':
        this.#download = { id: message.value.id, left: message.value.bytes, hash: createHash('sha256') }
        return
      case 'Chunk': {
        const download = this.#download!
        download.hash.update(message.value.bytes)
        download.left -= message.value.bytes.length
        if (download.left === 0) this.#say({ tag: 'DownloadDone', value: { id: download.id, sha256: `0x${download.hash.digest('hex')}` } })
        return
      }
      case 'Upload': {
        const { id, seed, bytes } = message.value
        for (let at = 0; at < bytes; at += 65536) this.#say({ tag: 'Chunk', value: { id, bytes: keystream(seed, at, Math.min(65536, bytes - at)) } })
        return
      }
      case 'Nonce':
        return void this.#run(message.value.round, message.value.signature)
      case 'Receipt':
        return void this.works.get(message.value.round)!.receipts++
      case 'Refused':
        throw new Error(`refused: ${message.value.code}`)
    }
  }

  async #run(round: number, signature: Uint8Array): Promise<void> {
    const work = new Work()
    this.works.set(round, work)
    const { windowMs } = this.#parameters
    const steps = this.#roots.length
    const startedAt = now()
    // The first step comes after a share of the window that differs from machine to machine, as their speed does.
    const firstMs = (windowMs / 64) * (0.5 + Math.random())
    for (let tell = 0; tell < TELLS; tell++) {
      await pause(Math.max(0, startedAt + firstMs + (tell * windowMs) / TELLS - now()))
      const step = Math.max(1, Math.floor((steps * (tell + 1)) / TELLS))
      this.#say({ tag: 'Progress', value: { round, step, key: toHex(this.#roots[step - 1]!) } }, (at) => (work.progress[tell] ??= at))
    }
    // A window and the step under way at its end.
    await pause(Math.max(0, startedAt + windowMs + firstMs - now()))
    const commitment = { network: NETWORK, round, machine: this.self.account, log2n: this.#parameters.log2n, facts: factsId(nodeCrypto, FACTS), fill: [], folds: [{ checker: CHECKER.account, signature, step: 0 }], roots: this.#roots }
    const blob = encodeCommitmentBlob(commitment, this.self.key.sign(commitmentDigest(nodeCrypto, commitment)))
    work.commitment = blobId(nodeCrypto, blob)
    this.#say({ tag: 'Commitment', value: { round, blob } }, (at) => void (work.committedAt ||= at))
  }
}

await cryptoReady()
watchSockets()
const left = new AbortController()
const machines: LightMachine[] = []
let begun: Extract<MachinesAsked, { ask: 'begin' }>
let spent = process.cpuUsage()

async function answer(asked: MachinesAsked): Promise<unknown> {
  switch (asked.ask) {
    case 'begin':
      begun = asked
      return null
    case 'connect': {
      const parameters = parametersOf(begun.setting)
      const words = wire(parameters)
      // One after the other, and again as a provider does: a listener takes so many connections a second from one address.
      for (let i = begun.first + machines.length * begun.every; i < asked.machines; i += begun.every) {
        const machine = new LightMachine(machineAt(i), parameters, words, begun.steps)
        for (let tries = 0; ; tries++) {
          try {
            await machine.connect(begun.address, left.signal)
            break
          } catch (error) {
            if (tries === 50) throw error
            await pause(100 + 200 * Math.random())
          }
        }
        machines.push(machine)
      }
      return null
    }
    case 'open':
      for (const machine of machines) setTimeout(() => machine.open(asked.round), Math.random() * asked.withinMs)
      return null
    case 'told': {
      const works = machines.flatMap((machine) => (machine.works.has(asked.round) ? [[machine.self.key.publicKey, machine.works.get(asked.round)!] as const] : []))
      const { user, system } = process.cpuUsage(spent)
      spent = process.cpuUsage()
      return {
        progress: works.map(([peer, { progress }]) => [peer, progress]),
        commitments: works.map(([peer, { committedAt }]) => [peer, committedAt]),
        commitmentReceipts: works.filter(([, { receipts }]) => receipts > 0).length,
        openingsReceipts: works.filter(([, { receipts }]) => receipts > 1).length,
        cpuMs: (user + system) / 1000,
        lost: machines.filter(({ lost }) => lost).length,
      } satisfies MachinesTold
    }
  }
}

process.on('message', ({ id, asked }: { id: number, asked: MachinesAsked }) => void answer(asked).then((told) => process.send!({ id, told })))
process.once('disconnect', () => process.exit(0))
