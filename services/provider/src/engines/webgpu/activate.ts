/**
 * X_t from C_t in WGSL: the top byte of mix(C, key, i, j). Slot `slot` is row `rows[slot]` of the chain; one invocation four entries.
 */
export const activateKernel = /* wgsl */ `
override N: u32;
@group(0) @binding(0) var<storage, read> key: array<u32, 8>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> c: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> x: array<u32>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = id.y * (N / 4u) + id.x;
  let k0 = vec4u(key[0] + rows[id.y] * 0x9e3779b1u);
  let k1 = vec4u(key[1]) ^ ((vec4u(4u * id.x) + vec4u(0u, 1u, 2u, 3u)) * vec4u(0x85ebca77u));
  var z = (c[at] ^ k0) * vec4u(0x85ebca6bu);
  z = ((z ^ (z >> vec4u(15u))) + k1) * vec4u(0xc2b2ae35u);
  z = ((z ^ (z >> vec4u(13u))) * vec4u(0x27d4eb2fu)) >> vec4u(24u);
  x[at] = z.x | (z.y << 8u) | (z.z << 16u) | (z.w << 24u);
}
`
