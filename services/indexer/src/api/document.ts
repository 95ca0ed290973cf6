// The OpenAPI document of this program, without a database or a port: what GET /openapi.json answers.
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import { BehaviorSubject } from 'rxjs'
import { operationsApp } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { emptyLedger, ZERO_HASH } from '@assay/protocol'
import { nodeCrypto } from '@assay/runtime-bindings'
import { apiRoutes } from '../api.ts'
import type { ChainState } from '../follow.ts'
import { indexerMetrics } from '../metrics.ts'
import { ReadyDetail } from '../readiness.ts'
import type { Tables } from '../tables.ts'

/** The document as JSON would hold it. */
export async function openApiDocument(): Promise<Record<string, unknown>> {
  const db = new Kysely<Tables>({ dialect: { createAdapter: () => new PostgresAdapter(), createDriver: () => new DummyDriver(), createIntrospector: (db) => new PostgresIntrospector(db), createQueryCompiler: () => new PostgresQueryCompiler() } })
  const deps = { db, crypto: nodeCrypto, state$: new BehaviorSubject<ChainState>({ ledger: emptyLedger(ZERO_HASH), stalled: null }), best: () => null, pot: () => null, network: ZERO_HASH, genesisHash: ZERO_HASH }
  const app = await operationsApp({ log: silentLog, ready: () => ({ ready: false, detail: null }), detail: ReadyDetail, metrics: () => Promise.resolve(''), routes: apiRoutes(deps, indexerMetrics(createMetrics('indexer'))) })
  await app.ready()
  const document = JSON.parse(JSON.stringify(app.swagger())) as Record<string, unknown>
  await app.close()
  return document
}
