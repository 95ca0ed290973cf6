// What the world sees of the network over HTTP. Everything is read from the database and the ledger; nothing here changes anything.
import type { FastifyInstance } from 'fastify'
import { blockRoutes } from './api/blocks.ts'
import { checkerRoutes } from './api/checkers.ts'
import { docsRoutes } from './api/docs.ts'
import { OPEN_DOOR, openDoor, type DoorOptions } from './api/door.ts'
import { epochRoutes } from './api/epochs.ts'
import { evidenceRoute } from './api/evidence.ts'
import { explorerRoutes } from './api/explorer.ts'
import { feedRoute } from './api/feed.ts'
import { machineRoutes } from './api/machines.ts'
import { networkRoute } from './api/network.ts'
import { recordingRoute } from './api/recording.ts'
import { roundRoutes } from './api/rounds.ts'
import type { ApiDeps } from './api/route.ts'
import { whyRoutes } from './api/why.ts'
import type { IndexerMetrics } from './metrics.ts'

/** Adds all routes; health, ready, metrics and the shape of errors are the operations door's. */
export function apiRoutes(deps: ApiDeps, metrics: IndexerMetrics, door: DoorOptions = OPEN_DOOR): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      metrics.requestSeconds.observe({ route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000)
      done()
    })
    await openDoor(app, door)
    networkRoute(app, deps)
    blockRoutes(app, deps)
    machineRoutes(app, deps)
    checkerRoutes(app, deps)
    roundRoutes(app, deps)
    epochRoutes(app, deps)
    evidenceRoute(app, deps)
    recordingRoute(app, deps)
    whyRoutes(app, deps)
    feedRoute(app, deps)
    docsRoutes(app)
    if (deps.explorer !== undefined) explorerRoutes(app, deps.explorer)
  }
}
