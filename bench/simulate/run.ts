// A network over a month: who earns what, who is benched and caught, what cheating costs. Machines are drawn round by round and judged by the protocol's own rules of standing, availability and pay;
// checkers by theirs of calibration and weight. What a committee comes to is drawn from its exact probabilities.
// node bench/simulate/run.ts [--machines 100000] [--checkers 1000] [--epochs 30] [--rounds 240] [--committee 15] [--seed 1] [--write docs/economics]
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  afterEpoch, captureOf, captureProbability, commitmentBytesLimit, devnetParameters, falseAcceptRate, falseRejectRate, NEW_CALIBRATION, NEW_STANDING, openingsBytesLimit, probabilityText, qualityPpm, weightOf,
  type Calibration, type Parameters,
} from '@assay/protocol'
import { type Actor, type Behaviour, catchChance, type Committees, HONEST, playEpoch, WORK } from './machine.ts'
import { type Line, plot } from './plot.ts'
import { random, type Random } from './random.ts'

const { values } = parseArgs({
  options: {
    machines: { type: 'string', default: '100000' }, checkers: { type: 'string', default: '1000' }, epochs: { type: 'string', default: '30' }, rounds: { type: 'string', default: '240' }, committee: { type: 'string', default: '15' },
    canaries: { type: 'string', default: '20' }, 'report-fee': { type: 'string', default: '40500000000' }, seed: { type: 'string', default: '1' }, write: { type: 'string' },
  },
})
const number = (name: 'machines' | 'checkers' | 'epochs' | 'rounds' | 'committee' | 'canaries' | 'seed'): number => Number(values[name])
const [checkers, epochs, rounds, committee] = [number('checkers'), number('epochs'), number('rounds'), number('committee')]
// Rounds of 30 blocks of 12 s: six minutes, 240 a day.
const parameters: Parameters = { ...devnetParameters(0, 100), roundBlocks: 30, epochRounds: rounds, hourBlocks: 300, waitBlocks: 300, committee, log2n: 11, log2nMax: 11, probationRounds: 240, trustedRounds: 2400, standingCheck: 'enforce', calibrationCheck: 'enforce' }

const groups: [share: number, behaviour: Behaviour][] = [
  [0.7, HONEST],
  [0.15, { ...HONEST, name: 'honest, home line', loss: 0.01, outage: 0.001, outageRounds: 10, decline: 0.003 }],
  [0.03, { ...HONEST, name: 'flaky', loss: 0.05, outage: 0.02, outageRounds: 10 }],
  [0.01, { ...HONEST, name: 'skips 1 %', cheat: 1, skipped: 0.01 }],
  [0.01, { ...HONEST, name: 'skips 5 %', cheat: 1, skipped: 0.05 }],
  [0.005, { ...HONEST, name: 'skips 25 %', cheat: 1, skipped: 0.25 }],
  [0.01, { ...HONEST, name: 'skips 5 % in 1 round of 50', cheat: 0.02, skipped: 0.05 }],
  [0.01, { ...HONEST, name: 'skips 5 %, new names', cheat: 1, skipped: 0.05, whitewash: true }],
  [0.02, { ...HONEST, name: '8 names by turns', turns: 8 }],
  [0.02, { ...HONEST, name: '8 names at once', names: 8 }],
  [0.035, { ...HONEST, name: 'accomplice of checkers', league: true }],
]
/** Honest machines that leave in an epoch, each replaced by a new one. */
const CHURN = 0.01
/** How much longer than its window a machine can work and still be taken: the blocks up to the last commitment. */
const OVERREAD = 2

interface Sum {
  devices: number
  spent: number
  score: bigint
  asked: number
  passed: number
  benched: number
  benches: number
  rounds: number
  cheats: number
  caught: number
  framed: number
}

interface MonthOptions {
  machines: number
  /** What liars among the checkers come to in an epoch. */
  committees: (epoch: number) => Committees
  chance: Random
}

