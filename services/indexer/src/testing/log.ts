// A log for tests that tells when something was said.
import type { Log, LogFields } from '@assay/kit/log'

export interface Recorder {
  log: Log
  said: { event: string, fields: LogFields }[]
  /** The fields of the n-th line (from 1) with this event and these fields, from now or before. */
  until(event: string, fields?: LogFields, n?: number): Promise<LogFields>
}

export function recorder(): Recorder {
  const said: Recorder['said'] = []
  let look = (): void => {}
  const say = (event: string, fields: LogFields = {}): void => {
    said.push({ event, fields })
    look()
  }
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log }
  const find = (event: string, fields: LogFields, n: number) => said.filter((line) => line.event === event && Object.entries(fields).every(([key, value]) => line.fields[key] === value))[n - 1]?.fields
  return {
    log,
    said,
    until: (event, fields = {}, n = 1) => new Promise((resolve) => {
      const before = look
      look = () => {
        before()
        const found = find(event, fields, n)
        if (found) resolve(found)
      }
      look()
    }),
  }
}
