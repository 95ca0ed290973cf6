// The kernel every WebAssembly runtime with SIMD can run: pairs of int16 products (i32x4.dot_i16x8_s). See relaxed.ts for the faster twin.
import { columnStep, firstColumns, mixed, rowMix } from './common'
export { stream } from './common'
export { hashAll } from './sha256'

/** Bytes an entry of X or B takes here. */
export const ENTRY_BYTES: i32 = 2

/** Rows of B that one `pack` takes at least, and columns of a panel. */
const PAIR: u32 = 2
const PANEL: u32 = 8
/** Depth of B kept in the first-level cache during a sweep over the rows: 2048 * 8 columns * 2 bytes = 32 KiB. */
const DEPTH: u32 = 2048

/**
 * Puts `rows` stream rows of B (n bytes each, 7 bits used) into panels: rows k0 ... of B; panel j holds columns 8j ... 8j+7 as
 * [k/2][column][k%2] int16, so the inner loop of `multiply` reads one panel straight through.
 */
export function pack(src: usize, b: usize, n: u32, k0: u32, rows: u32): void {
  const seven = i8x16.splat(0x7f)
  for (let k: u32 = 0; k < rows; k += PAIR) {
    const p = src + k * n
    for (let j: u32 = 0; j < n; j += PANEL) {
      const even = v128.and(v128.load64_zero(p + j), seven), odd = v128.and(v128.load64_zero(p + n + j), seven)
      const pairs = v128.shuffle<i8>(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      const d = b + <usize>(j * n + (k0 + k) * PANEL) * ENTRY_BYTES
      v128.store(d, i16x8.extend_low_i8x16_s(pairs))
      v128.store(d, i16x8.extend_high_i8x16_s(pairs), 16)
    }
  }
}

/** `count` (a multiple of 16) stream bytes at `src` as entries of X. */
export function start(src: usize, x: usize, count: u32): void {
  for (let o: u32 = 0; o < count; o += 16) {
    const bytes = v128.load(src + o)
    v128.store(x + 2 * o, i16x8.extend_low_i8x16_s(bytes))
    v128.store(x + 2 * o, i16x8.extend_high_i8x16_s(bytes), 16)
  }
}

/** X from `rows` rows of C, of which the first is row i0 of the matrix. */
export function activate(c: usize, x: usize, rows: u32, n: u32, i0: u32, k0: u32, k1: u32): void {
  const key1 = i32x4.splat(k1), step = columnStep()
  for (let i: u32 = 0; i < rows; i++) {
    const row = rowMix(k0, i0 + i)
    let columns = firstColumns()
    for (let j: u32 = 0; j < n; j += 8) {
      const a = mixed(c, row, key1, columns)
      columns = i32x4.add(columns, step)
      const b = mixed(c + 16, row, key1, columns)
      columns = i32x4.add(columns, step)
      v128.store(x, i16x8.narrow_i32x4_s(a, b))
      c += 32
      x += 16
    }
  }
}

/** C = X B for `rows` (a multiple of 4) rows. Tiles of 4 x 8 stay in registers over the whole depth. */
export function multiply(x: usize, b: usize, c: usize, rows: u32, n: u32): void {
  const xStride = <usize>n * ENTRY_BYTES, cStride = <usize>n * 4
  const depth = min(n, DEPTH)
  for (let k0: u32 = 0; k0 < n; k0 += depth) {
    for (let j: u32 = 0; j < n; j += PANEL) {
      const panel = b + <usize>(j * n + k0 * PANEL) * ENTRY_BYTES
      const end = panel + <usize>depth * PANEL * ENTRY_BYTES
      for (let i: u32 = 0; i < rows; i += 4) {
        const out = c + <usize>i * cStride + 4 * j
        let x0 = x + <usize>i * xStride + k0 * ENTRY_BYTES
        let a0 = i32x4.splat(0), a1 = i32x4.splat(0), b0 = i32x4.splat(0), b1 = i32x4.splat(0)
        let c0 = i32x4.splat(0), c1 = i32x4.splat(0), d0 = i32x4.splat(0), d1 = i32x4.splat(0)
        for (let p = panel; p < end; p += 32) {
          const left = v128.load(p), right = v128.load(p, 16)
          let xk = v128.load32_splat(x0)
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(xk, left)); a1 = i32x4.add(a1, i32x4.dot_i16x8_s(xk, right))
          xk = v128.load32_splat(x0 + xStride)
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(xk, left)); b1 = i32x4.add(b1, i32x4.dot_i16x8_s(xk, right))
          xk = v128.load32_splat(x0 + 2 * xStride)
          c0 = i32x4.add(c0, i32x4.dot_i16x8_s(xk, left)); c1 = i32x4.add(c1, i32x4.dot_i16x8_s(xk, right))
          xk = v128.load32_splat(x0 + 3 * xStride)
          d0 = i32x4.add(d0, i32x4.dot_i16x8_s(xk, left)); d1 = i32x4.add(d1, i32x4.dot_i16x8_s(xk, right))
          x0 += 4
        }
        put(out, a0, a1, k0)
        put(out + cStride, b0, b1, k0)
        put(out + 2 * cStride, c0, c1, k0)
        put(out + 3 * cStride, d0, d1, k0)
      }
    }
  }
}

/** Stores the first partial sum, adds the later ones. */
// @ts-ignore: decorator
@inline
function put(p: usize, a: v128, b: v128, k0: u32): void {
  if (k0 > 0) {
    a = i32x4.add(a, v128.load(p))
    b = i32x4.add(b, v128.load(p, 16))
  }
  v128.store(p, a)
  v128.store(p, b, 16)
}
