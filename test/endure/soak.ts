// `npm run soak`: a network of processes through hundreds of rounds on peaq's runtime. Exit code 1 if a report is lost, a machine does not pass, a settlement differs from a replay, something grows, or
// a program says something at warn or above that nobody can explain.
//   npm run soak -- [--rounds 200] [--minutes 60] [--machines 2] [--json]
// After `--minutes` it ends with the epochs that are settled by then.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openDatabase } from '@assay/indexer/database'
import { judgementOfEpoch, roundAt, roundStart } from '@assay/protocol'
import type { Net } from '../chaos-net.ts'
import { alarmsOf, type Explained } from './alarms.ts'
import { beat } from './beat.ts'
import { Books } from './books.ts'
import { type Check, count, endure, say, tableOf, tableOfChecks } from './endurance.ts'
import { flatness, median } from './flat.ts'
import { type Footprint, footprintOf } from './footprint.ts'

/** What a program may say at warn or above though all is well: nothing. */
const EXPLAINED: Explained[] = []

const LOOK_MS = 250
/** Descriptors come and go with a round's connections: so many more or less tell nothing. */
const FD_SLACK = 5
/** Rounds of which a machine keeps what it signed (services/provider/src/main.ts), and those that are not over. */
const SIGNED_ROUNDS = 64 + 3
/** Epochs of which an indexer keeps evidence by default, and those that are not settled yet. */
const EVIDENCE_EPOCHS = 7 + 4
/** Blocks after an epoch's judgement in which it must be settled: five attempts. */
const SETTLED_WITHIN = 30

async function soak(net: Net, signal: AbortSignal, { rounds, minutes, json }: { rounds: number; minutes: number; json: boolean }): Promise<boolean> {
  const { parameters } = net
  let epochs = Math.ceil(rounds / parameters.epochRounds)
  const prints = new Map(net.services.map(({ name }) => [name, [] as Footprint[]]))
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const began = performance.now()
  const books = new Books(net, ({ round, checkers, reported, machines, passed, losses }) => {
    const memory = [...prints].map(([name, samples]) => `${name} ${Math.round(samples.at(-1)?.ownMb ?? 0)}`).join(', ')
    say(`round ${round}: ${reported}/${checkers} reported, ${passed}/${machines} passed${losses.map(({ who, what }) => `; ${net.services.find(({ account }) => account === who)?.name} ${what}`).join('')}; MB: ${memory}; ${Math.round((performance.now() - began) / 1000)} s`)
  })
  const sample = (height: number): void => {
    // Once a round, always in the same part of it, and only of the rounds that count.
    if (height < parameters.start || height !== roundStart(parameters, roundAt(parameters, height)) || roundAt(parameters, height) > rounds) return
    for (const { name, pid, dir } of net.services) {
      const print = pid === undefined ? undefined : footprintOf(pid, dir)
      if (print !== undefined) prints.get(name)!.push(print)
    }
  }
  const failed = (error: unknown): void => net.fail(error)
  const keeping = books.keep(both).catch(failed)
  const beating = beat(net, { signal: both, onBlock: sample }).catch((error: unknown) => void (both.aborted || failed(error)))
  const last = judgementOfEpoch(parameters, epochs - 1) + SETTLED_WITHIN
  try {
    while (!both.aborted && !books.isSettled(epochs - 1) && net.head <= last) {
      await delay(LOOK_MS)
      const settled = books.epochs.filter(({ landed }) => landed !== null).length
      if (performance.now() - began > 60_000 * minutes && settled > 0) epochs = settled
    }
  } finally {
    over.abort()
    await Promise.all([keeping, beating])
  }
  signal.throwIfAborted()
  const wrong = await books.audit()
  await net.stop()
  const alarms = alarmsOf(net.services.map(({ name, told }) => [name, told]), EXPLAINED)
  const checks = [...(await checksOf(net, books, epochs, prints, wrong)), alarmCheck(alarms)]
  const growth = net.services.map(({ name }) => growthOf(name, prints.get(name)!))
  if (json) console.log(JSON.stringify({ rounds, seconds: Math.round((performance.now() - began) / 1000), checks, growth, alarms }, null, 2))
  else {
    console.log(tableOfChecks(checks))
    console.log(`\n${tableOf(['program', 'MB, first quarter', 'MB, last quarter', 'MB a 100 rounds', 'most resident MB', 'descriptors', 'folder, MB', 'kB a round'], growth.map((one) => [one.name, ...[one.own.first, one.own.last, one.own.slope, one.mostRss].map((mb) => mb.toFixed(1)), `${one.fds.first} to ${one.fds.last}`, (one.folderKb / 1024).toFixed(1), one.kbARound.toFixed(1)]))}`)
    if (alarms.length > 0) console.log(`\n${tableOf(['level', 'event', 'times', 'who', 'why'], alarms.map(({ level, event, count, who, why }) => [level, event, String(count), who.join(' '), why ?? 'NOT EXPLAINED']))}`)
  }
  for (const { name, faults } of checks) for (const fault of faults) console.error(`NOT KEPT: ${name}: ${fault}`)
  return checks.every(({ faults }) => faults.length === 0)
}

interface Growth { name: string; own: ReturnType<typeof flatness>; fds: ReturnType<typeof flatness>; mostRss: number; folderKb: number; kbARound: number; folderSpeedsUp: boolean }

function growthOf(name: string, prints: readonly Footprint[]): Growth {
  const folder = prints.map(({ folderKb }) => folderKb)
  const steps = folder.slice(1).map((kb, i) => kb - folder[i]!)
  const half = Math.floor(steps.length / 2)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const [early, late] = [mean(steps.slice(0, half)), mean(steps.slice(half))]
  return {
    name,
    own: flatness(prints.map(({ ownMb }) => ownMb)),
    fds: flatness(prints.map(({ fds }) => fds), FD_SLACK),
    mostRss: Math.max(...prints.map(({ rssMb }) => rssMb)),
    folderKb: folder.at(-1) ?? NaN,
    kbARound: mean(steps),
    folderSpeedsUp: late > 1.1 * Math.max(early, 1),
  }
}

