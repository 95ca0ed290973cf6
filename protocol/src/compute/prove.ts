import type { Crypto } from '../crypto.ts'
import { keystream } from './chacha.ts'
import { activate, type Cell, hashRow, matrixKey, openingsLength, startKey, startRow, treeLevels, treePath } from './chain.ts'

/**
 * The chain in plain TypeScript, written to be read and to judge faster engines by; n^3 slow multiplications a step.
 *
 * ```ts
 * const prover = new ReferenceProver(crypto, seed, 6)
 * const key0 = firstKey(crypto, seed, [nonce])
 * const root1 = prover.step(key0)
 * const root2 = prover.step(stepKey(crypto, key0, root1, []))
 * ```
 */
export class ReferenceProver {
  readonly n: number
  readonly #crypto: Crypto
  readonly #b: Uint8Array
  /** C of the last step. */
  readonly #c: Int32Array[] = []
  /** keys[t] is key_t, for the t that `step` was given. */
  readonly #keys: Uint8Array[] = []
  /** The tree over the row hashes by step; the matrices themselves are not kept. */
  readonly #trees: (readonly Uint8Array[])[][] = []

  constructor(crypto: Crypto, seed: Uint8Array, log2n: number) {
    this.#crypto = crypto
    this.n = 2 ** log2n
    this.#b = keystream(matrixKey(crypto, seed), 0, this.n * this.n).map((byte) => byte & 0x7f)
  }

  get steps(): number {
    return this.#trees.length
  }

  /** Computes C_t from key_{t-1} and returns root_t. */
  step(key: Uint8Array): Uint8Array {
    const { sha256 } = this.#crypto
    this.#keys.push(key)
    for (let i = 0; i < this.n; i++) this.#c[i] = this.#advance(this.steps + 1, i, this.#c[i])
    const tree = treeLevels(sha256, this.#c.map((row) => hashRow(sha256, new Uint8Array(row.buffer))))
    this.#trees.push(tree)
    return tree.at(-1)![0]!
  }

  /** The openings of `cells`, in order. Row i depends on nothing but row i and the keys, so its own chain is computed again. */
  open(cells: readonly Cell[]): Uint8Array {
    const openings = new Uint8Array(openingsLength(cells, Math.log2(this.n)))
    let at = 0
    for (const part of cells.flatMap((cell) => this.#openCell(cell))) {
      openings.set(part, at)
      at += part.length
    }
    return openings
  }

  #openCell({ t, i }: Cell): Uint8Array[] {
    if (!(t >= 1 && t <= this.steps && i >= 0 && i < this.n)) throw new RangeError(`No cell (${t}, ${i}) in ${this.steps} steps of ${this.n} rows`)
    let before: Int32Array | undefined
    let row: Int32Array | undefined
    for (let s = 1; s <= t; s++) [before, row] = [row, this.#advance(s, i, row)]
    const opened = this.#openRow(row!, t, i)
    return before === undefined ? opened : [...opened, ...this.#openRow(before, t - 1, i)]
  }

  #openRow(row: Int32Array, t: number, i: number): Uint8Array[] {
    return [new Uint8Array(row.buffer), ...treePath(this.#trees[t - 1]!, i)]
  }

  /** C_t[i] from C_{t-1}[i] and key_{t-1}. */
  #advance(t: number, i: number, before: Int32Array | undefined): Int32Array {
    const { n } = this
    const key = this.#keys[t - 1]!
    const x = before === undefined ? startRow(startKey(this.#crypto, key), i, n) : activate(before, key, i)
    const row = new Int32Array(n)
    for (let k = 0; k < n; k++) {
      const xk = x[k]!
      const o = k * n
      for (let j = 0; j < n; j++) row[j]! += xk * this.#b[o + j]!
    }
    return row
  }
}
