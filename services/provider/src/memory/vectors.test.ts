import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { challenge, chainKeys, type Crypto, drawMemory, fillKey, type MemoryCell, MemoryProver, type Region, scanKey, stepKey, firstKey, verifyMemory } from '@assay/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onLinuxX64 } from '../../testing/software-gpu.ts'
import { createMemoryEngine, type MemoryEngine } from './engine.ts'
import { createWebGpuMemoryEngine } from './webgpu.ts'

// What a second client compares itself with. After a change of the protocol: vitest -u, and read the difference.
const FILE = '../../../../test/vectors/memory.json'

const crypto = { sha256: (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer')) } as Crypto
const named = (name: string): Uint8Array => crypto.sha256(Buffer.from(name))
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

const CASES = [
  { name: 'the smallest', log2Leaves: 6, log2Passes: 0, segments: 1, steps: 1, samples: 4 },
  { name: 'segments in turn', log2Leaves: 7, log2Passes: 1, segments: 2, steps: 5, samples: 8 },
  { name: 'a tree over the chunks of y', log2Leaves: 9, log2Passes: 3, segments: 2, steps: 3, samples: 6 },
  { name: 'many units', log2Leaves: 13, log2Passes: 0, segments: 1, steps: 2, samples: 4 },
]

interface Prover {
  readonly fillRoots: readonly Uint8Array[]
  step(key: Uint8Array): Uint8Array | Promise<Uint8Array>
  open(cells: readonly MemoryCell[]): Uint8Array | Promise<Uint8Array>
}
type Vector = Awaited<ReturnType<typeof vector>>

async function vector(stage: (region: Region) => Prover | Promise<Prover>, { name, log2Leaves, log2Passes, segments, steps, samples }: (typeof CASES)[number]) {
  const [fillSeed, keySeed, coins] = ['fill seed', 'key seed', 'coins'].map((what) => named(`${what} ${name}`)) as [Uint8Array, Uint8Array, Uint8Array]
  const prover = await stage({ fillSeed, log2Leaves, log2Passes, segments })
  const keys = [firstKey(crypto, keySeed, [])]
  const roots: Uint8Array[] = []
  for (let t = 1; t <= steps; t++) {
    roots.push(await prover.step(keys[t - 1]!))
    keys.push(stepKey(crypto, keys[t - 1]!, roots[t - 1]!, []))
  }
  const cells = drawMemory(crypto, coins, log2Leaves, steps, samples)
  const openings = await prover.open(cells)
  return {
    name,
    fillSeed: hex(fillSeed),
    log2Leaves,
    log2Passes,
    segments,
    fillKeys: Array.from({ length: segments }, (_, segment) => hex(fillKey(crypto, fillSeed, segment))),
    fillRoots: prover.fillRoots.map(hex),
    keySeed: hex(keySeed),
    keys: keys.map(hex),
    firstScan: { streamKey: hex(scanKey(crypto, keys[0]!)), firstEntries: [...challenge(crypto, keys[0]!).subarray(0, 16)] },
    roots: roots.map(hex),
    coins: hex(coins),
    samples,
    cells: cells.map(({ t, j, u }) => [t, j, u]),
    openings: { bytes: openings.length, sha256: hex(crypto.sha256(openings)), firstLabel: hex(openings.subarray(0, 64)) },
  }
}

let engines: MemoryEngine[]
beforeAll(async () => {
  const maxBytes = 2 ** 26
  engines = await Promise.all([
    createMemoryEngine(crypto, { maxBytes, variant: 'simd128', threads: 1 }),
    createMemoryEngine(crypto, { maxBytes, variant: 'relaxed', threads: 3 }),
    ...(onLinuxX64 ? [createWebGpuMemoryEngine(crypto, { maxBytes })] : []),
  ])
})
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

describe('test/vectors/memory.json', () => {
  const computed = async (stage: (region: Region) => Prover | Promise<Prover>): Promise<string> => {
    const vectors: Vector[] = []
    for (const each of CASES) vectors.push(await vector(stage, each))
    // One line a vector's field, but lists of numbers on one line.
    return `${JSON.stringify(vectors, null, 2).replaceAll(/\[[\d\s,-]*\]/g, (list) => list.replaceAll(/\s+/g, ' '))}\n`
  }

  test('is what the reference computes', async () => {
    await expect(await computed((region) => new MemoryProver(crypto, region))).toMatchFileSnapshot(FILE)
  })

  test.each(onLinuxX64 ? [0, 1, 2] : [0, 1])('is what engine %i computes', async (index) => {
    await expect(await computed((region) => engines[index]!.stage({ ...region, signal: new AbortController().signal }))).toMatchFileSnapshot(FILE)
  })

  test('verifies', async () => {
    const vectors = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as Vector[]
    expect(vectors.length).toBe(CASES.length)
    for (const { keySeed, segments, cells, openings, ...vector } of vectors) {
      const region = { ...vector, fillSeed: bytes(vector.fillSeed), segments }
      const [keys, roots] = [vector.keys.map(bytes), vector.roots.map(bytes)]
      expect(chainKeys(crypto, bytes(keySeed), roots, new Map()).map(hex)).toEqual(vector.keys)
      const job = await engines[0]!.stage({ ...region, signal: new AbortController().signal })
      for (const key of keys.slice(0, -1)) await job.step(key)
      const opened = await job.open(cells.map(([t, j, u]) => ({ t: t!, j: j!, u: u! })))
      await job.close()
      expect(hex(crypto.sha256(opened))).toBe(openings.sha256)
      const claim = { ...region, fillRoots: vector.fillRoots.map(bytes), roots, keys, coins: bytes(vector.coins), openings: opened }
      expect(verifyMemory(crypto, claim)).toBe('OK')
      expect(verifyMemory(crypto, { ...claim, openings: opened.with(opened.length - 1, opened.at(-1)! ^ 1) })).toBe('BAD_PATH')
    }
  })
})
