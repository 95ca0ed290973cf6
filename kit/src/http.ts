// The operator's door of a service: health, ready, metrics, and the routes that the service adds.
import { BlockList, isIP } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { OperatorError, isOperatorError } from './lifecycle.ts'
import type { Log } from './log.ts'

export interface OperationsOptions {
  host: string
  /** 0 takes any free port */
  port: number
  log: Log
  ready: () => { ready: boolean, detail: unknown }
  /** schema of the detail; default: any */
  detail?: TSchema
  metrics: () => Promise<string>
  routes?: (app: FastifyInstance) => void | Promise<void>
  /** believe X-Forwarded-For of these proxies (addresses or networks), so that a client is who stands before them; default: nobody */
  trustProxy?: readonly string[]
  /** after which a request that is still worked on is answered 503; default 10 s */
  answerTimeoutMs?: number
}

export interface Operations { url: string, close(): Promise<void> }

/**
 * Serves GET /health (200 while the process lives), /ready (200 or 503 with the detail), /metrics (Prometheus text) and the given routes. Every error is
 * JSON `{ error: { code, message } }`; a fault of ours shows no inside. Throws OperatorError PORT when the port cannot be taken, CONFIG.
 */
export async function serveOperations({ host, port, ...options }: OperationsOptions): Promise<Operations> {
  const app = await operationsApp(options)
  try {
    const url = await app.listen({ host, port })
    return { url, close: () => app.close() }
  } catch (cause) {
    await app.close()
    throw new OperatorError('PORT', `cannot listen on ${host}:${port} (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Choose another port, or stop the program that uses this one.', cause })
  }
}

/** The proxies of a `trustProxy`. Throws OperatorError CONFIG for what is neither an address nor a network. */
export function proxiesOf(trustProxy: readonly string[]): BlockList {
  const found = new BlockList()
  for (const one of trustProxy) {
    const [address = '', bits] = one.split('/')
    const longest = isIP(address) === 6 ? 128 : 32
    const length = bits === undefined ? longest : Number(bits)
    if (isIP(address) === 0 || !(length >= 1 && length <= longest)) throw new OperatorError('CONFIG', `the configuration is wrong: trustProxy has ${one}, which is neither an address nor a network`, { advice: 'Name each proxy as 10.0.0.2, 10.1.0.0/16 or fd00::/8.' })
    found.addSubnet(address, length, longest === 128 ? 'ipv6' : 'ipv4')
  }
  return found
}

/** What serveOperations serves, without a port. `routes` runs first, so that what it sets up (a document, limits) covers the rest too; the three are never limited. */
export async function operationsApp({ log, ready, detail = Type.Unknown(), metrics, routes, trustProxy = [], answerTimeoutMs = ANSWER_TIMEOUT_MS }: Omit<OperationsOptions, 'host' | 'port'>): Promise<FastifyInstance> {
  proxiesOf(trustProxy)
  const app = Fastify({
    logger: false, trustProxy: trustProxy.length === 0 ? false : [...trustProxy], bodyLimit: 64 * 1024, requestTimeout: 30_000, connectionTimeout: 60_000, handlerTimeout: answerTimeoutMs, keepAliveTimeout: 5_000, forceCloseConnections: true,
    routerOptions: { maxParamLength: 128 },
    // What is not even routed: as raw as it gets, since no schema is known of it.
    frameworkErrors: (error: RequestError, _request, { raw }) => {
      const { status, ...shown } = answerTo(error)
      raw.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify({ error: shown }))
    },
  })
  app.setErrorHandler((error: RequestError, _request, reply) => {
    const { status, code, message } = answerTo(error)
    if (status >= 500 && error.expose !== true) log.error('request failed', { error })
    return reply.code(status).send({ error: { code, message } })
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'there is nothing here' } }))
  await routes?.(app)
  const readiness = Type.Object({ ready: Type.Boolean(), detail })
  const operation = (operationId: string, summary: string, response: object) => ({ config: { rateLimit: false }, schema: { operationId, summary, tags: ['operations'], response } })
  app.get('/health', operation('getHealth', 'Whether the process lives', { 200: described(Type.Object({ ok: Type.Boolean() }), 'it does') }), () => ({ ok: true }))
  app.get('/ready', operation('getReady', 'Whether the answers are those of now, and how far they are behind', { 200: described(readiness, 'they are'), 503: described(readiness, 'they are not') }), (_request, reply) => {
    const state = ready()
    return reply.code(state.ready ? 200 : 503).send(state)
  })
  app.get('/metrics', operation('getMetrics', 'Figures for Prometheus', { 200: { description: 'names with units', content: { 'text/plain': { schema: Type.String() } } } }), async (_request, reply) => reply.type('text/plain; version=0.0.4').send(await metrics()))
  return app
}

const described = (schema: TSchema, description: string) => ({ ...schema, description })

/** How long an answer may take if nothing else is said. */
const ANSWER_TIMEOUT_MS = 10_000

/** `expose`: even of a 5xx, code and message are meant for the client. */
type RequestError = Error & { statusCode?: number, code?: string, validation?: unknown, expose?: boolean }

/** What a client is told of an error. */
function answerTo(error: RequestError): { status: number, code: string, message: string } {
  if (error.code === 'FST_ERR_HANDLER_TIMEOUT') return { status: 503, code: 'TIMED_OUT', message: 'the answer took too long' }
  const status = error.statusCode ?? (isOperatorError(error) ? 503 : 500)
  if (status >= 500 && error.expose !== true) return { status, code: isOperatorError(error) ? error.code : 'INTERNAL', message: 'the server could not answer' }
  // What the web server itself refuses has names of its own: to a client all of them are one thing.
  return { status, code: error.code === undefined || error.code.startsWith('FST_') ? 'BAD_REQUEST' : error.code, message: error.message }
}
