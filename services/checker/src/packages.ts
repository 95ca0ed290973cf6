// A round's package: what the report committed to, and where the evidence is. Assembled and published at once, when it is too late to copy from.
import type { BlobStore } from '@assay/kit/blobs'
import { type AccountId, encodeManifest, type Hash, type Manifest, toHex } from '@assay/protocol'
import { observationsOf } from './report.ts'
import type { Store } from './store.ts'

/** Files that are written at once. */
const AT_ONCE = 8

/** The manifest of this checker's package, from what it has stored; null if it made no report of that round. */
export function manifestOf(store: Store, network: AccountId, me: AccountId, round: number): Manifest | null {
  const report = store.report(round)
  if (report === undefined) return null
  const commitments = store.commitments(round)
  const openings = store.openings(round)
  const observations = observationsOf(report)
  const evidence = observations.flatMap(({ machine }) => {
    const named = commitments.get(machine)
    const opened = openings.get(machine)
    return named === undefined ? [] : [{ machine, commitments: named, openings: opened === undefined ? [] : [opened] }]
  })
  return { network, round, checker: me, salt: toHex(report.salt), observations, evidence }
}

/** Assembles and publishes the package of a round, once: a later call gives the same root, whatever came since. Null if there is no report of that round. */
export async function publishPackage(store: Store, blobs: BlobStore, network: AccountId, me: AccountId, round: number): Promise<Hash | null> {
  const known = store.package(round, me)
  if (known) return known.root
  const manifest = manifestOf(store, network, me, round)
  if (manifest === null) return null
  // What is here by a path of before is a file already.
  const commitments = manifest.evidence.flatMap((one) => one.commitments)
  const worker = async (): Promise<void> => {
    for (let ref = commitments.pop(); ref !== undefined; ref = commitments.pop()) {
      const bytes = store.unpublished(round, ref.id)
      if (bytes !== undefined) await blobs.put(bytes)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  // The manifest is on disk before the store says so; a crash between the two leaves a blob that nobody names.
  const root = await blobs.put(encodeManifest(manifest))
  store.keepPackage({ round, checker: me, root }, manifest.evidence.flatMap(({ commitments, openings }) => [...commitments, ...openings].map(({ id }) => id)))
  store.forgetUnpublished(round)
  return store.package(round, me)!.root
}
