import { LABEL_BYTES, LANE_LEAVES, LEAF_BYTES } from '@assay/protocol'
import { PAGE_BYTES } from '../engines/kernel.ts'

/** A WebAssembly memory ends at 4 GiB; its last page stays unused, so that no end of a segment is beyond a 32-bit pointer. */
const MEMORY_PAGES = 65535
/** Leaves under one node of the fill's tree that is kept, and the lanes they are: what one thread hashes at least. */
export const GROUP_LEAVES = 64
export const GROUP_LANES = GROUP_LEAVES / LANE_LEAVES

/** Where the segments of a region lie: in as many shared memories as it takes, each with a page for the kernels and one for each thread before the segments. */
export interface Layout {
  log2Leaves: number
  segments: number
  threads: number
  /** Segments of each memory but the last. */
  perMemory: number
  /** Pages of each memory. */
  pages: readonly number[]
  /** All that a region takes: the memories and the kept nodes of the fill's trees. */
  bytes: number
}

export function layOut(log2Leaves: number, segments: number, threads: number): Layout {
  const leaves = 2 ** log2Leaves
  const segmentPages = (leaves * LEAF_BYTES) / PAGE_BYTES
  const own = 1 + threads
  const perMemory = Math.floor((MEMORY_PAGES - own) / segmentPages)
  const pages: number[] = []
  for (let left = segments; left > 0; left -= perMemory) pages.push(own + Math.min(left, perMemory) * segmentPages)
  const bytes = pages.reduce((sum, count) => sum + count * PAGE_BYTES, 0) + (segments * leaves * LABEL_BYTES) / GROUP_LEAVES
  return { log2Leaves, segments, threads, perMemory, pages, bytes }
}

/** Takes the memories of a region. The system lends their pages as they are filled. @throws RangeError where it has no room for them */
export const allocate = ({ pages }: Layout): WebAssembly.Memory[] => pages.map((count) => new WebAssembly.Memory({ initial: count, maximum: count, shared: true }))

/** The memory that a segment lies in, and where it begins there. */
export function placeOf({ log2Leaves, threads, perMemory }: Layout, segment: number): { memory: number; base: number } {
  return { memory: Math.floor(segment / perMemory), base: (1 + threads) * PAGE_BYTES + (segment % perMemory) * 2 ** log2Leaves * LEAF_BYTES }
}

/** Where a thread's own page begins, in every memory. */
export const spaceOf = (thread: number): number => (1 + thread) * PAGE_BYTES

/** log2 of the leaves under one node of a step's tree that is kept: a sixteenth of the segment, but a whole chunk of y and no more than 4 MiB of leaves. */
export const log2Unit = (log2Leaves: number): number => Math.min(log2Leaves, Math.max(8, Math.min(12, log2Leaves - 4)))

/** The share of thread number `thread` of `threads` in `count` things, in order. */
export function shareOf(count: number, thread: number, threads: number): { first: number; count: number } {
  const edge = (at: number): number => Math.floor((at * count) / threads)
  return { first: edge(thread), count: edge(thread + 1) - edge(thread) }
}
