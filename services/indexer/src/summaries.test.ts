import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeFacts, emptyLedger, PART_PAYEES, type AccountId, type Ledger, type Outcome, type Registered } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import type { Store } from './database.ts'
import { migrations } from './migrations.ts'
import { reconcileMachines, saveMachines, sumUpEpoch, sumUpListed, sumUpRound } from './summaries.ts'
import { actorFacts } from '../../../protocol/testing/actor-facts.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())
beforeEach(async () => void (await sql`truncate machines, round_totals, round_checkers, observations, verdicts, scores, payouts, epochs, rounds cascade`.execute(store.db)))

const account = (i: number): AccountId => `0x${i.toString(16).padStart(64, '0')}`
const [A, B, C] = [account(1), account(2), account(3)] as const
const CHECKER = account(100)

/** A ledger in which these machines are registered, each with an anchor. */
function ledgerOf(anchors: Record<AccountId, AccountId>): Ledger {
  const entries = Object.entries(anchors).map(([machine, anchor]) => {
    const registered = { account: machine, anchor, block: 7, identity: { owner: account(50), peer: account(51) } } as Registered
    return [machine as AccountId, { block: 7, event: 0, registered, reason: 'OK' as const, since: [7, 0] as const, before: null }] as const
  })
  return { ...emptyLedger(account(9)), identities: { machine: new Map(entries), checker: new Map() } }
}

