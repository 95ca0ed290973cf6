// Those who check: how often they are there, how far their word carries, how likely they could be captured.
import type { JSX } from 'preact'
import { type Page, type Schemas, useApi, usePages } from '../api.ts'
import { count, peaqNumber, peaqTold, percent, short } from '../format.ts'
import { useLive } from '../live.ts'
import { DidDocument } from '../parts/document.tsx'
import { Account, Amount, Because, Copy, Extrinsic, Fact, Hash } from '../parts/names.tsx'
import { Plot } from '../parts/plot.tsx'
import { Loaded, Rows } from '../parts/rows.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { share } from '../reading.ts'
import { pathTo } from '../router.ts'

const MOST = 200
const PORTION = 100

/** Of nothing measured the interval is everything. */
const interval = ({ lowPpm, highPpm }: { lowPpm: number, highPpm: number }): string => (lowPpm === 0 && highPpm >= 1_000_000 ? 'not measured' : `${percent(lowPpm)} – ${percent(highPpm)}`)

export function Checkers(): JSX.Element {
  const { beat, network } = useLive()
  const pages = usePages<Schemas['CheckerEntry']>(`/checkers?limit=${PORTION}`, beat)
  return (
    <>
      <Title over="Who watches">Checkers</Title>
      {network?.capture && <p class={network.capture.flagged ? 'note warn' : 'note'}>Capture: {network.capture.text}.</p>}
      <Shown asked={pages}>
        {(checkers) => (checkers.length === 0 ? <Empty>No checker has registered yet.</Empty> : (
          <>
            <Loaded pages={pages} tell={(n, whole) => (whole ? count(n, 'checker') : `the first ${n}`)} />
            <Rows rows={checkers} name="Checkers" columns={8} keyOf={({ account }) => account} {...(!pages.whole && { more: pages.more })} head={<><th scope="col">Checker</th><th scope="col" class="less">Last round</th><th scope="col">Missed</th><th scope="col" class="less">Agreed</th><th scope="col" class="less">Word weighs</th><th scope="col" class="less">Lets faults pass</th><th scope="col" class="less">Blames the honest</th><th scope="col" class="end">Earned</th></>}>
              {({ address, round, record, score }) => (
                <>
                  <td><Account account={address} page="checkers" /></td>
                  <td class="cut less">{round === null ? <span class="dim">none yet</span> : <Presence round={round} />}</td>
                  <td class={record !== null && record.missed > 0 ? 'num badText' : 'num'}>{record === null ? '–' : `${record.missed} of ${record.rounds}`}</td>
                  <td class="num less">{record === null ? '–' : share(record.agreed, record.observed)}</td>
                  <td class="num less">{score?.quality ? percent(score.quality.weightPpm) : '–'}</td>
                  <td class="num less">{score?.quality ? interval(score.quality.falseAccepts) : '–'}</td>
                  <td class="num less">{score?.quality ? interval(score.quality.falseRejects) : '–'}</td>
                  <td class="end">{score === null ? '–' : <Amount planck={score.earned} />}</td>
                </>
              )}
            </Rows>
          </>
        ))}
      </Shown>
      <p class="small dim">What checkers let pass and whom they blame is measured by machines of the network’s own that lie on purpose, or never do; both as 95 % intervals. Missed and agreed are of each checker’s last 100 judged rounds.</p>
    </>
  )
}

function Presence({ round: { reported, packageCounted, reason } }: { round: Schemas['CheckerRound'] }): JSX.Element {
  if (reported && packageCounted) return <span class="outcome good"><span aria-hidden="true">●</span> counted</span>
  return <span class={reported ? 'outcome mild' : 'outcome bad'} title={reason.text}><span aria-hidden="true">{reported ? '–' : '✕'}</span> {reported ? 'reported, did not count' : 'missed'}</span>
}

