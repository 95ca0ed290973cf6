// Every decoder of the protocol with valid bytes for it, and ways to spoil them: what fuzzers and liars begin with.
import { concat, type Hash, ZERO_HASH } from '../src/bytes.ts'
import { decodeCanaryCommitment, decodeCanaryOpening, encodeCanaryCommitment, encodeCanaryOpening } from '../src/canaries.ts'
import { decodeFacts, encodeFacts } from '../src/device/facts.ts'
import { decodeSignedIdentity, encodeSignedIdentity } from '../src/identity.ts'
import { decodeManifest, encodeManifest } from '../src/manifest.ts'
import { decodeParameters, encodeParameters } from '../src/parameters.ts'
import { decodeObservation, decodeReportItem, encodeObservation, encodeReportItem } from '../src/report.ts'
import { decodeHandOver, encodeHandOver } from '../src/settlers.ts'
import { decodeStatement, encodeStatement } from '../src/statement.ts'
import { CHUNK_BYTES, hello, wire } from '../src/wire.ts'
import { decodeCommitmentBlob, decodeOpeningsBlob, encodeCommitmentBlob, encodeOpenings } from '../src/work.ts'
import { testCrypto as crypto } from './actors.ts'
import { factsOf, H100, X64 } from './facts.ts'
import { playNetwork } from './round.ts'

/** A decoder: `again` decodes and gives the bytes of what it read, or throws MalformedError. */
export interface Decoder {
  name: string
  valid: Uint8Array[]
  again(bytes: Uint8Array): Uint8Array
}

const net = playNetwork({ checkers: 4, machines: 2, parameters: { epochRounds: 1, samples: 4 } })
const { parameters, blocks, blobs, works } = net
const events = blocks.flatMap(({ events }) => events)
const shown = [...works.get(0)!.values()]
const reads = (bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): boolean => {
  try {
    decode(bytes)
    return true
  } catch {
    return false
  }
}
const stored = (decode: (bytes: Uint8Array) => unknown): Uint8Array[] => [...blobs.values()].filter((bytes) => reads(bytes, decode))
const manifests = stored(decodeManifest)
const observations = manifests.flatMap((bytes) => decodeManifest(bytes).observations)
const hash: Hash = `0x${'5a'.repeat(32)}`
const { machine, checker } = wire(parameters)

