// What the two commands share: a network that is started, beaten and stopped in good order, and a table of what was asked of it.
import { mainSignal, runMain } from '@assay/kit/lifecycle'
import { spawnDevchain } from '@assay/runtime-bindings/testing'
import { cast, type Net, startNet } from '../chaos-net.ts'

/** One thing that was asked of a run. */
export interface Check {
  name: string
  /** What was found, with its figures. */
  found: string
  /** Why it is not kept, a sentence each; none if it is. */
  faults: string[]
}

/** Rounds of 11 blocks, of which four take reports; judged 34 after their start, before the nonces of a later one. An epoch's pay is small, so that the pot lasts for hundreds of epochs. */
const PARAMETERS = { roundBlocks: 11, confirmations: 1, seedOffset: 3, commitOffset: 11, packageOffset: 16, windowMs: 500, poolPerEpoch: 50n * 10n ** 18n }

/** Runs `work` on a network of its own and sets the exit code: 0 if it returns true. SIGINT and SIGTERM stop all in good order; after a failure the folder with keys, databases and logs stays. */
export async function endure({ machines, machineFlags = [] }: { machines: number; machineFlags?: string[] }, work: (net: Net, signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const signal = mainSignal()
  await runMain(async () => {
    const people = cast(3, machines)
    const chain = await spawnDevchain({ blocks: 'manual', fund: people.fund })
    try {
      say(`${people.checkers.length} checkers, ${machines} machines and an indexer are starting on peaq's runtime`)
      await using net = await startNet({ cast: people, port: chain.port, indexer: true, parameters: PARAMETERS, machineFlags, signal })
      say(`keys, databases and logs are in ${net.dir} while it runs`)
      try {
        if (await work(net, AbortSignal.any([signal, net.signal]))) return 0
        net.fail(new Error('a check failed'))
        return 1
      } catch (error) {
        net.fail(error)
        if (!signal.aborted) throw error
        say('stopped before the end: this run shows nothing')
        return 1
      }
    } finally {
      await chain.kill()
    }
  }, { signal })
}

/** Progress, where it is in nobody's way. */
export const say = (text: string): void => void process.stderr.write(`${text}\n`)

export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

export const tableOfChecks = (checks: readonly Check[]): string => tableOf(['asked', 'found', ''], checks.map(({ name, found, faults }) => [name, found, faults.length === 0 ? 'kept' : 'NOT KEPT']))

/** A whole number from 1, or the end of the program. */
export function count(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  console.error(`--${name} is ${text}; give a whole number from 1`)
  process.exit(1)
}
