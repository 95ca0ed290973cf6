// The chain that a fork stands on, as chopsticks' provider.
import type { Api } from '@acala-network/chopsticks-core'
import { connectRpc } from '../src/rpc.ts'

type Provider = ConstructorParameters<typeof Api>[0]

/** The chain to fork did not answer. */
export class ForkUnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ForkUnreachableError'
  }
}

/**
 * The first of `endpoints` that answers. The bindings' own connection is used because polkadot's WsProvider prints each failed
 * attempt, waits for ever at the start and rejects every read during an outage; this one lets a read wait the outage out.
 * @throws ForkUnreachableError
 */
export async function connectUpstream(endpoints: string[], timeoutMs: number, signal: AbortSignal): Promise<Provider> {
  const problems: string[] = []
  for (const endpoint of endpoints) {
    try {
      const rpc = await connectRpc({ endpoint, signal, requestTimeoutMs: timeoutMs })
      return {
        isReady: Promise.resolve(),
        isConnected: true,
        isClonable: false,
        hasSubscriptions: false,
        send: <T>(method: string, params: unknown[]) => rpc.request<T>(method, params),
        disconnect: async () => rpc.close(),
        connect: async () => undefined,
        on: () => () => undefined,
        clone: unsupported,
        subscribe: unsupported,
        unsubscribe: unsupported,
      } as Provider & { isReady: Promise<void> }
    } catch (cause) {
      signal.throwIfAborted()
      problems.push(`${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  throw new ForkUnreachableError(`The chain to fork does not answer (${problems.join('; ')}). Check that it runs and that its address is right.`)
}

/** A fork only reads. */
const unsupported = (): never => {
  throw new Error('a fork does not subscribe to its upstream')
}
