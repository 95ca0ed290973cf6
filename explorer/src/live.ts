// What moves: the head of the chain and all that grows with it. The indexer tells by server-sent events; where it has none, or they fail, it is asked.
import { useEffect, useState } from 'preact/hooks'
import { type ApiFault, faultOf, get, type Schemas } from './api.ts'

export type Network = Schemas['Network']

export interface Live {
  network: Network | null
  /** Why there is none, or none newer. */
  fault: ApiFault | null
  /** When the head moved last, by the clock of this page in milliseconds; null before the first answer. */
  movedAt: number | null
  /** How news come. */
  by: 'events' | 'asking'
  /** Counts the news: whoever shows what may have changed asks again when it does. */
  beat: number
}

const EVENT_TYPES = ['block', 'round', 'verdict', 'epoch', 'payout', 'reset']
const ASK_EVERY_MS = 3_000
/** With events the network is still asked now and then: an event stream may be open and dead, and that the chain stands is no event. */
const ASK_RARELY_MS = 6_000
const EVENTS_AGAIN_MS = 30_000
/** News that come together are one. */
const TOGETHER_MS = 250

let live: Live = { network: null, fault: null, movedAt: null, by: 'asking', beat: 0 }
const changed = new EventTarget()

function set(change: Partial<Live>): void {
  live = { ...live, ...change }
  changed.dispatchEvent(new Event('change'))
}

/** Follows the network until the signal fires. */
export function follow(signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking = false
  /** News came while the indexer was being asked: its answer may be from before them. */
  let outdated = false
  const later = (ms: number): void => {
    outdated ||= asking
    clearTimeout(timer)
    timer = setTimeout(() => void look(), ms)
  }
  async function look(): Promise<void> {
    if (asking || signal.aborted) return
    asking = true
    outdated = false
    try {
      const network = await get<Network>('/network', signal)
      const moved = network.head?.number !== live.network?.head?.number || live.movedAt === null
      set({ network, fault: null, ...(moved && { movedAt: performance.now() }), ...(network !== live.network && { beat: live.beat + 1 }) })
    } catch (cause) {
      if (!signal.aborted) set({ fault: faultOf(cause) })
    } finally {
      asking = false
      if (!signal.aborted) later(outdated ? TOGETHER_MS : document.hidden || (live.by === 'events' && live.fault === null && live.network?.stalled === null) ? ASK_RARELY_MS : ASK_EVERY_MS)
    }
  }
  const listen = (): void => {
    if (signal.aborted) return
    const source = new EventSource('/events')
    source.addEventListener('open', () => set({ by: 'events' }))
    for (const type of ['message', ...EVENT_TYPES]) source.addEventListener(type, () => later(TOGETHER_MS))
    source.addEventListener('error', () => {
      set({ by: 'asking' })
      later(0)
      // A stream that was open is opened again by the browser; one that there is not is looked for now and then.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, EVENTS_AGAIN_MS)
    })
    signal.addEventListener('abort', () => source.close(), { once: true })
  }
  document.addEventListener('visibilitychange', () => document.hidden || later(0), { signal })
  void look()
  listen()
}

/** What is known of the network now. */
export function useLive(): Live {
  const [at, setAt] = useState(live)
  useEffect(() => {
    const update = (): void => setAt(live)
    changed.addEventListener('change', update)
    update()
    return () => changed.removeEventListener('change', update)
  }, [])
  return at
}

const SECONDS_A_BLOCK = 6

/** Seconds that a block takes by the network's own parameters; peaq's, before they are known. */
export const blockSeconds = (network: Network | null): number => (network?.parameters ? 3600 / network.parameters.hourBlocks : SECONDS_A_BLOCK)

export type Pulse = { kind: 'starting' } | { kind: 'live' } | { kind: 'behind', blocks: number } | { kind: 'standing', text: string } | { kind: 'away', text: string }

/** Blocks by whose time a head that does not move counts as standing, and the least seconds for that. */
const STANDING_BLOCKS = 10
const STANDING_LEAST_S = 60
const BEHIND_BLOCKS = 2

/** How fresh what is shown is. `now` by the clock that `movedAt` is of. */
export function pulseOf({ network, fault, movedAt }: Pick<Live, 'network' | 'fault' | 'movedAt'>, now: number): Pulse {
  if (fault !== null) return { kind: 'away', text: fault.message }
  if (network === null) return { kind: 'starting' }
  if (network.stalled !== null) return { kind: 'standing', text: network.stalled.detail }
  const standing = (now - (movedAt ?? now)) / 1000
  if (standing > Math.max(STANDING_LEAST_S, STANDING_BLOCKS * blockSeconds(network))) return { kind: 'standing', text: `no new block since ${standing < 120 ? `${Math.round(standing)} s` : `${Math.round(standing / 60)} min`}` }
  const behind = (network.best ?? 0) - (network.head?.number ?? 0) - (network.parameters?.confirmations ?? 0)
  return network.best !== null && behind > BEHIND_BLOCKS ? { kind: 'behind', blocks: behind } : { kind: 'live' }
}
