import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, keystream } from '@assay/protocol'
import type { MachineMessage } from '@assay/protocol'
import { type Had, nothingHad, Transfers } from './transfers.ts'
import type { TransfersDeps } from './transfers.ts'

const base = () => ({ lanes: none, had: nothingHad(), mostStrayBytes: () => 1 << 20, round: () => 10, count: () => {} })
function transfers(round = 10, had: Had = nothingHad()) {
  const sent: MachineMessage[] = []
  const counted = { down: 0, up: 0 }
  return { sent, counted, transfers: new Transfers({ ...base(), had, mostStrayBytes: () => 100, send: async (message) => void sent.push(message), round: () => round, count: (way, bytes) => void (counted[way] += bytes) }) }
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
  it('remembers beyond the conversation what the checker has had', async () => {
    const had = nothingHad()
    const first = transfers(10, had)
    expect(await first.transfers.take({ tag: 'Upload', value: { id: 1, round: 10, seed, bytes: 10 } })).toBe('OK')
    expect(await first.transfers.take(chunk(9, new Uint8Array(60)))).toBe('NOT_ASKED')
    const second = transfers(10, had)
    expect(await second.transfers.take({ tag: 'Upload', value: { id: 2, round: 10, seed, bytes: 10 } })).toBe('TOO_OFTEN')
    expect(await second.transfers.take({ tag: 'Download', value: { id: 3, round: 10, bytes: 10 } })).toBe('OK')
    expect(await second.transfers.take(chunk(3, new Uint8Array(40)))).toBe('NOT_IN_PLACE')
    expect(await second.transfers.take(chunk(3, new Uint8Array(1)))).toBe('TOO_MUCH')
    expect(await transfers(11, had).transfers.take(chunk(3, new Uint8Array(100)))).toBe('NOT_ASKED')
  })
  it('ends an upload in the middle when the checker measures no more, and follows the next', async () => {
    let sends = 0
    const t: Transfers = new Transfers({ ...base(), send: async () => void (++sends === 2 && t.endUploads()) })
    expect(await t.take({ tag: 'Upload', value: { id: 1, round: 10, seed, bytes: 10 * CHUNK_BYTES } })).toBe('OVER')
    expect(sends).toBe(2)
    expect(await t.take({ tag: 'Upload', value: { id: 2, round: 11, seed, bytes: CHUNK_BYTES } })).toBe('OK')
  })
  it('hashes each stream of a download by itself, whichever runs ahead', async () => {
    const lanes = { ...none, streams: (id: number) => (id === 3 ? 3 : 1), reads: 0, read: () => void lanes.reads++ }
    const sent: MachineMessage[] = []
    const t = new Transfers({ ...base(), send: async (message) => void sent.push(message), lanes })
    const payload = keystream(seed, 0, 4 * CHUNK_BYTES + 9)
    const piece = (i: number) => payload.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)
    expect(await t.take({ tag: 'Download', value: { id: 3, round: 10, bytes: payload.length } })).toBe('OK')
    expect(lanes.reads).toBe(1)
    for (const [stream, i] of [[2, 2], [1, 1], [1, 4], [0, 0], [0, 3]] as const) expect(await t.takePiece({ id: 3, bytes: piece(i) }, stream)).toBe('OK')
    const hashes = [[0, 3], [1, 4], [2]].map((of) => createHash('sha256').update(Buffer.concat(of.map(piece))).digest())
    expect(sent).toEqual([{ tag: 'DownloadDone', value: { id: 3, sha256: sha256(Buffer.concat(hashes)) } }])
  })
  it('drops a download at the first piece that is not in its place', async () => {
    const lanes = { ...none, streams: () => 2 }
    for (const [stream, length] of [[1, CHUNK_BYTES], [0, 9], [2, 9]] as const) {
      const { sent } = transfers()
      const t = new Transfers({ ...base(), send: async (message) => void sent.push(message), lanes })
      await t.take({ tag: 'Download', value: { id: 3, round: 10, bytes: CHUNK_BYTES + 9 } })
      expect(await t.takePiece({ id: 3, bytes: new Uint8Array(length) }, stream)).toBe('NOT_IN_PLACE')
      expect(await t.takePiece({ id: 3, bytes: new Uint8Array(CHUNK_BYTES) }, 0)).toBe('NOT_ASKED')
      expect(sent).toEqual([])
    }
  })
  it('uploads each piece on its stream, and stops when the lanes are gone', async () => {
    const sent: [number, Uint8Array][] = []
    const bytesOf = (message: MachineMessage) => (message as { value: { bytes: Uint8Array } }).value.bytes
    let streams = 3
    const make = (send: (message: MachineMessage, stream: number) => Promise<void>) => new Transfers({ ...base(), send: (message) => send(message, 0), lanes: { ...none, streams: () => streams, send }, round: () => 1 })
    const up = { tag: 'Upload', value: { id: 1, round: 1, seed, bytes: 4 * CHUNK_BYTES + 9 } } as const
    expect(await make(async (message, stream) => void sent.push([stream, bytesOf(message)])).take(up)).toBe('OK')
    for (const [stream, at] of [[0, [0, 3]], [1, [1, 4]], [2, [2]]] as const) {
      expect(Buffer.concat(sent.filter(([on]) => on === stream).map(([, bytes]) => bytes)).equals(Buffer.concat(at.map((i) => keystream(seed, i * CHUNK_BYTES, i === 4 ? 9 : CHUNK_BYTES))))).toBe(true)
    }
    let sends = 0
    expect(await make(async () => void (++sends === 3 && (streams = 0))).take(up)).toBe('NO_LANES')
    expect(sends).toBe(3)
    expect(await make(async () => void sends++).take(up)).toBe('NO_LANES')
    expect(await make(async () => {}).take({ tag: 'Download', value: { id: 1, round: 1, bytes: 9 } })).toBe('NO_LANES')
    expect(sends).toBe(3)
    streams = 3
    await expect(make((_, stream) => (stream === 2 ? Promise.reject(new Error('lane 2 is not open')) : Promise.resolve())).take(up)).rejects.toThrow('lane 2')
  })
  it('opens lanes once a round and no more than it offers, and takes its offer back when it cannot', async () => {
    const sent: MachineMessage[] = []
    const opened: number[][] = []
    let possible = true
    const t = new Transfers({ ...base(), send: async (message) => void sent.push(message), lanes: { ...none, offered: 3, open: async (id, lanes) => (opened.push([id, lanes]), possible) } })
    const ask = (round: number, lanes: number) => t.take({ tag: 'OpenLanes', value: { id: 7, round, lanes } })
    expect([await ask(10, 4), await ask(8, 3), await ask(10, 3), await ask(10, 3)]).toEqual(['TOO_MANY', 'WRONG_ROUND', 'OK', 'TOO_OFTEN'])
    possible = false
    expect(await ask(11, 2)).toBe('NO_LANES')
    expect(opened).toEqual([[7, 3], [7, 2]])
    expect(sent).toEqual([{ tag: 'OfferLanes', value: { lanes: 0 } }])
  })
  it('offers lanes again after some rounds without, later each time it cannot open them, and soon again once it could', async () => {
    const sent: MachineMessage[] = []
    let [round, possible] = [0, false]
    const t = new Transfers({ ...base(), round: () => round, send: async (message) => void sent.push(message), lanes: { ...none, offered: 3, open: async () => possible } })
    /** Goes through rounds, being asked for lanes while they are offered; what was offered in each. */
    const play = async (rounds: number): Promise<string[]> => {
      const offers: string[] = []
      for (let i = 0; i < rounds; i++, round++) {
        sent.length = 0
        if (offered > 0) await t.take({ tag: 'OpenLanes', value: { id: round, round, lanes: 3 } })
        await t.take({ tag: 'Download', value: { id: round, round, bytes: 0 } })
        const said = sent.flatMap((message) => (message.tag === 'OfferLanes' ? [message.value.lanes] : []))
        offered = said.at(-1) ?? offered
        offers.push(said.join())
      }
      return offers
    }
    let offered = 3
    expect(await play(8)).toEqual(['0', '3', '0', '', '', '3', '0', ''])
    expect(await play(6)).toEqual(['', '', '', '', '', '3'])
    possible = true
    expect(await play(2)).toEqual(['', ''])
    possible = false
    expect(await play(2)).toEqual(['0', '3'])
  })
  it('stops an upload when the channel closes', async () => {
    let sends = 0
    const t = new Transfers({ send: () => (++sends === 2 ? Promise.reject(new Error('closed')) : Promise.resolve()), ...base(), round: () => 1 })
    await expect(t.take({ tag: 'Upload', value: { id: 1, round: 1, seed, bytes: 10 * CHUNK_BYTES } })).rejects.toThrow('closed')
    expect(sends).toBe(2)
  })
})
