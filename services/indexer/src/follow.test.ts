import { BehaviorSubject } from 'rxjs'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '@assay/kit/metrics'
import { silentLog } from '@assay/kit/log'
import { applyBlock, devnetParameters, emptyLedger, encodeParameters, MACHINE_KEY, PARAMETERS_KEY, registeredMachines, toHex, utf8, type LedgerBlock } from '@assay/protocol'
import type { LedgerRunEvent } from '@assay/runtime-bindings'
import { actor, NETWORK, parametersItem, registration, TestChain } from '../../../protocol/testing/chain.ts'
import { crypto } from '../../../protocol/testing/crypto.ts'
import { newestBlocks } from './api/blocks.ts'
import type { Store } from './database.ts'
import { follow, knownBlocks, storedLedger, type ChainState } from './follow.ts'
import { readiness } from './readiness.ts'
import { indexerMetrics } from './metrics.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())
beforeEach(async () => void (await sql`truncate blocks, events, unconfirmed_blocks, machines cascade`.execute(store.db)))

const machine = actor('machine', 'machine')
/** Blocks 5 to 12: a founding in 6, a registration in 8, a stranger's junk in 9. */
const chain = new TestChain(5)
  .at(6, parametersItem(devnetParameters(5, 20)))
  .at(8, ...registration(machine))
  .at(9, { kind: 'item', who: machine.account.public, key: `{"0x":"ff"} \\u0000 '; drop table blocks; --`, value: new Uint8Array(128), update: false }, { kind: 'role', owner: NETWORK, role: NETWORK, user: NETWORK, assigned: true })
  .to(12)

async function* script(...events: (LedgerBlock | LedgerRunEvent)[]): AsyncGenerator<LedgerRunEvent> {
  for (const event of events) yield 'type' in event ? event : { type: 'blocks', blocks: [event] }
}

const stored = () => storedLedger({ db: store.db, crypto, network: NETWORK, signal: new AbortController().signal })
const from = (number: number, to = number) => chain.blocks.filter((block) => block.number >= number && block.number <= to)
const numbers = async () => (await store.db.selectFrom('blocks').select('number').orderBy('number').execute()).map(({ number }) => number)

/** Follows a script from what is stored; gives the states that were seen. */
async function run(...events: (LedgerBlock | LedgerRunEvent)[]): Promise<ChainState[]> {
  const state$ = new BehaviorSubject<ChainState>({ ledger: await stored(), stalled: null })
  const seen: ChainState[] = []
  state$.subscribe((state) => seen.push(state))
  await follow(script(...events), { db: store.db, crypto, state$, metrics: indexerMetrics(createMetrics('test')), log: silentLog })
  return seen
}

const heads = (states: ChainState[]) => states.map(({ ledger }) => ledger.head?.number ?? null)

