// What the chain says of a network: a pure reducer over its blocks, and the facts of a round that follow. PROTOCOL sections 2 to 4 and 7.
// Anybody may write almost anything on this chain; what counts is decided here, by who wrote it, where, and in which block.
import { beaconOf, coinsOf, committeeOf, fillSeed, type JobKind, jobKind, jobSeed, mirrorsOf, mustOpen } from './beacon.ts'
import { type AccountId, type Hash, toHex, ZERO_HASH } from './bytes.ts'
import { type CanaryBook, namedCanaries, type NamedCanary, withCanaryFreeze, withCanaryItem } from './canaries.ts'
import { wellFormed } from './codec.ts'
import type { Crypto } from './crypto.ts'
import { decodeSignedIdentity, type Identity, type IdentityKind, verifyIdentity } from './identity.ts'
import { continuesPrefix, decodeParameters, ITEM_BYTES, type Parameters, type ParametersPrefix, readPrefix, updateProblems, validateParameters } from './parameters.ts'
import { MAX_PARTS } from './parts.ts'
import type { ReasonCode } from './reasons.ts'
import { decodeReportItem, isHeld, type ReportItem } from './report.ts'
import { commitRoundAt, epochOf, judgementOfEpoch, offsets, roundAt, roundsOf, type Schedule, schedule } from './schedule.ts'
import { type Committee, decodeHandOver, drawSettlers, type HandOverOnChain, potOf, termBegunBy, termOf } from './settlers.ts'
import { calibratorRoleId, CHECKER_KEY, checkerRoleId, MACHINE_KEY, PARAMETERS_KEY, parseHandOverKey, parsePartKey, parseStatementKey, reportKey } from './storage-keys.ts'
import { type NewerVersion, NewerVersionError, VERSIONS } from './version.ts'

/** A block as far as the protocol is concerned; only effects that happened, in chain order. */
export interface LedgerBlock {
  number: number
  hash: Hash
  parentHash: Hash
  /** `relayParentStorageRoot` of the block's validation data; null if the chain has none. */
  relayRoot: Hash | null
  events: LedgerEvent[]
}

/** `extrinsic`: place in the block of the extrinsic that did it, where whoever read the block knew it. It is there to be shown: no rule reads it, and nothing that is hashed or recorded has it. */
export type LedgerEvent = { extrinsic?: number } & (
  /** PeaqStorage ItemAdded (`update` false) or ItemUpdated. */
  | { kind: 'item'; who: AccountId; key: string; value: Uint8Array; update: boolean }
  /** PeaqDid AttributeAdded or AttributeUpdated. `identity`: the bytes of the `#assay` service if the value is a DID document that has one. */
  | { kind: 'attribute'; who: AccountId; subject: AccountId; value: Uint8Array; identity: Uint8Array | null }
  /** PeaqRbac RoleAssignedToUser or RoleUnassignedToUser. */
  | { kind: 'role'; owner: AccountId; role: Hash; user: AccountId; assigned: boolean }
)

/** An identity that counts. */
export interface Registered {
  identity: Identity
  account: AccountId
  /** H(document). */
  anchor: Hash
  /** The block of the anchor. */
  block: number
}

/** The first event of a checker under its report key in a round's commit window. */
export interface Report {
  block: number
  /** Null: malformed, or of another round. */
  item: ReportItem | null
}

/** What the chain has of an epoch's statement. */
export interface StatementOnChain {
  /** The block of the first chunk that came. */
  block: number
  chunks: ReadonlyMap<number, Uint8Array>
  /** Items of the parts after the first, by their number. */
  parts: ReadonlyMap<number, PartOnChain>
}

/** The first item under the key of a part. */
export interface PartOnChain {
  block: number
  value: Uint8Array
}

/** The state of the reducer. Read it by the functions of this file; every state stays valid for ever. */
export interface Ledger {
  readonly network: AccountId
  /** The highest version of the protocol that its reader knows. */
  readonly speaks: number
  /** The first agreed version above that. Of rounds in which it is in force nothing follows here. */
  readonly newer: NewerVersion | null
  readonly head: { readonly number: number; readonly hash: Hash } | null
  /** Ascending by block; the first founded the network. */
  readonly parameters: readonly ParametersEntry[]
  readonly identities: Readonly<Record<IdentityKind, ReadonlyMap<AccountId, IdentityEntry>>>
  /** Of checkers. */
  readonly roles: ReadonlyMap<AccountId, readonly RoleEntry[]>
  readonly calibrators: ReadonlyMap<AccountId, readonly RoleEntry[]>
  readonly rounds: Rounds
  readonly statements: ReadonlyMap<number, StatementOnChain>
  /** By term; none of one that kept the committee before it. */
  readonly terms: ReadonlyMap<number, Committee>
  /** By the term that begins. */
  readonly handOvers: ReadonlyMap<number, HandOverOnChain>
  readonly canaries: CanaryBook
}

