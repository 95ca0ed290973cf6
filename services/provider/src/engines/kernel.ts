import { readFileSync } from 'node:fs'

/** The kernels under assembly/, by the instructions they need; the same bytes come out of each. */
export type Variant = 'relaxed' | 'simd128'

/** What a kernel exports; pointers are byte offsets into `memory`, whose first page is the kernel's own. The contracts are in assembly/. */
export interface Kernel {
  memory: WebAssembly.Memory
  ENTRY_BYTES: WebAssembly.Global
  stream(key: number, counter: number, dst: number, bytes: number): void
  pack(src: number, b: number, n: number, k0: number, rows: number): void
  start(src: number, x: number, count: number): void
  activate(c: number, x: number, rows: number, n: number, i0: number, k0: number, k1: number): void
  multiply(x: number, b: number, c: number, rows: number, n: number): void
  hashAll(src: number, length: number, count: number, dst: number): void
}

/** A page of WebAssembly memory. */
export const PAGE_BYTES = 65536

const binary = (variant: Variant): Uint8Array => readFileSync(new URL(`${variant}.wasm`, import.meta.url))

/** The fastest variant this runtime can compile; undefined if it has no SIMD at all. */
export function fastestVariant(): Variant | undefined {
  return (['relaxed', 'simd128'] as const).find((variant) => WebAssembly.validate(binary(variant)))
}

/** Compiles a kernel; the module may be sent to worker threads. Rejects with WebAssembly.CompileError where the runtime lacks the instructions. */
export const compileKernel = (variant: Variant): Promise<WebAssembly.Module> => WebAssembly.compile(binary(variant))

/** An instance with memory for its own tables alone; the host takes more with `memory.grow`. */
export function instantiate(module: WebAssembly.Module): Kernel {
  const memory = new WebAssembly.Memory({ initial: 1 })
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernel
}
