// The one door to the indexer: what is asked, by what shape it is answered, and how often. Amounts are planck as text; what is not known is null.
import { useEffect, useState } from 'preact/hooks'

export interface Reason { code: string, text: string }
export interface OnChain { state: 'not_yet' | 'match' | 'mismatch', block: number | null }
export type Outcome = 'PASS' | 'FAIL' | 'NOT_OPENED' | 'EQUIVOCATION' | 'NOT_RUN' | 'UNREACHABLE' | 'NO_QUORUM'
export type Level = 'PROBATION' | 'STANDARD' | 'TRUSTED' | 'BENCHED'

export interface Network {
  network: string
  address: string
  genesisHash: string
  head: { number: number, hash: string } | null
  best: number | null
  stalled: { reason: string, detail: string } | null
  round: { round: number, epoch: number, stage: string, startBlock: number, endBlock: number } | null
  parameters: { roundBlocks: number, epochRounds: number, hourBlocks: number, committee: number, poolPerEpoch: string, minimumPayout: string, machineSharePpm: number, confirmations: number } | null
  machines: number
  checkers: number
  capture: { share: string, checkers: number, malicious: number, committee: number, perRound: string, perEpoch: string, vouch: string, flagged: boolean, sufficientCommittee: number | null, text: string } | null
  rounds: { judged: number, waiting: number, failed: number, missingBlobs: number }
  pot: { account: string, address: string, term: number, block: number, balance: string, unsettledFrom: number, owed: string, needs: string, epochsLeft: number | null, inflow: string | null, since: number | null } | null
  lastEpoch: { epoch: number, root: string, paid: string, onChain: OnChain } | null
}

export interface Rates { downKbps: number | null, upKbps: number | null, rttUs: number | null }
export interface Device { class: number, kind: 'CPU' | 'GPU', units: number, memoryMiB: number, agreeing: number, fingerprint: string, profile: { int8Mmacs: number | null, f32Mflops: number | null, memoryMBps: number | null, chasePs: number | null } }
export interface Verdict extends Rates {
  round: number
  machine: string
  owner: string
  outcome: Outcome
  reason: Reason
  work: string
  commitment: string | null
  committee: string[]
  counted: number
  medianSteps: number
  provenSteps: number
  opened: boolean
  memoryKiB: number
  scanMBps: number
  facts: { device: Device } | null
  flags: Reason[]
  claim: string | null
  standing: Level | null
}
export interface Observation extends Rates { checker: string, vote: 'RAN' | 'NOT_RUN' | 'UNREACHABLE', credited: number, paid: boolean, reason: Reason, offPpm: number | null }
export interface RateInterval { lowPpm: number, highPpm: number }
export interface Score {
  epoch: number
  account: string
  owner: string
  kind: 'machine' | 'checker'
  score: string
  reason: Reason
  earned: string
  standing: { level: Level, benchedUntil: number | null, passed: number, asked: number } | null
  quality: { weightPpm: number, qualityPpm: number, falseAccepts: RateInterval, falseRejects: RateInterval } | null
}
export interface Payout { epoch: number, account: string, earned: string, carriedIn: string, paid: string, carriedOut: string, reason: Reason }
export interface Identity { owner: string, peer: string, anchor: string, block: number, addresses?: string[], evidence?: string[] }

export interface MachineEntry { account: string, address: string, identity: Identity, verdict: Verdict | null, score: Score | null }
export interface Machine { account: string, address: string, identity: Identity | null, registration: Reason | null, verdicts: Verdict[], scores: Score[] }
export interface CheckerRound { round: number, checker: string, reported: boolean, packageCounted: boolean, commitment: string | null, package: string | null, paidObservations: number, reason: Reason }
export interface CheckerEntry { account: string, address: string, identity: Identity, round: CheckerRound | null, score: Score | null }
export interface Checker { account: string, address: string, identity: Identity | null, registration: Reason | null, rounds: CheckerRound[], scores: Score[] }

export interface RoundSummary {
  round: number
  epoch: number
  stage: string
  startBlock: number
  judgementBlock: number
  machines: number
  checkers: number
  reports: number
  packages: { posted: number, held: number }
  outcomes: Partial<Record<Outcome, number>> | null
  work: string | null
  missingBlobs: number
}
export interface Schedule { freeze: number, start: number, beaconKnown: number, seed: number, fire: number, commitmentBy: number, commitFrom: number, commitTo: number, open: number, openKnown: number, packageBy: number, judgement: number }
export interface Round extends RoundSummary {
  schedule: Schedule
  beacon: string | null
  openRandomness: string | null
  eligible: {
    machines: { account: string, owner: string, committee: string[], mustOpen: boolean | null }[]
    checkers: { account: string, mirrors: string[], report: { block: number, wellFormed: boolean, commitment: string | null } | null, packageRoot: string | null, packageHeld: boolean }[]
  }
  verdicts: (Verdict & { observations: Observation[] })[] | null
  checkerRounds: CheckerRound[] | null
  missing: { id: string, since: number }[]
  tries: number
}

