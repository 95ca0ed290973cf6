// Merkle trees of statements, built when a proof is first asked for and kept while they are asked for: at 100,000 leaves to build one takes most of a second, to read a path from it nothing.
import type { Kysely } from 'kysely'
import { type Crypto, type Hash, MerkleTree, toHex } from '@assay/protocol'
import type { Tables, Tree } from '../tables.ts'

/** Trees kept at once; 64 bytes a leaf each. */
const KEPT = 8
const HASH_BYTES = 32
const LEAVES_A_READ = 5000

export interface Path { leaf: Uint8Array, size: number, path: Hash[] }

/** The audit path of leaf `index` of an epoch's tree, whose root is `root`. */
export type PathOf = (epoch: number, tree: Tree, root: Hash, index: number) => Promise<Path>

/** Paths from the leaves in the database. */
export function pathsIn(db: Kysely<Tables>, crypto: Crypto): PathOf {
  // A tree is known by its root too: an epoch that was computed anew is another.
  const kept = new Map<string, Promise<{ tree: MerkleTree, size: number }>>()

  async function build(epoch: number, tree: Tree): Promise<{ tree: MerkleTree, size: number }> {
    const leaves: Uint8Array[] = []
    for (let rows; rows === undefined || rows.length === LEAVES_A_READ;) {
      rows = await db.selectFrom('leaves').select('leaf').where('epoch', '=', epoch).where('tree', '=', tree).where('position', '>=', leaves.length).orderBy('position').limit(LEAVES_A_READ).execute()
      for (const { leaf } of rows) leaves.push(leaf)
    }
    return { tree: new MerkleTree(crypto, leaves), size: leaves.length }
  }

  return async (epoch, tree, root, index) => {
    const key = `${epoch} ${tree} ${root}`
    const building = kept.get(key) ?? build(epoch, tree)
    // Last in the map: the first is the one that nobody asked for longest.
    kept.delete(key)
    kept.set(key, building)
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!)
    building.catch(() => kept.delete(key))
    const [built, { leaf }] = await Promise.all([building, db.selectFrom('leaves').select('leaf').where('epoch', '=', epoch).where('tree', '=', tree).where('position', '=', index).executeTakeFirstOrThrow()])
    const bytes = built.tree.path(index)
    return { leaf, size: built.size, path: Array.from({ length: bytes.length / HASH_BYTES }, (_, i) => toHex(bytes.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1)))) }
  }
}
