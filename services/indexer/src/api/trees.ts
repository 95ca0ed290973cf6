// Paths in the Merkle trees of statements. At 100,000 leaves to hash a tree takes most of a second; so its upper part is kept, 1/128 of it, and a path costs a small piece of the leaves.
import type { Kysely } from 'kysely'
import { type Crypto, fromHex, type Hash, joinBytes, merkleRoot, MerkleTree, toHex } from '@assay/protocol'
import type { Tables, Tree } from '../tables.ts'

/** Leaves of a piece: a power of two, so that a piece is a subtree (RFC 6962, section 2.1) and all above it depends on its root alone. */
const PIECE = 256
const PIECES_A_READ = 16
/** Trees of which the upper part is kept: some 40 kB each at 100,000 leaves. */
const KEPT = 500
const HASH_BYTES = 32
const NODE = Uint8Array.of(1)

export interface Path { leaf: Uint8Array, size: number, path: Hash[] }

/** The audit path of leaf `index` of an epoch's tree, whose root is `root`. Rejects if there is no such leaf. */
export type PathOf = (epoch: number, tree: Tree, root: Hash, index: number) => Promise<Path>

/** The roots of a tree's pieces, and the levels above them up to its root. */
interface Upper { levels: Uint8Array[][], size: number }

/** Paths from the leaves in the database. */
export function pathsIn(db: Kysely<Tables>, crypto: Crypto, most = KEPT): PathOf {
  // A tree is known by its root too: an epoch that was computed anew is another.
  const kept = new Map<string, Promise<Upper>>()

  const read = async (epoch: number, tree: Tree, from: number, count: number): Promise<Uint8Array[]> =>
    (await db.selectFrom('leaves').select('leaf').where('epoch', '=', epoch).where('tree', '=', tree).where('position', '>=', from).where('position', '<', from + count).orderBy('position').execute()).map(({ leaf }) => leaf)

  async function build(epoch: number, tree: Tree): Promise<Upper> {
    const pieces: Uint8Array[] = []
    let size = 0
    for (let leaves; leaves === undefined || leaves.length === PIECE * PIECES_A_READ; size += leaves.length) {
      leaves = await read(epoch, tree, size, PIECE * PIECES_A_READ)
      for (let at = 0; at < leaves.length; at += PIECE) pieces.push(fromHex(merkleRoot(crypto, leaves.slice(at, at + PIECE))))
    }
    const levels = [pieces]
    for (let level = pieces; level.length > 1; levels.push(level)) level = above(crypto, level)
    return { levels, size }
  }

  return async (epoch, tree, root, index) => {
    const key = `${epoch} ${tree} ${root}`
    const building = kept.get(key) ?? build(epoch, tree)
    // Last in the map: the first is the one that nobody asked for longest.
    kept.delete(key)
    kept.set(key, building)
    if (kept.size > most) kept.delete(kept.keys().next().value!)
    building.catch(() => kept.delete(key))
    const first = index - (index % PIECE)
    const [{ levels, size }, leaves] = await Promise.all([building, read(epoch, tree, first, PIECE)])
    const within = new MerkleTree(crypto, leaves).path(index - first)
    const path = Array.from({ length: within.length / HASH_BYTES }, (_, i) => toHex(within.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1))))
    for (let [level, at] = [0, first / PIECE]; level < levels.length; level++, at = Math.floor(at / 2)) {
      const sibling = levels[level]![at % 2 === 0 ? at + 1 : at - 1]
      if (sibling) path.push(toHex(sibling))
    }
    return { leaf: leaves[index - first]!, size, path }
  }
}

/** The level above one: neighbours hashed together, and a last one without a neighbour as it is. */
const above = (crypto: Crypto, level: readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => (level[2 * i + 1] ? crypto.sha256(joinBytes([NODE, level[2 * i]!, level[2 * i + 1]!])) : level[2 * i]!))
