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
  name?: string
  /** where a line goes, newline included; default stderr, so that stdout stays free for a command's result */
  write?: (line: string) => void
}

/** Creates a log. Fields may hold bigint, Error (shown as code and message) and Uint8Array (hex); keys named like secrets are blanked. */
export function createLog(options: LogOptions = {}): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const sink = options.json ? write : (line: string) => write(humanLine(line))
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: options.name === undefined ? null : { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: sink },
  )
  return wrap(logger)
}

/** A log that says nothing, for tests and libraries without one. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }

function wrap(logger: pino.Logger): Log {
  return {
    debug: (event, fields) => logger.debug(plain(fields), event),
    info: (event, fields) => logger.info(plain(fields), event),
    warn: (event, fields) => logger.warn(plain(fields), event),
    error: (event, fields) => logger.error(plain(fields), event),
    child: (fields) => wrap(logger.child(plain(fields))),
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
  if (value instanceof Error) {
    const code = (value as { code?: unknown }).code
    return code === undefined ? `${value.name}: ${value.message}` : `${String(code)}: ${value.message}`
  }
  if (value instanceof Uint8Array) return `0x${Buffer.from(value.subarray(0, 64)).toString('hex')}`
  if (typeof value !== 'object' || value === null) return value
  if (depth > 3) return '…'
  if (value instanceof Map || value instanceof Set) return plainValue([...value], depth + 1)
  if (Array.isArray(value)) return value.map((entry) => plainValue(entry, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, SECRET.test(key) ? '[hidden]' : plainValue(entry, depth + 1)]))
}

function humanLine(line: string): string {
  const { time, level, name, event, ...fields } = JSON.parse(line) as Record<string, unknown>
  const text = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? humanText(value) : JSON.stringify(value)}`)
  return `${[String(time).slice(11, 23), String(level).toUpperCase().padEnd(5), ...(name === undefined ? [] : [String(name)]), humanText(String(event), true), ...text].join(' ')}\n`
}

// What a peer sent may stand in a field: no control character of it may reach a terminal.
function humanText(text: string, bare = false): string {
  const quoted = JSON.stringify(text).replace(/[\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return bare || !/[\s"=]/.test(text) ? quoted.slice(1, -1) : quoted
}