interface ParametersEntry {
  /** Written in. */
  block: number
  /** In force from. */
  epoch: number
  parameters: Parameters
}

/** The newest anchor of an account, and those before it behind it: a list costs an anchor nothing that was written before. */
interface IdentityEntry {
  block: number
  /** Place among the block's events. */
  event: number
  /** Null: an anchor without a valid identity, by which the account leaves. */
  registered: Registered | null
  reason: ReasonCode
  /** Block and event in which the account first anchored this peer key, without another in between. */
  since: readonly [block: number, event: number]
  before: IdentityEntry | null
}

interface RoleEntry {
  block: number
  assigned: boolean
}

interface RoundRecord {
  frozen: Frozen | null
  /** Randomness of S_r, S_r + F and S_r + O. */
  randomness: { readonly start: Hash | null; readonly seed: Hash | null; readonly open: Hash | null }
  reports: ReadonlyMap<AccountId, Report>
}

/** Eligible in a round, ascending by account. */
interface Frozen {
  machines: readonly Registered[]
  checkers: readonly Registered[]
}

/** Records of rounds, in pieces of CHUNK so that a new state copies little. */
type Rounds = readonly (readonly (RoundRecord | undefined)[] | undefined)[]

const CHUNK = 128
const STATEMENT_CHUNKS = 16
const NOBODY: Frozen = { machines: [], checkers: [] }
const NO_RECORD: RoundRecord = { frozen: null, randomness: { start: null, seed: null, open: null }, reports: new Map() }

/** Blocks must follow one another without a gap: this one does not. */
export class LedgerGapError extends Error {
  override readonly name = 'LedgerGapError'
  readonly code = 'LEDGER_GAP'
}

/** The block lacks what the network's parameters take randomness from. */
export class NoRandomnessError extends Error {
  override readonly name = 'NoRandomnessError'
  readonly code = 'NO_RANDOMNESS'
}

/** A ledger before any block. Start it at the network's `origin`, or anywhere before. */
export function emptyLedger(network: AccountId, { highest } = VERSIONS): Ledger {
  return { network, speaks: highest, newer: null, head: null, parameters: [], identities: { machine: new Map(), checker: new Map() }, roles: new Map(), calibrators: new Map(), rounds: [], statements: new Map(), terms: new Map(), handOvers: new Map(), canaries: new Map() }
}

/**
 * The state after one more block, which should be deep enough to stay; the state before remains usable.
 * @throws LedgerGapError if the block does not stand on the ledger's head
 * @throws NoRandomnessError if the parameters want a relay root that the block lacks
 * @throws NewerVersionError if what the block says may be said in a version that the ledger's reader does not know
 */
export function applyBlock(crypto: Crypto, ledger: Ledger, block: LedgerBlock): Ledger {
  const { head } = ledger
  if (head !== null && (block.number !== head.number + 1 || block.parentHash !== head.hash))
    throw new LedgerGapError(`block ${block.number} on ${block.parentHash} does not follow ${head.number} ${head.hash}; apply the block between, or start again where the chain still agrees`)
  if (ledger.newer !== null && block.number >= ledger.newer.unreadable) throw new NewerVersionError(ledger.newer, ledger.speaks)
  let next: Ledger = { ...ledger, head: { number: block.number, hash: block.hash } }
  next = withIdentities(crypto, next, block)
  next = withRoles(crypto, next, block)
  next = withParameters(next, block)
  const founding = next.parameters[0]?.parameters
  if (founding === undefined) return next
  next = withRandomness(next, block, founding)
  next = withTerm(crypto, next, block, founding)
  next = withStatements(next, block, founding)
  next = withHandOvers(next, block)
  next = withCanaries(next, block, founding)
  next = withReports(next, block, founding)
  return withFreeze(next, block, founding)
}

/** The parameters of a round, as far as the ledger knows them; null before the network is founded, and where a version is in force that its reader does not know. Any update is known at least one whole epoch before it takes effect. */
export function parametersFor(ledger: Ledger, round: number): Parameters | null {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined) return null
  const epoch = epochOf(founding, round)
  if (ledger.newer !== null && epoch >= ledger.newer.epoch) return null
  return ledger.parameters.findLast((entry) => entry.epoch <= epoch)?.parameters ?? founding
}

