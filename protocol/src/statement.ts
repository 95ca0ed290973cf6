// The statement of an epoch, PROTOCOL section 10: the trees over its scores, payouts, registry, evidence and what it leaves to the next epoch, and the bytes that go on chain.
import { type AccountId, concat, fromHex, type Hash, toHex, utf8 } from './bytes.ts'
import type { Calibration } from './calibration.ts'
import { hex32, names, strict, struct, u128, u32, u8, versioned } from './codec.ts'
import type { Crypto } from './crypto.ts'
import type { IdentityKind } from './identity.ts'
import type { RoundJudgement } from './judge.ts'
import type { RoundFacts } from './ledger.ts'
import { merkleRootOf } from './merkle.ts'
import { ITEM_BYTES } from './parameters.ts'
import { reasonCodec, type ReasonCode } from './reasons.ts'
import type { CheckerRow, EpochResult, EpochState, MachineRow, Payout, Score } from './score.ts'
import type { Standing } from './standing.ts'

export interface ScoreLeaf {
  account: AccountId
  kind: IdentityKind
  score: bigint
  reason: ReasonCode
  /** Planck. */
  earned: bigint
  /** Root over the encoded rows. */
  rows: Hash
}

export type PayoutLeaf = Payout

export interface RegistryLeaf {
  account: AccountId
  kind: IdentityKind
  owner: AccountId
  peer: Hash
  anchor: Hash
}

/** A package that counted. */
export interface EvidenceLeaf {
  round: number
  checker: AccountId
  /** What the report committed to. */
  commitment: Hash
  /** Package root: id of the manifest. */
  package: Hash
}

/** What the epoch leaves of a machine. */
export type StandingLeaf = { account: AccountId } & Standing

/** What the epoch leaves of a checker. */
export type CalibrationLeaf = { account: AccountId } & Calibration

/** What goes on chain of an epoch. */
export interface Statement {
  epoch: number
  scores: Hash
  payouts: Hash
  registry: Hash
  evidence: Hash
  standings: Hash
  calibrations: Hash
  /** Planck, sum over the payout leaves. */
  paid: bigint
  /** Planck, sum over the payout leaves. */
  carried: bigint
}

const KINDS = ['machine', 'checker'] as const satisfies IdentityKind[]
const kind = names({ machine: 0, checker: 1 })
const outcome = names({ PASS: 0, FAIL: 1, NOT_OPENED: 2, EQUIVOCATION: 3, NOT_RUN: 4, UNREACHABLE: 5, NO_QUORUM: 6 })

const standing = names({ PROBATION: 0, STANDARD: 1, TRUSTED: 2, BENCHED: 3 })

const machineRow = strict<MachineRow>('machine row', struct({ round: u32, outcome, reason: reasonCodec, standing, medianSteps: u32, provenSteps: u32, work: u128 }))
const checkerRow = strict<CheckerRow>('checker row', struct({ round: u32, paidObservations: u32, reason: reasonCodec }))
const scoreLeaf = strict<ScoreLeaf>('score leaf', struct({ account: hex32, kind, score: u128, reason: reasonCodec, earned: u128, rows: hex32 }))
const payoutLeaf = strict<PayoutLeaf>('payout leaf', struct({ account: hex32, earned: u128, carriedIn: u128, paid: u128, carriedOut: u128 }))
const registryLeaf = strict<RegistryLeaf>('registry leaf', struct({ account: hex32, kind, owner: hex32, peer: hex32, anchor: hex32 }))
const evidenceLeaf = strict<EvidenceLeaf>('evidence leaf', struct({ round: u32, checker: hex32, commitment: hex32, package: hex32 }))
const standingLeaf = strict<StandingLeaf>('standing leaf', struct({ account: hex32, passed: u32, run: u8, failRung: u8, notRunRung: u8, unreachableRung: u8, notRunStrikes: u8, unreachableStrikes: u8, benchedUntil: u32 }))
const calibrationLeaf = strict<CalibrationLeaf>('calibration leaf', struct({ account: hex32, muted: u32, falseAccepts: u32, shown: u32, falseRejects: u32 }), {
  // A checker with more errors than trials would weigh more than one without any.
  rule: ({ muted, falseAccepts, shown, falseRejects }) => (falseAccepts > muted || falseRejects > shown ? 'it holds more errors than trials' : null),
})
const statement = strict<Statement>('statement', versioned(1, struct({ epoch: u32, scores: hex32, payouts: hex32, registry: hex32, evidence: hex32, standings: hex32, calibrations: hex32, paid: u128, carried: u128 })))

/** Bytes of a statement that one storage item holds: what the oldest runtime lets an item have. */
export const STATEMENT_CHUNK_BYTES = ITEM_BYTES

/** The bytes of chunk 0, 1, … in order. */
export function encodeStatement(value: Statement): Uint8Array {
  return statement.encode(value)
}

/** @throws MalformedError */
export function decodeStatement(bytes: Uint8Array): Statement {
  return statement.decode(bytes)
}

// The leaves of the six trees, without the prefix that the tree puts before each: for whoever makes or checks a Merkle proof.
/** @throws RangeError */
export const encodeScoreLeaf = (leaf: ScoreLeaf): Uint8Array => scoreLeaf.encode(leaf)
/** @throws RangeError */
export const encodePayoutLeaf = (leaf: PayoutLeaf): Uint8Array => payoutLeaf.encode(leaf)
/** @throws RangeError */
export const encodeRegistryLeaf = (leaf: RegistryLeaf): Uint8Array => registryLeaf.encode(leaf)
/** @throws RangeError */
export const encodeEvidenceLeaf = (leaf: EvidenceLeaf): Uint8Array => evidenceLeaf.encode(leaf)
/** @throws RangeError */
export const encodeStandingLeaf = (leaf: StandingLeaf): Uint8Array => standingLeaf.encode(leaf)
/** @throws RangeError */
export const encodeCalibrationLeaf = (leaf: CalibrationLeaf): Uint8Array => calibrationLeaf.encode(leaf)

