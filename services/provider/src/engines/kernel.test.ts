import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keystream } from '@assay/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileKernel, fastestVariant, instantiate, type Kernel, PAGE_BYTES, type Variant } from './kernel.ts'

const VARIANTS: Variant[] = ['simd128', 'relaxed']

test('Node 24 compiles the relaxed kernel, so that is the one taken', () => {
  expect(fastestVariant()).toBe('relaxed')
})

describe('what is committed', () => {
  const sources = fileURLToPath(new URL('..', import.meta.url))
  const KERNELS = [...VARIANTS.flatMap((variant) => [`engines/${variant}.wasm`, `memory/${variant}.wasm`]), 'device/profile.wasm']
  const check = (folder: string): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../../../../tools/build-kernels.mjs', import.meta.url)), '--check', folder], { encoding: 'utf8' })

  test('is what the sources compile to, byte for byte', () => {
    expect(check(sources)).toMatchObject({ status: 0, stderr: '' })
  })

  test.each(KERNELS)('would be caught with one byte changed in %s', (kernel) => {
    const folder = mkdtempSync(join(tmpdir(), 'kernels-'))
    for (const file of KERNELS) {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      copyFileSync(join(sources, file), join(folder, file))
    }
    const binary = readFileSync(join(folder, kernel))
    binary[binary.length - 1]! ^= 1
    writeFileSync(join(folder, kernel), binary)
    expect(check(folder)).toMatchObject({ status: 1, stderr: expect.stringContaining(`${kernel} is not what its source compiles to`) })
    rmSync(folder, { recursive: true })
  })
})

describe.each(VARIANTS)('%s', (variant) => {
  const N = 64
  const at = { src: PAGE_BYTES, b: PAGE_BYTES + 0x10000, x: PAGE_BYTES + 0x20000, c: PAGE_BYTES + 0x30000, out: PAGE_BYTES + 0x50000 }
  const load = async (): Promise<{ kernel: Kernel; bytes: Uint8Array }> => {
    const kernel = instantiate(await compileKernel(variant))
    kernel.memory.grow(8)
    return { kernel, bytes: new Uint8Array(kernel.memory.buffer) }
  }

  test('multiplies at the extremes exactly: B of 127 against X of -128 and 127', async () => {
    const { kernel, bytes } = await load()
    const x = Int8Array.from({ length: 4 * N }, (_, e) => [-128, 127, e % 2 ? -128 : 127, e % N][Math.floor(e / N)]!)
    bytes.fill(0xff, at.src, at.src + N * N) // the top bit is cut off
    kernel.pack(at.src, at.b, N, 0, N)
    bytes.set(new Uint8Array(x.buffer), at.src)
    kernel.start(at.src, at.x, 4 * N)
    kernel.multiply(at.x, at.b, at.c, 4, N)
    const sums = [0, 1, 2, 3].map((i) => x.subarray(i * N, (i + 1) * N).reduce((sum, e) => sum + e * 127, 0))
    expect(new Int32Array(kernel.memory.buffer, at.c, 4 * N)).toEqual(Int32Array.from({ length: 4 * N }, (_, e) => sums[Math.floor(e / N)]!))
  })

  test('multiplies at n = 8192 over all blocks of the inner dimension', async () => {
    const [n, rows] = [8192, 4]
    const kernel = instantiate(await compileKernel(variant))
    const size = kernel.ENTRY_BYTES.value
    const [key, src] = [PAGE_BYTES, PAGE_BYTES + 256]
    const [b, x] = [src + rows * n, src + rows * n + n * n * size]
    const c = x + rows * n * size
    kernel.memory.grow(Math.ceil((c + rows * n * 4) / PAGE_BYTES) - 1)
    for (let k = 0; k < n; k += rows) {
      kernel.stream(key, (k * n) / 64, src, rows * n)
      kernel.pack(src, b, n, k, rows)
    }
    kernel.stream(key, n * n, src, rows * n)
    kernel.start(src, x, rows * n)
    kernel.multiply(x, b, c, rows, n)
    const matrix = keystream(new Uint8Array(32), 0, n * n)
    const left = new Int8Array(keystream(new Uint8Array(32), 64 * n * n, rows * n))
    const product = new Int32Array(kernel.memory.buffer, c, rows * n)
    for (const [i, j] of [[0, 0], [1, 8191], [2, 4097], [3, 17]] as const) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += left[i * n + k]! * (matrix[k * n + j]! & 0x7f)
      expect(product[i * n + j]).toBe(sum)
    }
  })

  test('hashes any number of messages of whole blocks as SHA-256 does, also onto themselves', async () => {
    const { kernel, bytes } = await load()
    fc.assert(
      fc.property(fc.constantFrom(64, 256, 1024), fc.integer({ min: 1, max: 20 }), fc.nat(), (length, count, salt) => {
        const messages = Array.from({ length: count }, (_, m) => Buffer.from(hash('sha512', `${salt} ${m}`, 'buffer').toString('hex').repeat(8).slice(0, length)))
        const expected = messages.map((message) => hash('sha256', message))
        for (const dst of [at.out, at.c]) {
          bytes.set(Buffer.concat(messages), at.c)
          kernel.hashAll(at.c, length, count, dst)
          expect(messages.map((_, m) => Buffer.from(bytes.subarray(dst + 32 * m, dst + 32 * m + 32)).toString('hex'))).toEqual(expected)
        }
      }),
    )
  })
})
