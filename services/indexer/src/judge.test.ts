import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { BehaviorSubject } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '@assay/kit/metrics'
import { applyBlock, emptyLedger, judgementOfEpoch, judgeRound, replayEpoch, schedule, statementKey, type Crypto, type Hash, type Ledger, type LedgerEvent, type ReplayedEpoch } from '@assay/protocol'
import { formatAmount } from '@assay/runtime-bindings'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { playCanary } from '../../../protocol/testing/canary-play.ts'
import { everyOtherRow } from '../../../protocol/testing/prover.ts'
import { blockHash, playNetwork, roundOf, type PlayedNetwork } from '../../../protocol/testing/round.ts'
import type { Store } from './database.ts'
import { EvidenceSource } from './evidence.ts'
import type { ChainState } from './follow.ts'
import { Judge } from './judge.ts'
import { loadJudgement } from './judgements.ts'
import { indexerMetrics } from './metrics.ts'
import { openTestDatabase } from './testing/database.ts'
import { recorder, type Recorder } from './testing/log.ts'

let store: Store
let end: () => Promise<void>
let played: PlayedNetwork
let epochs: ReplayedEpoch[]
let server: Server
let url: string
/** What the evidence server has not. */
const hidden = new Set<Hash>()
/** What it answers instead. */
const lies = new Map<Hash, Uint8Array>()

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
  // Two epochs. Machine 2 skips half of its rows; the owners of checkers earn less than the least payout and are carried.
  played = playNetwork({ machines: 3, epochs: 2, parameters: { minimumPayout: 80n * 10n ** 18n } }, { machine: ({ name }) => (name === 'machine 2' ? { lie: everyOtherRow } : {}) })
  epochs = []
  for (const epoch of [0, 1]) epochs.push((await replayEpoch(testCrypto, played.ledger, epoch, played.load, epochs.at(-1)?.result.state)) as ReplayedEpoch)
  server = createServer((request, response) => {
    const id = `0x${request.url!.split('/').pop()}` as Hash
    const bytes = lies.get(id) ?? (hidden.has(id) ? undefined : played.blobs.get(id))
    return bytes ? response.end(bytes) : response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await end()
})

/** The ledger when its head was at a block; blocks after the played ones may be added. */
function ledgerAt(head: number, more: LedgerEvent[][] = []): Ledger {
  const added = more.map((events, i) => ({ number: played.blocks.length + 1 + i, hash: blockHash(played.blocks.length + 1 + i), parentHash: blockHash(played.blocks.length + i), relayRoot: null, events }))
  return [...played.blocks, ...added].slice(0, head).reduce((ledger, block) => applyBlock(testCrypto, ledger, block), emptyLedger(played.network))
}
const judgementBlock = (round: number) => schedule(played.parameters, round).judgement

interface Running { state$: BehaviorSubject<ChainState>, recorder: Recorder, stop: () => Promise<void> }
const running: Running[] = []

/** A judge at work on a ledger. */
async function judging(ledger: Ledger, options: { crypto?: Crypto, urls?: string[] } = {}): Promise<Running> {
  const stop = new AbortController()
  const { signal } = stop
  const metrics = indexerMetrics(createMetrics('test'))
  const notes = recorder()
  const state$ = new BehaviorSubject<ChainState>({ ledger, stalled: null })
  const evidence = new EvidenceSource({ db: store.db, urls: () => options.urls ?? [url], timeoutMs: 2000, signal, metrics })
  const judge = await Judge.open({ db: store.db, crypto: options.crypto ?? testCrypto, network: played.network, state$, evidence, metrics, log: notes.log, signal })
  const done = new Promise<void>((resolve, reject) => judge.run().subscribe({ complete: resolve, error: reject }))
  const one = { state$, recorder: notes, stop: () => (stop.abort(), done) }
  running.push(one)
  return one
}

beforeEach(async () => {
  hidden.clear()
  lies.clear()
  await sql`truncate rounds, missing_blobs, verdicts, observations, round_totals, machines, round_checkers, epochs, leaves, scores, payouts, evidence`.execute(store.db)
})
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
})

const rounds = () => store.db.selectFrom('rounds').select(['round', 'state', 'tries']).orderBy('round').execute()
const epochRow = (epoch: number) => store.db.selectFrom('epochs').selectAll().where('epoch', '=', epoch).executeTakeFirst()

