// Events with fields: JSON lines for machines, short lines for people, both through pino.
import pino from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'
export type LogFields = Record<string, unknown>

/** A log takes an event in plain words and fields with the values: `log.info('round scored', { round: 7 })`. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  child(fields: LogFields): Log
}

export interface LogOptions {
  level?: LogLevel
  json?: boolean
  /** which program speaks */
  service?: string
  /** where a line goes, newline included; default stderr, so that stdout stays free for a command's result */
  write?: (line: string) => void
  /** monotonic ms */
  now?: () => number
}

/**
 * Creates a log. Fields may hold bigint, Error (as `{ code, message, advice }`) and Uint8Array (hex); keys named like secrets are blanked. docs/LOGS.md describes the lines.
 * Of one event at most 20 lines a minute are written at warn and error: trouble that comes with each block or each stranger must not fill the disk. The next one says how many were left out, as `unsaid`.
 */
export function createLog({ level = 'info', json = false, service, write = toStderr, now = () => performance.now() }: LogOptions = {}): Log {
  const sink = json ? write : (line: string) => write(humanLine(line))
  const logger = pino(
    {
      level,
      base: service === undefined ? null : { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: sink },
  )
  return wrap(logger, lineLimit(now))
}

// Who reads our log may go away, and the disk under it may be full: neither may end a service. (Node would throw the error of a stream that nobody listens to.)
function toStderr(line: string): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => {})
  process.stderr.write(line)
}

const WINDOW_MS = 60_000
const LINES_A_WINDOW = 20

/** Says of each line of an event whether it may be written: how many were left out before it, or null if it is left out itself. */
function lineLimit(now: () => number): (event: string) => number | null {
  const windows = new Map<string, { since: number, lines: number, unsaid: number }>()
  return (event) => {
    const at = now()
    const known = windows.get(event)
    if (known !== undefined && at - known.since < WINDOW_MS) {
      if (known.lines >= LINES_A_WINDOW) {
        known.unsaid++
        return null
      }
      known.lines++
      return 0
    }
    windows.set(event, { since: at, lines: 1, unsaid: 0 })
    return known?.unsaid ?? 0
  }
}

/** A log that says nothing, for tests and libraries without one. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }

function wrap(logger: pino.Logger, limit: (event: string) => number | null): Log {
  const limited = (level: 'warn' | 'error') => (event: string, fields?: LogFields): void => {
    const unsaid = limit(event)
    if (unsaid !== null) logger[level](plain(unsaid === 0 ? fields : { ...fields, unsaid }), event)
  }
  return {
    debug: (event, fields) => logger.debug(plain(fields), event),
    info: (event, fields) => logger.info(plain(fields), event),
    warn: limited('warn'),
    error: limited('error'),
    child: (fields) => wrap(logger.child(plain(fields)), limit),
  }
}

const SECRET = /^(password|seed|secret|mnemonic|privateKey)$/i

function plain(fields: LogFields = {}): LogFields {
  const out: LogFields = {}
  for (const [key, value] of Object.entries(fields)) out[key] = SECRET.test(key) ? '[hidden]' : plainValue(value, 0)
  return out
}

function plainValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) return plainError(value)
  if (value instanceof Uint8Array) return `0x${Buffer.from(value.subarray(0, 64)).toString('hex')}`
  if (typeof value !== 'object' || value === null) return value
  if (depth > 3) return '…'
  if (value instanceof Map || value instanceof Set) return plainValue([...value], depth + 1)
  if (Array.isArray(value)) return value.map((entry) => plainValue(entry, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, SECRET.test(key) ? '[hidden]' : plainValue(entry, depth + 1)]))
}

interface PlainError { code: string, message: string, advice?: string, cause?: string, stack?: string }

/** What is said of an error: of one that has a code, what to do about it where it knows; of any other, which is a fault of the program, where it happened. */
function plainError(error: Error): PlainError {
  const { code, advice } = error as { code?: unknown, advice?: unknown }
  const under = error.cause instanceof Error ? plainError(error.cause) : undefined
  const cause = under === undefined || error.message.includes(under.message) || error.message.includes(under.code) ? undefined : shortError(under)
  return {
    code: code === undefined ? error.name : String(code),
    message: error.message,
    ...(typeof advice === 'string' ? { advice } : {}),
    ...(cause === undefined ? {} : { cause }),
    ...(code === undefined && error.stack !== undefined ? { stack: error.stack } : {}),
  }
}

const shortError = ({ code, message }: PlainError): string => `${code}: ${message}`

function humanLine(line: string): string {
  const { time, level, service, event, ...fields } = JSON.parse(line) as Record<string, unknown>
  const text = Object.entries(fields).flatMap(([key, value]) => (key === 'error' && isPlainError(value) ? [`error=${humanText(shortError(value))}`, ...(value.advice === undefined ? [] : [`advice=${humanText(value.advice)}`]), ...(value.stack === undefined ? [] : [`stack=${humanText(value.stack)}`])] : [`${key}=${typeof value === 'string' ? humanText(value) : JSON.stringify(value)}`]))
  return `${[String(time).slice(11, 23), String(level).toUpperCase().padEnd(5), ...(service === undefined ? [] : [String(service)]), humanText(String(event), true), ...text].join(' ')}\n`
}

const isPlainError = (value: unknown): value is PlainError => typeof value === 'object' && value !== null && 'code' in value && 'message' in value

// What a peer sent may stand in a field: no control character of it may reach a terminal.
function humanText(text: string, bare = false): string {
  const quoted = JSON.stringify(text).replace(/[\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return bare || !/[\s"=]/.test(text) ? quoted.slice(1, -1) : quoted
}
