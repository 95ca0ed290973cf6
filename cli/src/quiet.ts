import { EmptyError, filter, firstValueFrom, take } from 'rxjs'
import { commitRoundAt, type ParametersPrefix } from '@assay/protocol'
import { best$, type Chain } from '@assay/runtime-bindings'

/** Blocks in which a transaction that is sent now may come. */
const SOON = 3

/** Whether a checker may have to report in one of the next blocks: of two transactions of one account then one waits, and a report must not. */
export const isReporting = (parameters: ParametersPrefix, best: number): boolean => Array.from({ length: SOON }, (_, i) => commitRoundAt(parameters, best + i)).some((round) => round !== null)

/** Waits until that is not so; a round at most, for there may be no such block. Throws what the signal says. */
export async function untilQuiet(chain: Chain, parameters: ParametersPrefix, signal: AbortSignal): Promise<void> {
  await firstValueFrom(best$(chain, signal).pipe(take(parameters.roundBlocks), filter(({ number }) => !isReporting(parameters, number)))).catch((error: unknown) => {
    if (!(error instanceof EmptyError)) throw error
  })
  signal.throwIfAborted()
}
