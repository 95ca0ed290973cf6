import { concat, equalBytes, type Ledger, type ReplayedEpoch, statementsOnChain } from '@assay/protocol'

/** How the statement that the chain holds of an epoch stands to the one computed here. */
export type OnChain = 'match' | 'mismatch' | 'not yet'

/** Compares byte for byte: all that is paid follows from these bytes. */
export function compareWithChain(ledger: Ledger, { epoch, statement }: Pick<ReplayedEpoch, 'epoch' | 'statement'>): OnChain {
  const posted = statementsOnChain(ledger).get(epoch)
  if (posted === undefined) return 'not yet'
  const bytes = concat(...[...posted.chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))
  return equalBytes(bytes, statement.bytes) ? 'match' : 'mismatch'
}
