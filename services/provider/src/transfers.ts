// A checker's measurement of bandwidth, both ways: hash what comes down, send the stream that is asked for. Once a round each way, and bounded, so that
// no checker can keep a machine from its work by measuring it.
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { CHUNK_BYTES, keystream, toHex } from '@assay/protocol'
import type { CheckerMessage, MachineMessage } from '@assay/protocol'

export type TransferMessage = Extract<CheckerMessage, { tag: 'Download' | 'Upload' | 'Chunk' }>
/** Why a message was not followed. */
export type TransferFault = 'WRONG_ROUND' | 'TOO_OFTEN' | 'NOT_ASKED' | 'TOO_MUCH'

export interface TransfersDeps {
  /** resolves when the channel took the message, rejects when it is closed */
  send(message: MachineMessage): Promise<void>
  /** the round of the best block */
  round(): number
  /** payload bytes that went by */
  count(direction: 'down' | 'up', bytes: number): void
}

/** The transfers of one conversation with one checker. */
export class Transfers {
  readonly #deps: TransfersDeps
  #download: { id: number, left: number, hash: Hash } | undefined
  #lastRound = { down: -1, up: -1 }

  constructor(deps: TransfersDeps) {
    this.#deps = deps
  }

  /** Follows a message; resolves with OK or why not, after the last byte was handed over. Rejects when the channel closes. */
  async take(message: TransferMessage): Promise<'OK' | TransferFault> {
    switch (message.tag) {
      case 'Download': {
        const fault = this.#allow('down', message.value.round)
        if (fault) return fault
        this.#download = { id: message.value.id, left: message.value.bytes, hash: createHash('sha256') }
        return this.#finish()
      }
      case 'Chunk': {
        const download = this.#download
        const { id, bytes } = message.value
        if (download?.id !== id) return 'NOT_ASKED'
        if (bytes.length > download.left) {
          this.#download = undefined
          return 'TOO_MUCH'
        }
        download.hash.update(bytes)
        download.left -= bytes.length
        this.#deps.count('down', bytes.length)
        return this.#finish()
      }
      case 'Upload': {
        const { id, round, seed, bytes } = message.value
        const fault = this.#allow('up', round)
        if (fault) return fault
        // One piece at a time, behind whatever else is being sent: progress and proofs never wait behind a measurement for long.
        for (let at = 0; at < bytes; at += CHUNK_BYTES) {
          const piece = keystream(seed, at, Math.min(CHUNK_BYTES, bytes - at))
          await this.#deps.send({ tag: 'Chunk', value: { id, bytes: piece } })
          this.#deps.count('up', piece.length)
        }
        return 'OK'
      }
    }
  }

  async #finish(): Promise<'OK'> {
    const download = this.#download
    if (download?.left === 0) {
      this.#download = undefined
      await this.#deps.send({ tag: 'DownloadDone', value: { id: download.id, sha256: toHex(new Uint8Array(download.hash.digest())) } })
    }
    return 'OK'
  }

  #allow(way: 'down' | 'up', round: number): TransferFault | undefined {
    if (Math.abs(round - this.#deps.round()) > 1) return 'WRONG_ROUND'
    if (round <= this.#lastRound[way]) return 'TOO_OFTEN'
    this.#lastRound[way] = round
    return undefined
  }
}
