// What a checker publishes of a round: its observations and where their evidence is. PROTOCOL section 7.
import { type AccountId, type Hash, toHex } from './bytes.ts'
import { boundedVec, type Codec, hex32, strict, strictlyAscending, struct, u32, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import { type Observation, observationCodec, observationFault } from './report.ts'

/** A blob by its SHA-256 and its length in bytes. */
export interface BlobRef {
  id: Hash
  size: number
}

/** What a machine signed, as far as this checker has it. */
export interface MachineEvidence {
  machine: AccountId
  /** One, or two that differ: the proof of equivocation. */
  commitments: BlobRef[]
  /** None or one. */
  openings: BlobRef[]
}

export interface Manifest {
  network: AccountId
  round: number
  checker: AccountId
  salt: Hash
  /** Strictly ascending by machine. */
  observations: Observation[]
  /** Strictly ascending by machine. */
  evidence: MachineEvidence[]
}

const MACHINES_LIMIT = 2 ** 20

const blobRef: Codec<BlobRef> = struct({ id: hex32, size: u32 })
const manifest = strict<Manifest>(
  'manifest',
  versioned(
    1,
    struct({
      network: hex32,
      round: u32,
      checker: hex32,
      salt: hex32,
      observations: boundedVec(observationCodec, MACHINES_LIMIT),
      evidence: boundedVec(struct({ machine: hex32, commitments: boundedVec(blobRef, 2, 1), openings: boundedVec(blobRef, 1) }), MACHINES_LIMIT),
    }),
  ),
  {
    rule: ({ observations, evidence }) => {
      if (!strictlyAscending(observations, ({ machine }) => machine)) return 'observations do not ascend by machine'
      if (!strictlyAscending(evidence, ({ machine }) => machine)) return 'evidence does not ascend by machine'
      if (evidence.some(({ commitments: [first, second] }) => second !== undefined && first?.id === second.id)) return 'one commitment twice'
      return observations.map(observationFault).find((fault) => fault !== null) ?? null
    },
  },
)

/** @throws RangeError if it breaks a rule of section 7 */
export function encodeManifest(value: Manifest): Uint8Array {
  return manifest.encode(value)
}

/** Takes memory in proportion to the bytes given; bound these by `manifestBytesLimit`. @throws MalformedError */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return manifest.decode(bytes)
}

/** The id of any blob, and of a manifest: the package root. */
export function blobId(crypto: Crypto, bytes: Uint8Array): Hash {
  return toHex(crypto.sha256(bytes))
}

/** Every blob that a manifest names, each once. */
export function blobsOf({ evidence }: Manifest): BlobRef[] {
  const refs = evidence.flatMap(({ commitments, openings }) => [...commitments, ...openings])
  return [...new Map(refs.map((ref) => [`${ref.id} ${ref.size}`, ref])).values()]
}