/** The version of the protocol that is in force at a height; one that the reader does not know is told in `newer` alone. */
export function versionAt(ledger: Ledger, height: number): number {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined) return VERSIONS.lowest
  const epoch = epochOf(founding, roundAt(founding, height))
  return (ledger.parameters.findLast((entry) => entry.epoch <= epoch)?.parameters ?? founding).version
}

/**
 * The lowest version in which a machine and a checker speak at a height: that of the round whose commit window began last, so that the last round before another version is opened in the conversations that
 * carried it.
 */
export function spokenAt(ledger: Ledger, height: number): number {
  const founding = ledger.parameters[0]?.parameters
  return founding === undefined ? VERSIONS.lowest : versionAt(ledger, height - offsets(founding).commitFrom)
}

/** Machines with a valid identity at the ledger's head, waiting or eligible, ascending by account. */
export function registeredMachines(ledger: Ledger): Registered[] {
  return current(ledger, 'machine')
}

/** What the ledger's head has of one machine; null without a valid identity. */
export function registeredMachine(ledger: Ledger, account: AccountId): Registered | null {
  return ledger.identities.machine.get(account)?.registered ?? null
}

/** Checkers with a valid identity and the role at the ledger's head, waiting or eligible, ascending by account. */
export function registeredCheckers(ledger: Ledger): Registered[] {
  return current(ledger, 'checker').filter(({ account }) => ledger.roles.get(account)?.at(-1)?.assigned === true)
}

/** Checkers who are needed from a round on: those registered at the ledger's head, and those of that round or a later one who left since, as they last were; ascending by account. */
export function neededCheckers(ledger: Ledger, from: number): Registered[] {
  const founding = ledger.parameters[0]?.parameters
  const needed = new Map<AccountId, Registered>()
  // Rounds in which nothing changed share one list.
  const lists = new Set<readonly Registered[]>()
  if (founding !== undefined && ledger.head !== null) for (let round = from; round <= roundAt(founding, ledger.head.number) + 1; round++) lists.add(frozenOf(ledger, round)?.checkers ?? [])
  for (const list of [...lists, registeredCheckers(ledger)]) for (const one of list) needed.set(one.account, one)
  return [...needed.values()].sort(byAccount)
}

/** Checkers who hold evidence that is still to be judged, and those registered at the ledger's head. */
export function evidenceHolders(ledger: Ledger): Registered[] {
  const epochRounds = ledger.parameters[0]?.parameters.epochRounds ?? 0
  return neededCheckers(ledger, (Math.max(-1, ...ledger.statements.keys()) + 1) * epochRounds)
}

/** Checkers from which the committees of the round at the ledger's head are drawn, ascending by account; before the first freeze those who are registered, though some may still wait. */
export function eligibleCheckers(ledger: Ledger): readonly Registered[] {
  const founding = parametersFor(ledger, 0)
  const round = founding === null || ledger.head === null ? 0 : Math.max(0, roundAt(founding, ledger.head.number))
  return frozenOf(ledger, round)?.checkers ?? registeredCheckers(ledger)
}

/** What became of the newest anchor of an account: OK, the fault of its identity, or null if it wrote none. For an operator who wonders. */
export function registrationOf(ledger: Ledger, kind: IdentityKind, account: AccountId): ReasonCode | null {
  return ledger.identities[kind].get(account)?.reason ?? null
}

/** Statements that the pots of their terms wrote, by epoch. */
export function statementsOnChain(ledger: Ledger): ReadonlyMap<number, StatementOnChain> {
  return ledger.statements
}

/** Accounts that hold the calibrator's role at the ledger's head, ascending. */
export function calibratorsOf(ledger: Ledger): AccountId[] {
  return [...ledger.calibrators.keys()].filter((account) => isCalibrator(ledger, account)).toSorted()
}

/** The commitment that counts of a calibrator for an epoch; null if it wrote none, or the ledger was pruned. */
export function canaryCommitmentOf(ledger: Ledger, epoch: number, calibrator: AccountId): Hash | null {
  return ledger.canaries.get(epoch)?.get(calibrator)?.commitment ?? null
}

/** Chunks of a calibrator's opening of an epoch that count. */
export function canaryChunksOf(ledger: Ledger, epoch: number, calibrator: AccountId): ReadonlyMap<number, Uint8Array> {
  return ledger.canaries.get(epoch)?.get(calibrator)?.chunks ?? new Map<number, Uint8Array>()
}

