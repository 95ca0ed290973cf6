import { type Attack, chance, junkRow, lyingMachine, N, STEPS, WINDOW } from '../attack.ts'

/** 5 % of all rows, all of them in steps that no checker credits. */
const crowded = (name: Attack['name'], liar: string, foldAt: number, first: number, steps: number): Attack => ({
  name,
  liar,
  run: (trial) => {
    const draw = chance(`cells of ${trial}`)
    const faked = new Set<number>()
    while (faked.size < 0.05 * STEPS * N) faked.add((first + draw(steps)) * N + draw(N))
    return lyingMachine(trial, { foldAt: (place) => (place === 0 ? 0 : foldAt), lie: (t, i) => (faked.has(t * N + i) ? junkRow(t, i) : undefined) })
  },
})

/** Where in the chain the bad rows stand makes no difference to the coins. */
export const crowdedRows: Attack[] = [
  crowded('5 % crowded into the head', 'makes up 5 % of its rows, all before the nonces that count are folded', 3, 1, 3),
  crowded('5 % crowded into the tail', 'makes up 5 % of its rows, all after the windows', 0, WINDOW + 1, STEPS - WINDOW),
]
