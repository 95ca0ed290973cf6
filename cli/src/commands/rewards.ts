// `assay rewards`: what an account earned, was paid and is owed, and by which extrinsics; on request proven by the chain.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { accountIn, indexerFrom } from '../data-folder.ts'
import { csvOf, faultsIn, jsonOf, readRewards, tellRewards, verifyRewards, type Chain } from '../rewards.ts'

interface Options { dataDir?: string, indexer?: string, epochs: string, verify?: boolean, chain?: string, network?: string, csv?: boolean, json?: boolean }

const MOST_EPOCHS = 1000

export function register(program: Command): void {
  program
    .command('rewards')
    .description('what an owner, machine or checker earned, was paid and is owed, epoch by epoch, and why')
    .argument('[account]', 'its account, 5… or 0x…; default: whose keys are in --data-dir')
    .option('--data-dir <folder>', 'the data folder of a machine or checker')
    .option('--indexer <url>', 'an indexer of the network [ASSAY_INDEXER]')
    .option('--epochs <n>', `how many epochs, the newest; at most ${MOST_EPOCHS}`, '30')
    .option('--verify', 'hold each line against the statements on chain; wants --chain and --network')
    .option('--chain <endpoint>', 'with --verify: a peaq node, ws:// or wss:// address')
    .option('--network <address>', 'with --verify: the network\'s account')
    .option('--csv', 'comma-separated lines for a spreadsheet, amounts in whole tokens')
    .option('--json', 'one JSON object on standard output, amounts in planck')
    .addHelpText('after', '\nWithout --verify this is the word of the indexer. With it, each line is a leaf of a statement that the network wrote on chain together with the payment; whether that statement is what the rules give, `assay replay` finds out.\nExit code 0: told. 1: something is to be mended, or a line is not what the chain says. 75: the indexer or the chain does not answer, ask again.\n\nExamples:\n  assay rewards 5F… --indexer http://127.0.0.1:4630\n  assay rewards --data-dir ~/assay --indexer https://indexer.example --verify --chain wss://… --network 5F…\n  assay rewards 5F… --indexer https://indexer.example --epochs 365 --csv > rewards.csv')
    .action(async (given: string | undefined, options: Options) => {
      await runMain(async (signal) => {
        const indexer = indexerFrom(options.indexer)
        if (indexer === undefined) throw new OperatorError('INDEXER', 'no indexer is named', { advice: 'Give --indexer http://HOST:PORT, or ASSAY_INDEXER.' })
        if (options.csv && options.json) throw new OperatorError('OPTIONS', '--csv and --json are two ways to tell the same', { advice: 'Give one of them.' })
        if (options.verify ? options.chain === undefined || options.network === undefined : options.chain !== undefined || options.network !== undefined) throw new OperatorError('OPTIONS', '--verify, --chain and --network go together', { advice: 'To hold the lines against the chain give all three, else none.' })
        const epochs = Number(options.epochs)
        if (!/^\d{1,4}$/.test(options.epochs) || epochs < 1 || epochs > MOST_EPOCHS) throw new OperatorError('EPOCHS', `${options.epochs} is not a number of epochs`, { advice: `Give --epochs from 1 to ${MOST_EPOCHS}.` })
        const named = given ?? (options.dataDir === undefined ? undefined : (await accountIn(options.dataDir))?.account)
        if (named === undefined) throw new OperatorError('ACCOUNT', options.dataDir === undefined ? 'neither an account nor a data folder is named' : `there are no keys of a machine or checker in ${options.dataDir}`, { advice: 'Give the account as argument, or --data-dir with the folder of its keys.' })
        const { toAccountId } = await import('@assay/runtime-bindings')
        const deps = { fetch: (request: Request) => fetch(request), signal }
        const read = await readRewards(toAccountId(named), { indexer, epochs }, deps)
        const rewards = options.verify ? await verifyRewards(read, { indexer }, await chainOf(options.chain!, options.network!), deps) : read
        process.stdout.write(options.csv ? csvOf(rewards) : options.json ? `${jsonOf(rewards)}\n` : tellRewards(rewards))
        const faults = faultsIn(rewards)
        if (faults.length > 0) throw new OperatorError('NOT_OF_THE_CHAIN', `${faults.length === 1 ? 'a line is' : `${faults.length} lines are`} not what the chain says: ${faults[0]}`, { advice: 'Ask another indexer, and tell this one’s operator.' })
      })
    })
}

/** The network as a node tells it: all its confirmed blocks are read. */
async function chainOf(endpoint: string, address: string): Promise<Chain> {
  const { cryptoReady, findNetwork, nodeCrypto, toAccountId, toAddress } = await import('@assay/runtime-bindings')
  const [{ withChain }, { readLedger }] = await Promise.all([import('../chain.ts'), import('../ledger.ts')])
  await cryptoReady()
  const network = toAccountId(address)
  return withChain(endpoint, async (chain, signal) => {
    const found = await findNetwork(chain, network)
    if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(network)} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.' })
    return { crypto: nodeCrypto, network, ledger: await readLedger(chain, network, found.prefix, signal) }
  })
}
