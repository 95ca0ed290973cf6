import { type Attack, drawCells, junkRow, lyingMachine, N } from '../attack.ts'

/** The plainest cheat: some rows, here and there, are not multiplied. */
const lazy = (name: Attack['name'], percent: number, samples?: number): Attack => ({
  name,
  liar: `makes up ${percent} % of its rows, drawn by chance`,
  run: (trial) => {
    const faked = drawCells(trial, percent / 100)
    return lyingMachine(trial, { lie: (t, i) => (faked.has(t * N + i) ? junkRow(t, i) : undefined) }, {}, samples === undefined ? {} : { parameters: { samples } })
  },
})

export const lazyRows: Attack[] = [...([1, 2, 5, 10, 25] as const).map((percent) => lazy(`lazy rows, ${percent} %`, percent)), lazy('lazy rows, 5 %, 128 opened', 5, 128)]
