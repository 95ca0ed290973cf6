// A database with a network of two epochs in it: its blocks, its evidence, its judgements and scores.
import { BehaviorSubject } from 'rxjs'
import { createMetrics } from '@assay/kit/metrics'
import { silentLog } from '@assay/kit/log'
import type { Kysely } from 'kysely'
import { emptyLedger, type Hash, type Ledger } from '@assay/protocol'
import type { LedgerRunEvent } from '@assay/runtime-bindings'
import { testCrypto } from '@assay/protocol/testing/actors'
import type { PlayedNetwork } from '@assay/protocol/testing/round'
import { EvidenceSource } from '../evidence.ts'
import { follow, type ChainState } from '../follow.ts'
import { Judge } from '../judge.ts'
import { indexerMetrics } from '../metrics.ts'
import type { Tables } from '../tables.ts'
import { recorder } from './log.ts'

/** Follows the played blocks after `known` into a database. */
export async function followPlayed(db: Kysely<Tables>, played: PlayedNetwork, known: Ledger = emptyLedger(played.network)): Promise<void> {
  const state$ = new BehaviorSubject<ChainState>({ ledger: known, stalled: null })
  const from = known.head?.number ?? -1
  async function* events(): AsyncGenerator<LedgerRunEvent> {
    yield { type: 'blocks', blocks: played.blocks.filter(({ number }) => number > from) }
  }
  await follow(events(), { db, crypto: testCrypto, state$, metrics: indexerMetrics(createMetrics('test')), log: silentLog })
}

/** Judges what the database lacks, with the evidence that it holds, until the last epoch is scored. */
export async function judgePlayed(db: Kysely<Tables>, played: PlayedNetwork, lastEpoch: number): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  const metrics = indexerMetrics(createMetrics('test'))
  const notes = recorder()
  const evidence = new EvidenceSource({ db, urls: () => [], timeoutMs: 100, signal, metrics })
  const judge = await Judge.open({ db, crypto: testCrypto, network: played.network, state$: new BehaviorSubject<ChainState>({ ledger: played.ledger, stalled: null }), evidence, metrics, log: notes.log, signal })
  const done = new Promise<void>((resolve, reject) => judge.run().subscribe({ complete: resolve, error: reject }))
  await Promise.race([notes.until('epoch scored', { epoch: lastEpoch }), done])
  stop.abort()
  await done
}

/** All of it. */
export async function fillDatabase(db: Kysely<Tables>, played: PlayedNetwork): Promise<void> {
  await followPlayed(db, played)
  await db.insertInto('evidence').values([...played.blobs].map(([id, bytes]) => ({ id, epoch: 0, bytes }))).execute()
  await judgePlayed(db, played, 1)
}

/** The roots of the epochs that are scored. */
export const rootsIn = async (db: Kysely<Tables>): Promise<Hash[]> => (await db.selectFrom('epochs').select('root').orderBy('epoch').execute()).map(({ root }) => root)
