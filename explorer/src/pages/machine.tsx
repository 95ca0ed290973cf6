// One machine: who it is, what became of every round, why it earned what it did.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Device, type Page, type Schemas, useApi } from '../api.ts'
import { about, count, grouped, memory, micros, rate, short, work, peaqNumber, peaqTold } from '../format.ts'
import { blockSeconds, useLive } from '../live.ts'
import { deviceName } from '../devices.ts'
import { Account, Amount, Because, Copy, Extrinsic, Fact, Hash, LevelMark, OutcomeMark } from '../parts/names.tsx'
import { DidDocument } from '../parts/document.tsx'
import { Plot } from '../parts/plot.tsx'
import { Rows } from '../parts/rows.tsx'
import { Card, Empty, Shown, Title } from '../parts/states.tsx'
import { Legend, Strip } from '../parts/strip.tsx'
import { byEpoch, type EpochOf, share } from '../reading.ts'
import { pathTo } from '../router.ts'

/** Rounds and scores that are asked for: the most that the indexer gives at once. */
const MOST = 200
const EPOCHS_OPEN = 1
const EPOCHS_SHOWN = 24

export function Machine({ account }: { account: string }): JSX.Element {
  const { beat } = useLive()
  const path = `/machines/${encodeURIComponent(account)}`
  const asked = useApi<Schemas['Machine']>(path, beat)
  const verdicts = useApi<Page<Schemas['Verdict']>>(`${path}/verdicts?limit=${MOST}`, beat)
  const scores = useApi<Page<Schemas['Score']>>(`${path}/scores?limit=${MOST}`, beat)
  return (
    <>
      <Title over={<a href={pathTo('machines')}>Machines</a>}>Machine <span class="mono">{short(asked.value?.address ?? account, 8, 6)}</span></Title>
      <Shown asked={asked} rows={8}>
        {(machine) => (
          <>
          <Lately score={machine.score} />
          <div class="grid">
            <Who machine={machine} scores={scores.value?.items ?? []} />
            <DeviceCard last={verdicts.value?.items.find(({ outcome }) => outcome === 'PASS') ?? null} />
            <Card name="Every round" size="wide" {...(verdicts.value !== null && verdicts.value.next !== null && { more: `the last ${MOST}` })}>
              <Shown asked={verdicts}>
                {({ items }) => (items.length === 0 ? <Empty>No round with this machine is judged yet. It takes part from the round whose registry is frozen after its registration is confirmed.</Empty> : (
                  <><Strip name="Verdicts from old to new" cells={items.map(({ round, outcome, work: macs, reason }) => ({ round, outcome, work: macs, reason: reason.text })).toReversed()} /><Legend /></>
                ))}
              </Shown>
            </Card>
            <Card name="Why this score" id="why" size="wide" more="the reasons are those of the protocol">
              <Shown asked={scores}>{(scored) => <Whys epochs={byEpoch(verdicts.value?.items ?? [], scored.items)} address={machine.address} />}</Shown>
            </Card>
            {scores.value !== null && scores.value.items.length > 0 && <Scores scores={scores.value.items} />}
            {machine.identity !== null && <Payouts owner={machine.identity.owner} />}
            {machine.identity !== null && <DidDocument path={`${path}/document`} />}
          </div>
          </>
        )}
      </Shown>
    </>
  )
}

/** What its owner asks first. */
function Lately({ score }: { score: Schemas['Score'] | null }): JSX.Element {
  if (score === null) return <p class="verdict none lead">No epoch has scored it yet. It earns from the first epoch in which it passes a round.</p>
  return <p class={score.reason.code === 'OK' ? 'verdict lead' : 'verdict bad lead'}>In epoch {score.epoch} it earned <Amount planck={score.earned} />.{score.reason.code !== 'OK' && ` ${score.reason.text}`} <a class="small" href="#why">Why, line by line</a></p>
}

const PAYOUTS = 12

