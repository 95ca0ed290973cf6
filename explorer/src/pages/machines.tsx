// All machines: filtered, sorted, searched; the indexer does it, page by page.
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Level, type Outcome, type Schemas, usePages } from '../api.ts'
import { accountIn, count, grouped, rate, work, words } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, Amount, LevelMark, OutcomeMark } from '../parts/names.tsx'
import { Loaded, Rows } from '../parts/rows.tsx'
import { Empty, Shown, Title } from '../parts/states.tsx'
import { askFor, deviceText, LEVELS, type Order, OUTCOME_TEXT, OUTCOMES, queryOf, type Sort, SORTS, usualOrder, type Wish, wishOf } from '../reading.ts'
import { go, pathTo, useLocation } from '../router.ts'

/** By which a column is sorted, if it is. */
const COLUMNS: readonly { name: string, sort?: Sort, place: string }[] = [{ name: 'Machine', sort: 'account', place: '' }, { name: 'Device', place: 'less' }, { name: 'Standing', place: 'less' }, { name: 'Last round', sort: 'verdict', place: '' }, { name: 'Down, up', place: 'less' }, { name: 'Proven work', sort: 'work', place: 'less end' }, { name: 'Score', sort: 'score', place: 'less end' }, { name: 'Earned', sort: 'earned', place: 'end' }]
const SORT_NAMES: Record<Sort, string> = { score: 'score', earned: 'earned', work: 'proven work', verdict: 'last round', account: 'account' }
const ORDER_NAMES: Record<Order, string> = { asc: 'least first', desc: 'greatest first' }
/** Every order that there is, the usual direction of each first. */
const WAYS = SORTS.flatMap((sort): Pick<Wish, 'sort' | 'order'>[] => (usualOrder(sort) === 'asc' ? ['asc', 'desc'] as const : ['desc', 'asc'] as const).map((order) => ({ sort, order })))
const TYPING_MS = 200

export function Machines(): JSX.Element {
  const { beat, network } = useLive()
  const wish = wishOf(useLocation().query)
  const pages = usePages<Schemas['MachineEntry']>(askFor(wish), beat)
  const want = (change: Partial<Wish>): void => go(pathTo('machines') + queryOf({ ...wish, ...change }), { replace: true })
  const [typed, type] = useState(wish.search)
  useEffect(() => type(wish.search), [wish.search])
  useEffect(() => {
    if (typed === wish.search) return
    const timer = setTimeout(() => want({ search: typed }), TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const devices = new Map((network?.devices ?? []).map((device) => [String(device.class), `${deviceText(device)} (${grouped(device.machines)})`]))
  if (wish.device !== null && !devices.has(String(wish.device))) devices.set(String(wish.device), deviceText({ class: wish.device, name: null }))
  const plain = wish.search === '' && wish.outcome === null && wish.standing === null && wish.device === null
  return (
    <>
      <Title over="Who does the work">Machines</Title>
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault()
        const account = accountIn(typed)
        if (account !== null) go(pathTo('machines', account))
      }}>
        <label class="field grow"><span>Search by DID or address, or how one begins</span><input type="search" value={typed} maxLength={80} autoComplete="off" spellcheck={false} placeholder="did:peaq:5…" onInput={(event) => type(event.currentTarget.value)} /></label>
        <Choice name="Last round" value={wish.outcome} values={OUTCOMES} tell={(one) => OUTCOME_TEXT[one].word} choose={(outcome: Outcome | null) => want({ outcome })} />
        <Choice name="Standing" value={wish.standing} values={LEVELS} tell={words} choose={(standing: Level | null) => want({ standing })} />
        <Choice name="Device" value={wish.device === null ? null : String(wish.device)} values={[...devices.keys()]} tell={(one) => devices.get(one)!} choose={(device: string | null) => want({ device: device === null ? null : Number(device) })} />
        <label class="field"><span>Order by</span><select value={WAYS.findIndex(({ sort, order }) => sort === wish.sort && order === wish.order)} onChange={(event) => want(WAYS[Number(event.currentTarget.value)]!)}>{WAYS.map(({ sort, order }, i) => <option key={i} value={i}>{SORT_NAMES[sort]}, {ORDER_NAMES[order]}</option>)}</select></label>
      </form>
      {pages.fault?.code === 'BAD_SEARCH' ? <Empty>{pages.fault.message}</Empty> : (
        <Shown asked={pages} rows={8}>
          {(rows) => (rows.length === 0 ? <Empty>{plain ? <>No machine has registered yet. <code>assay provider start</code> registers one.</> : 'No machine is like that. Loosen the filters.'}</Empty> : (
            <>
              <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, 'machine') : `the first ${grouped(n)}${plain && network !== null ? ` of ${count(network.machines, 'machine')}` : ''}`)} />
              <Rows rows={rows} name="Machines" columns={COLUMNS.length} keyOf={({ account }) => account} busy={pages.busy} {...(!pages.whole && { more: pages.more })} head={COLUMNS.map((column) => <Head key={column.name} {...column} wish={wish} want={want} />)}>{Cells}</Rows>
            </>
          ))}
        </Shown>
      )}
    </>
  )
}

function Head({ name, sort, place, wish, want }: { name: string, sort?: Sort, place: string, wish: Wish, want: (change: Partial<Wish>) => void }): JSX.Element {
  if (sort === undefined) return <th scope="col" class={place}>{name}</th>
  const on = wish.sort === sort
  const down = wish.order === 'desc'
  return (
    <th scope="col" class={place} aria-sort={on ? (down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort" onClick={() => want({ sort, order: on ? (down ? 'asc' : 'desc') : usualOrder(sort) })}>{name}<span aria-hidden="true">{on ? (down ? ' ↓' : ' ↑') : ''}</span></button>
    </th>
  )
}

function Choice<T extends string>({ name, value, values, tell, choose }: { name: string, value: T | null, values: readonly T[], tell: (one: T) => string, choose: (one: T | null) => void }): JSX.Element {
  return (
    <label class="field"><span>{name}</span>
      <select value={value ?? ''} onChange={(event) => choose((event.currentTarget.value || null) as T | null)}>
        <option value="">any</option>
        {values.map((one) => <option key={one} value={one}>{tell(one)}</option>)}
      </select>
    </label>
  )
}

function Cells({ address, verdict, outcome, standing, device, score }: Schemas['MachineEntry']): JSX.Element {
  return (
    <>
      <td><Account account={address} page="machines" /></td>
      <td class="less cut">{device === null ? <span class="dim">not told</span> : <span title={deviceText(device)}>{deviceText(device)}</span>}</td>
      <td class="less">{standing === null ? <span class="dim">–</span> : <LevelMark level={standing} />}</td>
      <td title={verdict?.reason.text}>{outcome === null ? <span class="dim">no round yet</span> : <OutcomeMark outcome={outcome} />}</td>
      <td class="less num cut">{verdict === null || verdict.downKbps === null ? <span class="dim">–</span> : <span>{rate(verdict.downKbps)},<br />{rate(verdict.upKbps)}</span>}</td>
      <td class="less num end">{verdict === null ? '–' : work(verdict.work)}</td>
      <td class="less num end">{score === null ? '–' : work(score.score)}</td>
      <td class="end">{score === null ? <span class="dim">–</span> : <Amount planck={score.earned} />}</td>
    </>
  )
}
