// The round clock: a ring of the round's stages, and a hand at the head of the chain.
import type { JSX } from 'preact'
import type { Segment } from '../reading.ts'

const [SIZE, MIDDLE, RADIUS, WIDTH] = [240, 120, 100, 14]
/** Degrees left free between two stages. */
const GAP = 1.6

/** Segments must follow one another without a gap; `head` lies within them, or the hand rests at an end. */
export function Dial({ segments, head, round, stage }: { segments: readonly Segment[], head: number, round: number, stage: string }): JSX.Element {
  const [from, to] = [segments[0]?.from ?? 0, segments.at(-1)?.to ?? 1]
  const angle = (block: number): number => (Math.min(1, Math.max(0, (block - from) / (to - from))) * 360)
  const tip = at(angle(head + 0.5), RADIUS)
  return (
    <svg class="dial" viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={`Round ${round}, stage ${stage.toLowerCase()}, block ${Math.max(0, head - from) + 1} of ${to - from}`}>
      {segments.map((segment) => (
        <path key={segment.stage} class={segment.from > head ? 'ahead' : segment.to > head ? 'now' : 'past'} d={arc(angle(segment.from) + GAP / 2, Math.max(angle(segment.to) - GAP / 2, angle(segment.from) + GAP))} fill="none" stroke-width={WIDTH} />
      ))}
      <circle class="hand" cx={tip.x} cy={tip.y} r={WIDTH * 0.72} />
      <text x={MIDDLE} y={MIDDLE - 30} class="small">round</text>
      <text x={MIDDLE} y={MIDDLE + 12} class="great">{round}</text>
      <text x={MIDDLE} y={MIDDLE + 40} class="stage">{stage.toLowerCase()}</text>
    </svg>
  )
}

/** The point at an angle, clockwise from the top. */
function at(degrees: number, radius: number): { x: number, y: number } {
  const radians = ((degrees - 90) * Math.PI) / 180
  return { x: round2(MIDDLE + radius * Math.cos(radians)), y: round2(MIDDLE + radius * Math.sin(radians)) }
}

function arc(from: number, to: number): string {
  const [a, b] = [at(from, RADIUS), at(to, RADIUS)]
  return `M${a.x} ${a.y}A${RADIUS} ${RADIUS} 0 ${to - from > 180 ? 1 : 0} 1 ${b.x} ${b.y}`
}

const round2 = (value: number): number => Math.round(value * 100) / 100
