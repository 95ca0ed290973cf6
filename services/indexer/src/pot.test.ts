import { BehaviorSubject, firstValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { silentLog } from '@assay/kit/log'
import { emptyLedger, type Hash, type Ledger, PART_PAYEES, type StatementOnChain } from '@assay/protocol'
import { ChainError, type PotReport } from '@assay/runtime-bindings'
import type { Store } from './database.ts'
import type { ChainState } from './follow.ts'
import { pot$, type PotView } from './pot.ts'
import { openTestDatabase, testOwner } from './testing/database.ts'

let store: Store
let end: () => Promise<void>
const network = testOwner.network as Hash
const account = (i: number): Hash => `0x${i.toString(16).padStart(64, '0')}`
const report: PotReport = { pot: network, term: 0, balance: 9n, unsettledFrom: 1, owed: 0n, needs: 1n, epochsLeft: 2, inflow: null, since: null, checkFee: null, checks: { costPerEpoch: null, checkersPool: 1n } }
const at = (number: number, statements: Ledger['statements'] = new Map()): ChainState => ({ ledger: { ...emptyLedger(network), head: { number, hash: account(number) }, statements }, stalled: null })

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
  await store.db.insertInto('epochs').values({ epoch: 0, root: account(1), statement: new Uint8Array(1), pool: 1n, paid: 1n, carried: 0n, remainder: 0n, scored_at: 1, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
  // Of 1003 payees one is carried: 1000 and 2 are paid, 3 planck each.
  const rows = Array.from({ length: PART_PAYEES + 3 }, (_, i) => ({ epoch: 0, position: i, account: account(i), earned: 3n, carried_in: 0n, paid: i === 5 ? 0n : 3n, carried_out: i === 5 ? 3n : 0n }))
  await store.db.insertInto('payouts').values(rows).execute()
})
afterAll(() => end())

function watch(read: (ledger: Ledger, pending: bigint) => Promise<PotReport | null>) {
  const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(network), stalled: null })
  const stop = new AbortController()
  const views: PotView[] = []
  const all = firstValueFrom(pot$({ db: store.db, state$, read, log: silentLog, signal: stop.signal }).pipe(toArray()))
  return { state$, views, end: async () => { stop.abort(); return all } }
}

it('reads the pot of each head, with the parts of settled epochs that are still to be paid', async () => {
  const settled: StatementOnChain = { block: 5, chunks: new Map(), parts: new Map() }
  const pendings: bigint[] = []
  let told: (() => void) | undefined
  const reading = watch(async (_, pending) => {
    pendings.push(pending)
    told?.()
    return report
  })
  const shows = async (state: ChainState): Promise<void> => {
    const read = new Promise<void>((resolve) => (told = resolve))
    reading.state$.next(state)
    await read
    await new Promise(setImmediate) // for the report to be taken, before the next head is skipped
  }
  await shows(at(5, new Map([[0, settled]])))
  await shows(at(6, new Map([[0, { ...settled, parts: new Map([[1, { block: 6, value: new Uint8Array(32) }]]) }]])))
  await shows(at(7))
  expect(pendings).toEqual([6n, 0n, 0n])
  expect(await reading.end()).toEqual([5, 6, 7].map((block) => ({ ...report, block })))
})

it('goes on when the chain cannot be asked, shows nothing before the network, and ends with what is no fault of the chain', async () => {
  const answers: (() => Promise<PotReport | null>)[] = [() => Promise.reject(new ChainError('BLOCK_GONE', 'gone', 'wait')), async () => null, async () => report]
  let asked = 0
  let told: (() => void) | undefined
  const reading = watch(async () => {
    asked++
    told?.()
    return answers.shift()!()
  })
  for (const block of [1, 2, 3]) {
    const read = new Promise<void>((resolve) => (told = resolve))
    reading.state$.next(at(block))
    await read
    await new Promise(setImmediate)
  }
  expect([asked, await reading.end()]).toEqual([3, [{ ...report, block: 3 }]])
  const broken = watch(() => Promise.reject(new TypeError('a fault of ours')))
  broken.state$.next(at(1))
  await expect(broken.end()).rejects.toThrow('a fault of ours')
})
