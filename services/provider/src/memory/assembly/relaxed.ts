// The scan for runtimes with relaxed SIMD (i32x4.relaxed_dot_i8x16_i7x16_add_s). The instruction's two implementation-defined corners, a second operand above
// 127 and sums beyond int16, cannot occur: a challenge has 7 bits, and 2 * 127 * 128 < 2^15.
import { sum } from './common'
export { stream } from '../../engines/assembly/common'
export { hashAll, hashIn } from '../../engines/assembly/sha256'
export { begin, fill } from './fill'

const LEAF: usize = 1024

/** 1024 stream bytes at `src` as the challenge that `scan` reads (2 KiB of room). */
export function challenge(src: usize, x: usize): void {
  for (let o: usize = 0; o < LEAF; o += 16) v128.store(x + o, v128.and(v128.load(src + o), i8x16.splat(0x7f)))
}

/** The dot products of `count` (a multiple of 4) leaves at `leaf` with the challenge at `x`, an int32 each at `y`. */
export function scan(leaf: usize, count: u32, x: usize, y: usize): void {
  const end = y + <usize>count * 4
  for (; y < end; y += 16, leaf += 4 * LEAF) {
    let a = i32x4.splat(0), b = a, c = a, d = a
    for (let o: usize = 0; o < LEAF; o += 16) {
      const xo = v128.load(x + o)
      const p = leaf + o
      a = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p), xo, a)
      b = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p, LEAF), xo, b)
      c = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p, 2 * LEAF), xo, c)
      d = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(p, 3 * LEAF), xo, d)
    }
    v128.store(y, sum(a, b, c, d))
  }
}
