// How long a pot lasts, from the ledger and what the pot holds. Nothing here decides anything: it is shown, and warned of. PROTOCOL section 10.
import type { AccountId } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { type Ledger, parametersFor, registeredCheckers, statementsOnChain } from './ledger.ts'
import type { Parameters } from './parameters.ts'
import { statementBytes } from './parts.ts'
import { epochOf, roundAt } from './schedule.ts'
import { payingTerm, potOf, termOf } from './settlers.ts'
import { decodeStatement } from './statement.ts'

/** Amounts are planck. */
export interface Solvency {
  /** The account that pays now: the one to fund. */
  pot: AccountId
  balance: bigint
  /** First epoch whose statement is not on chain. */
  unsettledFrom: number
  /** Carried out of the epochs that are settled, or not transferred of them yet. */
  owed: bigint
  /** What settles all epochs that have begun, and the next one, if each takes its whole pool. */
  needs: bigint
  /** Epochs after the one under way that the pot pays whole, if nothing comes in; null: for ever, for the pool is 0. */
  epochsLeft: number | null
  /** What checking costs: the pot does not pay it, the checkers' part of the pool has to bear it. */
  checks: {
    /** All checkers' reports of an epoch at `checkFee`; null if that is not known. */
    costPerEpoch: bigint | null
    checkersPool: bigint
  }
}

export interface SolvencyInput {
  /** What the pot can pay with. */
  balance: bigint
  /** Transfers of settled epochs that still have to be made: of parts. */
  pending?: bigint
  /** What one report took, fees and all; null if none was measured. */
  checkFee: bigint | null
}

/** Null before the network is founded. */
export function solvencyOf(ledger: Ledger, { balance, pending = 0n, checkFee }: SolvencyInput): Solvency | null {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined || ledger.head === null) return null
  const parametersOf = (epoch: number): Parameters => parametersFor(ledger, epoch * founding.epochRounds)!
  const current = Math.max(-1, epochOf(founding, roundAt(founding, ledger.head.number)))
  const unsettledFrom = settledEpochs(ledger)
  const owed = pending + carriedOf(ledger, unsettledFrom - 1)
  let needs = owed
  for (let epoch = unsettledFrom; epoch <= current + 1; epoch++) needs += parametersOf(epoch).poolPerEpoch
  const { epochRounds, poolPerEpoch, machineSharePpm } = parametersOf(current + 1)
  const left = balance - needs + poolPerEpoch
  return {
    pot: potOf(ledger, payingTerm(ledger))!,
    balance,
    unsettledFrom,
    owed,
    needs,
    epochsLeft: poolPerEpoch === 0n ? null : left < 0n ? 0 : Number(left / poolPerEpoch),
    checks: {
      costPerEpoch: checkFee === null ? null : checkFee * BigInt(registeredCheckers(ledger).length * epochRounds),
      checkersPool: poolPerEpoch - (poolPerEpoch * BigInt(machineSharePpm)) / 1_000_000n,
    },
  }
}

/** Epochs from 0 on whose statements are on chain without a gap. */
export function settledEpochs(ledger: Ledger): number {
  const statements = statementsOnChain(ledger)
  let epoch = 0
  while (statements.has(epoch)) epoch++
  return epoch
}

/** The newest block in which the pot that pays now paid, or was given the money of the one before it; null if there is none. What its balance changed by since then came in. */
export function lastPayoutOf(ledger: Ledger): number | null {
  const founding = ledger.parameters[0]?.parameters
  if (founding === undefined) return null
  const term = payingTerm(ledger)
  const pot = potOf(ledger, term)
  const blocks = [...statementsOnChain(ledger)].flatMap(([epoch, { block, parts }]) => (potOf(ledger, termOf(founding, epoch)) === pot ? [block, ...Array.from(parts.values(), (part) => part.block)] : []))
  return [...blocks, ...Array.from(ledger.handOvers, ([begun, { block }]) => (begun <= term ? block : 0))].reduce<number | null>((newest, block) => (block > (newest ?? 0) ? block : newest), null)
}

function carriedOf(ledger: Ledger, epoch: number): bigint {
  const statement = statementsOnChain(ledger).get(epoch)
  if (statement === undefined) return 0n
  try {
    return decodeStatement(statementBytes(statement)).carried
  } catch (error) {
    if (error instanceof MalformedError) return 0n
    throw error
  }
}
