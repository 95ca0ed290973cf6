// A plot, and the same numbers as a table for whoever does not see it.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { lazily } from './lazily.ts'

export interface PlotProps {
  name: string
  /** What the numbers below are: `Epoch`. */
  along: string
  x: readonly number[]
  y: readonly (number | null)[]
  /** A number of y with its unit. */
  tell: (value: number) => string
  /** Name of the colour among the page's. */
  tone?: 'gold' | 'good'
}

const drawing = lazily(() => import('./draw.ts'))

export function Plot({ name, along, x, y, tell, tone = 'gold' }: PlotProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const { module: drawer, failed } = drawing.use()
  const [theme, setTheme] = useState(0)
  useEffect(() => {
    const again = (): void => setTheme((n) => n + 1)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', again)
    addEventListener('themed', again)
    return () => {
      dark.removeEventListener('change', again)
      removeEventListener('themed', again)
    }
  }, [])
  useEffect(() => (drawer === null || place.current === null ? undefined : drawer.draw(place.current, { along, x, y, tell, tone })), [drawer, theme, JSON.stringify([x, y])])
  return (
    <figure class="plot">
      <div ref={place} class="drawn" role="img" aria-label={`${name}, ${x.length} values. The same numbers stand in the table after it.`} />
      {failed && <p class="small dim">The plot could not be drawn in this browser; the numbers stand in the table.</p>}
      <details open={failed}>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${name} as a table`}>
          <table><thead><tr><th scope="col">{along}</th><th scope="col" class="end">{name}</th></tr></thead>
            <tbody>{x.map((at, i) => <tr key={at}><td class="num">{at}</td><td class="num end">{y[i] === null || y[i] === undefined ? '–' : tell(y[i])}</td></tr>).toReversed()}</tbody></table>
        </div>
      </details>
    </figure>
  )
}
