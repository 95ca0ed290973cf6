// Rounds: commitments, reveals, verdicts.
import type { JSX } from 'preact'
import { type Round as RoundAnswer, type RoundSummary, useApi } from '../api.ts'
import { count, grouped, micros, percent, rate, short, work, words } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, addressText, Because, Block, Fact, Hash, OutcomeMark } from '../parts/names.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { Tally } from '../parts/strip.tsx'
import { STAGE_TEXT, tally } from '../reading.ts'
import { pathTo } from '../router.ts'

const ROUNDS = 100
/** Machines of a round that are told of one by one; each has a page of its own. */
const MACHINES = 200

export function Rounds(): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<{ rounds: RoundSummary[] }>(`/rounds?limit=${ROUNDS}`, beat)
  return (
    <>
      <Title over="The pulse of the network">Rounds</Title>
      <Shown asked={asked} rows={8}>
        {({ rounds }) => (rounds.length === 0 ? <Empty>The first round has not begun.</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Rounds, newest first">
            <table>
              <thead><tr><th scope="col">Round</th><th scope="col">Epoch</th><th scope="col">Stage</th><th scope="col">Began</th><th scope="col">Reports</th><th scope="col">Packages held</th><th scope="col">Verdicts</th><th scope="col" class="end">Proven work</th></tr></thead>
              <tbody>
                {rounds.map((round) => (
                  <tr key={round.round}>
                    <td><a href={pathTo('rounds', round.round)}>{round.round}</a></td>
                    <td><a href={pathTo('epochs', round.epoch)}>{round.epoch}</a></td>
                    <td><Stage stage={round.stage} /></td>
                    <td><Block number={round.startBlock} when /></td>
                    <td class="num">{round.reports} of {round.checkers}</td>
                    <td class="num">{round.packages.held} of {round.packages.posted}</td>
                    <td>{round.outcomes === null ? <span class="dim">{round.missingBlobs > 0 ? `${count(round.missingBlobs, 'piece')} of evidence missing` : count(round.machines, 'machine')}</span> : <Tally name={`Verdicts of round ${round.round}`} counts={tally(round.outcomes)} />}</td>
                    <td class="num end nowrap">{round.work === null ? '–' : work(round.work)}</td>
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

const Stage = ({ stage }: { stage: string }): JSX.Element => <span class={`stageName ${stage === 'WAITING' || stage === 'FAILED' ? 'badText' : stage === 'JUDGED' ? '' : 'runs'}`} title={STAGE_TEXT[stage]}>{words(stage)}</span>

export function Round({ number }: { number: number }): JSX.Element {
  const { beat, network } = useLive()
  const asked = useApi<RoundAnswer>(`/rounds/${number}`, beat)
  const newest = network?.round?.round ?? number
  return (
    <>
      <Title over={<a href={pathTo('rounds')}>Rounds</a>} beside={<nav class="steps" aria-label="Neighbours">{number > 0 && <a href={pathTo('rounds', number - 1)} rel="prev">← {number - 1}</a>}{number <= newest && <a href={pathTo('rounds', number + 1)} rel="next">{number + 1} →</a>}</nav>}>Round {number}</Title>
      <Shown asked={asked} rows={8}>
        {(round) => (
          <div class="grid">
            <Card name="Where it stands" more={<a href={pathTo('epochs', round.epoch)}>Epoch {round.epoch}</a>}>
              <p class="big"><Stage stage={round.stage} /></p>
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
            <Reports round={round} />
            <Verdicts round={round} />
          </div>
        )}
      </Shown>
    </>
  )
}

function Reports({ round: { eligible, checkerRounds } }: { round: RoundAnswer }): JSX.Element {
  const paid = new Map(checkerRounds?.map((one) => [one.checker, one]))
  return (
    <Card name="Commitments and packages" size="wide">
      {eligible.checkers.length === 0 ? <Empty>Nobody was eligible to check.</Empty> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Commitments and packages">
          <table>
            <thead><tr><th scope="col">Checker</th><th scope="col">Report</th><th scope="col">Commitment</th><th scope="col">Package</th><th scope="col">Held by mirrors</th><th scope="col" class="end">Paid observations</th><th scope="col">Why</th></tr></thead>
            <tbody>
              {eligible.checkers.map(({ account, report, packageRoot, packageHeld }) => {
                const own = paid.get(account)
                return (
                  <tr key={account}>
                    <td><Account account={account} page="checkers" /></td>
                    <td>{report === null ? <span class="dim">none</span> : <Block number={report.block} />}{report !== null && !report.wellFormed && <span class="badText"> malformed</span>}</td>
                    <td>{report?.commitment ? <Hash value={report.commitment} what="the commitment" /> : '–'}</td>
                    <td>{packageRoot === null ? '–' : <Hash value={packageRoot} what="the package’s hash" />}</td>
                    <td>{packageHeld ? 'yes' : 'no'}</td><td class="num end">{own?.paidObservations ?? '–'}</td><td>{own === undefined ? '' : <Because reason={own.reason} />}</td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  )
}

function Verdicts({ round: { verdicts, eligible } }: { round: RoundAnswer }): JSX.Element {
  if (verdicts === null) return <Card name="Machines" size="wide"><Empty>{count(eligible.machines.length, 'machine takes', 'machines take')} part. Verdicts come when the round is judged.</Empty></Card>
  return (
    <Card name="Verdicts" size="wide" more={verdicts.length > MACHINES ? `the first ${MACHINES} of ${grouped(verdicts.length)}` : undefined}>
      <div class="whys">
        {verdicts.slice(0, MACHINES).map((verdict) => (
          <details key={verdict.machine} class="why">
            <summary><span><span class="mono" title={addressText(verdict.machine)}>{short(addressText(verdict.machine))}</span> <OutcomeMark outcome={verdict.outcome} /></span><span class="num">{work(verdict.work)}</span></summary>
            <p>{verdict.reason.code !== 'OK' && <><Because reason={verdict.reason} /> </>}<span class="dim">Median {count(verdict.medianSteps, 'step')}, {grouped(verdict.provenSteps)} proven; down {rate(verdict.downKbps)}, up {rate(verdict.upKbps)}, round trip {micros(verdict.rttUs)}. </span>{verdict.commitment !== null && <>Commitment <Hash value={verdict.commitment} what="the commitment" /> </>}<a href={pathTo('machines', addressText(verdict.machine))}>The machine</a></p>
            <div class="scroll" tabIndex={0} role="region" aria-label="What its checkers saw">
              <table>
                <thead><tr><th scope="col">Checker</th><th scope="col">Saw</th><th scope="col" class="end">Steps credited</th><th scope="col" class="end">Off the median</th><th scope="col">Paid</th></tr></thead>
                <tbody>{verdict.observations.map((one) => <tr key={one.checker}><td><Account account={one.checker} page="checkers" /></td><td>{words(one.vote)}</td><td class="num end">{grouped(one.credited)}</td><td class="num end">{one.offPpm === null ? '–' : percent(one.offPpm, 2)}</td><td>{one.paid ? 'yes' : <Because reason={one.reason} />}</td></tr>)}</tbody>
              </table>
            </div>
          </details>
        ))}
      </div>
    </Card>
  )
}
