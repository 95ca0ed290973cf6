// The network at a glance.
import type { JSX } from 'preact'
import { type Page, type Schemas, useApi } from '../api.ts'
import { about, count, grouped, percent, words, work, peaqNumber, peaqTold } from '../format.ts'
import { blockSeconds, type Network, useLive } from '../live.ts'
import { Dial } from '../parts/dial.tsx'
import { Amount, Block, Copy, Fact, Hash, LevelMark } from '../parts/names.tsx'
import { Plot } from '../parts/plot.tsx'
import { Card, Empty, Loading, Shown, Title } from '../parts/states.tsx'
import { Tally } from '../parts/strip.tsx'
import { deviceText, LEVELS, segmentsOf, STAGE_TEXT, tally } from '../reading.ts'
import { pathTo } from '../router.ts'

const EPOCHS = 60

export function Overview(): JSX.Element {
  const { network, fault, beat } = useLive()
  const epochs = useApi<Page<Schemas['Epoch']>>(`/epochs?limit=${EPOCHS}`, beat)
  return (
    <>
      <Title over="Proof of physical work on peaq">Machines that did the work, and what they were paid</Title>
      <Shown asked={{ value: network, fault: network === null ? fault : null, again: () => {} }} rows={6}>
        {(known) => (
          <div class="grid three">
            <Clock network={known} />
            <Figures network={known} />
            <Card name="Proven work per epoch" size="wide" more="multiply-accumulates that checkers saw and openings prove">
              <Shown asked={epochs}>
                {({ items }) => (items.length === 0 ? <Empty>No epoch has begun. The first plot comes with the first judged round.</Empty> : (
                  <Plot name="Proven work" along="Epoch" x={items.map(({ epoch }) => epoch).toReversed()} y={items.map((one) => (one.work === null ? null : Number(one.work))).toReversed()} tell={(value) => work(String(BigInt(Math.round(value))))} />
                ))}
              </Shown>
            </Card>
            <Card name="Machines by standing"><Standings network={known} /></Card>
            <Pot network={known} />
            <Capture network={known} />
            <Card name="Payouts" size="wide" more={<a href={pathTo('epochs')}>All epochs</a>}>
              <Shown asked={epochs}>
                {({ items }) => {
                  const paid = items.flatMap(({ epoch, totals }) => (totals === null ? [] : [{ epoch, paid: totals.paid }])).toReversed()
                  return paid.length === 0 ? <Empty>Nothing is paid yet: an epoch is paid when all its rounds are judged.</Empty> : <Plot name="Paid" along="Epoch" x={paid.map(({ epoch }) => epoch)} y={paid.map((one) => peaqNumber(one.paid))} tell={peaqTold} tone="good" />
                }}
              </Shown>
            </Card>
            <Identity network={known} />
          </div>
        )}
      </Shown>
    </>
  )
}

function Clock({ network }: { network: Network }): JSX.Element {
  const { beat } = useLive()
  const { round, head, parameters } = network
  const now = useApi<Schemas['Round']>(round === null ? null : `/rounds/${round.round}`, beat)
  if (round === null || head === null || parameters === null) return <Card name="Round clock"><Empty>{head === null ? 'The indexer has not read its first block yet.' : 'The first round has not begun.'}</Empty></Card>
  const seconds = blockSeconds(network)
  return (
    <Card name="Round clock" more={<a href={pathTo('rounds', round.round)}>Round {round.round}</a>}>
      {now.value === null ? <Loading /> : <Dial segments={segmentsOf(now.value.schedule, parameters.roundBlocks)} head={head.number} round={round.round} stage={round.stage} />}
      <p class="caption">{STAGE_TEXT[round.stage]}</p>
      <p class="caption dim">next round in {count(round.endBlock + 1 - head.number, 'block')}, {about(round.endBlock + 1 - head.number, seconds)}</p>
    </Card>
  )
}

function Figures({ network }: { network: Network }): JSX.Element {
  const { head, best, round, parameters, lastEpoch, rounds } = network
  return (
    <Card name="Now" size="broad" more={<>{count(rounds.judged, 'round')} judged{rounds.waiting > 0 && <span class="warnText">, {rounds.waiting} lack evidence</span>}{rounds.failed > 0 && <span class="badText">, {rounds.failed} could not be judged</span>}</>}>
      <dl class="figures">
        <Fact name="Confirmed block"><span class="big num">{head === null ? '–' : grouped(head.number)}</span>{best !== null && head !== null && <span class="dim"> best {grouped(best)}</span>}</Fact>
        <Fact name="Epoch"><span class="big num">{round === null ? '–' : <a href={pathTo('epochs', round.epoch)}>{round.epoch}</a>}</span>{parameters !== null && <span class="dim"> of {count(parameters.epochRounds, 'round')}</span>}</Fact>
        <Fact name="Machines"><a class="big num" href={pathTo('machines')}>{grouped(network.machines)}</a></Fact>
        <Fact name="Checkers"><a class="big num" href={pathTo('checkers')}>{grouped(network.checkers)}</a></Fact>
        <Fact name="Pool of an epoch">{parameters === null ? '–' : <><Amount planck={parameters.poolPerEpoch} /> <span class="dim">{percent(parameters.machineSharePpm)} to machines</span></>}</Fact>
        <Fact name="Last epoch scored">{lastEpoch === null ? 'none yet' : <><a href={pathTo('epochs', lastEpoch.epoch)}>epoch {lastEpoch.epoch}</a> <Amount planck={lastEpoch.paid} /></>}</Fact>
      </dl>
      <Latest />
    </Card>
  )
}

