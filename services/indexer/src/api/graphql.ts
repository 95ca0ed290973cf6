// GraphQL over HTTP at /graphql, and subscriptions over WebSocket there. What is asked for is answered by the routes of the REST API.
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { execute, getOperationAST, GraphQLError, MaxIntrospectionDepthRule, parse, specifiedRules, subscribe, validate, type DocumentNode, type ExecutionArgs, type GraphQLFormattedError, type GraphQLSchema } from 'graphql'
import { handleProtocols, makeServer } from 'graphql-ws'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import { isOperatorError } from '@assay/kit/lifecycle'
import type { LiveType, Position, Want } from '../live.ts'
import { ApiError } from './errors.ts'
import { placeOf, seatFor, wantOf, type StreamDeps } from './events.ts'
import { costOf, LIMITS } from './graphql-limits.ts'
import { schemaOf, type Asking } from './graphql-schema.ts'
import { answered, operationsOf, whileWaiting, type Operation } from './route.ts'
import { drained } from './seats.ts'

const MAX_CHARACTERS = 20_000
/** Of documents that were found good and are kept, all together: of a document its tree is kept too, and that takes up to 300 bytes a character. */
const KEPT_CHARACTERS = 100_000
/** Fields of the answer for which a document counts as one request. */
const FIELDS_A_REQUEST = 1000
const SUBSCRIPTIONS_A_SOCKET = 10
const MAX_MESSAGE_BYTES = 64 * 1024

const Body = Type.Object({ query: Type.String({ maxLength: MAX_CHARACTERS }), variables: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])), operationName: Type.Optional(Type.Union([Type.String(), Type.Null()])) })
const InUrl = Type.Object({ query: Type.String({ maxLength: MAX_CHARACTERS }), variables: Type.Optional(Type.String()), operationName: Type.Optional(Type.String()) })

/** Adds /graphql, over all routes that `app` has by now. */
export async function graphqlRoutes(app: FastifyInstance, deps: StreamDeps): Promise<void> {
  const { schema } = schemaOf(operationsOf(app))
  subscriptions(schema, deps)
  const documents = documentsOf(schema)

  const charge = chargerOf(app)

  async function answer({ query, variables, operationName }: Static<typeof Body>, request: FastifyRequest, reply: FastifyReply): Promise<{ status: number, body: object }> {
    const told = (errors: readonly GraphQLError[]) => errors.map((error) => tell(error, deps))
    try {
      const { args, cost } = documents({ query, variables: variables ?? {}, operationName })
      if (getOperationAST(args.document, operationName)?.operation !== 'query') throw new ApiError('BAD_QUERY', 'only queries are served here; subscriptions over WebSocket')
      // It was counted as one when it came.
      await charge(request, Math.ceil(cost / FIELDS_A_REQUEST) - 1)
      const { data, errors } = await execute({ ...args, contextValue: new Asks(app, request, whileWaiting(reply)) })
      return { status: 200, body: { ...(data !== undefined && { data }), ...(errors && { errors: told(errors) }) } }
    } catch (error) {
      const errors = error instanceof Invalid ? error.errors : [asGraphql(error)]
      const { originalError: cause } = errors[0]!
      const status = cause instanceof ApiError ? cause.statusCode : cause === undefined ? 400 : 500
      if (cause instanceof Limited) void reply.header('retry-after', String(cause.seconds))
      const shown = told(errors)
      deps.metrics.graphqlRefused.inc({ code: String(shown[0]!.extensions!['code']) })
      return { status, body: { errors: shown } }
    }
  }

  await app.register(websocket, { options: { maxPayload: MAX_MESSAGE_BYTES, handleProtocols } })
  const hidden = { hide: true }
  app.post('/graphql', { schema: { ...hidden, body: Body } }, async (request, reply) => {
    const { status, body } = await answer(request.body as Static<typeof Body>, request, reply)
    return reply.code(status).header('cache-control', 'no-store').send(body)
  })
  app.route({
    method: 'GET', url: '/graphql', exposeHeadRoute: false, schema: hidden,
    preHandler: (request, reply, done) => {
      if (request.ws) {
        // A browser asks nobody before it opens a socket elsewhere: what CORS does for the rest is done here.
        if (!mayRead(request, deps.corsOrigins)) throw new ApiError('FORBIDDEN_ORIGIN', 'pages of this origin may not read the API here')
        seatFor(deps, request, reply)
      }
      done()
    },
    handler: async (request, reply) => {
      const asked: unknown = request.query
      if (!Value.Check(InUrl, asked)) throw new ApiError('BAD_REQUEST', `give the document as query, of at most ${MAX_CHARACTERS} characters`)
      const { status, body } = await answer({ ...asked, variables: variablesIn(asked.variables) }, request, reply)
      return reply.code(status).header('cache-control', status === 200 ? 'public, no-cache' : 'no-store').send(body)
    },
    wsHandler: (socket, request) => serveSocket(socket, request, { app, documents, charge }, deps),
  })
}

