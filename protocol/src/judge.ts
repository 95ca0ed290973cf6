// The judgement of a round, PROTOCOL section 8: from the chain's facts, the counted packages and what their evidence proves to verdicts.
import { ascend } from './ascend.ts'
import type { AccountId, Hash } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import type { Facts } from './device/facts.ts'
import { checkProfile, checkProven, checkScan, type ClaimFlag, provenInt8Mmacs } from './device/profile.ts'
import { sameDevice } from './device/same-device.ts'
import type { RoundEvidence } from './evidence.ts'
import { type CountedObservation, type Examine, type Examined, examiner, JudgementTooEarlyError, type ProvenChain, type Reading } from './examine.ts'
import type { Registered, RoundFacts } from './ledger.ts'
import { compareOutputs, type ModelVerdict } from './model.ts'
import type { CheckMode, Parameters } from './parameters.ts'
import type { ReasonCode } from './reasons.ts'
import type { Observation } from './report.ts'
import { unprovenSteps } from './unproven.ts'

export type Outcome = 'PASS' | 'FAIL' | 'NOT_OPENED' | 'EQUIVOCATION' | 'NOT_RUN' | 'UNREACHABLE' | 'NO_QUORUM'

/** Outcomes that forfeit the machine's epoch. */
export const forfeits = (outcome: Outcome): boolean => outcome === 'FAIL' || outcome === 'NOT_OPENED' || outcome === 'EQUIVOCATION'

/** What became of one counted observation. */
export interface ObservationVerdict {
  checker: AccountId
  vote: Observation['outcome']
  /** Steps from the checker's fold to its last reading; 0 unless the reading is right. */
  credited: number
  paid: boolean
  /** OK if paid, else why not. */
  reason: ReasonCode
  /** How far the credit lies from the median, in millionths of it, rounded towards 0; null unless the reading is right and there is a median. */
  offPpm: number | null
  downKbps: number
  upKbps: number
  rttUs: number
}

export interface MachineVerdict {
  round: number
  machine: AccountId
  owner: AccountId
  outcome: Outcome
  reason: ReasonCode
  /** Id of the commitment that the majority names. */
  commitment: Hash | null
  /** Members of the committee whose observation counts. */
  counted: number
  /** Ascending. */
  committee: AccountId[]
  /** Lower median of the credits by weight, in steps. */
  medianSteps: number
  /** What of it is paid on, in steps; 0 unless PASS. */
  provenSteps: number
  /** Multiply-accumulates that are paid: provenSteps * n^3, or in a memory round the scanned bytes * `memoryWeight`. */
  work: bigint
  /** Memory that the committed chain scans, in KiB, by what M signed alone; 0 in a round of multiplications. */
  shownKiB: number
  /** All of the memory committed to, in KiB, if it was scanned whole within a window by the checkers' readings; 0 unless it was a memory round and the machine passed. */
  memoryKiB: number
  /** Rate at which that memory was read, by proven steps, in 10^6 bytes a second; 0 as above. */
  scanMBps: number
  /** Lower median of the time from the nonce to the first progress that neither the round trip nor one step explains, in microseconds; null if nobody can say. A signal of a relay, never a verdict. */
  relayUs: number | null
  /** True if openings were asked for and verify. */
  opened: boolean
  /** What the machine said of itself, if it had to open and did. Claims. */
  facts: Facts | null
  /** What the comparison with other machines, or of what was shown with what was claimed, found, in the order in which it looks; it costs nothing where the parameters say shadow. */
  flags: ReasonCode[]
  /** Whether the claimed device fits its class, its measurements and what the round proved; null without facts. Shown, never paid on. */
  claim: 'OK' | ClaimFlag | null
  downKbps: number
  upKbps: number
  /** Null if nobody measured one. */
  rttUs: number | null
  /** Ascending by checker. */
  observations: ObservationVerdict[]
}

