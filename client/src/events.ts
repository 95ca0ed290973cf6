// What happens, as it happens: an indexer's stream of events, read with fetch, so that it works where there is no EventSource.
import { AssayApiError, type Schemas } from './index.ts'

interface Told {
  /** what comes next is from here on */
  ready: Record<string, never>
  /** events were missed: read again what was read before */
  reset: Record<string, never>
  /** confirmed */
  block: { number: number, hash: string, parentHash: string }
  /** judged */
  round: { round: number, epoch: number, judgedAt: number, outcomes: Record<string, number>, work: string }
  verdict: Schemas['Verdict']
  /** scored, or its statement found on chain */
  epoch: { epoch: number, totals: Schemas['EpochTotals'] }
  payout: Schemas['Payout']
}

export type AssayEvent = { [T in keyof Told]: { id: string, type: T, data: Told[T] } }[keyof Told]

export interface EventOptions {
  /** default: block, round, epoch; with a machine all */
  types?: readonly Exclude<keyof Told, 'ready' | 'reset'>[]
  /** of verdicts only those of this machine, of payouts only those to its owner */
  machine?: string
  /** id of the last event that was read */
  after?: string
  signal?: AbortSignal
  /** wait before coming back after a loss of the connection; default 3 s */
  retryMs?: number
  /** default: the platform's */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/**
 * Events of the indexer at `url` until the signal fires. After a loss of the connection it comes back and goes on where it was.
 * @throws AssayApiError where the indexer refuses what is asked for
 * @example for await (const { type, data } of events('http://127.0.0.1:4630', { types: ['round'], signal })) if (type === 'round') console.log(data.outcomes)
 */
export async function* events(url: string, { types, machine, after, signal, retryMs = 3000, fetch = globalThis.fetch }: EventOptions = {}): AsyncGenerator<AssayEvent, void, undefined> {
  const query = new URLSearchParams({ ...(types && { types: types.join(',') }), ...(machine !== undefined && { machine }) })
  let last = after
  while (!signal?.aborted) {
    let wait = retryMs
    try {
      const response = await fetch(`${url.replace(/\/+$/, '')}/events?${query}`, { headers: { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) }, ...(signal && { signal }) })
      if (!response.ok || !response.body) throw await refusal(response)
      for await (const event of parsed(response.body)) {
        last = event.id
        yield event
      }
    } catch (error) {
      if (signal?.aborted) return
      if (error instanceof AssayApiError) {
        if (error.retryAfter === null) throw error
        wait = error.retryAfter * 1000
      }
    }
    await pause(wait, signal)
  }
}

async function refusal(response: Response): Promise<AssayApiError> {
  const { error } = (await response.json().catch(() => ({}))) as Partial<Schemas['Error']>
  return new AssayApiError(error ?? { code: 'INTERNAL', message: `the server answered ${response.status} without an error of the API` }, response)
}

async function* parsed(body: ReadableStream<Uint8Array>): AsyncGenerator<AssayEvent, void, undefined> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(bytes, { stream: true })
    const frames = text.split('\n\n')
    text = frames.pop()!
    for (const frame of frames) {
      const fields = new Map(frame.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]))
      const [id, type, data] = [fields.get('id'), fields.get('event'), fields.get('data')]
      // A comment shows that the server lives.
      if (id !== undefined && type !== undefined && data !== undefined) yield { id, type, data: JSON.parse(data) as unknown } as AssayEvent
    }
  }
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms)
  signal?.addEventListener('abort', () => {
    clearTimeout(timer)
    resolve()
  }, { once: true })
})
