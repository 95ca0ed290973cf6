// What stands before every route: who may ask from where, how often, and how answers travel. And the document that describes them all.
import { isIPv6 } from 'node:net'
import { constants } from 'node:zlib'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { ApiError } from './errors.ts'
import { TAGS } from './route.ts'
import { COMPONENTS } from './shapes.ts'

export interface DoorOptions {
  /** origins whose pages may read the answers; `*`: any */
  corsOrigins: readonly string[]
  /** requests a minute of one client; 0: as many as it likes */
  requestsPerMinute: number
}

export const OPEN_DOOR: DoorOptions = { corsOrigins: ['*'], requestsPerMinute: 0 }

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']
/** Below, compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 1024
/** Clients counted at once in one process. */
const CLIENTS = 20_000

/** Adds the door to an app that has no routes yet: what is added before it is neither limited nor described. */
export async function openDoor(app: FastifyInstance, { corsOrigins, requestsPerMinute }: DoorOptions): Promise<void> {
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
  // The tag is that of the plain answer, so it is made before the answer is compressed, and is weak: the bytes on the way differ.
  await app.register(etag, { weak: true })
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

/** Whom requests are counted for: an IPv4 address, or the /64 of an IPv6 address, all of which is one subscriber's. */
export function clientOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped) return mapped[1]!
  const [head = '', tail] = ip.split('::')
  const [before, after] = [groups(head), groups(tail ?? '')]
  const whole = tail === undefined ? before : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  return `${whole.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
