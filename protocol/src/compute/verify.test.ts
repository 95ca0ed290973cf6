import { hash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { keystream } from './chacha.ts'
import { activate, type Cell, chainKeys, firstKey, hashRow, matrixKey, type NoncesByStep, startKey, startRow, stepKey, treeLevels, treePath, treeRoot } from './chain.ts'
import { draw } from './coins.ts'
import { PRIME } from './field.ts'
import { ReferenceProver } from './prove.ts'
import { type ProofClaim, verifyOpenings } from './verify.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))
const crypto = { sha256 } as Crypto
const named = (name: string): Uint8Array => sha256(Buffer.from(name))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** Another row in the place of the honest one, which is computed from what was committed before; undefined stays honest. */
type Lie = (t: number, i: number, honest: Int32Array, x: Int8Array, b: Uint8Array) => Int32Array | undefined

interface Committed {
  seed: Uint8Array
  log2n: number
  roots: Uint8Array[]
  keys: Uint8Array[]
  row(t: number, i: number): Uint8Array
  /** Row and path. */
  openRow(t: number, i: number): Uint8Array
  open(cells: readonly Cell[]): Uint8Array
}

/** A prover that keeps every matrix and lies where it is told. */
function commit({ seed = named('seed'), log2n = 6, steps = 4, nonces = new Map() as NoncesByStep, lie = (() => undefined) as Lie } = {}): Committed {
  const n = 2 ** log2n
  const b = keystream(matrixKey(crypto, seed), 0, n * n).map((byte) => byte & 0x7f)
  const keys = [firstKey(crypto, seed, nonces.get(0) ?? [])]
  const matrices: Int32Array[][] = []
  const hashes: Uint8Array[][] = []
  const roots: Uint8Array[] = []
  for (let t = 1; t <= steps; t++) {
    const rows = Array.from({ length: n }, (_, i) => {
      const x = t === 1 ? startRow(startKey(crypto, keys[0]!), i, n) : activate(matrices[t - 2]![i]!, keys[t - 1]!, i)
      const honest = product(x, b)
      return lie(t, i, honest, x, b) ?? honest
    })
    matrices.push(rows)
    hashes.push(rows.map((row) => hashRow(sha256, new Uint8Array(row.buffer))))
    roots.push(treeRoot(sha256, hashes[t - 1]!))
    keys.push(stepKey(crypto, keys[t - 1]!, roots[t - 1]!, nonces.get(t) ?? []))
  }
  const row = (t: number, i: number): Uint8Array => new Uint8Array(matrices[t - 1]![i]!.buffer)
  const openRow = (t: number, i: number): Uint8Array => concat(row(t, i), ...treePath(treeLevels(sha256, hashes[t - 1]!), i))
  const open = (cells: readonly Cell[]): Uint8Array => concat(...cells.map(({ t, i }) => (t > 1 ? concat(openRow(t, i), openRow(t - 1, i)) : openRow(t, i))))
  return { seed, log2n, roots, keys, row, openRow, open }
}

function product(x: Int8Array, b: Uint8Array, depth = x.length): Int32Array {
  const n = x.length
  const row = new Int32Array(n)
  for (let k = 0; k < depth; k++) for (let j = 0; j < n; j++) row[j]! += x[k]! * b[k * n + j]!
  return row
}

/** The claim of a committed chain for some coins, opened by the prover that committed. */
function claimOf(chain: Committed, { coins = named('coins'), samples = 16 } = {}): ProofClaim {
  const { cells } = draw(crypto, coins, 2 ** chain.log2n, chain.roots.length, samples)
  const { seed, log2n, roots, keys } = chain
  return { seed, log2n, roots, keys, coins, samples, openings: chain.open(cells) }
}

const cellsOf = ({ coins, log2n, roots, samples }: ProofClaim): Cell[] => draw(crypto, coins, 2 ** log2n, roots.length, samples).cells
const verify = (claim: ProofClaim): string => verifyOpenings(crypto, claim)

/** Nonces folded at 0 and at step 2. */
const NONCES: NoncesByStep = new Map([[0, [named('a')]], [2, [named('b'), named('c')]]])
const chain = commit({ nonces: NONCES })

describe('an honest chain', () => {
  test('verifies, whatever the seed, folds, length and coins', () => {
    const folds = fc.uniqueArray(fc.tuple(fc.nat(3), fc.array(bytes32, { maxLength: 2 })), { selector: ([step]) => step })
    fc.assert(
      fc.property(bytes32, bytes32, folds, fc.constantFrom(6, 7), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 40 }), (seed, coins, folds, log2n, steps, samples) => {
        const nonces = new Map(folds.filter(([step]) => step <= steps))
        const prover = new ReferenceProver(crypto, seed, log2n)
        const roots: Uint8Array[] = []
        for (let t = 1; t <= steps; t++) roots.push(prover.step(chainKeys(crypto, seed, roots, nonces)[t - 1]!))
        const keys = chainKeys(crypto, seed, roots, nonces)
        const openings = prover.open(draw(crypto, coins, 2 ** log2n, steps, samples).cells)
        expect(verify({ seed, log2n, roots, keys, coins, samples, openings })).toBe('OK')
      }),
      { numRuns: 30 },
    )
  })

  test('is computed alike by the reference prover, which keeps row hashes, and by one that keeps every matrix', () => {
    const prover = new ReferenceProver(crypto, chain.seed, 6)
    expect(chain.keys.slice(0, -1).map((key) => prover.step(key))).toEqual(chain.roots)
    const cells = cellsOf(claimOf(chain))
    expect(prover.open(cells)).toEqual(chain.open(cells))
    expect(() => prover.open([{ t: 5, i: 0 }])).toThrow(RangeError)
    expect(() => prover.open([{ t: 1, i: 64 }])).toThrow(RangeError)
  })

  test('verifies from bytes at any offset of a larger buffer', () => {
    const claim = claimOf(chain)
    const padded = Buffer.concat([Buffer.alloc(3), claim.openings])
    expect(verify({ ...claim, openings: padded.subarray(3) })).toBe('OK')
  })

  test('verifies at n = 8192, where sums come closest to what f64 holds', () => {
    const [log2n, n, coins, samples, seed] = [13, 8192, named('large'), 3, named('large seed')]
    const b = keystream(matrixKey(crypto, seed), 0, n * n).map((byte) => byte & 0x7f)
    const key0 = firstKey(crypto, seed, [])
    // One step, and only the rows that these coins open: what stands elsewhere in the tree is never looked at.
    const { cells } = draw(crypto, coins, n, 1, samples)
    const rows = new Map(cells.map(({ i }) => [i, product(startRow(startKey(crypto, key0), i, n), b)]))
    const claim = (): ProofClaim => {
      const hashes = Array.from({ length: n }, (_, i) => (rows.has(i) ? hashRow(sha256, new Uint8Array(rows.get(i)!.buffer)) : named(`row ${i}`)))
      const roots = [treeRoot(sha256, hashes)]
      const openings = concat(...cells.flatMap(({ i }) => [new Uint8Array(rows.get(i)!.buffer), ...treePath(treeLevels(sha256, hashes), i)]))
      return { seed, log2n, roots, keys: chainKeys(crypto, seed, roots, new Map()), coins, samples, openings }
    }
    expect(verify(claim())).toBe('OK')
    rows.get(cells[1]!.i)![8191]! += 1
    expect(verify(claim())).toBe('WRONG_PRODUCT')
  })
})

