// One network of processes through everything that kills, cuts and rewrites, each in the middle of a round; in the end nothing is lost and nothing is paid twice.
import { existsSync, readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { settlementCall } from '@assay/checker/settlement'
import { readSettlement, type Settlement } from '@assay/cli/devnet/settlement'
import { openDatabase } from '@assay/indexer/database'
import { storedBlocks } from '@assay/indexer/follow'
import { type AccountId, concat, decodeReportItem, type Hash, type Ledger, type LedgerBlock, replayEpoch, type ReplayedEpoch, reportKey, statementKey, statementRoot, statementsOnChain, thresholdOf, toHex } from '@assay/protocol'
import { approve, type Approval, createSender, hasItem, nodeCrypto as crypto, readItem } from '@assay/runtime-bindings'
import { type SpawnedDevchain, spawnDevchain } from '@assay/runtime-bindings/testing'
import { bornWith, cast, type Net, POT_PLANCK, type Service, startNet } from './chaos-net.ts'
import { isStory } from './story.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 })

const MARK = randomUUID()
const EPOCHS = [0, 1]
const people = cast(3, 2)

let chain: SpawnedDevchain
let net: Net

beforeAll(async () => {
  process.env['ASSAY_CHAOS'] = MARK
  chain = await spawnDevchain({ blocks: 'manual', fund: people.fund })
  net = await startNet({ cast: people, port: chain.port, indexer: true })
})
afterAll(async () => {
  await net?.[Symbol.asyncDispose]()
  await chain?.kill()
})
isStory((error) => net.fail(error))

/** The members of the settlement committee in the order in which they open: the one of epoch e first opens as number e. */
const member = (number: number): Service => net.checkers.toSorted((a, b) => (a.account < b.account ? -1 : 1))[number % net.checkers.length]!
/** The block with which an epoch's settlement begins: members look with each new block at what was final before it. */
const settlementOf = (epoch: number): number => net.at(2 * epoch + 1).judgement + net.parameters.confirmations + 1
const reports = (): Promise<(Uint8Array | null)[]> => Promise.all(net.checkers.map(({ account }) => readItem(net.chain, account, reportKey(net.cast.network))))
const everyReportWaits = (): Promise<boolean> => net.until('every report is in the pool', async () => (await net.waiting()).toSorted().join() === net.checkers.map(({ account }) => account).toSorted().join())
const isSettled = (epoch: number): Promise<boolean> => hasItem(net.chain, net.cast.network, statementKey(net.cast.network, epoch, 0))

/** The reports of a round came in its window: each checker says in which block. */
async function reported(round: number): Promise<number[]> {
  const { commitFrom, commitTo } = net.at(round)
  const lines = await Promise.all(net.checkers.map((checker) => net.told(checker, 'round reported', { round, machines: 2, ran: 2 })))
  const blocks = lines.map(({ block }) => Number(block))
  for (const block of blocks) expect(block).toSatisfy((height: number) => height >= commitFrom && height <= commitTo)
  return blocks
}

describe('in the middle of a round or a settlement', () => {
  test('a checker is killed between measurement and report: it reports in time what it measured', async () => {
    const [killed] = net.checkers as [Service]
    const at = net.at(0)
    await net.to(at.commitmentBy)
    await killed.kill()
    await net.to(at.commitFrom + 1)
    expect(await Promise.all(net.checkers.map((checker) => net.hasReport(checker, 0)))).toEqual([false, true, true])
    killed.start()
    await net.seen()
    await net.to(at.commitTo + net.parameters.confirmations)
    expect(await reported(0)).toEqual([at.commitFrom + 2, at.commitFrom + 1, at.commitFrom + 1])
  })

  test('a machine is killed after its commitment: it hands in and opens what it signed, and nothing else', async () => {
    const [killed] = net.machines as [Service]
    const at = net.at(1)
    await net.to(at.fire)
    await net.until('the commitment is signed', () => existsSync(join(killed.dir, 'signed', net.cast.network.slice(2, 18), '1.commitment')))
    await killed.kill()
    await net.to(at.fire + 2)
    killed.start()
    await net.seen()
    await net.to(at.packageBy)
    await net.told(killed, 'round worked', { round: 1, result: 'RESUMED', handedIn: 3, opened: 3 })
    await reported(1)
  })

  test('the indexer is killed: it goes on where it was', async () => {
    const indexer = net.indexer!
    const before = (await indexer.standing())!.ledger
    await indexer.kill()
    await net.to(net.at(2).commitFrom)
    indexer.start()
    await net.seen()
    const started = indexer.told.filter(({ event }) => event === 'indexer ready')
    expect(started).toHaveLength(2)
    expect(Number(started[1]!['head'])).toBeGreaterThanOrEqual(before)
  })

  test('the endpoint is lost while reports wait in its pool: those who come back find them on chain', async () => {
    const at = net.at(2)
    await net.to(at.commitFrom)
    await everyReportWaits()
    net.proxy.cut()
    await net.blind(3)
    expect(net.services.flatMap(({ told }) => told.filter(({ event, round }) => event === 'round reported' && round === 2))).toEqual([])
    net.proxy.resume()
    await net.seen()
    await net.to(at.commitTo)
    expect(await reported(2)).toEqual(Array(3).fill(at.commitFrom + 1))
  })

  test('a reorg shallower than the confirmations takes the block that fired, and one with all reports: they come again, the same', async () => {
    const at = net.at(3)
    await net.to(at.fire)
    await net.reorg(1)
    await net.to(at.commitFrom)
    await everyReportWaits()
    await net.step()
    const hashAt = (number: number): Promise<Hash> => net.chain.rpc.request('chain_getBlockHash', [number])
    const [before, lost] = [await reports(), await hashAt(net.head)]
    expect(before.map((item) => decodeReportItem(item!).round)).toEqual([3, 3, 3])
    await net.reorg(1, { lose: true })
    expect(await hashAt(net.head - 1)).not.toBe(lost)
    await net.to(at.commitTo + net.parameters.confirmations)
    expect(await reports()).toEqual(before)
    expect(Math.min(...(await reported(3)))).toBeGreaterThan(at.commitFrom)
  })

  test('who opened it is killed before he knows that he did: the others complete it, and he takes it as done', async () => {
    const due = settlementOf(0)
    const opener = member(0)
    await net.to(due)
    await net.eventually('the settlement is opened', async () => (await net.waiting()).includes(opener.account))
    await opener.kill()
    await net.step()
    await net.eventually('the others approve', async () => (await net.waiting()).length === 2)
    await net.step()
    expect(await isSettled(0)).toBe(true)
    opener.start()
    await net.seen()
    await net.to(net.head + net.parameters.confirmations + 1)
    for (const checker of net.checkers) await net.told(checker, 'epoch settled', { epoch: 0 })
    expect(opener.told.filter(({ event }) => event === 'settlement approved' || event === 'epoch paid')).toEqual([])
  })

  test('a checker is killed with its report in the pool: it finds it on chain and says nothing else', async () => {
    const killed = net.checkers[1]!
    const at = net.at(4)
    await net.to(at.commitFrom)
    await everyReportWaits()
    await killed.kill()
    await net.step()
    killed.start()
    await net.seen()
    await net.to(at.commitTo + net.parameters.confirmations)
    expect(await reported(4)).toEqual(Array(3).fill(at.commitFrom + 1))
  })

  test('a settlement is submitted again, by more than the threshold: the chain refuses the whole of it', async () => {
    await net.to(net.at(4).commitTo + net.parameters.confirmations)
    const { ledger } = await net.ledger()
    const [{ statement, result }] = await replayed(ledger, [0])
    const call = settlementCall(net.chain, net.cast.network, { epoch: 0, bytes: statement.bytes, payouts: result.payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid] as const) })
    const pot = await net.balance(net.cast.network)
    const members = net.checkers.map(({ account }) => account)
    const again: Approval[] = []
    for (const { account } of [...people.checkers, people.checkers[0]!]) {
      const sender = createSender({ chain: net.chain, account, signal: AbortSignal.timeout(600_000) })
      again.push(await net.during(approve({ chain: net.chain, sender, members, threshold: thresholdOf(members.length), call, label: 'the settlement once more' })))
    }
    expect(again.map(({ state }) => state)).toEqual(['opened', 'approved', 'executed', 'opened'])
    expect(again[2]).toMatchObject({ result: { ok: false, code: 'INNER_MULTISIG', name: 'peaqStorage.ItemTypeAlreadyExists' } })
    expect(await net.balance(net.cast.network)).toBe(pot)
  })

  test('the endpoint is lost before the reports that vouch for the evidence: they still come in time', async () => {
    const at = net.at(5)
    await net.to(at.commitFrom - 1)
    net.proxy.cut()
    await net.blind(3)
    net.proxy.resume()
    await net.seen()
    await net.to(at.commitTo + 1)
    expect(Math.min(...(await reported(5)))).toBeGreaterThan(at.commitFrom + 2)
  })

  test('a member is killed before it approves: the settlement waits for it', async () => {
    const due = settlementOf(1)
    const [opener, missed] = [member(1), member(2)]
    await net.to(due - 1)
    await missed.kill()
    await net.step()
    await net.eventually('the settlement is opened', async () => (await net.waiting()).includes(opener.account))
    await net.step()
    await net.eventually('it is approved', async () => (await net.waiting()).length === 1)
    await net.step()
    expect(await isSettled(1)).toBe(false)
    missed.start()
    await net.seen()
    await net.eventually('the last one approves', async () => (await net.waiting()).includes(missed.account))
    await net.step()
    expect(await isSettled(1)).toBe(true)
    await net.to(net.head + net.parameters.confirmations + 1)
    for (const checker of net.checkers) await net.told(checker, 'epoch settled', { epoch: 1 })
    await net.told(missed, 'epoch paid', { epoch: 1 })
  })
})

