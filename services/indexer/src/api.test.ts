import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveOperations, type Operations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import {
  applyBlock, concat, decodeStatement, emptyLedger, encodeEvidenceLeaf, encodePayoutLeaf, encodeScoreLeaf, explain, explainEpoch, fromHex, merkleRoot, replayEpoch, schedule, statementKey, toHex, utf8, verifyMerkleProof,
  type Hash, type Hex, type Ledger, type ReplayedEpoch,
} from '@assay/protocol'
import { tellScore } from '@assay/replay/tell'
import { toAddress } from '@assay/runtime-bindings'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { everyOtherRow } from '../../../protocol/testing/prover.ts'
import { blockHash, playNetwork, roundOf, type PlayedNetwork } from '../../../protocol/testing/round.ts'
import { apiRoutes } from './api.ts'
import type { Store } from './database.ts'
import { EvidenceSource } from './evidence.ts'
import { encodeEvents, type ChainState } from './follow.ts'
import { Judge } from './judge.ts'
import { indexerMetrics } from './metrics.ts'
import type { PotView } from './pot.ts'
import { ReadyDetail, readiness } from './readiness.ts'
import { reconcileMachines } from './summaries.ts'
import { openTestDatabase, testOwner } from './testing/database.ts'
import { Documented, unsaid, type Document } from './testing/documented.ts'
import { recorder } from './testing/log.ts'

let store: Store
let end: () => Promise<void>
let played: PlayedNetwork
let replayed: ReplayedEpoch
let app: FastifyInstance
let operations: Operations
let state$: BehaviorSubject<ChainState>
let now: ChainState
let best: number | null
let pot: PotView | null = null
let missing: Hash
let documented: Documented
let queries = 0
const routes: string[] = []

/** The ledger after the first `head` blocks. */
const ledgerAt = (head: number): Ledger => played.blocks.slice(0, head).reduce((ledger, block) => applyBlock(testCrypto, ledger, block), emptyLedger(played.network))
const hex64 = /^0x[0-9a-f]{64}$/
/** A machine that nobody knows. */
const STRANGER: Hash = `0x${'ee'.repeat(32)}`

beforeAll(async () => {
  const opened = await openTestDatabase()
  ;({ store, end } = opened)
  // Machine 2 skips half of its rows, machine 1 is out of reach, checker 2 is silent in epoch 0. Of round 3 a piece of evidence is missing. The statement of epoch 0 is put on chain at the end.
  played = playNetwork({ machines: 3, epochs: 2 }, {
    machine: ({ name }) => (name === 'machine 2' ? { lie: everyOtherRow } : name === 'machine 1' ? { outcome: 'UNREACHABLE' } : {}),
    report: ({ name }, round, item) => (name === 'checker 2' && round < 2 ? null : item),
  })
  replayed = (await replayEpoch(testCrypto, played.ledger, 0, played.load)) as ReplayedEpoch
  const last = played.blocks.at(-1)!
  const statement = { number: last.number + 1, hash: blockHash(last.number + 1), parentHash: last.hash, relayRoot: null, events: replayed.statement.chunks.map((value, i) => ({ kind: 'item' as const, who: played.network, key: statementKey(played.network, 0, i), value, update: false })) }
  now = { ledger: applyBlock(testCrypto, played.ledger, statement), stalled: null }
  missing = (await roundOf(played, 3)).facts.counted.values().next().value!

  const stop = new AbortController()
  const { signal } = stop
  const metrics = indexerMetrics(createMetrics('indexer'))
  const notes = recorder()
  state$ = new BehaviorSubject(now)
  const evidence = new EvidenceSource({ db: store.db, urls: () => [], timeoutMs: 100, signal, metrics })
  await reconcileMachines(store.db, now.ledger)
  evidence.loader = () => async (id) => (id === missing ? undefined : played.blobs.get(id))
  const judge = await Judge.open({ db: store.db, crypto: testCrypto, network: played.network, state$, evidence, metrics, log: notes.log, signal })
  const done = new Promise<void>((resolve, reject) => judge.run().subscribe({ complete: resolve, error: reject }))
  await Promise.all([notes.until('round judged', { round: 2 }), notes.until('evidence missing', { round: 3 }), notes.until('statement agrees')])
  stop.abort()
  await done

  operations = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    ready: () => readiness(state$.value, best, played.parameters.confirmations),
    detail: ReadyDetail,
    metrics: metrics.text,
    routes: (door) => {
      app = door
      door.addHook('onRoute', ({ method, url }) => void routes.push(`${String(method)} ${url}`))
      // Those of the journal are not asked for by requests: events look whether there are new ones.
      const db = store.db.withPlugin({ transformQuery: ({ node }) => (queries += JSON.stringify(node, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes('"journal"') ? 0 : 1, node), transformResult: ({ result }) => Promise.resolve(result) })
      return apiRoutes({ db, crypto: testCrypto, state$, best: () => best, pot: () => pot, network: played.network, genesisHash: testOwner.genesisHash as Hash }, metrics)(door)
    },
  })
  documented = new Documented(await (await fetch(`${operations.url}/openapi.json`)).json() as Document)
})
afterAll(async () => {
  await operations.close()
  await end()
})
beforeEach(() => {
  state$.next(now)
  best = now.ledger.head!.number + played.parameters.confirmations
})

/** Whatever a test asks for, the answer is as the document says. */
async function get(url: string, status = 200) {
  const answer = await app.inject({ url })
  expect([url, answer.statusCode, answer.headers['content-type']]).toEqual([url, status, 'application/json; charset=utf-8'])
  expect([url, documented.faults(url, status, answer.json())]).toEqual([url, []])
  return answer.json()
}

const failing = async (url: string, status: number, code: string) => expect(await get(url, status)).toEqual({ error: { code, message: expect.any(String) } })

describe('evidence', () => {
  it('is served by its hash, for ever the same; what is not there says why', async () => {
    const bytes = new TextEncoder().encode('evidence')
    const id = toHex(testCrypto.sha256(bytes))
    const damaged: Hash = `0x${'dd'.repeat(32)}`
    await store.db.insertInto('evidence').values([{ id, epoch: 0, bytes }, { id: damaged, epoch: 0, bytes }]).execute()
    for (const path of [id, id.slice(2)]) {
      const answer = await app.inject({ url: `/evidence/${path}` })
      expect([answer.statusCode, answer.headers['content-type'], answer.headers['cache-control'], new Uint8Array(answer.rawPayload)]).toEqual([200, 'application/octet-stream', 'public, max-age=31536000, immutable', bytes])
      expect((await app.inject({ url: `/evidence/${path}`, headers: { 'if-none-match': String(answer.headers.etag) } })).statusCode).toBe(304)
    }
    // Nothing that is not what its hash says is ever served.
    await failing(`/evidence/${damaged}`, 404, 'NO_EVIDENCE')
    await failing(`/evidence/${STRANGER}`, 404, 'NO_EVIDENCE')
    await failing(`/evidence/${missing}`, 404, 'EVIDENCE_MISSING')
    await failing('/evidence/0x12', 400, 'BAD_REQUEST')
  })
})