/** What an epoch's canaries are is not in the ledger: not yet, or no more. */
export class CanariesUnknownError extends Error {
  override readonly name = 'CanariesUnknownError'
  readonly code = 'CANARIES_UNKNOWN'
}

/**
 * The canaries of an epoch, by machine: opened in time, as committed before, with the machine's consent, and eligible in one of its rounds.
 * @throws CanariesUnknownError before the epoch's judgement block is in the ledger, or if it was pruned
 */
export function canariesOf(crypto: Crypto, ledger: Ledger, epoch: number): ReadonlyMap<AccountId, NamedCanary> {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined || ledger.head === null || ledger.head.number < judgementOfEpoch(founding, epoch))
    throw new CanariesUnknownError(`the canaries of epoch ${epoch} are not known yet; apply blocks up to its judgement first`)
  const frozen = roundsOf(founding, epoch).map((round) => frozenOf(ledger, round))
  if (frozen.includes(null)) throw new CanariesUnknownError(`the ledger was pruned and does not know the canaries of epoch ${epoch} any more`)
  const written = ledger.canaries.get(epoch)
  if (written === undefined) return new Map()
  // Rounds in which nothing changed share one list.
  const eligible = [...new Set(frozen.map((round) => round!.machines))].flat()
  const peers = Map.groupBy(eligible, ({ account }) => account)
  return namedCanaries(crypto, ledger.network, epoch, written, (machine) => (peers.get(machine) ?? []).map(({ identity }) => identity.peer))
}

/** Forgets what is kept for rounds before `round` only, some rounds more or less; their facts become null. */
export function pruneLedger(ledger: Ledger, round: number): Ledger {
  const keep = Math.floor(round / CHUNK)
  const founding = ledger.parameters[0]?.parameters
  const canaries = new Map([...ledger.canaries].filter(([epoch]) => founding !== undefined && epochOf(founding, keep * CHUNK) <= epoch))
  return { ...ledger, canaries, rounds: ledger.rounds.map((chunk, i) => (i < keep ? undefined : chunk)) }
}

/** What follows from the chain for one round. Of blocks that the ledger has not seen, nothing follows: null. */
export interface RoundFacts {
  network: AccountId
  round: number
  parameters: Parameters
  schedule: Schedule
  /** Eligible machines, ascending by account. */
  machines: readonly Registered[]
  /** Eligible checkers, ascending by account: the places of the bitmaps. */
  checkers: readonly Registered[]
  beacon: Hash | null
  /** What the round's job is; null before the beacon is known. */
  kind: JobKind | null
  /** 32 bytes; of the memory of a machine in a memory round. */
  fillSeedOf(machine: AccountId): Uint8Array | null
  /** 32 bytes. */
  seedOf(machine: AccountId): Uint8Array | null
  /** The randomness of the open block. */
  openRandomness: Hash | null
  /** Ascending; empty before the beacon is known, or if the machine is not eligible. */
  committee(machine: AccountId): AccountId[]
  /** Ascending; empty before the beacon is known, or if the checker is not eligible. */
  mirrors(checker: AccountId): AccountId[]
  mustOpen(machine: AccountId): boolean | null
  /** 32 bytes. */
  coins(machine: AccountId, commitment: Hash): Uint8Array | null
  /** Of eligible checkers. */
  reports: ReadonlyMap<AccountId, Report>
  /** What eligible checkers posted of this round in the commit window of the next. */
  packageRoots: ReadonlyMap<AccountId, Hash>
  /** Package roots of the checkers whose package counts as far as the chain decides: report, root and mirror bits. */
  counted: ReadonlyMap<AccountId, Hash>
  /** True once the commit window of round + 2 is in the ledger: nothing above changes any more. */
  complete: boolean
}