describe('a fault is named', () => {
  test('BAD_LENGTH: too short, too long, none, another number of cells', () => {
    const claim = claimOf(chain)
    const { openings } = claim
    const more = concat(openings, chain.open([{ t: 1, i: 0 }]))
    for (const wrong of [openings.subarray(1), openings.subarray(0, -1), new Uint8Array(0), concat(openings, Uint8Array.of(0)), more, claimOf(chain, { samples: 15 }).openings])
      expect(verify({ ...claim, openings: wrong })).toBe('BAD_LENGTH')
  })

  test('BAD_LENGTH before anything is hashed or allocated, however many bytes arrive', () => {
    const refusing = { sha256: () => expect.unreachable('hashed') } as unknown as Crypto
    expect(verifyOpenings(refusing, { ...claimOf(chain), openings: new Uint8Array(2 ** 26) })).toBe('BAD_LENGTH')
  })

  test('BAD_PATH: any flipped bit of an opening, unless it is caught earlier', () => {
    const claim = claimOf(chain)
    fc.assert(
      fc.property(fc.nat(claim.openings.length - 1), fc.nat(7), (at, bit) => {
        const openings = claim.openings.slice()
        openings[at]! ^= 1 << bit
        expect(verify({ ...claim, openings })).not.toBe('OK')
      }),
      { numRuns: 50 },
    )
    const openings = claim.openings.slice()
    openings[256]! ^= 1 // first byte of the first path
    expect(verify({ ...claim, openings })).toBe('BAD_PATH')
  })

  test('BAD_PATH: a row edited after the coins were known', () => {
    const claim = claimOf(chain)
    const openings = claim.openings.slice()
    openings[0]! ^= 1
    expect(verify({ ...claim, openings })).toBe('BAD_PATH')
  })

  test('BAD_PATH: another good row, another step or the earlier row of another one opened', () => {
    const claim = claimOf(chain)
    const cells = cellsOf(claim)
    const last = cells.findLastIndex(({ t }) => t > 1)
    const { t, i } = cells[last]!
    const instead = (opening: Uint8Array): Uint8Array => concat(...cells.map((cell, at) => (at === last ? opening : chain.open([cell]))))
    expect(verify({ ...claim, openings: instead(chain.open([{ t, i }])) })).toBe('OK')
    expect(verify({ ...claim, openings: instead(chain.open([{ t, i: i ^ 1 }])) })).toBe('BAD_PATH')
    expect(verify({ ...claim, openings: instead(concat(chain.openRow(t - 1, i), chain.openRow(t, i))) })).toBe('BAD_PATH')
    expect(verify({ ...claim, openings: instead(concat(chain.openRow(t, i), chain.openRow(t - 1, i ^ 1))) })).toBe('BAD_PATH')
  })

  test('OUT_OF_RANGE: every entry shifted by p, which no product mod p can tell', () => {
    const shift: Lie = (t, _i, honest) => (t === 2 ? honest.map((c) => (c > 0 ? c - PRIME : c + PRIME)) : undefined)
    expect(verify(claimOf(commit({ lie: shift, steps: 2 })))).toBe('OUT_OF_RANGE')
    const one: Lie = (_t, _i, honest) => honest.map((c, j) => (j === 63 ? c - PRIME : c))
    expect(verify(claimOf(commit({ lie: one, steps: 1 })))).toBe('OUT_OF_RANGE')
  })

  test('OUT_OF_RANGE: an entry one beyond the limit, on either side', () => {
    for (const entry of [64 * 127 * 128 + 1, -64 * 127 * 128 - 1, -(2 ** 31)])
      expect(verify(claimOf(commit({ steps: 1, lie: (_t, _i, honest) => honest.with(5, entry) })))).toBe('OUT_OF_RANGE')
    for (const entry of [64 * 127 * 128, -64 * 127 * 128])
      expect(verify(claimOf(commit({ steps: 1, lie: (_t, _i, honest) => honest.with(5, entry) })))).toBe('WRONG_PRODUCT')
  })

  const lies: Record<string, Lie> = {
    'one entry off by one': (_t, _i, honest) => honest.with(63, honest[63]! + 1),
    'copied rows': (_t, i, _honest, x, b) => (i === 0 ? undefined : product(x.map((_, j) => (j === 0 ? 1 : 0)), b)),
    'the inner dimension cut by a twentieth': (_t, _i, _honest, x, b) => product(x, b, 61),
    'sixteen bits of precision': (_t, _i, honest) => honest.map((c) => c & ~15),
    'rows of nothing': (_t, _i, honest) => honest.map(() => 0),
    'the product added to the row before': (_t, _i, honest) => honest.map((c, j) => c + j),
  }
  for (const [name, lie] of Object.entries(lies)) {
    test(`WRONG_PRODUCT: ${name}`, () => expect(verify(claimOf(commit({ lie, steps: 2 })))).toBe('WRONG_PRODUCT'))
  }

  test('WRONG_PRODUCT: steps skipped by committing to the step before', () => {
    const before = new Map<number, Int32Array>()
    const skip: Lie = (t, i, honest) => {
      if (t === 1) before.set(i, honest)
      return before.get(i)
    }
    expect(verify(claimOf(commit({ lie: skip })))).toBe('WRONG_PRODUCT')
  })

  test('WRONG_PRODUCT: another seed', () => {
    expect(verify({ ...claimOf(chain), seed: named('other seed') })).toBe('WRONG_PRODUCT')
    const seed = named('other seed')
    expect(verify({ ...claimOf(chain), seed, keys: chainKeys(crypto, seed, chain.roots, NONCES) })).toBe('WRONG_PRODUCT')
  })

  const folds: Record<string, [number, Uint8Array[]][]> = {
    'another nonce at 0': [[0, [named('x')]], [2, [named('b'), named('c')]]],
    'another nonce later': [[0, [named('a')]], [2, [named('b'), named('x')]]],
    'a nonce left out': [[0, [named('a')]], [2, [named('b')]]],
    'nonces in another order': [[0, [named('a')]], [2, [named('c'), named('b')]]],
    'folds at another step': [[0, [named('a')]], [3, [named('b'), named('c')]]],
    'all folded at 0': [[0, [named('a'), named('b'), named('c')]]],
  }
  for (const [name, entries] of Object.entries(folds)) {
    test(`WRONG_PRODUCT: ${name}`, () => {
      const claim = claimOf(chain, { samples: 64 })
      expect(verify({ ...claim, keys: chainKeys(crypto, chain.seed, chain.roots, NONCES) })).toBe('OK')
      expect(verify({ ...claim, keys: chainKeys(crypto, chain.seed, chain.roots, new Map(entries)) })).toBe('WRONG_PRODUCT')
    })
  }

  test('of several faults the first cell in the order drawn decides, and in a cell path before range before product', () => {
    const wrong = commit({ steps: 1, lie: (_t, _i, honest) => honest.with(0, honest[0]! + 1) })
    const claim = claimOf(wrong)
    const openings = claim.openings.slice()
    openings[openings.length - 1]! ^= 1 // path of the last cell
    expect(verify({ ...claim, openings })).toBe('WRONG_PRODUCT')
    openings[256]! ^= 1 // path of the first cell
    expect(verify({ ...claim, openings })).toBe('BAD_PATH')
    const far = commit({ steps: 1, lie: (_t, _i, honest) => honest.with(0, 2 ** 30) })
    expect(verify(claimOf(far))).toBe('OUT_OF_RANGE')
  })
})

