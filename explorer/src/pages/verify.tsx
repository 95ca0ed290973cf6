// Verify it yourself: this browser replays an epoch from a recording and compares.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { faultOf, get, getBytes, type Page, type Schemas, type Tree, useApi } from '../api.ts'
import { type Difference, differences, judge, TREES } from '../difference.ts'
import { count, grouped, work } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, Amount, Block, Fact, Hash } from '../parts/names.tsx'
import { Rows } from '../parts/rows.tsx'
import { Card, Empty, Title } from '../parts/states.tsx'
import { go, pathTo } from '../router.ts'
import type { Replayed } from '../replay-messages.ts'
import { replay } from '../verify.ts'

type State = { kind: 'idle' } | { kind: 'fetching' } | { kind: 'replaying', from: string } | { kind: 'failed', code: string, text: string } | { kind: 'done', replayed: Replayed, told: Told | null, from: 'indexer' | 'file' }

/** What the indexer says of the epoch, and where it differs. */
interface Told { root: string, parted: Difference[] }

const EPOCHS = 100
/** As much of a file as any recording has. */
const FILE_BYTES = 2 ** 28
/** Lines of a tree that are looked through for where it differs. */
const LINES_COMPARED = 20_000

export function Verify({ number }: { number: number | null }): JSX.Element {
  const { beat, network } = useLive()
  const { value: listed } = useApi<Page<Schemas['Epoch']>>(`/epochs?limit=${EPOCHS}`, beat)
  const scored = listed?.items.filter(({ totals }) => totals !== null) ?? []
  const epoch = number ?? scored[0]?.epoch ?? null
  const [state, set] = useState<State>({ kind: 'idle' })
  const stop = useRef<AbortController>(null)
  useEffect(() => {
    set({ kind: 'idle' })
    return () => stop.current?.abort()
  }, [number])

  async function run(from: 'indexer' | 'file', bytes: (signal: AbortSignal) => Promise<Uint8Array>): Promise<void> {
    stop.current?.abort()
    const { signal } = (stop.current = new AbortController())
    const tell = (next: State): void => void (signal.aborted || set(next))
    try {
      tell({ kind: 'fetching' })
      const file = await bytes(signal)
      tell({ kind: 'replaying', from: from === 'file' ? 'your file' : 'the recording' })
      const answer = await replay(file, signal)
      if (answer.kind === 'failed') return tell(answer)
      // A recording of another network is told as it is; there is nothing here to compare it with.
      const told = answer.network === network?.network ? await compare(answer, signal) : null
      tell({ kind: 'done', replayed: answer, told, from })
    } catch (error) {
      const { code, message } = faultOf(error)
      tell({ kind: 'failed', code, text: message })
    }
  }

  const busy = state.kind === 'fetching' || state.kind === 'replaying'
  return (
    <>
      <Title over="Trust nobody’s word, ours included">Verify it yourself</Title>
      <div class="grid">
        <Card name="Replay an epoch here">
          <p>Your browser takes all blocks and evidence of an epoch, checks every hash, signature and proof, judges every round, scores the epoch and computes its statement: the same program that checkers run.</p>
          {scored.length === 0 && number === null ? <Empty>No epoch is scored yet. The first one can be verified as soon as it is.</Empty> : (
            <form class="filters" onSubmit={(event) => {
              event.preventDefault()
              if (epoch !== null) void run('indexer', (signal) => getBytes(`/epochs/${epoch}/recording`, signal))
            }}>
              <label class="field"><span>Epoch</span>
                <select value={String(epoch)} onChange={(event) => go(pathTo('verify', Number(event.currentTarget.value)))}>
                  {[...new Set([...scored.map((one) => one.epoch), ...(epoch === null ? [] : [epoch])])].toSorted((a, b) => b - a).map((one) => <option key={one} value={String(one)}>{one}</option>)}
                </select>
              </label>
              <button type="submit" class="button primary" disabled={busy}>{busy ? 'Working …' : 'Replay it now'}</button>
            </form>
          )}
          <p class="small"><label class="file">Or replay a recording of your own, which <code>assay replay --save</code> wrote from a node that you trust: <input type="file" disabled={busy} onChange={(event) => {
            const file = event.currentTarget.files?.[0]
            if (file === undefined) return
            if (file.size > FILE_BYTES) return set({ kind: 'failed', code: 'TOO_LONG', text: `the file has ${grouped(file.size)} bytes, and no recording has more than ${grouped(FILE_BYTES)}` })
            void run('file', async () => new Uint8Array(await file.arrayBuffer()))
          }} /></label></p>
        </Card>
        <Card name="What comes out"><div aria-live="polite" class="outcomes"><Outcome state={state} /></div></Card>
        {state.kind === 'done' && <Trusted state={state} />}
        {state.kind === 'done' && <Lines replayed={state.replayed} />}
      </div>
    </>
  )
}

/** Asks for the indexer's statement, and for the lines of those trees whose roots are not the same; null where it has none. */
async function compare({ epoch, root, roots, leaves }: Replayed, signal: AbortSignal): Promise<Told | null> {
  const statement = await get<Schemas['Statement']>(`/epochs/${epoch}/statement`, signal).catch(() => null)
  if (statement === null) return null
  if (statement.root === root) return { root, parted: [] }
  const theirs: Partial<Record<Tree, string[]>> = {}
  for (const tree of TREES) {
    if (statement.roots[tree] === roots[tree]) continue
    const lines: string[] = (theirs[tree] = [])
    for (let path: string | null = `/epochs/${epoch}/leaves/${tree}?limit=1000`; path !== null && lines.length < LINES_COMPARED; ) {
      const page: Page<string> = await get(path, signal)
      lines.push(...page.items)
      path = page.next === null ? null : `/epochs/${epoch}/leaves/${tree}?limit=1000&cursor=${page.next}`
    }
  }
  return { root: statement.root, parted: differences(leaves, theirs) }
}

