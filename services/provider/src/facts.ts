// What the machine shows of itself in a round: its device, what it runs on and a model's answers. Read at the start; a round asks for its identifiers and the model alone.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Log } from '@assay/kit/log'
import { type AccountId, type Crypto, type Device, encodeFacts, type Hash, type ModelRun, toHex } from '@assay/protocol'
import { describe, identify, type Works } from './device/describe.ts'
import { type Machine, readMachine } from './device/machine.ts'
import { measureGpu, measureProcessor, UNMEASURED } from './device/measure.ts'
import type { Engine } from './engines/engine.ts'
import { environmentProbes, readEnvironment } from './environment.ts'
import { openModel } from './model/model.ts'

/** What was read of this machine before it takes part in anything. */
export interface Reading {
  machine: Machine
  works: Works
  profile: Device['profile']
  environment: Awaited<ReturnType<typeof readEnvironment>>['items']
  /** runs the model; null where there is none to run */
  runModel: ((round: { beacon: Hash, signal: AbortSignal }) => Promise<ModelRun>) | null
}

const PROBE_MS = 10_000

/** Reads and measures this machine, in a few seconds. What cannot be read is left out and told in the log. Rejects only if the signal fires. */
export async function readAll({ crypto, engine, choice, threads = availableParallelism(), signal, log, open = openModel }: { crypto: Crypto, engine: Engine, choice: string, threads?: number | undefined, signal: AbortSignal, log: Log, open?: typeof openModel }): Promise<Reading> {
  const works: Works = engine.gpu === undefined ? { kind: 'CPU', threads } : { kind: 'GPU', name: engine.gpu.name }
  const [machine, environment, model] = await Promise.all([
    readMachine({ timeoutMs: PROBE_MS, adapter: engine.gpu?.adapter ?? null }),
    readEnvironment({ crypto, timeoutMs: PROBE_MS, signal, probes: environmentProbes(choice) }),
    open({ crypto }).catch((error: unknown) => ({ notShown: error instanceof Error ? error.message : String(error) })),
  ])
  // Alone: what reads beside it would be measured too.
  const { profile, gap } = engine.gpu === undefined ? await measureProcessor({ signal, memoryMiB: machine.memoryMiB }) : engine.gpu.measure ? await measureGpu(engine.gpu.measure, { signal }) : { profile: UNMEASURED, gap: null }
  signal.throwIfAborted()
  const notShown = 'notShown' in model ? model.notShown : null
  log.info('device read', {
    cpu: machine.cpu.brand, threads: machine.cpu.threads, memoryMiB: machine.memoryMiB, gpus: machine.gpus.map(({ name, driver }) => `${name} (${driver})`), engine: engine.name, ...profile, model: notShown ?? 'ready',
    gaps: [...machine.gaps, ...environment.gaps, ...(gap === null ? [] : [`profile: ${gap}`])], disagreements: machine.disagreements,
  })
  return { machine, works, profile, environment: environment.items, runModel: 'notShown' in model ? null : (round) => model.runModel(round) }
}

/** The encoded facts of a round. The model's run is left out where it fails or the signal comes first: the job is worth more than what is said beside it. */
export async function factsOfRound({ crypto, network, account, log }: { crypto: Crypto, network: AccountId, account: AccountId, log: Log }, { machine, works, profile, environment, runModel }: Reading, beacon: Hash, signal: AbortSignal): Promise<Uint8Array> {
  const run = runModel === null || signal.aborted ? null : await runModel({ beacon, signal }).catch((error: unknown) => {
    // What is not done when it is wanted is no trouble: slow machines have it often.
    if (!signal.aborted) log.warn('model not run', { error })
    return null
  })
  return encodeFacts({
    salt: toHex(randomBytes(32)),
    device: { ...describe(crypto, { network, account, machine, works, profile }), identifiers: identify(crypto, { network, beacon }, machine, works) },
    environment,
    model: run === null ? [] : [run],
  })
}
