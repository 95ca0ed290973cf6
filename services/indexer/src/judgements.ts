// A round's judgement as rows, and back: what is scored is what was stored, whether or not the process was killed in between.
import type { Kysely, Transaction } from 'kysely'
import { decodeFacts, encodeFacts, type CheckerVerdict, type MachineVerdict, type ObservationVerdict, type RoundJudgement } from '@assay/protocol'
import type { ObservationRow, RoundCheckerRow, Tables, VerdictRow } from './tables.ts'

// PostgreSQL takes 65,535 values a statement; the widest row here has 23.
const ROWS_A_STATEMENT = 2800

/** Writes all rows of a judgement. */
export async function saveJudgement(trx: Transaction<Tables>, { round, verdicts, checkers }: RoundJudgement): Promise<void> {
  for (const rows of chunks(verdicts)) {
    await trx
      .insertInto('verdicts')
      .values(rows.map((v) => ({
        round, machine: v.machine, owner: v.owner, outcome: v.outcome, reason: v.reason, commitment: v.commitment, counted: v.counted, committee: v.committee, median_steps: v.medianSteps,
        proven_steps: v.provenSteps, work: v.work, opened: v.opened, down_kbps: v.downKbps, up_kbps: v.upKbps, rtt_us: v.rttUs,
        facts: v.facts === null ? null : encodeFacts(v.facts), flags: v.flags, claim: v.claim, shown_kib: v.shownKiB, memory_kib: v.memoryKiB, scan_mbps: v.scanMBps, relay_us: v.relayUs, standing: null,
      })))
      .execute()
  }
  const observations = verdicts.flatMap(({ machine, observations }) => observations.map((o) => ({
    round, machine, checker: o.checker, vote: o.vote, credited: o.credited, paid: o.paid, reason: o.reason, off_ppm: o.offPpm, down_kbps: o.downKbps, up_kbps: o.upKbps, rtt_us: o.rttUs,
  })))
  for (const rows of chunks(observations)) await trx.insertInto('observations').values(rows).execute()
  for (const rows of chunks(checkers)) {
    await trx
      .insertInto('round_checkers')
      .values(rows.map((c) => ({
        round, checker: c.checker, owner: c.owner, reported: c.reported, package_counted: c.packageCounted, commitment: c.evidence?.commitment ?? null, package: c.evidence?.package ?? null,
        paid_observations: c.paidObservations, reason: c.reason,
      })))
      .execute()
  }
}

/** The judgement of a round as it was saved; of a round without rows an empty one. */
export async function loadJudgement(db: Kysely<Tables>, round: number): Promise<RoundJudgement> {
  // Hex of one length in the C collation ascends as the bytes do.
  const verdicts = await db.selectFrom('verdicts').selectAll().where('round', '=', round).orderBy('machine').execute()
  const observations = Map.groupBy(await db.selectFrom('observations').selectAll().where('round', '=', round).orderBy('checker').execute(), ({ machine }) => machine)
  const checkers = await db.selectFrom('round_checkers').selectAll().where('round', '=', round).orderBy('checker').execute()
  return { round, verdicts: verdicts.map((row) => verdictOf(row, observations.get(row.machine) ?? [])), checkers: checkers.map(checkerOf) }
}

/** A verdict as it was saved, with its observations ascending by checker. */
export const verdictOf = (v: VerdictRow, observations: readonly ObservationRow[]): MachineVerdict => ({
  round: v.round, machine: v.machine, owner: v.owner, outcome: v.outcome, reason: v.reason, commitment: v.commitment, counted: v.counted, committee: v.committee, medianSteps: v.median_steps,
  provenSteps: v.proven_steps, work: v.work, opened: v.opened, downKbps: v.down_kbps, upKbps: v.up_kbps, rttUs: v.rtt_us,
  facts: v.facts === null ? null : decodeFacts(v.facts), flags: v.flags, claim: v.claim, shownKiB: v.shown_kib, memoryKiB: v.memory_kib, scanMBps: v.scan_mbps, relayUs: v.relay_us,
  observations: observations.map(observationOf),
})

/** An observation as it was saved. */
export const observationOf = (o: ObservationRow): ObservationVerdict => ({ checker: o.checker, vote: o.vote, credited: o.credited, paid: o.paid, reason: o.reason, offPpm: o.off_ppm, downKbps: o.down_kbps, upKbps: o.up_kbps, rttUs: o.rtt_us })

/** What became of a checker's round, as it was saved. */
export const checkerOf = (c: RoundCheckerRow): CheckerVerdict => ({
  round: c.round, checker: c.checker, owner: c.owner, reported: c.reported, packageCounted: c.package_counted, evidence: c.commitment === null || c.package === null ? null : { commitment: c.commitment, package: c.package },
  paidObservations: c.paid_observations, reason: c.reason,
})

/** Rows in portions that fit one insert each. */
export function* chunks<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) yield rows.slice(at, at + ROWS_A_STATEMENT)
}
