import { hash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LyingMemoryProver, type MemoryLies } from '../../testing/memory.ts'
import { joinBytes } from '../bytes.ts'
import { keystream } from '../compute/chacha.ts'
import { chainKeys } from '../compute/chain.ts'
import type { Crypto } from '../crypto.ts'
import { drawMemory, type MemoryCell, memoryOpeningsLength, memoryOpeningsLimit } from './coins.ts'
import { MemoryProver } from './prove.ts'
import { challenge, dotLeaf, scanKey, segmentOf } from './scan.ts'
import { fillSegment, labelOf, sliceOf } from './segment.ts'
import { type MemoryClaim, verifyMemory } from './verify.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))
const crypto = { sha256 } as Crypto
const named = (name: string): Uint8Array => sha256(Buffer.from(name))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const verify = (claim: MemoryClaim): string => verifyMemory(crypto, claim)

interface Committed extends Pick<LyingMemoryProver, 'openLeaf' | 'openChunk' | 'parts'> {
  claim: Omit<MemoryClaim, 'coins' | 'samples' | 'openings'>
}

function commit({ fillSeed = named('fill'), log2Leaves = 6, log2Passes = 0, segments = 2, steps = 4 } = {}, lies: MemoryLies = {}): Committed {
  const prover = new LyingMemoryProver(crypto, { fillSeed, log2Leaves, log2Passes, segments }, lies)
  const roots: Uint8Array[] = []
  const keysSoFar = (): Uint8Array[] => chainKeys(crypto, fillSeed, roots, new Map())
  for (let t = 1; t <= steps; t++) roots.push(prover.step(keysSoFar()[t - 1]!))
  return {
    claim: { fillSeed, log2Leaves, log2Passes, fillRoots: prover.fillRoots, roots, keys: keysSoFar() },
    openLeaf: (segment, j) => prover.openLeaf(segment, j),
    openChunk: (t, j) => prover.openChunk(t, j),
    parts: (cell) => prover.parts(cell),
  }
}

const cellsOf = (claim: MemoryClaim): MemoryCell[] => drawMemory(crypto, claim.coins, claim.log2Leaves, claim.roots.length, claim.samples)

/** The claim of a committed scan for some coins, opened by the machine that committed. */
function claimOf({ claim, parts }: Committed, { coins = named('coins'), samples = 16 } = {}): MemoryClaim {
  const cells = drawMemory(crypto, coins, claim.log2Leaves, claim.roots.length, samples)
  return { ...claim, coins, samples, openings: joinBytes(cells.flatMap(parts)) }
}

/** The same openings with the parts of one cell replaced. */
function withCell(committed: Committed, claim: MemoryClaim, index: number, change: (parts: Uint8Array[]) => Uint8Array[]): MemoryClaim {
  return { ...claim, openings: joinBytes(cellsOf(claim).flatMap((cell, at) => (at === index ? change(committed.parts(cell)) : committed.parts(cell)))) }
}

/** Coins whose first cell is such a one. */
function coinsWhere(committed: Committed, wanted: (cell: MemoryCell) => boolean): Uint8Array {
  for (let i = 0; ; i++) {
    const coins = named(`coins ${i}`)
    if (wanted(drawMemory(crypto, coins, committed.claim.log2Leaves, committed.claim.roots.length, 1)[0]!)) return coins
  }
}

const honest = commit()

describe('an honest machine', () => {
  test('verifies, whatever the seed, sizes, steps and coins', () => {
    fc.assert(
      fc.property(bytes32, bytes32, fc.constantFrom(6, 7), fc.nat(2), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 }), (fillSeed, coins, log2Leaves, log2Passes, segments, steps, samples) => {
        const prover = new MemoryProver(crypto, { fillSeed, log2Leaves, log2Passes, segments })
        const roots: Uint8Array[] = []
        for (let t = 1; t <= steps; t++) roots.push(prover.step(chainKeys(crypto, coins, roots, new Map())[t - 1]!))
        const cells = drawMemory(crypto, coins, log2Leaves, steps, samples)
        const openings = prover.open(cells)
        expect(openings.length).toBe(memoryOpeningsLength(cells, log2Leaves))
        expect(openings.length).toBeLessThanOrEqual(memoryOpeningsLimit(samples, log2Leaves))
        const keys = chainKeys(crypto, coins, roots, new Map())
        expect(verify({ fillSeed, log2Leaves, log2Passes, fillRoots: prover.fillRoots, roots, keys, coins, samples, openings })).toBe('OK')
      }),
      { numRuns: 20 },
    )
  })

  test('is computed alike by the reference prover and by the one of this test', () => {
    const prover = new MemoryProver(crypto, { ...honest.claim, segments: 2 })
    expect(prover.fillRoots).toEqual(honest.claim.fillRoots)
    expect(honest.claim.keys.slice(0, -1).map((key) => prover.step(key))).toEqual(honest.claim.roots)
    expect(prover.steps).toBe(4)
    const claim = claimOf(honest, { samples: 64 })
    expect(prover.open(cellsOf(claim))).toEqual(claim.openings)
    for (const cell of [{ t: 5, j: 0, u: 0 }, { t: 0, j: 0, u: 0 }, { t: 1, j: 64, u: 0 }, { t: 1, j: 0, u: 16 }]) expect(() => prover.open([cell])).toThrow(RangeError)
  })

  test('verifies with a tree above the chunks of y, and from bytes at any offset of a larger buffer', () => {
    const claim = claimOf(commit({ log2Leaves: 9, segments: 1, steps: 2 }))
    expect(verify(claim)).toBe('OK')
    expect(verify({ ...claim, openings: Buffer.concat([Buffer.alloc(3), claim.openings]).subarray(3) })).toBe('OK')
  })
})

