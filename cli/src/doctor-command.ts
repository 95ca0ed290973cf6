// What the doctors of the services share: the command, and what each endpoint of the chain is asked.
import type { Command } from 'commander'
import type { Static, TObject } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { runMain } from '@assay/kit/lifecycle'
import type { AccountId, Parameters } from '@assay/protocol'
import type { Chain } from '@assay/runtime-bindings'
import { chainChecks, exitOfChecks, failedCheck, tellChecks, type Check } from './doctor.ts'
import { addConfigFile, addSettings } from './service-command.ts'

const CHAIN_MS = 10_000

/** Makes `command` look at all that a service needs, and change nothing. It takes the service's own settings, from the same places. */
export function registerDoctor<S extends TObject>(command: Command, name: string, schema: S, look: (config: Static<S>, signal: AbortSignal) => Promise<Check[]>): void {
  addConfigFile(addSettings(command.description('look at all that a start needs, with the settings of start, and say what is to be mended; changes nothing'), schema))
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', `\nExit code 0: ready to start. 1: something must be mended; its line says what and how. 75: not all could be looked at, ask again.\nWhether others reach its ports can be tried from this machine alone; try it from outside, too.\n\nExample:\n  assay ${name} doctor --config ~/${name}/assay.yaml`)
    .action(async ({ config: file, json, ...flags }: { config?: string, json?: boolean } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(schema, { flags, env: process.env, file })
        const { cryptoReady } = await import('@assay/runtime-bindings')
        await cryptoReady()
        const checks = await look(config, signal)
        const exit = exitOfChecks(checks)
        process.stdout.write(json ? `${JSON.stringify({ event: 'doctor', ok: exit === 0, checks })}\n` : tellChecks(checks))
        return exit
      })
    })
}

/** Asks each endpoint alone; the first that has the network is asked what `standing` asks. One that does not answer beside others is good to know. */
export async function checkEndpoints(endpoints: string, network: AccountId, signal: AbortSignal, standing: (chain: Chain, parameters: Parameters, blockSeconds: number | null) => Promise<Check[]>): Promise<Check[]> {
  const { connectChain } = await import('@assay/runtime-bindings')
  const named = endpoints.split(',').map((one) => one.trim()).filter((one) => one !== '')
  const checks: Check[] = []
  let first: { genesis: string, endpoint: string } | null = null
  let stood: Check[] | null = null
  for (const endpoint of named) {
    const stop = new AbortController()
    try {
      const chain = await connectChain({ endpoint, requestTimeoutMs: CHAIN_MS, signal: AbortSignal.any([signal, stop.signal]) })
      try {
        if (first !== null && first.genesis !== chain.genesisHash) checks.push({ name: 'chain', state: 'mend', what: `${chain.endpoint} serves another chain than ${first.endpoint}`, how: 'Give --chain nodes of one chain.' })
        first ??= { genesis: chain.genesisHash, endpoint: chain.endpoint }
        const { checks: found, parameters, blockSeconds } = await chainChecks({ chain, network, now: Date.now })
        checks.push(...found)
        if (stood === null && parameters !== null) stood = await standing(chain, parameters, blockSeconds)
      } finally {
        stop.abort()
        await chain.close()
      }
    } catch (error) {
      signal.throwIfAborted()
      const check = failedCheck('chain', error)
      checks.push(named.length > 1 && check.state === 'again' ? { ...check, state: 'note' } : check)
    }
  }
  if (first === null && named.length > 1) checks.push({ name: 'chain', state: 'again', what: 'none of the nodes answers', how: 'Ask again, or name others.' })
  return [...checks, ...(stood ?? [])]
}
