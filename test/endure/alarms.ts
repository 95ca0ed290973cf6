// The lines at warn and above of all programs, by who said them and what they say.
import type { LogLine } from '@assay/cli/devnet/processes'

/** A line that is no alarm, and why it is normal. */
export interface Explained {
  event: string
  /** Told where it is looked for; default: anywhere. */
  when?: (line: LogLine) => boolean
  why: string
}

export interface Alarm {
  level: 'warn' | 'error'
  event: string
  count: number
  /** Who said it, ascending. */
  who: string[]
  /** The first one as it was said. */
  first: LogLine
  /** Undefined: nobody knows why. */
  why: string | undefined
}

/** All of them, unexplained first, then by how often they came. The same event with and without an explanation is two alarms. */
export function alarmsOf(said: Iterable<readonly [who: string, lines: readonly LogLine[]]>, explained: readonly Explained[] = []): Alarm[] {
  const alarms = new Map<string, Alarm>()
  for (const [who, lines] of said) {
    for (const line of lines) {
      const level = line['level']
      // Whatever is above warn is an error: a program of ours has no level beyond.
      if (level === 'debug' || level === 'info' || level === 'trace' || level === undefined) continue
      const why = explained.find(({ event, when }) => event === line.event && (when?.(line) ?? true))?.why
      const key = JSON.stringify([level, line.event, why])
      const alarm = alarms.get(key) ?? { level: level === 'warn' ? 'warn' : 'error', event: line.event, count: 0, who: [], first: line, why }
      alarms.set(key, { ...alarm, count: alarm.count + 1, who: [...new Set([...alarm.who, who])].toSorted() })
    }
  }
  return [...alarms.values()].toSorted((a, b) => Number(a.why !== undefined) - Number(b.why !== undefined) || b.count - a.count || (a.event < b.event ? -1 : 1))
}
