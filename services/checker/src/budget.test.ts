import { describe, expect, test } from 'vitest'
import { createLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { type AccountId, devnetParameters, encodeStatement, type Hash, type LedgerEvent, PART_PAYEES, type Payment, STATEMENT_CHUNK_BYTES, statementKey, toHex, ZERO_HASH } from '@assay/protocol'
import { cryptoReady, toAddress, type Sender, type TxResult } from '@assay/runtime-bindings'
import { actor, NETWORK, parametersItem, registration, role, TestChain } from '../../../protocol/testing/chain.ts'
import { createBudget, meterFees } from './budget.ts'
import { checkerMetrics } from './metrics.ts'
import type { StoredStatement } from './store.ts'

await cryptoReady()
const ME: Hash = `0x${'11'.repeat(32)}`
const FEE = 40n
/** Epochs of two rounds of 20 blocks from 120 on: the last round before epoch e begins with block 100 + 40 e. */
const parameters = { ...devnetParameters(100, 120), poolPerEpoch: 1000n, machineSharePpm: 800_000 }
const carol = actor('checker', 'carol')
const network = (): TestChain => new TestChain(100).at(100, parametersItem(parameters), role(carol), ...registration(carol))

/** Blocks so far apart that an epoch takes ten days: nothing is said of less than a week. */
const SLOW_MS = 21_600_000

function build({ funds, seen = new Map<string, bigint>(), payouts = [], blockMs = SLOW_MS }: { funds: ReadonlyMap<AccountId, bigint>, seen?: ReadonlyMap<string, bigint>, payouts?: readonly Payment[], blockMs?: number }) {
  const said: Record<string, unknown>[] = []
  let estimates = 0
  const metrics = checkerMetrics(createMetrics('checker'))
  const budget = createBudget({
    me: ME, existentialDeposit: 500n, blockMs, metrics, log: createLog({ json: true, level: 'debug', write: (line) => void said.push(JSON.parse(line) as Record<string, unknown>) }),
    usable: async (account) => funds.get(account) ?? 0n,
    estimateReport: async () => (estimates++, FEE),
    sender: { greatestFee: (purpose) => seen.get(purpose) ?? null },
    store: { statement: (epoch) => (epoch === 0 && payouts.length > 0 ? ({ payouts } as unknown as StoredStatement) : undefined) },
  })
  const warnings = (): unknown[] => said.filter(({ level }) => level === 'warn').map(({ event }) => event)
  return { budget, said, warnings, metrics, estimates: () => estimates }
}

const RICH = new Map<AccountId, bigint>([[ME, 10n ** 18n], [NETWORK, 10n ** 18n]])
const CHECKER_POOR = 'funds low'
const POT_POOR = 'pot low'

describe('before an epoch', () => {
  test('the money is looked at once, in the last round before it, and at the start', async () => {
    const { budget, said, warnings } = build({ funds: RICH })
    const { ledger } = network().to(170)
    for (const best of [139, 139]) await budget.step(ledger, best)
    expect(said.map(({ event, epoch }) => [event, epoch])).toEqual([['funds looked at', 1]])
    for (const best of [140, 141, 150, 159, 160, 179]) await budget.step(ledger, best)
    expect(said.map(({ epoch }) => epoch)).toEqual([1, 1])
    await budget.step(ledger, 180)
    expect(said.map(({ epoch }) => epoch)).toEqual([1, 1, 2])
    expect(warnings()).toEqual([])
  })

  test('nothing is said of a network that is not there', async () => {
    const { budget, said } = build({ funds: new Map() })
    await budget.step(new TestChain(100).to(110).ledger, 110)
    expect(said).toEqual([])
  })

  test('a checker is told what it lacks: two reports, by one and a half times what the node estimates', async () => {
    // 2 * 60, and the 500 that it must keep.
    for (const [has, warned, epochs] of [[500n + 119n, true, 0], [500n + 120n, false, 1], [500n + 240n, false, 2], [100n, true, 0]] as const) {
      const { budget, said, warnings } = build({ funds: new Map([...RICH, [ME, has]]) })
      await budget.step(network().to(110).ledger, 110)
      expect(warnings(), `${has}`).toEqual(warned ? [CHECKER_POOR] : [])
      expect(said[0]).toMatchObject({ epoch: 0, epochs })
    }
    const { budget, said } = build({ funds: new Map([...RICH, [ME, 600n]]) })
    await budget.step(network().to(110).ledger, 110)
    expect(said[0]).toMatchObject({ account: toAddress(ME), has: '0.0000000000000001 PEAQ', needs: '0.00000000000000012 PEAQ', rounds: 2, epochs: 0, days: 8, advice: `The next epoch cannot be paid whole: send 0.00000000000000026 PEAQ to ${toAddress(ME)}, which makes it last 30 days.` })
  })

  test('it is told a week before the money ends, with what pays a month', async () => {
    // An epoch of two hours: 120 planck buy it, 10,080 a week.
    for (const [has, warned, days] of [[10_079n, true, 6], [10_080n, false, 7]] as const) {
      const { budget, said, warnings, metrics } = build({ funds: new Map([...RICH, [ME, 500n + has]]), blockMs: 180_000 })
      await budget.step(network().to(110).ledger, 110)
      expect(warnings()).toEqual(warned ? [CHECKER_POOR] : [])
      expect(said[0]).toMatchObject({ days, epochs: Number(has / 120n) })
      expect(await metrics.text()).toContain(`funds_days ${days}\n`)
      if (warned) expect(said[0]).toMatchObject({ advice: `The reports can be paid for 6 more days: send 0.000000000000033121 PEAQ to ${toAddress(ME)}, which makes it last 30 days.` })
    }
  })

  test('the greatest fees that were taken count, and the node is not asked then', async () => {
    const seen = new Map([['report', 100n], ['settlement', 7n]])
    for (const [has, warned] of [[500n + 206n, true], [500n + 207n, false]] as const) {
      const { budget, warnings, estimates } = build({ funds: new Map([...RICH, [ME, has]]), seen })
      await budget.step(network().to(110).ledger, 110)
      expect([warnings(), estimates()]).toEqual([warned ? [CHECKER_POOR] : [], 0])
    }
  })

  test('a pot that cannot pay it is told of, with parts that are still to be paid', async () => {
    const { ledger } = network().to(165)
    for (const [has, warned] of [[2999n, true], [3000n, false]] as const) {
      const { budget, warnings, metrics } = build({ funds: new Map([...RICH, [NETWORK, has]]) })
      await budget.step(ledger, 180)
      expect(warnings()).toEqual(warned ? [POT_POOR] : [])
      expect(await metrics.text()).toMatch(warned ? /pot_epochs 0/ : /pot_epochs 1/)
    }
    const bytes = encodeStatement({ epoch: 0, scores: ZERO_HASH, payouts: ZERO_HASH, registry: ZERO_HASH, evidence: ZERO_HASH, standings: ZERO_HASH, calibrations: ZERO_HASH, paid: 0n, carried: 5n })
    const chunks = [0, 1].map((i): LedgerEvent => ({ kind: 'item', who: NETWORK, key: statementKey(NETWORK, 0, i), value: bytes.slice(i * STATEMENT_CHUNK_BYTES, (i + 1) * STATEMENT_CHUNK_BYTES), update: false }))
    const settled = network().at(164, ...chunks).to(165).ledger
    const payouts = Array.from({ length: PART_PAYEES + 2 }, (_, i): Payment => [toHex(new Uint8Array(32).fill(i % 256)), 3n])
    for (const [has, warned] of [[2010n, true], [2011n, false]] as const) {
      const { budget, warnings } = build({ funds: new Map([...RICH, [NETWORK, has]]), payouts })
      await budget.step(settled, 180)
      expect(warnings(), `${has}`).toEqual(warned ? [POT_POOR] : [])
    }
  })

  test('reports that cost more than checkers are paid are told of', async () => {
    for (const [fee, warned] of [[100n, false], [101n, true]] as const) {
      const { budget, warnings } = build({ funds: RICH, seen: new Map([['report', fee]]) })
      await budget.step(network().to(165).ledger, 180)
      expect(warnings()).toEqual(warned ? ['reports cost more than they pay'] : [])
    }
  })

  test('is looked at again if the chain could not be asked', async () => {
    const { budget, said } = build({ funds: RICH })
    const failing = createBudget({ me: ME, existentialDeposit: 0n, blockMs: 1, usable: () => Promise.reject(new Error('no connection')), estimateReport: async () => 1n, sender: { greatestFee: () => null }, store: { statement: () => undefined }, metrics: checkerMetrics(createMetrics('checker')), log: createLog({ level: 'silent' }) })
    const { ledger } = network().to(110)
    await expect(failing.step(ledger, 110)).rejects.toThrow('no connection')
    await expect(failing.step(ledger, 110)).rejects.toThrow('no connection')
    await budget.step(ledger, 110)
    expect(said).toHaveLength(1)
  })
})

test('fees are measured by what they are for, of what failed too, and the greatest is remembered', async () => {
  const fees = [5_000_000_000n, 7_000_000_000n, undefined, 6_000_000_000n]
  const sender = { account: { id: ME }, estimate: async () => ({ fee: 1n, weight: 2n, proofSize: 3n }), send: async (): Promise<TxResult> => ({ ok: false, code: 'DISPATCH', message: '', final: true, ...feeOf(fees.shift()) }) } as unknown as Sender
  const metrics = checkerMetrics(createMetrics('checker'))
  const metered = meterFees(sender, metrics)
  expect([metered.greatestFee('report'), (await metered.estimate({} as never)).fee, metered.account.id]).toEqual([null, 1n, ME])
  for (const label of ['report of round 1', 'report of round 2', 'report of round 3', 'settlement of epoch 0']) await metered.send({} as never, { label })
  expect([metered.greatestFee('report'), metered.greatestFee('settlement')]).toEqual([7_000_000_000n, 6_000_000_000n])
  expect(await metrics.text()).toMatch(/fees_nanopeaq_total\{what="report"\} 12\n.*fees_nanopeaq_total\{what="settlement"\} 6\n/s)
})

const feeOf = (fee: bigint | undefined): { fee?: bigint } => (fee === undefined ? {} : { fee })
