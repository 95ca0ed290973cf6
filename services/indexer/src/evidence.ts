// Where evidence comes from: any server that has the bytes of a hash. What is fetched is verified, kept in the database once, and asked for no second time.
import { sql, type Kysely } from 'kysely'
import { blobId, createFetcher, type FetchFrom } from '@assay/kit/blobs'
import { evidenceHolders, type Hash, type Ledger, type LoadBlob } from '@assay/protocol'
import type { IndexerMetrics } from './metrics.ts'
import type { EvidenceRow, Tables } from './tables.ts'

export interface EvidenceOptions {
  db: Kysely<Tables>
  /** base URLs to ask now */
  urls: () => readonly string[]
  /** for one server and one blob */
  timeoutMs: number
  signal: AbortSignal
  metrics: IndexerMetrics
}

/** Loads blobs by hash and keeps them until the retention policy lets them go. */
export class EvidenceSource {
  readonly #options: EvidenceOptions
  readonly #from: FetchFrom

  constructor(options: EvidenceOptions) {
    this.#options = options
    this.#from = createFetcher(options)
  }

  /** Loads for rounds of one epoch: from the database, else from the servers, quick ones first. Undefined if none has the blob; throws OperatorError DATABASE, or when the signal fires. */
  loader(epoch: number): LoadBlob {
    const { db } = this.#options
    return async (id, maxBytes) => {
      const held = await heldEvidence(db, id)
      if (held) {
        if (held.epoch < epoch) await db.updateTable('evidence').set({ epoch }).where('id', '=', id).where('epoch', '<', epoch).execute()
        return held.bytes.length <= maxBytes ? held.bytes : undefined
      }
      const bytes = await this.#fetch(id, maxBytes)
      if (bytes) await db.insertInto('evidence').values({ id, epoch, bytes }).onConflict((conflict) => conflict.column('id').doUpdateSet({ bytes, epoch: sql<number>`greatest(evidence.epoch, excluded.epoch)` })).execute()
      return bytes
    }
  }

  /** Loads of whatever epoch, and keeps nothing that is not kept already. Undefined if none has the blob. */
  readonly once: LoadBlob = async (id, maxBytes) => {
    const held = await heldEvidence(this.#options.db, id)
    if (held) return held.bytes.length <= maxBytes ? held.bytes : undefined
    return this.#fetch(id, maxBytes)
  }

  async #fetch(id: Hash, maxBytes: number): Promise<Uint8Array | undefined> {
    const { urls, metrics } = this.#options
    const bytes = await this.#from(urls(), id, maxBytes)
    metrics.evidence.inc({ result: bytes ? 'found' : 'missing' })
    if (bytes) metrics.evidenceBytes.inc(bytes.length)
    return bytes
  }
}

/** A blob that is in the database; bytes that no longer have their hash count as not there. */
export async function heldEvidence(db: Kysely<Tables>, id: Hash): Promise<EvidenceRow | undefined> {
  const row = await db.selectFrom('evidence').selectAll().where('id', '=', id).executeTakeFirst()
  return row && blobId(row.bytes) === id ? row : undefined
}

/** Whom to ask for evidence: the servers of those checkers who are registered or were when it was made, and further ones. */
export const evidenceUrls = (ledger: Ledger, further: readonly string[]): string[] => [...evidenceHolders(ledger).flatMap(({ identity }) => identity.evidence), ...further]
