import { describe, expect, test } from 'vitest'
import { differences, judge, TREES } from './difference.ts'

const leaves = { scores: ['0x01', '0x02'], payouts: ['0x03'], registry: [], evidence: ['0x04'], standings: [], calibrations: [] }

describe('two statements', () => {
  test('that are the same part nowhere', () => expect(differences(leaves, structuredClone(leaves))).toEqual([]))

  test('part at the first leaf that differs, is missing or is too many', () => {
    expect(differences(leaves, { ...leaves, scores: ['0x01', '0xff'], payouts: [], evidence: ['0x04', '0x05'] })).toEqual([
      { tree: 'scores', ours: 2, theirs: 2, at: 1, our: '0x02', their: '0xff' },
      { tree: 'payouts', ours: 1, theirs: 0, at: 0, our: '0x03', their: null },
      { tree: 'evidence', ours: 1, theirs: 2, at: 1, our: null, their: '0x05' },
    ])
  })

  test('have all trees compared', () => {
    for (const tree of TREES) expect(differences(leaves, { ...leaves, [tree]: ['0xee'] }).map((one) => one.tree)).toEqual([tree])
  })
})

test('an indexer that says another root is blamed before the chain is', () => {
  expect([judge('a', 'match', 'a'), judge('a', 'not yet', 'a'), judge('a', 'partly', null), judge('a', 'mismatch', 'a'), judge('a', 'mismatch', 'b'), judge('a', 'match', 'b')]).toEqual(['same', 'same', 'same', 'chain differs', 'indexer differs', 'indexer differs'])
})
