// Epochs: statements, and who was paid what for which reason.
import type { JSX } from 'preact'
import { type Epoch as EpochAnswer, type EpochSummary, type OnChain, useApi } from '../api.ts'
import { count, grouped, percent, work } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, addressText, Amount, Because, Block, Fact, Hash } from '../parts/names.tsx'
import { Rows } from '../parts/rows.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { pathTo } from '../router.ts'

const EPOCHS = 100

export function ChainState({ onChain: { state, block } }: { onChain: OnChain }): JSX.Element {
  if (state === 'match') return <span class="outcome good"><span aria-hidden="true">●</span> the same on chain{block !== null && <> in <Block number={block} /></>}</span>
  if (state === 'mismatch') return <span class="outcome bad"><span aria-hidden="true">≠</span> another on chain{block !== null && <> in <Block number={block} /></>}</span>
  return <span class="outcome none"><span aria-hidden="true">○</span> not on chain yet</span>
}

const STATES = { running: 'running', waiting: 'being judged', scored: 'scored' } as const

export function Epochs(): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<{ epochs: EpochSummary[] }>(`/epochs?limit=${EPOCHS}`, beat)
  return (
    <>
      <Title over="What is paid together">Epochs</Title>
      <Shown asked={asked} rows={8}>
        {({ epochs }) => (epochs.length === 0 ? <Empty>The first epoch has not begun.</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Epochs, newest first">
            <table>
              <thead><tr><th scope="col">Epoch</th><th scope="col">State</th><th scope="col">Rounds judged</th><th scope="col" class="end">Paid</th><th scope="col" class="end">Carried on</th><th scope="col">Statement root</th><th scope="col">On chain</th><th scope="col"><span class="sr">Verify</span></th></tr></thead>
              <tbody>
                {epochs.map(({ epoch, state, rounds, totals, judgementBlock }) => (
                  <tr key={epoch}>
                    <td><a href={pathTo('epochs', epoch)}>{epoch}</a></td>
                    <td>{STATES[state]}</td>
                    <td class="num">{rounds.filter(({ judged }) => judged).length} of {rounds.length}</td>
                    {totals === null ? <td colSpan={5} class="dim">can be judged from block <Block number={judgementBlock} when /></td> : (
                      <><td class="end"><Amount planck={totals.paid} /></td><td class="end"><Amount planck={totals.carried} /></td><td><Hash value={totals.root} what="the statement root" /></td><td><ChainState onChain={totals.onChain} /></td><td><a href={pathTo('verify', epoch)} aria-label={`Verify epoch ${epoch}`}>verify</a></td></>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ))}
      </Shown>
    </>
  )
}

export function Epoch({ number }: { number: number }): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<EpochAnswer>(`/epochs/${number}`, beat)
  return (
    <>
      <Title over={<a href={pathTo('epochs')}>Epochs</a>} beside={<nav class="steps" aria-label="Neighbours">{number > 0 && <a href={pathTo('epochs', number - 1)} rel="prev">← {number - 1}</a>}<a href={pathTo('epochs', number + 1)} rel="next">{number + 1} →</a></nav>}>Epoch {number}</Title>
      <Shown asked={asked} rows={8}>{(epoch) => <Known epoch={epoch} />}</Shown>
    </>
  )
}

function Known({ epoch: { epoch, state, rounds, judgementBlock, totals, scores, payouts } }: { epoch: EpochAnswer }): JSX.Element {
  const machines = scores.filter(({ kind }) => kind === 'machine')
  const checkers = scores.filter(({ kind }) => kind === 'checker')
  return (
    <div class="grid">
      <Card name="Statement">
        {totals === null ? <Empty>The epoch is {STATES[state]}. It can be judged from block <Block number={judgementBlock} when />.</Empty> : (
          <>
            <p><ChainState onChain={totals.onChain} /></p>
            <p class="mono breaks root">{totals.root}</p>
            <p><a class="button" href={pathTo('verify', epoch)}>Verify it yourself</a> <a href={`/epochs/${epoch}/statement`}>the statement</a> · <a href={`/epochs/${epoch}/recording`} download={`epoch-${epoch}.assay`}>a recording</a></p>
          </>
        )}
        <p class="dim">Rounds {rounds.map(({ round, judged }, i) => <span key={round}>{i > 0 && ', '}<a href={pathTo('rounds', round)}>{round}</a>{!judged && ' (not judged)'}</span>)}</p>
      </Card>
      {totals !== null && (
        <Card name="Money">
          <dl class="facts">
            <Fact name="Pool"><Amount planck={totals.pool} /></Fact>
            <Fact name="Paid"><span class="big"><Amount planck={totals.paid} /></span></Fact>
            <Fact name="Carried to the next epoch"><Amount planck={totals.carried} /></Fact>
            <Fact name="Not given out"><Amount planck={totals.remainder} digits={9} /></Fact>
            <Fact name="Scored at"><Block number={totals.scoredAt} when /></Fact>
          </dl>
        </Card>
      )}
      {totals !== null && (
        <>
          <Card name={count(payouts.filter(({ paid }) => paid !== '0').length, 'payout')} size="wide">
            {payouts.length === 0 ? <Empty>Nobody earned anything in this epoch.</Empty> : (
              <Rows rows={payouts} name="Payouts" columns={5} keyOf={({ account }) => account} head={<><th scope="col">Owner</th><th scope="col" class="end less">Earned</th><th scope="col" class="end less">Brought along</th><th scope="col" class="end">Paid</th><th scope="col">Why</th></>}>
                {(payout) => <><td><Account account={payout.account} /></td><td class="end less"><Amount planck={payout.earned} /></td><td class="end less"><Amount planck={payout.carriedIn} /></td><td class="end"><Amount planck={payout.paid} /></td><td class="cut"><Because reason={payout.reason} /></td></>}
              </Rows>
            )}
          </Card>
          <Card name={count(machines.length, 'machine')} size="wide">
            <Rows rows={machines} name="Scores of machines" columns={5} keyOf={({ account }) => account} head={<><th scope="col">Machine</th><th scope="col" class="end">Score</th><th scope="col" class="less">Passed</th><th scope="col" class="end">Earned</th><th scope="col">Why</th></>}>
              {(score) => <><td><Account account={addressText(score.account)} page="machines" /></td><td class="num end">{work(score.score)}</td><td class="num less">{score.standing === null ? '–' : `${score.standing.passed} of ${score.standing.asked}`}</td><td class="end"><Amount planck={score.earned} /></td><td class="cut">{score.reason.code === 'OK' ? <span class="dim">all is well</span> : <Because reason={score.reason} />}</td></>}
            </Rows>
          </Card>
          <Card name={count(checkers.length, 'checker')} size="wide">
            <Rows rows={checkers} name="Scores of checkers" columns={5} keyOf={({ account }) => account} head={<><th scope="col">Checker</th><th scope="col" class="end">Score</th><th scope="col" class="less">Its word weighs</th><th scope="col" class="end">Earned</th><th scope="col">Why</th></>}>
              {(score) => <><td><Account account={addressText(score.account)} page="checkers" /></td><td class="num end">{grouped(score.score)}</td><td class="num less">{score.quality === null ? '–' : percent(score.quality.weightPpm)}</td><td class="end"><Amount planck={score.earned} /></td><td class="cut">{score.reason.code === 'OK' ? <span class="dim">all is well</span> : <Because reason={score.reason} />}</td></>}
            </Rows>
          </Card>
        </>
      )}
    </div>
  )
}
