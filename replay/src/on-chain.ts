import { type Crypto, type Ledger, type ReplayedEpoch, settledAs, statementsOnChain } from '@assay/protocol'

/** How what the chain holds of an epoch stands to what was computed here. `partly`: the statement is the same, and parts of the payees are still to be paid. */
export type OnChain = 'match' | 'mismatch' | 'partly' | 'not yet'

/** Compares byte for byte the statement, and what the items of later parts commit to. */
export function compareWithChain(crypto: Crypto, ledger: Ledger, { epoch, statement, result }: Pick<ReplayedEpoch, 'epoch' | 'statement' | 'result'>): OnChain {
  const payouts = result.payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid] as const)
  const settled = settledAs(crypto, ledger.network, { epoch, bytes: statement.bytes, payouts }, statementsOnChain(ledger).get(epoch))
  return ({ nothing: 'not yet', partly: 'partly', whole: 'match', 'other statement': 'mismatch', 'other part': 'mismatch' } as const)[settled.kind]
}