export interface CheckerVerdict {
  round: number
  checker: AccountId
  owner: AccountId
  /** Its report counts. */
  reported: boolean
  packageCounted: boolean
  /** Report commitment and package root of a counted package. */
  evidence: { commitment: Hash; package: Hash } | null
  paidObservations: number
  /** OK if the package counts, else what it lacked first. */
  reason: ReasonCode
}

export interface RoundJudgement {
  round: number
  /** Of all eligible machines, ascending. */
  verdicts: MachineVerdict[]
  /** Of all eligible checkers, ascending. */
  checkers: CheckerVerdict[]
}

/** What each checker's word weighs in votes and medians, in millionths; who is not in it weighs in full. */
export type Weights = ReadonlyMap<AccountId, number>

export const FULL_WEIGHT = 1_000_000
/** Nobody was measured. */
export const EQUAL_WEIGHTS: Weights = new Map()

/**
 * Judges a round. Pure; the order in which packages and blobs were gathered does not matter.
 * @throws JudgementTooEarlyError unless the facts are complete
 */
export function judgeRound(crypto: Crypto, facts: RoundFacts, evidence: RoundEvidence, weights: Weights = EQUAL_WEIGHTS): RoundJudgement {
  return decideRound(facts, evidence, weights, examiner(crypto, facts, evidence))
}

/**
 * What `judgeRound` decides once it is known what the evidence proves: the part without signatures and proofs. Linear in the observations.
 * @throws JudgementTooEarlyError unless the facts are complete
 */
export function decideRound(facts: RoundFacts, { packages, refused }: Pick<RoundEvidence, 'packages' | 'refused'>, weights: Weights, examine: Examine): RoundJudgement {
  if (!facts.complete) throw new JudgementTooEarlyError(facts)
  const readers = new Map([...packages].map(([checker, { observations }]) => [checker, readerOf(observations)]))
  const alone = facts.machines.map((machine) => {
    const committee = facts.committee(machine.account)
    const counted: Voice[] = []
    for (const checker of committee) {
      const observation = readers.get(checker)?.(machine.account)
      if (observation !== undefined) counted.push({ checker, observation, weight: weights.get(checker) ?? FULL_WEIGHT })
    }
    return judgeMachine(facts, machine, committee, counted, examine)
  })
  const verdicts = compared(facts.parameters, alone)
  const paid = paidFor(verdicts)
  return { round: facts.round, verdicts, checkers: facts.checkers.map((checker) => checkerVerdict(facts, packages, refused, checker, paid.get(checker.account)?.count ?? 0)) }
}

/** Paid observations of these machines, by checker. */
export function paidFor(verdicts: readonly MachineVerdict[]): ReadonlyMap<AccountId, { count: number }> {
  const paid = new Map<AccountId, { count: number }>()
  for (const { observations } of verdicts)
    for (const observation of observations) {
      if (!observation.paid) continue
      const counter = paid.get(observation.checker)
      if (counter === undefined) paid.set(observation.checker, { count: 1 })
      else counter.count += 1
    }
  return paid
}

/** True if a machine showed memory, and less than it should by its own claim. By what it signed alone: what checkers read of it must not fail it. */
const claimsMore = ({ facts, shownKiB }: MachineVerdict, memoryPpm: number): boolean =>
  facts !== null && shownKiB > 0 && BigInt(shownKiB) * 1_000_000n < BigInt(facts.device.memoryMiB) * 1024n * BigInt(memoryPpm)

