import { lastPayoutOf, payingTerm, potOf, roundAt, roundFacts, solvencyOf, toHex, type AccountId, type Ledger, type Solvency } from '@assay/protocol'
import { readBalance } from './balances.ts'
import { headerAt } from './blocks.ts'
import type { Chain } from './chain.ts'
import { nodeCrypto } from './crypto.ts'
import { ChainError } from './errors.ts'
import { loadEvents } from './ledger-blocks.ts'
import { eventsOf, feeOf } from './result.ts'

/** How a network's pot stands after the ledger's newest block; amounts are planck. */
export interface PotReport extends Solvency {
  term: number
  /** What came in since block `since`, in which it paid last or was given the money of the pot before; less than 0 if more went out than any statement says. Both null where it never paid, or the node forgot that block. */
  inflow: bigint | null
  since: number | null
  /** Fees of the newest report on chain, as they were taken; null if there is none to be read. */
  checkFee: bigint | null
}

/** Reads how the pot that pays now stands; `pending` is what parts of settled epochs still have to pay. Null before the network is founded. Throws what `chain.read` throws. */
export async function readPot(chain: Chain, ledger: Ledger, pending = 0n): Promise<PotReport | null> {
  if (ledger.head === null || ledger.parameters.length === 0) return null
  const term = payingTerm(ledger)
  const pot = potOf(ledger, term)!
  const [{ usable, reserved }, since, checkFee] = await Promise.all([readBalance(chain, pot, ledger.head.hash), balanceAt(chain, pot, lastPayoutOf(ledger)), newestCheckFee(chain, ledger)])
  const solvency = solvencyOf(ledger, { balance: usable, pending, checkFee })
  return solvency && { ...solvency, term, inflow: since && usable + reserved - since.total, since: since && since.block, checkFee }
}

async function balanceAt(chain: Chain, account: AccountId, block: number | null): Promise<{ block: number; total: bigint } | null> {
  const header = block === null ? null : await orNull(headerAt(chain, block))
  const balance = header && (await orNull(readBalance(chain, account, header.hash)))
  return balance && { block: header!.number, total: balance.usable + balance.reserved }
}

/** Rounds back to which a report is looked for. */
const ROUNDS_BACK = 16

async function newestCheckFee(chain: Chain, ledger: Ledger): Promise<bigint | null> {
  const { parameters } = ledger.parameters[0]!
  const now = roundAt(parameters, ledger.head!.number)
  for (let round = now; round >= Math.max(0, now - ROUNDS_BACK); round--) {
    const [report] = roundFacts(nodeCrypto, ledger, round)?.reports ?? []
    if (report !== undefined) return orNull(feesPaid(chain, report[0], report[1].block))
  }
  return null
}

/** Planck that an account paid as fees in a block, for all its extrinsics there, with what the runtime adds to them. Throws ChainError if the node no longer has the block. */
export async function feesPaid(chain: Chain, account: AccountId, block: number): Promise<bigint> {
  const header = await headerAt(chain, block)
  if (header === null) return 0n
  const { records } = await loadEvents(chain, header)
  const extrinsics = new Set(records.flatMap(({ phase }) => (phase.isApplyExtrinsic ? [phase.asApplyExtrinsic.toNumber()] : [])))
  const paid = [...extrinsics].map((index) => eventsOf(records, index)).filter((events) => events.some(({ name, data }) => name === 'transactionPayment.TransactionFeePaid' && toHex(data[0]!.toU8a()) === account))
  return paid.reduce((sum, events) => sum + feeOf(events, account), 0n)
}

/** What a node that forgets old blocks cannot tell is not known. */
const orNull = <T>(asked: Promise<T>): Promise<T | null> =>
  asked.catch((error: unknown) => {
    if (error instanceof ChainError) return null
    throw error
  })