/** Sums by behaviour and epoch. */
function month({ machines, committees, chance }: MonthOptions): Map<string, Sum[]> {
  const actors = groups.flatMap(([share, behaviour]) => Array.from({ length: Math.round(share * machines) }, (_, i): Actor => ({ behaviour, speed: chance.logNormal(0.5), standing: NEW_STANDING, down: 0, waiting: 0, turn: i % behaviour.turns })))
  const sums = new Map<string, Sum[]>(groups.map(([, { name }]) => [name, []]))
  for (let epoch = 0; epoch < epochs; epoch++) {
    const now = committees(epoch)
    const of = new Map<string, Sum>(groups.map(([, { name }]) => [name, { devices: 0, spent: 0, score: 0n, asked: 0, passed: 0, benched: 0, benches: 0, rounds: 0, cheats: 0, caught: 0, framed: 0 }]))
    for (const actor of actors) {
      if (actor.behaviour === HONEST && chance.next() < CHURN) Object.assign(actor, { standing: NEW_STANDING, waiting: Math.ceil(parameters.waitBlocks / parameters.roundBlocks) })
      const tally = playEpoch(chance, parameters, actor, now, epoch * rounds, rounds)
      const sum = of.get(actor.behaviour.name)!
      sum.devices += 1 / (actor.behaviour.names * actor.behaviour.turns)
      sum.spent += tally.spent * actor.speed
      sum.score += tally.asked === 0 ? 0n : (tally.work * BigInt(tally.passed)) / BigInt(tally.asked)
      for (const field of ['asked', 'passed', 'benched', 'benches', 'rounds', 'cheats', 'caught', 'framed'] as const) sum[field] += tally[field]
    }
    for (const [name, sum] of of) sums.get(name)!.push(sum)
    process.stderr.write(`\repoch ${epoch + 1} of ${epochs} `)
  }
  process.stderr.write('\n')
  return sums
}

/** Score of a device that works one round as fast as the slowest class, in parts of what it did. */
const payOf = ({ score, spent }: Sum): number => (spent === 0 ? 0 : Number(score) / WORK / spent)
const total = (sums: readonly Sum[]): Sum => sums.reduce((a, b) => ({ devices: b.devices, spent: a.spent + b.spent, score: a.score + b.score, asked: a.asked + b.asked, passed: a.passed + b.passed, benched: a.benched + b.benched, benches: a.benches + b.benches, rounds: a.rounds + b.rounds, cheats: a.cheats + b.cheats, caught: a.caught + b.caught, framed: a.framed + b.framed }))

interface Kind {
  name: string
  count: number
  /** Chances of an error in a trial. */
  falseAccept: number
  falseReject: (captured: number) => number
  league: boolean
  calibration: Calibration
  weights: number[]
}

/** Checkers by kind: a third in league, of whom some copy, some lie always and some only where they hold the majority. */
function checkerKinds(): Kind[] {
  const third = Math.floor(checkers / 3)
  const kind = (name: string, count: number, falseAccept: number, falseReject: (captured: number) => number, league: boolean): Kind => ({ name, count, falseAccept, falseReject, league, calibration: NEW_CALIBRATION, weights: [] })
  return [
    kind('honest', checkers - third, 0, () => 0.01, false),
    kind('copies, or always says RAN', Math.floor(third / 3), 1, () => 0.01, true),
    kind('always says that machines are gone', Math.floor(third / 3), 0, () => 1, true),
    kind('lies where its league has the majority', third - 2 * Math.floor(third / 3), 0, (captured) => Math.min(1, 0.01 + captured), true),
  ]
}

