// From the chain into the database and the ledger: one transaction for the blocks that came together, so that head and events are never apart.
import { sql, type Kysely, type Transaction } from 'kysely'
import { BehaviorSubject } from 'rxjs'
import { EXIT, isOperatorError, OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { applyBlock, concat, emptyLedger, fromHex, LedgerGapError, NewerVersionError, NoRandomnessError, toHex, utf8, type AccountId, type Crypto, type Hash, type Ledger, type LedgerBlock, type LedgerEvent } from '@assay/protocol'
import type { BlockRef, LedgerRunEvent } from '@assay/runtime-bindings'
import { damagedError } from './database-damaged.ts'
import type { IndexerMetrics } from './metrics.ts'
import { machinesIn, saveMachines } from './summaries.ts'
import type { Tables } from './tables.ts'

/** What the chain and we know now. */
export interface ChainState {
  /** Confirmed blocks, all of them in the database. */
  ledger: Ledger
  /** Why no blocks come; null while they do. */
  stalled: { reason: string, detail: string } | null
}

export interface FollowDeps {
  db: Kysely<Tables>
  crypto: Crypto
  state$: BehaviorSubject<ChainState>
  metrics: IndexerMetrics
  log: Log
}

/**
 * Takes confirmed blocks until `events` ends, as many at a time as come together. A block is in the database before the ledger in `state$` shows it; a block that does not continue the ledger is
 * refused and changes nothing. Best blocks are kept beside, in a table that neither ledger nor judgement reads. Throws OperatorError: REORG (confirmed blocks left the chain), CHAIN_REPLACED, GAP, NEWER_VERSION,
 * DATABASE.
 */
export async function follow(events: AsyncIterable<LedgerRunEvent>, { db, crypto, state$, metrics, log }: FollowDeps): Promise<void> {
  // What the last run of this program saw may have left the chain since.
  await db.deleteFrom('unconfirmed_blocks').execute()
  let unconfirmed = false
  for await (const event of events) {
    switch (event.type) {
      case 'blocks': {
        const done = metrics.blockSeconds.startTimer()
        const { ledger, taken, refused } = applied(crypto, state$.value.ledger, event.blocks)
        if (taken.length > 0) {
          await db.transaction().execute(async (trx) => {
            await writeBlocks(trx, taken)
            await saveMachines(trx, ledger, [...new Set(taken.flatMap(machinesIn))])
            if (unconfirmed) await trx.deleteFrom('unconfirmed_blocks').where('number', '<=', taken.at(-1)!.number).execute()
          })
          done()
          metrics.blocks.inc(taken.length)
          metrics.headBlock.set(taken.at(-1)!.number)
          metrics.stalled.set(0)
          if (state$.value.stalled) log.info('chain goes on', { block: taken[0]!.number })
          for (const block of taken) log.debug('block taken', { block: block.number, events: block.events.length })
          state$.next({ ledger, stalled: null })
        }
        if (refused) throw refused
        break
      }
      case 'best':
        unconfirmed = true
        await writeUnconfirmed(db, event.block)
        break
      case 'stalled':
        metrics.stalled.set(1)
        log.warn('chain stands still', { reason: event.reason, best: event.best, next: event.next, detail: event.detail })
        state$.next({ ...state$.value, stalled: { reason: event.reason, detail: event.detail } })
        break
      case 'reorg':
        log.debug('chain reorganised', { from: event.from, to: event.to })
        await db.deleteFrom('unconfirmed_blocks').where('number', '>', event.to).execute()
        if (event.deep) {
          throw new OperatorError('REORG', `the chain left its confirmed blocks ${event.to + 1} to ${event.from} for others`, {
            advice: 'What was judged from them may not hold. Make sure that the endpoint is sound; then give an empty data folder, and everything is read from the chain again.',
          })
        }
        break
      case 'replaced':
        throw new OperatorError('CHAIN_REPLACED', `the endpoint serves another chain: block ${event.expected.number} was ${event.expected.hash} and is ${event.found ?? 'not there'}`, {
          advice: 'Point to the right node, or give an empty data folder if the chain was meant to be replaced; nothing was changed.',
        })
    }
  }
}

function continued(crypto: Crypto, ledger: Ledger, block: LedgerBlock): Ledger {
  try {
    return applyBlock(crypto, ledger, block)
  } catch (cause) {
    if (cause instanceof NoRandomnessError) throw new OperatorError('NO_RANDOMNESS', cause.message, { advice: 'The network is meant for another kind of chain than the endpoint serves: check both settings.', cause })
    if (cause instanceof NewerVersionError) throw new OperatorError(cause.code, cause.message, { advice: cause.advice, cause })
    if (!(cause instanceof LedgerGapError)) throw cause
    throw new OperatorError('GAP', `block ${block.number} (${block.hash}) does not continue block ${ledger.head?.number} (${ledger.head?.hash})`, { advice: 'The endpoint answers inconsistently: start again, with another endpoint if it stays so; nothing was changed.', exit: EXIT.again, cause })
  }
}

/** The ledger after as many of the blocks as continue it, and why the next one does not. */
function applied(crypto: Crypto, ledger: Ledger, blocks: readonly LedgerBlock[]): { ledger: Ledger, taken: readonly LedgerBlock[], refused?: OperatorError } {
  for (const [i, block] of blocks.entries()) {
    try {
      ledger = continued(crypto, ledger, block)
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      return { ledger, taken: blocks.slice(0, i), refused: error }
    }
  }
  return { ledger, taken: blocks }
}

// As columns, and all bytes in one value: a statement with a parameter for each cell takes PostgreSQL ten times as long to read.
async function writeBlocks(trx: Transaction<Tables>, blocks: readonly LedgerBlock[]): Promise<void> {
  await sql`insert into blocks (number, hash, parent_hash, relay_root)
    select * from unnest(${blocks.map(({ number }) => number)}::int8[], ${blocks.map(({ hash }) => hash)}::text[], ${blocks.map(({ parentHash }) => parentHash)}::text[], ${blocks.map(({ relayRoot }) => relayRoot)}::text[])`.execute(trx)
  const full = blocks.filter(({ events }) => events.length > 0)
  if (full.length === 0) return
  const data = full.map(({ events }) => encodeEvents(events))
  await sql`insert into events (block, position, count, data)
    select block, 0, count, substring(${concat(...data)}::bytea from (sum(size) over (order by block) - size + 1)::int4 for size)
    from unnest(${full.map(({ number }) => number)}::int8[], ${full.map(({ events }) => events.length)}::int4[], ${data.map(({ length }) => length)}::int4[]) as x (block, count, size)`.execute(trx)
}

// A best block takes the place of those at its height and above.
async function writeUnconfirmed(db: Kysely<Tables>, { number, hash, parentHash, events }: LedgerBlock): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('unconfirmed_blocks').where('number', '>=', number).execute()
    await trx.insertInto('unconfirmed_blocks').values({ number, hash, parent_hash: parentHash, events: events.length }).execute()
  })
}

