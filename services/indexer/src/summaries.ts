// What lists are read from: a row a machine with what it last did, and the totals of each round. Written in the same transaction as what they sum up, so that they are never apart from it.
import { sql, type Kysely, type Transaction } from 'kysely'
import { MACHINE_KEY, registeredMachine, registeredMachines, type AccountId, type Ledger, type LedgerBlock, type Registered } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import { chunks } from './judgements.ts'
import type { MachineRow, Tables } from './tables.ts'

/** Machines whose registration a block changed. */
export const machinesIn = ({ events }: LedgerBlock): AccountId[] => [...new Set(events.flatMap((event) => (event.kind === 'item' && event.key === MACHINE_KEY ? [event.who] : [])))]

/** Writes how some machines are registered in the ledger. */
export async function saveMachines(db: Kysely<Tables> | Transaction<Tables>, ledger: Ledger, accounts: readonly AccountId[]): Promise<void> {
  for (const some of chunks(accounts.map((account) => identityRow(account, registeredMachine(ledger, account))))) {
    await db.insertInto('machines').values(some)
      .onConflict((conflict) => conflict.column('account').doUpdateSet(({ ref }) => ({ registered: ref('excluded.registered'), owner: ref('excluded.owner'), peer: ref('excluded.peer'), anchor: ref('excluded.anchor'), block: ref('excluded.block') })))
      .execute()
  }
}

/** Brings the rows of machines to the ledger's registrations: for a database that was filled before there were such rows. */
export async function reconcileMachines(db: Kysely<Tables>, ledger: Ledger): Promise<void> {
  const stored = new Map((await db.selectFrom('machines').select(['account', 'anchor']).where('registered', '=', true).execute()).map(({ account, anchor }) => [account, anchor]))
  const now = registeredMachines(ledger)
  const changed = now.filter(({ account, anchor }) => stored.get(account) !== anchor).map(({ account }) => account)
  for (const { account } of now) stored.delete(account)
  await saveMachines(db, ledger, [...changed, ...stored.keys()])
}

type IdentityRow = Pick<MachineRow, 'account' | 'address' | 'registered' | 'owner' | 'peer' | 'anchor' | 'block'>

const identityRow = (account: AccountId, found: Registered | null): IdentityRow => ({
  account, address: toAddress(account), registered: found !== null, owner: found?.identity.owner ?? null, peer: found?.identity.peer ?? null, anchor: found?.anchor ?? null, block: found?.block ?? null,
})

/** Where encoded facts have the device class, a little-endian u16: behind a version and a salt. */
const CLASS_AT = 33
/** The device class in a column of encoded facts; null where there are none. */
const classIn = (column: string) => sql`(get_byte(${sql.ref(column)}, ${sql.lit(CLASS_AT)}) | (get_byte(${sql.ref(column)}, ${sql.lit(CLASS_AT + 1)}) << 8))`

/** Sums up a round that was just judged: its totals, how far its checkers agreed, and the latest verdict of each machine. */
export async function sumUpRound(trx: Transaction<Tables>, round: number): Promise<void> {
  await sql`insert into round_totals (round, outcome, machines, work) select round, outcome, count(*), sum(work) from verdicts where round = ${round} group by round, outcome`.execute(trx)
  await sql`update round_checkers c set observed = o.observed, agreed = o.agreed
    from (select checker, count(*) as observed, count(*) filter (where reason <> 'VOTED_OTHERWISE') as agreed from observations where round = ${round} group by checker) o
    where c.round = ${round} and c.checker = o.checker`.execute(trx)
  await sql`update round_checkers set observed = 0, agreed = 0 where round = ${round} and observed is null`.execute(trx)
  // Rounds may be judged out of order: only a later one is the latest.
  await sql`update machines m set last_round = v.round, outcome = v.outcome, by_work = v.work, device = coalesce(${classIn('v.facts')}, m.device) from verdicts v where v.round = ${round} and m.account = v.machine and m.last_round < ${round}`.execute(trx)
}

/** Writes what an epoch that was just scored says of each machine. */
export async function sumUpEpoch(trx: Transaction<Tables>, epoch: number): Promise<void> {
  await sql`update machines m set last_epoch = s.epoch, by_score = s.score, by_earned = s.earned, standing = s.standing, passed = s.passed from scores s where s.epoch = ${epoch} and s.kind = 'machine' and m.account = s.account and m.last_epoch < ${epoch}`.execute(trx)
}

/** Writes what each machine last did from all verdicts and scores, for a database in which they came or went without being summed up. */
export async function sumUpMachines(db: Kysely<Tables> | Transaction<Tables>): Promise<void> {
  await sql`update machines set last_round = -1, outcome = null, by_work = -1, last_epoch = -1, by_score = -1, standing = null, passed = null`.execute(db)
  await sql`update machines m set last_round = v.round, outcome = v.outcome, by_work = v.work from (select distinct on (machine) machine, round, outcome, work from verdicts order by machine, round desc) v where v.machine = m.account`.execute(db)
  await sql`update machines m set last_epoch = s.epoch, by_score = s.score, standing = s.standing, passed = s.passed from (select distinct on (account) account, epoch, score, standing, passed from scores where kind = 'machine' order by account, epoch desc) s where s.account = m.account`.execute(db)
}

/** The same of the columns that came with version 0008: the device that each machine told last, and what it earned last. */
export async function sumUpListed(db: Kysely<Tables> | Transaction<Tables>): Promise<void> {
  await sql`update machines set device = null, by_earned = -1`.execute(db)
  await sql`update machines m set device = v.device from (select distinct on (machine) machine, ${classIn('facts')} as device from verdicts where facts is not null order by machine, round desc) v where v.machine = m.account`.execute(db)
  await sql`update machines m set by_earned = s.earned from scores s where s.kind = 'machine' and s.account = m.account and s.epoch = m.last_epoch`.execute(db)
}
