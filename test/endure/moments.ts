// When to strike: chance that a seed repeats, and what a round is doing at a height.
import { createHash } from 'node:crypto'
import { roundAt, schedule, type ScheduleParameters } from '@assay/protocol'

/** Numbers from 0 to below 1; the same seed gives the same ones. */
export function chance(seed: string): () => number {
  let count = 0
  return () => createHash('sha256').update(`${seed}/${count++}`).digest().readUInt32LE() / 2 ** 32
}

export const PHASES = ['lines', 'fire', 'commit window', 'open', 'package', 'settlement'] as const
export type Phase = (typeof PHASES)[number]

/**
 * What goes on at a height, in the order of `PHASES`: machines' lines are measured, nonces are out and commitments come in, reports are sent, what is opened is drawn, openings and packages come, an
 * epoch is being settled (which only the chain knows: `settling`). Rounds overlap, so it may be several.
 */
export function phasesAt(parameters: ScheduleParameters, height: number, settling: boolean): Phase[] {
  const now = roundAt(parameters, height)
  const found = new Set<Phase>(settling ? ['settlement'] : [])
  for (const round of [now - 1, now]) {
    if (round < 0) continue
    const { start, fire, commitFrom, commitTo, openKnown, packageBy } = schedule(parameters, round)
    if (height < start || height > packageBy) continue
    found.add(height < fire ? 'lines' : height < commitFrom ? 'fire' : height <= commitTo ? 'commit window' : height <= openKnown ? 'open' : 'package')
  }
  return PHASES.filter((phase) => found.has(phase))
}

/** How many of the moments fell in each phase. */
export function countPhases(moments: readonly { phases: readonly Phase[] }[]): Record<Phase, number> {
  return Object.fromEntries(PHASES.map((phase) => [phase, moments.filter(({ phases }) => phases.includes(phase)).length])) as Record<Phase, number>
}
