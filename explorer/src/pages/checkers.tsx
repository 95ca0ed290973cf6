// Those who check: how often they are there, how far their word carries, how likely they could be captured.
import type { JSX } from 'preact'
import { type Checker as CheckerAnswer, type CheckerEntry, type Network, type RateInterval, useApi } from '../api.ts'
import { count, didOf, percent, short, peaqNumber } from '../format.ts'
import { useLive } from '../live.ts'
import { Account, Amount, Because, Block, Copy, Fact, Hash } from '../parts/names.tsx'
import { Plot } from '../parts/plot.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { attendance } from '../reading.ts'
import { pathTo } from '../router.ts'

const MOST = 200

const interval = ({ lowPpm, highPpm }: RateInterval): string => `${percent(lowPpm)} – ${percent(highPpm)}`

export function Checkers(): JSX.Element {
  const { beat, network } = useLive()
  const asked = useApi<{ checkers: CheckerEntry[] }>('/checkers?limit=1000', beat)
  return (
    <>
      <Title over="Who watches">Checkers</Title>
      {network?.capture && <CaptureNote capture={network.capture} />}
      <Shown asked={asked}>
        {({ checkers }) => (checkers.length === 0 ? <Empty>No checker has registered yet.</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Checkers">
            <table>
              <thead><tr><th scope="col">Checker</th><th scope="col">Last round</th><th scope="col">Its word weighs</th><th scope="col">Let faults pass</th><th scope="col">Blamed the honest</th><th scope="col" class="end">Earned, last epoch</th></tr></thead>
              <tbody>
                {checkers.map(({ account, address, round, score }) => (
                  <tr key={account}>
                    <td><Account account={address} page="checkers" /></td>
                    <td>{round === null ? <span class="dim">none yet</span> : round.reported ? round.reason.code === 'OK' ? <span class="outcome good"><span aria-hidden="true">●</span> reported</span> : <span class="outcome mild"><span aria-hidden="true">–</span> <Because reason={round.reason} /></span> : <span class="outcome bad"><span aria-hidden="true">✕</span> missed</span>}</td>
                    <td class="num">{score?.quality ? percent(score.quality.weightPpm) : '–'}</td>
                    <td class="num nowrap">{score?.quality ? interval(score.quality.falseAccepts) : '–'}</td>
                    <td class="num nowrap">{score?.quality ? interval(score.quality.falseRejects) : '–'}</td>
                    <td class="end">{score === null ? '–' : <Amount planck={score.earned} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ))}
      </Shown>
      <p class="small dim">What checkers let pass and whom they blame is measured by machines of the network’s own that lie on purpose, or never do; both as 95 % intervals.</p>
    </>
  )
}

function CaptureNote({ capture: { flagged, text } }: { capture: NonNullable<Network['capture']> }): JSX.Element {
  return <p class={flagged ? 'note warn' : 'note'}>{text}.</p>
}

export function Checker({ account }: { account: string }): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<CheckerAnswer>(`/checkers/${encodeURIComponent(account)}?limit=${MOST}`, beat)
  return (
    <>
      <Title over={<a href={pathTo('checkers')}>Checkers</a>}>Checker <span class="mono">{short(asked.value?.address ?? account, 8, 6)}</span></Title>
      <Shown asked={asked} rows={8}>{(checker) => <Known checker={checker} />}</Shown>
    </>
  )
}

function Known({ checker: { address, account, identity, registration, rounds, scores } }: { checker: CheckerAnswer }): JSX.Element {
  const { reported, counted } = attendance(rounds)
  const quality = scores[0]?.quality ?? null
  const ascending = scores.toReversed()
  return (
    <div class="grid">
      <Card name="Who it is">
        {registration !== null && registration.code !== 'OK' && <p class="note warn"><strong>Its newest registration does not count.</strong> <Because reason={registration} /></p>}
        <dl class="facts">
          <Fact name="DID"><span class="mono breaks">{didOf(address)}</span> <Copy text={didOf(address)} what="the DID" /></Fact>
          <Fact name="Account"><Hash value={account} what="the account in hex" /></Fact>
          {identity !== null && (
            <>
              <Fact name="Owner, who is paid"><Account account={identity.owner} /></Fact>
              <Fact name="Registered in block"><Block number={identity.block} when /></Fact>
              <Fact name="Serves evidence at">{identity.evidence?.length ? identity.evidence.map((url) => <span key={url} class="mono breaks">{url}</span>) : 'nowhere'}</Fact>
              <Fact name="Channel">{identity.addresses?.length ? identity.addresses.map((one) => <span key={one} class="mono breaks">{one}</span>) : 'none'}</Fact>
            </>
          )}
        </dl>
      </Card>
      <Card name="How good it is">
        <dl class="facts">
          <Fact name={`Reports in the last ${count(rounds.length, 'round')}`}>{reported}, missed {rounds.length - reported}</Fact>
          <Fact name="Packages that counted">{counted}</Fact>
          <Fact name="Its word weighs">{quality === null ? 'not scored yet' : percent(quality.weightPpm)}</Fact>
          {quality !== null && <Fact name="Lets faults pass">{interval(quality.falseAccepts)}</Fact>}
          {quality !== null && <Fact name="Blames the honest">{interval(quality.falseRejects)}</Fact>}
          {scores[0] !== undefined && <Fact name={`Epoch ${scores[0].epoch}`}><Amount planck={scores[0].earned} /> <Because reason={scores[0].reason} /></Fact>}
        </dl>
      </Card>
      {scores.length > 0 && <Card name="Earned per epoch" size="wide"><Plot name="Earned" along="Epoch" x={ascending.map(({ epoch }) => epoch)} y={ascending.map(({ earned }) => peaqNumber(earned))} tell={(value) => `${value.toFixed(2)} PEAQ`} tone="good" /></Card>}
      <Card name="Its rounds" size="wide">
        {rounds.length === 0 ? <Empty>No round of this checker is judged yet.</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Its rounds">
            <table>
              <thead><tr><th scope="col">Round</th><th scope="col">Report</th><th scope="col">Package</th><th scope="col" class="end">Paid observations</th><th scope="col">Why</th></tr></thead>
              <tbody>
                {rounds.map((round) => (
                  <tr key={round.round}>
                    <td><a href={pathTo('rounds', round.round)}>{round.round}</a></td><td>{round.reported ? 'on chain' : <span class="outcome bad"><span aria-hidden="true">✕</span> missed</span>}</td><td>{round.packageCounted ? 'counted' : 'not counted'}</td><td class="num end">{round.paidObservations}</td><td><Because reason={round.reason} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
    </div>
  )
}
