// A table of any length that draws only what is in view.
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

/** Pixels of a row; the style sheet gives each exactly that. */
const ROW = 52
/** Rows drawn beyond each edge of the view. */
const BEYOND = 10
/** So many are drawn all at once. */
const FEW = 100

interface Props<T> { rows: readonly T[], name: string, head: ComponentChildren, columns: number, keyOf: (row: T) => string, children: (row: T) => ComponentChildren }

/** `head` is the cells of the head row; `children` gives those of a row. */
export function Rows<T>({ rows, name, head, columns, keyOf, children }: Props<T>): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null)
  const [[from, to], set] = useState<readonly [number, number]>([0, 40])
  useEffect(() => {
    let frame = 0
    const look = (): void => {
      frame = 0
      const top = body.current?.getBoundingClientRect().top ?? 0
      // In steps, so that not every pixel draws.
      const first = Math.max(0, Math.floor(-top / ROW / BEYOND) * BEYOND - BEYOND)
      const last = Math.ceil((innerHeight - top) / ROW / BEYOND) * BEYOND + BEYOND
      set((old) => (old[0] === first && old[1] === last ? old : [first, last]))
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
  const after = Math.max(0, rows.length - first - shown.length)
  return (
    <table class="rows" aria-label={name} aria-rowcount={rows.length + 1}>
      <thead><tr aria-rowindex={1}>{head}</tr></thead>
      <tbody ref={body}>
        {first > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns} style={{ height: `${first * ROW}px` }} /></tr>}
        {shown.map((row, i) => <tr key={keyOf(row)} aria-rowindex={first + i + 2}>{children(row)}</tr>)}
        {after > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns} style={{ height: `${after * ROW}px` }} /></tr>}
      </tbody>
    </table>
  )
}