async function replayed(ledger: Ledger, epochs: readonly number[]): Promise<[ReplayedEpoch, ...ReplayedEpoch[]]> {
  const done: ReplayedEpoch[] = []
  for (const epoch of epochs) {
    const replay = await replayEpoch(crypto, ledger, epoch, net.loadFor(ledger), done.at(-1)?.result.state)
    if (replay.kind !== 'done') throw new Error(`epoch ${epoch} cannot be replayed: ${JSON.stringify(replay)}`)
    done.push(replay)
  }
  return done as [ReplayedEpoch, ...ReplayedEpoch[]]
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url)
  expect(response.status, url).toBe(200)
  return (await response.json()) as T
}

describe('in the end', () => {
  let ledger: Ledger
  let blocks: LedgerBlock[]
  let replays: ReplayedEpoch[]

  test('every machine passed every round and every checker was there', async () => {
    ;({ ledger, blocks } = await net.ledger())
    replays = await replayed(ledger, EPOCHS)
    for (const { facts, judgement } of replays.flatMap(({ rounds }) => rounds)) {
      const [machines, checkers] = [facts.machines.map(() => ({ outcome: 'PASS', reason: 'OK', opened: true, counted: 3 })), facts.checkers.map(() => ({ reported: true, packageCounted: true, reason: 'OK' }))]
      expect(judgement.verdicts.map(({ outcome, reason, opened, counted }) => ({ outcome, reason, opened, counted })), `round ${facts.round}`).toEqual(machines)
      expect(judgement.checkers.map(({ reported, packageCounted, reason }) => ({ reported, packageCounted, reason })), `round ${facts.round}`).toEqual(checkers)
      expect([machines.length, checkers.length]).toEqual([2, 3])
    }
  })

  test('a founder of a network without terms is told that it cannot leave', async () => {
    const [founder] = net.checkers as [Service]
    const { child } = net.exit(founder)
    expect((await child.exited).code).toBe(1)
    expect(readFileSync(child.logFile, 'utf8')).toMatch(/is a founder of a network without terms[^]*Nothing was done/)
    expect([existsSync(join(founder.dir, 'leaving')), existsSync(join(founder.dir, 'retired'))]).toEqual([false, false])
  })

  test('no checker has two reports in a round', () => {
    const found = new Map<string, number[]>()
    for (const { number, events } of blocks) {
      for (const event of events) {
        if (event.kind !== 'item' || event.key !== reportKey(net.cast.network)) continue
        const of = `${event.who} ${decodeReportItem(event.value).round}`
        found.set(of, [...(found.get(of) ?? []), number])
      }
    }
    const wanted = net.checkers.flatMap(({ account }) => [0, 1, 2, 3, 4, 5].map((round) => `${account} ${round}`))
    expect([...found.keys()].toSorted()).toEqual(wanted.toSorted())
    for (const [of, heights] of found) expect(heights, of).toHaveLength(1)
  })

  test('the statement of each epoch is the same on chain, from each checker, from the indexer and by replay', async () => {
    for (const { epoch, statement: { root, bytes } } of replays) {
      const { block, chunks } = statementsOnChain(ledger).get(epoch)!
      const onChain = concat(...[...chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))
      expect(toHex(onChain)).toBe(toHex(bytes))
      expect(statementRoot(crypto, net.cast.network, onChain)).toBe(root)
      for (const { url } of net.checkers) expect(await getJson(`${url}/statements/${epoch}`)).toEqual({ epoch, root, bytes: toHex(bytes), landed: block, agreed: true })
      await net.told(net.indexer!, 'statement agrees', { epoch })
      expect(await getJson(`${net.indexer!.url}/epochs/${epoch}/statement`)).toMatchObject({ root, bytes: toHex(bytes), onChain: { state: 'match', block } })
    }
  })

  test('every payout was made once, exact to the planck', async () => {
    const settlements = new Map<number, Settlement>()
    for (const { number } of blocks) {
      const settlement = await readSettlement(net.chain, net.cast.network, number)
      if (settlement !== null && (settlement.transfers.length > 0 || settlement.potPaid !== 0n)) settlements.set(number, settlement)
    }
    expect([...settlements.keys()]).toEqual(EPOCHS.map((epoch) => statementsOnChain(ledger).get(epoch)!.block))
    for (const { epoch, result: { payouts, paid } } of replays) {
      const { transfers, potPaid } = settlements.get(statementsOnChain(ledger).get(epoch)!.block)!
      expect(transfers.map(({ to, planck }) => [to, planck])).toEqual(payouts.filter((payout) => payout.paid > 0n).map((payout) => [payout.account, payout.paid]))
      expect(payouts.reduce((sum, payout) => sum + payout.paid, 0n)).toBe(paid)
      expect(potPaid).toBe(paid)
      expect(paid).toBeGreaterThan(0n)
    }
    const paidTo = (account: AccountId): bigint => replays.flatMap(({ result }) => result.payouts).reduce((sum, payout) => (payout.account === account ? sum + payout.paid : sum), 0n)
    // An owner has nothing but what it earned.
    for (const { owner } of people.machines) {
      expect(paidTo(owner.id)).toBeGreaterThan(0n)
      expect(await net.balance(owner.id)).toBe(paidTo(owner.id))
    }
    expect(await net.balance(net.cast.network)).toBe(POT_PLANCK - replays.reduce((sum, { result }) => sum + result.paid, 0n))
  })

  test('the indexer has neither gap nor repeat; every program ends well, and nothing is left running', async () => {
    expect(bornWith('ASSAY_CHAOS', MARK)).toHaveLength(net.services.length + 1)
    await net.stop()
    const { db, close } = await openDatabase({ dir: net.indexer!.dir, owner: { network: net.cast.network, genesisHash: net.chain.genesisHash } })
    try {
      const kept = await db.selectFrom('blocks').selectAll().orderBy('number').execute()
      const known = blocks.slice(0, kept.length)
      expect(kept.length).toBeGreaterThanOrEqual(blocks.length - 1)
      expect(kept).toEqual(known.map(({ number, hash, parentHash, relayRoot }) => ({ number, hash, parent_hash: parentHash, relay_root: relayRoot })))
      const stored: LedgerBlock[] = []
      for await (const block of storedBlocks(db)) stored.push(block)
      expect(stored).toEqual(known)
    } finally {
      await close()
    }
    await chain.kill()
    expect(bornWith('ASSAY_CHAOS', MARK)).toEqual([])
  })
})
