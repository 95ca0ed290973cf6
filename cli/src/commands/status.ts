// `assay status`: how a machine or checker stands, and why every zero is one.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { accountIn, indexerFrom, isIndexerFolder } from '../data-folder.ts'
import { exitOf, indexerStatusOf, statusOf, tellIndexerStatus, tellStatus, type Kind } from '../status.ts'

interface Options { dataDir?: string, indexer?: string, checker?: boolean, json?: boolean }

export function register(program: Command): void {
  program
    .command('status')
    .description('how a machine, checker or indexer stands: its process, its rounds, its pay, and what to mend')
    .argument('[account]', 'its account, 5… or 0x…; default: whose keys are in --data-dir')
    .option('--data-dir <folder>', 'its data folder, on the machine it runs on')
    .option('--indexer <url>', 'an indexer of the network [ASSAY_INDEXER]')
    .option('--checker', 'the account is a checker; default: a machine, or what the data folder is of')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExit code 0: all is well. 1: something is to be mended, and the lines with ! say what. 75: it may mend itself; ask again.\n\nExamples:\n  assay status --data-dir ~/assay --indexer http://127.0.0.1:4630\n  assay status 5F… --indexer https://indexer.example --json\n  assay status --data-dir ~/indexer')
    .action(async (account: string | undefined, options: Options) => {
      await runMain(async (signal) => {
        const indexer = indexerFrom(options.indexer)
        const { holderOf } = await import('@assay/kit/lock')
        const { leftOf } = await import('@assay/kit/leaving')
        const found = options.dataDir === undefined ? null : await accountIn(options.dataDir)
        const kind: Kind = options.checker ? 'checker' : (found?.kind ?? 'machine')
        const named = account ?? found?.account
        const deps = { fetch: (request: Request) => fetch(request), signal }
        // Whoever names no account and has no keys means the indexer itself.
        if (named === undefined && (options.dataDir === undefined ? indexer !== undefined : await isIndexerFolder(options.dataDir))) {
          const status = await indexerStatusOf(options.dataDir === undefined ? { where: indexer!, url: indexer } : { where: options.dataDir, holder: await holderOf(options.dataDir) }, deps)
          process.stdout.write(options.json ? `${JSON.stringify({ event: 'status', ...status })}\n` : tellIndexerStatus(status))
          return exitOf(status.findings)
        }
        if (named === undefined) throw new OperatorError('ACCOUNT', options.dataDir === undefined ? 'neither an account nor a data folder is named' : `there are no keys of a machine or checker in ${options.dataDir}, and no database of an indexer`, { advice: 'Give the account as argument, or --data-dir with the folder of its keys.' })
        if (indexer === undefined && options.dataDir === undefined) throw new OperatorError('INDEXER', 'nobody is named who could be asked', { advice: 'Give --indexer with the address of an indexer, --data-dir with the folder of a process on this machine, or both.' })
        const status = await statusOf({ kind, account: named, indexer, ...(options.dataDir !== undefined && { dataDir: options.dataDir, holder: await holderOf(options.dataDir), left: leftOf(options.dataDir) }) }, deps)
        process.stdout.write(options.json ? `${JSON.stringify({ event: 'status', ...status })}\n` : tellStatus(status))
        return exitOf(status.findings)
      })
    })
}