function Outcome({ state }: { state: State }): JSX.Element {
  switch (state.kind) {
    case 'idle':
      return <Empty>Nothing is replayed yet. It takes a few seconds, and nothing leaves this browser.</Empty>
    case 'fetching':
      return <p class="working" role="status">Fetching blocks and evidence …</p>
    case 'replaying':
      return <p class="working" role="status">Replaying {state.from}: hashes, signatures, proofs, verdicts, scores …</p>
    case 'failed':
      return <div class="fault" role="alert"><p><strong>It cannot be replayed.</strong></p><p>{state.text} <span class="dim mono">{state.code}</span></p></div>
    case 'done':
      return <Compared state={state} />
  }
}

function Compared({ state: { replayed, told } }: { state: State & { kind: 'done' } }): JSX.Element {
  const verdict = judge(replayed.root, replayed.onChain, told?.root ?? null)
  const parted = told?.parted ?? []
  return (
    <>
      <p class={`verdict ${verdict === 'same' ? 'good' : 'bad'}`}>{verdict === 'same' ? (told === null ? 'Computed; this indexer has no statement to compare it with.' : 'The same root.') : verdict === 'chain differs' ? 'The chain holds another statement: the network paid something else than the rules give.' : 'This indexer says something else.'}</p>
      <dl class="facts">
        <Fact name={`Epoch ${replayed.epoch}, computed here`}><Hash value={replayed.root} what="the root computed here" /></Fact>
        <Fact name="As the indexer has it">{told === null ? 'it has none' : <Hash value={told.root} what="the indexer’s root" />}</Fact>
        <Fact name="On chain, by the recorded blocks">{{ match: 'the same', mismatch: 'another', partly: 'the same; some payees are still to be paid', 'not yet': 'nothing yet' }[replayed.onChain]}</Fact>
        <Fact name="Pays"><Amount planck={replayed.paid} /></Fact>
        <Fact name="Carries on"><Amount planck={replayed.carried} /></Fact>
        <Fact name="Took"><span class="num">{(replayed.milliseconds / 1000).toFixed(2)} s</span></Fact>
      </dl>
      {parted.length > 0 && (
        <div class="note warn">
          <strong>Where they part</strong>
          <ul>{parted.map(({ tree, ours, theirs, at, our, their }) => <li key={tree}>{tree}: {ours === theirs ? count(ours, 'line') : `${ours} lines here, ${theirs} there`}, first at line {at}: <span class="mono breaks">{our ?? 'nothing'}</span> here, <span class="mono breaks">{their ?? 'nothing'}</span> there</li>)}</ul>
        </div>
      )}
    </>
  )
}

function Trusted({ state: { replayed, from } }: { state: State & { kind: 'done' } }): JSX.Element {
  const { blocks, blobs } = replayed
  return (
    <Card name="What was trusted, and what was not" size="wide">
      <div class="two">
        <div>
          <h3>Checked here</h3>
          <ul>
            <li>{count(blobs.count, 'piece')} of evidence ({grouped(Math.round(blobs.bytes / 1024))} KiB), each by its hash</li>
            <li>every signature of machines, owners and checkers, every opened row and label</li>
            <li>the verdicts of {count(replayed.rounds, 'round')}, standings, scores, payouts, the statement’s six trees</li>
          </ul>
        </div>
        <div>
          <h3>Taken on trust</h3>
          <ul>
            <li>that {count(blocks.count, 'block')} from {grouped(blocks.first)} to <Block number={blocks.last.number} hash={blocks.last.hash} /> are those of the chain, whole and in order: {from === 'file' ? 'whoever made your file says so' : 'this indexer says so, and it made the recording'}. The last block’s hash is <Hash value={blocks.last.hash} what="the last block’s hash" />: compare it with a node that you trust{from === 'indexer' && <>, or make the recording yourself from one with <code>assay replay --save</code></>}.</li>
            <li>that this page is the program it says it is: its indexer served it. <code>assay replay --recording</code> is the same from the source that you read.</li>
          </ul>
        </div>
      </div>
    </Card>
  )
}

function Lines({ replayed }: { replayed: Replayed }): JSX.Element {
  return (
    <Card name="Every score, as computed here" size="wide">
      <Rows rows={replayed.lines} name="Scores computed here" columns={4} keyOf={({ kind, account }) => kind + account} head={<><th scope="col">Who</th><th scope="col" class="end less">Score</th><th scope="col" class="end">Earned</th><th scope="col">Why</th></>}>
        {({ kind, account, score, earned, code, sentence }) => <><td><span class="dim less">{kind} </span><Account account={account} page={kind === 'machine' ? 'machines' : 'checkers'} /></td><td class="num end less">{kind === 'machine' ? work(score) : grouped(score)}</td><td class="end"><Amount planck={earned} /></td><td class="cut">{code === 'OK' ? <span class="dim">all is well</span> : <span title={code}>{sentence}</span>}</td></>}
      </Rows>
    </Card>
  )
}
