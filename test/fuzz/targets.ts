// Everything that takes bytes or text of a stranger, each with what it promises.
import { blobId, checkPackage, chainKeys, concat, decodeOpeningsBlob, decodeSignedIdentity, documentIdentity, drawMemory, equalBytes, judgeRound, MalformedError, type Manifest, MemoryProver, nonceOf, parseHandOverKey, parsePartKey, parseStatementKey, toHex, utf8, verifyIdentity, verifyMemory, verifyOpenings } from '@assay/protocol'
import { type Actor, testCrypto as crypto } from '@assay/protocol/testing/actors'
import { DECODERS, type Decoder } from '@assay/protocol/testing/corpus'
import { openingsBlob, playNetwork, roundOf } from '@assay/protocol/testing/round'
import { ChannelAbuseError, encodeFrame, FrameReader } from '@assay/kit/frame'
import { ApiError } from '@assay/indexer/api/errors'
import { accountIn } from '@assay/indexer/api/route'
import { createRecorder, decodeRecording, encodeRecording } from '@assay/replay'
import { cryptoReady, toAccountId, toAddress } from '@assay/runtime-bindings'
import type { Target } from './fuzz.ts'
import { decodePlanted } from './planted.ts'

await cryptoReady()

/** A promise of the target's contract. @throws Error if it is not kept */
function promised(kept: boolean, what: string): void {
  if (!kept) throw new Error(`broken promise: ${what}`)
}

/** What `read` gives, or undefined if it refuses as its contract says. */
function orMalformed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    promised(/^[ -~]{1,300}$/.test(error.message), 'a refusal is short and holds no byte of a stranger')
    return undefined
  }
}

const decoderTarget = ({ name, valid, again }: Decoder): Target => ({
  name,
  seeds: valid,
  run(bytes) {
    const encoded = orMalformed(() => again(bytes))
    promised(encoded === undefined || equalBytes(encoded, bytes), 'a value has one encoding')
  },
})
const validOf = (name: string): Uint8Array[] => DECODERS.find((decoder) => decoder.name === name)!.valid

const net = playNetwork({ checkers: 3, machines: 1, parameters: { epochRounds: 1, samples: 4 } })
const { facts, evidence } = await roundOf(net, 0)
const [machine] = net.machines as [Actor]
const [checker] = net.checkers as [Actor]
const shown = net.works.get(0)!.get(machine.account)!
const coins = facts.coins(machine.account, shown.id)!
const nonces = Map.groupBy(shown.commitment.folds, ({ step }) => step)
const openedBlob = shown.open(coins)
/** Without header, facts and signature. */
const { openings: opened } = decodeOpeningsBlob(openedBlob)
const claim = {
  seed: facts.seedOf(machine.account)!,
  log2n: facts.parameters.log2n,
  roots: shown.commitment.roots,
  keys: chainKeys(crypto, facts.seedOf(machine.account)!, shown.commitment.roots, new Map([...nonces].map(([step, folds]) => [step, folds.map(({ signature }) => nonceOf(crypto, signature))]))),
  coins,
  samples: facts.parameters.samples,
}

/** A filled and scanned memory, opened. */
const memory = (() => {
  const region = { fillSeed: claim.seed, log2Leaves: 6, log2Passes: 0, segments: 2 }
  const prover = new MemoryProver(crypto, region)
  const roots: Uint8Array[] = []
  while (roots.length < 3) roots.push(prover.step(chainKeys(crypto, claim.seed, roots, new Map()).at(-1)!))
  const openings = prover.open(drawMemory(crypto, coins, 6, 3, 2))
  return { claim: { ...region, fillRoots: prover.fillRoots, roots, keys: chainKeys(crypto, claim.seed, roots, new Map()), coins, samples: 2 }, openings }
})()

