// What fills and scans the memory that is shown in memory rounds.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import type { Crypto } from '@assay/protocol'
import { fastestVariant } from './engines/kernel.ts'
import { createMemoryEngine, type MemoryEngine } from './memory/engine.ts'
import { testMemory } from './memory/self-test.ts'

/** What an engine module may export as `createMemoryEngine`, beside its `createEngine`. `maxBytes` is Infinity for a GPU whose memory nobody knows. */
export type CreateMemoryEngine = (options: { crypto: Crypto, threads?: number, maxBytes: number }) => MemoryEngine | Promise<MemoryEngine>

export interface MemoryOptions {
  crypto: Crypto
  threads?: number | undefined
  /** name of the GPU that the compute engine works on; none for engines of the processor */
  gpu?: string | undefined
  maxBytes: number
  log: Pick<Log, 'info' | 'warn'>
}

/**
 * The memory engine of the module that `choice` names, if it brings one. Else ours: of the GPU where the compute engine works on one, so that the memory which
 * is shown is that of the device which works; of the host where it does not. Null, which shows no memory, on a runtime without SIMD, and for a GPU that cannot
 * show its own (no driver for WebGPU, or it fails a self-test): the host's is not what such a machine claims.
 * @throws OperatorError ENGINE for a module whose memory engine does not start
 */
export async function chooseMemory(choice: string, { crypto, threads, gpu, maxBytes, log }: MemoryOptions): Promise<MemoryEngine | null> {
  const options = { maxBytes, ...(threads === undefined ? {} : { threads }) }
  const path = resolve(choice)
  if ((await stat(path).catch(() => undefined))?.isFile()) {
    const { createMemoryEngine: create } = (await import(pathToFileURL(path).href)) as { createMemoryEngine?: CreateMemoryEngine }
    try {
      if (typeof create === 'function') return await create({ crypto, ...options })
    } catch (cause) {
      throw new OperatorError('ENGINE', `the memory engine of ${choice} does not start: ${messageOf(cause)}`, { advice: 'Mend the module, or choose another engine.', cause })
    }
  }
  if (gpu !== undefined) return memoryOfGpu(gpu, { crypto, maxBytes, log })
  return fastestVariant() === undefined ? null : createMemoryEngine(crypto, options)
}

async function memoryOfGpu(gpu: string, { crypto, maxBytes, log }: Pick<MemoryOptions, 'crypto' | 'maxBytes' | 'log'>): Promise<MemoryEngine | null> {
  const none = (reason: string): null => (log.warn('GPU memory not shown', { gpu, reason }), null)
  const { createWebGpuMemoryEngine } = await import('./memory/webgpu.ts')
  let engine: MemoryEngine
  try {
    engine = await createWebGpuMemoryEngine(crypto, { adapter: gpu, maxBytes })
  } catch (cause) {
    return none(messageOf(cause))
  }
  const wrong = await testMemory(crypto, engine)
  if (wrong === null) {
    log.info('memory engine chosen', { engine: engine.name })
    return engine
  }
  await engine.close()
  return none(`it failed its self-test: ${wrong}`)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
