// The OpenAPI document and the GraphQL schema of this program, without a database or a port.
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { FastifyInstance } from 'fastify'
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
import { schemaOf } from './graphql-schema.ts'
import { operationsOf } from './route.ts'

/** The document as JSON would hold it. */
export const openApiDocument = (): Promise<Record<string, unknown>> => ofApp((app) => JSON.parse(JSON.stringify(app.swagger())) as Record<string, unknown>)

/** The text of the GraphQL schema. */
export const graphqlSchema = (): Promise<string> => ofApp((app) => schemaOf(operationsOf(app)).sdl)

async function ofApp<T>(take: (app: FastifyInstance) => T): Promise<T> {
  const db = new Kysely<Tables>({ dialect: { createAdapter: () => new PostgresAdapter(), createDriver: () => new DummyDriver(), createIntrospector: (db) => new PostgresIntrospector(db), createQueryCompiler: () => new PostgresQueryCompiler() } })
  const deps = { db, crypto: nodeCrypto, state$: new BehaviorSubject<ChainState>({ ledger: emptyLedger(ZERO_HASH), stalled: null }), best: () => null, pot: () => null, network: ZERO_HASH, genesisHash: ZERO_HASH }
  const app = await operationsApp({ log: silentLog, ready: () => ({ ready: false, detail: null }), detail: ReadyDetail, metrics: () => Promise.resolve(''), routes: apiRoutes(deps, indexerMetrics(createMetrics('indexer'))) })
  await app.ready()
  const taken = take(app)
  await app.close()
  return taken
}