/** Every decoder of bytes that come from a chain, a wire or a disk. */
export const DECODERS: readonly Decoder[] = [
  { name: 'parameters', valid: [encodeParameters(parameters)], again: (bytes) => encodeParameters(decodeParameters(bytes)) },
  { name: 'signed identity', valid: events.flatMap((event) => (event.kind === 'attribute' && event.identity !== null ? [event.identity] : [])), again: (bytes) => encodeSignedIdentity(decodeSignedIdentity(bytes)) },
  {
    name: 'commitment blob',
    valid: shown.map(({ blob }) => blob),
    again: (bytes) => {
      const { commitment, signature } = decodeCommitmentBlob(crypto, bytes)
      return encodeCommitmentBlob(commitment, signature)
    },
  },
  {
    name: 'openings blob',
    valid: stored(decodeOpeningsBlob),
    again: (bytes) => {
      const { signature, ...openings } = decodeOpeningsBlob(bytes)
      return concat(encodeOpenings(openings), signature)
    },
  },
  { name: 'observation', valid: observations.map(encodeObservation), again: (bytes) => encodeObservation(decodeObservation(bytes)) },
  { name: 'report item', valid: events.flatMap((event) => (event.kind === 'item' && event.key.endsWith('/report') ? [event.value] : [])), again: (bytes) => encodeReportItem(decodeReportItem(bytes)) },
  { name: 'manifest', valid: manifests, again: (bytes) => encodeManifest(decodeManifest(bytes)) },
  { name: 'statement', valid: [encodeStatement({ epoch: 7, scores: hash, payouts: ZERO_HASH, registry: hash, evidence: hash, standings: hash, calibrations: hash, paid: 2n ** 100n, carried: 1n })], again: (bytes) => encodeStatement(decodeStatement(bytes)) },
  { name: 'hand-over', valid: [encodeHandOver({ term: 7, pot: hash })], again: (bytes) => encodeHandOver(decodeHandOver(bytes)) },
  { name: 'canary commitment', valid: [encodeCanaryCommitment({ epoch: 7, commitment: hash })], again: (bytes) => encodeCanaryCommitment(decodeCanaryCommitment(bytes)) },
  { name: 'canary opening', valid: [encodeCanaryOpening({ salt: hash, canaries: [ZERO_HASH, hash].map((machine) => ({ machine, mute: 128, consent: new Uint8Array(64) })) })], again: (bytes) => encodeCanaryOpening(decodeCanaryOpening(bytes)) },
  {
    name: 'message of a machine',
    valid: [
      machine.encode(hello({ versions: { lowest: 1, highest: 1 }, network: hash, release: '' })),
      machine.encode(hello({ versions: { lowest: 1, highest: 9 }, network: hash, release: '1.2.3-test+1' })),
      machine.encode({ tag: 'Pong', value: { id: 1 } }),
      machine.encode({ tag: 'DownloadDone', value: { id: 1, sha256: hash } }),
      machine.encode({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(CHUNK_BYTES) } }),
      machine.encode({ tag: 'Progress', value: { round: 1, step: 9, key: hash } }),
      ...shown.map(({ blob }) => machine.encode({ tag: 'Commitment', value: { round: 0, blob } })),
      machine.encode({ tag: 'Openings', value: { round: 0, blob: new Uint8Array(300) } }),
      machine.encode({ tag: 'NotRun', value: { round: 0, reason: 'BUSY' } }),
      machine.encode({ tag: 'OfferLanes', value: { lanes: 3 } }),
      machine.encode({ tag: 'Lane', value: { version: 1, network: hash, id: 1, lane: 3 } }),
    ],
    again: (bytes) => machine.encode(machine.decode(bytes)),
  },
  {
    name: 'message of a checker',
    valid: [
      checker.encode({ tag: 'Welcome', value: { version: 1, best: 9 } }),
      checker.encode({ tag: 'Refused', value: { code: 'NOT_ELIGIBLE' } }),
      checker.encode({ tag: 'Ping', value: { id: 1 } }),
      checker.encode({ tag: 'Download', value: { id: 1, round: 1, bytes: 1000 } }),
      checker.encode({ tag: 'Chunk', value: { id: 1, bytes: new Uint8Array(1000) } }),
      checker.encode({ tag: 'Upload', value: { id: 1, round: 1, seed: new Uint8Array(32), bytes: 1000 } }),
      checker.encode({ tag: 'Nonce', value: { round: 1, signature: new Uint8Array(64) } }),
      checker.encode({ tag: 'Receipt', value: { round: 1, id: hash } }),
      checker.encode({ tag: 'OpenLanes', value: { id: 1, round: 1, lanes: 3 } }),
      checker.encode({ tag: 'WrongVersion', value: { lowest: 1, highest: 2 } }),
    ],
    again: (bytes) => checker.encode(checker.decode(bytes)),
  },
  { name: 'facts', valid: [H100, X64].map((device) => encodeFacts(factsOf(device))), again: (bytes) => encodeFacts(decodeFacts(bytes)) },
]
for (const { name, valid } of DECODERS) if (valid.length === 0) throw new Error(`no valid bytes for ${name}`)

/** An integer from 0 to below - 1, from wherever. */
export type Chance = (below: number) => number

const INTERESTING = [0, 1, 2, 3, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff]

/** Ways to spoil valid bytes, by what they look like on the wire. None of them grows the bytes by more than 64 KiB. */
export const MUTATIONS: Record<string, (bytes: Uint8Array, chance: Chance) => Uint8Array> = {
  'bit flipped': (bytes, chance) => {
    const at = chance(bytes.length)
    return bytes.with(at, bytes[at]! ^ (1 << chance(8)))
  },
  'byte set': (bytes, chance) => bytes.with(chance(bytes.length), INTERESTING[chance(INTERESTING.length)]!),
  // A length or a number that lies: four bytes of the largest compact, or of a u32.
  'length forged': (bytes, chance) => {
    const forged = bytes.slice()
    forged.set([chance(4) === 0 ? 3 : 0xfe, 0xff, 0xff, 0xff].slice(0, Math.min(4, bytes.length)), chance(Math.max(1, bytes.length - 3)))
    return forged
  },
  'cut off': (bytes, chance) => bytes.slice(0, chance(bytes.length)),
  'beginning cut off': (bytes, chance) => bytes.slice(1 + chance(bytes.length)),
  'too long': (bytes, chance) => concat(bytes, new Uint8Array(1 + chance(2 ** 16)).fill(chance(256))),
  'piece left out': (bytes, chance) => {
    const [at, length] = [chance(bytes.length), 1 + chance(64)]
    return concat(bytes.subarray(0, at), bytes.subarray(at + length))
  },
  'piece twice': (bytes, chance) => {
    const [at, length] = [chance(bytes.length), 1 + chance(100)]
    return concat(bytes.subarray(0, at + length), bytes.subarray(at))
  },
  'pieces in another order': (bytes, chance) => {
    const [at, length] = [chance(bytes.length), 1 + chance(100)]
    return concat(bytes.subarray(0, at), bytes.subarray(at + length, at + 2 * length), bytes.subarray(at, at + length), bytes.subarray(at + 2 * length))
  },
}
