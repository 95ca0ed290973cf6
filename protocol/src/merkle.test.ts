import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crypto, hashOf } from '../testing/crypto.ts'
import { concat, fromHex, type Hash, joinBytes, toHex } from './bytes.ts'
import { boundedBytes, strict } from './codec.ts'
import { MerkleBuilder, merkleProof, merkleRoot, merkleRootOf, MerkleTree, MerkleVerifier, verifyMerkleProof } from './merkle.ts'

const leaves = fc.uniqueArray(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 33, selector: toHex })

test('the empty tree is the hash of nothing', () => {
  expect(merkleRoot(crypto, [])).toBe('0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

test('each leaf has a proof, in its place alone', () => {
  fc.assert(
    fc.property(leaves, fc.nat(), fc.nat(), (all, at, other) => {
      const index = at % all.length
      const proof = merkleProof(crypto, all, index)
      const root = merkleRoot(crypto, all)
      const proves = (leaf: Uint8Array, index: number, size: number, path: Hash[]): boolean => verifyMerkleProof(crypto, root, leaf, index, size, path)
      expect(proves(all[index]!, index, all.length, proof)).toBe(true)
      const wrong = other % all.length
      if (wrong !== index) {
        expect(proves(all[wrong]!, index, all.length, proof)).toBe(false)
        expect(proves(all[index]!, wrong, all.length, proof)).toBe(false)
      }
      expect(proves(all[index]!, index, all.length, [...proof, hashOf('more')])).toBe(false)
      if (proof.length > 0) expect(proves(all[index]!, index, all.length, proof.slice(1))).toBe(false)
    }),
  )
})

test('a tree over values is the tree over their encodings, whatever their lengths and whatever could not be encoded before', () => {
  const leaf = strict('leaf', boundedBytes(400), { rule: (value: Uint8Array) => (value[0] === 0xff ? 'begins with ff' : null) })
  const values = fc.array(fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ minLength: 120, maxLength: 400, size: 'max' })).filter((value) => value[0] !== 0xff), { maxLength: 9 })
  fc.assert(
    fc.property(values, (all) => {
      expect(merkleRootOf(crypto, leaf, all)).toBe(merkleRoot(crypto, all.map((value) => leaf.encode(value))))
      expect(() => merkleRootOf(crypto, leaf, [...all, Uint8Array.of(0xff)])).toThrow(RangeError)
    }),
  )
})

test('a node is no leaf', () => {
  const all = [1, 2].map((n) => Uint8Array.of(n))
  const [left, right] = all.map((leaf) => merkleRoot(crypto, [leaf]))
  expect(verifyMerkleProof(crypto, merkleRoot(crypto, all), concat(fromHex(left!), fromHex(right!)), 0, 1, [])).toBe(false)
})

test('nonsense proves nothing and throws nothing', () => {
  const root = merkleRoot(crypto, [Uint8Array.of(1)])
  for (const [index, size] of [[-1, 1], [0, 0], [1, 1], [0.5, 1], [0, Number.POSITIVE_INFINITY], [0, Number.NaN]] as const) expect(verifyMerkleProof(crypto, root, Uint8Array.of(1), index, size, [])).toBe(false)
  expect(verifyMerkleProof(crypto, root, Uint8Array.of(1), 0, 2, ['0xZZ' as Hash])).toBe(false)
  expect(() => merkleProof(crypto, [Uint8Array.of(1)], 1)).toThrow(RangeError)
})

/** RFC 6962, section 2.1, word for word. */
const rfc = {
  split: (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1),
  leaf: (d: Uint8Array): Uint8Array => crypto.sha256(concat(Uint8Array.of(0), d)),
  root(d: readonly Uint8Array[]): Uint8Array {
    if (d.length === 0) return crypto.sha256(new Uint8Array())
    if (d.length === 1) return rfc.leaf(d[0]!)
    const k = rfc.split(d.length)
    return crypto.sha256(concat(Uint8Array.of(1), rfc.root(d.slice(0, k)), rfc.root(d.slice(k))))
  },
  path(m: number, d: readonly Uint8Array[]): Uint8Array[] {
    if (d.length === 1) return []
    const k = rfc.split(d.length)
    return m < k ? [...rfc.path(m, d.slice(0, k)), rfc.root(d.slice(k))] : [...rfc.path(m - k, d.slice(k)), rfc.root(d.slice(0, k))]
  },
}
const numbered = (size: number): Uint8Array[] => Array.from({ length: size }, (_, i) => Uint8Array.of(i, i >> 8))

