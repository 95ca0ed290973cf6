// A recording, replayed: the one road of docs/ARCHITECTURE.md from blocks and evidence to a statement, with nothing of the world but the file.
import { applyBlock, type Crypto, emptyLedger, type Hash, type Ledger, NewerVersionError, NoRandomnessError, type ReplayedEpoch, replayEpoch, RoundForgottenError, toHex, type Versions, VERSIONS } from '@assay/protocol'
import { browserCrypto } from './crypto.ts'
import { compareWithChain, type OnChain } from './on-chain.ts'
import { ledgerBlocksOf, type Recording, unpackRecording } from './recording.ts'

export interface RecordedReplay {
  recording: Recording
  ledger: Ledger
  replayed: ReplayedEpoch
  /** How the statement among the recorded blocks stands to the one computed here. */
  onChain: OnChain
}

/** A well-formed recording from which the epoch cannot be replayed: it ends too early, or lacks evidence. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError'
  readonly code = 'RECORDING'
}

/**
 * Reads a recording's file and replays the epoch it was made for, or another that it holds. Nothing in the file is believed but which blocks the chain had: blobs are found by their hash, signatures and proofs are verified.
 *
 * ```ts
 * const { replayed, onChain } = await replayRecording(new Uint8Array(await file.arrayBuffer()))
 * replayed.statement.root // '0x…'
 * ```
 *
 * Rejects with MalformedError if the bytes are no recording, with RecordingError if it does not suffice, or goes on in a version of the protocol that is none of `versions` (by default all that this program knows).
 */
export async function replayRecording(file: Uint8Array, { crypto = browserCrypto, epoch: asked, versions = VERSIONS }: { crypto?: Crypto; epoch?: number; versions?: Versions } = {}): Promise<RecordedReplay> {
  const recording = await unpackRecording(file)
  const epoch = asked ?? recording.epoch
  const blobs = new Map<Hash, Uint8Array>(recording.blobs.map((blob) => [toHex(crypto.sha256(blob)), blob]))
  try {
    let ledger = emptyLedger(recording.network, versions)
    for (const block of ledgerBlocksOf(recording)) ledger = applyBlock(crypto, ledger, block)
    const replayed = await replayEpoch(crypto, ledger, epoch, async (id, maxBytes) => fitting(blobs.get(id), maxBytes))
    if (replayed.kind === 'early') throw new RecordingError(`the recording ends at block ${ledger.head?.number ?? 'none'}, and epoch ${epoch} is judged from block ${replayed.readyAt ?? 'unknown'} on`)
    if (replayed.kind === 'missing') throw new RecordingError(`the recording lacks evidence of epoch ${replayed.epoch}: ${replayed.blobs.join(', ')}`)
    return { recording, ledger, replayed, onChain: compareWithChain(crypto, ledger, replayed) }
  } catch (cause) {
    if (cause instanceof NewerVersionError) throw new RecordingError(`this program is too old for the recording: ${cause.message}`, { cause })
    if (cause instanceof NoRandomnessError || cause instanceof RoundForgottenError) throw new RecordingError(`the recording lacks blocks or what stands in them: ${cause.message}`, { cause })
    throw cause
  }
}

/** A checker would not have served a longer one. */
const fitting = (blob: Uint8Array | undefined, maxBytes: number): Uint8Array | undefined => (blob !== undefined && blob.length <= maxBytes ? blob : undefined)