describe('what was pruned', () => {
  it('is said, and is not shown as if there had been none', async () => {
    expect((await get('/epochs/0')).totals.kept).toEqual({ evidence: true, observations: true })
    await store.db.updateTable('epochs').set({ evidence: 'pruned', observations: 'pruned' }).where('epoch', '=', 0).execute()
    expect((await get('/epochs/0')).totals.kept).toEqual({ evidence: false, observations: false })
    expect((await get('/rounds/0')).observationsKept).toBe(false)
    const { account } = played.machines[0]!
    expect((await get(`/rounds/0/machines/${account}`)).observations).toBeNull()
    await failing('/rounds/0/observations', 410, 'OBSERVATIONS_PRUNED')
    await failing(`/machines/${account}/why?epoch=0`, 410, 'OBSERVATIONS_PRUNED')
    expect((await get(`/evidence/${STRANGER}`, 404)).error.message).toMatch(/or was pruned with the evidence of one of 1 settled epochs/)
    await store.db.updateTable('epochs').set({ evidence: 'kept', observations: 'kept' }).execute()
    expect((await get('/rounds/0')).observationsKept).toBe(true)
  })
})

describe('the network', () => {
  it('says what it is and where it stands', async () => {
    expect(await get('/network')).toEqual({
      network: played.network,
      address: toAddress(played.network),
      devices: [{ class: 0, name: null, machines: 1 }],
      genesisHash: testOwner.genesisHash,
      head: now.ledger.head,
      best,
      stalled: null,
      round: { round: expect.any(Number), epoch: 2, stage: expect.any(String), startBlock: expect.any(Number), endBlock: expect.any(Number) },
      parameters: { ...played.parameters, poolPerEpoch: '1000000000000000000000', minimumPayout: '1000000000000000' },
      machines: 3,
      standings: { PROBATION: 2, STANDARD: 0, TRUSTED: 0, BENCHED: 1, unknown: 0 },
      checkers: 3,
      capture: { share: '1/3', checkers: 3, malicious: 1, committee: 3, perRound: '0', perEpoch: '0', vouch: '0', flagged: false, sufficientCommittee: 2, text: expect.stringMatching(/^if 1 of 3 checkers are in league/), settlers: null },
      rounds: { judged: 3, waiting: 1, failed: 0, missingBlobs: 1 },
      pot: null,
      lastEpoch: { epoch: 0, root: replayed.statement.root, paid: String(replayed.result.paid), onChain: { state: 'match', block: now.ledger.head!.number } },
    })
  })

  it('says how likely the settlers drawn for a term are captured, where there are terms', async () => {
    const parameters = now.ledger.parameters.map((entry) => ({ ...entry, parameters: { ...entry.parameters, termEpochs: 2 } }))
    state$.next({ ...now, ledger: { ...now.ledger, parameters } })
    expect((await get('/network')).capture.settlers).toEqual({ settlers: 3, threshold: 3, captured: '0', stalled: '1', flagged: true, text: expect.stringMatching(/^if 1 of 3 checkers are in league, the 3 settlers/) })
    state$.next(now)
  })

  it('says how the pot stands, in planck', async () => {
    pot = { pot: STRANGER, term: 2, block: 9, balance: 10n ** 22n, unsettledFrom: 4, owed: 1n, needs: 2n, epochsLeft: null, inflow: -3n, since: 7, checkFee: 5n, checks: { costPerEpoch: 30n, checkersPool: 200n } }
    expect((await get('/network')).pot).toEqual({
      account: STRANGER, address: toAddress(STRANGER), term: 2, block: 9, balance: '10000000000000000000000', unsettledFrom: 4, owed: '1', needs: '2', epochsLeft: null, inflow: '-3', since: 7,
      checks: { feePerReport: '5', costPerEpoch: '30', checkersPool: '200' },
    })
    pot = { ...pot, epochsLeft: 3, inflow: null, since: null, checkFee: null, checks: { costPerEpoch: null, checkersPool: 0n } }
    expect((await get('/network')).pot).toMatchObject({ epochsLeft: 3, inflow: null, since: null, checks: { feePerReport: null, costPerEpoch: null, checkersPool: '0' } })
    pot = null
  })

  it('before its first block knows nothing, and says so with null', async () => {
    best = null
    state$.next({ ledger: emptyLedger(played.network), stalled: { reason: 'DISCONNECTED', detail: 'no block at all' } })
    expect(await get('/network')).toMatchObject({ head: null, best: null, round: null, parameters: null, capture: null, stalled: { reason: 'DISCONNECTED', detail: 'no block at all' } })
    expect(await get('/rounds')).toEqual({ items: [], next: null })
    expect(await get('/epochs')).toEqual({ items: [], next: null })
  })
})

/** All entries of a list, read in pages of `limit`. */
async function all<T = Record<string, unknown>>(url: string, limit: number): Promise<T[]> {
  const items: T[] = []
  for (let cursor = ''; ;) {
    const page = await get(`${url}${url.includes('?') ? '&' : '?'}limit=${limit}${cursor}`)
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    if (page.next === null) return items
    cursor = `&cursor=${page.next}`
  }
}

const accountsOf = (items: { account: Hash }[]): Hash[] => items.map(({ account }) => account)

