import type { FastifyInstance } from 'fastify'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveOperations, type Operations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import {
  applyBlock, concat, decodeStatement, emptyLedger, encodePayoutLeaf, encodeScoreLeaf, explain, fromHex, merkleRoot, replayEpoch, schedule, statementKey, toHex, utf8, verifyMerkleProof,
  type Hash, type Hex, type Ledger, type ReplayedEpoch,
} from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { everyOtherRow } from '../../../protocol/testing/prover.ts'
import { blockHash, playNetwork, roundOf, type PlayedNetwork } from '../../../protocol/testing/round.ts'
import { apiRoutes } from './api.ts'
import type { Store } from './database.ts'
import { EvidenceSource } from './evidence.ts'
import type { ChainState } from './follow.ts'
import { Judge } from './judge.ts'
import { indexerMetrics } from './metrics.ts'
import type { PotView } from './pot.ts'
import { readiness } from './readiness.ts'
import { openTestDatabase, testOwner } from './testing/database.ts'
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
  evidence.loader = () => async (id) => (id === missing ? undefined : played.blobs.get(id))
  const judge = await Judge.open({ db: store.db, crypto: testCrypto, network: played.network, state$, evidence, metrics, log: notes.log, signal })
  const done = new Promise<void>((resolve, reject) => judge.run().subscribe({ complete: resolve, error: reject }))
  await Promise.all([notes.until('round judged', { round: 2 }), notes.until('evidence missing', { round: 3 }), notes.until('statement on chain agrees')])
  stop.abort()
  await done

  operations = await serveOperations({
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    ready: () => readiness(state$.value, best, played.parameters.confirmations),
    metrics: metrics.text,
    routes: (door) => {
      app = door
      return apiRoutes({ db: store.db, crypto: testCrypto, state$, best: () => best, pot: () => pot, network: played.network, genesisHash: testOwner.genesisHash as Hash }, metrics)(door)
    },
  })
})
afterAll(async () => {
  await operations.close()
  await end()
})
beforeEach(() => {
  state$.next(now)
  best = now.ledger.head!.number + played.parameters.confirmations
})

async function get(url: string, status = 200) {
  const answer = await app.inject({ url })
  expect([url, answer.statusCode, answer.headers['content-type']]).toEqual([url, status, 'application/json; charset=utf-8'])
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
    await failing('/evidence/0x12', 400, 'FST_ERR_VALIDATION')
  })
})

describe('what was pruned', () => {
  it('is said, and is not shown as if there had been none', async () => {
    expect((await get('/epochs/0')).totals.kept).toEqual({ evidence: true, observations: true })
    await store.db.updateTable('epochs').set({ evidence: 'pruned', observations: 'pruned' }).where('epoch', '=', 0).execute()
    expect((await get('/epochs/0')).totals.kept).toEqual({ evidence: false, observations: false })
    const round = await get('/rounds/0')
    expect([round.observations, round.verdicts.map(({ observations }: { observations: unknown }) => observations)]).toEqual(['pruned', round.verdicts.map(() => null)])
    expect((await get(`/evidence/${STRANGER}`, 404)).error.message).toMatch(/or was pruned with the evidence of one of 1 settled epochs/)
    await store.db.updateTable('epochs').set({ evidence: 'kept', observations: 'kept' }).execute()
    expect((await get('/rounds/0')).observations).toBe('kept')
  })
})

describe('the network', () => {
  it('says what it is and where it stands', async () => {
    expect(await get('/network')).toEqual({
      network: played.network,
      address: toAddress(played.network),
      genesisHash: testOwner.genesisHash,
      head: now.ledger.head,
      best,
      stalled: null,
      round: { round: expect.any(Number), epoch: 2, stage: expect.any(String), startBlock: expect.any(Number), endBlock: expect.any(Number) },
      parameters: { ...played.parameters, poolPerEpoch: '1000000000000000000000', minimumPayout: '1000000000000000' },
      machines: 3,
      checkers: 3,
      capture: { share: '1/3', checkers: 3, malicious: 1, committee: 3, perRound: '0', perEpoch: '0', vouch: '0', flagged: false, sufficientCommittee: 2, text: expect.stringMatching(/^if 1 of 3 checkers are in league/) },
      rounds: { judged: 3, waiting: 1, failed: 0, missingBlobs: 1 },
      pot: null,
      lastEpoch: { epoch: 0, root: replayed.statement.root, paid: String(replayed.result.paid), onChain: { state: 'match', block: now.ledger.head!.number } },
    })
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
    expect(await get('/network')).toMatchObject({ head: null, best: null, round: null, parameters: null, capture: null, machines: 0, stalled: { reason: 'DISCONNECTED', detail: 'no block at all' } })
    expect(await get('/rounds')).toEqual({ rounds: [] })
    expect(await get('/epochs')).toEqual({ epochs: [] })
    expect(await get('/machines')).toEqual({ machines: [], next: null })
  })
})

