// The ledger of a network as the chain has it now, for commands that look once.
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { applyBlock, emptyLedger, type AccountId, type Ledger, type LedgerBlock, type Parameters } from '@assay/protocol'
import { bestBlock, ledgerBlocks, nodeCrypto, type Chain } from '@assay/runtime-bindings'

type Where = Pick<Parameters, 'confirmations' | 'origin'>

/** The ledger up to the newest confirmed block; `seen` gets each block. Throws OperatorError CHAIN_REPLACED or REORG if the chain changed meanwhile. */
export async function readLedger(chain: Chain, network: AccountId, where: Where, signal: AbortSignal, seen?: (block: LedgerBlock) => void): Promise<Ledger> {
  const { number } = await bestBlock(chain)
  if (number - where.confirmations < where.origin) return emptyLedger(network)
  for await (const ledger of followLedger(chain, network, where, signal, seen)) return ledger
  throw signal.reason
}

/** The same, and then again after each further confirmed block, until the signal fires. */
export async function* followLedger(chain: Chain, network: AccountId, { confirmations, origin }: Where, signal: AbortSignal, seen: (block: LedgerBlock) => void = () => {}): AsyncGenerator<Ledger, void> {
  const last = (await bestBlock(chain)).number - confirmations
  let ledger = emptyLedger(network)
  for await (const event of ledgerBlocks(chain, { from: origin, confirmations, signal })) {
    if (event.type === 'replaced') throw new OperatorError('CHAIN_REPLACED', 'the endpoint changed to another chain while it was read', { advice: 'Use another endpoint.', exit: EXIT.again })
    if (event.type === 'reorg' && event.deep) throw new OperatorError('REORG', 'a reorganisation deeper than the confirmations came while the chain was read', { advice: 'Ask again.', exit: EXIT.again })
    if (event.type !== 'block') continue
    seen(event.block)
    ledger = applyBlock(nodeCrypto, ledger, event.block)
    if (event.block.number >= last) yield ledger
  }
}
