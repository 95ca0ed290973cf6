// How the shipped model is run: eight frames of input through a recurrent net, and what of its memory is shown. Any ONNX runtime with the usual JavaScript interface will do.
import { type Hash, MAX_MODEL_OUTPUTS } from '@assay/protocol'
import type { SessionOptions } from 'onnxruntime-web'

/** Silero's voice activity detector (MIT), as @ricky0123/vad-web 0.0.31 ships it: convolutions, then an LSTM of two layers of 64. */
export const SHIPPED_MODEL = {
  file: '@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
  /** SHA-256 of the file. */
  hash: '0xa35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28' as Hash,
  frames: 8,
  frameSamples: 512,
  sampleRate: 16_000n,
  /** float32 values in each of the two states, as 2 layers of 64 for a batch of one. */
  stateShape: [2, 1, 64],
} as const

/** Samples that one run takes. */
export const INPUT_SAMPLES = SHIPPED_MODEL.frames * SHIPPED_MODEL.frameSamples

/** onnxruntime-web, or onnxruntime-node, which looks the same. */
export type Runtime = Pick<typeof import('onnxruntime-web'), 'InferenceSession' | 'Tensor'>

/** One thread and every optimisation: what a round runs. */
export const SESSION_OPTIONS: SessionOptions = { graphOptimizationLevel: 'all', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 }

/**
 * Runs the shipped model on `INPUT_SAMPLES` samples: frame by frame, each with the state that the one before left, the first with zeros.
 * Returns the first `MAX_MODEL_OUTPUTS` values of the last `hn`: the hidden state of the LSTM's first layer, each between -1 and 1.
 * Throws what the runtime throws.
 */
export async function infer({ InferenceSession, Tensor }: Runtime, model: Uint8Array, input: Float32Array, options = SESSION_OPTIONS): Promise<number[]> {
  const { frames, frameSamples, sampleRate, stateShape } = SHIPPED_MODEL
  const session = await InferenceSession.create(model, options)
  try {
    const sr = new Tensor('int64', BigInt64Array.of(sampleRate), [])
    const zeros = () => new Tensor('float32', new Float32Array(stateShape[0] * stateShape[1] * stateShape[2]), [...stateShape])
    let state = { h: zeros(), c: zeros() }
    for (let frame = 0; frame < frames; frame++) {
      const samples = input.slice(frame * frameSamples, (frame + 1) * frameSamples)
      const { hn, cn } = await session.run({ input: new Tensor('float32', samples, [1, frameSamples]), sr, ...state })
      state = { h: hn!, c: cn! }
    }
    return Array.from(state.h.data as Float32Array).slice(0, MAX_MODEL_OUTPUTS)
  } finally {
    await session.release()
  }
}
