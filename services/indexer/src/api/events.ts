// GET /events: what happens, as server-sent events. Made for EventSource: it comes back by itself, and goes on where it was.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Log } from '@assay/kit/log'
import { LIVE_TYPES, positionOf, type Live, type LiveEvent, type LiveType, type Position, type Want } from '../live.ts'
import type { IndexerMetrics } from '../metrics.ts'
import { clientOf } from './client.ts'
import { leavePlace } from './door.ts'
import { ApiError } from './errors.ts'
import { accountIn, errorResponses } from './route.ts'
import { drained, RETRY_SECONDS, type LiveOptions, type Seats } from './seats.ts'
import { AccountPath } from './shapes.ts'

export interface StreamDeps {
  live: Live
  seats: Seats
  options: LiveOptions
  metrics: IndexerMetrics
  log: Log
  /** origins whose pages may read; `*`: any */
  corsOrigins: readonly string[]
  /** fires when the server closes */
  closing: AbortSignal
}

const Query = Type.Object({
  types: Type.Optional(Type.String({ maxLength: 80, description: `comma-separated: ${LIVE_TYPES.join(', ')}. Default: block, round, epoch; with \`machine\` all` })),
  machine: Type.Optional(Type.String({ ...AccountPath.properties.account, description: 'of verdicts only those of this machine, of payouts only those to its owner: 0x and 64 hex digits, or an SS58 address' })),
  after: Type.Optional(Type.String({ maxLength: 160, description: 'id of the last event that was read; the header Last-Event-ID goes before it' })),
})

const DESCRIPTION = `Server-sent events; each has an \`id\`, a type, and JSON. \`ready\` comes first. Then \`block\` (number, hash, parentHash: a block is confirmed), \`round\` (round, epoch, judgedAt, outcomes, work: a round is judged), \`verdict\` (as /machines/{account}/verdicts has it), \`epoch\` (epoch, totals: an epoch is scored, and once more when its statement is on chain), \`payout\` (as /epochs/{number}/payouts has it). What an event tells of is in all other answers of this server already. After a loss of the connection ask again with the last id, as EventSource does by itself: nothing is left out or told twice; where that is not possible, \`reset\` comes instead of \`ready\`, and what was read before must be read again. A quiet stream has a comment now and then. A client that does not read is cut off.`

/** What is told if nothing is named. */
const USUAL: readonly LiveType[] = ['block', 'round', 'epoch']

/** What a reader wants, from what it wrote. Throws ApiError BAD_REQUEST, BAD_ACCOUNT. */
export function wantOf({ types, machine }: { types?: readonly string[] | undefined, machine?: string | undefined }): Want {
  const unknown = types?.find((type) => !(LIVE_TYPES as readonly string[]).includes(type))
  if (unknown !== undefined || types?.length === 0) throw new ApiError('BAD_REQUEST', `types must be some of ${LIVE_TYPES.join(', ')}${unknown === undefined ? '' : `, and "${unknown.slice(0, 20)}" is none`}`)
  return { types: new Set((types as LiveType[] | undefined) ?? (machine === undefined ? USUAL : LIVE_TYPES)), machine: machine === undefined ? null : accountIn({ account: machine }) }
}

/** The place that an id names; null for none. Throws ApiError BAD_EVENT_ID. */
export function placeOf(id: string | undefined): Position | null {
  if (id === undefined || id === '') return null
  const place = positionOf(id)
  if (!place) throw new ApiError('BAD_EVENT_ID', 'that is no id of an event of this server')
  return place
}

/** Adds GET /events; streams end when the server closes. */
export function eventsRoute(app: FastifyInstance, deps: StreamDeps): void {
  const schema = {
    operationId: 'streamEvents', tags: ['events'], summary: 'What happens, as server-sent events', description: DESCRIPTION, querystring: Query,
    response: { 200: { description: 'until either side ends it', content: { 'text/event-stream': { schema: Type.String() } } }, ...errorResponses(['BAD_REQUEST', 'BAD_ACCOUNT', 'BAD_EVENT_ID', 'RATE_LIMITED', 'INTERNAL', 'TOO_MANY_CLIENTS']) },
  }
  app.get('/events', { schema, exposeHeadRoute: false }, (request, reply) => {
    const { types, machine, after } = request.query as Static<typeof Query>
    const want = wantOf({ types: types?.split(','), machine })
    const header = request.headers['last-event-id']
    const from = placeOf(typeof header === 'string' ? header : after)
    const leave = seatFor(deps, request, reply)
    // From here on the answer is ours: it has no end that a hook could wait for.
    reply.hijack()
    void stream(deps, reply, { want, from }).finally(leave)
  })
}

/** A seat for whoever asks, until his connection ends or he gives it back. Throws ApiError TOO_MANY_CLIENTS, with the header that says when to come again. */
export function seatFor({ seats, metrics }: Pick<StreamDeps, 'seats' | 'metrics'>, request: FastifyRequest, reply: FastifyReply): () => void {
  try {
    const leave = seats.take(clientOf(request.ip))
    // A socket's handshake may fail later, and nothing but this tells of it.
    reply.raw.once('close', leave)
    leavePlace(request)
    return leave
  } catch (error) {
    metrics.liveDropped.inc({ reason: 'TOO_MANY_CLIENTS' })
    void reply.header('retry-after', String(RETRY_SECONDS))
    throw error
  }
}

async function stream({ live, options: { heartbeatMs, slowMs }, metrics, log, closing }: StreamDeps, reply: FastifyReply, { want, from }: { want: Want, from: Position | null }): Promise<void> {
  const { raw } = reply
  const gone = new AbortController()
  raw.once('close', () => gone.abort()).once('error', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, closing])
  // Others' hooks have set theirs: CORS, limits.
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
  raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  const heart = setInterval(() => void (raw.writableNeedDrain || raw.write(':\n\n')), heartbeatMs)
  metrics.liveClients.inc({ transport: 'sse' })
  try {
    for await (const event of live.events(from, want, signal)) {
      raw.write(frame(event))
      metrics.liveEvents.inc({ type: event.type })
      await drained(raw, slowMs, signal)
    }
    raw.end()
  } catch (error) {
    // The status is long on its way: all that is left is to end, and the client comes back.
    const reason = error instanceof ApiError ? error.code : 'INTERNAL'
    metrics.liveDropped.inc({ reason })
    if (reason === 'INTERNAL') log.error('event stream failed', { error })
    raw.destroy()
  } finally {
    clearInterval(heart)
    metrics.liveClients.dec({ transport: 'sse' })
  }
}

const texts = new WeakMap<object, string>()

/** An event on the wire. What many readers are sent is written as JSON once. */
function frame({ id, type, data }: LiveEvent): string {
  const text = texts.get(data) ?? JSON.stringify(data)
  texts.set(data, text)
  return `id: ${id}\nevent: ${type}\ndata: ${text}\n\n`
}
