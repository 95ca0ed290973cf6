// Who leaves in good order does first what it owes, through a crash in between too: a machine opens its last round; a checker reports it, publishes it, mirrors it, and settles until the pot is handed over.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Ledger, payingTerm, registeredCheckers, registeredMachines, replayEpoch, roundFacts, settlersOf } from '@assay/protocol'
import { nodeCrypto as crypto, toAddress } from '@assay/runtime-bindings'
import { type SpawnedDevchain, spawnDevchain } from '@assay/runtime-bindings/testing'
import { cast, type Net, type Ran, type Service, startNet } from './chaos-net.ts'
import { isStory } from './story.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const people = cast(4, 2)

let chain: SpawnedDevchain
let net: Net
let checker: Service
let machine: Service

beforeAll(async () => {
  chain = await spawnDevchain({ blocks: 'manual', fund: people.fund })
  net = await startNet({ cast: people, port: chain.port, indexer: false, parameters: { epochRounds: 1, termEpochs: 1 } })
  ;[checker, machine] = [net.checkers.at(-1)!, net.machines.at(-1)!]
})
afterAll(async () => {
  await Promise.allSettled([checker?.stop(), machine?.stop()])
  await net?.[Symbol.asyncDispose]()
  await chain?.kill()
})
isStory((error) => net.fail(error))

const exit = (service: Service, ...more: string[]): Ran => net.exit(service, ...more)
const saidOf = ({ child }: Ran): string => readFileSync(child.logFile, 'utf8')

let exits: { checker: Ran; machine: Ran }
/** The round in which both are for the last time. */
const LAST = 0

test('founders who are not the network’s are none', async () => {
  const wrong = exit(checker, '--members', net.checkers.slice(0, 2).map(({ account }) => toAddress(account)).join())
  expect((await wrong.child.exited).code).toBe(1)
  expect(saidOf(wrong)).toMatch(/the 2 members given are not those of the network/)
  expect(existsSync(join(checker.dir, 'leaving'))).toBe(false)
})

test('a checker does not leave while it does not run', async () => {
  await checker.kill()
  const alone = exit(checker)
  expect((await alone.child.exited).code).toBe(1)
  expect(saidOf(alone)).toMatch(/no process runs on .* Its leaving is not confirmed yet[^]*Start it, then run this again\. Nothing was done/)
  expect([existsSync(join(checker.dir, 'leaving')), existsSync(join(checker.dir, 'retired'))]).toEqual([false, false])
  checker.start()
  await net.told(checker, 'checker ready')
})

test('both leave in the middle of a round, are killed, and come back to end it', async () => {
  const at = net.at(LAST)
  await net.to(at.start)
  exits = { checker: exit(checker), machine: exit(machine) }
  await net.until('both words wait for a block', async () => (await net.waiting()).toSorted().join() === [checker.account, machine.account].toSorted().join())
  await net.step()
  const left = Promise.all([exits.checker, exits.machine].map(({ child }) => child.line('left')))
  let both = false
  void left.then(() => (both = true))
  while (!both) await net.step()
  expect((await left).map(({ state }) => state)).toEqual(['retired', 'retired'])
  expect(net.head).toBeLessThan(net.at(LAST + 1).freeze)

  await net.to(at.fire)
  await net.until('the commitment is signed', () => existsSync(join(machine.dir, 'signed', net.cast.network.slice(2, 18), `${LAST}.commitment`)))
  await net.to(at.commitmentBy)
  const before = [checker, machine].map(({ told }) => told.length)
  await Promise.all([checker.kill(), machine.kill()])
  for (const one of [checker, machine]) one.start()
  await net.told(checker, 'leaving')
  await net.told(machine, 'leaving')
  await net.to(at.openKnown)
  expect(await net.told(checker, 'round reported', { round: LAST })).toMatchObject({ machines: 2, ran: 2 })
  expect(await net.told(machine, 'round worked', { round: LAST })).toMatchObject({ result: 'RESUMED', opened: 4 })
  // Neither of them registered again.
  for (const [i, { told }] of [checker, machine].entries()) expect(told.slice(before[i]).filter(({ event }) => event.endsWith(' registered'))).toEqual([])
})