/** What its owner was paid, by all machines and checkers together. */
function Payouts({ owner }: { owner: string }): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<Page<Schemas['Payout']>>(`/accounts/${owner}/payouts?limit=${PAYOUTS}`, beat)
  return (
    <Card name="Paid to its owner" size="wide" more={<>by all that is its own; <a href={`/accounts/${owner}/payouts`}>all, as JSON</a></>}>
      <Shown asked={asked}>
        {({ items }) => (items.length === 0 ? <Empty>Its owner was paid nothing yet: an epoch is paid when all its rounds are judged.</Empty> : (
          <Rows rows={items} name="Paid to its owner" columns={5} keyOf={({ epoch }) => String(epoch)} head={<><th scope="col" class="tight">Epoch</th><th scope="col" class="end less">Earned</th><th scope="col" class="end">Paid</th><th scope="col">Extrinsic</th><th scope="col" class="less">Why</th></>}>
            {(payout) => <><td><a href={pathTo('epochs', payout.epoch)}>{payout.epoch}</a></td><td class="end less"><Amount planck={payout.earned} /></td><td class="end"><Amount planck={payout.paid} /></td><td>{payout.extrinsic === null ? <span class="dim">{payout.paid === '0' ? 'none' : 'not known yet'}</span> : <Extrinsic of={payout.extrinsic} block={payout.extrinsic.block} />}</td><td class="cut less"><Because reason={payout.reason} /></td></>}
          </Rows>
        ))}
      </Shown>
    </Card>
  )
}

function Who({ machine: { account, did, identity, registration, standing, score }, scores }: { machine: Schemas['Machine'], scores: readonly Schemas['Score'][] }): JSX.Element {
  const { network } = useLive()
  const head = network?.head?.number ?? 0
  const benched = score?.standing?.benchedUntil ?? null
  const earned = scores.reduce((sum, one) => sum + BigInt(one.earned), 0n)
  return (
    <Card name="Who it is">
      {registration !== null && registration.code !== 'OK' && <p class="note warn"><strong>Its newest registration does not count.</strong> <Because reason={registration} /></p>}
      <dl class="facts">
        <Fact name="DID"><span class="mono breaks">{did}</span> <Copy text={did} what="the DID" /></Fact>
        <Fact name="Account"><Hash value={account} what="the account in hex" /></Fact>
        {identity === null ? <Fact name="Registration">none in force</Fact> : (
          <>
            <Fact name="Owner, who is paid"><Account account={identity.owner} /></Fact>
            <Fact name="Registered by"><Extrinsic of={identity.extrinsic} block={identity.block} when /></Fact>
            <Fact name="Peer key"><Hash value={identity.peer} what="the peer key" /></Fact>
          </>
        )}
        {standing !== null && <Fact name="Standing"><LevelMark level={standing} />{benched !== null && benched > head && <span class="badText"> until block {grouped(benched)}, {about(benched - head, blockSeconds(network))}</span>}</Fact>}
        {scores.length > 0 && <Fact name={`Earned in ${count(scores.length, 'epoch')}`}><span class="big"><Amount planck={String(earned)} /></span></Fact>}
      </dl>
    </Card>
  )
}

/** `last`: of the last round that it passed, where it told of its device if it ever does. */
function DeviceCard({ last }: { last: Schemas['Verdict'] | null }): JSX.Element {
  const { value } = useApi<Schemas['VerdictInFull']>(last?.proof ?? null)
  const verdict = value?.verdict
  if (verdict?.facts === null || verdict?.facts === undefined) return <Card name="Device"><Empty>{last === null ? 'It has not passed a round yet, so nothing that it says of its device counts.' : 'The network does not ask machines for their device.'}</Empty></Card>
  const { device } = verdict.facts
  return (
    <Card name="Device" more={<a href={pathTo('rounds', verdict.round)}>as told in round {verdict.round}</a>}>
      <p class="big">{device.units} × {deviceName(device.class) ?? `${device.kind} of no known class`}</p>
      <dl class="facts">
        <Fact name="Memory">{memory(device.memoryMiB * 1024)}</Fact>
        <Claims device={device} />
        {verdict.downKbps !== null && <Fact name="Bandwidth down, up, seen by checkers">{rate(verdict.downKbps)}, {rate(verdict.upKbps)}</Fact>}
        <Fact name="Round trip, seen by checkers">{micros(verdict.rttUs)}</Fact>
        <Fact name="Fingerprint"><Hash value={device.fingerprint} what="the device’s fingerprint" /></Fact>
      </dl>
      {verdict.flags.map((flag) => <p key={flag.code} class="note warn"><Because reason={flag} /></p>)}
      <p class="small dim">Class, memory and rates are what the machine says and the network compares; bandwidth and round trip are measured from outside.</p>
    </Card>
  )
}

