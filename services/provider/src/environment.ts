// What this machine runs on, as hashes: an auditor who has the same files gets the same hashes. All of it is a claim; it is read once, at start, never during a job.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Crypto, concat, type EnvironmentItem, type EnvironmentKind, joinBytes, toHex, utf8 } from '@assay/protocol'
import { SHIPPED_MODEL } from './model/inference.ts'
import { resolveFile } from './model/model.ts'

/**
 * In the order in which they are listed, each H("assay/1/environment" ‖ what ‖ S(file 1) ‖ S(file 2) …).
 * `packageLock`: every dependency; `node`: the executable; `kernel`: /proc/version; `image`: the system's /etc/os-release; `driver`: the version files of the
 * GPU drivers that are loaded; `runtime`: the ONNX runtime's WebAssembly; `engine`: the code of our engines, and the operator's own module; `model`: the model's file.
 */
const WHATS: readonly EnvironmentKind[] = ['packageLock', 'node', 'kernel', 'image', 'driver', 'runtime', 'engine', 'model']

export interface EnvironmentProbes {
  /** The files behind each item, in order. None: the machine has no such thing. */
  files: Readonly<Record<EnvironmentKind, () => string[] | Promise<string[]>>>
  /** SHA-256 of a file, read piece by piece. */
  hashFile(path: string, signal: AbortSignal): Promise<Uint8Array>
}

export interface EnvironmentOptions {
  crypto: Crypto
  /** for each item */
  timeoutMs: number
  signal: AbortSignal
  probes: EnvironmentProbes
}

/**
 * Reads all items side by side. What is not there is left out; what could not be read in time is left out too and named in `gaps`. Throws only the signal's reason.
 * @example (await readEnvironment({ crypto, timeoutMs: 5000, signal, probes: environmentProbes('wasm') })).items // [{ what: 'packageLock', hash: '0x…' }, …]
 */
export async function readEnvironment({ crypto, timeoutMs, signal, probes }: EnvironmentOptions): Promise<{ items: EnvironmentItem[]; gaps: string[] }> {
  const gaps: string[] = []
  const items = await Promise.all(
    WHATS.map(async (what): Promise<EnvironmentItem[]> => {
      try {
        const hashes = await within(timeoutMs, signal, async (either) => Promise.all((await probes.files[what]()).map((path) => probes.hashFile(path, either))))
        return hashes.length === 0 ? [] : [{ what, hash: toHex(crypto.blake2b256(concat(utf8('assay/1/environment'), utf8(what), joinBytes(hashes)))) }]
      } catch (error) {
        signal.throwIfAborted()
        gaps.push(`${what}: ${error instanceof Error ? error.message.split('\n')[0]! : String(error)}`)
        return []
      }
    }),
  )
  return { items: items.flat(), gaps: gaps.sort() }
}

/** The answer, or a rejection when the time is over or the signal fires, even if the question then goes on for ever: a hung driver reads like that. */
async function within<T>(timeoutMs: number, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  const either = AbortSignal.any([signal, late.signal])
  const { promise, reject } = Promise.withResolvers<never>()
  const give = (): void => reject(either.reason)
  either.addEventListener('abort', give, { once: true })
  try {
    either.throwIfAborted()
    return await Promise.race([ask(either), promise])
  } finally {
    clearTimeout(timer)
    either.removeEventListener('abort', give)
  }
}

const ENGINES = join(import.meta.dirname, 'engines')
const DRIVERS = ['/proc/driver/nvidia/version', '/sys/module/nvidia/version', '/sys/module/amdgpu/version', '/sys/module/amdgpu/srcversion', '/sys/module/i915/srcversion', '/sys/module/xe/srcversion']

/** The real files. `engine` is the choice of chooseEngine: a name of ours, or the path of a module. */
export function environmentProbes(engine: string): EnvironmentProbes {
  return {
    files: {
      packageLock: () => existing(ancestors(import.meta.dirname).map((folder) => join(folder, 'package-lock.json'))).then((found) => found.slice(0, 1)),
      node: () => [process.execPath],
      kernel: () => existing(['/proc/version']),
      image: () => existing(['/etc/os-release']),
      driver: () => existing(DRIVERS),
      runtime: () => installed('onnxruntime-web', (file) => join(dirname(file), 'ort-wasm-simd-threaded.wasm')),
      engine: async () => [...(await engineFiles()), ...((await stat(resolve(engine)).catch(() => undefined))?.isFile() ? [resolve(engine)] : [])],
      model: () => installed(SHIPPED_MODEL.file, (file) => file),
    },
    hashFile,
  }
}

async function hashFile(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { signal })) hash.update(piece as Buffer)
  return new Uint8Array(hash.digest())
}

/** Sources and kernels of all engines, without their tests, in the order of their names. */
async function engineFiles(): Promise<string[]> {
  const entries = await readdir(ENGINES, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

async function existing(paths: string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => access(path).then(() => [path], () => [])))
  return found.flat()
}

/** A file of an optional package, if that is installed. */
function installed(file: string, of: (found: string) => string): string[] {
  try {
    return [of(resolveFile(file))]
  } catch {
    return []
  }
}

/** `ancestors('/a/b')` is `['/a/b', '/a', '/']`. */
function ancestors(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...ancestors(above)]
}
