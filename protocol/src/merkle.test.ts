import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { crypto, hashOf } from '../testing/crypto.ts'
import { concat, fromHex, type Hash, toHex } from './bytes.ts'
import { merkleProof, merkleRoot, verifyMerkleProof } from './merkle.ts'

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