describe('machines', () => {
  it('are listed with their latest verdict and score', async () => {
    const { items, next } = await get('/machines')
    expect([accountsOf(items), next]).toEqual([played.machines.map(({ account }) => account).sort(), null])
    const honest = items.find(({ account }: { account: Hash }) => account === played.machines[0]!.account)
    const expected = replayed.result.scores.find(({ account }) => account === played.machines[0]!.account)!
    expect(honest).toMatchObject({ address: toAddress(honest.account), did: `did:peaq:${toAddress(honest.account)}`, outcome: 'PASS', standing: 'PROBATION', verdict: { round: 2, outcome: 'PASS', reason: { code: 'OK' } }, score: { epoch: 0, score: String(expected.score), earned: String(expected.earned) } })
  })

  it('are sorted by account, score, earnings, work and verdict, both ways, in pages of any size', async () => {
    const scores = new Map(replayed.result.scores.map(({ account, score }) => [account, score]))
    const earned = new Map(replayed.result.scores.map(({ account, earned }) => [account, earned]))
    for (const sort of ['account', 'score', 'earned', 'work', 'verdict']) {
      const { items } = await get(`/machines?sort=${sort}`)
      const orders = sort === 'account' ? ['asc', 'desc'] : ['desc', 'asc']
      expect((await get(`/machines?sort=${sort}&order=${orders[0]}`)).items).toEqual(items)
      expect((await get(`/machines?sort=${sort}&order=${orders[1]}`)).items).toEqual(items.toReversed())
      for (const limit of [1, 2]) for (const order of ['', ...orders.map((one) => `&order=${one}`)]) expect(await all(`/machines?sort=${sort}${order}`, limit)).toEqual(order.endsWith(orders[1]!) ? items.toReversed() : items)
      const key = ({ account, verdict }: { account: Hash, verdict: { work: string, round: number } }) => (sort === 'score' ? scores.get(account)! : sort === 'earned' ? earned.get(account)! : sort === 'work' ? BigInt(verdict.work) : BigInt(verdict.round))
      if (sort !== 'account') for (const [i, one] of items.slice(1).entries()) expect(key(items[i]) >= key(one)).toBe(true)
    }
  })

  it('are filtered by standing, outcome, device and owner', async () => {
    const [honest, absent, cheat] = played.machines
    const found = async (query: string) => accountsOf((await get(`/machines?${query}`)).items)
    expect(await found('outcome=FAIL')).toEqual([cheat!.account])
    expect(await found('outcome=PASS')).toEqual([honest!.account])
    expect(await found('standing=PROBATION&outcome=UNREACHABLE')).toEqual([absent!.account])
    expect(await found('standing=BENCHED')).toEqual([cheat!.account])
    expect(await found('standing=TRUSTED')).toEqual([])
    // What a machine that never passed says of its device counts for nothing.
    expect(await found('device=0')).toEqual([honest!.account])
    expect(await found('device=141')).toEqual([])
    expect((await get('/network')).devices).toEqual([{ class: 0, name: null, machines: 1 }])
    expect([(await get(`/machines/${honest!.account}`)).device, (await get(`/machines/${absent!.account}`)).device]).toEqual([{ class: 0, name: null }, null])
    await store.db.updateTable('machines').set({ device: 141 }).where('account', '=', honest!.account).execute()
    expect((await get('/machines?device=141')).items).toMatchObject([{ account: honest!.account, device: { class: 141, name: 'NVIDIA H100 SXM5' } }])
    await store.db.updateTable('machines').set({ device: 0 }).where('account', '=', honest!.account).execute()
    expect(await found(`owner=${toAddress(honest!.owner)}`)).toEqual(played.machines.filter(({ owner }) => owner === honest!.owner).map(({ account }) => account).sort())
    expect(await found('outcome=FAIL&sort=score')).toEqual([cheat!.account])
  })

  it('are searched by DID, address, account, or the beginning of one', async () => {
    const { account } = played.machines[0]!
    const address = toAddress(account)
    const found = async (search: string) => accountsOf((await get(`/machines?search=${encodeURIComponent(search)}`)).items)
    for (const search of [`did:peaq:${address}`, `did:peaq:${address.slice(0, 12)}`, address, address.slice(0, 12), account, account.slice(0, 12), account.slice(0, 12).replace('0x', '0X').toUpperCase()]) expect([search, await found(search)]).toEqual([search, [account]])
    expect(await found('0x')).toHaveLength(3)
    expect(await found('5zzzz')).toEqual([])
    await failing('/machines?search=%27%3B--', 400, 'BAD_SEARCH')
    await failing('/machines?search=did:peaq:', 400, 'BAD_SEARCH')
    await failing('/machines?search=did:peaq:0OIl', 400, 'BAD_SEARCH')
  })

  it('that cheat earn 0 and the reason stands beside it', async () => {
    const url = `/machines/${played.machines[2]!.account}`
    const [verdicts, scores] = [await all(`${url}/verdicts`, 2), await all(`${url}/scores`, 1)]
    expect(verdicts.map(({ round, outcome, work }) => [round, outcome, work])).toEqual([[2, 'FAIL', '0'], [1, 'FAIL', '0'], [0, 'FAIL', '0']])
    expect(verdicts[0]!['reason']).toEqual({ code: 'WRONG_PRODUCT', text: explain('WRONG_PRODUCT') })
    expect(scores).toMatchObject([{ epoch: 0, score: '0', earned: '0', reason: { code: replayed.result.scores.find(({ account }) => account === played.machines[2]!.account)!.reason } }])
    expect(await get(url)).toMatchObject({ verdict: verdicts[0], score: scores[0] })
  })

  it('are found by either form of the account; what was not measured is null', async () => {
    const { account, owner, peer } = played.machines[1]!
    const machine = await get(`/machines/${account}`)
    expect(await get(`/machines/${toAddress(account)}`)).toEqual(machine)
    expect(machine.identity).toMatchObject({ owner, peer })
    expect(machine.registration).toEqual({ code: 'OK', text: explain('OK') })
    expect((await all(`/machines/${account}/verdicts`, 50)).at(-1)).toMatchObject({ round: 0, epoch: 0, outcome: 'UNREACHABLE', reason: { code: 'UNREACHABLE' }, commitment: null, work: '0', rttUs: null })
    expect(machine.score).toMatchObject({ score: '0', reason: { code: 'UNREACHABLE' } })
  })

  it('have a document that hashes to what they anchored', async () => {
    const { account } = played.machines[0]!
    const { identity } = await get(`/machines/${account}`)
    state$.next(now)
    await failing(`/machines/${account}/document`, 404, 'NO_DOCUMENT') // its block is not in this database
    const block = played.blocks.find(({ number }) => number === identity.block)!
    await store.db.insertInto('blocks').values({ number: block.number, hash: block.hash, parent_hash: block.parentHash, relay_root: block.relayRoot }).execute()
    await store.db.insertInto('events').values({ block: block.number, position: 0, count: block.events.length, data: encodeEvents(block.events) }).execute()
    const document = await get(`/machines/${account}/document`)
    // What stands in these played blocks is no document that could be read: the bytes are shown all the same.
    expect(document).toMatchObject({ account, hash: identity.anchor, block: identity.block, document: null })
    expect(toHex(testCrypto.blake2b256(fromHex(document.bytes)))).toBe(identity.anchor)
  })

  it('that are none are refused with a code', async () => {
    for (const rest of ['', '/verdicts', '/scores', '/document']) {
      await failing(`/machines/${STRANGER}${rest}`, 404, 'NO_MACHINE')
      await failing(`/machines/${played.checkers[0]!.account}${rest}`, 404, 'NO_MACHINE')
      await failing(`/machines/5nonsense${rest}`, 400, 'BAD_ACCOUNT')
    }
    await failing(`/machines/${'9'.repeat(100)}`, 400, 'BAD_REQUEST')
    await failing('/machines?limit=0', 400, 'BAD_REQUEST')
    await failing('/machines?limit=201', 400, 'BAD_REQUEST')
    await failing('/machines?sort=owner', 400, 'BAD_REQUEST')
    await failing('/machines?owner=x', 400, 'BAD_ACCOUNT')
    for (const wrong of ['order=up', 'device=x', 'device=-1', 'device=65536']) await failing(`/machines?${wrong}`, 400, 'BAD_REQUEST')
  })
})

