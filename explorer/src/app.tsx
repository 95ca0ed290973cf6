// The frame around every page: where to go, whether what is shown is fresh, light or dark.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { accountIn, grouped } from './format.ts'
import { pulseOf, useLive } from './live.ts'
import { type Late, lazily } from './parts/lazily.ts'
import { Empty, Loading, Title } from './parts/states.tsx'
import { Overview } from './pages/overview.tsx'
import { followLinks, go, pathTo, type Place, placeOf, useLocation } from './router.ts'

const NAMES = { overview: 'Network', machines: 'Machines', checkers: 'Checkers', rounds: 'Rounds', epochs: 'Epochs', verify: 'Verify' } as const
type Tab = keyof typeof NAMES
const TAB_OF: Record<Place['page'], Tab | null> = { overview: 'overview', machines: 'machines', machine: 'machines', checkers: 'checkers', checker: 'checkers', rounds: 'rounds', round: 'rounds', epochs: 'epochs', epoch: 'epochs', verify: 'verify', nowhere: null }

// The first page comes at once, every other with the first look at it.
const machines = lazily(() => import('./pages/machines.tsx'))
const machine = lazily(() => import('./pages/machine.tsx'))
const checkers = lazily(() => import('./pages/checkers.tsx'))
const rounds = lazily(() => import('./pages/rounds.tsx'))
const epochs = lazily(() => import('./pages/epochs.tsx'))
const verify = lazily(() => import('./pages/verify.tsx'))

export function App(): JSX.Element {
  const { path } = useLocation()
  const place = placeOf(path)
  const tab = TAB_OF[place.page]
  const main = useRef<HTMLElement>(null)
  const nav = useRef<HTMLElement>(null)
  const first = useRef(true)
  useEffect(() => {
    document.title = tab === null ? 'Assay' : `${NAMES[tab]}${'number' in place && place.number !== null ? ` ${place.number}` : ''} · Assay`
    // On a phone the list of pages is wider than the screen. Not by scrollIntoView, from which the Tab key would go on.
    const here = nav.current?.querySelector<HTMLElement>('[aria-current]')
    if (here != null) nav.current!.scrollLeft = here.offsetLeft - nav.current!.offsetLeft - (nav.current!.clientWidth - here.offsetWidth) / 2
    // A new page is told to a screen reader by its heading, as soon as that is there; the first one is told anyway.
    if (first.current) return void (first.current = false)
    const tell = (): boolean => {
      const heading = main.current?.querySelector('h1')
      heading?.focus({ preventScroll: true })
      return heading != null
    }
    if (tell()) return
    const watch = new MutationObserver(() => void (tell() && watch.disconnect()))
    watch.observe(main.current!, { childList: true, subtree: true })
    return () => watch.disconnect()
  }, [path])
  return (
    <div onClick={followLinks}>
      <a class="skip" href="#main">Skip to the page</a>
      <header class="top">
        <a class="brand" href="/"><img src="/explorer/icon.svg" width="28" height="28" alt="" /> Assay</a>
        <nav aria-label="Pages" ref={nav}>{(Object.keys(NAMES) as Tab[]).map((one) => <a key={one} href={pathTo(one)} aria-current={one === tab ? 'page' : undefined}>{NAMES[one]}</a>)}</nav>
        <Find />
        <PulseBadge />
        <Theme />
      </header>
      <main id="main" tabIndex={-1} ref={main}><Page key={place.page} place={place} /></main>
      <footer><p>Every number here comes from the chain and from evidence that anybody may check. The same for programs: <a href="/docs">the API</a>.</p></footer>
    </div>
  )
}

function Page({ place }: { place: Place }): JSX.Element {
  switch (place.page) {
    case 'overview': return <Overview />
    case 'machines': return <When part={machines}>{({ Machines }) => <Machines />}</When>
    case 'machine': return <When part={machine}>{({ Machine }) => <Machine key={place.account} account={place.account} />}</When>
    case 'checkers': return <When part={checkers}>{({ Checkers }) => <Checkers />}</When>
    case 'checker': return <When part={checkers}>{({ Checker }) => <Checker key={place.account} account={place.account} />}</When>
    case 'rounds': return <When part={rounds}>{({ Rounds }) => <Rounds />}</When>
    case 'round': return <When part={rounds}>{({ Round }) => <Round key={place.number} number={place.number} />}</When>
    case 'epochs': return <When part={epochs}>{({ Epochs }) => <Epochs />}</When>
    case 'epoch': return <When part={epochs}>{({ Epoch }) => <Epoch key={place.number} number={place.number} />}</When>
    case 'verify': return <When part={verify}>{({ Verify }) => <Verify number={place.number} />}</When>
    case 'nowhere': return <><Title>Nowhere</Title><Empty>There is no such page. <a href="/">Back to the network</a>.</Empty></>
  }
}

