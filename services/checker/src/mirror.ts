// Keeping another checker's package: pulled by the root on chain, checked to the last byte, then served and vouched for with a bit.
import { type BlobStore, createFetcher } from '@assay/kit/blobs'
import { type AccountId, blobsOf, checkPackage, commitmentBytesLimit, type Crypto, type LoadBlob, manifestWanted, openingsBytesLimit, type Registered, type RoundFacts } from '@assay/protocol'
import type { Store } from './store.ts'

export interface MirrorTools {
  crypto: Crypto
  me: AccountId
  store: Store
  blobs: BlobStore
  /** for each URL and blob, from connecting to the last byte */
  timeoutMs: number
}

/** HELD: every blob is here, served, and the bit may be set. MISSING: not all of it is to be had now. REFUSED: it is no good and never will be. */
export type Pulled = 'HELD' | 'MISSING' | 'REFUSED'

const AT_ONCE = 4

/** Where evidence may be had: the base URLs of the checkers, `first`'s own before the others'; never this checker's own. */
export function evidenceUrls(checkers: readonly Registered[], me: AccountId, first?: AccountId): string[] {
  const others = checkers.filter(({ account }) => account !== me)
  return [...new Set([...others.filter(({ account }) => account === first), ...others.filter(({ account }) => account !== first)].flatMap(({ identity }) => identity.evidence))]
}

/**
 * Pulls the package that `checker` posted the root of, in bounded size and time, from its own evidence URLs or any other checker's; what arrived is kept for the next try.
 * `facts` must have its root. Throws only when the signal fires or the disk refuses.
 */
export async function pullPackage({ crypto, me, store, blobs, timeoutMs }: MirrorTools, facts: RoundFacts, checker: AccountId, signal: AbortSignal): Promise<Pulled> {
  const { round, parameters } = facts
  const root = facts.packageRoots.get(checker)
  if (root === undefined) return 'MISSING'
  if (store.package(round, checker)) return 'HELD'
  const urls = evidenceUrls(facts.checkers, me, checker)
  const get = loadFrom(blobs, () => urls, timeoutMs, signal)
  const wanted = manifestWanted(facts, root)
  const bytes = await get(wanted.id, wanted.maxBytes)
  if (bytes === undefined) return 'MISSING'
  const manifest = checkPackage(crypto, facts, checker, bytes)
  if (typeof manifest === 'string') return 'REFUSED'
  const largest = Math.max(commitmentBytesLimit(parameters), openingsBytesLimit(parameters))
  const refs = blobsOf(manifest)
  const queue = [...refs]
  let verdict: Pulled = 'HELD'
  const worker = async (): Promise<void> => {
    for (let ref = queue.pop(); ref !== undefined; ref = queue.pop()) {
      const blob = await get(ref.id, Math.min(ref.size, largest))
      if (blob === undefined && verdict === 'HELD') verdict = 'MISSING'
      // The size is part of what is vouched for; a blob of another size under this hash cannot exist with the right one.
      if (blob !== undefined && blob.length !== ref.size) verdict = 'REFUSED'
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  if (verdict === 'HELD') store.keepPackage({ round, checker, root }, refs.map(({ id }) => id))
  return verdict
}

/** Finds evidence for the replay of an epoch: here, else at whoever serves it; what was fetched is kept. Rejects only when the signal fires or the disk refuses. */
export function loadFrom(blobs: BlobStore, urls: () => string[], timeoutMs: number, signal: AbortSignal): LoadBlob {
  const from = createFetcher({ timeoutMs, signal })
  return async (id, maxBytes) => {
    const held = await blobs.get(id)
    if (held) return held
    const fetched = await from(urls(), id, maxBytes)
    if (fetched) await blobs.put(fetched)
    return fetched
  }
}
