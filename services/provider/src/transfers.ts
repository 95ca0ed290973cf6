// A checker's measurement of bandwidth, both ways: hash what comes down, send the stream that is asked for. Once a round each way, and bounded, so that
// no checker can keep a machine from its work by measuring it, nor disturb another's measurement, however often it hangs up and is dialled again.
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { emptyIntake, isWhole, keystream, payloadDigest, piecesOf, takePiece, toHex } from '@assay/protocol'
import type { CheckerMessage, Intake, MachineMessage } from '@assay/protocol'
import { nodeCrypto } from '@assay/runtime-bindings'

export type TransferMessage = Extract<CheckerMessage, { tag: 'OpenLanes' | 'Download' | 'Upload' | 'Chunk' }>
/** What a Chunk carries. */
export type Payload = Extract<CheckerMessage, { tag: 'Chunk' }>['value']
/** Why a message was not followed. */
export type TransferFault = 'WRONG_ROUND' | 'TOO_OFTEN' | 'TOO_MANY' | 'NO_LANES' | 'NOT_ASKED' | 'NOT_IN_PLACE' | 'TOO_MUCH' | 'OVER'

/** What one checker has had of this machine: the last round of each kind, and payload that was no part of a download. It outlives conversations. */
export interface Had { lanes: number, down: number, up: number, stray: { round: number, bytes: number } }
export const nothingHad = (): Had => ({ lanes: -1, down: -1, up: -1, stray: { round: -1, bytes: 0 } })

export interface TransfersDeps {
  /** Sends on the conversation: resolves when the channel took the message, rejects when it is closed. */
  send(message: MachineMessage): Promise<void>
  lanes: {
    /** most that are opened for one measurement */
    offered: number
    /** Opens lanes for this id in place of those before; false, and none, if one cannot be opened. Never rejects. */
    open(id: number, lanes: number): Promise<boolean>
    /** the streams of payload of this id, the conversation included; 0 if it had lanes and they are gone */
    streams(id: number): number
    /** begins to hand their chunks to `takePiece` */
    read(): void
    /** Sends on lane `lane`, from 1. Rejects when it is gone. */
    send(message: MachineMessage, lane: number): Promise<void>
  }
  /** the round of the best block */
  round(): number
  had: Had
  /** payload without a place that is put up with in a round: what was under way when a download failed or a conversation broke. More is TOO_MUCH. */
  mostStrayBytes(): number
  /** payload bytes that went by */
  count(direction: 'down' | 'up', bytes: number): void
}

/** Rounds, that of the failure included, in which no lanes are offered after they could not be opened; twice as many after each further failure. */
const FIRST_WITHOUT = 2
const MOST_WITHOUT = 64

/** The transfers of one conversation with one checker. */
export class Transfers {
  readonly #deps: TransfersDeps
  #download: { id: number, intake: Intake, hashes: Hash[] } | undefined
  #uploads = new AbortController()
  /** rounds that are measured without lanes after the next failure, and those that are left after the last */
  #without = { rounds: FIRST_WITHOUT, left: 0 }

  constructor(deps: TransfersDeps) {
    this.#deps = deps
  }

