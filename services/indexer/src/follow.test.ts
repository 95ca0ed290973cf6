import { BehaviorSubject } from 'rxjs'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '@assay/kit/metrics'
import { silentLog } from '@assay/kit/log'
import { devnetParameters, MACHINE_KEY, registeredMachines, type LedgerBlock } from '@assay/protocol'
import type { LedgerBlockEvent } from '@assay/runtime-bindings'
import { actor, NETWORK, parametersItem, registration, TestChain } from '../../../protocol/testing/chain.ts'
import { crypto } from '../../../protocol/testing/crypto.ts'
import type { Store } from './database.ts'
import { follow, knownBlocks, storedLedger, type ChainState } from './follow.ts'
import { indexerMetrics } from './metrics.ts'
import { openTestDatabase } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
beforeAll(async () => void ({ store, end } = await openTestDatabase()))
afterAll(() => end())
beforeEach(async () => void (await sql`truncate blocks, events, machines cascade`.execute(store.db)))

const machine = actor('machine', 'machine')
/** Blocks 5 to 12: a founding in 6, a registration in 8, a stranger's junk in 9. */
const chain = new TestChain(5)
  .at(6, parametersItem(devnetParameters(5, 20)))
  .at(8, ...registration(machine))
  .at(9, { kind: 'item', who: machine.account.public, key: `{"0x":"ff"} \\u0000 '; drop table blocks; --`, value: new Uint8Array(128), update: false }, { kind: 'role', owner: NETWORK, role: NETWORK, user: NETWORK, assigned: true })
  .to(12)

async function* script(...events: (LedgerBlock | LedgerBlockEvent)[]): AsyncGenerator<LedgerBlockEvent> {
  for (const event of events) yield 'type' in event ? event : { type: 'block', block: event }
}

const stored = () => storedLedger({ db: store.db, crypto, network: NETWORK, signal: new AbortController().signal })
const from = (number: number, to = number) => chain.blocks.filter((block) => block.number >= number && block.number <= to)
const numbers = async () => (await store.db.selectFrom('blocks').select('number').orderBy('number').execute()).map(({ number }) => number)

/** Follows a script from what is stored; gives the states that were seen. */
async function run(...events: (LedgerBlock | LedgerBlockEvent)[]): Promise<ChainState[]> {
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
    await expect(stored()).rejects.toMatchObject({ code: 'GAP', message: /block 7 .* does not continue block 5/ })
  })

  it('a block without the randomness that the network asks for', async () => {
    const relay = new TestChain(5, 'other').at(6, parametersItem({ ...devnetParameters(5, 20), randomness: 0 })).to(20)
    await expect(run(...relay.blocks.map((block) => ({ ...block, relayRoot: null })))).rejects.toMatchObject({ code: 'NO_RANDOMNESS', message: /block 20/ })
    expect((await numbers()).at(-1)).toBe(19)
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