export interface EpochTotals { root: string, pool: string, paid: string, carried: string, remainder: string, scoredAt: number, onChain: OnChain }
export interface EpochSummary { epoch: number, state: 'running' | 'waiting' | 'scored', rounds: { round: number, judged: boolean }[], judgementBlock: number, totals: EpochTotals | null }
export interface Epoch extends EpochSummary { scores: Score[], payouts: Payout[] }
export type Tree = 'scores' | 'payouts' | 'registry' | 'evidence' | 'standings' | 'calibrations'
export interface Statement { epoch: number, root: string, bytes: string, roots: Record<Tree, string>, paid: string, carried: string, leaves: Record<Tree, string[]>, onChain: OnChain & { bytes: string | null } }

/** What the overview draws. */
export interface Overview { standings: Record<Level, number> | null, epochs: { epoch: number, work: string, passed: number, caught: number, other: number, paid: string | null, pool: string | null }[] }

export interface Links { block: string | null, account: string | null }

/** What the indexer answers where it does not answer what was asked; `status` 0 where it does not answer at all. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

interface Known { value: unknown, text: string, etag: string | null }

/** The last answers by path, so that a page that was seen before is there at once. */
const known = new Map<string, Known>()
const KNOWN_LIMIT = 200

/** Asks for a path. An answer that has not changed is not sent again where the indexer has an ETag for it. Rejects with ApiFault, or when the signal fires. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const before = known.get(path)
  const response = await ask(path, signal, before?.etag ? { 'if-none-match': before.etag } : {})
  if (response.status === 304 && before !== undefined) return before.value as T
  const text = await response.text().catch(() => '')
  // The same text is the same value: nothing that shows it is drawn again.
  const value = before?.text === text ? before.value : bodyOf(response, text)
  known.delete(path)
  known.set(path, { value, text, etag: response.headers.get('etag') })
  if (known.size > KNOWN_LIMIT) known.delete(known.keys().next().value!)
  return value as T
}

/** The bytes of a path. Rejects with ApiFault. */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const response = await ask(path, signal, {})
  if (!response.ok) bodyOf(response, await response.text().catch(() => ''))
  return new Uint8Array(await response.arrayBuffer())
}

async function ask(path: string, signal: AbortSignal | undefined, headers: Record<string, string>): Promise<Response> {
  try {
    return await fetch(path, { ...(signal && { signal }), headers, credentials: 'omit', redirect: 'error' })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiFault(0, 'NO_ANSWER', 'the indexer does not answer')
  }
}

/** The JSON of an answer. @throws ApiFault where it is none, or tells an error */
function bodyOf(response: Response, text: string): unknown {
  const body = parsed(text)
  if (response.ok && body !== null) return body
  const { code, message } = (body as { error?: { code?: unknown, message?: unknown } } | null)?.error ?? {}
  throw new ApiFault(response.status, typeof code === 'string' ? code : 'BAD_ANSWER', typeof message === 'string' ? message : `the indexer answered with status ${response.status}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** What is known of a path now. `fault` may stand beside a value: then the value is the last one that came. */
export interface Asked<T> { value: T | null, fault: ApiFault | null, again: () => void }

/** Asks for a path when the page shows it, and again whenever `beat` changes. Null asks for nothing. */
export function useApi<T>(path: string | null, beat: unknown = 0): Asked<T> {
  const [state, set] = useState<{ path: string | null, value: T | null, fault: ApiFault | null }>({ path: null, value: null, fault: null })
  const [tries, setTries] = useState(0)
  useEffect(() => {
    if (path === null) return
    const stop = new AbortController()
    get<T>(path, stop.signal).then(
      (value) => set((old) => (old.path === path && old.value === value && old.fault === null ? old : { path, value, fault: null })),
      (cause: unknown) => {
        if (stop.signal.aborted) return
        const fault = cause instanceof ApiFault ? cause : new ApiFault(0, 'FAULT', String(cause))
        set((old) => ({ path, value: old.path === path ? old.value : ((known.get(path)?.value as T | undefined) ?? null), fault }))
      },
    )
    return () => stop.abort()
  }, [path, beat, tries])
  const again = (): void => setTries((n) => n + 1)
  if (path === null) return { value: null, fault: null, again }
  if (state.path !== path) return { value: (known.get(path)?.value as T | undefined) ?? null, fault: null, again }
  return { ...state, again }
}
