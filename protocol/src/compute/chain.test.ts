import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Crypto } from '../crypto.ts'
import { keystream } from './chacha.ts'
import { activate, chainKeys, climb, firstKey, hashRow, openingsLength, startKey, startRow, stepKey, treeLevels, treePath, treeRoot } from './chain.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const crypto = { sha256 } as Crypto
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hash = (...parts: (string | Uint8Array)[]): Uint8Array => sha256(Buffer.concat(parts.map((part) => Buffer.from(part))))

describe('keys', () => {
  test('are what PROTOCOL section 5 hashes', () => {
    fc.assert(
      fc.property(bytes32, bytes32, fc.array(bytes32, { maxLength: 3 }), (a, root, nonces) => {
        expect(firstKey(crypto, a, nonces)).toEqual(hash('assay/1/key', a, ...nonces))
        expect(stepKey(crypto, a, root, nonces)).toEqual(hash('assay/1/step', a, root, ...nonces))
        expect(startKey(crypto, a)).toEqual(hash('assay/1/x', a))
      }),
    )
  })

  test('of a chain depend on root, order of nonces and the step they were folded at', () => {
    const [seed, root1, root2, a, b] = [1, 2, 3, 4, 5].map((v) => new Uint8Array(32).fill(v)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    const keys = chainKeys(crypto, seed, [root1, root2], new Map([[0, [a]], [2, [b, a]]]))
    const key0 = firstKey(crypto, seed, [a])
    const key1 = stepKey(crypto, key0, root1, [])
    expect(keys).toEqual([key0, key1, stepKey(crypto, key1, root2, [b, a])])
    expect(chainKeys(crypto, seed, [root1, root2], new Map([[0, [a]], [2, [a, b]]]))[2]).not.toEqual(keys[2])
    expect(chainKeys(crypto, seed, [root1, root2], new Map([[0, [a]], [1, [b, a]]]))[2]).not.toEqual(keys[2])
  })
})

describe('rows', () => {
  test('X_0 is the stream read row by row as int8', () => {
    fc.assert(
      fc.property(bytes32, fc.nat(63), (start, i) => {
        expect(startRow(start, i, 64)).toEqual(new Int8Array(keystream(start, 0, 64 * 64).slice(64 * i, 64 * i + 64).buffer))
      }),
    )
  })

  test('X_t is the signed top byte of mix, computed here on big integers', () => {
    const mask = 0xffffffffn
    const mix = (c: number, key: Uint8Array, i: number, j: number): number => {
      const view = new DataView(key.buffer, key.byteOffset)
      const [k0, k1] = [BigInt(view.getUint32(0, true)), BigInt(view.getUint32(4, true))]
      let z = BigInt.asUintN(32, BigInt(c))
      z ^= (k0 + BigInt(i) * 0x9e3779b1n) & mask
      z = (z * 0x85ebca6bn) & mask
      z ^= z >> 15n
      z = (z + (k1 ^ ((BigInt(j) * 0x85ebca77n) & mask))) & mask
      z = (z * 0xc2b2ae35n) & mask
      z ^= z >> 13n
      z = (z * 0x27d4eb2fn) & mask
      return Number(BigInt.asIntN(8, z >> 24n))
    }
    fc.assert(
      fc.property(bytes32, fc.nat(8191), fc.int32Array({ minLength: 64, maxLength: 64 }), (key, i, row) => {
        expect([...activate(row, key, i)]).toEqual([...row].map((c, j) => mix(c, key, i, j)))
      }),
    )
  })

  test('copied rows of C still give rows of X of full rank in bytes: every row and column mixes differently', () => {
    const key = new Uint8Array(32).fill(9)
    const row = new Int32Array(256).fill(12345)
    const rows = Array.from({ length: 256 }, (_, i) => Buffer.from(activate(row, key, i)).toString('hex'))
    expect(new Set(rows).size).toBe(256)
  })
})

describe('tree', () => {
  const row = (length: number): Uint8Array => keystream(new Uint8Array(32), 0, length)

  test('a row is one leaf up to 1 KiB and a subtree of 1 KiB chunks beyond', () => {
    expect(hashRow(sha256, row(256))).toEqual(hash(row(256)))
    expect(hashRow(sha256, row(1024))).toEqual(hash(row(1024)))
    const [a, b] = [row(2048).slice(0, 1024), row(2048).slice(1024)]
    expect(hashRow(sha256, row(2048))).toEqual(hash(hash(a), hash(b)))
  })

  test('the path of any node leads to the root, and from no other place or node', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.nat(), fc.nat(), (height, at, flip) => {
        const size = 2 ** height
        const nodes = Array.from({ length: size }, (_, i) => hash(`leaf ${i}`))
        const index = at % size
        const root = treeRoot(sha256, nodes)
        const path = new Uint8Array(Buffer.concat(treePath(treeLevels(sha256, nodes), index)))
        expect(path.length).toBe(32 * height)
        expect(climb(sha256, nodes[index]!, index, path)).toEqual(root)
        if (height === 0) return
        expect(climb(sha256, nodes[index]!, index ^ (1 << (flip % height)), path)).not.toEqual(root)
        path[flip % path.length]! ^= 1
        expect(climb(sha256, nodes[index]!, index, path)).not.toEqual(root)
      }),
    )
  })

  test('openings have a length known from the cells', () => {
    expect(openingsLength([{ t: 1, i: 0 }], 6)).toBe(256 + 192)
    expect(openingsLength([{ t: 1, i: 0 }, { t: 2, i: 63 }], 13)).toBe(3 * (4 * 8192 + 32 * 13))
  })
})