/** The leaves of a statement from which the next epoch starts, encoded. */
export interface StateLeaves {
  payouts: readonly Uint8Array[]
  standings: readonly Uint8Array[]
  calibrations: readonly Uint8Array[]
}

/** What an epoch left, from its leaves: with a statement that is trusted, whoever comes anew starts there. The leaves must have been checked against its roots. @throws MalformedError */
export function stateOfLeaves({ payouts, standings, calibrations }: StateLeaves): EpochState {
  return {
    carried: new Map(payouts.map((bytes) => payoutLeaf.decode(bytes)).flatMap(({ account, carriedOut }) => (carriedOut > 0n ? [[account, carriedOut] as const] : []))),
    standings: new Map(standings.map((bytes) => standingLeaf.decode(bytes)).map(({ account, ...known }) => [account, known])),
    calibrations: new Map(calibrations.map((bytes) => calibrationLeaf.decode(bytes)).map(({ account, ...known }) => [account, known])),
  }
}

/** The leaves under `ScoreLeaf.rows`: a score's rows, ascending by round. */
export function encodeRows(score: Score): Uint8Array[] {
  return score.kind === 'machine' ? score.rows.map((row) => machineRow.encode(row)) : score.rows.map((row) => checkerRow.encode(row))
}

const rowsRoot = (crypto: Crypto, score: Score): Hash => (score.kind === 'machine' ? merkleRootOf(crypto, machineRow, score.rows) : merkleRootOf(crypto, checkerRow, score.rows))

/** The statement root from a statement's bytes: S("assay/1/statement" ‖ N ‖ Statement). */
export function statementRoot(crypto: Crypto, network: AccountId, bytes: Uint8Array): Hash {
  return toHex(crypto.sha256(concat(utf8('assay/1/statement'), fromHex(network), bytes)))
}

export interface BuiltStatement {
  statement: Statement
  bytes: Uint8Array
  root: Hash
  /** The bytes in pieces of STATEMENT_CHUNK_BYTES, the last one shorter: chunk i is the value under statement key i. */
  chunks: Uint8Array[]
  scoreLeaves: ScoreLeaf[]
  payoutLeaves: PayoutLeaf[]
  registryLeaves: RegistryLeaf[]
  evidenceLeaves: EvidenceLeaf[]
  standingLeaves: StandingLeaf[]
  calibrationLeaves: CalibrationLeaf[]
}

/** What the statement needs of a round. */
export interface JudgedRound {
  facts: Pick<RoundFacts, 'round' | 'machines' | 'checkers'>
  judgement: RoundJudgement
}

/** The statement over an epoch's result and its judged rounds; these, and whoever stands in them, may come in any order. */
export function buildStatement(crypto: Crypto, network: AccountId, result: EpochResult, judged: readonly JudgedRound[]): BuiltStatement {
  const rounds = judged.toSorted((a, b) => a.judgement.round - b.judgement.round)
  const scoreLeaves = result.scores.map((score): ScoreLeaf => ({ account: score.account, kind: score.kind, score: score.score, reason: score.reason, earned: score.earned, rows: rowsRoot(crypto, score) }))
  const payoutLeaves = result.payouts
  const registryLeaves = KINDS.flatMap((kind) => registryOf(kind, rounds))
  const evidenceLeaves = rounds.flatMap(({ judgement: { round, checkers } }) =>
    checkers.flatMap(({ checker, evidence }): EvidenceLeaf[] => (evidence === null ? [] : [{ round, checker, ...evidence }])).toSorted((a, b) => (a.checker < b.checker ? -1 : 1)),
  )
  const standingLeaves = [...result.state.standings].map(([account, known]): StandingLeaf => ({ ...known, account }))
  const calibrationLeaves = [...result.state.calibrations].map(([account, known]): CalibrationLeaf => ({ account, ...known }))
  const value: Statement = {
    epoch: result.epoch,
    scores: merkleRootOf(crypto, scoreLeaf, scoreLeaves),
    payouts: merkleRootOf(crypto, payoutLeaf, payoutLeaves),
    registry: merkleRootOf(crypto, registryLeaf, registryLeaves),
    evidence: merkleRootOf(crypto, evidenceLeaf, evidenceLeaves),
    standings: merkleRootOf(crypto, standingLeaf, standingLeaves),
    calibrations: merkleRootOf(crypto, calibrationLeaf, calibrationLeaves),
    paid: result.paid,
    carried: result.carried,
  }
  const bytes = encodeStatement(value)
  return { statement: value, bytes, root: statementRoot(crypto, network, bytes), chunks: chunksOf(bytes), scoreLeaves, payoutLeaves, registryLeaves, evidenceLeaves, standingLeaves, calibrationLeaves }
}

function registryOf(kind: IdentityKind, rounds: readonly JudgedRound[]): RegistryLeaf[] {
  const leaves = new Map<AccountId, RegistryLeaf>()
  for (const { facts } of rounds)
    for (const { account, anchor, identity } of kind === 'machine' ? facts.machines : facts.checkers) leaves.set(account, { account, kind, owner: identity.owner, peer: identity.peer, anchor })
  return [...leaves.values()].toSorted((a, b) => (a.account < b.account ? -1 : 1))
}

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += STATEMENT_CHUNK_BYTES) chunks.push(bytes.slice(at, at + STATEMENT_CHUNK_BYTES))
  return chunks
}
