// What this account's extrinsics really cost, and whether the money lasts: its own for the reports of an epoch, the pot's for the pay. Looked at before each epoch begins, so that there is time to send some.
import type { Log } from '@assay/kit/log'
import { type AccountId, epochOf, type Ledger, parametersFor, payingTerm, pendingOf, potOf, reportKey, roundAt, roundStart, solvencyOf, statementsOnChain } from '@assay/protocol'
import { type Chain, formatAmount, fullFee, putItem, readBalance, type Sender, toAddress } from '@assay/runtime-bindings'
import type { CheckerMetrics } from './metrics.ts'
import type { Store } from './store.ts'

/** What fees are paid for: the first word of an extrinsic's label. */
type Purpose = string

/** A sender that remembers the greatest fee taken, by what for. */
export interface MeteredSender extends Sender {
  /** Planck; null before one was seen. */
  greatestFee(purpose: Purpose): bigint | null
}

const NANO = 1_000_000_000

/** Measures every fee that is taken, of failed extrinsics too. What is taken is more than what the node estimates: see `fullFee`. */
export function meterFees(sender: Sender, metrics: Pick<CheckerMetrics, 'fees'>): MeteredSender {
  const greatest = new Map<Purpose, bigint>()
  return {
    account: sender.account,
    estimate: (call) => sender.estimate(call),
    greatestFee: (purpose) => greatest.get(purpose) ?? null,
    async send(call, options) {
      const result = await sender.send(call, options)
      if (result.fee === undefined) return result
      const purpose = options.label.split(' ')[0]!
      metrics.fees.inc({ what: purpose }, Number(result.fee) / NANO)
      if (result.fee > (greatest.get(purpose) ?? 0n)) greatest.set(purpose, result.fee)
      return result
    },
  }
}

export interface BudgetTools {
  network: AccountId
  me: AccountId
  chain: Chain
  sender: MeteredSender
  store: Pick<Store, 'statement'>
  metrics: Pick<CheckerMetrics, 'funds' | 'pot'>
  log: Log
}

/** Looks at the money once an epoch; call it with each new best block. */
export interface Budget {
  /** Throws what the chain's door throws; then the next call looks again. */
  step(ledger: Ledger, best: number): Promise<void>
}

export function createBudget({ network, me, chain, sender, store, metrics, log }: BudgetTools): Budget {
  let checked = -1

  /** What a report takes: the greatest fee seen, or as much as may be taken of what the node estimates. */
  async function reportFee(): Promise<bigint> {
    const seen = sender.greatestFee('report')
    return seen ?? fullFee((await sender.estimate(await putItem(chain, me, reportKey(network), new Uint8Array(128)))).fee)
  }

  async function own(epoch: number, reports: number, fee: bigint): Promise<void> {
    const needs = fee * BigInt(reports) + (sender.greatestFee('settlement') ?? 0n)
    const { usable } = await readBalance(chain, me)
    const has = usable > chain.features.existentialDeposit ? usable - chain.features.existentialDeposit : 0n
    const lasts = needs === 0n ? Number.MAX_SAFE_INTEGER : Number(has / needs)
    metrics.funds.set(lasts)
    if (lasts >= 1) return log.debug('funds looked at', { epoch, has: formatAmount(has), needs: formatAmount(needs), lasts })
    log.warn('this checker cannot pay the reports of the next epoch', { epoch, account: toAddress(me), has: formatAmount(has), needs: formatAmount(needs), reports, lasts, advice: `Send at least ${formatAmount(needs - has)} to ${toAddress(me)}; an epoch takes that much.` })
  }

  async function pots(ledger: Ledger, epoch: number, checkFee: bigint): Promise<void> {
    const pot = potOf(ledger, payingTerm(ledger))!
    const { usable } = await readBalance(chain, pot)
    const newest = Math.max(-1, ...statementsOnChain(ledger).keys())
    const statement = newest < 0 ? undefined : store.statement(newest)
    const pending = statement === undefined ? 0n : pendingOf(statementsOnChain(ledger).get(newest)!, statement.payouts)
    const found = solvencyOf(ledger, { balance: usable, pending, checkFee })
    if (found === null) return
    const { needs, epochsLeft, checks } = found
    metrics.pot.set(epochsLeft ?? Number.MAX_SAFE_INTEGER)
    if (usable < needs) log.warn('the pot cannot pay the next epoch', { epoch, pot: toAddress(pot), has: formatAmount(usable), needs: formatAmount(needs), lasts: epochsLeft, advice: `Send at least ${formatAmount(needs - usable)} to ${toAddress(pot)}.` })
    if (checks.costPerEpoch !== null && checks.costPerEpoch > checks.checkersPool) log.warn('the checkers’ part of the pool is less than their reports cost', { epoch, pool: formatAmount(checks.checkersPool), cost: formatAmount(checks.costPerEpoch) })
  }

  return {
    async step(ledger, best) {
      const founding = ledger.parameters[0]?.parameters
      if (founding === undefined) return
      const epoch = Math.max(0, epochOf(founding, roundAt(founding, best)) + 1)
      // In the last round before it, when most of what was before is paid.
      if (epoch === checked || best < roundStart(founding, epoch * founding.epochRounds - 1)) return
      const fee = await reportFee()
      await own(epoch, parametersFor(ledger, epoch * founding.epochRounds)!.epochRounds, fee)
      await pots(ledger, epoch, fee)
      checked = epoch
    },
  }
}
