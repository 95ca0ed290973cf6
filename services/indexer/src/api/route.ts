// One way to add a route: schemas in, schemas out, and the compiler holds the handler to both. The OpenAPI document is made of the same schemas.
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { Static, TObject, TSchema } from 'typebox'
import type { Kysely } from 'kysely'
import type { BehaviorSubject, Observable } from 'rxjs'
import { isOperatorError, OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import type { AccountId, Crypto, Hash, LoadBlob } from '@assay/protocol'
import { toAccountId } from '@assay/runtime-bindings'
import type { ExplorerOptions } from './explorer.ts'
import type { ChainState } from '../follow.ts'
import type { PotView } from '../pot.ts'
import type { Tables } from '../tables.ts'
import { clientOf } from './client.ts'
import { Desk } from './desk.ts'
import { ApiError, errorText, statusOf, type ErrorCode } from './errors.ts'
import { ErrorBody } from './shapes.ts'

/** What the answers are made from. */
export interface ApiDeps {
  db: Kysely<Tables>
  crypto: Crypto
  state$: BehaviorSubject<ChainState>
  /** height of the best block; null while the endpoint told none */
  best: () => number | null
  /** how the pot stands; null while the chain did not tell */
  pot: () => PotView | null
  network: AccountId
  genesisHash: Hash
  /** evidence by hash, verified; absent where a server has none to give */
  evidence?: LoadBlob
  /** where the explorer lies, and what it links to; absent where none is served */
  explorer?: ExplorerOptions
  /** emits when tables may have changed, after the commit; default: only `state$` tells */
  changes$?: Observable<unknown>
  /** default: silent */
  log?: Log
}

/** The account that a path or filter names. Throws ApiError BAD_ACCOUNT. */
export function accountIn({ account }: { account: string }): AccountId {
  try {
    return toAccountId(account)
  } catch {
    throw new ApiError('BAD_ACCOUNT', `"${account.slice(0, 80)}" must name an account: 0x and 64 hex digits, or an SS58 address`)
  }
}

export const TAGS = {
  network: 'What the network is and where it stands',
  machines: 'Machines, their verdicts and scores',
  checkers: 'Checkers, what they reported and how well they measure',
  rounds: 'Rounds: from the freeze of the registry to the verdicts',
  epochs: 'Epochs: scores, payouts, the statement and its proofs',
  feed: 'Verified machines for renters’ programs',
  events: 'What happens, as it happens',
  operations: 'For whoever runs this server',
} as const

interface Shape<P extends TObject, Q extends TObject, R extends TSchema> {
  /** its name in a client */
  id: string
  tag: keyof typeof TAGS
  summary: string
  description?: string
  params?: P
  query?: Q
  answer: R
  /** beside those that any route may give */
  errors?: readonly ErrorCode[]
  /** how long others may keep the answer, in seconds; default 0: they ask each time, by its ETag */
  fresh?: number
}

/** What any route may answer that reads the database. */
export const ANY_ROUTE: readonly ErrorCode[] = ['BAD_REQUEST', 'RATE_LIMITED', 'INTERNAL', 'DATABASE', 'BUSY', 'TIMED_OUT']

/** What a route does, for whoever asks in another way than by its path: GraphQL. Path and query as `params` and `query` have them; rejects with ApiError. */
export interface Operation {
  id: string
  tag: keyof typeof TAGS
  summary: string
  params: TObject | undefined
  query: TObject | undefined
  answer: TSchema
  ask(params: object, query: object): Promise<unknown>
  /** for many paths at once, in as many queries as for one */
  askMany?(params: readonly object[], query: object): Promise<unknown[]>
}

const desks = new WeakMap<FastifyInstance, Desk>()
/** Gives an app its desk: all its answers are made there. */
export const openDesk = (app: FastifyInstance, desk: Desk): void => void desks.set(app, desk)

function deskOf(app: FastifyInstance): Desk {
  const desk = desks.get(app) ?? new Desk()
  desks.set(app, desk)
  return desk
}

/** Makes an answer at the desk, on behalf of whoever asks, as long as he waits. A database that does not answer has one code, whatever its own says. */
export async function answered<T>(app: FastifyInstance, { ip }: Pick<FastifyRequest, 'ip'>, gone: AbortSignal, make: () => T | Promise<T>): Promise<T> {
  try {
    return await deskOf(app).run(clientOf(ip), gone, make)
  } catch (error) {
    if (!isOperatorError(error) || error.code === 'DATABASE') throw error
    throw new OperatorError('DATABASE', error.message, { advice: error.advice, exit: error.exit, cause: error })
  }
}

/** Fires when nobody waits for the answer any more: it is on its way, or whoever asked has left. The request's own signal fires as soon as its body is read. */
export function whileWaiting({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  raw.once('close', leave).once('finish', leave)
  return gone.signal
}

const operations = new WeakMap<FastifyInstance, Operation[]>()
/** The routes of an app that were added by `route` and `routeEach`. */
export const operationsOf = (app: FastifyInstance): readonly Operation[] => operations.get(app) ?? []

/** Adds a GET route whose handler answers for many paths at once; HTTP asks for one. An ApiError among the answers is thrown where it is asked for. */
export function routeEach<R extends TSchema, P extends TObject, Q extends TObject = TObject<{}>>(app: FastifyInstance, url: string, shape: Shape<P, Q, R>, handle: (params: readonly Static<P>[], query: Static<Q>) => Promise<(Static<R> | ApiError)[]>): void {
  route(app, url, shape, async (params, query) => {
    const [answer] = await handle([params], query)
    if (answer instanceof ApiError) throw answer
    return answer!
  })
  operations.get(app)!.at(-1)!.askMany = (params, query) => handle(params as Static<P>[], query as Static<Q>)
}

/** Adds a GET route. Path and query are checked before `handle` runs, the answer is written by its schema. */
export function route<R extends TSchema, P extends TObject = TObject<{}>, Q extends TObject = TObject<{}>>(app: FastifyInstance, url: string, shape: Shape<P, Q, R>, handle: (params: Static<P>, query: Static<Q>) => Static<R> | Promise<Static<R>>): void {
  const { id, tag, summary, description, params, query, answer, errors = [], fresh = 0 } = shape
  const schema: FastifySchema = { operationId: id, tags: [tag], summary, ...(description && { description }), ...(params && { params }), ...(query && { querystring: optional(query) }), response: { 200: described(answer), 304: NOT_CHANGED, ...errorResponses([...ANY_ROUTE, ...errors]) } }
  const cacheControl = fresh > 0 ? `public, max-age=${fresh}` : 'public, no-cache'
  operations.set(app, [...operationsOf(app), { id, tag, summary, params, query, answer, ask: async (params, query) => handle(params as Static<P>, query as Static<Q>) }])
  app.get(url, { schema }, async (request, reply) => {
    const result = await answered(app, request, whileWaiting(reply), () => handle(request.params as Static<P>, request.query as Static<Q>))
    void reply.header('cache-control', cacheControl)
    return result
  })
}

/** To whoever asks with If-None-Match for what he holds. */
const NOT_CHANGED = { type: 'null', description: 'the copy with this ETag is still right' } as const

/** What has a default may be left out. */
const optional = (query: TObject) => ({ ...query, required: (query.required ?? []).filter((name) => (query.properties[name] as { default?: unknown }).default === undefined) })

const described = <S extends TSchema>(schema: S): S => ({ ...schema, description: (schema as { description?: string }).description ?? 'OK' })

/** Errors that say when to come again. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(['RATE_LIMITED', 'BUSY', 'TOO_MANY_CLIENTS'])

/** For each status the codes that come with it. */
export function errorResponses(codes: readonly ErrorCode[]) {
  const byStatus = Map.groupBy(codes, statusOf)
  return Object.fromEntries([...byStatus].map(([status, alike]) => [status, { ...ErrorBody, description: alike.map((code) => `\`${code}\`: ${errorText(code)}`).join('\n\n'), ...(alike.some((code) => RETRIED.has(code)) && { headers: { 'Retry-After': { type: 'integer', description: 'seconds to wait' } } }) }]))
}
