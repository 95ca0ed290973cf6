// The versions of the schema, oldest first. A released one is never edited: a change is a new one at the end.
import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { PART_PAYEES, type AccountId } from '@assay/protocol'
import { toAddress } from '@assay/runtime-bindings'
import { chunks } from './judgements.ts'
import { sumUpListed, sumUpMachines } from './summaries.ts'
import type { Tables } from './tables.ts'

/** Where changes of tables are told (NOTIFY), with the table's name. */
export const CHANNEL = 'assay'

/** By name, in ascending order of the names. */
export const migrations: Record<string, Migration> = {
  '0001': {
    async up(db) {
      const statements = `
        create table meta (name text primary key, value text not null);
        create table blocks (number int8 primary key, hash text not null, parent_hash text not null, relay_root text);
        create table events (block int8 not null references blocks, position int4 not null, data bytea not null, primary key (block, position));
        create table rounds (round int8 primary key, epoch int8 not null, state text not null check (state in ('waiting', 'failed', 'judged')), tries int4 not null, retry_at int8, judged_at int8);
        create index rounds_by_epoch on rounds (epoch);
        create table missing_blobs (round int8 not null references rounds, id text not null, since int8 not null, primary key (round, id));
        create table verdicts (round int8 not null references rounds, machine text not null, owner text not null, outcome text not null, reason text not null, commitment text, counted int4 not null,
          committee text[] not null, median_steps int8 not null, proven_steps int8 not null, work numeric(39, 0) not null, opened boolean not null, down_kbps int8 not null, up_kbps int8 not null, rtt_us int8,
          primary key (round, machine));
        create index verdicts_by_machine on verdicts (machine, round desc);
        create table observations (round int8 not null, machine text not null, checker text not null, vote text not null, credited int8 not null, paid boolean not null, reason text not null,
          down_kbps int8 not null, up_kbps int8 not null, rtt_us int8 not null, primary key (round, machine, checker), foreign key (round, machine) references verdicts);
        create table round_checkers (round int8 not null references rounds, checker text not null, owner text not null, reported boolean not null, package_counted boolean not null, commitment text, package text,
          paid_observations int4 not null, reason text not null, primary key (round, checker));
        create index round_checkers_by_checker on round_checkers (checker, round desc);
        create table epochs (epoch int8 primary key, root text not null, statement bytea not null, pool numeric(39, 0) not null, paid numeric(39, 0) not null, carried numeric(39, 0) not null, remainder numeric(39, 0) not null,
          scored_at int8 not null, chain_state text not null check (chain_state in ('not_yet', 'match', 'mismatch')), chain_block int8, chain_bytes bytea);
        create table leaves (epoch int8 not null references epochs, tree text not null, position int4 not null, leaf bytea not null, primary key (epoch, tree, position));
        create table scores (epoch int8 not null references epochs, position int4 not null, account text not null, owner text not null, kind text not null, score numeric(39, 0) not null, reason text not null, earned numeric(39, 0) not null,
          primary key (epoch, account, kind));
        create index scores_by_account on scores (account, epoch desc);
        create table payouts (epoch int8 not null references epochs, position int4 not null, account text not null, earned numeric(39, 0) not null, carried_in numeric(39, 0) not null, paid numeric(39, 0) not null,
          carried_out numeric(39, 0) not null, primary key (epoch, account));
        create index payouts_by_account on payouts (account, epoch desc);`
      await runAll(db, statements)
    },
  },
  '0002': {
    async up(db) {
      await runAll(db, `alter table verdicts add column facts bytea, add column flags text[] not null default '{}', add column claim text, add column shown_kib int8 not null default 0, add column memory_kib int8 not null default 0, add column scan_mbps int8 not null default 0, add column relay_us int8;`)
    },
  },
  '0003': {
    async up(db) {
      await runAll(db, `alter table observations add column off_ppm int8;
        alter table verdicts add column standing text;
        alter table scores add column passed int4, add column asked int4, add column standing text, add column benched_until int8, add column weight int4, add column calibration int8[];`)
    },
  },
  '0004': {
    async up(db) {
      // Evidence is noise: it is not worth a try at compression.
      await runAll(db, `create table evidence (id text primary key, epoch int8 not null, bytes bytea not null);
        alter table evidence alter column bytes set storage external;
        create index evidence_by_epoch on evidence (epoch);
        alter table epochs add column evidence text not null default 'kept' check (evidence in ('kept', 'pruned')), add column observations text not null default 'kept' check (observations in ('kept', 'pruned'));
        create table leadership (single boolean primary key default true check (single), term int8 not null);
        insert into leadership (term) values (0);
        create table follower (single boolean primary key default true check (single), best int8, stalled_reason text, stalled_detail text, pot text, seen timestamptz not null);`)
      await sql`create function assay_changed() returns trigger language plpgsql as $$ begin perform pg_notify(${sql.lit(CHANNEL)}, tg_table_name); return null; end $$`.execute(db)
      for (const table of ['blocks', 'rounds', 'epochs', 'follower']) await sql`create trigger assay_changed after insert or update or delete on ${sql.table(table)} for each statement execute function assay_changed()`.execute(db)
    },
  },
  '0005': {
    async up(db) {
      // A row of events holds all of its block now. It is written in one transaction with the block; to look that up for each row again would double the cost of catching up.
      await runAll(db, `create table unconfirmed_blocks (number int8 primary key, hash text not null, parent_hash text not null, events int4 not null);
        alter table events drop constraint events_block_fkey, add column count int4 not null default 1`)
    },
  },
  '0006': {
    async up(db) {
      // Accounts and addresses compare byte by byte, so that a page by account and the search for a beginning use the same index. What was judged before is summed up here; the registrations come from the ledger when it is read.
      await runAll(db, `create table machines (account text collate "C" primary key, address text collate "C" not null, registered boolean not null, owner text collate "C", peer text, anchor text, block int8,
          last_round int8 not null default -1, outcome text, by_work numeric(39, 0) not null default -1, last_epoch int8 not null default -1, by_score numeric(39, 0) not null default -1, standing text, passed int4);
        create index machines_by_address on machines (address) where registered;
        create index machines_by_account on machines (account) where registered;
        create index machines_by_owner on machines (owner, account) where registered;
        create index machines_by_outcome on machines (outcome, account) where registered;
        create index machines_by_standing on machines (standing, account) where registered;
        create index machines_by_score on machines (by_score desc, account desc) where registered;
        create index machines_by_work on machines (by_work desc, account desc) where registered;
        create index machines_by_round on machines (last_round desc, account desc) where registered;
        create table round_totals (round int8 not null, outcome text not null, machines int4 not null, work numeric(39, 0) not null, primary key (round, outcome));
        insert into round_totals select round, outcome, count(*), sum(work) from verdicts group by round, outcome;
        alter table round_checkers add column observed int4, add column agreed int4;
        update round_checkers c set observed = o.observed, agreed = o.agreed from (select round, checker, count(*) as observed, count(*) filter (where reason <> 'VOTED_OTHERWISE') as agreed from observations group by round, checker) o where c.round = o.round and c.checker = o.checker;
        update round_checkers set observed = 0, agreed = 0 where observed is null;
        create index observations_by_checker on observations (checker, round desc, machine);
        create index scores_by_position on scores (epoch, position);
        create index payouts_by_position on payouts (epoch, position);`)
      await fillMachines(db)
    },
  },
  '0007': {
    async up(db) {
      // What was judged, scored and settled, in the order in which it was committed: what live.ts tells from. The lock is taken when a transaction commits and held until it has, so that numbers become visible in their order.
      await sql`create table journal (seq int8 generated always as identity primary key, kind text not null check (kind in ('round', 'epoch', 'statement')), number int8 not null, block int8 not null)`.execute(db)
      await sql`create function assay_journal() returns trigger language plpgsql as $$ begin
        perform pg_advisory_xact_lock(${sql.lit(JOURNAL_LOCK)});
        if tg_table_name = 'rounds' then insert into journal (kind, number, block) values ('round', new.round, new.judged_at);
        elsif new.chain_state = 'not_yet' then insert into journal (kind, number, block) values ('epoch', new.epoch, new.scored_at);
        else insert into journal (kind, number, block) values ('statement', new.epoch, coalesce(new.chain_block, new.scored_at));
        end if;
        return null;
      end $$`.execute(db)
      const AT_COMMIT = sql`deferrable initially deferred for each row`
      await sql`create constraint trigger journal_round after insert on rounds ${AT_COMMIT} when (new.state = 'judged') execute function assay_journal()`.execute(db)
      await sql`create constraint trigger journal_round_later after update of state on rounds ${AT_COMMIT} when (new.state = 'judged' and old.state <> 'judged') execute function assay_journal()`.execute(db)
      await sql`create constraint trigger journal_epoch after insert on epochs ${AT_COMMIT} execute function assay_journal()`.execute(db)
      await sql`create constraint trigger journal_statement after update of chain_state on epochs ${AT_COMMIT} when (new.chain_state <> old.chain_state) execute function assay_journal()`.execute(db)
    },
  },
  '0008': {
    async up(db) {
      // What machines are filtered and sorted by besides, and the extrinsic of the settlement that pays each owner.
      await runAll(db, `alter table machines add column device int4, add column by_earned numeric(39, 0) not null default -1;
        create index machines_by_device on machines (device, account) where registered;
        create index machines_by_earned on machines (by_earned desc, account desc) where registered;
        alter table payouts add column part int4;
        update payouts p set part = q.part from (select epoch, account, ((row_number() over (partition by epoch order by position) - 1) / ${PART_PAYEES})::int4 as part from payouts where paid > 0) q where q.epoch = p.epoch and q.account = p.account;`)
      await sumUpListed(db as Kysely<Tables>)
    },
  },
}

/** Key of the advisory lock under which the journal is written. */
const JOURNAL_LOCK = 0x6a6f75726e

/** One row for each machine that was ever judged, with its latest verdict and score. */
async function fillMachines(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ account: AccountId }>`select distinct machine as account from verdicts`.execute(db)
  for (const some of chunks(rows)) await sql`insert into machines (account, address, registered) values ${sql.join(some.map(({ account }) => sql`(${account}, ${toAddress(account)}, false)`))}`.execute(db)
  await sumUpMachines(db as Kysely<Tables>)
}

/** One statement a query: the extended protocol takes no more. */
async function runAll(db: Kysely<unknown>, statements: string): Promise<void> {
  for (const statement of statements.split(';')) if (statement.trim() !== '') await sql.raw(statement).execute(db)
}
