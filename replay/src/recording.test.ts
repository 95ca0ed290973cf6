import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyBlock, calibratorRoleId, canariesChunkKey, canariesKey, canariesOf, CHECKER_KEY, checkerRoleId, emptyLedger, encodeParameters, type Hash, judgementOfEpoch, type Ledger, type LedgerBlock, type LedgerEvent, MACHINE_KEY, MalformedError,
  PARAMETERS_KEY, replayEpoch, type ReplayedEpoch, reportKey, roundFacts, type RoundFacts, statementKey, statementsOnChain, toHex,
} from '@assay/protocol'
import { testCrypto as crypto } from '@assay/protocol/testing/actors'
import { everyOtherRow } from '@assay/protocol/testing/prover'
import { documentOf, play, type Played } from '../testing/play.ts'
import { createRecorder } from './recorder.ts'
import { decodeRecording, encodeRecording, ledgerBlocksOf, packRecording, type Recording, RECORDING_BYTES, unpackRecording, VALUE_BYTES } from './recording.ts'
import { RecordingError, replayRecording } from './replay-recording.ts'

const net = play({ machines: 3, epochs: 2 }, { machine: ({ name }) => (name === 'machine 2' ? { lie: everyOtherRow } : {}) })

const STRANGER: Hash = `0x${'5'.repeat(64)}`
const ROLE: Hash = `0x${'6'.repeat(64)}`

/** Of the facts of a round what can be compared. */
const tellable = ({ machines, checkers, beacon, reports, packageRoots, counted, complete }: RoundFacts): object => ({ machines, checkers, beacon, reports, packageRoots, counted, complete })

async function record({ network, blocks, ledger, load }: Played, epoch: number, change: (block: LedgerBlock) => LedgerBlock = (same) => same): Promise<{ replayed: ReplayedEpoch; recording: Recording }> {
  const recorder = createRecorder(crypto, network)
  for (const block of blocks) recorder.block(change(block))
  const replayed = await replayEpoch(crypto, ledger, epoch, recorder.noting(load))
  if (replayed.kind !== 'done') throw new Error(`not done but ${replayed.kind}`)
  return { replayed, recording: recorder.recording(ledger, epoch) }
}

const { replayed, recording } = await record(net, 0)
const file = await packRecording(recording)
const repacked = (change: Partial<Recording>): Promise<Uint8Array> => packRecording({ ...recording, ...change })

describe('a recording', () => {
  test('is what it was after it was packed and read', async () => {
    expect(await unpackRecording(file)).toEqual(recording)
    expect(decodeRecording(encodeRecording(recording))).toEqual(recording)
  })

  test('gives the statement that the chain and the evidence give, by other implementations of the hashes and signatures', async () => {
    const again = await replayRecording(file)
    expect(again.replayed.statement).toEqual(replayed.statement)
    expect(again.onChain).toBe('not yet')
    expect(again.replayed.result.scores.map(({ reason }) => reason)).toContain('WRONG_PRODUCT')
    expect((await replayRecording(file, { crypto })).replayed.statement).toEqual(replayed.statement)
  })

  test('that goes on in a version which the reader does not know is none to it, and one to who knows it', async () => {
    const raised: LedgerEvent = { kind: 'item', who: net.network, key: PARAMETERS_KEY, value: encodeParameters({ ...net.parameters, version: 2 }), update: true }
    const founded = net.blocks.find(({ events }) => events.some((event) => event.kind === 'item' && event.key === PARAMETERS_KEY))!.number
    const newer = await packRecording((await record(net, 0, (block) => (block.number === founded + 1 ? { ...block, events: [...block.events, raised] } : block))).recording)
    expect((await replayRecording(newer, { crypto })).replayed.statement).toEqual(replayed.statement)
    await expect(replayRecording(newer, { crypto, versions: { lowest: 1, highest: 1 } })).rejects.toThrow(/^this program is too old for the recording: version 2 of the protocol took effect with epoch \d+, at block \d+, and this program knows versions up to 1$/)
    await expect(replayRecording(newer, { crypto, versions: { lowest: 1, highest: 1 } })).rejects.toBeInstanceOf(RecordingError)
  })

  test('says of the statement among its blocks whether it is the one computed', async () => {
    const stated = (bytes: Uint8Array<ArrayBufferLike>) => (block: LedgerBlock): LedgerBlock => {
      if (block.number !== net.blocks.length) return block
      const chunks = [bytes.slice(0, 128), bytes.slice(128)]
      return { ...block, events: [...block.events, ...chunks.map((value, i): LedgerEvent => ({ kind: 'item', who: net.network, key: statementKey(net.network, 0, i), value, update: false }))] }
    }
    const { bytes } = replayed.statement
    const right = await record(net, 0, stated(bytes))
    // The blocks to the statement, and not to the judgement only.
    expect(right.recording.blocks).toHaveLength(net.blocks.length)
    expect((await replayRecording(await packRecording(right.recording))).onChain).toBe('match')
    const wrong = await record(net, 0, stated(new Uint8Array(bytes).with(40, bytes[40]! ^ 1)))
    expect((await replayRecording(await packRecording(wrong.recording))).onChain).toBe('mismatch')
  })

  test('of a later epoch holds what the epochs before it need', async () => {
    const later = await record(net, 1)
    const all = await replayRecording(await packRecording(later.recording))
    expect(all.replayed.statement).toEqual(later.replayed.statement)
    expect((await replayRecording(await packRecording(later.recording), { epoch: 0 })).replayed.statement).toEqual(replayed.statement)
  })
})

