import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crypto } from '../testing/crypto.ts'
import { joinBytes, toHex } from './bytes.ts'
import { keystream } from './compute/chacha.ts'
import { emptyIntake, type Intake, isWhole, payloadDigest, pieceOf, piecesOf, streamBytes, takePiece } from './payload.ts'
import { CHUNK_BYTES, MAX_LANES } from './wire.ts'

const payloads = fc.integer({ min: 0, max: 12 * CHUNK_BYTES })
const streamCounts = fc.integer({ min: 1, max: MAX_LANES + 1 })
const cut = (bytes: number, streams: number) => Array.from({ length: streams }, (_, stream) => [...piecesOf(bytes, streams, stream)])
const seed = new Uint8Array(32).fill(3)

test('pieces go to the streams in turns, whole but for the last', () => {
  expect(cut(4 * CHUNK_BYTES + 9, 3)).toEqual([
    [{ at: 0, length: CHUNK_BYTES }, { at: 3 * CHUNK_BYTES, length: CHUNK_BYTES }],
    [{ at: CHUNK_BYTES, length: CHUNK_BYTES }, { at: 4 * CHUNK_BYTES, length: 9 }],
    [{ at: 2 * CHUNK_BYTES, length: CHUNK_BYTES }],
  ])
  expect([0, 1, 2].map((stream) => streamBytes(4 * CHUNK_BYTES + 9, 3, stream))).toEqual([2 * CHUNK_BYTES, CHUNK_BYTES + 9, CHUNK_BYTES])
  expect(pieceOf(4 * CHUNK_BYTES + 9, 3, 2, 1)).toBeNull()
})

test('a payload that is smaller than the streams leaves some without a piece, and one of nothing is whole at once', () => {
  expect(cut(5, 3)).toEqual([[{ at: 0, length: 5 }], [], []])
  expect(isWhole(emptyIntake(0, 4))).toBe(true)
  expect(isWhole(emptyIntake(1, 4))).toBe(false)
})

test('together the pieces are the payload, each byte once', () => {
  fc.assert(
    fc.property(payloads, streamCounts, (bytes, streams) => {
      const all = cut(bytes, streams).flat().sort((a, b) => a.at - b.at)
      expect(all.map(({ at }) => at)).toEqual(all.map((_, i) => i * CHUNK_BYTES))
      expect(all.reduce((sum, { length }) => sum + length, 0)).toBe(bytes)
      expect(cut(bytes, streams).map((_, stream) => streamBytes(bytes, streams, stream))).toEqual(cut(bytes, streams).map((pieces) => pieces.reduce((sum, { length }) => sum + length, 0)))
    }),
  )
})

describe('joined', () => {
  /** Plays chunks to an intake and joins what it takes; null as soon as one has no place. */
  const join = (bytes: number, streams: number, chunks: readonly { stream: number; data: Uint8Array }[]): { intake: Intake; joined: Uint8Array; digest: string } | null => {
    const joined = new Uint8Array(bytes)
    const hashes = Array.from({ length: streams }, () => createHash('sha256'))
    let intake = emptyIntake(bytes, streams)
    for (const { stream, data } of chunks) {
      const taken = takePiece(intake, stream, data.length)
      if (taken === null) return null
      joined.set(data, taken.piece.at)
      hashes[stream]!.update(data)
      intake = taken.intake
    }
    return { intake, joined, digest: toHex(payloadDigest(crypto, hashes.map((hash) => hash.digest()))) }
  }
  const sent = (bytes: number, streams: number) => cut(bytes, streams).map((pieces, stream) => pieces.map(({ at, length }) => ({ stream, data: keystream(seed, at, length) })))
  const digestOf = (bytes: number, streams: number): string =>
    toHex(payloadDigest(crypto, sent(bytes, streams).map((chunks) => crypto.sha256(joinBytes(chunks.map(({ data }) => data))))))
  /** One chunk of one of the streams at a time, as chance has it. */
  const interleaved = <T>(streams: readonly (readonly T[])[], choices: Iterable<number>): T[] => {
    const left = streams.map((chunks) => [...chunks])
    const out: T[] = []
    for (const choice of choices) {
      const open = left.filter((chunks) => chunks.length > 0)
      if (open.length === 0) break
      out.push(open[choice % open.length]!.shift()!)
    }
    return [...out, ...left.flat()]
  }

  test('in whatever order the streams run, it is the payload', () => {
    fc.assert(
      fc.property(payloads, streamCounts, fc.array(fc.nat(), { maxLength: 12 }), (bytes, streams, choices) => {
        const got = join(bytes, streams, interleaved(sent(bytes, streams), choices))!
        expect(isWhole(got.intake)).toBe(true)
        expect(got.digest).toBe(digestOf(bytes, streams))
        expect(Buffer.compare(got.joined, keystream(seed, 0, bytes))).toBe(0)
      }),
      { numRuns: 30 },
    )
  })

  test('whatever a liar does with the chunks, it is the payload or it is not taken', () => {
    const move = fc.record({ what: fc.constantFrom('swap', 'drop', 'twice', 'relabel', 'shorten', 'flip'), a: fc.nat(), b: fc.nat() })
    fc.assert(
      fc.property(payloads, streamCounts, fc.array(move, { maxLength: 4 }), (bytes, streams, moves) => {
        const chunks = sent(bytes, streams).flat()
        for (const { what, a, b } of moves) {
          if (chunks.length === 0) break
          const [i, j] = [a % chunks.length, b % chunks.length]
          const one = chunks[i]!
          if (what === 'swap') [chunks[i], chunks[j]] = [{ stream: one.stream, data: chunks[j]!.data }, { stream: chunks[j]!.stream, data: one.data }]
          if (what === 'drop') chunks.splice(i, 1)
          if (what === 'twice') chunks.splice(j, 0, one)
          if (what === 'relabel') chunks[i] = { ...one, stream: b % streams }
          if (what === 'shorten') chunks[i] = { ...one, data: one.data.subarray(0, b % (one.data.length + 1)) }
          if (what === 'flip') chunks[i] = { ...one, data: one.data.map((byte, at) => (at === b % one.data.length ? byte ^ 1 : byte)) }
        }
        const got = join(bytes, streams, chunks)
        const isPayload = got !== null && isWhole(got.intake) && Buffer.compare(got.joined, keystream(seed, 0, bytes)) === 0
        expect(got !== null && isWhole(got.intake) && got.digest === digestOf(bytes, streams)).toBe(isPayload)
      }),
      { numRuns: 200 },
    )
  })

  test('no more than its pieces fits on a stream, and there is no stream beyond the last', () => {
    const one = takePiece(emptyIntake(5, 2), 0, 5)!
    expect(one).toEqual({ piece: { at: 0, length: 5 }, intake: { bytes: 5, taken: [1, 0] } })
    for (const [intake, stream, length] of [[one.intake, 0, 5], [one.intake, 1, 1], [one.intake, 2, 1], [emptyIntake(5, 2), 0, 4], [emptyIntake(5, 2), 0, 6]] as const) expect(takePiece(intake, stream, length)).toBeNull()
  })

  test('over one stream the digest is that of the payload', () => {
    expect(digestOf(100_000, 1)).toBe(toHex(crypto.sha256(keystream(seed, 0, 100_000))))
    expect(digestOf(100_000, 2)).not.toBe(digestOf(100_000, 1))
  })
})
