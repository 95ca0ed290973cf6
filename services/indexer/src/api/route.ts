// One way to add a route: schemas in, schemas out, and the compiler holds the handler to both. The OpenAPI document is made of the same schemas.
import type { FastifyInstance, FastifySchema } from 'fastify'
import type { Static, TObject, TSchema } from 'typebox'
import type { Kysely } from 'kysely'
import type { BehaviorSubject, Observable } from 'rxjs'
import type { Log } from '@assay/kit/log'
import type { AccountId, Crypto, Hash, LoadBlob } from '@assay/protocol'
import { toAccountId } from '@assay/runtime-bindings'
import type { ExplorerOptions } from './explorer.ts'
import type { ChainState } from '../follow.ts'
import type { PotView } from '../pot.ts'
import type { Tables } from '../tables.ts'
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

const ANY_ROUTE: readonly ErrorCode[] = ['BAD_REQUEST', 'RATE_LIMITED', 'INTERNAL', 'DATABASE', 'TIMED_OUT']

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
  const schema: FastifySchema = { operationId: id, tags: [tag], summary, ...(description && { description }), ...(params && { params }), ...(query && { querystring: optional(query) }), response: { 200: described(answer), ...errorResponses([...ANY_ROUTE, ...errors]) } }
  const cacheControl = fresh > 0 ? `public, max-age=${fresh}` : 'public, no-cache'
  operations.set(app, [...operationsOf(app), { id, tag, summary, params, query, answer, ask: async (params, query) => handle(params as Static<P>, query as Static<Q>) }])
  app.get(url, { schema }, async (request, reply) => {
    const result = await handle(request.params as Static<P>, request.query as Static<Q>)
    void reply.header('cache-control', cacheControl)
    return result
  })
}

/** What has a default may be left out. */
const optional = (query: TObject) => ({ ...query, required: (query.required ?? []).filter((name) => (query.properties[name] as { default?: unknown }).default === undefined) })

const described = <S extends TSchema>(schema: S): S => ({ ...schema, description: (schema as { description?: string }).description ?? 'OK' })

/** For each status the codes that come with it. */
export function errorResponses(codes: readonly ErrorCode[]) {
  const byStatus = Map.groupBy(codes, statusOf)
  return Object.fromEntries([...byStatus].map(([status, alike]) => [status, { ...ErrorBody, description: alike.map((code) => `\`${code}\`: ${errorText(code)}`).join('\n\n'), ...(status === 429 && { headers: { 'Retry-After': { type: 'integer', description: 'seconds to wait' } } }) }]))
}
