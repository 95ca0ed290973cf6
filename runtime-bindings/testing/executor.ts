// Runs calls of a runtime in V8. chopsticks' own executor interprets the runtime inside WebAssembly and rebuilds its machine for each
// call, whatever the call does; compiled once and kept, the same costs a small part of it (bench/devchain.ts).
// Whatever is not done here (a trap, a rare host function, a mocked signature) is done again by chopsticks' executor, whose answer counts.
import { zstdDecompressSync } from 'node:zlib'
import type * as Core from '@acala-network/chopsticks-core'
import { blake2AsU8a, core, keccakAsU8a, sha256AsU8a, sr25519Verify, TypeRegistry, xxhashAsU8a } from './chopsticks.ts'
import type { Hex } from './genesis.ts'

type Task = Parameters<typeof Core.runTask>[0]
type Callbacks = Pick<NonNullable<Parameters<typeof Core.runTask>[1]>, 'getStorage' | 'getNextKey'>
/** What a task came to: the last call's result, and what all changed; a value that was removed is undefined. */
export type TaskResult = Awaited<ReturnType<Core.Block['call']>>

/** Not done here: chopsticks' executor must do it. */
export class UnsupportedCall extends Error {}

const PAGE = 65_536
/** First bytes of a runtime that is compressed (sp-maybe-compressed-blob). */
const ZSTD_MARK = Buffer.from([82, 188, 83, 118, 70, 219, 142, 5])
const SMALLEST = 3

const toHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
const fromHex = (hex: string): Buffer => Buffer.from(hex.slice(2), 'hex')
const NONE = Buffer.from([0])

/** SCALE: a length. */
function compact(value: number): Buffer {
  if (value < 64) return Buffer.from([value << 2])
  const out = Buffer.alloc(value < 16_384 ? 2 : 4)
  if (value < 16_384) out.writeUInt16LE((value << 2) | 1)
  else out.writeUInt32LE(value * 4 + 2)
  return out
}

/** SCALE: reads a length; returns it and the bytes it took. */
function readCompact(bytes: Buffer): [value: number, size: number] {
  const mode = bytes[0]! & 3
  if (mode === 0) return [bytes[0]! >> 2, 1]
  if (mode === 1) return [bytes.readUInt16LE() >> 2, 2]
  if (mode === 2) return [bytes.readUInt32LE() >>> 2, 4]
  throw new UnsupportedCall('a list of more than 2^30 items')
}

const someBytes = (value: Buffer): Buffer => Buffer.concat([Buffer.from([1]), compact(value.length), value])
function someNumber(value: number): Buffer {
  const out = Buffer.alloc(5, 1)
  out.writeUInt32LE(value, 1)
  return out
}

/** The state as one task sees it: what it wrote, over what the block had. Keys are hexadecimal. */
export class Overlay {
  readonly #callbacks: Callbacks
  /** What the block answered. */
  readonly #read = new Map<Hex, Buffer | null>()
  /** One for each open transaction; the first is the task's own. */
  readonly #layers: Map<Hex, Buffer | null>[] = [new Map()]

  constructor(callbacks: Callbacks) {
    this.#callbacks = callbacks
  }

  /** A promise only where the block must be asked. */
  get(key: Hex): Buffer | null | Promise<Buffer | null> {
    for (let i = this.#layers.length - 1; i >= 0; i -= 1) {
      const value = this.#layers[i]!.get(key)
      if (value !== undefined) return value
    }
    const known = this.#read.get(key)
    return known === undefined ? this.#ask(key) : known
  }