/** Counts what a client asks for beside its requests. Throws Limited where that is more than it may. */
type Charge = (request: FastifyRequest, requests: number) => Promise<void>

/** A client asks for more than it may for now. */
class Limited extends ApiError {
  /** after which it may go on */
  readonly seconds: number
  constructor(seconds: number) {
    super('RATE_LIMITED', `too many requests, where a document counts as one for each ${FIELDS_A_REQUEST} fields that its answer could have: go on in ${seconds} s`)
    this.seconds = seconds
  }
}

function chargerOf(app: FastifyInstance): Charge {
  if (!app.hasDecorator('createRateLimit')) return () => Promise.resolve()
  const count = app.createRateLimit()
  return async (request, requests) => {
    for (let i = 0; i < requests; i++) {
      const counted = await count(request)
      if (!counted.isAllowed && counted.isExceeded) throw new Limited(counted.ttlInSeconds)
    }
  }
}

/** Programs, this server's own pages, and pages of the origins that are let in. */
function mayRead({ headers: { origin, host } }: FastifyRequest, corsOrigins: readonly string[]): boolean {
  return origin === undefined || corsOrigins.includes('*') || corsOrigins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host)
}

function variablesIn(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new ApiError('BAD_REQUEST', 'variables must be a JSON object')
}

/** What is wrong with a document. */
class Invalid extends Error {
  readonly errors: readonly GraphQLError[]
  constructor(errors: readonly GraphQLError[]) {
    super('the document is not valid')
    this.errors = errors
  }
}

interface Asked { query: string, variables: Readonly<Record<string, unknown>>, operationName?: string | null | undefined }
/** `cost`: fields of the answer, at the most that its lists may hold. */
type Documents = (asked: Asked) => { args: ExecutionArgs, cost: number }

/** Checks documents; throws Invalid, ApiError. */
function documentsOf(schema: GraphQLSchema): Documents {
  const kept = new Map<string, DocumentNode>()
  let characters = 0
  const rules = [...specifiedRules, MaxIntrospectionDepthRule]

  function documentOf(query: string): DocumentNode {
    if (query.length > MAX_CHARACTERS) throw new ApiError('QUERY_TOO_LARGE', `the document has more than ${MAX_CHARACTERS} characters`)
    const document = parse(query, { maxTokens: LIMITS.tokens })
    const errors = validate(schema, document, rules, { maxErrors: 5 })
    if (errors.length > 0) throw new Invalid(errors)
    return document
  }

  return ({ query, variables, operationName }) => {
    const document = kept.get(query) ?? documentOf(query)
    // Last in the map: the first is the one that was not asked for longest.
    characters += kept.delete(query) ? 0 : query.length
    kept.set(query, document)
    for (const [old] of kept) {
      if (characters <= KEPT_CHARACTERS) break
      kept.delete(old)
      characters -= old.length
    }
    const operation = getOperationAST(document, operationName)
    if (!operation) throw new ApiError('BAD_QUERY', 'operationName must name one of the operations of the document')
    const cost = costOf(schema, document, operation, variables)
    return { args: { schema, document, variableValues: variables, ...(operationName && { operationName }) }, cost }
  }
}

/** Asks routes on behalf of resolvers: what they ask of one route in one turn of the event loop is asked once. */
class Asks implements Asking {
  readonly #app: FastifyInstance
  readonly #request: FastifyRequest
  readonly #signal: AbortSignal
  readonly #gathering = new Map<string, { operation: Operation, query: object, params: Map<string, { params: object, answer: PromiseWithResolvers<unknown> }> }>()

