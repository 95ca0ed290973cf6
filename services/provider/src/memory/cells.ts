import { LEAF_LABELS, type MemoryCell } from '@assay/protocol'

/** @throws RangeError for a cell that is not there after so many steps over segments of so many leaves */
export function checkCells(cells: readonly MemoryCell[], steps: number, log2Leaves: number): void {
  for (const { t, j, u } of cells) {
    if (!(t >= 1 && t <= steps && j >= 0 && j < 2 ** log2Leaves && u >= 0 && u < LEAF_LABELS)) throw new RangeError(`No cell (${t}, ${j}, ${u}) in ${steps} steps of ${2 ** log2Leaves} leaves`)
  }
}
