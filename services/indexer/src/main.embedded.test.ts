// The whole indexer on the real runtime: a network without machines is enough to follow, judge, score, stop and come back.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '@assay/kit/config'
import { judgementOfEpoch, replayEpoch, emptyLedger, applyBlock, type Ledger, type ReplayedEpoch } from '@assay/protocol'
import { accountFromSecret, ledgerBlocks, nodeCrypto, type Account, type Chain } from '@assay/runtime-bindings'
import type { Devchain } from '@assay/runtime-bindings/testing'
import { indexerConfig, runIndexer } from './main.ts'
import { recorder, type Recorder } from './testing/log.ts'
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

async function started(dir: string): Promise<Running> {
  const notes = recorder()
  const ending = new AbortController()
  const done = runIndexer(settings({ dataDir: join(root, dir) }), { signal: ending.signal, log: notes.log })
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
    await expect(run('none', { chain: 'ws://127.0.0.1:1' })).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE', exit: 75 })
    await copyTemplate(join(root, 'other'))
    await expect(run('other')).rejects.toMatchObject({ code: 'OTHER_CHAIN', message: expect.stringContaining(testOwner.genesisHash) })
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    await expect(run('data', { httpPort: (taken.address() as AddressInfo).port })).rejects.toMatchObject({ code: 'PORT' })
    taken.close()
  })

  it('notices that confirmed blocks were replaced while it was away', { timeout: 120_000 }, async () => {
    await devchain.reorg(5, { lose: true })
    await expect(run('data')).rejects.toMatchObject({ code: 'REORG', exit: 1 })
  })
})