export function Checker({ account }: { account: string }): JSX.Element {
  const { beat } = useLive()
  const path = `/checkers/${encodeURIComponent(account)}`
  const asked = useApi<Schemas['Checker']>(path, beat)
  const rounds = useApi<Page<Schemas['CheckerRound']>>(`${path}/rounds?limit=${MOST}`, beat)
  const scores = useApi<Page<Schemas['Score']>>(`${path}/scores?limit=${MOST}`, beat)
  return (
    <>
      <Title over={<a href={pathTo('checkers')}>Checkers</a>}>Checker <span class="mono">{short(asked.value?.address ?? account, 8, 6)}</span></Title>
      <Shown asked={asked} rows={8}>
        {(checker) => (
          <div class="grid">
            <Who checker={checker} />
            <Quality checker={checker} />
            {scores.value !== null && scores.value.items.length > 0 && (
              <Card name="Earned per epoch" size="wide"><Plot name="Earned" along="Epoch" x={scores.value.items.map(({ epoch }) => epoch).toReversed()} y={scores.value.items.map(({ earned }) => peaqNumber(earned)).toReversed()} tell={peaqTold} tone="good" /></Card>
            )}
            {checker.identity !== null && <DidDocument path={`${path}/document`} />}
            <Card name="Its rounds" size="wide" {...(rounds.value !== null && rounds.value.next !== null && { more: `the last ${MOST}` })}><Shown asked={rounds}>{({ items }) => <RoundsOf rounds={items} />}</Shown></Card>
          </div>
        )}
      </Shown>
    </>
  )
}

function Who({ checker: { did, account, identity, registration } }: { checker: Schemas['Checker'] }): JSX.Element {
  return (
    <Card name="Who it is">
      {registration !== null && registration.code !== 'OK' && <p class="note warn"><strong>Its newest registration does not count.</strong> <Because reason={registration} /></p>}
      <dl class="facts">
        <Fact name="DID"><span class="mono breaks">{did}</span> <Copy text={did} what="the DID" /></Fact>
        <Fact name="Account"><Hash value={account} what="the account in hex" /></Fact>
        {identity !== null && (
          <>
            <Fact name="Owner, who is paid"><Account account={identity.owner} /></Fact>
            <Fact name="Registered by"><Extrinsic of={identity.extrinsic} block={identity.block} when /></Fact>
            <Fact name="Serves evidence at">{identity.evidence.length === 0 ? 'nowhere' : identity.evidence.map((url) => <span key={url} class="mono breaks line">{url}</span>)}</Fact>
            <Fact name="Channel">{identity.addresses.length === 0 ? 'none' : identity.addresses.map((one) => <span key={one} class="mono breaks line">{one}</span>)}</Fact>
          </>
        )}
      </dl>
    </Card>
  )
}

function Quality({ checker: { record, score } }: { checker: Schemas['Checker'] }): JSX.Element {
  const quality = score?.quality ?? null
  return (
    <Card name="How good it is" {...(record !== null && { more: `its last ${count(record.rounds, 'round')}` })}>
      <dl class="facts">
        <Fact name="Missed">{record === null ? 'no round judged yet' : share(record.missed, record.rounds)}</Fact>
        {record !== null && <Fact name="Agreed with the majority">{share(record.agreed, record.observed)}</Fact>}
        {record !== null && <Fact name="Observations paid">{share(record.paid, record.observed)}</Fact>}
        <Fact name="Its word weighs">{quality === null ? 'not scored yet' : percent(quality.weightPpm)}</Fact>
        {quality !== null && <Fact name="Lets faults pass">{interval(quality.falseAccepts)}</Fact>}
        {quality !== null && <Fact name="Blames the honest">{interval(quality.falseRejects)}</Fact>}
        {score !== null && <Fact name={`Earned in epoch ${score.epoch}`}><Amount planck={score.earned} /> <Because reason={score.reason} /> <a class="small" href={score.proof.path}>proof</a></Fact>}
      </dl>
    </Card>
  )
}

function RoundsOf({ rounds }: { rounds: readonly Schemas['CheckerRound'][] }): JSX.Element {
  if (rounds.length === 0) return <Empty>No round of this checker is judged yet.</Empty>
  return (
    <Rows rows={rounds} name="Its rounds" columns={5} keyOf={({ round }) => String(round)} head={<><th scope="col">Round</th><th scope="col">Report</th><th scope="col" class="less">Agreed</th><th scope="col" class="end">Paid</th><th scope="col">Why</th></>}>
      {(round) => <><td><a href={pathTo('rounds', round.round)}>{round.round}</a></td><td><Presence round={round} /></td><td class="num less">{share(round.agreed, round.observed)}</td><td class="num end">{round.paidObservations}</td><td class="cut"><Because reason={round.reason} /></td></>}
    </Rows>
  )
}
