// C = X B in WGSL, exactly, on int8 in words of four (DP4A). Which variant is fastest depends on the device; the integers do not.

/** `direct` reads through the device's caches, `shared` through tiles in workgroup memory; the number is rows (of four columns) an invocation. */
export type MultiplyVariant = 'direct4' | 'direct8' | 'shared4' | 'shared8'
export const MULTIPLY_VARIANTS: readonly MultiplyVariant[] = ['direct4', 'direct8', 'shared4', 'shared8']

/** Rows and columns of C that a workgroup makes: rows of X come in multiples of it. */
export const multiplyTile = (variant: MultiplyVariant): { rows: number; columns: number } =>
  ({ direct4: { rows: 32, columns: 32 }, direct8: { rows: 64, columns: 32 }, shared4: { rows: 64, columns: 64 }, shared8: { rows: 64, columns: 64 } })[variant]

/** The kernel of a variant. `x` is [row][n/4] words, `b` is [n/4][column] words, `c` is [row][column] int32. */
export function multiplyKernel(variant: MultiplyVariant): string {
  const rows = Array.from({ length: variant.endsWith('8') ? 8 : 4 }, (_, i) => i)
  return variant.startsWith('direct') ? direct(rows) : shared(rows)
}

const BINDINGS = /* wgsl */ `
override N: u32;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4i>;

fn dot(x: u32, b: vec4u) -> vec4i { return vec4i(dot4I8Packed(x, b.x), dot4I8Packed(x, b.y), dot4I8Packed(x, b.z), dot4I8Packed(x, b.w)); }
`

// Sums are named one by one, not an array: arrays in private memory cost registers on some drivers and everything on others.
const each = (rows: number[], text: (i: number) => string): string => rows.map(text).join('\n  ')

const direct = (rows: number[]): string => /* wgsl */ `${BINDINGS}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let words = N / 4u;
  let row = id.y * ${rows.length}u;
  ${each(rows, (i) => `var c${i} = vec4i(); let x${i} = (row + ${i}u) * words;`)}
  for (var k = 0u; k < words; k++) {
    let bk = b[k * words + id.x];
    ${each(rows, (i) => `c${i} += dot(x[x${i} + k], bk);`)}
  }
  ${each(rows, (i) => `c[(row + ${i}u) * words + id.x] = c${i};`)}
}
`

// Tiles of 64 x 16 words of X, k before row (65 apart, so that the stores of a warp meet 16 banks), and 16 words x 64 columns of B.
const shared = (rows: number[]): string => {
  const threads = 16 * (64 / rows.length)
  const parts = (total: number): number[] => Array.from({ length: total / threads }, (_, i) => i * threads)
  return /* wgsl */ `${BINDINGS}
var<workgroup> xs: array<u32, ${16 * 65}>;
var<workgroup> bs: array<vec4u, 256>;

@compute @workgroup_size(16, ${64 / rows.length})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) at: vec3u, @builtin(local_invocation_index) index: u32) {
  let words = N / 4u;
  let firstRow = group.y * 64u;
  let firstColumn = group.x * 16u;
  let row = at.y * ${rows.length}u;
  ${each(rows, (i) => `var c${i} = vec4i();`)}
  for (var k0 = 0u; k0 < words; k0 += 16u) {
    ${parts(1024).map((o) => `xs[(index % 16u) * 65u + (index + ${o}u) / 16u] = x[(firstRow + (index + ${o}u) / 16u) * words + k0 + index % 16u];`).join('\n    ')}
    ${parts(256).map((o) => `bs[index + ${o}u] = b[(k0 + (index + ${o}u) / 16u) * words + firstColumn + index % 16u];`).join('\n    ')}
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let bk = bs[k * 16u + at.x];
      let xk = k * 65u + row;
      ${each(rows, (i) => `c${i} += dot(xs[xk + ${i}u], bk);`)}
    }
    workgroupBarrier();
  }
  ${each(rows, (i) => `c[(firstRow + row + ${i}u) * words + firstColumn + at.x] = c${i};`)}
}
`
}
