import { BehaviorSubject, defer, Observable, Subject } from 'rxjs'
import { beforeEach, expect, test } from 'vitest'
import { createLog } from '@assay/kit/log'
import { type Hash, type Ledger, type LedgerBlock, VERSIONS } from '@assay/protocol'
import { nodeCrypto, type LedgerBlockEvent } from '@assay/runtime-bindings'
import { follow, type View } from './follow.ts'

const NETWORK: Hash = `0x${'11'.repeat(32)}`
const hash = (branch: string, n: number): Hash => `0x${Buffer.from(`${branch}${n}`).toString('hex').padStart(64, '0')}`
const block = (n: number, branch = 'a', parent = branch): LedgerBlockEvent => ({ type: 'block', block: { number: n, hash: hash(branch, n), parentHash: hash(parent, n - 1), relayRoot: null, events: [] } satisfies LedgerBlock })

let heights$: BehaviorSubject<number>
let events$: Subject<LedgerBlockEvent>
let subscriptions: number
let forgot: number
let said: string[]
let view: View
let seen: string[]
let failed: unknown
beforeEach(() => {
  heights$ = new BehaviorSubject(10)
  events$ = new Subject()
  subscriptions = forgot = 0
  said = []
  seen = []
  failed = undefined
  view = follow({
    crypto: nodeCrypto, network: NETWORK, versions: VERSIONS, confirmations: 2, heights$, onDeepReorg: () => forgot++,
    blocks$: defer(() => (subscriptions++, events$)),
    log: createLog({ json: true, write: (line) => void said.push((JSON.parse(line) as { event: string }).event) }),
  })
  view.ledger$.subscribe({ next: ({ head }: Ledger) => seen.push(`${head!.number}${head!.hash === hash('b', head!.number) ? 'b' : 'a'}`), error: (error: unknown) => (failed = error) })
})

test('the ledger is given when it has caught up, and only while it has', () => {
  for (const n of [6, 7]) events$.next(block(n))
  expect(seen).toEqual([])
  events$.next(block(8))
  expect(seen).toEqual(['8a'])
  heights$.next(11)
  expect(seen).toEqual(['8a'])
  events$.next(block(9))
  heights$.next(40) // an outage is over: nothing acts on what was true long ago
  for (let n = 10; n <= 37; n++) events$.next(block(n))
  expect(seen).toEqual(['8a', '9a'])
  events$.next(block(38))
  expect(seen).toEqual(['8a', '9a', '38a'])
})

test('a latecomer gets the latest of both at once', () => {
  events$.next(block(8))
  const got: unknown[] = []
  view.best$.subscribe((best) => got.push(best))
  view.ledger$.subscribe(({ head }) => got.push(head!.number))
  expect([got, subscriptions]).toEqual([[10, 8], 1])
})

test('a shallow reorg is nothing; a deep one goes back to the state before it, and what was computed is forgotten', () => {
  for (const n of [5, 6, 7, 8]) events$.next(block(n))
  events$.next({ type: 'reorg', from: 10, to: 9, deep: false })
  expect([forgot, said]).toEqual([0, []])
  events$.next({ type: 'reorg', from: 8, to: 6, deep: true })
  events$.next(block(7, 'b', 'a'))
  events$.next(block(8, 'b'))
  expect([forgot, seen.at(-1), subscriptions]).toEqual([1, '8b', 1])
  expect(said).toEqual(['confirmed blocks gone'])
})

test('one deeper than what is remembered, or blocks that do not fit, build the ledger anew', async () => {
  for (const n of [5, 6, 7, 8]) events$.next(block(n))
  events$.next({ type: 'reorg', from: 8, to: 3, deep: true })
  await Promise.resolve()
  expect([subscriptions, said.at(-1)]).toEqual([2, 'ledger built anew'])
  for (const n of [4, 5, 6, 7, 8]) events$.next(block(n, 'b'))
  expect(seen.at(-1)).toBe('8b')
  events$.next(block(9))
  await Promise.resolve()
  expect(subscriptions).toBe(3)
})

test('a chain that stands still is told; one that was replaced ends it', () => {
  events$.next({ type: 'stalled', reason: 'NO_BLOCKS', best: 10, next: 9, detail: '' })
  expect(said).toEqual(['chain stands still'])
  events$.next({ type: 'replaced', expected: { number: 3, hash: hash('a', 3) }, found: null })
  expect(failed).toMatchObject({ code: 'CHAIN_REPLACED', advice: expect.stringContaining('fresh data folder') })
})

test('what fails below goes on to whoever listens', () => {
  events$.error(new Error('broken'))
  expect(failed).toMatchObject({ message: 'broken' })
  expect(view.best$).toBeInstanceOf(Observable)
})
