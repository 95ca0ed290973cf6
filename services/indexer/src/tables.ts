// The shape of the database as Kysely sees it; migrations.ts makes it so. Hashes and accounts are 0x hex, amounts planck, heights are confirmed blocks.
import type { Generated, Selectable } from 'kysely'
import type { AccountId, Hash, Level, MachineVerdict, ObservationVerdict, Outcome, ReasonCode } from '@assay/protocol'

export interface Tables {
  meta: { name: string, value: string }
  blocks: BlockRow
  unconfirmed_blocks: UnconfirmedRow
  events: EventRow
  rounds: RoundRow
  missing_blobs: MissingBlobRow
  verdicts: VerdictRow
  observations: ObservationRow
  round_checkers: RoundCheckerTable
  epochs: EpochTable
  leaves: LeafRow
  scores: ScoreRow
  payouts: PayoutTable
  machines: MachineTable
  round_totals: RoundTotalRow
  evidence: EvidenceRow
  leadership: LeadershipRow
  follower: FollowerRow
  journal: JournalTable
}

/** A confirmed block; the one with the greatest number is the head. */
export interface BlockRow { number: number, hash: Hash, parent_hash: Hash, relay_root: Hash | null }

/** A best block that is not confirmed: above the head, one a height, gone when the chain leaves it or when it is confirmed. `events`: how many of the ledger's it has. Only shown, never judged by. */
export interface UnconfirmedRow { number: number, hash: Hash, parent_hash: Hash, events: number }

/**
 * The ledger's events of a block, of those that have any: `count` of them from `position` on (0; earlier versions wrote a row for each). `data` is the UTF-8 of their JSON, as bytes, because strangers'
 * keys hold characters that PostgreSQL takes in no text.
 */
export interface EventRow { block: number, position: number, count: Generated<number>, data: Uint8Array }

/**
 * A round whose judgement block has come. `waiting`: some evidence is not found yet; `failed`: judging it threw, which is a fault of this program. Both are tried again at `retry_at`.
 * Epochs are scored in order, so a round that is not judged holds back its epoch's statement and those after.
 */
export interface RoundRow { round: number, epoch: number, state: 'waiting' | 'failed' | 'judged', tries: number, retry_at: number | null, judged_at: number | null }

/** Evidence that a waiting round needs and nobody served yet; `since` is the head at which it was first missed. */
export interface MissingBlobRow { round: number, id: Hash, since: number }

// Verdicts, observations and round_checkers are a RoundJudgement in rows: judgements.ts takes it apart and puts it together.
export interface VerdictRow {
  round: number
  machine: AccountId
  owner: AccountId
  outcome: Outcome
  reason: ReasonCode
  commitment: Hash | null
  counted: number
  committee: AccountId[]
  median_steps: number
  proven_steps: number
  work: bigint
  opened: boolean
  down_kbps: number
  up_kbps: number
  rtt_us: number | null
  /** encoded Facts */
  facts: Uint8Array | null
  flags: ReasonCode[]
  claim: MachineVerdict['claim']
  shown_kib: number
  memory_kib: number
  scan_mbps: number
  relay_us: number | null
  /** what the machine counted as; null until its epoch is scored */
  standing: Level | null
}

export interface ObservationRow {
  round: number
  machine: AccountId
  checker: AccountId
  vote: ObservationVerdict['vote']
  credited: number
  paid: boolean
  reason: ReasonCode
  off_ppm: number | null
  down_kbps: number
  up_kbps: number
  rtt_us: number
}

export interface RoundCheckerRow {
  round: number
  checker: AccountId
  owner: AccountId
  reported: boolean
  package_counted: boolean
  commitment: Hash | null
  package: Hash | null
  paid_observations: number
  reason: ReasonCode
  /** counted observations of machines in the round */
  observed: number
  /** those that voted as the majority did */
  agreed: number
}
/** `observed` and `agreed` are summed up from the observations once they are written. */
type RoundCheckerTable = Omit<RoundCheckerRow, 'observed' | 'agreed'> & { observed: Generated<number>, agreed: Generated<number> }

