import { BehaviorSubject, catchError, EMPTY, Observable, switchMap, throwError } from 'rxjs'
import type { Hash } from '@assay/protocol'
import { ChainError, ChainTimeoutError, ChainUnreachableError, RpcError, StoppedError } from './errors.ts'
import { heightOf } from './header.ts'
import { silent, type Log } from './log.ts'
import { connectRpc, endpointName, type EndpointInUse, type Rpc, type RpcOptions } from './rpc.ts'

export interface EndpointsOptions extends Omit<RpcOptions, 'endpoint'> {
  /** ws:// or wss:// addresses of nodes of one chain; the first to answer is used first */
  endpoints: readonly string[]
  /** The most requests that one endpoint is sent in a second; default: no limit. */
  requestsPerSecond?: number
  /** How often each endpoint is asked for its best block, which tells height and latency; default 5 000. */
  probeMs?: number
  /** How long an endpoint's best block may stand while another's goes on; default 20 000. */
  standMs?: number
  /** How long an endpoint that failed is left alone at first; each time in a row it is twice that, up to 32 times; default 10 000. */
  restMs?: number
  /** Numbers in [0, 1) by which pauses differ, so that many clients do not come back at once; default Math.random. */
  random?: () => number
  log?: Log
}

/** What is known of one endpoint. */
interface Endpoint {
  readonly url: string
  /** what it is called: no secret is in it */
  readonly name: string
  readonly take: (count: number) => Promise<void>
  rpc: Rpc | null
  /** of its best block, and when that last rose */
  height: number
  movedAt: number
  /** of its probes, smoothed, ms */
  latency: number
  /** subscriptions that it refused since it is connected */
  readonly refuses: Set<string>
  /** failures in a row; 0 when it answers a probe with a block that rose */
  failures: number
  restUntil: number
}

