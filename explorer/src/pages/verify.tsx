// Verify it yourself: this browser replays an epoch from a recording and compares.
import { tellWitnessed } from '@assay/replay/tell-witnessed'
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
import type { Replayed, WitnessAnswer } from '../replay-messages.ts'
import { replay } from '../verify.ts'

type State = { kind: 'idle' } | { kind: 'fetching' } | { kind: 'replaying', from: string } | { kind: 'failed', code: string, text: string } | Done

interface Done { kind: 'done', replayed: Replayed, told: Told | null, from: 'indexer' | 'file', witness: Witness | null }

/** The node that was named, and what it said of the blocks so far; null: nothing yet. */
interface Witness { node: string, said: WitnessAnswer | null }

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
  // Kept nowhere, and taken from no link: whoever made one would choose the node.
  const [typed, type] = useState('')
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
      // Whoever is quick asks before this page knows where it is.
      const here = network ?? (await get<Schemas['Network']>('/network', signal).catch(() => null))
      tell({ kind: 'replaying', from: from === 'file' ? 'your file' : 'the recording' })
      const node = typed.trim() === '' ? null : typed.trim()
      let said: WitnessAnswer | null = null
      const heard = (answer: WitnessAnswer): void => {
        said = answer
        if (!signal.aborted) set((now) => (now.kind === 'done' && now.witness !== null ? { ...now, witness: { ...now.witness, said } } : now))
      }
      const answer = await replay(file, { node, here: here === null ? null : { network: here.network, genesis: here.genesisHash } }, signal, heard)
      if (answer.kind === 'failed') return tell(answer)
      // A recording of another network is told as it is; there is nothing here to compare it with.
      const told = answer.network === here?.network ? await compare(answer, signal) : null
      tell({ kind: 'done', replayed: answer, told, from, witness: node === null ? null : { node, said } })
    } catch (error) {
      const { code, message } = faultOf(error)
      tell({ kind: 'failed', code, text: message })
    }
  }

  const leave = (): void => {
    stop.current?.abort()
    set((now) => (now.kind === 'done' ? { ...now, witness: null } : now))
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
              <label class="field grow"><span>Check the blocks against a node (if you like)</span>
                <input type="url" value={typed} pattern="(wss?|https?)://.+" title="ws://, wss://, http:// or https://" placeholder="ws://127.0.0.1:9944" autocomplete="off" spellcheck={false} onInput={(event) => type(event.currentTarget.value)} />
              </label>
              <button type="submit" class="button primary" disabled={busy}>{busy ? 'Working …' : 'Replay it now'}</button>
            </form>
          )}
          <p class="small dim">Without a node the blocks are this indexer’s word, or that of whoever made your file. Name one that you run or trust, and your browser reads every block since the network began from it and compares: only the node is believed then. It has to keep all blocks and states, and to let this page in (<code>--rpc-cors</code>). The address is not kept.</p>
          <p class="small"><label class="file">Or replay a recording of your own, which <code>assay replay --save</code> wrote from a node that you trust: <input type="file" disabled={busy} onChange={(event) => {
            const file = event.currentTarget.files?.[0]
            if (file === undefined) return
            if (file.size > FILE_BYTES) return set({ kind: 'failed', code: 'TOO_LONG', text: `the file has ${grouped(file.size)} bytes, and no recording has more than ${grouped(FILE_BYTES)}` })
            void run('file', async () => new Uint8Array(await file.arrayBuffer()))
          }} /></label></p>
        </Card>
        <Card name="What comes out"><div aria-live="polite" class="outcomes"><Outcome state={state} leave={leave} /></div></Card>
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

function Outcome({ state, leave }: { state: State, leave: () => void }): JSX.Element {
  switch (state.kind) {
    case 'idle':
      return <Empty>Nothing is replayed yet. It takes a few seconds, and nobody is asked but this indexer and the node that you name.</Empty>
    case 'fetching':
      return <p class="working" role="status">Fetching blocks and evidence …</p>
    case 'replaying':
      return <p class="working" role="status">Replaying {state.from}: hashes, signatures, proofs, verdicts, scores …</p>
    case 'failed':
      return <div class="fault" role="alert"><p><strong>It cannot be replayed.</strong></p><p>{state.text} <span class="dim mono">{state.code}</span></p></div>
    case 'done':
      return <><Compared state={state} /><Blocks state={state} leave={leave} /></>
  }
}

