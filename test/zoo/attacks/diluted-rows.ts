import { type Attack, drawCells, gain, junkRow, N, playRound } from '../attack.ts'

const TAIL = 48
const BAD = 4

/** Honest steps after the window make bad rows in it rarer; each of them raises what is taken off as unproven by as much as it hides. */
export const dilutedRows: Attack = {
  name: 'bad rows diluted by a long tail',
  liar: 'makes up half of its credited rows and adds honest steps after the window to hide them',
  run: async (trial) => {
    const faked = drawCells(trial, 0.5, 2 * BAD)
    const round = await playRound(trial, { machine: () => ({ steps: TAIL + 2 * BAD, window: 2 * BAD, foldAt: () => 0, lie: (t, i) => (faked.has(t * N + i) ? junkRow(t, i) : undefined) }) })
    return gain(round, BAD)
  },
}
