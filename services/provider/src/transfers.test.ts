import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, keystream } from '@assay/protocol'
import type { MachineMessage } from '@assay/protocol'
import { Transfers } from './transfers.ts'
import type { TransfersDeps } from './transfers.ts'

function transfers(round = 10) {
  const sent: MachineMessage[] = []
  const counted = { down: 0, up: 0 }
  return { sent, counted, transfers: new Transfers({ send: async (message) => void sent.push(message), lanes: none, round: () => round, count: (way, bytes) => void (counted[way] += bytes) }) }
}
const none: TransfersDeps['lanes'] = { offered: 0, open: async () => false, streams: () => 1, read: () => {}, send: () => Promise.reject(new Error('no lanes')) }
const seed = new Uint8Array(32).fill(5)
const sha256 = (bytes: Uint8Array) => `0x${createHash('sha256').update(bytes).digest('hex')}`
const chunk = (id: number, bytes: Uint8Array) => ({ tag: 'Chunk', value: { id, bytes } }) as const

describe('Transfers', () => {
  it('hashes a download that comes in pieces', async () => {
    const { transfers: t, sent, counted } = transfers()
    const payload = keystream(seed, 0, 150_000)
    await t.take({ tag: 'Download', value: { id: 3, round: 10, bytes: payload.length } })
    for (let at = 0; at < payload.length; at += CHUNK_BYTES) expect(await t.take(chunk(3, payload.subarray(at, at + CHUNK_BYTES)))).toBe('OK')
    expect(sent).toEqual([{ tag: 'DownloadDone', value: { id: 3, sha256: sha256(payload) } }])
    expect(counted.down).toBe(150_000)
  })
  it('uploads the key stream in order, the last piece short', async () => {
    const { transfers: t, sent, counted } = transfers()
    expect(await t.take({ tag: 'Upload', value: { id: 4, round: 9, seed, bytes: 150_000 } })).toBe('OK')
    const pieces = sent.map((message) => (message as { value: { bytes: Uint8Array } }).value.bytes)
    expect(pieces.map((piece) => piece.length)).toEqual([CHUNK_BYTES, CHUNK_BYTES, 150_000 - 2 * CHUNK_BYTES])
    expect(Buffer.concat(pieces).equals(Buffer.from(keystream(seed, 0, 150_000)))).toBe(true)
    expect(counted.up).toBe(150_000)
  })
  it('answers an empty download at once', async () => {
    const { transfers: t, sent } = transfers()
    await t.take({ tag: 'Download', value: { id: 1, round: 11, bytes: 0 } })
    expect(sent).toMatchObject([{ tag: 'DownloadDone', value: { sha256: sha256(new Uint8Array()) } }])
  })
  it('follows one a round each way, of about now, and no bytes that it was not told of', async () => {
    const { transfers: t, sent } = transfers()
    expect(await t.take({ tag: 'Download', value: { id: 1, round: 10, bytes: 10 } })).toBe('OK')
    expect(await t.take({ tag: 'Download', value: { id: 2, round: 10, bytes: 10 } })).toBe('TOO_OFTEN')
    expect(await t.take({ tag: 'Download', value: { id: 2, round: 12, bytes: 10 } })).toBe('WRONG_ROUND')
    expect(await t.take({ tag: 'Upload', value: { id: 2, round: 8, seed, bytes: 10 } })).toBe('WRONG_ROUND')
    expect(await t.take(chunk(9, new Uint8Array(1)))).toBe('NOT_ASKED')
    expect(await t.take(chunk(1, new Uint8Array(11)))).toBe('NOT_IN_PLACE')
    expect(await t.take(chunk(1, new Uint8Array(10)))).toBe('NOT_ASKED')
    expect(await t.take({ tag: 'Upload', value: { id: 2, round: 10, seed, bytes: 10 } })).toBe('OK')
    expect(sent.map(({ tag }) => tag)).toEqual(['Chunk'])
  })
  it('stops an upload when the channel closes', async () => {
    let sends = 0
    const t = new Transfers({ send: () => (++sends === 2 ? Promise.reject(new Error('closed')) : Promise.resolve()), lanes: none, round: () => 1, count: () => {} })
    await expect(t.take({ tag: 'Upload', value: { id: 1, round: 1, seed, bytes: 10 * CHUNK_BYTES } })).rejects.toThrow('closed')
    expect(sends).toBe(2)
  })
})
