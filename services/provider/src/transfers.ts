// A checker's measurement of bandwidth, both ways: hash what comes down, send the stream that is asked for. Once a round each way, and bounded, so that
// no checker can keep a machine from its work by measuring it.
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { emptyIntake, isWhole, keystream, payloadDigest, piecesOf, takePiece, toHex } from '@assay/protocol'
import type { CheckerMessage, Intake, MachineMessage } from '@assay/protocol'
import { nodeCrypto } from '@assay/runtime-bindings'

export type TransferMessage = Extract<CheckerMessage, { tag: 'OpenLanes' | 'Download' | 'Upload' | 'Chunk' }>
/** What a Chunk carries. */
export type Payload = Extract<CheckerMessage, { tag: 'Chunk' }>['value']
/** Why a message was not followed. */
export type TransferFault = 'WRONG_ROUND' | 'TOO_OFTEN' | 'TOO_MANY' | 'NO_LANES' | 'NOT_ASKED' | 'NOT_IN_PLACE'

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
  /** payload bytes that went by */
  count(direction: 'down' | 'up', bytes: number): void
}

/** The transfers of one conversation with one checker. */
export class Transfers {
  readonly #deps: TransfersDeps
  #download: { id: number, intake: Intake, hashes: Hash[] } | undefined
  #lastRound = { lanes: -1, down: -1, up: -1 }

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
        if (await this.#deps.lanes.open(id, lanes)) return 'OK'
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
        return sent.length > 0 && sent.every(Boolean) ? 'OK' : 'NO_LANES'
      }
    }
  }

  /** Follows a Chunk of stream 0, the conversation, or of a lane. */
  async takePiece({ id, bytes }: Payload, stream: number): Promise<'OK' | TransferFault> {
    const download = this.#download
    if (download?.id !== id) return 'NOT_ASKED'
    const taken = takePiece(download.intake, stream, bytes.length)
    if (taken === null) {
      this.#download = undefined
      return 'NOT_IN_PLACE'
    }
    download.intake = taken.intake
    download.hashes[stream]!.update(bytes)
    this.#deps.count('down', bytes.length)
    return this.#finish()
  }

  /** Sends a stream's share, one piece at a time, behind whatever else is being sent: progress and proofs never wait behind a measurement for long. False if the lanes are gone meanwhile. */
  async #upload({ id, seed, bytes, streams }: { id: number, seed: Uint8Array, bytes: number, streams: number }, stream: number): Promise<boolean> {
    for (const { at, length } of piecesOf(bytes, streams, stream)) {
      if (this.#deps.lanes.streams(id) !== streams) return false
      const message: MachineMessage = { tag: 'Chunk', value: { id, bytes: keystream(seed, at, length) } }
      await (stream === 0 ? this.#deps.send(message) : this.#deps.lanes.send(message, stream))
      this.#deps.count('up', length)
    }
    return true
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
    if (Math.abs(round - this.#deps.round()) > 1) return 'WRONG_ROUND'
    if (round <= this.#lastRound[what]) return 'TOO_OFTEN'
    this.#lastRound[what] = round
    return undefined
  }
}
