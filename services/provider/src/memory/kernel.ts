import { readFileSync } from 'node:fs'
import type { Variant } from '../engines/kernel.ts'

/** What a memory kernel exports; pointers are byte offsets into the shared memory, whose first page is the kernels' own. The contracts are in assembly/. */
export interface MemoryKernel {
  hashIn(at: number): void
  hashAll(src: number, length: number, count: number, dst: number): void
  stream(key: number, counter: number, dst: number, bytes: number): void
  begin(base: number, key: number, first: number, count: number, space: number): void
  fill(base: number, key: number, lanes: number, first: number, count: number, slice: number, from: number, labels: number, doubleRounds: number): void
  challenge(src: number, x: number): void
  scan(leaf: number, count: number, x: number, y: number): void
}

/** Compiles a kernel; the module may be sent to worker threads. Rejects with WebAssembly.CompileError where the runtime lacks the instructions. */
export const compileMemoryKernel = (variant: Variant): Promise<WebAssembly.Module> => WebAssembly.compile(readFileSync(new URL(`${variant}.wasm`, import.meta.url)))

export const instantiateIn = (module: WebAssembly.Module, memory: WebAssembly.Memory): MemoryKernel => new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as MemoryKernel