describe('following', () => {
  it('writes each block with its events, and a restart knows what the run before knew', async () => {
    const states = await run(...chain.blocks)
    expect(heads(states)).toEqual([null, 5, 6, 7, 8, 9, 10, 11, 12])
    const after = await stored()
    expect(after).toEqual(chain.ledger)
    expect(registeredMachines(after).map(({ account }) => account)).toEqual([machine.account.public])
  })

  it('writes with a block how it changed the registrations of machines', async () => {
    const rows = () => store.db.selectFrom('machines').select(['account', 'registered', 'owner', 'anchor', 'block', 'last_round']).execute()
    await run(...from(5, 7))
    expect(await rows()).toEqual([])
    await run(...from(8))
    const found = registeredMachines(await stored())[0]!
    expect(await rows()).toEqual([{ account: found.account, registered: true, owner: found.identity.owner, anchor: found.anchor, block: 8, last_round: -1 }])
    // An anchor without an identity: the machine leaves.
    const last = chain.blocks.at(-1)!
    await run(...from(9, 12), { number: 13, hash: `0x${'ab'.repeat(32)}`, parentHash: last.hash, relayRoot: last.relayRoot, events: [{ kind: 'item', who: found.account, key: MACHINE_KEY, value: new Uint8Array(32), update: true }] })
    expect(await rows()).toEqual([{ account: found.account, registered: false, owner: null, anchor: null, block: null, last_round: -1 }])
  })

  it('goes on after a restart without a gap or a repeat', async () => {
    await run(...from(5, 8))
    expect(heads(await run(...from(9, 12)))).toEqual([8, 9, 10, 11, 12])
    expect(await stored()).toEqual(chain.ledger)
  })

  it('does not show a block before it is stored', async () => {
    const shown: [number | undefined, number | undefined][] = []
    const state$ = new BehaviorSubject<ChainState>({ ledger: await stored(), stalled: null })
    const looks: Promise<unknown>[] = []
    state$.subscribe(({ ledger }) => looks.push(numbers().then((all) => shown.push([ledger.head?.number, all.at(-1)]))))
    await follow(script(...from(5, 7)), { db: store.db, crypto, state$, metrics: indexerMetrics(createMetrics('test')), log: silentLog })
    await Promise.all(looks)
    for (const [head, last] of shown) expect(last ?? -1).toBeGreaterThanOrEqual(head ?? -1)
    expect(shown.length).toBe(4)
  })
})

describe('blocks that come together', () => {
  const together = (blocks: LedgerBlock[]): LedgerRunEvent => ({ type: 'blocks', blocks })

  it('are one step of the ledger and of the database', async () => {
    expect(heads(await run(together(from(5, 9)), together(from(10, 12))))).toEqual([null, 9, 12])
    expect(await stored()).toEqual(chain.ledger)
    expect(await numbers()).toEqual([5, 6, 7, 8, 9, 10, 11, 12])
  })

  it('are taken up to the one that does not continue the chain', async () => {
    await expect(run(together([...from(5, 8), ...from(10, 12)]))).rejects.toMatchObject({ code: 'GAP', message: expect.stringContaining('block 10') })
    expect(await numbers()).toEqual([5, 6, 7, 8])
    await expect(run(together(from(12)))).rejects.toMatchObject({ code: 'GAP' })
    expect((await stored()).head?.number).toBe(8)
  })

  it('are all stored or none, if the database refuses one of them', async () => {
    await run(...from(5, 6))
    await sql`insert into blocks values (9, '0x', '0x', null)`.execute(store.db)
    const state$ = new BehaviorSubject<ChainState>({ ledger: from(5, 6).reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(NETWORK)), stalled: null })
    await expect(follow(script(together(from(7, 10))), { db: store.db, crypto, state$, metrics: indexerMetrics(createMetrics('test')), log: silentLog })).rejects.toMatchObject({ code: 'DATABASE' })
    expect([await numbers(), state$.value.ledger.head?.number]).toEqual([[5, 6, 9], 6])
  })
})

it('events that an earlier version wrote, a row for each, are read as before', async () => {
  await run(...from(5, 7))
  const [registered] = from(8)
  await store.db.insertInto('blocks').values({ number: 8, hash: registered!.hash, parent_hash: registered!.parentHash, relay_root: registered!.relayRoot }).execute()
  for (const [position, event] of registered!.events.entries()) {
    const data = utf8(JSON.stringify(event, (_, value: unknown) => (value instanceof Uint8Array ? { '0x': toHex(value) } : value)))
    await store.db.insertInto('events').values({ block: 8, position, data }).execute()
  }
  expect(await stored()).toEqual(from(5, 8).reduce((ledger, block) => applyBlock(crypto, ledger, block), emptyLedger(NETWORK)))
})

