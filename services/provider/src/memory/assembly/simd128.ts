// The scan every WebAssembly runtime with SIMD can run: pairs of int16 products (i32x4.dot_i16x8_s). See relaxed.ts for the faster twin.
import { sum } from './common'
export { stream } from '../../engines/assembly/common'
export { hashAll, hashIn } from '../../engines/assembly/sha256'
export { begin, fill } from './fill'

const LEAF: usize = 1024

/** 1024 stream bytes at `src` as the challenge that `scan` reads (2 KiB of room). */
export function challenge(src: usize, x: usize): void {
  for (let o: usize = 0; o < LEAF; o += 16) {
    const bytes = v128.and(v128.load(src + o), i8x16.splat(0x7f))
    v128.store(x + 2 * o, i16x8.extend_low_i8x16_s(bytes))
    v128.store(x + 2 * o, i16x8.extend_high_i8x16_s(bytes), 16)
  }
}

/** The dot products of `count` (a multiple of 4) leaves at `leaf` with the challenge at `x`, an int32 each at `y`. */
export function scan(leaf: usize, count: u32, x: usize, y: usize): void {
  const end = y + <usize>count * 4
  for (; y < end; y += 16, leaf += 4 * LEAF) {
    let a = i32x4.splat(0), b = a, c = a, d = a
    for (let o: usize = 0; o < LEAF; o += 16) {
      const low = v128.load(x + 2 * o), high = v128.load(x + 2 * o, 16)
      const p = leaf + o
      a = dot(v128.load(p), low, high, a)
      b = dot(v128.load(p, LEAF), low, high, b)
      c = dot(v128.load(p, 2 * LEAF), low, high, c)
      d = dot(v128.load(p, 3 * LEAF), low, high, d)
    }
    v128.store(y, sum(a, b, c, d))
  }
}

// @ts-ignore: decorator
@inline
function dot(bytes: v128, low: v128, high: v128, sum: v128): v128 {
  const pairs = i32x4.add(i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(bytes), low), i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(bytes), high))
  return i32x4.add(sum, pairs)
}
