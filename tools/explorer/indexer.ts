// A real indexer's API over a database that was filled by the real judge from a played network: what the explorer is tested and pictured against.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BehaviorSubject } from 'rxjs'
import { EXPLORER_DIR } from '@assay/indexer/api/explorer'
import { apiRoutes } from '@assay/indexer/api'
import { openDatabase } from '@assay/indexer/database'
import { EvidenceSource } from '@assay/indexer/evidence'
import { type ChainState, encodeEvents } from '@assay/indexer/follow'
import { Judge } from '@assay/indexer/judge'
import { chunks } from '@assay/indexer/judgements'
import { indexerMetrics } from '@assay/indexer/metrics'
import type { PotView } from '@assay/indexer/pot'
import { readiness } from '@assay/indexer/readiness'
import { reconcileMachines } from '@assay/indexer/summaries'
import { copyTemplate, testOwner } from '@assay/indexer/testing/database'
import { recorder } from '@assay/indexer/testing/log'
import { serveOperations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { applyBlock, emptyLedger, replayEpoch, statementKey, type Facts, type Hash, type Ledger, type LedgerBlock, type LedgerEvent, type ReplayedEpoch } from '@assay/protocol'
import { testCrypto as crypto } from '@assay/protocol/testing/actors'
import { everyOtherRow } from '@assay/protocol/testing/prover'
import { blockHash, type Behaviour } from '@assay/protocol/testing/round'
import { people } from '@assay/protocol/testing/synthetic'
import { play, type Played } from '@assay/replay/testing/play'
import { toAddress } from '@assay/runtime-bindings'

const EPOCHS = 7
const MACHINES = 9
const CHECKERS = 5

export interface SeededIndexer extends AsyncDisposable {
  url: string
  played: Played
  /** Of the epochs, as any stranger replays them. */
  replayed: ReplayedEpoch[]
  state$: BehaviorSubject<ChainState>
  /** What all that is answered is changed by before it is sent; the same by default. */
  change: { answer: (path: string, body: string) => string }
  /** Adds so many machines, each with a verdict of the last round and a score of the last epoch; they are nobody's. */
  crowd(machines: number): Promise<void>
}

/** What the machines say that they are, in turn. */
const DEVICES: Partial<Facts['device']>[] = [{ class: 1, units: 8, memoryMiB: 16_384 }, { class: 141, kind: 'GPU', memoryMiB: 81_408 }, { class: 132, kind: 'GPU', memoryMiB: 24_576 }]

/** Plays the network: machine 2 skips half of its rows from epoch 2 on, machine 5 is out of reach in some rounds, checker 4 is silent in some. */
function playAll(): Played {
  return play({ machines: MACHINES, checkers: CHECKERS, epochs: EPOCHS, parameters: { standingCheck: 'enforce', probationRounds: 2, trustedRounds: 6 } }, {
    machine: ({ name }, round) => {
      const n = Number(name.split(' ')[1])
      const steps: Behaviour = { steps: 8 + ((round * 5 + n * 7) % 9), facts: (facts) => ({ ...facts, device: { ...facts.device, ...DEVICES[n % DEVICES.length] } }) }
      if (name === 'machine 2' && round >= 4) return { ...steps, lie: everyOtherRow }
      if (name === 'machine 5' && round % 5 === 3) return { ...steps, outcome: 'UNREACHABLE' }
      if (name === 'machine 7' && round % 4 === 1) return { ...steps, outcome: 'NOT_RUN' }
      return steps
    },
    report: ({ name }, round, item) => (name === 'checker 4' && round % 6 === 2 ? null : item),
  })
}

/** Starts the API on a free port. `links` and the pot are made up; everything else is judged. */
export async function startSeededIndexer(): Promise<SeededIndexer> {
  // Not by openTestDatabase, which asks vitest: this also runs without.
  const folder = mkdtempSync(join(tmpdir(), 'assay-seeded-'))
  await copyTemplate(join(folder, 'indexer'))
  const store = await openDatabase({ dir: join(folder, 'indexer'), owner: testOwner })
  const { db } = store
  const played = playAll()
  const replayed: ReplayedEpoch[] = []
  for (let epoch = 0; epoch < EPOCHS; epoch++) replayed.push((await replayEpoch(crypto, played.ledger, epoch, played.load, replayed.at(-1)?.result.state)) as ReplayedEpoch)
  // All but the last epoch's statement are on chain, in one block at the end.
  const noted = played.blocks.map((block) => ({ ...block, events: block.events.map((event, i) => ({ ...event, extrinsic: i + 2 })) }))
  const last = noted.at(-1)!
  const stated: LedgerBlock = {
    number: last.number + 1, hash: blockHash(last.number + 1), parentHash: last.hash, relayRoot: null,
    events: replayed.slice(0, -1).flatMap(({ epoch, statement }) => statement.chunks.map((value, i): LedgerEvent => ({ kind: 'item', who: played.network, key: statementKey(played.network, epoch, i), value, update: false, extrinsic: 2 }))),
  }
  const blocks = [...noted, stated]
  await db.insertInto('blocks').values(blocks.map(({ number, hash, parentHash, relayRoot }) => ({ number, hash, parent_hash: parentHash, relay_root: relayRoot }))).execute()
  await db.insertInto('events').values(blocks.map(({ number, events }) => ({ block: number, position: 0, count: events.length, data: encodeEvents(events) }))).execute()
  const ledger: Ledger = blocks.reduce((so, block) => applyBlock(crypto, so, block), emptyLedger(played.network))

  await reconcileMachines(db, ledger)

  const stop = new AbortController()
  const metrics = indexerMetrics(createMetrics('indexer'))
  const notes = recorder()
  const state$ = new BehaviorSubject<ChainState>({ ledger, stalled: null })
  const evidence = new EvidenceSource({ db, urls: () => [], timeoutMs: 100, signal: stop.signal, metrics })
  evidence.loader = () => played.load
  const judge = await Judge.open({ db, crypto, network: played.network, state$, evidence, metrics, log: notes.log, signal: stop.signal })
  const judged = new Promise<void>((resolve, reject) => judge.run().subscribe({ complete: resolve, error: reject }))
  await Promise.all([...replayed.map(({ epoch }) => notes.until('epoch scored', { epoch })), ...replayed.slice(0, -1).map(({ epoch }) => notes.until('statement agrees', { epoch }))])
  stop.abort()
  await judged

  const change = { answer: (_: string, body: string): string => body }
  const operations = await serveOperations({
    host: '127.0.0.1', port: 0, log: silentLog, metrics: metrics.text,
    ready: () => readiness(state$.value, state$.value.ledger.head!.number + 2, 2),
    routes: (app) => {
      app.addHook('onSend', (request, _reply, payload, done) => done(null, typeof payload === 'string' ? change.answer(request.url, payload) : payload))
      return apiRoutes({
        db, crypto, state$, network: played.network, genesisHash: blockHash(0), evidence: played.load, pot: () => potOf(played.network), best: () => state$.value.ledger.head!.number + played.parameters.confirmations,
        explorer: { dir: EXPLORER_DIR, links: { block: 'https://peaq.subscan.io/block/{number}', extrinsic: 'https://peaq.subscan.io/extrinsic/{extrinsic}', account: 'https://peaq.subscan.io/account/{address}' } },
      }, metrics)(app)
    },
  })
  async function crowd(machines: number): Promise<void> {
    const one = await db.selectFrom('machines').selectAll().where('outcome', '=', 'PASS').orderBy('account').limit(1).executeTakeFirstOrThrow()
    const verdict = await db.selectFrom('verdicts').selectAll().where('round', '=', one.last_round).where('machine', '=', one.account).executeTakeFirstOrThrow()
    const score = await db.selectFrom('scores').selectAll().where('epoch', '=', one.last_epoch).where('account', '=', one.account).executeTakeFirstOrThrow()
    for (const some of chunks(people(crypto, 'machine', machines).map(({ account, anchor, identity }, i) => ({ account, anchor, owner: identity.owner, peer: identity.peer, i })))) {
      await db.insertInto('machines').values(some.map(({ i, account, ...own }) => ({ ...one, account, ...own, address: toAddress(account), by_score: one.by_score + BigInt(i % 977), by_work: one.by_work + BigInt(i % 977), by_earned: one.by_earned + BigInt(i % 977), device: DEVICES[i % DEVICES.length]!.class! }))).execute()
      await db.insertInto('verdicts').values(some.map(({ i, account, owner }) => ({ ...verdict, machine: account, owner, work: verdict.work + BigInt(i % 977) }))).execute()
      await db.insertInto('scores').values(some.map(({ i, account, owner }) => ({ ...score, account, owner, position: 1000 + i, score: score.score + BigInt(i % 977), earned: score.earned + BigInt(i % 977) }))).execute()
    }
    // Counts are kept by ledger: this one is another.
    state$.next({ ...state$.value, ledger: { ...state$.value.ledger } })
  }

  return {
    url: operations.url, played, replayed, state$, change, crowd,
    [Symbol.asyncDispose]: async () => {
      await operations.close()
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const potOf = (account: Hash): PotView => ({
  pot: account, term: 0, block: 260, balance: 24_300n * 10n ** 18n, unsettledFrom: EPOCHS - 1, owed: 1_000n * 10n ** 18n, needs: 2_000n * 10n ** 18n, epochsLeft: 22, inflow: 5_000n * 10n ** 18n, since: 200, checkFee: 2n * 10n ** 15n,
  checks: { costPerEpoch: 8n * 10n ** 16n, checkersPool: 200n * 10n ** 18n },
})
