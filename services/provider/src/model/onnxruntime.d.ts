// What of the ONNX runtime's interface is used. The package has types, but its exports do not name them, and it is optional: without it the rest still compiles.
declare module 'onnxruntime-web' {
  export interface Tensor {
    readonly data: Float32Array | BigInt64Array
  }
  export const Tensor: new (type: 'float32' | 'int64', data: Float32Array | BigInt64Array, dims: readonly number[]) => Tensor

  export interface SessionOptions {
    graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'all'
    executionProviders?: readonly string[]
    intraOpNumThreads?: number
    interOpNumThreads?: number
    /** 0 (verbose) to 4 (fatal) */
    logSeverityLevel?: 0 | 1 | 2 | 3 | 4
  }
  export interface Session {
    run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
    release(): Promise<void>
  }
  export const InferenceSession: { create(model: Uint8Array, options: SessionOptions): Promise<Session> }

  export const env: { wasm: { numThreads?: number } }
}