/** What only a comparison of machines shows: one device under two names, and a model that answers otherwise than the others'. Who is not paid on a check is flagged by it. */
function compared({ deviceCheck, memoryPpm, modelCheck, modelTolerance }: Parameters, verdicts: readonly MachineVerdict[]): MachineVerdict[] {
  const shown = verdicts.flatMap(({ machine, facts }): [AccountId, Facts][] => (facts === null ? [] : [[machine, facts]]))
  const shared = deviceCheck === 'off' ? new Map<AccountId, Hash[]>() : sameDevice(new Map(shown))
  const models = modelCheck === 'off' ? new Map<AccountId, ModelVerdict>() : compareOutputs(new Map(shown.flatMap(([machine, { model: [run] }]) => (run === undefined ? [] : [[machine, run]]))), modelTolerance)
  return verdicts.map((verdict) => {
    const found: [CheckMode, ReasonCode][] = []
    if (shared.has(verdict.machine)) found.push([deviceCheck, 'SAME_DEVICE'])
    if (deviceCheck !== 'off' && claimsMore(verdict, memoryPpm)) found.push([deviceCheck, 'MEMORY_BELOW_CLAIM'])
    if (models.get(verdict.machine) === 'MODEL_DIFFERS') found.push([modelCheck, 'MODEL_DIFFERS'])
    if (found.length === 0) return verdict
    const flags = found.map(([, reason]) => reason)
    const enforced = found.find(([mode]) => mode === 'enforce')
    // Facts come with openings that verify alone, so the outcome so far is PASS.
    if (enforced === undefined) return { ...verdict, flags }
    return { ...verdict, flags, outcome: 'FAIL', reason: enforced[1], provenSteps: 0, work: 0n, memoryKiB: 0, scanMBps: 0 }
  })
}

function checkerVerdict(facts: RoundFacts, packages: RoundEvidence['packages'], refused: RoundEvidence['refused'], { account, identity }: Registered, paidObservations: number): CheckerVerdict {
  const item = facts.reports.get(account)?.item ?? null
  const root = facts.packageRoots.get(account)
  const packageCounted = packages.has(account)
  const reason = (): ReasonCode => {
    if (packageCounted) return 'OK'
    if (item === null) return facts.reports.has(account) ? 'BAD_REPORT' : 'NO_REPORT'
    if (root === undefined) return 'NO_PACKAGE'
    return refused.get(account) ?? 'NOT_HELD'
  }
  return {
    round: facts.round,
    checker: account,
    owner: identity.owner,
    reported: item !== null,
    packageCounted,
    evidence: packageCounted ? { commitment: item!.commitment, package: root! } : null,
    paidObservations,
    reason: reason(),
  }
}

/** Finds the observation of one machine after another, which must ascend as the observations do: one pass over these, and no index beside them. */
function readerOf(observations: readonly Observation[]): (machine: AccountId) => Observation | undefined {
  let at = 0
  return (machine) => {
    for (; at < observations.length; at++) {
      const found = observations[at]!
      if (found.machine === machine) return found
      if (found.machine > machine) return undefined
    }
    return undefined
  }
}

function judgeMachine(facts: RoundFacts, machine: Registered, committee: AccountId[], counted: readonly Voice[], examine: Examine): MachineVerdict {
  const { parameters } = facts
  const voices = counted.filter(({ weight }) => weight > 0)
  const quorum = voices.length >= Math.floor(committee.length / 2) + 1
  const majority = quorum ? majorityOf(voices) : null
  const named = majority?.outcome === 'RAN' ? majority.commitment : null
  const examined = examine(machine, named, counted)
  const chain = examined.chain === 'BAD_COMMITMENT' ? null : examined.chain
  const { outcome, reason } = findingOf(quorum, majority, examined)
  // Over all voices, 0 for whoever named something else: a machine that shows itself to a few only must not let these few set its credit.
  const median = chain === null ? 0 : weightedMedian(voices.map(({ checker }) => creditOf(chain, checker)), voices.map(({ weight }) => weight))
  const shown = chain !== null && outcome === 'PASS' && chain.opened !== null ? chain.opened.shown : null
  const provenSteps = outcome === 'PASS' ? Math.max(0, median - unprovenSteps(chain!.steps, parameters.samples)) : 0
  return {
    round: facts.round,
    machine: machine.account,
    owner: machine.identity.owner,
    outcome,
    reason,
    commitment: named,
    counted: counted.length,
    committee,
    medianSteps: median,
    provenSteps,
    work: provenSteps === 0 ? 0n : BigInt(provenSteps) * workOfStep(chain!, parameters),
    shownKiB: chain === null ? 0 : Math.min(chain.segments, chain.steps) * 2 ** chain.log2n,
    memoryKiB: provenSteps > 0 && provenSteps >= chain!.segments ? chain!.segments * 2 ** chain!.log2n : 0,
    scanMBps: provenSteps > 0 && chain!.segments > 0 ? scanRate(chain!.log2n, provenSteps, parameters.windowMs) : 0,
    relayUs: chain === null ? null : relayOf(voices, chain, parameters),
    opened: shown !== null,
    facts: shown,
    flags: [],
    claim: shown === null ? null : claimOf(shown, chain!, provenSteps, parameters),
    ...linkOf(voices),
    observations: counted.map((voice) => worthOf(voice, majority, chain?.readings.get(voice.checker), median, parameters)),
  }
}

