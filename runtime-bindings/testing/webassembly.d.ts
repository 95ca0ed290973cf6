// What the executor uses of the WebAssembly global beyond what the provider's engine declares: modules told by their imports, and stack switching.
declare namespace WebAssembly {
  const Module: {
    new (bytes: Uint8Array): Module
    imports(module: Module): { module: string; name: string; kind: 'function' | 'memory' | 'table' | 'global' }[]
  }
  /** A host function that may return a promise: the program waits for it. */
  class Suspending {
    constructor(call: (...args: never[]) => unknown)
  }
  /** A program's function that may come to wait, as one that returns a promise. */
  function promising(call: unknown): (...args: number[]) => Promise<bigint>
}
