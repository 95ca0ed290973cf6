import { BehaviorSubject, Observable, of, type Observer } from 'rxjs'
import { takeProblem, watchConnections } from './connect-problem.ts'
import { ChainTimeoutError, ChainUnreachableError, RpcError, StoppedError } from './errors.ts'

/**
 * JSON-RPC over one WebSocket that comes back by itself for ever. A request rides out a cut: it is sent again on the next connection until its time is up, which is sound because all we ask
 * is a read, or the submission of signed bytes that can take effect once. Subscriptions are made anew on each connection. Own code rather than polkadot's WsProvider: that one rejects at once in
 * an outage, prints to the console, never times out a connection that died silently, and crashes the process when a cut meets its own subscription.
 */
export interface Rpc {
  /** What the endpoint is called: its address without what may be a secret in it. */
  readonly endpoint: string
  /** The endpoint in use, now and after each switch to another. */
  readonly inUse$: Observable<EndpointInUse>
  readonly connected$: Observable<boolean>
  readonly connected: boolean
  /** What was last wrong with the connection, in a clause. */
  readonly problem: string
  /** Answers `result`. Throws RpcError (the node's own error), ChainTimeoutError, StoppedError. */
  request<T>(method: string, params?: readonly unknown[], timeoutMs?: number): Promise<T>
  /** The same for many at once, in as few messages as the node takes. */
  requests<T>(calls: readonly { readonly method: string; readonly params: readonly unknown[] }[]): Promise<T>[]
  /** What the endpoints that are not in use answer, of those that are connected and do so in time: to hold a claim of the one in use against. */
  elsewhere<T>(method: string, params?: readonly unknown[]): Promise<T[]>
  /** Values of a subscription, through any number of connections; what happened during an outage is not delivered. Errors if the node refuses it, completes on `close`. */
  subscribe<T>(method: string, unsubscribe: string, params?: readonly unknown[]): Observable<T>
  /** The reader finds that what answers cannot be right, or does not move: another connection is made, to another endpoint where there are several. */
  distrust(why: string): void
  close(): void
}

/** Which of several endpoints is asked. */
export interface EndpointInUse {
  readonly endpoint: string
  /** how often another has taken its place since the start, and why the last time; null before the first */
  readonly switches: number
  readonly why: string | null
}

/**
 * What an address is called in logs, errors and on pages: many hold a key in user, path or query.
 * @example endpointName('wss://me:pw@rpc.example:443/v1/KEY') // 'wss://rpc.example/…'
 */
export function endpointName(address: string): string {
  if (!URL.canParse(address)) return address.replace(/^(\w+:\/\/)?[^/]*@/, '$1…@').replace(/([^:/])\/.*$/, '$1/…')
  const { protocol, host, pathname, search } = new URL(address)
  return `${protocol}//${host}${pathname.length > 1 || search !== '' ? '/…' : ''}`
}

interface Pending {
  method: string
  body: string
  resolve: (value: unknown) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}
interface Subscription {
  begin: () => void
  end: () => void
}
interface Reply {
  id?: unknown
  result?: unknown
  error?: { code?: unknown; message?: unknown; data?: unknown }
  method?: unknown
  params?: { subscription?: unknown; result?: unknown }
}

export interface RpcOptions {
  endpoint: string
  signal: AbortSignal
  /** How long a request may take, connection losses included; default 30 000. */
  requestTimeoutMs?: number
  /** How long the first connection may take; default `requestTimeoutMs`. */
  connectMs?: number
  /** Pause between attempts to connect; default 1 000. */
  retryMs?: number
  /** Silence after which the connection is probed, and given up if the probe stays unanswered as long again; default 15 000. */
  idleMs?: number
}

/** A batch should be taken by most nodes, and its answer not be beyond what they send in one message. */
const LARGEST_BATCH = 64