describe('cursors', () => {
  it('of another list or sort, or made up, are refused', async () => {
    const { next } = await get('/machines?limit=1')
    await failing(`/machines?sort=score&cursor=${next}`, 400, 'BAD_CURSOR')
    await failing(`/machines?order=desc&cursor=${next}`, 400, 'BAD_CURSOR')
    await failing(`/checkers?cursor=${next}`, 400, 'BAD_CURSOR')
    await failing('/machines?cursor=%22', 400, 'BAD_REQUEST')
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const value of [7, [], ['machines account asc'], ['machines account asc', 7], ['machines account asc', STRANGER, STRANGER], ['machines account asc', "' or 1=1"], ['machines account', STRANGER]]) await failing(`/machines?cursor=${made(value)}`, 400, 'BAD_CURSOR')
    for (const value of [['machines score desc', '1e9', STRANGER], ['machines score desc', '9'.repeat(40), STRANGER], ['machines score desc', '-2', STRANGER]]) await failing(`/machines?sort=score&cursor=${made(value)}`, 400, 'BAD_CURSOR')
    await failing(`/rounds?cursor=${made(['rounds', 1.5])}`, 400, 'BAD_CURSOR')
    await failing(`/blocks?cursor=${made(['blocks', 1e300])}`, 400, 'BAD_CURSOR')
  })

  it('go on after the last entry shown, whatever came in between', async () => {
    const { items: [first], next } = await get('/machines?limit=1')
    const before: Hash = `0x${'00'.repeat(31)}01`
    await store.db.insertInto('machines').values({ account: before, address: toAddress(before), registered: true, owner: before, peer: before, anchor: before, block: 1 }).execute()
    expect(accountsOf([first, ...(await get(`/machines?cursor=${next}`)).items])).toEqual(played.machines.map(({ account }) => account).sort())
    await store.db.deleteFrom('machines').where('account', '=', before).execute()
  })
})

describe('checkers', () => {
  it('are listed, and shown with their rounds, observations and scores', async () => {
    const { items } = await get('/checkers')
    expect(accountsOf(items)).toEqual(played.checkers.map(({ account }) => account).sort())
    expect(await all('/checkers', 1)).toEqual(items)
    const { account } = played.checkers[0]!
    const url = `/checkers/${account}`
    const rounds = await all(`${url}/rounds`, 2)
    expect(rounds.map(({ round, reported, packageCounted }) => [round, reported, packageCounted])).toEqual([[2, true, true], [1, true, true], [0, true, true]])
    const expected = replayed.result.scores.find((score) => score.account === account)!
    const scores = await all(`${url}/scores`, 1)
    expect(scores).toMatchObject([{ kind: 'checker', score: String(expected.score), earned: String(expected.earned), reason: { code: 'OK' } }])
    expect(items.find((one: { account: Hash }) => one.account === account)).toMatchObject({ round: rounds[0], score: scores[0], record: (await get(url)).record })
    const observations = await all(`${url}/observations`, 2)
    const checker = await get(url)
    expect(checker).toMatchObject({ round: rounds[0], score: scores[0], record: { rounds: 3, missed: 0, observed: observations.length } })
    expect(checker.record.paid).toBe(observations.filter(({ paid }) => paid).length)
    expect(checker.record.agreed).toBe(observations.filter(({ reason }) => (reason as { code: string }).code !== 'VOTED_OTHERWISE').length)
    expect(observations).toEqual(observations.toSorted((a, b) => (b['round'] as number) - (a['round'] as number) || ((a['machine'] as Hash) < (b['machine'] as Hash) ? -1 : 1)))
  })

  it('that were silent earn 0 and the reason stands beside it', async () => {
    const url = `/checkers/${played.checkers[2]!.account}`
    const rounds = await all<{ round: number, reported: boolean, reason: { code: string } }>(`${url}/rounds`, 50)
    expect(rounds.map(({ round, reported, reason }) => [round, reported, reason.code])).toEqual([[2, true, 'OK'], [1, false, 'NO_REPORT'], [0, false, 'NO_REPORT']])
    expect(await get(url)).toMatchObject({ score: { score: '0', earned: '0', reason: { code: 'NO_REPORT', text: explain('NO_REPORT') } }, record: { rounds: 3, missed: 2 } })
  })

  it('that are none are refused with a code', async () => {
    for (const rest of ['', '/rounds', '/observations', '/scores', '/document']) await failing(`/checkers/${STRANGER}${rest}`, 404, 'NO_CHECKER')
    await failing('/checkers/0x12', 400, 'BAD_ACCOUNT')
  })
})

