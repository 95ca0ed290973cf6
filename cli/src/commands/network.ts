// `assay network`: a founder's part in creating one, and what stands on chain.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { EXIT, OperatorError, mainSignal, runMain } from '@assay/kit/lifecycle'
import { createLog } from '@assay/kit/log'
import { readPassword } from '@assay/kit/password'
import { decodeParameters, encodeParameters, fromHex, toHex, type AccountId, type Parameters, type Hex } from '@assay/protocol'
import { assignCalibrator, bestBlock, connectChain, createNetwork, createSender, findNetwork, openKeystore, readPot, toAccountId, toAddress, type Chain } from '@assay/runtime-bindings'
import { readLedger } from '../ledger.ts'
import { networkParameters } from '../devnet/parameters.ts'

export function register(program: Command): void {
  const network = program.command('network').description('create a network together with its other founders, or show one')
  network
    .command('create')
    .description('one founder\'s approval; the network exists when two thirds and one have given theirs')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--data-dir <folder>', 'this founder\'s checker data folder')
    .requiredOption('--password-file <file>', 'file whose first line is the password of the keys')
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated, the same for each founder')
    .requiredOption('--parameters <file>', 'the parameters as assay network parameters writes them, the same for each founder')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay network create --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C… --parameters network.hex')
    .action(async (options: { chain: string; dataDir: string; passwordFile: string; members: string; parameters: string; json?: boolean }) => {
      await runMain(async () => {
        await withChain(options.chain, async (chain, signal) => {
          const { account } = await openKeystore({ dir: options.dataDir, password: await readPassword(options.passwordFile) })
          const founders = foundersOf(options.members)
          const parameters = readParameters(options.parameters)
          const log = createLog({ level: 'warn', json: options.json === true })
          const sender = createSender({ chain, account, signal, log })
          const { network, state } = await createNetwork({ chain, sender, founders, parameters })
          const say = (event: string) => process.stdout.write(options.json ? `${JSON.stringify({ event, network: toAddress(network) })}\n` : `${event}: ${toAddress(network)}\n`)
          say(state === 'created' ? 'network created' : 'network approved')
        })
      })
    })

  network
    .command('calibrator')
    .description('one founder\'s approval of a calibrator, who may run canaries; it is one when two thirds and one have given theirs')
    .argument('<address>', 'the calibrator\'s account; of nobody who is a checker')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--data-dir <folder>', 'this founder\'s checker data folder')
    .requiredOption('--password-file <file>', 'file whose first line is the password of the keys')
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay network calibrator 5Q… --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action(async (address: string, options: { chain: string; dataDir: string; passwordFile: string; members: string; json?: boolean }) => {
      await runMain(async () => {
        await withChain(options.chain, async (chain, signal) => {
          const user = toAccountId(address)
          const { account } = await openKeystore({ dir: options.dataDir, password: await readPassword(options.passwordFile) })
          const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn', json: options.json === true }) })
          const { network, state } = await assignCalibrator({ chain, sender, founders: foundersOf(options.members), user })
          const event = state === 'assigned' ? 'calibrator assigned' : 'calibrator approved'
          process.stdout.write(options.json ? `${JSON.stringify({ event, network: toAddress(network), calibrator: toAddress(user) })}\n` : `${event}: ${toAddress(user)}\n`)
        })
      })
    })

  network
    .command('parameters')
    .description('write the parameters of a development network whose first round starts soon, as hex')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--lead <blocks>', 'blocks until the first round', '20')
    .action(async (options: { chain: string; lead: string }) => {
      await runMain(async () => {
        await withChain(options.chain, async (chain) => {
          const { number } = await bestBlock(chain)
          process.stdout.write(`${toHex(encodeParameters(networkParameters(number, number + Number(options.lead))))}\n`)
        })
      })
    })

  network
    .command('show')
    .description('the parameters that stand on chain and how the pot stands, as JSON; reads the chain from the network’s origin')
    .argument('<network>', 'the network\'s account')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .action(async (address: string, options: { chain: string }) => {
      await runMain(async () => {
        await withChain(options.chain, async (chain, signal) => {
          const network = toAccountId(address)
          const found = await findNetwork(chain, network)
          if (found === null) throw new OperatorError('NO_NETWORK', `${address} holds no network on ${options.chain}`, { advice: 'Check the address and the chain.', exit: EXIT.mend })
          const pot = await readPot(chain, await readLedger(chain, network, found.parameters, signal))
          const shown = { ...found.parameters, pot: pot && { ...pot, address: toAddress(pot.pot) } }
          process.stdout.write(`${JSON.stringify(shown, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`)
        })
      })
    })
}

/** Runs `work` on a connection that ends with it. */
export async function withChain<T>(endpoint: string, work: (chain: Chain, signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const signal = AbortSignal.any([mainSignal(), stop.signal])
  const chain = await connectChain({ endpoint, signal })
  try {
    return await work(chain, signal)
  } finally {
    stop.abort()
    await chain.close()
  }
}

const foundersOf = (members: string): AccountId[] => members.split(',').map((address) => toAccountId(address.trim()))

function readParameters(path: string): Parameters {
  try {
    return decodeParameters(fromHex(readFileSync(path, 'utf8').trim() as Hex))
  } catch (cause) {
    throw new OperatorError('PARAMETERS', `${path} does not hold a network's parameters: ${cause instanceof Error ? cause.message : String(cause)}`, { advice: 'Take the file that the other founders use, byte for byte.', cause })
  }
}
