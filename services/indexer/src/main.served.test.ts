// Two processes that may follow and two that only serve, on one PostgreSQL and the real runtime: the one that follows is killed, and nobody notices but the other.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { loadConfig } from '@assay/kit/config'
import { judgementOfEpoch } from '@assay/protocol'
import { openExisting, type Store } from './database.ts'
import { indexerConfig, runIndexer } from './main.ts'
import { parameters, startChain, type ChainOfTest } from './testing/chain.ts'
import { recorder, type Recorder } from './testing/log.ts'
import { startAssayIndexer, type Running } from './testing/process.ts'
import { administer, createServed, dropServed } from './testing/served.ts'

const ending = new AbortController()
let chain: ChainOfTest
let url: string
let store: Store
let other: Running | undefined
const serving: { url: string, notes: Recorder, done: Promise<void> }[] = []

beforeAll(async () => {
  url = await createServed(inject('postgres')!, `assay_${process.pid}_main`)
  chain = await startChain()
})
afterAll(async () => {
  other?.child.kill('SIGKILL')
  ending.abort()
  await Promise.all(serving.map(({ done }) => done))
  await store.close()
  await chain.close()
  await dropServed(url)
})

const settings = (flags: Record<string, unknown>) => loadConfig(indexerConfig, { flags: { network: chain.network.address, httpPort: 0, databaseUrl: url, databasePool: 3, ...flags } })

/** Starts one in this process; gives its URL. */
async function start(flags: Record<string, unknown>, signal = ending.signal): Promise<string> {
  const notes = recorder()
  const done = runIndexer(settings(flags), { signal, log: notes.log })
  const url = (await Promise.race([notes.until('indexer ready'), done.then(() => Promise.reject(new Error('it ended')))]))['url'] as string
  serving.push({ url, notes, done })
  return url
}

/** Starts the one that is killed, as an operator would: a process of its own, the URL in its environment. */
async function startProcess(): Promise<string> {
  other = await startAssayIndexer(['start', '--log-json', '--http-port', '0', '--network', chain.network.address, '--chain', chain.devchain.endpoint], { ASSAY_DATABASE_URL: url })
  return other.url
}

const get = async (path: string): Promise<Record<string, unknown>> => (await fetch(path)).json() as Promise<Record<string, unknown>>
const shows = (url: string, head: number) => vi.waitFor(async () => expect(await get(`${url}/ready`)).toMatchObject({ ready: true, detail: { head, stalled: null } }), { timeout: 60_000, interval: 200 })
const follows = async (url: string) => /^\S*following 1$/m.test(await (await fetch(`${url}/metrics`)).text())
const all = () => serving.map(({ url }) => url)

describe('processes of one database', () => {
  it('only serve where there is nothing yet: not at all', async () => {
    await expect(runIndexer(settings({ follow: 'never' }), { signal: ending.signal, log: recorder().log })).rejects.toMatchObject({ code: 'NO_DATABASE', exit: 75 })
  })

  it('follow one at a time, serve all the same, and go on when the one that follows is killed', { timeout: 240_000 }, async () => {
    const leader = await startProcess()
    store = await openExisting({ url, pool: 2, owner: { network: chain.network.id } })
    await start({ chain: chain.devchain.endpoint })
    // These have neither folder nor endpoint.
    await start({ follow: 'never' })
    await start({ follow: 'never' })
    await chain.devchain.newBlocks(15 - chain.devchain.head().number)
    for (const url of [leader, ...all()]) await shows(url, 14)
    expect(await follows(leader)).toBe(true)
    for (const url of all()) expect(await follows(url)).toBe(false)

    await other!.end('SIGKILL')
    const judged = judgementOfEpoch(parameters, 0)
    await chain.devchain.newBlocks(judged + 1 - chain.devchain.head().number)
    for (const url of all()) await shows(url, judged)
    const { root } = await serving[0]!.notes.until('epoch scored', { epoch: 0 })
    for (const url of all()) {
      expect(await get(`${url}/epochs/0`)).toMatchObject({ state: 'scored', totals: { root } })
      // The best block is told at most once a second.
      await vi.waitFor(async () => expect(await get(`${url}/network`)).toMatchObject({ genesisHash: chain.chain.genesisHash, best: judged + 1, parameters: { roundBlocks: 8 } }), { timeout: 30_000, interval: 200 })
    }
    const { rows: [blocks] } = await sql<{ first: number, last: number, count: number }>`select min(number) as first, max(number) as last, count(*) as count from blocks`.execute(store.db)
    expect(blocks).toEqual({ first: 1, last: judged, count: judged })
  })

  it('heal when the server ends all connections, and one of them follows again', { timeout: 120_000 }, async () => {
    await administer(url, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(url).pathname.slice(1)}'`)
    await serving[0]!.notes.until('lead lost')
    const head = chain.devchain.head().number
    await chain.devchain.newBlocks(3)
    for (const url of all()) await shows(url, head + 2)
  })

  it('that serve what is there no more end, to start anew', { timeout: 60_000 }, async () => {
    const lone = new AbortController()
    const url = await start({ follow: 'never' }, lone.signal)
    const [{ done }] = serving.splice(serving.findIndex((one) => one.url === url), 1) as [(typeof serving)[number]]
    const others = serving.splice(1)
    await sql`truncate blocks, events`.execute(store.db)
    await expect(done).rejects.toMatchObject({ code: 'DATABASE_REPLACED', exit: 75 })
    for (const other of others) await expect(other.done).rejects.toMatchObject({ code: 'DATABASE_REPLACED' })
  })
})
