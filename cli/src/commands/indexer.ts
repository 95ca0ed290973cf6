// `assay indexer start`: follows the chain, judges, serves.
import type { Command } from 'commander'
import { indexerConfig } from '@assay/indexer/config'
import { serviceCommand } from '../service-command.ts'

export function register(program: Command): void {
  const indexer = program.command('indexer').description('follows the chain, judges rounds and epochs, serves them over HTTP')
  serviceCommand(indexer.command('start').description('run until stopped'), { name: 'indexer', schema: indexerConfig, run: async (config, context) => (await import('@assay/indexer')).runIndexer(config, context) }).addHelpText(
    'after',
    '\nExample:\n  assay indexer start --chain ws://127.0.0.1:9944 --network 5F… --data-dir ~/indexer --http-port 4630',
  )
}