describe('machines', () => {
  it('are listed with their latest verdict and score, page by page', async () => {
    const accounts = played.machines.map(({ account }) => account).sort()
    const { machines, next } = await get('/machines')
    expect([machines.map(({ account }: { account: Hash }) => account), next]).toEqual([accounts, null])
    const first = await get('/machines?limit=2')
    expect([first.machines.length, first.next]).toEqual([2, accounts[1]])
    expect((await get(`/machines?limit=2&after=${first.next}`)).machines).toEqual([machines[2]])
    const honest = machines.find(({ account }: { account: Hash }) => account === played.machines[0]!.account)
    const expected = replayed.result.scores.find(({ account }) => account === played.machines[0]!.account)!
    expect(honest).toMatchObject({ address: toAddress(honest.account), verdict: { round: 2, outcome: 'PASS', reason: { code: 'OK' } }, score: { epoch: 0, score: String(expected.score), earned: String(expected.earned) } })
  })

  it('that cheat earn 0 and the reason stands beside it', async () => {
    const cheat = await get(`/machines/${played.machines[2]!.account}`)
    expect(cheat.verdicts.map(({ round, outcome, work }: Record<string, unknown>) => [round, outcome, work])).toEqual([[2, 'FAIL', '0'], [1, 'FAIL', '0'], [0, 'FAIL', '0']])
    expect(cheat.verdicts[0].reason).toEqual({ code: 'WRONG_PRODUCT', text: explain('WRONG_PRODUCT') })
    expect(cheat.scores).toMatchObject([{ epoch: 0, score: '0', earned: '0', reason: { code: replayed.result.scores.find(({ account }) => account === cheat.account)!.reason } }])
  })

  it('are found by either form of the account; what was not measured is null', async () => {
    const { account } = played.machines[1]!
    const machine = await get(`/machines/${account}`)
    expect(await get(`/machines/${toAddress(account)}`)).toEqual(machine)
    expect(machine.identity).toMatchObject({ owner: played.machines[1]!.owner, peer: played.machines[1]!.peer })
    expect(machine.registration).toEqual({ code: 'OK', text: explain('OK') })
    expect(machine.verdicts.at(-1)).toMatchObject({ round: 0, outcome: 'UNREACHABLE', reason: { code: 'UNREACHABLE' }, commitment: null, work: '0', rttUs: null })
    expect(machine.scores).toMatchObject([{ score: '0', reason: { code: 'UNREACHABLE' } }])
    expect((await get(`/machines/${account}?limit=1`)).verdicts.map(({ round }: { round: number }) => round)).toEqual([2])
  })

  it('that are none are refused with a code', async () => {
    await failing(`/machines/${STRANGER}`, 404, 'NO_MACHINE')
    await failing(`/machines/${played.checkers[0]!.account}`, 404, 'NO_MACHINE')
    await failing('/machines/5nonsense', 400, 'BAD_ACCOUNT')
    await failing(`/machines/${'9'.repeat(100)}`, 400, 'FST_ERR_VALIDATION')
    await failing('/machines?limit=0', 400, 'FST_ERR_VALIDATION')
    await failing('/machines?limit=1001', 400, 'FST_ERR_VALIDATION')
    await failing('/machines?after=x', 400, 'FST_ERR_VALIDATION')
  })
})