/** The facts of a round; null before its freeze block is in the ledger. */
export function roundFacts(crypto: Crypto, ledger: Ledger, round: number): RoundFacts | null {
  const parameters = parametersFor(ledger, round)
  const frozen = frozenOf(ledger, round)
  if (parameters === null || frozen === null) return null
  const { network } = ledger
  const { randomness, reports: written } = recordOf(ledger, round)
  const at = schedule(parameters, round)
  const machines = new Set(frozen.machines.map(({ account }) => account))
  const checkers = frozen.checkers.map(({ account }) => account)
  const beacon = randomness.start === null ? null : beaconOf(crypto, network, round, randomness.start)
  const remember = <T>(compute: (account: AccountId) => T): ((account: AccountId) => T) => {
    const known = new Map<AccountId, T>()
    return (account) => {
      const value = known.get(account) ?? compute(account)
      known.set(account, value)
      return value
    }
  }
  const committee = remember((machine) => (beacon === null || !machines.has(machine) ? [] : committeeOf(crypto, beacon, machine, checkers, parameters.committee)))
  const mirrors = remember((checker) => (beacon === null || !checkers.includes(checker) ? [] : mirrorsOf(crypto, beacon, checker, checkers, parameters.mirrors)))
  const reports = new Map(checkers.flatMap((checker) => pair(checker, written.get(checker))))
  const packageRoots = new Map(checkers.flatMap((checker) => pair(checker, rootIn(recordOf(ledger, round + 1).reports.get(checker)))))
  const bitmaps = recordOf(ledger, round + 2).reports
  const counted = (): Map<AccountId, Hash> => {
    const counts = (checker: AccountId, place: number): boolean => {
      if ((reports.get(checker)?.item ?? null) === null) return false
      const asked = mirrors(checker)
      const holding = asked.filter((mirror) => {
        const item = bitmaps.get(mirror)?.item
        return item != null && isHeld(item.held, place)
      })
      return holding.length >= Math.floor(asked.length / 3) + 1
    }
    return new Map(checkers.flatMap((checker, place) => (counts(checker, place) ? pair(checker, packageRoots.get(checker)) : [])))
  }
  let countedOnce: Map<AccountId, Hash> | undefined
  return {
    network,
    round,
    parameters,
    schedule: at,
    machines: frozen.machines,
    checkers: frozen.checkers,
    beacon,
    kind: beacon === null ? null : jobKind(crypto, beacon, parameters.memoryShare),
    fillSeedOf: (machine) => (beacon === null ? null : fillSeed(crypto, beacon, machine)),
    seedOf: (machine) => (randomness.seed === null ? null : jobSeed(crypto, network, round, randomness.seed, machine)),
    openRandomness: randomness.open,
    committee,
    mirrors,
    mustOpen: (machine) => (randomness.open === null ? null : mustOpen(crypto, network, round, randomness.open, machine, parameters.openShare)),
    coins: (machine, commitment) => (randomness.open === null ? null : coinsOf(crypto, network, round, randomness.open, machine, commitment)),
    reports,
    packageRoots,
    get counted() {
      return (countedOnce ??= counted())
    },
    complete: ledger.head !== null && ledger.head.number >= schedule(parameters, round + 2).commitTo,
  }
}

const pair = <T>(checker: AccountId, value: T | null | undefined): [AccountId, T][] => (value == null ? [] : [[checker, value]])

/** The package root in a report of the next round. */
function rootIn(report: Report | undefined): Hash | null {
  const root = report?.item?.previousPackage
  return root === undefined || root === ZERO_HASH ? null : root
}

function current(ledger: Ledger, kind: IdentityKind): Registered[] {
  return [...ledger.identities[kind].values()].flatMap(({ registered }) => registered ?? []).sort(byAccount)
}

const byAccount = (a: { account: AccountId }, b: { account: AccountId }): number => (a.account < b.account ? -1 : a.account > b.account ? 1 : 0)

// Reduction, one concern after the other. Each gives the same state back where the block says nothing to it.

function withIdentities(crypto: Crypto, ledger: Ledger, block: LedgerBlock): Ledger {
  // Signatures are dear to check: one anchor of an account and block is enough, the last.
  const anchors = new Map<string, { kind: IdentityKind; who: AccountId; value: Uint8Array; event: number }>()
  for (const [index, event] of block.events.entries()) {
    if (event.kind !== 'item') continue
    const kind = event.key === MACHINE_KEY ? 'machine' : event.key === CHECKER_KEY ? 'checker' : null
    if (kind !== null) anchors.set(`${kind} ${event.who}`, { kind, who: event.who, value: event.value, event: index })
  }
  if (anchors.size === 0) return ledger
  const documents = new Map(block.events.flatMap((event) => (event.kind === 'attribute' ? [[toHex(crypto.blake2b256(event.value)), event.identity] as const] : [])))
  const identities = { machine: new Map(ledger.identities.machine), checker: new Map(ledger.identities.checker) }
  for (const { kind, who, value, event } of anchors.values()) {
    const read = readAnchor(crypto, ledger.network, kind, who, value, documents, block.number)
    identities[kind].set(who, follow(identities[kind].get(who) ?? null, { block: block.number, event, ...read }))
  }
  return { ...ledger, identities }
}