function Claims({ device: { profile } }: { device: Device }): JSX.Element {
  const { int8Mmacs, f32Mflops, memoryMBps } = profile
  return (
    <>
      {int8Mmacs !== null && <Fact name="int8">{work(`${int8Mmacs}000000`)}/s</Fact>}
      {f32Mflops !== null && <Fact name="float32">{grouped(f32Mflops)} MFLOP/s</Fact>}
      {memoryMBps !== null && <Fact name="Memory bandwidth">{grouped(memoryMBps)} MB/s</Fact>}
    </>
  )
}

function Scores({ scores }: { scores: readonly Schemas['Score'][] }): JSX.Element {
  const ascending = scores.toReversed()
  return (
    <>
      <Card name="Score per epoch">
        <Plot name="Score" along="Epoch" x={ascending.map(({ epoch }) => epoch)} y={ascending.map(({ score }) => Number(score))} tell={(value) => work(String(BigInt(Math.round(value))))} />
      </Card>
      <Card name="Earned per epoch">
        <Plot name="Earned" along="Epoch" x={ascending.map(({ epoch }) => epoch)} y={ascending.map(({ earned }) => peaqNumber(earned))} tell={peaqTold} tone="good" />
      </Card>
    </>
  )
}

function Whys({ epochs, address }: { epochs: readonly EpochOf[], address: string }): JSX.Element {
  if (epochs.length === 0) return <Empty>Nothing is judged yet, so there is nothing to explain.</Empty>
  return <div class="whys">{epochs.slice(0, EPOCHS_SHOWN).map((epoch, i) => <Why key={epoch.epoch} of={epoch} address={address} open={i < EPOCHS_OPEN || (i === EPOCHS_OPEN && epochs[0]!.score === null)} />)}</div>
}

function Why({ of: { epoch, score, verdicts }, address, open }: { of: EpochOf, address: string, open: boolean }): JSX.Element {
  return (
    <details class="why" open={open}>
      <summary><span>Epoch {epoch}</span>{score === null ? <span class="dim">not scored yet</span> : <span><Amount planck={score.earned} />{score.reason.code !== 'OK' && <span class="badText"> {score.reason.text}</span>}</span>}</summary>
      <ol class="lines">
        {verdicts.map((verdict) => (
          <li key={verdict.round}>
            <a href={pathTo('rounds', verdict.round)}>Round {verdict.round}</a> <OutcomeMark outcome={verdict.outcome} />{verdict.reason.code !== 'OK' && <> <Because reason={verdict.reason} /></>}
            <span class="dim"> {verdict.counted} of {count(verdict.committeeSize, 'checker')} counted; the median saw {count(verdict.medianSteps, 'step')}, {grouped(verdict.provenSteps)} proven{verdict.memoryKiB > 0 && `, ${memory(verdict.memoryKiB)} of memory shown`}{verdict.opened && '; opened as it was asked to'}.</span>
            {' '}<strong class="num">{work(verdict.work)}</strong>{verdict.standing !== null && <> as <LevelMark level={verdict.standing} /></>}
          </li>
        ))}
        {verdicts.length === 0 && <li class="dim">Its rounds are older than what is shown here.</li>}
        {score !== null && (
          <li class="sum">
            {score.standing !== null && (score.standing.asked === 0 ? 'In none of its rounds it was asked anything that counts. ' : `Passed ${share(score.standing.passed, score.standing.asked)} of its rounds. `)}
            Score <strong class="num">{work(score.score)}</strong>: its work, in part by its standing where the network enforces it, times its availability. Earned <Amount planck={score.earned} digits={6} />. <Because reason={score.reason} /> <a href={score.proof.path}>Proof of this line</a> · <a href={pathTo('epochs', epoch)}>the epoch</a> · <a href={pathTo('verify', epoch)}>recompute it</a>
          </li>
        )}
      </ol>
      {score !== null && <Words path={`/machines/${address}/why?epoch=${epoch}`} />}
    </details>
  )
}

/** Every line of `assay replay`, down to each checker's reading; asked for when somebody wants it. */
function Words({ path }: { path: string }): JSX.Element {
  const [wanted, want] = useState(false)
  const asked = useApi<Schemas['Why']>(wanted ? path : null)
  return (
    <details class="words" onToggle={(event) => event.currentTarget.open && want(true)}>
      <summary>Every reading, in the words of <code>assay replay</code></summary>
      {wanted && <Shown asked={asked}>{({ lines }) => <pre class="breaks">{lines.join('\n')}</pre>}</Shown>}
    </details>
  )
}
