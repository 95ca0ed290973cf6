// The feed of verified machines: what a renter's program needs to choose one, for anybody, without a key.
import type { FastifyInstance } from 'fastify'
import { sql, type Kysely } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { decodeFacts, type AccountId } from '@assay/protocol'
import type { EpochRow, MachineRow, ScoreRow, Tables, VerdictRow } from '../tables.ts'
import { cursorKey, eachOf, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { latestScores } from './machines.ts'
import { route, type ApiDeps } from './route.ts'
import { Address, because, component, Count, count, Did, didOf, Hash, Height, Href, literals, measured, nullable, orNull, Reason, RoundNumber } from './shapes.ts'
import { LevelShape, OutcomeShape } from './verdicts.ts'

const MEDIAN = 'median over the rounds of `epoch` in which it passed; null: not measured'
const rate = (unit: string) => Type.Unsafe<number | null>({ ...nullable(Count), description: `${unit}, ${MEDIAN}` })

const Offer = component('VerifiedMachine', Type.Object({
  account: Hash, address: Address, did: Did,
  owner: Hash,
  hardware: Type.Unsafe<Static<typeof Hardware> | null>({ ...nullable(Type.Unsafe({ $ref: 'Hardware#' })), description: 'as in its latest verdict; null where the network does not ask' }),
  rates: Type.Object({ downKbps: rate('kbit/s to the machine'), upKbps: rate('kbit/s from the machine'), rttUs: rate('µs'), provenSteps: rate('steps of n³ proven in a round'), scanMBps: rate('MB/s of memory scanned') }),
  standing: Type.Unsafe<MachineRow['standing']>({ ...nullable(LevelShape), description: 'what it counts as since `epoch`' }),
  reachability: Type.Object({ reachable: Type.Unsafe<boolean | null>({ ...nullable(Type.Boolean()), description: 'whether its committee reached it; null: too few observed it' }), outcome: OutcomeShape, reason: Reason, round: RoundNumber, block: nullable(Height) }, { description: 'its latest verdict, which may be of a later round than `epoch` has: a machine that went away since is still listed until the next epoch is scored' }),
  availability: Type.Object({ passed: count('rounds that it passed'), asked: count('rounds in which enough checkers observed it'), ppm: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'passed of asked, in millionths, rounded down' }) }, { description: 'rounds of `epoch`' }),
  epoch: Type.Integer({ minimum: 0, description: 'the scored epoch that this is of' }),
  lastProof: Type.Object({ round: RoundNumber, block: nullable(Type.Integer({ minimum: 0, description: 'head at which it was judged' })), commitment: nullable(Hash), verdict: Href, score: Href }, { description: 'the latest verdict, what the machine committed to, and where to check both' }),
  updatedAt: Type.Integer({ minimum: 0, description: 'block at which anything of this was written last: its latest verdict, or the scores of `epoch`' }),
  price: Type.Null({ description: 'null: machines name no price yet, so none is known; never 0' }),
}, { description: 'a registered machine that passed at least one round of the last scored epoch and is not benched' }))

const Hardware = component('Hardware', Type.Object({
  class: Type.Integer({ minimum: 0, description: 'device class, PROTOCOL section on devices' }), kind: literals(['CPU', 'GPU']), units: count('threads of a CPU, or GPUs'), memoryMiB: count('memory of one GPU, or what the process may use, MiB'), fingerprint: Hash,
  profile: Type.Object({ int8Mmacs: orNull(Count, 'int8 multiply-accumulates, millions a second'), f32Mflops: orNull(Count, 'float32 operations, millions a second'), memoryMBps: orNull(Count, 'memory read, MB/s'), chasePs: orNull(Count, 'time of one dependent read of memory, ps') }, { description: 'as the machine measured itself' }),
}))

const Feed = component('Feed', Type.Object({ epoch: nullable(Type.Integer({ minimum: 0, description: 'the last scored epoch; null: there is none yet, so nothing is verified' })), head: nullable(Height), ...pageOf(Offer).properties }))

/** How long a copy of the feed may be kept, in seconds: an epoch is far longer. */
const FRESH_SECONDS = 30
const LIST = 'verified machines'

/** GET /feed. */
export function feedRoute(app: FastifyInstance, { db, state$ }: ApiDeps): void {
  route(app, '/feed', { id: 'listVerifiedMachines', tag: 'feed', fresh: FRESH_SECONDS, summary: 'Verified machines, made for renters’ programs', description: 'Keyless and cacheable. All registered machines that passed at least one round of the last scored epoch and are not benched, by account, so that a page neither repeats nor hides one; where `epoch` is another than that of the page before, begin anew. Hardware as they say and sign it, rates as they were measured, standing, availability, whether they were reached last, the last proof, and a price once there is one.', query: pageQuery({}, { most: 200, usual: 50 }), answer: Feed, errors: ['BAD_CURSOR'] }, async (_, { limit, cursor }) => {
    const head = state$.value.ledger.head?.number ?? null
    const last = await db.selectFrom('epochs').select(['epoch', 'scored_at']).orderBy('epoch', 'desc').limit(1).executeTakeFirst()
    if (!last) return { epoch: null, head, items: [], next: null }
    const after = cursorKey(LIST, [Hash], cursor)?.[0]
    const rows = await db.selectFrom('machines').selectAll().where('registered', '=', true).where('last_epoch', '=', last.epoch).where('passed', '>', 0).where('standing', '<>', 'BENCHED')
      .$if(after !== undefined, (some) => some.where('account', '>', after as AccountId)).orderBy('account').limit(limit + 1).execute()
    const page = pageFrom(LIST, rows, limit, ({ account }) => [account], (row) => row)
    return { epoch: last.epoch, head, items: await offers(db, last, page.items), next: page.next }
  })
}

