// How verdicts and observations are shown.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { decodeFacts, type Facts } from '@assay/protocol'
import type { ObservationRow, VerdictRow } from '../tables.ts'
import { because, Count, Hash, literals, measured, nullable, Reason, Work } from './shapes.ts'

const Rates = { downKbps: nullable(Count), upKbps: nullable(Count), rttUs: nullable(Count) }

export const OutcomeShape = literals(['PASS', 'FAIL', 'NOT_OPENED', 'EQUIVOCATION', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM'])

export const LevelShape = literals(['PROBATION', 'STANDARD', 'TRUSTED', 'BENCHED'])

/** What a machine says of itself: claims, hashes and numbers only. */
const Shown = Type.Object({
  device: Type.Object({
    class: Count, kind: literals(['CPU', 'GPU']), units: Count, memoryMiB: Count, agreeing: Count, fingerprint: Hash, identifiers: Type.Array(Hash),
    profile: Type.Object({ int8Mmacs: nullable(Count), f32Mflops: nullable(Count), memoryMBps: nullable(Count), chasePs: nullable(Count) }),
  }),
  environment: Type.Array(Type.Object({ what: Type.String(), hash: Hash })),
  model: nullable(Type.Object({ model: Hash, outputs: Type.Array(Type.Integer()) })),
})

const shown = ({ device, environment, model }: Facts): Static<typeof Shown> => {
  const { int8Mmacs, f32Mflops, memoryMBps, chasePs } = device.profile
  return {
    device: { ...device, profile: { int8Mmacs: measured(int8Mmacs), f32Mflops: measured(f32Mflops), memoryMBps: measured(memoryMBps), chasePs: measured(chasePs) } },
    environment,
    model: model[0] ?? null,
  }
}

export const Verdict = Type.Object({
  round: Count,
  machine: Hash,
  owner: Hash,
  outcome: OutcomeShape,
  reason: Reason,
  work: Work,
  commitment: nullable(Hash),
  committee: Type.Array(Hash),
  counted: Count,
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
})

export const verdictShape = (row: VerdictRow): Static<typeof Verdict> => ({
  round: row.round,
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
})

export const Observation = Type.Object({ checker: Hash, vote: literals(['RAN', 'NOT_RUN', 'UNREACHABLE']), credited: Count, paid: Type.Boolean(), reason: Reason, offPpm: nullable(Type.Integer({ description: 'how far the credit lies from the median, in millionths of it' })), ...Rates })

export const observationShape = (row: ObservationRow): Static<typeof Observation> => ({
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
