// `assay indexer`: start follows the chain, judges, serves; the others work on its database.
import type { Command } from 'commander'
import { Type } from 'typebox'
import { emptyingConfig, indexerConfig, maintenanceConfig, placeOf, restoreConfig, retentionOf } from '@assay/indexer/config'
import { registerIndexerDoctor } from '../indexer-doctor.ts'
import { type Service, serviceCommand } from '../service-command.ts'

const load = () => import('@assay/indexer/maintenance')

export function register(program: Command): void {
  const indexer = program.command('indexer').description('follows the chain, judges rounds and epochs, serves them over HTTP')
  registerStart(indexer)
  registerIndexerDoctor(indexer)
  serviceCommand(indexer.command('backup').argument('<file>').description('write all of the database to a file; the embedded one only while no indexer runs on it'), {
    name: 'indexer', schema: maintenanceConfig, fileMayHold: indexerConfig, run: async (config, context, [file]) => (await load()).backUp(placeOf(config), file!, context),
  }).addHelpText('after', '\nExample:\n  assay indexer backup monday.assay-backup --data-dir ~/indexer')
  serviceCommand(indexer.command('restore').argument('<file>').description('read a backup into an empty database, of the same or the other kind'), {
    name: 'indexer', schema: restoreConfig, fileMayHold: indexerConfig, run: async ({ epoch, ...config }, context, [file]) => (await load()).restoreFrom(placeOf(config), file!, { ...context, epoch, crypto: (await import('@assay/runtime-bindings')).nodeCrypto }),
  }).addHelpText('after', '\nExample:\n  ASSAY_DATABASE_URL=postgres://… assay indexer restore monday.assay-backup --epoch 41')
  serviceCommand(indexer.command('reindex').description('empty the database of all but evidence, then start: everything is read from the chain and judged again'), {
    name: 'indexer',
    schema: Type.Object({ ...indexerConfig.properties, ...emptyingConfig.properties }),
    run: async ({ force, ...config }, context) => (await import('@assay/indexer')).reindex(config, { ...context, force }),
  })
  serviceCommand(indexer.command('prune').description('let go now what --keep-evidence and --keep-observations let go'), {
    name: 'indexer', schema: maintenanceConfig, fileMayHold: indexerConfig, run: async (config, context) => (await load()).pruneNow(placeOf(config), retentionOf(config), context),
  })
}

/** Under another name: `assay start indexer`. */
export function registerStart(parent: Command, name = 'start'): void {
  const start: Service<typeof indexerConfig>['run'] = async (config, context) => {
    // Of the process, so here and not where the indexer is only a part of one.
    await (await import('@assay/indexer')).runIndexer(config, context)
  }
  serviceCommand(parent.command(name).description('run until stopped'), { name: 'indexer', schema: indexerConfig, run: start }).addHelpText(
    'after',
    '\nExamples:\n  assay indexer start --chain ws://127.0.0.1:9944 --network 5F… --data-dir ~/indexer --http-port 4630\n  ASSAY_DATABASE_URL=postgres://… assay indexer start --follow never --network 5F… --http-port 4631',
  )
}