/** Puts an anchor before those of its account that came earlier. */
function follow(before: IdentityEntry | null, entry: Omit<IdentityEntry, 'since' | 'before'>): IdentityEntry {
  const samePeer = entry.registered !== null && before?.registered?.identity.peer === entry.registered.identity.peer
  return { ...entry, since: samePeer ? before.since : [entry.block, entry.event], before }
}

function readAnchor(
  crypto: Crypto,
  network: AccountId,
  kind: IdentityKind,
  account: AccountId,
  value: Uint8Array,
  documents: ReadonlyMap<Hash, Uint8Array | null>,
  block: number,
): { registered: Registered | null; reason: ReasonCode } {
  const anchor = toHex(value)
  const bytes = documents.get(anchor) ?? null
  if (bytes === null) return { registered: null, reason: 'NO_DOCUMENT' }
  const signed = wellFormed(() => decodeSignedIdentity(bytes))
  if (signed === null) return { registered: null, reason: 'MALFORMED_IDENTITY' }
  const reason = verifyIdentity(crypto, signed, { network, account, kind })
  return { registered: reason === 'OK' ? { identity: signed.identity, account, anchor, block } : null, reason }
}

function withRoles(crypto: Crypto, ledger: Ledger, block: LedgerBlock): Ledger {
  const events = block.events.filter((event) => event.kind === 'role' && event.owner === ledger.network)
  if (events.length === 0) return ledger
  const held = { roles: new Map(ledger.roles), calibrators: new Map(ledger.calibrators) }
  const kinds = new Map<Hash, keyof typeof held>([[checkerRoleId(crypto), 'roles'], [calibratorRoleId(crypto), 'calibrators']])
  for (const event of events) {
    const kind = event.kind === 'role' ? kinds.get(event.role) : undefined
    if (event.kind !== 'role' || kind === undefined) continue
    held[kind].set(event.user, [...(held[kind].get(event.user) ?? []), { block: block.number, assigned: event.assigned }])
  }
  return { ...ledger, ...held }
}

const isCalibrator = ({ calibrators }: Pick<Ledger, 'calibrators'>, account: AccountId): boolean => calibrators.get(account)?.at(-1)?.assigned === true

function withCanaries(ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  if (ledger.calibrators.size === 0) return ledger
  const { freeze } = offsets(founding)
  const epochBlocks = founding.roundBlocks * founding.epochRounds
  const firstFreeze = founding.start + freeze
  const next = Math.max(0, Math.ceil((block.number - firstFreeze) / epochBlocks))
  const dates = { next, openBy: (epoch: number) => judgementOfEpoch(founding, epoch) }
  let book = ledger.canaries
  for (const event of block.events) if (event.kind === 'item' && isCalibrator(ledger, event.who)) book = withCanaryItem(book, ledger.network, block.number, event, dates)
  if (block.number === firstFreeze + next * epochBlocks) book = withCanaryFreeze(book, next, (account) => isCalibrator(ledger, account))
  return book === ledger.canaries ? ledger : { ...ledger, canaries: book }
}

function withParameters(ledger: Ledger, block: LedgerBlock): Ledger {
  let next = ledger
  for (const event of block.events) {
    if (event.kind !== 'item' || event.who !== ledger.network || event.key !== PARAMETERS_KEY) continue
    const founding = next.parameters[0]?.parameters
    const said = readPrefix(event.value)
    if (said !== null && said.version > ledger.speaks) {
      next = withNewer(next, block.number, said)
      continue
    }
    const parameters = wellFormed(() => decodeParameters(event.value))
    if (parameters === null) continue
    if (founding === undefined) {
      if (validateParameters(parameters).length === 0 && parameters.origin <= block.number) next = founded(next, block.number, parameters)
    } else if (updateProblems(next.parameters.at(-1)!.parameters, parameters).length === 0) {
      const epoch = epochOf(founding, roundAt(founding, block.number)) + 2
      next = { ...next, parameters: [...next.parameters, { block: block.number, epoch, parameters }] }
    }
  }
  return next
}

/**
 * What a version says that the reader does not know cannot be found unsound, so it is taken to be sound; all that was written before it stands until it is in force, and nothing lower comes after it.
 * @throws NewerVersionError if it founds the network
 */
function withNewer(ledger: Ledger, block: number, said: ParametersPrefix): Ledger {
  const founding = ledger.parameters[0]?.parameters
  const newer = (epoch: number): NewerVersion => {
    const first = schedule(said, Math.max(0, epoch) * said.epochRounds)
    return { version: said.version, epoch, block, start: first.start, unreadable: first.commitFrom }
  }
  if (founding === undefined) {
    if (said.origin > block) return ledger
    throw new NewerVersionError(newer(0), ledger.speaks)
  }
  if (ledger.newer !== null || !continuesPrefix(founding, said)) return ledger
  return { ...ledger, newer: newer(epochOf(founding, roundAt(founding, block)) + 2) }
}

