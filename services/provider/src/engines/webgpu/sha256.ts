// SHA-256 in WGSL (FIPS 180-4): leaves over chunks of C, the tree above them, and the key of the next step. Digests lie in memory as their bytes.

// prettier-ignore
const K = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

const word = (block: number, i: number): string => `m${block}.${'xyzw'[i]}`

/** The round constants, which every kernel here has at binding 2: 16 rounds are code, four turns through it are a hash. */
export const ROUND_CONSTANTS = Uint32Array.from(K)

/** Round t of 16: the working variables rotate by name, no array is indexed. */
function round(t: number): string {
  const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, i) => 'abcdefgh'[(i - t + 64) % 8]) as [string, string, string, string, string, string, string, string]
  return `${h} += big1(${e}) + (${g} ^ (${e} & (${f} ^ ${g}))) + k${Math.floor(t / 4)}.${'xyzw'[t % 4]} + w${t}; ${d} += ${h}; ${h} += big0(${a}) + ((${a} & ${b}) | (${c} & (${a} | ${b})));`
}

/** Word t of the schedule, 16 rounds later, in place. */
function schedule(t: number): string {
  const w = (i: number): string => `w${(t + i) % 16}`
  return `${w(0)} += small0(${w(1)}) + ${w(9)} + small1(${w(14)});`
}

const COMPRESS = /* wgsl */ `
@group(0) @binding(2) var<uniform> constants: array<vec4u, 16>;
struct Digest { lo: vec4u, hi: vec4u }

fn rotr(x: u32, n: u32) -> u32 { return (x >> n) | (x << (32u - n)); }
fn small0(x: u32) -> u32 { return rotr(x, 7u) ^ rotr(x, 18u) ^ (x >> 3u); }
fn small1(x: u32) -> u32 { return rotr(x, 17u) ^ rotr(x, 19u) ^ (x >> 10u); }
fn big0(x: u32) -> u32 { return rotr(x, 2u) ^ rotr(x, 13u) ^ rotr(x, 22u); }
fn big1(x: u32) -> u32 { return rotr(x, 6u) ^ rotr(x, 11u) ^ rotr(x, 25u); }
fn swap(x: vec4u) -> vec4u { return (x << vec4u(24u)) | ((x & vec4u(0xff00u)) << vec4u(8u)) | ((x >> vec4u(8u)) & vec4u(0xff00u)) | (x >> vec4u(24u)); }
fn initial() -> Digest { return Digest(vec4u(0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au), vec4u(0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u)); }

fn compress(state: Digest, m0: vec4u, m1: vec4u, m2: vec4u, m3: vec4u) -> Digest {
  var a = state.lo.x; var b = state.lo.y; var c = state.lo.z; var d = state.lo.w;
  var e = state.hi.x; var f = state.hi.y; var g = state.hi.z; var h = state.hi.w;
  ${Array.from({ length: 16 }, (_, i) => `var w${i} = ${word(Math.floor(i / 4), i % 4)};`).join(' ')}
  for (var turn = 0u; turn < 16u; turn += 4u) {
    let k0 = constants[turn]; let k1 = constants[turn + 1u]; let k2 = constants[turn + 2u]; let k3 = constants[turn + 3u];
    ${Array.from({ length: 16 }, (_, t) => round(t)).join('\n    ')}
    if (turn < 12u) {
      ${Array.from({ length: 16 }, (_, t) => schedule(t)).join('\n      ')}
    }
  }
  return Digest(state.lo + vec4u(a, b, c, d), state.hi + vec4u(e, f, g, h));
}
`

/** Hashes chunks of BLOCKS * 64 bytes of `c`, one invocation each. */
export const leavesKernel = /* wgsl */ `${COMPRESS}
override BLOCKS: u32;
@group(0) @binding(0) var<storage, read> c: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> leaves: array<vec4u>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (2u * id.x >= arrayLength(&leaves)) { return; }
  var digest = initial();
  // The block after the last is the padding. One call, for a second one would double the code.
  for (var block = 0u; block <= BLOCKS; block++) {
    var m0 = vec4u(0x80000000u, 0u, 0u, 0u);
    var m1 = vec4u();
    var m2 = vec4u();
    var m3 = vec4u(0u, 0u, 0u, BLOCKS * 512u);
    if (block < BLOCKS) {
      let at = 4u * (id.x * BLOCKS + block);
      m0 = swap(c[at]);
      m1 = swap(c[at + 1u]);
      m2 = swap(c[at + 2u]);
      m3 = swap(c[at + 3u]);
    }
    digest = compress(digest, m0, m1, m2, m3);
  }
  leaves[2u * id.x] = swap(digest.lo);
  leaves[2u * id.x + 1u] = swap(digest.hi);
}
`

