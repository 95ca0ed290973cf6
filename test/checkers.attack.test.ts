// Two checkers that lie, in another way in each round, beside three honest ones: what becomes of their observations and packages, that no machine suffers, and that all readers agree.
import { fileURLToPath } from 'node:url'
import { firstValueFrom, startWith } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchBlob } from '@assay/kit/blobs'
import {
  blobId, type CheckerVerdict, concat, decodeCommitmentBlob, decodeManifest, decodeReportItem, encodeManifest, type Hash, type MachineVerdict, nonceMessage, registeredCheckers, replayEpoch, type ReplayedEpoch, reportKey, type ReportItem, toHex,
} from '@assay/protocol'
import { runJob } from '@assay/provider/job'
import { nodeCrypto as crypto, readItem, type TxResult } from '@assay/runtime-bindings'
import { playChecker, type Tricks } from './liars/checker.ts'
import { clockFrom, type Deed, inRound, playMachine, type Played, unconfirmed$ } from './liars/machine.ts'
import { OTHER_NETWORK } from './liars/machines.ts'
import { createEngine as createSlowEngine } from './liars/slow.ts'
import { person, type Person } from './people.ts'
import { startWorld, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
const ROUNDS = 3
const [alice, bob, muted, denied, misled, sprinter] = ['checker-4', 'checker-5', 'muted', 'denied', 'misled', 'sprinter'].map(person) as [Person, Person, Person, Person, Person, Person]

let world: World
let epochs: ReplayedEpoch[]
let sprinted: Played
/** What bob sent in the same window after his report of round 2. */
let second: { item: ReportItem; result: TxResult }
/** How often bob's packages of rounds 1 and 2 were asked for. */
const asked = { hidden: 0, shown: 0 }

beforeAll(async () => {
  const machines = [muted, denied, misled, sprinter]
  world = await startWorld({ checkers: 3, guests: [alice.name, bob.name], machines: [{ engine: SLOW }], funded: machines.map(({ name }) => name) }, async (world) => {
    await Promise.all([playAlice(world), playBob(world), ...machines.map((who) => world.register(who, 'machine'))])
    await world.registered('machine', machines.length + 1)
    const engine = createSlowEngine({ crypto })
    for (const who of [muted, denied, misled]) playMachine(world, who, { engine })
    sprinted = playMachine(world, sprinter, { engine, deed: inRound(1, sprint), now$: unconfirmed$(world) })
  })
  epochs = []
  for (let epoch = 0; epoch < ROUNDS; epoch++) epochs.push(await world.replay(epoch))
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

/**
 * Round 0: reports too late. Round 1: sends one machine no nonce, denies what another did, and gives a third the nonce of another network. Round 2: edits its manifest after the report.
 */
async function playAlice(world: World): Promise<void> {
  const edited = new Map<Hash, Uint8Array>()
  const tricks: Tricks = {
    says: (message, peer) => {
      if (message.tag !== 'Nonce' || message.value.round !== 1) return message
      if (peer === muted.peer.publicKey) return null
      if (peer !== misled.peer.publicKey) return message
      const signature = alice.peer.sign(nonceMessage(OTHER_NETWORK, 1, world.facts(1)!.beacon!, misled.account.id, alice.account.id))
      return { ...message, value: { ...message.value, signature } }
    },
    hears: (message, peer) => !(peer === denied.peer.publicKey && 'round' in message.value && message.value.round === 1),
    reports: async (item, send) => {
      if (item.round === 0) await world.block(world.at(0).commitTo)
      if (item.round === 3) {
        const manifest = decodeManifest((await alicesOwn(item.previousPackage))!)
        const bytes = encodeManifest({ ...manifest, observations: manifest.observations.map((observation) => ({ ...observation, lastStep: observation.lastStep + 1 })) })
        edited.set(blobId(crypto, bytes), bytes)
        return send({ ...item, previousPackage: blobId(crypto, bytes) })
      }
      return send(item)
    },
    serves: (id, bytes) => edited.get(id) ?? bytes,
  }
  const { own: alicesOwn } = await playChecker(world, 'checker-4', tricks)
}

/** Round 0: copies the first checker's report. Round 1: shows its package to nobody: it has nothing, or other bytes. Round 2: sends a second report in the window, and shows its package to the first two who ask. */
async function playBob(world: World): Promise<void> {
  let hidden: Hash | undefined
  let few: Hash | undefined
  const tricks: Tricks = {
    reports: async (item, send) => {
      if (item.round === 0) return send({ ...item, commitment: (await reportOf(world, world.checkers[0]!, 0)).commitment })
      if (item.round === 2) hidden = item.previousPackage
      if (item.round === 3) few = item.previousPackage
      const first = await send(item)
      if (item.round !== 2) return first
      const other = { ...item, commitment: OTHER_NETWORK }
      second = { item: other, result: await send(other) }
      return first
    },
    serves: (id, bytes) => {
      if (id === hidden) return ++asked.hidden % 2 === 0 ? undefined : bytes?.toReversed()
      return id === few && ++asked.shown > 2 ? undefined : bytes
    },
  }
  await playChecker(world, 'checker-5', tricks)
}

/** In league with alice, who signs her nonce before its time: works on an unconfirmed block, and lets its clock run from the first honest nonce on. */
const sprint: Deed = async (job, deps, signal) => {
  const { facts: { network, round, beacon } } = await firstValueFrom(job.view$)
  const signature = alice.peer.sign(nonceMessage(network, round, beacon!, sprinter.account.id, alice.account.id))
  const now = clockFrom(deps.links, (checker, nonce) => checker !== alice.account.id && nonce.round === round)
  const messages$ = deps.links.messages$.pipe(startWith({ checker: alice.account.id, message: { tag: 'Nonce' as const, value: { round, signature } } }))
  return runJob(job, { ...deps, now, links: { ...deps.links, messages$ } }, signal)
}

/** A checker's report as soon as it is on chain, in whatever block. */
async function reportOf(world: World, { account }: Person, round: number): Promise<ReportItem> {
  for (;;) {
    const value = await readItem(world.chain, account.id, reportKey(world.network))
    const item = value === null ? undefined : decodeReportItem(value)
    if (item?.round === round) return item
    await world.block(world.now.best + 1)
  }
}

const rounds = (): ReplayedEpoch['rounds'] => epochs.flatMap(({ rounds }) => rounds)
const checkerIn = (round: number, { account }: Person): CheckerVerdict => rounds()[round]!.judgement.checkers.find(({ checker }) => checker === account.id)!
const machineIn = (round: number, { account }: Person): MachineVerdict => rounds()[round]!.judgement.verdicts.find(({ machine }) => machine === account.id)!
const seenBy = (checker: Person, machine: Person) => machineIn(1, machine).observations.find((observation) => observation.checker === checker.account.id)!
const NOT_COUNTED = { packageCounted: false, evidence: null, paidObservations: 0 }

describe('a checker that lies to a machine', () => {
  test('and sends it no nonce is not folded and not paid', () => {
    expect(seenBy(alice, muted)).toMatchObject({ vote: 'RAN', credited: 0, paid: false, reason: 'NOT_FOLDED' })
  })

  test('and gives it the nonce of another network is not folded and not paid', () => {
    expect(seenBy(alice, misled)).toMatchObject({ vote: 'RAN', credited: 0, paid: false, reason: 'NOT_FOLDED' })
  })

  test('or denies what it did is outvoted and not paid', () => {
    expect(seenBy(alice, denied)).toMatchObject({ vote: 'NOT_RUN', credited: 0, paid: false, reason: 'VOTED_OTHERWISE' })
  })

  test('harms no machine, and no honest checker', () => {
    for (const machine of [muted, denied, misled]) {
      expect(machineIn(1, machine)).toMatchObject({ outcome: 'PASS', reason: 'OK', counted: 4 })
      expect(machineIn(1, machine).provenSteps).toBeGreaterThan(0)
      for (const checker of world.checkers) expect(seenBy(checker, machine)).toMatchObject({ paid: true, reason: 'OK' })
    }
  })

  test('or gives it its nonce before time wins it nothing: steps before the other nonces are credited by none of the others', async () => {
    const { commitment: { folds, roots } } = decodeCommitmentBlob(crypto, await sprinted.blob('Commitment', 1))
    const others = folds.filter(({ checker }) => checker !== alice.account.id)
    const headStart = Math.min(...others.map(({ step }) => step))
    expect(folds[0]).toMatchObject({ checker: alice.account.id, step: 0 })
    expect(headStart).toBeGreaterThan(0)
    const { outcome, medianSteps, observations } = machineIn(1, sprinter)
    expect(outcome).toBe('PASS')
    expect(medianSteps).toBeLessThanOrEqual(roots.length - headStart)
    const honest = observations.filter(({ checker }) => checker !== alice.account.id)
    expect(honest).toHaveLength(3)
    for (const { checker, credited } of honest) expect(credited).toBeLessThanOrEqual(roots.length - others.find((fold) => fold.checker === checker)!.step)
  })
})

describe('a report', () => {
  test('that comes after the window does not count', async () => {
    expect(rounds()[0]!.facts.reports.has(alice.account.id)).toBe(false)
    expect(checkerIn(0, alice)).toMatchObject({ ...NOT_COUNTED, reported: false, reason: 'NO_REPORT' })
    await world.told('report late', ({ who, fields }) => who === alice.name && fields['round'] === 0)
  })

  test('with the root of another\'s cannot be shown for: the copier\'s package holds other observations, and nobody vouches for it', () => {
    const { reports } = rounds()[0]!.facts
    expect(reports.get(bob.account.id)!.item!.commitment).toBe(reports.get(world.checkers[0]!.account.id)!.item!.commitment)
    expect(checkerIn(0, bob)).toMatchObject({ ...NOT_COUNTED, reported: true, reason: 'NOT_HELD' })
    expect(checkerIn(0, world.checkers[0]!)).toMatchObject({ packageCounted: true, reason: 'OK' })
  })

  test('that follows another in the same window is as if it were not there', () => {
    const { commitFrom, commitTo } = world.at(2)
    expect(second.result).toMatchObject({ ok: true })
    expect(second.result.block).toBeGreaterThan(commitFrom)
    expect(second.result.block).toBeLessThanOrEqual(commitTo)
    const { item } = rounds()[2]!.facts.reports.get(bob.account.id)!
    expect(item).not.toBeNull()
    expect(item!.commitment).not.toBe(second.item.commitment)
    expect(checkerIn(2, bob)).toMatchObject({ packageCounted: true, reason: 'OK', evidence: { commitment: item!.commitment } })
    expect(checkerIn(2, bob).paidObservations).toBeGreaterThan(0)
  })
})

describe('a package', () => {
  test('whose manifest was edited after the report is vouched for by nobody', async () => {
    expect(checkerIn(2, alice)).toMatchObject({ ...NOT_COUNTED, reported: true, reason: 'NOT_HELD' })
    for (const { name } of world.checkers) await world.told('package refused', ({ who, fields }) => who === name && fields['round'] === 2 && fields['checker'] === alice.account.id)
  })

  test('that is shown to nobody, or as other bytes than its root says, does not count', () => {
    expect(asked.hidden).toBeGreaterThan(2)
    expect(checkerIn(1, bob)).toMatchObject({ ...NOT_COUNTED, reported: true, reason: 'NOT_HELD' })
  })

  test('that is shown to some counts by their bits, and all have it', () => {
    expect(asked.shown).toBeGreaterThan(2)
    expect(checkerIn(2, bob)).toMatchObject({ packageCounted: true, reason: 'OK' })
  })
})

test('every honest machine passes every round', () => {
  for (let round = 0; round < ROUNDS; round++) for (const machine of [world.machines[0]!, muted, denied, misled]) expect(machineIn(round, machine), `round ${round}`).toMatchObject({ outcome: 'PASS', reason: 'OK' })
})

test('all readers come to the statements that stand on chain, whichever honest checker they ask', async () => {
  const { ledger } = await world.settled(ROUNDS - 1).then(() => world.now)
  const urls = registeredCheckers(ledger).filter(({ account }) => world.checkers.some((checker) => checker.account.id === account)).map(({ identity }) => identity.evidence)
  expect(urls).toHaveLength(3)
  for (const own of urls) {
    const load = (id: Hash, maxBytes: number) => fetchBlob({ urls: own, id, maxBytes, timeoutMs: 5000, signal: world.signal })
    const replay = await replayEpoch(crypto, ledger, ROUNDS - 1, load)
    expect(replay.kind === 'done' && replay.statement.root).toBe(epochs[ROUNDS - 1]!.statement.root)
  }
  for (const { epoch, statement } of epochs) {
    const { chunks } = await world.settled(epoch)
    expect(toHex(concat(...[...chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk)))).toBe(toHex(statement.bytes))
  }
})

test('nobody is paid for what was not shown, and the chain pays exactly the rest', async () => {
  for (const { epoch, result } of epochs) {
    const { block } = await world.settled(epoch)
    expect(await world.transfers(block, world.network)).toEqual(result.payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid]))
    for (const liar of [alice, bob]) {
      const score = result.scores.find(({ account }) => account === liar.account.id)!
      expect(score.score).toBe(BigInt(checkerIn(epoch, liar).paidObservations) * 1_000_000n)
      if (!checkerIn(epoch, liar).packageCounted) expect(score.earned).toBe(0n)
    }
  }
})
