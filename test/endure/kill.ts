// `npm run kill`: kill -9 of each kind of program at random moments, on peaq's runtime. Exit code 1 if anything is paid twice, an acknowledged commitment is lost, a store is not whole, or the network
// does not come back to rounds in which nothing is missing.
//   npm run kill -- [--times 50] [--minutes 60] [--service checker|provider|indexer] [--seed text] [--json]
// `--times` is for each kind; after `--minutes` nobody else is killed, and the rest goes on. The seed draws who is killed and when, but how far a program has come by then is the machine's own.
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { epochOf, roundAt } from '@assay/protocol'
import type { Net, Service } from '../chaos-net.ts'
import { alarmsOf } from './alarms.ts'
import { beat } from './beat.ts'
import { Books } from './books.ts'
import { type Check, count, endure, say, tableOf, tableOfChecks } from './endurance.ts'
import { median } from './flat.ts'
import { chance, countPhases, type Phase, PHASES, phasesAt } from './moments.ts'
import { contradictionsOf, faultsOfChecker, faultsOfMachine, indexesDiffer, keptOf, leftovers, receiptsOf } from './stores.ts'

const KINDS = ['checker', 'provider', 'indexer'] as const
type Kind = (typeof KINDS)[number]

interface Kill {
  kind: Kind
  name: string
  height: number
  phases: Phase[]
  /** It was still starting after the kill before. */
  starting: boolean
}

/** So often a program is killed again while it starts, within this time. */
const AGAIN = 0.25
const STARTING_MS = 4000
/** Within a block. */
const MOMENT_MS = 400
/** A program that starts misses about so many blocks, as where the network is at home, however slow the machine is; and a block is at least so long meanwhile. */
const MISSED_BLOCKS = 3
const STARTING_BLOCK_MS = 2000
/** Rounds without a kill in the end. */
const CLEAN_ROUNDS = 4
/** Blocks that an epoch's settlement may take once nobody is killed, when all wait in a row. */
const BLOCKS_AN_EPOCH = 14
/** What a program says of a store that is not as it left it. */
const CORRUPT = /DAMAGED|DISK|malformed|corrupt|SQLITE|not a database/i

