// The whole indexer on the real runtime: a network without machines is enough to follow, judge, score, stop and come back.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { loadConfig } from '@assay/kit/config'
import { createLog, type Log } from '@assay/kit/log'
import { judgementOfEpoch, replayEpoch, emptyLedger, applyBlock, type Ledger, type ReplayedEpoch } from '@assay/protocol'
import { accountFromSecret, ledgerBlocks, nodeCrypto, type Account, type Chain } from '@assay/runtime-bindings'
import { startProxy, type Devchain } from '@assay/runtime-bindings/testing'
import { documentFaults } from '../../../tools/gates/logs.ts'
import { openExisting } from './database.ts'
import { indexerConfig, runIndexer } from './main.ts'
import { recorder, type Recorder } from './testing/log.ts'
import { assayIndexer, startAssayIndexer } from './testing/process.ts'
import { parameters, startChain } from './testing/chain.ts'
import { copyTemplate, testOwner } from './testing/database.ts'

const root = mkdtempSync(join(tmpdir(), 'assay-indexer-'))
const stop = new AbortController()
let devchain: Devchain
let chain: Chain
let network: Account

let close: () => Promise<void>

beforeAll(async () => void ({ devchain, chain, network, close } = await startChain()))
afterAll(async () => {
  stop.abort()
  await close()
  rmSync(root, { recursive: true, force: true })
})

interface Running { notes: Recorder, url: string, end: () => Promise<void> }
const running: Running[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await one.end()
})

const settings = (flags: Record<string, unknown>) => loadConfig(indexerConfig, { flags: { chain: devchain.endpoint, network: network.address, httpPort: 0, ...flags } })
const run = (dir: string, flags: Record<string, unknown> = {}, log = recorder().log) => runIndexer(settings({ dataDir: join(root, dir), ...flags }), { signal: stop.signal, log })

const said: unknown[] = []
const json = createLog({ json: true, level: 'debug', service: 'indexer', write: (line) => void said.push(JSON.parse(line)) })
/** Told to both. */
const both = (one: Log): Log => ({ ...one, ...Object.fromEntries((['debug', 'info', 'warn', 'error'] as const).map((level) => [level, (event: string, fields?: Record<string, unknown>) => (one[level](event, fields), json[level](event, fields))])) })

async function started(dir: string, flags: Record<string, unknown> = {}): Promise<Running> {
  const notes = recorder()
  const ending = new AbortController()
  const done = runIndexer(settings({ dataDir: join(root, dir), ...flags }), { signal: ending.signal, log: both(notes.log) })
  const url = await Promise.race([notes.until('indexer ready').then((fields) => fields['url'] as string), done.then(() => Promise.reject(new Error('it ended')))])
  const one = { notes, url, end: () => (ending.abort(), done) }
  running.push(one)
  return one
}

