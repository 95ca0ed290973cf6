// The fill of PROTOCOL "Memory": four lanes side by side, a lane of labels in each lane of the vectors. What waits for one lane's memory computes the others.
// Pointers are byte offsets into the imported memory, which threads share; nothing here keeps state of its own in it.
import { stream } from '../../engines/assembly/common'

/** A lane of the segment is 16 leaves of 1 KiB, a leaf 16 labels of 64 bytes. */
const LANE_SHIFT: u32 = 14
const LEAF_SHIFT: u32 = 10
const LABEL_SHIFT: u32 = 6

/** Writes the first labels of lanes `first` ... `first + count - 1` (multiples of 4): blocks of the stream of the 32-byte key at `key`. `space` is 256 bytes. */
export function begin(base: usize, key: usize, first: u32, count: u32, space: usize): void {
  for (let lane = first; lane < first + count; lane += 4) {
    stream(key, lane, space, 256)
    for (let i: usize = 0; i < 4; i++) memory.copy(base + (((<usize>lane) + i) << LANE_SHIFT), space + (i << LABEL_SHIFT), 64)
  }
}

/**
 * Computes `labels` labels from number `from` on of one slice (leaf) of lanes `first` ... `first + count - 1` (multiples of 4) of a segment of `lanes` lanes.
 * The label before and all earlier slices of the segment must be there. `key` points to the segment's 32 bytes.
 */
export function fill(base: usize, key: usize, lanes: u32, first: u32, count: u32, slice: u32, from: u32, labels: u32, doubleRounds: u32): void {
  const mask = lanes - 1
  const earlier = slice << 4
  const k1 = v128.load(key), k2 = v128.load(key, 16)
  for (let lane = first; lane < first + count; lane += 4) {
    const leaf = base + (<usize>lane << LANE_SHIFT) + (<usize>slice << LEAF_SHIFT)
    for (let u = from; u < from + labels; u++) {
      const position = earlier + u
      const to = leaf + (<usize>u << LABEL_SHIFT)
      for (let i: u32 = 0; i < 4; i++) {
        const dst = to + (<usize>i << LANE_SHIFT)
        const p = dst - 64
        let z0 = v128.load(p), z1 = v128.xor(k1, v128.load(p, 16)), z2 = v128.xor(k2, v128.load(p, 32)), z3 = v128.load(p, 48)
        if (slice > 0) {
          const a = base + (<usize>(load<u32>(p) & mask) << LANE_SHIFT) + (<usize>((<u64>load<u32>(p, 4) * earlier) >> 32) << LABEL_SHIFT)
          const b = base + (<usize>(load<u32>(p, 8) & mask) << LANE_SHIFT) + (<usize>((<u64>load<u32>(p, 12) * earlier) >> 32) << LABEL_SHIFT)
          z0 = v128.xor(z0, v128.xor(v128.load(a, 16), v128.load(b, 32)))
          z1 = v128.xor(z1, v128.xor(v128.load(a, 32), v128.load(b, 48)))
          z2 = v128.xor(z2, v128.xor(v128.load(a, 48), v128.load(b)))
          z3 = v128.xor(z3, v128.xor(v128.load(a), v128.load(b, 16)))
        }
        z3 = v128.xor(z3, i32x4(lane + i, position, 0, 0))
        v128.store(dst, z0)
        v128.store(dst, z1, 16)
        v128.store(dst, z2, 32)
        v128.store(dst, z3, 48)
      }
      permute(to, doubleRounds)
    }
  }
}

