// How verdicts and observations are shown, and by which packages anybody can judge them again.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { sql, type Kysely, type SqlBool } from 'kysely'
import { decodeFacts, type Facts, type Level, type Outcome } from '@assay/protocol'
import type { ObservationRow, Tables, VerdictRow } from '../tables.ts'
import { because, component, Count, Hash, Href, literals, measured, nullable, Reason, Work } from './shapes.ts'

const Rates = { downKbps: nullable(Count), upKbps: nullable(Count), rttUs: nullable(Count) }

export const OUTCOMES = ['PASS', 'FAIL', 'NOT_OPENED', 'EQUIVOCATION', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM'] as const satisfies Outcome[]
export const OutcomeShape = literals(OUTCOMES)

export const LEVELS = ['PROBATION', 'STANDARD', 'TRUSTED', 'BENCHED'] as const satisfies Level[]
export const LevelShape = literals(LEVELS)

/** What a machine says of itself: claims, hashes and numbers only. */
const Shown = component('Facts', Type.Object({
  device: Type.Object({
    class: Count, kind: literals(['CPU', 'GPU']), units: Count, memoryMiB: Count, agreeing: Count, fingerprint: Hash, identifiers: Type.Array(Hash),
    profile: Type.Object({ int8Mmacs: nullable(Count), f32Mflops: nullable(Count), memoryMBps: nullable(Count), chasePs: nullable(Count) }),
  }),
  environment: Type.Array(Type.Object({ what: Type.String(), hash: Hash })),
  model: nullable(Type.Object({ model: Hash, outputs: Type.Array(Type.Integer()) })),
}, { description: 'what a machine says of itself, and signed' }))

const shown = ({ device, environment, model }: Facts): Static<typeof Shown> => {
  const { int8Mmacs, f32Mflops, memoryMBps, chasePs } = device.profile
  return {
    device: { ...device, profile: { int8Mmacs: measured(int8Mmacs), f32Mflops: measured(f32Mflops), memoryMBps: measured(memoryMBps), chasePs: measured(chasePs) } },
    environment,
    model: model[0] ?? null,
  }
}

const Evidence = Type.Object({ checker: Hash, commitment: Hash, package: Hash })

/** A verdict with the epoch and the counted packages of its committee. */
export type ProvenVerdict = VerdictRow & { epoch: number, evidence: Static<typeof Evidence>[] }

export const Verdict = component('Verdict', Type.Object({
  round: Count,
  epoch: Count,
  machine: Hash,
  owner: Hash,
  outcome: OutcomeShape,
  reason: Reason,
  work: Work,
  commitment: nullable(Hash),
  committee: Type.Array(Hash),
  counted: Type.Integer({ minimum: 0, description: 'members of the committee with an observation that counts' }),
  medianSteps: Count,
  provenSteps: Count,
  opened: Type.Boolean(),
  memoryKiB: Count,
  scanMBps: Count,
  relayUs: nullable(Count),
  facts: nullable(Shown),
  flags: Type.Array(Reason),
  claim: nullable(Type.String()),
  standing: nullable(LevelShape),
  ...Rates,
  evidence: Type.Array(Evidence, { description: 'packages of the committee that count: with them (fetched by hash) the verdict can be judged again; each is a leaf of the evidence root of the epoch’s statement' }),
  proof: Href,
}, { description: 'what a round says of a machine' }))

/** The counted packages by which verdicts were judged, in the order of the verdicts. */
export async function withEvidence(db: Kysely<Tables>, verdicts: readonly (VerdictRow & { epoch: number })[]): Promise<ProvenVerdict[]> {
  if (verdicts.length === 0) return []
  const rows = await db.selectFrom('verdicts').innerJoin('round_checkers', (join) => join.onRef('round_checkers.round', '=', 'verdicts.round').on(sql<SqlBool>`round_checkers.checker = any(verdicts.committee)`))
    .select(['verdicts.round', 'verdicts.machine', 'round_checkers.checker', 'round_checkers.commitment', 'round_checkers.package'])
    .where('verdicts.round', 'in', [...new Set(verdicts.map(({ round }) => round))]).where('verdicts.machine', 'in', [...new Set(verdicts.map(({ machine }) => machine))]).where('package_counted', '=', true).execute()
  const found = Map.groupBy(rows, ({ round, machine }) => `${round} ${machine}`)
  return verdicts.map((verdict) => {
    const evidence = (found.get(`${verdict.round} ${verdict.machine}`) ?? []).flatMap(({ checker, commitment, package: root }) => (commitment !== null && root !== null ? [{ checker, commitment, package: root }] : []))
    return { ...verdict, evidence: evidence.sort((a, b) => (a.checker < b.checker ? -1 : 1)) }
  })
}

export const verdictShape = (row: ProvenVerdict): Static<typeof Verdict> => ({
  round: row.round,
  epoch: row.epoch,
  machine: row.machine,
  owner: row.owner,
  outcome: row.outcome,
  // A PASS may have proven nothing: the zero has a reason too.
  reason: because(row.outcome === 'PASS' && row.work === 0n ? 'NOTHING_PROVEN' : row.reason),
  work: String(row.work),
  commitment: row.commitment,
  committee: row.committee,
  counted: row.counted,
  medianSteps: row.median_steps,
  provenSteps: row.proven_steps,
  opened: row.opened,
  memoryKiB: row.memory_kib,
  scanMBps: row.scan_mbps,
  relayUs: row.relay_us,
  facts: row.facts === null ? null : shown(decodeFacts(row.facts)),
  flags: row.flags.map(because),
  claim: row.claim,
  standing: row.standing,
  downKbps: measured(row.down_kbps),
  upKbps: measured(row.up_kbps),
  rttUs: measured(row.rtt_us),
  evidence: row.evidence,
  proof: `/rounds/${row.round}/machines/${row.machine}`,
})

export const Observation = component('Observation', Type.Object({
  round: Count, machine: Hash, checker: Hash, vote: literals(['RAN', 'NOT_RUN', 'UNREACHABLE']), credited: Count, paid: Type.Boolean(), reason: Reason,
  offPpm: nullable(Type.Integer({ description: 'how far the credit lies from the median, in millionths of it' })), ...Rates,
}, { description: 'what a checker says of a machine in a round, as far as it counts' }))

export const observationShape = (row: ObservationRow): Static<typeof Observation> => ({
  round: row.round,
  machine: row.machine,
  checker: row.checker,
  vote: row.vote,
  credited: row.credited,
  paid: row.paid,
  reason: because(row.reason),
  offPpm: row.off_ppm,
  downKbps: measured(row.down_kbps),
  upKbps: measured(row.up_kbps),
  rttUs: measured(row.rtt_us),
})
