// What the measured profile runs beside the matrix kernel: 32-bit floating point, memory read in order, memory read in no order.
// Each returns something that depends on all of its work, so that no compiler may leave it out.

/** Chains of `muladd`: enough that their latency hides behind each other. */
const CHAINS: u32 = 12
/** Floating-point operations of one iteration of `muladd`: a product and a sum in four lanes of each chain. */
export const MULADD_FLOPS: u32 = CHAINS * 4 * 2

/** `iterations` rounds of a = a * m + b in twelve independent chains of four lanes. */
export function muladd(iterations: u32): f32 {
  const m = f32x4.splat(0.999), b = f32x4.splat(0.001)
  let a0 = f32x4.splat(1), a1 = f32x4.splat(2), a2 = f32x4.splat(3), a3 = f32x4.splat(4), a4 = f32x4.splat(5), a5 = f32x4.splat(6)
  let a6 = f32x4.splat(7), a7 = f32x4.splat(8), a8 = f32x4.splat(9), a9 = f32x4.splat(10), aa = f32x4.splat(11), ab = f32x4.splat(12)
  for (let i: u32 = 0; i < iterations; i++) {
    a0 = f32x4.add(f32x4.mul(a0, m), b); a1 = f32x4.add(f32x4.mul(a1, m), b); a2 = f32x4.add(f32x4.mul(a2, m), b)
    a3 = f32x4.add(f32x4.mul(a3, m), b); a4 = f32x4.add(f32x4.mul(a4, m), b); a5 = f32x4.add(f32x4.mul(a5, m), b)
    a6 = f32x4.add(f32x4.mul(a6, m), b); a7 = f32x4.add(f32x4.mul(a7, m), b); a8 = f32x4.add(f32x4.mul(a8, m), b)
    a9 = f32x4.add(f32x4.mul(a9, m), b); aa = f32x4.add(f32x4.mul(aa, m), b); ab = f32x4.add(f32x4.mul(ab, m), b)
  }
  const low = f32x4.add(f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)), f32x4.add(a4, a5))
  const high = f32x4.add(f32x4.add(f32x4.add(a6, a7), f32x4.add(a8, a9)), f32x4.add(aa, ab))
  return f32x4.extract_lane(f32x4.add(low, high), 0)
}

/** Reads `bytes` (a multiple of 128) from `p` on, in order. */
export function read(p: usize, bytes: u32): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a
  for (const end = p + bytes; p < end; p += 128) {
    a = v128.xor(a, v128.xor(v128.load(p), v128.load(p, 64)))
    b = v128.xor(b, v128.xor(v128.load(p, 16), v128.load(p, 80)))
    c = v128.xor(c, v128.xor(v128.load(p, 32), v128.load(p, 96)))
    d = v128.xor(d, v128.xor(v128.load(p, 48), v128.load(p, 112)))
  }
  return i32x4.extract_lane(v128.xor(v128.xor(a, b), v128.xor(c, d)), 0)
}

/** Bytes of a line: what one miss brings. */
const LINE: u32 = 64

/**
 * Links `lines` lines (a power of two) from `p` on into one cycle over all of them: each holds the offset of the next, that of a full-period
 * linear congruence. Written in order, so it is quick; what follows it jumps too far for any prefetcher.
 */
export function link(p: usize, lines: u32): void {
  const mask = lines - 1
  for (let i: u32 = 0; i < lines; i++) store<u32>(p + <usize>i * LINE, ((i * 0x915f77f5 + 0x6a09e667) & mask) * LINE)
}

/** Follows `hops` links from the line at offset `from`; returns the offset of the last. Each load waits for the one before. */
export function chase(p: usize, from: u32, hops: u32): u32 {
  let at = from
  for (let i: u32 = 0; i < hops; i++) at = load<u32>(p + at)
  return at
}
