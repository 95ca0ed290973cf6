// What an attack of the zoo is, and the round in which it plays: a network in small on a chain of its own, judged by the real judge.
import { blobId, type Cell, type Hash, judgeRound, keystream, type MachineVerdict, type Manifest, openingsBytesLimit, type Parameters, type RoundFacts, utf8 } from '@assay/protocol'
import { type Actor, testCrypto as crypto } from '@assay/protocol/testing/actors'
import type { Lie, LyingProver } from '@assay/protocol/testing/prover'
import { type Behaviour, type Hooks, type PlayedNetwork, playNetwork, roundOf, smallParameters } from '@assay/protocol/testing/round'
import type { AttackName } from './promises.ts'

/** What one trial showed. */
export interface Trial {
  /** A verdict as `FAIL(WRONG_PRODUCT)`, or a word of the attack's own where no verdict says it. */
  found: string
  /** What the liar is paid, as a share of what an honest one in its place is paid. */
  pay: number
  /** What the liar spent, as a share of an honest machine's multiplications or device time; left out where it spends nothing worth counting. */
  cost?: number
}

/** A liar that can be tried again and again. */
export interface Attack {
  name: AttackName
  /** What the liar does, in a few words. */
  liar: string
  /** One round. `trial` names the chance of it: the same name, the same blocks, keys and coins. */
  run(trial: string): Trial | Promise<Trial>
}

export { crypto }
/** Size of the rounds: rows, steps of a machine, cells that are opened, checkers. */
export const N = 64
export const STEPS = 12
export const SAMPLES = 64
const CHECKERS = 3
/** Steps within an honest checker's window. */
export const WINDOW = 8

/** Reproducible chance: each call gives an integer from 0 to below - 1. */
export function chance(name: string): (below: number) => number {
  const key = crypto.sha256(utf8(name))
  let at = 0
  return (below) => new DataView(keystream(key, 4 * at++, 4).slice().buffer).getUint32(0, true) % below
}

/** A round that was played and judged. */
export interface JudgedRound {
  net: PlayedNetwork
  facts: RoundFacts
  /** Of machine 0, or another. */
  verdict(machine?: number): MachineVerdict
  found(machine?: number): string
  /** Pay of all machines, as a share of one honest machine's. */
  pay: number
  /** What checker `place` is paid as a share of what it could be, and why not. */
  checker(place: number): { found: string; pay: number }
}

/** What is not as usual in a round. */
export interface Setting {
  machines?: number
  parameters?: Partial<Parameters>
}

/** Steps that an honest machine is paid for under some parameters, computed by playing one. */
const honestSteps = new Map<string, Promise<number>>()

function honestStepsOf(parameters: Partial<Parameters>): Promise<number> {
  const name = JSON.stringify(parameters)
  const steps = honestSteps.get(name) ?? judged('an honest round', {}, { parameters }).then(({ verdict }) => verdict().provenSteps)
  honestSteps.set(name, steps)
  return steps
}

/** One round with three checkers. Who is not changed by the hooks is honest. */
export async function playRound(trial: string, hooks: Hooks, setting: Setting = {}): Promise<JudgedRound> {
  const { machines = 1, parameters = {} } = setting
  const round = await judged(trial, hooks, setting)
  const most = await honestStepsOf(parameters)
  const { verdict, judgement } = round
  return {
    ...round,
    found: (machine = 0) => `${verdict(machine).outcome}(${verdict(machine).reason})`,
    pay: round.net.machines.reduce((sum, _, machine) => sum + verdict(machine).provenSteps, 0) / most,
    checker: (place) => {
      const { account } = round.net.checkers[place]!
      const { paidObservations, reason } = judgement.checkers.find(({ checker }) => checker === account)!
      const why = reason === 'OK' ? verdict().observations.find(({ checker }) => checker === account)?.reason : reason
      return { found: paidObservations > 0 ? 'PAID' : `UNPAID(${why})`, pay: paidObservations / machines }
    },
  }
}

