// A table of any length that draws only what is in view.
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Pages } from '../api.ts'

/** Pixels of a row; the style sheet gives each exactly that. */
const ROW = 52
/** Rows drawn beyond each edge of the view. */
const BEYOND = 10
/** So many are drawn all at once. */
const FEW = 100

interface Props<T> {
  rows: readonly T[]
  name: string
  /** Cells of the head row. */
  head: ComponentChildren
  columns: number
  keyOf: (row: T) => string
  /** Cells of a row. */
  children: (row: T) => ComponentChildren
  /** Asks for more rows when the last ones come into view; left out where all are there. */
  more?: () => void
  /** The rows are about to be replaced. */
  busy?: boolean
}

export function Rows<T>({ rows, name, head, columns, keyOf, children, more, busy = false }: Props<T>): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null)
  const [[from, to], set] = useState<readonly [number, number]>([0, 4 * BEYOND])
  const ask = useRef(more)
  ask.current = more
  useEffect(() => {
    let frame = 0
    const look = (): void => {
      frame = 0
      const top = body.current?.getBoundingClientRect().top ?? 0
      // In steps, so that not every pixel draws.
      const first = Math.max(0, Math.floor(-top / ROW / BEYOND) * BEYOND - BEYOND)
      const last = Math.ceil((innerHeight - top) / ROW / BEYOND) * BEYOND + BEYOND
      set((old) => (old[0] === first && old[1] === last ? old : [first, last]))
      if (last + BEYOND >= rows.length) ask.current?.()
    }
    const soon = (): void => void (frame ||= requestAnimationFrame(look))
    look()
    addEventListener('scroll', soon, { passive: true })
    addEventListener('resize', soon)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', soon)
      removeEventListener('resize', soon)
    }
  }, [rows.length])
  const all = rows.length <= FEW
  const first = all ? 0 : Math.min(from, Math.max(0, rows.length - 1))
  const shown = all ? rows : rows.slice(first, to)
  const after = rows.length - first - shown.length
  return (
    <table class={busy ? 'rows busy' : 'rows'} aria-busy={busy} aria-label={name} aria-rowcount={more === undefined ? rows.length + 1 : -1}>
      <thead><tr aria-rowindex={1}>{head}</tr></thead>
      <tbody ref={body}>
        {first > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns} style={{ height: `${first * ROW}px` }} /></tr>}
        {shown.map((row, i) => <tr key={keyOf(row)} aria-rowindex={first + i + 2}>{children(row)}</tr>)}
        {after > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns} style={{ height: `${after * ROW}px` }} /></tr>}
      </tbody>
    </table>
  )
}

/** Says what of a list is loaded, and lets a reader load more of it, or all of it anew, without scrolling. */
export function Loaded<T>({ pages: { value, whole, more, moved, again }, tell }: { pages: Pages<T>, tell: (count: number, whole: boolean) => string }): JSX.Element {
  return (
    <p class="note loaded">
      <span role="status">{tell(value?.length ?? 0, whole)}</span>
      {!whole && value !== null && <button type="button" class="link" onClick={more}>Load more</button>}
      {moved && <button type="button" class="link" onClick={again}>The list has changed: load it anew</button>}
    </p>
  )
}
