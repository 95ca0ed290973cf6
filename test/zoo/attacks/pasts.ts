import { type Parameters, replayEpoch, type ReplayedEpoch } from '@assay/protocol'
import { type CanaryOptions, playCanary } from '@assay/protocol/testing/canary-play'
import { everyOtherRow } from '@assay/protocol/testing/prover'
import { type Behaviour, type PlayedNetwork, playNetwork } from '@assay/protocol/testing/round'
import { type Attack, crypto, STEPS } from '../attack.ts'

async function epochOf(played: PlayedNetwork, epoch: number): Promise<ReplayedEpoch> {
  const replayed = await replayEpoch(crypto, played.ledger, epoch, played.load)
  if (replayed.kind !== 'done') throw new Error(`epoch ${epoch} is ${replayed.kind}`)
  return replayed
}

/** Two epochs with a canary in the first: what becomes in the second of checker 0, which says RAN of it though muted, and whether anybody honest has lost weight. */
const canary = (name: Attack['name'], liar: string, options: CanaryOptions, of: 'liar' | 'others'): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const play = playCanary({ ...options, chain: trial })
    const { result } = await epochOf(play.played, 1)
    const checkers = result.scores.flatMap((score) => (score.kind === 'checker' ? [score] : []))
    const lying = checkers.find(({ account }) => account === play.liar)!
    const others = checkers.filter((score) => score !== lying)
    const harmed = others.some(({ weight }) => weight < 1_000_000)
    const verdict = lying.score > 0n ? 'PAID' : `UNPAID(${lying.reason})`
    return { found: harmed ? 'HARM' : of === 'others' ? 'NO HARM' : verdict, pay: Number(lying.score) / Math.max(...others.map(({ score }) => Number(score))) }
  },
})

const ROUNDS = 6
const NAMES = 3
const ENFORCED: Partial<Parameters> = { epochRounds: ROUNDS, standingCheck: 'enforce', probationRounds: 2, trustedRounds: 4 }

/** An epoch in which standing is enforced and one device has `NAMES` machines; as much pay as an honest machine in the same place is no gain. */
const standing = (name: Attack['name'], liar: string, behaviour: (place: number, round: number) => Behaviour): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const scoreOf = async (behaves: typeof behaviour): Promise<number> => {
      const played = playNetwork({ chain: trial, machines: NAMES, parameters: ENFORCED }, { machine: ({ name: machine }, round) => behaves(Number(machine.slice('machine '.length)), round) })
      const { result } = await epochOf(played, 0)
      return result.scores.reduce((sum, { kind, score }) => sum + (kind === 'machine' ? Number(score) : 0), 0)
    }
    const [honest, lying] = [await scoreOf((place) => (place === 0 ? {} : AWAY)), await scoreOf(behaviour)]
    return { found: lying <= honest ? 'NO GAIN' : 'GAIN', pay: lying / honest }
  },
})

const AWAY: Behaviour = { outcome: 'UNREACHABLE' }

/** An epoch of one machine in which standing is enforced: what it counts as in the last round. */
const keptWarm: Attack = {
  name: 'standing: a name kept warm',
  liar: 'works a single step each round, for which it is paid nothing, so that a spare name grows trusted',
  run: async (trial) => {
    const played = playNetwork({ chain: trial, machines: 1, parameters: ENFORCED }, { machine: () => ({ steps: 1, window: 1, foldAt: () => 0 }) })
    const { result } = await epochOf(played, 0)
    const [spare] = result.scores
    if (spare?.kind !== 'machine') throw new Error('no machine has a score')
    return { found: spare.rows.at(-1)!.standing, pay: Number(spare.score), cost: 1 / STEPS }
  },
}

/** Lies that reach beyond a round: into what a checker's word weighs, and what a machine's past is worth. */
export const pasts: Attack[] = [
  canary('canary: always RAN', 'a checker that says RAN of a canary that was silent to it, as a copier does; in the next epoch', {}, 'liar'),
  canary('canary: not opened', 'a calibrator that keeps its list to itself because its friend would look bad', { opened: false }, 'liar'),
  canary('canary: opened in part', 'a calibrator that leaves the canary out that shows its friend', { opened: (committed) => ({ ...committed, canaries: [] }) }, 'liar'),
  canary('canary: two commitments', 'a calibrator whose canary signs another commitment for a checker that it frames', { framedBy: 'canary' }, 'others'),
  canary('canary: commitment made up', 'checkers that a canary did not mute name a commitment that nobody signed, so that the one that names the real one looks wrong', { framedBy: 'checkers' }, 'others'),
  standing('standing: a new name for each bench', 'works a round, skips half of its rows in the next, and goes on under another name when it is benched', (place, round) => (Math.floor(round / 2) !== place ? AWAY : round % 2 === 0 ? {} : { lie: everyOtherRow })),
  standing('standing: between the ladders', 'passes, is busy and is gone by turns, so that no ladder is climbed', (place, round) => (place !== 0 ? AWAY : ([{}, { outcome: 'NOT_RUN' }, AWAY] as const)[round % 3]!)),
  keptWarm,
]
