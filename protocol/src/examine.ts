// What evidence proves of one machine in a round, PROTOCOL section 8: recomputed, never voted. Dear next to everything else in a judgement, and each machine for itself.
import { type AccountId, equalBytes, fromHex, type Hash } from './bytes.ts'
import type { CanaryLook } from './canaries.ts'
import { wellFormed } from './codec.ts'
import { chainKeys } from './compute/chain.ts'
import { type ProofFault, verifyOpenings } from './compute/verify.ts'
import type { Crypto } from './crypto.ts'
import { decodeFacts, type Facts, factsId } from './device/facts.ts'
import type { RoundEvidence } from './evidence.ts'
import type { Registered, RoundFacts } from './ledger.ts'
import type { BlobRef } from './manifest.ts'
import { type MemoryFault, verifyMemory } from './memory/verify.ts'
import type { ReasonCode } from './reasons.ts'
import type { Observation } from './report.ts'
import { chainSeed, commitmentBlobDigest, decodeCommitmentBlob, decodeOpeningsBlob, nonceMessage, nonceOf, type Openings, openingsDigest, type WorkCommitment } from './work.ts'

/** What the chain will say of the round is not all in the ledger yet. */
export class JudgementTooEarlyError extends Error {
  override readonly name = 'JudgementTooEarlyError'
  readonly code = 'JUDGEMENT_TOO_EARLY'
  constructor({ round, schedule }: RoundFacts) {
    super(`round ${round} cannot be judged yet; apply blocks up to its judgement block ${schedule.judgement} first`)
  }
}

/** A counted observation of a machine, and whose it is. */
export interface CountedObservation {
  checker: AccountId
  observation: Observation
}

/** What a checker's last step and key are worth against the chain: OK if they are in it. */
export interface Reading {
  /** Steps from the checker's fold to its last step; 0 unless the reading is right. */
  credited: number
  reason: 'OK' | 'NOT_FOLDED' | 'WRONG_KEY'
}

/** What came of the openings; `shown` is what the machine said of itself with openings that verify. */
export type Opened = { outcome: 'PASS'; reason: 'OK'; shown: Facts } | { outcome: 'FAIL' | 'NOT_OPENED'; reason: ReasonCode; shown: null }

/** A commitment without fault. */
export interface ProvenChain {
  log2n: number
  /** Segments of memory that it filled; 0 in a round of multiplications. */
  segments: number
  steps: number
  /** Of the counted observations that name it. */
  readings: ReadonlyMap<AccountId, Reading>
  /** Null if the machine need not open. */
  opened: Opened | null
}

export interface Examined {
  /** Different commitments of M that are offered. */
  commitments: number
  /** The one that was asked for: null if it is not among them. */
  chain: ProvenChain | 'BAD_COMMITMENT' | null
}

/** Examines the evidence of a machine; `named` is the commitment that the majority of `counted` names, if it names one. */
export type Examine = (machine: Registered, named: Hash | null, counted: readonly CountedObservation[]) => Examined

/**
 * The examiner of a round by its evidence. Costs two signatures and a hash a step for each machine, and its openings.
 * What it returns throws JudgementTooEarlyError where the facts lack randomness.
 */
export function examiner(crypto: Crypto, facts: RoundFacts, evidence: RoundEvidence): Examine {
  const offers = offersOf(evidence)
  const checkers = new Map(facts.checkers.map((checker) => [checker.account, checker]))
  return (machine, named, counted) => {
    const { commitments: blobs, openings } = offers.get(machine.account) ?? NOTHING_OFFERED
    const commitments = commitmentsOf(crypto, facts, machine, blobs)
    const commitment = named === null ? undefined : commitments.get(named)
    if (commitment === undefined) return { commitments: commitments.size, chain: null }
    const members = new Map(facts.committee(machine.account).map((checker) => [checker, checkers.get(checker)!]))
    const chain = chainOf(crypto, facts, machine, members, named!, commitment)
    if (chain === null) return { commitments: commitments.size, chain: 'BAD_COMMITMENT' }
    const readings = new Map(counted.filter(({ observation }) => observation.commitment === chain.id).map(({ checker, observation }) => [checker, readingOf(chain, checker, observation)]))
    // Two commitments are the verdict, whatever the openings are.
    const opened = commitments.size === 1 && facts.mustOpen(machine.account) ? openedOf(crypto, facts, machine, chain, openings) : null
    return { commitments: commitments.size, chain: { log2n: chain.log2n, segments: chain.fill.length, steps: chain.roots.length, readings, opened } }
  }
}

