// Which versions of the protocol the machines of a checker speak, and which releases they say they are: by it operators see when a version can be put in force.
import type { Hello } from '@assay/protocol'

type Said = Pick<Hello, 'versions' | 'release'>

/** Releases that are told by name; the rest together. What machines say of themselves must not make figures without end. */
const TOLD = 8

/** The machines with a conversation now, by what they said in their greeting. */
export class Spoken {
  readonly #versions = new Map<number, number>()
  readonly #releases = new Map<string, number>()

  add({ versions: { highest }, release }: Said): void {
    count(this.#versions, highest, 1)
    count(this.#releases, release, 1)
  }

  remove({ versions: { highest }, release }: Said): void {
    count(this.#versions, highest, -1)
    count(this.#releases, release, -1)
  }

  /** Machines by the highest version they speak; those above `known` together as `newer`. */
  versions(known: number): Record<string, number> {
    return counted([...this.#versions].map(([version, machines]) => [version > known ? 'newer' : String(version), machines]))
  }

  /** Machines by release, the most common ones by name, the rest as `other`; `none` for those whose version has no place for it. */
  releases(): Record<string, number> {
    const most = [...this.#releases].toSorted(([a, some], [b, others]) => others - some || (a < b ? -1 : 1))
    return counted(most.map(([release, machines], i) => [i >= TOLD ? 'other' : release === '' ? 'none' : release, machines]))
  }
}

function count<K>(of: Map<K, number>, key: K, by: number): void {
  const now = (of.get(key) ?? 0) + by
  if (now === 0) of.delete(key)
  else of.set(key, now)
}

function counted(pairs: readonly [string, number][]): Record<string, number> {
  const sums = new Map<string, number>()
  for (const [name, machines] of pairs) sums.set(name, (sums.get(name) ?? 0) + machines)
  return Object.fromEntries(sums)
}
