/**
 * y of 64 leaves a workgroup: products of their bytes with the challenge `x`, on int8 in words of four (DP4A), exactly. Sixteen invocations share a leaf, so that
 * neighbours read what lies side by side, and keep their part of x in registers; four leaves go at a time.
 */
export const scanKernel = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<vec4u, 64>;
@group(0) @binding(1) var<storage, read> leaves: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
// 17 apart, so that the sums of a leaf and those of its neighbours lie in different banks.
var<workgroup> sums: array<i32, ${64 * 17}>;

fn dot(a: vec4u, b: vec4u) -> i32 { return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let part = index % 16u;
  let x0 = x[part];
  let x1 = x[part + 16u];
  let x2 = x[part + 32u];
  let x3 = x[part + 48u];
  for (var leaf = index / 16u; leaf < 64u; leaf += 4u) {
    let at = (group.x * 64u + leaf) * 64u + part;
    sums[17u * leaf + part] = dot(leaves[at], x0) + dot(leaves[at + 16u], x1) + dot(leaves[at + 32u], x2) + dot(leaves[at + 48u], x3);
  }
  workgroupBarrier();
  var sum = 0;
  for (var i = 0u; i < 16u; i++) { sum += sums[17u * index + i]; }
  y[group.x * 64u + index] = sum;
}
`
