// Rounds: commitments, reveals, verdicts.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Schemas, type Stage, useApi, usePages } from '../api.ts'
import { count, grouped, micros, percent, rate, short, work, words } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, addressText, Because, Block, Extrinsic, Fact, Hash, OutcomeMark } from '../parts/names.tsx'
import { Loaded, Rows } from '../parts/rows.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { Tally } from '../parts/strip.tsx'
import { STAGE_TEXT, tally } from '../reading.ts'
import { pathTo } from '../router.ts'

const PORTION = 100

export function Rounds(): JSX.Element {
  const { beat } = useLive()
  const pages = usePages<Schemas['RoundSummary']>(`/rounds?limit=${PORTION}`, beat)
  return (
    <>
      <Title over="The pulse of the network">Rounds</Title>
      <Shown asked={pages} rows={8}>
        {(rounds) => (rounds.length === 0 ? <Empty>The first round has not begun.</Empty> : (
          <>
            <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, 'round') : `the last ${n}`)} />
            <Rows rows={rounds} name="Rounds, newest first" columns={8} keyOf={({ round }) => String(round)} {...(!pages.whole && { more: pages.more })} head={<><th scope="col" class="tight">Round</th><th scope="col" class="tight less">Epoch</th><th scope="col">Stage</th><th scope="col" class="less">Began</th><th scope="col" class="less">Reports</th><th scope="col" class="less">Packages held</th><th scope="col">Verdicts</th><th scope="col" class="end">Proven work</th></>}>
              {(round) => (
                  <>
                    <td><a href={pathTo('rounds', round.round)}>{round.round}</a></td>
                    <td class="less"><a href={pathTo('epochs', round.epoch)}>{round.epoch}</a></td>
                    <td><StageName stage={round.stage} /></td>
                    <td class="less"><Block number={round.startBlock} when /></td>
                    <td class="num less">{round.reports} of {round.checkers}</td>
                    <td class="num less">{round.packages.held} of {round.packages.posted}</td>
                    <td>{round.outcomes === null ? <span class="dim">{round.missingBlobs > 0 ? `${count(round.missingBlobs, 'piece')} of evidence missing` : count(round.machines, 'machine')}</span> : <Tally name={`Verdicts of round ${round.round}`} counts={tally(round.outcomes)} />}</td>
                    <td class="num end nowrap">{round.work === null ? '–' : work(round.work)}</td>
                  </>
              )}
            </Rows>
          </>
        ))}
      </Shown>
    </>
  )
}

const StageName = ({ stage }: { stage: Stage }): JSX.Element => <span class={`stageName ${stage === 'WAITING' || stage === 'FAILED' ? 'badText' : stage === 'JUDGED' ? '' : 'runs'}`} title={STAGE_TEXT[stage]}>{words(stage)}</span>

export function Round({ number }: { number: number }): JSX.Element {
  const { beat, network } = useLive()
  const asked = useApi<Schemas['Round']>(`/rounds/${number}`, beat)
  const newest = network?.round?.round ?? number
  return (
    <>
      <Title over={<a href={pathTo('rounds')}>Rounds</a>} beside={<nav class="steps" aria-label="Neighbours">{number > 0 && <a href={pathTo('rounds', number - 1)} rel="prev">← {number - 1}</a>}{number <= newest && <a href={pathTo('rounds', number + 1)} rel="next">{number + 1} →</a>}</nav>}>Round {number}</Title>
      <Shown asked={asked} rows={8}>
        {(round) => (
          <div class="grid">
            <Card name="Where it stands" more={<a href={pathTo('epochs', round.epoch)}>Epoch {round.epoch}</a>}>
              <p class="big"><StageName stage={round.stage} /></p>
              <p class="dim">{STAGE_TEXT[round.stage]}</p>
              {round.outcomes !== null && <Tally name="Verdicts" counts={tally(round.outcomes)} told />}
              {round.missing.length > 0 && <div class="note warn"><strong>{count(round.missing.length, 'piece')} of evidence missing</strong> after {count(round.tries, 'try', 'tries')}: nobody serves them now. <ul>{round.missing.slice(0, 5).map(({ id, since }) => <li key={id}><Hash value={id} what="the hash of the evidence" /> <span class="dim">since block {grouped(since)}</span></li>)}</ul></div>}
              <dl class="facts">
                <Fact name="Beacon">{round.beacon === null ? 'not known yet' : <Hash value={round.beacon} what="the beacon" />}</Fact>
                <Fact name="Randomness of the openings">{round.openRandomness === null ? 'not known yet' : <Hash value={round.openRandomness} what="the randomness of the openings" />}</Fact>
                {round.work !== null && <Fact name="Proven work"><strong>{work(round.work)}</strong></Fact>}
              </dl>
            </Card>
            <Card name="When">
              <ol class="times">
                {([['Who takes part is fixed', round.schedule.freeze], ['Beacon', round.schedule.start], ['Committees known', round.schedule.beaconKnown], ['Work begins', round.schedule.fire], ['Reports from', round.schedule.commitFrom], ['Reports until', round.schedule.commitTo], ['Openings are drawn', round.schedule.open], ['Packages until', round.schedule.packageBy], ['Can be judged', round.schedule.judgement]] as const).map(([what, block]) => (
                  <li key={what} class={network?.head && block <= network.head.number ? 'past' : ''}><span>{what}</span> <Block number={block} when /></li>
                ))}
              </ol>
            </Card>
            <Reports number={number} />
            <Verdicts round={round} />
          </div>
        )}
      </Shown>
    </>
  )
}

