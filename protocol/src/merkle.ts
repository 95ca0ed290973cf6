// The Merkle tree of RFC 6962 (section 2.1) over SHA-256: leaf S(0x00 ‖ leaf), node S(0x01 ‖ left ‖ right), empty tree S("").
// Its split at the largest power of two below its size is the same as pairing neighbours level by level, where a last one without a neighbour goes up as it is:
// so 2i and 2i + 1 are the neighbours on every level, and nothing here needs recursion.
import { equalBytes, fromHex, type Hash, isHash, joinBytes, toHex } from './bytes.ts'
import { type Strict, Writer } from './codec.ts'
import type { Crypto } from './crypto.ts'

const HASH_BYTES = 32
const LEAF = 0
const NODE = 1

/** Root of the tree over `leaves`, which are given as they are: the 0x00 before each is put here. Keeps none of them. */
export function merkleRoot(crypto: Crypto, leaves: Iterable<Uint8Array>): Hash {
  const tree = new MerkleBuilder(crypto)
  for (const leaf of leaves) tree.add(leaf)
  return tree.root()
}

/** Root of the tree over what `leaf` encodes of each of the values; an epoch has many, so without an array for each. */
export function merkleRootOf<T>(crypto: Crypto, leaf: Pick<Strict<T>, 'write'>, values: Iterable<T>): Hash {
  const tree = new MerkleBuilder(crypto)
  for (const value of values) {
    const to = beginLeaf()
    leaf.write(value, to)
    tree.addHash(crypto.sha256(to.view()))
  }
  return tree.root()
}

