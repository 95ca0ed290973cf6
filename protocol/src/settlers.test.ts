import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Actor, actor, NETWORK, parametersItem, registration, role, TestChain } from '../testing/chain.ts'
import { crypto, hashOf } from '../testing/crypto.ts'
import { beaconOf } from './beacon.ts'
import { type AccountId, type Hash, toHex, utf8 } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { applyBlock, emptyLedger, type Ledger, type LedgerEvent, statementsOnChain } from './ledger.ts'
import { devnetParameters } from './parameters.ts'
import { decodeHandOver, drawSettlers, encodeHandOver, foundersOf, isCommittee, MAX_SETTLERS, multisigId, payingTerm, potOf, settlersOf, termBegunBy, termOf, termStart, thresholdOf } from './settlers.ts'
import { handOverKey, partKey, statementKey } from './storage-keys.ts'

// Rounds of 20 blocks from 120 on, epochs of 2, terms of 1: term t begins with block 120 + 40t, and its checkers are frozen 2 blocks before.
const parameters = { ...devnetParameters(100, 120), termEpochs: 1 }
const checkers = ['carol', 'chris', 'cindy', 'colin'].map((name) => actor('checker', name)).sort((a, b) => (a.account.public < b.account.public ? -1 : 1))
const ids = (of: readonly Actor[]): AccountId[] => of.map(({ account }) => account.public)
const registered = new Map(checkers.map((who) => [who, [role(who), ...registration(who)]] as const))
const joins = (...who: Actor[]): LedgerEvent[] => who.flatMap((one) => registered.get(one)!)
const network = (...founding: Actor[]): TestChain => new TestChain(100).at(100, parametersItem(parameters), ...joins(...founding))
const item = (who: AccountId, key: string, value: Uint8Array, update = false): LedgerEvent => ({ kind: 'item', who, key, value, update })
const handsOver = (who: AccountId, term: number, pot: AccountId): LedgerEvent => item(who, handOverKey(NETWORK, term), encodeHandOver({ term, pot }))
const multisig = (of: readonly AccountId[]): AccountId => multisigId(crypto, of, thresholdOf(of.length))

describe('terms', () => {
  test('of so many epochs each; one for ever where there are none', () => {
    expect([0, 1, 2, 3, 4].map((epoch) => termOf({ termEpochs: 2 }, epoch))).toEqual([0, 0, 1, 1, 2])
    expect([0, 7, 65535].map((epoch) => termOf({ termEpochs: 0 }, epoch))).toEqual([0, 0, 0])
  })
  test('begin with the first round of their first epoch', () => {
    const six = { ...parameters, termEpochs: 3 }
    expect(Array.from({ length: 14 }, (_, round) => termBegunBy(six, round)).flatMap((term, round) => (term === null ? [] : [[round, term]]))).toEqual([[6, 1], [12, 2]])
    expect([0, 6, 12].map((round) => termBegunBy({ ...six, termEpochs: 0 }, round))).toEqual([null, null, null])
    expect([0, 1, 2].map((term) => termStart(six, term))).toEqual([120, 240, 360])
  })
})

describe('the draw', () => {
  const many: Hash[] = Array.from({ length: 60 }, (_, i) => hashOf(`checker ${i}`)).sort()
  test('takes at most 20, ascending, and all of fewer', () => {
    const { settlers, pot } = drawSettlers(crypto, hashOf('beacon'), many)!
    expect(settlers).toHaveLength(MAX_SETTLERS)
    expect(settlers).toEqual(settlers.toSorted())
    expect(pot).toBe(multisigId(crypto, settlers, 14))
    expect(drawSettlers(crypto, hashOf('beacon'), many.slice(0, 3))).toEqual({ settlers: many.slice(0, 3), pot: multisigId(crypto, many.slice(0, 3), 3) })
    expect([0, 1].map((count) => drawSettlers(crypto, hashOf('beacon'), many.slice(0, count)))).toEqual([null, null])
  })
  test('depends on the beacon and on nothing else of the others', () => {
    fc.assert(fc.property(fc.string(), fc.subarray(many, { minLength: 2 }), (name, some) => {
      const { settlers } = drawSettlers(crypto, hashOf(name), some)!
      expect(drawSettlers(crypto, hashOf(name), some.toReversed())!.settlers).toEqual(settlers)
      // Whoever is drawn of many is drawn of any part of these that it is in.
      const part = some.slice(0, 21)
      const drawn = part.length < 2 ? [] : drawSettlers(crypto, hashOf(name), part)!.settlers
      for (const one of settlers) if (part.includes(one)) expect(drawn).toContain(one)
    }), { numRuns: 50 })
    expect(drawSettlers(crypto, hashOf('one'), many)!.settlers).not.toEqual(drawSettlers(crypto, hashOf('other'), many)!.settlers)
  })
})

