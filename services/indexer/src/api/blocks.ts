// Blocks: the best ones that are not confirmed yet, marked so, and the confirmed ones below.
import type { FastifyInstance } from 'fastify'
import { sql, type Kysely } from 'kysely'
import { Type, type Static } from 'typebox'
import type { Tables } from '../tables.ts'
import { cursorKey, pageFrom, pageOf, pageQuery } from './cursor.ts'
import { route, type ApiDeps } from './route.ts'
import { component, Hash, Height } from './shapes.ts'

const BlockShape = component('Block', Type.Object({
  number: Height,
  hash: Hash,
  parentHash: Hash,
  confirmed: Type.Boolean({ description: 'false: the chain may still leave it for another; no verdict, score or payout rests on it' }),
  events: Type.Integer({ minimum: 0, description: 'effects that the protocol reads' }),
}))

/** Blocks below a height, newest first, one a height. */
export async function newestBlocks(db: Kysely<Tables>, limit: number, below = Number.MAX_SAFE_INTEGER): Promise<Static<typeof BlockShape>[]> {
  // One statement, so one snapshot: a block that is confirmed meanwhile is in one of the two tables, not in both or in neither.
  const { rows } = await sql<Static<typeof BlockShape>>`
    (select number, hash, parent_hash as "parentHash", false as confirmed, events from unconfirmed_blocks where number < ${below})
    union all
    (select number, hash, parent_hash, true, coalesce((select sum(count) from events where events.block = blocks.number), 0)::int4 from blocks where number < ${below} order by number desc limit ${limit})
    order by number desc limit ${limit}`.execute(db)
  return rows
}

const LIST = 'blocks'
const BELOW = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** GET /blocks. */
export function blockRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  route(app, '/blocks', { id: 'listBlocks', tag: 'network', summary: 'Blocks, newest first, also those not confirmed yet', query: pageQuery({}, { usual: 20 }), answer: pageOf(BlockShape), errors: ['BAD_CURSOR'] }, async (_, { limit, cursor }) => {
    const below = cursorKey(LIST, [BELOW], cursor)?.[0]
    return pageFrom(LIST, await newestBlocks(db, limit + 1, below), limit, ({ number }) => [number], (block) => block)
  })
}
