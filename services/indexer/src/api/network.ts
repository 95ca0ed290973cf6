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
import { Amount, component, Count, Hash, Height, literals, nullable, OnChain, onChain } from './shapes.ts'

const ParametersShape = component('Parameters', Type.Object({
  randomness: Count, origin: Height, start: Height, roundBlocks: Count, confirmations: Count, epochRounds: Count, seedOffset: Count, commitOffset: Count, packageOffset: Count, waitBlocks: Count, committee: Count, mirrors: Count,
  windowMs: Count, log2n: Count, samples: Count, openShare: Count, maxSteps: Count, bandwidthBytes: Count, bandPpm: Count, poolPerEpoch: Amount, machineSharePpm: Count, minimumPayout: Amount, attemptBlocks: Count,
  log2nMax: Count, memoryShare: Count, memoryLog2: Count, memoryPasses: Count, memorySegments: Count, memoryPpm: Count, memoryWeight: Count, deviceCheck: literals(['off', 'shadow', 'enforce']), modelCheck: literals(['off', 'shadow', 'enforce']), modelTolerance: Count,
  standingCheck: literals(['off', 'shadow', 'enforce']), hourBlocks: Count, probationRounds: Count, trustedRounds: Count, calibrationCheck: literals(['off', 'shadow', 'enforce']), termEpochs: Count,
}))

const parametersShape = (p: Parameters) => ({ ...p, poolPerEpoch: String(p.poolPerEpoch), minimumPayout: String(p.minimumPayout) })

const Pot = component('Pot', Type.Object({
  account: Hash,
  address: Type.String({ description: 'the account to fund' }),
  term: Count,
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
  address: Type.String(),
  genesisHash: Hash,
  head: nullable(Type.Object({ number: Height, hash: Hash })),
  best: nullable(Height),
  stalled: nullable(Type.Object({ reason: Type.String(), detail: Type.String() })),
  round: nullable(Type.Object({ round: Count, epoch: Count, stage: literals(STAGES), startBlock: Height, endBlock: Height })),
  parameters: nullable(ParametersShape),
  machines: Type.Integer({ minimum: 0, description: 'registered' }),
  standings: Type.Object({ PROBATION: Count, STANDARD: Count, TRUSTED: Count, BENCHED: Count, unknown: Type.Integer({ minimum: 0, description: 'in no scored epoch yet' }) }, { description: 'registered machines by standing in the latest epoch that scored them' }),
  devices: Type.Array(Type.Object({ ...DeviceObject.properties, machines: Count }), { description: 'registered machines by the device class that they told last, the most first, at most 100 classes; those that told none are in none' }),
  checkers: Count,
  capture: nullable(Type.Object({
    share: Type.String({ description: 'of the checkers taken to be in league, rounded down' }),
    checkers: Type.Integer({ minimum: 0, description: 'those eligible in this round' }),
    malicious: Count,
    committee: Count,
    perRound: Type.String({ description: 'probability that they are the majority of one machine’s committee in a round, rounded up' }),
    perEpoch: Type.String({ description: 'that they are it in at least one round of an epoch' }),
    vouch: Type.String({ description: 'that mirrors in league can vouch alone for a package of one of them, in a round' }),
    flagged: Type.Boolean({ description: 'true if perEpoch is more than one in a million' }),
    sufficientCommittee: nullable(Count),
    text: Type.String(),
    settlers: nullable(Type.Object({
      settlers: Count,
      threshold: Type.Integer({ minimum: 0, description: 'how many of them move the pot' }),
      captured: Type.String({ description: 'probability that the checkers in league are so many of those drawn for a term, rounded up' }),
      stalled: Type.String({ description: 'that without them there are not so many' }),
      flagged: Type.Boolean({ description: 'true if one of the two is more than one in a million' }),
      text: Type.String(),
    }, { description: 'null where no settlers are drawn' })),
  })),
  rounds: Type.Object({ judged: Count, waiting: Count, failed: Count, missingBlobs: Count }),
  pot: nullable(Pot),
  lastEpoch: nullable(Type.Object({ epoch: Count, root: Hash, paid: Amount, onChain: OnChain })),
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
