import { concatMap, EmptyError, filter, firstValueFrom, take } from 'rxjs'
import { type AccountId, commitRoundAt, decodeReportItem, MalformedError, type ParametersPrefix, reportKey } from '@assay/protocol'
import { best$, type Chain, readItem, toAddress } from '@assay/runtime-bindings'

/** Blocks in which a transaction that is sent now may come. */
const SOON = 3

/** Rounds whose reports may come in one of the next blocks. */
export const reportedSoon = (parameters: ParametersPrefix, best: number): number[] => Array.from({ length: SOON }, (_, i) => commitRoundAt(parameters, best + i)).filter((round) => round !== null)

export interface Reporter { network: AccountId, account: AccountId, parameters: ParametersPrefix }

/** How a checker's report item is read from the chain. */
export const reportOf = (chain: Chain, { network, account }: Reporter) => (): Promise<Uint8Array | null> => readItem(chain, account, reportKey(network))

/** Whether a report of a checker may still come in one of the next blocks: of two transactions of one account then one waits, and a report must not. */
export async function isReportDue(report: () => Promise<Uint8Array | null>, parameters: ParametersPrefix, best: number): Promise<boolean> {
  const rounds = reportedSoon(parameters, best)
  return rounds.length > 0 && Math.max(...rounds) > roundIn(await report())
}

function roundIn(item: Uint8Array | null): number {
  try {
    return item === null ? -1 : decodeReportItem(item).round
  } catch (error) {
    if (error instanceof MalformedError) return -1
    throw error
  }
}

/** Waits until that is not so, and says why; a round at most, for who does not take part reports nothing. Throws what the chain and the signal say. */
export async function untilQuiet(chain: Chain, reporter: Reporter, signal: AbortSignal): Promise<void> {
  const { account, parameters } = reporter
  let told = false
  const isDue = async (best: number): Promise<boolean> => {
    const due = await isReportDue(reportOf(chain, reporter), parameters, best)
    if (due && !told) process.stderr.write(`A report of ${toAddress(account)} may be due, which must not wait: this waits until it is on chain.\n`)
    told ||= due
    return due
  }
  await firstValueFrom(best$(chain, signal).pipe(take(parameters.roundBlocks), concatMap(({ number }) => isDue(number)), filter((due) => !due))).catch((error: unknown) => {
    if (!(error instanceof EmptyError)) throw error
  })
  signal.throwIfAborted()
}
