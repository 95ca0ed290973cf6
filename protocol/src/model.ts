// The model run: every machine of a round runs the same float model on the same fresh input, and the runs are compared with each other. PROTOCOL section 14.
import { type AccountId, concat, fromHex, type Hash, utf8 } from './bytes.ts'
import { keystream } from './compute/chacha.ts'
import type { Crypto } from './crypto.ts'
import type { ModelRun } from './device/facts.ts'

/** `TOO_FEW`: fewer than `MIN_MODEL_RUNS` to compare with, which says nothing for or against the machine. */
export type ModelVerdict = 'OK' | 'MODEL_DIFFERS' | 'TOO_FEW'

export const MAX_MODEL_OUTPUTS = 64
export const MIN_MODEL_RUNS = 3

/**
 * The model input of a round: `length` samples, sample i being `(b_i - 128) / 128` with b the bytes of stream(S("assay/1/model" ‖ beacon)).
 * Every sample is exact in float32; all machines of a round have the same.
 */
export function modelInput(crypto: Crypto, beacon: Hash, length: number): Float32Array {
  return Float32Array.from(keystream(crypto.sha256(concat(utf8('assay/1/model'), fromHex(beacon))), 0, length), (byte) => (byte - 128) / 128)
}

/**
 * A float32 output in millionths, rounded half away from zero; exact, for a float32 times 10^6 has at most 44 bits.
 * @throws RangeError for NaN, an infinity, or what no int32 holds
 *
 * ```ts
 * toMicro(-0.5) // -500000
 * ```
 */
export function toMicro(output: number): number {
  const size = Math.floor(Math.abs(output) * 1e6 + 0.5)
  const micro = output < 0 ? 0 - size : size
  if (!Number.isInteger(micro) || micro !== (micro | 0)) throw new RangeError(`not an int32 in millionths: ${output}`)
  return micro
}

/**
 * Compares the runs of one round among the machines that name the same model. Each output is held against the lower median of that output over all of
 * them; who is further off than `toleranceMicro` (an integer >= 0, in millionths) in any value differs. Runs can be compared only if they have equally
 * many outputs: those with another number than the lower median of the numbers differ. Where fewer than `MIN_MODEL_RUNS` name a model, or have the
 * right number of outputs, all runs of the model are TOO_FEW. The order of `runs` says nothing.
 */
export function compareOutputs(runs: ReadonlyMap<AccountId, ModelRun>, toleranceMicro: number): Map<AccountId, ModelVerdict> {
  const verdicts = new Map<AccountId, ModelVerdict>()
  for (const named of Map.groupBy(runs, ([, { model }]) => model).values()) {
    const length = lowerMedian(named.map(([, { outputs }]) => outputs.length))
    const alike = named.filter(([, { outputs }]) => outputs.length === length)
    const medians = Array.from({ length }, (_, i) => lowerMedian(alike.map(([, { outputs }]) => outputs[i]!)))
    const agrees = ({ outputs }: ModelRun): boolean => outputs.length === length && outputs.every((value, i) => Math.abs(value - medians[i]!) <= toleranceMicro)
    for (const [machine, run] of named) verdicts.set(machine, alike.length < MIN_MODEL_RUNS ? 'TOO_FEW' : agrees(run) ? 'OK' : 'MODEL_DIFFERS')
  }
  return verdicts
}

/** The lower of the two in the middle, where there are two. */
function lowerMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!
}