/**
 * What counted packages say of these machines, for `trialsOf`: of those that are eligible in the round and signed no second commitment, by which an honest checker would seem to have seen wrongly.
 * Folds are read from commitments that the machine signed, whatever the majority names.
 */
export function looksAt(crypto: Crypto, facts: RoundFacts, evidence: RoundEvidence, machines: ReadonlySet<AccountId>): CanaryLook[] {
  const offers = offersOf(evidence)
  return facts.machines.filter(({ account }) => machines.has(account)).flatMap((machine): CanaryLook[] => {
    const commitments = commitmentsOf(crypto, facts, machine, offers.get(machine.account)?.commitments ?? NOTHING_OFFERED.commitments)
    if (commitments.size > 1) return []
    const committee = facts.committee(machine.account)
    const counted = committee.flatMap((checker): CountedObservation[] => {
      const observation = evidence.packages.get(checker)?.observations.find((one) => one.machine === machine.account)
      return observation === undefined ? [] : [{ checker, observation }]
    })
    return [{ round: facts.round, machine: machine.account, committee, counted, folded: (commitment) => foldedIn(commitments.get(commitment)) }]
  })
}

const foldedIn = (commitment: WorkCommitment | undefined): ReadonlySet<AccountId> | null => (commitment === undefined ? null : new Set(commitment.folds.map(({ checker }) => checker)))

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

/** The commitments of M: what else is offered as such proves nothing. */
function commitmentsOf(crypto: Crypto, { network, round }: RoundFacts, { account, identity }: Registered, blobs: ReadonlyMap<Hash, Uint8Array>): Map<Hash, WorkCommitment> {
  const commitments = new Map<Hash, WorkCommitment>()
  for (const [id, bytes] of blobs) {
    // The signature before the thousands of roots: what M did not sign shall cost the reader no time.
    if (!crypto.ed25519Verify(bytes.subarray(-64), commitmentBlobDigest(crypto, bytes), fromHex(identity.peer))) continue
    const commitment = wellFormed(() => decodeCommitmentBlob(crypto, bytes))?.commitment
    if (commitment?.network === network && commitment.round === round && commitment.machine === account) commitments.set(id, commitment)
  }
  return commitments
}

/** The chain that a commitment of M stands for, or null if it breaks a rule. */
function chainOf(crypto: Crypto, facts: RoundFacts, machine: Registered, members: ReadonlyMap<AccountId, Registered>, id: Hash, { log2n, facts: shown, fill, roots, folds }: WorkCommitment): Chain | null {
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

/** Step 5: one blob of openings that verifies suffices, and bad ones beside it cost M nothing. */
function openedOf(crypto: Crypto, facts: RoundFacts, machine: Registered, chain: Chain, blobs: ReadonlyMap<Hash, Uint8Array>): Opened {
  const coins = facts.coins(machine.account, chain.id)
  if (coins === null) throw new JudgementTooEarlyError(facts)
  let first: Opened | null = null
  for (const [, bytes] of [...blobs].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const blob = openingsOf(crypto, facts, machine, chain.id, bytes)
    if (blob === null) continue
    const shown = factsId(crypto, blob.facts) === chain.facts ? wellFormed(() => decodeFacts(blob.facts)) : null
    const fault = shown === null ? 'BAD_FACTS' : verifyCells(crypto, facts, machine, chain, coins, blob.openings)
    if (shown !== null && fault === 'OK') return { outcome: 'PASS', reason: 'OK', shown }
    first ??= { outcome: 'FAIL', reason: fault, shown: null }
  }
  return first ?? { outcome: 'NOT_OPENED', reason: 'NO_OPENINGS', shown: null }
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

function readingOf({ keys, foldOf }: Chain, checker: AccountId, { lastStep, lastKey }: Observation): Reading {
  const fold = foldOf.get(checker)
  if (fold === undefined) return { credited: 0, reason: 'NOT_FOLDED' }
  const key = lastStep < fold ? undefined : keys[lastStep]
  return key !== undefined && equalBytes(key, fromHex(lastKey)) ? { credited: lastStep - fold, reason: 'OK' } : { credited: 0, reason: 'WRONG_KEY' }
}
