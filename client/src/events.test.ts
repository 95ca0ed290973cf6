import { expect, it } from 'vitest'
import { events, type AssayEvent, type EventOptions } from './events.ts'

const frame = (id: string, type: string, data: object) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
const stream = (...parts: string[]) => () => new Response(new ReadableStream({
  start(controller) {
    for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
    controller.close()
  },
}))

/** Reads until `n` events came, from a server that answers as it is told, and says what it was asked. */
async function read(n: number, answers: (() => Response)[], options: EventOptions = {}) {
  const asked: [url: string, last: string | undefined][] = []
  const stop = new AbortController()
  const told: AssayEvent[] = []
  const fetch = async (url: string, { headers }: RequestInit) => {
    asked.push([url, (headers as Record<string, string>)['last-event-id']])
    return answers.shift()!()
  }
  for await (const event of events('http://indexer/', { fetch, retryMs: 0, signal: stop.signal, ...options })) if (told.push(event) === n) stop.abort()
  return { asked, told: told.map(({ id, type }) => `${id} ${type}`), first: told[0] }
}

it('reads events, however the stream is cut into pieces', async () => {
  const text = `${frame('1.0', 'ready', {})}:\n\n${frame('2.0', 'block', { number: 1, hash: '0x', parentHash: 'é' })}`
  for (const at of [1, 5, 20, text.length - 1]) expect((await read(2, [stream(text.slice(0, at), text.slice(at))])).told).toEqual(['1.0 ready', '2.0 block'])
  expect((await read(1, [stream(frame('2.0', 'block', { number: 1 }))])).first).toEqual({ id: '2.0', type: 'block', data: { number: 1 } })
})

it('asks for what is wanted, and after a loss for what came since', async () => {
  const lost = () => {
    throw new TypeError('fetch failed')
  }
  const full = () => Response.json({ error: { code: 'TOO_MANY_CLIENTS', message: '' } }, { status: 503, headers: { 'retry-after': '0' } })
  const { asked, told } = await read(3, [stream(frame('2.0', 'block', {}), 'id: 3.0\nevent: bl'), lost, full, stream(frame('3.0', 'block', {}), frame('3.1.round0', 'round', {}))], { types: ['block', 'round'], machine: '0xab', after: '1.0' })
  expect(told).toEqual(['2.0 block', '3.0 block', '3.1.round0 round'])
  expect(asked).toEqual(['1.0', '2.0', '2.0', '2.0'].map((last) => ['http://indexer/events?types=block%2Cround&machine=0xab', last]))
})

it('does not come back to a server that refuses what is asked for', async () => {
  await expect(read(1, [() => Response.json({ error: { code: 'BAD_ACCOUNT', message: 'no account' } }, { status: 400 })])).rejects.toMatchObject({ code: 'BAD_ACCOUNT', status: 400 })
  await expect(read(1, [() => new Response('gateway', { status: 502 })])).rejects.toMatchObject({ code: 'INTERNAL', status: 502 })
})

it('ends with the signal, also while it waits to come back', async () => {
  const stop = new AbortController()
  const reading = events('http://indexer', { signal: stop.signal, retryMs: 1e9, fetch: () => Promise.reject(new TypeError('fetch failed')) }).next()
  await Promise.resolve()
  stop.abort()
  expect(await reading).toEqual({ done: true, value: undefined })
})