describe('best blocks', () => {
  const best = (number: number, fork = ''): LedgerRunEvent => {
    const block = from(number)[0]!
    return { type: 'best', block: fork === '' ? block : { ...block, hash: `0x${fork.repeat(32)}`, events: [] } }
  }
  const shown = async () => (await store.db.selectFrom('unconfirmed_blocks').select(['number', 'hash', 'events']).orderBy('number').execute()).map(({ number, hash, events }) => [number, hash, events])
  const row = (number: number) => [number, chain.hash(number), from(number)[0]!.events.length]

  it('are kept beside the confirmed ones, and become these', async () => {
    await run(...from(5, 6), best(7), best(8), best(9))
    expect(await shown()).toEqual([row(7), row(8), row(9)])
    expect([await numbers(), (await stored()).head?.number]).toEqual([[5, 6], 6])
    await run(best(7), best(8), best(9), ...from(7, 8))
    expect([await shown(), await numbers()]).toEqual([[row(9)], [5, 6, 7, 8]])
  })

  it('go with a reorg, and those of the new branch take their place', async () => {
    await run(...from(5, 6), best(7), best(8, 'aa'), best(9, 'bb'), { type: 'reorg', from: 9, to: 7, deep: false }, best(8))
    expect(await shown()).toEqual([row(7), row(8)])
    await run(best(7), best(8, 'aa'), best(9, 'bb'), best(8))
    expect(await shown()).toEqual([row(7), row(8)])
  })

  it('are listed above the confirmed ones, marked', async () => {
    await run(...from(5, 9), best(10), best(11))
    const list = (await newestBlocks(store.db, 4)).map(({ number, hash, confirmed, events }) => [number, hash, events, confirmed])
    expect(list).toEqual([[...row(11), false], [...row(10), false], [...row(9), true], [...row(8), true]])
    expect(await newestBlocks(store.db, 1)).toHaveLength(1)
    expect((await newestBlocks(store.db, 200)).map(({ number }) => number)).toEqual([11, 10, 9, 8, 7, 6, 5])
  })

  it('of a run before are forgotten at the start: the chain may have left them', async () => {
    await run(...from(5, 6), best(7), best(8))
    await run()
    expect(await shown()).toEqual([])
  })
})

describe('what does not continue the chain', () => {
  it.each<[string, LedgerBlock[]]>([
    ['a gap', [...from(5, 6), ...from(8)]],
    ['a repeat', [...from(5, 6), ...from(6)]],
    ['another branch', [...from(5, 6), { ...from(7)[0]!, parentHash: `0x${'77'.repeat(32)}` }]],
  ])('is refused and changes nothing: %s', async (_, blocks) => {
    await expect(run(...blocks)).rejects.toMatchObject({ code: 'GAP', exit: 75 })
    expect(await numbers()).toEqual([5, 6])
    expect((await stored()).head?.number).toBe(6)
  })

  it('is refused at a start too, if somebody edited the database', async () => {
    await run(...from(5, 8))
    await store.db.deleteFrom('events').where('block', '=', 6).execute()
    await store.db.deleteFrom('blocks').where('number', '=', 6).execute()
    await expect(stored()).rejects.toMatchObject({ code: 'DAMAGED', exit: 1, message: /is damaged .*block 7/, advice: expect.stringContaining('assay indexer reindex') })
    await sql`truncate blocks, events`.execute(store.db)
    await run(...from(5, 8))
    for (const data of ['{', '[{"kind":"item","value":{"0x":"zz"}}]', 'null']) {
      await store.db.updateTable('events').set({ data: utf8(data) }).where('block', '=', 6).execute()
      await expect(stored()).rejects.toMatchObject({ code: 'DAMAGED' })
    }
  })

  it('a block without the randomness that the network asks for', async () => {
    const relay = new TestChain(5, 'other').at(6, parametersItem({ ...devnetParameters(5, 20), randomness: 0 })).to(20)
    await expect(run(...relay.blocks.map((block) => ({ ...block, relayRoot: null })))).rejects.toMatchObject({ code: 'NO_RANDOMNESS', message: /block 20/ })
    expect((await numbers()).at(-1)).toBe(19)
  })
})

