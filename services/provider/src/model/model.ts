// The model run of a machine: a small real model on input that nobody knows before the beacon. PROTOCOL section 14.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { type Crypto, type Hash, type ModelRun, modelInput, toHex, toMicro } from '@assay/protocol'
import { INPUT_SAMPLES, SHIPPED_MODEL } from './inference.ts'
import type { RunAsk } from './worker.ts'

/** `WRONG_MODEL`: the file is not the pinned one; of a run: `BUSY` with another, `STOPPED` by its signal, `TIMED_OUT`, `CRASHED`, or `BAD_OUTPUT`, which is no finite int32 in millionths. */
export type ModelErrorCode = 'WRONG_MODEL' | 'BUSY' | 'STOPPED' | 'TIMED_OUT' | 'CRASHED' | 'BAD_OUTPUT'

export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly code: ModelErrorCode
  constructor(code: ModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface Model {
  /** SHA-256 of the model's file. */
  readonly hash: Hash
  /**
   * Runs the model on the input of the round with this beacon, in a thread of its own that is gone when this settles. One run at a time.
   * @throws ModelError
   */
  runModel(round: { beacon: Hash; signal: AbortSignal }): Promise<ModelRun>
}

/** A machine without runtime or model works all the same; it shows no model run. */
export interface NotShown {
  notShown: 'NO_RUNTIME' | 'NO_MODEL'
}

export interface ModelOptions {
  crypto: Crypto
  /** A run that takes longer is ended. One takes about half a second on a free core, nearly all of it to compile the runtime. */
  timeoutMs?: number
  /** SHA-256 that the file must have. */
  expected?: Hash
  /** Finds the file of a package; throws like `require.resolve`. */
  resolve?: (file: string) => string
  /** Starts the thread of a run; a test hands in broken ones. */
  spawn?: (ask: RunAsk) => Worker
}

/** Where Node finds a file of a package. */
export const resolveFile = createRequire(import.meta.url).resolve

// No limit on the thread's heap: Node ends the whole process where a thread allocates too fast for it. What bounds the memory is one pinned model with one
// size of input on a runtime from the lock file: the process grows by about 100 MiB while it runs (bench/model.ts).
const spawnWorker = (workerData: RunAsk): Worker => new Worker(new URL('worker.ts', import.meta.url), { workerData })

/**
 * Finds the shipped model and the runtime; both are optional dependencies. Reads and checks the model once: the bytes that were checked are the bytes that run.
 * @throws ModelError WRONG_MODEL; what the disk throws
 *
 * ```ts
 * const model = await openModel({ crypto })
 * if (!('notShown' in model)) (await model.runModel({ beacon, signal })).outputs // 64 int32
 * ```
 */
export async function openModel({ crypto, timeoutMs = 10_000, expected = SHIPPED_MODEL.hash, resolve = resolveFile, spawn = spawnWorker }: ModelOptions): Promise<Model | NotShown> {
  if (found(resolve, 'onnxruntime-web') === null) return { notShown: 'NO_RUNTIME' }
  const file = found(resolve, SHIPPED_MODEL.file)
  if (file === null) return { notShown: 'NO_MODEL' }
  const bytes = new Uint8Array(await readFile(file))
  const hash = toHex(createHash('sha256').update(bytes).digest())
  if (hash !== expected) throw new ModelError('WRONG_MODEL', `the model at ${file} has the SHA-256 ${hash}, not ${expected}: install it again (npm ci)`)
  let busy = false
  return {
    hash,
    async runModel({ beacon, signal }) {
      if (signal.aborted) throw stopped(signal)
      if (busy) throw new ModelError('BUSY', 'the model is running already')
      busy = true
      try {
        const outputs = await answerOf(() => spawn({ model: bytes, input: modelInput(crypto, beacon, INPUT_SAMPLES) }), timeoutMs, signal)
        return { model: hash, outputs: outputs.map(toMicro) }
      } catch (error) {
        throw error instanceof RangeError ? new ModelError('BAD_OUTPUT', `the model gave what is no output: ${error.message}`, { cause: error }) : error
      } finally {
        busy = false
      }
    },
  }
}

/** The path of a package's file, or null if it is not installed. */
function found(resolve: (file: string) => string, file: string): string | null {
  try {
    return resolve(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/** The one message of a thread, which is gone when this settles. */
async function answerOf(spawn: () => Worker, timeoutMs: number, signal: AbortSignal): Promise<number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<number[]>()
  const crashed = (cause: unknown): void => reject(new ModelError('CRASHED', `the model could not be run: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }))
  const stop = (): void => reject(stopped(signal))
  const timer = setTimeout(() => reject(new ModelError('TIMED_OUT', `the model was not done within ${timeoutMs} ms`)), timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  let worker: Worker | undefined
  try {
    worker = spawn()
    worker.once('message', resolve).once('error', crashed).once('exit', (code) => crashed(new Error(`its thread ended with code ${code}`)))
  } catch (cause) {
    crashed(cause)
  }
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    await worker?.terminate()
  }
}

const stopped = (signal: AbortSignal): ModelError => new ModelError('STOPPED', 'the model run was stopped', { cause: signal.reason })
