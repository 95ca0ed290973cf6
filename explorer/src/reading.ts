// What the page makes of the indexer's answers before it draws them: order, counts, lines. Pure.
import type { Level, Outcome, Schemas, Stage } from './api.ts'

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
export const STAGE_TEXT: Record<Stage, string> = {
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

/** A stage within a round's own blocks: `to` is the first block after it. */
export interface Segment { stage: Stage, from: number, to: number }

/** The stages of a round up to the start of the next one, without a gap. */
export function segmentsOf({ start, beaconKnown, fire, commitFrom, commitTo, openKnown, packageBy }: Schemas['Round']['schedule'], roundBlocks: number): Segment[] {
  const end = start + roundBlocks
  const begins: [Stage, number][] = [['BEACON', start], ['COMMITTEE', beaconKnown], ['WORK', fire], ['COMMIT', commitFrom], ['OPEN', commitTo + 1], ['EVIDENCE', openKnown], ['PUBLISH', packageBy]]
  return begins.flatMap(([stage, from], i): Segment[] => {
    const to = Math.min(end, begins[i + 1]?.[1] ?? end)
    return from < to ? [{ stage, from, to }] : []
  })
}

export const SORTS = ['score', 'earned', 'work', 'verdict', 'account'] as const
export type Sort = (typeof SORTS)[number]
export type Order = 'asc' | 'desc'
/** Which way a sort goes unless somebody wants it otherwise. */
export const usualOrder = (sort: Sort): Order => (sort === 'account' ? 'asc' : 'desc')

/** What somebody wants to see of the machines. */
export interface Wish { search: string, outcome: Outcome | null, standing: Level | null, device: number | null, sort: Sort, order: Order }

const ORDERS = ['asc', 'desc'] as const satisfies Order[]
const MOST_CLASS = 65_535

const oneOf = <T extends string>(list: readonly T[], value: string | null): T | null => list.find((one) => one === value) ?? null

/** The wish that the query of a path holds; what it does not say, or says wrongly, is as if nothing were said. */
export function wishOf(query: URLSearchParams): Wish {
  const sort = oneOf(SORTS, query.get('sort')) ?? 'score'
  const device = query.get('device') ?? ''
  return { search: (query.get('search') ?? '').slice(0, 80), outcome: oneOf(OUTCOMES, query.get('outcome')), standing: oneOf(LEVELS, query.get('standing')), device: /^\d{1,5}$/.test(device) && Number(device) <= MOST_CLASS ? Number(device) : null, sort, order: oneOf(ORDERS, query.get('order')) ?? usualOrder(sort) }
}


/** `?sort=work`, or nothing for the wish that nobody uttered. */
export function queryOf(wish: Wish): string {
  const said = spoken(wish)
  if (wish.sort === 'score') said.delete('sort')
  if (wish.order === usualOrder(wish.sort)) said.delete('order')
  return said.size === 0 ? '' : `?${said}`
}

/** The path by which the indexer is asked for the machines of a wish. */
export const askFor = (wish: Wish): string => `/machines?limit=100&${spoken({ ...wish, search: wish.search.trim() })}`

function spoken({ search, outcome, standing, device, sort, order }: Wish): URLSearchParams {
  const said = new URLSearchParams()
  if (search !== '') said.set('search', search)
  if (outcome !== null) said.set('outcome', outcome)
  if (standing !== null) said.set('standing', standing)
  if (device !== null) said.set('device', String(device))
  said.set('sort', sort)
  said.set('order', order)
  return said
}

/** A device class in words. */
export const deviceText = (device: Schemas['DeviceClass']): string => device.name ?? (device.class === 0 ? 'no known class' : `class ${device.class}`)

/** The verdicts of a machine in one epoch, and its score of it. */
export interface EpochOf { epoch: number, score: Schemas['Score'] | null, verdicts: Schemas['Verdict'][] }

/** Verdicts and scores by epoch, newest first, the rounds in each ascending. */
export function byEpoch(verdicts: readonly Schemas['Verdict'][], scores: readonly Schemas['Score'][]): EpochOf[] {
  const epochs = new Map<number, EpochOf>()
  const at = (epoch: number): EpochOf => epochs.get(epoch) ?? epochs.set(epoch, { epoch, score: null, verdicts: [] }).get(epoch)!
  for (const score of scores) at(score.epoch).score = score
  for (const verdict of verdicts) at(verdict.epoch).verdicts.push(verdict)
  for (const { verdicts: own } of epochs.values()) own.sort((a, b) => a.round - b.round)
  return [...epochs.values()].toSorted((a, b) => b.epoch - a.epoch)
}

/** How many of a round's verdicts are of each outcome, those that there are. */
export const tally = (outcomes: Schemas['RoundSummary']['outcomes']): [Outcome, number][] => OUTCOMES.flatMap((outcome): [Outcome, number][] => (outcomes?.[outcome] ? [[outcome, outcomes[outcome]]] : []))

/** How much of `all` the `part` is, as `12 of 14 (85.7 %)`; nothing of nothing is told without a percentage. */
export const share = (part: number, all: number): string => (all === 0 ? '0 of 0' : `${part} of ${all} (${((part / all) * 100).toFixed(1).replace(/\.0$/, '')} %)`)