/** A page once it has come. */
function When<T>({ part, children }: { part: { use(): Late<T> }, children: (module: T) => JSX.Element }): JSX.Element {
  const { module, failed } = part.use()
  if (failed) return <><Title>This page did not come</Title><Empty>The indexer does not answer, or it was renewed meanwhile. <a href={location.pathname} target="_self">Load it again</a>.</Empty></>
  return module === null ? <Loading rows={6} /> : children(module)
}

/** Finds a machine or checker by whatever names it, or a round or epoch by its number. */
function Find(): JSX.Element {
  const [typed, set] = useState('')
  return (
    <form class="find" role="search" onSubmit={(event) => {
      event.preventDefault()
      const text = typed.trim()
      if (text === '') return
      const account = accountIn(text)
      const numbered = /^(round|epoch)s?\s*#?(\d{1,9})$/i.exec(text)
      go(account !== null ? pathTo('machines', account) : numbered ? pathTo(numbered[1]!.toLowerCase() === 'round' ? 'rounds' : 'epochs', Number(numbered[2])) : `${pathTo('machines')}?search=${encodeURIComponent(text.slice(0, 80))}`)
      set('')
    }}>
      <input type="search" aria-label="Find a machine by DID or address, or “round 7”" placeholder="Find a machine" value={typed} maxLength={100} spellcheck={false} autoComplete="off" onInput={(event) => set(event.currentTarget.value)} />
    </form>
  )
}

const LOOK_MS = 5_000

function PulseBadge(): JSX.Element {
  const live = useLive()
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  const pulse = pulseOf(live, Math.max(now, live.movedAt ?? 0))
  const head = live.network?.head?.number
  const block = head === undefined ? '' : `block ${grouped(head)}`
  const told = {
    starting: ['mild', 'connecting', 'The indexer is being asked.'],
    live: ['good', block === '' ? 'live' : block, `Live, by ${live.by === 'events' ? 'events' : 'asking every few seconds'}.`],
    behind: ['mild', `catching up, ${block}`, pulse.kind === 'behind' ? `${grouped(pulse.blocks)} blocks behind the chain.` : ''],
    standing: ['bad', `stands at ${block}`, pulse.kind === 'standing' ? `What is shown is old: ${pulse.text}.` : ''],
    away: ['bad', 'no answer', pulse.kind === 'away' ? `What is shown is old: ${pulse.text}.` : ''],
  }[pulse.kind]
  return (
    <>
      <span class={`pulse ${told[0]}`} title={told[2]}><span class="dot" aria-hidden="true" />{told[1]}</span>
      <span class="sr" role="status">{pulse.kind === 'standing' || pulse.kind === 'away' ? told[2] : ''}</span>
      {(pulse.kind === 'standing' || pulse.kind === 'away') && <p class="banner">{told[2]}</p>}
    </>
  )
}

const THEMES = ['auto', 'light', 'dark'] as const

function Theme(): JSX.Element {
  const [theme, set] = useState<(typeof THEMES)[number]>(() => THEMES.find((one) => one === stored()) ?? 'auto')
  useEffect(() => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme')
    else document.documentElement.setAttribute('data-theme', theme)
    try {
      localStorage.setItem('theme', theme)
    } catch {
      // A browser that keeps nothing shows the theme all the same.
    }
    dispatchEvent(new Event('themed'))
  }, [theme])
  return <button type="button" class="theme" onClick={() => set(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!)} aria-label={`Colours: ${theme}. Change`} title={`Colours: ${theme}`}><span aria-hidden="true">{{ auto: '◐', light: '☀', dark: '☾' }[theme]}</span></button>
}

function stored(): string | null {
  try {
    return localStorage.getItem('theme')
  } catch {
    return null
  }
}
