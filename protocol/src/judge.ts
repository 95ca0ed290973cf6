// The judgement of a round, PROTOCOL section 8: from the chain's facts and the counted packages to verdicts.
import { type AccountId, equalBytes, fromHex, type Hash } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { chainKeys } from './compute/chain.ts'
import { type ProofFault, verifyOpenings } from './compute/verify.ts'
import type { Crypto } from './crypto.ts'
import { decodeFacts, type Facts, factsId } from './device/facts.ts'
import { checkProfile, checkProven, checkScan, type ClaimFlag, provenInt8Mmacs } from './device/profile.ts'
import { sameDevice } from './device/same-device.ts'
import type { RoundEvidence } from './evidence.ts'
import type { Registered, RoundFacts } from './ledger.ts'
import type { BlobRef } from './manifest.ts'
import { type MemoryFault, verifyMemory } from './memory/verify.ts'
import { compareOutputs, type ModelVerdict } from './model.ts'
import type { CheckMode, Parameters } from './parameters.ts'
import type { ReasonCode } from './reasons.ts'
import type { Observation } from './report.ts'
import { unprovenSteps } from './unproven.ts'
import { chainSeed, commitmentBlobDigest, decodeCommitmentBlob, decodeOpeningsBlob, nonceMessage, nonceOf, type Openings, openingsDigest, type WorkCommitment } from './work.ts'

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
  /** Lower median of the credits, in steps. */
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

/** What the chain will say of the round is not all in the ledger yet. */
export class JudgementTooEarlyError extends Error {
  override readonly name = 'JudgementTooEarlyError'
  readonly code = 'JUDGEMENT_TOO_EARLY'
  constructor({ round, schedule }: RoundFacts) {
    super(`round ${round} cannot be judged yet; apply blocks up to its judgement block ${schedule.judgement} first`)
  }
}

/**
 * Judges a round. Pure; the order in which packages and blobs were gathered does not matter.
 * @throws JudgementTooEarlyError unless the facts are complete
 */
