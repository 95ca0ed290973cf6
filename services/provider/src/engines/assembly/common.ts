// AssemblyScript, compiled by tools/build-kernels.mjs. What both kernels share; integers only, so every variant gives the same bytes.
// Pointers are byte offsets into the imported memory; the host keeps the layout.

const GOLDEN: u32 = 0x9e3779b1
const M1: u32 = 0x85ebca6b
const M2: u32 = 0xc2b2ae35
const M3: u32 = 0x27d4eb2f
const COLUMN: u32 = 0x85ebca77

/** ChaCha8 key stream from block `counter` on, four blocks at a time (a lane each): `bytes` is a multiple of 256. `key` points to 32 bytes. */
export function stream(key: usize, counter: u32, dst: usize, bytes: u32): void {
  const k0 = v128.load32_splat(key), k1 = v128.load32_splat(key, 4), k2 = v128.load32_splat(key, 8), k3 = v128.load32_splat(key, 12)
  const k4 = v128.load32_splat(key, 16), k5 = v128.load32_splat(key, 20), k6 = v128.load32_splat(key, 24), k7 = v128.load32_splat(key, 28)
  const s0 = i32x4.splat(0x61707865), s1 = i32x4.splat(0x3320646e), s2 = i32x4.splat(0x79622d32), s3 = i32x4.splat(0x6b206574)
  for (let o: u32 = 0; o < bytes; o += 256) {
    const c = counter + (o >> 6)
    const block = i32x4.add(i32x4.splat(c), i32x4(0, 1, 2, 3))
    let a0 = s0, a1 = s1, a2 = s2, a3 = s3
    let b0 = k0, b1 = k1, b2 = k2, b3 = k3
    let c0 = k4, c1 = k5, c2 = k6, c3 = k7
    let d0 = block, d1 = i32x4.splat(0), d2 = i32x4.splat(0), d3 = i32x4.splat(0)
    for (let i = 0; i < 4; i++) {
      // columns
      a0 = i32x4.add(a0, b0); d0 = rotl(v128.xor(d0, a0), 16); c0 = i32x4.add(c0, d0); b0 = rotl(v128.xor(b0, c0), 12)
      a1 = i32x4.add(a1, b1); d1 = rotl(v128.xor(d1, a1), 16); c1 = i32x4.add(c1, d1); b1 = rotl(v128.xor(b1, c1), 12)
      a2 = i32x4.add(a2, b2); d2 = rotl(v128.xor(d2, a2), 16); c2 = i32x4.add(c2, d2); b2 = rotl(v128.xor(b2, c2), 12)
      a3 = i32x4.add(a3, b3); d3 = rotl(v128.xor(d3, a3), 16); c3 = i32x4.add(c3, d3); b3 = rotl(v128.xor(b3, c3), 12)
      a0 = i32x4.add(a0, b0); d0 = rotl(v128.xor(d0, a0), 8); c0 = i32x4.add(c0, d0); b0 = rotl(v128.xor(b0, c0), 7)
      a1 = i32x4.add(a1, b1); d1 = rotl(v128.xor(d1, a1), 8); c1 = i32x4.add(c1, d1); b1 = rotl(v128.xor(b1, c1), 7)
      a2 = i32x4.add(a2, b2); d2 = rotl(v128.xor(d2, a2), 8); c2 = i32x4.add(c2, d2); b2 = rotl(v128.xor(b2, c2), 7)
      a3 = i32x4.add(a3, b3); d3 = rotl(v128.xor(d3, a3), 8); c3 = i32x4.add(c3, d3); b3 = rotl(v128.xor(b3, c3), 7)
      // diagonals
      a0 = i32x4.add(a0, b1); d3 = rotl(v128.xor(d3, a0), 16); c2 = i32x4.add(c2, d3); b1 = rotl(v128.xor(b1, c2), 12)
      a1 = i32x4.add(a1, b2); d0 = rotl(v128.xor(d0, a1), 16); c3 = i32x4.add(c3, d0); b2 = rotl(v128.xor(b2, c3), 12)
      a2 = i32x4.add(a2, b3); d1 = rotl(v128.xor(d1, a2), 16); c0 = i32x4.add(c0, d1); b3 = rotl(v128.xor(b3, c0), 12)
      a3 = i32x4.add(a3, b0); d2 = rotl(v128.xor(d2, a3), 16); c1 = i32x4.add(c1, d2); b0 = rotl(v128.xor(b0, c1), 12)
      a0 = i32x4.add(a0, b1); d3 = rotl(v128.xor(d3, a0), 8); c2 = i32x4.add(c2, d3); b1 = rotl(v128.xor(b1, c2), 7)
      a1 = i32x4.add(a1, b2); d0 = rotl(v128.xor(d0, a1), 8); c3 = i32x4.add(c3, d0); b2 = rotl(v128.xor(b2, c3), 7)
      a2 = i32x4.add(a2, b3); d1 = rotl(v128.xor(d1, a2), 8); c0 = i32x4.add(c0, d1); b3 = rotl(v128.xor(b3, c0), 7)
      a3 = i32x4.add(a3, b0); d2 = rotl(v128.xor(d2, a3), 8); c1 = i32x4.add(c1, d2); b0 = rotl(v128.xor(b0, c1), 7)
    }
    const p = dst + o
    transposed(p, i32x4.add(a0, s0), i32x4.add(a1, s1), i32x4.add(a2, s2), i32x4.add(a3, s3))
    transposed(p + 16, i32x4.add(b0, k0), i32x4.add(b1, k1), i32x4.add(b2, k2), i32x4.add(b3, k3))
    transposed(p + 32, i32x4.add(c0, k4), i32x4.add(c1, k5), i32x4.add(c2, k6), i32x4.add(c3, k7))
    transposed(p + 48, i32x4.add(d0, block), d1, d2, d3)
  }
}

// @ts-ignore: decorator
@inline
function rotl(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits))
}

/** Four words of four blocks, lane = block, to their places 64 bytes apart. */
// @ts-ignore: decorator
@inline
function transposed(p: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(p, v128.shuffle<i64>(ab, cd, 0, 2))
  v128.store(p, v128.shuffle<i64>(ab, cd, 1, 3), 64)
  v128.store(p, v128.shuffle<i64>(AB, CD, 0, 2), 128)
  v128.store(p, v128.shuffle<i64>(AB, CD, 1, 3), 192)
}

/** k0 + i * 0x9E3779B1 in every lane: the row's part of mix. */
// @ts-ignore: decorator
@inline
export function rowMix(k0: u32, i: u32): v128 {
  return i32x4.splat(k0 + i * GOLDEN)
}

/** j * 0x85EBCA77 for the four columns from 0 on; add `columnStep` for the next four. */
// @ts-ignore: decorator
@inline
export function firstColumns(): v128 {
  return i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(COLUMN))
}

// @ts-ignore: decorator
@inline
export function columnStep(): v128 {
  return i32x4.splat(4 * COLUMN)
}

/** The signed top bytes of mix for four entries at `c`. */
// @ts-ignore: decorator
@inline
export function mixed(c: usize, row: v128, k1: v128, columns: v128): v128 {
  let z = i32x4.mul(v128.xor(v128.load(c), row), i32x4.splat(M1))
  z = v128.xor(z, i32x4.shr_u(z, 15))
  z = i32x4.mul(i32x4.add(z, v128.xor(k1, columns)), i32x4.splat(M2))
  z = v128.xor(z, i32x4.shr_u(z, 13))
  return i32x4.shr_s(i32x4.mul(z, i32x4.splat(M3)), 24)
}