async function offers(db: Kysely<Tables>, { epoch, scored_at: scoredAt }: Pick<EpochRow, 'epoch' | 'scored_at'>, machines: readonly MachineRow[]): Promise<Static<typeof Offer>[]> {
  if (machines.length === 0) return []
  const verdicts = new Map((await latestFacts(db, machines)).map((row) => [row.machine, row]))
  const scores = new Map((await latestScores(db, machines)).map((row) => [row.account, row]))
  const rates = new Map((await medians(db, epoch, machines.map(({ account }) => account))).map(({ machine, ...rate }) => [machine, rate]))
  const judged = new Map((await db.selectFrom('rounds').select(['round', 'judged_at']).where('round', 'in', [...new Set(machines.map(({ last_round }) => last_round))]).execute()).map(({ round, judged_at }) => [round, judged_at]))
  return machines.flatMap((machine) => {
    const [verdict, score] = [verdicts.get(machine.account), scores.get(machine.account)]
    return verdict && score ? [offer(machine, verdict, score, rates.get(machine.account) ?? UNMEASURED, judged.get(machine.last_round) ?? null, scoredAt)] : []
  })
}

type RatesOf = Static<typeof Offer>['rates']
const UNMEASURED: RatesOf = { downKbps: null, upKbps: null, rttUs: null, provenSteps: null, scanMBps: null }

type Shown = Pick<VerdictRow, 'round' | 'machine' | 'owner' | 'commitment' | 'facts' | 'outcome' | 'reason'>

async function latestFacts(db: Kysely<Tables>, machines: readonly MachineRow[]): Promise<Shown[]> {
  const keys = machines.map(({ account, last_round }) => ({ machine: account, round: last_round }))
  return (await eachOf(db, keys, ['round', 'desc'], ({ machine, round }) => db.selectFrom('verdicts').select(['round', 'machine', 'owner', 'commitment', 'facts', 'outcome', 'reason']).where('round', '=', round).where('machine', '=', machine))).flat()
}

function offer({ account, address, owner, standing }: MachineRow, verdict: Shown, score: ScoreRow, rates: RatesOf, judgedAt: number | null, scoredAt: number): Static<typeof Offer> {
  const [passed, asked] = [score.passed ?? 0, score.asked ?? 0]
  return {
    account, address, did: didOf(address), owner: owner ?? verdict.owner, hardware: hardwareOf(verdict), rates, standing, availability: { passed, asked, ppm: asked === 0 ? 0 : Math.floor((passed * 1_000_000) / asked) }, epoch: score.epoch,
    reachability: { reachable: reachable(verdict.outcome), outcome: verdict.outcome, reason: because(verdict.reason), round: verdict.round, block: judgedAt },
    lastProof: { round: verdict.round, block: judgedAt, commitment: verdict.commitment, verdict: `/rounds/${verdict.round}/machines/${account}`, score: `/epochs/${score.epoch}/proofs/${account}` }, updatedAt: Math.max(judgedAt ?? 0, scoredAt), price: null,
  }
}

const reachable = (outcome: VerdictRow['outcome']): boolean | null => (outcome === 'NO_QUORUM' ? null : outcome !== 'UNREACHABLE')

function hardwareOf({ facts }: Shown): Static<typeof Hardware> | null {
  if (facts === null) return null
  const { class: deviceClass, kind, units, memoryMiB, fingerprint, profile } = decodeFacts(facts).device
  return { class: deviceClass, kind, units, memoryMiB, fingerprint, profile: { int8Mmacs: measured(profile.int8Mmacs), f32Mflops: measured(profile.f32Mflops), memoryMBps: measured(profile.memoryMBps), chasePs: measured(profile.chasePs) } }
}

/** Medians of what was measured of machines in the rounds of an epoch that they passed; the lower one of two in the middle. */
async function medians(db: Kysely<Tables>, epoch: number, machines: readonly AccountId[]): Promise<(RatesOf & { machine: AccountId })[]> {
  const median = (column: string, name: string) => sql`percentile_disc(0.5) within group (order by nullif(${sql.ref(column)}, 0)) as ${sql.ref(name)}`
  const columns = sql.join([median('down_kbps', 'downKbps'), median('up_kbps', 'upKbps'), median('rtt_us', 'rttUs'), median('proven_steps', 'provenSteps'), median('scan_mbps', 'scanMBps')])
  const { rows } = await sql<RatesOf & { machine: AccountId }>`select machine, ${columns} from verdicts join rounds using (round) where epoch = ${epoch} and outcome = 'PASS' and machine in (${sql.join(machines)}) group by machine`.execute(db)
  return rows
}