describe('a version of the protocol that this indexer does not know', () => {
  it('ends it with one sentence where the chain may go on in it; all that came before is stored', async () => {
    const later = encodeParameters(devnetParameters(5, 20)).with(0, 3)
    // Written before round 0, so in force from epoch 1: rounds 2 and 3, whose first commit window begins with block 68.
    const coming = new TestChain(5).at(6, parametersItem(devnetParameters(5, 20))).at(10, { kind: 'item', who: NETWORK, key: PARAMETERS_KEY, value: later, update: true }).to(67)
    const next = { ...coming.blocks.at(-1)!, number: 68, hash: coming.hash(68), parentHash: coming.hash(67) }
    const message = 'version 3 of the protocol took effect with epoch 1, at block 60, and this program knows versions up to 2'
    await expect(run({ type: 'blocks', blocks: [...coming.blocks, next] })).rejects.toMatchObject({ code: 'NEWER_VERSION', exit: 1, message })
    expect((await numbers()).at(-1)).toBe(67)
    const { newer } = await stored()
    expect(newer).toMatchObject({ version: 3, epoch: 1, start: 60, unreadable: 68 })
    // A later program stored it all: one that serves what is stored says the same, and not that it is damaged.
    await sql`insert into blocks values (68, ${next.hash}, ${next.parentHash}, null)`.execute(store.db)
    await expect(stored()).rejects.toMatchObject({ code: 'NEWER_VERSION', exit: 1, message })
  })
  it('is told by /ready', () => {
    const ledger = { ...emptyLedger(NETWORK), newer: { version: 3, epoch: 1, block: 10, start: 60, unreadable: 68 } }
    expect(readiness({ ledger, stalled: null }, 20, 1).detail.newer).toBe('version 3 of the protocol takes effect with epoch 1, at block 60, in 40 blocks, and this program knows versions up to 2')
    expect(readiness({ ledger: emptyLedger(NETWORK), stalled: null }, 20, 1).detail.newer).toBeNull()
  })
})

describe('what else the stream says', () => {
  it('stalled is shown until blocks come again', async () => {
    const states = await run(...from(5, 6), { type: 'stalled', reason: 'NO_BLOCKS', best: 8, next: 7, detail: 'no block above 8' }, ...from(7))
    expect(states.map(({ stalled }) => stalled?.reason ?? null)).toEqual([null, null, null, 'NO_BLOCKS', null])
  })

  it('a shallow reorg changes nothing; a deep one and another chain end it in one sentence', async () => {
    expect(heads(await run(...from(5, 6), { type: 'reorg', from: 9, to: 7, deep: false }, ...from(7)))).toEqual([null, 5, 6, 7])
    await expect(run({ type: 'reorg', from: 7, to: 5, deep: true })).rejects.toMatchObject({ code: 'REORG', exit: 1, message: 'the chain left its confirmed blocks 6 to 7 for others' })
    await expect(run({ type: 'replaced', expected: { number: 5, hash: chain.hash(5) }, found: null })).rejects.toMatchObject({ code: 'CHAIN_REPLACED', message: /block 5 was 0x.* and is not there/ })
    expect(await numbers()).toEqual([5, 6, 7])
  })
})

describe('the blocks by which a changed chain is noticed', () => {
  it('are the last 256, and older ones down to the first', async () => {
    expect(await knownBlocks(store.db)).toEqual([])
    await sql`insert into blocks select i, '0x' || i, '0x' || (i - 1) from generate_series(100, 5000) i`.execute(store.db)
    const known = (await knownBlocks(store.db)).map(({ number }) => number)
    expect(known).toEqual([...new Set(known)].sort((a, b) => a - b))
    expect(known.slice(-256)).toEqual(Array.from({ length: 256 }, (_, i) => 4745 + i))
    expect([known[0], known.length < 800, Math.max(...known.slice(1).map((number, i) => number - known[i]!))]).toEqual([100, true, 10])
  })
})
