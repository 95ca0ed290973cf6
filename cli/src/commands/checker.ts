// `assay checker`: keys first, because the network is made of the founders' accounts; then the service.
import type { Command } from 'commander'
import { checkerConfig } from '@assay/checker/config'
import { serviceCommand } from '../service-command.ts'

export function register(program: Command): void {
  const checker = program.command('checker').description('challenges machines, reports to the chain, settles epochs')
  serviceCommand(checker.command('start').description('run until stopped; the first start makes the keys and registers the checker'), { name: 'checker', schema: checkerConfig, run: async (config, context) => (await import('@assay/checker')).runChecker(config, context) }).addHelpText(
    'after',
    '\nExample:\n  assay checker start --chain ws://127.0.0.1:9944 --network 5F… --data-dir ~/checker --password-file ~/checker.password',
  )
}
