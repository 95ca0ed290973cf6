// `assay indexer doctor`.
import type { Command } from 'commander'
import { type IndexerConfig, indexerConfig, placeOf } from '@assay/indexer/config'
import { holderOf, type Holder } from '@assay/kit/lock'
import { toAccountId } from '@assay/runtime-bindings'
import { diskCheck, failedCheck, portCheck, versionCheck, type Check } from './doctor.ts'
import { checkEndpoints, registerDoctor } from './doctor-command.ts'

/** Under another name: `assay doctor indexer`. */
export function registerIndexerDoctor(parent: Command, name = 'doctor'): void {
  registerDoctor(parent.command(name), 'indexer', indexerConfig, async (config, signal) => {
    const network = toAccountId(config.network)
    const running = config.dataDir === undefined ? null : await holderOf(config.dataDir)
    const checks: Check[] = [versionCheck(process.versions.node)]
    if (config.dataDir !== undefined) checks.push(await diskCheck(config.dataDir, () => performance.now()))
    checks.push(await databaseCheck(config, network, running))
    checks.push(await portCheck('http', { host: config.host, port: config.httpPort, announced: null, taken: running !== null }))
    if (config.follow === 'never') return checks
    if (config.chain === undefined) return [...checks, { name: 'chain', state: 'mend', what: 'no chain is given', how: 'Give --chain, or --follow never to serve what others write.' }]
    return [...checks, ...(await checkEndpoints(config.chain, network, signal, async () => []))]
  })
}

/** Whether the database can be opened, is this network's, and of this version. Nothing is changed in it. */
async function databaseCheck(config: IndexerConfig, network: string, running: Holder | null): Promise<Check> {
  const name = 'database'
  try {
    const place = placeOf(config)
    if (running !== null) return { name, state: 'ok', what: `process ${running.pid} has it open` }
    const { openExisting } = await import('@assay/indexer/database')
    const store = await openExisting({ ...place, owner: { network } })
    try {
      return { name, state: 'ok', what: `${store.where}: this network’s, of this version` }
    } finally {
      await store.close()
    }
  } catch (error) {
    const check = failedCheck(name, error)
    const { code } = error as { code?: string }
    if (code === 'NO_DATABASE') return { name, state: 'ok', what: 'none yet; the first start makes it' }
    return code === 'OLDER' ? { ...check, state: 'note', how: 'The start brings it to this version; make a backup before: assay indexer backup.' } : check
  }
}