export function judgeRound(crypto: Crypto, facts: RoundFacts, evidence: RoundEvidence): RoundJudgement {
  if (!facts.complete) throw new JudgementTooEarlyError(facts)
  const { round } = facts
  const checkers = new Map(facts.checkers.map((checker) => [checker.account, checker]))
  const observations = new Map([...evidence.packages].map(([checker, { observations }]) => [checker, new Map(observations.map((observation) => [observation.machine, observation]))]))
  const offers = offersOf(evidence)
  const alone = facts.machines.map((machine) => {
    const committee = facts.committee(machine.account)
    const counted = committee.flatMap((checker) => {
      const observation = observations.get(checker)?.get(machine.account)
      return observation === undefined ? [] : [{ checker, observation }]
    })
    const members = new Map(committee.map((checker) => [checker, checkers.get(checker)!]))
    return judgeMachine(crypto, facts, { machine, members, counted, offers: offers.get(machine.account) ?? NOTHING_OFFERED })
  })
  const verdicts = compared(facts.parameters, alone)
  const paid = Map.groupBy(
    verdicts.flatMap(({ observations }) => observations.filter((observation) => observation.paid)),
    ({ checker }) => checker,
  )
  return { round, verdicts, checkers: facts.checkers.map((checker) => checkerVerdict(facts, evidence, checker, paid.get(checker.account)?.length ?? 0)) }
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

function checkerVerdict(facts: RoundFacts, evidence: RoundEvidence, { account, identity }: Registered, paidObservations: number): CheckerVerdict {
  const item = facts.reports.get(account)?.item ?? null
  const root = facts.packageRoots.get(account)
  const packageCounted = evidence.packages.has(account)
  const reason = (): ReasonCode => {
    if (packageCounted) return 'OK'
    if (item === null) return facts.reports.has(account) ? 'BAD_REPORT' : 'NO_REPORT'
    if (root === undefined) return 'NO_PACKAGE'
    return evidence.refused.get(account) ?? 'NOT_HELD'
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

/** Blobs that counted packages offer for one machine, by id. */
interface Offers {
  commitments: Map<Hash, Uint8Array>
  openings: Map<Hash, Uint8Array>
}

const NOTHING_OFFERED: Offers = { commitments: new Map(), openings: new Map() }

function offersOf({ packages, blobs }: RoundEvidence): Map<AccountId, Offers> {
  const offers = new Map<AccountId, Offers>()
  const offer = (to: Map<Hash, Uint8Array>, refs: readonly BlobRef[]): void => {
    for (const { id, size } of refs) {
      const bytes = blobs.get(id)
      if (bytes !== undefined && bytes.length === size) to.set(id, bytes)
    }
  }
  for (const { evidence } of packages.values())
    for (const { machine, commitments, openings } of evidence) {
      const of = offers.get(machine) ?? { commitments: new Map(), openings: new Map() }
      offers.set(machine, of)
      offer(of.commitments, commitments)
      offer(of.openings, openings)
    }
  return offers
}

interface CountedObservation {
  checker: AccountId
  observation: Observation
}

/** All there is to know of one machine in the round. */
interface Docket {
  machine: Registered
  /** The committee, ascending by account. */
  members: Map<AccountId, Registered>
  /** Ascending by checker. */
  counted: CountedObservation[]
  offers: Offers
}

/** A commitment without fault, with what its folds make of it. */
interface Chain {
  id: Hash
  /** `factsId` of what the machine shows with its openings. */
  facts: Hash
  seed: Uint8Array
  log2n: number
  /** Roots of the memory's segments; none in a round of multiplications. */
  fill: readonly Uint8Array[]
  roots: readonly Uint8Array[]
  /** key_0 ... key_T. */
  keys: readonly Uint8Array[]
  foldOf: ReadonlyMap<AccountId, number>
}

/** `shown`: what the machine said of itself with openings that verify. */
type Finding = { outcome: Outcome; reason: ReasonCode; shown?: Facts | null }

function judgeMachine(crypto: Crypto, facts: RoundFacts, docket: Docket): MachineVerdict {
  const { machine, members, counted } = docket
  const parameters = facts.parameters
  const quorum = counted.length >= Math.floor(members.size / 2) + 1
  const commitments = commitmentsOf(crypto, facts, docket)
  const majority = quorum ? majorityOf(counted) : null
  const named = majority?.outcome === 'RAN' ? majority.commitment : null
  const commitment = named === null ? undefined : commitments.get(named)
  const chain = commitment === undefined ? null : chainOf(crypto, facts, docket, named!, commitment)
  const reading = readingsOf(counted, majority, chain, parameters)

  const find = (): Finding => {
    if (!quorum) return { outcome: 'NO_QUORUM', reason: 'TOO_FEW' }
    if (commitments.size > 1) return { outcome: 'EQUIVOCATION', reason: 'TWO_COMMITMENTS' }
    if (majority === null) return { outcome: 'NO_QUORUM', reason: 'NO_MAJORITY' }
    if (majority.outcome === 'UNREACHABLE') return { outcome: 'UNREACHABLE', reason: 'UNREACHABLE' }
    if (majority.outcome === 'NOT_RUN') return { outcome: 'NOT_RUN', reason: majority.reason }
    if (commitment === undefined) return { outcome: 'NO_QUORUM', reason: 'NO_EVIDENCE' }
    if (chain === null) return { outcome: 'FAIL', reason: 'BAD_COMMITMENT' }
    return facts.mustOpen(machine.account) ? judgeOpenings(crypto, facts, docket, chain) : { outcome: 'PASS', reason: 'OK' }
  }
  const { outcome, reason, shown = null } = find()
  const provenSteps = outcome === 'PASS' ? Math.max(0, reading.median - unprovenSteps(chain!.roots.length, parameters.samples)) : 0
  const reached = counted.filter(({ observation }) => observation.outcome !== 'UNREACHABLE').map(({ observation }) => observation)
  return {
    round: facts.round,
    machine: machine.account,
    owner: machine.identity.owner,
    outcome,
    reason,
    commitment: named,
    counted: counted.length,
    committee: [...members.keys()],
    medianSteps: reading.median,
    provenSteps,
    work: provenSteps === 0 ? 0n : BigInt(provenSteps) * workOfStep(chain!, parameters),
    shownKiB: chain === null ? 0 : Math.min(chain.fill.length, chain.roots.length) * 2 ** chain.log2n,
    memoryKiB: provenSteps > 0 && provenSteps >= chain!.fill.length ? chain!.fill.length * 2 ** chain!.log2n : 0,
    scanMBps: provenSteps > 0 && chain!.fill.length > 0 ? scanRate(chain!.log2n, provenSteps, parameters.windowMs) : 0,
    relayUs: lowerMedian(reading.relays),
    opened: shown !== null,
    facts: shown,
    flags: [],
    claim: shown === null ? null : claimOf(shown, chain!, provenSteps, parameters),
    downKbps: lowerMedian(reached.map(({ downKbps }) => downKbps)) ?? 0,
    upKbps: lowerMedian(reached.map(({ upKbps }) => upKbps)) ?? 0,
    rttUs: lowerMedian(reached.map(({ rttUs }) => rttUs).filter((rtt) => rtt > 0)),
    observations: reading.observations,
  }
}

/** What an observation votes for, as one text: equal votes, equal texts. For RAN it is the commitment's id. */
function voteOf({ outcome, commitment, reason }: Observation): string {
  if (outcome === 'RAN') return commitment
  return outcome === 'NOT_RUN' ? `NOT_RUN ${reason}` : outcome
}

/** The first observation with the vote that more than half hold. */
function majorityOf(counted: readonly CountedObservation[]): Observation | null {
  for (const votes of Map.groupBy(counted, ({ observation }) => voteOf(observation)).values()) if (2 * votes.length > counted.length) return votes[0]!.observation
  return null
}

/** The gravest oddity of a claim. Only multiplications prove a rate of int8 products. */
function claimOf({ device }: Facts, { fill, log2n, roots }: Chain, provenSteps: number, { maxSteps, windowMs }: Parameters): 'OK' | ClaimFlag {
  const profile = checkProfile(device)
  if (profile !== 'OK') return profile
  if (fill.length > 0) return checkScan(device, scanRate(log2n, provenSteps, windowMs))
  return checkProven(device, { int8Mmacs: provenInt8Mmacs(BigInt(provenSteps) << BigInt(3 * log2n), windowMs), log2n, capped: roots.length === maxSteps })
}

/** Bytes that proven scans read, in 10^6 a second of the window. */
const scanRate = (log2Leaves: number, provenSteps: number, windowMs: number): number => Number((BigInt(provenSteps) << BigInt(log2Leaves + 10)) / BigInt(windowMs) / 1000n)

/** The commitments of M: what else is offered as such proves nothing. */
function commitmentsOf(crypto: Crypto, { network, round }: RoundFacts, { machine: { account, identity }, offers }: Docket): Map<Hash, WorkCommitment> {
  const commitments = new Map<Hash, WorkCommitment>()
  for (const [id, bytes] of offers.commitments) {
    // The signature before the thousands of roots: what M did not sign shall cost the reader no time.
    if (!crypto.ed25519Verify(bytes.subarray(-64), commitmentBlobDigest(crypto, bytes), fromHex(identity.peer))) continue
    const commitment = wellFormed(() => decodeCommitmentBlob(crypto, bytes))?.commitment
    if (commitment?.network === network && commitment.round === round && commitment.machine === account) commitments.set(id, commitment)
  }
  return commitments
}

/** The chain that a commitment of M stands for, or null if it breaks a rule. */
function chainOf(crypto: Crypto, facts: RoundFacts, { machine, members }: Docket, id: Hash, { log2n, facts: shown, fill, roots, folds }: WorkCommitment): Chain | null {
  const seed = facts.seedOf(machine.account)
  const { beacon } = facts
  if (seed === null || beacon === null) throw new JudgementTooEarlyError(facts)
  if (!fitsKind(facts, log2n, fill.length) || roots.length > facts.parameters.maxSteps) return null
  const nonces = new Map<number, Uint8Array[]>()
  // Folds stand in ascending order of (step, checker): the order in which the nonces of a step are folded.
  for (const { checker, signature, step } of folds) {
    const member = members.get(checker)
    if (member === undefined) return null
    if (!crypto.ed25519Verify(signature, nonceMessage(facts.network, facts.round, beacon, machine.account, checker), fromHex(member.identity.peer))) return null
    nonces.set(step, [...(nonces.get(step) ?? []), nonceOf(crypto, signature)])
  }
  return { id, facts: shown, seed, log2n, fill, roots, keys: chainKeys(crypto, chainSeed(crypto, seed, fill), roots, nonces), foldOf: new Map(folds.map(({ checker, step }) => [checker, step])) }
}

/** True if a commitment's sizes are those of the round's kind of job. */
function fitsKind({ kind, parameters: { log2n, log2nMax, memoryLog2, memorySegments, maxSteps } }: RoundFacts, size: number, segments: number): boolean {
  if (kind === 'MEMORY') return size === memoryLog2 && segments >= memorySegments && segments <= maxSteps
  return segments === 0 && size >= log2n && size <= log2nMax
}

/** Multiply-accumulates that one step of a chain is paid as. */
const workOfStep = ({ fill, log2n }: Chain, { memoryWeight }: Parameters): bigint => (fill.length === 0 ? 1n << BigInt(3 * log2n) : BigInt(memoryWeight) << BigInt(log2n + 10))

/** Step 5: one blob of openings that verifies suffices, and bad ones beside it cost M nothing. */
function judgeOpenings(crypto: Crypto, facts: RoundFacts, docket: Docket, chain: Chain): Finding {
  const coins = facts.coins(docket.machine.account, chain.id)
  if (coins === null) throw new JudgementTooEarlyError(facts)
  let first: Finding | null = null
  for (const [, bytes] of [...docket.offers.openings].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const blob = openingsOf(crypto, facts, docket.machine, chain.id, bytes)
    if (blob === null) continue
    const shown = factsId(crypto, blob.facts) === chain.facts ? wellFormed(() => decodeFacts(blob.facts)) : null
    const fault = shown === null ? 'BAD_FACTS' : verifyCells(crypto, facts, docket.machine, chain, coins, blob.openings)
    if (fault === 'OK') return { outcome: 'PASS', reason: 'OK', shown }
    first ??= { outcome: 'FAIL', reason: fault }
  }
  return first ?? { outcome: 'NOT_OPENED', reason: 'NO_OPENINGS' }
}

/** The opened cells against the commitment, by the round's kind of job. */
function verifyCells(crypto: Crypto, facts: RoundFacts, { account }: Registered, chain: Chain, coins: Uint8Array, openings: Uint8Array): 'OK' | ProofFault | MemoryFault {
  const { samples, memoryPasses } = facts.parameters
  if (chain.fill.length === 0) return verifyOpenings(crypto, { ...chain, coins, samples, openings })
  return verifyMemory(crypto, { ...chain, fillSeed: facts.fillSeedOf(account)!, log2Leaves: chain.log2n, log2Passes: memoryPasses, fillRoots: chain.fill, coins, samples, openings })
}

/** The openings blob if it is M's for the commitment, else null. */
function openingsOf(crypto: Crypto, { network, round }: RoundFacts, { account, identity }: Registered, commitment: Hash, bytes: Uint8Array): Openings | null {
  const blob = wellFormed(() => decodeOpeningsBlob(bytes))
  if (blob === null || blob.network !== network || blob.round !== round || blob.machine !== account || blob.commitment !== commitment) return null
  return crypto.ed25519Verify(blob.signature, openingsDigest(crypto, bytes), fromHex(identity.peer)) ? blob : null
}

/** What each counted observation is worth. Without a chain nobody is paid: what a checker says alone, nobody signed. */
function readingsOf(counted: readonly CountedObservation[], majority: Observation | null, chain: Chain | null, { bandPpm, windowMs }: Parameters): { median: number; relays: number[]; observations: ObservationVerdict[] } {
  const readings = new Map<AccountId, Reading>()
  if (chain !== null) for (const { checker, observation } of counted) if (voteOf(observation) === chain.id) readings.set(checker, readingOf(chain, checker, observation))
  // Over all counted, 0 for whoever named something else: a machine that shows itself to a few only must not let these few set its credit.
  const median = lowerMedian(counted.map(({ checker }) => readings.get(checker)?.credited ?? 0)) ?? 0
  // A median of 0 pays nobody: else a machine without work would earn its one accomplice a share.
  const inBand = ({ credited }: Reading): boolean => median > 0 && BigInt(Math.abs(credited - median)) * 1_000_000n <= BigInt(bandPpm) * BigInt(median)
  const observations = counted.map(({ checker, observation }): ObservationVerdict => {
    const reading = readings.get(checker)
    const reasonOf = (): ReasonCode => {
      if (majority !== null && voteOf(observation) !== voteOf(majority)) return 'VOTED_OTHERWISE'
      if (reading === undefined) return 'NOT_PAYABLE'
      if (reading.reason !== 'OK') return reading.reason
      return inBand(reading) ? 'OK' : 'OUT_OF_BAND'
    }
    const reason = reasonOf()
    const { outcome, downKbps, upKbps, rttUs } = observation
    return { checker, vote: outcome, credited: reading?.credited ?? 0, paid: reason === 'OK', reason, downKbps, upKbps, rttUs }
  })
  const relays = counted.flatMap(({ checker, observation: { firstUs, rttUs } }) => {
    const credited = readings.get(checker)?.credited ?? 0
    return credited === 0 || firstUs === 0 || rttUs === 0 ? [] : [Math.max(0, firstUs - rttUs - Math.ceil((windowMs * 1000) / credited))]
  })
  return { median, relays, observations }
}

interface Reading {
  credited: number
  reason: ReasonCode
}

function readingOf({ keys, foldOf }: Chain, checker: AccountId, { lastStep, lastKey }: Observation): Reading {
  const fold = foldOf.get(checker)
  if (fold === undefined) return { credited: 0, reason: 'NOT_FOLDED' }
  const key = lastStep < fold ? undefined : keys[lastStep]
  return key !== undefined && equalBytes(key, fromHex(lastKey)) ? { credited: lastStep - fold, reason: 'OK' } : { credited: 0, reason: 'WRONG_KEY' }
}

/** Value number floor((n-1)/2) of n in ascending order; null of none. */
function lowerMedian(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null
}

/** The value of a blob, or null if the blob is no such thing. */
function wellFormed<T>(decode: () => T): T | null {
  try {
    return decode()
  } catch (error) {
    if (error instanceof MalformedError) return null
    throw error
  }
}
