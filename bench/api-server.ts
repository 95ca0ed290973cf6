// The server that bench/api.ts measures: a database filled with made-up judgements, and the API over it. Started by it; ends when it lets go.
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { BehaviorSubject } from 'rxjs'
import { apiRoutes } from '@assay/indexer/api'
import { openDatabase, type Store } from '@assay/indexer/database'
import type { ChainState } from '@assay/indexer/follow'
import { indexerMetrics } from '@assay/indexer/metrics'
import { sumUpEpoch, sumUpRound } from '@assay/indexer/summaries'
import { serveOperations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { type AccountId, emptyLedger, encodeFacts, type Hash } from '@assay/protocol'
import { factsOf, X64 } from '@assay/protocol/testing/facts'
import { cryptoReady, nodeCrypto, toAddress } from '@assay/runtime-bindings'

export interface BenchAnswer { url: string; pages: { account: AccountId; owner: AccountId }[]; lastRound: number; observations: number }
interface Job { dir: string; fresh: boolean; machines: number; old: number; rounds: number }

const COMMITTEE = 5
const CHECKERS = 50
const EPOCH_ROUNDS = 10
const MACHINES_AN_OWNER = 10
const ROWS = 2000

const hashOf = (name: string): Hash => `0x${createHash('sha256').update(name).digest('hex')}`
const machineAt = (i: number): AccountId => hashOf(`machine ${i}`)
const ownerOf = (i: number): AccountId => hashOf(`owner ${Math.floor(i / MACHINES_AN_OWNER)}`)
/** The same hash in SQL, of a name and a number. */
const named = (name: string, number: string) => sql.raw(`'0x' || encode(sha256(('${name} ' || (${number}))::bytea), 'hex')`)

async function fill({ db }: Store, { machines, old, rounds }: Job): Promise<void> {
  for (let i = 0; i < machines; i += ROWS) {
    const rows = Array.from({ length: Math.min(ROWS, machines - i) }, (_, at) => machineAt(i + at)).map((account, at) => ({ account, address: toAddress(account), registered: true, owner: ownerOf(i + at), peer: account, anchor: account, block: 1 }))
    await db.insertInto('machines').values(rows).execute()
  }
  const facts = encodeFacts(factsOf(X64))
  const committee = sql.raw(`array(select '0x' || encode(sha256(('checker ' || ((i + k) % ${CHECKERS}))::bytea), 'hex') from generate_series(0, ${COMMITTEE - 1}) k)`)
  for (let round = 0; round <= rounds; round++) {
    const judged = round === rounds ? machines : old
    await db.transaction().execute(async (trx) => {
      await sql`insert into rounds values (${round}, ${Math.floor(round / EPOCH_ROUNDS)}, 'judged', 1, null, ${round * 100})`.execute(trx)
      await sql`insert into verdicts (round, machine, owner, outcome, reason, commitment, counted, committee, median_steps, proven_steps, work, opened, down_kbps, up_kbps, rtt_us, facts, flags, claim, standing)
        select ${round}, ${named('machine', 'i')}, ${named('owner', `i / ${MACHINES_AN_OWNER}`)}, case when i % 50 = 7 then 'FAIL' else 'PASS' end, case when i % 50 = 7 then 'WRONG_PRODUCT' else 'OK' end, ${named('commitment', 'i')}, ${COMMITTEE}, ${committee},
          1000 + i % 977, case when i % 50 = 7 then 0 else 1000 + i % 977 end, case when i % 50 = 7 then 0 else (1000 + i % 977)::numeric * 1073741824 end, true, 900000 + i % 4999, 90000 + i % 499, 20000 + i % 991, ${facts}, '{}', 'OK', 'STANDARD'
        from generate_series(0, ${judged - 1}) i`.execute(trx)
      await sql`insert into observations (round, machine, checker, vote, credited, paid, reason, off_ppm, down_kbps, up_kbps, rtt_us)
        select ${round}, ${named('machine', 'i')}, ${named('checker', `(i + k) % ${CHECKERS}`)}, 'RAN', 1000 + i % 977, true, 'OK', k * 10, 900000, 90000, 20000 from generate_series(0, ${judged - 1}) i, generate_series(0, ${COMMITTEE - 1}) k`.execute(trx)
      await sql`insert into round_checkers (round, checker, owner, reported, package_counted, commitment, package, paid_observations, reason)
        select ${round}, ${named('checker', 'i')}, ${named('checker owner', 'i')}, true, true, ${named('report', 'i')}, ${named('package', 'i')}, ${Math.floor((judged * COMMITTEE) / CHECKERS)}, 'OK' from generate_series(0, ${CHECKERS - 1}) i`.execute(trx)
      await sumUpRound(trx, round)
    })
  }
  for (let epoch = 0; epoch * EPOCH_ROUNDS <= rounds; epoch++) {
    await db.transaction().execute(async (trx) => {
      await sql`insert into epochs values (${epoch}, ${hashOf(`epoch ${epoch}`)}, ${new Uint8Array(64)}, 1000000, 900000, 0, 100000, ${epoch * 1000}, 'match', ${epoch * 1000}, ${new Uint8Array(64)})`.execute(trx)
      await sql`insert into scores (epoch, position, account, owner, kind, score, reason, earned, passed, asked, standing)
        select ${epoch}, row_number() over (order by machine) - 1, machine, min(v.owner), 'machine', sum(work), case when sum(work) = 0 then 'FORFEITED' else 'OK' end, sum(proven_steps), count(*) filter (where outcome = 'PASS'), count(*), case when sum(work) = 0 then 'BENCHED' else 'STANDARD' end
        from verdicts v join rounds using (round) where rounds.epoch = ${epoch} group by machine`.execute(trx)
      await sql`insert into payouts select ${epoch}, row_number() over (order by owner) - 1, owner, sum(earned), 0, sum(earned), 0 from scores where epoch = ${epoch} group by owner`.execute(trx)
      await sumUpEpoch(trx, epoch)
    })
  }
  await sql`analyze`.execute(db)
}

process.once('message', async (job: Job) => {
  await cryptoReady()
  const owner = { network: hashOf('network'), genesisHash: hashOf('genesis') }
  const store = await openDatabase({ dir: job.dir, owner })
  if (job.fresh) await fill(store, job)
  const metrics = indexerMetrics()
  const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(owner.network), stalled: null })
  const operations = await serveOperations({ host: '127.0.0.1', port: 0, log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: metrics.text, routes: apiRoutes({ db: store.db, crypto: nodeCrypto, state$, best: () => null, pot: () => null, network: owner.network, genesisHash: owner.genesisHash }, metrics) })
  const { observations } = (await sql<{ observations: number }>`select count(*) as observations from observations`.execute(store.db)).rows[0]!
  // An old machine, then a new one, and so on over all of both.
  const pages = Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? (i * 7) % job.old : job.old + ((i * 7919) % (job.machines - job.old)))).map((i) => ({ account: machineAt(i), owner: ownerOf(i) }))
  process.send!({ url: operations.url, pages, lastRound: job.rounds, observations } satisfies BenchAnswer)
  process.on('message', () => process.send!(process.cpuUsage()))
  process.once('disconnect', async () => {
    await operations.close()
    await store.close()
  })
})
