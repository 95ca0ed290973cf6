// Where evidence comes from: any server that has the bytes of a hash. What is fetched is verified, kept until it is no longer needed, and asked for no second time.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BlobStore, createFetcher, type FetchFrom } from '@assay/kit/blobs'
import type { LoadBlob } from '@assay/protocol'
import type { IndexerMetrics } from './metrics.ts'

export interface EvidenceOptions {
  /** folder of the blobs, one folder in it an epoch */
  dir: string
  /** base URLs to ask now */
  urls: () => readonly string[]
  /** for one server and one blob */
  timeoutMs: number
  signal: AbortSignal
  metrics: IndexerMetrics
}

/** Loads blobs by hash and keeps them on disk by epoch. */
export class EvidenceSource {
  readonly #options: EvidenceOptions
  readonly #from: FetchFrom

  constructor(options: EvidenceOptions) {
    this.#options = options
    this.#from = createFetcher(options)
  }

  /** Loads for rounds of one epoch: from disk, else from the servers, quick ones first. Undefined if none has the blob; throws OperatorError DISK, or when the signal fires. */
  loader(epoch: number): LoadBlob {
    const store = new BlobStore(this.#folder(epoch))
    return async (id, maxBytes) => {
      const held = await store.get(id)
      if (held) return held.length <= maxBytes ? held : undefined
      const bytes = await this.#fetch(id, maxBytes)
      if (bytes) await store.put(bytes)
      return bytes
    }
  }

  /** Loads of whatever epoch, and keeps nothing that is not kept already. Undefined if none has the blob. */
  readonly once: LoadBlob = async (id, maxBytes) => {
    for (const epoch of await this.epochs()) {
      const held = await new BlobStore(this.#folder(epoch)).get(id)
      if (held) return held.length <= maxBytes ? held : undefined
    }
    return this.#fetch(id, maxBytes)
  }

  /** Drops the evidence of an epoch. */
  async forget(epoch: number): Promise<void> {
    await rm(this.#folder(epoch), { recursive: true, force: true })
  }

  /** Epochs of which there is evidence on disk. */
  async epochs(): Promise<number[]> {
    const names = await readdir(this.#options.dir).catch(() => [])
    return names.filter((name) => /^\d+$/.test(name)).map(Number)
  }

  #folder(epoch: number): string {
    return join(this.#options.dir, String(epoch))
  }

  async #fetch(id: `0x${string}`, maxBytes: number): Promise<Uint8Array | undefined> {
    const { urls, metrics } = this.#options
    const bytes = await this.#from(urls(), id, maxBytes)
    metrics.evidence.inc({ result: bytes ? 'found' : 'missing' })
    if (bytes) metrics.evidenceBytes.inc(bytes.length)
    return bytes
  }
}
