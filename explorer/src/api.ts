// The one door to the indexer: what is asked, by the types of its OpenAPI document, and how often. Amounts are planck as text; what is not known is null.
import type { Schemas } from '@assay/client'
import { useEffect, useMemo, useState } from 'preact/hooks'

export type Outcome = Schemas['Verdict']['outcome']
export type Level = NonNullable<Schemas['Verdict']['standing']>
export type Device = NonNullable<Schemas['FullVerdict']['facts']>['device']
export type Stage = Schemas['RoundSummary']['stage']
export type Tree = keyof Schemas['Statement']['roots']
export type { Schemas } from '@assay/client'

/** A page of a list, and where the next one begins. */
export interface Page<T> { items: T[], next: string | null }

/** Where the operator wants blocks, extrinsics and accounts linked to: templates, or null. */
export interface Links { block: string | null, extrinsic: string | null, account: string | null }

/** What the indexer answers where it does not answer what was asked; `status` 0 where it does not answer at all. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export const faultOf = (cause: unknown): ApiFault => (cause instanceof ApiFault ? cause : new ApiFault(0, 'FAULT', String(cause)))

interface Known { value: unknown, text: string }

/** The last answers by path, so that a page that was seen before is there at once. */
const known = new Map<string, Known>()
const KNOWN_LIMIT = 200

const before = <T>(path: string | null): T | null => (path === null ? null : ((known.get(path)?.value as T | undefined) ?? null))

/** Asks for a path; the browser sends the ETag of what it has, so what has not changed does not travel. The same text is the same value: nothing that shows it is drawn again. Rejects with ApiFault, or when the signal fires. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal)
  const text = await response.text().catch(() => '')
  const old = known.get(path)
  const value = response.ok && old?.text === text ? old.value : bodyOf(response, text)
  known.delete(path)
  known.set(path, { value, text })
  if (known.size > KNOWN_LIMIT) known.delete(known.keys().next().value!)
  return value as T
}

/** The bytes of a path. Rejects with ApiFault, or when the signal fires. */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const response = await ask(path, signal)
  if (!response.ok) bodyOf(response, await response.text().catch(() => ''))
  return new Uint8Array(await response.arrayBuffer())
}

async function ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await fetch(path, { ...(signal && { signal }), credentials: 'omit', redirect: 'error' })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiFault(0, 'NO_ANSWER', 'the indexer does not answer')
  }
}

/** The JSON of an answer. @throws ApiFault where it is none, or tells an error */
function bodyOf(response: Response, text: string): unknown {
  const body = parsed(text)
  if (response.ok && body !== null) return body
  const { code, message } = (body as { error?: { code?: unknown, message?: unknown } } | null)?.error ?? {}
  throw new ApiFault(response.status, typeof code === 'string' ? code : 'BAD_ANSWER', typeof message === 'string' ? message : `the indexer answered with status ${response.status}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** What is known of a path now. `fault` may stand beside a value: then the value is the last one that came. */
export interface Asked<T> { value: T | null, fault: ApiFault | null, again: () => void }

/** Asks for a path when the page shows it, and again whenever `beat` changes. Null asks for nothing. */
export function useApi<T>(path: string | null, beat: unknown = 0): Asked<T> {
  const [state, set] = useState<{ path: string | null, value: T | null, fault: ApiFault | null }>({ path: null, value: null, fault: null })
  const [tries, setTries] = useState(0)
  useEffect(() => {
    if (path === null) return
    const stop = new AbortController()
    get<T>(path, stop.signal).then(
      (value) => set((old) => (old.path === path && old.value === value && old.fault === null ? old : { path, value, fault: null })),
      (cause: unknown) => void (stop.signal.aborted || set((old) => ({ path, value: old.path === path ? old.value : before<T>(path), fault: faultOf(cause) }))),
    )
    return () => stop.abort()
  }, [path, beat, tries])
  const again = (): void => setTries((n) => n + 1)
  return state.path === path && path !== null ? { ...state, again } : { value: before<T>(path), fault: null, again }
}

/** A list as far as it is loaded. */
export interface Pages<T> extends Asked<readonly T[]> {
  /** Every entry is there. */
  whole: boolean
  /** Loads the next page, unless it is on its way. */
  more: () => void
  /** What is shown is of the path before; that of this one is on its way. */
  busy: boolean
  /** Its beginning is not as it was when it was loaded, and it is too long to be loaded anew unasked. */
  moved: boolean
}

interface Loaded<T> { path: string, pages: Page<T>[], fault: ApiFault | null, moved: boolean }

/** A list that the indexer gives page by page; `path` has its query but no cursor. When `beat` changes, a list of one page is loaded anew, a longer one says when it has moved: it must not jump under a reader. */
export function usePages<T>(path: string | null, beat: unknown = 0): Pages<T> {
  const [state, set] = useState<Loaded<T>>({ path: '', pages: [], fault: null, moved: false })
  const [wanted, want] = useState({ path: '', pages: 1 })
  const [tries, setTries] = useState(0)
  const own = state.path === path ? state : null
  const upTo = wanted.path === path ? wanted.pages : 1

  useEffect(() => {
    if (path === null) return
    const stop = new AbortController()
    get<Page<T>>(path, stop.signal).then(
      (first) => set((old) => {
        if (old.path !== path || old.pages.length <= 1 || old.fault !== null) return old.path === path && old.pages[0] === first && old.fault === null ? old : { path, pages: [first], fault: null, moved: false }
        return old.pages[0] === first || old.moved ? old : { ...old, moved: true }
      }),
      (cause: unknown) => void (stop.signal.aborted || set((old) => ({ path, pages: old.path === path ? old.pages : [], fault: faultOf(cause), moved: false }))),
    )
    return () => stop.abort()
  }, [path, beat, tries])

  const last = own?.pages.at(-1)
  const next = own !== null && own.fault === null && own.pages.length < upTo ? (last?.next ?? null) : null
  useEffect(() => {
    if (path === null || next === null) return
    const stop = new AbortController()
    get<Page<T>>(`${path}${path.includes('?') ? '&' : '?'}cursor=${next}`, stop.signal).then(
      (page) => set((old) => (old.path === path && old.pages.at(-1)?.next === next ? { ...old, pages: [...old.pages, page] } : old)),
      (cause: unknown) => void (stop.signal.aborted || set((old) => (old.path === path ? { ...old, fault: faultOf(cause) } : old))),
    )
    return () => stop.abort()
  }, [path, next])

  // Until the new list is there the old one stays: whoever sorts or filters by keyboard keeps his place.
  const all = useMemo(() => state.pages.flatMap(({ items }) => items), [state.pages])
  return {
    value: path === null || state.pages.length === 0 ? null : all,
    busy: own === null,
    fault: own?.fault ?? null,
    again: () => {
      set({ path: '', pages: [], fault: null, moved: false })
      want({ path: '', pages: 1 })
      setTries((n) => n + 1)
    },
    whole: last?.next === null,
    more: () => void (path !== null && own !== null && own.pages.length >= upTo && last?.next != null && want({ path, pages: own.pages.length + 1 })),
    moved: own?.moved ?? false,
  }
}