/** Writes a judged round, and sums it up unless told otherwise. */
async function judge(round: number, outcomes: Record<AccountId, [outcome: Outcome, work: bigint, agreed: boolean]>, { summed = true } = {}): Promise<void> {
  const { db } = store
  await db.insertInto('rounds').values({ round, epoch: 0, state: 'judged', tries: 1, retry_at: null, judged_at: round }).execute()
  for (const [machine, [outcome, work, agreed]] of Object.entries(outcomes) as [AccountId, [Outcome, bigint, boolean]][]) {
    await db.insertInto('verdicts').values({ round, machine, owner: account(50), outcome, reason: 'OK', commitment: null, counted: 1, committee: [CHECKER], median_steps: 0, proven_steps: 0, work, opened: false, down_kbps: 0, up_kbps: 0, rtt_us: null, facts: null, flags: [], claim: null, shown_kib: 0, memory_kib: 0, scan_mbps: 0, relay_us: null, standing: null }).execute()
    await db.insertInto('observations').values({ round, machine, checker: CHECKER, vote: 'RAN', credited: 0, paid: false, reason: agreed ? 'OK' : 'VOTED_OTHERWISE', off_ppm: null, down_kbps: 0, up_kbps: 0, rtt_us: 0 }).execute()
  }
  for (const checker of [CHECKER, account(101)]) await db.insertInto('round_checkers').values({ round, checker, owner: account(50), reported: true, package_counted: true, commitment: null, package: null, paid_observations: 0, reason: 'OK' }).execute()
  if (summed) await db.transaction().execute((trx) => sumUpRound(trx, round))
}
async function score(epoch: number, scores: Record<AccountId, bigint>, { summed = true } = {}): Promise<void> {
  const { db } = store
  await db.insertInto('epochs').values({ epoch, root: account(70), statement: new Uint8Array(), pool: 0n, paid: 0n, carried: 0n, remainder: 0n, scored_at: 0, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
  for (const [i, [machine, score]] of (Object.entries(scores) as [AccountId, bigint][]).entries()) await db.insertInto('scores').values({ epoch, position: i, account: machine, owner: account(50), kind: 'machine', score, reason: 'OK', earned: 7n, passed: 1, asked: 2, standing: 'TRUSTED', benched_until: null, weight: null, calibration: null }).execute()
  if (summed) await db.transaction().execute((trx) => sumUpEpoch(trx, epoch))
}

const latest = async () => (await store.db.selectFrom('machines').selectAll().orderBy('account').execute()).map(({ account, last_round, outcome, by_work, last_epoch, by_score, standing, passed }) => [account, last_round, outcome, by_work, last_epoch, by_score, standing, passed])
const NEW = [-1, null, -1n, -1, -1n, null, null]

describe('machines', () => {
  it('show their latest verdict and score; those without any show none', async () => {
    await saveMachines(store.db, ledgerOf({ [A]: A, [B]: B, [C]: C }), [A, B, C])
    await judge(0, { [A]: ['PASS', 5n, true], [B]: ['FAIL', 0n, true] })
    await judge(1, { [A]: ['PASS', 7n, true] })
    await score(0, { [A]: 12n })
    expect(await latest()).toEqual([[A, 1, 'PASS', 7n, 0, 12n, 'TRUSTED', 1], [B, 0, 'FAIL', 0n, ...NEW.slice(3)], [C, ...NEW]])
  })

  it('keep the later of two rounds that were judged out of order', async () => {
    await saveMachines(store.db, ledgerOf({ [A]: A }), [A])
    await judge(4, { [A]: ['PASS', 7n, true] })
    await judge(3, { [A]: ['UNREACHABLE', 0n, true] })
    expect(await latest()).toEqual([[A, 4, 'PASS', 7n, ...NEW.slice(3)]])
  })

  it('that a database was filled without are registered as the ledger says, once and again', async () => {
    await saveMachines(store.db, ledgerOf({ [A]: A, [B]: B }), [A, B])
    await judge(0, { [A]: ['PASS', 5n, true] })
    // B left, C came, A anchored another identity: what A did stays.
    const now = ledgerOf({ [A]: account(60), [C]: C })
    for (let i = 0; i < 2; i++) {
      await reconcileMachines(store.db, now)
      const rows = await store.db.selectFrom('machines').select(['account', 'address', 'registered', 'anchor', 'last_round']).orderBy('account').execute()
      expect(rows).toEqual([{ account: A, address: toAddress(A), registered: true, anchor: account(60), last_round: 0 }, { account: B, address: toAddress(B), registered: false, anchor: null, last_round: -1 }, { account: C, address: toAddress(C), registered: true, anchor: C, last_round: -1 }])
    }
  })
})

describe('the device that a machine told last', () => {
  const facts = (deviceClass: number): Uint8Array => actorFacts('a machine', (same) => ({ ...same, device: { ...same.device, class: deviceClass } }))
  const tell = (round: number, machine: AccountId, bytes: Uint8Array | null) => store.db.updateTable('verdicts').set({ facts: bytes }).where('round', '=', round).where('machine', '=', machine).execute()
  const devices = async () => (await store.db.selectFrom('machines').select(['account', 'device', 'by_earned']).orderBy('account').execute()).map(({ device, by_earned }) => [device, by_earned])

  it('is the class that its facts have, whatever it is, and stays where it tells none', async () => {
    await saveMachines(store.db, ledgerOf({ [A]: A, [B]: B, [C]: C }), [A, B, C])
    for (const [round, told] of [[0, [141, 65_535]], [1, [256, null]], [2, [null, null]]] as const) {
      await judge(round, { [A]: ['PASS', 5n, true], [B]: ['PASS', 5n, true] }, { summed: false })
      for (const [i, machine] of [A, B].entries()) if (told[i] != null) await tell(round, machine, facts(told[i]))
      await store.db.transaction().execute((trx) => sumUpRound(trx, round))
    }
    await score(0, { [A]: 12n })
    const expected = [[256, 7n], [65_535, -1n], [null, -1n]]
    expect(await devices()).toEqual(expected)
    expect(decodeFacts(facts(65_535)).device.class).toBe(65_535)
    // The same where all of it is summed up at once.
    await store.db.updateTable('machines').set({ device: 9, by_earned: 9n }).execute()
    await sumUpListed(store.db)
    expect(await devices()).toEqual(expected)
  })
})

describe('rounds', () => {
  it('have totals by outcome, and how far each checker agreed', async () => {
    await judge(0, { [A]: ['PASS', 5n, true], [B]: ['PASS', 6n, false], [C]: ['FAIL', 0n, true] })
    expect(await store.db.selectFrom('round_totals').selectAll().orderBy('outcome').execute()).toEqual([{ round: 0, outcome: 'FAIL', machines: 1, work: 0n }, { round: 0, outcome: 'PASS', machines: 2, work: 11n }])
    expect(await store.db.selectFrom('round_checkers').select(['checker', 'observed', 'agreed']).orderBy('checker').execute()).toEqual([{ checker: CHECKER, observed: 3, agreed: 2 }, { checker: account(101), observed: 0, agreed: 0 }])
  })
})

describe('a database of before', () => {
  it('learns the devices, the earnings and the parts of its payouts when it is migrated', async () => {
    const { db } = store
    await saveMachines(db, ledgerOf({ [A]: A, [B]: B }), [A, B])
    await judge(0, { [A]: ['PASS', 5n, true] })
    await db.updateTable('verdicts').set({ facts: actorFacts('a machine', (same) => ({ ...same, device: { ...same.device, class: 141 } })) }).execute()
    await score(0, { [A]: 12n })
    // The second of 1003 owners is paid nothing yet.
    await db.insertInto('payouts').values(Array.from({ length: PART_PAYEES + 3 }, (_, i) => ({ epoch: 0, position: i, account: account(i), earned: 3n, carried_in: 0n, paid: i === 1 ? 0n : 3n, carried_out: i === 1 ? 3n : 0n }))).execute()
    for (const statement of ['drop index machines_by_device', 'drop index machines_by_earned', 'alter table machines drop column device, drop column by_earned', 'alter table payouts drop column part']) await sql.raw(statement).execute(db)
    await migrations['0008']!.up(db)
    const parts = (await db.selectFrom('payouts').select('part').orderBy('position').execute()).map(({ part }) => part)
    expect([parts.slice(0, 3), parts.slice(PART_PAYEES - 1)]).toEqual([[0, null, 0], [0, 0, 1, 1]])
    expect((await db.selectFrom('machines').select(['device', 'by_earned']).orderBy('account').execute())).toEqual([{ device: 141, by_earned: 7n }, { device: null, by_earned: -1n }])
  })

  it('is summed up when it is migrated, as it would have been round by round', async () => {
    await saveMachines(store.db, ledgerOf({ [A]: A, [B]: B }), [A, B])
    const fill = async (summed: boolean) => {
      await judge(0, { [A]: ['PASS', 5n, true], [B]: ['FAIL', 0n, false] }, { summed })
      await judge(1, { [A]: ['PASS', 7n, false] }, { summed })
      await score(0, { [A]: 12n }, { summed })
    }
    const sums = async () => [await latest(), await store.db.selectFrom('round_totals').selectAll().orderBy('round').orderBy('outcome').execute(), await store.db.selectFrom('round_checkers').select(['round', 'checker', 'observed', 'agreed']).orderBy('round').orderBy('checker').execute()]
    await fill(true)
    const expected = await sums()
    await sql`truncate round_checkers, observations, verdicts, scores, epochs, rounds cascade`.execute(store.db)
    for (const statement of ['drop table machines', 'drop table round_totals', 'alter table round_checkers drop column observed, drop column agreed', 'drop index observations_by_checker', 'drop index scores_by_position', 'drop index payouts_by_position']) await sql.raw(statement).execute(store.db)
    await fill(false)
    await migrations['0006']!.up(store.db)
    expect(await sums()).toEqual(expected)
  })
})