describe('checkers', () => {
  it('are listed, and shown with their rounds and scores', async () => {
    const { checkers } = await get('/checkers')
    expect(checkers.map(({ account }: { account: Hash }) => account)).toEqual(played.checkers.map(({ account }) => account).sort())
    const { account } = played.checkers[0]!
    const checker = await get(`/checkers/${account}`)
    expect(checker.rounds.map(({ round, reported, packageCounted }: Record<string, unknown>) => [round, reported, packageCounted])).toEqual([[2, true, true], [1, true, true], [0, true, true]])
    const expected = replayed.result.scores.find((score) => score.account === account)!
    expect(checker.scores).toMatchObject([{ kind: 'checker', score: String(expected.score), earned: String(expected.earned), reason: { code: 'OK' } }])
    expect(checkers.find((one: { account: Hash }) => one.account === account)).toMatchObject({ round: { round: 2 }, score: { epoch: 0 } })
  })

  it('that were silent earn 0 and the reason stands beside it', async () => {
    const checker = await get(`/checkers/${played.checkers[2]!.account}`)
    expect(checker.rounds.map(({ round, reported, reason }: { round: number, reported: boolean, reason: { code: string } }) => [round, reported, reason.code])).toEqual([[2, true, 'OK'], [1, false, 'NO_REPORT'], [0, false, 'NO_REPORT']])
    expect(checker.scores).toMatchObject([{ score: '0', earned: '0', reason: { code: 'NO_REPORT', text: explain('NO_REPORT') } }])
  })

  it('that are none are refused with a code', async () => {
    await failing(`/checkers/${STRANGER}`, 404, 'NO_CHECKER')
    await failing('/checkers/0x12', 400, 'BAD_ACCOUNT')
  })
})

describe('rounds', () => {
  it('are listed newest first, those that run too', async () => {
    const { rounds } = await get('/rounds')
    const stages = new Map(rounds.map(({ round, stage }: { round: number, stage: string }) => [round, stage]))
    expect(rounds.map(({ round }: { round: number }) => round)).toEqual([...stages.keys()].sort((a, b) => (b as number) - (a as number)))
    expect([0, 1, 2, 3].map((round) => stages.get(round))).toEqual(['JUDGED', 'JUDGED', 'JUDGED', 'WAITING'])
    expect(rounds.at(-1)).toMatchObject({ round: 0, epoch: 0, machines: 3, checkers: 3, reports: 2, packages: { posted: 2, held: 2 }, outcomes: { PASS: 1, FAIL: 1, UNREACHABLE: 1 }, missingBlobs: 0 })
    expect((await get('/rounds?limit=1')).rounds).toEqual([rounds[0]])
    await failing('/rounds?limit=201', 400, 'FST_ERR_VALIDATION')
  })

  it('have all verdicts and observations once judged', async () => {
    const round = await get('/rounds/0')
    const { judgement } = replayed.rounds[0]!
    expect(round.verdicts.map(({ machine, outcome, work, observations }: { machine: Hash, outcome: string, work: string, observations: unknown[] }) => [machine, outcome, work, observations.length])).toEqual(judgement.verdicts.map(({ machine, outcome, work, observations }) => [machine, outcome, String(work), observations.length]))
    expect(round.checkerRounds.map(({ checker, paidObservations }: Record<string, unknown>) => [checker, paidObservations])).toEqual(judgement.checkers.map(({ checker, paidObservations }) => [checker, paidObservations]))
    const unpaid = round.verdicts.flatMap(({ observations }: { observations: { paid: boolean, reason: { code: string } }[] }) => observations).filter(({ paid }: { paid: boolean }) => !paid)
    expect(unpaid.length).toBeGreaterThan(0)
    for (const { reason } of unpaid) expect(reason.code).not.toBe('OK')
  })

  it('that lack evidence say which', async () => {
    expect(await get('/rounds/3')).toMatchObject({ stage: 'WAITING', verdicts: null, outcomes: null, work: null, checkerRounds: null, missing: [{ id: missing, since: now.ledger.head!.number }], tries: 1 })
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
    const round = await get('/rounds/4')
    expect(round.eligible.checkers[0]).toEqual({ account: expect.stringMatching(hex64), mirrors: expect.any(Array), report: { block: at.commitTo, wellFormed: true, commitment: expect.stringMatching(hex64) }, packageRoot: null, packageHeld: false })
    expect(round.eligible.machines[0].committee).toHaveLength(3)
  })

  it('that have not begun are not found', async () => {
    await failing('/rounds/999', 404, 'NO_ROUND')
    await failing('/rounds/-1', 400, 'FST_ERR_VALIDATION')
    await failing('/rounds/x', 400, 'FST_ERR_VALIDATION')
    await failing('/rounds/4294967296', 400, 'FST_ERR_VALIDATION')
    state$.next({ ledger: ledgerAt(schedule(played.parameters, 4).freeze - 1), stalled: null })
    await failing('/rounds/4', 404, 'NO_ROUND')
  })
})

