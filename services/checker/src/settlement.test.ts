import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defer, filter, firstValueFrom, map, type Subscription } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import {
  type AccountId, devnetParameters, encodeHandOver, emptyLedger, encodeStatement, FIRST_STATE, handOverKey, type Hash, judgementOfEpoch, lastPayoutOf, type Ledger, PART_PAYEES, type Parameters, partKey, type Payment, payingTerm, potOf, reportKey, roundAt, schedule, settlersOf, statementKey, statementRoot, termStart, thresholdOf, toHex, VERSIONS, ZERO_HASH,
} from '@assay/protocol'
import {
  type Account, accountFromSecret, addItem, approve, best$, cancel, type Chain, connectChain, createNetwork, createSender, cryptoReady, feesPaid, hasItem, ledgerBlocks, ledgerBlocks$, networkAccount, nodeCrypto, peerKey, readBalance, readOperation, readPot, registerIdentity, toAddress, transfer, type TxResult,
} from '@assay/runtime-bindings'
import { type Devchain, startDevchain } from '@assay/runtime-bindings/testing'
import { type MeteredSender, meterFees } from './budget.ts'
import { follow, type View } from './follow.ts'
import { checkerMetrics } from './metrics.ts'
import { committeeSize, type Computed, createSettlement, handOverCall, partCall, settlementCall, settlementFounders } from './settlement.ts'
import { Store } from './store.ts'

// Each block is some real seconds of a runtime in WebAssembly on a machine that others use too.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const PEAQ = 10n ** 18n
const N = 4
/** An epoch every five blocks, an attempt every four. */
let parameters: Parameters = { ...devnetParameters(1, 3), confirmations: 0, roundBlocks: 5, epochRounds: 1, seedOffset: 1, commitOffset: 5, packageOffset: 7, waitBlocks: 0, attemptBlocks: 4 }
const due = (epoch: number): number => judgementOfEpoch(parameters, epoch)
/** The epoch that may be settled now: the tests take them one by one. */
let current = -1

let dev: Devchain
let chain: Chain
let network: Hash
/** The founders, who settle in term 0. */
let accounts: Account[]
let view: View
let keep: Subscription
let dir: string
const stop = new AbortController()

