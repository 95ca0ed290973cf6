import { describe, expect, test } from 'vitest'
import { ApiFault } from './api.ts'
import { type Network, pulseOf } from './live.ts'

const network = (change: Partial<Network> = {}): Network => ({ head: { number: 100, hash: '0x' }, best: 102, stalled: null, parameters: { hourBlocks: 300, confirmations: 2 }, ...change }) as Network
const at = (change: Partial<Network>, since = 0) => pulseOf({ network: network(change), fault: null, movedAt: 0 }, since)

describe('what is shown', () => {
  test('is live while the head moves', () => {
    expect(at({})).toEqual({ kind: 'live' })
    expect(at({ best: 104 })).toEqual({ kind: 'live' })
    expect(at({}, 119_000)).toEqual({ kind: 'live' })
  })

  test('is behind where confirmed blocks are missing', () => expect(at({ best: 140 })).toEqual({ kind: 'behind', blocks: 38 }))

  test('stands when no block came for the time of ten, or the indexer says so', () => {
    expect(at({}, 121_000)).toEqual({ kind: 'standing', text: 'no new block since 2 min' })
    expect(at({ parameters: { hourBlocks: 3600, confirmations: 2 } as Network['parameters'] }, 61_000)).toEqual({ kind: 'standing', text: 'no new block since 61 s' })
    expect(at({ stalled: { reason: 'DISCONNECTED', detail: 'the node is gone' } })).toEqual({ kind: 'standing', text: 'the node is gone' })
  })

  test('is old where nobody answers, and starts where nobody has answered yet', () => {
    expect(pulseOf({ network: network(), fault: new ApiFault(0, 'NO_ANSWER', 'the indexer does not answer'), movedAt: 0 }, 0)).toEqual({ kind: 'away', text: 'the indexer does not answer' })
    expect(pulseOf({ network: null, fault: null, movedAt: null }, 0)).toEqual({ kind: 'starting' })
  })
})
