// Evidence over HTTP: blobs by their hash, to anyone, once they are published. Before that nobody learns even that they are here.
import type { BlobStore } from '@assay/kit/blobs'
import type { serveOperations } from '@assay/kit/http'
import type { Shedding } from './shedding.ts'
import type { Store } from './store.ts'

type Routes = NonNullable<Parameters<typeof serveOperations>[0]['routes']>

/** Blobs that are served at once. */
const AT_ONCE = 64

/**
 * Routes: `GET /evidence/<64 hex digits>` gives the blob's bytes, cacheable for ever, or 404 (also for what is held but not yet published), or 503 while `most` others are being read; `GET /statements/<epoch>` gives
 * this checker's own statement `{ epoch, root, bytes (0x hex), landed, agreed }` or 404.
 */
export function evidenceRoutes(store: Store, blobs: BlobStore, shedding: Pick<Shedding, 'shed'>, most = AT_ONCE): Routes {
  let serving = 0
  return (app) => {
    app.get<{ Params: { id: string } }>('/evidence/:id', async (request, reply) => {
      // Each is in memory as a whole until its reader has it; whoever is told to come back, or asks another checker, finds it then.
      if (serving >= most) {
        shedding.shed('evidence')
        return reply.code(503).header('retry-after', '1').send({ error: { code: 'BUSY', message: 'too many are reading evidence here at once' } })
      }
      serving++
      reply.raw.once('close', () => serving--)
      const id = `0x${request.params.id}` as const
      const bytes = /^0x[0-9a-f]{64}$/.test(id) && store.isPublished(id) ? await blobs.get(id) : undefined
      if (bytes === undefined) return reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'no such published evidence here' } })
      return reply.type('application/octet-stream').header('cache-control', 'public, max-age=31536000, immutable').send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    })
    app.get<{ Params: { epoch: string } }>('/statements/:epoch', (request, reply) => {
      const statement = /^\d{1,9}$/.test(request.params.epoch) ? store.statement(Number(request.params.epoch)) : undefined
      if (statement === undefined) return reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'this checker has no statement of that epoch' } })
      const { epoch, root, bytes, landed, agreed } = statement
      return { epoch, root, bytes: `0x${Buffer.from(bytes).toString('hex')}`, landed, agreed }
    })
  }
}
