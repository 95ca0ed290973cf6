import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chainKeys, type Crypto, draw, firstKey, keystream, matrixKey, startKey, stepKey, verifyOpenings } from '@assay/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import type { Engine } from './engine.ts'
import { createReferenceEngine } from './reference.ts'
import { createWasmEngine } from './wasm.ts'
import { createWebGpuEngine } from './webgpu.ts'

// What a second client compares itself with. After a change of the protocol: vitest -u, and read the difference.
const FILE = '../../../../test/vectors/compute.json'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const named = (name: string): Uint8Array => crypto.sha256(Buffer.from(name))
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

/** Nonces by step; one of them folded at the last step, which changes the last key and no root. */
const FOLDS: Record<string, [number, number][]> = { 'one checker': [[0, 1]], 'three checkers': [[0, 2], [1, 1]], 'folds at the end': [[0, 1], [2, 1], [3, 2]] }
const CASES = [
  { name: 'one checker', log2n: 6, steps: 1, samples: 4 },
  { name: 'three checkers', log2n: 7, steps: 4, samples: 8 },
  { name: 'folds at the end', log2n: 8, steps: 3, samples: 6 },
  { name: 'three checkers', log2n: 9, steps: 2, samples: 5 },
]

type Vector = Awaited<ReturnType<typeof vector>>

async function vector(engine: Engine, { name, log2n, steps, samples }: (typeof CASES)[number]) {
  const n = 2 ** log2n
  const seed = named(`seed ${name} ${n}`)
  const coins = named(`coins ${name} ${n}`)
  const folds = FOLDS[name]!.map(([step, count]) => ({ step, nonces: Array.from({ length: count }, (_, k) => named(`nonce ${step} ${k}`)) }))
  const foldedAt = (step: number): Uint8Array[] => folds.find((fold) => fold.step === step)?.nonces ?? []
  const job = await engine.stage({ seed, log2n, signal: new AbortController().signal })
  const keys = [firstKey(crypto, seed, foldedAt(0))]
  const roots: Uint8Array[] = []
  for (let t = 1; t <= steps; t++) {
    roots.push(await job.step(keys[t - 1]!))
    keys.push(stepKey(crypto, keys[t - 1]!, roots[t - 1]!, foldedAt(t)))
  }
  const { r, q, cells } = draw(crypto, coins, n, steps, samples)
  const openings = await job.open(cells)
  await job.close()
  return {
    name: `n = ${n}, ${name}`,
    seed: hex(seed),
    log2n,
    folds: folds.map(({ step, nonces }) => ({ step, nonces: nonces.map(hex) })),
    b: { streamKey: hex(matrixKey(crypto, seed)), firstEntries: [...keystream(matrixKey(crypto, seed), 0, 16)].map((byte) => byte & 0x7f) },
    x0: { streamKey: hex(startKey(crypto, keys[0]!)), firstEntries: [...new Int8Array(keystream(startKey(crypto, keys[0]!), 0, 16))] },
    roots: roots.map(hex),
    keys: keys.map(hex),
    coins: hex(coins),
    samples,
    r: [...r.subarray(0, 4)],
    q: [...q.subarray(0, 4)],
    cells: cells.map(({ t, i }) => [t, i]),
    openings: { bytes: openings.length, sha256: hex(crypto.sha256(openings)), firstEntries: [...new Int32Array(openings.slice(0, 16).buffer)] },
  }
}

let engines: Engine[]
beforeAll(async () => {
  engines = [createReferenceEngine(crypto), await createWasmEngine(crypto, { variant: 'simd128', threads: 1 }), await createWasmEngine(crypto, { variant: 'relaxed', threads: 2 })]
  if (onLinuxX64) engines.push(await createWebGpuEngine(crypto, { variants: ['direct8'] }))
})
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

describe('test/vectors/compute.json', () => {
  test.each(onLinuxX64 ? [0, 1, 2, 3] : [0, 1, 2])('is what engine %i computes', async (index) => {
    const vectors: Vector[] = []
    for (const each of CASES) vectors.push(await vector(engines[index]!, each))
    // One line a vector's field, but lists of numbers on one line.
    const text = JSON.stringify(vectors, null, 2).replaceAll(/\[[\d\s,-]*\]/g, (list) => list.replaceAll(/\s+/g, ' '))
    await expect(`${text}\n`).toMatchFileSnapshot(FILE)
  })

  test('verifies: keys from seed, roots and folds, and openings against them', async () => {
    const vectors = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as Vector[]
    expect(vectors.length).toBe(CASES.length)
    for (const { seed, log2n, folds, roots, keys, coins, samples, cells, openings } of vectors) {
      const nonces = new Map(folds.map(({ step, nonces }) => [step, nonces.map(bytes)]))
      expect(chainKeys(crypto, bytes(seed), roots.map(bytes), nonces).map(hex)).toEqual(keys)
      const job = await engines[0]!.stage({ seed: bytes(seed), log2n, signal: new AbortController().signal })
      for (const key of keys.slice(0, -1)) await job.step(bytes(key))
      const opened = await job.open(cells.map(([t, i]) => ({ t: t!, i: i! })))
      expect(hex(crypto.sha256(opened))).toBe(openings.sha256)
      const claim = { seed: bytes(seed), log2n, roots: roots.map(bytes), keys: keys.map(bytes), coins: bytes(coins), samples, openings: opened }
      expect(verifyOpenings(crypto, claim)).toBe('OK')
      expect(verifyOpenings(crypto, { ...claim, openings: opened.with(opened.length - 1, opened.at(-1)! ^ 1) })).toBe('BAD_PATH')
    }
  })
})
