import { type Attack, drawCells, junkRow, lyingMachine, N } from '../attack.ts'

/** The plainest cheat: some rows, here and there, are not multiplied. */
export const lazyRows: Attack[] = ([1, 2, 5, 10, 25] as const).map((percent) => ({
  name: `lazy rows, ${percent} %`,
  liar: `makes up ${percent} % of its rows, drawn by chance`,
  run: (trial) => {
    const faked = drawCells(trial, percent / 100)
    return lyingMachine(trial, { lie: (t, i) => (faked.has(t * N + i) ? junkRow(t, i) : undefined) })
  },
}))