interface Ask {
  method: string
  params: readonly unknown[]
  settled: boolean
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/** Blocks that an endpoint may be behind the highest without being left for it. */
const LAG = 2
/** What a block behind costs in the choice, in ms, and the most that they cost together: a node that lies about its height must not outweigh its failures for ever. */
const BEHIND_MS = 1_000
const BEHIND_MOST_MS = 60_000
const FAILURE_MS = 10_000

/**
 * One connection over several endpoints of a chain: all are kept open and probed, one is used, and another takes its place when it is cut off, answers too late or "too many requests", stands still
 * while another goes on, or is distrusted by the reader. Requests under way are asked again of the new one, which is sound for the same reason as in `connectRpc`; subscriptions are made anew. Which
 * one is best is told by height, failures and latency; one that failed is left alone for a while and then may be chosen again. A subscription that one refuses is asked of another; it is an error when
 * none grants it. `endpoint` is the one in use.
 * Throws ChainUnreachableError if none answers within `connectMs` (default: `requestTimeoutMs`, 30 s).
 */
export async function connectEndpoints(options: EndpointsOptions): Promise<Rpc> {
  const { endpoints: urls, signal, requestTimeoutMs = 30_000, connectMs = requestTimeoutMs, probeMs = 5_000, standMs = 20_000, restMs = 10_000, random = Math.random, log = silent } = options
  if (signal.aborted) throw new StoppedError('The connection')
  const stop = new AbortController()
  const ending = AbortSignal.any([signal, stop.signal])
  const all = urls.map((url): Endpoint => ({ url, name: endpointName(url), take: limiter(options.requestsPerSecond, ending), refuses: new Set(), rpc: null, height: 0, movedAt: performance.now(), latency: 0, failures: 0, restUntil: 0 }))
  const connected$ = new BehaviorSubject(false)
  const active$ = new BehaviorSubject<Endpoint>(all[0]!)
  const inUse$ = new BehaviorSubject<EndpointInUse>({ endpoint: all[0]!.name, switches: 0, why: null })
  const asks = new Set<Ask>()
  let genesis: Hash | undefined
  let lastProblem: unknown
  let begun = false // one is or was in use

  const up = (one: Endpoint): boolean => one.rpc?.connected === true
  // Lower is better.
  const score = (one: Endpoint): number => {
    const highest = Math.max(...all.filter(up).map(({ height }) => height))
    return one.latency + Math.min(BEHIND_MOST_MS, BEHIND_MS * Math.max(0, highest - one.height - LAG)) + FAILURE_MS * (one.failures + one.refuses.size)
  }
  const candidates = (except?: Endpoint): Endpoint[] => all.filter((one) => one !== except && up(one) && one.restUntil <= performance.now()).toSorted((a, b) => score(a) - score(b))

  const use = (next: Endpoint, why: string): void => {
    const before = active$.value
    const { switches } = inUse$.value
    // The first to answer is no switch.
    if (next !== before && begun) {
      log.warn('endpoint switched', { from: before.name, to: next.name, why, switches: switches + 1 })
      inUse$.next({ endpoint: next.name, switches: switches + 1, why })
    } else if (next !== before) inUse$.next({ ...inUse$.value, endpoint: next.name })
    begun = true
    if (next !== before || !connected$.value) active$.next(next)
    connected$.next(true) // also if it was: another node answers now
    if (next !== before) run([...asks])
  }

  /** Something is wrong with an endpoint: another takes its place, if one is there. */
  const fault = (one: Endpoint, why: string): void => {
    if (one.restUntil <= performance.now()) one.failures++ // of many requests that fail together the first counts
    one.restUntil = performance.now() + restMs * 2 ** Math.min(one.failures - 1, 5) * (0.5 + random())
    log.debug('endpoint at fault', { endpoint: one.name, why, failures: one.failures })
    if (one === active$.value) choose(why)
  }

  /** Leaves the endpoint in use for the best other one. */
  const choose = (why: string): boolean => {
    const current = active$.value
    const [next] = candidates(current)
    if (next) use(next, why)
    else if (!up(current) && connected$.value) connected$.next(false)
    return next !== undefined
  }

  /** An endpoint refuses a subscription: true if another one takes its place, or has done so, which may grant it. */
  const refused = (one: Endpoint, method: string, error: unknown): boolean => {
    one.refuses.add(method)
    if (one !== active$.value) return true
    const [next] = candidates(one).filter(({ refuses }) => !refuses.has(method))
    if (next) use(next, error instanceof Error ? error.message : String(error))
    return next !== undefined
  }

  const settle = (ask: Ask, by: (ask: Ask) => void): void => {
    if (ask.settled) return
    ask.settled = true
    asks.delete(ask)
    by(ask)
  }

  /** Asks the endpoint in use; what it cannot answer in time is asked of the next. */
  const run = (some: readonly Ask[]): void => {
    const one = active$.value
    const { rpc } = one
    if (!rpc || some.length === 0) return // asked when an endpoint comes
    void one.take(some.length).then(() => {
      const open = some.filter(({ settled }) => !settled)
      if (open.length === 0 || one !== active$.value) return
      const answers = open.length === 1 ? [rpc.request(open[0]!.method, open[0]!.params)] : rpc.requests(open)
      for (const [i, answer] of answers.entries()) answer.then((value) => settle(open[i]!, (ask) => ask.resolve(value)), (error: unknown) => failed(one, open[i]!, error))
    }, () => {})
  }

  const failed = (one: Endpoint, ask: Ask, error: unknown): void => {
    if (ask.settled || one !== active$.value) return // another endpoint has it
    lastProblem = error
    if (error instanceof RpcError && !error.busy) return settle(ask, () => ask.reject(error)) // the chain's own answer
    fault(one, error instanceof Error ? error.message : String(error))
    if (one === active$.value) settle(ask, () => ask.reject(error)) // nobody else is there
  }

  const ask = (method: string, params: readonly unknown[], timeoutMs: number): { ask: Ask; answer: Promise<unknown> } => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => settle(made, () => reject(new ChainTimeoutError(active$.value.name, method, timeoutMs))), timeoutMs)
    const done = <T>(by: (value: T) => void) => (value: T): void => {
      clearTimeout(timer)
      by(value)
    }
    const made: Ask = { method, params, settled: false, resolve: done(resolve), reject: done(reject) }
    if (ending.aborted) settle(made, () => made.reject(new StoppedError('The connection')))
    else asks.add(made)
    return { ask: made, answer: promise }
  }

  /** Connects to an endpoint, again and again, and leaves out one that serves another chain. */
  const keep = async (one: Endpoint): Promise<void> => {
    for (let tries = 0; !ending.aborted; tries++) {
      let opened: Rpc | undefined
      try {
        // Half the time: what this one does not answer should still be answered by another.
        const rpc = await connectRpc({ ...options, endpoint: one.url, signal: ending, requestTimeoutMs: requestTimeoutMs / 2, connectMs: connectMs / 2 })
        opened = rpc
        const found = await rpc.request<Hash | null>('chain_getBlockHash', [0])
        if (typeof found !== 'string') throw new ChainUnreachableError(one.name, 'it has no block 0')
        genesis ??= found
        if (found !== genesis) {
          rpc.close()
          return log.warn('endpoint left out', { endpoint: one.name, why: `its genesis is ${found}, and the chain's is ${genesis}` })
        }
        one.rpc = rpc
        one.movedAt = performance.now()
        rpc.connected$.subscribe((is) => {
          one.refuses.clear()
          if (is && (one === active$.value || !up(active$.value))) use(one, 'it is connected')
          else if (!is && one === active$.value && !ending.aborted) choose('the connection was lost')
        })
        run([...asks])
        return await probing(one, rpc)
      } catch (error) {
        opened?.close() // it would come back for ever beside the next one
        lastProblem = error
        await pause(Math.min(60_000, (options.retryMs ?? 1_000) * 2 ** Math.min(tries, 6)) * (0.5 + random()), ending)
      }
    }
  }

  const probing = async (one: Endpoint, rpc: Rpc): Promise<void> => {
    while (!ending.aborted) {
      const asked = performance.now()
      try {
        const height = heightOf(await rpc.request<unknown>('chain_getHeader'))
        if (height === null) throw new ChainError('INCONSISTENT', `${one.name} gives a header that is none.`, 'Use another node.')
        const took = performance.now() - asked
        one.latency = one.latency === 0 ? took : 0.7 * one.latency + 0.3 * took
        if (height > one.height) {
          one.movedAt = performance.now()
          if (one.restUntil <= performance.now()) one.failures = 0
        }
        one.height = height
        if (one === active$.value && standsStill(one)) fault(one, `its best block stands at ${height} while another goes on`)
      } catch (error) {
        if (!ending.aborted && rpc.connected) fault(one, error instanceof Error ? error.message : String(error))
      }
      await pause(probeMs * (0.75 + 0.5 * random()), ending)
    }
  }

  const standsStill = (one: Endpoint): boolean => performance.now() - one.movedAt > standMs && all.some((other) => up(other) && other.height > one.height + LAG)

  const close = (): void => {
    stop.abort()
    for (const { rpc } of all) rpc?.close()
    for (const one of [...asks]) settle(one, () => one.reject(new StoppedError('The connection')))
    connected$.complete()
    active$.complete()
    inUse$.complete()
  }
  signal.addEventListener('abort', close, { once: true })

  for (const one of all) void keep(one)
  await first(connected$, connectMs).catch(() => {
    const stopped = signal.aborted
    close()
    if (stopped) throw new StoppedError('The connection')
    throw lastProblem instanceof ChainError ? lastProblem : new ChainUnreachableError(all.map(({ name }) => name).join(', '), 'no answer')
  })
  return {
    get endpoint() {
      return active$.value.name
    },
    inUse$: inUse$.asObservable(),
    connected$: connected$.asObservable(),
    get connected() {
      return connected$.value
    },
    get problem() {
      return active$.value.rpc?.problem ?? (lastProblem instanceof Error ? lastProblem.message : 'no answer')
    },
    request: <T>(method: string, params: readonly unknown[] = [], timeoutMs = requestTimeoutMs) => {
      const made = ask(method, params, timeoutMs)
      run([made.ask])
      return made.answer as Promise<T>
    },
    requests: <T>(calls: readonly { method: string; params: readonly unknown[] }[]) => {
      const made = calls.map(({ method, params }) => ask(method, params, requestTimeoutMs))
      run(made.map(({ ask }) => ask))
      return made.map(({ answer }) => answer as Promise<T>)
    },
    elsewhere: async <T>(method: string, params: readonly unknown[] = []) => {
      const others = all.filter((one) => one !== active$.value && up(one))
      const answers = await Promise.allSettled(others.map((one) => one.take(1).then(() => one.rpc!.request<T>(method, params))))
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    },
    subscribe: <T>(method: string, unsubscribe: string, params: readonly unknown[] = []) =>
      active$.pipe(switchMap((one) => (one.rpc ? one.rpc.subscribe<T>(method, unsubscribe, params).pipe(catchError((error: unknown) => (refused(one, method, error) ? EMPTY : throwError(() => error)))) : new Observable<T>()))),
    distrust: (why) => {
      const one = active$.value
      fault(one, why)
      if (one === active$.value) one.rpc?.distrust(why)
    },
    close,
  }
}

/** Spaces what it lets through evenly, in the order of asking. */
function limiter(perSecond: number | undefined, signal: AbortSignal): (count: number) => Promise<void> {
  if (perSecond === undefined || perSecond <= 0) return () => Promise.resolve()
  let free = 0
  return (count) => {
    const now = performance.now()
    const at = Math.max(now, free)
    free = at + (count * 1_000) / perSecond
    return at <= now ? Promise.resolve() : pause(at - now, signal)
  }
}

/** Resolves after so many ms, or when the signal fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}

/** Resolves when it is true; rejects after so many ms, or when it completes before. */
function first(is$: Observable<boolean>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(new Error('late'))), ms)
    const watching = is$.subscribe({ next: (is) => is && end(resolve), complete: () => end(() => reject(new Error('ended'))) })
    function end(by: () => void): void {
      clearTimeout(timer)
      queueMicrotask(() => watching.unsubscribe())
      by()
    }
  })
}