/** The weight of an average checker of a kind after each epoch, and how likely the league captures a committee in each. */
function calibrate(chance: Random): { kinds: Kind[]; captured: number[] } {
  const kinds = checkerKinds()
  const captured: number[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    const alive = kinds.filter((one) => one.league && (epoch === 0 || weightOf(one.calibration) > 0)).reduce((sum, { count }) => sum + count, 0)
    const { of, in: all } = captureProbability(checkers, alive, committee)
    captured.push(Number((of * 10n ** 15n) / all) / 1e15)
    for (const one of kinds) {
      one.weights.push(epoch === 0 ? 1_000_000 : weightOf(one.calibration))
      const trials = chance.binomial(number('canaries') * rounds, committee / checkers)
      const muted = chance.binomial(trials, 0.5)
      one.calibration = afterEpoch(one.calibration, { muted, falseAccepts: chance.binomial(muted, one.falseAccept), shown: trials - muted, falseRejects: chance.binomial(trials - muted, one.falseReject(captured[epoch]!)) })
    }
  }
  return { kinds, captured }
}

const started = process.hrtime.bigint()
const chance = random(number('seed'))
const { kinds, captured } = calibrate(chance)
console.log(`A third of ${checkers} checkers in league, committees of ${committee}, ${epochs} epochs of ${rounds} rounds, ${values.machines} machines\n`)
const league = month({ machines: number('machines'), committees: (epoch) => ({ captured: captured[epoch]!, overread: OVERREAD }), chance })
const quiet = month({ machines: Math.min(10_000, number('machines')), committees: () => ({ captured: 0, overread: 1 }), chance })

const percent = (value: number): string => `${(100 * value).toPrecision(3)} %`
const machineTable = (sums: Map<string, Sum[]>): Record<string, string>[] => {
  const honest = payOf(total(sums.get(HONEST.name)!))
  return [...sums].map(([name, all]) => {
    const sum = total(all)
    return { machines: name, devices: String(Math.round(sum.devices)), 'pay for the same work': (payOf(sum) / honest).toFixed(3), availability: percent(sum.passed / Math.max(1, sum.asked)), 'benched rounds': percent(sum.benched / sum.rounds), 'benches a round': (sum.benches / sum.rounds).toExponential(1), 'caught of cheated rounds': sum.cheats === 0 ? '' : percent(sum.caught / sum.cheats), 'framed rounds': percent(sum.framed / sum.rounds) }
  })
}
const checkerTable = kinds.map(({ name, count, weights, calibration }) => ({
  checkers: name, count: String(count), 'weight in epoch 1, 2, 3, last': [0, 1, 2, epochs - 1].map((epoch) => ((weights[epoch] ?? 0) / 1e6).toFixed(2)).join(', '), quality: (qualityPpm(calibration) / 1e6).toFixed(3),
  'false accepts, 95 %': `${(falseAcceptRate(calibration).lowPpm / 1e4).toFixed(1)} to ${(falseAcceptRate(calibration).highPpm / 1e4).toFixed(1)} %`, 'false rejects, 95 %': `${(falseRejectRate(calibration).lowPpm / 1e4).toFixed(1)} to ${(falseRejectRate(calibration).highPpm / 1e4).toFixed(1)} %`,
  'pay of an honest one': (weights.reduce((a, b) => a + b, 0) / kinds[0]!.weights.reduce((a, b) => a + b, 0)).toFixed(3),
}))
const captureTable = [10, 50, 100, 1000].flatMap((n) => [3, 7, 15, 31, 63, 127].filter((k) => k < n).map((k) => ({ checkers: String(n), committee: String(k), 'a round': probabilityText(captureOf(n, { committee: k, mirrors: 2, epochRounds: rounds }).perRound), [`an epoch of ${rounds}`]: probabilityText(captureOf(n, { committee: k, mirrors: 2, epochRounds: rounds }).perEpoch) })))
const opened = openingsBytesLimit(parameters)
const perRound = { bandwidth: 2 * parameters.bandwidthBytes * committee, openings: opened * committee, commitments: commitmentBytesLimit({ ...parameters, maxSteps: 1000 }) * committee }
const monthRounds = epochs * rounds
const costTable = [
  ...Object.entries(perRound).map(([what, bytes]) => ({ what: `${what}, GB a machine`, amount: ((bytes * monthRounds) / 1e9).toFixed(1) })),
  { what: 'extrinsics a machine', amount: '0' },
  { what: 'extrinsics a checker', amount: String(monthRounds) },
  { what: `fees a checker, PEAQ, at ${values['report-fee']} planck each`, amount: (Number(BigInt(values['report-fee']) * BigInt(monthRounds)) / 1e18).toFixed(6) },
  { what: 'the same for each machine, PEAQ', amount: (Number((BigInt(values['report-fee']) * BigInt(monthRounds * checkers)) / BigInt(number('machines'))) / 1e18).toExponential(2) },
]
const caughtTable = [0.001, 0.01, 0.05, 0.25].map((skipped) => ({
  'rows skipped': percent(skipped), 'caught in a round': percent(catchChance(skipped, parameters.samples)),
  // What it saves until it is caught against the epoch that it then loses, half of one on average.
  'saved until caught, rounds of work': (skipped / catchChance(skipped, parameters.samples)).toFixed(3), 'lost when caught, rounds of work': `${rounds / 2} and the bench`,
}))