/** Levels that one dispatch of `foldKernel` can go up. */
export const FOLD_LEVELS = 7

/**
 * Goes `levels` (1 to 7) levels up a tree: `count` digests from digest `source` on become `count >> levels` from digest `sink` on.
 * One workgroup takes 128 digests; each level halves the invocations that still hash.
 */
export const foldKernel = /* wgsl */ `${COMPRESS}
struct Fold { source: u32, sink: u32, count: u32, levels: u32 }
@group(0) @binding(0) var<uniform> fold: Fold;
@group(0) @binding(1) var<storage, read_write> tree: array<vec4u>;
var<workgroup> nodes: array<vec4u, 128>;

fn parent(left: Digest, right: Digest) -> Digest {
  var digest = initial();
  for (var block = 0u; block < 2u; block++) {
    var m0 = vec4u(0x80000000u, 0u, 0u, 0u);
    var m1 = vec4u();
    var m2 = vec4u();
    var m3 = vec4u(0u, 0u, 0u, 512u);
    if (block == 0u) {
      m0 = swap(left.lo);
      m1 = swap(left.hi);
      m2 = swap(right.lo);
      m3 = swap(right.hi);
    }
    digest = compress(digest, m0, m1, m2, m3);
  }
  return Digest(swap(digest.lo), swap(digest.hi));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let pair = group.x * 64u + index;
  let at = 2u * fold.source + 4u * min(pair, fold.count / 2u - 1u);
  var left = Digest(tree[at], tree[at + 1u]);
  var right = Digest(tree[at + 2u], tree[at + 3u]);
  var hashing = 64u;
  for (var level = 1u; level <= fold.levels; level++) {
    var digest = Digest();
    if (index < hashing) { digest = parent(left, right); }
    if (level == fold.levels) {
      let node = group.x * hashing + index;
      if (index < hashing && node < (fold.count >> fold.levels)) {
        tree[2u * (fold.sink + node)] = digest.lo;
        tree[2u * (fold.sink + node) + 1u] = digest.hi;
      }
    } else {
      nodes[2u * index] = digest.lo;
      nodes[2u * index + 1u] = digest.hi;
      workgroupBarrier();
      hashing /= 2u;
      let child = 4u * (index % hashing);
      left = Digest(nodes[child], nodes[child + 1u]);
      right = Digest(nodes[child + 2u], nodes[child + 3u]);
      workgroupBarrier();
    }
  }
}
`

/** key = S("assay/1/step" ‖ key ‖ root), 76 bytes, in place. */
export const keyKernel = /* wgsl */ `${COMPRESS}
@group(0) @binding(0) var<storage, read> root: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> key: array<vec4u, 2>;

@compute @workgroup_size(1)
fn main() {
  let k0 = swap(key[0]);
  let k1 = swap(key[1]);
  let r0 = swap(root[0]);
  let r1 = swap(root[1]);
  var digest = initial();
  for (var block = 0u; block < 2u; block++) {
    var m0 = vec4u(0x61737361u, 0x792f312fu, 0x73746570u, k0.x);
    var m1 = vec4u(k0.yzw, k1.x);
    var m2 = vec4u(k1.yzw, r0.x);
    var m3 = vec4u(r0.yzw, r1.x);
    if (block == 1u) {
      m0 = vec4u(r1.yzw, 0x80000000u);
      m1 = vec4u();
      m2 = vec4u();
      m3 = vec4u(0u, 0u, 0u, 608u);
    }
    digest = compress(digest, m0, m1, m2, m3);
  }
  key[0] = swap(digest.lo);
  key[1] = swap(digest.hi);
}
`
