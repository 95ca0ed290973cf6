// Epochs: statements, and who was paid what for which reason.
import type { JSX } from 'preact'
import { type Schemas, useApi, usePages } from '../api.ts'
import { count, grouped, percent, work } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, Amount, Because, Block, Copy, Extrinsic, Fact, Hash } from '../parts/names.tsx'
import { Loaded, Rows } from '../parts/rows.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { pathTo } from '../router.ts'

const PORTION = 100

export function ChainState({ onChain: { state, block } }: { onChain: Schemas['OnChain'] }): JSX.Element {
  if (state === 'match') return <span class="outcome good"><span aria-hidden="true">●</span> the same{block !== null && <>, <Block number={block} /></>}</span>
  if (state === 'mismatch') return <span class="outcome bad"><span aria-hidden="true">≠</span> another{block !== null && <>, <Block number={block} /></>}</span>
  return <span class="outcome none"><span aria-hidden="true">○</span> not yet</span>
}

const STATES = { running: 'running', waiting: 'being judged', scored: 'scored' } as const

export function Epochs(): JSX.Element {
  const { beat } = useLive()
  const pages = usePages<Schemas['Epoch']>(`/epochs?limit=${PORTION}`, beat)
  return (
    <>
      <Title over="What is paid together">Epochs</Title>
      <Shown asked={pages} rows={8}>
        {(epochs) => (epochs.length === 0 ? <Empty>The first epoch has not begun.</Empty> : (
          <>
            <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, 'epoch') : `the last ${n}`)} />
            <Rows rows={epochs} name="Epochs, newest first" columns={7} keyOf={({ epoch }) => String(epoch)} {...(!pages.whole && { more: pages.more })} head={<><th scope="col" class="tight">Epoch</th><th scope="col" class="less">State</th><th scope="col" class="less">Rounds judged</th><th scope="col" class="end less">Proven work</th><th scope="col" class="end">Paid</th><th scope="col" class="less">Statement root</th><th scope="col" class="roomy">On chain</th></>}>
              {({ epoch, state, rounds, work: macs, totals, judgementBlock }) => (
                <>
                  <td><a href={pathTo('epochs', epoch)}>{epoch}</a></td>
                  <td class="less">{STATES[state]}</td>
                  <td class="num less">{rounds.filter(({ judged }) => judged).length} of {rounds.length}</td>
                  <td class="num end less">{macs === null ? '–' : work(macs)}</td>
                  {totals === null ? <><td class="end dim">–</td><td class="less dim">–</td><td class="dim">due <Block number={judgementBlock} /></td></> : (
                    <><td class="end"><Amount planck={totals.paid} /></td><td class="less"><Hash value={totals.root} what="the statement root" /></td><td><ChainState onChain={totals.onChain} /> <a class="less" href={pathTo('verify', epoch)} aria-label={`Verify epoch ${epoch}`}>verify</a></td></>
                  )}
                </>
              )}
            </Rows>
          </>
        ))}
      </Shown>
    </>
  )
}

export function Epoch({ number }: { number: number }): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<Schemas['Epoch']>(`/epochs/${number}`, beat)
  return (
    <>
      <Title over={<a href={pathTo('epochs')}>Epochs</a>} beside={<nav class="steps" aria-label="Neighbours">{number > 0 && <a href={pathTo('epochs', number - 1)} rel="prev">← {number - 1}</a>}<a href={pathTo('epochs', number + 1)} rel="next">{number + 1} →</a></nav>}>Epoch {number}</Title>
      <Shown asked={asked} rows={8}>{(epoch) => <Known epoch={epoch} />}</Shown>
    </>
  )
}

