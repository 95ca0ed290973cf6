import { describe, expect, it } from 'vitest'
import { answer, AssayApiError, createAssayClient, each } from './index.ts'

/** A client of a server that answers from `pages`, by path and query. */
function clientOf(pages: Record<string, { status?: number, body?: unknown, text?: string, headers?: Record<string, string> }>) {
  const asked: string[] = []
  const client = createAssayClient('http://indexer.example/', {
    fetch: (request) => {
      const { pathname, search } = new URL(request.url)
      asked.push(pathname + search)
      request.signal.throwIfAborted()
      const { status = 200, body, text, headers } = pages[pathname + search] ?? { status: 404, body: { error: { code: 'NOT_FOUND', message: 'there is nothing here' } } }
      return Promise.resolve(new Response(text ?? JSON.stringify(body), { status, headers: { 'content-type': text === undefined ? 'application/json' : 'text/plain', ...headers } }))
    },
  })
  return { client, asked }
}
const collected = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('each', () => {
  it('goes from page to page to the end, with the same parameters', async () => {
    const { client, asked } = clientOf({
      '/machines?sort=score&limit=2': { body: { items: [1, 2], next: 'b' } },
      '/machines?sort=score&limit=2&cursor=b': { body: { items: [3], next: null } },
    })
    expect(await collected(each(client, '/machines', { query: { sort: 'score', limit: 2 } }))).toEqual([1, 2, 3])
    expect(asked).toHaveLength(2)
  })

  it('asks for no page that nobody reads', async () => {
    const { client, asked } = clientOf({ '/rounds': { body: { items: [1, 2], next: 'b' } } })
    for await (const _ of each(client, '/rounds', {})) break
    expect(asked).toEqual(['/rounds'])
  })

  it('puts what a path names in its place', async () => {
    const { client, asked } = clientOf({ '/machines/5F%2F/verdicts': { body: { items: [], next: null } } })
    expect(await collected(each(client, '/machines/{account}/verdicts', { path: { account: '5F/' } }))).toEqual([])
    expect(asked).toEqual(['/machines/5F%2F/verdicts'])
  })

  it('stops with the error of the page that failed, or when it is told to', async () => {
    const { client } = clientOf({ '/rounds': { body: { items: [1], next: 'b' } } })
    const read: unknown[] = []
    await expect((async () => {
      for await (const round of each(client, '/rounds', {})) read.push(round)
    })()).rejects.toMatchObject({ name: 'AssayApiError', code: 'NOT_FOUND', status: 404, retryAfter: null })
    expect(read).toEqual([1])
    await expect(collected(each(client, '/rounds', {}, AbortSignal.abort()))).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('answer', () => {
  it('gives what came', async () => {
    const { client } = clientOf({ '/health': { body: { ok: true } } })
    expect(await answer(client.GET('/health'))).toEqual({ ok: true })
  })

  it('throws what the API says, with how long to wait', async () => {
    const { client } = clientOf({ '/network': { status: 429, body: { error: { code: 'RATE_LIMITED', message: 'too many requests' } }, headers: { 'retry-after': '7' } } })
    await expect(answer(client.GET('/network'))).rejects.toEqual(expect.objectContaining({ code: 'RATE_LIMITED', status: 429, retryAfter: 7, message: 'too many requests' }))
    await expect(answer(client.GET('/network'))).rejects.toBeInstanceOf(AssayApiError)
  })

  it('takes what is no answer of the API for a fault of the server', async () => {
    const { client } = clientOf({ '/network': { status: 502, text: 'bad gateway' } })
    await expect(answer(client.GET('/network'))).rejects.toMatchObject({ code: 'INTERNAL', status: 502 })
  })
})
