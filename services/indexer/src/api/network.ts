// What the network is and where it stands.
import type { FastifyInstance } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { captureOf, eligibleCheckers, epochOf, explainCapture, explainSettlersCapture, parametersFor, probabilityText, registeredCheckers, roundAt, schedule, settlersCaptureOf, type Ledger, type Level, type Parameters } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import type { PotView } from '../pot.ts'
import { stageOf, STAGES } from '../stage.ts'
import type { Tables } from '../tables.ts'
import { DeviceObject, deviceShape } from './machines.ts'
import { route, type ApiDeps } from './route.ts'
import { Amount, component, Count, count, EpochNumber, Hash, Height, literals, nullable, OnChain, onChain, orNull, RoundNumber } from './shapes.ts'

const ParametersShape = component('Parameters', Type.Object({
  version: count('version of the protocol that they are of'),
  randomness: count('where a round’s randomness comes from, PROTOCOL section on the beacon'), origin: Height, start: Height, roundBlocks: count('blocks of a round'), confirmations: count('blocks behind the best one at which a block counts as final'), epochRounds: count('rounds of an epoch'), seedOffset: count('blocks from a round’s start to its seed'), commitOffset: count('blocks from a round’s start to the commit window'), packageOffset: count('blocks from a round’s start by which packages are posted'), waitBlocks: count('blocks that an identity or a role waits before it is eligible'), committee: count('checkers that a machine has in a round'), mirrors: count('mirrors that a package has'),
  windowMs: count('stopwatch of a job, ms'), log2n: count('matrices are 2^log2n wide at least'), samples: count('cells that a machine opens'), openShare: count('a machine must open if its draw, of 65536, is at most this'), maxSteps: count('most steps of a chain'), bandwidthBytes: count('bytes of a bandwidth measurement, each way'), bandPpm: count('how far a paid reading may lie from the median, in millionths'), poolPerEpoch: Amount, machineSharePpm: count('the machines’ part of the pool, in millionths'), minimumPayout: Amount, attemptBlocks: count('blocks after which the next member may open the settlement'),
  log2nMax: count('matrices are 2^log2nMax wide at most'), memoryShare: count('a round’s job is of memory if the beacon’s draw, of 65536, is below this'), memoryLog2: count('a segment of memory has 2^memoryLog2 leaves of 1 KiB'), memoryPasses: count('a label of it costs 8 * 2^memoryPasses rounds of ChaCha'), memorySegments: count('fewest segments that a machine may show'), memoryPpm: count('part of its claimed memory that a machine must show, in millionths'), memoryWeight: count('multiply-accumulates that a scanned byte is paid as'), deviceCheck: literals(['off', 'shadow', 'enforce']), modelCheck: literals(['off', 'shadow', 'enforce']), modelTolerance: count('how far an output of the model may lie from the fleet’s median, in millionths'),
  standingCheck: literals(['off', 'shadow', 'enforce']), hourBlocks: count('blocks of an hour, the unit of a bench'), probationRounds: count('rounds that a machine must pass to leave probation'), trustedRounds: count('rounds that it must pass to be trusted'), calibrationCheck: literals(['off', 'shadow', 'enforce']), termEpochs: count('epochs that a settlement committee serves; 0: the founders for ever'),
}))

const parametersShape = (p: Parameters) => ({ ...p, poolPerEpoch: String(p.poolPerEpoch), minimumPayout: String(p.minimumPayout) })

const Pot = component('Pot', Type.Object({
  account: Hash,
  address: Type.String({ description: 'the account to fund' }),
  term: count('term of the settlers who move it'),
  block: Height,
  balance: Amount,
  unsettledFrom: Type.Integer({ minimum: 0, description: 'first epoch whose statement is not on chain' }),
  owed: Amount,
  needs: Type.String({ pattern: '^[0-9]+$', description: 'planck that settle the epochs begun and the next one, if each takes its whole pool' }),
  epochsLeft: nullable(Type.Integer({ minimum: 0, description: 'epochs after the one under way that it pays whole if nothing comes in; null: for ever' })),
  inflow: nullable(Type.String({ pattern: '^-?[0-9]+$', description: 'planck that came in since it paid last' })),
  since: nullable(Height),
  checks: Type.Object({ feePerReport: nullable(Amount), costPerEpoch: nullable(Amount), checkersPool: Amount }),
}))

