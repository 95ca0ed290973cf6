// All machines: filtered, sorted, searched.
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { Level, Outcome } from '../api.ts'
import { accountIn, count, grouped, memory, work, words } from '../format.ts'
import { useLive } from '../live.ts'
import { useMachines } from '../machines.ts'
import { Account, Amount, LevelMark, OutcomeMark } from '../parts/names.tsx'
import { Rows } from '../parts/rows.tsx'
import { Empty, Shown, Title } from '../parts/states.tsx'
import { LEVELS, OUTCOME_TEXT, OUTCOMES, pick, queryOf, type Row, type Sort, type Wish, wishOf } from '../reading.ts'
import { go, pathTo, useLocation } from '../router.ts'

const COLUMNS: readonly { sort: Sort, name: string, less?: boolean }[] = [{ sort: 'address', name: 'Machine' }, { sort: 'device', name: 'Device', less: true }, { sort: 'standing', name: 'Standing', less: true }, { sort: 'outcome', name: 'Last round' }, { sort: 'work', name: 'Proven work', less: true }, { sort: 'earned', name: 'Earned, last epoch' }]

export function Machines(): JSX.Element {
  const { beat } = useLive()
  const wish = wishOf(useLocation().query)
  const { rows, whole, fault, again } = useMachines(beat)
  const picked = useMemo(() => pick(rows, wish), [rows, queryOf(wish)])
  const want = (change: Partial<Wish>): void => go(pathTo('machines') + queryOf({ ...wish, ...change }), { replace: true })
  return (
    <>
      <Title over="Who does the work">Machines</Title>
      <form class="filters" role="search" onSubmit={(event) => {
        event.preventDefault()
        const account = accountIn(wish.search)
        if (account !== null && picked.length === 1) go(pathTo('machines', picked[0]!.address))
      }}>
        <label class="field grow"><span>Search by DID, address or owner</span><input type="search" value={wish.search} maxLength={100} autoComplete="off" spellcheck={false} placeholder="did:peaq:5…" onInput={(event) => want({ search: event.currentTarget.value })} /></label>
        <Choice name="Last round" value={wish.outcome} values={OUTCOMES} tell={(one) => OUTCOME_TEXT[one].word} choose={(outcome: Outcome | null) => want({ outcome })} />
        <Choice name="Standing" value={wish.level} values={LEVELS} tell={words} choose={(level: Level | null) => want({ level })} />
        <Choice name="Device" value={wish.kind} values={['CPU', 'GPU'] as const} tell={(one) => one} choose={(kind: 'CPU' | 'GPU' | null) => want({ kind })} />
      </form>
      <Shown asked={{ value: rows.length > 0 || whole ? rows : null, fault, again }} rows={8}>
        {() => (
          <>
            <p class="note" role="status">{whole ? '' : 'Still loading. '}{picked.length === rows.length ? count(rows.length, 'machine') : `${grouped(picked.length)} of ${count(rows.length, 'machine')}`}</p>
            {picked.length === 0 ? <Empty>{rows.length === 0 ? <>No machine has registered yet. <code>assay provider start</code> registers one.</> : 'No machine is like that. Loosen the filters.'}</Empty> : (
              <Rows rows={picked} name="Machines" columns={COLUMNS.length} keyOf={(row) => row.account} head={COLUMNS.map((column) => <Head key={column.sort} {...column} wish={wish} want={want} />)}>{Cells}</Rows>
            )}
          </>
        )}
      </Shown>
    </>
  )
}

function Head({ sort, name, less, wish, want }: { sort: Sort, name: string, less?: boolean, wish: Wish, want: (change: Partial<Wish>) => void }): JSX.Element {
  const on = wish.sort === sort
  // Sums begin with the greatest, everything else with the first.
  const descends = (sort === 'earned' || sort === 'work') !== wish.up
  return (
    <th scope="col" class={less ? 'less' : sort === 'earned' ? 'end' : ''} aria-sort={on ? (descends ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort" onClick={() => want(on ? { up: !wish.up } : { sort, up: false })}>{name}<span aria-hidden="true">{on ? (descends ? ' ↓' : ' ↑') : ''}</span></button>
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

function Cells({ address, kind, units, memoryMiB, level, outcome, reason, work: macs, earned }: Row): JSX.Element {
  return (
    <>
      <td><Account account={address} page="machines" /></td>
      <td class="less">{kind === null ? <span class="dim">not told yet</span> : <>{units} × {kind} <span class="dim">{memory((memoryMiB ?? 0) * 1024)}</span></>}</td>
      <td class="less">{level === null ? <span class="dim">–</span> : <LevelMark level={level} />}</td>
      <td title={reason ?? undefined}>{outcome === null ? <span class="dim">no round yet</span> : <OutcomeMark outcome={outcome} />}</td>
      <td class="less num">{work(String(macs))}</td>
      <td class="end"><Amount planck={String(earned)} /></td>
    </>
  )
}
