// What the machine shows of itself in a round, put together from what was read at the start and what is asked for each round.
import { type AccountId, type Crypto, type Device, encodeFacts, type EnvironmentItem, type Facts, type Hash, type ModelRun, toHex } from '@assay/protocol'

export interface DescribeDeps {
  crypto: Crypto
  network: AccountId
  machine: AccountId
  /** the device, as it names itself in a round */
  device(beacon: Hash): Device
  /** what it runs on, read at the start */
  environment: EnvironmentItem[]
  /** the model's answers to the round's question; null if it did not run, or not before the signal */
  model(beacon: Hash, signal: AbortSignal): Promise<ModelRun | null>
  /** that many bytes of chance */
  random(bytes: number): Uint8Array
}

/** The encoded facts of a round. Never rejects: what fails is left out, for the job is worth more than what is said beside it. */
export async function describeMachine({ device, environment, model, random }: DescribeDeps, beacon: Hash, signal: AbortSignal): Promise<Uint8Array> {
  const run = signal.aborted ? null : await model(beacon, signal).catch(() => null)
  const facts: Facts = { salt: toHex(random(32)), device: device(beacon), environment, model: run === null ? [] : [run] }
  return encodeFacts(facts)
}
