import type { Crypto } from '@assay/protocol'

const HASH_BYTES = 32

/** The upper part of a Merkle tree (node S(left ‖ right)), every level kept: 64 bytes for each of the nodes it is made of, a power of two of them. */
export class Nodes {
  readonly #levels: Uint8Array[]

  constructor(sha256: Crypto['sha256'], nodes: Uint8Array) {
    this.#levels = [nodes]
    for (let below = nodes; below.length > HASH_BYTES; below = this.#levels.at(-1)!) {
      const level = new Uint8Array(below.length / 2)
      for (let o = 0; o < level.length; o += HASH_BYTES) level.set(sha256(below.subarray(2 * o, 2 * o + 2 * HASH_BYTES)), o)
      this.#levels.push(level)
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1)!
  }

  /** Siblings of node `index` on the way up. */
  path(index: number): Uint8Array[] {
    return this.#levels.slice(0, -1).map((level, height) => {
      const at = ((index >> height) ^ 1) * HASH_BYTES
      return level.subarray(at, at + HASH_BYTES)
    })
  }
}
