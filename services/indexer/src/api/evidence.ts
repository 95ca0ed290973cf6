// Evidence by its hash, to whoever would check it: a replay, a browser, another indexer.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Hash } from '@assay/protocol'
import { heldEvidence } from '../evidence.ts'
import { ApiError } from './errors.ts'
import { isHeld } from './door.ts'
import { ANY_ROUTE, answered, errorResponses, whileWaiting, type ApiDeps } from './route.ts'

const Path = { type: 'object', properties: { id: { type: 'string', pattern: '^(0x)?[0-9a-f]{64}$', description: 'SHA-256 of the bytes' } }, required: ['id'] } as const

/** GET /evidence/:id, as checkers serve it too. What has this hash never changes, so it may be cached for ever. */
export function evidenceRoute(app: FastifyInstance, { db }: Pick<ApiDeps, 'db'>): void {
  app.get<{ Params: { id: string } }>('/evidence/:id', { schema: { operationId: 'getEvidence', tags: ['epochs'], summary: 'The bytes with this SHA-256', params: Path, response: { 200: { description: 'the bytes', content: { 'application/octet-stream': { schema: Type.String({ format: 'binary' }) } } }, ...errorResponses([...ANY_ROUTE, 'EVIDENCE_MISSING', 'NO_EVIDENCE']) } } }, async (request, reply) => {
    const { params, headers } = request
    const id: Hash = `0x${params.id.replace(/^0x/, '')}`
    const tag = `"${id}"`
    const held = await answered(app, request, whileWaiting(reply), async () => {
      const found = await heldEvidence(db, id)
      if (!found) throw await absence(id)
      return found
    })
    reply.headers({ 'cache-control': 'public, max-age=31536000, immutable', etag: tag, 'x-content-type-options': 'nosniff' })
    return isHeld(headers['if-none-match'], tag) ? reply.code(304).send() : reply.type('application/octet-stream').send(held.bytes)
  })

  async function absence(id: Hash): Promise<ApiError> {
    const missing = await db.selectFrom('missing_blobs').select(({ fn }) => fn.min('since').as('since')).where('id', '=', id).executeTakeFirst()
    if (missing?.since != null) return new ApiError('EVIDENCE_MISSING', `nobody has served ${id} since block ${missing.since}; it is asked for again and again`)
    const { count } = await db.selectFrom('epochs').select(({ fn }) => fn.countAll<number>().as('count')).where('evidence', '=', 'pruned').executeTakeFirstOrThrow()
    return new ApiError('NO_EVIDENCE', count > 0 ? `${id} is not held: it was never needed here, or was pruned with the evidence of one of ${count} settled epochs` : `${id} is not held: it was never needed here`)
  }
}
