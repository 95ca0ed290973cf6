// Why something is as it is: one closed vocabulary for verdicts, observations, refusals and registration, so that no byte a stranger sent ever reaches a page.
import { type Codec, names } from './codec.ts'

/** name: [u8 on the wire, what it says]. Codes are for ever: a new reason gets a new number, no number is used again. */
const REASONS = {
  OK: [0, 'All is well.'],

  // Why a round has no verdict, or a bad one (judgement).
  TOO_FEW: [1, 'Too few members of the committee have a counted observation.'],
  NO_MAJORITY: [2, 'The committee is split: no vote has more than half.'],
  NO_EVIDENCE: [3, 'No counted package holds the commitment that the majority names.'],
  TWO_COMMITMENTS: [4, 'The machine signed two different commitments for one round.'],
  BAD_COMMITMENT: [5, 'The commitment breaks a rule: its size, its number of steps, or a fold that no member of the committee signed.'],
  NO_OPENINGS: [6, 'The machine had to open its commitment and no counted package holds its openings.'],
  BAD_LENGTH: [7, 'The openings do not have the length that the drawn cells need.'],
  BAD_PATH: [8, 'An opened row does not lead to the committed root.'],
  OUT_OF_RANGE: [9, 'An opened row holds a number that no honest product can reach.'],
  WRONG_PRODUCT: [10, 'An opened row is not the product that the job asks for.'],
  UNREACHABLE: [11, 'The machine could not be reached.'],
  FORFEITED: [12, 'A proven fault in one round of the epoch forfeits all of it.'],
  BAD_FACTS: [13, 'What the machine shows of itself is not what its commitment names, or malformed.'],
  SAME_DEVICE: [14, 'Another machine of the round named the same device.'],
  MODEL_DIFFERS: [15, 'The machine’s model gave other answers than the other machines’.'],
  WRONG_LABEL: [16, 'An opened label of the memory is not what filling it gives.'],
  WRONG_SCAN: [17, 'A scanned value does not follow from the memory that was opened.'],
  MEMORY_BELOW_CLAIM: [18, 'The machine showed less memory than the part of its claim that the network asks for.'],

  // Why a machine did not run a job (NotRun of the machine, NOT_RUN of the checker).
  NOT_CONNECTED: [20, 'The machine was not connected when the job fired.'],
  NO_COMMITMENT: [21, 'No valid commitment came in time.'],
  TIMED_OUT: [22, 'The job took longer than its window.'],
  BUSY: [23, 'The machine is busy with other work.'],
  ENGINE_FAILED: [24, 'The machine’s compute engine failed.'],
  CHAIN_BEHIND: [25, 'The machine’s view of the chain is behind.'],
  PAUSED: [26, 'The owner paused the machine.'],
  UNSUPPORTED: [27, 'The machine cannot hold or compute a job of this size.'],
  NO_NONCE: [28, 'The machine got no nonce.'],

  // Why a machine's work is not paid.
  BENCHED: [30, 'The machine is benched for what it did in earlier rounds.'],
  CANARY: [31, 'The machine is one of the network’s own, by which it measures its checkers.'],
  NOTHING_PROVEN: [32, 'The machine passed and proved no step that could be paid.'],

  // Why an observation is not paid.
  NOT_FOLDED: [40, 'The checker’s nonce is not in the commitment.'],
  WRONG_KEY: [41, 'The step and key that the checker reports are not in the committed chain.'],
  OUT_OF_BAND: [42, 'The reading is too far from the committee’s median.'],
  VOTED_OTHERWISE: [43, 'The checker named another outcome or commitment than the majority.'],
  NOT_PAYABLE: [44, 'Nothing that the machine signed supports the observation, so it is not paid.'],
  WEIGHTLESS: [45, 'The checker’s measured quality is too low for its word to weigh anything.'],

  // Why a package does not count.
  NO_REPORT: [60, 'The checker put no report on chain in the commit window.'],
  BAD_REPORT: [61, 'The checker’s first report in the commit window is malformed or names another round.'],
  NO_PACKAGE: [62, 'The checker put no package root on chain in the next round’s window.'],
  NOT_HELD: [63, 'Too few mirrors say that they hold the package.'],
  BAD_PACKAGE: [64, 'The package is malformed or names another network, round or checker.'],
  WRONG_ROOT: [65, 'The observations in the package are not those that the report committed to.'],

  // Why an identity does not count.
  NO_DOCUMENT: [80, 'No attribute event of the same block carries the document that the anchor names, or it has no #assay service.'],
  MALFORMED_IDENTITY: [81, 'The signed identity is malformed.'],
  WRONG_NETWORK: [82, 'The identity is for another network.'],
  WRONG_ACCOUNT: [83, 'The identity is of another account.'],
  WRONG_KIND: [84, 'The identity is of the other kind, machine or checker.'],
  BAD_PEER_KEY: [85, 'The peer key is not a canonical ed25519 key of the large group.'],
  BAD_ACCOUNT_SIGNATURE: [86, 'The account did not sign the identity.'],
  BAD_OWNER_SIGNATURE: [87, 'The owner did not sign the identity.'],
  BAD_PEER_SIGNATURE: [88, 'The peer key did not sign the identity.'],
} as const satisfies Record<string, readonly [number, string]>

/** One of the closed vocabulary. */
export type ReasonCode = keyof typeof REASONS

const NOT_RUN = ['NOT_CONNECTED', 'NO_COMMITMENT', 'TIMED_OUT', 'BUSY', 'ENGINE_FAILED', 'CHAIN_BEHIND', 'PAUSED', 'UNSUPPORTED', 'NO_NONCE'] as const satisfies ReasonCode[]

/** What a machine may say for not running a job, and a checker of it. */
export type NotRunReason = (typeof NOT_RUN)[number]

/** True for the reasons of NOT_RUN. */
export function isNotRunReason(reason: ReasonCode): reason is NotRunReason {
  return NOT_RUN.some((known) => known === reason)
}

/** All reasons, in order of their codes. */
export const REASON_CODES = Object.keys(REASONS) as ReasonCode[]

/** The u8 of a reason: `reasonByte('TOO_FEW')` is 1. */
export function reasonByte(reason: ReasonCode): number {
  return REASONS[reason][0]
}

/** The reason of a u8, null if there is none. */
export function reasonOfByte(byte: number): ReasonCode | null {
  return REASON_CODES.find((reason) => REASONS[reason][0] === byte) ?? null
}

/** One plain sentence for people. */
export function explain(reason: ReasonCode): string {
  return REASONS[reason][1]
}

const codes = <T extends ReasonCode>(reasons: readonly T[]): Codec<T> => names(Object.fromEntries(reasons.map((reason) => [reason, REASONS[reason][0]])) as Record<T, number>)

/** A reason as its u8; a number without a reason is malformed. */
export const reasonCodec: Codec<ReasonCode> = codes(REASON_CODES)
/** A reason of NOT_RUN as its u8; any other is malformed. */
export const notRunCodec: Codec<NotRunReason> = codes(NOT_RUN)
