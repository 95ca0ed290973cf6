// The client package against a server of this version: its types are those of the document, and its example runs.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answer, createAssayClient, each } from '@assay/client'
import { apiRoutes } from '@assay/indexer/api'
import type { ChainState } from '@assay/indexer/follow'
import { indexerMetrics } from '@assay/indexer/metrics'
import { sumUpEpoch, sumUpRound } from '@assay/indexer/summaries'
import { openTestDatabase, testOwner } from '@assay/indexer/testing/database'
import { serveOperations, type Operations } from '@assay/kit/http'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { type AccountId, emptyLedger, type Hash } from '@assay/protocol'
import { nodeCrypto, toAddress } from '@assay/runtime-bindings'
import { stale } from '../tools/generate-client.ts'

const client = join(import.meta.dirname, '..', 'client')
const account = (i: number): AccountId => `0x${i.toString(16).padStart(64, '0')}`
const MACHINES = [1, 2, 3].map(account)
const OWNER = account(9)
const ROOT: Hash = `0x${'77'.repeat(32)}`

let operations: Operations
let end: () => Promise<void>

beforeAll(async () => {
  const opened = await openTestDatabase()
  const { db } = opened.store
  await db.insertInto('machines').values(MACHINES.map((machine) => ({ account: machine, address: toAddress(machine), registered: true, owner: OWNER, peer: machine, anchor: machine, block: 1 }))).execute()
  await db.insertInto('rounds').values({ round: 0, epoch: 0, state: 'judged', tries: 1, retry_at: null, judged_at: 50 }).execute()
  await db.insertInto('verdicts').values(MACHINES.map((machine, i) => ({
    round: 0, machine, owner: OWNER, outcome: 'PASS' as const, reason: 'OK' as const, commitment: machine, counted: 1, committee: [account(8)], median_steps: 5, proven_steps: 5, work: 5n, opened: true, down_kbps: 100, up_kbps: 100 * (i + 1), rtt_us: 9,
    facts: null, flags: [], claim: null, shown_kib: 0, memory_kib: 0, scan_mbps: 0, relay_us: null, standing: 'STANDARD' as const,
  }))).execute()
  await db.insertInto('epochs').values({ epoch: 0, root: ROOT, statement: new Uint8Array(1), pool: 30n, paid: 30n, carried: 0n, remainder: 0n, scored_at: 60, chain_state: 'match', chain_block: 61, chain_bytes: null }).execute()
  await db.insertInto('scores').values(MACHINES.map((machine, position) => ({ epoch: 0, position, account: machine, owner: OWNER, kind: 'machine' as const, score: 5n, reason: 'OK' as const, earned: 10n, passed: 1, asked: 1, standing: 'STANDARD' as const, benched_until: null, weight: null, calibration: null }))).execute()
  await db.transaction().execute(async (trx) => {
    await sumUpRound(trx, 0)
    await sumUpEpoch(trx, 0)
  })
  const metrics = indexerMetrics(createMetrics('indexer'))
  const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(account(7)), stalled: null })
  const deps = { db, crypto: nodeCrypto, state$, best: () => null, pot: () => null, network: account(7), genesisHash: testOwner.genesisHash as Hash }
  operations = await serveOperations({ host: '127.0.0.1', port: 0, log: silentLog, ready: () => ({ ready: true, detail: null }), metrics: metrics.text, routes: apiRoutes(deps, metrics) })
  end = opened.end
})
afterAll(async () => {
  await operations.close()
  await end()
})

test('the document and the types that are checked in are those of the code; else run: node tools/generate-client.ts', async () => {
  expect(await stale()).toEqual([])
})

test('the example of the README runs, and is the example', async () => {
  const example = readFileSync(join(client, 'example.ts'), 'utf8')
  expect(readFileSync(join(client, 'README.md'), 'utf8')).toContain(`\`\`\`ts\n${example}\`\`\``)
  const { stdout } = await promisify(execFile)(process.execPath, [join(client, 'example.ts')], { env: { ...process.env, ASSAY_INDEXER: operations.url } })
  expect(stdout.split('\n')[0]).toBe(`${toAddress(MACHINES[2]!)}: 300 kbit/s up, passed 1 of 1 rounds of epoch 0`)
  expect(stdout).toContain('round 0: PASS, STANDARD')
})

test('lists are read to their end, page by page', async () => {
  const api = createAssayClient(operations.url)
  const found: string[] = []
  for await (const machine of each(api, '/machines', { query: { limit: 1, sort: 'score' } })) found.push(machine.account)
  expect(found).toEqual(MACHINES.toReversed())
  await expect(answer(api.GET('/machines/{account}', { params: { path: { account: account(6) } } }))).rejects.toMatchObject({ code: 'NO_MACHINE', status: 404 })
})
