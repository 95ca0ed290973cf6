// The shape of the database as Kysely sees it; migrations.ts makes it so. Hashes and accounts are 0x hex, amounts planck, heights are confirmed blocks.

export interface Tables {
  meta: { name: string, value: string }
  blocks: BlockRow
  events: EventRow
  rounds: RoundRow
  missing_blobs: MissingBlobRow
  verdicts: VerdictRow
  observations: ObservationRow
  round_checkers: RoundCheckerRow
  epochs: EpochRow
  leaves: LeafRow
  scores: ScoreRow
  payouts: PayoutRow
}

/** A confirmed block; the one with the greatest number is the head. */
export interface BlockRow { number: number, hash: string, parent_hash: string, relay_root: string | null }

/** A ledger event. `data` is the UTF-8 of its JSON, as bytes, because strangers' keys hold characters that PostgreSQL takes in no text. */
export interface EventRow { block: number, position: number, data: Uint8Array }

/** A round whose judgement block has come. `waiting`: some evidence is not found yet. `lost`: the chain no longer tells (only in a network without parameters for it). */
export interface RoundRow { round: number, epoch: number, state: 'waiting' | 'judged', tries: number, judged_at: number | null }

/** Evidence that a waiting round needs and nobody served yet. */
export interface MissingBlobRow { round: number, id: string, since: number }

export interface VerdictRow {
  round: number
  position: number
  machine: string
  owner: string
  outcome: string
  reason: string
  commitment: string | null
  counted: number
  committee: string[]
  median_steps: number
  proven_steps: number
  work: bigint
  opened: boolean
  down_kbps: number | null
  up_kbps: number | null
  rtt_us: number | null
}

export interface ObservationRow {
  round: number
  machine: string
  position: number
  checker: string
  vote: string
  credited: number
  paid: boolean
  reason: string
  down_kbps: number | null
  up_kbps: number | null
  rtt_us: number | null
}

export interface RoundCheckerRow { round: number, position: number, checker: string, reported: boolean, package_counted: boolean, paid_observations: number, reason: string }

/** A scored epoch with its statement; `chain_state` compares it with what the network wrote on chain. */
export interface EpochRow {
  epoch: number
  root: string
  statement: Uint8Array
  pool: bigint
  paid: bigint
  carried: bigint
  remainder: bigint
  scored_at: number
  chain_state: 'not_yet' | 'match' | 'mismatch'
  chain_block: number | null
  chain_bytes: Uint8Array | null
}

/** The encoded leaves of a statement's four trees, in the order of the tree. */
export interface LeafRow { epoch: number, tree: 'scores' | 'payouts' | 'registry' | 'evidence', position: number, leaf: Uint8Array }

export interface ScoreRow { epoch: number, position: number, account: string, kind: 'machine' | 'checker', score: bigint, reason: string, earned: bigint }
export interface PayoutRow { epoch: number, position: number, account: string, earned: bigint, carried_in: bigint, paid: bigint, carried_out: bigint }
