// What happens, told as it is committed. Everything is read back from the database: whoever gets an event finds its rows, any process of the database tells the same, and a reader who was away goes on where it was.
import type { Kysely } from 'kysely'
import { BehaviorSubject, filter, firstValueFrom, merge, skip, type Observable } from 'rxjs'
import type { Log } from '@assay/kit/log'
import { fromAbort } from '@assay/kit/streams'
import type { AccountId } from '@assay/protocol'
import { payoutShape, totalsShape } from './api/scores.ts'
import { verdictLines, verdictShape } from './api/verdicts.ts'
import type { ChainState } from './follow.ts'
import type { JournalRow, Tables } from './tables.ts'

export const LIVE_TYPES = ['block', 'round', 'verdict', 'epoch', 'payout'] as const
export type LiveType = (typeof LIVE_TYPES)[number]

/** What a reader wants: events of some types; of verdicts and payouts only those of one machine and its owner, if one is named. */
export interface Want { types: ReadonlySet<LiveType>, machine: AccountId | null }

/** `ready` comes first; `reset` means that events were missed: what was read before must be read again. */
export interface LiveEvent { id: string, type: LiveType | 'ready' | 'reset', data: object }

/** A reader's place: all blocks up to `block` and all of the journal up to `entry` are told. `within`: of the entry itself only what comes up to an account (ascending), or its first event (''). */
export interface Position { block: number, entry: number, within: { kind: JournalRow['kind'], number: number, account: string | null } | null }

/** `within`: what the last entry of the journal is; null where there is none. */
type Tip = Position

export interface LiveDeps {
  db: Kysely<Tables>
  state$: BehaviorSubject<ChainState>
  /** emits when tables may have changed, after the commit */
  changes$: Observable<unknown>
  log: Log
}

/** How far behind a reader may be: beyond, what it missed is not told. */
export const BOUNDS = { blocks: 1000, entries: 500 }
const ROWS_A_READ = 200
/** Pieces of what was told last, kept so that all readers share one read of them. */
const KEPT = 64

const ID = /^(\d{1,15})\.(\d{1,15})(?:\.(round|epoch|statement)(\d{1,10})(?:\.(0|0x[0-9a-f]{64}))?)?$/

/** @example positionOf('120.7.round3.0') // block 120, journal up to 7, of which round 3 itself is told and no verdict */
export function positionOf(id: string): Position | null {
  const [, block, entry, kind, number, account] = ID.exec(id) ?? []
  if (block === undefined || entry === undefined) return null
  return { block: Number(block) - 1, entry: Number(entry), within: kind === undefined ? null : { kind: kind as JournalRow['kind'], number: Number(number), account: account === undefined ? null : account === '0' ? '' : account } }
}

// Before the first block the head is -1: ids count blocks from 1.
function idOf({ block, entry, within }: Position): string {
  const place = within && [`${within.kind}${within.number}`, ...(within.account === null ? [] : [within.account || '0'])]
  return [block + 1, entry, ...(place ?? [])].join('.')
}

/** One of a process. Readers cost a place each and no memory: each takes the next event when it has dealt with the one before. */
export class Live {
  readonly #deps: LiveDeps
  /** null until the first look */
  readonly #tip$ = new BehaviorSubject<Tip | null>(null)
  readonly #kept = new Map<string, Promise<unknown>>()

  constructor(deps: LiveDeps) {
    this.#deps = deps
  }

  /** Watches for what is committed, until the signal fires. A failing database is looked at again with the next change. */
  async run(signal: AbortSignal): Promise<void> {
    const { state$, changes$, log } = this.#deps
    let told = false
    while (!signal.aborted) {
      // From here on: what changes while we look is not lost.
      const changed = firstValueFrom(merge(state$.pipe(skip(1)), changes$, fromAbort(signal)), { defaultValue: undefined })
      try {
        await this.#look()
        told = false
      } catch (error) {
        if (!told) log.warn('journal not read', { error })
        told = true
      }
      await changed
    }
  }

