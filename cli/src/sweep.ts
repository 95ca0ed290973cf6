// What is left on an account that is done with its work goes to its owner.
import { join } from 'node:path'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import type { AccountId } from '@assay/protocol'
import { describeResult, formatAmount, fullFee, KeystoreMissingError, ownerOf, readBalance, readConsent, readPublicKey, toAddress, transferAll, type Chain, type Sender } from '@assay/runtime-bindings'

/** Whom a machine's folder names as its owner: who agreed, else whose key is there; null if neither. Throws ChainError CONSENT. */
export async function ownerIn(dataDir: string): Promise<AccountId | null> {
  const consent = await readConsent(dataDir)
  if (consent !== null) return ownerOf(consent)
  return readPublicKey(join(dataDir, 'owner.json')).catch((error: unknown) => {
    if (error instanceof KeystoreMissingError) return null
    throw error
  })
}

/** `none`: it has no more than the transfer costs. `left`: nobody said yes. Amounts in planck. */
export type Swept = { state: 'none' } | { state: 'left' | 'sent', amount: bigint }

/**
 * Sends all that the account can spend to its owner but the existential deposit, once `agree` said yes to the amount, which is that less the most that the fee may take. Done once, it does nothing more.
 * Throws OperatorError SWEEP, MissingFeatureError, and what `rpc.request` throws.
 */
export async function sweep({ chain, sender, account, to, agree }: { chain: Chain, sender: Sender, account: AccountId, to: AccountId, agree: (amount: bigint) => Promise<boolean> }): Promise<Swept> {
  if (account === to) return { state: 'none' }
  const { usable } = await readBalance(chain, account)
  if (usable === 0n) return { state: 'none' }
  const call = transferAll(chain, to, true)
  const stays = chain.features.existentialDeposit
  const amount = usable - stays - fullFee((await sender.estimate(call)).fee)
  if (amount <= 0n) return { state: 'none' }
  if (!(await agree(amount))) return { state: 'left', amount }
  const result = await sender.send(call, { label: 'what is left' })
  if (!result.ok) throw new OperatorError('SWEEP', `${formatAmount(amount)} could not be sent from ${toAddress(account)} to ${toAddress(to)}: ${describeResult(result)}`, { advice: result.advice ?? 'Run it again.', exit: result.final ? EXIT.mend : EXIT.again })
  return { state: 'sent', amount: usable - stays - (result.fee ?? usable - stays - amount) }
}
