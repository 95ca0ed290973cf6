import { describe, expect, test } from 'vitest'
import { actor, NETWORK, parametersItem, registration, role, TestChain } from '../testing/chain.ts'
import { ZERO_HASH } from './bytes.ts'
import { emptyLedger, type LedgerEvent } from './ledger.ts'
import { devnetParameters, type Parameters } from './parameters.ts'
import { lastPayoutOf, settledEpochs, type Solvency, solvencyOf } from './solvency.ts'
import { encodeHandOver, potOf } from './settlers.ts'
import { encodeStatement, STATEMENT_CHUNK_BYTES } from './statement.ts'
import { handOverKey, partKey, statementKey } from './storage-keys.ts'

// Epochs of 40 blocks from 120 on.
const parameters: Parameters = { ...devnetParameters(100, 120), poolPerEpoch: 1000n, machineSharePpm: 800_000 }
const checkers = ['carol', 'chris'].map((name) => actor('checker', name))
const joined = checkers.flatMap((one) => [role(one), ...registration(one)])
const network = (p = parameters): TestChain => new TestChain(100).at(100, parametersItem(p), ...joined)
const stated = (epoch: number, carried: bigint, who = NETWORK): LedgerEvent[] => {
  const bytes = encodeStatement({ epoch, scores: ZERO_HASH, payouts: ZERO_HASH, registry: ZERO_HASH, evidence: ZERO_HASH, standings: ZERO_HASH, calibrations: ZERO_HASH, paid: 0n, carried })
  return Array.from({ length: Math.ceil(bytes.length / STATEMENT_CHUNK_BYTES) }, (_, i) => ({ kind: 'item', who, key: statementKey(NETWORK, epoch, i), value: bytes.slice(i * STATEMENT_CHUNK_BYTES, (i + 1) * STATEMENT_CHUNK_BYTES), update: false }))
}
const of = ({ ledger }: TestChain, balance: bigint, more: { pending?: bigint; checkFee?: bigint } = {}): Solvency => solvencyOf(ledger, { balance, checkFee: null, ...more })!

describe('a pot', () => {
  test('must pay what has begun, and the next', () => {
    expect(of(network().to(119), 5000n)).toMatchObject({ pot: NETWORK, unsettledFrom: 0, owed: 0n, needs: 1000n, epochsLeft: 5 })
    // Epoch 1 is under way, 0 is not settled: 0, 1, 2 are to be paid.
    expect(of(network().to(165), 5000n)).toMatchObject({ unsettledFrom: 0, needs: 3000n, epochsLeft: 3 })
    expect(of(network().at(180, ...stated(0, 70n)).to(185), 5000n)).toMatchObject({ unsettledFrom: 1, owed: 70n, needs: 2070n, epochsLeft: 3 })
  })
  test('lasts to the planck', () => {
    const chain = network().at(180, ...stated(0, 70n)).to(185)
    expect([2069n, 2070n, 3069n, 3070n, 1069n, 0n].map((balance) => of(chain, balance).epochsLeft)).toEqual([0, 1, 1, 2, 0, 0])
  })
  test('owes the parts that are not paid yet', () => {
    expect(of(network().at(180, ...stated(0, 70n)).to(185), 5000n, { pending: 30n })).toMatchObject({ owed: 100n, needs: 2100n, epochsLeft: 3 })
  })
  test('counts with the parameters of each epoch', () => {
    const chain = network().at(125, parametersItem({ ...parameters, poolPerEpoch: 10n })).to(165)
    expect(of(chain, 5000n)).toMatchObject({ needs: 2010n, epochsLeft: 300 })
  })
  test('of nothing lasts for ever', () => expect(of(network({ ...parameters, poolPerEpoch: 0n }).to(165), 0n)).toMatchObject({ needs: 0n, epochsLeft: null }))
  test('is none before the network', () => expect([solvencyOf(emptyLedger(NETWORK), { balance: 1n, checkFee: null }), lastPayoutOf(emptyLedger(NETWORK))]).toEqual([null, null]))
  test('a statement that is none leaves nothing', () => {
    const chain = network().at(180, { kind: 'item', who: NETWORK, key: statementKey(NETWORK, 0, 0), value: Uint8Array.of(1), update: false }).to(181)
    expect(of(chain, 0n).owed).toBe(0n)
  })
})

test('checks cost a report of each checker a round', () => {
  const chain = network().to(165)
  expect(of(chain, 0n, { checkFee: 7n }).checks).toEqual({ costPerEpoch: 28n, checkersPool: 200n })
  expect(of(chain, 0n).checks).toEqual({ costPerEpoch: null, checkersPool: 200n })
})

test('epochs are settled up to the first that is not', () => {
  expect(settledEpochs(network().at(180, ...stated(0, 0n), ...stated(2, 0n)).to(181).ledger)).toBe(1)
})

test('money since the last payment is of the pot that pays', () => {
  const part = (who: `0x${string}`, epoch: number): LedgerEvent => ({ kind: 'item', who, key: partKey(NETWORK, epoch, 1), value: Uint8Array.of(1), update: false })
  const chain = network({ ...parameters, termEpochs: 1 }).at(170, ...stated(0, 5n)).at(172, part(NETWORK, 0)).to(173)
  expect([lastPayoutOf(network().to(150).ledger), lastPayoutOf(chain.ledger)]).toEqual([null, 172])
  const pot = potOf(chain.ledger, 1)!
  chain.at(180, { kind: 'item', who: NETWORK, key: handOverKey(NETWORK, 1), value: encodeHandOver({ term: 1, pot }), update: false }).to(181)
  expect([of(chain, 0n).pot, lastPayoutOf(chain.ledger)]).toEqual([pot, 180])
  chain.at(200, ...stated(1, 5n, pot)).to(201)
  expect(lastPayoutOf(chain.ledger)).toBe(200)
})