/** Events before `origin` do not exist, however early a ledger began. */
function founded(ledger: Ledger, block: number, parameters: Parameters): Ledger {
  const { origin } = parameters
  const anchors = (newest: IdentityEntry): IdentityEntry | null => {
    const kept: IdentityEntry[] = []
    for (let entry: IdentityEntry | null = newest; entry !== null && entry.block >= origin; entry = entry.before) kept.push(entry)
    return kept.reduceRight<IdentityEntry | null>((before, entry) => follow(before, entry), null)
  }
  const histories = <T>(of: ReadonlyMap<AccountId, T>, keep: (history: T) => T | null): Map<AccountId, T> =>
    new Map([...of].flatMap(([account, history]) => pair(account, keep(history))))
  const since = (entries: readonly RoleEntry[]): readonly RoleEntry[] => entries.filter((entry) => entry.block >= origin)
  return {
    ...ledger,
    parameters: [{ block, epoch: 0, parameters }],
    identities: { machine: histories(ledger.identities.machine, anchors), checker: histories(ledger.identities.checker, anchors) },
    roles: histories(ledger.roles, since),
    calibrators: histories(ledger.calibrators, since),
  }
}

/** Draws the settlers of a term from who was eligible in its first round. */
function withTerm(crypto: Crypto, ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  const round = (block.number - founding.start) / founding.roundBlocks
  const term = Number.isInteger(round) ? termBegunBy(founding, round) : null
  if (term === null || parametersFor(ledger, round) === null) return ledger
  const beacon = beaconOf(crypto, ledger.network, round, recordOf(ledger, round).randomness.start!)
  const committee = drawSettlers(crypto, beacon, frozenOf(ledger, round)!.checkers.map(({ account }) => account))
  return committee === null ? ledger : { ...ledger, terms: new Map(ledger.terms).set(term, committee) }
}

type NewItem = Extract<LedgerEvent, { kind: 'item' }>

const newItems = ({ events }: LedgerBlock): NewItem[] => events.filter((event): event is NewItem => event.kind === 'item' && !event.update && event.value.length <= ITEM_BYTES)

function withStatements(ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  let statements: Map<number, StatementOnChain> | undefined
  for (const { who, key, value } of newItems(block)) {
    const named = parseStatementKey(ledger.network, key)
    const part = parsePartKey(ledger.network, key)
    const epoch = named?.epoch ?? part?.epoch
    // Who is none of these accounts can make nobody remember anything.
    if (epoch === undefined || who !== potOf(ledger, termOf(founding, epoch))) continue
    const known = (statements ?? ledger.statements).get(epoch) ?? { block: block.number, chunks: new Map<number, Uint8Array>(), parts: new Map<number, PartOnChain>() }
    if (named !== null && named.chunk < STATEMENT_CHUNKS && !known.chunks.has(named.chunk)) (statements ??= new Map(ledger.statements)).set(epoch, { ...known, chunks: new Map(known.chunks).set(named.chunk, value) })
    else if (part !== null && part.part > 0 && part.part < MAX_PARTS && known.chunks.has(0) && !known.parts.has(part.part)) (statements ??= new Map(ledger.statements)).set(epoch, { ...known, parts: new Map(known.parts).set(part.part, { block: block.number, value }) })
  }
  return statements === undefined ? ledger : { ...ledger, statements }
}

function withHandOvers(ledger: Ledger, block: LedgerBlock): Ledger {
  let { handOvers } = ledger
  for (const { who, key, value } of newItems(block)) {
    const term = parseHandOverKey(ledger.network, key)
    if (term === null || term === 0 || handOvers.has(term) || who !== potOf(ledger, term - 1) || potOf(ledger, term) === null) continue
    const item = wellFormed(() => decodeHandOver(value))
    handOvers = new Map(handOvers).set(term, { block: block.number, item: item?.term === term ? item : null })
  }
  return handOvers === ledger.handOvers ? ledger : { ...ledger, handOvers }
}

