// The honest loop, once, with one machine that skips half of its rows: registered, challenged, judged, stated, paid, on peaq's own runtime.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccountId, concat, decodeStatement, explain, fromHex, type Hash, type Hex, registeredCheckers, type ReplayedEpoch, type Score, statementRoot, toHex, verifyMerkleProof } from '@assay/protocol'
import { type RecordedEvent, type Recording, replayRecording, witnessRecording } from '@assay/replay'
import { nodeCrypto as crypto, toAddress } from '@assay/runtime-bindings'
import { buildIfStale } from '../explorer/build.ts'
import { hasChromiumPackage } from '../tools/chromium-package.ts'
import { launch, openPage } from '../tools/explorer/browser.ts'
import { babble } from './liars/strangers.ts'
import type { Person } from './people.ts'
import { startWorld, type World } from './world.ts'

const SLOW = fileURLToPath(new URL('./liars/slow.ts', import.meta.url))
const LAZY = fileURLToPath(new URL('./liars/lazy-rows.ts', import.meta.url))
const EPOCH = 0

let world: World
let replay: ReplayedEpoch
let block: number

beforeAll(async () => {
  world = await startWorld({ checkers: 3, machines: [{ engine: SLOW }, { engine: SLOW }, { engine: LAZY }], indexer: true, parameters: { epochRounds: 2 }, measuringPace: 4000 })
  replay = await world.replay(EPOCH)
  block = (await world.settled(EPOCH)).block
}, 600_000)
afterAll(() => world?.[Symbol.asyncDispose]())

const scoreOf = ({ account }: Person): Score => replay.result.scores.find((score) => score.account === account.id)!
const paidTo = (account: AccountId): bigint => replay.result.payouts.find((payout) => payout.account === account)?.paid ?? 0n
const getJson = async <T>(url: string): Promise<T> => {
  const response = await fetch(url)
  expect(response.status, url).toBe(200)
  return (await response.json()) as T
}

