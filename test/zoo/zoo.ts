// The zoo: every attack, tried again and again, against what the protocol promises.
import type { Attack } from './attack.ts'
import { checkers } from './attacks/checkers.ts'
import { clocks } from './attacks/clocks.ts'
import { commitments } from './attacks/commitments.ts'
import { crowdedRows } from './attacks/crowded-rows.ts'
import { devices } from './attacks/devices.ts'
import { dilutedRows } from './attacks/diluted-rows.ts'
import { framings } from './attacks/framing.ts'
import { lazyRows } from './attacks/lazy-rows.ts'
import { memoryAttacks } from './attacks/memory.ts'
import { messages } from './attacks/messages.ts'
import { nonces } from './attacks/nonces.ts'
import { openings } from './attacks/openings.ts'
import { pasts } from './attacks/pasts.ts'
import { replays } from './attacks/replays.ts'
import { structure } from './attacks/structure.ts'
import { wrongProducts } from './attacks/wrong-products.ts'
import { type AttackName, PROMISES, type Promised } from './promises.ts'
import { atMost, interval, roundsTo99 } from './statistics.ts'

const ATTACKS: readonly Attack[] = [
  ...lazyRows, ...crowdedRows, dilutedRows, ...wrongProducts, structure, ...openings, ...commitments, ...replays, ...nonces, ...clocks, ...checkers, ...framings, ...pasts, ...memoryAttacks, ...devices, ...messages,
]

/** All attacks, in the order of the promises. @throws Error if one of the two lacks what the other has */
export function attacks(): Attack[] {
  const byName = new Map(ATTACKS.map((attack) => [attack.name, attack]))
  const names = Object.keys(PROMISES) as AttackName[]
  if (byName.size !== ATTACKS.length || byName.size !== names.length) throw new Error('attacks and promises do not match')
  return names.map((name) => byName.get(name) ?? missing(name))
}

function missing(name: string): never {
  throw new Error(`no attack is called ${name}`)
}

/** What many trials of one attack came to. */
export interface Result extends Promised {
  name: AttackName
  liar: string
  trials: number
  /** Trials that ended as expected. */
  hits: number
  rate: number
  /** 95 %, Clopper and Pearson. */
  interval: [number, number]
  /** Rounds until it has been caught with 99 %. */
  roundsTo99: number
  /** Means over all trials; see `Trial`. */
  cost: number | null
  pay: number
  /** What else was found, how often. */
  others: Record<string, number>
  /** False if so few hits, or fewer, would come of a promise that is kept less than once in 10^9 such runs. */
  kept: boolean
}

const ONE_IN_A_BILLION = 1e-9

/** Tries one attack; `seed` names the chance of all trials. */
export async function measure(attack: Attack, trials: number, seed: string): Promise<Result> {
  const promised: Promised = PROMISES[attack.name]
  const others: Record<string, number> = {}
  const costs: number[] = []
  let hits = 0
  let pay = 0
  for (let i = 0; i < trials; i++) {
    const trial = await attack.run(`${seed}: ${attack.name}, trial ${i}`)
    if (promised.expected.includes(trial.found)) hits++
    else others[trial.found] = (others[trial.found] ?? 0) + 1
    if (trial.cost !== undefined) costs.push(trial.cost)
    pay += trial.pay / trials
  }
  return {
    ...promised,
    name: attack.name,
    liar: attack.liar,
    trials,
    hits,
    rate: hits / trials,
    interval: interval(trials, hits),
    roundsTo99: roundsTo99(hits / trials),
    cost: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0) / costs.length,
    pay,
    others,
    kept: atMost(trials, hits, promised.atLeast) >= ONE_IN_A_BILLION,
  }
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`

/** The results as a Markdown table. */
export function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ name, liar, cost, pay, expected, hits, trials, interval: [low, high], atLeast, roundsTo99: rounds }) => [
    name,
    liar,
    cost === null ? '' : percent(cost),
    percent(pay),
    expected.join(' or '),
    `${percent(hits / trials)} of ${trials}`,
    `${percent(low)} to ${percent(high)}`,
    atLeast === 1 ? 'always' : `${Number((100 * atLeast).toFixed(4))} %`,
    // Only for what costs the liar its pay.
    /^(FAIL|NOT_|EQUI|NO_)/.test(expected[0]!) ? String(rounds) : '',
  ])
  const head = ['attack', 'what the liar does', 'cost', 'pay', 'expected', 'so it was', '95 % interval', 'promised', 'rounds to 99 %']
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