test('a claim that is no chain of the protocol is the caller’s mistake', () => {
  const claim = claimOf(chain)
  for (const wrong of [{ log2n: 5 }, { log2n: 14 }, { log2n: 6.5 }, { log2n: NaN }, { roots: [] }, { keys: claim.keys.slice(1) }, { samples: 0 }])
    expect(() => verify({ ...claim, ...wrong })).toThrow(RangeError)
})

describe('a lazy machine that fakes a share f of the rows', () => {
  // Acceptance of one proof is (1-f)^s, so of `runs` proofs with independent coins the number accepted is binomial; four standard deviations either side.
  // Coins come from a counter: the outcome is the same on every run of the test.
  const runs = 200
  for (const [f, samples] of [[0.02, 16], [0.02, 48], [0.06, 16], [0.06, 32], [0.25, 8]] as const) {
    test(`f = ${f}, ${samples} samples: accepted as often as (1-f)^s says, and never when a faked cell was drawn`, () => {
      const [steps, n] = [4, 64]
      const faked = new Set<string>()
      const words = new Uint32Array(keystream(named(`lazy ${f}`), 0, 4 * steps * n).buffer)
      for (let at = 0; faked.size < Math.round(f * steps * n); at++) faked.add(`${1 + (words[at]! % steps)}:${(words[at]! >>> 8) % n}`)
      const lazy = commit({ steps, lie: (t, i, honest) => (faked.has(`${t}:${i}`) ? honest.map((c, j) => (j % 2 ? c : -c)) : undefined) })
      const share = faked.size / (steps * n)
      let accepted = 0
      for (let run = 0; run < runs; run++) {
        const claim = claimOf(lazy, { coins: named(`coins ${f} ${samples} ${run}`), samples })
        const verdict = verify(claim)
        expect(verdict).toBe(cellsOf(claim).some(({ t, i }) => faked.has(`${t}:${i}`)) ? 'WRONG_PRODUCT' : 'OK')
        if (verdict === 'OK') accepted++
      }
      const chance = (1 - share) ** samples
      expect(Math.abs(accepted - runs * chance)).toBeLessThanOrEqual(4 * Math.sqrt(runs * chance * (1 - chance)) + 1)
    })
  }
})