describe('an epoch of two rounds', () => {
  test('every honest machine passes every round with proven work', () => {
    for (const machine of world.machines.slice(0, 2)) {
      const verdicts = replay.rounds.map(({ judgement }) => judgement.verdicts.find((verdict) => verdict.machine === machine.account.id)!)
      expect(verdicts.map(({ outcome, reason, opened, counted }) => ({ outcome, reason, opened, counted }))).toEqual(Array(2).fill({ outcome: 'PASS', reason: 'OK', opened: true, counted: 3 }))
      for (const { provenSteps, medianSteps, downKbps, upKbps, rttUs } of verdicts) {
        expect(provenSteps).toBeGreaterThan(0)
        expect(provenSteps).toBeLessThan(medianSteps)
        expect(Math.min(downKbps, upKbps, rttUs ?? 0)).toBeGreaterThan(0)
      }
    }
  })

  test('the machine that skips half of its rows fails by them and forfeits the epoch', async () => {
    const cheat = world.machines[2]!
    const verdicts = replay.rounds.map(({ judgement }) => judgement.verdicts.find((verdict) => verdict.machine === cheat.account.id)!)
    expect(verdicts.map(({ outcome, reason, work }) => ({ outcome, reason, work }))).toEqual(Array(2).fill({ outcome: 'FAIL', reason: 'WRONG_PRODUCT', work: 0n }))
    expect(scoreOf(cheat)).toMatchObject({ score: 0n, earned: 0n, reason: 'WRONG_PRODUCT' })
    expect(paidTo(cheat.owner.id)).toBe(0n)
    // Its owner is no payee, and has what a stranger has.
    expect(await world.balance(cheat.owner.id)).toBe(0n)
  })

  test('honest machines earn in proportion to proven work, checkers by paid observations, and not a planck more than the pool goes out', () => {
    const { poolPerEpoch, machineSharePpm } = world.parameters
    const pools = { machine: (poolPerEpoch * BigInt(machineSharePpm)) / 1_000_000n, checker: poolPerEpoch - (poolPerEpoch * BigInt(machineSharePpm)) / 1_000_000n }
    for (const kind of ['machine', 'checker'] as const) {
      const scores = replay.result.scores.filter((score) => score.kind === kind)
      const total = scores.reduce((sum, { score }) => sum + score, 0n)
      expect(total).toBeGreaterThan(0n)
      for (const { score, earned } of scores) expect(earned).toBe((pools[kind] * score) / total)
      const earned = scores.reduce((sum, score) => sum + score.earned, 0n)
      expect(earned).toBeLessThanOrEqual(pools[kind])
      expect(pools[kind] - earned).toBeLessThan(BigInt(scores.length))
    }
    for (const checker of world.checkers) expect(scoreOf(checker).score).toBeGreaterThan(0n)
  })

  test('the statement on chain, that of each checker, that of the indexer and the replay are one', async () => {
    const { root, bytes } = replay.statement
    const onChain = (await world.settled(EPOCH)).chunks
    const stated = concat(...[...onChain].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))
    expect(toHex(stated)).toBe(toHex(bytes))
    expect(statementRoot(crypto, world.network, stated)).toBe(root)

    const urls = registeredCheckers(world.now.ledger).map(({ identity }) => identity.evidence[0]!)
    expect(urls).toHaveLength(3)
    await Promise.all(world.checkers.map(({ name }) => world.told('epoch settled', ({ who, fields }) => who === name && fields['epoch'] === EPOCH)))
    for (const url of urls) expect(await getJson(`${url}/statements/${EPOCH}`)).toEqual({ epoch: EPOCH, root, bytes: toHex(bytes), landed: block, agreed: true })

    await world.told('statement agrees', ({ who, fields }) => who === 'indexer' && fields['epoch'] === EPOCH)
    expect(await getJson(`${world.indexer}/epochs/${EPOCH}/statement`)).toMatchObject({ root, bytes: toHex(bytes), onChain: { state: 'match', block } })
  })

  test('a machine proves its line of the statement with what the indexer gives it', async () => {
    const { owner, account } = world.machines[0]!
    interface Proof { leaf: Hex; index: number; size: number; root: Hash; path: Hash[] }
    const { statement, payout } = await getJson<{ statement: { root: Hash; bytes: Hex }; payout: { proof: Proof } }>(`${world.indexer}/epochs/${EPOCH}/proofs/${owner.id}`)
    const { scores } = await getJson<{ scores: { proof: Proof }[] }>(`${world.indexer}/epochs/${EPOCH}/proofs/${account.id}`)
    const roots = decodeStatement(fromHex(statement.bytes))
    expect(statementRoot(crypto, world.network, fromHex(statement.bytes))).toBe(replay.statement.root)
    for (const [root, { leaf, index, size, path }] of [[roots.payouts, payout.proof], [roots.scores, scores[0]!.proof]] as const) {
      expect(verifyMerkleProof(crypto, root, fromHex(leaf), index, size, path)).toBe(true)
      expect(verifyMerkleProof(crypto, root, fromHex(leaf).with(-1, fromHex(leaf).at(-1)! ^ 1), index, size, path)).toBe(false)
    }
  })

  test('every member submits the settlement, and the chain pays exactly what the statement says', async () => {
    const acts = await Promise.all(world.checkers.map(({ name }) => world.told('epoch settled', ({ who, fields }) => who === name && fields['epoch'] === EPOCH)))
    expect(acts).toHaveLength(3)
    // Threshold 3 of 3: one opened, one approved, one executed.
    const approvals = await Promise.all(world.checkers.map(({ name }) => world.first(world.told$, ({ who, event, fields }) => who === name && fields['epoch'] === EPOCH && (event === 'settlement approved' || event === 'epoch paid'))))
    expect(approvals.map(({ event }) => event).toSorted()).toEqual(['epoch paid', 'settlement approved', 'settlement approved'])
    expect(new Set(approvals.map(({ fields }) => fields['extrinsic'])).size).toBe(3)

    const { payouts, paid } = replay.result
    expect(payouts.reduce((sum, payout) => sum + payout.paid, 0n)).toBe(paid)
    expect((await world.balance(world.network, block - 1)) - (await world.balance(world.network, block))).toBe(paid)
    for (const { owner } of world.machines) expect((await world.balance(owner.id, block)) - (await world.balance(owner.id, block - 1))).toBe(paidTo(owner.id))
    // The one who executed also paid a fee and got a deposit back in that block; what the pot sent it stands in the events.
    const transfers = await world.transfers(block, world.network)
    expect(transfers).toEqual(payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid]))
  })

  test('nonsense on the indexer\'s port harms nothing', async () => {
    await babble(Number(new URL(world.indexer!).port))
    expect(await getJson(`${world.indexer}/epochs/${EPOCH}/statement`)).toMatchObject({ root: replay.statement.root })
    const response = await fetch(`${world.indexer}/epochs/none/statement`)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: { code: expect.any(String) as unknown, message: expect.any(String) as unknown } })
  })
})