describe('rounds', () => {
  it('are listed newest first, those that run too', async () => {
    const { items: rounds } = await get('/rounds')
    const stages = new Map(rounds.map(({ round, stage }: { round: number, stage: string }) => [round, stage]))
    expect(rounds.map(({ round }: { round: number }) => round)).toEqual([...stages.keys()].sort((a, b) => (b as number) - (a as number)))
    expect([0, 1, 2, 3].map((round) => stages.get(round))).toEqual(['JUDGED', 'JUDGED', 'JUDGED', 'WAITING'])
    expect(rounds.at(-1)).toMatchObject({ round: 0, epoch: 0, machines: 3, checkers: 3, reports: 2, packages: { posted: 2, held: 2 }, outcomes: { PASS: 1, FAIL: 1, UNREACHABLE: 1 }, missingBlobs: 0 })
    for (const limit of [1, 2]) expect(await all('/rounds', limit)).toEqual(rounds)
    await failing('/rounds?limit=201', 400, 'BAD_REQUEST')
  })

  it('have all verdicts and observations once judged', async () => {
    const { judgement } = replayed.rounds[0]!
    const verdicts = await all<{ machine: Hash, outcome: string, work: string }>('/rounds/0/verdicts', 2)
    expect(verdicts.map(({ machine, outcome, work }) => [machine, outcome, work])).toEqual(judgement.verdicts.map(({ machine, outcome, work }) => [machine, outcome, String(work)]))
    const observations = await all<{ machine: Hash, checker: Hash, paid: boolean, reason: { code: string } }>('/rounds/0/observations', 2)
    expect(observations.map(({ machine, checker }) => [machine, checker])).toEqual(judgement.verdicts.flatMap(({ machine, observations }) => observations.map(({ checker }) => [machine, checker])))
    for (const verdict of verdicts) expect(await get(`/rounds/0/machines/${verdict.machine}`)).toMatchObject({ verdict, observations: observations.filter(({ machine }) => machine === verdict.machine) })
    const checkers = await all<{ account: Hash, judged: { paidObservations: number } }>('/rounds/0/checkers', 2)
    expect(checkers.map(({ account, judged }) => [account, judged.paidObservations])).toEqual(judgement.checkers.map(({ checker, paidObservations }) => [checker, paidObservations]))
    expect((await get('/rounds/0')).work).toBe(String(judgement.verdicts.reduce((total, { work }) => total + work, 0n)))
    const unpaid = observations.filter(({ paid }) => !paid)
    expect(unpaid.length).toBeGreaterThan(0)
    for (const { reason } of unpaid) expect(reason.code).not.toBe('OK')
  })

  it('name for each verdict the packages by which it is judged again, leaves of the statement', async () => {
    const { items } = await get('/epochs/0/leaves/evidence')
    const leaves = new Set(items)
    for (const { proof } of await all<{ proof: string }>('/rounds/0/verdicts', 50)) {
      const { verdict } = await get(proof) as { verdict: { round: number, committeeSize: number, committee: Hash[], evidence: { checker: Hash, commitment: Hash, package: Hash }[] } }
      expect(verdict.committee).toHaveLength(verdict.committeeSize)
      expect(verdict.evidence.map(({ checker }) => checker)).toEqual(verdict.committee.filter((checker) => checker !== played.checkers[2]!.account).sort())
      for (const evidence of verdict.evidence) expect(leaves.has(toHex(encodeEvidenceLeaf({ round: verdict.round, ...evidence })))).toBe(true)
    }
  })

  it('that lack evidence say which', async () => {
    expect(await get('/rounds/3/verdicts')).toEqual({ items: [], next: null })
    expect(await get('/rounds/3')).toMatchObject({ stage: 'WAITING', outcomes: null, work: null, missing: [{ id: missing, since: now.ledger.head!.number }], tries: 1 })
  })

  it('show as they run who has reported and which packages are held', async () => {
    const at = schedule(played.parameters, 4)
    const stage = async (head: number) => {
      state$.next({ ledger: ledgerAt(head), stalled: null })
      const { stage, reports, packages, beacon, openRandomness } = await get('/rounds/4')
      return [stage, reports, packages.posted, packages.held, beacon !== null, openRandomness !== null]
    }
    expect(await stage(at.freeze)).toEqual(['FROZEN', 0, 0, 0, false, false])
    expect(await stage(at.start)).toEqual(['BEACON', 0, 0, 0, true, false])
    expect(await stage(at.beaconKnown)).toEqual(['COMMITTEE', 0, 0, 0, true, false])
    expect(await stage(at.fire)).toEqual(['WORK', 0, 0, 0, true, false])
    expect(await stage(at.commitFrom)).toEqual(['COMMIT', 0, 0, 0, true, false])
    expect(await stage(at.commitTo)).toEqual(['COMMIT', 3, 0, 0, true, false])
    expect(await stage(at.open)).toEqual(['OPEN', 3, 0, 0, true, true])
    expect(await stage(at.openKnown)).toEqual(['EVIDENCE', 3, 0, 0, true, true])
    expect(await stage(at.packageBy)).toEqual(['PUBLISH', 3, 0, 0, true, true])
    expect(await stage(schedule(played.parameters, 5).commitTo)).toEqual(['PUBLISH', 3, 3, 0, true, true])
    expect(await stage(schedule(played.parameters, 5).commitTo + 1)).toEqual(['MIRROR', 3, 3, 0, true, true])
    state$.next({ ledger: ledgerAt(at.commitTo), stalled: null })
    expect((await get('/rounds/4/checkers')).items[0]).toEqual({ account: expect.stringMatching(hex64), mirrors: expect.any(Array), report: { block: at.commitTo, extrinsic: null, wellFormed: true, commitment: expect.stringMatching(hex64) }, packageRoot: null, packageExtrinsic: null, packageHeld: false, judged: null })
    const machines = await all<{ committee: Hash[] }>('/rounds/4/machines', 2)
    expect(machines.map(({ committee }) => committee.length)).toEqual([3, 3, 3])
  })

  it('that have not begun are not found', async () => {
    for (const rest of ['', '/machines', '/checkers', '/verdicts', '/observations']) await failing(`/rounds/999${rest}`, 404, 'NO_ROUND')
    await failing(`/rounds/0/machines/${STRANGER}`, 404, 'NO_VERDICT')
    await failing(`/rounds/3/machines/${played.machines[0]!.account}`, 404, 'NO_VERDICT')
    await failing('/rounds/-1', 400, 'BAD_REQUEST')
    await failing('/rounds/x', 400, 'BAD_REQUEST')
    await failing('/rounds/4294967296', 400, 'BAD_REQUEST')
    state$.next({ ledger: ledgerAt(schedule(played.parameters, 4).freeze - 1), stalled: null })
    await failing('/rounds/4', 404, 'NO_ROUND')
  })
})

