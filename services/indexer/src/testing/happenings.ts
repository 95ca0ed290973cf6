// Rows as following and judging write them, as few as live events need.
import { sql, type Kysely } from 'kysely'
import { BehaviorSubject, Subject } from 'rxjs'
import { emptyLedger, type AccountId, type Hash } from '@assay/protocol'
import type { ChainState } from '../follow.ts'
import type { Tables } from '../tables.ts'
import { testOwner } from './database.ts'

export const hash32 = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
/** Machine n and its owner. */
export const machine = (n: number): AccountId => hash32(0xa000 + n)
export const owner = (n: number): AccountId => hash32(0xb000 + n)

/** A network that is written by hand. */
export class Happenings {
  readonly changes$ = new Subject<void>()
  readonly state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(testOwner.network as AccountId), stalled: null })
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Blocks from the next one up to `to`, in the database and in the ledger. */
  async blocks(to: number): Promise<void> {
    const { ledger } = this.state$.value
    const from = (ledger.head?.number ?? -1) + 1
    const rows = Array.from({ length: to - from + 1 }, (_, i) => ({ number: from + i, hash: hash32(from + i), parent_hash: hash32(from + i - 1), relay_root: null }))
    await this.#db.insertInto('blocks').values(rows).execute()
    this.head(to)
  }

  /** The ledger's head alone. */
  head(number: number): void {
    this.state$.next({ ...this.state$.value, ledger: { ...this.state$.value.ledger, head: { number, hash: hash32(number) } } })
  }

  /** A judged round with a passed verdict of each of some machines. */
  async round(round: number, machines: readonly number[], at = this.state$.value.ledger.head!.number): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx.insertInto('rounds').values({ round, epoch: Math.floor(round / 2), state: 'judged', tries: 1, retry_at: null, judged_at: at }).execute()
      for (let i = 0; i < machines.length; i += 500) {
        await trx.insertInto('verdicts').values(machines.slice(i, i + 500).map((n) => ({
          round, machine: machine(n), owner: owner(n), outcome: 'PASS' as const, reason: 'OK' as const, commitment: hash32(1), counted: 1, committee: [hash32(2)], median_steps: 5, proven_steps: 5, work: 7n, opened: true, down_kbps: 1, up_kbps: 1, rtt_us: 1,
          facts: null, flags: [], claim: null, shown_kib: 0, memory_kib: 0, scan_mbps: 0, relay_us: null, standing: null,
        }))).execute()
      }
      await trx.insertInto('round_totals').values({ round, outcome: 'PASS', machines: machines.length, work: 7n * BigInt(machines.length) }).execute()
    })
    this.changes$.next()
  }

  /** A round that lacks evidence. */
  async waiting(round: number): Promise<void> {
    await this.#db.insertInto('rounds').values({ round, epoch: Math.floor(round / 2), state: 'waiting', tries: 1, retry_at: 99, judged_at: null }).execute()
    this.changes$.next()
  }

  /** That round, judged at last; without verdicts. */
  async judged(round: number): Promise<void> {
    await this.#db.updateTable('rounds').set({ state: 'judged', retry_at: null, judged_at: this.state$.value.ledger.head!.number }).where('round', '=', round).execute()
    this.changes$.next()
  }

  /** A scored epoch that pays the owners of some machines. */
  async epoch(epoch: number, machines: readonly number[]): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx.insertInto('epochs').values({ epoch, root: hash32(epoch), statement: new Uint8Array(), pool: 100n, paid: 10n, carried: 0n, remainder: 90n, scored_at: this.state$.value.ledger.head!.number, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
      if (machines.length === 0) return
      await trx.insertInto('scores').values(machines.map((n, position) => ({ epoch, position, account: machine(n), owner: owner(n), kind: 'machine' as const, score: 1n, reason: 'OK' as const, earned: 10n, passed: 1, asked: 1, standing: null, benched_until: null, weight: null, calibration: null }))).execute()
      await trx.insertInto('payouts').values(machines.map((n, position) => ({ epoch, position, account: owner(n), earned: 10n, carried_in: 0n, paid: 10n, carried_out: 0n }))).execute()
    })
    this.changes$.next()
  }

  /** The statement of an epoch found on chain. */
  async settled(epoch: number): Promise<void> {
    await this.#db.updateTable('epochs').set({ chain_state: 'match', chain_block: this.state$.value.ledger.head!.number }).where('epoch', '=', epoch).execute()
    this.changes$.next()
  }
}

/** A world with ten blocks and nothing else, in a database from which all others went. */
export async function freshWorld(db: Kysely<Tables>): Promise<Happenings> {
  await sql`truncate blocks, rounds, verdicts, epochs, scores, payouts, round_totals, journal restart identity cascade`.execute(db)
  const world = new Happenings(db)
  await world.blocks(10)
  return world
}