const BLOCKS_A_READ = 2000

/**
 * The ledger of all stored blocks, by the same reducer that follows the chain; from `known`, which holds the first of them, if that is given. Throws OperatorError DAMAGED if the stored blocks are no chain, or their events none.
 */
export async function storedLedger({ db, crypto, network, signal }: { db: Kysely<Tables>, crypto: Crypto, network: AccountId, signal: AbortSignal }, known: Ledger = emptyLedger(network)): Promise<Ledger> {
  let ledger = known
  try {
    for await (const block of storedBlocks(db, known.head?.number)) {
      signal.throwIfAborted()
      ledger = applyBlock(crypto, ledger, block)
    }
  } catch (cause) {
    // What was written could be read and applied.
    throw isOperatorError(cause) || signal.aborted ? cause : damagedError('of this index', cause as Error)
  }
  return ledger
}

/** Stored blocks above a height, ascending, a portion in memory at a time. */
export async function* storedBlocks(db: Kysely<Tables>, above = -1): AsyncGenerator<LedgerBlock> {
  for (let after = above; ;) {
    const blocks = await db.selectFrom('blocks').selectAll().where('number', '>', after).orderBy('number').limit(BLOCKS_A_READ).execute()
    const last = blocks.at(-1)
    if (!last) return
    const rows = await db.selectFrom('events').selectAll().where('block', '>', after).where('block', '<=', last.number).orderBy('block').orderBy('position').execute()
    const events = Map.groupBy(rows, ({ block }) => block)
    for (const { number, hash, parent_hash, relay_root } of blocks) {
      yield { number, hash, parentHash: parent_hash, relayRoot: relay_root, events: (events.get(number) ?? []).flatMap(({ data }) => decodeEvents(data)) }
    }
    after = last.number
  }
}

/**
 * Stored blocks, ascending, by which the block stream notices that the chain changed while we were away: the last 256, and older ones at a distance, down to the first, for a chain
 * that is another one altogether.
 */
export async function knownBlocks(db: Kysely<Tables>): Promise<BlockRef[]> {
  const range = await db.selectFrom('blocks').select(({ fn }) => [fn.min('number').as('first'), fn.max('number').as('last')]).executeTakeFirstOrThrow()
  const [first, last] = [range.first ?? 0, range.last ?? 0]
  const distance = Math.max(1, Math.ceil((last - first) / 512))
  const thin = Array.from({ length: Math.floor((last - first) / distance) + 1 }, (_, i) => first + i * distance)
  return await db.selectFrom('blocks').select(['number', 'hash']).where((where) => where.or([where('number', '>', last - 256), where('number', 'in', thin)])).orderBy('number').execute()
}

// JSON with bytes as { "0x": hex }: what an event holds besides is text without that shape.
export const encodeEvents = (events: readonly LedgerEvent[]): Uint8Array => utf8(JSON.stringify(events.map(plain)))

const plain = (event: LedgerEvent): object => {
  switch (event.kind) {
    case 'item': return { ...event, value: hex(event.value) }
    case 'attribute': return { ...event, value: hex(event.value), identity: event.identity && hex(event.identity) }
    case 'role': return event
  }
}

const hex = (bytes: Uint8Array): { '0x': string } => ({ '0x': toHex(bytes) })

/** A list of events; one event alone as earlier versions wrote it. */
export const decodeEvents = (data: Uint8Array): LedgerEvent[] =>
  [JSON.parse(new TextDecoder().decode(data), (_, value: unknown) => (typeof value === 'object' && value !== null && '0x' in value ? fromHex(value['0x'] as Hash) : value)) as LedgerEvent | LedgerEvent[]].flat()
