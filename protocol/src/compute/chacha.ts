// The key stream behind every pseudo-random byte of a job: ChaCha with 8 rounds (D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008).

// Rows, keys and streams are little-endian and are read through typed arrays. A big-endian host would give wrong verdicts, so it gives none.
if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) throw new Error('Assay needs a little-endian machine')

const BLOCK_BYTES = 64

/**
 * `length` bytes of the key stream from byte `offset` on: 32-byte key, 32-bit block counter (word 12) from 0, nonce words 0.
 * `offset` and `length` may be any integers >= 0 with offset + length <= 2^38.
 *
 * ```ts
 * keystream(new Uint8Array(32), 0, 4) // 3e 00 ef 2f
 * ```
 */
export function keystream(key: Uint8Array, offset: number, length: number): Uint8Array {
  const first = Math.floor(offset / BLOCK_BYTES)
  const blocks = Math.ceil((offset + length) / BLOCK_BYTES) - first
  const words = new Uint32Array(blocks * (BLOCK_BYTES / 4))
  chacha8(key, first, words)
  return new Uint8Array(words.buffer, offset - first * BLOCK_BYTES, length)
}

/** Fills `out` (a whole number of 16-word blocks) with the key stream from block `counter` on. */
export function chacha8(key: Uint8Array, counter: number, out: Uint32Array): void {
  const view = new DataView(key.buffer, key.byteOffset, 32)
  const k0 = view.getInt32(0, true)
  const k1 = view.getInt32(4, true)
  const k2 = view.getInt32(8, true)
  const k3 = view.getInt32(12, true)
  const k4 = view.getInt32(16, true)
  const k5 = view.getInt32(20, true)
  const k6 = view.getInt32(24, true)
  const k7 = view.getInt32(28, true)
  for (let o = 0, block = counter; o < out.length; o += 16, block++) {
    let a0 = 0x61707865, a1 = 0x3320646e, a2 = 0x79622d32, a3 = 0x6b206574 // "expand 32-byte k"
    let b0 = k0, b1 = k1, b2 = k2, b3 = k3, c0 = k4, c1 = k5, c2 = k6, c3 = k7
    let d0 = block | 0, d1 = 0, d2 = 0, d3 = 0
    // Written out with the state in locals: a loop over an array of 16 words is eight times slower.
    for (let round = 0; round < 8; round += 2) {
      a0 = (a0 + b0) | 0; d0 ^= a0; d0 = (d0 << 16) | (d0 >>> 16); c0 = (c0 + d0) | 0; b0 ^= c0; b0 = (b0 << 12) | (b0 >>> 20)
      a0 = (a0 + b0) | 0; d0 ^= a0; d0 = (d0 << 8) | (d0 >>> 24); c0 = (c0 + d0) | 0; b0 ^= c0; b0 = (b0 << 7) | (b0 >>> 25)
      a1 = (a1 + b1) | 0; d1 ^= a1; d1 = (d1 << 16) | (d1 >>> 16); c1 = (c1 + d1) | 0; b1 ^= c1; b1 = (b1 << 12) | (b1 >>> 20)
      a1 = (a1 + b1) | 0; d1 ^= a1; d1 = (d1 << 8) | (d1 >>> 24); c1 = (c1 + d1) | 0; b1 ^= c1; b1 = (b1 << 7) | (b1 >>> 25)
      a2 = (a2 + b2) | 0; d2 ^= a2; d2 = (d2 << 16) | (d2 >>> 16); c2 = (c2 + d2) | 0; b2 ^= c2; b2 = (b2 << 12) | (b2 >>> 20)
      a2 = (a2 + b2) | 0; d2 ^= a2; d2 = (d2 << 8) | (d2 >>> 24); c2 = (c2 + d2) | 0; b2 ^= c2; b2 = (b2 << 7) | (b2 >>> 25)
      a3 = (a3 + b3) | 0; d3 ^= a3; d3 = (d3 << 16) | (d3 >>> 16); c3 = (c3 + d3) | 0; b3 ^= c3; b3 = (b3 << 12) | (b3 >>> 20)
      a3 = (a3 + b3) | 0; d3 ^= a3; d3 = (d3 << 8) | (d3 >>> 24); c3 = (c3 + d3) | 0; b3 ^= c3; b3 = (b3 << 7) | (b3 >>> 25)
      a0 = (a0 + b1) | 0; d3 ^= a0; d3 = (d3 << 16) | (d3 >>> 16); c2 = (c2 + d3) | 0; b1 ^= c2; b1 = (b1 << 12) | (b1 >>> 20)
      a0 = (a0 + b1) | 0; d3 ^= a0; d3 = (d3 << 8) | (d3 >>> 24); c2 = (c2 + d3) | 0; b1 ^= c2; b1 = (b1 << 7) | (b1 >>> 25)
      a1 = (a1 + b2) | 0; d0 ^= a1; d0 = (d0 << 16) | (d0 >>> 16); c3 = (c3 + d0) | 0; b2 ^= c3; b2 = (b2 << 12) | (b2 >>> 20)
      a1 = (a1 + b2) | 0; d0 ^= a1; d0 = (d0 << 8) | (d0 >>> 24); c3 = (c3 + d0) | 0; b2 ^= c3; b2 = (b2 << 7) | (b2 >>> 25)
      a2 = (a2 + b3) | 0; d1 ^= a2; d1 = (d1 << 16) | (d1 >>> 16); c0 = (c0 + d1) | 0; b3 ^= c0; b3 = (b3 << 12) | (b3 >>> 20)
      a2 = (a2 + b3) | 0; d1 ^= a2; d1 = (d1 << 8) | (d1 >>> 24); c0 = (c0 + d1) | 0; b3 ^= c0; b3 = (b3 << 7) | (b3 >>> 25)
      a3 = (a3 + b0) | 0; d2 ^= a3; d2 = (d2 << 16) | (d2 >>> 16); c1 = (c1 + d2) | 0; b0 ^= c1; b0 = (b0 << 12) | (b0 >>> 20)
      a3 = (a3 + b0) | 0; d2 ^= a3; d2 = (d2 << 8) | (d2 >>> 24); c1 = (c1 + d2) | 0; b0 ^= c1; b0 = (b0 << 7) | (b0 >>> 25)
    }
    out[o] = a0 + 0x61707865
    out[o + 1] = a1 + 0x3320646e
    out[o + 2] = a2 + 0x79622d32
    out[o + 3] = a3 + 0x6b206574
    out[o + 4] = b0 + k0
    out[o + 5] = b1 + k1
    out[o + 6] = b2 + k2
    out[o + 7] = b3 + k3
    out[o + 8] = c0 + k4
    out[o + 9] = c1 + k5
    out[o + 10] = c2 + k6
    out[o + 11] = c3 + k7
    out[o + 12] = d0 + block
    out[o + 13] = d1
    out[o + 14] = d2
    out[o + 15] = d3
  }
}