test('challenges have 7 bits and change with the key, and y is exact at the extremes', () => {
  const x = challenge(crypto, named('key'))
  expect(x.length).toBe(1024)
  expect(Math.max(...x)).toBe(127)
  expect(x).not.toEqual(challenge(crypto, named('other')))
  expect([...x.subarray(0, 8)]).toEqual([...keystream(scanKey(crypto, named('key')), 0, 8)].map((byte) => byte & 0x7f))
  expect(dotLeaf(new Uint8Array(1024).fill(0x80), new Uint8Array(1024).fill(127))).toBe(-1024 * 128 * 127)
  expect(dotLeaf(new Uint8Array(1024).fill(0x7f), new Uint8Array(1024).fill(127))).toBe(1024 * 127 * 127)
})

test('cells are drawn from all steps, leaves and labels alike', () => {
  const cells = drawMemory(crypto, named('coins'), 6, 3, 6000)
  for (const [pick, range] of [[({ t }: MemoryCell) => t - 1, 3], [({ j }: MemoryCell) => j, 64], [({ u }: MemoryCell) => u, 16]] as const) {
    const counts = Array.from({ length: range }, () => 0)
    for (const cell of cells) counts[pick(cell)]!++
    const chi2 = counts.reduce((sum, count) => sum + (count - 6000 / range) ** 2 / (6000 / range), 0)
    expect(chi2).toBeLessThan(range + 5 * Math.sqrt(2 * range) + 5)
  }
})

