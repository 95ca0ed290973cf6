// `assay machine retire`: a machine leaves its network for good, from its own folder or, if it is lost, from a copy of its keys.
import { join } from 'node:path'
import type { Command } from 'commander'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import { providerConfig } from '@assay/provider/config'
import { markRetired } from '@assay/provider/retired'
import { createSender, openKeystore, retireIdentity } from '@assay/runtime-bindings'
import { withChain } from './commands/network.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'

const { chain, dataDir, passwordFile } = providerConfig.properties
const retireConfig = Type.Object({ chain, dataDir, passwordFile })

export function registerRetire(machine: Command): void {
  addConfigFile(addSettings(machine.command('retire').description('leave the network: the registration ends on chain, and the machine does not start again from this folder'), retireConfig))
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nStop the machine first. Again changes nothing. A copy of <data-dir>/machine in another folder will do, for a machine that is lost.\n\nExample:\n  assay machine retire --chain wss://… --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ json, config: file, ...flags }: { json?: boolean, config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(retireConfig, { flags, env: process.env, file, fileMayHold: providerConfig })
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal })
        const lock = await lockFolder(config.dataDir)
        try {
          const { account } = await openKeystore({ dir: join(config.dataDir, 'machine'), password })
          await withChain(config.chain, async (chain, signal) => {
            // Before the chain: whatever happens then, no start undoes it.
            await markRetired(config.dataDir)
            const { state } = await retireIdentity({ chain, sender: createSender({ chain, account, signal, log: createLog({ level: 'warn' }) }), account, kind: 'machine' })
            const said = { retired: 'has left its network; rounds from now on are without it', unchanged: 'had left already', 'never registered': 'was never registered on this chain' }[state]
            process.stdout.write(json ? `${JSON.stringify({ event: 'retired', state, machine: account.address })}\n` : `${account.address} ${said}. It does not start from ${config.dataDir} any more.\n`)
          })
        } finally {
          await lock.release()
        }
      })
    })
}
