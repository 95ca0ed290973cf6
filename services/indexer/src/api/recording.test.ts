import type { FastifyInstance } from 'fastify'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operationsApp } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { applyBlock, emptyLedger, replayEpoch, statementKey, type Hash, type LoadBlob, type ReplayedEpoch } from '@assay/protocol'
import { replayRecording, unpackRecording } from '@assay/replay'
import { testCrypto as crypto } from '../../../../protocol/testing/actors.ts'
import { blockHash } from '../../../../protocol/testing/round.ts'
import { play, type Played } from '../../../../replay/testing/play.ts'
import { apiRoutes } from '../api.ts'
import type { Store } from '../database.ts'
import { encodeEvents, type ChainState } from '../follow.ts'
import { indexerMetrics } from '../metrics.ts'
import { recordingRoute } from './recording.ts'
import { COMPONENTS } from './shapes.ts'
import type { ApiDeps } from './route.ts'
import { openTestDatabase, testOwner } from '../testing/database.ts'

let store: Store
let end: () => Promise<void>
let played: Played
let replayed: ReplayedEpoch[]
let app: FastifyInstance
let bare: FastifyInstance
let deps: ApiDeps
let serving: (load: { evidence?: LoadBlob }) => Promise<FastifyInstance>
/** What evidence is asked for, and what of it is not to be had. */
let asked: Hash[] = []
const hidden = new Set<Hash>()

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
  played = play({ machines: 2, epochs: 2 })
  replayed = []
  for (const epoch of [0, 1]) replayed.push((await replayEpoch(crypto, played.ledger, epoch, played.load, replayed.at(-1)?.result.state)) as ReplayedEpoch)
  const last = played.blocks.at(-1)!
  const stated = { number: last.number + 1, hash: blockHash(last.number + 1), parentHash: last.hash, relayRoot: null, events: replayed[0]!.statement.chunks.map((value, i) => ({ kind: 'item' as const, who: played.network, key: statementKey(played.network, 0, i), value, update: false })) }
  const blocks = [...played.blocks, stated]
  await store.db.insertInto('blocks').values(blocks.map(({ number, hash, parentHash, relayRoot }) => ({ number, hash, parent_hash: parentHash, relay_root: relayRoot }))).execute()
  await store.db.insertInto('events').values(blocks.map(({ number, events }) => ({ block: number, position: 0, count: events.length, data: encodeEvents(events) }))).execute()
  for (const { epoch, statement, result: { paid, carried } } of replayed) await store.db.insertInto('epochs').values({ epoch, root: statement.root, statement: statement.bytes, pool: 0n, paid, carried, remainder: 0n, scored_at: last.number, chain_state: epoch === 0 ? 'match' : 'not_yet', chain_block: null, chain_bytes: null }).execute()
  const state$ = new BehaviorSubject<ChainState>({ ledger: blocks.reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(played.network)), stalled: null })
  const evidence: LoadBlob = async (id) => {
    asked.push(id)
    return hidden.has(id) ? undefined : played.blobs.get(id)
  }
  deps = { db: store.db, crypto, state$, best: () => null, pot: () => null, network: played.network, genesisHash: testOwner.genesisHash as Hash, evidence }
  serving = (load) => operationsApp({
    log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: () => Promise.resolve(''),
    routes: apiRoutes({ ...deps, evidence: undefined, ...load }, indexerMetrics(createMetrics('indexer'))),
  })
  app = await serving({ evidence })
  bare = await serving({})
})
afterAll(async () => {
  await app.close()
  await bare.close()
  await end()
})
beforeEach(() => {
  asked = []
  hidden.clear()
})

const get = (epoch: number, headers: Record<string, string> = {}) => app.inject({ url: `/epochs/${epoch}/recording`, headers })

describe('a recording', () => {
  it('that lacks evidence is refused, names it, and is made when it can be', async () => {
    const [lacking] = played.blobs.keys()
    hidden.add(lacking!)
    const refused = await get(0)
    expect([refused.statusCode, refused.json()]).toEqual([404, { error: { code: 'EVIDENCE_MISSING', message: expect.stringContaining(lacking!) } }])
    hidden.clear()
    expect((await get(0)).statusCode).toBe(200)
  })

  it('gives the same statement by other implementations, and travels as it is', async () => {
    for (const { epoch, statement } of replayed) {
      const answer = await get(epoch, { 'accept-encoding': 'br, gzip' })
      expect([answer.statusCode, answer.headers['content-type'], answer.headers['content-encoding'], answer.headers['content-disposition']]).toEqual([200, 'application/octet-stream', undefined, `attachment; filename="epoch-${epoch}.assay"`])
      const again = await replayRecording(new Uint8Array(answer.rawPayload))
      expect(again.replayed.statement).toEqual(statement)
      expect(again.onChain).toBe(epoch === 0 ? 'match' : 'not yet')
    }
  })

  it('is made once for all who ask at once, and not at all for whoever has it', async () => {
    await get(1)
    const made = asked.length
    const answers = await Promise.all([get(1), get(1), get(1)])
    expect(asked).toHaveLength(made)
    expect(new Set(answers.map(({ rawPayload }) => rawPayload.toString('base64'))).size).toBe(1)
    const { headers: { etag } } = answers[0]!
    expect((await get(1, { 'if-none-match': String(etag) })).statusCode).toBe(304)
    expect((await get(0)).headers.etag).not.toBe(etag)
  })

  it('is made while no other is: whoever wants another meanwhile is told to come again', async () => {
    const held = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const slow = await serving({ evidence: async (id) => {
      begun.resolve()
      await held.promise
      return played.blobs.get(id)
    } })
    const url = (epoch: number) => ({ url: `/epochs/${epoch}/recording` })
    const first = [slow.inject(url(1)), slow.inject(url(1))]
    await begun.promise
    const other = await slow.inject(url(0))
    expect([other.statusCode, other.json(), other.headers['retry-after']]).toEqual([503, { error: { code: 'BUSY', message: expect.stringContaining('another recording') } }, '15'])
    held.resolve()
    expect((await Promise.all(first)).map(({ statusCode }) => statusCode)).toEqual([200, 200])
    expect((await slow.inject(url(0))).statusCode).toBe(200)
    await slow.close()
  })

  it('that would be longer than it may is refused before it is made', async () => {
    const { blobs } = await unpackRecording(new Uint8Array((await get(1)).rawPayload))
    const limit = blobs.reduce((sum, { length }) => sum + length, 0) - 1
    const small = await operationsApp({ log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: () => Promise.resolve(''), routes: (on) => {
      for (const schema of COMPONENTS) on.addSchema(schema)
      recordingRoute(on, deps, limit)
    } })
    const refused = await small.inject({ url: '/epochs/1/recording' })
    expect([refused.statusCode, refused.json()]).toEqual([404, { error: { code: 'RECORDING_TOO_LONG', message: expect.stringContaining('replay from a chain instead') } }])
    expect((await small.inject({ url: '/epochs/0/recording' })).statusCode).toBe(200)
    await small.close()
  })

  it('of an epoch that is not scored, or of a server without evidence, is refused with a code', async () => {
    expect((await get(2)).json()).toEqual({ error: { code: 'NOT_SCORED', message: 'epoch 2 is not scored yet' } })
    expect((await bare.inject({ url: '/epochs/0/recording' })).json()).toEqual({ error: { code: 'NO_EVIDENCE', message: 'this server has no evidence' } })
    expect((await app.inject({ url: '/epochs/x/recording' })).json()).toMatchObject({ error: { code: 'BAD_REQUEST' } })
  })
})