describe('a recorder', () => {
  test('ends with the judgement where no statement stands, and keeps relay roots only where randomness comes from them', async () => {
    expect(recording.first + recording.blocks.length - 1).toBe(judgementOfEpoch(net.parameters, 0))
    expect(recording.blocks.every(({ relayRoot }) => relayRoot.length === 0)).toBe(true)
    const root: Hash = `0x${'7'.repeat(64)}`
    const relayed = play({ epochs: 1 })
    const recorder = createRecorder(crypto, relayed.network)
    for (const block of relayed.blocks) recorder.block({ ...block, relayRoot: root })
    const kept = recorder.recording({ ...relayed.ledger, parameters: relayed.ledger.parameters.map((entry) => ({ ...entry, parameters: { ...entry.parameters, randomness: 0 } })) }, 0)
    expect(kept.blocks.every(({ relayRoot }) => relayRoot[0] === root)).toBe(true)
  })

  test('keeps nothing that is not the protocol\'s or the network\'s, and of values that are too long no more than shows it', () => {
    const item = (key: string, value: Uint8Array = new Uint8Array(5000)): LedgerEvent => ({ kind: 'item', who: STRANGER, key, value, update: false })
    const foreign: LedgerEvent[] = [
      item('anything'),
      item(`assay/${'x'.repeat(100)}`),
      { kind: 'role', owner: STRANGER, role: ROLE, user: STRANGER, assigned: true },
      { kind: 'attribute', who: STRANGER, subject: STRANGER, value: documentOf(Uint8Array.of(1)), identity: Uint8Array.of(1) },
      { kind: 'attribute', who: STRANGER, subject: STRANGER, value: new Uint8Array(100_000), identity: null },
    ]
    const recorder = createRecorder(crypto, net.network)
    recorder.block({ ...net.blocks[0]!, events: [...foreign, item(MACHINE_KEY), { kind: 'role', owner: net.network, role: ROLE, user: STRANGER, assigned: false }] })
    expect(recorder.recording(net.ledger, 0).blocks[0]!.events).toEqual([
      { tag: 'itemAdded', value: { who: STRANGER, key: MACHINE_KEY, value: new Uint8Array(VALUE_BYTES) } },
      { tag: 'unassigned', value: { role: ROLE, user: STRANGER } },
    ])
  })

  test('changes nothing for a ledger, whatever anybody writes', () => {
    const who = fc.constantFrom(net.network, STRANGER, net.checkers[0]!.account, net.machines[0]!.account)
    const key = fc.constantFrom('anything', PARAMETERS_KEY, MACHINE_KEY, CHECKER_KEY, reportKey(net.network), statementKey(net.network, 0, 0), statementKey(net.network, 0, 1), canariesKey(net.network), canariesChunkKey(net.network, 0, 0), canariesChunkKey(net.network, 1, 0))
    const item = fc.record({ kind: fc.constant('item' as const), who, key, value: fc.oneof(fc.uint8Array({ maxLength: 140 }), fc.uint8Array({ minLength: 127, maxLength: 129 })), update: fc.boolean() })
    const role = fc.record({ kind: fc.constant('role' as const), owner: who, role: fc.constantFrom(ROLE, checkerRoleId(crypto), calibratorRoleId(crypto)), user: who, assigned: fc.boolean() })
    const ledgerOf = (blocks: Iterable<LedgerBlock>): Ledger => [...blocks].reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(net.network))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: recording.blocks.length - 1 }), fc.oneof(item, role)), { maxLength: 40 }), (writes) => {
        const blocks = net.blocks.slice(0, recording.blocks.length).map((block, i) => ({ ...block, events: [...writes.flatMap(([at, event]) => (at === i ? [event] : [])), ...block.events] }))
        const recorder = createRecorder(crypto, net.network)
        for (const block of blocks) recorder.block(block)
        const plain = ledgerOf(blocks)
        const kept = ledgerOf(ledgerBlocksOf(recorder.recording(plain, 0)))
        for (const { facts } of replayed.rounds) expect(tellable(roundFacts(crypto, kept, facts.round)!)).toEqual(tellable(roundFacts(crypto, plain, facts.round)!))
        expect([statementsOnChain(kept), kept.parameters, kept.roles]).toEqual([statementsOnChain(plain), plain.parameters, plain.roles])
        expect(canariesOf(crypto, kept, 0)).toEqual(canariesOf(crypto, plain, 0))
      }),
      { numRuns: 50 },
    )
  })

  test('has nothing to say before it has seen a network', () => {
    expect(() => createRecorder(crypto, net.network).recording(net.ledger, 0)).toThrow(RangeError)
  })
})

