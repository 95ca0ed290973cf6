// Where a visitor is. Pages live under /explorer/, so that every path of the API stays the API's.
import { useEffect, useState } from 'preact/hooks'

/** A page with what its path names. Texts are as they stand in the path: nobody has checked them. */
export type Place =
  | { page: 'overview' }
  | { page: 'machines' | 'checkers' | 'rounds' | 'epochs' }
  | { page: 'machine' | 'checker', account: string }
  | { page: 'round' | 'epoch', number: number }
  | { page: 'verify', number: number | null }
  | { page: 'nowhere' }

const BASE = '/explorer'
const LISTS = ['machines', 'checkers', 'rounds', 'epochs'] as const
const NUMBER = /^\d{1,10}$/

/** `placeOf('/explorer/rounds/7')` is `{ page: 'round', number: 7 }`. */
export function placeOf(path: string): Place {
  const [first = '', second, ...more] = (path === BASE || path.startsWith(`${BASE}/`) ? path.slice(BASE.length) : path).split('/').filter((part) => part !== '').map(decoded)
  if (more.length > 0) return { page: 'nowhere' }
  if (first === '' && second === undefined) return { page: 'overview' }
  if (first === 'verify') return second === undefined ? { page: 'verify', number: null } : NUMBER.test(second) ? { page: 'verify', number: Number(second) } : { page: 'nowhere' }
  const list = LISTS.find((name) => name === first)
  if (list === undefined) return { page: 'nowhere' }
  if (second === undefined) return { page: list }
  if (list === 'machines' || list === 'checkers') return { page: list === 'machines' ? 'machine' : 'checker', account: second }
  return NUMBER.test(second) ? { page: list === 'rounds' ? 'round' : 'epoch', number: Number(second) } : { page: 'nowhere' }
}

/** The path of a page: `pathTo('machines', '5F…')` is `/explorer/machines/5F…`. */
export function pathTo(list: 'overview' | (typeof LISTS)[number] | 'verify', one?: string | number): string {
  if (list === 'overview') return '/'
  return one === undefined ? `${BASE}/${list}` : `${BASE}/${list}/${encodeURIComponent(one)}`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const moved = new EventTarget()

/** Goes to a path of this page. `replace` leaves no step in the visitor's history. */
export function go(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  moved.dispatchEvent(new Event(replace ? 'replaced' : 'moved'))
}

export interface Location { path: string, query: URLSearchParams }

const here = (): Location => ({ path: location.pathname, query: new URLSearchParams(location.search) })

/** Where the visitor is, as it changes. */
export function useLocation(): Location {
  const [at, set] = useState(here)
  useEffect(() => {
    const update = (): void => set(here())
    addEventListener('popstate', update)
    moved.addEventListener('moved', update)
    moved.addEventListener('replaced', update)
    return () => {
      removeEventListener('popstate', update)
      moved.removeEventListener('moved', update)
      moved.removeEventListener('replaced', update)
    }
  }, [])
  return at
}

/** Takes plain clicks on links to this page's paths; every other click is the browser's. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = (event.target as Element | null)?.closest('a')
  if (!link || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download') || (link.hash !== '' && link.pathname === location.pathname)) return
  if (link.pathname !== '/' && link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return
  event.preventDefault()
  go(link.pathname + link.search)
  scrollTo(0, 0)
}
