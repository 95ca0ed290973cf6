import { describe, expect, test } from 'vitest'
import { type Actor, actor, anchor, NETWORK, parametersItem, registration, role, TestChain } from '../testing/chain.ts'
import { crypto } from '../testing/crypto.ts'
import { type AccountId, utf8 } from './bytes.ts'
import type { LedgerEvent } from './ledger.ts'
import { owedBy } from './owes.ts'
import { devnetParameters } from './parameters.ts'
import { judgementOfEpoch } from './schedule.ts'
import { encodeHandOver, potOf } from './settlers.ts'
import { handOverKey, statementKey } from './storage-keys.ts'

// Rounds of 20 blocks from 120 on, frozen 2 blocks before they begin; epochs of 2, terms of 1: epoch and term e begin with block 120 + 40e.
const parameters = { ...devnetParameters(100, 120), termEpochs: 1 }
const [founder, other, third] = ['carol', 'chris', 'cindy'].map((name) => actor('checker', name)) as [Actor, Actor, Actor]
const founders = [founder, other].map(({ account }) => account.public)
const network = (termEpochs = 1): TestChain => new TestChain(100).at(100, parametersItem({ ...parameters, termEpochs }), ...[founder, other, third].flatMap((one) => [role(one), ...registration(one)]))
const leaves = (one: Actor): LedgerEvent => anchor(one, new Uint8Array())
const settles = (epoch: number, pot: AccountId = NETWORK): LedgerEvent => ({ kind: 'item', who: pot, key: statementKey(NETWORK, epoch, 0), value: utf8('statement'), update: false })
const handsOver = (term: number, from: AccountId, to: AccountId): LedgerEvent => ({ kind: 'item', who: from, key: handOverKey(NETWORK, term), value: encodeHandOver({ term, pot: to }), update: false })
const owed = ({ ledger }: TestChain, { account }: Actor) => owedBy(crypto, ledger, account.public, founders)
const judged = (epoch: number): number => judgementOfEpoch(parameters, epoch)

describe('what a checker owes', () => {
  test('is everything until it has left, nothing if it never came, and nothing to a network that is none', () => {
    expect(owed(network().to(300), founder)).toEqual({ kind: 'leaving' })
    expect(owed(network().to(119), founder)).toEqual({ kind: 'leaving' })
    expect(owed(network().to(300), actor('checker', 'stranger'))).toBeNull()
    expect(owed(new TestChain(100).to(110), founder)).toBeNull()
  })
  test('is its last round, until that round’s epoch is settled', () => {
    const chain = network().at(117, leaves(third)).at(119, leaves(other)).to(200)
    expect(owed(chain, third)).toBeNull() // before the first freeze
    expect(owed(chain, other)).toEqual({ kind: 'rounds', round: 0, epoch: 0, until: judged(0) })
    const later = network().at(139, leaves(third)).at(200, settles(0)).to(199)
    expect(owed(later, third)).toEqual({ kind: 'rounds', round: 1, epoch: 0, until: judged(0) })
    expect(owed(later.to(200), third)).toBeNull()
  })
  test('is a founder’s approval until the founders handed the pot over, and a drawn settler’s until they did', () => {
    const chain = network().at(119, leaves(founder)).at(161, leaves(third)).at(200, settles(0)).to(201)
    const pot = potOf(chain.ledger, 1)!
    expect(owed(chain, founder)).toEqual({ kind: 'pot', term: 0, until: judged(0) })
    expect(owed(chain.at(203, handsOver(1, NETWORK, pot)).to(203), founder)).toBeNull()

    // The third was drawn with the others for term 1, left in its first round, and is in no later one.
    expect(owed(chain, third)).toEqual({ kind: 'rounds', round: 2, epoch: 1, until: judged(1) })
    // One is left of three: nobody is drawn any more, and the pot stays with those who had it, in each further term.
    expect([1, 2, 3].map((term) => potOf(chain.at(250 + term, settles(term, pot)).to(250 + term).ledger, term))).toEqual([pot, pot, pot])
    expect(owed(chain, third)).toEqual({ kind: 'pot', term: 3, until: judged(3) })
  })
  test('is a word for ever of the founders of a network without terms, and of nobody else', () => {
    const chain = network(0).at(119, leaves(founder), leaves(third)).at(200, settles(0)).to(200)
    expect(owed(chain, founder)).toEqual({ kind: 'for ever' })
    expect(owed(network(0).to(110), founder)).toEqual({ kind: 'for ever' })
    expect(owed(chain, third)).toBeNull()
  })
})
