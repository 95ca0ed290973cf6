// Blocks: the best ones that are not confirmed yet, marked so, and the confirmed ones below.
import type { FastifyInstance } from 'fastify'
import { sql, type Kysely } from 'kysely'
import { Type, type Static } from 'typebox'
import type { Tables } from '../tables.ts'
import { route, type ApiDeps } from './route.ts'
import { Hash, Height, Newest } from './shapes.ts'

export const Block = Type.Object({
  number: Height,
  hash: Hash,
  parentHash: Hash,
  confirmed: Type.Boolean({ description: 'false: the chain may still leave it for another; no verdict, score or payout rests on it' }),
  events: Type.Integer({ minimum: 0, description: 'effects that the protocol reads' }),
})

/** The newest blocks, one a height. */
export async function newestBlocks(db: Kysely<Tables>, limit: number): Promise<Static<typeof Block>[]> {
  // One statement, so one snapshot: a block that is confirmed meanwhile is in one of the two tables, not in both or in neither.
  const { rows } = await sql<Static<typeof Block>>`
    (select number, hash, parent_hash as "parentHash", false as confirmed, events from unconfirmed_blocks)
    union all
    (select number, hash, parent_hash, true, coalesce((select sum(count) from events where events.block = blocks.number), 0)::int4 from blocks order by number desc limit ${limit})
    order by number desc limit ${limit}`.execute(db)
  return rows
}

/** GET /blocks. */
export function blockRoutes(app: FastifyInstance, { db }: ApiDeps): void {
  route(app, '/blocks', { summary: 'Blocks, newest first, also those not confirmed yet', query: Newest, answer: Type.Object({ blocks: Type.Array(Block) }) }, async (_, { limit }) => ({ blocks: await newestBlocks(db, limit) }))
}
