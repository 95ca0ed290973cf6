import { hash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Crypto } from '@assay/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createWasmEngine, spawnWorker, splitRows } from './wasm.ts'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const seed = new Uint8Array(32).fill(1)
const key = new Uint8Array(32).fill(2)
const never = (): AbortSignal => new AbortController().signal

describe('splitRows', () => {
  test('covers all rows once, in units of a power of two, with parts that differ little', () => {
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 13 }), fc.integer({ min: 1, max: 200 }), (log2n, threads) => {
        const n = 2 ** log2n
        const { unit, ranges } = splitRows(n, threads)
        expect(Math.log2(unit) % 1).toBe(0)
        expect(unit).toBeGreaterThanOrEqual(4)
        expect(ranges.length).toBe(Math.min(threads, n / 16))
        let next = 0
        for (const { first, count } of ranges) {
          expect(first).toBe(next)
          expect(count).toBeGreaterThan(0)
          expect(count % unit).toBe(0)
          next = first + count
        }
        expect(next).toBe(n)
        const counts = ranges.map(({ count }) => count)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(unit)
      }),
    )
  })

  test('gives a power of two of threads one unit each', () => {
    expect(splitRows(512, 4)).toEqual({ unit: 128, ranges: [0, 128, 256, 384].map((first) => ({ first, count: 128 })) })
    expect(splitRows(512, 3).ranges.map(({ count }) => count)).toEqual([160, 176, 176])
  })
})

describe('a broken thread', () => {
  // Each stands in for one thread of two: a worker that dies, or never was one. What must come back is a rejection, not silence.
  const script = (code: string): Worker => new Worker(`const { parentPort } = require('node:worker_threads'); ${code}`, { eval: true })
  const good = spawnWorker
  const withOne = (bad: () => Worker): Parameters<typeof createWasmEngine>[1] => {
    let spawned = 0
    return { threads: 2, spawn: (rows) => (spawned++ === 1 ? bad() : good(rows)) }
  }

  const atStaging: Record<string, () => Worker> = {
    'throws at once': () => script(`throw new Error('no memory')`),
    'ends at once': () => script(`process.exit(3)`),
    'cannot be started': () => {
      throw new Error('no more threads')
    },
  }
  for (const [name, bad] of Object.entries(atStaging)) {
    test(`that ${name} makes staging fail`, async () => {
      const engine = await createWasmEngine(crypto, withOne(bad))
      await expect(engine.stage({ seed, log2n: 6, signal: never() })).rejects.toMatchObject({ code: 'CRASHED', message: expect.stringMatching(/thread/) })
      await engine.close()
    })
  }

  const atStep: Record<string, () => Worker> = {
    'throws at a step': () => script(`parentPort.postMessage({ kind: 'staged' }); parentPort.on('message', () => { throw new Error('trap') })`),
    'ends at a step': () => script(`parentPort.postMessage({ kind: 'staged' }); parentPort.on('message', () => process.exit(0))`),
  }
  for (const [name, bad] of Object.entries(atStep)) {
    test(`that ${name} makes that step and all later calls fail, and ends the other thread`, async () => {
      const engine = await createWasmEngine(crypto, withOne(bad))
      const job = await engine.stage({ seed, log2n: 6, signal: never() })
      await expect(job.step(key)).rejects.toMatchObject({ name: 'EngineError', code: 'CRASHED' })
      await expect(job.step(key)).rejects.toMatchObject({ code: 'CRASHED' })
      await expect(job.open([])).rejects.toMatchObject({ code: 'CRASHED' })
      await job.close()
      const next = await engine.stage({ seed, log2n: 6, signal: never() }) // the engine itself goes on
      expect((await next.step(key)).length).toBe(32)
      await engine.close()
    })
  }
})

test('staging is ended by the signal too', async () => {
  const engine = await createWasmEngine(crypto, { threads: 2 })
  const abort = new AbortController()
  const staging = engine.stage({ seed, log2n: 12, signal: abort.signal })
  abort.abort()
  await expect(staging).rejects.toMatchObject({ code: 'CLOSED' })
  await engine.close()
})

test('a step that runs long is ended by the signal at once', async () => {
  const engine = await createWasmEngine(crypto, { threads: 1 })
  const abort = new AbortController()
  const job = await engine.stage({ seed, log2n: 11, signal: abort.signal })
  const pending = job.step(key)
  let turns = 0
  const turning = setInterval(() => turns++, 1) // the caller's thread stays free meanwhile
  const error = await new Promise((resolve) => {
    pending.catch(resolve)
    setTimeout(() => abort.abort(), 50)
  })
  clearInterval(turning)
  expect(error).toMatchObject({ code: 'CLOSED' })
  expect(turns).toBeGreaterThan(5)
  await job.close()
})