/** z + rounds(z) in place, for four labels a lane apart. */
// @ts-ignore: decorator
@inline
function permute(at: usize, doubleRounds: u32): void {
  const p0 = at, p1 = at + (1 << LANE_SHIFT), p2 = at + (2 << LANE_SHIFT), p3 = at + (3 << LANE_SHIFT)
  let a = v128.load(p0), b = v128.load(p1), c = v128.load(p2), d = v128.load(p3)
  let e = v128.shuffle<i32>(a, b, 0, 4, 1, 5), f = v128.shuffle<i32>(a, b, 2, 6, 3, 7), g = v128.shuffle<i32>(c, d, 0, 4, 1, 5), h = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  let a0 = v128.shuffle<i64>(e, g, 0, 2), a1 = v128.shuffle<i64>(e, g, 1, 3), a2 = v128.shuffle<i64>(f, h, 0, 2), a3 = v128.shuffle<i64>(f, h, 1, 3)
  a = v128.load(p0, 16); b = v128.load(p1, 16); c = v128.load(p2, 16); d = v128.load(p3, 16)
  e = v128.shuffle<i32>(a, b, 0, 4, 1, 5); f = v128.shuffle<i32>(a, b, 2, 6, 3, 7); g = v128.shuffle<i32>(c, d, 0, 4, 1, 5); h = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  let b0 = v128.shuffle<i64>(e, g, 0, 2), b1 = v128.shuffle<i64>(e, g, 1, 3), b2 = v128.shuffle<i64>(f, h, 0, 2), b3 = v128.shuffle<i64>(f, h, 1, 3)
  a = v128.load(p0, 32); b = v128.load(p1, 32); c = v128.load(p2, 32); d = v128.load(p3, 32)
  e = v128.shuffle<i32>(a, b, 0, 4, 1, 5); f = v128.shuffle<i32>(a, b, 2, 6, 3, 7); g = v128.shuffle<i32>(c, d, 0, 4, 1, 5); h = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  let c0 = v128.shuffle<i64>(e, g, 0, 2), c1 = v128.shuffle<i64>(e, g, 1, 3), c2 = v128.shuffle<i64>(f, h, 0, 2), c3 = v128.shuffle<i64>(f, h, 1, 3)
  a = v128.load(p0, 48); b = v128.load(p1, 48); c = v128.load(p2, 48); d = v128.load(p3, 48)
  e = v128.shuffle<i32>(a, b, 0, 4, 1, 5); f = v128.shuffle<i32>(a, b, 2, 6, 3, 7); g = v128.shuffle<i32>(c, d, 0, 4, 1, 5); h = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  let d0 = v128.shuffle<i64>(e, g, 0, 2), d1 = v128.shuffle<i64>(e, g, 1, 3), d2 = v128.shuffle<i64>(f, h, 0, 2), d3 = v128.shuffle<i64>(f, h, 1, 3)
  for (let i: u32 = 0; i < doubleRounds; i++) {
    // columns
    a0 = i32x4.add(a0, b0); d0 = rotl16(v128.xor(d0, a0)); c0 = i32x4.add(c0, d0); b0 = rotl(v128.xor(b0, c0), 12)
    a1 = i32x4.add(a1, b1); d1 = rotl16(v128.xor(d1, a1)); c1 = i32x4.add(c1, d1); b1 = rotl(v128.xor(b1, c1), 12)
    a2 = i32x4.add(a2, b2); d2 = rotl16(v128.xor(d2, a2)); c2 = i32x4.add(c2, d2); b2 = rotl(v128.xor(b2, c2), 12)
    a3 = i32x4.add(a3, b3); d3 = rotl16(v128.xor(d3, a3)); c3 = i32x4.add(c3, d3); b3 = rotl(v128.xor(b3, c3), 12)
    a0 = i32x4.add(a0, b0); d0 = rotl8(v128.xor(d0, a0)); c0 = i32x4.add(c0, d0); b0 = rotl(v128.xor(b0, c0), 7)
    a1 = i32x4.add(a1, b1); d1 = rotl8(v128.xor(d1, a1)); c1 = i32x4.add(c1, d1); b1 = rotl(v128.xor(b1, c1), 7)
    a2 = i32x4.add(a2, b2); d2 = rotl8(v128.xor(d2, a2)); c2 = i32x4.add(c2, d2); b2 = rotl(v128.xor(b2, c2), 7)
    a3 = i32x4.add(a3, b3); d3 = rotl8(v128.xor(d3, a3)); c3 = i32x4.add(c3, d3); b3 = rotl(v128.xor(b3, c3), 7)
    // diagonals
    a0 = i32x4.add(a0, b1); d3 = rotl16(v128.xor(d3, a0)); c2 = i32x4.add(c2, d3); b1 = rotl(v128.xor(b1, c2), 12)
    a1 = i32x4.add(a1, b2); d0 = rotl16(v128.xor(d0, a1)); c3 = i32x4.add(c3, d0); b2 = rotl(v128.xor(b2, c3), 12)
    a2 = i32x4.add(a2, b3); d1 = rotl16(v128.xor(d1, a2)); c0 = i32x4.add(c0, d1); b3 = rotl(v128.xor(b3, c0), 12)
    a3 = i32x4.add(a3, b0); d2 = rotl16(v128.xor(d2, a3)); c1 = i32x4.add(c1, d2); b0 = rotl(v128.xor(b0, c1), 12)
    a0 = i32x4.add(a0, b1); d3 = rotl8(v128.xor(d3, a0)); c2 = i32x4.add(c2, d3); b1 = rotl(v128.xor(b1, c2), 7)
    a1 = i32x4.add(a1, b2); d0 = rotl8(v128.xor(d0, a1)); c3 = i32x4.add(c3, d0); b2 = rotl(v128.xor(b2, c3), 7)
    a2 = i32x4.add(a2, b3); d1 = rotl8(v128.xor(d1, a2)); c0 = i32x4.add(c0, d1); b3 = rotl(v128.xor(b3, c0), 7)
    a3 = i32x4.add(a3, b0); d2 = rotl8(v128.xor(d2, a3)); c1 = i32x4.add(c1, d2); b0 = rotl(v128.xor(b0, c1), 7)
  }
  addTransposed(at, a0, a1, a2, a3)
  addTransposed(at + 16, b0, b1, b2, b3)
  addTransposed(at + 32, c0, c1, c2, c3)
  addTransposed(at + 48, d0, d1, d2, d3)
}

// @ts-ignore: decorator
@inline
function rotl(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits))
}

// @ts-ignore: decorator
@inline
function rotl16(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

// @ts-ignore: decorator
@inline
function rotl8(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
}

/** Adds four words of four labels, lane = label, to their places a lane of the segment apart. */
// @ts-ignore: decorator
@inline
function addTransposed(p: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  add(p, v128.shuffle<i64>(ab, cd, 0, 2))
  add(p + (1 << LANE_SHIFT), v128.shuffle<i64>(ab, cd, 1, 3))
  add(p + (2 << LANE_SHIFT), v128.shuffle<i64>(AB, CD, 0, 2))
  add(p + (3 << LANE_SHIFT), v128.shuffle<i64>(AB, CD, 1, 3))
}

// @ts-ignore: decorator
@inline
function add(p: usize, x: v128): void {
  v128.store(p, i32x4.add(v128.load(p), x))
}
