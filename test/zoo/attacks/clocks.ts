import type { Behaviour } from '@assay/protocol/testing/round'
import { type Attack, chance, gain, playRound, STEPS, type Trial, WINDOW } from '../attack.ts'

// Device time in steps: an honest device does one a tick. What a real provider and a real checker make of real time is played in machines.attack.test.ts.

/** When the steps of a chain are done (the first entry is its start), when each checker sends its nonce, and how late it hears of a step. */
interface Timeline {
  doneAt: number[]
  sentAt?: (place: number) => number
  lateBy?: (place: number) => number
}

/** A nonce is folded into the next key; a checker takes the last step that it hears of within its window. */
function watched({ doneAt, sentAt = () => 0, lateBy = () => 0 }: Timeline): Behaviour {
  return {
    steps: doneAt.length - 1,
    foldAt: (place) => Math.max(0, doneAt.findIndex((at) => at >= sentAt(place))),
    seen: (place) => Math.max(0, doneAt.findLastIndex((at) => at + lateBy(place) <= sentAt(place) + WINDOW)),
  }
}

const ticks = (from: number, steps: number): number[] => Array.from({ length: steps + 1 }, (_, t) => from + t)
const doneBy = (doneAt: readonly number[], tick: number): number => doneAt.filter((at) => at > 0 && at <= tick).length

/** One device under several names: the ticks that each name gets. */
async function shared(trial: string, names: readonly number[][]): Promise<Trial> {
  const round = await playRound(trial, { machine: ({ name }) => watched({ doneAt: names[Number(name.slice('machine '.length))]! }) }, { machines: names.length })
  return { ...gain(round, WINDOW), cost: 1 }
}

export const clocks: Attack[] = [
  {
    name: 'slow, then fast',
    liar: 'dawdles at the beginning, so that its speed seems to grow',
    run: async (trial) => {
      const idle = 1 + chance(trial)(5)
      const doneAt = [0, ...ticks(idle + 1, STEPS - idle)]
      return { ...gain(await playRound(trial, { machine: () => watched({ doneAt }) }), doneBy(doneAt, WINDOW)), cost: doneBy(doneAt, WINDOW) / WINDOW }
    },
  },
  {
    name: 'slow for one checker',
    liar: 'tells one checker of its steps later than the others',
    run: async (trial) => {
      const [victim, late] = [chance(trial)(3), 1 + chance(`delay of ${trial}`)(WINDOW)]
      return gain(await playRound(trial, { machine: () => watched({ doneAt: ticks(0, STEPS), lateBy: (place) => (place === victim ? late : 0) }) }), WINDOW)
    },
  },
  {
    name: 'head start with one checker',
    liar: 'gets one checker’s nonce early and works on blocks that are not confirmed',
    run: async (trial) => {
      const early = 1 + chance(trial)(8)
      const { sentAt } = { sentAt: (place: number) => (place === 0 ? -early : 0) }
      const honest = watched({ doneAt: ticks(-early, STEPS + early), sentAt })
      return gain(await playRound(trial, { machine: () => ({ ...honest, seen: (place) => (place === 0 ? honest.steps! : honest.seen!(place)) }) }), WINDOW)
    },
  },
  {
    name: 'two names for one device',
    liar: 'lets two machines share one device step by step',
    run: (trial) => {
      const draw = chance(trial)
      const names: number[][] = [[0], [0]]
      for (let tick = 1; tick <= STEPS; tick++) names[draw(2)]!.push(tick)
      // Each name needs a step to commit to.
      for (const name of names) if (name.length === 1) name.push(STEPS + 1)
      return shared(trial, names)
    },
  },
  { name: 'four names in turns', liar: 'gives one device to four machines, a quarter of the round each', run: (trial) => shared(trial, [0, 1, 2, 3].map((turn) => ticks((turn * STEPS) / 4, STEPS / 4))) },
]
