// Accounts, hashes, amounts and blocks, each the same everywhere. What a stranger wrote becomes a text node or an attribute, never markup.
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { addressOf } from '@assay/replay'
import { get, type Level, type Links, type Outcome, type Schemas } from '../api.ts'
import { about, linkTo, peaq, short, words } from '../format.ts'
import { blockSeconds, useLive } from '../live.ts'
import { OUTCOME_TEXT } from '../reading.ts'
import { pathTo } from '../router.ts'

const NO_LINKS: Links = { block: null, extrinsic: null, account: null }
let links: Promise<Links> | undefined

/** Where this indexer's operator wants blocks, extrinsics and accounts linked to. */
function useLinks(): Links {
  const [found, set] = useState(NO_LINKS)
  useEffect(() => {
    links ??= get<Links>('/explorer/links.json').catch(() => NO_LINKS)
    void links.then(set)
  }, [])
  return found
}

/** An account as people write it, from either form. */
export const addressText = (account: string): string => (/^0x[0-9a-f]{64}$/.test(account) ? addressOf(account as `0x${string}`) : account)

/** An account's name, which leads to its page where it has one. */
export function Account({ account, page, whole = false }: { account: string, page?: 'machines' | 'checkers', whole?: boolean }): JSX.Element {
  const address = addressText(account)
  const text = <span class={whole ? 'mono breaks' : 'mono nowrap'} title={address}>{whole ? address : short(address)}</span>
  const href = linkTo(useLinks().account, { address })
  if (page !== undefined) return <a href={pathTo(page, address)}>{text}</a>
  return href === null ? text : <a href={href} rel="noreferrer" target="_blank">{text}<Outside /></a>
}

const Outside = (): JSX.Element => <span class="outside" aria-label=" (another site)">↗</span>

/** Puts a text on the clipboard. */
export function Copy({ text, what }: { text: string, what: string }): JSX.Element {
  const [done, set] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => set(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <button type="button" class="copy" aria-label={`Copy ${what}`} onClick={() => void navigator.clipboard?.writeText(text).then(() => set(true))}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">{done ? <path d="m3 8.5 3.2 3.2L13 5" /> : <><rect x="5.5" y="5.5" width="8" height="8" rx="1.8" /><path d="M10.5 3.2a1.7 1.7 0 0 0-1.5-.7H4.2a1.7 1.7 0 0 0-1.7 1.7V9c0 .7.3 1.2.8 1.5" /></>}</svg>
      <span class="sr" role="status">{done ? 'copied' : ''}</span>
    </button>
  )
}

/** A hash, whole for whoever points at it or copies it. */
export function Hash({ value, what, whole = false }: { value: string, what: string, whole?: boolean }): JSX.Element {
  return <span class="nowrap"><span class={whole ? 'mono breaks' : 'mono'} title={value}>{whole ? value : short(value, 8, 6)}</span> <Copy text={value} what={what} /></span>
}

/** Planck as PEAQ; the exact planck for whoever points at it. */
export function Amount({ planck, digits = 3 }: { planck: string, digits?: number }): JSX.Element {
  return <span class="num nowrap" title={`${planck} planck`}>{peaq(planck, digits)} <abbr class="unit" title={`${planck} planck`}>PEAQ</abbr></span>
}

/** A block, where it is, and how long ago or until then. */
export function Block({ number, hash, when = false }: { number: number, hash?: string, when?: boolean }): JSX.Element {
  const href = linkTo(useLinks().block, { number, ...(hash !== undefined && { hash }) })
  const text = <span class="num">{`#${number}`}</span>
  return (
    <span class="nowrap">
      {href === null ? text : <a href={href} rel="noreferrer" target="_blank">{text}<Outside /></a>}
      {when && <When block={number} />}
    </span>
  )
}

/** How far a block is from the head, in time. */
function When({ block }: { block: number }): JSX.Element | null {
  const { network } = useLive()
  const head = network?.head?.number
  if (head === undefined || head === block) return null
  const away = about(block - head, blockSeconds(network))
  return <span class="dim">{block > head ? ` in ${away}` : ` ${away} ago`}</span>
}

/** The extrinsic by which something came onto the chain, by the name that block explorers know it by; where it is not known, the block. */
export function Extrinsic({ of, block, when = false }: { of: Schemas['Extrinsic'] | null, block: number, when?: boolean }): JSX.Element {
  const template = useLinks().extrinsic
  if (of === null) return <Block number={block} when={when} />
  const href = linkTo(template, { extrinsic: of.id, number: of.block, hash: of.blockHash })
  const text = <span class="num" title={`extrinsic ${of.index} of block ${of.blockHash}`}>{of.id}</span>
  return (
    <span class="nowrap">
      {href === null ? <>{text} <Copy text={of.id} what={`the extrinsic ${of.id}`} /></> : <a href={href} rel="noreferrer" target="_blank">{text}<Outside /></a>}
      {when && <When block={of.block} />}
    </span>
  )
}

export function OutcomeMark({ outcome }: { outcome: Outcome }): JSX.Element {
  const { mark, tone, word } = OUTCOME_TEXT[outcome]
  return <span class={`outcome ${tone}`}><span aria-hidden="true">{mark}</span> {word}</span>
}

export const LevelMark = ({ level }: { level: Level }): JSX.Element => <span class={`level ${level.toLowerCase()}`}>{words(level)}</span>

/** A reason as the indexer words it, with its code for whoever looks it up. */
export const Because = ({ reason }: { reason: Schemas['Reason'] }): JSX.Element => <span class={reason.code === 'OK' ? 'because dim' : 'because'} title={reason.code}>{reason.text}</span>

export function Fact({ name, children }: { name: string, children: ComponentChildren }): JSX.Element {
  return <div class="fact"><dt>{name}</dt><dd>{children}</dd></div>
}
