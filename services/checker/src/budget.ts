// What this account's extrinsics really cost, and whether the money lasts: its own for the reports of an epoch, the pot's for the pay. Looked at before each epoch begins, so that there is time to send some.
import type { Log } from '@assay/kit/log'
import { type AccountId, epochOf, type Hash, type Ledger, type Parameters, payingTerm, pendingOf, potOf, roundAt, roundStart, solvencyOf, statementsOnChain } from '@assay/protocol'
import { formatAmount, fullFee, type Sender, toAddress } from '@assay/runtime-bindings'
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
  me: AccountId
  /** Planck that an account has to spend after a block: the ledger's newest, so that what is paid and what is left belong together. */
  usable: (account: AccountId, at: Hash) => Promise<bigint>
  /** Planck that an account must keep. */
  existentialDeposit: bigint
  /** Time between two blocks, ms: turns rounds into days. */
  blockMs: number
  /** Planck that the node thinks a report takes; asked for only until one was sent. */
  estimateReport: () => Promise<bigint>
  sender: Pick<MeteredSender, 'greatestFee'>
  store: Pick<Store, 'statement'>
  metrics: Pick<CheckerMetrics, 'funds' | 'fundsDays' | 'pot'>
  log: Log
}

/** Looks at the money once an epoch; call it with each new best block. */
export interface Budget {
  /** Throws what the chain's door throws; then the next call looks again. */
  step(ledger: Ledger, best: number): Promise<void>
}

export function createBudget({ me, usable, existentialDeposit, blockMs, estimateReport, sender, store, metrics, log }: BudgetTools): Budget {
  let checked = -1
  let looked = false

  async function own(at: Hash, epoch: number, { epochRounds, roundBlocks }: Parameters, fee: bigint): Promise<void> {
    const needs = fee * BigInt(epochRounds) + (sender.greatestFee('settlement') ?? 0n)
    const has = atLeast0((await usable(me, at)) - existentialDeposit)
    const epochs = needs === 0n ? Number.MAX_SAFE_INTEGER : Number(has / needs)
    const epochMs = BigInt(epochRounds * roundBlocks * blockMs)
    const days = needs === 0n ? Number.MAX_SAFE_INTEGER : Number((has * epochMs) / (needs * DAY_MS))
    metrics.funds.set(epochs)
    metrics.fundsDays.set(days)
    const about = { epoch, account: toAddress(me), has: formatAmount(has), needs: formatAmount(needs), rounds: epochRounds, epochs, days }
    if (epochs >= 1 && days >= WARN_DAYS) return log.debug('funds looked at', about)
    // What pays a month, and one epoch at least.
    const month = (needs * MONTH_DAYS * DAY_MS) / epochMs
    const wanted = month > needs ? month : needs
    log.warn('funds low', { ...about, advice: `${epochs < 1 ? 'The next epoch cannot be paid whole' : `The reports can be paid for ${days} more days`}: send ${formatAmount(wanted - has)} to ${toAddress(me)}, which makes it last ${month > needs ? `${MONTH_DAYS} days` : 'one epoch'}.` })
  }

  async function pots(ledger: Ledger, epoch: number, { epochRounds, roundBlocks }: Parameters, checkFee: bigint): Promise<void> {
    const pot = potOf(ledger, payingTerm(ledger))!
    const balance = await usable(pot, ledger.head!.hash)
    const pending = [...statementsOnChain(ledger)].slice(-PENDING_EPOCHS).reduce((sum, [settled, onChain]) => sum + pendingOf(onChain, store.statement(settled)?.payouts ?? []), 0n)
    const { needs, epochsLeft, checks } = solvencyOf(ledger, { balance, pending, checkFee })!
    metrics.pot.set(epochsLeft ?? Number.MAX_SAFE_INTEGER)
    const days = epochsLeft === null ? null : Math.floor((epochsLeft * epochRounds * roundBlocks * blockMs) / Number(DAY_MS))
    if (balance < needs) log.warn('pot low', { epoch, pot: toAddress(pot), has: formatAmount(balance), needs: formatAmount(needs), epochs: epochsLeft, days, advice: `Send at least ${formatAmount(needs - balance)} to ${toAddress(pot)}.` })
    if (checks.costPerEpoch! > checks.checkersPool) log.warn('reports cost more than they pay', { epoch, pool: formatAmount(checks.checkersPool), cost: formatAmount(checks.costPerEpoch!), advice: 'The founders must raise the checkers’ part of the pool, or make rounds fewer.' })
  }

  return {
    async step(ledger, best) {
      const founding = ledger.parameters[0]?.parameters
      if (founding === undefined || ledger.head === null) return
      const epoch = Math.max(0, epochOf(founding, roundAt(founding, best)) + 1)
      // Once at the start, and then in the last round before it, when most of what was before is paid.
      const isDue = best >= roundStart(founding, epoch * founding.epochRounds - 1)
      if (epoch === checked || (looked && !isDue)) return
      // The greatest fee seen, or as much as may be taken of what the node estimates.
      const fee = sender.greatestFee('report') ?? fullFee(await estimateReport())
      await own(ledger.head.hash, epoch, founding, fee)
      await pots(ledger, epoch, founding, fee)
      looked = true
      if (isDue) checked = epoch
    },
  }
}

/** Statements back to which parts may still be under way. */
const PENDING_EPOCHS = 4

const DAY_MS = 86_400_000n
/** Less than this is told of: time enough to get money there. */
const WARN_DAYS = 7
const MONTH_DAYS = 30n

const atLeast0 = (planck: bigint): bigint => (planck > 0n ? planck : 0n)
