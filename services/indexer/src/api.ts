// What the world sees of the network over HTTP. Everything is read from the database and the ledger; nothing here changes anything.
import type { FastifyInstance } from 'fastify'
import { EMPTY } from 'rxjs'
import { silentLog } from '@assay/kit/log'
import { blockRoutes } from './api/blocks.ts'
import { checkerRoutes } from './api/checkers.ts'
import { Desk, placesFor } from './api/desk.ts'
import { docsRoutes } from './api/docs.ts'
import { OPEN_DOOR, openDoor, type DoorOptions } from './api/door.ts'
import { epochRoutes } from './api/epochs.ts'
import { evidenceRoute } from './api/evidence.ts'
import { eventsRoute, type StreamDeps } from './api/events.ts'
import { explorerRoutes } from './api/explorer.ts'
import { feedRoute } from './api/feed.ts'
import { graphqlRoutes } from './api/graphql.ts'
import { machineRoutes } from './api/machines.ts'
import { networkRoute } from './api/network.ts'
import { recordingRoute } from './api/recording.ts'
import { roundRoutes } from './api/rounds.ts'
import { openDesk, type ApiDeps } from './api/route.ts'
import { LIVE_DEFAULTS, streamSeats, type LiveOptions } from './api/seats.ts'
import { whyRoutes } from './api/why.ts'
import { Live } from './live.ts'
import type { IndexerMetrics } from './metrics.ts'

/** Adds all routes; health, ready, metrics and the shape of errors are the operations door's. */
export function apiRoutes(deps: ApiDeps, metrics: IndexerMetrics, given: Partial<DoorOptions & LiveOptions & { databasePool: number }> = {}): (app: FastifyInstance) => Promise<void> {
  const door = { ...OPEN_DOOR, ...LIVE_DEFAULTS, ...given }
  return async (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      metrics.requestSeconds.observe({ route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000)
      done()
    })
    openDesk(app, new Desk(given.databasePool === undefined ? undefined : placesFor(given.databasePool)))
    await openDoor(app, door, () => metrics.connectionsRefused.inc())
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
    const streams = streamsOf(app, deps, metrics, door)
    eventsRoute(app, streams)
    await graphqlRoutes(app, streams)
    docsRoutes(app)
    if (deps.explorer !== undefined) explorerRoutes(app, deps.explorer)
  }
}

/** What streams of events share; it ends with the app. */
function streamsOf(app: FastifyInstance, { db, state$, changes$ = EMPTY, log = silentLog }: ApiDeps, metrics: IndexerMetrics, options: LiveOptions & DoorOptions): StreamDeps {
  const live = new Live({ db, state$, changes$, log })
  const closing = new AbortController()
  let watching: Promise<void> | undefined
  app.addHook('onReady', (done) => {
    watching = live.run(closing.signal)
    done()
  })
  app.addHook('preClose', async () => {
    closing.abort()
    await watching
  })
  return { live, seats: streamSeats(options), options, metrics, log, corsOrigins: options.corsOrigins, closing: closing.signal }
}
