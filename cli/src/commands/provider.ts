// `assay provider start`: the daemon on a machine.
import type { Command } from 'commander'
import { providerConfig } from '@assay/provider/config'
import { serviceCommand } from '../service-command.ts'

export function register(program: Command): void {
  registerStart(program.command('provider').description('the daemon on a machine: registers it, does the jobs, proves them'))
}

/** Under another name: `assay start machine`. */
export function registerStart(parent: Command, name = 'start'): void {
  serviceCommand(parent.command(name).description('run until stopped; the first start makes the keys and registers the machine'), { name: 'provider', schema: providerConfig, run: async (config, context) => (await import('@assay/provider')).runProvider(config, context) }).addHelpText(
    'after',
    '\nExample:\n  assay provider start --chain ws://127.0.0.1:9944 --network 5F… --data-dir ~/assay --password-file ~/assay.password',
  )
}
