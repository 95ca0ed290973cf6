// What the world sees of the network over HTTP. Everything is read from the database and the ledger; nothing here changes anything.
import type { FastifyInstance } from 'fastify'
import { checkerRoutes } from './api/checkers.ts'
import { epochRoutes } from './api/epochs.ts'
import { explorerRoutes } from './api/explorer.ts'
import { machineRoutes } from './api/machines.ts'
import { networkRoute } from './api/network.ts'
import { overviewRoute } from './api/overview.ts'
import { recordingRoute } from './api/recording.ts'
import { roundRoutes } from './api/rounds.ts'
import type { ApiDeps } from './api/route.ts'
import type { IndexerMetrics } from './metrics.ts'

/** Adds all routes; health, ready, metrics and the shape of errors are the operations door's. */
export function apiRoutes(deps: ApiDeps, metrics: IndexerMetrics): (app: FastifyInstance) => void {
  return (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      metrics.requestSeconds.observe({ route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000)
      done()
    })
    networkRoute(app, deps)
    machineRoutes(app, deps)
    checkerRoutes(app, deps)
    roundRoutes(app, deps)
    epochRoutes(app, deps)
    overviewRoute(app, deps)
    recordingRoute(app, deps)
    if (deps.explorer !== undefined) explorerRoutes(app, deps.explorer)
  }
}
