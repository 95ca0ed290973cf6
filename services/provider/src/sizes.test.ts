import { describe, expect, it } from 'vitest'
import { devnetParameters } from '@assay/protocol'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import { EngineError } from './engines/engine.ts'
import type { Engine } from './engines/engine.ts'
import { readMachine } from './device/machine.ts'
import { H100_TOLD, H100_TREE, LINUX, plant, prints } from '../testing/tree.ts'
import { memoryBehind, segmentsToShow, suitableLog2n } from './sizes.ts'

/** An engine whose steps of each width take so many ms of a clock of its own; the first step of a job ten times as long. */
function paced(stepMs: Record<number, number>) {
  let clock = 0
  const open = new Set<number>()
  const engine: Engine = {
    name: 'paced',
    close: async () => {},
    stage: async ({ log2n }) => {
      if (stepMs[log2n] === undefined) throw new EngineError(log2n > 12 ? 'CLOSED' : log2n === 12 ? 'CRASHED' : 'TOO_LARGE', `no room for 2^${log2n}`)
      open.add(log2n)
      let steps = 0
      return {
        get steps() { return steps },
        step: async () => ((clock += stepMs[log2n]! * (steps++ === 0 ? 10 : 1)), new Uint8Array(32)),
        open: async () => new Uint8Array(),
        close: async () => void open.delete(log2n),
      }
    },
  }
  return { open, best: (from: number, to: number, windowMs = 24_000) => suitableLog2n(engine, { crypto, now: () => clock, signal: new AbortController().signal, from, to, windowMs }) }
}

describe('the width of matrices', () => {
  it('is that of the greatest rate', async () => {
    const { best, open } = paced({ 9: 2, 10: 14, 11: 200 })
    expect(await best(9, 11)).toBe(10)
    expect(open.size).toBe(0)
  })
  it('is none whose steps are too long to fold nonces between, however fast', async () => {
    expect(await paced({ 9: 40, 10: 250, 11: 251, 12: 1 }).best(9, 12)).toBe(10)
    expect(await paced({ 9: 900 }).best(9, 13)).toBe(9)
    expect(await paced({ 9: 8, 10: 62, 11: 64 }).best(9, 11, 2000)).toBe(10)
  })
  it('is not measured where the network leaves no choice', async () => {
    expect(await paced({}).best(9, 9)).toBe(9)
  })
  it('is one that the engine has room for; one that fails says so, with nothing left open', async () => {
    expect(await paced({ 9: 1 }).best(9, 12)).toBe(9)
    expect(await paced({ 11: 1 }).best(11, 13)).toBe(11)
    await expect(paced({}).best(9, 10)).rejects.toThrow('no room for 2^9')
    const { best, open } = paced({ 12: 1 })
    await expect(best(12, 13)).rejects.toThrow('no room for 2^13')
    expect(open.size).toBe(0)
  })
})

describe('segments of memory', () => {
  const parameters = { ...devnetParameters(0, 10), memoryLog2: 16, memorySegments: 2, memoryPpm: 500_000, maxSteps: 100 }
  it('are the part of the claim that the network asks for', () => {
    expect(segmentsToShow(parameters, { claimedMiB: 1024 })).toBe(8)
    expect(segmentsToShow(parameters, { claimedMiB: 1025 })).toBe(9)
  })
  it('never fewer than the least, never more than a chain may scan, and as many as the owner asks for', () => {
    expect(segmentsToShow(parameters, { claimedMiB: 1 })).toBe(2)
    expect(segmentsToShow(parameters, { claimedMiB: 1_000_000 })).toBe(78)
    expect(segmentsToShow(parameters, { claimedMiB: 1024, atLeastMiB: 700 })).toBe(11)
    expect(segmentsToShow(parameters, { claimedMiB: 1024, atLeastMiB: 1 })).toBe(8)
  })
})

describe('the memory behind a machine’s memory rounds', () => {
  const read = async (tree: Record<string, string>, nvidiaSmi?: string) => {
    using machine = plant(tree, { nvidiaSmi })
    return await readMachine({ timeoutMs: 5000, probes: machine.probes })
  }
  const card = { kind: 'GPU', name: 'NVIDIA H100 80GB HBM3' } as const

  it('is the card’s where a card works, the host’s where the processor does, and a part of it is left to others', async () => {
    const machine = await read(H100_TREE, prints(H100_TOLD))
    expect(memoryBehind(machine, card)).toEqual({ claimedMiB: 81_408, maxBytes: Math.floor(0.9 * 81_408 * 2 ** 20) })
    expect(memoryBehind(machine, { kind: 'CPU', threads: 2 })).toEqual({ claimedMiB: 24_064, maxBytes: Math.floor(0.8 * 24_064 * 2 ** 20) })
  })
  it('is the network’s least where nobody knows the card’s size', async () => {
    const behind = memoryBehind(await read(LINUX), card)
    expect(behind).toEqual({ claimedMiB: 0, maxBytes: Infinity })
    expect(segmentsToShow({ ...devnetParameters(0, 10), memorySegments: 2, memoryPpm: 500_000 }, behind)).toBe(2)
  })
})
