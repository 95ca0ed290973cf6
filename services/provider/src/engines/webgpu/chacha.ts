// ChaCha in WGSL: B and X_0 row by row, B in the layout that the product reads, and the double round of which the labels of a memory are made too.

export const ROTATE = /* wgsl */ `fn rotl(x: vec4u, n: u32) -> vec4u { return (x << vec4u(n)) | (x >> vec4u(32u - n)); }`

/** Columns and diagonals on the rows a, b, c, d of the state. The rows are vectors, so that a round is 16 vector operations and nothing is indexed. */
export const DOUBLE_ROUND = /* wgsl */ `
    a += b; d = rotl(d ^ a, 16u); c += d; b = rotl(b ^ c, 12u); a += b; d = rotl(d ^ a, 8u); c += d; b = rotl(b ^ c, 7u);
    b = b.yzwx; c = c.zwxy; d = d.wxyz;
    a += b; d = rotl(d ^ a, 16u); c += d; b = rotl(b ^ c, 12u); a += b; d = rotl(d ^ a, 8u); c += d; b = rotl(b ^ c, 7u);
    b = b.wxyz; c = c.zwxy; d = d.yzwx;`

/** The first row of a stream's state. */
export const SIGMA = 'vec4u(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u)'

/** Rows of a key stream, ANDed with MASK: row `rows[slot]` of n bytes goes to slot `slot` of `out`. One invocation a block of 64 bytes. */
export const streamKernel = /* wgsl */ `
override N: u32;
override MASK: u32;
@group(0) @binding(0) var<storage, read> key: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4u>;

${ROTATE}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let blocks = N / 64u;
  let slot = id.x / blocks;
  if (slot >= arrayLength(&rows)) { return; }
  let s = ${SIGMA};
  let k0 = key[0];
  let k1 = key[1];
  let counter = vec4u(rows[slot] * blocks + id.x % blocks, 0u, 0u, 0u);
  var a = s;
  var b = k0;
  var c = k1;
  var d = counter;
  for (var round = 0u; round < 8u; round += 2u) {
    ${DOUBLE_ROUND}
  }
  let mask = vec4u(MASK);
  let at = id.x * 4u;
  out[at] = (a + s) & mask;
  out[at + 1u] = (b + k0) & mask;
  out[at + 2u] = (c + k1) & mask;
  out[at + 3u] = (d + counter) & mask;
}
`

/**
 * Turns rows of B into words of four entries of one column, for dot4I8Packed: `out[k / 4][j]` holds B[k .. k+3][j]. One invocation four rows and four columns.
 */
export const packKernel = /* wgsl */ `
override N: u32;
@group(0) @binding(0) var<storage, read> rows: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4u>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let words = N / 4u;
  let at = 4u * id.y * words + id.x;
  let a = rows[at];
  let b = rows[at + words];
  let c = rows[at + 2u * words];
  let d = rows[at + 3u * words];
  let m = vec4u(0u, 8u, 16u, 24u);
  let byte = vec4u(255u);
  out[id.y * words + id.x] = ((vec4u(a) >> m) & byte) | (((vec4u(b) >> m) & byte) << vec4u(8u)) | (((vec4u(c) >> m) & byte) << vec4u(16u)) | (((vec4u(d) >> m) & byte) << vec4u(24u));
}
`
