// By which extrinsics what is shown came onto the chain: found again among the stored events, beside the ledger, which does not need them.
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { parametersFor, potOf, statementKey, partKey, statementsOnChain, termOf, toHex, type AccountId, type Hash, type Ledger, type LedgerEvent } from '@assay/protocol'
import { decodeEvents } from '../follow.ts'
import type { EpochRow, PayoutRow, Tables } from '../tables.ts'
import { component, count, Hash as HashShape, Height, nullable } from './shapes.ts'

export const Extrinsic = component('Extrinsic', Type.Object({
  id: Type.String({ pattern: '^[0-9]+-[0-9]+$', description: 'block and place in it, the name that Subscan and Polkadot.js know it by', examples: ['4630-2'] }),
  block: Height,
  blockHash: HashShape,
  index: count('its place in the block'),
}, { description: 'an extrinsic of the chain' }))
type Extrinsic = Static<typeof Extrinsic>

/** `null`: nothing of it is on chain, or its block was stored by a version that did not note extrinsics. */
export const extrinsicOf = (what: string) => Type.Unsafe<Extrinsic | null>({ ...nullable(Extrinsic), description: `${what}; null: not on chain, or not noted when the block was stored` })

/** An item that an account wrote in a block: the first under its key, or the first with this value. */
export interface Written { block: number, who: AccountId, key: string, value?: Hash }

type Item = Extract<LedgerEvent, { kind: 'item' }>
const named = ({ who, key }: Pick<Item, 'who' | 'key'>): string => `${who} ${key}`

/** The extrinsics by which some items were written, in their order; null for an item that is none or is not found. One query, whatever their number. */
export async function extrinsicsOf(db: Kysely<Tables>, items: readonly (Written | null)[]): Promise<(Extrinsic | null)[]> {
  const numbers = [...new Set(items.flatMap((item) => (item === null ? [] : [item.block])))]
  if (numbers.length === 0) return items.map(() => null)
  const rows = await db.selectFrom('events').innerJoin('blocks', 'blocks.number', 'events.block').select(['block', 'hash', 'data']).where('block', 'in', numbers).orderBy('block').orderBy('position').execute()
  const blocks = new Map([...Map.groupBy(rows, ({ block }) => block)].map(([block, alike]) => [block, {
    hash: alike[0]!.hash,
    items: Map.groupBy(alike.flatMap(({ data }) => decodeEvents(data)).filter((event): event is Item => event.kind === 'item'), named),
  }]))
  return items.map((item) => {
    const found = item && blocks.get(item.block)
    const index = found?.items.get(named(item!))?.find(({ value }) => item!.value === undefined || toHex(value) === item!.value)?.extrinsic
    return !found || index === undefined ? null : { id: `${item.block}-${index}`, block: item.block, blockHash: found.hash, index }
  })
}

/** The item with which an epoch's statement came, or one of the parts behind it in which its owners are paid; null while it is not on chain. */
export function settlement(ledger: Ledger, epoch: number, part = 0): Written | null {
  const [stated, parameters] = [statementsOnChain(ledger).get(epoch), parametersFor(ledger, 0)]
  const who = parameters && potOf(ledger, termOf(parameters, epoch))
  if (!stated || !who) return null
  if (part > 0) {
    const block = stated.parts.get(part)?.block
    return block === undefined ? null : { block, who, key: partKey(ledger.network, epoch, part) }
  }
  // The block is that of the chunk that came first.
  const [chunk] = stated.chunks.keys()
  return chunk === undefined ? null : { block: stated.block, who, key: statementKey(ledger.network, epoch, chunk) }
}

/** The item of the part in which a payout was paid; null unless it was, by the statement that we computed. */
export const paymentOf = (ledger: Ledger, { epoch, part, chain_state }: Pick<PayoutRow, 'epoch' | 'part'> & Pick<EpochRow, 'chain_state'>): Written | null => (part === null || chain_state !== 'match' ? null : settlement(ledger, epoch, part))
