// A typed client of an Assay indexer, for browsers and Node: every path, parameter and answer is known to the compiler.
import createFetchClient, { type Client } from 'openapi-fetch'
import type { components, paths } from './schema.ts'

export type { components, paths } from './schema.ts'
/** The parts of answers by name: `Schemas['Machine']`. */
export type Schemas = components['schemas']
export type AssayClient = Client<paths>
export type ErrorCode = Schemas['Error']['error']['code']

export interface ClientOptions {
  /** default: the platform's */
  fetch?: (request: Request) => Promise<Response>
}

/**
 * A client of the indexer at `url`.
 * @example const { data, error } = await createAssayClient('http://127.0.0.1:4630').GET('/machines/{account}', { params: { path: { account: '5F…' } } })
 */
export function createAssayClient(url: string, options: ClientOptions = {}): AssayClient {
  return createFetchClient<paths>({ baseUrl: url.replace(/\/+$/, ''), ...options })
}

/** The indexer refused; `code` is of the closed list in its OpenAPI document. */
export class AssayApiError extends Error {
  override readonly name = 'AssayApiError'
  readonly code: ErrorCode
  readonly status: number
  /** seconds to wait before asking again, where the server says so */
  readonly retryAfter: number | null
  constructor({ code, message }: { code: ErrorCode; message: string }, { status, headers }: Response) {
    super(message)
    this.code = code
    this.status = status
    const seconds = headers.get('retry-after')
    this.retryAfter = seconds === null ? null : Number(seconds)
  }
}

/** What came, or the error as an exception. @throws AssayApiError */
export async function answer<T>(asked: Promise<{ data?: T; error?: Schemas['Error']; response: Response }>): Promise<T> {
  const { data, error, response } = await asked
  if (error !== undefined || data === undefined) throw new AssayApiError(error?.error ?? { code: 'INTERNAL', message: `the server answered ${response.status} without an error of the API` }, response)
  return data
}

type Page<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: { 'application/json': infer A } } } } } ? (A extends { items: unknown[]; next: string | null } ? A : never) : never
/** Paths that answer with pages. */
export type ListPath = { [P in keyof paths]: [Page<P>] extends [never] ? never : P }[keyof paths]
/** An entry of a list. */
export type Item<P extends ListPath> = Page<P>['items'][number]
type Params<P extends ListPath> = paths[P] extends { get: { parameters: infer A } } ? { [K in keyof A as K extends 'path' | 'query' ? (undefined extends A[K] ? never : K) : never]: A[K] } & { query?: (A extends { query?: infer Q } ? Q : never) | undefined } : never

/**
 * All entries of a list, page after page, as they are asked for. What is added to the list meanwhile neither repeats nor hides an entry.
 * @throws AssayApiError
 * @example for await (const machine of each(client, '/machines', { query: { sort: 'score' } })) console.log(machine.address)
 */
export async function* each<P extends ListPath>(client: AssayClient, path: P, params: Params<P>, signal?: AbortSignal): AsyncGenerator<Item<P>, void, undefined> {
  // One signature for all lists: which parameters a path takes was checked above.
  const get = client.GET as unknown as (path: P, init: object) => Promise<{ data?: { items: Item<P>[]; next: string | null }; error?: Schemas['Error']; response: Response }>
  const { query = {}, ...rest }: { query?: object; path?: object } = params
  for (let cursor: string | undefined; ;) {
    const page = await answer(get(path, { params: { ...rest, query: { ...query, ...(cursor !== undefined && { cursor }) } }, ...(signal && { signal }) }))
    yield* page.items
    if (page.next === null) return
    cursor = page.next
  }
}