  /** Rows whose block the ledger does not have yet wait for it: answers are made of both. */
  async #look(): Promise<void> {
    const { db, state$ } = this.#deps
    const block = state$.value.ledger.head?.number ?? -1
    const before = this.#tip$.value ?? { block: -1, entry: 0, within: null }
    const later = db.selectFrom('journal').select(({ fn }) => fn.min('seq').as('later')).where('seq', '>', before.entry).where('block', '>', block)
    const last = await db.selectFrom('journal').select(['seq', 'kind', 'number']).where('seq', '>', before.entry).where(({ eb, fn, val }) => eb('seq', '<', fn.coalesce(later, val(Number.MAX_SAFE_INTEGER)))).orderBy('seq', 'desc').limit(1).executeTakeFirst()
    // Named by what it is, though nothing of it is left to be told: in a database that was read anew its number may be another's, and an id is taken for one of ours only where both are right.
    if (last) this.#tip$.next({ block, entry: last.seq, within: { kind: last.kind, number: last.number, account: null } })
    else if (this.#tip$.value === null || block !== before.block) this.#tip$.next({ ...before, block })
  }

  /**
   * What happens after `from` (null: from now on), as it is asked for, until the signal fires: first `ready`, or `reset` where it is not known what came after; then one event after the other. Throws what the database throws.
   */
  async *events(from: Position | null, want: Want, signal: AbortSignal): AsyncGenerator<LiveEvent, void, undefined> {
    const { types } = want
    let tip = await this.#tipBut(null, signal)
    if (tip === null) return
    const known = from === null || (await this.#knows(from))
    let at: Position = from !== null && known ? from : tip
    if (known) yield { id: idOf(at), type: 'ready', data: {} }
    else yield { id: idOf(at), type: 'reset', data: {} }
    const ofJournal = types.size > (types.has('block') ? 1 : 0)
    for (; tip !== null; tip = await this.#tipBut(tip, signal)) {
      if ((types.has('block') && tip.block - at.block > BOUNDS.blocks) || (ofJournal && tip.entry - at.entry > BOUNDS.entries)) {
        at = tip
        yield { id: idOf(at), type: 'reset', data: {} }
        continue
      }
      for (const entry of ofJournal ? await this.#entries(at, tip) : []) {
        for await (const event of this.#blocks(at, Math.min(entry.block, tip.block), want)) {
          at = event.at
          yield event.told
        }
        for await (const event of this.#within(at, entry, want)) {
          at = event.at
          yield event.told
        }
        at = { block: at.block, entry: entry.seq, within: { kind: entry.kind, number: entry.number, account: null } }
      }
      for await (const event of this.#blocks(at, tip.block, want)) {
        at = event.at
        yield event.told
      }
      at = { ...at, block: Math.max(at.block, tip.block), ...(at.entry < tip.entry && { entry: tip.entry, within: tip.within }) }
    }
  }

  /** The tip as soon as it is another one than this; null when the signal fires. */
  async #tipBut(known: Tip | null, signal: AbortSignal): Promise<Tip | null> {
    const other$ = this.#tip$.pipe(filter((tip) => tip !== null && tip !== known))
    return (await firstValueFrom(merge(fromAbort(signal), other$), { defaultValue: undefined })) ?? null
  }

