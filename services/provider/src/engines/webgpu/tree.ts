// Merkle trees on the device: where their nodes stand in a buffer, and the dispatches that make one level of nodes from those below.
import { type Gpu, USAGE } from './gpu.ts'
import { FOLD_LEVELS } from './sha256.ts'

export const HASH_BYTES = 32

/** `count` digests from digest `source` on, which become `count >> levels` from digest `sink` on. */
export interface Level { source: number; sink: number; count: number; levels: number }

/** A level's dispatch. */
export interface Fold { group: GPUBindGroup; workgroups: number }

/** The dispatch that makes a level in the buffer `tree`; `take` is told of the memory that it needs. */
export function foldOf(gpu: Gpu, tree: GPUBuffer, { source, sink, count, levels }: Level, take: (buffer: GPUBuffer) => GPUBuffer): Fold {
  const uniform = take(gpu.filled(Uint32Array.of(source, sink, count, levels), USAGE.uniform))
  return { group: gpu.bind('fold', uniform, tree, gpu.roundConstants), workgroups: Math.ceil(count / 128) }
}

/** Where leaves, row hashes and root stand in the tree buffer, in digests, and the folds that lead from one to the next. Regions begin at multiples of 8: a binding's offset is a multiple of 256 bytes. */
export function treeLayout(n: number, leavesPerRow: number): { levels: Level[]; rowsAt: number; rootAt: number; size: number } {
  const levels: Level[] = []
  let [source, count, end] = [0, n * leavesPerRow, n * leavesPerRow]
  const fold = (steps: number): void => {
    levels.push({ source, sink: end, count, levels: steps })
    source = end
    count /= 2 ** steps
    end += Math.max(8, count)
  }
  if (leavesPerRow > 1) fold(Math.log2(leavesPerRow))
  const rowsAt = source
  while (count > 1) fold(Math.min(FOLD_LEVELS, Math.log2(count)))
  return { levels, rowsAt, rootAt: source, size: end }
}