function Compared({ state: { replayed, told, witness } }: { state: Done }): JSX.Element {
  const verdict = judge(replayed.root, replayed.onChain, told?.root ?? null)
  const parted = told?.parted ?? []
  // A root of blocks that the node has not is worth nothing, whoever else has it.
  const denied = witness?.said?.kind === 'witnessed' && (witness.said.witnessed.kind === 'differs' || witness.said.witnessed.kind === 'other chain')
  return (
    <>
      <p class={`verdict ${verdict === 'same' && !denied ? 'good' : 'bad'}`}>{denied ? 'Computed from blocks that your node does not have.' : verdict === 'same' ? (told === null ? 'Computed; this indexer has no statement to compare it with.' : 'The same root.') : verdict === 'chain differs' ? 'The chain holds another statement: the network paid something else than the rules give.' : 'This indexer says something else.'}</p>
      <dl class="facts">
        <Fact name={`Epoch ${replayed.epoch}, computed here`}><Hash value={replayed.root} what="the root computed here" /></Fact>
        <Fact name="As the indexer has it">{told === null ? 'it has none' : <Hash value={told.root} what="the indexer’s root" />}</Fact>
        <Fact name={`On chain, by the recorded blocks up to ${grouped(replayed.blocks.last.number)}`}>{{ match: 'the same', mismatch: 'another', partly: 'the same; some payees are still to be paid', 'not yet': 'nothing yet' }[replayed.onChain]}</Fact>
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

/** What the named node says of the blocks. */
function Blocks({ state: { replayed: { blocks }, witness }, leave }: { state: Done, leave: () => void }): JSX.Element | null {
  if (witness === null) return null
  const { node, said } = witness
  if (said?.kind !== 'witnessed') {
    const done = said?.blocks ?? 0
    const left = said === null || done === 0 ? null : Math.ceil((said.milliseconds / done) * (blocks.count - done) / 60_000)
    return (
      <div class="working" role="status">
        <p>The node has {grouped(done)} of {count(blocks.count, 'block')} as they are recorded{left !== null && left > 1 && <>, about {count(left, 'minute')} to go</>} …</p>
        <p><progress max={blocks.count} value={done} aria-label="Blocks checked" /> <button type="button" class="button" onClick={leave}>Stop asking</button></p>
      </div>
    )
  }
  const { witnessed, milliseconds } = said
  const headline = { agrees: 'The blocks are those of your node.', differs: 'The recording is not what your node has.', 'other chain': 'Your node is of another chain.', unusable: 'Your node could not tell.' }[witnessed.kind]
  return (
    <>
      <p class={`verdict ${witnessed.kind === 'agrees' ? 'good' : 'bad'}`}>{headline}</p>
      <p class="breaks">{tellWitnessed(witnessed)}</p>
      <p class="small dim breaks">Asked {node}, {(milliseconds / 1000).toFixed(2)} s.</p>
    </>
  )
}

function Trusted({ state: { replayed, from, witness } }: { state: Done }): JSX.Element {
  const { blocks, blobs } = replayed
  const outcome = witness?.said?.kind === 'witnessed' ? witness.said.witnessed.kind : null
  const which = <>{count(blocks.count, 'block')} from {grouped(blocks.first)} to <Block number={blocks.last.number} hash={blocks.last.hash} /></>
  return (
    <Card name="What was trusted, and what was not" size="wide">
      <div class="two">
        <div>
          <h3>Checked here</h3>
          <ul>
            <li>{count(blobs.count, 'piece')} of evidence ({grouped(Math.round(blobs.bytes / 1024))} KiB), each by its hash</li>
            <li>every signature of machines, owners and checkers, every opened row and label</li>
            <li>the verdicts of {count(replayed.rounds, 'round')}, standings, scores, payouts, the statement’s six trees</li>
            {outcome === 'agrees' && <li>that {which} are what <span class="mono breaks">{witness!.node}</span> has: every hash, their order, and each entry that the rules read; nothing was left out, added or altered</li>}
          </ul>
        </div>
        <div>
          <h3>Taken on trust</h3>
          <ul>
            {outcome === 'agrees' ? (
              <li>that your node, <span class="mono breaks">{witness!.node}</span>, tells the chain’s blocks and what stands in them as they are: it alone is believed, for it proves neither. {from === 'file' ? 'Whoever made your file' : 'This indexer'} is believed in nothing about the blocks.</li>
            ) : (
              <li>that {which} are those of the chain, whole and in order: {from === 'file' ? 'whoever made your file says so' : 'this indexer says so, and it made the recording'}{outcome === 'differs' || outcome === 'other chain' ? ', and your node says otherwise' : outcome === 'unusable' ? '; your node could not tell' : ''}. The last block’s hash is <Hash value={blocks.last.hash} what="the last block’s hash" />. Name a node above to believe that instead{from === 'indexer' && <>, or make the recording yourself from one with <code>assay replay --save</code></>}.</li>
            )}
            <li>what came after block {grouped(blocks.last.number)}: {replayed.onChain === 'match' ? 'nothing in it can change this epoch' : 'whoever made the recording ended it there, and a statement or payment further on is not in it'}.</li>
            <li>that this is the network you mean: its account is <Account account={replayed.network} whole />. Anybody can found another.</li>
            <li>that this page is the program it says it is: its indexer served it. <code>assay replay --recording</code>, with <code>--chain</code> for the node, is the same from the source that you read.</li>
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
