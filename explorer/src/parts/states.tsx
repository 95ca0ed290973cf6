// What stands where there is nothing to show: yet, at all, or any more.
import type { ComponentChildren, JSX } from 'preact'
import type { Asked } from '../api.ts'

/** A page's heading; focus goes here when a visitor arrives, so that a screen reader tells where he is. */
export function Title({ children, over, beside }: { children: ComponentChildren, over?: ComponentChildren, beside?: ComponentChildren }): JSX.Element {
  return (
    <header class="title">
      <div>
        {over !== undefined && <p class="over">{over}</p>}
        <h1 tabIndex={-1}>{children}</h1>
      </div>
      {beside}
    </header>
  )
}

export function Card({ name, children, more, size = '', id }: { name: string, children: ComponentChildren, more?: ComponentChildren, size?: '' | 'wide' | 'broad', id?: string }): JSX.Element {
  return (
    <section class={`card ${size}`} id={id} aria-label={name}>
      <header><h2>{name}</h2>{more !== undefined && <div class="more">{more}</div>}</header>
      {children}
    </section>
  )
}

export const Empty = ({ children }: { children: ComponentChildren }): JSX.Element => <p class="empty">{children}</p>

export function Loading({ rows = 3 }: { rows?: number }): JSX.Element {
  return <div class="loading" role="status"><span class="sr">Loading</span>{Array.from({ length: rows }, (_, i) => <div key={i} class="bone" aria-hidden="true" />)}</div>
}

/** What was asked for, once it is there; else why not. A value that could not be asked for again stays, and says so. */
export function Shown<T>({ asked: { value, fault, again }, children, rows = 3 }: { asked: Asked<T>, children: (value: T) => ComponentChildren, rows?: number }): JSX.Element {
  if (value === null && fault === null) return <Loading rows={rows} />
  if (value === null) {
    return (
      <div class="fault" role="alert">
        <p><strong>{fault!.status === 404 ? 'There is no such thing here.' : fault!.status === 0 ? 'The indexer does not answer.' : 'That did not work.'}</strong></p>
        <p>{fault!.message} <span class="dim mono">{fault!.code}</span></p>
        {fault!.status !== 404 && <button type="button" class="button" onClick={again}>Try again</button>}
      </div>
    )
  }
  return <>{fault !== null && <p class="note warn" role="status">This may be old: {fault.message}. <button type="button" class="link" onClick={again}>Try again</button></p>}{children(value)}</>
}