/** A tree that takes its leaves one by one and keeps no more than one hash for each of its levels. */
export class MerkleBuilder {
  readonly #crypto: Crypto
  /** Roots of the complete subtrees from the left, greatest first: one for each bit that is set in the number of leaves. */
  readonly #peaks: Uint8Array[] = []
  #size = 0

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** Takes the next leaf, as it is. */
  add(leaf: Uint8Array): void {
    this.addHash(leafHash(this.#crypto, leaf))
  }

  /** Takes the next leaf by its hash, S(0x00 ‖ leaf). */
  addHash(hash: Uint8Array): void {
    let peak = hash
    for (let at = this.#size; at % 2 === 1; at = half(at)) peak = nodeHash(this.#crypto, this.#peaks.pop()!, peak)
    this.#peaks.push(peak)
    this.#size += 1
  }

  /** Root over the leaves so far; more may follow. */
  root(): Hash {
    if (this.#size === 0) return toHex(this.#crypto.sha256(new Uint8Array()))
    return toHex(this.#peaks.reduceRight((right, left) => nodeHash(this.#crypto, left, right)))
  }
}

/** A tree of which every node is kept, so that the audit path of a leaf costs no hashing: 64 bytes of memory a leaf. */
export class MerkleTree {
  /** The hashes of each level in a row, leaves first, up to the root. */
  readonly #levels: Uint8Array[]
  readonly #size: number

  constructor(crypto: Crypto, leaves: readonly Uint8Array[]) {
    this.#size = leaves.length
    let level = new Uint8Array(HASH_BYTES * leaves.length)
    for (const [i, leaf] of leaves.entries()) level.set(leafHash(crypto, leaf), HASH_BYTES * i)
    this.#levels = [level]
    for (let count = leaves.length; count > 1; count = Math.ceil(count / 2)) {
      const above = new Uint8Array(HASH_BYTES * Math.ceil(count / 2))
      for (let i = 0; i < count; i += 2) above.set(i + 1 < count ? nodeHash(crypto, hashAt(level, i), hashAt(level, i + 1)) : hashAt(level, i), HASH_BYTES * half(i))
      this.#levels.push(above)
      level = above
    }
  }

  /**
   * The audit path of leaf `index`, leaf side first, its hashes in a row: what a `MerkleVerifier` needs beside the leaf.
   * @throws RangeError if there is no such leaf
   */
  path(index: number): Uint8Array {
    if (!Number.isInteger(index) || index < 0 || index >= this.#size) throw new RangeError(`no leaf ${index} among ${this.#size}`)
    const path = new Uint8Array(pathBytes(index, this.#size))
    let length = 0
    for (let [at, last, level] = [index, this.#size - 1, 0]; last > 0; [at, last, level] = [half(at), half(last), level + 1]) {
      if (!hasSibling(at, last)) continue
      path.set(hashAt(this.#levels[level]!, siblingOf(at)), length)
      length += HASH_BYTES
    }
    return path
  }
}

/**
 * The audit path of leaf `index`, leaf side first: what `verifyMerkleProof` needs beside the leaf. For the paths of many leaves take a `MerkleTree`.
 * @throws RangeError if there is no such leaf
 */
export function merkleProof(crypto: Crypto, leaves: readonly Uint8Array[], index: number): Hash[] {
  const path = new MerkleTree(crypto, leaves).path(index)
  return Array.from({ length: path.length / HASH_BYTES }, (_, i) => toHex(hashAt(path, i)))
}

/** True if `proof` leads from `leaf` at `index` of a tree of `size` leaves to `root`. False, never an error, for any other input. */
export function verifyMerkleProof(crypto: Crypto, root: Hash, leaf: Uint8Array, index: number, size: number, proof: readonly Hash[]): boolean {
  return isHash(root) && proof.every(isHash) && new MerkleVerifier(crypto, fromHex(root), size).verify(leaf, index, joinBytes(proof.map(fromHex)))
}

/** Two neighbours of a level as they are hashed. */
interface Pair {
  /** Of the nodes 2i and 2i + 1; -1: of none. */
  i: number
  /** 0x01 ‖ left ‖ right. */
  bytes: Uint8Array
}

/**
 * Verifies audit paths of one tree, in any order and number. It remembers the nodes that the last true path showed to lie under the root, and a path is hashed only up to where it meets them:
 * leaves in ascending order cost two hashes each on average, whatever the size. Memory for each level, not for each leaf. The answers are those of `verifyMerkleProof`, unless a collision of SHA-256 is known.
 */
export class MerkleVerifier {
  readonly #crypto: Crypto
  readonly #root: Uint8Array
  readonly #size: number
  /** By level, from the leaves: the pairs on the last true path, and room for those of the next. */
  readonly #known: (Pair | undefined)[] = []
  readonly #next: (Pair | undefined)[] = []

  /** `root` is 32 bytes; with any other, or a `size` that no tree has, nothing verifies. */
  constructor(crypto: Crypto, root: Uint8Array, size: number) {
    this.#crypto = crypto
    this.#root = root
    this.#size = size
  }

  /** True if `path`, the hashes of an audit path in a row, leads from `leaf` at `index` to the root. False, never an error, for any other input. */
  verify(leaf: Uint8Array, index: number, path: Uint8Array): boolean {
    if (!Number.isSafeInteger(this.#size) || !Number.isInteger(index) || index < 0 || index >= this.#size || path.length !== pathBytes(index, this.#size)) return false
    let hash = leafHash(this.#crypto, leaf)
    let used = 0
    let level = 0
    let [at, last] = [index, this.#size - 1]
    for (; last > 0 && this.#known[level]?.i !== half(at); at = half(at), last = half(last), level++) {
      const pair = (this.#next[level] ??= { i: -1, bytes: new Uint8Array(1 + 2 * HASH_BYTES).fill(NODE, 0, 1) })
      pair.i = hasSibling(at, last) ? half(at) : -1
      if (pair.i < 0) continue
      copy(hash, 0, pair.bytes, placeOf(at))
      copy(path, used, pair.bytes, placeOf(siblingOf(at)))
      used += HASH_BYTES
      hash = this.#crypto.sha256(pair.bytes)
    }
    if (last > 0 ? !same(hash, 0, this.#known[level]!.bytes, placeOf(at)) : !equalBytes(hash, this.#root)) return false
    const met = level
    // From there on the way is known, and whoever brings it must bring just that.
    for (; last > 0; at = half(at), last = half(last), level++) {
      if (!hasSibling(at, last)) continue
      if (!same(path, used, this.#known[level]!.bytes, placeOf(siblingOf(at)))) return false
      used += HASH_BYTES
    }
    for (let i = 0; i < met; i++) [this.#known[i], this.#next[i]] = [this.#next[i], this.#known[i]]
    return true
  }
}

/** Where a node stands in the bytes of its pair. */
const placeOf = (at: number): number => (at % 2 === 1 ? 1 + HASH_BYTES : 1)
const siblingOf = (at: number): number => (at % 2 === 1 ? at - 1 : at + 1)

/** Loops, because of 32 bytes a view costs more than what is done with it. */
function copy(from: Uint8Array, at: number, to: Uint8Array, start: number): void {
  for (let i = 0; i < HASH_BYTES; i++) to[start + i] = from[at + i]!
}

function same(a: Uint8Array, at: number, b: Uint8Array, start: number): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[at + i] !== b[start + i]) return false
  return true
}

/** Of the nodes 0 … `last` of a level, only the last can be without a neighbour to be hashed with. */
const hasSibling = (at: number, last: number): boolean => at % 2 === 1 || at < last

/** Bytes of the audit path of leaf `index` among `size`. */
function pathBytes(index: number, size: number): number {
  let bytes = 0
  for (let at = index, last = size - 1; last > 0; at = half(at), last = half(last)) if (hasSibling(at, last)) bytes += HASH_BYTES
  return bytes
}

/** Not by shifting: sizes go beyond 2^31. */
const half = (value: number): number => Math.floor(value / 2)
const hashAt = (hashes: Uint8Array, i: number): Uint8Array => hashes.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1))

// Each leaf and each node is hashed over the same memory as the one before it: arrays of their own cost more than the hash. Writing and hashing are one step, nothing comes between.
const LEAF_BYTES = new Writer()
const NODE_BYTES = new Uint8Array(1 + 2 * HASH_BYTES).fill(NODE, 0, 1)

function beginLeaf(): Writer {
  LEAF_BYTES.clear()
  LEAF_BYTES.u8(LEAF)
  return LEAF_BYTES
}

function leafHash(crypto: Crypto, leaf: Uint8Array): Uint8Array {
  const to = beginLeaf()
  to.bytes(leaf)
  return crypto.sha256(to.view())
}

function nodeHash(crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  NODE_BYTES.set(left, 1)
  NODE_BYTES.set(right, 1 + HASH_BYTES)
  return crypto.sha256(NODE_BYTES)
}