test('the machine is stopped when it has opened, the checker when nothing of it is needed any more', async () => {
  // From here on the others' rounds are without them.
  net.checkers.pop()
  net.machines.pop()
  for (const one of [checker, machine]) one.mayEnd = true
  const { commitTo: last } = net.at(LAST + 2)
  while (checker.running) {
    for (const round of [LAST + 1, LAST + 2]) {
      const { commitFrom, commitTo } = net.at(round)
      if (net.head >= commitFrom && net.head < commitTo) await net.until(`${checker.name} speaks of its last round`, async () => (await net.hasReport(checker, round)) || (await net.waiting()).includes(checker.account))
    }
    expect(net.head).toBeLessThan(last + 200)
    await net.step()
  }
  // Its last word is what it mirrored of the round.
  expect(await net.hasReport(checker, LAST + 2)).toBe(true)
  for (const { child } of [exits.checker, exits.machine]) expect((await child.exited).code, child.logFile).toBe(0)
  const owed = exits.checker.said.filter(({ event }) => event === 'owed')
  // Where a block came while it was away, that is said in between.
  expect([...new Set(owed.filter(({ kind }) => kind !== 'leaving').map(({ kind, round, term }) => `${kind} ${round ?? term}`))]).toEqual([`rounds ${LAST}`, 'pot 0'])
  expect(exits.machine.said.find(({ event }) => event === 'last round')).toMatchObject({ round: LAST, until: net.at(LAST).packageBy })
  for (const [{ dir, told }, { said }] of [[checker, exits.checker], [machine, exits.machine]] as const) {
    expect(said.slice(-2)).toMatchObject([{ event: 'stopped', pid: expect.any(Number) }, { event: 'retired', state: 'retired' }])
    expect(told.at(-1)!.event).toMatch(/^(checker|provider) stopped$/)
    expect([existsSync(join(dir, 'leaving')), existsSync(join(dir, 'retired'))]).toEqual([false, true])
  }
})

test('the round, its epoch and its term are whole, and the next are without them', async () => {
  const { ledger } = await net.ledger()
  expect([registeredCheckers(ledger).length, registeredMachines(ledger).length]).toEqual([3, 1])
  const eligible = (round: number) => roundFacts(crypto, ledger, round)!.checkers.map(({ account }) => account)
  expect([eligible(LAST).includes(checker.account), eligible(LAST + 1).includes(checker.account)]).toEqual([true, false])
  expect(roundFacts(crypto, ledger, LAST)!.counted.has(checker.account)).toBe(true)
  expect(await verdictOf(ledger)).toMatchObject({ outcome: 'PASS', reason: 'OK', counted: 4, opened: true })
  expect(settlersOf(crypto, ledger, 0)).toContain(checker.account)
  expect(payingTerm(ledger)).toBeGreaterThan(0)
  expect(settlersOf(crypto, ledger, payingTerm(ledger))).not.toContain(checker.account)
})

test('whoever has left and asks again is told so', async () => {
  const again = exit(checker)
  expect((await again.child.exited).code).toBe(0)
  expect(again.said).toMatchObject([{ event: 'reading' }, { event: 'left', state: 'unchanged' }, { event: 'stopped', pid: null }, { event: 'retired', state: 'unchanged', checker: toAddress(checker.account), money: null }])
})

async function verdictOf(ledger: Ledger) {
  const replay = await replayEpoch(crypto, ledger, LAST, net.loadFor(ledger))
  if (replay.kind !== 'done') throw new Error(`epoch ${LAST} cannot be replayed: ${JSON.stringify(replay)}`)
  return replay.rounds[0]!.judgement.verdicts.find((verdict) => verdict.machine === machine.account)
}
