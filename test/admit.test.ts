// A network that grows and changes: another checker waits until the founders have admitted it, takes part, and takes none when they have expelled it; and they agree on other parameters. All of it by commands, beside processes.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { peerIdOf } from '@assay/kit/channel'
import { lowPort } from '@assay/kit/testing/low-port'
import { type Hex, openingsBytesLimit, parametersFor, replayEpoch, roundAt, roundFacts } from '@assay/protocol'
import { nodeCrypto as crypto, toAddress } from '@assay/runtime-bindings'
import { type SpawnedDevchain, spawnDevchain } from '@assay/runtime-bindings/testing'
import { reportedSoon } from '../cli/src/quiet.ts'
import { cast, type Net, type Ran, type Service, startNet } from './chaos-net.ts'
import { layKeys } from './people.ts'
import { isStory } from './story.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const all = cast(3, 1)
const people = { ...cast(2, 1), fund: { ...all.fund, ...cast(2, 1).fund } }
const newcomer = all.checkers[2]!.account

let chain: SpawnedDevchain
let net: Net
let third: Service

beforeAll(async () => {
  chain = await spawnDevchain({ blocks: 'manual', fund: people.fund })
  net = await startNet({ cast: people, port: chain.port, indexer: false, parameters: { epochRounds: 1, committee: 3, mirrors: 2 } })
  third = await net.another('checker-3', newcomer.id, 'checker', async (folder, http) => ['--password-file', layKeys('checker', 'checker-3', folder), '--channel-port', String(await lowPort()), '--http-port', http])
})
afterAll(async () => {
  await third?.stop().catch(() => {})
  await net?.[Symbol.asyncDispose]()
  await chain?.kill()
})
isStory((error) => net.fail(error))

const atChain = (): string[] => ['--chain', net.chain.endpoint]

/** A founder's command, run to its end while blocks come for what it sends; the last that it said. */
async function founder(index: number, ...args: string[]): Promise<{ code: number | null; said: Ran['said'][number] | undefined; log: string }> {
  // It waits for blocks while a report of its own checker may be due.
  while (reportedSoon(net.parameters, net.head).length > 0) await net.step()
  const { name, dir } = net.checkers[index]!
  const { child, said } = net.run(`${args[0]}-${name}`, 'network', ...args, ...atChain(), '--data-dir', dir, '--password-file', join(dir, 'password'), '--members', people.checkers.map(({ account }) => account.address).join())
  const { code } = await net.during(child.exited)
  return { code, said: said.at(-1), log: child.logFile }
}

const bothSay = async (events: [string, string], ...args: string[]): Promise<void> => {
  for (const [index, event] of events.entries()) {
    const { code, said, log } = await founder(index, ...args)
    expect([code, said?.event], log).toEqual([0, event])
  }
}

test('a checker that nobody admitted registers, and says what it waits for', async () => {
  third.start()
  await net.during(net.told(third, 'checker registered'))
  const lacks = { reason: 'it lacks the network’s checker role' }
  while (!third.told.some(({ event, reason }) => event === 'checker not eligible' && reason === lacks.reason)) await net.step()
  expect((await net.told(third, 'checker not eligible', lacks))['advice']).toContain(`assay network admit ${newcomer.address}`)
})

test('with another peer key, which others may not have read, it registers anew', async () => {
  const told = third.told.length
  await third.stop()
  const { child, said } = net.run('rotate', 'checker', 'rotate', '--data-dir', third.dir, '--password-file', join(third.dir, 'password'))
  expect((await child.exited).code).toBe(0)
  third.start()
  await net.during(net.until('it registers anew', () => third.told.slice(told).some(({ event }) => event === 'checker registered')))
  // What it waits for is told again after each start.
  await net.until('it says what it waits for', () => third.told.slice(told).some(({ event, advice }) => event === 'checker not eligible' && String(advice).includes(newcomer.address)))
  const [old, made] = third.told.filter(({ event }) => event === 'checker registered').map(({ addresses }) => String(addresses))
  const [rotated] = said
  expect([old, made]).toEqual([rotated!['old'], rotated!['peer']].map((peer) => expect.stringMatching(`/p2p/${peerIdOf(peer as Hex)}$`)))
})

test('only founders admit, and none whose keys are elsewhere', async () => {
  const { child } = net.run('admit-itself', 'network', 'admit', newcomer.address, ...atChain(), '--data-dir', third.dir, '--password-file', join(third.dir, 'password'), '--members', people.checkers.map(({ account }) => account.address).join())
  expect((await child.exited).code).toBe(1)
  expect(readFileSync(child.logFile, 'utf8')).toContain('is none of the 2 members given')
})

test('two thirds and one of the founders admit it', async () => {
  await bothSay(['checker approved', 'checker admitted'], 'admit', newcomer.address)
  expect((await founder(0, 'admit', newcomer.address)).said).toMatchObject({ event: 'checker admitted', network: toAddress(people.network), checker: newcomer.address })
  // Whoever measures checkers is none of them.
  const both = await founder(0, 'calibrator', newcomer.address)
  expect([both.code, readFileSync(both.log, 'utf8')]).toEqual([1, expect.stringContaining(`${newcomer.address} is a checker of ${toAddress(people.network)}, and nobody is both.`)])
  while (!third.told.some(({ event }) => event === 'checker ready')) await net.step()
})