describe('a fault is named', () => {
  test('BAD_LENGTH: too short, too long, none, another number of cells', () => {
    const claim = claimOf(honest)
    const { openings } = claim
    for (const wrong of [openings.subarray(1), openings.subarray(0, -1), new Uint8Array(0), joinBytes([openings, Uint8Array.of(0)]), claimOf(honest, { samples: 15 }).openings, claimOf(honest, { samples: 17 }).openings])
      expect(verify({ ...claim, openings: wrong })).toBe('BAD_LENGTH')
  })

  test('BAD_LENGTH before anything is hashed or allocated, however many bytes or samples', () => {
    const refusing = { sha256: () => expect.unreachable('hashed') } as unknown as Crypto
    const claim = claimOf(honest)
    expect(verifyMemory(refusing, { ...claim, openings: new Uint8Array(2 ** 26) })).toBe('BAD_LENGTH')
    expect(verifyMemory(refusing, { ...claim, samples: 2 ** 50 })).toBe('BAD_LENGTH')
  })

  test('BAD_PATH: another leaf, chunk, parent, segment or step opened, whole and with its own path', () => {
    const committed = commit({ log2Leaves: 9 })
    // The first label of a leaf beyond the first slice has all kinds of parents.
    const coins = coinsWhere(committed, ({ j, u }) => u === 0 && sliceOf(j) > 0)
    const claim = claimOf(committed, { coins, samples: 1 })
    const { t, j } = cellsOf(claim)[0]!
    const own = segmentOf(t, 2)
    expect(committed.parts(cellsOf(claim)[0]!).length).toBe(5)
    const replaced = (part: number, bytes: Uint8Array): string => verify(withCell(committed, claim, 0, (parts) => parts.with(part, bytes)))
    expect(replaced(0, committed.openLeaf(own, j))).toBe('OK')
    for (const part of [0, 2, 3, 4]) {
      expect(replaced(part, committed.openLeaf(own, j ^ 256))).toBe('BAD_PATH')
      expect(replaced(part, committed.openLeaf(1 - own, j))).toBe('BAD_PATH')
    }
    expect(replaced(1, committed.openChunk(t, j ^ 256))).toBe('BAD_PATH')
    expect(replaced(1, committed.openChunk(t === 1 ? 2 : t - 1, j))).toBe('BAD_PATH')
    expect(verify(withCell(committed, claim, 0, ([leaf, chunk, before, a, b]) => [leaf!, chunk!, before!, b!, a!]))).toBe('BAD_PATH')
  })

  test('BAD_PATH: an opening twice', () => {
    const claim = claimOf(honest, { samples: 64 })
    const cells = cellsOf(claim)
    const [first, second] = [3, cells.findIndex((cell, at) => at > 3 && cell.j !== cells[3]!.j && honest.parts(cell).length === honest.parts(cells[3]!).length)]
    expect(verify(withCell(honest, claim, second, () => honest.parts(cells[first]!)))).toBe('BAD_PATH')
  })

  test('BAD_PATH: a leaf, a chunk, a path or a parent edited after the coins were known', () => {
    const coins = coinsWhere(honest, ({ j, u }) => u === 0 && sliceOf(j) > 0)
    const claim = claimOf(honest, { coins, samples: 1 })
    const [leaf, chunk, before, a] = honest.parts(cellsOf(claim)[0]!).map((part) => part.length) as [number, number, number, number]
    for (const at of [0, 1023, 1024, leaf, leaf + chunk, leaf + chunk + before, leaf + chunk + before + a, claim.openings.length - 1])
      expect(verify({ ...claim, openings: claim.openings.with(at, claim.openings[at]! ^ 1) })).toBe('BAD_PATH')
  })

  const labelLies: Record<string, NonNullable<MemoryLies['label']>> = {
    'one bit of every label': (_s, _j, _u, label) => void (label[15]! ^= 1),
    'nothing but zeros': (_s, _j, _u, label) => void label.fill(0),
    'a cheap stream': (s, j, u, label) => label.set(new Uint32Array(keystream(named('cheap'), ((s * 64 + j) * 16 + u) * 64, 64).buffer)),
    'the first segment everywhere': (s, j, u, label) => {
      if (s === 1) label.set(labelOf(firstSegment.subarray(j * 1024, (j + 1) * 1024), u))
    },
  }
  const firstSegment = fillSegment(crypto, honest.claim, 0)
  for (const [name, label] of Object.entries(labelLies)) {
    test(`WRONG_LABEL: ${name}`, () => expect(verify(claimOf(commit({}, { label })))).toBe('WRONG_LABEL'))
  }

  test('WRONG_LABEL: the memory of another seed, or of fewer passes', () => {
    expect(verify({ ...claimOf(honest), fillSeed: named('other') })).toBe('WRONG_LABEL')
    expect(verify({ ...claimOf(honest), log2Passes: 1 })).toBe('WRONG_LABEL')
  })

  const yLies: Record<string, MemoryLies> = {
    'y off by one': { y: (_t, _j, y) => y + 1 },
    'no y at all': { y: () => 0 },
    'the y of the leaf beside': { y: (_t, j, y) => (j % 2 ? y : 0) },
    'the y of the step before': { scans: () => ({ key: honest.claim.keys[0]! }) },
    'the first segment at every step': { scans: () => ({ segment: 0 }) },
  }
  for (const [name, lies] of Object.entries(yLies)) {
    test(`WRONG_SCAN: ${name}`, () => expect(verify(claimOf(commit({}, lies)))).toBe('WRONG_SCAN'))
  }

  test('WRONG_SCAN: keys of other nonces', () => {
    const claim = claimOf(honest)
    expect(verify({ ...claim, keys: chainKeys(crypto, claim.fillSeed, claim.roots, new Map([[0, [named('nonce')]]])) })).toBe('WRONG_SCAN')
  })

  test('of several faults the first cell in the order drawn decides, and in a cell path before label before y', () => {
    const wrong = claimOf(commit({}, { label: (_s, _j, _u, label) => void (label[15]! ^= 1), y: (_t, _j, y) => y + 1 }))
    const last = wrong.openings.length - 1
    expect(verify({ ...wrong, openings: wrong.openings.with(last, wrong.openings[last]! ^ 1) })).toBe('WRONG_LABEL')
    expect(verify({ ...wrong, openings: wrong.openings.with(0, wrong.openings[0]! ^ 1) })).toBe('BAD_PATH')
  })
})