/** A counted observation with what it weighs. */
interface Voice extends CountedObservation {
  weight: number
}

/** Steps 1 to 5 of section 8. */
function findingOf(quorum: boolean, majority: Observation | null, { commitments, chain }: Examined): { outcome: Outcome; reason: ReasonCode } {
  if (!quorum) return { outcome: 'NO_QUORUM', reason: 'TOO_FEW' }
  if (commitments > 1) return { outcome: 'EQUIVOCATION', reason: 'TWO_COMMITMENTS' }
  if (majority === null) return { outcome: 'NO_QUORUM', reason: 'NO_MAJORITY' }
  if (majority.outcome === 'UNREACHABLE') return { outcome: 'UNREACHABLE', reason: 'UNREACHABLE' }
  if (majority.outcome === 'NOT_RUN') return { outcome: 'NOT_RUN', reason: majority.reason }
  if (chain === null) return { outcome: 'NO_QUORUM', reason: 'NO_EVIDENCE' }
  if (chain === 'BAD_COMMITMENT') return { outcome: 'FAIL', reason: 'BAD_COMMITMENT' }
  return chain.opened ?? { outcome: 'PASS', reason: 'OK' }
}

/** True if both vote for the same: that the machine ran by one commitment, did not run for one reason, or was not reached. */
const agree = (a: Observation, b: Observation): boolean => a.outcome === b.outcome && (a.outcome === 'RAN' ? a.commitment === b.commitment : a.outcome === 'UNREACHABLE' || a.reason === b.reason)

/** An observation with the vote that holds more than half of the weight. Only the one that outweighs all others as they come (Boyer and Moore's vote) can be it. */
function majorityOf(voices: readonly Voice[]): Observation | null {
  let leader: Observation | null = null
  let lead = 0
  for (const { observation, weight } of voices) {
    if (leader !== null && agree(observation, leader)) lead += weight
    else if (weight > lead) [leader, lead] = [observation, weight - lead]
    else lead -= weight
  }
  let [all, held] = [0, 0]
  for (const { observation, weight } of voices) {
    all += weight
    if (agree(observation, leader!)) held += weight
  }
  return 2 * held > all ? leader : null
}

/** The gravest oddity of a claim. Only multiplications prove a rate of int8 products. */
function claimOf({ device }: Facts, { segments, log2n, steps }: ProvenChain, provenSteps: number, { maxSteps, windowMs }: Parameters): 'OK' | ClaimFlag {
  const profile = checkProfile(device)
  if (profile !== 'OK') return profile
  if (segments > 0) return checkScan(device, scanRate(log2n, provenSteps, windowMs))
  return checkProven(device, { int8Mmacs: provenInt8Mmacs(BigInt(provenSteps) << BigInt(3 * log2n), windowMs), log2n, capped: steps === maxSteps })
}