test('it takes part from a round that is drawn afterwards', async () => {
  const { ledger } = await net.ledger()
  let round = 0
  while (net.at(round).freeze - net.parameters.waitBlocks < net.head) round++
  expect(roundFacts(crypto, ledger, 0)!.checkers).toHaveLength(2)
  third.due = { from: round, to: Infinity }
  net.checkers.push(third)
  await net.to(net.at(round).judgement + net.parameters.confirmations)
  expect(await net.told(third, 'round reported', { round })).toMatchObject({ machines: 1, ran: 1 })
  const later = (await net.ledger()).ledger
  const replay = await replayEpoch(crypto, later, round, net.loadFor(later))
  if (replay.kind !== 'done') throw new Error(`epoch ${round} cannot be replayed: ${JSON.stringify(replay)}`)
  expect(replay.rounds[0]!.judgement.verdicts).toMatchObject([{ outcome: 'PASS', counted: 3, opened: true }])
  expect(replay.result.scores.find(({ account }) => account === newcomer.id)!.score).toBeGreaterThan(0n)
})

test('a founder’s command waits while a report of its checker is due, and goes on when that is on chain', async () => {
  const [{ name, dir }] = net.checkers as [Service]
  let round = roundAt(net.parameters, net.head)
  while (net.at(round).commitFrom <= net.head) round++
  await net.to(net.at(round).commitFrom - 1)
  const { child, said } = net.run(`waiting-${name}`, 'network', 'admit', newcomer.address, ...atChain(), '--data-dir', dir, '--password-file', join(dir, 'password'), '--members', people.checkers.map(({ account }) => account.address).join())
  await net.until('it says that it waits', () => existsSync(child.logFile) && readFileSync(child.logFile, 'utf8').includes('which must not wait'))
  expect(said).toEqual([])
  let code: number | null | undefined
  void child.exited.then((how) => (code = how.code))
  while (code === undefined) await net.step()
  expect([code, said]).toEqual([0, [expect.objectContaining({ event: 'checker admitted', state: 'unchanged' })]])
  expect(await net.hasReport(net.checkers[0]!, round)).toBe(true)
})

test('founders agree on other parameters, and are told before what would be otherwise and what is not allowed', async () => {
  const samples = { name: 'samples', from: String(net.parameters.samples), to: '256' }
  expect((await founder(0, 'change', 'samples=256', '--dry-run')).said).toMatchObject({ event: 'change possible', changes: [samples] })
  for (const [wrong, why] of [['roundBlocks=20', "roundBlocks is 18 for the network's life"], ['samples=0', 'samples is 0'], ['version=2', 'the version is not changed here'], ['nothing=1', 'nothing=1 is not name=value']] as const) {
    const { code, log } = await founder(0, 'change', wrong)
    expect([code, readFileSync(log, 'utf8')], wrong).toEqual([1, expect.stringContaining(why)])
  }
  // Who opened a vote, and nobody else, takes it back.
  expect((await founder(0, 'change', 'bandPpm=1')).said).toMatchObject({ event: 'change approved' })
  const another = await founder(1, 'change', 'bandPpm=1', '--withdraw')
  expect([another.code, readFileSync(another.log, 'utf8')]).toEqual([1, expect.stringContaining('The update of the network was not taken back')])
  expect((await founder(0, 'change', 'bandPpm=1', '--withdraw')).said).toMatchObject({ event: 'change taken back' })
  const gone = await founder(0, 'change', 'bandPpm=1', '--withdraw')
  expect([gone.code, readFileSync(gone.log, 'utf8')]).toEqual([1, expect.stringContaining('No approval of the update of the network is open.')])
  await bothSay(['change approved', 'parameters changed'], 'change', 'samples=256')
  expect((await founder(0, 'change', 'samples=256')).said).toMatchObject({ event: 'parameters changed', changes: [] })
  while (!net.checkers.every(({ told }) => told.some(({ event }) => event === 'machines called anew'))) await net.step()
  const { ledger } = await net.ledger()
  const from = roundAt(net.parameters, net.head) + 2
  expect([parametersFor(ledger, from - 1)?.samples, parametersFor(ledger, from)?.samples]).toEqual([net.parameters.samples, 256])
})

test('a round by the new parameters is whole, though what is opened in it is longer than a message could be before', async () => {
  const round = roundAt(net.parameters, net.head) + 2
  await net.to(net.at(round).judgement + net.parameters.confirmations)
  const { ledger } = await net.ledger()
  expect(parametersFor(ledger, round)?.samples).toBe(256)
  const replay = await replayEpoch(crypto, ledger, round, net.loadFor(ledger))
  if (replay.kind !== 'done') throw new Error(`epoch ${round} cannot be replayed: ${JSON.stringify(replay)}`)
  expect(replay.rounds[0]!.judgement.verdicts).toMatchObject([{ outcome: 'PASS', counted: 3, opened: true }])
  // By the founding parameters no checker would have taken so long a message.
  const [taken] = net.checkers[0]!.rows<{ size: number }>('SELECT size FROM openings WHERE round = ?', round)!
  expect(taken!.size).toBeGreaterThan(openingsBytesLimit(net.parameters))
})

test('whom they expel is in no round that is drawn afterwards, and says so', async () => {
  let last = 0
  while (net.at(last + 1).freeze <= net.head + 2) last++
  third.due = { ...third.due, to: last }
  await bothSay(['expulsion approved', 'checker expelled'], 'expel', newcomer.address)
  const round = last + 1
  await net.to(Math.max(net.head, net.at(round + 1).freeze) + net.parameters.confirmations)
  const { ledger } = await net.ledger()
  expect(roundFacts(crypto, ledger, round + 1)!.checkers.map(({ account }) => account)).not.toContain(newcomer.id)
  expect(third.told.findLast(({ event }) => event.startsWith('checker '))).toMatchObject({ event: 'checker not eligible' })
  expect((await founder(1, 'expel', newcomer.address)).said).toMatchObject({ event: 'nothing to take', state: 'unchanged' })
})