describe('a round', () => {
  it('is judged at its judgement block, not before, and stored as judged', async () => {
    const { state$, recorder } = await judging(ledgerAt(judgementBlock(0) - 1))
    expect(await rounds()).toEqual([])
    state$.next({ ledger: ledgerAt(judgementBlock(0)), stalled: null })
    expect(await recorder.until('round judged')).toMatchObject({ round: 0, epoch: 0, head: judgementBlock(0), outcomes: { PASS: 2, FAIL: 1 }, packages: 3 })
    const { facts, evidence } = await roundOf(played, 0)
    expect(await loadJudgement(store.db, 0)).toEqual(judgeRound(testCrypto, facts, evidence))
  })

  it('that lacks evidence waits and is shown, the next ones go on, and it is judged when the evidence comes', async () => {
    const lacking = (await roundOf(played, 0)).facts.counted.values().next().value!
    hidden.add(lacking)
    const { state$, recorder } = await judging(ledgerAt(judgementBlock(1)))
    expect(await recorder.until('evidence missing')).toMatchObject({ round: 0, missing: 1, tries: 1, first: lacking })
    await recorder.until('round judged', { round: 1 })
    expect(await rounds()).toEqual([{ round: 0, state: 'waiting', tries: 1 }, { round: 1, state: 'judged', tries: 1 }])
    expect(await store.db.selectFrom('missing_blobs').selectAll().execute()).toEqual([{ round: 0, id: lacking, since: judgementBlock(1) }])
    // Liars do not help: bytes that are not the hash's, or more than the protocol allows.
    hidden.clear()
    lies.set(lacking, new Uint8Array(10))
    state$.next({ ledger: ledgerAt(judgementBlock(1) + 1), stalled: null })
    await recorder.until('evidence missing', { tries: 2 })
    lies.set(lacking, new Uint8Array(2 ** 20))
    state$.next({ ledger: ledgerAt(judgementBlock(1) + 3), stalled: null })
    await recorder.until('evidence missing', { tries: 3 })
    expect(await epochRow(0)).toBeUndefined()
    lies.clear()
    // Not tried again before its time: 4 blocks after the third try.
    state$.next({ ledger: ledgerAt(judgementBlock(1) + 6), stalled: null })
    state$.next({ ledger: ledgerAt(judgementBlock(1) + 7), stalled: null })
    expect(await recorder.until('round judged', { round: 0 })).toMatchObject({ head: judgementBlock(1) + 7 })
    expect(await recorder.until('epoch scored')).toMatchObject({ epoch: 0, root: epochs[0]!.statement.root })
    expect(await store.db.selectFrom('missing_blobs').selectAll().execute()).toEqual([])
  })

  it('that a fault of ours keeps from judgement does not stop the others; the next version judges it', async () => {
    const faulty: Crypto = {
      ...testCrypto,
      ed25519Verify: () => {
        throw new TypeError('a fault')
      },
    }
    const { recorder, stop } = await judging(ledgerAt(judgementBlock(1)), { crypto: faulty })
    await Promise.all([0, 1].map((round) => recorder.until('round not judged', { round })))
    await stop()
    expect((await rounds()).map(({ state }) => state)).toEqual(['failed', 'failed'])
    const next = await judging(ledgerAt(judgementBlock(1) + 1))
    expect(await next.recorder.until('epoch scored')).toMatchObject({ root: epochs[0]!.statement.root })
  })

  it('is fetched from whichever server has it; one that hangs is asked last from then on', async () => {
    const asked: string[] = []
    const hanging = createServer((request) => void asked.push(request.url!))
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve))
    const { recorder } = await judging(ledgerAt(judgementBlock(0)), { urls: [`http://127.0.0.1:${(hanging.address() as AddressInfo).port}`, url] })
    await recorder.until('round judged')
    hanging.closeAllConnections()
    hanging.close()
    // The three manifests are asked for side by side, before anybody knows.
    expect(asked.length).toBe(3)
  })
})

describe('an epoch', () => {
  it('has the statement that everybody computes, in order, with what the one before carried', async () => {
    const { recorder } = await judging(ledgerAt(judgementOfEpoch(played.parameters, 1)))
    expect(await recorder.until('epoch scored', { epoch: 1 })).toMatchObject({ root: epochs[1]!.statement.root, paid: formatAmount(epochs[1]!.result.paid) })
    for (const { epoch, statement, result } of epochs) {
      expect(await epochRow(epoch)).toMatchObject({ root: statement.root, statement: statement.bytes, chain_state: 'not_yet', pool: played.parameters.poolPerEpoch, paid: result.paid, carried: result.carried })
      const payouts = await store.db.selectFrom('payouts').selectAll().where('epoch', '=', epoch).orderBy('position').execute()
      expect(payouts.map((row) => ({ account: row.account, earned: row.earned, carriedIn: row.carried_in, paid: row.paid, carriedOut: row.carried_out }))).toEqual(result.payouts)
    }
    const second = await store.db.selectFrom('payouts').selectAll().where('epoch', '=', 1).execute()
    expect(second.some(({ carried_in }) => carried_in > 0n)).toBe(true)
    // To the planck: what was earned and what stays in the pot is the pool.
    const { earned } = await store.db.selectFrom('scores').select(({ fn }) => fn.sum<bigint>('earned').as('earned')).where('epoch', '=', 1).executeTakeFirstOrThrow()
    expect(earned + (await epochRow(1))!.remainder).toBe(played.parameters.poolPerEpoch)
  })

  it('comes out the same when the process is killed after any round', async () => {
    for (const round of [0, 1, 2, 3]) {
      const { recorder, stop } = await judging(ledgerAt(judgementBlock(round)))
      await recorder.until('round judged', { round })
      await stop()
    }
    const last = await judging(ledgerAt(judgementBlock(3)))
    await last.stop()
    expect(await rounds()).toEqual([0, 1, 2, 3].map((round) => ({ round, state: 'judged', tries: 1 })))
    expect([(await epochRow(0))?.root, (await epochRow(1))?.root]).toEqual(epochs.map(({ statement }) => statement.root))
  })

  it('that judged rounds left unscored is scored at the next start', async () => {
    const { recorder, stop } = await judging(ledgerAt(judgementBlock(1)))
    await recorder.until('epoch scored')
    await stop()
    for (const table of ['leaves', 'scores', 'payouts', 'epochs'] as const) await store.db.deleteFrom(table).execute()
    const again = await judging(ledgerAt(judgementBlock(1)), { urls: [] })
    expect(await again.recorder.until('epoch scored')).toMatchObject({ epoch: 0, root: epochs[0]!.statement.root })
  })
})

