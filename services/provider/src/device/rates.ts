// What one thread is measured at: the job's own matrix kernel, and three small ones. A slice of each runs again and again for a while; the best slice counts,
// for whatever else runs on a machine only ever makes it slower.
import type { Profile } from '@assay/protocol'
import { type Kernel, PAGE_BYTES } from '../engines/kernel.ts'

/** What assembly/profile.ts exports. */
export interface ProfileKernel {
  memory: WebAssembly.Memory
  MULADD_FLOPS: WebAssembly.Global
  muladd(iterations: number): number
  read(p: number, bytes: number): number
  link(p: number, lines: number): void
  chase(p: number, from: number, hops: number): number
}

export interface RatesOptions {
  matrix: Kernel
  profile: ProfileKernel
  /** ms that only grow */
  now(): number
  /** for each rate, at least; a rate takes two slices however long they are */
  sliceMs: number
  /** bytes of memory to read through, a power of two; more than any cache holds */
  memoryBytes: number
}

/** A step's product in small: 64 rows against a matrix of 1024, which stays in the second-level cache. */
const [N, ROWS] = [1024, 64]
const ITERATIONS = 200_000
const HOPS = 100_000
const LINE_BYTES = 64
const MAX_U32 = 2 ** 32 - 1

/** Each rate as soon as it is known, those first that matter most. */
export function* measureRates({ matrix, profile, now, sliceMs, memoryBytes }: RatesOptions): Generator<Partial<Profile>> {
  /** Units of work a millisecond of the best slice; `slice` returns the units that it did. The first slice is for the compiler. */
  const best = (slice: () => number): number => {
    slice()
    const end = now() + sliceMs
    let fastest = 0
    let at = now()
    do {
      const done = slice()
      const after = now()
      if (after > at) fastest = Math.max(fastest, done / (after - at))
      at = after
    } while (at < end)
    return fastest
  }
  const rate = (perMs: number): number => Math.min(MAX_U32, Math.floor(perMs / 1000))

  const multiply = stageProduct(matrix)
  yield { int8Mmacs: rate(best(() => (multiply(), ROWS * N * N))) }
  const flops = ITERATIONS * profile.MULADD_FLOPS.value
  yield { f32Mflops: rate(best(() => (profile.muladd(ITERATIONS), flops))) }

  profile.memory.grow(memoryBytes / PAGE_BYTES)
  profile.link(PAGE_BYTES, memoryBytes / LINE_BYTES)
  yield { memoryMBps: rate(best(() => (profile.read(PAGE_BYTES, memoryBytes), memoryBytes))) }
  let line = 0
  const hopsPerMs = best(() => ((line = profile.chase(PAGE_BYTES, line, HOPS)), HOPS))
  yield { chasePs: hopsPerMs === 0 ? 0 : Math.min(MAX_U32, Math.floor(1e9 / hopsPerMs)) }
}

/** Puts a matrix and rows of a key stream into the kernel; the result multiplies them once. */
function stageProduct(matrix: Kernel): () => void {
  const size = matrix.ENTRY_BYTES.value
  const [key, stream] = [PAGE_BYTES, PAGE_BYTES + LINE_BYTES]
  const b = stream + N * N + PAGE_BYTES
  const x = b + N * N * size
  const c = x + ROWS * N * size
  matrix.memory.grow(Math.ceil((c + ROWS * N * 4) / PAGE_BYTES))
  matrix.stream(key, 0, stream, N * N)
  matrix.pack(stream, b, N, 0, N)
  matrix.start(stream, x, ROWS * N)
  return () => matrix.multiply(x, b, c, ROWS, N)
}