const Network = component('Network', Type.Object({
  network: Hash,
  address: Type.String({ description: 'its account as SS58 text, prefix 42' }),
  genesisHash: Hash,
  head: orNull(Type.Object({ number: Height, hash: Hash }), 'last confirmed block that is stored: what all answers are of'),
  best: nullable(Height),
  stalled: orNull(Type.Object({ reason: Type.String({ description: 'a code' }), detail: Type.String({ description: 'a sentence' }) }), 'why no blocks come; null: they do'),
  round: orNull(Type.Object({ round: RoundNumber, epoch: EpochNumber, stage: literals(STAGES), startBlock: Height, endBlock: Height }), 'the one under way; null before the first'),
  parameters: nullable(ParametersShape),
  machines: Type.Integer({ minimum: 0, description: 'registered' }),
  standings: Type.Object({ PROBATION: count('newly registered, or after a bench'), STANDARD: count('passed enough rounds to leave probation'), TRUSTED: count('passed many'), BENCHED: count('out for some hours'), unknown: Type.Integer({ minimum: 0, description: 'in no scored epoch yet' }) }, { description: 'registered machines by standing in the latest epoch that scored them' }),
  devices: Type.Array(Type.Object({ ...DeviceObject.properties, machines: count('registered ones of this class') }), { description: 'registered machines by the device class that they told last, the most first, at most 100 classes; those that told none are in none' }),
  checkers: count('registered'),
  capture: orNull(Type.Object({
    share: Type.String({ description: 'of the checkers taken to be in league, rounded down' }),
    checkers: Type.Integer({ minimum: 0, description: 'those eligible in this round' }),
    malicious: count('those taken to be in league'),
    committee: count('checkers that a machine has in a round'),
    perRound: Type.String({ description: 'probability that they are the majority of one machine’s committee in a round, rounded up' }),
    perEpoch: Type.String({ description: 'that they are it in at least one round of an epoch' }),
    vouch: Type.String({ description: 'that mirrors in league can vouch alone for a package of one of them, in a round' }),
    flagged: Type.Boolean({ description: 'true if perEpoch is more than one in a million' }),
    sufficientCommittee: orNull(Count, 'least size of a committee that is not flagged; null: none is enough'),
    text: Type.String({ description: 'the same in sentences' }),
    settlers: nullable(Type.Object({
      settlers: count('drawn for a term'),
      threshold: Type.Integer({ minimum: 0, description: 'how many of them move the pot' }),
      captured: Type.String({ description: 'probability that the checkers in league are so many of those drawn for a term, rounded up' }),
      stalled: Type.String({ description: 'that without them there are not so many' }),
      flagged: Type.Boolean({ description: 'true if one of the two is more than one in a million' }),
      text: Type.String({ description: 'the same in sentences' }),
    }, { description: 'null where no settlers are drawn' })),
  }), 'how likely it is that checkers in league decide; null: there is no checker'),
  rounds: Type.Object({ judged: count('judged'), waiting: count('past their judgement block, and some evidence is not found yet'), failed: count('could not be judged: a fault of this program'), missingBlobs: count('pieces of evidence that nobody served yet') }),
  pot: nullable(Pot),
  lastEpoch: orNull(Type.Object({ epoch: EpochNumber, root: Hash, paid: Amount, onChain: OnChain }), 'the last one that is scored'),
}))

/** GET /network. */
export function networkRoute(app: FastifyInstance, { db, state$, best, pot, network, genesisHash }: ApiDeps): void {
  const census = censusOf(db)
  route(app, '/network', { id: 'getNetwork', tag: 'network', summary: 'What the network is and where it stands', answer: Network }, async () => {
    const { ledger, stalled } = state$.value
    const states = new Map((await db.selectFrom('rounds').select(({ fn }) => ['state', fn.countAll<number>().as('count')]).groupBy('state').execute()).map(({ state, count }) => [state, count]))
    const missing = await db.selectFrom('missing_blobs').select(({ fn }) => fn.count<number>('id').distinct().as('count')).executeTakeFirstOrThrow()
    const last = await db.selectFrom('epochs').select(['epoch', 'root', 'paid', 'chain_state', 'chain_block']).orderBy('epoch', 'desc').limit(1).executeTakeFirst()
    const first = parametersFor(ledger, 0)
    const number = first && ledger.head ? roundAt(first, ledger.head.number) : -1
    const current = number < 0 ? null : parametersFor(ledger, number)
    return {
      network,
      address: toAddress(network),
      genesisHash,
      head: ledger.head,
      best: best(),
      stalled,
      round: current && ledger.head && roundShape(current, number, ledger.head.number),
      parameters: (current ?? first) && parametersShape((current ?? first)!),
      ...(await census(ledger)),
      checkers: registeredCheckers(ledger).length,
      capture: (current ?? first) && captureShape(eligibleCheckers(ledger).length, (current ?? first)!),
      rounds: { judged: states.get('judged') ?? 0, waiting: states.get('waiting') ?? 0, failed: states.get('failed') ?? 0, missingBlobs: missing.count },
      pot: potShape(pot()),
      lastEpoch: last ? { epoch: last.epoch, root: last.root, paid: String(last.paid), onChain: onChain(last) } : null,
    }
  })
}

