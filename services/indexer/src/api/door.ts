// What stands before every route: who may ask from where, how often, and how answers travel. And the document that describes them all.
import { createHash } from 'node:crypto'
import { isIPv6, type Server, type Socket } from 'node:net'
import { constants } from 'node:zlib'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { proxiesOf } from '@assay/kit/http'
import { clientOf } from './client.ts'
import { ApiError } from './errors.ts'
import { TAGS } from './route.ts'
import { Seats } from './seats.ts'
import { COMPONENTS } from './shapes.ts'

export interface DoorOptions {
  /** origins whose pages may read the answers; `*`: any */
  corsOrigins: readonly string[]
  /** requests a minute of one client; 0: as many as it likes */
  requestsPerMinute: number
  /** requests that are not wholly answered yet, of all clients; 0: as many as come */
  openRequests: number
  /** of them one client's */
  openRequestsPerAddress: number
  /** connections, whether or not anything is asked over them; 0: as many as come */
  connections: number
  /** of them one client's; what is taken for a client here is who connects, so a trusted proxy has no such limit */
  connectionsPerAddress: number
  /** addresses or networks of those proxies */
  trustProxy: readonly string[]
}

export const OPEN_DOOR: DoorOptions = { corsOrigins: ['*'], requestsPerMinute: 0, openRequests: 0, openRequestsPerAddress: 0, connections: 0, connectionsPerAddress: 0, trustProxy: [] }

/** Cuts off whoever connects more often than he may: a connection costs a file, of which the database needs some too. There is no answer to somebody who asked nothing. */
function limitConnections(server: Server, { connections, connectionsPerAddress, trustProxy }: DoorOptions, refused: () => void): void {
  const refuse = (): ApiError => new ApiError('TOO_MANY_CLIENTS', 'too many connections')
  const seats = new Seats({ all: connections, each: connectionsPerAddress, refuse })
  const trusted = proxiesOf(trustProxy)
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '')
    // It has gone already.
    if (address === undefined) return void socket.destroy()
    const proxy = trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
    try {
      socket.once('close', seats.take(clientOf(address), proxy ? connections : connectionsPerAddress))
    } catch {
      refused()
      socket.destroy()
    }
  })
}

const places = new WeakMap<FastifyRequest['raw'], () => void>()

function takePlace(seats: Seats, { ip, raw }: FastifyRequest, reply: FastifyReply): void {
  const leave = seats.take(clientOf(ip))
  reply.raw.once('close', leave).once('finish', leave)
  places.set(raw, leave)
}

/** Gives back the place of a request that became a stream, which has a seat of its own. */
export const leavePlace = ({ raw }: FastifyRequest): void => places.get(raw)?.()

/**
 * Answers 200 to GET and HEAD get a tag, by which a copy is asked for again; the tag is that of the plain answer, so it is made before the answer is compressed, and is weak: the bytes on the way differ.
 * Errors have none, and nobody keeps them: that there is no such machine, or that the server is not ready, is so only now.
 */
function tagged({ method, headers }: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  void reply.header('x-content-type-options', 'nosniff')
  if (reply.statusCode >= 400 && !reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store')
  if (reply.statusCode !== 200 || (method !== 'GET' && method !== 'HEAD')) return payload
  if (!reply.hasHeader('etag')) {
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload
    void reply.header('etag', `W/"${createHash('sha1').update(payload).digest('base64url')}"`)
  }
  if (!isHeld(headers['if-none-match'], String(reply.getHeader('etag')))) return payload
  void reply.code(304)
  return ''
}

const plainTag = (tag: string): string => tag.trim().replace(/^W\//, '')

/** Whether a client holds what has this tag, by its If-None-Match: a list of tags, or `*`, compared weakly (RFC 9110). */
export function isHeld(header: string | undefined, tag: string): boolean {
  return header !== undefined && (header.trim() === '*' || header.split(',').some((one) => plainTag(one) === plainTag(tag)))
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']
/** Below, compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 1024
/** Seconds after which whoever found no place may ask again. */
const RETRY_SECONDS = 1
/** Clients counted at once in one process. */
const CLIENTS = 20_000

/** Adds the door to an app that has no routes yet: what is added before it is neither limited nor described. `refused` hears of each connection that is cut off. */
export async function openDoor(app: FastifyInstance, options: DoorOptions, refused: () => void = () => {}): Promise<void> {
  const { corsOrigins, requestsPerMinute, openRequests, openRequestsPerAddress } = options
  if (options.connections > 0) limitConnections(app.server, options, refused)
  app.addHook('onRequest', (request, _reply, done) => done(SAFE_METHODS.includes(request.method) || request.routeOptions.url !== undefined ? undefined : new ApiError('METHOD_NOT_ALLOWED', `${request.method} is not allowed: the API only reads`)))
  // The compiler holds each handler to its schema, so an answer is written as it is: serializers made of the schemas try out each alternative of what may be null, which takes most of the time of a long list.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  await app.register(cors, { origin: corsOrigins.includes('*') ? '*' : [...corsOrigins], methods: ['GET', 'HEAD', 'POST'], exposedHeaders: ['etag', 'retry-after', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'], maxAge: 86_400, strictPreflight: false })
  if (requestsPerMinute > 0) {
    await app.register(rateLimit, {
      max: requestsPerMinute,
      timeWindow: 60_000,
      cache: CLIENTS,
      keyGenerator: ({ ip }) => clientOf(ip),
      errorResponseBuilder: (_request, { ttl }) => new ApiError('RATE_LIMITED', `too many requests: ${requestsPerMinute} a minute are allowed; go on in ${Math.ceil(ttl / 1000)} s`),
    })
  }
  // Neither what asks in a row without reading nor what reads slowly holds more than its share: a place is free when the whole answer was taken.
  if (openRequests > 0) {
    const seats = new Seats({ all: openRequests, each: openRequestsPerAddress, refuse: (whose) => new ApiError('BUSY', whose === 'all' ? `${openRequests} requests are being answered, and no more are taken` : `${openRequestsPerAddress} requests of one client are answered at once, and so many are under way`) })
    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.config.rateLimit === false) return done()
      try {
        takePlace(seats, request, reply)
        done()
      } catch (error) {
        void reply.header('retry-after', String(RETRY_SECONDS))
        done(error as ApiError)
      }
    })
  }
  app.addHook('onSend', (request, reply, payload, done) => done(null, tagged(request, reply, payload)))
  await app.register(compress, { global: true, threshold: COMPRESS_FROM_BYTES, encodings: ['br', 'gzip'], brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 } }, zlibOptions: { level: 6 } })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Assay indexer',
        version: '1',
        description: 'What the world sees of a network of machines that prove their work. Amounts are strings in planck, work is a string in multiply-accumulates, what is not known is null, and every zero has a reason. Lists are paged: ask again with `cursor` set to `next` until it is null. Scores, verdicts and payouts say by which proof or hash they can be checked.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `Schema${i}`) },
  })
  for (const schema of COMPONENTS) app.addSchema(schema)
}
