// Content-addressed bytes: a folder of files named by their SHA-256, and how to fetch one from whoever says that he has it.
import { createHash, randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskError, makeFolder } from './disk.ts'
import { isOperatorError } from './lifecycle.ts'

export type BlobId = `0x${string}`

const ID = /^0x[0-9a-f]{64}$/

/** The id of bytes: 0x and the SHA-256 in lower-case hex. */
export function blobId(bytes: Uint8Array): BlobId {
  return `0x${createHash('sha256').update(bytes).digest('hex')}`
}

/** A folder of blobs. Writes are atomic and durable (temporary file, fsync, rename, fsync of the folder); reads verify the hash. */
export class BlobStore {
  readonly dir: string
  constructor(dir: string) {
    this.dir = dir
  }

  /** Stores bytes and returns their id; storing what is there already does nothing. Throws OperatorError DISK when the disk refuses. */
  async put(bytes: Uint8Array): Promise<BlobId> {
    const id = blobId(bytes)
    if (await this.has(id)) return id
    await writeDurably(this.#path(id), bytes)
    return id
  }

  /** The bytes, or undefined if they are not here; bytes that no longer have their hash are removed and count as not here. */
  async get(id: BlobId): Promise<Uint8Array | undefined> {
    const bytes = await readFile(this.#path(id)).catch(missing)
    if (bytes === undefined || blobId(bytes) === id) return bytes && new Uint8Array(bytes)
    await this.delete(id)
    return undefined
  }

  async has(id: BlobId): Promise<boolean> {
    return (await stat(this.#path(id)).catch(missing)) !== undefined
  }

  /** Removes a blob; one that is not here is no error. */
  async delete(id: BlobId): Promise<void> {
    await rm(this.#path(id), { force: true })
  }

  // Two levels, so that no folder grows to hundreds of thousands of entries.
  #path(id: BlobId): string {
    if (!ID.test(id)) throw new RangeError(`not a blob id: ${String(id).slice(0, 80)}`)
    return join(this.dir, id.slice(2, 4), id.slice(2))
  }
}

/**
 * Writes a file so that after a crash it holds the old bytes or all of the new ones, and is on disk when this returns. Throws OperatorError DISK.
 */
export async function writeDurably(path: string, bytes: Uint8Array, options: { mode?: number } = {}): Promise<void> {
  await write(path, bytes, options.mode, rename)
}

/**
 * The same, but only if there is no such file yet: false, and the old bytes untouched, if there is. The first writer wins, also among processes.
 * What must never be said in two ways is written with this before it is said. Throws OperatorError DISK.
 */
export async function writeOnce(path: string, bytes: Uint8Array, options: { mode?: number } = {}): Promise<boolean> {
  try {
    await write(path, bytes, options.mode, async (temporary) => {
      await link(temporary, path)
      await rm(temporary)
    })
    return true
  } catch (error) {
    if (isOperatorError(error) && (error.cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function write(path: string, bytes: Uint8Array, mode = 0o644, place: (temporary: string, path: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      await makeFolder(dirname(path))
      return open(temporary, 'wx', mode)
    })
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(temporary, path)
    const folder = await open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw diskError('DISK', `cannot write ${path}`, cause)
  }
}

export interface FetchBlobOptions {
  /** base URLs to try in order */
  urls: readonly string[]
  id: BlobId
  /** bytes; a longer answer is cut off and counts as not found there */
  maxBytes: number
  /** for each URL, from connecting to the last byte */
  timeoutMs: number
  signal: AbortSignal
}

/** Gets `<url>/evidence/<hex>` from the first URL whose answer has the hash; undefined if none has. Never throws for what a server does; throws only when the signal fires. */
export async function fetchBlob({ urls, id, maxBytes, timeoutMs, signal }: FetchBlobOptions): Promise<Uint8Array | undefined> {
  if (!ID.test(id)) throw new RangeError(`not a blob id: ${String(id).slice(0, 80)}`)
  for (const url of urls) {
    signal.throwIfAborted()
    const bytes = await fetchOne(`${url.replace(/\/+$/, '')}/evidence/${id.slice(2)}`, maxBytes, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])).catch(() => undefined)
    if (bytes && blobId(bytes) === id) return bytes
  }
  signal.throwIfAborted()
  return undefined
}

export type FetchFrom = (urls: readonly string[], id: BlobId, maxBytes: number) => Promise<Uint8Array | undefined>

/**
 * fetchBlob with a memory: a server that had not what was asked of it is asked after those that had, the longer it took the later. One that hangs
 * costs its time once and not for every blob.
 */
export function createFetcher({ timeoutMs, signal, now = () => performance.now() }: { timeoutMs: number, signal: AbortSignal, now?: () => number }): FetchFrom {
  const costs = new Map<string, number>()
  return async (urls, id, maxBytes) => {
    for (const url of [...new Set(urls)].sort((a, b) => (costs.get(a) ?? 0) - (costs.get(b) ?? 0))) {
      const began = now()
      const bytes = await fetchBlob({ urls: [url], id, maxBytes, timeoutMs, signal })
      if (bytes) {
        costs.delete(url)
        return bytes
      }
      costs.set(url, now() - began)
    }
    return undefined
  }
}

async function fetchOne(url: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  // No redirect: a server that is asked for evidence must not choose where we connect.
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/octet-stream' } })
  if (!response.ok || !response.body || Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body?.cancel()
    return undefined
  }
  const parts: Uint8Array[] = []
  let size = 0
  // Leaving the loop early cancels the body, which closes the connection.
  for await (const part of response.body) {
    size += part.length
    if (size > maxBytes) return undefined
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}
