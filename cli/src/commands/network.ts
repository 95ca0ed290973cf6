// `assay network`: a founder's part in creating one, and what stands on chain.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { EXIT, OperatorError, mainSignal, runMain } from '@assay/kit/lifecycle'
import { createLog } from '@assay/kit/log'
import { captureOf, decodeParameters, encodeParameters, explainCapture, explainSettlersCapture, fromHex, HELD_BYTES, probabilityText, registeredCheckers, settlersCaptureOf, toHex, VERSIONS, versionsText, type AccountId, type Parameters, type Hex } from '@assay/protocol'
import { assignCalibrator, bestBlock, connectChain, createNetwork, createSender, findNetwork, formatAmount, knownParameters, networkAccount, openKeystore, readPot, toAccountId, toAddress, updateNetwork, type Chain } from '@assay/runtime-bindings'
import { readLedger } from '../ledger.ts'
import { passwordOf, passwordOption } from '../password.ts'
import { networkParameters } from '../devnet/parameters.ts'
import { tellSpoken, versionsSpoken } from '../versions.ts'

export function register(program: Command): void {
  const network = program.command('network').description('create a network together with its other founders, or show one')
  passwordOption(network
    .command('create')
    .description('one founder\'s approval; the network exists when two thirds and one have given theirs')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--data-dir <folder>', 'this founder\'s checker data folder'))
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated, the same for each founder')
    .requiredOption('--parameters <file>', 'the parameters as assay network parameters writes them, the same for each founder')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay network create --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C… --parameters network.hex')
    .action(async (options: { chain: string; dataDir: string; passwordFile?: string; members: string; parameters: string; json?: boolean }) => {
      await runMain(async (stop) => {
        const { account } = await openKeystore({ dir: options.dataDir, password: await passwordOf(options.dataDir, { ...options, signal: stop }) })
        await withChain(options.chain, async (chain, signal) => {
          const founders = foundersOf(options.members)
          const parameters = readParameters(options.parameters)
          warnOfCapture(founders.length, parameters)
          const log = createLog({ level: 'warn', json: options.json === true })
          const sender = createSender({ chain, account, signal, log })
          const { network, state } = await createNetwork({ chain, sender, founders, parameters })
          const say = (event: string) => process.stdout.write(options.json ? `${JSON.stringify({ event, network: toAddress(network) })}\n` : `${event}: ${toAddress(network)}\n`)
          say(state === 'created' ? 'network created' : 'network approved')
        })
      })
    })

  passwordOption(network
    .command('calibrator')
    .description('one founder\'s approval of a calibrator, who may run canaries; it is one when two thirds and one have given theirs')
    .argument('<address>', 'the calibrator\'s account; of nobody who is a checker')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--data-dir <folder>', 'this founder\'s checker data folder'))
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay network calibrator 5Q… --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action(async (address: string, options: { chain: string; dataDir: string; passwordFile?: string; members: string; json?: boolean }) => {
      await runMain(async (stop) => {
        const user = toAccountId(address)
        const { account } = await openKeystore({ dir: options.dataDir, password: await passwordOf(options.dataDir, { ...options, signal: stop }) })
        await withChain(options.chain, async (chain, signal) => {
          const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn', json: options.json === true }) })
          const { network, state } = await assignCalibrator({ chain, sender, founders: foundersOf(options.members), user })
          const event = state === 'assigned' ? 'calibrator assigned' : 'calibrator approved'
          process.stdout.write(options.json ? `${JSON.stringify({ event, network: toAddress(network), calibrator: toAddress(user) })}\n` : `${event}: ${toAddress(user)}\n`)
        })
      })
    })

  passwordOption(network
    .command('upgrade')
    .description('one founder\'s approval of another version of the protocol; it is in force from the second epoch after the one in which the last of two thirds and one have given theirs')
    .argument('<version>', `the version, at most ${VERSIONS.highest} with this program; it can never be lowered again`)
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--data-dir <folder>', 'this founder\'s checker data folder'))
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated')
    .option('--ask', 'approve nothing: only ask who speaks that version by now')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nWho does not speak the version when it comes in force takes no part from then on, so ask before: --ask says what checkers say of themselves and their machines, and reads the chain from the network\'s origin for it, which may take long.\n\nExamples:\n  assay network upgrade 2 --ask --chain wss://… --data-dir ~/checker --members 5A…,5B…,5C…\n  assay network upgrade 2 --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action(async (text: string, options: { chain: string; dataDir: string; passwordFile?: string; members: string; ask?: boolean; json?: boolean }) => {
      await runMain(async (stop) => {
        const version = versionOf(text)
        const founders = foundersOf(options.members)
        const say = (event: string, fields: object, sentence: string) => process.stdout.write(options.json ? `${JSON.stringify({ event, version, ...fields })}\n` : `${event}: ${sentence}\n`)
        if (options.ask === true) {
          return withChain(options.chain, async (chain, signal) => {
            const account = networkAccount(founders)
            const found = await findNetwork(chain, account)
            if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(account)} holds no network on ${chain.endpoint}`, { advice: 'Name all founders of the network, and no others.' })
            const spoken = await versionsSpoken(registeredCheckers(await readLedger(chain, account, found.prefix, signal)), version, { fetch, signal })
            say('versions spoken', spoken, tellSpoken(version, spoken))
          })
        }
        const { account } = await openKeystore({ dir: options.dataDir, password: await passwordOf(options.dataDir, { ...options, signal: stop }) })
        await withChain(options.chain, async (chain, signal) => {
          const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn', json: options.json === true }) })
          const { network, state } = await updateNetwork({ chain, sender, founders, change: (current) => ({ ...current, version }) })
          say(state === 'updated' ? 'version agreed on' : 'version approved', { network: toAddress(network) }, `${version} of ${toAddress(network)}`)
        })
      })
    })

  network
    .command('parameters')
    .description('write the parameters of a development network whose first round starts soon, as hex')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--lead <blocks>', 'blocks until the first round', '20')
    .option('--checkers <count>', 'how many checkers you expect, to be warned if committees are too small for them; else as many as there can be', String(MOST_CHECKERS))
    .action(async (options: { chain: string; lead: string; checkers: string }) => {
      await runMain(async () => {
        process.stdout.write(`${await parametersSoon(options)}\n`)
      })
    })

  network
    .command('show')
    .description('the parameters that stand on chain, as JSON; with an indexer to ask, what they promise against checkers in league; with --pot, how long the money lasts')
    .argument('<network>', 'the network\'s account')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--indexer <url>', 'an indexer of the network, which knows how many checkers are eligible now: for `live`, which is null without')
    .option('--pot', 'how the pot stands, for `pot`, which is null without: reads the chain from the network\'s origin, which may take long')
    .action(async (address: string, options: { chain: string; indexer?: string; pot?: boolean }) => {
      await runMain(async () => {
        await withChain(options.chain, async (chain, signal) => {
          const network = toAccountId(address)
          const found = await findNetwork(chain, network)
          if (found === null) throw new OperatorError('NO_NETWORK', `${address} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.', exit: EXIT.mend })
          if (found.parameters === null) process.stderr.write(`warning: the network has agreed on version ${found.prefix.version} of the protocol, and this program knows ${versionsText(VERSIONS)}: update it\n`)
          const live = options.indexer === undefined ? null : liveCapture(await eligibleBy(options.indexer, signal), knownParameters(found))
          for (const promise of [live, live?.settlers]) if (promise?.flagged) process.stderr.write(`warning: ${promise.text}\n`)
          const pot = options.pot === true ? await readPot(chain, await readLedger(chain, network, found.prefix, signal)) : null
          if (pot !== null && pot.balance < pot.needs) process.stderr.write(`warning: ${toAddress(pot.pot)} has ${formatAmount(pot.balance)}, and the epochs up to the next one may need ${formatAmount(pot.needs)}\n`)
          const shown = { ...found.prefix, ...found.parameters, live, pot: pot && { ...pot, address: toAddress(pot.pot) } }
          process.stdout.write(`${JSON.stringify(shown, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`)
        })
      })
    })
}