/** The verdict on the machine if a lying checker of its committee offers these blobs as its commitment and openings beside what the others offer. */
function judged(commitment: Uint8Array, openings: Uint8Array) {
  const [commitmentRef, openingsRef] = [commitment, openings].map((bytes) => ({ id: blobId(crypto, bytes), size: bytes.length })) as [{ id: `0x${string}`; size: number }, { id: `0x${string}`; size: number }]
  const [liar, ...others] = [...evidence.packages] as [[`0x${string}`, Manifest], ...[`0x${string}`, Manifest][]]
  const lied = { ...liar[1], evidence: [{ machine: machine.account, commitments: [commitmentRef], openings: [openingsRef] }] }
  const blobs = new Map([...evidence.blobs, [commitmentRef.id, commitment], [openingsRef.id, openings]])
  return judgeRound(crypto, facts, { refused: new Map(), packages: new Map([[liar[0], lied], ...others]), blobs }).verdicts[0]!
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** A field of a protobuf message: its number, wire type 2, a length below 2^14. */
const field = (number: number, bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(8 * number + 2), bytes.length < 128 ? Uint8Array.of(bytes.length) : Uint8Array.of((bytes.length & 0x7f) | 0x80, bytes.length >> 7), bytes)
const service = (id: string, data: string): Uint8Array => field(5, concat(field(1, utf8(id)), field(2, utf8('assay')), field(4, utf8(data))))
const documents = validOf('signed identity').slice(0, 2).map((identity) => concat(field(1, utf8('did:peaq:5')), service('#p2p', 'peer'), service('#assay', toHex(identity).slice(2))))
const MOST_DOCUMENT = 16_384

const manifests = [...evidence.packages.keys()].map((of) => net.blobs.get(facts.packageRoots.get(of)!)!)
const honest = checkPackage(crypto, facts, checker.account, net.blobs.get(facts.packageRoots.get(checker.account)!)!) as Manifest

const recorder = createRecorder(crypto, net.network)
for (const block of net.blocks) recorder.block(block)
/** Short: blobs are bytes and nothing else. */
const recorded = { ...recorder.recording(net.ledger, 0), blobs: [utf8('a'), utf8('b')] }

const VERIFIERS: Target[] = [
  decoderTarget({ name: 'recording', valid: [encodeRecording(recorded), encodeRecording({ ...recorded, blocks: [] })], again: (bytes) => encodeRecording(decodeRecording(bytes)) }),
  {
    name: 'identity check',
    seeds: validOf('signed identity'),
    run(bytes) {
      const read = orMalformed(() => decodeSignedIdentity(bytes))
      if (read === undefined) return
      const verdict = verifyIdentity(crypto, read, { network: read.identity.network, account: read.identity.account })
      promised((verdict === 'OK') === validOf('signed identity').some((valid) => equalBytes(valid, bytes)), 'only what was signed is valid')
    },
  },
  {
    name: 'identity in a document',
    seeds: [...documents, ...documents.map((bytes) => utf8(toHex(bytes).slice(2)))],
    run(bytes) {
      const identity = documentIdentity(bytes)
      promised(identity === null || identity.length <= bytes.length / 2, 'no identity is longer than its hex in the document')
      if (bytes.length === 0 || 2 * bytes.length > MOST_DOCUMENT || /^(?:[0-9a-f]{2})+$/.test(text(bytes))) return
      const spelled = documentIdentity(utf8(toHex(bytes).slice(2)))
      promised(identity === null ? spelled === null : spelled !== null && equalBytes(spelled, identity), 'a document and its hex say the same')
    },
  },
  {
    name: 'openings check',
    seeds: [opened],
    run: (bytes) => promised((verifyOpenings(crypto, { ...claim, openings: bytes }) === 'OK') === equalBytes(bytes, opened), 'only the right openings verify'),
  },
  {
    name: 'openings check of memory',
    seeds: [memory.openings],
    run: (bytes) => promised((verifyMemory(crypto, { ...memory.claim, openings: bytes }) === 'OK') === equalBytes(bytes, memory.openings), 'only the right openings verify'),
  },
  {
    name: 'package check',
    seeds: manifests,
    run(bytes) {
      const checked = checkPackage(crypto, facts, checker.account, bytes)
      if (typeof checked === 'string') return
      promised(toHex(crypto.sha256(utf8(JSON.stringify([checked.observations, checked.salt])))) === toHex(crypto.sha256(utf8(JSON.stringify([honest.observations, honest.salt])))), 'what was observed stands under the report')
    },
  },
  {
    name: 'judgement: any blob as commitment',
    seeds: [shown.blob, openedBlob],
    run: (bytes) => promised(judged(bytes, openedBlob).outcome === 'PASS', 'bytes that the machine did not sign say nothing against it'),
  },
  {
    name: 'judgement: any blob as openings',
    seeds: [openedBlob, shown.blob],
    run: (bytes) => promised(judged(shown.blob, bytes).outcome === 'PASS', 'bytes that the machine did not sign say nothing against it'),
  },
  {
    name: 'judgement: signed commitments',
    seeds: [shown.blob.slice(0, -64)],
    run(bytes) {
      const signature = machine.sign(crypto.sha256(concat(utf8('assay/1/commitment'), bytes)))
      promised(['PASS', 'EQUIVOCATION'].includes(judged(concat(bytes, signature), openedBlob).outcome), 'a second commitment is equivocation or nothing')
    },
  },
  {
    name: 'judgement: signed openings',
    seeds: [opened],
    run: (bytes) => promised(judged(shown.blob, openingsBlob(machine, facts, shown.id, bytes)).outcome === 'PASS', 'one right opening is enough, whatever others were signed'),
  },
]

const TEXTS: Target[] = [
  {
    name: 'keys of a pot',
    seeds: [...['0/0', '4294967295/17', '3/p1'].map((end) => `assay/s/${net.network.slice(2, 18)}/${end}`), `assay/h/${net.network.slice(2, 18)}/2`].map(utf8),
    run(bytes) {
      const key = text(bytes)
      const [chunk, part, term] = [parseStatementKey(net.network, key), parsePartKey(net.network, key), parseHandOverKey(net.network, key)]
      const spelt = [chunk && `s/${net.network.slice(2, 18)}/${chunk.epoch}/${chunk.chunk}`, part && `s/${net.network.slice(2, 18)}/${part.epoch}/p${part.part}`, term !== null && `h/${net.network.slice(2, 18)}/${term}`].filter(Boolean)
      promised(spelt.length < 2 && spelt.every((one) => key === `assay/${one}`), 'a key has one spelling and one meaning')
    },
  },
  {
    name: 'account in a path',
    seeds: [machine.account, toAddress(machine.account)].map(utf8),
    run(bytes) {
      let account
      try {
        account = accountIn({ account: text(bytes) })
      } catch (error) {
        promised(error instanceof ApiError && error.statusCode === 400, 'what is no account is a bad request')
        return
      }
      promised(toAccountId(toAddress(account)) === account, 'what was read is an account')
    },
  },
]

const FRAME_LIMIT = 1000
/** The first byte says in what pieces the rest arrives. */
const FRAMES: Target = {
  name: 'frames of a channel',
  seeds: [concat(Uint8Array.of(7), encodeFrame(new Uint8Array(10).fill(1)), encodeFrame(new Uint8Array()), encodeFrame(new Uint8Array(300).fill(2))), concat(Uint8Array.of(255), encodeFrame(new Uint8Array(FRAME_LIMIT)))],
  run([piece = 1, ...rest]) {
    const stream = Uint8Array.from(rest)
    const reader = new FrameReader(FRAME_LIMIT)
    let read = 0
    try {
      for (let at = 0; at < stream.length; at += piece + 1) {
        reader.push(stream.subarray(at, at + piece + 1))
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
          promised(equalBytes(encodeFrame(frame), stream.subarray(read, read + 4 + frame.length)), 'frames come out as they went in')
          read += 4 + frame.length
        }
        promised(reader.heldBytes === Math.min(stream.length, at + piece + 1) - read && reader.heldBytes < FRAME_LIMIT + 4, 'no more is held than an open frame')
      }
    } catch (error) {
      if (!(error instanceof ChannelAbuseError)) throw error
      promised(new DataView(stream.buffer).getUint32(read, true) > FRAME_LIMIT, 'only a frame that is too long is refused')
    }
  },
}

/** What `npm run fuzz` goes through. */
export const TARGETS: readonly Target[] = [...DECODERS.map(decoderTarget), ...VERIFIERS, ...TEXTS, FRAMES]

/** Not among them: the fuzzer's own tests. The second never ends with an empty input. */
export const PLANTED: readonly Target[] = [
  { name: 'planted', seeds: [new Uint8Array(8)], run: (bytes) => void orMalformed(() => decodePlanted(bytes)) },
  {
    name: 'planted hang',
    seeds: [],
    run(bytes) {
      while (bytes.length === 0);
    },
  },
]
