// Two epochs, each with a canary of its own that mutes two checkers of five: one is honest, the other takes the commitment from a colleague and says that it saw it. Committed, run, opened and counted on peaq's own runtime.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Subject } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CalibratorDeps, canaryPath, commitCanaries, type Consent, openCanaries, openingWindow } from '@assay/cli/canary/epoch'
import {
  type AccountId, afterEpoch, canariesOf, consentMessage, EQUAL_WEIGHTS, type Hash, isMuted, looksAt, type MachineMessage, NEW_CALIBRATION, toHex, type Trials, trialsOf, u32le, utf8, weightOf,
} from '@assay/protocol'
import { giveRole, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { playChecker } from './liars/checker.ts'
import { person, type Person } from './people.ts'
import { startWorld, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
const MUTE = 128
const EPOCHS = [0, 1]
const [quinn, copier, colleague] = [person('quinn'), person('checker-4'), person('checker-5')]
const [patient, ...others] = ['checker-1', 'checker-2', 'checker-3'].map(person) as [Person, Person, Person]
/** Of epoch 0, of epoch 1: who was opened as a canary is of no use any more. */
const canaries = [person('machine-1'), person('machine-2')] as const

let world: World
let deps: CalibratorDeps
/** By epoch. */
const trials: Map<AccountId, Trials>[] = []

/** A salt by which the canary of an epoch of one round mutes just the copier and the patient. */
function saltFor(epoch: number): Hash {
  const wanted = new Map([copier, patient, colleague, ...others].map((who) => [who.account.id, who === copier || who === patient]))
  for (let i = 0; ; i++) {
    const salt = toHex(crypto.blake2b256(u32le(i)))
    if ([...wanted].every(([checker, muted]) => isMuted(crypto, { mute: MUTE, salt }, epoch, canaries[epoch]!.account.id, checker) === muted)) return salt
  }
}

const consentOf = (machine: Person): Consent => ({ machine: machine.account.id, peer: machine.peer.publicKey, mute: MUTE, consent: toHex(machine.peer.sign(consentMessage({ network: deps.network, calibrator: quinn.account.id, machine: machine.account.id }))) })
const secretOf = ({ dir, network }: World, epoch: number): string => canaryPath(join(dir, quinn.name), network, epoch)

/** The founders make quinn a calibrator, who commits to the canaries of both epochs; the salts are chosen here, so that the test does not depend on chance. */
async function calibrate(of: World): Promise<void> {
  const { chain, network, checkers, dir } = of
  deps = { chain, network, sender: of.sender(quinn), dataDir: join(dir, quinn.name) }
  const founders = checkers.map(({ account }) => account.id)
  const states: string[] = []
  for (const founder of checkers) states.push((await giveRole({ chain, sender: of.sender(founder), founders, role: 'calibrator', user: quinn.account.id })).state)
  expect(states).toEqual(['waiting', 'waiting', 'done'])
  expect(await giveRole({ chain, sender: of.sender(patient), founders, role: 'calibrator', user: quinn.account.id })).toEqual({ network, state: 'unchanged' })
  for (const epoch of EPOCHS) {
    const consent = consentOf(canaries[epoch]!)
    const path = secretOf(of, epoch)
    mkdirSync(dirname(path), { recursive: true })
    const { machine, mute } = consent
    writeFileSync(path, JSON.stringify({ network, epoch, calibrator: quinn.account.id, salt: saltFor(epoch), canaries: [{ machine, mute, consent: consent.consent }] }), { mode: 0o600 })
    expect(await commitCanaries(deps, epoch, [consent])).toEqual({ path, state: 'committed', drawn: false })
  }
}

/** Counts what the opened canaries of an epoch of one round show. */
async function count(epoch: number): Promise<Map<AccountId, Trials>> {
  const { facts, evidence } = await world.judge(epoch)
  const named = canariesOf(crypto, world.now.ledger, epoch)
  expect([...named.keys()]).toEqual([canaries[epoch]!.account.id])
  return trialsOf(crypto, named, looksAt(crypto, facts, evidence, new Set(named.keys())), (checker) => EQUAL_WEIGHTS.get(checker) ?? 1_000_000)
}

beforeAll(async () => {
  const leaked$ = new Subject<{ peer: Hash; message: MachineMessage }>()
  const peers = new Set(canaries.map(({ peer }) => peer.publicKey))
  world = await startWorld(
    { checkers: 3, guests: [copier.name, colleague.name], machines: EPOCHS.map((epoch) => ({ engine: SLOW, canaryFile: (of) => secretOf(of, epoch) })), funded: [quinn.name], before: calibrate, pace: 300 },
    async (world) => {
      await playChecker(world, 'checker-4', { imagines$: leaked$ })
      await playChecker(world, 'checker-5', {
        hears: (message, peer) => {
          if (message.tag === 'Commitment' && peers.has(peer)) leaked$.next({ peer, message })
          return true
        },
      })
    },
  )
  for (const epoch of EPOCHS) {
    const [from] = openingWindow(world.parameters, epoch)
    await world.block(from)
    if (epoch === 0) expect(await commitCanaries(deps, 9, []).catch((error: unknown) => error)).toMatchObject({ code: 'EARLY' })
    expect(await openCanaries(deps, epoch)).toMatchObject({ state: 'opened' })
    expect(await openCanaries(deps, epoch)).toMatchObject({ state: 'was open' })
    trials.push(await count(epoch))
  }
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

describe.each(EPOCHS)('epoch %i', (epoch) => {
  test('the copier says that a canary ran which was silent to it', () => {
    expect(trials[epoch]!.get(copier.account.id)).toEqual({ muted: 1, falseAccepts: 1, shown: 0, falseRejects: 0 })
  })

  test('honest checkers are right, muted or not', () => {
    expect(trials[epoch]!.get(patient.account.id)).toEqual({ muted: 1, falseAccepts: 0, shown: 0, falseRejects: 0 })
    for (const { account } of [colleague, ...others]) expect(trials[epoch]!.get(account.id)).toEqual({ muted: 0, falseAccepts: 0, shown: 1, falseRejects: 0 })
  })

  test('the machine that is the other epoch’s canary mutes nobody', async () => {
    const { verdict } = await world.judge(epoch)
    const machine = canaries[1 - epoch]!
    expect(verdict(machine).observations.map(({ vote }) => vote)).toEqual(Array(5).fill('RAN'))
  })
})

test('after two epochs the copier’s word weighs nothing, and the others’ all', () => {
  const weight = ({ account }: Person): number => weightOf(trials.reduce((before, of) => afterEpoch(before, of.get(account.id)), NEW_CALIBRATION))
  expect(weight(copier)).toBe(0)
  for (const who of [patient, colleague, ...others]) expect(weight(who)).toBe(1_000_000)
})

test('what is late, foreign or not agreed to is refused, and a secret is never replaced', async () => {
  const consent = consentOf(canaries[0])
  const refusal = (deps: CalibratorDeps, epoch: number, consents: Consent[]) => commitCanaries(deps, epoch, consents).then(() => null, (error: { code: string }) => error.code)
  expect(await refusal(deps, 0, [consent])).toBe('LATE')
  expect(await refusal({ ...deps, sender: world.sender(patient) }, 9, [])).toBe('NO_CALIBRATOR')
  expect(await refusal({ ...deps, network: quinn.account.id }, 9, [])).toBe('NO_NETWORK')
  const strangers = giveRole({ chain: world.chain, sender: world.sender(patient), founders: [patient, copier].map(({ account }) => account.id), role: 'calibrator', user: quinn.account.id })
  await expect(strangers).rejects.toMatchObject({ code: 'NO_NETWORK' })
  const next = Math.floor((world.now.best - world.at(0).freeze) / world.parameters.roundBlocks) + 2
  expect(await refusal(deps, next, [{ ...consent, consent: toHex(canaries[0].peer.sign(utf8('something else'))) }])).toBe('NO_CONSENT')
  expect(await refusal(deps, next, [consent, consent])).toBe('CANARIES')
  expect(await commitCanaries(deps, next, [consent])).toMatchObject({ state: 'committed', drawn: true })
  expect(await commitCanaries(deps, next, [consent])).toMatchObject({ state: 'was committed', drawn: false })
  expect(await refusal(deps, next, [consentOf(canaries[1])])).toBe('OTHER_CANARIES')
  expect(await openCanaries(deps, next).catch((error: unknown) => error)).toMatchObject({ code: 'EARLY', exit: 75 })
  expect(await openCanaries(deps, 77).catch((error: unknown) => error)).toMatchObject({ code: 'CANARY_FILE' })
  expect(await openCanaries(deps, 0).catch((error: unknown) => error)).toMatchObject({ code: 'LATE', exit: 1 })
})
