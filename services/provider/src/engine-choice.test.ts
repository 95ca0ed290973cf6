import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
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
  it('loads an operator’s module and hands it what it needs', async () => {
    const path = await module('good.mjs', 'export const createEngine = ({ crypto, threads }) => ({ name: `mine ${threads} ${crypto.sha256(new Uint8Array()).length}`, stage() {}, close() {} })')
    expect((await chooseEngine(path, { crypto, threads: 3 })).name).toBe('mine 3 32')
  })
  it.each([
    ['nowhere.mjs', null, /neither wasm nor reference, and there is no such file/],
    ['syntax.mjs', 'export const x = {', /cannot be loaded/],
    ['none.mjs', 'export const engine = 1', /exports no function createEngine/],
    ['throws.mjs', 'export const createEngine = () => { throw new Error("no CUDA") }', /does not start: no CUDA/],
    ['part.mjs', 'export const createEngine = () => ({ stage() {} })', /made an engine without close, name/],
  ])('says what is wrong with %s', async (name, text, message) => {
    const path = text === null ? join(dir, name) : await module(name, text)
    await expect(chooseEngine(path, { crypto })).rejects.toMatchObject({ name: 'OperatorError', code: 'ENGINE', message: expect.stringMatching(message) })
  })
})
