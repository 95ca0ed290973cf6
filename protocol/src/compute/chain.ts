// The chain of PROTOCOL section 5, one row at a time: keys, rows of B and X, row hashes, the tree over them.
import { concat, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { keystream } from './chacha.ts'

/** Row i of step t, 1 <= t <= T, 0 <= i < n. */
export interface Cell {
  t: number
  i: number
}

export const MIN_LOG2N = 6
export const MAX_LOG2N = 13

/** Bytes of C under one leaf of the tree, for rows that long. */
const CHUNK_BYTES = 1024

/** key_0 from the 32-byte seed and the nonces folded at 0, in ascending order of their checkers. */
export function firstKey(crypto: Crypto, seed: Uint8Array, nonces: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/key'), seed, ...nonces))
}

/** key_t from key_{t-1}, root_t and the nonces folded at t, in ascending order of their checkers. */
export function stepKey(crypto: Crypto, key: Uint8Array, root: Uint8Array, nonces: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/step'), key, root, ...nonces))
}

/** Nonces by the step they were folded at, those of one step in ascending order of their checkers. */
export type NoncesByStep = ReadonlyMap<number, readonly Uint8Array[]>

/** key_0 ... key_T of a committed chain of T roots. */
export function chainKeys(crypto: Crypto, seed: Uint8Array, roots: readonly Uint8Array[], nonces: NoncesByStep): Uint8Array[] {
  const keys = [firstKey(crypto, seed, nonces.get(0) ?? [])]
  for (const [t, root] of roots.entries()) keys.push(stepKey(crypto, keys[t]!, root, nonces.get(t + 1) ?? []))
  return keys
}

/** Key of the stream that B is read from; entries are its bytes & 0x7f. */
export function matrixKey(crypto: Crypto, seed: Uint8Array): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/b'), seed))
}

/** Key of the stream that X_0 is read from; entries are its bytes as int8. */
export function startKey(crypto: Crypto, key0: Uint8Array): Uint8Array {
  return crypto.sha256(concat(utf8('assay/1/x'), key0))
}

/** X_0[i], n int8. `start` is `startKey`. */
export function startRow(start: Uint8Array, i: number, n: number): Int8Array {
  const bytes = keystream(start, i * n, n)
  return new Int8Array(bytes.buffer, bytes.byteOffset, n)
}

/** X_t[i] from C_t[i] (n int32) and key_t: the signed top byte of mix(C_t[i][j], key_t, i, j). */
export function activate(row: Int32Array, key: Uint8Array, i: number): Int8Array {
  const view = new DataView(key.buffer, key.byteOffset, 8)
  const k0 = (view.getInt32(0, true) + Math.imul(i, 0x9e3779b1)) | 0
  const k1 = view.getInt32(4, true)
  const x = new Int8Array(row.length)
  for (let j = 0; j < row.length; j++) {
    let z = Math.imul(row[j]! ^ k0, 0x85ebca6b)
    z ^= z >>> 15
    z = Math.imul((z + (k1 ^ Math.imul(j, 0x85ebca77))) | 0, 0xc2b2ae35)
    z ^= z >>> 13
    x[j] = Math.imul(z, 0x27d4eb2f) >> 24
  }
  return x
}

/** Greatest |C_t[i][j]| of an honest chain. */
export const entryLimit = (n: number): number => n * 127 * 128

/** Bytes of one opened row with its path. */
const rowBytes = (log2n: number): number => 4 * 2 ** log2n + 32 * log2n

/** Length in bytes of the openings of `cells`: at t = 1 one row and path, else two. */
export function openingsLength(cells: readonly Cell[], log2n: number): number {
  return cells.reduce((sum, { t }) => sum + (t > 1 ? 2 : 1) * rowBytes(log2n), 0)
}

/** Root of the subtree over one row of C (4n bytes). */
export function hashRow(sha256: Crypto['sha256'], row: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = []
  for (let o = 0; o < row.length; o += CHUNK_BYTES) chunks.push(sha256(row.subarray(o, o + CHUNK_BYTES)))
  return treeRoot(sha256, chunks)
}

/** Root over a power of two of 32-byte nodes: node = S(left || right). A tree of one is that node. */
export function treeRoot(sha256: Crypto['sha256'], nodes: readonly Uint8Array[]): Uint8Array {
  let level = nodes
  while (level.length > 1) level = parents(sha256, level)
  return level[0]!
}

/** The levels of the tree over `nodes`, these first, the root's last: for whoever needs many paths. */
export function treeLevels(sha256: Crypto['sha256'], nodes: readonly Uint8Array[]): (readonly Uint8Array[])[] {
  const levels = [nodes]
  for (let level = nodes; level.length > 1; ) levels.push((level = parents(sha256, level)))
  return levels
}

/** Siblings of node `index` on the way up, leaf side first; `levels` is `treeLevels`. */
export function treePath(levels: readonly (readonly Uint8Array[])[], index: number): Uint8Array[] {
  return levels.slice(0, -1).map((level, up) => level[(index >> up) ^ 1]!)
}

/** The root that `node` at `index` leads to over `path` (32 bytes a level, leaf side first). */
export function climb(sha256: Crypto['sha256'], node: Uint8Array, index: number, path: Uint8Array): Uint8Array {
  const pair = new Uint8Array(64)
  for (let o = 0, at = index; o < path.length; o += 32, at >>= 1) {
    pair.set(node, at & 1 ? 32 : 0)
    pair.set(path.subarray(o, o + 32), at & 1 ? 0 : 32)
    node = sha256(pair)
  }
  return node
}

function parents(sha256: Crypto['sha256'], level: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: level.length / 2 }, (_, i) => sha256(concat(level[2 * i]!, level[2 * i + 1]!)))
}
