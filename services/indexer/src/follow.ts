// From the chain into the database and the ledger: one transaction a block, so that head and events are never apart.
import type { Kysely } from 'kysely'
import { BehaviorSubject } from 'rxjs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { applyBlock, emptyLedger, fromHex, LedgerGapError, NoRandomnessError, toHex, type AccountId, type Crypto, type Hash, type Ledger, type LedgerBlock, type LedgerEvent } from '@assay/protocol'
import type { BlockRef, LedgerBlockEvent } from '@assay/runtime-bindings'
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
 * Takes confirmed blocks until `events` ends. A block is in the database before the ledger in `state$` shows it; a block that does not continue the ledger is refused and changes
 * nothing. Throws OperatorError: REORG (confirmed blocks left the chain), CHAIN_REPLACED, GAP, DATABASE.
 */
export async function follow(events: AsyncIterable<LedgerBlockEvent>, { db, crypto, state$, metrics, log }: FollowDeps): Promise<void> {
  for await (const event of events) {
    switch (event.type) {
      case 'block': {
        const done = metrics.blockSeconds.startTimer()
        const ledger = continued(crypto, state$.value.ledger, event.block)
        await writeBlock(db, event.block, ledger)
        done()
        metrics.blocks.inc()
        metrics.headBlock.set(event.block.number)
        metrics.stalled.set(0)
        if (state$.value.stalled) log.info('chain moves again', { block: event.block.number })
        log.debug('block taken', { block: event.block.number, events: event.block.events.length })
        state$.next({ ledger, stalled: null })
        break
      }
      case 'stalled':
        metrics.stalled.set(1)
        log.warn('chain stalled', { reason: event.reason, detail: event.detail, next: event.next })
        state$.next({ ...state$.value, stalled: { reason: event.reason, detail: event.detail } })
        break
      case 'reorg':
        log.info('unconfirmed blocks replaced', { from: event.from, to: event.to })
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
    if (!(cause instanceof LedgerGapError)) throw cause
    throw new OperatorError('GAP', `block ${block.number} (${block.hash}) does not continue block ${ledger.head?.number} (${ledger.head?.hash})`, { advice: 'The endpoint answers inconsistently: start again, with another endpoint if it stays so; nothing was changed.', exit: EXIT.again, cause })
  }
}

/** `ledger`: after the block. */
async function writeBlock(db: Kysely<Tables>, block: LedgerBlock, ledger: Ledger): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('blocks').values({ number: block.number, hash: block.hash, parent_hash: block.parentHash, relay_root: block.relayRoot }).execute()
    if (block.events.length > 0) await trx.insertInto('events').values(block.events.map((event, position) => ({ block: block.number, position, data: encodeEvent(event) }))).execute()
    await saveMachines(trx, ledger, machinesIn(block))
  })
}

const BLOCKS_A_READ = 2000

/**
 * The ledger of all stored blocks, by the same reducer that follows the chain. Throws OperatorError GAP if the stored blocks are no chain.
 */
export async function storedLedger({ db, crypto, network, signal }: { db: Kysely<Tables>, crypto: Crypto, network: AccountId, signal: AbortSignal }): Promise<Ledger> {
  let ledger = emptyLedger(network)
  for await (const block of storedBlocks(db)) {
    signal.throwIfAborted()
    ledger = continued(crypto, ledger, block)
  }
  return ledger
}

/** All stored blocks, ascending, a portion in memory at a time. */
export async function* storedBlocks(db: Kysely<Tables>): AsyncGenerator<LedgerBlock> {
  for (let after = -1; ;) {
    const blocks = await db.selectFrom('blocks').selectAll().where('number', '>', after).orderBy('number').limit(BLOCKS_A_READ).execute()
    const last = blocks.at(-1)
    if (!last) return
    const rows = await db.selectFrom('events').selectAll().where('block', '>', after).where('block', '<=', last.number).orderBy('block').orderBy('position').execute()
    const events = Map.groupBy(rows, ({ block }) => block)
    for (const { number, hash, parent_hash, relay_root } of blocks) {
      yield { number, hash, parentHash: parent_hash, relayRoot: relay_root, events: (events.get(number) ?? []).map(({ data }) => decodeEvent(data)) }
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
export const encodeEvent = (event: LedgerEvent): Uint8Array => new TextEncoder().encode(JSON.stringify(event, (_, value: unknown) => (value instanceof Uint8Array ? { '0x': toHex(value) } : value)))

/** What encodeEvent wrote. */
export const decodeEvent = (data: Uint8Array): LedgerEvent => JSON.parse(new TextDecoder().decode(data), (_, value: unknown) => (typeof value === 'object' && value !== null && '0x' in value ? fromHex(value['0x'] as Hash) : value)) as LedgerEvent
