// The chain that a round asks for, of either kind, behind one face: what steps and opens need not know whether matrices are multiplied or memory is scanned.
import { type AccountId, type Crypto, draw, drawMemory, type NotRunReason, type Parameters, type RoundFacts } from '@assay/protocol'
import type { ChainJob, Engine } from './engines/engine.ts'
import type { MemoryEngine } from './memory/engine.ts'

export interface WorkDeps {
  crypto: Crypto
  engine: Engine
  /** null where the machine shows no memory */
  memory(): Promise<MemoryEngine | null>
  /** the width of matrices that suits the engine, within what the network allows */
  log2n(parameters: Parameters): number | Promise<number>
  /** segments of memory that this machine shows */
  segments(parameters: Parameters): number | Promise<number>
}

/** A chain that is ready for its first step. */
export interface Work {
  /** Of the matrices' width, or of a segment's leaves. */
  log2n: number
  /** Roots of the filled segments; none where matrices are multiplied. */
  fill: Uint8Array[]
  step: ChainJob['step']
  stepMany?: ChainJob['stepMany']
  /** The openings of the cells that these coins draw of `steps` steps. */
  open(coins: Uint8Array, steps: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** The sizes of a chain: those that suit the machine, or those of a commitment that is computed again. */
export interface WorkSize {
  log2n: number
  segments: number
}

/** What suits this machine in the round, or why it cannot take part. */
export async function sizeOf({ memory, log2n, segments }: WorkDeps, { kind, parameters }: RoundFacts): Promise<WorkSize | NotRunReason> {
  if (kind !== 'MEMORY') return { log2n: await log2n(parameters), segments: 0 }
  return (await memory()) === null ? 'UNSUPPORTED' : { log2n: parameters.memoryLog2, segments: await segments(parameters) }
}

/**
 * Stages the round's chain. A memory is filled from the beacon on; multiplications wait for the seed, which `seed` resolves to.
 * @throws EngineError
 */
export async function stageWork({ crypto, engine, memory }: WorkDeps, { facts, machine, size: { log2n, segments }, seed, signal }: { facts: RoundFacts; machine: AccountId; size: WorkSize; seed: Promise<Uint8Array>; signal: AbortSignal }): Promise<Work> {
  const { samples, memoryPasses } = facts.parameters
  if (segments === 0) {
    const job = await engine.stage({ seed: await seed, log2n, signal })
    const stepMany = job.stepMany && ((key: Uint8Array, count: number) => job.stepMany!(key, count))
    return { log2n, fill: [], step: (key) => job.step(key), stepMany, open: (coins, steps) => job.open(draw(crypto, coins, 2 ** log2n, steps, samples).cells), close: () => job.close() }
  }
  const job = await (await memory())!.stage({ fillSeed: facts.fillSeedOf(machine)!, log2Leaves: log2n, log2Passes: memoryPasses, segments, signal })
  return { log2n, fill: [...job.fillRoots], step: (key) => job.step(key), open: (coins, steps) => job.open(drawMemory(crypto, coins, log2n, steps, samples)), close: () => job.close() }
}