test('the recording that the indexer makes is of the chain, in every block; one that leaves out or adds is not', async () => {
  await world.told('statement agrees', ({ who, fields }) => who === 'indexer' && fields['epoch'] === EPOCH)
  const response = await fetch(`${world.indexer}/epochs/${EPOCH}/recording`)
  const { recording, ledger } = await replayRecording(new Uint8Array(await response.arrayBuffer()), { crypto })
  const ask = (of: Recording) => witnessRecording(of, ledger, world.chain.endpoint, { crypto, genesis: world.chain.genesisHash, signal: world.signal })
  const { first, blocks } = recording
  expect(await ask(recording)).toEqual({ kind: 'agrees', blocks: blocks.length, first, last: first + blocks.length - 1 })
  const busy = blocks.findLastIndex(({ events }) => events.length > 0)
  const lied = (events: RecordedEvent[]) => ask({ ...recording, blocks: blocks.with(busy, { ...blocks[busy]!, events }) })
  expect(await lied(blocks[busy]!.events.slice(1))).toMatchObject({ kind: 'differs', blocks: busy, difference: { block: first + busy, what: 'event' } })
  expect(await lied([...blocks[busy]!.events, blocks[busy]!.events[0]!])).toMatchObject({ kind: 'differs', difference: { block: first + busy, what: 'event', chain: null } })
})

describe.skipIf(!hasChromiumPackage)('in the explorer of this network', () => {
  test('an owner finds his machine and why it earned what it did, a cheat is one, and the browser comes to the same root', async () => {
    await buildIfStale()
    await world.told('statement agrees', ({ who, fields }) => who === 'indexer' && fields['epoch'] === EPOCH)
    const browser = await launch()
    try {
      const { page, faults } = await openPage(browser)
      await page.goto(world.indexer!)
      const find = async (address: string): Promise<void> => {
        await page.getByRole('searchbox', { name: /Find a machine/ }).fill(`did:peaq:${address}`)
        await page.keyboard.press('Enter')
        // (Its DID document, which may be there already, names it more than once.)
        await page.locator('.fact').filter({ hasText: /^DID/ }).getByText(`did:peaq:${address}`).waitFor()
        await page.locator('details.why').first().waitFor()
      }
      const [honest, , cheat] = world.machines
      await find(toAddress(honest!.account.id))
      const { earned } = scoreOf(honest!)
      expect(earned).toBeGreaterThan(0n)
      await page.locator(`details.why [title="${earned} planck"]`).first().waitFor()
      expect(await page.locator('.strip .cell.good').count()).toBeGreaterThanOrEqual(2)

      await find(toAddress(cheat!.account.id))
      await page.locator('details.why', { hasText: explain('WRONG_PRODUCT') }).first().waitFor()
      expect(await page.locator('.strip .cell.good').count()).toBe(0)

      // The indexer has dropped its evidence by now: the recording is made of what the checkers serve.
      await page.goto(`${world.indexer}/explorer/verify/${EPOCH}`)
      await page.getByRole('button', { name: 'Replay it now' }).click()
      await page.getByText('The same root.').waitFor({ timeout: 120_000 })
      expect(await page.locator(`[title="${replay.statement.root}"]`).count()).toBe(2)

      // With a node of the reader's own, nobody's word is left but that one's.
      await page.getByLabel(/Check the blocks against a node/).fill(world.chain.endpoint)
      await page.getByRole('button', { name: 'Replay it now' }).click()
      await page.getByText('The blocks are those of your node.').waitFor({ timeout: 60_000 })
      await page.getByText('nothing in them was left out, added or altered').waitFor()
      expect(faults).toEqual([])
    } finally {
      await browser.close()
    }
  }, 240_000)
})
