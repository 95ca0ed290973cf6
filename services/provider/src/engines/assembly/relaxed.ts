// The kernel for runtimes with relaxed SIMD: four int8 products a lane (i32x4.relaxed_dot_i8x16_i7x16_add_s). The instruction's two
// implementation-defined corners, a second operand above 127 and sums beyond int16, cannot occur: B has 7 bits, and 2 * 127 * 128 < 2^15.
import { columnStep, firstColumns, mixed, rowMix } from './common'
export { stream } from './common'
export { hashAll } from './sha256'

/** Bytes an entry of X or B takes here. */
export const ENTRY_BYTES: i32 = 1

/** Rows of B that one `pack` takes at least, and columns of a panel. */
const QUAD: u32 = 4
const PANEL: u32 = 8
/** Depth of B kept in the first-level cache during a sweep over the rows: 4096 * 8 columns = 32 KiB. */
const DEPTH: u32 = 4096

/**
 * Puts `rows` stream rows of B (n bytes each, 7 bits used) into panels: rows k0 ... of B; panel j holds columns 8j ... 8j+7 as
 * [k/4][column][k%4] bytes, so the inner loop of `multiply` reads one panel straight through.
 */
export function pack(src: usize, b: usize, n: u32, k0: u32, rows: u32): void {
  const seven = i8x16.splat(0x7f)
  for (let k: u32 = 0; k < rows; k += QUAD) {
    const p = src + k * n
    for (let j: u32 = 0; j < n; j += PANEL) {
      const r0 = v128.load64_zero(p + j), r1 = v128.load64_zero(p + n + j)
      const r2 = v128.load64_zero(p + 2 * n + j), r3 = v128.load64_zero(p + 3 * n + j)
      const even = v128.and(v128.shuffle<i8>(r0, r1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), seven)
      const odd = v128.and(v128.shuffle<i8>(r2, r3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), seven)
      const d = b + <usize>(j * n + (k0 + k) * PANEL)
      v128.store(d, v128.shuffle<i16>(even, odd, 0, 8, 1, 9, 2, 10, 3, 11))
      v128.store(d, v128.shuffle<i16>(even, odd, 4, 12, 5, 13, 6, 14, 7, 15), 16)
    }
  }
}

/** `count` stream bytes at `src` as entries of X. */
export function start(src: usize, x: usize, count: u32): void {
  memory.copy(x, src, count)
}

/** X from `rows` rows of C, of which the first is row i0 of the matrix. */
export function activate(c: usize, x: usize, rows: u32, n: u32, i0: u32, k0: u32, k1: u32): void {
  const key1 = i32x4.splat(k1), step = columnStep()
  for (let i: u32 = 0; i < rows; i++) {
    const row = rowMix(k0, i0 + i)
    let columns = firstColumns()
    for (let j: u32 = 0; j < n; j += 16) {
      const a0 = mixed(c, row, key1, columns)
      columns = i32x4.add(columns, step)
      const a1 = mixed(c + 16, row, key1, columns)
      columns = i32x4.add(columns, step)
      const a2 = mixed(c + 32, row, key1, columns)
      columns = i32x4.add(columns, step)
      const a3 = mixed(c + 48, row, key1, columns)
      columns = i32x4.add(columns, step)
      v128.store(x, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a0, a1), i16x8.narrow_i32x4_s(a2, a3)))
      c += 64
      x += 16
    }
  }
}

/** C = X B for `rows` (a multiple of 4) rows. Tiles of 4 x 8 stay in registers over the whole depth. */
export function multiply(x: usize, b: usize, c: usize, rows: u32, n: u32): void {
  const xStride = <usize>n, cStride = <usize>n * 4
  const depth = min(n, DEPTH)
  for (let k0: u32 = 0; k0 < n; k0 += depth) {
    for (let j: u32 = 0; j < n; j += PANEL) {
      const panel = b + <usize>(j * n + k0 * PANEL)
      const end = panel + <usize>depth * PANEL
      for (let i: u32 = 0; i < rows; i += 4) {
        const out = c + <usize>i * cStride + 4 * j
        let x0 = x + <usize>i * xStride + k0
        let a0 = i32x4.splat(0), a1 = i32x4.splat(0), b0 = i32x4.splat(0), b1 = i32x4.splat(0)
        let c0 = i32x4.splat(0), c1 = i32x4.splat(0), d0 = i32x4.splat(0), d1 = i32x4.splat(0)
        for (let p = panel; p < end; p += 32) {
          const left = v128.load(p), right = v128.load(p, 16)
          let xk = v128.load32_splat(x0)
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, left, a0); a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, right, a1)
          xk = v128.load32_splat(x0 + xStride)
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, left, b0); b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, right, b1)
          xk = v128.load32_splat(x0 + 2 * xStride)
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, left, c0); c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, right, c1)
          xk = v128.load32_splat(x0 + 3 * xStride)
          d0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, left, d0); d1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(xk, right, d1)
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
