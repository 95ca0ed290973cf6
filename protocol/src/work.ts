// What a machine signs: its commitment and its openings. And the nonces that its chain folds. PROTOCOL section 5.
import { type AccountId, concat, equalBytes, fromHex, type Hash, toHex, u32le, utf8 } from './bytes.ts'
import { boundedVec, bytes32, bytes64, type Codec, hex32, MalformedError, strict, struct, u16, u32, u8, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import { blobId } from './manifest.ts'
import { FACTS_BYTES, type Parameters } from './parameters.ts'

/** A checker's nonce in a chain: folded into key_step. */
export interface Fold {
  checker: AccountId
  /** 64 bytes over `nonceMessage`. */
  signature: Uint8Array
  step: number
}

/** What a machine commits to: the roots of its steps and the nonces in its keys. */
export interface WorkCommitment {
  network: AccountId
  round: number
  machine: AccountId
  /** Of the matrices' width, or of a memory segment's leaves. */
  log2n: number
  /** `factsId` of what the machine shows of itself with its openings. */
  facts: Hash
  /** Roots of the filled memory segments, 32 bytes each, where the round's job is of memory; else none. */
  fill: Uint8Array[]
  /** Strictly ascending by (step, checker), one a checker, the first at step 0. */
  folds: Fold[]
  /** root_1 ... root_T, 32 bytes each. */
  roots: Uint8Array[]
}

const SIGNATURE_BYTES = 64

/** More than any network's parameters allow; what they allow is judged, not decoded. */
const LIMITS = { committee: 255, maxSteps: 2 ** 18 }

const commitmentCodec: Codec<WorkCommitment> = versioned(
  1,
  struct({
    network: hex32,
    round: u32,
    machine: hex32,
    log2n: u8,
    facts: hex32,
    fill: boundedVec(bytes32, LIMITS.maxSteps),
    folds: boundedVec(struct({ checker: hex32, signature: bytes64, step: u32 }), LIMITS.committee, 1),
    roots: boundedVec(bytes32, LIMITS.maxSteps, 1),
  }),
)

const commitment = strict('commitment', commitmentCodec, {
  rule({ folds, roots }) {
    if (folds[0]?.step !== 0) return 'no nonce is folded at step 0'
    if (new Set(folds.map(({ checker }) => checker)).size !== folds.length) return 'two folds of one checker'
    if (folds.some(({ step }) => step >= roots.length)) return 'a fold after the last step'
    const ascending = folds.every((fold, i) => {
      const before = folds[i - 1]
      return before === undefined || before.step < fold.step || (before.step === fold.step && before.checker < fold.checker)
    })
    return ascending ? null : 'folds do not ascend by step and checker'
  },
})

/** @throws RangeError if it breaks a rule of section 5 */
export function encodeWorkCommitment(value: WorkCommitment): Uint8Array {
  return commitment.encode(value)
}

/**
 * What takes the seed's place in key_0: the seed itself, or in a memory round a hash that also holds the filled memory, so that no step can be taken before it is fixed.
 */
export function chainSeed(crypto: Crypto, seed: Uint8Array, fill: readonly Uint8Array[]): Uint8Array {
  return fill.length === 0 ? seed : crypto.sha256(concat(utf8('assay/1/memory'), seed, ...fill))
}

/** What the machine's peer key signs: 32 bytes. */
export function commitmentDigest(crypto: Crypto, value: WorkCommitment): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/commitment'), encodeWorkCommitment(value)))
}

/** The same of a whole commitment blob, without reading it: its last 64 bytes, the signature, are not part of it. */
export function commitmentBlobDigest(crypto: Crypto, blob: Uint8Array): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/commitment'), blob.subarray(0, -SIGNATURE_BYTES)))
}

/** The blob that a machine hands in. Its id is `blobId`. */
export function encodeCommitmentBlob(value: WorkCommitment, signature: Uint8Array): Uint8Array {
  return concat(encodeWorkCommitment(value), bytes64.enc(signature))
}

/**
 * Reads a commitment blob; its signature is not checked here. Without `limits` only the bounds of all networks hold.
 * @throws MalformedError
 */