  /** Follows a message of the conversation; resolves with OK or why not, after the last byte was handed over. Rejects when a channel closes. */
  async take(message: TransferMessage): Promise<'OK' | TransferFault> {
    switch (message.tag) {
      case 'OpenLanes': {
        const { id, round, lanes } = message.value
        if (lanes > this.#deps.lanes.offered) return 'TOO_MANY'
        const fault = this.#allow('lanes', round)
        if (fault) return fault
        if (await this.#deps.lanes.open(id, lanes)) {
          this.#without = { rounds: FIRST_WITHOUT, left: 0 }
          return 'OK'
        }
        this.#without = { rounds: Math.min(2 * this.#without.rounds, MOST_WITHOUT), left: this.#without.rounds }
        // Or the checker would wait for them, now and in each round.
        await this.#deps.send({ tag: 'OfferLanes', value: { lanes: 0 } })
        return 'NO_LANES'
      }
      case 'Download': {
        const { id, round, bytes } = message.value
        const fault = this.#allow('down', round)
        if (fault) return fault
        const streams = this.#deps.lanes.streams(id)
        if (streams === 0) return 'NO_LANES'
        this.#download = { id, intake: emptyIntake(bytes, streams), hashes: Array.from({ length: streams }, () => createHash('sha256')) }
        if (streams > 1) this.#deps.lanes.read()
        // What failed once need not fail for as long as the conversation lasts.
        if (this.#without.left > 0 && --this.#without.left === 0) await this.#deps.send({ tag: 'OfferLanes', value: { lanes: this.#deps.lanes.offered } })
        return this.#finish()
      }
      case 'Chunk':
        return this.takePiece(message.value, 0)
      case 'Upload': {
        const { id, round, seed, bytes } = message.value
        const fault = this.#allow('up', round)
        if (fault) return fault
        const streams = this.#deps.lanes.streams(id)
        const sending = Array.from({ length: streams }, (_, stream) => this.#upload({ id, seed, bytes, streams }, stream))
        const sent = await Promise.all(sending)
        return sent.find((verdict) => verdict !== 'OK') ?? (streams === 0 ? 'NO_LANES' : 'OK')
      }
    }
  }

  /** Ends uploads: the checker has begun with what comes after its measurements, and progress must not wait behind payload that nobody counts. */
  endUploads(): void {
    this.#uploads.abort()
    this.#uploads = new AbortController()
  }

  /** Follows a Chunk of stream 0, the conversation, or of a lane. */
  async takePiece({ id, bytes }: Payload, stream: number): Promise<'OK' | TransferFault> {
    const download = this.#download
    if (download?.id !== id) return this.#stray(bytes.length, 'NOT_ASKED')
    const taken = takePiece(download.intake, stream, bytes.length)
    if (taken === null) {
      this.#download = undefined
      return this.#stray(bytes.length, 'NOT_IN_PLACE')
    }
    download.intake = taken.intake
    download.hashes[stream]!.update(bytes)
    this.#deps.count('down', bytes.length)
    return this.#finish()
  }

  /** Sends a stream's share, one piece at a time, behind whatever else is being sent: progress and proofs never wait behind a measurement for long. */
  async #upload({ id, seed, bytes, streams }: { id: number, seed: Uint8Array, bytes: number, streams: number }, stream: number): Promise<'OK' | TransferFault> {
    const { signal } = this.#uploads
    for (const { at, length } of piecesOf(bytes, streams, stream)) {
      if (signal.aborted) return 'OVER'
      if (this.#deps.lanes.streams(id) !== streams) return 'NO_LANES'
      const message: MachineMessage = { tag: 'Chunk', value: { id, bytes: keystream(seed, at, length) } }
      await (stream === 0 ? this.#deps.send(message) : this.#deps.lanes.send(message, stream))
      this.#deps.count('up', length)
    }
    return 'OK'
  }

  #stray(bytes: number, fault: TransferFault): TransferFault {
    const { had, round, mostStrayBytes } = this.#deps
    const now = round()
    had.stray = { round: now, bytes: bytes + (had.stray.round === now ? had.stray.bytes : 0) }
    return had.stray.bytes > mostStrayBytes() ? 'TOO_MUCH' : fault
  }

  async #finish(): Promise<'OK'> {
    const download = this.#download
    if (download && isWhole(download.intake)) {
      this.#download = undefined
      await this.#deps.send({ tag: 'DownloadDone', value: { id: download.id, sha256: toHex(payloadDigest(nodeCrypto, download.hashes.map((hash) => hash.digest()))) } })
    }
    return 'OK'
  }

  #allow(what: 'lanes' | 'down' | 'up', round: number): TransferFault | undefined {
    const { had } = this.#deps
    if (Math.abs(round - this.#deps.round()) > 1) return 'WRONG_ROUND'
    if (round <= had[what]) return 'TOO_OFTEN'
    had[what] = round
    return undefined
  }
}