describe('hostile bytes', () => {
  const claim = claimOf(honest, { samples: 8 })

  test('are never OK with any bit changed, and never throw', () => {
    fc.assert(
      fc.property(fc.nat(claim.openings.length - 1), fc.nat(7), (at, bit) => {
        expect(['BAD_PATH', 'WRONG_LABEL', 'WRONG_SCAN']).toContain(verify({ ...claim, openings: claim.openings.with(at, claim.openings[at]! ^ (1 << bit)) }))
      }),
      { numRuns: 300 },
    )
  })

  test('of any length and content give a fault', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), (openings) => {
      expect(verify({ ...claim, openings })).toBe('BAD_LENGTH')
    }))
    fc.assert(
      fc.property(bytes32, fc.boolean(), (seed, buffer) => {
        const bytes = keystream(seed, 0, claim.openings.length)
        expect(verify({ ...claim, openings: buffer ? Buffer.from(bytes) : bytes })).toBe('BAD_PATH')
      }),
    )
  })

  test('chosen so that every path fits still never throw: any committed memory and y', () => {
    fc.assert(
      fc.property(bytes32, fc.array(fc.integer(), { minLength: 1, maxLength: 8 }), (noise, ys) => {
        const hostile = commit({ segments: 1, steps: 1 }, { label: (_s, j, u, label) => label.set(new Uint32Array(keystream(noise, (16 * j + u) * 64, 64).buffer)), y: (_t, j) => ys[j % ys.length]! })
        expect(['WRONG_LABEL', 'WRONG_SCAN']).toContain(verify(claimOf(hostile, { samples: 3 })))
      }),
      { numRuns: 20 },
    )
  })
})

test('a claim that is no scan of the protocol is the caller’s mistake', () => {
  const claim = claimOf(honest)
  for (const wrong of [{ log2Leaves: 5 }, { log2Leaves: 21 }, { log2Leaves: NaN }, { log2Passes: 9 }, { log2Passes: 0.5 }, { fillRoots: [] }, { roots: [] }, { keys: claim.keys.slice(1) }, { samples: 0 }, { samples: 1.5 }, { samples: NaN }])
    expect(() => verify({ ...claim, ...wrong })).toThrow(RangeError)
})

describe('a machine that lies in a share f of the cells', () => {
  // Acceptance is (1-f)^s, so of `runs` proofs with independent coins the number accepted is binomial; four standard deviations either side.
  // Coins come from a counter: the outcome is the same on every run of the test.
  const runs = 120
  const chosen = (f: number, range: number): Set<number> => {
    const words = new Uint32Array(keystream(named(`share ${f}`), 0, 16 * range).buffer)
    const set = new Set<number>()
    for (let at = 0; set.size < Math.round(f * range); at++) set.add(words[at]! % range)
    return set
  }
  const accepted = (committed: Committed, samples: number, bad: (cell: MemoryCell) => boolean, fault: string): number => {
    let count = 0
    for (let run = 0; run < runs; run++) {
      const claim = claimOf(committed, { coins: named(`coins ${samples} ${run}`), samples })
      const verdict = verify(claim)
      expect(verdict).toBe(cellsOf(claim).some(bad) ? fault : 'OK')
      if (verdict === 'OK') count++
    }
    return count
  }
  const within = (count: number, chance: number): void => expect(Math.abs(count - runs * chance)).toBeLessThanOrEqual(4 * Math.sqrt(runs * chance * (1 - chance)) + 1)

  for (const [f, samples] of [[0.02, 16], [0.05, 32], [0.25, 8]] as const) {
    test(`f = ${f} of the labels, ${samples} samples: accepted as (1-f)^s says, and never when a wrong label was drawn`, () => {
      const range = 2 * 64 * 16
      const wrong = chosen(f, range)
      const number = (segment: number, j: number, u: number): number => (segment * 64 + j) * 16 + u
      const cheat = commit({}, { label: (s, j, u, label) => void (wrong.has(number(s, j, u)) && label.fill(0)) })
      within(accepted(cheat, samples, ({ t, j, u }) => wrong.has(number(segmentOf(t, 2), j, u)), 'WRONG_LABEL'), (1 - wrong.size / range) ** samples)
    })

    test(`f = ${f} of the leaves not scanned, ${samples} samples: accepted as (1-f)^s says, and never when such a leaf was drawn`, () => {
      const range = 4 * 64
      const unread = chosen(f, range)
      const number = (t: number, j: number): number => (t - 1) * 64 + j
      const cheat = commit({}, { y: (t, j, y) => (unread.has(number(t, j)) ? y ^ 1 : y) })
      within(accepted(cheat, samples, ({ t, j }) => unread.has(number(t, j)), 'WRONG_SCAN'), (1 - unread.size / range) ** samples)
    })
  }
})

test('a leaf that lacks one byte passes a challenge only where that entry is 0: no more often than 1 in 128 or so', () => {
  const leaf = fillSegment(crypto, honest.claim, 0).subarray(0, 1024)
  let right = 0
  for (let i = 0; i < 2000; i++) {
    const x = challenge(crypto, named(`key ${i}`))
    if (dotLeaf(leaf, x) === dotLeaf(leaf.with(i % 1024, leaf[i % 1024]! ^ 0x40), x)) right++
  }
  expect(right).toBeGreaterThan(0)
  expect(right).toBeLessThan(2000 / 128 + 4 * Math.sqrt(2000 / 128))
})
