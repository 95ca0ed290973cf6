// What the page makes of the indexer's answers before it draws them: order, counts, lines. Pure.
import type { Level, MachineEntry, Outcome, RoundSummary, Schedule, Score, Verdict } from './api.ts'

export const OUTCOMES = ['PASS', 'FAIL', 'EQUIVOCATION', 'NOT_OPENED', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM'] as const satisfies Outcome[]
export const LEVELS = ['TRUSTED', 'STANDARD', 'PROBATION', 'BENCHED'] as const satisfies Level[]

/** What each outcome means to an owner, and by which mark it is told apart without colour. */
export const OUTCOME_TEXT: Record<Outcome, { word: string, mark: string, tone: 'good' | 'bad' | 'mild' | 'none' }> = {
  PASS: { word: 'passed', mark: '●', tone: 'good' },
  FAIL: { word: 'failed', mark: '✕', tone: 'bad' },
  EQUIVOCATION: { word: 'signed two commitments', mark: '≠', tone: 'bad' },
  NOT_OPENED: { word: 'did not open', mark: '◌', tone: 'bad' },
  NOT_RUN: { word: 'did not run', mark: '–', tone: 'mild' },
  UNREACHABLE: { word: 'unreachable', mark: '○', tone: 'mild' },
  NO_QUORUM: { word: 'no quorum', mark: '?', tone: 'none' },
}

/** The stages of a round in order, and what happens in each. */
export const STAGE_TEXT: Record<string, string> = {
  FROZEN: 'who takes part is fixed',
  BEACON: 'the chain’s randomness is awaited',
  COMMITTEE: 'each machine’s checkers are drawn',
  WORK: 'machines compute, checkers watch',
  COMMIT: 'checkers put their reports on chain',
  OPEN: 'what must be opened is drawn',
  EVIDENCE: 'machines open what was drawn',
  PUBLISH: 'checkers publish their evidence',
  MIRROR: 'mirrors say what they hold',
  JUDGEMENT: 'everything is there to judge it',
  WAITING: 'evidence is missing; it is looked for again',
  FAILED: 'the indexer could not judge it; it tries again',
  JUDGED: 'every machine has its verdict',
}

export interface Segment { stage: string, from: number, to: number }

/** The stages of a round within its own blocks, the last one up to the next round: `to` is the first block after. */
export function segmentsOf({ start, beaconKnown, fire, commitFrom, commitTo, openKnown, packageBy }: Schedule, roundBlocks: number): Segment[] {
  const end = start + roundBlocks
  const begins: [string, number][] = [['BEACON', start], ['COMMITTEE', beaconKnown], ['WORK', fire], ['COMMIT', commitFrom], ['OPEN', commitTo + 1], ['EVIDENCE', openKnown], ['PUBLISH', packageBy], ['', end]]
  return begins.slice(0, -1).flatMap(([stage, from], i): Segment[] => {
    const to = Math.min(end, begins[i + 1]![1])
    return from < to ? [{ stage, from, to }] : []
  })
}

/** A machine as a row of the list. */
export interface Row {
  account: string
  address: string
  owner: string
  outcome: Outcome | null
  reason: string | null
  round: number | null
  level: Level | null
  work: bigint
  earned: bigint
  kind: 'CPU' | 'GPU' | null
  device: number | null
  units: number | null
  memoryMiB: number | null
}

export function rowOf({ account, address, identity, verdict, score }: MachineEntry): Row {
  const device = verdict?.facts?.device ?? null
  return {
    account, address, owner: identity.owner, outcome: verdict?.outcome ?? null, reason: verdict === null || verdict.reason.code === 'OK' ? null : verdict.reason.text, round: verdict?.round ?? null, level: score?.standing?.level ?? verdict?.standing ?? null,
    work: BigInt(verdict?.work ?? 0), earned: BigInt(score?.earned ?? 0), kind: device?.kind ?? null, device: device?.class ?? null, units: device?.units ?? null, memoryMiB: device?.memoryMiB ?? null,
  }
}

export const SORTS = ['earned', 'work', 'standing', 'outcome', 'device', 'address'] as const
export type Sort = (typeof SORTS)[number]
export interface Wish { search: string, outcome: Outcome | null, level: Level | null, kind: 'CPU' | 'GPU' | null, sort: Sort, up: boolean }

const last = (index: number): number => (index < 0 ? Infinity : index)
const ORDER: Record<Sort, (a: Row, b: Row) => number> = {
  earned: (a, b) => compare(b.earned, a.earned),
  work: (a, b) => compare(b.work, a.work),
  standing: (a, b) => last(LEVELS.indexOf(a.level!)) - last(LEVELS.indexOf(b.level!)) || 0,
  outcome: (a, b) => last(OUTCOMES.indexOf(a.outcome!)) - last(OUTCOMES.indexOf(b.outcome!)) || 0,
  device: (a, b) => compare(a.device ?? Infinity, b.device ?? Infinity) || compare(b.memoryMiB ?? 0, a.memoryMiB ?? 0),
  address: (a, b) => compare(a.address, b.address),
}

function compare<T extends bigint | number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The rows that are wished for, in the order that is wished for; equal ones by account, so that the order is the same every time. */
export function pick(rows: readonly Row[], { search, outcome, level, kind, sort, up }: Wish): Row[] {
  const wanted = search.trim().replace(/^did:peaq:/i, '').toLowerCase()
  const order = ORDER[sort]
  const sign = up ? -1 : 1
  return rows
    .filter((row) => (outcome === null || row.outcome === outcome) && (level === null || row.level === level) && (kind === null || row.kind === kind)
      && (wanted === '' || row.address.toLowerCase().includes(wanted) || row.account.includes(wanted) || row.owner.includes(wanted)))
    .sort((a, b) => sign * order(a, b) || compare(a.account, b.account))
}

const isOne = <T extends string>(list: readonly T[], value: string | null): value is T => value !== null && (list as readonly string[]).includes(value)

/** The wish that the query of a path holds; what it does not say, or says wrongly, is as if nothing were said. */
export function wishOf(query: URLSearchParams): Wish {
  const [outcome, level, kind, sort] = ['outcome', 'standing', 'kind', 'sort'].map((name) => query.get(name)) as [string | null, string | null, string | null, string | null]
  return {
    search: (query.get('q') ?? '').slice(0, 100), outcome: isOne(OUTCOMES, outcome) ? outcome : null, level: isOne(LEVELS, level) ? level : null, kind: isOne(['CPU', 'GPU'] as const, kind) ? kind : null,
    sort: isOne(SORTS, sort) ? sort : 'earned', up: query.get('up') === '1',
  }
}

/** `?sort=work&up=1`, or nothing for the wish that nobody uttered. */
export function queryOf({ search, outcome, level, kind, sort, up }: Wish): string {
  const said = new URLSearchParams()
  if (search !== '') said.set('q', search)
  if (outcome !== null) said.set('outcome', outcome)
  if (level !== null) said.set('standing', level)
  if (kind !== null) said.set('kind', kind)
  if (sort !== 'earned') said.set('sort', sort)
  if (up) said.set('up', '1')
  return said.size === 0 ? '' : `?${said}`
}

/** The verdicts of a machine in one epoch, and its score of it. */
export interface EpochOf { epoch: number, score: Score | null, verdicts: Verdict[] }

/** Verdicts and scores by epoch, newest first, the rounds in each ascending. */
export function byEpoch(verdicts: readonly Verdict[], scores: readonly Score[], epochRounds: number): EpochOf[] {
  const epochs = new Map<number, EpochOf>()
  const at = (epoch: number): EpochOf => epochs.get(epoch) ?? epochs.set(epoch, { epoch, score: null, verdicts: [] }).get(epoch)!
  for (const score of scores) at(score.epoch).score = score
  for (const verdict of verdicts) at(Math.floor(verdict.round / epochRounds)).verdicts.push(verdict)
  for (const { verdicts: own } of epochs.values()) own.sort((a, b) => a.round - b.round)
  return [...epochs.values()].toSorted((a, b) => b.epoch - a.epoch)
}

/** How many of a round's verdicts are of each outcome, those that there are. */
export const tally = (outcomes: RoundSummary['outcomes']): [Outcome, number][] => OUTCOMES.flatMap((outcome): [Outcome, number][] => (outcomes?.[outcome] ? [[outcome, outcomes[outcome]]] : []))

/** How often a checker was where it should be, over some of its rounds. */
export function attendance(rounds: readonly { reported: boolean, packageCounted: boolean }[]): { rounds: number, reported: number, counted: number } {
  return { rounds: rounds.length, reported: rounds.filter(({ reported }) => reported).length, counted: rounds.filter(({ packageCounted }) => packageCounted).length }
}