/** The parameters of a development network whose first round starts `lead` blocks from now, as hex. Warns of committees that are too small for so many checkers. */
export async function parametersSoon({ chain: endpoint, lead, checkers = String(MOST_CHECKERS) }: { chain: string; lead: string; checkers?: string }): Promise<Hex> {
  if (!/^[1-9]\d{0,6}$/.test(lead)) throw new OperatorError('LEAD', `${lead} is not a number of blocks from 1 to 9999999`, { advice: 'Give --lead 20, say.' })
  const expected = countOf(checkers)
  return withChain(endpoint, async (chain) => {
    const { number } = await bestBlock(chain)
    const parameters = networkParameters(number, number + Number(lead))
    warnOfCapture(expected, parameters)
    return toHex(encodeParameters(parameters))
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

/** As many checkers as reports can speak of. */
const MOST_CHECKERS = 8 * HELD_BYTES

type CaptureParameters = Pick<Parameters, 'committee' | 'mirrors' | 'epochRounds' | 'termEpochs'>

/** What founders should know of committees and settlers that liars could capture; empty if there is nothing to know. */
export function captureWarnings(checkers: number, parameters: CaptureParameters): string[] {
  const capture = captureOf(checkers, parameters)
  const settlers = settlersCaptureOf(checkers, parameters)
  return [...(capture.flagged ? [explainCapture(capture)] : []), ...(settlers?.flagged ? [explainSettlersCapture(settlers)] : [])].map((text) => `warning: ${text}`)
}

function warnOfCapture(checkers: number, parameters: CaptureParameters): void {
  for (const warning of captureWarnings(checkers, parameters)) process.stderr.write(`${warning}\n`)
}

/** What `live` says: the promise against a third of this many checkers. */
export function liveCapture(checkers: number, parameters: CaptureParameters) {
  const capture = captureOf(checkers, parameters)
  const { malicious, committee, flagged, sufficient } = capture
  const drawn = settlersCaptureOf(checkers, parameters)
  const settlers = drawn && { settlers: drawn.settlers, threshold: drawn.threshold, captured: probabilityText(drawn.captured), stalled: probabilityText(drawn.stalled), flagged: drawn.flagged, text: explainSettlersCapture(drawn) }
  return { checkers, malicious, committee, perRound: probabilityText(capture.perRound), perEpoch: probabilityText(capture.perEpoch), vouch: probabilityText(capture.vouch), flagged, sufficient, text: explainCapture(capture), settlers }
}

/** How many checkers an indexer says are eligible now; the chain itself tells only whoever reads all of it. */
export async function eligibleBy(indexer: string, signal: AbortSignal): Promise<number> {
  const answer = await askNetwork(indexer, signal)
  const checkers = isObject(answer) && isObject(answer['capture']) ? answer['capture']['checkers'] : isObject(answer) && answer['capture'] === null ? 0 : undefined
  if (typeof checkers !== 'number' || !Number.isInteger(checkers) || checkers < 0 || checkers > MOST_INDEXED) throw new OperatorError('INDEXER', `${indexer} does not say how many checkers are eligible`, { advice: 'Check the address: it must be an indexer of this version.', exit: EXIT.mend })
  return checkers
}

/** More than any network has; what an indexer says is reckoned with, so it has an end. */
const MOST_INDEXED = 100_000

async function askNetwork(indexer: string, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await fetch(new URL('network', indexer.endsWith('/') ? indexer : `${indexer}/`), { signal })
    return await answer.json()
  } catch (cause) {
    signal.throwIfAborted()
    throw new OperatorError('INDEXER', `${indexer} does not answer as an indexer: ${cause instanceof Error ? cause.message : String(cause)}`, { advice: 'Check the address, or leave --indexer out.', exit: EXIT.again, cause })
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function countOf(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new OperatorError('COUNT', `${text} is not a number of checkers`, { advice: 'Give a whole number from 0 to 99999.' })
  return Number(text)
}

function versionOf(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text) || Number(text) > VERSIONS.highest) throw new OperatorError('VERSION', `${text} is not a version that this program knows (${versionsText(VERSIONS)})`, { advice: 'Give one of these, or update this program first.' })
  return Number(text)
}

function readParameters(path: string): Parameters {
  try {
    return decodeParameters(fromHex(readFileSync(path, 'utf8').trim() as Hex))
  } catch (cause) {
    throw new OperatorError('PARAMETERS', `${path} does not hold a network's parameters: ${cause instanceof Error ? cause.message : String(cause)}`, { advice: 'Take the file that the other founders use, byte for byte.', cause })
  }
}
