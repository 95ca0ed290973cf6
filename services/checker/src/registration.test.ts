import { describe, expect, test } from 'vitest'
import { devnetParameters } from '@assay/protocol'
import { cryptoReady } from '@assay/runtime-bindings'
import { actor, anchor, NETWORK, parametersItem, registration, role, TestChain } from '../../../protocol/testing/chain.ts'
import { missingFor } from './registration.ts'

await cryptoReady()
const checker = actor('checker', 'checker')
const account = checker.account.public

describe('what keeps an account from being a checker', () => {
  const cases: [string, RegExp | null, () => TestChain][] = [
    ['nothing on chain yet', /not confirmed yet/, () => new TestChain(1)],
    ['an anchor without its document', /does not count \(NO_DOCUMENT\)/, () => new TestChain(1).at(2, role(checker), anchor(checker, new Uint8Array(32)))],
    ['no role', /lacks the network’s checker role/, () => new TestChain(1).at(2, ...registration(checker))],
    ['a role taken away', /lacks the network’s checker role/, () => new TestChain(1).at(2, role(checker), ...registration(checker)).at(3, role(checker, false))],
    ['nothing', null, () => new TestChain(1).at(2, role(checker), ...registration(checker))],
  ]
  test.each(cases)('%s', (_, expected, chain) => {
    const { ledger } = chain().at(5, parametersItem(devnetParameters(1, 100))).to(5)
    const missing = missingFor(ledger, account)
    if (expected === null) expect(missing).toBeNull()
    else {
      expect(missing!.what).toMatch(expected)
      expect(missing!.advice).not.toBe('')
    }
    expect(ledger.network).toBe(NETWORK)
  })
})
