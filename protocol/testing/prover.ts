// A prover that keeps every matrix and commits to whatever it is told to, consistently: tree, keys, paths and openings are those of an honest one.
import { concat } from '../src/bytes.ts'
import { keystream } from '../src/compute/chacha.ts'
import { activate, type Cell, hashRow, matrixKey, startKey, startRow } from '../src/compute/chain.ts'
import type { Crypto } from '../src/crypto.ts'

/** The row that is committed as C_t[i]; undefined is the honest one. */
export type Lie = (t: number, i: number, prover: LyingProver) => Int32Array | undefined

/** Takes the place of a `ReferenceProver`. */
export class LyingProver {
  readonly n: number
  /** Multiplications done so far; an honest step takes n^3. */
  multiplications = 0
  readonly #crypto: Crypto
  readonly #b: Uint8Array
  readonly #lie: Lie
  readonly #keys: Uint8Array[] = []
  readonly #matrices: Int32Array[][] = []
  /** By step: row hashes, then the levels above them up to the root. */
  readonly #trees: Uint8Array[][][] = []

  constructor(crypto: Crypto, seed: Uint8Array, log2n: number, lie: Lie) {
    this.n = 2 ** log2n
    this.#crypto = crypto
    this.#lie = lie
    this.#b = keystream(matrixKey(crypto, seed), 0, this.n * this.n).map((byte) => byte & 0x7f)
  }

  /** Commits to C_t from key_{t-1} and returns root_t. */
  step(key: Uint8Array): Uint8Array {
    this.#keys.push(key)
    const t = this.#keys.length
    this.#matrices.push(Array.from({ length: this.n }, (_, i) => this.#lie(t, i, this) ?? this.product(this.input(i))))
    return this.#hash(t)
  }

  /** The openings of `cells`, as committed. */
  open(cells: readonly Cell[]): Uint8Array {
    return concat(...cells.flatMap(({ t, i }) => [...this.#openRow(t, i), ...(t > 1 ? this.#openRow(t - 1, i) : [])]))
  }

  /** X_{t-1}[i] of the step under way (of the next one between steps, as far as its key is given), from what was committed. */
  input(i: number, key: Uint8Array = this.#keys.at(-1)!): Int8Array {
    const before = this.#matrices.at(-1)
    return before === undefined ? startRow(startKey(this.#crypto, key), i, this.n) : activate(before[i]!, key, i)
  }

  /** A row of X times B, of whose rows only the first `depth` are used. */
  product(x: Int8Array, depth = this.n): Int32Array {
    const { n } = this
    const b = this.#b
    const row = new Int32Array(n)
    for (let k = 0, o = 0; k < depth; k++) {
      const entry = x[k]!
      for (let j = 0; j < n; j++, o++) row[j] = (row[j]! + entry * b[o]!) | 0
    }
    this.multiplications += depth * n
    return row
  }

  /** What was committed as C_t[i]. */
  row(t: number, i: number): Int32Array {
    return this.#matrices[t - 1]![i]!
  }

  /** Puts another row in the place of a committed one and returns the step's new root. */
  replace(t: number, i: number, row: Int32Array): Uint8Array {
    this.#matrices[t - 1]![i] = row
    return this.#hash(t)
  }

  #openRow(t: number, i: number): Uint8Array[] {
    const siblings = this.#trees[t - 1]!.slice(0, -1).map((level, up) => level[(i >> up) ^ 1]!)
    return [new Uint8Array(this.row(t, i).buffer), ...siblings]
  }

  #hash(t: number): Uint8Array {
    const { sha256 } = this.#crypto
    let level = this.#matrices[t - 1]!.map((row) => hashRow(sha256, new Uint8Array(row.buffer)))
    const tree = [level]
    while (level.length > 1) tree.push((level = Array.from({ length: level.length / 2 }, (_, i) => sha256(concat(level[2 * i]!, level[2 * i + 1]!)))))
    this.#trees[t - 1] = tree
    return level[0]!
  }
}

/** Computes every other row and leaves zeros for the rest. */
export const everyOtherRow: Lie = (_t, i, { n }) => (i % 2 === 0 ? undefined : new Int32Array(n))
