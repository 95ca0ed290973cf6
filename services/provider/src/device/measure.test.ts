import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { measureGpu, measureProcessor, UNMEASURED } from './measure.ts'

const signal = new AbortController().signal
const thread = (code: string) => () => new Worker(`const { parentPort } = require('node:worker_threads'); ${code}`, { eval: true })
const stays = 'setInterval(() => {}, 1000);'

describe('the processor', () => {
  test('is measured whole by a real thread', async () => {
    const { profile, gap } = await measureProcessor({ signal, memoryMiB: 128, limitMs: 60_000 })
    expect(gap).toBeNull()
    for (const rate of Object.values(profile)) expect(rate).toBeGreaterThan(0)
  })

  test('is measured as far as it came until its limit', async () => {
    const late = new AbortController()
    const started = thread(`parentPort.postMessage({ int8Mmacs: 7.9 }); ${stays}`)()
    started.once('message', () => late.abort())
    const { profile, gap } = await measureProcessor({ signal, memoryMiB: 128, limitMs: 5, timeout: () => late.signal, spawn: () => started })
    expect([profile, gap]).toEqual([{ ...UNMEASURED, int8Mmacs: 7 }, 'it took longer than 5 ms'])
  })

  test('ends with the program', async () => {
    const stop = new AbortController()
    const started = thread(`parentPort.postMessage({ f32Mflops: 5 }); ${stays}`)()
    started.once('message', () => stop.abort())
    expect(await measureProcessor({ signal: stop.signal, memoryMiB: 128, limitMs: 60_000, spawn: () => started })).toEqual({ profile: { ...UNMEASURED, f32Mflops: 5 }, gap: 'it was stopped' })
    expect(await measureProcessor({ signal: stop.signal, memoryMiB: 128 })).toEqual({ profile: UNMEASURED, gap: 'it was stopped' })
  })

  test.each<[string, () => Worker]>([
    ['no memory', thread('throw new Error("no memory")')],
    ['the thread ended early', thread('parentPort.postMessage({ int8Mmacs: 7 })')],
    ['the thread did not start: no more threads', () => { throw new Error('no more threads') }],
  ])('tells a gap: %s', async (gap, spawn) => {
    expect(await measureProcessor({ signal, memoryMiB: 128, limitMs: 60_000, spawn })).toMatchObject({ gap, profile: { chasePs: 0 } })
  })

  test('reads through an eighth of the memory, a power of two', async () => {
    const sizes: number[] = []
    for (const memoryMiB of [4, 128, 1000, 2 ** 20]) await measureProcessor({ signal, memoryMiB, limitMs: 60_000, spawn: ({ memoryBytes }) => (sizes.push(memoryBytes / 2 ** 20), thread('')()) })
    expect(sizes).toEqual([1, 16, 64, 256])
  })
})

describe('a GPU', () => {
  test('is measured by its engine, as far as that can', async () => {
    expect(await measureGpu(async () => ({ int8Mmacs: 30_000_000.5 }), { signal })).toEqual({ profile: { ...UNMEASURED, int8Mmacs: 30_000_000 }, gap: null })
  })
  test('is not measured by what is no rate', async () => {
    expect((await measureGpu(async () => ({ int8Mmacs: Number.NaN, f32Mflops: -1, memoryMBps: 2 ** 32, chasePs: Infinity }), { signal })).profile).toEqual(UNMEASURED)
  })
  test('tells a gap: an engine that fails, hangs, or is stopped', async () => {
    expect(await measureGpu(() => Promise.reject(new Error('device lost')), { signal })).toEqual({ profile: UNMEASURED, gap: 'device lost' })
    expect(await measureGpu(() => new Promise(() => {}), { signal, limitMs: 20 })).toEqual({ profile: UNMEASURED, gap: 'it took too long' })
    expect((await measureGpu(async () => ({ int8Mmacs: 1 }), { signal: AbortSignal.abort(new Error('stopped')) })).profile).toEqual(UNMEASURED)
  })
})