describe('epochs', () => {
  it('are listed newest first, with what each still waits for', async () => {
    const { items: epochs } = await get('/epochs')
    expect(epochs.map(({ epoch, state }: Record<string, unknown>) => [epoch, state])).toEqual([[2, 'running'], [1, 'waiting'], [0, 'scored']])
    expect(epochs[1]).toMatchObject({ rounds: [{ round: 2, judged: true }, { round: 3, judged: false }], totals: null })
    for (const limit of [1, 2]) expect(await all('/epochs', limit)).toEqual(epochs)
    expect(epochs.map(({ work }: { work: string | null }) => work)).toEqual([null, expect.stringMatching(/^[1-9]/), String(replayed.rounds.flatMap(({ judgement }) => judgement.verdicts).reduce((total, { work }) => total + work, 0n))])
  })

  it('have scores and payouts that sum to the pool, to the planck', async () => {
    const epoch = await get('/epochs/0')
    const [scores, payouts] = [await all<{ account: Hash, kind: string, earned: string, score: string, reason: { code: string } }>('/epochs/0/scores', 2), await all<{ account: Hash, paid: string }>('/epochs/0/payouts', 1)]
    const sum = (amounts: string[]) => amounts.reduce((total, amount) => total + BigInt(amount), 0n)
    expect(scores.map(({ account, earned }) => [account, earned])).toEqual(replayed.result.scores.map(({ account, earned }) => [account, String(earned)]))
    expect(await all('/epochs/0/scores?kind=checker', 1)).toEqual(scores.filter(({ kind }) => kind === 'checker'))
    expect(sum(scores.map(({ earned }) => earned)) + BigInt(epoch.totals.remainder)).toBe(played.parameters.poolPerEpoch)
    expect(sum(payouts.map(({ paid }) => paid))).toBe(BigInt(epoch.totals.paid))
    expect(epoch.totals.onChain).toEqual({ state: 'match', block: now.ledger.head!.number })
    for (const { score, reason } of scores) expect(reason.code === 'OK').toBe(score !== '0')
    for (const payout of payouts) expect(await all(`/accounts/${payout.account}/payouts`, 1)).toEqual([payout])
    expect(await all(`/accounts/${STRANGER}/payouts`, 1)).toEqual([])
    expect(await get('/epochs/1')).toMatchObject({ state: 'waiting', totals: null })
    expect([await get('/epochs/1/scores'), await get('/epochs/1/payouts')]).toEqual([{ items: [], next: null }, { items: [], next: null }])
  })

  it('have a statement whose leaves give its roots', async () => {
    const statement = await get('/epochs/0/statement')
    expect([statement.root, statement.bytes, statement.onChain]).toEqual([replayed.statement.root, toHex(replayed.statement.bytes), { state: 'match', block: now.ledger.head!.number, bytes: toHex(replayed.statement.bytes) }])
    const { scores, payouts, registry, evidence, standings, calibrations, paid } = decodeStatement(fromHex(statement.bytes))
    expect(statement.roots).toEqual({ scores, payouts, registry, evidence, standings, calibrations })
    expect(statement.paid).toBe(String(paid))
    for (const tree of ['scores', 'payouts', 'registry', 'evidence', 'standings', 'calibrations'] as const) {
      const leaves = await all<Hex>(`/epochs/0/leaves/${tree}`, 2)
      expect([leaves.length, merkleRoot(testCrypto, leaves.map(fromHex))]).toEqual([statement.leaves[tree], statement.roots[tree]])
    }
    expect(toHex(testCrypto.sha256(concat(utf8('assay/1/statement'), fromHex(played.network), fromHex(statement.bytes))))).toBe(statement.root)
  })

  it('prove to each account its score and its payout', async () => {
    const verify = (root: Hash, { leaf, index, size, path }: { leaf: Hex, index: number, size: number, path: Hash[] }) => verifyMerkleProof(testCrypto, root, fromHex(leaf), index, size, path)
    for (const leaf of replayed.statement.scoreLeaves) {
      const { statement, scores } = await get(`/epochs/0/proofs/${leaf.account}`)
      // What a list says of it leads here.
      expect(scores[0].score.proof).toEqual({ statement: statement.root, index: scores[0].proof.index, path: `/epochs/0/proofs/${leaf.account}` })
      const roots = decodeStatement(fromHex(statement.bytes))
      expect(scores[0].proof.leaf).toBe(toHex(encodeScoreLeaf(leaf)))
      expect(scores[0].score.score).toBe(String(leaf.score))
      expect([verify(roots.scores, scores[0].proof), verify(roots.payouts, scores[0].proof)]).toEqual([true, false])
    }
    for (const leaf of replayed.statement.payoutLeaves) {
      const { statement, payout } = await get(`/epochs/0/proofs/${toAddress(leaf.account)}`)
      expect(payout.proof.leaf).toBe(toHex(encodePayoutLeaf(leaf)))
      expect(verify(decodeStatement(fromHex(statement.bytes)).payouts, payout.proof)).toBe(true)
      // Another amount is not proven.
      expect(verify(decodeStatement(fromHex(statement.bytes)).payouts, { ...payout.proof, leaf: toHex(encodePayoutLeaf({ ...leaf, paid: leaf.paid + 1n })) })).toBe(false)
    }
    expect((await get(`/epochs/0/proofs/${played.machines[0]!.account}`)).payout).toBeNull()
  })

  it('that are not there, or say nothing of an account, are refused with a code', async () => {
    for (const rest of ['', '/scores', '/payouts']) await failing(`/epochs/3${rest}`, 404, 'NO_EPOCH')
    await failing('/epochs/1/leaves/scores', 404, 'NOT_SCORED')
    await failing('/epochs/0/leaves/roots', 400, 'BAD_REQUEST')
    await failing('/epochs/1/statement', 404, 'NOT_SCORED')
    await failing(`/epochs/1/proofs/${played.machines[0]!.account}`, 404, 'NOT_SCORED')
    await failing(`/epochs/0/proofs/${STRANGER}`, 404, 'NOT_IN_STATEMENT')
    await failing('/epochs/0/proofs/nobody', 400, 'BAD_ACCOUNT')
    await failing('/epochs/x', 400, 'BAD_REQUEST')
  })
})

describe('operations', () => {
  it('is ready when it has caught up, and says else how far it is behind', async () => {
    const head = now.ledger.head!.number
    expect(await get('/ready')).toEqual({ ready: true, detail: { endpoint: null, head, best, behind: 0, stalled: null, newer: null } })
    best = head + played.parameters.confirmations + 3
    expect(await get('/ready', 503)).toMatchObject({ ready: false, detail: { behind: 3 } })
    best = null
    expect(await get('/ready', 503)).toMatchObject({ ready: false, detail: { behind: null } })
    best = head
    state$.next({ ...now, stalled: { reason: 'NO_BLOCKS', detail: 'no block above 9' } })
    expect(await get('/ready', 503)).toMatchObject({ detail: { behind: 0, stalled: 'NO_BLOCKS: no block above 9' } })
  })

  it('lives, counts with units, and knows no other path', async () => {
    expect(await get('/health')).toEqual({ ok: true })
    const text = (await app.inject({ url: '/metrics' })).body
    expect(text).toContain('assay_indexer_rounds_judged_total 3')
    expect(text).toContain('assay_indexer_rounds_waiting 1')
    expect(text).toMatch(/assay_indexer_http_request_seconds_count\{route="\/machines\/:account",status="404"\} 2/)
    await failing('/nothing', 404, 'NOT_FOUND')
  })
})

