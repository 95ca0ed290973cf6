import type { FastifyInstance } from 'fastify'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operationsApp } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { applyBlock, CHECKER_KEY, emptyLedger, MACHINE_KEY, partDigest, partKey, replayEpoch, reportKey, statementKey, toHex, type Hash, type Ledger, type LedgerBlock, type LedgerEvent, type ReplayedEpoch } from '@assay/protocol'
import { createRecorder, packRecording } from '@assay/replay'
import { toAddress } from '@assay/runtime-bindings'
import { testCrypto as crypto } from '../../../../protocol/testing/actors.ts'
import { blockHash } from '../../../../protocol/testing/round.ts'
import { play, type Played } from '../../../../replay/testing/play.ts'
import { apiRoutes } from '../api.ts'
import type { Store } from '../database.ts'
import { encodeEvents, type ChainState } from '../follow.ts'
import { indexerMetrics } from '../metrics.ts'
import { fillDatabase } from '../testing/played.ts'
import { openTestDatabase, testOwner } from '../testing/database.ts'
import { extrinsicsOf } from './extrinsics.ts'

let store: Store
let end: () => Promise<void>
let played: Played
let blocks: LedgerBlock[]
let replayed: ReplayedEpoch
let app: FastifyInstance
let state$: BehaviorSubject<ChainState>

/** The events of a block, each by an extrinsic of its own behind the two that open a block. */
const noted = (events: readonly LedgerEvent[]): LedgerEvent[] => events.map((event, i) => ({ ...event, extrinsic: i + 2 }))
/** The same as whoever does not know them has them. */
const bare = (events: readonly LedgerEvent[]): LedgerEvent[] => events.map((event) => {
  const without = { ...event }
  delete without.extrinsic
  return without
})
const ledgerOf = (some: readonly LedgerBlock[]): Ledger => some.reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(played.network))
const get = async (url: string) => {
  const answer = await app.inject({ url })
  expect([url, answer.statusCode]).toEqual([url, 200])
  return answer.json()
}
/** The extrinsic of the first event of a block that is like this. */
function of(block: number, like: (event: LedgerEvent) => boolean) {
  const { hash, events } = blocks.find(({ number }) => number === block)!
  const index = events.findIndex(like) + 2
  expect(index).toBeGreaterThan(1)
  return { id: `${block}-${index}`, block, blockHash: hash, index }
}
const item = (who: Hash, key: string) => (event: LedgerEvent) => event.kind === 'item' && event.who === who && event.key === key

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
  const silent = play({ machines: 2, epochs: 2 })
  played = { ...silent, blocks: silent.blocks.map((block) => ({ ...block, events: noted(block.events) })) }
  replayed = (await replayEpoch(crypto, played.ledger, 0, played.load)) as ReplayedEpoch
  const last = played.blocks.at(-1)!
  const statement: LedgerBlock = { number: last.number + 1, hash: blockHash(last.number + 1), parentHash: last.hash, relayRoot: null, events: replayed.statement.chunks.map((value, i) => ({ kind: 'item', who: played.network, key: statementKey(played.network, 0, i), value, update: false, extrinsic: 5 })) }
  blocks = [...played.blocks, statement]
  played = { ...played, blocks }
  await fillDatabase(store.db, played)
  state$ = new BehaviorSubject<ChainState>({ ledger: ledgerOf(blocks), stalled: null })
  await store.db.updateTable('epochs').set({ chain_state: 'match', chain_block: statement.number }).where('epoch', '=', 0).execute()
  app = await operationsApp({
    log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: () => Promise.resolve(''),
    routes: apiRoutes({ db: store.db, crypto, state$, best: () => null, pot: () => null, network: played.network, genesisHash: testOwner.genesisHash as Hash }, indexerMetrics(createMetrics('indexer'))),
  })
})
afterAll(async () => {
  await app?.close()
  await end()
})
beforeEach(() => state$.next({ ledger: ledgerOf(blocks), stalled: null }))