export function decodeCommitmentBlob(
  crypto: Crypto,
  blob: Uint8Array,
  limits: Pick<Parameters, 'committee' | 'maxSteps'> = LIMITS,
): { commitment: WorkCommitment; signature: Uint8Array; id: Hash } {
  if (blob.length < SIGNATURE_BYTES) throw new MalformedError('TRUNCATED', `commitment blob of ${blob.length} bytes`)
  const value = commitment.decode(blob.subarray(0, -SIGNATURE_BYTES))
  if (value.folds.length > limits.committee || value.roots.length > limits.maxSteps || value.fill.length > limits.maxSteps)
    throw new MalformedError('OUT_OF_RANGE', `commitment: ${value.folds.length} folds, ${value.roots.length} steps and ${value.fill.length} segments, at most ${limits.committee} folds and ${limits.maxSteps} of the others`)
  return { commitment: value, signature: blob.slice(-SIGNATURE_BYTES), id: blobId(crypto, blob) }
}

/** What a checker's peer key signs to start its stopwatch on a machine. */
export function nonceMessage(network: AccountId, round: number, beacon: Hash, machine: AccountId, checker: AccountId): Uint8Array {
  return concat(utf8('assay/1/nonce'), fromHex(network), u32le(round), fromHex(beacon), fromHex(machine), fromHex(checker))
}

/** The 32 bytes that a machine folds, from the checker's 64-byte signature. */
export function nonceOf(crypto: Crypto, signature: Uint8Array): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/fold'), signature))
}

/** The opened cells of a commitment, with what says whose they are. */
export interface Openings {
  network: AccountId
  round: number
  machine: AccountId
  /** Id of the commitment blob. */
  commitment: Hash
  /** What the commitment's `facts` names, at most `FACTS_BYTES`. */
  facts: Uint8Array
  /** The cells' openings in the order drawn. */
  openings: Uint8Array
}

const OPENINGS_TAG = utf8('assay/1/openings')
const OPENINGS_HEADER = OPENINGS_TAG.length + 32 + 4 + 32 + 32 + 2

/** The openings blob without its signature. @throws RangeError if the facts are too long */
export function encodeOpenings({ network, round, machine, commitment, facts, openings }: Openings): Uint8Array {
  if (facts.length > FACTS_BYTES) throw new RangeError(`facts of ${facts.length} bytes, at most ${FACTS_BYTES}`)
  return concat(OPENINGS_TAG, fromHex(network), u32le(round), fromHex(machine), fromHex(commitment), u16.enc(facts.length), facts, openings)
}

/** What the machine's peer key signs, 32 bytes, from a whole openings blob: its last 64 bytes, the signature, are not part of it. */
export function openingsDigest(crypto: Crypto, blob: Uint8Array): Uint8Array {
  return crypto.sha256(blob.subarray(0, -SIGNATURE_BYTES))
}

/** The blob that a machine pushes: `sign` gets the 32-byte digest and gives 64 bytes. */
export function encodeOpeningsBlob(crypto: Crypto, openings: Openings, sign: (digest: Uint8Array) => Uint8Array): Uint8Array {
  const body = encodeOpenings(openings)
  return concat(body, bytes64.enc(sign(crypto.sha256(body))))
}

/** Reads an openings blob; neither its signature nor its cells are checked here. @throws MalformedError */
export function decodeOpeningsBlob(blob: Uint8Array): Openings & { signature: Uint8Array } {
  if (blob.length < OPENINGS_HEADER + SIGNATURE_BYTES) throw new MalformedError('TRUNCATED', `openings blob of ${blob.length} bytes`)
  if (!equalBytes(blob.subarray(0, OPENINGS_TAG.length), OPENINGS_TAG)) throw new MalformedError('BAD_VERSION', 'openings blob: another tag')
  let at = OPENINGS_TAG.length
  const take = (length: number): Uint8Array => blob.subarray(at, (at += length))
  const network = toHex(take(32))
  const round = new DataView(blob.buffer, blob.byteOffset + at, 4).getUint32(0, true)
  at += 4
  const machine = toHex(take(32))
  const commitment = toHex(take(32))
  const facts = take(2)
  const rest = blob.subarray(at, -SIGNATURE_BYTES)
  const length = facts[0]! + 256 * facts[1]!
  if (length > FACTS_BYTES || length > rest.length) throw new MalformedError('OUT_OF_RANGE', `openings blob with facts of ${length} bytes`)
  return { network, round, machine, commitment, facts: rest.slice(0, length), openings: rest.slice(length), signature: blob.slice(-SIGNATURE_BYTES) }
}