async function checksOf(net: Net, books: Books, epochs: number, prints: ReadonlyMap<string, Footprint[]>, wrong: string[]): Promise<Check[]> {
  const rounds = books.rounds.slice(0, epochs * net.parameters.epochRounds)
  const sum = (of: (round: (typeof rounds)[number]) => number): number => rounds.reduce((total, round) => total + of(round), 0)
  const lost = (kind: 'machine' | 'checker'): string[] => rounds.flatMap(({ round, losses }) => losses.filter((loss) => loss.kind === kind).map(({ who, what }) => `round ${round}: ${net.services.find(({ account }) => account === who)?.name ?? who} ${what}`))
  const settled = books.epochs.slice(0, epochs)
  const delays = settled.flatMap(({ epoch, landed }) => (landed === null ? [] : [landed - judgementOfEpoch(net.parameters, epoch)]))
  const growth = net.services.map(({ name }) => growthOf(name, prints.get(name)!))
  return [
    { name: 'rounds judged', found: `${rounds.length}`, faults: rounds.length < epochs * net.parameters.epochRounds ? [books.missing ?? `only ${rounds.length} of ${epochs * net.parameters.epochRounds} rounds were judged by block ${net.head}`] : [] },
    { name: 'each eligible checker reported, and its package counts', found: `${sum(({ reported }) => reported)} of ${sum(({ checkers }) => checkers)} reports`, faults: lost('checker') },
    { name: 'each machine passed', found: `${sum(({ passed }) => passed)} of ${sum(({ machines }) => machines)}`, faults: [...lost('machine'), ...books.faults.filter((fault) => fault.includes('is judged'))] },
    {
      name: 'each epoch is settled once, as a replay gives it, and paid to the planck',
      found: `${delays.length} of ${epochs}, ${Math.min(...delays)} to ${Math.max(...delays)} blocks after their judgement`,
      faults: [...settled.filter(({ landed }) => landed === null).map(({ epoch }) => `epoch ${epoch} is not settled`), ...books.faults.filter((fault) => !fault.includes('is judged')), ...wrong],
    },
    {
      name: 'memory is flat', found: `${Math.max(...growth.map(({ own: { first, last } }) => 100 * (last / first - 1))).toFixed(1)} % at most`,
      faults: growth.filter(({ own }) => !own.flat).map(({ name, own: { first, last, slope } }) => `${name} had ${first.toFixed(1)} MB in the first quarter after the warm-up and ${last.toFixed(1)} in the last, ${slope.toFixed(1)} MB more every 100 rounds`),
    },
    { name: 'descriptors are flat', found: `${Math.max(...growth.map(({ fds: { last } }) => last))} at most`, faults: growth.filter(({ fds }) => !fds.flat).map(({ name, fds: { first, last } }) => `${name} had ${first} in the first quarter after the warm-up and ${last} in the last`) },
    { name: 'folders grow evenly', found: `${median(growth.map(({ kbARound }) => kbARound)).toFixed(1)} kB a round, the median`, faults: growth.filter(({ folderSpeedsUp }) => folderSpeedsUp).map(({ name }) => `the folder of ${name} grew faster in the second half than in the first`) },
    await retention(net),
  ]
}

/** What is said to be let go is gone. */
async function retention(net: Net): Promise<Check> {
  const faults: string[] = []
  const signed = net.machines.map(({ name, dir }) => {
    const rounds = new Set(readdirSync(join(dir, 'signed'), { recursive: true }).flatMap((path) => /(\d+)\.(?:commitment|facts)$/.exec(String(path))?.[1] ?? []))
    if (rounds.size > SIGNED_ROUNDS) faults.push(`${name} keeps what it signed in ${rounds.size} rounds; ${SIGNED_ROUNDS} at most are due`)
    return rounds.size
  })
  const { db, close } = await openDatabase({ dir: net.indexer!.dir, owner: { network: net.cast.network, genesisHash: net.chain.genesisHash } })
  try {
    const kept = await db.selectFrom('evidence').select('epoch').distinct().execute()
    if (kept.length > EVIDENCE_EPOCHS) faults.push(`the indexer keeps evidence of ${kept.length} epochs; ${EVIDENCE_EPOCHS} at most are due`)
    return { name: 'what is let go is gone', found: `machines keep ${Math.max(...signed)} rounds, the indexer evidence of ${kept.length} epochs`, faults }
  } finally {
    await close()
  }
}

const alarmCheck = (alarms: ReturnType<typeof alarmsOf>): Check => ({
  name: 'lines at warn and above are explained',
  found: `${alarms.reduce((sum, { count }) => sum + count, 0)} lines, ${alarms.filter(({ why }) => why === undefined).reduce((sum, { count }) => sum + count, 0)} not explained`,
  faults: alarms.filter(({ why }) => why === undefined).map(({ event, count, who, first }) => `“${event}”, ${count} times by ${who.join(', ')}; the first: ${JSON.stringify(first)}`),
})

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' }, minutes: { type: 'string', default: '600' }, machines: { type: 'string', default: '2' }, json: { type: 'boolean', default: false } } })
const [rounds, minutes, machines] = [count('rounds', values.rounds), count('minutes', values.minutes), count('machines', values.machines)]
if (machines > 5) {
  console.error('--machines is 5 at most: there are keys for no more')
  process.exit(1)
}
await endure({ machines }, (net, signal) => soak(net, signal, { rounds, minutes, json: values.json }))
