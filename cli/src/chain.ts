import { mainSignal } from '@assay/kit/lifecycle'
import { connectChain, type Chain } from '@assay/runtime-bindings'

/** Somebody waits, where a service would go on trying. */
export const CONNECT_MS = 10_000

/** Runs `work` on a connection that ends with it. */
export async function withChain<T>(endpoint: string, work: (chain: Chain, signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const signal = AbortSignal.any([mainSignal(), stop.signal])
  const chain = await connectChain({ endpoint, connectMs: CONNECT_MS, signal })
  try {
    return await work(chain, signal)
  } finally {
    stop.abort()
    await chain.close()
  }
}
