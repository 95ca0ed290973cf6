// A network of two versions at once: who speaks only the first works and is paid beside who speaks both. Then the second is put in force, and who does not know it stops and says so.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isOperatorError } from '@assay/kit/lifecycle'
import { concat, type ReplayedEpoch, toHex, VERSIONS, type Versions } from '@assay/protocol'
import { updateNetwork } from '@assay/runtime-bindings'
import type { Person } from './people.ts'
import { startWorld, type Told, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
const FIRST: Versions = { lowest: 1, highest: 1 }

let world: World
let replay: ReplayedEpoch
let settled: Told[]
/** The epoch, of one round, in which the second version comes in force. */
let activation: number

/** A founder's part in the update. */
const raise = (of: World, founder: Person) => updateNetwork({ chain: of.chain, sender: of.sender(founder), founders: of.checkers.map(({ account }) => account.id), change: (current) => ({ ...current, version: 2 }) })

beforeAll(async () => {
  world = await startWorld({
    checkers: 3,
    checkerVersions: { 2: FIRST },
    machines: [{ engine: SLOW }, { engine: SLOW, versions: FIRST }],
    // Two of three approve before anybody works; the third gives the word.
    before: async (of) => {
      for (const founder of of.checkers.slice(0, 2)) expect((await raise(of, founder)).state).toBe('waiting')
    },
  })
  replay = await world.replay(0)
  settled = await Promise.all(world.checkers.map((checker) => world.told('epoch settled', by(checker, ({ fields }) => fields['epoch'] === 0))))
  expect((await raise(world, world.checkers[2]!)).state).toBe('updated')
  const { ledger } = await world.first(world.now$, ({ ledger }) => ledger.parameters.length === 2)
  activation = ledger.parameters[1]!.epoch
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

const by = ({ name }: Person, test: (told: Told) => boolean = () => true) => (told: Told) => told.who === name && test(told)
const inRound = (round: number) => ({ fields }: Told) => fields['round'] === round

test('a machine and a checker speak the highest version that both know', async () => {
  const spoken = (machine: Person) => Promise.all(world.checkers.map(({ account }) => world.told('checker connected', by(machine, ({ fields }) => fields['checker'] === account.id)).then(({ fields }) => fields['version'])))
  expect(await Promise.all(world.machines.map(spoken))).toEqual([[2, 2, 1], [1, 1, 1]])
})

test('in the mixed network every machine passes by the word of all checkers, and there is one statement', async () => {
  for (const { account } of world.machines)
    expect(replay.rounds[0]!.judgement.verdicts.find(({ machine }) => machine === account.id)).toMatchObject({ outcome: 'PASS', reason: 'OK', counted: 3, opened: true })
  const { chunks } = await world.settled(0)
  expect(toHex(concat(...[...chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk)))).toBe(toHex(replay.statement.bytes))
  expect(settled.map(({ fields }) => fields['root'])).toEqual(Array(3).fill(replay.statement.root))
})

test('who does not know the coming version says so at once, and stops before anything is said in it', async () => {
  const [, , oldChecker] = world.checkers
  const [, oldMachine] = world.machines
  const { start, commitFrom } = world.at(activation)
  for (const old of [oldChecker!, oldMachine!]) {
    const { fields } = await world.told('newer version coming', by(old))
    expect(fields).toMatchObject({ level: 'warn', version: 2, epoch: activation, start })
    expect(fields['reason']).toMatch(new RegExp(`^version 2 of the protocol takes effect with epoch ${activation}, at block ${start}, in \\d+ blocks, and this program knows versions up to 1$`))
    const { error } = (await world.told('ended', by(old))).fields as { error: Error & { exit?: number } }
    expect(isOperatorError(error)).toBe(true)
    expect(error).toMatchObject({ code: 'NEWER_VERSION', exit: 1, message: `version 2 of the protocol took effect with epoch ${activation}, at block ${start}, and this program knows versions up to 1` })
  }
  expect(world.now.best).toBeGreaterThanOrEqual(commitFrom)
  // What it had begun it ended: its last round is opened to everybody.
  expect((await world.told('round worked', by(oldMachine!, inRound(activation - 1)))).fields).toMatchObject({ result: 'COMMITTED', handedIn: 3, opened: 3 })
})

test('who knows it goes on in it, and nobody else has said anything there', async () => {
  const [one, two, oldChecker] = world.checkers
  const [machine, oldMachine] = world.machines
  for (const checker of [one!, two!]) expect((await world.told('round reported', by(checker, inRound(activation)))).fields).toMatchObject({ ran: 1 })
  await world.block(world.at(activation).packageBy + 1)
  expect((await world.told('round worked', by(machine!, inRound(activation)))).fields).toMatchObject({ result: 'COMMITTED', handedIn: 2, opened: 2 })
  const said: Told[] = []
  world.told$.subscribe((told) => said.push(told)).unsubscribe()
  expect(said.filter((told) => [oldChecker!, oldMachine!].some(({ name }) => name === told.who) && Number(told.fields['round'] ?? -1) >= activation)).toEqual([])
  expect(said.filter(({ who, event }) => [one!, two!, machine!].some(({ name }) => name === who) && event === 'newer version coming')).toEqual([])
  expect(world.facts(activation)!.parameters.version).toBe(2)
})

test('a checker tells what its machines speak', async () => {
  const url = (await world.told('checker ready', by(world.checkers[0]!))).fields['url'] as string
  const { detail } = (await (await fetch(`${url}/ready`)).json()) as { detail: { newer: unknown; protocol: unknown } }
  expect(detail).toMatchObject({ newer: null, protocol: { ...VERSIONS, inForce: 2, machines: { 2: 1 } } })
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('assay_checker_machine_versions{highest="2"} 1')
})