const tables: [string, Record<string, string>[]][] = [
  ['Machines, with a third of the checkers in league', machineTable(league)], ['Machines, with honest checkers', machineTable(quiet)], ['Checkers', checkerTable], ['Capture of a committee, a third in league', captureTable], ['Cost to cheat', caughtTable], ['A month', costTable],
]
for (const [title, rows] of tables) {
  console.log(`\n${title}`)
  console.table(rows)
}
const benchRate = (name: string): string => {
  const { benches, rounds: all } = total(quiet.get(name)!)
  return (benches / all).toExponential(1)
}
console.log(`\nbenched a round: honest ${benchRate(HONEST.name)}, on a home line ${benchRate('honest, home line')}; limit 1e-4`)
console.log(`a committee is captured in a round: ${probabilityText(BigInt(Math.round(captured[0]! * 1e18)))} in the first epoch, ${probabilityText(BigInt(Math.round(captured.at(-1)! * 1e18)))} in the last, when canaries have shown who lies`)
console.log(`took ${(Number(process.hrtime.bigint() - started) / 1e9).toFixed(0)} s`)

if (values.write !== undefined) {
  mkdirSync(values.write, { recursive: true })
  const pay: Line[] = [...league].map(([name, all]) => ({ name, points: all.map((sum, epoch) => [epoch + 1, payOf(sum) / payOf(league.get(HONEST.name)![epoch]!)]) }))
  writeFileSync(join(values.write, 'pay.svg'), plot(pay, { title: 'Pay for the same work, honest machines = 1', x: 'epoch', y: 'pay' }))
  const capture: Line[] = [10, 50, 100, 1000].map((n) => ({ name: `${n} checkers`, points: Array.from({ length: 64 }, (_, i) => 2 * i + 1).filter((k) => k < n).map((k) => [k, Number(captureOf(n, { committee: k, mirrors: 2, epochRounds: rounds }).perEpoch) / 1e18]) }))
  writeFileSync(join(values.write, 'capture.svg'), plot(capture, { title: `A committee is captured in an epoch of ${rounds} rounds, a third in league`, x: 'committee', y: 'probability', logarithmic: true }))
  writeFileSync(join(values.write, 'weights.svg'), plot(kinds.map(({ name, weights }) => ({ name, points: weights.map((weight, epoch) => [epoch + 1, weight / 1e6]) })), { title: 'What a checker’s word weighs', x: 'epoch', y: 'weight' }))
  const markdown = tables.map(([title, rows]) => [`### ${title}`, '', `| ${Object.keys(rows[0]!).join(' | ')} |`, `|${Object.keys(rows[0]!).map(() => '---').join('|')}|`, ...rows.map((row) => `| ${Object.values(row).join(' | ')} |`)].join('\n')).join('\n\n')
  writeFileSync(join(values.write, 'tables.md'), `${markdown}\n`)
}
