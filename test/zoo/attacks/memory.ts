import type { Facts, Parameters } from '@assay/protocol'
import type { Behaviour } from '@assay/protocol/testing/round'
import { type Attack, chance, gain, isChecker, lyingMachine, playRound, WINDOW } from '../attack.ts'

/** Memory in every round: segments of 64 KiB, three of them. */
const ALWAYS: Partial<Parameters> = { memoryShare: 65535, memoryLog2: 6, memorySegments: 3, deviceCheck: 'enforce', memoryPpm: 0 }
const LEAVES = 64
const LABELS = 16 * LEAVES

const liesWith = (name: Attack['name'], liar: string, behaviour: (trial: string) => Behaviour, parameters: Partial<Parameters> = {}): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const { found, pay } = await lyingMachine(trial, behaviour(trial), {}, { parameters: { ...ALWAYS, ...parameters } })
    return { found, pay }
  },
})

/** Some of a segment's labels, drawn by chance, the same in each segment. */
function drawLabels(trial: string, share: number): Set<number> {
  const draw = chance(`labels of ${trial}`)
  const labels = new Set<number>()
  while (labels.size < share * LABELS) labels.add(draw(LABELS))
  return labels
}

const cheapFill = (percent: 5 | 25): Attack =>
  liesWith(`memory: ${percent} % filled cheaply`, `makes up ${percent} % of the labels, so that it can make them up again whenever it needs them`, (trial) => {
    const cheap = drawLabels(trial, percent / 100)
    return { memory: { label: (_segment, j, u, label) => void (cheap.has(16 * j + u) && label.fill(0x9e3779b9 * (16 * j + u))) } }
  })

/** Device time in scans: who has a part of the memory only computes the rest again, or reads it from a slower place, and is `slowdown` times as slow. */
const slower = (name: Attack['name'], liar: string, slowdown: number): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const done = Math.floor(WINDOW / slowdown)
    return { ...gain(await playRound(trial, { machine: () => ({ steps: done + 1, window: done, foldAt: () => 0 }) }, { parameters: ALWAYS }), done), cost: 1 }
  },
})

const claiming = (memoryMiB: number) => (facts: Facts): Facts => ({ ...facts, device: { ...facts.device, memoryMiB } })

export const memoryAttacks: Attack[] = [
  liesWith('memory: honest machine', 'none: how often an honest machine passes', () => ({})),
  cheapFill(5),
  cheapFill(25),
  liesWith('memory: values made up', 'scans every other segment only and makes up the values of the others', () => ({ memory: { y: (t, _j, y) => (t % 2 === 0 ? y ^ 1 : y) } })),
  liesWith('memory: one segment scanned for all', 'keeps one segment and scans it in the place of the others', () => ({ memory: { scans: () => ({ segment: 0 }) } })),
  liesWith('memory: scanned before the nonces', 'scans with challenges of its own, before the checkers’ nonces', (trial) => ({ memory: { scans: (t) => ({ key: new Uint8Array(32).fill(t + trial.length) }) } })),
  liesWith('memory: filled for another round', 'shows memory that it filled with another seed', () => ({ memory: { fillSeed: new Uint8Array(32).fill(7) } })),
  liesWith('memory: fewer segments than asked', 'shows one segment where the network asks for three', () => ({ memory: { segments: 1 } })),
  // An honest machine of this small network claims 1024 MiB and shows 192 KiB.
  liesWith('memory: over-declared', 'claims more memory than it shows the due part of', () => ({ facts: claiming(1280) }), { memoryPpm: 183 }),
  liesWith('memory: under-declared', 'claims less memory than it has, to show less', () => ({ facts: claiming(256) }), { memoryPpm: 183 }),
  {
    name: 'memory: framed by readings',
    liar: 'two of three checkers say that an honest machine scanned nothing',
    run: async (trial) => {
      const lying = chance(trial)(3)
      const round = await playRound(trial, { observe: (checker, _round, seen) => (isChecker(checker, lying) ? seen : seen.map((one) => ({ ...one, lastStep: 0 }))) }, { parameters: { ...ALWAYS, memoryPpm: 183 } })
      return { found: round.found(), pay: round.pay }
    },
  },
  slower('memory: 5 % computed again', 'drops 5 % of the labels and computes them again when they are scanned, 2.5 times as slow at least', 2.5),
  slower('memory: half computed again', 'drops half of the labels and computes them again, 21 times as slow at least', 21),
  slower('memory: paged to disk', 'keeps the memory on a disk that reads a quarter as fast', 4),
]