test('a committee is each of its members once, between two and 20, by the threshold', () => {
  const [a, b, c] = ids(checkers) as [Hash, Hash, Hash]
  expect(isCommittee(crypto, multisig([a, b, c]), [c, a, b])).toBe(true)
  expect([[a, b], [a, a, b], [a], []].map((members) => isCommittee(crypto, multisig([a, b, c]), members))).toEqual([false, false, false, false])
  expect(isCommittee(crypto, multisigId(crypto, [a, b, c], 2), [a, b, c])).toBe(false)
  const many = Array.from({ length: 21 }, (_, i) => hashOf(`${i}`))
  expect(isCommittee(crypto, multisig(many), many)).toBe(false)
  expect(() => multisigId(crypto, Array.from({ length: 64 }, (_, i) => hashOf(`${i}`)), 43)).toThrow(RangeError)
})

test('a hand-over has one encoding', () => {
  const value = { term: 7, pot: hashOf('pot') }
  const bytes = encodeHandOver(value)
  expect([decodeHandOver(bytes), bytes.length]).toEqual([value, 37])
  for (const bad of [bytes.subarray(1), Uint8Array.of(...bytes, 0), Uint8Array.of(2, ...bytes.subarray(1)), new Uint8Array(129)]) expect(() => decodeHandOver(bad)).toThrow(MalformedError)
})

describe('whose term it is', () => {
  const three = checkers.slice(0, 3)
  test('the founders’ first, whatever comes; then who was eligible, from the beacon block on', () => {
    const chain = network(...three).to(159)
    expect([potOf(chain.ledger, 0), potOf(chain.ledger, 1), settlersOf(crypto, chain.ledger, 1)]).toEqual([NETWORK, null, null])
    // The test network's account is no multisig, so its founders must be given.
    expect([foundersOf(crypto, chain.ledger), settlersOf(crypto, chain.ledger, 0), settlersOf(crypto, chain.ledger, 0, ids(three))]).toEqual([null, null, ids(three)])
    chain.to(160)
    expect(chain.ledger.terms.get(1)).toEqual(drawSettlers(crypto, beaconOf(crypto, NETWORK, 2, chain.hash(160)), ids(three)))
    expect([potOf(chain.ledger, 1), settlersOf(crypto, chain.ledger, 1), potOf(chain.ledger, 2)]).toEqual([multisig(ids(three)), ids(three), null])
  })
  test('founders are who got the role with the network, and make up its account', () => {
    const account = multisig(ids(three))
    const of = (event: LedgerEvent): LedgerEvent => (event.kind === 'role' ? { ...event, owner: account } : { ...event, who: event.kind === 'item' ? account : event.who })
    const block = { number: 100, hash: hashOf('100'), parentHash: hashOf('99'), relayRoot: null, events: [parametersItem(parameters), ...three.map((one) => role(one))].map(of) }
    expect(foundersOf(crypto, applyBlock(crypto, emptyLedger(account), block))).toEqual(ids(three))
  })
  test('fewer than two checkers leave it to the term before, the founders’ or a drawn one', () => {
    expect([0, 1, 2].map((term) => potOf(network(checkers[0]!).to(200).ledger, term))).toEqual([NETWORK, NETWORK, NETWORK])
    const chain = network(...three).at(170, role(three[0]!, false), role(three[1]!, false)).to(240)
    const pot = multisig(ids(three))
    expect([1, 2, 3, 4].map((term) => potOf(chain.ledger, term))).toEqual([pot, pot, pot, null])
    expect(settlersOf(crypto, chain.ledger, 3)).toEqual(ids(three))
  })
  test('is never another’s where there are no terms', () => {
    const chain = new TestChain(100).at(100, parametersItem({ ...parameters, termEpochs: 0 }), ...joins(...three)).to(300)
    expect([chain.ledger.terms.size, potOf(chain.ledger, 0), potOf(chain.ledger, 1), payingTerm(chain.ledger)]).toEqual([0, NETWORK, null, 0])
  })
  test('a network founded after a term began has nobody drawn for it', () => {
    const late = new TestChain(100).at(170, parametersItem(parameters), ...joins(...three)).to(200)
    expect([1, 2].map((term) => potOf(late.ledger, term))).toEqual([NETWORK, multisig(ids(three))])
  })
})

