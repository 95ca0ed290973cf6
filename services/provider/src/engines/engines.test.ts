import { hash } from 'node:crypto'
import { type Cell, type Crypto, draw, firstKey, stepKey, verifyOpenings } from '@assay/protocol'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChainJob, type Engine, EngineError } from './engine.ts'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { createReferenceEngine } from './reference.ts'
import { createWasmEngine } from './wasm.ts'
import { createWebGpuEngine } from './webgpu.ts'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const named = (name: string): Uint8Array => crypto.sha256(Buffer.from(name))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const never = (): AbortSignal => new AbortController().signal

type Nonces = Map<number, Uint8Array[]>

/** Runs a chain as the provider does and opens what the coins ask for. */
async function run(engine: Engine, { seed, log2n, steps, nonces, cells }: { seed: Uint8Array; log2n: number; steps: number; nonces: Nonces; cells: Cell[] }) {
  const job = await engine.stage({ seed, log2n, signal: never() })
  const keys = [firstKey(crypto, seed, nonces.get(0) ?? [])]
  const roots: Uint8Array[] = []
  for (let t = 1; t <= steps; t++) {
    roots.push(await job.step(keys[t - 1]!))
    keys.push(stepKey(crypto, keys[t - 1]!, roots[t - 1]!, nonces.get(t) ?? []))
  }
  const openings = await job.open(cells)
  await job.close()
  return { keys, roots, openings }
}

let engines: Engine[]
beforeAll(async () => {
  engines = [
    createReferenceEngine(crypto),
    await createWasmEngine(crypto, { variant: 'simd128', threads: 1 }),
    await createWasmEngine(crypto, { variant: 'simd128', threads: 2 }),
    await createWasmEngine(crypto, { variant: 'relaxed', threads: 1 }),
    await createWasmEngine(crypto, { variant: 'relaxed', threads: 2 }),
    await createWasmEngine(crypto, { threads: 3 }),
    ...(onLinuxX64 ? [await createWebGpuEngine(crypto, { variants: ['direct4'] })] : []),
  ]
})
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

describe('all engines give the same bytes', () => {
  for (const log2n of [6, 7, 8]) {
    test(`n = ${2 ** log2n}: roots, keys and openings, with folds at any step, and the openings verify`, async () => {
      const folds = fc.uniqueArray(fc.tuple(fc.nat(4), fc.array(bytes32, { minLength: 1, maxLength: 2 })), { selector: ([step]) => step })
      await fc.assert(
        fc.asyncProperty(bytes32, bytes32, folds, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 100 }), async (seed, coins, folds, steps, samples) => {
          const { cells } = draw(crypto, coins, 2 ** log2n, steps, samples)
          const job = { seed, log2n, steps, nonces: new Map(folds), cells }
          const [reference, ...others] = [await run(engines[0]!, job), ...(await Promise.all(engines.slice(1).map((engine) => run(engine, job))))]
          for (const other of others) {
            expect(other.roots.map(hex)).toEqual(reference!.roots.map(hex))
            expect(hash('sha256', other.openings)).toBe(hash('sha256', reference!.openings))
          }
          expect(verifyOpenings(crypto, { seed, log2n, ...reference!, coins, samples })).toBe('OK')
        }),
        { numRuns: 3 },
      )
    })
  }

  test('n = 512, where a row is two chunks: both variants give one root, and the verifier takes the openings', async () => {
    const [log2n, steps, seed, coins, samples] = [9, 3, named('large'), named('coins'), 12]
    const { cells } = draw(crypto, coins, 512, steps, samples)
    const job = { seed, log2n, steps, nonces: new Map() as Nonces, cells }
    const [simd, relaxed] = [await run(engines[1]!, job), await run(engines[4]!, job)]
    expect(simd.roots.map(hex)).toEqual(relaxed.roots.map(hex))
    expect(hash('sha256', simd.openings)).toBe(hash('sha256', relaxed.openings))
    expect(verifyOpenings(crypto, { seed, log2n, ...simd, coins, samples })).toBe('OK')
  })
})

describe.each([
  ['the reference', 0],
  ['one thread', 1],
  ['two threads', 4],
  ['three threads', 5],
  ...(onLinuxX64 ? ([['a GPU', 6]] as [string, number][]) : []),
])('%s', (_name, index) => {
  let engine: Engine
  beforeAll(() => {
    engine = engines[index]!
  })
  const cells = [{ t: 1, i: 3 }, { t: 2, i: 60 }, { t: 2, i: 3 }, { t: 2, i: 3 }]
  const stepTwice = async (job: ChainJob): Promise<Uint8Array[]> => [await job.step(named('key 0')), await job.step(named('key 1'))]

  test('replays a committed chain: same seed and keys, same roots and openings', async () => {
    const jobs = await Promise.all([1, 2].map(() => engine.stage({ seed: named('seed'), log2n: 6, signal: never() })))
    const [first, again] = await Promise.all(jobs.map(async (job) => ({ roots: await stepTwice(job), openings: await job.open(cells) })))
    expect(again).toEqual(first)
    await Promise.all(jobs.map((job) => job.close()))
  })

  test('goes on stepping after an opening, and opens the same again', async () => {
    const job = await engine.stage({ seed: named('seed'), log2n: 6, signal: never() })
    await stepTwice(job)
    const openings = await job.open(cells)
    const straight = await engine.stage({ seed: named('seed'), log2n: 6, signal: never() })
    await stepTwice(straight)
    expect(await job.step(named('key 2'))).toEqual(await straight.step(named('key 2')))
    expect(await job.open(cells)).toEqual(openings)
    expect(job.steps).toBe(3)
    await Promise.all([job.close(), straight.close()])
  })

  test('refuses cells that are not there', async () => {
    const job = await engine.stage({ seed: named('seed'), log2n: 6, signal: never() })
    await job.step(named('key 0'))
    for (const cell of [{ t: 2, i: 0 }, { t: 0, i: 0 }, { t: 1, i: 64 }, { t: 1, i: -1 }]) await expect(job.open([cell])).rejects.toThrow(RangeError)
    expect(await job.open([])).toEqual(new Uint8Array(0))
    await job.close()
  })

  test('does one thing at a time', async () => {
    const job = await engine.stage({ seed: named('seed'), log2n: 6, signal: never() })
    const first = job.step(named('key 0'))
    await expect(job.step(named('key 0'))).rejects.toMatchObject({ code: 'BUSY' })
    await first
    expect(job.steps).toBe(1)
    await job.close()
  })

  test('rejects with CLOSED what is pending and what comes later when the signal aborts', async () => {
    const abort = new AbortController()
    const job = await engine.stage({ seed: named('seed'), log2n: 8, signal: abort.signal })
    const pending = job.step(named('key 0'))
    abort.abort()
    await expect(pending).rejects.toMatchObject({ name: 'EngineError', code: 'CLOSED' })
    await expect(job.step(named('key 0'))).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(job.open([])).rejects.toMatchObject({ code: 'CLOSED' })
    await job.close()
    await expect(engine.stage({ seed: named('seed'), log2n: 6, signal: abort.signal })).rejects.toBeInstanceOf(EngineError)
  })

  test('closes its jobs when it closes, and can be closed twice', async () => {
    const job = await engine.stage({ seed: named('seed'), log2n: 6, signal: never() })
    await engine.close()
    await engine.close()
    await expect(job.step(named('key 0'))).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