test('roots and paths are those of RFC 6962, at every size', () => {
  const tree = new MerkleBuilder(crypto)
  for (let size = 0; size <= 70; size++) {
    const all = numbered(size)
    const root = toHex(rfc.root(all))
    expect([tree.root(), merkleRoot(crypto, all)]).toEqual([root, root])
    const whole = new MerkleTree(crypto, all)
    for (let i = 0; i < size; i++) {
      const path = rfc.path(i, all)
      expect(merkleProof(crypto, all, i)).toEqual(path.map(toHex))
      expect(toHex(whole.path(i))).toBe(toHex(joinBytes(path)))
      expect(verifyMerkleProof(crypto, root, all[i]!, i, size, path.map(toHex))).toBe(true)
    }
    tree.add(numbered(size + 1).at(-1)!)
  }
})

test('a tree has a path for each of its leaves, and no other', () => {
  for (const index of [-1, 3, 0.5, Number.NaN]) expect(() => new MerkleTree(crypto, numbered(3)).path(index)).toThrow(RangeError)
  expect(() => new MerkleTree(crypto, []).path(0)).toThrow(RangeError)
})

test('what a verifier remembers changes no answer, whatever the order and whatever is spoiled', () => {
  type Spoilt = { as?: number; of?: number; flip?: number; cut?: true }
  const spoilt = fc.oneof<fc.MaybeWeightedArbitrary<Spoilt>[]>({ weight: 8, arbitrary: fc.constant({}) }, fc.record({ as: fc.nat(40) }), fc.record({ of: fc.nat() }), fc.record({ flip: fc.nat() }), fc.constant({ cut: true }))
  const claim = fc.tuple(fc.nat(), spoilt)
  let [kept, refused] = [0, 0]
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(claim, { maxLength: 60 }), (size, claims) => {
      const all = numbered(size)
      const root = rfc.root(all)
      const verifier = new MerkleVerifier(crypto, root, size)
      for (const [at, { as, of, flip, cut }] of claims) {
        const index = at % size
        const leaf = all[of === undefined ? index : of % size]!
        const path = joinBytes(rfc.path(index, all))
        if (flip !== undefined && path.length > 0) path[flip % path.length]! ^= 1
        const brought = cut ? path.subarray(32) : path
        const hashes = Array.from({ length: brought.length / 32 }, (_, i) => toHex(brought.subarray(32 * i, 32 * i + 32)))
        const answer = verifyMerkleProof(crypto, toHex(root), leaf, as ?? index, size, hashes)
        expect(verifier.verify(leaf, as ?? index, brought)).toBe(answer)
        if (answer) kept += 1
        else refused += 1
      }
    }),
    { numRuns: 400 },
  )
  expect(Math.min(kept, refused)).toBeGreaterThan(500)
})

test('a path is hashed only up to what is known', () => {
  const all = numbered(64)
  let hashed = 0
  const counting = { ...crypto, sha256: (bytes: Uint8Array) => (hashed++, crypto.sha256(bytes)) }
  const tree = new MerkleTree(crypto, all)
  const verifier = new MerkleVerifier(counting, rfc.root(all), 64)
  for (const [i, leaf] of all.entries()) expect(verifier.verify(leaf, i, tree.path(i))).toBe(true)
  expect(hashed).toBe(64 + 63)
})

test('a tree of more leaves than 32 bits count', () => {
  const size = 2 ** 40 + 1
  const [left, last] = [hashOf('2^40 leaves'), Uint8Array.of(7)]
  const root = toHex(crypto.sha256(concat(Uint8Array.of(1), fromHex(left), rfc.leaf(last))))
  expect(verifyMerkleProof(crypto, root, last, size - 1, size, [left])).toBe(true)
  expect(verifyMerkleProof(crypto, root, last, size - 2, size, [left])).toBe(false)
})
