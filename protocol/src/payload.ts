// How the payload of a measurement is cut over several streams and known to be whole again. PROTOCOL section 11.
import { joinBytes } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { CHUNK_BYTES } from './wire.ts'

/** A part of a payload that one Chunk carries, in bytes. */
export interface Piece { at: number; length: number }

/** What has arrived: `taken[s]` pieces of stream s, each in its place. */
export interface Intake { bytes: number; taken: readonly number[] }

/**
 * Piece `n` of stream `stream`, both from 0, or null if the stream ends before: piece i of a payload travels on stream i mod `streams`.
 *
 * ```ts
 * pieceOf(200_000, 2, 1, 1) // { at: 196608, length: 3392 }
 * ```
 */
export function pieceOf(bytes: number, streams: number, stream: number, n: number): Piece | null {
  const at = (n * streams + stream) * CHUNK_BYTES
  return at < bytes ? { at, length: Math.min(CHUNK_BYTES, bytes - at) } : null
}

/** The pieces of a stream, in order. */
export function* piecesOf(bytes: number, streams: number, stream: number): Generator<Piece> {
  for (let n = 0, piece; (piece = pieceOf(bytes, streams, stream, n)) !== null; n++) yield piece
}

/** The bytes that travel on a stream. */
export function streamBytes(bytes: number, streams: number, stream: number): number {
  let sum = 0
  for (const { length } of piecesOf(bytes, streams, stream)) sum += length
  return sum
}

/** Nothing has arrived yet. */
export const emptyIntake = (bytes: number, streams: number): Intake => ({ bytes, taken: Array.from({ length: streams }, () => 0) })

/** What a Chunk of `length` bytes on a stream is, by the only thing that says so: how many came on it before. Null if none of that length belongs there now. */
export function takePiece({ bytes, taken }: Intake, stream: number, length: number): { piece: Piece; intake: Intake } | null {
  const before = taken[stream]
  const piece = before === undefined ? null : pieceOf(bytes, taken.length, stream, before)
  if (piece === null || piece.length !== length) return null
  return { piece, intake: { bytes, taken: taken.with(stream, before! + 1) } }
}

/** True when all streams have all of their pieces. */
export function isWhole({ bytes, taken }: Intake): boolean {
  return taken.reduce((sum, pieces) => sum + pieces, 0) === Math.ceil(bytes / CHUNK_BYTES)
}

/** What DownloadDone says, from the SHA-256 of what each stream carried: nobody must hold early pieces of one lane until another's have come. */
export function payloadDigest({ sha256 }: Pick<Crypto, 'sha256'>, hashes: readonly Uint8Array[]): Uint8Array {
  return hashes.length === 1 ? hashes[0]! : sha256(joinBytes(hashes))
}