const LATEST = 4

function Latest(): JSX.Element {
  const { beat } = useLive()
  const asked = useApi<Page<Schemas['RoundSummary']>>(`/rounds?limit=${LATEST}`, beat)
  return (
    <Shown asked={asked}>
      {({ items }) => (
        <table aria-label="Latest rounds">
          <thead><tr><th scope="col">Latest rounds</th><th scope="col">Stage</th><th scope="col" class="less">Reports</th><th scope="col">Verdicts</th></tr></thead>
          <tbody>
            {items.map(({ round, stage, reports, checkers, outcomes }) => (
              <tr key={round}><td><a href={pathTo('rounds', round)}>Round {round}</a></td><td class="stageName">{words(stage)}</td><td class="num less">{reports} of {checkers}</td><td>{outcomes === null ? <span class="dim">to come</span> : <Tally name={`Verdicts of round ${round}`} counts={tally(outcomes)} />}</td></tr>
            ))}
          </tbody>
        </table>
      )}
    </Shown>
  )
}

/** Device classes that are named, those with the most machines. */
const DEVICES = 5

function Standings({ network: { standings, machines, devices } }: { network: Network }): JSX.Element {
  if (machines === 0) return <Empty>No machine has registered yet.</Empty>
  const most = Math.max(1, ...Object.values(standings))
  const bar = (level: keyof typeof standings): JSX.Element => <><span class="track" aria-hidden="true"><span class={`fill ${level.toLowerCase()}`} style={{ width: `${(standings[level] / most) * 100}%` }} /></span><span class="num end">{grouped(standings[level])}</span></>
  return (
    <>
      <ul class="bars">
        {LEVELS.map((level) => <li key={level}><a href={`${pathTo('machines')}?standing=${level}`}><LevelMark level={level} /></a>{bar(level)}</li>)}
        {standings.unknown > 0 && <li><span class="dim small">not scored yet</span>{bar('unknown')}</li>}
      </ul>
      {devices.length > 0 && <p class="small">{devices.slice(0, DEVICES).map((device, i) => <span key={device.class}>{i > 0 && ', '}<a href={`${pathTo('machines')}?device=${device.class}`}>{deviceText(device)}</a> {grouped(device.machines)}</span>)}{devices.length > DEVICES && ' and others'}</p>}
      <p class="small dim">A machine begins on probation, and every proven fault benches it, each time for longer. <a href={pathTo('machines')}>All machines</a></p>
    </>
  )
}

function Pot({ network: { pot, parameters } }: { network: Network }): JSX.Element {
  if (pot === null) return <Card name="The pot"><Empty>The chain has not told yet how the pot stands.</Empty></Card>
  const short = BigInt(pot.balance) < BigInt(pot.needs)
  return (
    <Card name="The pot" more={`term ${pot.term}, block ${grouped(pot.block)}`}>
      <p class={short ? 'verdict bad' : 'verdict good'}>{pot.epochsLeft === null ? 'It pays for ever.' : short ? 'It cannot pay the epochs under way and the next one.' : `It pays ${count(pot.epochsLeft, 'more epoch')} whole if nothing comes in.`}</p>
      <dl class="facts">
        <Fact name="Holds"><Amount planck={pot.balance} /></Fact>
        <Fact name="Owes"><Amount planck={pot.owed} /></Fact>
        <Fact name="Needs by the next epoch"><Amount planck={pot.needs} /></Fact>
        {pot.inflow !== null && <Fact name="Came in since it paid last"><Amount planck={pot.inflow} /></Fact>}
        <Fact name="Account to fund"><span class="mono breaks">{pot.address}</span> <Copy text={pot.address} what="the pot’s address" /></Fact>
        {parameters !== null && <Fact name="Least payout"><Amount planck={parameters.minimumPayout} digits={6} /></Fact>}
      </dl>
    </Card>
  )
}

function Capture({ network: { capture } }: { network: Network }): JSX.Element {
  if (capture === null) return <Card name="Capture"><Empty>Nobody is eligible to check yet.</Empty></Card>
  return (
    <Card name="Capture">
      <p class={capture.flagged ? 'verdict bad' : 'verdict good'}>{capture.flagged ? 'More likely than one in a million per epoch.' : 'At most one in a million per epoch.'}</p>
      <dl class="facts">
        <Fact name={`${capture.share} of checkers in league`}>{capture.malicious} of {capture.checkers}, committee of {capture.committee}</Fact>
        <Fact name="In a round"><span class="num">{capture.perRound}</span></Fact>
        <Fact name="In an epoch"><span class="num">{capture.perEpoch}</span></Fact>
        <Fact name="Mirrors vouch alone"><span class="num">{capture.vouch}</span></Fact>
      </dl>
      <p class="small dim">{capture.text}.</p>
    </Card>
  )
}

function Identity({ network: { address, genesisHash, head } }: { network: Network }): JSX.Element {
  return (
    <Card name="Which network" size="wide">
      <dl class="facts">
        <Fact name="Network account"><span class="mono breaks">{address}</span> <Copy text={address} what="the network’s address" /></Fact>
        <Fact name="Genesis of its chain"><Hash value={genesisHash} what="the genesis hash" /></Fact>
        {head !== null && <Fact name="Head"><Block number={head.number} hash={head.hash} /> <Hash value={head.hash} what="the head’s hash" /></Fact>}
      </dl>
      <p class="small dim">1 PEAQ is 10<sup>18</sup> planck. Every number here can be recomputed: <a href={pathTo('verify')}>verify an epoch yourself</a>.</p>
    </Card>
  )
}