function Known({ epoch: { epoch, state, rounds, work: macs, judgementBlock, totals, extrinsic } }: { epoch: Schemas['Epoch'] }): JSX.Element {
  return (
    <div class="grid">
      <Card name="Statement">
        {totals === null ? <Empty>The epoch is {STATES[state]}. It can be judged from block <Block number={judgementBlock} when />.</Empty> : (
          <>
            <p>On chain: <ChainState onChain={totals.onChain} />{extrinsic !== null && <>, written by <Extrinsic of={extrinsic} block={extrinsic.block} when /></>}</p>
            <p class="mono breaks root">{totals.root} <Copy text={totals.root} what="the statement root" /></p>
            <p class="row"><a class="button" href={pathTo('verify', epoch)}>Verify it yourself</a> <span><a href={`/epochs/${epoch}/statement`}>its bytes and roots</a> · <a href={`/epochs/${epoch}/recording`} download={`epoch-${epoch}.assay`}>a recording</a></span></p>
          </>
        )}
        <p class="dim">Rounds {rounds.map(({ round, judged }, i) => <span key={round}>{i > 0 && ', '}<a href={pathTo('rounds', round)}>{round}</a>{!judged && ' (not judged)'}</span>)}{macs !== null && <>, together {work(macs)}</>}</p>
      </Card>
      {totals !== null && (
        <>
          <Card name="Money">
            <dl class="facts">
              <Fact name="Paid"><span class="big"><Amount planck={totals.paid} /></span></Fact>
              <Fact name="Pool"><Amount planck={totals.pool} /></Fact>
              <Fact name="Carried to the next epoch"><Amount planck={totals.carried} /></Fact>
              <Fact name="Not given out"><Amount planck={totals.remainder} digits={9} /></Fact>
              <Fact name="Scored at"><Block number={totals.scoredAt} when /></Fact>
            </dl>
          </Card>
          <Payouts epoch={epoch} />
          <Scores epoch={epoch} kind="machine" />
          <Scores epoch={epoch} kind="checker" />
        </>
      )}
    </div>
  )
}

function Payouts({ epoch }: { epoch: number }): JSX.Element {
  const pages = usePages<Schemas['Payout']>(`/epochs/${epoch}/payouts?limit=${PORTION}`)
  return (
    <Card name="Payouts" size="wide">
      <Shown asked={pages}>
        {(payouts) => (payouts.length === 0 ? <Empty>Nobody earned anything in this epoch.</Empty> : (
          <>
            <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, 'owner') : `the first ${n}`)} />
            <Rows rows={payouts} name="Payouts" columns={7} keyOf={({ account }) => account} {...(!pages.whole && { more: pages.more })} head={<><th scope="col">Owner</th><th scope="col" class="end less">Earned</th><th scope="col" class="end less">Brought along</th><th scope="col" class="end">Paid</th><th scope="col" class="less">Extrinsic</th><th scope="col">Why</th><th scope="col" class="tight less">Proof</th></>}>
              {(payout) => <><td><Account account={payout.account} /></td><td class="end less"><Amount planck={payout.earned} /></td><td class="end less"><Amount planck={payout.carriedIn} /></td><td class="end"><Amount planck={payout.paid} /></td><td class="less">{payout.extrinsic === null ? <span class="dim">–</span> : <Extrinsic of={payout.extrinsic} block={payout.extrinsic.block} />}</td><td class="cut"><Because reason={payout.reason} /></td><td class="less"><a href={payout.proof.path} aria-label={`Proof of the payout to ${payout.account}`}>proof</a></td></>}
            </Rows>
          </>
        ))}
      </Shown>
    </Card>
  )
}

const KINDS = { machine: { name: 'Machines', one: 'machine', page: 'machines', measure: 'Passed' }, checker: { name: 'Checkers', one: 'checker', page: 'checkers', measure: 'Word weighs' } } as const

function Scores({ epoch, kind }: { epoch: number, kind: keyof typeof KINDS }): JSX.Element {
  const { name, one, page, measure } = KINDS[kind]
  const pages = usePages<Schemas['Score']>(`/epochs/${epoch}/scores?limit=${PORTION}&kind=${kind}`)
  return (
    <Card name={name} size="wide">
      <Shown asked={pages}>
        {(scores) => (scores.length === 0 ? <Empty>The epoch had no {one}.</Empty> : (
          <>
            <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, one) : `the first ${n}`)} />
            <Rows rows={scores} name={name} columns={6} keyOf={({ account }) => account} {...(!pages.whole && { more: pages.more })} head={<><th scope="col">{name.slice(0, -1)}</th><th scope="col" class="end less">Score</th><th scope="col" class="end less">{measure}</th><th scope="col" class="end">Earned</th><th scope="col">Why</th><th scope="col" class="tight less">Proof</th></>}>
              {(score) => (
                <>
                  <td><Account account={score.account} page={page} /></td>
                  <td class="num end less">{kind === 'machine' ? work(score.score) : grouped(score.score)}</td>
                  <td class="num end less">{score.standing !== null ? `${score.standing.passed} of ${score.standing.asked}` : score.quality === null ? '–' : percent(score.quality.weightPpm)}</td>
                  <td class="end"><Amount planck={score.earned} /></td>
                  <td class="cut"><Because reason={score.reason} /></td>
                  <td class="less"><a href={score.proof.path} aria-label={`Proof of the score of ${score.account}`}>proof</a></td>
                </>
              )}
            </Rows>
          </>
        ))}
      </Shown>
    </Card>
  )
}