describe('a hostile recording', () => {
  test('that is no gzip, ends early, goes on, or is of another version is malformed', async () => {
    const bytes = encodeRecording(recording)
    const files = [new Uint8Array(), Uint8Array.of(1, 2, 3), file.slice(0, -20), gzipSync(bytes.slice(0, -1)), gzipSync(Buffer.concat([bytes, Buffer.of(0)])), gzipSync(bytes.with(0, 2))]
    for (const hostile of files) await expect(unpackRecording(new Uint8Array(hostile))).rejects.toThrow(MalformedError)
  })

  test('that unpacks to more than it may is left where it gets too long', async () => {
    const bomb = gzipSync(new Uint8Array(RECORDING_BYTES + 1), { level: 1 })
    expect(bomb.length).toBeLessThan(RECORDING_BYTES / 100)
    await expect(unpackRecording(new Uint8Array(bomb))).rejects.toMatchObject({ code: 'TOO_LONG' })
  })

  test('with a blob twice or out of order is malformed', () => {
    const [a, b] = recording.blobs as [Uint8Array, Uint8Array]
    for (const blobs of [[a, a], [b, a]]) expect(() => encodeRecording({ ...recording, blobs })).toThrow(RangeError)
    const bytes = encodeRecording({ ...recording, blocks: [], blobs: [Uint8Array.of(1), Uint8Array.of(2)] })
    // The last two blobs of one byte each: a compact length and the byte.
    expect(() => decodeRecording(bytes.with(-1, 1))).toThrow(MalformedError)
    expect(() => decodeRecording(bytes.with(-1, 0))).toThrow(MalformedError)
  })

  test('without a blob, or with one that was changed, does not suffice', async () => {
    for (const [at, blob] of recording.blobs.entries()) {
      const without = repacked({ blobs: recording.blobs.toSpliced(at, 1) })
      await expect(replayRecording(await without)).rejects.toThrow(`lacks evidence of epoch 0: ${toHex(crypto.sha256(blob))}`)
    }
    const changed = recording.blobs[3]!.with(-1, recording.blobs[3]!.at(-1)! ^ 1)
    await expect(replayRecording(await repacked({ blobs: recording.blobs.with(3, changed) }))).rejects.toThrow(RecordingError)
  })

  test('that ends before the judgement, begins after the founding, or lacks the randomness does not suffice', async () => {
    await expect(replayRecording(await repacked({ blocks: recording.blocks.slice(0, -1) }))).rejects.toThrow('is judged from block')
    await expect(replayRecording(await repacked({ blocks: [] }))).rejects.toThrow('ends at block none')
    await expect(replayRecording(await repacked({ first: recording.first + 1, blocks: recording.blocks.slice(1) }))).rejects.toThrow(RecordingError)
    const relay = { ...net.parameters, randomness: 0 }
    const blocks = recording.blocks.map((block) => ({ ...block, events: block.events.map((event) => (event.tag === 'itemAdded' && event.value.key === PARAMETERS_KEY ? { ...event, value: { ...event.value, value: encodeParameters(relay) } } : event)) }))
    await expect(replayRecording(await repacked({ blocks }))).rejects.toThrow('no relay parent storage root')
    await expect(replayRecording(file, { epoch: 1 })).rejects.toThrow('is judged from block')
  })

  test('with any byte changed is refused in words, or is another recording', async () => {
    const bytes = encodeRecording(recording)
    const chain = bytes.length - recording.blobs.reduce((sum, blob) => sum + blob.length, 0)
    await fc.assert(
      fc.asyncProperty(fc.nat(chain), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        try {
          const other = await replayRecording(new Uint8Array(gzipSync(bytes.with(at, bytes[at]! ^ flip), { level: 1 })), { crypto })
          expect(encodeRecording(other.recording)).not.toEqual(bytes)
        } catch (error) {
          if (!(error instanceof MalformedError) && !(error instanceof RecordingError)) throw error
        }
      }),
      { numRuns: 60 },
    )
  })
})