  /** Whether a place is one of this database, which another process may have seen before us. An id of another database names what the journal does not have there. */
  async #knows({ block, entry, within }: Position): Promise<boolean> {
    const { db } = this.#deps
    const { last } = await db.selectFrom('blocks').select(({ fn }) => fn.max('number').as('last')).executeTakeFirstOrThrow()
    if (block > ((last as number | null) ?? -1)) return false
    if (within === null && entry === 0) return true
    const row = await db.selectFrom('journal').select(['kind', 'number']).where('seq', '=', entry).executeTakeFirst()
    return row !== undefined && (within === null || (row.kind === within.kind && row.number === within.number))
  }

  /** Entries that are not told, or not wholly. */
  #entries({ entry, within }: Position, tip: Tip): Promise<JournalRow[]> {
    const from = within !== null && within.account !== null ? entry : entry + 1
    if (from > tip.entry) return Promise.resolve([])
    return this.#once(`entries ${from} ${tip.entry}`, () => this.#deps.db.selectFrom('journal').selectAll().where('seq', '>=', from).where('seq', '<=', tip.entry).orderBy('seq').execute())
  }

  async *#blocks(from: Position, to: number, { types }: Want): AsyncGenerator<{ at: Position, told: LiveEvent }> {
    if (!types.has('block')) return
    for (let after = from.block; after < to;) {
      const upTo = Math.min(to, after + ROWS_A_READ)
      const rows = await this.#once(`blocks ${after} ${upTo}`, async () => (await this.#deps.db.selectFrom('blocks').selectAll().where('number', '>', after).where('number', '<=', upTo).orderBy('number').execute()).map(({ number, hash, parent_hash }) => ({ number, hash, parentHash: parent_hash })))
      for (const data of rows) yield told({ ...from, block: data.number }, 'block', data)
      after = upTo
    }
  }

  /** The events of one entry that are not told yet: its own, then those of its lines by account. */
  async *#within(from: Position, entry: JournalRow, { types, machine }: Want): AsyncGenerator<{ at: Position, told: LiveEvent }> {
    const begun = from.entry === entry.seq ? from.within?.account ?? null : null
    const at = (account: string): Position => ({ block: from.block, entry: entry.seq, within: { kind: entry.kind, number: entry.number, account } })
    const own = entry.kind === 'round' ? 'round' : 'epoch'
    if (begun === null && types.has(own)) {
      const data = await this.#once(`${own} ${entry.seq}`, () => (own === 'round' ? this.#round(entry.number) : this.#epoch(entry.number)))
      // What was pruned or restored away meanwhile is told no more.
      if (data) yield told(at(''), own, data)
    }
    const lines = entry.kind === 'round' ? 'verdict' : entry.kind === 'epoch' ? 'payout' : null
    if (lines === null || !types.has(lines)) return
    for (let after = begun ?? ''; ;) {
      const read = () => (lines === 'verdict' ? this.#verdicts(entry.number, after, machine) : this.#payouts(entry.number, after, machine))
      const rows = machine === null ? await this.#once(`${lines} ${entry.seq} ${after}`, read) : await read()
      for (const { account, data } of rows) yield told(at(account), lines, data)
      if (rows.length < ROWS_A_READ) return
      after = rows.at(-1)!.account
    }
  }

  async #round(round: number): Promise<object | null> {
    const { db } = this.#deps
    const row = await db.selectFrom('rounds').select(['epoch', 'judged_at']).where('round', '=', round).where('state', '=', 'judged').executeTakeFirst()
    if (!row) return null
    const totals = await db.selectFrom('round_totals').selectAll().where('round', '=', round).orderBy('outcome').execute()
    return { round, epoch: row.epoch, judgedAt: row.judged_at, outcomes: Object.fromEntries(totals.map(({ outcome, machines }) => [outcome, machines])), work: String(totals.reduce((sum, { work }) => sum + work, 0n)) }
  }

  async #epoch(epoch: number): Promise<object | null> {
    const row = await this.#deps.db.selectFrom('epochs').selectAll().where('epoch', '=', epoch).executeTakeFirst()
    return row ? { epoch, totals: totalsShape(row) } : null
  }

  async #verdicts(round: number, after: string, machine: AccountId | null): Promise<Line[]> {
    const rows = await verdictLines(this.#deps.db).where('round', '=', round).where('machine', '>', after as AccountId).$if(machine !== null, (some) => some.where('machine', '=', machine!)).orderBy('machine').limit(ROWS_A_READ).execute()
    return rows.map((row) => ({ account: row.machine, data: verdictShape(row) }))
  }

  async #payouts(epoch: number, after: string, machine: AccountId | null): Promise<Line[]> {
    const rows = await this.#deps.db.selectFrom('payouts').innerJoin('epochs', 'epochs.epoch', 'payouts.epoch').selectAll('payouts').select('epochs.root').where('payouts.epoch', '=', epoch).where('payouts.account', '>', after as AccountId)
      .$if(machine !== null, (some) => some.where('payouts.account', 'in', (query) => query.selectFrom('scores').select('owner').where('scores.epoch', '=', epoch).where('scores.account', '=', machine!).where('kind', '=', 'machine')))
      .orderBy('payouts.account').limit(ROWS_A_READ).execute()
    return rows.map((row) => ({ account: row.account, data: payoutShape(row) }))
  }

  /** What readers at one place share: read once, and kept while it is among the last that were asked for. */
  #once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key) as Promise<T> | undefined
    if (known) return known
    const reading = read()
    this.#kept.set(key, reading)
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    reading.catch(() => this.#kept.delete(key))
    return reading
  }
}

interface Line { account: AccountId, data: object }

const told = (at: Position, type: LiveType, data: object) => ({ at, told: { id: idOf(at), type, data } })