/** A scored epoch with its statement; `chain_state` compares it with what the network wrote on chain. */
interface EpochTable {
  epoch: number
  root: Hash
  statement: Uint8Array
  pool: bigint
  paid: bigint
  carried: bigint
  remainder: bigint
  scored_at: number
  chain_state: 'not_yet' | 'match' | 'mismatch'
  chain_block: number | null
  chain_bytes: Uint8Array | null
  /** `pruned`: let go by the policy, as a whole or soon */
  evidence: Generated<'kept' | 'pruned'>
  observations: Generated<'kept' | 'pruned'>
}

export type EpochRow = Selectable<EpochTable>

export type Tree = 'scores' | 'payouts' | 'registry' | 'evidence' | 'standings' | 'calibrations'

/** The encoded leaves of a statement's six trees, in the order of the tree. */
export interface LeafRow { epoch: number, tree: Tree, position: number, leaf: Uint8Array }

export interface ScoreRow {
  epoch: number
  position: number
  account: AccountId
  owner: AccountId
  kind: 'machine' | 'checker'
  score: bigint
  reason: ReasonCode
  earned: bigint
  // Of machines; null of checkers, and of epochs that were scored before these were kept.
  passed: number | null
  asked: number | null
  /** in the epoch's last round */
  standing: Level | null
  /** what the epoch leaves */
  benched_until: number | null
  // Of checkers; null of machines.
  weight: number | null
  /** what the epoch leaves: muted, falseAccepts, shown, falseRejects */
  calibration: number[] | null
}

/** `part`: in which extrinsic of the settlement it is paid (PROTOCOL section 10), from 0; null where nothing is paid. */
export interface PayoutRow { epoch: number, position: number, account: AccountId, earned: bigint, carried_in: bigint, paid: bigint, carried_out: bigint, part: number | null }
type PayoutTable = Omit<PayoutRow, 'part'> & { part: Generated<number | null> }

/** Verified bytes by their SHA-256, once; `epoch` is the last one that needed them. */
export interface EvidenceRow { id: Hash, epoch: number, bytes: Uint8Array }

/** One row: which term of leadership it is. Every write of a leader holds on to the row of its term, and the next one waits for it. */
export interface LeadershipRow { single: Generated<boolean>, term: number }

/** One row: what the follower sees of the chain's edge, for those who have no endpoint. `pot` is JSON; `seen` is the database's time of it. */
export interface FollowerRow { single: Generated<boolean>, best: number | null, stalled_reason: string | null, stalled_detail: string | null, pot: string | null, seen: Date }

/**
 * A machine that ever anchored an identity, with what it last did: what lists are sorted and filtered by (summaries.ts). The `by_` columns and the numbers of round and epoch are -1 where there is nothing yet;
 * what is shown comes from the verdict and the score themselves.
 */
export interface MachineRow {
  account: AccountId
  /** SS58 text, prefix 42 */
  address: string
  /** its newest identity is valid; else the four below are null */
  registered: boolean
  owner: AccountId | null
  peer: Hash | null
  anchor: Hash | null
  block: number | null
  last_round: number
  outcome: Outcome | null
  /** of the last round */
  by_work: bigint
  last_epoch: number
  /** of the last epoch, as the three below */
  by_score: bigint
  standing: Level | null
  /** rounds passed */
  passed: number | null
  /** of the last epoch */
  by_earned: bigint
  /** device class that it told last; null: it never told one */
  device: number | null
}
type MachineTable = Pick<MachineRow, 'account' | 'address' | 'registered' | 'owner' | 'peer' | 'anchor' | 'block'> & { last_round: Generated<number>, outcome: Generated<Outcome | null>, by_work: Generated<bigint>, last_epoch: Generated<number>, by_score: Generated<bigint>, standing: Generated<Level | null>, passed: Generated<number | null>, by_earned: Generated<bigint>, device: Generated<number | null> }

/** Machines of a judged round with one outcome, and their work together. */
interface RoundTotalRow { round: number, outcome: Outcome, machines: number, work: bigint }

/**
 * What was judged, scored and settled, in the order of its commits (gaps are possible): a `round` judged, an `epoch` scored, or its `statement` found on chain. Triggers write it; `block` is the head at which it was done.
 */
export interface JournalRow { seq: number, kind: 'round' | 'epoch' | 'statement', number: number, block: number }
type JournalTable = Omit<JournalRow, 'seq'> & { seq: Generated<number> }
