// The ledger of a network as the chain has it now, for commands that look once.
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { applyBlock, emptyLedger, type AccountId, type Ledger, type Parameters } from '@assay/protocol'
import { bestBlock, ledgerBlocks, nodeCrypto, type Chain } from '@assay/runtime-bindings'

/** The ledger up to the newest confirmed block. Throws OperatorError CHAIN_REPLACED or REORG if the chain changed meanwhile. */
export async function readLedger(chain: Chain, network: AccountId, { confirmations, origin }: Pick<Parameters, 'confirmations' | 'origin'>, signal: AbortSignal): Promise<Ledger> {
  const last = (await bestBlock(chain)).number - confirmations
  let ledger = emptyLedger(network)
  if (last < origin) return ledger
  for await (const event of ledgerBlocks(chain, { from: origin, confirmations, signal })) {
    if (event.type === 'replaced') throw new OperatorError('CHAIN_REPLACED', 'the endpoint changed to another chain while it was read', { advice: 'Use another endpoint.', exit: EXIT.again })
    if (event.type === 'reorg' && event.deep) throw new OperatorError('REORG', 'a reorganisation deeper than the confirmations came while the chain was read', { advice: 'Ask again.', exit: EXIT.again })
    if (event.type !== 'block') continue
    ledger = applyBlock(nodeCrypto, ledger, event.block)
    if (event.block.number >= last) break
  }
  signal.throwIfAborted()
  return ledger
}
