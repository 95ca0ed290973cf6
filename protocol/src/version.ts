// Versions of this protocol: which of them a program speaks, and what it does about one that it does not know. PROTOCOL section 18.
import type { Ledger } from './ledger.ts'
import { epochOf, roundAt } from './schedule.ts'

/** A range of versions, both ends in it. */
export interface Versions {
  lowest: number
  highest: number
}

/** What this program speaks. */
export const VERSIONS: Versions = { lowest: 1, highest: 2 }

/** A version that the network has agreed on and that this program does not know. */
export interface NewerVersion {
  version: number
  /** In force from this epoch on. */
  epoch: number
  /** The block in which it was written. */
  block: number
  /** First block of that epoch. */
  start: number
  /** First block that a program without the version cannot read: the first commit window of that epoch begins in it. */
  unreadable: number
}

/** The highest version that both speak; null if there is none. */
export function commonVersion(a: Versions, b: Versions): number | null {
  const highest = Math.min(a.highest, b.highest)
  return highest >= Math.max(a.lowest, b.lowest) ? highest : null
}

/**
 * Versions in words.
 *
 * ```ts
 * versionsText({ lowest: 1, highest: 2 }) // 'versions 1 to 2'
 * ```
 */
export const versionsText = ({ lowest, highest }: Versions): string => (lowest === highest ? `version ${highest}` : `versions ${lowest} to ${highest}`)

/** What is coming, in one sentence for an operator; `best` is the height of the best block. */
export function explainNewer({ version, epoch, start }: NewerVersion, speaks: number, best: number): string {
  const when = best < start ? `takes effect with epoch ${epoch}, at block ${start}, in ${start - best} blocks` : `took effect with epoch ${epoch}, at block ${start}`
  return `version ${version} of the protocol ${when}, and this program knows versions up to ${speaks}`
}

/** What an operator does about it. */
export const NEWER_ADVICE = 'Update this program: until then it does nothing in that epoch and later ones. What it has stored stays good.'

/** The chain goes on by rules that this program does not know. The shape is that of an operator's error: exit code 1, to be mended first. */
export class NewerVersionError extends Error {
  override readonly name = 'NewerVersionError'
  readonly code = 'NEWER_VERSION'
  readonly advice = NEWER_ADVICE
  readonly exit = 1
  constructor(newer: NewerVersion, speaks: number) {
    super(explainNewer(newer, speaks, newer.start))
  }
}

/** What is to be told of a version that is coming. */
export interface News extends Pick<NewerVersion, 'version' | 'epoch' | 'start'> {
  /** In one sentence. */
  reason: string
}

/** Gives what is to be told of a newer version with a ledger and the height of the best block: at once, and again with each epoch; null where there is nothing new to tell. */
export function newerNews(): (ledger: Pick<Ledger, 'newer' | 'speaks' | 'parameters'>, best: number) => News | null {
  let told = ''
  return ({ newer, speaks, parameters: [founding] }, best) => {
    if (newer === null || founding === undefined) return null
    const now = `${newer.block} ${epochOf(founding.parameters, roundAt(founding.parameters, best))}`
    if (now === told) return null
    told = now
    const { version, epoch, start } = newer
    return { version, epoch, start, reason: explainNewer(newer, speaks, best) }
  }
}

/** Blocks until a version takes effect that the ledger's reader does not know; -1 where none is agreed on. A figure to be watched. */
export const blocksToNewer = ({ newer }: Pick<Ledger, 'newer'>, best: number): number => (newer === null ? -1 : Math.max(0, newer.start - best))