describe('why', () => {
  it('a score is what it is is said in the words of the replay, line by line', async () => {
    const explanations = explainEpoch(replayed)
    for (const explanation of explanations) {
      const { account, kind } = explanation.score
      const why = await get(`/${kind}s/${toAddress(account)}/why?epoch=0`)
      expect(why.lines).toEqual(tellScore(explanation, true))
      expect(await get(`/${kind}s/${account}/why`)).toEqual(why)
      expect([why.score.account, why.payout?.account ?? null]).toEqual([account, explanation.payout?.account ?? null])
    }
  })

  it('of a checker with very many observations says where they are', async () => {
    const explanation = explainEpoch(replayed).find(({ score }) => score.kind === 'checker')!
    const { account } = explanation.score
    const { observed } = await store.db.selectFrom('round_checkers').select('observed').where('round', '=', 0).where('checker', '=', account).executeTakeFirstOrThrow()
    const set = (count: number) => store.db.updateTable('round_checkers').set({ observed: count }).where('round', '=', 0).where('checker', '=', account).execute()
    const { observed: other } = await store.db.selectFrom('round_checkers').select('observed').where('round', '=', 1).where('checker', '=', account).executeTakeFirstOrThrow()
    await set(2001 - other)
    try {
      expect((await get(`/checkers/${account}/why?epoch=0`)).lines).toEqual([...tellScore(explanation, false), `  its 2001 observations are at /checkers/${account}/observations`])
    } finally {
      await set(observed)
    }
  })

  it('is not known before the epoch is scored, nor of others', async () => {
    const { account } = played.machines[0]!
    await failing(`/machines/${account}/why?epoch=1`, 404, 'NOT_SCORED')
    await failing(`/machines/${STRANGER}/why`, 404, 'NOT_SCORED')
    await failing(`/machines/${STRANGER}/why?epoch=0`, 404, 'NOT_IN_STATEMENT')
    await failing(`/checkers/${account}/why?epoch=0`, 404, 'NOT_IN_STATEMENT')
    await failing('/machines/x/why', 400, 'BAD_ACCOUNT')
    await failing(`/machines/${account}/why?epoch=-1`, 400, 'BAD_REQUEST')
  })
})

describe('a rate of a verdict', () => {
  it('that was not measured is null, not 0', async () => {
    const { items } = await get('/rounds/0/verdicts')
    expect(items.length).toBeGreaterThan(0)
    expect(await store.db.selectFrom('verdicts').select('scan_mbps').distinct().where('round', '=', 0).execute()).toEqual([{ scan_mbps: 0 }])
    for (const verdict of items) expect(verdict.scanMBps).toBeNull()
  })
})

describe('the feed', () => {
  it('has the machines that passed and are not benched, with what a renter asks for', async () => {
    const { account, owner } = played.machines[0]!
    const feed = await get('/feed')
    const verdicts = replayed.rounds.map(({ judgement }) => judgement.verdicts.find(({ machine }) => machine === account)!)
    const lower = (values: number[]) => values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? null
    expect(feed).toMatchObject({ epoch: 0, head: now.ledger.head!.number, next: null })
    expect(accountsOf(feed.items)).toEqual([account])
    expect(feed.items[0]).toMatchObject({
      address: toAddress(account), owner, standing: 'PROBATION', availability: { passed: 2, asked: 2, ppm: 1_000_000 }, epoch: 0, price: null,
      rates: { downKbps: lower(verdicts.map(({ downKbps }) => downKbps)), provenSteps: lower(verdicts.map(({ provenSteps }) => provenSteps)), scanMBps: null },
      lastProof: { round: 2, verdict: `/rounds/2/machines/${account}`, score: `/epochs/0/proofs/${account}` },
    })
    // What it points to is there.
    expect((await get(feed.items[0].lastProof.verdict)).verdict.commitment).toBe(feed.items[0].lastProof.commitment)
    await get(feed.items[0].lastProof.score)
  })

  it('says of a machine that went away since that it was not reached, and at which block that was seen', async () => {
    const { account } = played.machines[0]!
    const [row] = await store.db.selectFrom('rounds').select('judged_at').where('round', '=', 2).execute()
    const { items: [up] } = await get('/feed')
    expect([up.reachability, up.updatedAt]).toEqual([{ reachable: true, outcome: 'PASS', reason: { code: 'OK', text: expect.any(String) }, round: 2, block: row!.judged_at }, row!.judged_at])
    const last = () => store.db.updateTable('verdicts').where('round', '=', 2).where('machine', '=', account)
    const before = await store.db.selectFrom('verdicts').select(['outcome', 'reason']).where('round', '=', 2).where('machine', '=', account).executeTakeFirstOrThrow()
    try {
      for (const [outcome, reached] of [['UNREACHABLE', false], ['NO_QUORUM', null], ['NOT_RUN', true]] as const) {
        await last().set({ outcome }).execute()
        expect([outcome, (await get('/feed')).items[0].reachability]).toMatchObject([outcome, { reachable: reached, outcome }])
      }
    } finally {
      await last().set(before).execute()
    }
  })

  it('may be kept a while, page by page', async () => {
    expect((await app.inject({ url: '/feed' })).headers['cache-control']).toBe('public, max-age=30')
    const { next } = await get('/machines?limit=1')
    await failing(`/feed?cursor=${next}`, 400, 'BAD_CURSOR')
    expect(await all('/feed', 1)).toHaveLength(1)
  })
})

