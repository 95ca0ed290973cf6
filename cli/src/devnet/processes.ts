// The devnet's children: the same programs that operators run, each a process of its own, watched and stopped as one.
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Subject, type Observable } from 'rxjs'

/** One JSON line that a child wrote; `event` is the stable name of what happened. */
export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface Child {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly lines$: Observable<LogLine>
  /** The first line with this event, from now or before. Rejects if the child ends first. */
  line(event: string): Promise<LogLine>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  kill(signal: NodeJS.Signals): void
  stop(graceMs: number): Promise<void>
}

/** The last words of a child that ended when it should not have. */
export class ChildEndedError extends Error {
  constructor(child: string, how: string, lastWords: string, logFile: string) {
    super(`${child} ended unexpectedly (${how}). Its last words: ${lastWords || 'none'}. The whole log is ${logFile}`)
    this.name = 'ChildEndedError'
  }
}

/**
 * Starts `node ...args` with its standard input as a leash: a child ends when that pipe does, so nothing outlives a
 * devnet that was killed without a chance to clean up; without the leash, a command that ends by itself ends at once. Both outputs go to `<logDir>/<name>.log`.
 */
export function spawnChild(options: { name: string; args: string[]; logDir: string; env: NodeJS.ProcessEnv; execArgv?: string[]; leash?: boolean }): Child {
  const { leash = true } = options
  const logFile = join(options.logDir, `${options.name}.log`)
  const log = createWriteStream(logFile, { flags: 'a' })
  const child: ChildProcess = spawn(process.execPath, [...(options.execArgv ?? process.execArgv), ...options.args], {
    stdio: [leash ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: leash ? { ...options.env, ASSAY_LEASH: 'stdin' } : options.env,
  })
  const lines = new Subject<LogLine>()
  const seen = new Map<string, LogLine>()
  const waiting = new Map<string, ((line: LogLine) => void)[]>()
  let lastWords = ''
  child.stdin?.on('error', () => {}) // The child closed its end: its exit is reported below.
  for (const output of [child.stdout!, child.stderr!]) {
    createInterface({ input: output }).on('line', (text) => {
      log.write(`${text}\n`)
      const line = parseLine(text)
      if (line === undefined) {
        if (text.trim()) lastWords = text.trim()
        return
      }
      if (line['level'] === 'error') lastWords = wordsOf(line) ?? text
      if (!seen.has(line.event)) seen.set(line.event, line)
      for (const resolve of waiting.get(line.event) ?? []) resolve(line)
      waiting.delete(line.event)
      lines.next(line)
    })
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', (error) => {
      lastWords = error.message
      resolve({ code: 1, signal: null })
    })
    child.once('close', (code, signal) => resolve({ code, signal }))
  }).then((how) => {
    lines.complete()
    log.end()
    return how
  })
  const ended = async (): Promise<never> => {
    const how = await exited
    throw new ChildEndedError(options.name, how.signal ?? `exit code ${how.code}`, lastWords, logFile)
  }
  return {
    name: options.name,
    pid: child.pid ?? -1,
    logFile,
    lines$: lines.asObservable(),
    line: (event) => {
      const before = seen.get(event)
      if (before) return Promise.resolve(before)
      const coming = new Promise<LogLine>((resolve) => waiting.set(event, [...(waiting.get(event) ?? []), resolve]))
      return Promise.race([coming, ended()])
    },
    exited,
    kill: (signal) => void child.kill(signal),
    stop: async (graceMs) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exited
      clearTimeout(late)
    },
  }
}

/** What a line says of an error, if it does. */
function wordsOf({ error }: LogLine): string | undefined {
  const { message, advice } = (error ?? {}) as { message?: unknown; advice?: unknown }
  return typeof message === 'string' ? [message, advice].filter((part) => typeof part === 'string').join('. ') : undefined
}

function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const record = value as Record<string, unknown>
    const event = record['event']
    return typeof event === 'string' ? { ...record, event } : undefined
  } catch {
    return undefined
  }
}
