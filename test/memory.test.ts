// Rounds of memory on peaq's own runtime: filled, scanned, committed, opened, judged and paid; with one machine that scans half of what it should.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MachineVerdict, ReplayedEpoch } from '@assay/protocol'
import { startWorld, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
const LAZY = fileURLToPath(new URL('./liars/lazy-rows.ts', import.meta.url))

let world: World
let replay: ReplayedEpoch

beforeAll(async () => {
  // Segments of 1 MiB, three at least; the part of the claim is less than that.
  const memory = { memoryShare: 65535, memoryLog2: 10, memorySegments: 3, memoryPasses: 1, memoryPpm: 0 }
  world = await startWorld({ checkers: 3, machines: [{ engine: SLOW }, { engine: LAZY }], indexer: true, parameters: memory })
  replay = await world.replay(0)
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

const verdictOf = (place: number): MachineVerdict => replay.rounds[0]!.judgement.verdicts.find(({ machine }) => machine === world.machines[place]!.account.id)!

test('an honest machine shows its memory and is paid for what it scanned', () => {
  expect(replay.rounds[0]!.facts.kind).toBe('MEMORY')
  const { outcome, reason, opened, provenSteps, medianSteps, memoryKiB, shownKiB, scanMBps, work, facts } = verdictOf(0)
  expect({ outcome, reason, opened, memoryKiB, shownKiB }).toEqual({ outcome: 'PASS', reason: 'OK', opened: true, memoryKiB: 3072, shownKiB: 3072 })
  expect(provenSteps).toBeGreaterThan(3)
  expect(provenSteps).toBeLessThan(medianSteps)
  expect(scanMBps).toBe(Math.floor((provenSteps * 2 ** 20) / world.parameters.windowMs / 1000))
  expect(work).toBe(BigInt(provenSteps) * 2n ** 20n * BigInt(world.parameters.memoryWeight))
  expect(facts?.device).toMatchObject({ kind: 'CPU' })
  const { earned } = replay.result.scores.find(({ account }) => account === world.machines[0]!.account.id)!
  expect(earned).toBe((world.parameters.poolPerEpoch * BigInt(world.parameters.machineSharePpm)) / 1_000_000n)
})

test('one that scans every other step fails and earns nothing', () => {
  expect(verdictOf(1)).toMatchObject({ outcome: 'FAIL', memoryKiB: 0, work: 0n })
  expect(['BAD_PATH', 'WRONG_SCAN']).toContain(verdictOf(1).reason)
  expect(replay.result.scores.find(({ account }) => account === world.machines[1]!.account.id)!.earned).toBe(0n)
})

test('the indexer says the same, and the statement on chain is that of the replay', async () => {
  const { bytes } = replay.statement
  const onChain = (await world.settled(0)).chunks
  expect(Buffer.concat([...onChain].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk)).equals(Buffer.from(bytes))).toBe(true)
  await world.told('statement agrees', ({ who, fields }) => who === 'indexer' && fields['epoch'] === 0)
  const answer = (await (await fetch(`${world.indexer}/rounds/0/machines/${world.machines[0]!.account.id}`)).json()) as { verdict: { memoryKiB: number; facts: { device: { kind: string } } | null } }
  expect(answer.verdict).toMatchObject({ memoryKiB: 3072, facts: { device: { kind: 'CPU' } } })
})
