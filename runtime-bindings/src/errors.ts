/**
 * What went wrong at the door to the chain, in words for an operator. `exit` says whether to try again: 1 mend something first, 75 try later.
 * The shape is that of the services' own operator errors, so that a `main` prints either the same way.
 */
export class ChainError extends Error {
  readonly code: string
  readonly advice: string
  readonly exit: 1 | 75

  constructor(code: string, message: string, advice: string, options: { exit?: 1 | 75; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.advice = advice
    this.exit = options.exit ?? 1
  }
}

/** The endpoint does not answer, or does not answer like a chain. */
export class ChainUnreachableError extends ChainError {
  constructor(endpoint: string, why: string, cause?: unknown) {
    super('CHAIN_UNREACHABLE', `No chain answers at ${endpoint}: ${why}.`, 'Check the address (ws:// or wss://) and that the node runs and can be reached from here.', { exit: 75, cause })
  }
}

/** A request found no answer in its time; nothing is known about its effect. */
export class ChainTimeoutError extends ChainError {
  constructor(endpoint: string, method: string, ms: number) {
    super('CHAIN_TIMEOUT', `${endpoint} did not answer ${method} within ${ms} ms.`, 'The node is down, cut off or overloaded; the request can be repeated.', { exit: 75 })
  }
}

/** The endpoint answers with an error of its own (JSON-RPC `code`, `message`, `data`). */
export class RpcError extends ChainError {
  readonly rpcCode: number
  readonly data: string
  /** it refuses because it was asked too much */
  readonly busy: boolean

  constructor(method: string, rpcCode: number, message: string, data: string) {
    const busy = isBusy(rpcCode, message)
    super('RPC', `The node refuses ${method}: ${rpcCode} ${message}${data ? ` (${data})` : ''}.`, busy ? 'It is asked too much: use a node of your own, or name several in --chain.' : 'See the node\'s own message.', { exit: busy ? 75 : 1 })
    this.busy = busy
    this.rpcCode = rpcCode
    this.data = data
  }
}

/** Whether a node refuses because it was asked too much: JSON-RPC has no code for it. */
const isBusy = (rpcCode: number, message: string): boolean => rpcCode === 429 || rpcCode === -32005 || /rate.?limit|too many requests|limit exceeded/i.test(message)

/** The endpoint now serves another chain than the one we connected to. */
export class ChainReplacedError extends ChainError {
  readonly found: `0x${string}`

  constructor(endpoint: string, expected: string, found: `0x${string}`) {
    super('CHAIN_REPLACED', `${endpoint} serves another chain: genesis ${found} where ${expected} was.`, 'Point to the right node, or start again with fresh data if the chain was meant to be replaced.')
    this.found = found
  }
}

/** This runtime lacks something we need. */
export class MissingFeatureError extends ChainError {
  constructor(what: string, spec: string) {
    super('MISSING_FEATURE', `This runtime (${spec}) has no ${what}.`, 'Connect to a peaq chain; if it is one, its runtime is newer than this version knows.')
  }
}

/** Someone asked to stop. */
export class StoppedError extends ChainError {
  constructor(what: string) {
    super('STOPPED', `${what} was stopped.`, 'Nothing to do.', { exit: 75 })
  }
}
