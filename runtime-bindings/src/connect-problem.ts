// Why a connection could not be made. Node's WebSocket says nothing of it; the HTTP client below it does, to whoever listens.
import { subscribe } from 'node:diagnostics_channel'

/** Of each host that could not be reached, what was wrong the last time. */
const problems = new Map<string, string>()
/** More hosts than any process dials. */
const KEPT = 256

let listening = false

function keep(host: string, problem: string): void {
  problems.delete(host)
  problems.set(host, problem)
  if (problems.size > KEPT) problems.delete(problems.keys().next().value!)
}

interface ConnectError { connectParams?: { host?: string, hostname?: string }, error?: Error & { code?: string } }
interface Headers { request?: { origin?: unknown, upgrade?: unknown }, response?: { statusCode?: number } }

/** Begins to listen; once a process. */
export function watchConnections(): void {
  if (listening) return
  listening = true
  subscribe('undici:client:connectError', (message) => {
    const { connectParams: { host, hostname = '' } = {}, error } = message as ConnectError
    if (host !== undefined && error !== undefined) keep(host, connectProblem(error, hostname))
  })
  subscribe('undici:request:headers', (message) => {
    const { request, response } = message as Headers
    const status = response?.statusCode ?? 0
    if (status < 300 || typeof request?.origin !== 'string' || !URL.canParse(request.origin)) return
    keep(new URL(request.origin).host, status === 429 ? 'it answers HTTP 429, too many requests' : `it answers HTTP ${status} where a web socket should be`)
  })
}

/** What was wrong the last time that the host of an address was dialled; undefined where nothing was told. It is forgotten by asking. */
export function takeProblem(address: string): string | undefined {
  const { host } = new URL(address)
  const problem = problems.get(host)
  problems.delete(host)
  return problem
}

/** Certificates are the one thing here that hangs on this machine's clock. */
const CLOCK = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])

/**
 * One clause for an operator.
 * @example connectProblem(Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' }), 'x') // 'the name x does not resolve (ENOTFOUND): correct it, or see that DNS answers here'
 */
export function connectProblem({ code = '', message }: Error & { code?: string }, hostname: string, now = new Date()): string {
  switch (code) {
    case 'ENOTFOUND': return `the name ${hostname} does not resolve (${code}): correct it, or see that DNS answers here`
    case 'EAI_AGAIN': return `the name ${hostname} cannot be looked up (${code}): DNS does not answer here`
    case 'ECONNREFUSED': return 'the connection is refused (ECONNREFUSED)'
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL': return `there is no way to ${hostname} from here (${code}): see that this machine has the family of its address, IPv4 or IPv6`
    case 'EMFILE': return 'this process may open no more files (EMFILE): raise its limit, ulimit -n or LimitNOFILE='
    default:
      if (CLOCK.has(code)) return `its certificate is not valid at this machine's time, ${now.toISOString()} (${code}): set its clock`
      return code === '' ? message : `${message} (${code})`
  }
}
