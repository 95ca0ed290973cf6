// Every encoding and hash against test/vectors/protocol.json, which a program of its own wrote from PROTOCOL.md. Decoded and encoded both ways.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { crypto } from '../testing/crypto.ts'
import {
  afterEpoch, calibratorRoleId, type Calibration, canariesChunkKey, canariesKey, canaryCommitment, consentMessage, decodeCanaryCommitment, decodeCanaryOpening, encodeCanaryCommitment, encodeCanaryOpening, falseAcceptRate, falseRejectRate, isMuted, NEW_CALIBRATION, openingChunks, qualityPpm, weightOf,
  decodeHandOver, drawSettlers, encodeHandOver, type HandOver, handOverKey, multisigId, type Parameters, parseHandOverKey, parsePartKey, partDigest, partKey, termBegunBy, termOf, termStart, thresholdOf,
  beaconOf, checkerRoleId, coinsOf, commitmentDigest, committeeOf, decodeCommitmentBlob, decodeManifest, decodeObservation, decodeOpeningsBlob, decodeParameters, decodeReportItem, decodeSignedIdentity, devnetParameters, encodeCommitmentBlob,
  encodeManifest, encodeObservation, encodeOpenings, encodeOpeningsBlob, encodeParameters, encodeReportItem, encodeSignedIdentity, encodeWorkCommitment, fillSeed, fromHex, type Hash, type Hex, identityDigest, jobKind, jobSeed, joinBytes, keystream, manifestBytesLimit, merkleProof, merkleRoot, mirrorsOf,
  mustOpen, nonceMessage, nonceOf, type Observation, observationLeaves, openingsDigest, blobId, reportKey, reportRoot, statementKey, toHex, verifyMerkleProof, wire, parseStatementKey, payloadDigest, piecesOf, walletMessage,
} from './index.ts'

type Encoding = { value: unknown; bytes: Hex } & Record<string, Hex>
const vectors = JSON.parse(readFileSync(new URL('../../test/vectors/protocol.json', import.meta.url), 'utf8')) as {
  encodings: Record<string, Encoding>
  report: { network: Hash; round: number; checker: Hash; salt: Hash; observations: Observation[]; leaves: Hex[]; root: Hash }
  chance: Record<'network' | 'randomness' | 'machine' | 'checker' | 'commitment' | 'beacon' | 'seed' | 'coins' | 'nonceMessage' | 'signature' | 'nonce' | 'fillSeed', Hash> & { round: number; kindDraw: number; checkers: Hash[]; committee: Hash[]; mirrors: Hash[]; openDraw: number }
  keys: { network: Hash; report: string; epoch: number; chunk: number; statement: string; role: Hash }
  merkle: { leaves: Hex[]; root: Hash; proofs: Hash[][] }[]
  wire: { from: 'machine' | 'checker'; tag: string; value: unknown; bytes: Hex }[]
  payload: { seed: Hex; bytes: number; over: { streams: number; hashes: Hash[]; sha256: Hash }[] }
}

