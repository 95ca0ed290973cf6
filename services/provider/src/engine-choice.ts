// Which engine computes: what suits the machine, one of ours by name, or an operator's own module.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Crypto } from '@assay/protocol'
import type { Log } from '@assay/kit/log'
import type { EngineProbes } from './engines/auto.ts'
import type { Engine } from './engines/engine.ts'

/** What an engine module exports as `createEngine`. */
export type CreateEngine = (options: { crypto: Crypto, threads?: number }) => Engine | Promise<Engine>

export interface EngineOptions {
  crypto: Crypto
  threads?: number | undefined
  /** number or name of the GPU, where there are several */
  gpu?: string | undefined
  log?: Pick<Log, 'info'>
  /** tests hand in machines */
  probes?: EngineProbes
}

/**
 * Makes the engine that `choice` names: `auto` (see engines/auto.ts), `webgpu`, `wasm`, `reference`, or the path of a module (absolute, or relative to
 * the working folder). Who names a GPU gets that one or an error, never another engine. Throws OperatorError ENGINE that says what is wrong with it.
 */
export async function chooseEngine(choice: string, options: EngineOptions): Promise<Engine> {
  const { crypto, gpu } = options
  const threads = options.threads === undefined ? {} : { threads: options.threads }
  if (choice === 'auto' && gpu === undefined) return chooseAutomatically(options)
  try {
    if (choice === 'auto' || choice === 'webgpu') return await (await import('./engines/webgpu.ts')).createWebGpuEngine(crypto, gpu === undefined ? {} : { adapter: gpu })
    if (choice === 'wasm') return await (await import('./engines/wasm.ts')).createWasmEngine(crypto, threads)
    if (choice === 'reference') return (await import('./engines/reference.ts')).createReferenceEngine(crypto)
  } catch (cause) {
    throw wrong(choice, `does not start here: ${messageOf(cause)}`, 'Choose another engine (--engine), or fewer threads; `assay machine doctor` says what there is.', cause)
  }
  const path = resolve(choice)
  if (!(await stat(path).catch(() => undefined))?.isFile()) throw wrong(choice, 'is none of auto, webgpu, wasm and reference, and there is no such file', 'Correct --engine.')
  let module: { createEngine?: unknown }
  try {
    module = (await import(pathToFileURL(path).href)) as { createEngine?: unknown }
  } catch (cause) {
    throw wrong(choice, `cannot be loaded: ${messageOf(cause)}`, 'Mend the module, or choose another engine.', cause)
  }
  if (typeof module.createEngine !== 'function') throw wrong(choice, 'exports no function createEngine', 'See services/provider/src/engines/engine.ts for what an engine must offer.')
  let engine: Engine
  try {
    engine = await (module.createEngine as CreateEngine)({ crypto, ...threads })
  } catch (cause) {
    throw wrong(choice, `does not start: ${messageOf(cause)}`, 'Mend the module, or choose another engine.', cause)
  }
  const missing = [...(['stage', 'close'] as const).filter((method) => typeof engine?.[method] !== 'function'), ...(typeof engine?.name === 'string' ? [] : ['name'])]
  if (missing.length > 0) throw wrong(choice, `made an engine without ${missing.join(', ')}`, 'See services/provider/src/engines/engine.ts for what an engine must offer.')
  return engine
}

async function chooseAutomatically({ crypto, threads, log, probes }: EngineOptions): Promise<Engine> {
  const { decideEngine, engineProbes } = await import('./engines/auto.ts')
  const decision = await decideEngine(probes ?? engineProbes(crypto))
  if (decision.kind === 'none') throw wrong('auto', `finds nothing to compute with: ${decision.reason}`, 'Run Node 24 on a 64-bit machine; `assay machine doctor` says what there is.')
  const engine = await chooseEngine(decision.kind, { crypto, threads, gpu: decision.kind === 'webgpu' ? decision.adapter.name : undefined })
  log?.info('engine chosen', { engine: engine.name, reason: decision.reason })
  return engine
}

const wrong = (choice: string, what: string, advice: string, cause?: unknown): OperatorError => new OperatorError('ENGINE', `the engine ${choice} ${what}`, { advice, cause })
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
