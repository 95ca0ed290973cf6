// How verdicts and observations are shown, and by which packages anybody can judge them again.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { sql, type Kysely, type SqlBool } from 'kysely'
import { decodeFacts, type AccountId, type Facts, type Level, type Outcome } from '@assay/protocol'
import type { ObservationRow, Tables, VerdictRow } from '../tables.ts'
import { eachOf } from './cursor.ts'
import { because, component, Count, count, EpochNumber, flag, Hash, Href, literals, measured, nullable, orNull, Reason, RoundNumber, Work } from './shapes.ts'

const Rates = { downKbps: orNull(Count, 'kbit/s to the machine'), upKbps: orNull(Count, 'kbit/s from the machine'), rttUs: orNull(Count, 'round trip, µs') }

export const OUTCOMES = ['PASS', 'FAIL', 'NOT_OPENED', 'EQUIVOCATION', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM'] as const satisfies Outcome[]
export const OutcomeShape = literals(OUTCOMES)

export const LEVELS = ['PROBATION', 'STANDARD', 'TRUSTED', 'BENCHED'] as const satisfies Level[]
export const LevelShape = literals(LEVELS)

/** What a machine says of itself: claims, hashes and numbers only. */
const Shown = component('Facts', Type.Object({
  device: Type.Object({
    class: count('device class, PROTOCOL section on devices'), kind: literals(['CPU', 'GPU']), units: count('threads of a CPU, or GPUs'), memoryMiB: count('memory of one GPU, or what the process may use, MiB'), agreeing: count('sources that agree on what the device is, PROTOCOL section 13.6'), fingerprint: Hash, identifiers: Type.Array(Hash),
    profile: Type.Object({ int8Mmacs: orNull(Count, 'int8 multiply-accumulates, millions a second'), f32Mflops: orNull(Count, 'float32 operations, millions a second'), memoryMBps: orNull(Count, 'memory read, MB/s'), chasePs: orNull(Count, 'time of one dependent read of memory, ps') }, { description: 'as the machine measured itself' }),
  }),
  environment: Type.Array(Type.Object({ what: Type.String({ description: 'which part' }), hash: Hash }), { description: 'what it runs, by hash' }),
  model: orNull(Type.Object({ model: Hash, outputs: Type.Array(Type.Integer(), { description: 'in millionths' }) }), 'what the model that it ran gave; null: it ran none'),
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

const Line = {
  round: RoundNumber,
  epoch: EpochNumber,
  machine: Hash,
  owner: Hash,
  outcome: OutcomeShape,
  reason: Reason,
  work: Work,
  commitment: nullable(Hash),
  committeeSize: count('checkers that were drawn for it'),
  counted: Type.Integer({ minimum: 0, description: 'members of the committee with an observation that counts' }),
  medianSteps: count('steps that the committee saw, the median'),
  provenSteps: count('steps that were proven: what `work` is made of'),
  opened: flag('whether openings were asked for and verify'),
  memoryKiB: Type.Integer({ minimum: 0, description: 'memory that it proved to hold, KiB; 0 unless the round was of memory and it passed' }),
  scanMBps: Type.Unsafe<number | null>({ ...nullable(Count), description: 'memory read, 10^6 bytes a second, by proven steps; null: not measured' }),
  relayUs: orNull(Count, 'time to the first progress that neither the round trip nor a step explains, µs: a sign of a relay, never a verdict; null: nobody can say'),
  flags: Type.Array(Reason),
  claim: orNull(Type.String(), 'whether the device that it claims fits its class, its measurements and what it proved: OK or what does not fit; null: it claimed none'),
  standing: nullable(LevelShape),
  ...Rates,
  proof: Type.String({ ...Href, description: 'where the verdict is in full: the packages by which it can be judged again, and every observation' }),
}

/** A verdict as lists have it. */
export const Verdict = component('Verdict', Type.Object(Line, { description: 'what a round says of a machine' }))

export const FullVerdict = component('FullVerdict', Type.Object({
  ...Line,
  committee: Type.Array(Hash),
  facts: nullable(Shown),
  evidence: Type.Array(Evidence, { description: 'packages of the committee that count: with them (fetched by hash) the verdict can be judged again; each is a leaf of the evidence root of the epoch’s statement' }),
}, { description: 'a verdict with what it rests on' }))

const LINE = [
  'verdicts.round', 'verdicts.machine', 'verdicts.owner', 'verdicts.outcome', 'verdicts.reason', 'verdicts.work', 'verdicts.commitment', 'verdicts.counted', 'verdicts.median_steps', 'verdicts.proven_steps', 'verdicts.opened', 'verdicts.memory_kib',
  'verdicts.scan_mbps', 'verdicts.relay_us', 'verdicts.flags', 'verdicts.claim', 'verdicts.standing', 'verdicts.down_kbps', 'verdicts.up_kbps', 'verdicts.rtt_us',
] as const

/** Verdicts without what is long: the committee and the facts. Their epochs are joined: to look one up for each row took most of the time of a list. */
export const verdictLines = (db: Kysely<Tables>) =>
  db.selectFrom('verdicts').innerJoin((query) => query.selectFrom('rounds').select(['round as number', 'epoch']).as('of'), (join) => join.onRef('of.number', '=', 'verdicts.round'))
    .select(LINE).select([sql<number>`cardinality(committee)`.as('committee_size'), 'of.epoch'])

type LineRow = Omit<VerdictRow, 'committee' | 'facts' | 'shown_kib'> & { committee_size: number, epoch: number }

export const verdictShape = (row: LineRow): Static<typeof Verdict> => ({
  round: row.round,
  epoch: row.epoch,
  machine: row.machine,
  owner: row.owner,
  outcome: row.outcome,
  // A PASS may have proven nothing: the zero has a reason too.
  reason: because(row.outcome === 'PASS' && row.work === 0n ? 'NOTHING_PROVEN' : row.reason),
  work: String(row.work),
  commitment: row.commitment,
  committeeSize: row.committee_size,
  counted: row.counted,
  medianSteps: row.median_steps,
  provenSteps: row.proven_steps,
  opened: row.opened,
  memoryKiB: row.memory_kib,
  scanMBps: measured(row.scan_mbps),
  relayUs: row.relay_us,
  flags: row.flags.map(because),
  claim: row.claim,
  standing: row.standing,
  downKbps: measured(row.down_kbps),
  upKbps: measured(row.up_kbps),
  rttUs: measured(row.rtt_us),
  proof: `/rounds/${row.round}/machines/${row.machine}`,
})

/** Verdicts with what they rest on, in the order asked for; null where there is none. */
export async function fullVerdicts(db: Kysely<Tables>, of: readonly Readonly<{ round: number, machine: AccountId }>[]): Promise<(Static<typeof FullVerdict> | null)[]> {
  const rows = (await eachOf(db, of, ['round', 'desc'], ({ round, machine }) => verdictLines(db).select(['committee', 'facts']).where('round', '=', round).where('machine', '=', machine))).map(([row]) => row)
  const packages = await eachOf(db, of, ['checker', 'asc'], ({ round, machine }) => db.selectFrom('verdicts').innerJoin('round_checkers', (join) => join.onRef('round_checkers.round', '=', 'verdicts.round').on(sql<SqlBool>`round_checkers.checker = any(verdicts.committee)`))
    .select(['checker', 'round_checkers.commitment', 'package']).where('verdicts.round', '=', round).where('machine', '=', machine).where('package_counted', '=', true).orderBy('checker'))
  return rows.map((row, i) => row === undefined ? null : {
    ...verdictShape(row), committee: row.committee, facts: row.facts === null ? null : shown(decodeFacts(row.facts)),
    evidence: packages[i]!.flatMap(({ checker, commitment, package: root }) => (commitment !== null && root !== null ? [{ checker, commitment, package: root }] : [])),
  })
}

export const Observation = component('Observation', Type.Object({
  round: RoundNumber, machine: Hash, checker: Hash, vote: literals(['RAN', 'NOT_RUN', 'UNREACHABLE']), credited: count('steps that it saw and the machine proved; 0 unless its reading is right'), paid: flag('whether it counts for the checker’s pay; `reason` says why not'), reason: Reason,
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

/** Whether the observations of an epoch were let go by the retention policy. */
export async function observationsPruned(db: Kysely<Tables>, epoch: number): Promise<boolean> {
  return (await prunedAmong(db, [epoch])).has(epoch)
}

/** Those of some epochs whose observations were. */
export async function prunedAmong(db: Kysely<Tables>, epochs: readonly number[]): Promise<Set<number>> {
  if (epochs.length === 0) return new Set()
  return new Set((await db.selectFrom('epochs').select('epoch').where('epoch', 'in', [...new Set(epochs)]).where('observations', '=', 'pruned').execute()).map(({ epoch }) => epoch))
}
