// Machines that lie, side by side in the same two rounds of one network, with strangers at every door: what each is found to be, and that the money comes out right.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobId, type CheckerMessage, concat, MACHINE_KEY, type MachineVerdict, type Outcome, type ReasonCode, registeredCheckers, registeredMachines, type ReplayedEpoch, type Score, toHex, VERSIONS } from '@assay/protocol'
import type { Channel } from '@assay/kit/channel'
import type { Engine } from '@assay/provider/engines/engine'
import { addAttribute, addItem, batchAll, nodeCrypto as crypto, readAttribute, updateAttribute } from '@assay/runtime-bindings'
import { device, playMachine, type Played } from './liars/machine.ts'
import { MACHINE_LIARS, type MachineLiar, OTHER_NETWORK, playLiars } from './liars/machines.ts'
import { createEngine as createSlowEngine } from './liars/slow.ts'
import { babble, converse, type Door, hello, knock } from './liars/strangers.ts'
import { person, type Person } from './people.ts'
import { startWorld, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
/** Epoch 0 is rounds 0 and 1; the liars lie in the second. */
const LIE = 1

const [lender, twin1, twin2, babbler, squatter, stranger] = ['lender', 'twin-1', 'twin-2', 'babbler', 'squatter', 'stranger'].map(person) as [Person, Person, Person, Person, Person, Person]
/** A second account of the first twin's device: the same peer key. */
const double: Person = { ...person('double'), peer: twin1.peer }

let world: World
let replay: ReplayedEpoch
let lent: Played
let twins: Engine & { readonly steps: number }
let doors: Door[]
let unpublished: number[]
let refusals: [string | Channel, ...CheckerMessage[][]]

/** What each liar is found to be in the round of its lie; in the round before it passes. */
const FOUND: Record<MachineLiar, [Outcome, ReasonCode | ReasonCode[]]> = {
  silent: ['NOT_OPENED', 'NO_OPENINGS'],
  'two-faced': ['EQUIVOCATION', 'TWO_COMMITMENTS'],
  replayer: ['NOT_RUN', 'NO_COMMITMENT'],
  stale: ['NOT_OPENED', 'NO_OPENINGS'],
  'stale-signed': ['FAIL', ['BAD_LENGTH', 'BAD_PATH']],
  borrower: ['NOT_RUN', 'NO_COMMITMENT'],
  plagiarist: ['FAIL', 'WRONG_PRODUCT'],
  bigamist: ['FAIL', 'WRONG_PRODUCT'],
  forger: ['FAIL', 'BAD_COMMITMENT'],
  early: ['FAIL', 'WRONG_PRODUCT'],
  late: ['NOT_RUN', 'NO_COMMITMENT'],
}
const FORFEITED: readonly Outcome[] = ['FAIL', 'NOT_OPENED', 'EQUIVOCATION']

beforeAll(async () => {
  const registered = [...MACHINE_LIARS.map(person), lender, twin1, twin2, babbler]
  const funded = [...registered, double, squatter].map(({ name }) => name)
  // A window in which each of two names comes to a step on one device, however busy this machine is.
  world = await startWorld({ checkers: 3, machines: [{ engine: SLOW }], funded, parameters: { epochRounds: 2, windowMs: 2500 }, before: squat }, async (world) => {
    await Promise.all(registered.map((who) => world.register(who, 'machine')))
    await world.registered('machine', registered.length + 1)
    await world.register(double, 'machine')
    const engine = createSlowEngine({ crypto })
    twins = device(engine)
    for (const twin of [twin1, twin2]) playMachine(world, twin, { engine: twins })
    lent = playMachine(world, lender, { engine })
    await playLiars(world, { engine, round: LIE, lender: { ...lent, who: lender } })
  })
  doors = registeredCheckers(world.now.ledger).map(({ identity }) => ({ address: identity.addresses[0]!, peer: identity.peer }))
  await Promise.all([takeOver(), besiege()])
  replay = await world.replay(0)
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

/** Before the first machine comes, somebody sits on the name of its document. */
async function squat(world: World): Promise<void> {
  await world.send(squatter, addAttribute(world.chain, world.machines[0]!.account.id, documentName(world), Buffer.from('mine')), 'squatting')
}

/** In round 0: a stranger writes over the victim's document, and claims it for an account of its own. */
async function takeOver(): Promise<void> {
  const { chain } = world
  const [victim] = world.machines
  const name = `${documentName(world)}/1`
  const document = (await readAttribute(chain, victim!.account.id, name))!
  const anchor = crypto.blake2b256(document)
  await world.send(squatter, updateAttribute(chain, victim!.account.id, name, Buffer.from('taken')), 'takeover')
  await world.send(squatter, batchAll(chain, [addAttribute(chain, squatter.account.id, 'theirs', document), addItem(chain, MACHINE_KEY, anchor)]), 'claim')
}

/** In round 0: bytes that are nothing on every port, strangers and rude members on every channel. */
async function besiege(): Promise<void> {
  const ops = await world.told('provider started', ({ who }) => who === 'machine-1')
  const ports = [...evidence(), String(ops.fields['url'])].map((url) => Number(new URL(url).port))
  const channels = doors.map(({ address }) => Number(address.split('/')[4]))
  const nonsense = async (): Promise<void> => {
    for (const port of [...ports, ...channels]) await babble(port)
  }
  // Before the packages are out nobody learns what a checker holds.
  const peeped = async (): Promise<number[]> => {
    const id = blobId(crypto, await lent.blob('Commitment', 0))
    return Promise.all(evidence().map(async (url) => (await fetch(`${url}/evidence/${id.slice(2)}`)).status))
  }
  const refused = async (): Promise<typeof refusals> => [
    ...(await Promise.all([
      knock(world, stranger, doors[0]!),
      converse(world, babbler, doors[0]!, [hello(OTHER_NETWORK)]),
      converse(world, babbler, doors[1]!, [hello(world.network, { lowest: 9, highest: 9 })]),
      converse(world, babbler, doors[2]!, [hello(world.network), Buffer.from('nonsense')]),
    ])),
    await converse(world, babbler, doors[0]!, [{ tag: 'Pong', value: { id: 1 } }]),
  ]
  ;[unpublished, refusals] = await Promise.all([peeped(), refused(), nonsense()])
}

const documentName = ({ network }: World): string => `assay/${network.slice(2, 18)}/machine`
const evidence = (): string[] => registeredCheckers(world.now.ledger).map(({ identity }) => identity.evidence[0]!)
const verdicts = ({ account }: Person): MachineVerdict[] => replay.rounds.flatMap(({ judgement }) => judgement.verdicts.filter(({ machine }) => machine === account.id))
const scoreOf = ({ account }: Person): Score => replay.result.scores.find((score) => score.account === account.id)!
const paidTo = ({ owner }: Person): bigint => replay.result.payouts.find(({ account }) => account === owner.id)?.paid ?? 0n

describe('a machine that lies', () => {
  test.each(MACHINE_LIARS.filter((name) => name !== 'silent'))('%s passes as long as it is honest', (name) => {
    expect(verdicts(person(name))[0]).toMatchObject({ outcome: 'PASS', reason: 'OK', opened: true })
  })

  test.each(MACHINE_LIARS)('%s is found out', (name) => {
    const [outcome, reason] = FOUND[name]
    const verdict = verdicts(person(name))[LIE]!
    expect(verdict).toMatchObject({ outcome, work: 0n, provenSteps: 0, opened: false })
    expect([reason].flat()).toContain(verdict.reason)
  })

  test.each(MACHINE_LIARS)('%s is paid for what it proved, or for nothing at all', (name) => {
    const [outcome] = FOUND[name]
    const score = scoreOf(person(name))
    const [honest, lied] = verdicts(person(name))
    if (FORFEITED.includes(outcome)) expect(score).toMatchObject({ score: 0n, earned: 0n, reason: (name === 'silent' ? honest! : lied!).reason })
    // It passed one of the two rounds in which it was asked.
    else expect(score).toMatchObject({ score: honest!.work / 2n, reason: honest!.work > 0n ? 'OK' : lied!.reason })
    expect(paidTo(person(name))).toBe(score.earned)
  })

  test('whoever shows a cheat is paid for its reading as ever', () => {
    for (const name of ['two-faced', 'stale', 'plagiarist'] as const) expect(verdicts(person(name))[LIE]!.observations.filter(({ paid }) => paid).length, name).toBeGreaterThan(0)
  })

  test('what was computed before the nonce is credited by nobody', () => {
    const { medianSteps, observations } = verdicts(person('early'))[LIE]!
    expect(medianSteps).toBe(0)
    expect(observations.map(({ credited, paid }) => ({ credited, paid }))).toEqual(Array(3).fill({ credited: 0, paid: false }))
  })
})

describe('one device under two names', () => {
  test('every credited step of either name is a step of the device', () => {
    const credited = [twin1, twin2].flatMap(verdicts).map(({ outcome, medianSteps }) => (expect(outcome).toBe('PASS'), medianSteps))
    expect(Math.min(...credited)).toBeGreaterThan(0)
    expect(credited.reduce((sum, steps) => sum + steps, 0)).toBeLessThanOrEqual(twins.steps)
  })

  test('a second account with the same peer key takes part in nothing', () => {
    expect(registeredMachines(world.now.ledger).map(({ account }) => account)).toContain(double.account.id)
    for (const { facts } of replay.rounds) expect(facts.machines.map(({ account }) => account)).not.toContain(double.account.id)
    expect(scoreOf(double)).toBeUndefined()
  })
})

describe('strangers', () => {
  test('a DID that others sat on, and wrote over while the machine worked, is the machine\'s all the same', async () => {
    const [victim] = world.machines
    expect(Buffer.from((await readAttribute(world.chain, victim!.account.id, documentName(world)))!).toString()).toBe('mine')
    expect(Buffer.from((await readAttribute(world.chain, victim!.account.id, `${documentName(world)}/1`))!).toString()).toBe('taken')
    expect(registeredMachines(world.now.ledger).find(({ account }) => account === victim!.account.id)?.identity.peer).toBe(victim!.peer.publicKey)
    expect(registeredMachines(world.now.ledger).map(({ account }) => account)).not.toContain(squatter.account.id)
    const { verdict } = await world.judge(2)
    expect([...verdicts(victim!), verdict(victim!)].map(({ outcome }) => outcome)).toEqual(['PASS', 'PASS', 'PASS'])
  })

  test('get a typed refusal and nothing else', () => {
    const refused = (code: string) => ({ tag: 'Refused', value: { code } })
    const [knocked, ...conversations] = refusals
    expect(knocked).toBe('NOT_ELIGIBLE')
    expect(conversations.map((said) => said.at(-1))).toEqual([refused('WRONG_NETWORK'), { tag: 'WrongVersion', value: VERSIONS }, refused('BAD_MESSAGE'), refused('BAD_MESSAGE')])
    // Only who had greeted well was answered before that.
    expect(conversations.map((said) => said[0]!.tag)).toEqual(['Refused', 'WrongVersion', 'Welcome', 'Refused'])
    expect(scoreOf(babbler)).toMatchObject({ score: 0n, earned: 0n })
  })

  test('learn nothing of evidence before it is published, and all of it after', async () => {
    expect(unpublished).toEqual([404, 404, 404])
    const id = blobId(crypto, await lent.blob('Commitment', 0))
    for (const url of evidence()) expect((await fetch(`${url}/evidence/${id.slice(2)}`)).status).toBe(200)
  })

  test('who ask for what there is not get an error of a known form', async () => {
    const [url] = evidence()
    const asked: [number, string, string, RequestInit?][] = [
      [404, 'NOT_FOUND', '/evidence/zz'],
      [404, 'NOT_FOUND', '/evidence/..%2f..%2fchecker.db'],
      [404, 'NOT_FOUND', '/statements/1e3'],
      [404, 'NOT_FOUND', '/evidence', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
      [413, 'BAD_REQUEST', '/evidence', { method: 'POST', body: 'x'.repeat(100_000) }],
    ]
    for (const [status, code, path, init] of asked) {
      const response = await fetch(`${url}${path}`, init)
      expect(response.status, path).toBe(status)
      expect(await response.json()).toEqual({ error: { code, message: expect.any(String) as unknown } })
    }
  })

  test('nonsense on every port harms nothing', async () => {
    for (const url of evidence()) expect((await fetch(`${url}/health`)).status).toBe(200)
    for (const who of [...world.machines, lender]) expect(verdicts(who).map(({ outcome, counted }) => ({ outcome, counted }))).toEqual(Array(2).fill({ outcome: 'PASS', counted: 3 }))
  })
})

test('the chain pays the honest, exactly', async () => {
  const { block, chunks } = await world.settled(0)
  expect(toHex(concat(...[...chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk)))).toBe(toHex(replay.statement.bytes))
  const { payouts, paid } = replay.result
  expect(await world.transfers(block, world.network)).toEqual(payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid]))
  expect((await world.balance(world.network, block - 1)) - (await world.balance(world.network, block))).toBe(paid)
  for (const who of [...world.machines, lender, twin1, twin2, ...MACHINE_LIARS.map(person)]) expect(await world.balance(who.owner.id, block), who.name).toBe(scoreOf(who).earned)
  expect(paidTo(lender)).toBeGreaterThan(0n)
})
