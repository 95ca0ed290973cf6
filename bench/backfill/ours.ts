// The indexer's follower with its real database in a folder or at a URL, from the first block to the last one; without an endpoint it only makes the database.
import { BehaviorSubject } from 'rxjs'
import { openDatabase } from '@assay/indexer/database'
import { follow, type ChainState } from '@assay/indexer/follow'
import { indexerMetrics } from '@assay/indexer/metrics'
import { silentLog } from '@assay/kit/log'
import { emptyLedger } from '@assay/protocol'
import { connectChain, ledgerRuns, nodeCrypto } from '@assay/runtime-bindings'
import { loadRecording } from './recording.ts'
import { watchMemory } from './memory.ts'

const [database, endpoint, blocks] = process.argv.slice(2) as [string, string | undefined, string | undefined]
const last = Number(blocks)
const { network, genesisHash } = loadRecording()
const stop = new AbortController()
const served = database.startsWith('postgres:')
const store = await openDatabase({ ...(served ? { url: database } : { dir: database }), owner: { network, genesisHash } })
if (endpoint === undefined) {
  await store.close()
  process.exit()
}
const chain = await connectChain({ endpoint, signal: stop.signal })
const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(network), stalled: null })
const memory = watchMemory()
const begun = performance.now()
state$.subscribe(({ ledger }) => {
  memory.at(ledger.head?.number ?? 0)
  if ((ledger.head?.number ?? 0) >= last) stop.abort()
})
await follow(ledgerRuns(chain, { from: 1, confirmations: 0, signal: stop.signal }), { db: store.db, crypto: nodeCrypto, state$, metrics: indexerMetrics(), log: silentLog })
const seconds = (performance.now() - begun) / 1000
const { rows } = await store.db.selectFrom('events').select(({ fn }) => fn.countAll<number>().as('rows')).executeTakeFirstOrThrow()
const { cpu, megabytes } = memory.end()
await store.close()
await chain.close()
console.log(JSON.stringify({ name: served ? 'assay, PostgreSQL' : 'assay, embedded', blocks: state$.value.ledger.head!.number, seconds, cpu, items: rows, megabytes }))
