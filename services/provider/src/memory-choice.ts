// What fills and scans the memory that is shown in memory rounds.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Crypto } from '@assay/protocol'
import { fastestVariant } from './engines/kernel.ts'
import { createMemoryEngine, type MemoryEngine } from './memory/engine.ts'

/** What an engine module may export as `createMemoryEngine`, beside its `createEngine`. */
export type CreateMemoryEngine = (options: { crypto: Crypto, threads?: number, maxBytes: number }) => MemoryEngine | Promise<MemoryEngine>

/**
 * The memory engine of the module that `choice` names, if it brings one, else ours; null on a runtime without SIMD, which shows no memory.
 * @throws OperatorError ENGINE for a module whose memory engine does not start
 */
export async function chooseMemory(choice: string, { crypto, threads, maxBytes }: { crypto: Crypto, threads?: number | undefined, maxBytes: number }): Promise<MemoryEngine | null> {
  const options = { maxBytes, ...(threads === undefined ? {} : { threads }) }
  const path = resolve(choice)
  if ((await stat(path).catch(() => undefined))?.isFile()) {
    const { createMemoryEngine: create } = (await import(pathToFileURL(path).href)) as { createMemoryEngine?: CreateMemoryEngine }
    try {
      if (typeof create === 'function') return await create({ crypto, ...options })
    } catch (cause) {
      throw new OperatorError('ENGINE', `the memory engine of ${choice} does not start: ${cause instanceof Error ? cause.message : String(cause)}`, { advice: 'Mend the module, or choose another engine.', cause })
    }
  }
  return fastestVariant() === undefined ? null : createMemoryEngine(crypto, options)
}