describe('epochs', () => {
  it('are listed newest first, with what each still waits for', async () => {
    const { epochs } = await get('/epochs')
    expect(epochs.map(({ epoch, state }: Record<string, unknown>) => [epoch, state])).toEqual([[2, 'running'], [1, 'waiting'], [0, 'scored']])
    expect(epochs[1]).toMatchObject({ rounds: [{ round: 2, judged: true }, { round: 3, judged: false }], totals: null })
    expect((await get('/epochs?limit=1')).epochs).toEqual([epochs[0]])
  })

  it('have scores and payouts that sum to the pool, to the planck', async () => {
    const epoch = await get('/epochs/0')
    const sum = (amounts: string[]) => amounts.reduce((total, amount) => total + BigInt(amount), 0n)
    expect(epoch.scores.map(({ account, earned }: Record<string, unknown>) => [account, earned])).toEqual(replayed.result.scores.map(({ account, earned }) => [account, String(earned)]))
    expect(sum(epoch.scores.map(({ earned }: { earned: string }) => earned)) + BigInt(epoch.totals.remainder)).toBe(played.parameters.poolPerEpoch)
    expect(sum(epoch.payouts.map(({ paid }: { paid: string }) => paid))).toBe(BigInt(epoch.totals.paid))
    expect(epoch.totals.onChain).toEqual({ state: 'match', block: now.ledger.head!.number })
    for (const { score, reason } of epoch.scores) expect(reason.code === 'OK').toBe(score !== '0')
    expect(await get('/epochs/1')).toMatchObject({ state: 'waiting', scores: [], payouts: [] })
  })

  it('have a statement whose leaves give its roots', async () => {
    const statement = await get('/epochs/0/statement')
    expect([statement.root, statement.bytes, statement.onChain]).toEqual([replayed.statement.root, toHex(replayed.statement.bytes), { state: 'match', block: now.ledger.head!.number, bytes: toHex(replayed.statement.bytes) }])
    const { scores, payouts, registry, evidence, standings, calibrations, paid } = decodeStatement(fromHex(statement.bytes))
    expect(statement.roots).toEqual({ scores, payouts, registry, evidence, standings, calibrations })
    expect(statement.paid).toBe(String(paid))
    for (const tree of ['scores', 'payouts', 'registry', 'evidence', 'standings', 'calibrations'] as const) expect(merkleRoot(testCrypto, statement.leaves[tree].map(fromHex))).toBe(statement.roots[tree])
    expect(toHex(testCrypto.sha256(concat(utf8('assay/1/statement'), fromHex(played.network), fromHex(statement.bytes))))).toBe(statement.root)
  })

  it('prove to each account its score and its payout', async () => {
    const verify = (root: Hash, { leaf, index, size, path }: { leaf: Hex, index: number, size: number, path: Hash[] }) => verifyMerkleProof(testCrypto, root, fromHex(leaf), index, size, path)
    for (const leaf of replayed.statement.scoreLeaves) {
      const { statement, scores } = await get(`/epochs/0/proofs/${leaf.account}`)
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
    await failing('/epochs/3', 404, 'NO_EPOCH')
    await failing('/epochs/1/statement', 404, 'NOT_SCORED')
    await failing(`/epochs/1/proofs/${played.machines[0]!.account}`, 404, 'NOT_SCORED')
    await failing(`/epochs/0/proofs/${STRANGER}`, 404, 'NOT_IN_STATEMENT')
    await failing('/epochs/0/proofs/nobody', 400, 'BAD_ACCOUNT')
    await failing('/epochs/x', 400, 'FST_ERR_VALIDATION')
  })
})

describe('operations', () => {
  it('is ready when it has caught up, and says else how far it is behind', async () => {
    const head = now.ledger.head!.number
    expect(await get('/ready')).toEqual({ ready: true, detail: { head, best, behind: 0, stalled: null } })
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
    expect((await app.inject({ url: '/machines', method: 'POST' })).statusCode).toBe(404)
  })
})
