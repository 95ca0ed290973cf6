// The real runtime with a network on it that has no machines: enough to follow, judge and score.
import { devnetParameters, encodeParameters, PARAMETERS_KEY, type Parameters } from '@assay/protocol'
import { accountFromSecret, addItem, connectChain, createSender, cryptoReady, type Account, type Chain } from '@assay/runtime-bindings'
import { startDevchain, type Devchain } from '@assay/runtime-bindings/testing'

/** Rounds of 8 blocks from block 12 on. */
export const parameters: Parameters = { ...devnetParameters(1, 12), roundBlocks: 8, epochRounds: 1, confirmations: 1, seedOffset: 2, commitOffset: 7, packageOffset: 11 }

export interface ChainOfTest { devchain: Devchain, chain: Chain, network: Account, close: () => Promise<void> }

export async function startChain(): Promise<ChainOfTest> {
  const stop = new AbortController()
  await cryptoReady()
  const network = accountFromSecret('//network')
  const devchain = await startDevchain({ blocks: 'instant', fund: { [network.address]: 10n ** 20n } })
  const chain = await connectChain({ endpoint: devchain.endpoint, signal: stop.signal })
  const sent = await createSender({ chain, account: network, signal: stop.signal }).send(addItem(chain, PARAMETERS_KEY, encodeParameters(parameters)), { label: 'parameters' })
  if (!sent.ok) throw new Error('the network could not be founded')
  return {
    devchain, chain, network,
    close: async () => {
      await chain.close()
      stop.abort()
      await devchain.close()
    },
  }
}
