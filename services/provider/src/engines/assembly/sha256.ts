// SHA-256 (FIPS 180-4) of four messages at a time, a lane each. The tree over C is a great many short messages, where the call of a native hash
// costs more than the hash.

// prettier-ignore
const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
  0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16)
const INITIAL = memory.data<u32>([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19], 16)
/** Message schedule: 64 words of four lanes. */
let W: usize = memory.data(1024, 16)
/** Chaining value: 8 words of four lanes. */
let STATE: usize = memory.data(128, 16)

/** Moves the working space of `hashAll` to 1152 bytes at `at`: for threads that share one memory, each with a space of its own. */
export function hashIn(at: usize): void {
  W = at
  STATE = at + 1024
}

/**
 * Hashes `count` messages of `length` bytes (a multiple of 64) that lie one after the other at `src`, into 32 bytes each at `dst`.
 * Works in fours: reads and writes as if `count` were rounded up. `dst` may be `src`: four are read before they are written.
 */
export function hashAll(src: usize, length: u32, count: u32, dst: usize): void {
  for (let m: u32 = 0; m < count; m += 4) {
    for (let w: usize = 0; w < 8; w++) v128.store(STATE + w * 16, v128.load32_splat(INITIAL + w * 4))
    const first = src + <usize>m * length
    for (let o: u32 = 0; o < length; o += 64) {
      for (let w: usize = 0; w < 64; w += 16) loadWords(first + o + w, length, W + 4 * w)
      compress()
    }
    // The padding block: one bit, zeros, the length in bits.
    for (let w: usize = 0; w < 15; w++) v128.store(W + w * 16, i32x4.splat(w == 0 ? 0x80000000 : 0))
    v128.store(W + 240, i32x4.splat(length * 8))
    compress()
    const out = dst + <usize>m * 32
    storeWords(STATE, out)
    storeWords(STATE + 64, out + 16)
  }
}

/** Four words each of four messages `stride` bytes apart, to lanes, big-endian. */
// @ts-ignore: decorator
@inline
function loadWords(p: usize, stride: usize, w: usize): void {
  const a = swapped(v128.load(p)), b = swapped(v128.load(p + stride)), c = swapped(v128.load(p + 2 * stride)), d = swapped(v128.load(p + 3 * stride))
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(w, v128.shuffle<i64>(ab, cd, 0, 2))
  v128.store(w, v128.shuffle<i64>(ab, cd, 1, 3), 16)
  v128.store(w, v128.shuffle<i64>(AB, CD, 0, 2), 32)
  v128.store(w, v128.shuffle<i64>(AB, CD, 1, 3), 48)
}

/** Four words of four lanes to four digests 32 bytes apart, big-endian. */
// @ts-ignore: decorator
@inline
function storeWords(s: usize, p: usize): void {
  const a = swapped(v128.load(s)), b = swapped(v128.load(s, 16)), c = swapped(v128.load(s, 32)), d = swapped(v128.load(s, 48))
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(p, v128.shuffle<i64>(ab, cd, 0, 2))
  v128.store(p, v128.shuffle<i64>(ab, cd, 1, 3), 32)
  v128.store(p, v128.shuffle<i64>(AB, CD, 0, 2), 64)
  v128.store(p, v128.shuffle<i64>(AB, CD, 1, 3), 96)
}

// @ts-ignore: decorator
@inline
function swapped(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
}

/** One block: the first 16 words of W into STATE. */
function compress(): void {
  for (let w = W; w < W + 768; w += 16) {
    const w1 = v128.load(w, 16), w14 = v128.load(w, 224)
    const s0 = v128.xor(v128.xor(rotr(w1, 7), rotr(w1, 18)), i32x4.shr_u(w1, 3))
    const s1 = v128.xor(v128.xor(rotr(w14, 17), rotr(w14, 19)), i32x4.shr_u(w14, 10))
    v128.store(w, i32x4.add(i32x4.add(v128.load(w), s0), i32x4.add(v128.load(w, 144), s1)), 256)
  }
  let a = v128.load(STATE), b = v128.load(STATE, 16), c = v128.load(STATE, 32), d = v128.load(STATE, 48)
  let e = v128.load(STATE, 64), f = v128.load(STATE, 80), g = v128.load(STATE, 96), h = v128.load(STATE, 112)
  // Eight rounds a turn, with the names moved on instead of the values.
  for (let i: usize = 0; i < 64; i += 8) {
    const w = W + i * 16, k = K + i * 4
    h = first(e, f, g, h, w, k); d = i32x4.add(d, h); h = second(a, b, c, h)
    g = first(d, e, f, g, w + 16, k + 4); c = i32x4.add(c, g); g = second(h, a, b, g)
    f = first(c, d, e, f, w + 32, k + 8); b = i32x4.add(b, f); f = second(g, h, a, f)
    e = first(b, c, d, e, w + 48, k + 12); a = i32x4.add(a, e); e = second(f, g, h, e)
    d = first(a, b, c, d, w + 64, k + 16); h = i32x4.add(h, d); d = second(e, f, g, d)
    c = first(h, a, b, c, w + 80, k + 20); g = i32x4.add(g, c); c = second(d, e, f, c)
    b = first(g, h, a, b, w + 96, k + 24); f = i32x4.add(f, b); b = second(c, d, e, b)
    a = first(f, g, h, a, w + 112, k + 28); e = i32x4.add(e, a); a = second(b, c, d, a)
  }
  v128.store(STATE, i32x4.add(a, v128.load(STATE)))
  v128.store(STATE, i32x4.add(b, v128.load(STATE, 16)), 16)
  v128.store(STATE, i32x4.add(c, v128.load(STATE, 32)), 32)
  v128.store(STATE, i32x4.add(d, v128.load(STATE, 48)), 48)
  v128.store(STATE, i32x4.add(e, v128.load(STATE, 64)), 64)
  v128.store(STATE, i32x4.add(f, v128.load(STATE, 80)), 80)
  v128.store(STATE, i32x4.add(g, v128.load(STATE, 96)), 96)
  v128.store(STATE, i32x4.add(h, v128.load(STATE, 112)), 112)
}

/** T1 of a round. */
// @ts-ignore: decorator
@inline
function first(e: v128, f: v128, g: v128, h: v128, w: usize, k: usize): v128 {
  const s1 = v128.xor(v128.xor(rotr(e, 6), rotr(e, 11)), rotr(e, 25))
  const choice = v128.xor(g, v128.and(e, v128.xor(f, g)))
  return i32x4.add(i32x4.add(i32x4.add(h, s1), choice), i32x4.add(v128.load(w), v128.load32_splat(k)))
}

/** T1 + T2 of a round. */
// @ts-ignore: decorator
@inline
function second(a: v128, b: v128, c: v128, t1: v128): v128 {
  const s0 = v128.xor(v128.xor(rotr(a, 2), rotr(a, 13)), rotr(a, 22))
  const majority = v128.xor(v128.and(v128.xor(a, b), v128.xor(b, c)), b)
  return i32x4.add(i32x4.add(t1, s0), majority)
}

// @ts-ignore: decorator
@inline
function rotr(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits))
}