const PARAMETERS = { epochRounds: 1, samples: SAMPLES, mirrors: 255 }

/** A checker takes no openings longer than a package may hold. */
const withoutTooLong = (manifest: Manifest, limit: number): Manifest => ({ ...manifest, evidence: manifest.evidence.map((entry) => ({ ...entry, openings: entry.openings.filter(({ size }) => size <= limit) })) })

async function judged(trial: string, hooks: Hooks, { machines = 1, parameters: change = {} }: Setting) {
  const parameters = { ...PARAMETERS, ...change }
  const limit = openingsBytesLimit(smallParameters(parameters))
  const net = playNetwork(
    { chain: trial, checkers: CHECKERS, machines, parameters },
    { publish: (_checker, _round, manifest) => withoutTooLong(manifest, limit), ...hooks, machine: (machine, round) => ({ steps: STEPS, window: WINDOW, lie: () => undefined, ...hooks.machine?.(machine, round) }) },
  )
  const { facts, evidence } = await roundOf(net, 0)
  const judgement = judgeRound(crypto, facts, evidence)
  const verdict = (machine = 0): MachineVerdict => judgement.verdicts.find((one) => one.machine === net.machines[machine]!.account)!
  return { net, facts, judgement, verdict }
}

/** A round with one lying machine: its verdict, its pay, and in a round of multiplications what share of them it did. */
export async function lyingMachine(trial: string, behaviour: Behaviour, hooks: Hooks = {}, setting: Setting = {}): Promise<Trial> {
  let prover: LyingProver | undefined
  const { lie = () => undefined } = behaviour
  const counted: Lie = (t, i, own) => lie(t, i, (prover = own))
  const { found, pay } = await playRound(trial, { machine: () => ({ ...behaviour, lie: counted }), ...hooks }, setting)
  // In a memory round nothing is multiplied.
  return { found: found(), pay, ...(prover === undefined ? {} : { cost: prover.multiplications / (STEPS * N ** 3) }) }
}

/** A round with one lying checker, number `place`: whether it is paid. */
export async function lyingChecker(trial: string, place: number, hooks: Hooks): Promise<Trial> {
  return (await playRound(trial, hooks)).checker(place)
}

/** `NO GAIN`, unless somebody is paid for more than `done` steps' worth of work in the window. */
export const gain = ({ pay, net, verdict }: JudgedRound, done: number): Trial => ({
  found: net.machines.reduce((sum, _, machine) => sum + verdict(machine).provenSteps, 0) <= done ? 'NO GAIN' : 'GAIN',
  pay,
})

/** `share` of all cells of a chain, drawn by chance; a cell is `t * N + i`. */
export function drawCells(trial: string, share: number, steps = STEPS): Set<number> {
  const draw = chance(`cells of ${trial}`)
  const cells = new Set<number>()
  while (cells.size < share * steps * N) cells.add((1 + draw(steps)) * N + draw(N))
  return cells
}

export const numberOf = ({ t, i }: Cell): number => t * N + i

/** A row in range that took no multiplication. */
export const junkRow = (t: number, i: number): Int32Array => Int32Array.from({ length: N }, (_, j) => ((t * 7919 + i * 104_729 + j * 1_299_709) % 1_000_000) - 500_000)

/** Applies to one checker's package only. */
export const packageOf =
  (place: number, change: NonNullable<Hooks['publish']>): Pick<Hooks, 'publish'> => ({
    publish: (checker, round, manifest, put) => (isChecker(checker, place) ? change(checker, round, manifest, put) : manifest),
  })

/** True for checker number `place`, in the order of their names. */
export const isChecker = ({ name }: Actor, place: number): boolean => name === `checker ${place}`

export const refOf = (bytes: Uint8Array): { id: Hash; size: number } => ({ id: blobId(crypto, bytes), size: bytes.length })
