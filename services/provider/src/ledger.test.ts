import { Observable, Subject } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { createLog } from '@assay/kit/log'
import { type Hash, type LedgerBlock, VERSIONS } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import type { LedgerBlockEvent } from '@assay/runtime-bindings'
import { ledger$ } from './ledger.ts'

beforeAll(cryptoReady)
const hash = (n: number, fork = 0): Hash => `0x${fork.toString(16).padStart(32, '0')}${n.toString(16).padStart(32, '0')}`
const block = (number: number, fork = 0, parentFork = fork): LedgerBlockEvent => ({ type: 'block', block: { number, hash: hash(number, fork), parentHash: hash(number - 1, parentFork), relayRoot: null, events: [] } satisfies LedgerBlock })

function follow() {
  const sources: Subject<LedgerBlockEvent>[] = []
  const lines: string[] = []
  const heads: string[] = []
  const subscription = ledger$({
    crypto, network: hash(0xaa), versions: VERSIONS, log: createLog({ write: (line) => void lines.push(line) }),
    blocks: () => new Observable((subscriber) => {
      const source = new Subject<LedgerBlockEvent>()
      sources.push(source)
      return source.subscribe(subscriber)
    }),
  }).subscribe({ next: ({ head }) => heads.push(`${head!.number}${head!.hash === hash(head!.number) ? '' : 'f'}`), error: (error: Error) => heads.push(`! ${(error as { code?: string }).code}`), complete: () => heads.push('end') })
  return { sources, lines, heads, subscription, say: (...events: LedgerBlockEvent[]) => events.forEach((event) => sources.at(-1)!.next(event)) }
}

describe('ledger$', () => {
  it('follows confirmed blocks and takes a shallow reorg as nothing', () => {
    const t = follow()
    t.say(block(5), block(6), { type: 'reorg', from: 8, to: 6, deep: false }, block(7))
    t.sources[0]!.complete()
    expect(t.heads).toEqual(['5', '6', '7', 'end'])
  })
  it('goes back to the state that still stands after a deep reorg', () => {
    const t = follow()
    t.say(block(5), block(6), block(7), { type: 'reorg', from: 7, to: 5, deep: true }, block(6, 1, 0), block(7, 1))
    expect(t.heads).toEqual(['5', '6', '7', '6f', '7f'])
    expect(t.lines.join()).toContain('confirmed blocks gone')
  })
  it('reads from the origin again when a reorg goes further back than it remembers, or blocks do not fit', () => {
    const t = follow()
    t.say(block(5), block(6), { type: 'reorg', from: 6, to: 3, deep: true })
    expect(t.sources.length).toBe(2)
    t.say(block(5, 1), block(9, 1))
    expect(t.sources.length).toBe(3)
    expect(t.sources.slice(0, 2).map(({ observed }) => observed)).toEqual([false, false])
    t.say(block(5, 2))
    expect(t.heads).toEqual(['5', '6', '5f', '5f'])
  })
  it('says when the chain stands still and goes on, and ends with advice when it was replaced', () => {
    const t = follow()
    t.say({ type: 'stalled', reason: 'NO_BLOCKS', best: 4, next: 5, detail: 'no block above 4' }, block(5))
    expect(t.lines.join()).toMatch(/chain stands still reason=NO_BLOCKS.*chain goes on block=5/s)
    t.say({ type: 'replaced', expected: { number: 5, hash: hash(5) }, found: null })
    expect(t.heads).toEqual(['5', '! CHAIN_REPLACED'])
  })
  it('leaves the blocks when it is left', () => {
    const t = follow()
    t.subscription.unsubscribe()
    expect(t.sources[0]!.observed).toBe(false)
  })
})
