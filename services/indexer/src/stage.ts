// Where a round stands, in one word.
import { schedule, type ScheduleParameters } from '@assay/protocol'
import type { RoundRow } from './tables.ts'

/** In order of time; after `JUDGEMENT` comes what became of it. */
export const STAGES = ['FROZEN', 'BEACON', 'COMMITTEE', 'WORK', 'COMMIT', 'OPEN', 'EVIDENCE', 'PUBLISH', 'MIRROR', 'JUDGEMENT', 'WAITING', 'FAILED', 'JUDGED'] as const
export type Stage = (typeof STAGES)[number]

/**
 * The stage of a round by the confirmed head and what was done of it; null before its registry is frozen.
 * @example stageOf(parameters, 7, schedule(parameters, 7).commitFrom, undefined) // 'COMMIT'
 */
export function stageOf(parameters: ScheduleParameters, round: number, head: number, state: RoundRow['state'] | undefined): Stage | null {
  if (state !== undefined) return ({ judged: 'JUDGED', waiting: 'WAITING', failed: 'FAILED' } as const)[state]
  const at = schedule(parameters, round)
  const begins: [Stage, number][] = [
    ['JUDGEMENT', at.judgement],
    ['MIRROR', schedule(parameters, round + 1).commitTo + 1], // package roots are posted until then
    ['PUBLISH', at.packageBy],
    ['EVIDENCE', at.openKnown],
    ['OPEN', at.commitTo + 1],
    ['COMMIT', at.commitFrom],
    ['WORK', at.fire],
    ['COMMITTEE', at.beaconKnown],
    ['BEACON', at.start],
    ['FROZEN', at.freeze],
  ]
  return begins.find(([, from]) => head >= from)?.[0] ?? null
}