describe('what a pot writes', () => {
  const pot = multisig(ids(checkers))
  const stranger = hashOf('stranger')
  const chunk = (who: AccountId, epoch: number, text = 'a'): LedgerEvent => item(who, statementKey(NETWORK, epoch, 0), utf8(text))
  const statements = ({ ledger }: TestChain): [number, string][] => [...statementsOnChain(ledger)].map(([epoch, { chunks }]) => [epoch, toHex(chunks.get(0)!)])

  test('counts for the epochs of its term alone', () => {
    const chain = network(...checkers).at(159, chunk(pot, 1, 'early')).at(175, chunk(pot, 0), chunk(NETWORK, 1), chunk(stranger, 0), chunk(stranger, 1)).at(180, chunk(NETWORK, 0, 'n'), chunk(pot, 1, 'p'), chunk(pot, 2), chunk(NETWORK, 9)).to(181)
    expect(statements(chain)).toEqual([[0, toHex(utf8('n'))], [1, toHex(utf8('p'))]])
  })
  test('of parts counts after the statement, each the first time, below 100', () => {
    const part = (epoch: number, n: number, text: string, who = NETWORK, update = false): LedgerEvent => item(who, partKey(NETWORK, epoch, n), utf8(text), update)
    const chain = network(...checkers)
      .at(170, part(0, 1, 'before'))
      .at(171, chunk(NETWORK, 0), part(0, 1, 'one'), part(0, 1, 'again'), part(0, 0, 'none'), part(0, 100, 'far'), part(0, 99, 'last', NETWORK, true), part(0, 2, 'stranger', stranger), item(NETWORK, partKey(NETWORK, 0, 3), new Uint8Array(129)))
      .at(173, part(0, 99, 'last'))
      .to(174)
    expect([...statementsOnChain(chain.ledger).get(0)!.parts]).toEqual([[1, { block: 171, value: utf8('one') }], [99, { block: 173, value: utf8('last') }]])
  })
  test('hands over once, when the next is known; strangers and other pots do not', () => {
    const chain = network(...checkers)
      .at(159, handsOver(NETWORK, 1, pot))
      .at(161, handsOver(stranger, 1, stranger), handsOver(pot, 1, pot), handsOver(NETWORK, 2, pot), handsOver(NETWORK, 0, pot), item(NETWORK, handOverKey(NETWORK, 1), encodeHandOver({ term: 1, pot }), true))
      .to(162)
    expect([[...chain.ledger.handOvers], payingTerm(chain.ledger)]).toEqual([[], 0])
    chain.at(163, handsOver(NETWORK, 1, pot), handsOver(NETWORK, 1, stranger)).to(164)
    expect([[...chain.ledger.handOvers], payingTerm(chain.ledger)]).toEqual([[[1, { block: 163, item: { term: 1, pot } }]], 1])
  })
  test('may be nonsense: the money went, and the chain says so', () => {
    const chain = network(...checkers).at(161, item(NETWORK, handOverKey(NETWORK, 1), utf8('gone'))).to(162)
    expect([chain.ledger.handOvers.get(1), payingTerm(chain.ledger)]).toEqual([{ block: 161, item: null }, 1])
    const other = network(...checkers).at(161, item(NETWORK, handOverKey(NETWORK, 1), encodeHandOver({ term: 2, pot }))).to(162)
    expect(other.ledger.handOvers.get(1)).toEqual({ block: 161, item: null })
  })
  test('a committee that stays hands nothing over', () => {
    const chain = network(...checkers).at(161, handsOver(NETWORK, 1, pot)).to(200)
    // The same four, term after term.
    expect([potOf(chain.ledger, 2), payingTerm(chain.ledger)]).toEqual([pot, 2])
  })
  test('is all that is remembered of it: hostile items leave the ledger as it was', () => {
    const chain = network(...checkers).to(170)
    const { ledger } = chain
    const noise = Array.from({ length: 200 }, (_, i): LedgerEvent[] => [chunk(hashOf(`${i}`), i), item(stranger, partKey(NETWORK, i, 1), utf8('x')), handsOver(stranger, i, stranger), item(NETWORK, statementKey(NETWORK, 1 + i, 0), utf8('x'))]).flat()
    const after: Ledger = chain.at(171, ...noise).to(171).ledger
    expect([after.statements, after.handOvers, after.terms]).toEqual([ledger.statements, ledger.handOvers, ledger.terms])
    expect([after.statements === ledger.statements, after.handOvers === ledger.handOvers]).toEqual([true, true])
  })
})