/** What everybody computes for an epoch, unless a test says otherwise for one member. */
const payee = (epoch: number, i: number): Hash => accountFromSecret(`//payee//${network}//${epoch}//${i}`).id
const payOf = (epoch: number, amounts: bigint[] = [3n * PEAQ + 1n, 2n * PEAQ]): Computed => {
  const bytes = encodeStatement({ epoch, scores: ZERO_HASH, payouts: ZERO_HASH, registry: ZERO_HASH, evidence: ZERO_HASH, standings: ZERO_HASH, calibrations: ZERO_HASH, paid: amounts.reduce((a, b) => a + b, 0n), carried: 0n })
  const payouts = amounts.map((amount, i) => [payee(epoch, i), amount] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { kind: 'done', pay: { root: statementRoot(nodeCrypto, network, bytes), bytes, payouts, state: { ...FIRST_STATE, carried: new Map([[payee(epoch, 9), BigInt(epoch)]]) } } }
}

/** A member of the committee: alive or not, with a folder that outlives it. */
class Member {
  readonly index: number
  readonly account: Account
  readonly said: { level: string, event: string, epoch?: number }[] = []
  readonly asked: { epoch: number, previous: number | undefined }[] = []
  compute: (epoch: number) => Computed = (epoch) => payOf(epoch)
  store!: Store
  sender!: MeteredSender
  metrics!: ReturnType<typeof checkerMetrics>
  running: Promise<void> | undefined
  #settlement!: ReturnType<typeof createSettlement>
  #stop!: AbortController

  constructor(index: number) {
    this.index = index
    this.account = accounts[index]!
    this.start()
  }

  start(): void {
    this.#stop = new AbortController()
    this.running = undefined
    this.store = new Store(join(dir, `${network.slice(2, 10)}-${this.index}`), { network, account: this.account.id })
    this.metrics = checkerMetrics(createMetrics('checker'))
    this.sender = meterFees(createSender({ chain, account: this.account, signal: this.#stop.signal, store: this.store.extrinsics }), this.metrics)
    const log = createLog({ json: true, write: (line) => void this.said.push(JSON.parse(line)) })
    this.#settlement = createSettlement({
      crypto: nodeCrypto, network, me: this.account.id, founders: accounts.map(({ id }) => id), chain, sender: this.sender, store: this.store, log, metrics: this.metrics, busy: () => false, measuring: () => false,
      compute: async (_, epoch, previous) => (this.asked.push({ epoch, previous: previous?.carried.size }), epoch > current ? { kind: 'early' } : this.compute(epoch)),
    })
  }
  /** As in the service: while a step is under way, newer heights are skipped. */
  step(ledger: Ledger, best: number): void {
    this.running ??= this.#settlement.step(ledger, best).finally(() => (this.running = undefined))
  }

  async kill(): Promise<void> {
    this.#stop.abort()
    await this.running?.catch(() => {})
    this.store.close()
  }

  told(event: string): number {
    return this.said.filter((line) => line.event === event).length
  }
}

let members: Member[]
const untouched = new Proxy({} as Chain, { get: () => { throw new Error('nobody may ask the chain') } })

/** The same, with other payees. */
const withPayouts = (computed: Computed, payouts: readonly Payment[]): Computed => (computed.kind === 'done' ? { ...computed, pay: { ...computed.pay, payouts } } : computed)

const pool = (): number => dev.chain.txPool.pendingExtrinsics.length
const ledgerAt = (height: number): Promise<Ledger> => firstValueFrom(view.ledger$.pipe(filter(({ head }) => head!.number === height - parameters.confirmations)))

/** Everybody alive acts on the head; returns when all who are still at it have an extrinsic in the pool. */
async function act(alive: Member[] = members): Promise<void> {
  const best = dev.head().number
  const ledger = await ledgerAt(best)
  for (const member of alive) member.step(ledger, best)
  await vi.waitFor(() => {
    const busy = members.filter(({ running }) => running !== undefined).length
    if (busy > pool()) throw new Error(`${busy} are at work and ${pool()} extrinsics wait`)
  }, { timeout: 20_000, interval: 5 })
}

/** Everybody alive acts, then a block; until the height. */
async function to(height: number, alive?: Member[]): Promise<void> {
  while (dev.head().number < height) {
    await act(alive)
    await dev.newBlock()
  }
  await vi.waitFor(() => {
    if (pool() === 0 && members.some(({ running }) => running !== undefined)) throw new Error('not done yet')
  }, { timeout: 20_000, interval: 5 })
}

const paid = async (epoch: number): Promise<bigint[]> => Promise.all([0, 1].map(async (i) => (await readBalance(chain, payee(epoch, i))).free))
const callHash = (epoch: number): Hash => {
  const computed = payOf(epoch)
  if (computed.kind !== 'done') throw new Error('not reached')
  return settlementCall(chain, network, { epoch, ...computed.pay }).hash.toHex()
}
const operation = (epoch: number) => readOperation(chain, network, callHash(epoch))
const isPaid = (epoch: number): Promise<boolean> => hasItem(chain, network, `assay/s/${network.slice(2, 18)}/${epoch}/0`)
const setPot = (planck: bigint): Promise<void> => dev.setStorage({ System: { Account: [[[toAddress(network)], { providers: 1, data: { free: planck } }]] } })

beforeAll(async () => {
  await cryptoReady()
  dir = mkdtempSync(join(tmpdir(), 'assay-settlement-'))
  accounts = Array.from({ length: N }, (_, i) => accountFromSecret(`//settler//${i}`)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  network = networkAccount(accounts.map(({ id }) => id))
  dev = await startDevchain({ blocks: 'manual', fund: { ...Object.fromEntries(accounts.map(({ address }) => [address, 100n * PEAQ])), [toAddress(network)]: 1000n * PEAQ } })
  chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
  await found()
}, 120_000)

/** Creates the network of `accounts` with `parameters`, and follows it. */
async function found(): Promise<void> {
  const founders = accounts.map(({ id }) => id)
  for (const account of accounts.slice(0, thresholdOf(N))) {
    const created = createNetwork({ chain, sender: createSender({ chain, account, signal: stop.signal }), founders, parameters })
    await vi.waitFor(() => { if (pool() === 0) throw new Error('not sent') }, { timeout: 20_000 })
    await dev.newBlock()
    await created
  }
  view = follow({
    crypto: nodeCrypto, network, versions: VERSIONS, confirmations: parameters.confirmations, onDeepReorg: () => {}, log: createLog({ level: 'silent' }),
    heights$: best$(chain, stop.signal).pipe(map(({ number }) => number)),
    blocks$: defer(() => ledgerBlocks$(chain, { from: parameters.origin, confirmations: parameters.confirmations, signal: stop.signal })),
  })
  keep = view.ledger$.subscribe()
  members = accounts.map((_, i) => new Member(i))
}
afterAll(async () => {
  keep?.unsubscribe()
  for (const member of members ?? []) await member.kill()
  stop.abort()
  await dev?.close()
  rmSync(dir, { recursive: true, force: true })
})

test('the committee is read from the block that founded the network, and must be what its account is made of', async () => {
  const ledger = await ledgerAt(dev.head().number)
  const founders = accounts.map(({ id }) => id)
  const log = createLog({ level: 'silent' })
  expect(settlementFounders(nodeCrypto, ledger, undefined, log)).toEqual(founders)
  expect(settlementFounders(nodeCrypto, ledger, founders.toReversed(), log)).toEqual(founders)
  expect(() => settlementFounders(nodeCrypto, ledger, founders.slice(1), log)).toThrow(expect.objectContaining({ code: 'MEMBERS' }))
  expect(settlementFounders(nodeCrypto, { ...ledger, network: payee(0, 0) }, undefined, log)).toBeNull()
  expect([committeeSize({ termEpochs: 0 }, founders, founders[1]!), committeeSize({ termEpochs: 0 }, founders, payee(0, 0)), committeeSize({ termEpochs: 0 }, null, founders[0]!), committeeSize({ termEpochs: 3 }, null, payee(0, 0))]).toEqual([N, null, null, 20])
})

/** Begins an epoch at the beginning of an attempt, so that a test knows the openers; gives the first and the next. */
async function begin(epoch: number): Promise<[Member, Member]> {
  while (dev.head().number < due(epoch) || (dev.head().number - due(epoch)) % parameters.attemptBlocks !== 0) await dev.newBlock()
  current = epoch
  const attempt = (dev.head().number - due(epoch)) / parameters.attemptBlocks
  return [members[(epoch + attempt) % N]!, members[(epoch + attempt + 1) % N]!]
}
const blocksOn = (count: number, alive?: Member[]): Promise<void> => to(dev.head().number + count, alive)
const FULL = [3n * PEAQ + 1n, 2n * PEAQ]
const TOTAL = 5n * PEAQ + 1n

describe('an epoch', () => {
  test('submitted by all is executed once, exactly, and each member sees its own statement on chain', async () => {
    const before = (await readBalance(chain, network)).free
    const owned = (): Promise<bigint[]> => Promise.all(accounts.map(({ id }) => readBalance(chain, id).then(({ free, reserved }) => free + reserved)))
    const funds = await owned()
    await begin(0)
    await blocksOn(3)
    expect(await paid(0)).toEqual(FULL)
    // The deposit is back: what they have less is what was measured, of refused extrinsics too.
    const less = (await owned()).map((now, i) => funds[i]! - now)
    expect(less.filter((fee) => fee > 0n).length).toBeGreaterThanOrEqual(thresholdOf(N))
    const measured = await Promise.all(members.map(async ({ metrics }) => /fees_nanopeaq_total\{what="settlement"\} (\S+)/.exec(await metrics.text())?.[1] ?? '0'))
    expect(measured.map((nano) => BigInt(Math.round(Number(nano) * 1e9)))).toEqual(less)
    for (const [i, { sender }] of members.entries()) expect(less[i]!).toBeGreaterThanOrEqual(sender.greatestFee('settlement') ?? 0n)
    expect(before - (await readBalance(chain, network)).free).toBe(TOTAL)
    expect(await operation(0)).toBeNull()
    await blocksOn(1)
    expect(members.map(({ store }) => store.statement(0))).toMatchObject(members.map(() => ({ agreed: true, landed: expect.any(Number) })))
    expect(members.map((member) => member.told('epoch paid')).reduce((a, b) => a + b)).toBe(1)
    expect(members.flatMap(({ said }) => said.filter(({ level }) => level === 'error' || level === 'warn'))).toEqual([])
    expect(members[0]!.asked.find(({ epoch }) => epoch === 0)).toEqual({ epoch: 0, previous: 0 })
  })

  test('of a member who computed something else: nothing of it happens, and that member is told', async () => {
    const openers = await begin(1)
    const odd = members.find((member) => !openers.includes(member))!
    odd.compute = (epoch) => payOf(epoch, [99n * PEAQ, 1n * PEAQ])
    await blocksOn(4)
    expect(await paid(1)).toEqual(FULL)
    expect(members.map(({ store }) => store.statement(1)?.agreed)).toEqual(members.map((member) => member !== odd))
    expect(odd.told('statement differs')).toBe(1)
    odd.compute = (epoch) => payOf(epoch)
  })

  test('whose opener is silent is opened by the next in the next attempt', async () => {
    const [silent, next] = await begin(2)
    const alive = members.filter((member) => member !== silent)
    await blocksOn(parameters.attemptBlocks, alive)
    expect([await operation(2), await isPaid(2)]).toEqual([null, false])
    await blocksOn(1, alive)
    expect(await operation(2)).toMatchObject({ depositor: next.account.id })
    await blocksOn(1, alive)
    expect(await paid(2)).toEqual(FULL)
  })

  test('whose opener takes it back is opened by the next', async () => {
    const [opener, next] = await begin(3)
    await blocksOn(1, [opener])
    expect(await operation(3)).toMatchObject({ depositor: opener.account.id })
    const back = cancel({ chain, sender: opener.sender, members: accounts.map(({ id }) => id), threshold: thresholdOf(N), callHash: callHash(3), label: 'withdrawal' })
    await vi.waitFor(() => { if (pool() === 0) throw new Error('not sent') }, { timeout: 20_000 })
    await dev.newBlock()
    expect(await back).toMatchObject({ ok: true })
    await blocksOn(2)
    expect(await operation(3), 'no second opening in one attempt').toBeNull()
    await blocksOn(1)
    expect(await operation(3)).toMatchObject({ depositor: next.account.id })
    await blocksOn(1)
    expect(await paid(3)).toEqual(FULL)
  })

  test('that the pot cannot pay fails whole, is told, and is paid when there is money', async () => {
    await begin(4)
    const pot = (await readBalance(chain, network)).free
    await blocksOn(1)
    await act()
    await setPot(PEAQ) // after everybody has looked, before anything is executed
    await dev.newBlock()
    await blocksOn(1)
    expect([await isPaid(4), await paid(4)]).toEqual([false, [0n, 0n]])
    expect(members.map((member) => member.told('settlement failed')).reduce((a, b) => a + b)).toBe(1)
    await blocksOn(2)
    const complaints = members.map((member) => member.told('pot cannot pay'))
    expect(complaints.reduce((a, b) => a + b)).toBeGreaterThan(0)
    await act()
    expect(members.map((member) => member.told('pot cannot pay')), 'once an attempt').toEqual(complaints)
    await setPot(pot)
    for (let i = 0; i < 3 * parameters.attemptBlocks && !(await isPaid(4)); i++) await blocksOn(1)
    expect(await paid(4)).toEqual(FULL)
  })

  test('whose members are killed with their approvals under way, one after the other, is paid once', async () => {
    const before = (await readBalance(chain, network)).free
    await begin(5)
    // With each block one member dies that has just sent, or was about to.
    for (let i = 0; i < 20 && !(await isPaid(5)); i++) {
      await act()
      const victim = members[i % N]!
      await victim.kill()
      await dev.newBlock()
      victim.start()
    }
    await blocksOn(2)
    expect(await paid(5)).toEqual(FULL)
    expect(before - (await readBalance(chain, network)).free).toBe(TOTAL)
    expect(await operation(5)).toBeNull()
    expect(members.map(({ store }) => store.statement(5)?.agreed)).toEqual(members.map(() => true))
  })
})

describe('an epoch on a chain where others act too', () => {
  test('is paid though a member opens something else at its timepoint, and approves it there', async () => {
    const [opener, hostile] = await begin(6)
    const theft = transfer(chain, hostile.account.id, 999n * PEAQ)
    await act([opener])
    // In the same block, and then with the timepoint of the true operation.
    const others = accounts.map(({ id }) => id).filter((id) => id !== hostile.account.id)
    const sends = async (when: { height: number, index: number } | null): Promise<TxResult> => {
      const waiting = pool()
      const sent = hostile.sender.send(chain.call('multiSig', 'asMulti', thresholdOf(N), others.map(toAddress), when, theft, false, 10n ** 9n), { label: 'theft' })
      await vi.waitFor(() => { if (pool() === waiting) throw new Error('not sent') }, { timeout: 20_000 })
      await dev.newBlock()
      return sent
    }
    expect(await sends(null)).toMatchObject({ ok: true })
    const { when } = (await operation(6))!
    expect(await sends(when)).toMatchObject({ ok: false, name: expect.stringMatching(/Timepoint|NotFound|AlreadyApproved/) })
    const honest = members.filter((member) => member !== hostile)
    await blocksOn(3, honest)
    expect(await paid(6)).toEqual(FULL)
    expect((await readOperation(chain, network, theft.hash.toHex()))?.approvals).toEqual([hostile.account.id])
    expect((await readBalance(chain, hostile.account.id)).free).toBeLessThan(100n * PEAQ)
  })

  test('with more payees than a part bears is paid in parts, each once, though members die between them', async () => {
    const payments: Payment[] = Array.from({ length: PART_PAYEES + 3 }, (_, i) => [`0x77${i.toString(16).padStart(62, '0')}`, BigInt(PEAQ) / 1000n + BigInt(i)])
    for (const member of members) member.compute = (epoch) => withPayouts(payOf(epoch), payments)
    const before = (await readBalance(chain, network)).free
    await begin(7)
    for (let i = 0; i < 20 && !(await hasItem(chain, network, partKey(network, 7, 1))); i++) {
      await act()
      const victim = members[i % N]!
      await victim.kill()
      await dev.newBlock()
      victim.start()
    }
    await blocksOn(2)
    const total = payments.reduce((sum, [, amount]) => sum + amount, 0n)
    expect(before - (await readBalance(chain, network)).free).toBe(total)
    expect(await Promise.all([0, PART_PAYEES - 1, PART_PAYEES, PART_PAYEES + 2].map(async (i) => (await readBalance(chain, payments[i]![0])).free === payments[i]![1]))).toEqual([true, true, true, true])
    expect(members.map(({ store }) => store.statement(7)?.agreed)).toEqual(members.map(() => true))
    // Once more, by all, and without asking first: it opens and fails whole.
    const again = partCall(nodeCrypto, chain, network, { epoch: 7, part: 1, payments: payments.slice(PART_PAYEES) })
    for (const member of members.slice(0, thresholdOf(N))) {
      const sent = approve({ chain, sender: member.sender, members: accounts.map(({ id }) => id), threshold: thresholdOf(N), call: again, label: 'part' })
      await vi.waitFor(() => { if (pool() === 0) throw new Error('not sent') }, { timeout: 20_000 })
      await dev.newBlock()
      await sent
    }
    expect([before - (await readBalance(chain, network)).free, await readOperation(chain, network, again.hash.toHex())]).toEqual([total, null])
    // Two parts and a little in one call are more than an extrinsic may weigh; that is seen before it is sent.
    const heavy = partCall(nodeCrypto, chain, network, { epoch: 7, part: 2, payments: Array.from({ length: 3 }, () => payments).flat().slice(0, 2.2 * PART_PAYEES) })
    await expect(approve({ chain, sender: members[0]!.sender, members: accounts.map(({ id }) => id), threshold: thresholdOf(N), call: heavy, label: 'too much' })).rejects.toMatchObject({ code: 'TOO_HEAVY' })
    for (const member of members) member.compute = (epoch) => payOf(epoch)
  })

  test('with payments below the existential deposit pays the others, leaves these in the pot, and says so', async () => {
    const few = chain.features.existentialDeposit - 1n
    for (const member of members) member.compute = (epoch) => payOf(epoch, [few, 2n * PEAQ])
    const before = (await readBalance(chain, network)).free
    await begin(8)
    await blocksOn(3)
    expect([await paid(8), before - (await readBalance(chain, network)).free]).toEqual([[0n, 2n * PEAQ], 2n * PEAQ])
    expect(members.map((member) => member.told('payments too small'))).toContain(1)
    await blocksOn(1)
    expect(members.map(({ store }) => store.statement(8)?.agreed)).toEqual(members.map(() => true))
    for (const member of members) member.compute = (epoch) => payOf(epoch)
  })
})

test('an operation that somebody opened too late is taken back by whoever did, with its deposit, and by nobody else', async () => {
  const [late, other] = members as [Member, Member]
  const opened = approve({ chain, sender: late.sender, members: accounts.map(({ id }) => id), threshold: thresholdOf(N), call: settlementCall(chain, network, { epoch: 0, ...(payOf(0) as Extract<Computed, { kind: 'done' }>).pay }), label: 'settlement, late' })
  await vi.waitFor(() => { if (pool() === 0) throw new Error('not sent') }, { timeout: 20_000 })
  await dev.newBlock()
  expect(await opened).toMatchObject({ state: 'opened' })
  expect((await readBalance(chain, late.account.id)).reserved).toBeGreaterThan(0n)
  const ledger = { ...(await ledgerAt(dev.head().number)), statements: new Map() }
  // The chain has the statement, which their ledgers do not show yet.
  const lookAgain = async (member: Member): Promise<void> => {
    const store = new Store(join(dir, `late-${member.index}`), { network, account: member.account.id })
    const settlement = createSettlement({
      crypto: nodeCrypto, network, me: member.account.id, founders: accounts.map(({ id }) => id), chain, sender: member.sender, store, busy: () => false, measuring: () => false, metrics: member.metrics, log: createLog({ level: 'silent' }),
      compute: async (_, epoch) => (epoch === 0 ? payOf(0) : { kind: 'early' }),
    })
    let done = false
    const step = settlement.step(ledger, dev.head().number).finally(() => (done = true))
    await vi.waitFor(() => { if (pool() === 0 && !done) throw new Error('neither sent nor done') }, { timeout: 20_000 })
    if (pool() > 0) await dev.newBlock()
    await step
    store.close()
  }
  await lookAgain(other)
  expect((await operation(0))?.depositor).toBe(late.account.id)
  await lookAgain(late)
  expect([await operation(0), (await readBalance(chain, late.account.id)).reserved]).toEqual([null, 0n])
})

test('an epoch that lacks evidence is asked for once an attempt; one whose turn has not come is let be, and nothing is judged while stopwatches run or sent while a report is due', async () => {
  const said: string[] = []
  const store = new Store(join(dir, 'bystander'), { network, account: accounts[0]!.id })
  let answer: Computed = { kind: 'missing', blobs: [ZERO_HASH] }
  let asked = 0
  let measuring = true
  const settlement = createSettlement({
    crypto: nodeCrypto, network, me: accounts[0]!.id, founders: accounts.map(({ id }) => id), chain: untouched, sender: members[0]!.sender, store, busy: () => true, measuring: () => measuring, metrics: checkerMetrics(createMetrics('checker')),
    log: createLog({ json: true, write: (line) => void said.push((JSON.parse(line) as { event: string }).event) }), compute: async () => (asked++, answer),
  })
  const ledger = { ...(await ledgerAt(dev.head().number)), statements: new Map() }
  const at = (best: number): Promise<void> => settlement.step({ ...ledger, head: { number: due(0), hash: ZERO_HASH } }, best)
  await settlement.step({ ...ledger, head: { number: due(0) - 1, hash: ZERO_HASH } }, due(0) + 9)
  await at(due(0))
  expect(asked).toBe(0)
  measuring = false
  for (const best of [due(0), due(0) + 1, due(0) + 3, due(0) + 4, due(0) + 5]) await at(best)
  expect([asked, said.filter((event) => event === 'epoch not settled').length]).toEqual([2, 2])
  answer = payOf(0)
  await at(due(0) + 8)
  await at(due(0) + 9)
  expect([asked, store.statement(0)?.landed]).toEqual([3, null])
  store.close()
})

describe('terms of two epochs', () => {
  const absent = accountFromSecret('//settler//absent')
  let checkers: AccountId[]
  let pot: AccountId
  const founders = (): AccountId[] => accounts.map(({ id }) => id)
  const balance = async (account: AccountId): Promise<bigint> => (await readBalance(chain, account)).free
  const wait = async (sent: Promise<unknown>): Promise<unknown> => {
    await vi.waitFor(() => { if (pool() === 0) throw new Error('not sent') }, { timeout: 20_000 })
    await dev.newBlock()
    return sent
  }
  /** What an account wrote under a key, from a block to the head. */
  const itemsOf = async (account: AccountId, key: string, from: number): Promise<string[]> => {
    const head = dev.head().number
    const values: string[] = []
    for await (const event of ledgerBlocks(chain, { from, confirmations: 0, signal: stop.signal })) {
      if (event.type !== 'block') throw new Error(`a block was expected: ${event.type}`)
      for (const item of event.block.events) if (item.kind === 'item' && item.who === account && item.key === key) values.push(toHex(item.value))
      if (event.block.number === head) break
    }
    return values
  }
  const handedOver = (from: AccountId, term: number): Promise<boolean> => hasItem(chain, from, handOverKey(network, term))

  beforeAll(async () => {
    keep.unsubscribe()
    for (const member of members) await member.kill()
    // Three of the four found it and check; the fourth founder never does a thing.
    accounts = [...accounts.slice(0, 3), absent].toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const origin = dev.head().number
    parameters = { ...parameters, origin, start: origin + 30, termEpochs: 2 }
    network = networkAccount(founders())
    await setPot(1000n * PEAQ)
    await dev.setStorage({ System: { Account: [[[absent.address], { providers: 1, data: { free: 100n * PEAQ } }]] } })
    current = -1
    await found()
    const alive = members.filter(({ account }) => account !== absent)
    checkers = alive.map(({ account }) => account.id)
    for (const [i, member] of alive.entries())
      await wait(registerIdentity({ chain, sender: member.sender, owner: member.account, account: member.account, peer: peerKey(new Uint8Array(32).fill(i + 1)), kind: 'checker', network, addresses: [`/ip4/127.0.0.1/tcp/${4000 + i}`], evidence: ['http://127.0.0.1:4611'] }))
    pot = networkAccount(checkers)
  })
  const alive = (): Member[] => members.filter(({ account }) => account !== absent)

  test('the first is the founders’; it ends in mid-settlement, and the drawn pot pays nothing until the money is handed over', async () => {
    await begin(0)
    await blocksOn(3, alive())
    expect(await paid(0)).toEqual(FULL)
    // Of four founders two settle: epoch 1 is opened and stays open, over the end of the term.
    await begin(1)
    const two = alive().slice(0, 2)
    while (dev.head().number < due(2) + 2) await blocksOn(1, two)
    expect((await operation(1))!.approvals.toSorted()).toEqual(two.map(({ account }) => account.id).toSorted())
    const ledger = await ledgerAt(dev.head().number)
    expect([potOf(ledger, 1), settlersOf(nodeCrypto, ledger, 1), payingTerm(ledger)]).toEqual([pot, checkers, 0])
    expect(dev.head().number).toBeGreaterThan(termStart(parameters, 1))
    current = 2
    await blocksOn(2, two)
    expect([await isPaid(1), await isPaid(2), await handedOver(network, 1), await balance(pot)]).toEqual([false, false, false, 0n])
    expect(members.map((member) => member.told('pot cannot pay')).every((told) => told === 0)).toBe(true)
  })

  test('a stranger’s hand-over is nothing; the true one is done once, though its members are killed one after the other', async () => {
    const stranger = createSender({ chain, account: absent, signal: stop.signal })
    await wait(stranger.send(addItem(chain, handOverKey(network, 1), encodeHandOver({ term: 1, pot: absent.id })), { label: 'lie' }))
    await wait(stranger.send(addItem(chain, statementKey(network, 2, 0), Uint8Array.of(1)), { label: 'lie' }))
    expect(payingTerm(await ledgerAt(dev.head().number))).toBe(0)
    const before = await balance(network)
    const from = dev.head().number + 1
    for (let i = 0; i < 40 && !(await handedOver(network, 1)); i++) {
      const living = alive()
      await act(living)
      const victim = living[i % living.length]!
      if (i % 2 === 0) await victim.kill()
      await dev.newBlock()
      if (i % 2 === 0) victim.start()
    }
    expect([await paid(1), await isPaid(1)]).toEqual([FULL, true])
    expect([await balance(network), await balance(pot), before]).toEqual([0n, before - TOTAL, before])
    // Judged by the chain, for whoever was killed told nobody what became of its approval.
    await blocksOn(2, alive())
    expect(await itemsOf(network, handOverKey(network, 1), from)).toEqual([toHex(encodeHandOver({ term: 1, pot }))])
    expect(await readOperation(chain, network, handOverCall(chain, network, { term: 1, pot }).hash.toHex())).toBeNull()
    const { handOvers } = await ledgerAt(dev.head().number)
    expect(handOvers.get(1)).toMatchObject({ item: { term: 1, pot } })
  })

  test('then the drawn pot settles, and the founders cannot', async () => {
    for (let i = 0; i < 4 * parameters.attemptBlocks && !(await isPaidBy(pot, 2)); i++) await blocksOn(1, alive())
    expect(await paid(2)).toEqual(FULL)
    await begin(3)
    await blocksOn(4, alive())
    expect(await paid(3)).toEqual(FULL)
    await blocksOn(1, alive())
    expect(alive().map(({ store }) => [2, 3].map((epoch) => store.statement(epoch)?.agreed))).toEqual(alive().map(() => [true, true]))
    expect([await isPaid(2), await isPaid(3)]).toEqual([false, false])
  })

  test('a committee that stays the same goes on without a hand-over', async () => {
    // Term 2 draws the same three.
    await begin(4)
    const before = await balance(pot)
    await blocksOn(4, alive())
    expect([await paid(4), await balance(pot), await handedOver(pot, 2)]).toEqual([FULL, before - TOTAL, false])
  })

  test('a hand-over to somebody else is told, once', async () => {
    const said: string[] = []
    const settlement = createSettlement({
      crypto: nodeCrypto, network, me: absent.id, founders: founders(), chain: untouched, sender: members[0]!.sender, store: alive()[0]!.store, busy: () => true, measuring: () => true, metrics: checkerMetrics(createMetrics('checker')),
      log: createLog({ json: true, level: 'error', write: (line) => void said.push((JSON.parse(line) as { event: string }).event) }), compute: async () => ({ kind: 'early' }),
    })
    const ledger = await ledgerAt(dev.head().number)
    await settlement.step(ledger, dev.head().number)
    expect(said).toEqual([])
    for (const item of [null, { term: 1, pot: absent.id }]) {
      // A ledger that went back is looked at from the beginning.
      const astray = { ...ledger, head: { ...ledger.head!, number: ledger.head!.number - 1 }, handOvers: new Map([[1, { block: 9, item }]]) }
      await settlement.step(astray, dev.head().number)
      await settlement.step(astray, dev.head().number)
    }
    expect(said).toEqual(['pot handed elsewhere'])
  })

  test('how the pot stands is read with what came in since it paid, and what a report took', async () => {
    const [reporter, donor] = alive() as [Member, Member, Member]
    await wait(donor.sender.send(transfer(chain, pot, 7n * PEAQ), { label: 'donation' }))
    const round = roundAt(parameters, dev.head().number) + 1
    while (dev.head().number < schedule(parameters, round).commitFrom - 1) await dev.newBlock()
    const report = (await wait(reporter.sender.send(addItem(chain, reportKey(network), Uint8Array.of(1)), { label: 'report of a round' }))) as TxResult
    expect(report.ok && report.fee > 0n).toBe(true)
    const ledger = await ledgerAt(dev.head().number)
    const shown = (await readPot(chain, ledger))!
    expect(shown).toMatchObject({ pot, term: payingTerm(ledger), balance: await balance(pot), inflow: 7n * PEAQ, since: lastPayoutOf(ledger), checkFee: report.fee, checks: { costPerEpoch: report.fee! * 3n } })
    expect([await feesPaid(chain, reporter.account.id, report.block!), await feesPaid(chain, pot, report.block!)]).toEqual([report.fee, 0n])
    expect(await readPot(chain, emptyLedger(network))).toBeNull()
  })
})

const isPaidBy = (pot: AccountId, epoch: number): Promise<boolean> => hasItem(chain, pot, statementKey(network, epoch, 0))
