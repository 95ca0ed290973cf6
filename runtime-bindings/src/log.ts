/** The little of a logger that is needed here; the kit's fits. */
export interface Log {
  info(event: string, fields?: Record<string, unknown>): void
  warn(event: string, fields?: Record<string, unknown>): void
  debug(event: string, fields?: Record<string, unknown>): void
}

/** Says nothing. */
export const silent: Log = { info() {}, warn() {}, debug() {} }