  constructor(app: FastifyInstance, request: FastifyRequest, signal: AbortSignal) {
    this.#app = app
    this.#request = request
    this.#signal = signal
  }

  async ask(operation: Operation, params: object, given: object): Promise<unknown> {
    const query = checked(operation, 'query', given)
    checked(operation, 'params', params)
    const key = `${operation.id} ${JSON.stringify(query)}`
    if (!this.#gathering.has(key)) {
      this.#gathering.set(key, { operation, query, params: new Map() })
      setImmediate(() => void this.#go(key))
    }
    const { params: asked } = this.#gathering.get(key)!
    const one = JSON.stringify(params)
    if (!asked.has(one)) asked.set(one, { params, answer: Promise.withResolvers() })
    return asked.get(one)!.answer.promise
  }

  async #go(key: string): Promise<void> {
    const { operation, query, params } = this.#gathering.get(key)!
    this.#gathering.delete(key)
    const all = [...params.values()]
    try {
      const paths = all.map(({ params }) => params)
      const make = <T>(work: () => Promise<T>): Promise<T> => answered(this.#app, this.#request, this.#signal, work)
      const answers = operation.askMany ? await make(() => operation.askMany!(paths, query)) : await Promise.all(paths.map((path) => make(() => operation.ask(path, query)).catch((error: unknown) => error)))
      for (const [i, { answer }] of all.entries()) if (answers[i] instanceof Error) answer.reject(answers[i])
        else answer.resolve(answers[i])
    } catch (error) {
      for (const { answer } of all) answer.reject(error)
    }
  }
}

/** Path or query of a route, its defaults filled in. Throws ApiError BAD_REQUEST. */
function checked(operation: Operation, part: 'params' | 'query', given: object): object {
  const schema = operation[part]
  if (!schema) return given
  const filled = Value.Default(schema, { ...given })
  if (Value.Check(schema, filled)) return filled as object
  const [error] = Value.Errors(schema, filled)
  throw new ApiError('BAD_REQUEST', `${error?.instancePath.slice(1) ?? part} ${error?.message ?? 'is malformed'}`)
}

const asGraphql = (error: unknown): GraphQLError => (error instanceof GraphQLError ? error : new GraphQLError((error as Error).message, { originalError: error as Error }))

/** An error as clients see it: with a code, and of our own faults nothing else. */
function tell(error: GraphQLError, { log }: Pick<StreamDeps, 'log'>): GraphQLFormattedError {
  const { originalError: cause } = error
  const shown = error.toJSON()
  const coded = (code: string, message = shown.message): GraphQLFormattedError => ({ ...shown, message, extensions: { code } })
  if (cause instanceof ApiError) return coded(cause.code)
  if (cause === undefined || cause instanceof GraphQLError) return coded('BAD_QUERY')
  log.error('GraphQL field failed', { error: cause, path: error.path?.join('.') })
  return coded(isOperatorError(cause) ? 'DATABASE' : 'INTERNAL', 'the server could not answer')
}

interface Socketed { signal: AbortSignal, sent: () => Promise<void> }
type StreamContext = Asks & Socketed

/** Adds what subscriptions listen to. */
function subscriptions(schema: GraphQLSchema, { live, metrics }: StreamDeps): void {
  const fields = schema.getSubscriptionType()!.getFields()
  async function* told(want: Want, from: Position | null, signal: AbortSignal, sent: () => Promise<void>) {
    for await (const event of live.events(from, want, signal)) {
      metrics.liveEvents.inc({ type: event.type })
      yield event
      // The next is asked for when this one was sent, but a socket takes more than it can hold.
      await sent()
    }
  }
  fields['events']!.subscribe = (_root: unknown, { types, machine, after }: { types?: string[], machine?: string, after?: string }, { signal, sent }: StreamContext) => {
    const [want, from] = [wantOf({ types, machine }), placeOf(after)]
    return endable(signal, (signal) => told(want, from, signal, sent))
  }
  fields['events']!.resolve = ({ id, type, data }: { id: string, type: string, data: object }) => ({ id, type, [type]: data })
  for (const [name, type] of [['blocks', 'block'], ['rounds', 'round'], ['verdicts', 'verdict'], ['payouts', 'payout'], ['epochs', 'epoch']] as [string, LiveType][]) {
    fields[name]!.subscribe = (_root: unknown, { machine }: { machine?: string }, { signal, sent }: StreamContext) => {
      const want = wantOf({ types: [type], machine })
      return endable(signal, async function* (signal) {
        for await (const event of told(want, null, signal, sent)) if (event.type === type) yield event
      })
    }
    fields[name]!.resolve = ({ data }: { data: object }) => data
  }
}

/** A generator that ends when it is told to, also while it waits. */
function endable<T>(signal: AbortSignal, begin: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  const over = new AbortController()
  const running = begin(AbortSignal.any([signal, over.signal]))
  const end = running.return.bind(running)
  running.return = (value) => {
    over.abort()
    return end(value)
  }
  return running
}

type Peer = Parameters<NonNullable<Parameters<FastifyInstance['route']>[0]['wsHandler']>>[0]

/** One client's socket, by the protocol graphql-transport-ws. */
function serveSocket(socket: Peer, request: FastifyRequest, { app, documents, charge }: { app: FastifyInstance, documents: Documents, charge: Charge }, deps: StreamDeps): void {
  const { options: { heartbeatMs, slowMs }, metrics, log, closing } = deps
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, closing])
  const raw: Socket = request.raw.socket
  let alive = true

  const drop = (reason: string): void => {
    metrics.liveDropped.inc({ reason })
    gone.abort()
    socket.terminate()
  }
  const sent = (): Promise<void> => drained(raw, slowMs, signal).catch(() => drop('SLOW_CLIENT'))
  /** Whoever does not read what he is sent is not listened to until he does: each message has an answer. */
  const relieve = async (): Promise<void> => {
    if (socket.isPaused || !raw.writableNeedDrain) return
    socket.pause()
    await sent()
    socket.resume()
  }
  let subscribed = 0
  const server = makeServer<Record<string, unknown>>({
    onSubscribe: async (_context, _id, { query, variables, operationName }) => {
      try {
        // As a request over HTTP, also if it is refused.
        await charge(request, 1)
        if (subscribed >= SUBSCRIPTIONS_A_SOCKET) throw new ApiError('TOO_MANY_CLIENTS', `${SUBSCRIPTIONS_A_SOCKET} subscriptions of one socket are allowed`)
        const { args, cost } = documents({ query, variables: variables ?? {}, operationName })
        subscribed++
        await charge(request, Math.ceil(cost / FIELDS_A_REQUEST) - 1).catch((error: unknown) => {
          subscribed--
          throw error
        })
        return { ...args, contextValue: Object.assign(new Asks(app, request, signal), { signal, sent }) }
      } catch (error) {
        return error instanceof Invalid ? error.errors : [asGraphql(error)]
      }
    },
    onComplete: () => void subscribed--,
    execute, subscribe,
    onNext: (_context, _id, _payload, _args, result) => (result.errors ? { ...result, errors: result.errors.map((error) => tell(error, deps)) } as never : undefined),
    onError: (_context, _id, _payload, errors) => errors.map((error) => tell(error, deps)),
  })
  const closed = server.opened({
    protocol: socket.protocol,
    send: (text) => new Promise<void>((resolve) => (socket.readyState === socket.OPEN ? socket.send(text, () => resolve()) : resolve())),
    close: (code, reason) => socket.close(code, reason),
    onMessage: (take) => void socket.on('message', (bytes: Buffer) => {
      void relieve()
      take(bytes.toString()).catch((error: unknown) => {
        log.error('subscription failed', { error })
        drop('INTERNAL')
      })
    }),
  }, {})
  const heart = setInterval(() => {
    if (!alive) return drop('SILENT')
    alive = false
    socket.ping()
  }, heartbeatMs)
  metrics.liveClients.inc({ transport: 'websocket' })
  socket.on('pong', () => void (alive = true))
  socket.on('ping', () => void relieve())
  socket.on('error', () => gone.abort())
  socket.once('close', (code: number, reason: Buffer) => {
    clearInterval(heart)
    gone.abort()
    metrics.liveClients.dec({ transport: 'websocket' })
    void closed(code, reason.toString())
  })
  signal.addEventListener('abort', () => socket.close(1001), { once: true })
}