  async #ask(key: Hex): Promise<Buffer | null> {
    const hex = await this.#fromBlock(this.#callbacks.getStorage(key))
    const value = hex === undefined ? null : fromHex(hex)
    this.#read.set(key, value)
    return value
  }

  async #nextOfBlock(prefix: string, key: Hex): Promise<Hex | undefined> {
    return (await this.#fromBlock(this.#callbacks.getNextKey(prefix as Hex, key))) as Hex | undefined
  }

  /** Why the block could not be read: a forked chain that does not answer, say. */
  failure: unknown

  async #fromBlock<T>(answer: Promise<T | null | undefined>): Promise<T | undefined> {
    return (await answer.catch((error: unknown) => {
      this.failure = error
      throw error
    })) ?? undefined
  }

  set(key: Hex, value: Buffer | null): void {
    this.#layers.at(-1)!.set(key, value)
  }

  start(): void {
    this.#layers.push(new Map())
  }

  end(keep: boolean): void {
    const top = this.#layers.pop()
    if (top === undefined || this.#layers.length === 0) throw new UnsupportedCall('no storage transaction is open')
    if (keep) for (const [key, value] of top) this.#layers.at(-1)!.set(key, value)
  }

  get depth(): number {
    return this.#layers.length
  }

  #written(): Map<Hex, Buffer | null> {
    return new Map(this.#layers.flatMap((layer) => [...layer]))
  }

  /** The next key after `key`, in the order of bytes. */
  async next(key: Hex): Promise<Hex | undefined> {
    const written = this.#written()
    let next = await this.#nextOfBlock('0x', key)
    while (next !== undefined && written.get(next) === null) next = await this.#nextOfBlock('0x', next)
    for (const [candidate, value] of written) if (value !== null && candidate > key && (next === undefined || candidate < next)) next = candidate
    return next
  }

  /** Removes what begins with the prefix: all that was written here, and at most `limit` keys of the block. */
  async clear(prefix: Hex, limit: number | undefined): Promise<{ removed: number; more: boolean }> {
    const written = this.#written()
    for (const key of written.keys()) if (key.startsWith(prefix)) this.set(key, null)
    let removed = 0
    const itself = (await this.#fromBlock(this.#callbacks.getStorage(prefix))) === undefined ? undefined : prefix
    for (let key = itself ?? (await this.#nextOfBlock(prefix, prefix)); key?.startsWith(prefix); key = await this.#nextOfBlock(prefix, key)) {
      if (removed === limit) return { removed, more: true }
      this.set(key, null)
      removed += 1
    }
    return { removed, more: false }
  }

  diff(): [Hex, Hex | undefined][] {
    return [...this.#layers[0]!].map(([key, value]) => [key, value === null ? undefined : toHex(value)])
  }

  /** A hash over what was written, where a node has the root of the whole state, as chopsticks keeps none: siblings differ in it. */
  root(): Uint8Array {
    const written = [...this.#written()].sort(([a], [b]) => (a < b ? -1 : 1))
    return blake2AsU8a(Buffer.concat(written.flatMap(([key, value]) => [fromHex(key), value ?? NONE])), 256)
  }
}

/** An instance of a runtime, for one task at a time. */
class Machine {
  readonly #memory: WebAssembly.Memory
  readonly #exports: Record<string, unknown>
  /** The memory as it was before the first call: the program's own data. */
  readonly #image: Buffer
  readonly #heapBase: number
  readonly #calls = new Map<string, (...args: number[]) => Promise<bigint>>()
  /** The allocator: blocks of powers of two, the free ones by size. */
  readonly #sizes = new Map<number, number>()
  #free: number[][] = []
  #top: number
  #state!: Overlay
  #mocked = false

  constructor(module: WebAssembly.Module) {
    const memory = WebAssembly.Module.imports(module).find(({ kind }) => kind === 'memory')
    if (memory === undefined) throw new UnsupportedCall('the runtime brings its own memory')
    // The smallest size that the module takes is not told by its description; what is too small is refused.
    this.#memory = new WebAssembly.Memory({ initial: 128 })
    const functions = this.#functions()
    const imports: Record<string, unknown> = {}
    for (const { name, kind } of WebAssembly.Module.imports(module)) {
      if (kind === 'memory') imports[name] = this.#memory
      else {
        imports[name] = functions[name] ?? (() => {
          throw new UnsupportedCall(name)
        })
      }
    }
    this.#exports = new WebAssembly.Instance(module, { [memory.module]: imports }).exports
    this.#heapBase = (this.#exports['__heap_base'] as WebAssembly.Global).value
    this.#top = this.#heapBase
    this.#image = Buffer.from(this.#bytes(0, this.#heapBase))
  }

  /** Runs the calls in their order, each on what the ones before wrote. */
  async run({ calls, mockSignatureHost }: Pick<Task, 'calls' | 'mockSignatureHost'>, state: Overlay): Promise<TaskResult> {
    this.#state = state
    this.#mocked = mockSignatureHost
    let result: Hex = '0x'
    for (const [method, args] of calls) {
      this.#clean()
      const input = Buffer.concat(args.map(fromHex))
      const call = this.#call(method)
      const out = await call(input.length === 0 ? 0 : this.#put(input), input.length)
      result = toHex(this.#slice(out))
      if (state.depth !== 1) throw new UnsupportedCall(`${method} leaves a storage transaction open`)
    }
    return { result, storageDiff: state.diff() as TaskResult['storageDiff'], offchainStorageDiff: [], runtimeLogs: [] }
  }

  #call(method: string): (...args: number[]) => Promise<bigint> {
    let call = this.#calls.get(method)
    if (call === undefined) {
      const found = this.#exports[method]
      if (typeof found !== 'function') throw new UnsupportedCall(method)
      this.#calls.set(method, (call = WebAssembly.promising(found)))
    }
    return call
  }

  /** Each call begins on the memory that the program began with. */
  #clean(): void {
    const all = this.#bytes(0, Math.min(this.#top, this.#memory.buffer.byteLength))
    all.set(this.#image)
    all.fill(0, this.#heapBase)
    this.#sizes.clear()
    this.#free = []
    this.#top = this.#heapBase
  }

  #bytes(at: number, length: number): Buffer {
    return Buffer.from(this.#memory.buffer, at, length)
  }

  /** The bytes of a pointer (low half) and a length (high half). */
  #slice(span: bigint): Buffer {
    return this.#bytes(Number(span & 0xffffffffn), Number((span >> 32n) & 0xffffffffn))
  }

  #key(span: bigint): Hex {
    return toHex(this.#slice(span))
  }

  #copy(span: bigint): Buffer {
    return Buffer.from(this.#slice(span))
  }

  #malloc(size: number): number {
    const order = Math.max(SMALLEST, 32 - Math.clz32(Math.max(size, 1) - 1))
    const known = this.#free[order]?.pop()
    if (known !== undefined) {
      this.#sizes.set(known, order)
      return known
    }
    const at = (this.#top + 7) & ~7
    this.#top = at + 2 ** order
    const missing = this.#top - this.#memory.buffer.byteLength
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE))
    this.#sizes.set(at, order)
    return at
  }

  #release(at: number): void {
    const order = this.#sizes.get(at)
    if (order === undefined) throw new UnsupportedCall(`free of ${at}, which was not given`)
    this.#sizes.delete(at);
    (this.#free[order] ??= []).push(at)
  }

  #put(bytes: Uint8Array): number {
    const at = this.#malloc(bytes.length)
    this.#bytes(at, bytes.length).set(bytes)
    return at
  }

  #give(bytes: Uint8Array): bigint {
    return BigInt(this.#put(bytes)) | (BigInt(bytes.length) << 32n)
  }

  /** The host functions that blocks and queries use, by their names in sp-io. */
  #functions(): Record<string, unknown> {
    const state = (): Overlay => this.#state
    const hash = (of: (data: Uint8Array) => Uint8Array) => (data: bigint) => this.#put(of(this.#slice(data)))
    /** Where the block need not be asked, the call goes on at once. */
    const then = <T, R>(value: T | Promise<T>, use: (value: T) => R): R | Promise<R> => (value instanceof Promise ? value.then(use) : use(value))
    return {
      ext_allocator_malloc_version_1: (size: number) => this.#malloc(size >>> 0),
      ext_allocator_free_version_1: (at: number) => this.#release(at >>> 0),
      ext_logging_log_version_1: () => {},
      ext_logging_max_level_version_1: () => 0,
      ext_misc_print_hex_version_1: () => {},
      ext_misc_print_utf8_version_1: () => {},
      ext_offchain_index_set_version_1: () => {},
      ext_offchain_index_clear_version_1: () => {},

      ext_hashing_blake2_128_version_1: hash((data) => blake2AsU8a(data, 128)),
      ext_hashing_blake2_256_version_1: hash((data) => blake2AsU8a(data, 256)),
      ext_hashing_keccak_256_version_1: hash((data) => keccakAsU8a(data)),
      ext_hashing_sha2_256_version_1: hash((data) => sha256AsU8a(data)),
      ext_hashing_twox_128_version_1: hash((data) => xxhashAsU8a(data, 128)),
      ext_hashing_twox_64_version_1: hash((data) => xxhashAsU8a(data, 64)),
      // Its result goes into a header that chopsticks gives a root of its own kind.
      ext_trie_blake2_256_ordered_root_version_2: (data: bigint) => this.#put(blake2AsU8a(this.#slice(data), 256)),
      ext_crypto_sr25519_verify_version_2: (signature: number, message: bigint, key: number) => {
        if (this.#mocked) throw new UnsupportedCall('mocked signatures')
        return Number(sr25519Verify(this.#slice(message), this.#bytes(signature, 64), this.#bytes(key, 32)))
      },
      ext_crypto_start_batch_verify_version_1: () => {},
      ext_crypto_finish_batch_verify_version_1: () => 1,

      ext_storage_set_version_1: (key: bigint, value: bigint) => state().set(this.#key(key), this.#copy(value)),
      ext_storage_clear_version_1: (key: bigint) => state().set(this.#key(key), null),
      ext_storage_get_version_1: new WebAssembly.Suspending((key: bigint) => then(state().get(this.#key(key)), (value) => this.#give(value === null ? NONE : someBytes(value)))),
      ext_storage_exists_version_1: new WebAssembly.Suspending((key: bigint) => then(state().get(this.#key(key)), (value) => Number(value !== null))),
      ext_storage_read_version_1: new WebAssembly.Suspending((key: bigint, target: bigint, offset: number) =>
        then(state().get(this.#key(key)), (value) => {
          if (value === null) return this.#give(NONE)
          const rest = value.subarray(offset >>> 0)
          const out = this.#slice(target)
          out.set(rest.subarray(0, out.length))
          return this.#give(someNumber(rest.length))
        })),
      ext_storage_append_version_1: new WebAssembly.Suspending((key: bigint, value: bigint) => {
        const at = this.#key(key)
        const item = this.#copy(value)
        return then(state().get(at), (old) => {
          const [count, size] = old === null || old.length === 0 ? [0, 0] : readCompact(old)
          state().set(at, Buffer.concat([compact(count + 1), (old ?? NONE).subarray(old === null ? 1 : size), item]))
        })
      }),
      ext_storage_next_key_version_1: new WebAssembly.Suspending((key: bigint) => state().next(this.#key(key)).then((next) => this.#give(next === undefined ? NONE : someBytes(fromHex(next))))),
      ext_storage_clear_prefix_version_2: new WebAssembly.Suspending((prefix: bigint, limit: bigint) => {
        const bound = this.#slice(limit)
        return state().clear(this.#key(prefix), bound[0] === 1 ? bound.readUInt32LE(1) : undefined).then(({ removed, more }) => {
          const out = someNumber(removed)
          out[0] = Number(more)
          return this.#give(out)
        })
      }),
      ext_storage_start_transaction_version_1: () => state().start(),
      ext_storage_commit_transaction_version_1: () => state().end(true),
      ext_storage_rollback_transaction_version_1: () => state().end(false),
      ext_storage_root_version_2: () => this.#give(state().root()),
    }
  }
}

/** Compiled runtimes are shared by the chains of a process. */
let compiled: { wasm: string; module: WebAssembly.Module } | undefined

function compile(wasm: string): WebAssembly.Module {
  if (compiled?.wasm !== wasm) {
    const code = fromHex(wasm)
    compiled = { wasm, module: new WebAssembly.Module(code.subarray(0, 8).equals(ZSTD_MARK) ? zstdDecompressSync(code.subarray(8)) : code) }
  }
  return compiled.module
}

/** Instances that wait for the next task, at most: so many calls at the same time are seldom. */
const MOST_IDLE = 3

/**
 * Runs tasks, each on the runtime that it names and on an instance of its own: one that waits for a forked chain holds up no other.
 * @throws UnsupportedCall; what the block's storage throws
 */
export function createExecutor(): (task: Task, callbacks: Callbacks) => Promise<TaskResult> {
  const idle: { wasm: string; machine: Machine }[] = []
  return async (task, callbacks) => {
    if (task.runtimeLogLevel > 0) throw new UnsupportedCall('logs')
    const state = new Overlay(callbacks)
    try {
      const waiting = idle.pop()
      const used = waiting?.wasm === task.wasm ? waiting : { wasm: task.wasm, machine: new Machine(compile(task.wasm)) }
      const result = await used.machine.run(task, state)
      // After a trap an instance's own stack stands anywhere, so only those that ended well are used again.
      if (idle.length < MOST_IDLE) idle.push(used)
      return result
    } catch (cause) {
      throw state.failure ?? new UnsupportedCall(String(cause), { cause })
    }
  }
}

const executors = new WeakMap<Core.Blockchain, ReturnType<typeof createExecutor>>()

/** From now on calls of this chain's runtime run here, and by chopsticks' executor only where they must. */
export function accelerate(chain: Core.Blockchain): void {
  // Stack switching is not in every Node that runs the rest.
  if ('promising' in WebAssembly) executors.set(chain, createExecutor())
}

/** From now on chopsticks' executor runs all. */
export function decelerate(chain: Core.Blockchain): void {
  executors.delete(chain)
}

/** Runs calls on a block: undefined where chopsticks' executor must. With `mockSignatures` that is so where a signature is checked. */
export async function runFast(block: Core.Block, calls: Task['calls'], mockSignatures = false): Promise<TaskResult | undefined> {
  const { chain } = block
  const run = executors.get(chain)
  // What off-chain workers do is chopsticks' to keep.
  if (run === undefined || chain.offchainWorker !== undefined) return undefined
  const { allowUnresolvedImports, runtimeLogLevel } = chain
  try {
    return await run({ wasm: await block.wasm, calls, mockSignatureHost: mockSignatures || chain.mockSignatureHost, allowUnresolvedImports, runtimeLogLevel }, core.taskHandler(block))
  } catch (error) {
    if (error instanceof UnsupportedCall) return undefined
    throw error
  }
}

/** What chopsticks asks its executor of each new runtime, a second's work, is told to it by calls that run here; it asks itself what these do not say. */
export async function introduce(block: Core.Block): Promise<void> {
  const wasm = await block.wasm
  const tell = async (memory: { cache: { has(key: Hex): boolean; set(key: Hex, value: unknown): unknown } }, method: string, read: (result: Buffer) => unknown): Promise<void> => {
    if (memory.cache.has(wasm)) return
    const said = await runFast(block, [[method, []]])
    if (said !== undefined) memory.cache.set(wasm, Promise.resolve(read(fromHex(said.result))))
  }
  await tell(core.getRuntimeVersion, 'Core_version', (result) => new TypeRegistry().createType('RuntimeVersion', result).toJSON())
  await tell(core.getAuraSlotDuration, 'AuraApi_slot_duration', (result) => Number(result.readBigUInt64LE()))
}

const { call } = core.Block.prototype
core.Block.prototype.call = async function (method, args, mockSignatures = false) {
  const done = await runFast(this, [[method, args]], mockSignatures)
  return done ?? call.call(this, method, args, mockSignatures)
}
