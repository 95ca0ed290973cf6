// An epoch as a recording: all that its replay needs, from what is stored here. `assay replay --recording` and the explorer's worker replay it.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { gatherEvidence, parametersFor, roundFacts, roundsOf, type Hash, type LoadBlob } from '@assay/protocol'
import { createRecorder, packRecording, RECORDING_BYTES } from '@assay/replay'
import { storedBlocks } from '../follow.ts'
import { ApiError } from './errors.ts'
import { isHeld } from './door.ts'
import { ANY_ROUTE, errorResponses, type ApiDeps } from './route.ts'
import { NumberPath } from './shapes.ts'

/** Recordings kept in memory, the newest made: a page that is loaded again costs nothing. */
const KEPT = 2
/** Seconds after which whoever wanted another one may ask again. */
const RETRY_SECONDS = 15
/** How long it may take to make one. */
const ANSWER_MS = 120_000

/** GET /epochs/:number/recording: a file of `assay replay --save` (gzip). One is made at a time: whoever asks for the same one meanwhile gets the same bytes, whoever asks for another comes again, for a queue of them would keep a server busy for whoever fills it. `limit`: bytes of evidence that one may hold. */
export function recordingRoute(app: FastifyInstance, { db, crypto, state$, network, evidence }: ApiDeps, limit = RECORDING_BYTES): void {
  const kept = new Map<string, Buffer>()
  let making: { key: string, file: Promise<Buffer> } | null = null

  async function record(epoch: number): Promise<Buffer> {
    if (evidence === undefined) throw new ApiError('NO_EVIDENCE', 'this server has no evidence')
    const recorder = createRecorder(crypto, network)
    for await (const block of storedBlocks(db)) recorder.block(block)
    const { ledger } = state$.value
    const load = recorder.noting(bounded(evidence, epoch, limit))
    // What an epoch gives depends on all before it, so a recording holds them too.
    for (let before = 0; before <= epoch; before++) {
      for (const round of roundsOf(parametersFor(ledger, 0)!, before)) {
        const facts = roundFacts(crypto, ledger, round)
        if (facts === null) throw new ApiError('ROUND_FORGOTTEN', `round ${round} is no longer kept here; replay from a chain instead`)
        const { missing } = await gatherEvidence(crypto, facts, load)
        if (missing.length > 0) throw new ApiError('EVIDENCE_MISSING', `evidence of epoch ${before} is not to be had now: ${few(missing)}`)
      }
    }
    try {
      return Buffer.from(await packRecording(recorder.recording(ledger, epoch)))
    } catch (cause) {
      throw cause instanceof RangeError ? tooLong(epoch, limit) : cause
    }
  }

  async function make(key: string, epoch: number): Promise<Buffer> {
    try {
      const file = await record(epoch)
      kept.set(key, file)
      for (const old of [...kept.keys()].slice(0, -KEPT)) kept.delete(old)
      return file
    } finally {
      making = null
    }
  }

  const schema = {
    operationId: 'getRecording', tags: ['epochs'], summary: 'All that the replay of an epoch needs: its blocks and its evidence', description: 'A file for `assay replay --recording`. It holds all epochs before, too, and is made when it is asked for.', params: NumberPath,
    response: { 200: { description: 'the file', content: { 'application/octet-stream': { schema: Type.String({ format: 'binary' }) } } }, ...errorResponses([...ANY_ROUTE, 'NOT_SCORED', 'NO_EVIDENCE', 'EVIDENCE_MISSING', 'ROUND_FORGOTTEN', 'RECORDING_TOO_LONG']) },
  }
  // The file is gzip itself: said to be so on the way, it would come out unpacked.
  app.get<{ Params: { number: number } }>('/epochs/:number/recording', { schema, handlerTimeout: ANSWER_MS, compress: false }, async ({ params: { number }, headers }, reply) => {
    const row = await db.selectFrom('epochs').select(['root', 'chain_state']).where('epoch', '=', number).executeTakeFirst()
    if (!row) throw new ApiError('NOT_SCORED', `epoch ${number} is not scored yet`)
    const key = `${number} ${row.chain_state}`
    // The statement on chain is part of a recording, so its state is part of the name.
    const etag = `"${row.root.slice(2, 34)}-${row.chain_state}"`
    void reply.headers({ etag, 'cache-control': 'public, no-cache' })
    if (isHeld(headers['if-none-match'], etag)) return reply.code(304).send()
    if (!kept.has(key) && making !== null && making.key !== key) {
      void reply.header('retry-after', String(RETRY_SECONDS))
      throw new ApiError('BUSY', `another recording is being made: ask again in ${RETRY_SECONDS} s`)
    }
    const file = kept.get(key) ?? (await (making ??= { key, file: make(key, number) }).file)
    return reply.headers({ 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="epoch-${number}.assay"`, 'x-content-type-options': 'nosniff' }).send(file)
  })
}

/** A source of evidence that gives no more of it than a recording may hold, so that a long network does not fill the memory for what would be refused. */
function bounded(load: LoadBlob, epoch: number, limit: number): LoadBlob {
  const seen = new Set<Hash>()
  let total = 0
  return async (id, maxBytes) => {
    const bytes = await load(id, maxBytes)
    if (bytes !== undefined && !seen.has(id)) total += bytes.length
    seen.add(id)
    if (total > limit) throw tooLong(epoch, limit)
    return bytes
  }
}

const tooLong = (epoch: number, limit: number): ApiError => new ApiError('RECORDING_TOO_LONG', `all before epoch ${epoch} and it has more than the ${limit} bytes of a recording; replay from a chain instead`)

const few = (ids: readonly Hash[]): string => `${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ` and ${ids.length - 3} more` : ''}`