function Reports({ number }: { number: number }): JSX.Element {
  const { beat } = useLive()
  const pages = usePages<Schemas['EligibleChecker']>(`/rounds/${number}/checkers?limit=${PORTION}`, beat)
  return (
    <Card name="Commitments and packages" size="wide">
      <Shown asked={pages}>
        {(checkers) => (checkers.length === 0 ? <Empty>Nobody was eligible to check.</Empty> : (
          <>
            {!pages.whole && <Loaded pages={pages} tell={(n) => `the first ${n}`} />}
            <Rows rows={checkers} name="Commitments and packages" columns={7} keyOf={({ account }) => account} {...(!pages.whole && { more: pages.more })} head={<><th scope="col">Checker</th><th scope="col">Report</th><th scope="col" class="less">Commitment</th><th scope="col" class="less">Package</th><th scope="col">Held</th><th scope="col" class="end less">Paid</th><th scope="col" class="less">Why</th></>}>
              {({ account, report, packageRoot, packageExtrinsic, packageHeld, judged }) => (
                <>
                  <td><Account account={account} page="checkers" /></td>
                  <td>{report === null ? <span class="dim">none</span> : <Extrinsic of={report.extrinsic} block={report.block} />}{report !== null && !report.wellFormed && <span class="badText"> malformed</span>}</td>
                  <td class="less">{report?.commitment ? <Hash value={report.commitment} what="the commitment" /> : '–'}</td>
                  <td class="less">{packageRoot === null ? '–' : <Hash value={packageRoot} what="the package’s hash" />}{packageExtrinsic !== null && <span class="line small dim">named in <Extrinsic of={packageExtrinsic} block={packageExtrinsic.block} /></span>}</td>
                  <td>{packageHeld ? 'by mirrors' : <span class="dim">{judged === null ? 'not yet' : 'no'}</span>}</td>
                  <td class="num end less">{judged?.paidObservations ?? '–'}</td>
                  <td class="cut less">{judged === null ? '' : <Because reason={judged.reason} />}</td>
                </>
              )}
            </Rows>
          </>
        ))}
      </Shown>
    </Card>
  )
}

function Verdicts({ round: { round, machines, outcomes } }: { round: Schemas['Round'] }): JSX.Element {
  const pages = usePages<Schemas['Verdict']>(outcomes === null ? null : `/rounds/${round}/verdicts?limit=${PORTION}`)
  if (outcomes === null) return <Card name="Machines" size="wide"><Empty>{count(machines, 'machine takes', 'machines take')} part. Verdicts come when the round is judged.</Empty></Card>
  return (
    <Card name="Verdicts" size="wide">
      <Shown asked={pages}>
        {(verdicts) => (
          <>
            {!pages.whole && <Loaded pages={pages} tell={(n) => `the first ${grouped(n)} of ${count(machines, 'machine')}`} />}
            <div class="whys">{verdicts.map((verdict) => <OneVerdict key={verdict.machine} verdict={verdict} />)}</div>
          </>
        )}
      </Shown>
    </Card>
  )
}

function OneVerdict({ verdict }: { verdict: Schemas['Verdict'] }): JSX.Element {
  const [wanted, want] = useState(false)
  const asked = useApi<Schemas['VerdictInFull']>(wanted ? verdict.proof : null)
  const address = addressText(verdict.machine)
  return (
    <details class="why" onToggle={(event) => event.currentTarget.open && want(true)}>
      <summary><span><span class="mono" title={address}>{short(address)}</span> <OutcomeMark outcome={verdict.outcome} /></span><span class="num">{work(verdict.work)}</span></summary>
      <p>{verdict.reason.code !== 'OK' && <><Because reason={verdict.reason} /> </>}<span class="dim">Median {count(verdict.medianSteps, 'step')}, {grouped(verdict.provenSteps)} proven; down {rate(verdict.downKbps)}, up {rate(verdict.upKbps)}, round trip {micros(verdict.rttUs)}. </span>{verdict.commitment !== null && <>Commitment <Hash value={verdict.commitment} what="the commitment" /> </>}<a href={pathTo('machines', address)}>The machine</a></p>
      {wanted && (
        <Shown asked={asked}>
          {({ observations }) => observations === null ? <Empty>What its checkers saw was let go by this indexer’s retention policy.</Empty> : (
            <div class="scroll" tabIndex={0} role="region" aria-label="What its checkers saw">
              <table>
                <thead><tr><th scope="col">Checker</th><th scope="col">Saw</th><th scope="col" class="end">Steps credited</th><th scope="col" class="end">Off the median</th><th scope="col">Paid</th></tr></thead>
                <tbody>{observations.map((one) => <tr key={one.checker}><td><Account account={one.checker} page="checkers" /></td><td>{words(one.vote)}</td><td class="num end">{grouped(one.credited)}</td><td class="num end">{one.offPpm === null ? '–' : percent(one.offPpm, 2)}</td><td>{one.paid ? 'yes' : <Because reason={one.reason} />}</td></tr>)}</tbody>
              </table>
            </div>
          )}
        </Shown>
      )}
    </details>
  )
}
