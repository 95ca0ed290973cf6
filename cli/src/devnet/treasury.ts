// The purse of a development chain: an account that the devnet's genesis funds and whose secret everybody knows.
import { accountFromSecret, batchAll, cryptoReady, transfer, type Account, type Chain, type Sender } from '@assay/runtime-bindings'
import { OperatorError, EXIT } from '@assay/kit/lifecycle'
import type { AccountId } from '@assay/protocol'

/** The words that all Substrate development accounts come from; worth nothing anywhere else. */
const SECRET = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk//Assay//Treasury'

export const TREASURY_PLANCK = 10n ** 27n

export async function treasuryAccount(): Promise<Account> {
  await cryptoReady()
  return accountFromSecret(SECRET)
}

/** Pays several accounts in one extrinsic. @throws OperatorError */
export async function fund(chain: Chain, sender: Sender, payments: readonly { to: AccountId; planck: bigint }[]): Promise<void> {
  const result = await sender.send(batchAll(chain, payments.map(({ to, planck }) => transfer(chain, to, planck))), {
    label: 'funds from the devnet treasury',
    spend: payments.reduce((total, { planck }) => total + planck, 0n),
  })
  if (!result.ok) throw new OperatorError('FUND', `the devnet treasury could not pay: ${result.message}`, { advice: result.advice ?? 'Only chains started by assay devnet have this treasury.', exit: EXIT.mend })
}