/** Opens the connection; resolves at the first success and throws ChainUnreachableError if there is none within `connectMs`. */
export async function connectRpc({ endpoint: address, signal, requestTimeoutMs = 30_000, connectMs = requestTimeoutMs, retryMs = 1_000, idleMs = 15_000 }: RpcOptions): Promise<Rpc> {
  const endpoint = endpointName(address)
  if (!/^wss?:\/\/\S+$/.test(address) || !URL.canParse(address)) throw new ChainUnreachableError(endpoint, 'the address does not begin with ws:// or wss://')
  if (signal.aborted) throw new StoppedError('The connection')
  watchConnections()
  const connected$ = new BehaviorSubject(false)
  const pending = new Map<number, Pending>()
  const live = new Map<string, (value: unknown) => void>()
  const subscriptions = new Set<Subscription>()
  let orphans = new Map<string, unknown[]>() // values that overtake the answer that names their subscription
  let nextId = 0
  let socket: WebSocket | undefined
  let retry: NodeJS.Timeout | undefined
  let heard = performance.now()
  let up = false // what `connected$` says, already true while it is being announced
  let closed = false
  let batches = true // until the node refuses one
  let lastProblem = 'no answer'

  const send = (item: Pending): void => socket!.send(item.body)

  const sendAll = (items: readonly Pending[]): void => {
    if (!batches || items.length < 2) return items.forEach(send)
    for (let at = 0; at < items.length; at += LARGEST_BATCH) socket!.send(`[${items.slice(at, at + LARGEST_BATCH).map(({ body }) => body).join(',')}]`)
  }

  const onReply = (text: string): void => {
    heard = performance.now()
    let reply: Reply | Reply[]
    try {
      reply = JSON.parse(text) as Reply | Reply[]
    } catch {
      return // not JSON-RPC; the request will time out
    }
    if (Array.isArray(reply)) return reply.forEach(take)
    if (batches && reply?.id === null && reply.error) {
      batches = false
      for (const item of pending.values()) send(item)
    } else take(reply)
  }

  const take = (reply: Reply): void => {
    if (typeof reply?.id === 'number') {
      const item = pending.get(reply.id)
      if (!item) return
      pending.delete(reply.id)
      clearTimeout(item.timer)
      if (reply.error) {
        const { code, message, data } = reply.error
        item.reject(new RpcError(item.method, typeof code === 'number' ? code : 0, String(message ?? ''), data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data)))
      } else item.resolve(reply.result)
      return
    }
    const subscription = reply?.params?.subscription
    if (subscription === undefined) return
    const key = String(subscription)
    const listener = live.get(key)
    if (listener) listener(reply.params?.result)
    else if (orphans.size < 64) orphans.set(key, [...(orphans.get(key) ?? []), reply.params?.result].slice(-16))
  }

  const drop = (why: string): void => {
    lastProblem = why
    const old = socket
    socket = undefined
    up = false
    live.clear()
    orphans = new Map()
    if (old) {
      old.onopen = old.onmessage = old.onerror = old.onclose = null
      old.onerror = () => {} // a socket we no longer want may still fail
      old.close()
    }
    if (connected$.value) connected$.next(false)
    if (!closed) {
      clearTimeout(retry)
      retry = setTimeout(open, retryMs)
    }
  }

  const open = (): void => {
    const fresh = new WebSocket(address)
    socket = fresh
    heard = performance.now()
    fresh.onopen = () => {
      up = true
      for (const item of pending.values()) send(item)
      for (const subscription of subscriptions) subscription.begin()
      connected$.next(true)
    }
    fresh.onmessage = (event: MessageEvent) => onReply(String(event.data))
    fresh.onerror = (event) => drop(up ? 'the connection broke' : takeProblem(address) ?? ((event as { message?: string }).message || 'it cannot be connected to'))
    fresh.onclose = () => drop('the connection was closed')
  }

  /** A request that is under way from now on; whether it is sent at once or with others, or on the next connection, is the caller's. */
  const prepare = <T>(method: string, params: readonly unknown[], timeoutMs: number): { item?: Pending; answer: Promise<T> } => {
    if (closed) return { answer: Promise.reject(new StoppedError(`The connection to ${endpoint}`)) }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const id = nextId++
    const timer = setTimeout(() => {
      pending.delete(id)
      reject(new ChainTimeoutError(endpoint, method, timeoutMs))
    }, timeoutMs)
    const item: Pending = { method, body: JSON.stringify({ jsonrpc: '2.0', id, method, params }), resolve: resolve as (value: unknown) => void, reject, timer }
    pending.set(id, item)
    return { item, answer: promise }
  }

  const request = <T>(method: string, params: readonly unknown[] = [], timeoutMs = requestTimeoutMs): Promise<T> => {
    const { item, answer } = prepare<T>(method, params, timeoutMs)
    if (item && up) send(item)
    return answer
  }

  const requests: Rpc['requests'] = <T>(calls: readonly { method: string; params: readonly unknown[] }[]) => {
    const prepared = calls.map(({ method, params }) => prepare<T>(method, params, requestTimeoutMs))
    if (up) sendAll(prepared.flatMap(({ item }) => item ?? []))
    return prepared.map(({ answer }) => answer)
  }

  const subscribe = <T>(method: string, unsubscribe: string, params: readonly unknown[] = []): Observable<T> =>
    new Observable<T>((observer: Observer<T>) => {
      if (closed) return observer.complete()
      let key: string | undefined
      let asked: WebSocket | undefined
      const begin = (): void => {
        const mine = (asked = socket)
        key = undefined
        request<unknown>(method, params).then(
          (id) => {
            // unwanted by now, or asked on a connection that is gone and sent again on this one, which has a `begin` of its own
            if (!subscriptions.has(entry) || mine !== socket) return void request(unsubscribe, [id]).catch(() => {})
            key = String(id)
            live.set(key, (value) => observer.next(value as T))
            for (const value of orphans.get(key) ?? []) observer.next(value as T)
            orphans.delete(key)
          },
          (error: unknown) => {
            if (error instanceof RpcError) observer.error(error)
            else if (up && subscriptions.has(entry)) begin() // a lost answer: ask again
          },
        )
      }
      const entry: Subscription = { begin, end: () => observer.complete() }
      subscriptions.add(entry)
      if (up) begin()
      return () => {
        subscriptions.delete(entry)
        if (key !== undefined && asked === socket && up) {
          live.delete(key)
          request(unsubscribe, [key]).catch(() => {})
        }
      }
    })

  const watch = setInterval(() => {
    if (!up) {
      if (socket && performance.now() - heard > 2 * idleMs) drop('the connection cannot be opened') // a handshake that never ends
      return
    }
    const silence = performance.now() - heard
    if (silence > 2 * idleMs) drop('the connection went silent')
    else if (silence > idleMs) request('system_chain', [], idleMs).catch(() => {})
  }, idleMs / 2)

  const close = (): void => {
    if (closed) return
    closed = true
    clearInterval(watch)
    clearTimeout(retry)
    signal.removeEventListener('abort', close)
    drop('closed by us')
    for (const item of pending.values()) {
      clearTimeout(item.timer)
      item.reject(new StoppedError(`The connection to ${endpoint}`))
    }
    pending.clear()
    for (const subscription of [...subscriptions]) subscription.end()
    connected$.complete()
  }
  signal.addEventListener('abort', close, { once: true })

  open()
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.unsubscribe()
      reject(new ChainUnreachableError(endpoint, lastProblem))
    }, connectMs)
    const waiting = connected$.subscribe({
      next: (up) => {
        if (!up) return
        clearTimeout(timer)
        queueMicrotask(() => waiting.unsubscribe())
        resolve()
      },
      complete: () => {
        clearTimeout(timer)
        reject(new StoppedError(`The connection to ${endpoint}`))
      },
    })
  }).catch((error: unknown) => {
    close()
    throw error
  })
  return {
    endpoint,
    inUse$: of({ endpoint, switches: 0, why: null }),
    connected$: connected$.asObservable(),
    get connected() {
      return connected$.value
    },
    get problem() {
      return lastProblem
    },
    request,
    requests,
    elsewhere: () => Promise.resolve([]),
    subscribe,
    distrust: (why) => {
      if (up) drop(why)
    },
    close,
  }
}