describe('the statement on chain', () => {
  const chunks = (change: (bytes: Uint8Array) => Uint8Array = (same) => same): LedgerEvent[] =>
    epochs[0]!.statement.chunks.map((chunk, i) => ({ kind: 'item', who: played.network, key: statementKey(played.network, 0, i), value: change(chunk), update: false }))
  const last = () => played.blocks.length

  it('is not there yet, then agrees', async () => {
    const { state$, recorder } = await judging(ledgerAt(last()))
    await recorder.until('epoch scored', { epoch: 1 })
    expect((await epochRow(0))?.chain_state).toBe('not_yet')
    state$.next({ ledger: ledgerAt(last() + 1, [chunks()]), stalled: null })
    await recorder.until('statement agrees', { epoch: 0, block: last() + 1 })
    expect(await epochRow(0)).toMatchObject({ chain_state: 'match', chain_block: last() + 1, chain_bytes: epochs[0]!.statement.bytes })
    expect((await epochRow(1))?.chain_state).toBe('not_yet')
  })

  it('differs: that is said', async () => {
    const { recorder } = await judging(ledgerAt(last() + 1, [chunks((bytes) => bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)))]))
    expect(await recorder.until('statement differs')).toMatchObject({ epoch: 0, block: last() + 1 })
    expect((await epochRow(0))?.chain_state).toBe('mismatch')
  })
})

describe('an epoch with a canary, where quality weighs', () => {
  const { played: tried, canary, liar } = playCanary()
  let calm: PlayedNetwork
  beforeAll(() => {
    calm = played
    played = tried
  })
  afterAll(() => {
    played = calm
  })
  const expected = async (): Promise<ReplayedEpoch[]> => {
    const all: ReplayedEpoch[] = []
    for (const epoch of [0, 1]) all.push((await replayEpoch(testCrypto, played.ledger, epoch, played.load)) as ReplayedEpoch)
    return all
  }

  it('is scored as everybody scores it, and the next one is judged by what it showed', async () => {
    const { recorder } = await judging(played.ledger)
    await recorder.until('epoch scored', { epoch: 0 })
    // Rounds of the next epoch had to wait for it, and for nothing else.
    await recorder.until('epoch scored', { epoch: 1 })
    for (const { statement, result, rounds: judged } of await expected()) {
      expect(await epochRow(result.epoch)).toMatchObject({ root: statement.root })
      for (const { facts, judgement } of judged) expect(await loadJudgement(store.db, facts.round)).toEqual(judgement)
    }
    const scores = await store.db.selectFrom('scores').selectAll().orderBy('epoch').execute()
    expect(scores.find(({ epoch, account }) => epoch === 0 && account === canary)).toMatchObject({ score: 0n, reason: 'CANARY', passed: 2, asked: 2, standing: 'PROBATION' })
    expect(scores.filter(({ account, kind }) => account === liar && kind === 'checker')).toMatchObject([{ weight: 1_000_000, calibration: [512, 512, 0, 0] }, { weight: 0, reason: 'WEIGHTLESS' }])
    expect((await store.db.selectFrom('verdicts').select('standing').execute()).every(({ standing }) => standing === 'PROBATION')).toBe(true)
  })

  it('is scored when the evidence of its canaries, which was lost meanwhile, is to be had again', async () => {
    const { state$, recorder } = await judging(ledgerAt(judgementBlock(0)))
    await recorder.until('round judged', { round: 0 })
    await store.db.deleteFrom('evidence').execute()
    hidden.add((await roundOf(played, 0)).facts.counted.values().next().value!)
    state$.next({ ledger: ledgerAt(judgementBlock(1)), stalled: null })
    expect(await recorder.until('epoch not scored')).toMatchObject({ round: 0, epoch: 0 })
    hidden.clear()
    state$.next({ ledger: ledgerAt(judgementBlock(1) + 1), stalled: null })
    await recorder.until('epoch scored', { epoch: 0 })
    expect(await epochRow(0)).toMatchObject({ root: (await expected())[0]!.statement.root })
  })
})
