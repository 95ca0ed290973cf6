// The Merkle tree of RFC 6962 (section 2.1) over SHA-256: leaf S(0x00 ‖ leaf), node S(0x01 ‖ left ‖ right), empty tree S("").
import { concat, fromHex, type Hash, isHash, toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** Root of the tree over `leaves`, which are given as they are: the 0x00 before each is put here. */
export function merkleRoot(crypto: Crypto, leaves: readonly Uint8Array[]): Hash {
  return toHex(rootOf(crypto, leaves.map((leaf) => leafHash(crypto, leaf))))
}

/**
 * The audit path of leaf `index`, leaf side first: what `verifyMerkleProof` needs beside the leaf.
 * @throws RangeError if there is no such leaf
 */
export function merkleProof(crypto: Crypto, leaves: readonly Uint8Array[], index: number): Hash[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index} among ${leaves.length}`)
  const path = (hashes: readonly Uint8Array[], at: number): Uint8Array[] => {
    if (hashes.length === 1) return []
    const split = splitOf(hashes.length)
    const [left, right] = [hashes.slice(0, split), hashes.slice(split)]
    return at < split ? [...path(left, at), rootOf(crypto, right)] : [...path(right, at - split), rootOf(crypto, left)]
  }
  return path(leaves.map((leaf) => leafHash(crypto, leaf)), index).map(toHex)
}

/** True if `proof` leads from `leaf` at `index` of a tree of `size` leaves to `root`. False, never an error, for any other input. */
export function verifyMerkleProof(crypto: Crypto, root: Hash, leaf: Uint8Array, index: number, size: number, proof: readonly Hash[]): boolean {
  if (!Number.isSafeInteger(size) || !Number.isInteger(index) || index < 0 || index >= size) return false
  // The sides on which the siblings stand, root side first, follow from index and size alone.
  const siblingsLeft: boolean[] = []
  for (let at = index, of = size; of > 1; ) {
    const split = splitOf(of)
    siblingsLeft.push(at >= split)
    ;[at, of] = at < split ? [at, split] : [at - split, of - split]
  }
  if (proof.length !== siblingsLeft.length || !proof.every(isHash)) return false
  let hash = leafHash(crypto, leaf)
  for (const [i, sibling] of proof.entries()) {
    const other = fromHex(sibling)
    hash = siblingsLeft.at(-1 - i)! ? nodeHash(crypto, other, hash) : nodeHash(crypto, hash, other)
  }
  return toHex(hash) === root
}

function rootOf(crypto: Crypto, hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return crypto.sha256(new Uint8Array())
  if (hashes.length === 1) return hashes[0]!
  const split = splitOf(hashes.length)
  return nodeHash(crypto, rootOf(crypto, hashes.slice(0, split)), rootOf(crypto, hashes.slice(split)))
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

const leafHash = (crypto: Crypto, leaf: Uint8Array): Uint8Array => crypto.sha256(concat(LEAF, leaf))
const nodeHash = (crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array => crypto.sha256(concat(NODE, left, right))
