// What a machine runs with, by hash: so that two machines can be seen to run the same, or one to have changed.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type EnvironmentItem, type EnvironmentKind, environmentOf, type Hash, toHex } from '@assay/protocol'

/** Where a part comes from: a file, or what somebody says of it (the digest of an image). */
export type EnvironmentSource = { file: string } | { text: string }

/** What every machine can name; its owner adds image, engine or model. */
export const LINUX_ENVIRONMENT: Partial<Record<EnvironmentKind, EnvironmentSource>> = {
  node: { file: process.execPath },
  kernel: { file: '/proc/version' },
  driver: { file: '/proc/driver/nvidia/version' },
}

/**
 * The SHA-256 of each part. One that cannot be read is left out; that it is missing is a gap, unless there is no such file. Rejects only if `signal` fires.
 * Files may be large (Node has 120 MB), so this is for the start, not for a job.
 */
export async function readEnvironment(sources: Partial<Record<EnvironmentKind, EnvironmentSource>>, signal: AbortSignal): Promise<{ items: EnvironmentItem[], gaps: string[] }> {
  const hashes: Partial<Record<EnvironmentKind, Hash>> = {}
  const gaps: string[] = []
  for (const [what, source] of Object.entries(sources) as [EnvironmentKind, EnvironmentSource][]) {
    try {
      hashes[what] = await hashOf(source, signal)
    } catch (error) {
      signal.throwIfAborted()
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') gaps.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { items: environmentOf(hashes), gaps }
}

async function hashOf(source: EnvironmentSource, signal: AbortSignal): Promise<Hash> {
  signal.throwIfAborted()
  const hash = createHash('sha256')
  if ('text' in source) hash.update(source.text)
  else for await (const piece of createReadStream(source.file, { signal })) hash.update(piece as Buffer)
  return toHex(hash.digest())
}
