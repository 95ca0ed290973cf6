// The labels of a memory (PROTOCOL section 12) in WGSL.
import { DOUBLE_ROUND, ROTATE, SIGMA } from './chacha.ts'

/**
 * One slice of every segment of a buffer, one invocation a lane: sixteen labels, each made of the one before. All slices before must be there.
 * `keys` are the fill keys of the buffer's segments. A label is four rows, so that a reference shifted by four words is a row further on.
 */
export const fillKernel = /* wgsl */ `
struct Fill { lanes: u32, slice: u32, doubleRounds: u32 }
@group(0) @binding(0) var<uniform> fill: Fill;
@group(0) @binding(1) var<storage, read> keys: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> labels: array<vec4u>;

${ROTATE}

// floor(word * earlier / 2^32), for earlier < 2^8.
fn scaled(word: u32, earlier: u32) -> u32 { return ((word >> 16u) * earlier + (((word & 0xffffu) * earlier) >> 16u)) >> 16u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (1024u * id.x >= arrayLength(&labels)) { return; }
  let segment = id.x / fill.lanes;
  let lane = id.x % fill.lanes;
  let base = segment * fill.lanes * 1024u;
  let earlier = 16u * fill.slice;
  let k0 = keys[2u * segment];
  let k1 = keys[2u * segment + 1u];
  var at = base + lane * 1024u + 4u * earlier;
  var a = vec4u();
  var b = vec4u();
  var c = vec4u();
  var d = vec4u();
  if (earlier > 0u) {
    a = labels[at - 4u];
    b = labels[at - 3u];
    c = labels[at - 2u];
    d = labels[at - 1u];
  }
  for (var p = earlier; p < earlier + 16u; p++) {
    var rounds = fill.doubleRounds;
    if (p == 0u) {
      // The first of a lane is a block of the key's stream.
      rounds = 4u;
      a = ${SIGMA};
      b = k0;
      c = k1;
      d = vec4u(lane, 0u, 0u, 0u);
    } else {
      if (earlier > 0u) {
        let v = base + (a.x % fill.lanes) * 1024u + 4u * scaled(a.y, earlier);
        let w = base + (a.z % fill.lanes) * 1024u + 4u * scaled(a.w, earlier);
        a ^= labels[v + 1u] ^ labels[w + 2u];
        b ^= labels[v + 2u] ^ labels[w + 3u];
        c ^= labels[v + 3u] ^ labels[w];
        d ^= labels[v] ^ labels[w + 1u];
      }
      b ^= k0;
      c ^= k1;
      d ^= vec4u(lane, p, 0u, 0u);
    }
    let a0 = a;
    let b0 = b;
    let c0 = c;
    let d0 = d;
    for (var round = 0u; round < rounds; round++) {
      ${DOUBLE_ROUND}
    }
    a += a0;
    b += b0;
    c += c0;
    d += d0;
    labels[at] = a;
    labels[at + 1u] = b;
    labels[at + 2u] = c;
    labels[at + 3u] = d;
    at += 4u;
  }
}
`
