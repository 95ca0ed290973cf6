import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import { onLinuxX64 } from '../testing/software-gpu.ts'
import { chooseEngine } from './engine-choice.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-engine-'))))
afterAll(() => rm(dir, { recursive: true }))
async function module(name: string, text: string): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, text)
  return path
}

describe('chooseEngine', () => {
  it('knows its own by name', async () => {
    expect((await chooseEngine('reference', { crypto })).name).toBe('reference')
    const wasm = await chooseEngine('wasm', { crypto, threads: 1 })
    expect(wasm.name).toMatch(/^wasm .* x1$/)
    await wasm.close()
  })
  it('by itself takes wasm where no GPU is, and says so in one line', async () => {
    const lines: unknown[] = []
    const log = { info: (event: string, fields?: Record<string, unknown>) => void lines.push([event, fields]) }
    const probes = { vulkanFault: () => 'libvulkan.so.1: cannot open', listAdapters: async () => [], selfTest: async () => null, wasmVariant: () => 'simd128' as const }
    const engine = await chooseEngine('auto', { crypto, threads: 1, log, probes })
    expect(engine.name).toMatch(/^wasm .* x1$/)
    expect(lines).toEqual([['engine chosen', { engine: engine.name, reason: 'no GPU: the Vulkan loader is missing (libvulkan.so.1: cannot open)' }]])
    await engine.close()
    await expect(chooseEngine('auto', { crypto, probes: { ...probes, wasmVariant: () => undefined } })).rejects.toMatchObject({ code: 'ENGINE', message: expect.stringContaining('nothing to compute with') })
  })
  it.skipIf(!onLinuxX64)('never takes a software driver by itself, and takes it when it is named', async () => {
    const reasons: unknown[] = []
    const log = { info: (_: string, fields?: Record<string, unknown>) => void reasons.push(fields?.['reason']) }
    const engines = [await chooseEngine('auto', { crypto, threads: 1, log }), await chooseEngine('auto', { crypto, gpu: 'SwiftShader' }), await chooseEngine('webgpu', { crypto, gpu: '0' }), await chooseEngine('webgpu', { crypto })]
    expect(engines.map(({ name }) => name.split(' ')[0])).toEqual(['wasm', 'webgpu', 'webgpu', 'webgpu'])
    expect(reasons).toEqual([expect.stringContaining('no GPU: the drivers only compute in software (SwiftShader')])
    for (const choice of ['auto', 'webgpu']) await expect(chooseEngine(choice, { crypto, gpu: 'H100' })).rejects.toMatchObject({ code: 'ENGINE', message: expect.stringContaining('there is no GPU H100') })
    for (const engine of engines) await engine.close()
  })
  it('loads an operator’s module and hands it what it needs', async () => {
    const path = await module('good.mjs', 'export const createEngine = ({ crypto, threads }) => ({ name: `mine ${threads} ${crypto.sha256(new Uint8Array()).length}`, stage() {}, close() {} })')
    expect((await chooseEngine(path, { crypto, threads: 3 })).name).toBe('mine 3 32')
  })
  it.each([
    ['nowhere.mjs', null, /none of auto, webgpu, wasm and reference, and there is no such file/],
    ['syntax.mjs', 'export const x = {', /cannot be loaded/],
    ['none.mjs', 'export const engine = 1', /exports no function createEngine/],
    ['throws.mjs', 'export const createEngine = () => { throw new Error("no CUDA") }', /does not start: no CUDA/],
    ['part.mjs', 'export const createEngine = () => ({ stage() {} })', /made an engine without close, name/],
  ])('says what is wrong with %s', async (name, text, message) => {
    const path = text === null ? join(dir, name) : await module(name, text)
    await expect(chooseEngine(path, { crypto })).rejects.toMatchObject({ name: 'OperatorError', code: 'ENGINE', message: expect.stringMatching(message) })
  })
})