/** As the file writes values: amounts as text, bytes as hex. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part instanceof Uint8Array ? toHex(part) : part)))
const encoding = (name: string): Encoding => vectors.encodings[name]!

describe('encodings', () => {
  const check = <T>(name: string, decode: (bytes: Uint8Array) => T, encode: (value: T) => Uint8Array) =>
    test.each([name])('%s', () => {
      const { bytes, value } = encoding(name)
      const decoded = decode(fromHex(bytes))
      expect(plain(decoded)).toEqual(value)
      expect(toHex(encode(decoded))).toBe(bytes)
    })
  check('parameters', decodeParameters, encodeParameters)
  check('parametersVersion2', decodeParameters, encodeParameters)
  check('machineIdentity', decodeSignedIdentity, encodeSignedIdentity)
  check('checkerIdentity', decodeSignedIdentity, encodeSignedIdentity)
  check('observationRan', decodeObservation, encodeObservation)
  check('observationNotRun', decodeObservation, encodeObservation)
  check('observationUnreachable', decodeObservation, encodeObservation)
  check('reportItem', decodeReportItem, encodeReportItem)
  check('manifest', decodeManifest, encodeManifest)

  test('no vector is left out', () => {
    expect(Object.keys(vectors.encodings).sort()).toEqual(
      ['parameters', 'parametersVersion2', 'machineIdentity', 'checkerIdentity', 'workCommitment', 'openings', 'observationRan', 'observationNotRun', 'observationUnreachable', 'reportItem', 'manifest'].sort(),
    )
  })

  test('devnet parameters are those of the vector', () => {
    expect(toHex(encodeParameters(devnetParameters(100, 200)))).toBe(encoding('parameters').bytes)
  })

  test('commitment: bytes, digest, blob, id', () => {
    const { value, bytes, digest, blobSignature, blob, id } = encoding('workCommitment')
    const decoded = decodeCommitmentBlob(crypto, fromHex(blob!))
    expect(plain(decoded)).toEqual({ commitment: value, signature: blobSignature, id })
    expect(toHex(encodeWorkCommitment(decoded.commitment))).toBe(bytes)
    expect(toHex(encodeCommitmentBlob(decoded.commitment, decoded.signature))).toBe(blob)
    expect(toHex(commitmentDigest(crypto, decoded.commitment))).toBe(digest)
  })

  test('openings: bytes, digest, blob', () => {
    const { value, bytes, digest, blobSignature, blob } = encoding('openings')
    const { signature, ...openings } = decodeOpeningsBlob(fromHex(blob!))
    expect(plain(openings)).toEqual(value)
    expect(toHex(signature)).toBe(blobSignature)
    expect(toHex(encodeOpenings(openings))).toBe(bytes)
    expect(toHex(openingsDigest(crypto, fromHex(blob!)))).toBe(digest)
    expect(toHex(encodeOpeningsBlob(crypto, openings, (signed) => (expect(toHex(signed)).toBe(digest), signature)))).toBe(blob)
  })

  test('what identities sign, what a package is called', () => {
    for (const name of ['machineIdentity', 'checkerIdentity']) {
      const digest = identityDigest(crypto, decodeSignedIdentity(fromHex(encoding(name).bytes)).identity)
      expect(toHex(digest)).toBe(encoding(name)['digest'])
      expect(toHex(walletMessage(digest))).toBe(encoding(name)['walletMessage'])
    }
    expect(blobId(crypto, fromHex(encoding('manifest').bytes))).toBe(encoding('manifest')['id'])
  })

  test('a manifest stays within its limit', () => {
    const { bytes } = encoding('manifest')
    expect(fromHex(bytes).length).toBeLessThanOrEqual(manifestBytesLimit(devnetParameters(0, 10), 3))
  })
})

describe('messages', () => {
  const messages = wire(devnetParameters(100, 200))
  test.each(vectors.wire)('$from says $tag', ({ from, tag, value, bytes }) => {
    const { decode, encode } = messages[from]
    const decoded = decode(fromHex(bytes))
    expect(plain(decoded)).toEqual({ tag, value })
    expect(toHex(encode(decoded as never))).toBe(bytes)
  })
  test('each kind of message has a vector', () => {
    expect(vectors.wire.filter(({ from }) => from === 'machine').map(({ bytes }) => fromHex(bytes)[0])).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(vectors.wire.filter(({ from }) => from === 'checker').map(({ bytes }) => fromHex(bytes)[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const side of [messages.machine, messages.checker]) expect(() => side.decode(Uint8Array.of(10, 0, 0, 0, 0))).toThrow('malformed message')
  })
})

test.each(vectors.payload.over)('a payload over $streams streams', ({ streams, hashes, sha256 }) => {
  const { seed, bytes } = vectors.payload
  const found = Array.from({ length: streams }, (_, stream) => crypto.sha256(joinBytes([...piecesOf(bytes, streams, stream)].map(({ at, length }) => keystream(fromHex(seed), at, length)))))
  expect(found.map(toHex)).toEqual(hashes)
  expect(toHex(payloadDigest(crypto, found))).toBe(sha256)
})

test('a report: leaves and root', () => {
  const { observations, leaves, root, ...scope } = vectors.report
  expect(observationLeaves(crypto, scope, observations).map(toHex)).toEqual(leaves)
  expect(reportRoot(crypto, scope, observations)).toBe(root)
})

test('what chance decides', () => {
  const v = vectors.chance
  expect(beaconOf(crypto, v.network, v.round, v.randomness)).toBe(v.beacon)
  expect(jobKind(crypto, v.beacon, v.kindDraw)).toBe('COMPUTE')
  expect(jobKind(crypto, v.beacon, v.kindDraw + 1)).toBe('MEMORY')
  expect(toHex(fillSeed(crypto, v.beacon, v.machine))).toBe(v.fillSeed)
  expect(toHex(jobSeed(crypto, v.network, v.round, v.randomness, v.machine))).toBe(v.seed)
  expect(committeeOf(crypto, v.beacon, v.machine, v.checkers, 3)).toEqual(v.committee)
  expect(mirrorsOf(crypto, v.beacon, v.checker, v.checkers, 2)).toEqual(v.mirrors)
  expect(mustOpen(crypto, v.network, v.round, v.randomness, v.machine, v.openDraw)).toBe(true)
  expect(mustOpen(crypto, v.network, v.round, v.randomness, v.machine, v.openDraw - 1)).toBe(false)
  expect(toHex(coinsOf(crypto, v.network, v.round, v.randomness, v.machine, v.commitment))).toBe(v.coins)
  expect(toHex(nonceMessage(v.network, v.round, v.beacon, v.machine, v.checker))).toBe(v.nonceMessage)
  expect(toHex(nonceOf(crypto, fromHex(v.signature)))).toBe(v.nonce)
})

test('keys on chain', () => {
  const { network, report, epoch, chunk, statement, role } = vectors.keys
  expect(reportKey(network)).toBe(report)
  expect(statementKey(network, epoch, chunk)).toBe(statement)
  expect(parseStatementKey(network, statement)).toEqual({ epoch, chunk })
  expect(checkerRoleId(crypto)).toBe(role)
})

test.each(vectors.merkle)('the tree of $leaves.length leaves', ({ leaves, root, proofs }) => {
  const bytes = leaves.map(fromHex)
  expect(merkleRoot(crypto, bytes)).toBe(root)
  for (const [i, proof] of proofs.entries()) {
    expect(merkleProof(crypto, bytes, i)).toEqual(proof)
    expect(verifyMerkleProof(crypto, root, bytes[i]!, i, bytes.length, proof)).toBe(true)
  }
})

describe('canaries', () => {
  interface Step { trials: number[]; calibration: number[]; qualityPpm: number; weight: number; falseAccepts: [number, number]; falseRejects: [number, number] }
  const file = JSON.parse(readFileSync(new URL('../../test/vectors/canaries.json', import.meta.url), 'utf8')) as Record<'network' | 'calibrator' | 'checker' | 'salt' | 'role' | 'commitment', Hash> &
    Record<'opening' | 'item' | 'consentMessage', Hex> & { epoch: number; round: number; key: string; chunk: number; chunkKey: string; canaries: { machine: Hash; mute: number; consent: Hex }[]; chunks: Hex[]; muteDraw: number; calibration: Step[] }
  const { network, calibrator, epoch, salt } = file

  test('commitment, opening, chunks, keys, role, consent', () => {
    const opening = decodeCanaryOpening(fromHex(file.opening))
    expect(plain(opening)).toEqual({ salt, canaries: file.canaries })
    expect(toHex(encodeCanaryOpening(opening))).toBe(file.opening)
    expect(openingChunks(fromHex(file.opening)).map(toHex)).toEqual(file.chunks)
    expect(canaryCommitment(crypto, { network, epoch, calibrator }, fromHex(file.opening))).toBe(file.commitment)
    expect(decodeCanaryCommitment(fromHex(file.item))).toEqual({ epoch, commitment: file.commitment })
    expect(toHex(encodeCanaryCommitment({ epoch, commitment: file.commitment }))).toBe(file.item)
    expect([canariesKey(network), canariesChunkKey(network, epoch, file.chunk), calibratorRoleId(crypto)]).toEqual([file.key, file.chunkKey, file.role])
    expect(toHex(consentMessage({ network, calibrator, machine: file.canaries[1]!.machine }))).toBe(file.consentMessage)
  })

  test('the draw of the muted', () => {
    const muted = (mute: number): boolean => isMuted(crypto, { mute, salt }, file.round, file.canaries[1]!.machine, file.checker)
    expect([muted(file.muteDraw), muted(file.muteDraw + 1)]).toEqual([false, true])
  })

  test('calibration', () => {
    let calibration: Calibration = NEW_CALIBRATION
    const named = ([muted, falseAccepts, shown, falseRejects]: number[]): Calibration => ({ muted: muted!, falseAccepts: falseAccepts!, shown: shown!, falseRejects: falseRejects! })
    for (const step of file.calibration) {
      calibration = afterEpoch(calibration, named(step.trials))
      expect(calibration).toEqual(named(step.calibration))
      expect([qualityPpm(calibration), weightOf(calibration)]).toEqual([step.qualityPpm, step.weight])
      for (const [{ lowPpm, highPpm }, bounds] of [[falseAcceptRate(calibration), step.falseAccepts], [falseRejectRate(calibration), step.falseRejects]] as const) expect([lowPpm, highPpm]).toEqual(bounds)
    }
  })
})

describe('settlement', () => {
  interface Draw { checkers: Hash[]; settlers: Hash[]; threshold: number; pot: Hash }
  const file = JSON.parse(readFileSync(new URL('../../test/vectors/settlement.json', import.meta.url), 'utf8')) as {
    network: Hash; beacon: Hash; draws: Draw[]
    handOver: { value: HandOver; bytes: Hex; key: string }
    part: { epoch: number; part: number; payments: [Hash, string][]; item: Hash; key: string }
    terms: { parameters: Parameters; of: { epoch: number; term: number }[]; starts: { term: number; round: number; block: number }[] }
  }
  const { network, beacon } = file

  test.each(file.draws.map((draw) => [draw.checkers.length, draw] as const))('the draw from %i checkers and its pot', (_, { checkers, settlers, threshold, pot }) => {
    expect(drawSettlers(crypto, beacon, checkers.toReversed())).toEqual({ settlers, pot })
    expect([thresholdOf(settlers.length), multisigId(crypto, settlers, threshold)]).toEqual([threshold, pot])
  })

  test('hand-over', () => {
    const { value, bytes, key } = file.handOver
    expect([decodeHandOver(fromHex(bytes)), toHex(encodeHandOver(value)), handOverKey(network, value.term), parseHandOverKey(network, key)]).toEqual([value, bytes, key, value.term])
  })

  test('part', () => {
    const { epoch, part, payments, item, key } = file.part
    expect(partDigest(crypto, { network, epoch, part }, payments.map(([account, planck]) => [account, BigInt(planck)]))).toBe(item)
    expect([partKey(network, epoch, part), parsePartKey(network, key)]).toEqual([key, { epoch, part }])
  })

  test('terms', () => {
    const { parameters, of, starts } = file.terms
    expect(of.map(({ epoch }) => termOf(parameters, epoch))).toEqual(of.map(({ term }) => term))
    for (const { term, round, block } of starts) expect([termBegunBy(parameters, round), termBegunBy(parameters, round + 1), termStart(parameters, term)]).toEqual([term, null, block])
  })
})
