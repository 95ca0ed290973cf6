// One model run in a thread of its own, from start to end: whatever the runtime does, its memory goes with the thread. A throw here ends the thread, which its owner sees.
import { parentPort, workerData } from 'node:worker_threads'
import { env, InferenceSession, Tensor } from 'onnxruntime-web'
import { infer } from './inference.ts'

export interface RunAsk {
  model: Uint8Array
  input: Float32Array
}

// Without threads of its own, which could outlive this one.
env.wasm.numThreads = 1
const { model, input } = workerData as RunAsk
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort!.postMessage(await infer({ InferenceSession, Tensor }, model, input))
