// One way to add a route: schemas in, schemas out, and the compiler holds the handler to both.
import type { FastifyInstance } from 'fastify'
import type { Static, TObject, TSchema } from 'typebox'
import type { Kysely } from 'kysely'
import type { BehaviorSubject } from 'rxjs'
import type { AccountId, Crypto, Hash, LoadBlob } from '@assay/protocol'
import { toAccountId } from '@assay/runtime-bindings'
import type { ExplorerOptions } from './explorer.ts'
import type { ChainState } from '../follow.ts'
import type { PotView } from '../pot.ts'
import type { Tables } from '../tables.ts'
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
}

/** An answer that is an error: `{ error: { code, message } }` with this status. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly statusCode: number
  readonly code: string
  constructor(statusCode: number, code: string, message: string) {
    super(message)
    this.statusCode = statusCode
    this.code = code
  }
}

export const notFound = (code: string, message: string): ApiError => new ApiError(404, code, message)

/** The account that a path names. Throws ApiError BAD_ACCOUNT. */
export function accountIn(path: { account: string }): AccountId {
  try {
    return toAccountId(path.account)
  } catch {
    throw new ApiError(400, 'BAD_ACCOUNT', 'the path must name an account: 0x and 64 hex digits, or an SS58 address')
  }
}

interface Shape<P extends TObject, Q extends TObject, R extends TSchema> { summary: string, params?: P, query?: Q, answer: R }

/** Adds a GET route. Path and query are checked before `handle` runs, the answer is written by its schema. */
export function route<R extends TSchema, P extends TObject = TObject<{}>, Q extends TObject = TObject<{}>>(app: FastifyInstance, url: string, { summary, params, query, answer }: Shape<P, Q, R>, handle: (params: Static<P>, query: Static<Q>) => Static<R> | Promise<Static<R>>): void {
  const schema = { summary, ...(params && { params }), ...(query && { querystring: query }), response: { 200: answer, '4xx': ErrorBody, '5xx': ErrorBody } }
  app.get(url, { schema }, (request) => handle(request.params as Static<P>, request.query as Static<Q>))
}
