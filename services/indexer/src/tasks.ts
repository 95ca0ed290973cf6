// Tasks that stand or fall together.

/** Runs tasks side by side on one signal; the first failure stops the others, and is thrown when all have ended. */
export async function allOrNone(signal: AbortSignal, begin: (signal: AbortSignal) => Promise<unknown>[]): Promise<void> {
  const failing = new AbortController()
  await Promise.all(begin(AbortSignal.any([signal, failing.signal])).map((task) => task.catch((error: unknown) => failing.abort(error))))
  if (failing.signal.aborted) throw failing.signal.reason
}

/** Ends when the signal fires; fails when `ended` does before. */
export function untilAborted(signal: AbortSignal, ended: Promise<void>): Promise<void> {
  return Promise.race([ended, new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))])
}
