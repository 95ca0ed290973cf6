// How a program of ours starts, stops and fails: one AbortSignal, three exit codes, one sentence and an advice to the operator.
import { setMaxListeners } from 'node:events'

/** Exit codes: 0 done, 1 the operator must mend something first, 75 (EX_TEMPFAIL) the same command may simply be tried again later. */
export const EXIT = { ok: 0, mend: 1, again: 75 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * A failure that the operator can do something about. `message` is one sentence with the values; `advice` says what to do.
 * @example throw new OperatorError('NO_FUNDS', 'account 5F… holds 0 PEAQ and needs 1.2', { advice: 'Send 1.2 PEAQ to 5F….', exit: EXIT.again })
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
  readonly code: string
  readonly advice: string
  readonly exit: ExitCode
  constructor(code: string, message: string, options: { advice: string, exit?: ExitCode, cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.advice = options.advice
    this.exit = options.exit ?? EXIT.mend
  }
}

/** True for whatever has the shape of an OperatorError: other packages have errors of their own for the operator, and do not import this one. */
export function isOperatorError(error: unknown): error is OperatorError {
  const { code, advice, exit } = (error ?? {}) as { code?: unknown, advice?: unknown, exit?: unknown }
  return error instanceof Error && typeof code === 'string' && typeof advice === 'string' && typeof exit === 'number'
}

type Signals = Pick<NodeJS.Process, 'on' | 'off' | 'exit'>

/**
 * An AbortSignal that fires on the first SIGINT or SIGTERM; a second one ends the process at once with 128 + the signal's number.
 * `source` is the process; tests pass an emitter.
 */
export function mainSignal(source: Signals = process): AbortSignal {
  const controller = new AbortController()
  // Everything in a program hangs on it; a warning at the eleventh listener would tell nothing.
  setMaxListeners(0, controller.signal)
  for (const [name, number] of [['SIGINT', 2], ['SIGTERM', 15]] as const) {
    source.on(name, () => {
      if (controller.signal.aborted) source.exit(128 + number)
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return controller.signal
}

export interface MainOptions {
  signal?: AbortSignal
  /** How a failure is told: as an OperatorError, or whatever else was thrown. Default: its sentence and its advice, or its stack, on standard error. */
  tell?: (error: unknown, exit: ExitCode) => void
  exit?: (code: number) => void
  /** ms that handles may stay open after the end before the process is ended anyway */
  graceMs?: number
}

/**
 * Runs a program until its promise settles and sets the exit code, 0 unless it gives another. Prints an OperatorError as its sentence and advice, anything else as a fault of
 * ours with its stack; a rejection after the signal fired counts as a normal stop. Never throws.
 */
export async function runMain(main: (signal: AbortSignal) => Promise<ExitCode | void>, options: MainOptions = {}): Promise<void> {
  const signal = options.signal ?? mainSignal()
  const tell = options.tell ?? ((error: unknown) => void process.stderr.write(failureText(error)))
  let code: ExitCode = EXIT.ok
  try {
    code = (await main(signal)) ?? EXIT.ok
  } catch (error) {
    // What ends because it was told to has not failed.
    const stopped = signal.aborted && (!isOperatorError(error) || error.code === 'STOPPED')
    if (!stopped) {
      code = isOperatorError(error) ? error.exit : EXIT.mend
      tell(error, code)
    }
  }
  if (options.exit) return options.exit(code)
  process.exitCode = code
  // A forgotten handle must not keep a stopped service alive; unref'd, so it never delays a clean end.
  setTimeout(() => process.exit(code), options.graceMs ?? 5000).unref()
}

/** What the operator reads of a failure that ended the program. */
export function failureText(error: unknown): string {
  if (isOperatorError(error)) return `error: ${error.message}\n  ${error.advice}\n`
  return `error: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n  This is a fault in the program; please report it with the lines above.\n`
}