const get = async (url: string) => {
  const answer = await fetch(url)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

describe('an indexer', () => {
  it('follows, judges, scores what a replay gives, stops, and goes on where it was', { timeout: 300_000 }, async () => {
    // What a process leaves that was killed while PostgreSQL wrote its first files.
    mkdirSync(join(root, 'data/postgres.new'), { recursive: true })
    writeFileSync(join(root, 'data/postgres.new/PG_VERSION'), 'x')
    const first = await started('data')
    await devchain.newBlocks(20 - devchain.head().number)
    await first.notes.until('block taken', { block: 19 })
    expect((await get(`${first.url}/ready`)).body).toMatchObject({ ready: true, detail: { stalled: null } })
    expect((await get(`${first.url}/network`)).body).toMatchObject({ network: network.id, address: network.address, genesisHash: chain.genesisHash, parameters: { roundBlocks: 8 }, machines: 0 })
    await expect(run('data')).rejects.toMatchObject({ code: 'LOCKED' })
    await first.end()
    await expect(fetch(first.url)).rejects.toThrow()
    expect(readdirSync(join(root, 'data'))).toEqual(['postgres'])
    expect(first.notes.said.at(-1)).toMatchObject({ event: 'indexer stopped', fields: { head: 19 } })

    const judged = judgementOfEpoch(parameters, 0)
    await devchain.newBlocks(judged + 1 - devchain.head().number)
    const second = await started('data')
    expect(second.notes.said.find(({ event }) => event === 'indexer ready')?.fields).toMatchObject({ head: 19 })
    const { root: scored } = await second.notes.until('epoch scored', { epoch: 0 })
    const taken = second.notes.said.filter(({ event }) => event === 'block taken').map(({ fields }) => fields['block'])
    expect(taken).toEqual(Array.from({ length: judged - 19 }, (_, i) => 20 + i))
    expect((await get(`${second.url}/epochs/0`)).body).toMatchObject({ state: 'scored', totals: { root: scored, paid: '0', remainder: String(parameters.poolPerEpoch), onChain: { state: 'not_yet', block: null } } })

    let ledger: Ledger = emptyLedger(network.id)
    for await (const event of ledgerBlocks(chain, { from: 1, confirmations: 1, signal: stop.signal })) {
      if (event.type === 'block') ledger = applyBlock(nodeCrypto, ledger, event.block)
      if (ledger.head?.number === judged) break
    }
    expect(scored).toBe(((await replayEpoch(nodeCrypto, ledger, 0, async () => undefined)) as ReplayedEpoch).statement.root)
  })

  it('refuses in one sentence what it cannot index', { timeout: 120_000 }, async () => {
    await expect(run('none', { network: accountFromSecret('//nobody').address })).rejects.toMatchObject({ code: 'NO_NETWORK', exit: 75 })
    await expect(run('none', { network: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_ADDRESS' })
    await expect(run('none', { chain: 'ws://127.0.0.1:1', chainTimeoutMs: 500 })).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE', exit: 75 })
    await copyTemplate(join(root, 'other'))
    await expect(run('other')).rejects.toMatchObject({ code: 'OTHER_CHAIN', message: expect.stringContaining(testOwner.genesisHash) })
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    await expect(run('data', { httpPort: (taken.address() as AddressInfo).port })).rejects.toMatchObject({ code: 'PORT' })
    taken.close()
  })

  it('has commands: a backup is restored to an epoch and followed on from, and a new index is made, with the same root', { timeout: 240_000 }, async () => {
    const [file, dir] = [join(root, 'monday.backup'), join(root, 'restored')]
    const online = ['--network', network.address, '--chain', devchain.endpoint, '--http-port', '0', '--data-dir', dir]
    const scored = async (url: string) => vi.waitFor(async () => {
      const { body } = await get(`${url}/epochs/0`)
      expect(body).toMatchObject({ state: 'scored' })
      return (body['totals'] as { root: string }).root
    }, { timeout: 60_000, interval: 100 })
    const caughtUp = (url: string) => vi.waitFor(async () => expect((await get(`${url}/ready`)).body).toMatchObject({ ready: true, detail: { head: devchain.head().number - 1, endpoint: { name: devchain.endpoint, switches: 0, why: null } } }), { timeout: 60_000, interval: 100 })
    const blocks = async () => {
      const store = await openExisting({ dir, owner: {} })
      return store.db.selectFrom('blocks').select('number').orderBy('number').execute().finally(() => store.close())
    }

    expect(await assayIndexer(['backup', file, '--data-dir', join(root, 'data')])).toMatchObject({ status: 0 })
    expect(await assayIndexer(['restore', file, '--epoch', '0', '--data-dir', dir])).toMatchObject({ status: 0, said: expect.stringMatching(new RegExp(`backup restored.*head=${judgementOfEpoch(parameters, 0)}.*epoch=0`)) })
    await devchain.newBlocks(2)
    const restored = await startAssayIndexer(['start', ...online])
    const root0 = await scored(restored.url)
    await caughtUp(restored.url)
    // Its end is no end in good order.
    await restored.end('SIGKILL')
    const before = await blocks()
    expect(before.map(({ number }) => number)).toEqual(Array.from({ length: devchain.head().number - 1 }, (_, i) => 1 + i))

    // What cannot be read anew is not emptied.
    const nobody = accountFromSecret('//nobody').address
    for (const [flags, said] of [
      [['--network', nobody, '--chain', devchain.endpoint], /no network on the chain/],
      [['--network', network.address], /chain is missing/],
      [['--network', network.address, '--chain', devchain.endpoint, '--follow', 'never'], /--follow never/],
    ] as const) expect(await assayIndexer(['reindex', ...flags, '--data-dir', dir, '--http-port', '0'])).toMatchObject({ status: expect.toSatisfy((status) => status !== 0), said: expect.stringMatching(said) })
    expect(await blocks()).toEqual(before)

    const anew = await startAssayIndexer(['reindex', ...online])
    expect(await scored(anew.url)).toBe(root0)
    await caughtUp(anew.url)
    expect(anew.said.join('\n')).toMatch(/index emptied/)
    expect(await anew.end('SIGTERM')).toBe(0)
    expect(await blocks()).toEqual(before)
  })

  it('goes on at another node when one is gone, and says at which, how often that was, and why', { timeout: 120_000 }, async () => {
    const ways = [await startProxy({ target: { port: devchain.port } }), await startProxy({ target: { port: devchain.port } })]
    const names = ways.map(({ port }) => `ws://127.0.0.1:${port}`)
    const { url, notes } = await started('data', { chain: names.map((name) => `${name}/hunter2`).join(',') })
    const ready = async () => (await get(`${url}/ready`)).body['detail'] as { head: number, endpoint: { name: string, switches: number, why: string | null } }
    const caughtUp = () => vi.waitFor(async () => expect(await ready()).toMatchObject({ head: devchain.head().number - 1 }), { timeout: 30_000, interval: 50 })
    await caughtUp()
    const first = names.findIndex((name) => notes.said.some(({ event, fields }) => event === 'lead taken' && fields['endpoint'] === `${name}/…`))
    expect((await ready()).endpoint).toEqual({ name: `${names[first]}/…`, switches: 0, why: null })
    await vi.waitFor(() => expect(ways.every(({ connections }) => connections > 0)).toBe(true))
    await ways[first]!.close()
    await devchain.newBlocks(3)
    await caughtUp()
    expect((await ready()).endpoint).toEqual({ name: `${names[1 - first]}/…`, switches: 1, why: expect.stringMatching(/connection/) })
    const figures = await (await fetch(`${url}/metrics`)).text()
    expect(figures).toContain(`assay_indexer_endpoint_in_use{endpoint="${names[1 - first]}/…"} 1`)
    expect(figures).toContain('assay_indexer_endpoint_switches_total 1')
    expect(figures).not.toContain(`endpoint="${names[first]}`)
    expect(notes.said.filter(({ event }) => event === 'endpoint switched')).toHaveLength(1)
    expect(JSON.stringify(notes.said) + figures).not.toMatch(/hunter2/)
    await running.splice(0)[0]!.end()
    await ways[1 - first]!.close()
  })

  it('notices that confirmed blocks were replaced while it was away', { timeout: 120_000 }, async () => {
    await devchain.reorg(5, { lose: true })
    await expect(run('data')).rejects.toMatchObject({ code: 'REORG', exit: 1 })
  })

  it('says nothing that docs/LOGS.md does not have', () => {
    expect(said.length).toBeGreaterThan(5)
    expect(documentFaults(said)).toEqual([])
  })
})
