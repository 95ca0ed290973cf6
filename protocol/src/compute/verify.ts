import { equalBytes } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { chacha8 } from './chacha.ts'
import { activate, climb, entryLimit, hashRow, matrixKey, MAX_LOG2N, MIN_LOG2N, openingsLength, startKey, startRow } from './chain.ts'
import { type Draw, draw } from './coins.ts'
import { dotBytes, dotEntries, residue } from './field.ts'

/** What was found wrong first, cell by cell in the order drawn, within a cell in the order of these names. `BAD_LENGTH` comes before all cells. */
export type ProofFault = 'BAD_LENGTH' | 'BAD_PATH' | 'OUT_OF_RANGE' | 'WRONG_PRODUCT'

export interface ProofClaim {
  /** 32 bytes. */
  seed: Uint8Array
  log2n: number
  /** root_1 ... root_T as committed. */
  roots: readonly Uint8Array[]
  /** key_0 ... key_T, from `chainKeys`. */
  keys: readonly Uint8Array[]
  /** 32 bytes, unknown to the machine when it committed. */
  coins: Uint8Array
  samples: number
  /** The openings of all cells in order: what stands between header and signature of the openings blob. */
  openings: Uint8Array
}

/**
 * Verifies the openings of a committed chain as PROTOCOL section 5 says. O(n) memory and n^2 + samples * n work, whatever the number of steps.
 * Bytes of the wrong length are refused before anything is allocated for them; the n^2 part starts only once a first cell has right paths.
 *
 * Sound by Freivalds' check twice over GF(2^31 - 1): a wrong row has |C - X B| <= 2 * n * 127 * 128 < p thanks to the range check,
 * so it is wrong mod p too and passes with probability p^-2.
 * @throws RangeError if the claim's own numbers (not the openings) are outside the protocol
 */
export function verifyOpenings(crypto: Crypto, claim: ProofClaim): 'OK' | ProofFault {
  const { log2n, roots, keys, coins, samples, openings } = claim
  if (!(Number.isInteger(log2n) && log2n >= MIN_LOG2N && log2n <= MAX_LOG2N) || roots.length < 1 || keys.length !== roots.length + 1 || samples < 1)
    throw new RangeError(`not a chain: log2n ${log2n}, ${roots.length} roots, ${keys.length} keys, ${samples} samples`)
  // No cell opens more than two rows, so a blob of any other size never reaches the draw.
  if (openings.length > openingsLength([{ t: 2, i: 0 }], log2n) * samples) return 'BAD_LENGTH'
  const n = 2 ** log2n
  const drawn = draw(crypto, coins, n, roots.length, samples)
  if (openings.length !== openingsLength(drawn.cells, log2n)) return 'BAD_LENGTH'

  const limit = entryLimit(n)
  const start = startKey(crypto, keys[0]!)
  let products: Products | undefined
  let at = 0
  const take = (length: number): Uint8Array => openings.subarray(at, (at += length))
  for (const { t, i } of drawn.cells) {
    const row = take(4 * n)
    const path = take(32 * log2n)
    if (!leadsTo(crypto, roots[t - 1]!, row, i, path)) return 'BAD_PATH'
    let before: Int32Array | undefined
    if (t > 1) {
      const rowBefore = take(4 * n)
      if (!leadsTo(crypto, roots[t - 2]!, rowBefore, i, take(32 * log2n))) return 'BAD_PATH'
      before = entries(rowBefore)
      if (!inRange(before, limit)) return 'OUT_OF_RANGE'
    }
    const c = entries(row)
    if (!inRange(c, limit)) return 'OUT_OF_RANGE'
    const x = before === undefined ? startRow(start, i, n) : activate(before, keys[t - 1]!, i)
    products ??= multiply(crypto, claim.seed, n, drawn)
    if (dotBytes(x, products.w) !== dotEntries(c, drawn.r) || dotBytes(x, products.v) !== dotEntries(c, drawn.q)) return 'WRONG_PRODUCT'
  }
  return 'OK'
}

const leadsTo = (crypto: Crypto, root: Uint8Array, row: Uint8Array, i: number, path: Uint8Array): boolean =>
  equalBytes(climb(crypto.sha256, hashRow(crypto.sha256, row), i, path), root)

function inRange(row: Int32Array, limit: number): boolean {
  for (let j = 0; j < row.length; j++) if (row[j]! > limit || row[j]! < -limit) return false
  return true
}

/** A row's entries, copied: the openings lie at any byte offset. */
const entries = (row: Uint8Array): Int32Array => new Int32Array(new Uint8Array(row).buffer)

/** w = B r and v = B q mod p. */
interface Products {
  w: Float64Array
  v: Float64Array
}

const ROWS_AT_ONCE = 16

/** Streams B in strips of a few rows. Sums stay below 127 * 2^31 * 2^13 < 2^51, so f64 adds them exactly. */
function multiply(crypto: Crypto, seed: Uint8Array, n: number, { r, q }: Draw): Products {
  const key = matrixKey(crypto, seed)
  const w = new Float64Array(n)
  const v = new Float64Array(n)
  const strip = new Uint32Array((ROWS_AT_ONCE * n) / 4)
  const bytes = new Uint8Array(strip.buffer)
  for (let i0 = 0; i0 < n; i0 += ROWS_AT_ONCE) {
    chacha8(key, (i0 * n) / 64, strip)
    // Two rows a turn: four sums that need not wait for each other.
    for (let i = 0; i < ROWS_AT_ONCE; i += 2) {
      let w0 = 0
      let w1 = 0
      let v0 = 0
      let v1 = 0
      for (let j = 0, o = i * n; j < n; j++, o++) {
        const b0 = bytes[o]! & 0x7f
        const b1 = bytes[o + n]! & 0x7f
        const rj = r[j]!
        const qj = q[j]!
        w0 += b0 * rj
        w1 += b1 * rj
        v0 += b0 * qj
        v1 += b1 * qj
      }
      w[i0 + i] = residue(w0)
      w[i0 + i + 1] = residue(w1)
      v[i0 + i] = residue(v0)
      v[i0 + i + 1] = residue(v1)
    }
  }
  return { w, v }
}