type Standings = Record<Level | 'unknown', number>
interface Census { machines: number, standings: Standings, devices: { class: number, name: string | null, machines: number }[] }

/** Classes are what machines say: there may be thousands. */
const DEVICES_SHOWN = 100

/** Counts registered machines, once a ledger: all that ask between two blocks share the answer. */
function censusOf(db: Kysely<Tables>): (ledger: Ledger) => Promise<Census> {
  const counted = new WeakMap<Ledger, Promise<Census>>()
  const count = async (): Promise<Census> => {
    const standings: Standings = { PROBATION: 0, STANDARD: 0, TRUSTED: 0, BENCHED: 0, unknown: 0 }
    const devices = new Map<number, number>()
    for (const { standing, device, machines } of await db.selectFrom('machines').select(({ fn }) => ['standing', 'device', fn.countAll<number>().as('machines')]).where('registered', '=', true).groupBy(['standing', 'device']).execute()) {
      standings[standing ?? 'unknown'] += machines
      if (device !== null) devices.set(device, (devices.get(device) ?? 0) + machines)
    }
    const most = [...devices].toSorted(([a, some], [b, others]) => others - some || a - b).slice(0, DEVICES_SHOWN)
    return { machines: Object.values(standings).reduce((total, some) => total + some, 0), standings, devices: most.map(([device, machines]) => ({ ...deviceShape(device), machines })) }
  }
  return (ledger) => {
    const known = counted.get(ledger)
    if (known) return known
    const counting = count()
    counted.set(ledger, counting)
    counting.catch(() => counted.delete(ledger))
    return counting
  }
}

function captureShape(eligible: number, parameters: Parameters) {
  if (eligible === 0) return null
  const capture = captureOf(eligible, parameters)
  const { checkers, malicious, committee, perRound, perEpoch, vouch, flagged, sufficient } = capture
  return { share: '1/3', checkers, malicious, committee, perRound: probabilityText(perRound), perEpoch: probabilityText(perEpoch), vouch: probabilityText(vouch), flagged, sufficientCommittee: sufficient, text: explainCapture(capture), settlers: settlersShape(eligible, parameters) }
}

function settlersShape(eligible: number, parameters: Parameters) {
  const capture = settlersCaptureOf(eligible, parameters)
  if (capture === null) return null
  const { settlers, threshold, captured, stalled, flagged } = capture
  return { settlers, threshold, captured: probabilityText(captured), stalled: probabilityText(stalled), flagged, text: explainSettlersCapture(capture) }
}

function potShape(view: PotView | null) {
  if (view === null) return null
  const { pot, term, block, balance, unsettledFrom, owed, needs, epochsLeft, inflow, since, checkFee, checks } = view
  return {
    account: pot, address: toAddress(pot), term, block, balance: String(balance), unsettledFrom, owed: String(owed), needs: String(needs), epochsLeft, inflow: text(inflow), since,
    checks: { feePerReport: text(checkFee), costPerEpoch: text(checks.costPerEpoch), checkersPool: String(checks.checkersPool) },
  }
}

const text = (planck: bigint | null): string | null => (planck === null ? null : String(planck))

function roundShape(parameters: Parameters, round: number, head: number) {
  const at = schedule(parameters, round)
  // The head is in this round, so it is past its freeze.
  return { round, epoch: epochOf(parameters, round), stage: stageOf(parameters, round, head, undefined)!, startBlock: at.start, endBlock: at.start + parameters.roundBlocks - 1 }
}
