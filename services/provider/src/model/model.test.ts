import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { compareOutputs, type Hash } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHIPPED_MODEL } from './inference.ts'
import { type Model, ModelError, openModel, type ModelOptions, resolveFile } from './model.ts'

const beacon: Hash = `0x${'b7'.repeat(32)}`
const idle = (): AbortSignal => new AbortController().signal
const folder = await mkdtemp(join(tmpdir(), 'assay-model-'))
beforeAll(cryptoReady)
afterAll(() => rm(folder, { recursive: true }))

const open = async (options: Partial<ModelOptions> = {}): Promise<Model> => {
  const model = await openModel({ crypto, ...options })
  if ('notShown' in model) throw new Error(model.notShown)
  return model
}
/** A model whose threads run this text instead. */
const running = (code: string, options: Partial<ModelOptions> = {}): Promise<Model> => open({ spawn: () => new Worker(`const { parentPort } = require('node:worker_threads')\n${code}`, { eval: true }), ...options })
const missing = (gone: string) => (file: string): string => {
  if (file.startsWith(gone)) throw Object.assign(new Error(`Cannot find module '${file}'`), { code: 'MODULE_NOT_FOUND' })
  return resolveFile(file)
}
const failure = (run: Promise<unknown>): Promise<unknown> => run.then(() => 'no failure', (error: unknown) => (error instanceof ModelError ? error.code : error))

describe('a model run', () => {
  it('gives 64 values of the pinned model that follow from the beacon', async () => {
    const model = await open()
    const first = await model.runModel({ beacon, signal: idle() })
    expect(first.model).toBe('0xa35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28')
    expect(first.outputs).toHaveLength(64)
    expect(first.outputs.every((value) => Number.isInteger(value) && Math.abs(value) <= 1_000_000)).toBe(true)
    const again = await model.runModel({ beacon, signal: idle() })
    const other = await model.runModel({ beacon: `0x${'b8'.repeat(32)}`, signal: idle() })
    const verdicts = compareOutputs(new Map([first, again, first, other].map((run, i) => [`0x${i}` as Hash, run])), 1000)
    expect([...verdicts.values()]).toEqual(['OK', 'OK', 'OK', 'MODEL_DIFFERS'])
  })

  it('runs one at a time, and again after a failure', async () => {
    let spawned = 0
    const model = await open({ spawn: () => new Worker(spawned++ === 0 ? 'throw new Error("no luck")' : `require('node:worker_threads').parentPort.postMessage([0.5])`, { eval: true }) })
    const [first, second] = await Promise.all([failure(model.runModel({ beacon, signal: idle() })), failure(model.runModel({ beacon, signal: idle() }))])
    expect([first, second]).toEqual(['CRASHED', 'BUSY'])
    expect((await model.runModel({ beacon, signal: idle() })).outputs).toEqual([500_000])
  })

  it('says why a thread failed', async () => {
    await expect((await running('throw new Error("bad kernel")')).runModel({ beacon, signal: idle() })).rejects.toMatchObject({ code: 'CRASHED', message: 'the model could not be run: bad kernel' })
    await expect((await running('process.exit(7)')).runModel({ beacon, signal: idle() })).rejects.toMatchObject({ code: 'CRASHED', message: 'the model could not be run: its thread ended with code 7' })
    const unspawned = await open({ spawn: () => { throw new Error('no more threads') } })
    await expect(unspawned.runModel({ beacon, signal: idle() })).rejects.toMatchObject({ code: 'CRASHED', message: 'the model could not be run: no more threads' })
  })

  it('is ended when it takes too long, and its thread with it', async () => {
    let ended: Promise<unknown> | undefined
    const spawn = (): Worker => {
      const worker = new Worker('for (;;);', { eval: true })
      ended = new Promise((resolve) => worker.once('exit', resolve))
      return worker
    }
    expect(await failure((await open({ spawn, timeoutMs: 50 })).runModel({ beacon, signal: idle() }))).toBe('TIMED_OUT')
    await ended
  })

  it('is ended by its signal, before and during', async () => {
    const stop = new AbortController()
    const model = await running('for (;;);')
    const run = failure(model.runModel({ beacon, signal: stop.signal }))
    stop.abort()
    expect(await run).toBe('STOPPED')
    expect(await failure(model.runModel({ beacon, signal: stop.signal }))).toBe('STOPPED')
  })

  it('refuses what no int32 holds', async () => {
    for (const value of ['NaN', '1 / 0', '3000']) expect(await failure((await running(`parentPort.postMessage([0, ${value}])`)).runModel({ beacon, signal: idle() }))).toBe('BAD_OUTPUT')
  })
})

describe('a machine', () => {
  it('without runtime or model shows no run, and works', async () => {
    expect(await openModel({ crypto, resolve: missing('onnxruntime-web') })).toEqual({ notShown: 'NO_RUNTIME' })
    expect(await openModel({ crypto, resolve: missing('@ricky0123/vad-web') })).toEqual({ notShown: 'NO_MODEL' })
  })

  it('whose installation is broken in another way says so', async () => {
    await expect(openModel({ crypto, resolve: () => { throw new Error('bad package.json') } })).rejects.toThrow('bad package.json')
    await expect(openModel({ crypto, resolve: () => join(folder, 'nothing-here') })).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('with a model file that was changed by one byte is refused', async () => {
    const bytes = await readFile(resolveFile(SHIPPED_MODEL.file))
    bytes[bytes.length - 1]! ^= 1
    const file = join(folder, 'changed.onnx')
    await writeFile(file, bytes)
    await expect(openModel({ crypto, resolve: () => file })).rejects.toMatchObject({ code: 'WRONG_MODEL', message: expect.stringMatching(/not 0xa35ebf52.*: install it again/) })
  })
})
