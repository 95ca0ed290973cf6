// Evidence of a round: the packages that count (PROTOCOL section 7) and the blobs they name, loaded by hash from wherever.
import { type AccountId, type Hash, toHex } from './bytes.ts'
import { MalformedError } from './codec.ts'
import type { Crypto } from './crypto.ts'
import type { RoundFacts } from './ledger.ts'
import { type BlobRef, decodeManifest, type Manifest } from './manifest.ts'
import { commitmentBytesLimit, manifestBytesLimit, openingsBytesLimit, type Parameters } from './parameters.ts'
import { reportRoot } from './report.ts'

/**
 * Gets a blob by the SHA-256 of its bytes, from any source; need not be trusted. Undefined means not to be had now.
 * `maxBytes` is the most that the protocol allows it to be: longer bytes need not be read.
 */
export type LoadBlob = (id: Hash, maxBytes: number) => Promise<Uint8Array | undefined>

/** Why the manifest of a package whose root stands on chain and that was held does not count. */
export type PackageFault = 'BAD_PACKAGE' | 'WRONG_ROOT'

export interface RoundEvidence {
  /** Manifests of the packages that count, by checker. */
  packages: ReadonlyMap<AccountId, Manifest>
  /** Packages that count by the chain alone, with what is wrong with their manifests. */
  refused: ReadonlyMap<AccountId, PackageFault>
  /** The blobs that counted manifests name, by id; every one hashes to its id, its size is whatever it is. */
  blobs: ReadonlyMap<Hash, Uint8Array>
}

/** A blob of a package and the most bytes it may have. */
export interface Wanted {
  id: Hash
  maxBytes: number
}

const LOADS_AT_ONCE = 8

/**
 * Loads the counted packages of a round and every blob they name. Nothing a package says is an error: one with a bad manifest is refused.
 * `missing` are the ids that `load` did not have, ascending; with one missing the evidence must not be judged. The order in which blobs arrive never matters.
 */
export async function gatherEvidence(crypto: Crypto, facts: RoundFacts, load: LoadBlob): Promise<{ evidence: RoundEvidence; missing: Hash[] }> {
  const missing = new Set<Hash>()
  const packages = new Map<AccountId, Manifest>()
  const refused = new Map<AccountId, PackageFault>()
  const roots = [...facts.counted].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const manifests = await loadAll(crypto, roots.map(([, id]) => manifestWanted(facts, id)), load)
  for (const [checker, root] of roots) {
    const bytes = manifests.get(root)
    if (bytes === undefined) {
      missing.add(root)
      continue
    }
    const manifest = checkPackage(crypto, facts, checker, bytes)
    if (typeof manifest === 'string') refused.set(checker, manifest)
    else packages.set(checker, manifest)
  }
  const wanted = [...packages.values()].flatMap((manifest) => packageBlobs(facts.parameters, manifest))
  const blobs = await loadAll(crypto, wanted, load)
  for (const { id } of wanted) if (!blobs.has(id)) missing.add(id)
  return { evidence: { packages, refused, blobs }, missing: [...missing].toSorted() }
}

/** What to load for the package root that a checker posted. */
export const manifestWanted = (facts: Pick<RoundFacts, 'parameters' | 'machines'>, root: Hash): Wanted => ({ id: root, maxBytes: manifestBytesLimit(facts.parameters, facts.machines.length) })

/**
 * The manifest, if it is well-formed, is K's of this round, names eligible machines and blobs within their limits only, and gives the commitment
 * that K's report put on chain; else what is wrong with it.
 * A mirror sets its bit only for a package that passes here and of which it has every blob in the size that its BlobRef says.
 */
export function checkPackage(crypto: Crypto, facts: RoundFacts, checker: AccountId, bytes: Uint8Array): Manifest | PackageFault {
  if (bytes.length > manifestBytesLimit(facts.parameters, facts.machines.length)) return 'BAD_PACKAGE'
  let manifest: Manifest
  try {
    manifest = decodeManifest(bytes)
  } catch (error) {
    if (error instanceof MalformedError) return 'BAD_PACKAGE'
    throw error
  }
  const { network, round, salt, observations, evidence } = manifest
  if (network !== facts.network || round !== facts.round || manifest.checker !== checker) return 'BAD_PACKAGE'
  const machines = new Set(facts.machines.map(({ account }) => account))
  if (observations.some(({ machine }) => !machines.has(machine))) return 'BAD_PACKAGE'
  // Evidence of a machine that it saw nothing of would only fill everybody's disks.
  const observed = new Set(observations.map(({ machine }) => machine))
  if (evidence.some(({ machine }) => !observed.has(machine))) return 'BAD_PACKAGE'
  if (namedBlobs(facts.parameters, manifest).some(({ ref, maxBytes }) => ref.size > maxBytes)) return 'BAD_PACKAGE'
  return reportRoot(crypto, { network, round, checker, salt }, observations) === facts.reports.get(checker)?.item?.commitment ? manifest : 'WRONG_ROOT'
}

/** The blobs of a package beside its manifest, each id once, with the most bytes it may have. */
export function packageBlobs(parameters: Parameters, manifest: Manifest): Wanted[] {
  return distinct(namedBlobs(parameters, manifest).map(({ ref, maxBytes }) => ({ id: ref.id, maxBytes })))
}

function namedBlobs(parameters: Parameters, { evidence }: Manifest): { ref: BlobRef; maxBytes: number }[] {
  const commitmentBytes = commitmentBytesLimit(parameters)
  const openingsBytes = openingsBytesLimit(parameters)
  return evidence.flatMap(({ commitments, openings }) => [...commitments.map((ref) => ({ ref, maxBytes: commitmentBytes })), ...openings.map((ref) => ({ ref, maxBytes: openingsBytes }))])
}

/** Each id once, with the greatest of its limits. */
function distinct(wanted: readonly Wanted[]): Wanted[] {
  const limits = new Map<Hash, number>()
  for (const { id, maxBytes } of wanted) limits.set(id, Math.max(maxBytes, limits.get(id) ?? 0))
  return [...limits].map(([id, maxBytes]) => ({ id, maxBytes }))
}

/** The blobs to be had, by id, a few at a time. Bytes that do not hash to their id are not the blob. */
async function loadAll(crypto: Crypto, wanted: readonly Wanted[], load: LoadBlob): Promise<Map<Hash, Uint8Array>> {
  const loaded = new Map<Hash, Uint8Array>()
  const queue = distinct(wanted)
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const bytes = await load(next.id, next.maxBytes)
      if (bytes !== undefined && toHex(crypto.sha256(bytes)) === next.id) loaded.set(next.id, bytes)
    }
  }
  await Promise.all(Array.from({ length: LOADS_AT_ONCE }, worker))
  return loaded
}