async function kill(net: Net, signal: AbortSignal, { times, minutes, kinds, seed, json }: { times: number; minutes: number; kinds: Kind[]; seed: string; json: boolean }): Promise<boolean> {
  const { parameters } = net
  const victims: Record<Kind, Service[]> = { checker: net.checkers, provider: net.machines, indexer: [net.indexer!] }
  const kills: Kill[] = []
  const backMs: number[] = []
  const starting = new Set<Service>()
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const began = performance.now()
  const books = new Books(net, ({ round, checkers, reported, machines, passed, losses }) => {
    const what = losses.map(({ who, what }) => `; ${nameOf(net, who)} ${what}`).join('')
    say(`round ${round}: ${reported}/${checkers} reported, ${passed}/${machines} passed${what}; ${KINDS.map((kind) => `${kills.filter((one) => one.kind === kind).length} ${kind}`).join(', ')} killed; ${Math.round((performance.now() - began) / 1000)} s`)
  })
  const failed = (error: unknown): void => void (both.aborted || net.fail(error))
  const keeping = books.keep(both).catch(failed)
  const startingBlockMs = (): number => Math.max(STARTING_BLOCK_MS, (backMs.length === 0 ? 0 : median(backMs)) / MISSED_BLOCKS)
  const beating = beat(net, { signal: both, starting, startingBlockMs }).catch(failed)

  const strike = async (kind: Kind, service: Service, again: boolean): Promise<void> => {
    kills.push({ kind, name: service.name, height: net.head, phases: phasesAt(parameters, net.head, books.settling(net.head)), starting: again })
    starting.add(service)
    await service.kill()
    service.start()
  }
  const isBack = async (service: Service): Promise<boolean> => {
    const now = await service.standing()
    return now !== undefined && now.best >= net.head - 1 && now.ledger >= net.head - parameters.confirmations - 2
  }
  const haunt = async (kind: Kind): Promise<void> => {
    const draw = chance(`${seed}/${kind}`)
    const killed = (): number => kills.filter((one) => one.kind === kind).length
    const isTime = (): boolean => killed() < times && performance.now() - began < 60_000 * minutes
    while (isTime()) {
      const service = victims[kind][Math.floor(draw() * victims[kind].length)]!
      const height = net.head + 1 + Math.floor(draw() * parameters.roundBlocks)
      await net.until(`block ${height}`, () => net.head >= height)
      await delay(draw() * MOMENT_MS, undefined, { signal: both })
      await strike(kind, service, false)
      for (let again = draw() < AGAIN; again && isTime(); again = draw() < AGAIN) {
        await delay(draw() * STARTING_MS, undefined, { signal: both })
        await strike(kind, service, true)
      }
      const startedAt = performance.now()
      await net.until(`${service.name} is back after kill ${killed()}`, () => isBack(service))
      backMs.push(performance.now() - startedAt)
      starting.delete(service)
    }
  }

  let clean: number
  let last: number
  try {
    await net.until('round 0', () => net.head >= parameters.start)
    await Promise.all(kinds.map(haunt))
    // The first round that begins with everybody back, and so many more.
    clean = roundAt(parameters, net.head) + 2
    last = epochOf(parameters, clean + CLEAN_ROUNDS - 1)
    const patience = net.at((last + 1) * parameters.epochRounds - 1).judgement + BLOCKS_AN_EPOCH * books.epochs.filter(({ landed }) => landed === null).length + 4 * BLOCKS_AN_EPOCH
    say(`the last kill was in block ${net.head}; rounds ${clean} and later must be whole, and all epochs up to ${last} settled`)
    while (!both.aborted && !books.isSettled(last) && net.head <= patience) await delay(250)
  } finally {
    over.abort()
    await Promise.all([keeping, beating])
  }
  signal.throwIfAborted()

  // An index that nobody disturbed, from the same chain.
  say('a fresh indexer reads the same chain')
  const heard = (path: string): Promise<string[]> => Promise.all([net.indexer!, fresh].map(({ url }) => fetch(`${url}${path}`).then((answer) => answer.text(), () => '')))
  const fresh = await net.another('indexer-fresh', net.cast.network, 'indexer', async (_, http) => ['--http-port', http])
  fresh.start()
  try {
    await net.until('both indexers have judged all of it', async () => {
      const [a, b] = await Promise.all([net.indexer!.standing(), fresh.standing()])
      if (a === undefined || b === undefined || a.ledger !== b.ledger) return false
      const all = await Promise.all(books.epochs.map(({ epoch }) => heard(`/epochs/${epoch}/statement`)))
      return all.every(([one, other], epoch) => one !== '' && one === other && (epoch > last || one!.includes('"match"')))
    })
  } finally {
    await fresh.stop()
  }
  const wrong = await books.audit()
  await net.stop()

  const receipts = receiptsOf(net.machines)
  const kept = keptOf(net.cast.network, net.checkers, receipts)
  const index = await indexesDiffer([net.indexer!, fresh], { network: net.cast.network, genesisHash: net.chain.genesisHash })
  const alarms = alarmsOf(net.services.map(({ name, told }) => [name, told]))
  const corrupt = [...net.services.flatMap(({ name, told }) => told.filter((line) => (line['level'] === 'warn' || line['level'] === 'error') && CORRUPT.test(JSON.stringify(line))).map((line) => `${name}: ${JSON.stringify(line)}`)), ...net.checkers.flatMap(faultsOfChecker), ...net.machines.flatMap(faultsOfMachine)]
  const settled = books.epochs.filter(({ landed }) => landed !== null)
  const unsettled = books.epochs.filter(({ epoch, landed }) => landed === null && epoch <= last)
  const disagreed = books.faults.filter((fault) => !fault.includes('is judged'))
  const cheats = [...books.faults.filter((fault) => fault.includes('is judged')), ...contradictionsOf(net.checkers, net.machines)]
  const lateRounds = books.rounds.filter(({ round }) => round >= clean)
  const losses = books.rounds.flatMap(({ round, losses }) => (round >= clean ? [] : losses))
  const checks: Check[] = [
    { name: 'killed', found: kinds.map((kind) => `${kills.filter((one) => one.kind === kind).length} times a ${kind}`).join(', '), faults: [] },
    { name: 'each program came back', found: `within ${(Math.max(...backMs) / 1000).toFixed(1)} s`, faults: [] },
    { name: 'nothing is paid twice', found: `${settled.length} epochs settled: items, transfers and balances, to the planck`, faults: [...wrong, ...disagreed, ...unsettled.map(({ epoch }) => `epoch ${epoch} is not settled`), ...(books.missing === null ? [] : [books.missing])] },
    { name: 'no acknowledged commitment is lost', found: `${kept.receipts} receipts; ${kept.reported} of commitments that are in reports and packages, ${kept.unreported.length} of rounds that the checker itself lost`, faults: kept.reported > 0 ? kept.lost : ['no commitment was acknowledged and reported, so this run shows nothing'] },
    { name: 'no machine signs twice, no checker reports twice', found: `${receipts.length} receipts, ${books.rounds.length} rounds`, faults: cheats },
    { name: 'no store is corrupt', found: `${net.services.length} stores; ${net.services.flatMap(({ dir }) => leftovers(dir)).length} files left of writes that were cut`, faults: corrupt },
    { name: 'the index is that of one that nobody killed', found: `${index.rows} rows compared`, faults: index.faults },
    { name: 'afterwards nothing is missing', found: `${lateRounds.length} rounds`, faults: lateRounds.length < CLEAN_ROUNDS ? [`only ${lateRounds.length} rounds were judged of those that begin after the last kill`] : lateRounds.flatMap(({ round, losses }) => losses.map(({ who, what }) => `round ${round}: ${nameOf(net, who)} ${what}`)) },
  ]
  const phases = Object.fromEntries(kinds.map((kind) => [kind, { ...countPhases(kills.filter((one) => one.kind === kind)), 'while starting': kills.filter((one) => one.kind === kind && one.starting).length }]))
  const honest = Object.entries(Object.groupBy(losses, ({ kind, what }) => `${kind} ${what}`)).map(([what, all]) => ({ what, times: all!.length })).toSorted((a, b) => b.times - a.times)
  if (json) console.log(JSON.stringify({ seed, seconds: Math.round((performance.now() - began) / 1000), rounds: books.rounds.length, checks, phases, losses: honest, alarms, kills }, null, 2))
  else {
    console.log(tableOfChecks(checks))
    console.log(`\n${tableOf(['killed during', ...PHASES, 'while starting'], kinds.map((kind) => [kind, ...[...PHASES, 'while starting' as const].map((phase) => String(phases[kind]![phase]))]))}`)
    console.log(`\nOf ${books.rounds.reduce((sum, { machines }) => sum + machines, 0)} verdicts and ${books.rounds.reduce((sum, { checkers }) => sum + checkers, 0)} reports these came to nothing, as they may when a program is dead:`)
    console.log(tableOf(['who and why', 'times'], honest.map(({ what, times }) => [what, String(times)])))
    console.log(`\n${tableOf(['level', 'event', 'times', 'who'], alarms.map(({ level, event, count, who }) => [level, event, String(count), who.join(' ')]))}`)
  }
  for (const { name, faults } of checks) for (const fault of faults) console.error(`NOT KEPT: ${name}: ${fault}`)
  return checks.every(({ faults }) => faults.length === 0)
}

const nameOf = (net: Net, who: string): string => net.services.find(({ account }) => account === who)?.name ?? who

const { values } = parseArgs({ options: { times: { type: 'string', default: '50' }, minutes: { type: 'string', default: '600' }, service: { type: 'string' }, seed: { type: 'string', default: 'kill' }, json: { type: 'boolean', default: false } } })
const [times, minutes] = [count('times', values.times), count('minutes', values.minutes)]
const kinds = KINDS.filter((kind) => values.service === undefined || values.service === kind)
if (kinds.length === 0) {
  console.error(`--service is ${values.service}; it is one of ${KINDS.join(', ')}`)
  process.exit(1)
}
await endure({ machines: 2, machineFlags: ['--log-level', 'debug'] }, (net, signal) => kill(net, signal, { times, minutes, kinds, seed: values.seed, json: values.json }))