function withReports(ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  const round = commitRoundAt(founding, block.number)
  if (round === null) return ledger
  const key = reportKey(ledger.network)
  let reports: Map<AccountId, Report> | undefined
  for (const event of block.events) {
    if (event.kind !== 'item' || event.key !== key) continue
    const known = reports ?? recordOf(ledger, round).reports
    // A report also speaks of the two rounds before, for those who were checkers then.
    if (known.has(event.who) || ![round, round - 1, round - 2].some((of) => frozenOf(ledger, of)?.checkers.some(({ account }) => account === event.who))) continue
    const item = wellFormed(() => decodeReportItem(event.value))
    reports ??= new Map(known)
    reports.set(event.who, { block: block.number, item: item?.round === round ? item : null })
  }
  return reports === undefined ? ledger : withRecord(ledger, round, { reports })
}

function withRandomness(ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  const at = offsets(founding)
  let next = ledger
  for (const which of ['start', 'seed', 'open'] as const) {
    const round = (block.number - founding.start - at[which]) / founding.roundBlocks
    if (!Number.isInteger(round) || round < 0) continue
    const value = founding.randomness === 0 ? block.relayRoot : block.hash
    if (value === null) throw new NoRandomnessError(`block ${block.number} has no relay parent storage root, from which the network takes its randomness`)
    next = withRecord(next, round, { randomness: { ...recordOf(next, round).randomness, [which]: value } })
  }
  return next
}

function withFreeze(ledger: Ledger, block: LedgerBlock, founding: Parameters): Ledger {
  const round = (block.number - founding.start - offsets(founding).freeze) / founding.roundBlocks
  if (!Number.isInteger(round) || round < 0) return ledger
  const before = frozenOf(ledger, round - 1) ?? NOBODY
  const parameters = parametersFor(ledger, round)
  if (parameters === null) return ledger
  const now = freeze(ledger, block.number - parameters.waitBlocks)
  // Rounds in which nothing changed share one list.
  const same = (a: readonly Registered[], b: readonly Registered[]): boolean => a.length === b.length && a.every((registered, i) => registered === b[i])
  return withRecord(ledger, round, {
    frozen: { machines: same(now.machines, before.machines) ? before.machines : now.machines, checkers: same(now.checkers, before.checkers) ? before.checkers : now.checkers },
  })
}

/** Who is eligible at the ledger's head by what stood at block `waited` and was not lost since: gains wait, losses do not. */
function freeze(ledger: Ledger, waited: number): Frozen {
  const inForce = (kind: IdentityKind): IdentityEntry[] =>
    [...ledger.identities[kind].values()].flatMap((newest) => {
      let entry: IdentityEntry | null = newest
      // An anchor that still waits changes nothing yet, unless the account leaves by it.
      while (entry !== null && entry.block > waited && entry.registered !== null) entry = entry.before
      return entry === null || entry.registered === null ? [] : [entry]
    })
  const holdsRole = (account: AccountId): boolean => {
    const entries = ledger.roles.get(account) ?? []
    const lost = entries.some((entry) => !entry.assigned && entry.block > waited)
    return !lost && entries.findLast((entry) => entry.block <= waited)?.assigned === true
  }
  const machines = inForce('machine')
  const checkers = inForce('checker')
  const holders = new Map<Hash, AccountId>()
  for (const { registered } of [...machines, ...checkers].sort((a, b) => a.since[0] - b.since[0] || a.since[1] - b.since[1]))
    if (!holders.has(registered!.identity.peer)) holders.set(registered!.identity.peer, registered!.account)
  const eligible = (entries: IdentityEntry[]): Registered[] =>
    entries.flatMap(({ registered }) => (holders.get(registered!.identity.peer) === registered!.account ? registered! : [])).sort(byAccount)
  return { machines: eligible(machines), checkers: eligible(checkers).filter(({ account }) => holdsRole(account)) }
}

/** Who was eligible in a round: nobody if it was frozen before the network was founded, null if it is not frozen yet. */
function frozenOf(ledger: Ledger, round: number): Frozen | null {
  const founding = ledger.parameters[0]
  if (founding === undefined || round < 0) return null
  return recordOf(ledger, round).frozen ?? (schedule(founding.parameters, round).freeze < founding.block ? NOBODY : null)
}

function recordOf(ledger: Ledger, round: number): RoundRecord {
  return ledger.rounds[Math.floor(round / CHUNK)]?.[round % CHUNK] ?? NO_RECORD
}

function withRecord(ledger: Ledger, round: number, change: Partial<RoundRecord>): Ledger {
  const rounds = [...ledger.rounds]
  const chunk = [...(rounds[Math.floor(round / CHUNK)] ?? [])]
  chunk[round % CHUNK] = { ...recordOf(ledger, round), ...change }
  rounds[Math.floor(round / CHUNK)] = chunk
  return { ...ledger, rounds }
}