/** Bytes that proven scans read, in 10^6 a second of the window. */
const scanRate = (log2Leaves: number, provenSteps: number, windowMs: number): number => Number((BigInt(provenSteps) << BigInt(log2Leaves + 10)) / BigInt(windowMs) / 1000n)

/** Multiply-accumulates that one step of a chain is paid as. */
const workOfStep = ({ segments, log2n }: ProvenChain, { memoryWeight }: Parameters): bigint => (segments === 0 ? 1n << BigInt(3 * log2n) : BigInt(memoryWeight) << BigInt(log2n + 10))

/** Steps that a checker's reading is credited with; 0 unless it is right. */
const creditOf = ({ readings }: ProvenChain, checker: AccountId): number => readings.get(checker)?.credited ?? 0

/** What a counted observation is worth against the median of its machine. Without a chain nobody is paid: what a checker says alone, nobody signed. */
function worthOf(voice: Voice, majority: Observation | null, reading: Reading | undefined, median: number, { bandPpm }: Parameters): ObservationVerdict {
  const { outcome, downKbps, upKbps, rttUs } = voice.observation
  // A median of 0 pays nobody: else a machine without work would earn its one accomplice a share.
  const off = reading?.reason === 'OK' && median > 0 ? reading.credited - median : null
  // Steps are at most 2^18 and millionths 10^6: exact in a double.
  const inBand = off !== null && Math.abs(off) * 1_000_000 <= bandPpm * median
  const reason = reasonOf(voice, majority, reading, inBand)
  return { checker: voice.checker, vote: outcome, credited: reading?.credited ?? 0, paid: reason === 'OK', reason, offPpm: off === null ? null : Math.trunc((off * 1_000_000) / median), downKbps, upKbps, rttUs }
}

function reasonOf({ observation, weight }: Voice, majority: Observation | null, reading: Reading | undefined, inBand: boolean): ReasonCode {
  if (weight === 0) return 'WEIGHTLESS'
  if (majority !== null && !agree(observation, majority)) return 'VOTED_OTHERWISE'
  if (reading === undefined) return 'NOT_PAYABLE'
  if (reading.reason !== 'OK') return reading.reason
  return inBand ? 'OK' : 'OUT_OF_BAND'
}

/** See `MachineVerdict.relayUs`. */
function relayOf(voices: readonly Voice[], chain: ProvenChain, { windowMs }: Parameters): number | null {
  const relays: number[] = []
  for (const { checker, observation: { firstUs, rttUs } } of voices) {
    const credited = creditOf(chain, checker)
    if (credited > 0 && firstUs > 0 && rttUs > 0) relays.push(Math.max(0, firstUs - rttUs - Math.ceil((windowMs * 1000) / credited)))
  }
  return lowerMedian(relays)
}

/** What those who reached the machine measured of the way to it. */
function linkOf(voices: readonly Voice[]): Pick<MachineVerdict, 'downKbps' | 'upKbps' | 'rttUs'> {
  const [down, up, rtt]: [number[], number[], number[]] = [[], [], []]
  for (const { observation } of voices) {
    if (observation.outcome === 'UNREACHABLE') continue
    down.push(observation.downKbps)
    up.push(observation.upKbps)
    if (observation.rttUs > 0) rtt.push(observation.rttUs)
  }
  return { downKbps: lowerMedian(down) ?? 0, upKbps: lowerMedian(up) ?? 0, rttUs: lowerMedian(rtt) }
}

/** Value number floor((n-1)/2) of n in ascending order; null of none. Sorts them. */
function lowerMedian(values: number[]): number | null {
  return ascend(values)[Math.floor((values.length - 1) / 2)] ?? null
}

/** The least value with which, and with all below it, at least half of the weight is reached; of equal weights the lower median. 0 of none. Sorts both. */
function weightedMedian(values: number[], weights: number[]): number {
  ascend(values, weights)
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  let reached = 0
  for (const [i, value] of values.entries()) {
    reached += weights[i]!
    if (2 * reached >= all) return value
  }
  return 0
}
