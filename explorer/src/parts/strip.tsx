// Verdicts as a strip, a cell a round: colour and mark say what became of each.
import type { JSX } from 'preact'
import type { Outcome } from '../api.ts'
import { work } from '../format.ts'
import { OUTCOME_TEXT, OUTCOMES } from '../reading.ts'
import { pathTo } from '../router.ts'

/** Cells from old to new; each leads to its round. */
export function Strip({ cells, name }: { cells: readonly { round: number, outcome: Outcome, work: string, reason: string }[], name: string }): JSX.Element {
  return (
    <ol class="strip" aria-label={name}>
      {cells.map(({ round, outcome, work: macs, reason }) => {
        const { word, mark, tone } = OUTCOME_TEXT[outcome]
        const text = `Round ${round}: ${word}${outcome === 'PASS' ? `, ${work(macs)}` : ''}. ${reason}`
        return <li key={round}><a class={`cell ${tone}`} href={pathTo('rounds', round)} title={text} aria-label={text}><span aria-hidden="true">{mark}</span></a></li>
      })}
    </ol>
  )
}

/** How many of each outcome, as one bar; `told` in words too. */
export function Tally({ counts, name, told = false }: { counts: readonly (readonly [Outcome, number])[], name: string, told?: boolean }): JSX.Element {
  const all = counts.reduce((sum, [, n]) => sum + n, 0)
  const text = counts.map(([outcome, n]) => `${n} ${OUTCOME_TEXT[outcome].word}`).join(', ')
  const bar = (
    <span class="tally" role="img" aria-label={`${name}: ${text}`} title={text}>
      {counts.map(([outcome, n]) => <span key={outcome} class={`part ${OUTCOME_TEXT[outcome].tone}`} style={{ flexGrow: n / all }} />)}
    </span>
  )
  return told ? <span class="tallied">{bar}<span aria-hidden="true">{text}</span></span> : bar
}

export function Legend(): JSX.Element {
  return <p class="legend" aria-hidden="true">{OUTCOMES.map((outcome) => <span key={outcome} class={`outcome ${OUTCOME_TEXT[outcome].tone}`}>{OUTCOME_TEXT[outcome].mark} {OUTCOME_TEXT[outcome].word}</span>)}</p>
}