describe('GraphQL', () => {
  const ask = async (query: string, variables: object = {}) => {
    const answer = await app.inject({ method: 'POST', url: '/graphql', payload: { query, variables } })
    return { status: answer.statusCode, ...(answer.json() as { data?: any, errors?: { message: string, path?: string[], extensions: { code: string } }[] }) } // oxlint-disable-line typescript/no-explicit-any
  }

  it('answers what the routes answer', async () => {
    const { account } = played.machines[0]!
    const { data, errors } = await ask(`query ($account: String!) {
      network { network head { number hash } machines parameters { poolPerEpoch } lastEpoch { root onChain { state } } }
      machines(limit: 2, sort: work) { items { account did identity { owner } verdict { round outcome work reason { code text } } } next }
      machine(account: $account) { standing verdict { committee facts { environment { hash } } evidence { checker package } } verdicts(limit: 1) { items { round full { observations { checker vote } } } next } why { lines } }
      round(number: 1) { stage outcomes { key value } verdicts { items { machine } } eligibleCheckers { items { account packageHeld } } }
      epoch(number: 0) { totals { root paid } scores(kind: machine) { items { account score } } payouts { items { account paid } } }
      proofs(number: 0, account: $account) { scores { proof { index path } } }
    }`, { account })
    expect(errors).toBeUndefined()
    const network = await get('/network')
    expect(data.network).toEqual({ network: network.network, head: network.head, machines: 3, parameters: { poolPerEpoch: network.parameters.poolPerEpoch }, lastEpoch: { root: network.lastEpoch.root, onChain: { state: 'match' } } })
    const machines = await get('/machines?limit=2&sort=work')
    expect(data.machines.next).toBe(machines.next)
    expect(data.machines.items).toEqual(machines.items.map(({ account, did, identity, verdict }: any) => ({ account, did, identity: { owner: identity.owner }, verdict: verdict && { round: verdict.round, outcome: verdict.outcome, work: verdict.work, reason: verdict.reason } }))) // oxlint-disable-line typescript/no-explicit-any
    const machine = await get(`/machines/${account}`)
    expect(data.machine.verdict).toMatchObject({ committee: machine.verdict.committee, evidence: machine.verdict.evidence.map(({ checker, package: root }: { checker: Hash, package: Hash }) => ({ checker, package: root })) })
    expect(data.machine.why.lines).toEqual((await get(`/machines/${account}/why`)).lines)
    expect(data.machine.verdicts.items[0].full.observations).toEqual((await get(`/rounds/2/machines/${account}`)).observations.map(({ checker, vote }: { checker: Hash, vote: string }) => ({ checker, vote })))
    expect(data.machine.verdicts.next).toBe((await get(`/machines/${account}/verdicts?limit=1`)).next)
    const round = await get('/rounds/1')
    expect(Object.fromEntries(data.round.outcomes.map(({ key, value }: { key: string, value: number }) => [key, value]))).toEqual(round.outcomes)
    expect(data.round.verdicts.items).toHaveLength(3)
    expect(data.round.eligibleCheckers.items).toEqual((await get('/rounds/1/checkers')).items.map(({ account, packageHeld }: { account: Hash, packageHeld: boolean }) => ({ account, packageHeld })))
    expect(data.epoch.totals).toEqual({ root: replayed.statement.root, paid: String(replayed.result.paid) })
    expect(data.epoch.payouts.items).toEqual((await get('/epochs/0/payouts')).items.map(({ account, paid }: { account: Hash, paid: string }) => ({ account, paid })))
    expect(data.proofs.scores[0].proof.path).toEqual((await get(`/epochs/0/proofs/${account}`)).scores[0].proof.path)
  })

  it('runs the example of the README', async () => {
    const [, body] = /-d '(\{"query".*\})'/.exec(readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8'))!
    const { query } = JSON.parse(body!) as { query: string }
    expect(await ask(query)).toMatchObject({ status: 200, data: { network: { machines: 3 }, machines: { items: [{ verdicts: { items: [{ round: 2 }, { round: 1 }] } }, {}, {}] } } })
  })

  it('asks for many as often as for one', async () => {
    const query = `query ($limit: Count) { machines(limit: $limit) { items { account verdicts(limit: 5) { items { round full { observations { checker } } } } scores { items { score } } payouts { items { paid } } } } checkers(limit: $limit) { items { rounds { items { round } } scores { items { score } } } } epochs(limit: $limit) { items { scores { items { account } } payouts { items { paid } } } } }`
    const count = async (limit: number) => {
      queries = 0
      const { data, errors } = await ask(query, { limit })
      expect(errors).toBeUndefined()
      expect(data.machines.items).toHaveLength(limit)
      return queries
    }
    // (Not from one on: with two there are owners who were paid, and then what paid them is asked for, once.)
    const [two, three] = [await count(2), await count(3)]
    // Of lists that are empty one query more asks whether the accounts are any of the network's.
    expect(three - two).toBeLessThanOrEqual(1)
  })

  it('tells each error with its code, and the rest all the same', async () => {
    const { status, data, errors } = await ask(`{ machine(account: "${STRANGER}") { account } bad: machine(account: "x") { account } scores(number: 999) { next } verdict(number: 0, account: "${STRANGER}") { verdict { round } } machines(cursor: "bm9wZQ") { next } many: machines(limit: 201) { next } network { machines } }`)
    expect([status, data, status === 200 ? [] : errors]).toEqual([200, { machine: null, bad: null, scores: null, verdict: null, machines: null, many: null, network: { machines: 3 } }, []])
    expect(Object.fromEntries(errors!.map(({ path, extensions }) => [path![0], extensions.code]))).toEqual({ machine: 'NO_MACHINE', bad: 'BAD_ACCOUNT', scores: 'NO_EPOCH', verdict: 'NO_VERDICT', machines: 'BAD_CURSOR', many: 'BAD_REQUEST' })
  })
})

describe('the document', () => {
  it('has every route', () => {
    const hidden = ['/graphql', '/openapi.json', '/docs', '/docs/style.css']
    const served = routes.filter((route) => route.startsWith('GET ')).map((route) => route.slice(4)).filter((url) => !hidden.includes(url)).map((url) => url.replaceAll(/:(\w+)/g, '{$1}'))
    expect(served.length).toBeGreaterThan(30)
    expect(documented.paths.toSorted()).toEqual(served.toSorted())
  })

  it('says of every route what it is called, what it is for and what errors it gives', () => {
    const operations = documented.operations.filter(({ tags }) => !tags.includes('operations'))
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
    expect(JSON.stringify(operations)).toContain('"Retry-After"')
    for (const { operationId, summary, tags, responses } of operations) {
      expect([operationId, summary.length > 10, tags.length]).toEqual([operationId, true, 1])
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '400', '429', '500', '503']))
      for (const [status, { description }] of Object.entries(responses)) if (Number(status) >= 400) expect(description).toMatch(/^`[A-Z_]+`: /)
    }
  })

  it('says of every parameter and of every part of an answer what it is', () => {
    expect(documented.unsaid).toEqual([])
    const bare = { type: 'integer' }
    expect(unsaid({ Bad: { properties: { a: bare, b: { ...bare, description: 'said' }, c: { anyOf: [{ properties: { d: bare } }, { type: 'null' }] }, e: { description: 'said', items: { properties: { f: bare } } } } } })).toEqual(['Bad.a', 'Bad.c.d', 'Bad.e.f'])
  })

  it('would notice an answer that is not as it says', async () => {
    const network = await get('/network')
    expect(documented.faults('/network', 200, { ...network, machines: -1 })).not.toEqual([])
    expect(documented.faults('/network', 200, { error: { code: 'NOT_FOUND', message: '' } })).not.toEqual([])
    expect(documented.faults('/machines/x', 404, { error: { code: 'NO_SUCH_CODE', message: '' } })).not.toEqual([])
    expect(documented.faults('/nowhere', 200, {})).not.toEqual([])
  })

  it('is for people too: one page without scripts', async () => {
    const page = await app.inject({ url: '/docs' })
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toBe("default-src 'none'; style-src 'self'")
    for (const path of documented.paths) expect(page.body).toContain(`GET ${path}<`)
    expect(page.body).not.toContain('<script')
    expect((await app.inject({ url: '/docs/style.css' })).headers['content-type']).toBe('text/css; charset=utf-8')
  })
})
