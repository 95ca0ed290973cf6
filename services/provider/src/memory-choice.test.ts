import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@assay/kit/log'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onLinuxX64 } from '../testing/software-gpu.ts'
import { chooseMemory } from './memory-choice.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-memory-'))))
afterAll(() => rm(dir, { recursive: true }))
async function module(name: string, text: string): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, text)
  return path
}
const options = { crypto, threads: 2, maxBytes: 2 ** 26, log: silentLog }

describe('chooseMemory', () => {
  it('is the host’s where the engine works on the processor, also beside a module without an own', async () => {
    const plain = await module('plain.mjs', 'export const createEngine = () => {}')
    for (const choice of ['auto', 'wasm', 'reference', plain]) {
      const engine = await chooseMemory(choice, options)
      expect(engine!.name).toMatch(/^memory wasm .* x2$/)
      await engine!.close()
    }
  })

  it.skipIf(!onLinuxX64)('is the GPU’s where the engine works on one', async () => {
    const engine = await chooseMemory('auto', { ...options, gpu: 'SwiftShader' })
    expect(engine!.name).toMatch(/^memory webgpu SwiftShader/)
    await engine!.close()
  })

  it('is none where the GPU cannot show its own: the host’s is not what is claimed', async () => {
    const lines: unknown[] = []
    const log = { info: () => {}, warn: (...line: unknown[]) => void lines.push(line) }
    expect(await chooseMemory('auto', { ...options, gpu: 'H100', log })).toBeNull()
    expect(lines).toEqual([['GPU memory not shown', { gpu: 'H100', reason: expect.stringMatching(/no GPU H100|no driver|no binary/) }]])
  })

  it.skipIf(!onLinuxX64)('is none where the GPU fails the self-test', async () => {
    const reasons: unknown[] = []
    const log = { info: () => {}, warn: (_: string, fields?: Record<string, unknown>) => void reasons.push(fields?.['reason']) }
    expect(await chooseMemory('auto', { ...options, gpu: 'SwiftShader', maxBytes: 1000, log })).toBeNull()
    expect(reasons).toEqual([expect.stringMatching(/^it failed its self-test: .* more than the 1000 that are allowed/)])
  })

  it('is a module’s own before all, and says so if that does not start', async () => {
    const own = await module('own.mjs', 'export const createMemoryEngine = ({ threads, maxBytes }) => ({ name: `mine ${threads} ${maxBytes}` })')
    expect((await chooseMemory(own, { ...options, gpu: 'H100' }))!.name).toBe(`mine 2 ${2 ** 26}`)
    const broken = await module('broken.mjs', 'export const createMemoryEngine = () => { throw new Error("no CUDA") }')
    await expect(chooseMemory(broken, options)).rejects.toMatchObject({ name: 'OperatorError', code: 'ENGINE', message: expect.stringContaining('does not start: no CUDA') })
  })
})