describe('extrinsics', () => {
  it('are those of a machine’s and a checker’s registration, whose document can be read', async () => {
    for (const [path, { account }, key] of [['machines', played.machines[0]!, MACHINE_KEY], ['checkers', played.checkers[0]!, CHECKER_KEY]] as const) {
      const { identity } = await get(`/${path}/${account}`)
      expect(identity.extrinsic).toEqual(of(identity.block, item(account, key)))
      const { document, bytes } = await get(`/${path}/${account}/document`)
      expect(document).toMatchObject({ id: `did:peaq:${toAddress(account)}`, verificationMethods: [{ type: 'Ed25519VerificationKey2020' }], services: [{ id: '#assay', data: expect.stringMatching(/^[0-9a-f]+$/) }] })
      expect(bytes).toContain(Buffer.from('#assay').toString('hex'))
    }
  })

  it('are those of reports, and of the packages that the reports of the next round name', async () => {
    const { items } = await get('/rounds/1/checkers')
    const next = (await get('/rounds/2/checkers')).items
    expect(items.length).toBeGreaterThan(1)
    for (const [i, { account, report, packageExtrinsic }] of items.entries()) {
      expect(report.extrinsic).toEqual(of(report.block, item(account, reportKey(played.network))))
      expect(packageExtrinsic).toEqual(next[i].report.extrinsic)
    }
  })

  it('are those of the statement and of what it pays', async () => {
    const { number, hash } = blocks.at(-1)!
    const stated = { id: `${number}-5`, block: number, blockHash: hash, index: 5 }
    expect((await get('/epochs/0')).extrinsic).toEqual(stated)
    expect((await get('/epochs')).items.map(({ epoch, extrinsic }: { epoch: number, extrinsic: unknown }) => [epoch, extrinsic])).toContainEqual([0, stated])
    expect((await get('/epochs/1')).extrinsic).toBeNull()
    const { items } = await get('/epochs/0/payouts')
    expect(items.length).toBeGreaterThan(0)
    for (const payout of items) {
      expect(payout.extrinsic).toEqual(payout.paid === '0' ? null : stated)
      expect((await get(`/accounts/${payout.account}/payouts`)).items).toContainEqual(payout)
      expect((await get(`/epochs/0/proofs/${payout.account}`)).payout.payout).toEqual(payout)
    }
    const { account } = played.machines[0]!
    expect((await get(`/machines/${account}/why?epoch=0`)).payout.extrinsic).toEqual(stated)
    // What is judged and not paid yet has none, and what another statement paid is not what we say.
    for (const { extrinsic } of (await get('/epochs/1/payouts')).items) expect(extrinsic).toBeNull()
    await store.db.updateTable('epochs').set({ chain_state: 'mismatch' }).where('epoch', '=', 0).execute()
    for (const { extrinsic } of (await get('/epochs/0/payouts')).items) expect(extrinsic).toBeNull()
    await store.db.updateTable('epochs').set({ chain_state: 'match' }).where('epoch', '=', 0).execute()
  })

  it('of a later part of the payees is that of its part', async () => {
    const last = blocks.at(-1)!
    const value = new Uint8Array(Buffer.from(partDigest(crypto, { network: played.network, epoch: 0, part: 1 }, []).slice(2), 'hex'))
    const part: LedgerBlock = { number: last.number + 1, hash: blockHash(last.number + 1), parentHash: last.hash, relayRoot: null, events: [{ kind: 'item', who: played.network, key: partKey(played.network, 0, 1), value, update: false, extrinsic: 9 }] }
    await store.db.insertInto('blocks').values({ number: part.number, hash: part.hash, parent_hash: part.parentHash, relay_root: null }).execute()
    await store.db.insertInto('events').values({ block: part.number, position: 0, count: 1, data: encodeEvents(part.events) }).execute()
    const paid = (await store.db.selectFrom('payouts').selectAll().where('epoch', '=', 0).where('paid', '>', 0n).orderBy('position').execute()).at(-1)!
    expect(paid.part).toBe(0)
    await store.db.updateTable('payouts').set({ part: 1 }).where('epoch', '=', 0).where('account', '=', paid.account).execute()
    const byAccount = async () => new Map((await get('/epochs/0/payouts')).items.map(({ account, extrinsic }: { account: Hash, extrinsic: { id: string } | null }) => [account, extrinsic?.id]))
    expect((await byAccount()).get(paid.account)).toBeUndefined() // the chain does not have it yet
    state$.next({ ledger: ledgerOf([...blocks, part]), stalled: null })
    expect((await byAccount()).get(paid.account)).toBe(`${part.number}-9`)
    await store.db.updateTable('payouts').set({ part: 0 }).where('epoch', '=', 0).where('account', '=', paid.account).execute()
  })

  it('are unknown of blocks that were stored without them, or are not stored', async () => {
    const { account } = played.machines[0]!
    const block = blocks.find(({ events }) => events.some(item(account, MACHINE_KEY)))!
    const wanted = { block: block.number, who: account, key: MACHINE_KEY }
    const other: Hash = `0x${'ab'.repeat(32)}`
    expect(await extrinsicsOf(store.db, [wanted, null, { ...wanted, value: other }, { ...wanted, who: other }, { ...wanted, block: 9_999_999 }])).toEqual([of(block.number, item(account, MACHINE_KEY)), null, null, null, null])
    await store.db.updateTable('events').set({ data: encodeEvents(bare(block.events)) }).where('block', '=', block.number).execute()
    expect(await extrinsicsOf(store.db, [wanted])).toEqual([null])
    expect((await get(`/machines/${account}`)).identity).toMatchObject({ block: block.number, extrinsic: null })
    await store.db.updateTable('events').set({ data: encodeEvents(block.events) }).where('block', '=', block.number).execute()
  })

  it('change nothing that is computed or recorded', async () => {
    const without = blocks.map((block) => ({ ...block, events: bare(block.events) }))
    expect(ledgerOf(without)).toEqual(ledgerOf(blocks))
    const recorded = async (some: readonly LedgerBlock[]) => {
      const recorder = createRecorder(crypto, played.network)
      for (const block of some) recorder.block(block)
      const ledger = ledgerOf(some)
      const { statement } = (await replayEpoch(crypto, ledger, 0, recorder.noting(played.load))) as ReplayedEpoch
      return [statement.root, toHex(await packRecording(recorder.recording(ledger, 0)))]
    }
    expect(await recorded(blocks)).toEqual(await recorded(without))
  })
})
