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
import { createSender, formatAmount, openKeystore, retireIdentity, toAccountId, toAddress } from '@assay/runtime-bindings'
import { agreed } from './agreed.ts'
import { withChain } from './commands/network.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'
import { ownerIn, sweep, type Swept } from './sweep.ts'

const { chain, dataDir, passwordFile } = providerConfig.properties
const retireConfig = Type.Object({ chain, dataDir, passwordFile })

export function registerRetire(machine: Command): void {
  addConfigFile(addSettings(machine.command('retire').description('leave the network: the registration ends on chain, and the machine does not start again from this folder'), retireConfig))
    .option('--to <account>', 'who gets what is left on the machine’s account, 5…; default: the owner that the folder names')
    .option('--yes', 'send it without being asked')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nStop the machine first, when its last round is opened. Once it has left it asks whether what is left on the machine’s account shall go to the owner; run it again for that, too, as often as you like. A copy of <data-dir>/machine in another folder will do, for a machine that is lost; it names no owner, so give --to.\n\nExample:\n  assay machine retire --chain wss://… --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ json, yes, to, config: file, ...flags }: { json?: boolean, yes?: boolean, to?: string, config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(retireConfig, { flags, env: process.env, file, fileMayHold: providerConfig })
        const heir = to === undefined ? null : toAccountId(to)
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal })
        const lock = await lockFolder(config.dataDir)
        try {
          const { account } = await openKeystore({ dir: join(config.dataDir, 'machine'), password })
          await withChain(config.chain, async (chain, signal) => {
            // Before the chain: whatever happens then, no start undoes it.
            await markRetired(config.dataDir)
            const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn' }) })
            const { state } = await retireIdentity({ chain, sender, account, kind: 'machine' })
            const said = { retired: 'has left its network; rounds from now on are without it', unchanged: 'had left already', 'never registered': 'was never registered on this chain' }[state]
            // Said at once: whatever becomes of the money, it has left.
            if (!json) process.stdout.write(`${account.address} ${said}. It does not start from ${config.dataDir} any more.\n`)
            const owner = heir ?? (await ownerIn(config.dataDir))
            const agree = async (amount: bigint): Promise<boolean> => yes === true || (process.stdin.isTTY && !json && (await agreed(`Send the ${formatAmount(amount)} that are left on it to ${toAddress(owner!)}? yes or no: `, signal)))
            const swept: Swept = owner === null ? { state: 'none' } : await sweep({ chain, sender, account: account.id, to: owner, agree })
            const money = swept.state === 'none' ? null : { state: swept.state, planck: String(swept.amount), to: toAddress(owner!) }
            if (json) process.stdout.write(`${JSON.stringify({ event: 'retired', state, machine: account.address, money })}\n`)
            else if (swept.state === 'sent') process.stdout.write(`${formatAmount(swept.amount)} went from its account to ${money!.to}.\n`)
            else if (swept.state === 'left') process.stdout.write(`${formatAmount(swept.amount)} are left on its account. Run this again with --yes to send them to ${money!.to}.\n`)
            else if (owner === null) process.stdout.write(`The folder names no owner: to send what may be left on its account, run this again with --to 5….\n`)
          })
        } finally {
          await lock.release()
        }
      })
    })
}
