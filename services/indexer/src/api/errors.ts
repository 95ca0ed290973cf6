// Every error that the API gives: its code is for programs and for ever, the sentence for people.

const ERRORS = {
  BAD_REQUEST: [400, 'A parameter is malformed or out of its bounds; the message names it.'],
  BAD_ACCOUNT: [400, 'The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.'],
  BAD_CURSOR: [400, 'The cursor is not one that this list gave, with the same sort.'],
  BAD_SEARCH: [400, 'What is searched for is no DID, no address or account, and no beginning of one.'],
  BAD_EVENT_ID: [400, 'The id after which events are asked for is not one that this server gave.'],
  BAD_QUERY: [400, 'The GraphQL document has an error of syntax or asks for what the schema does not have.'],
  QUERY_TOO_LARGE: [400, 'The GraphQL document is too long, or uses too many aliases.'],
  QUERY_TOO_DEEP: [400, 'The GraphQL document nests fields too deeply.'],
  QUERY_TOO_COSTLY: [400, 'The GraphQL document asks for too much at once: ask for fewer entries a page, or fewer fields.'],
  NOT_FOUND: [404, 'There is no such path.'],
  NO_MACHINE: [404, 'The account is no machine of this network and never was.'],
  NO_CHECKER: [404, 'The account is no checker of this network and never was.'],
  NO_DOCUMENT: [404, 'The account has no identity that counts, so there is no document of it.'],
  NO_ROUND: [404, 'The round has not begun.'],
  NO_VERDICT: [404, 'The round has no verdict of this machine, or is not judged yet.'],
  NO_EPOCH: [404, 'The epoch has not begun.'],
  NOT_SCORED: [404, 'The epoch is not scored yet.'],
  EVIDENCE_MISSING: [404, 'Evidence with this hash is needed here and nobody has served it yet; it is asked for again.'],
  NO_EVIDENCE: [404, 'No evidence with this hash is held: it was never needed here, or was pruned.'],
  NOT_IN_STATEMENT: [404, 'The statement of the epoch says nothing of the account.'],
  ROUND_FORGOTTEN: [404, 'A round that the recording needs is no longer kept here: make it from a chain.'],
  RECORDING_TOO_LONG: [404, 'The recording would be longer than one may be, for it holds all before its epoch: replay from a chain.'],
  OBSERVATIONS_PRUNED: [410, 'The single observations were let go by the retention policy; verdicts, scores and their proofs are kept for ever.'],
  METHOD_NOT_ALLOWED: [405, 'The API only reads: use GET, HEAD or OPTIONS.'],
  FORBIDDEN_ORIGIN: [403, 'Pages of this origin may not read the API here.'],
  RATE_LIMITED: [429, 'Too many requests of one client: wait as many seconds as Retry-After says.'],
  INTERNAL: [500, 'The server could not answer; its operator finds the reason in its log.'],
  DATABASE: [503, 'The database does not answer now: try again.'],
  TOO_MANY_CLIENTS: [503, 'As many streams of events are open as this server allows, to one client or in all: wait as many seconds as Retry-After says.'],
  SLOW_CLIENT: [503, 'The client does not take what it is sent: the stream was ended.'],
  BUSY: [503, 'As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.'],
  TIMED_OUT: [503, 'The answer took longer than this server allows: ask for less, or try again.'],
} as const satisfies Record<string, readonly [status: number, text: string]>

export type ErrorCode = keyof typeof ERRORS
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]
export const statusOf = (code: ErrorCode): number => ERRORS[code][0]
export const errorText = (code: ErrorCode): string => ERRORS[code][1]

/** An answer that is an error: `{ error: { code, message } }` with the status of its code. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly statusCode: number
  /** what is said of it is for the client, whatever the status */
  readonly expose = true
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.statusCode = statusOf(code)
    this.code = code
  }
}
