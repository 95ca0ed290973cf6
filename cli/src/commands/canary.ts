// `assay canary`: machines whose truth the network knows, by which it measures its checkers.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { createLog } from '@assay/kit/log'
import { consentMessage, isHash, toHex } from '@assay/protocol'
import { bestBlock, createSender, findNetwork, openKeystore, toAccountId, toAddress } from '@assay/runtime-bindings'
import { type CalibratorDeps, commitCanaries, type Consent, nextEpoch, openCanaries } from '../canary/epoch.ts'
import { passwordOf, passwordOption } from '../password.ts'
import { withChain } from '../chain.ts'

interface CalibratorOptions {
  chain: string
  network: string
  dataDir: string
  passwordFile?: string
  json?: boolean
}

export function register(program: Command): void {
  const canary = program.command('canary').description('run canaries: machines whose truth a calibrator of the network knows, by which checkers are measured')
  passwordOption(canary
    .command('consent')
    .description('on the machine: its peer key agrees to be a canary of a calibrator; prints one line for the list that commit takes')
    .requiredOption('--network <address>', 'the network\'s account')
    .requiredOption('--calibrator <address>', 'the calibrator\'s account')
    .requiredOption('--data-dir <folder>', 'the machine\'s data folder'))
    .option('--mute <number>', 'of 256: how many of its checkers it mutes in a round, on average; 0 is an honest machine', '128')
    .option('--json', 'as it is: the line is a JSON object')
    .addHelpText('after', '\nExample:\n  assay canary consent --network 5F… --calibrator 5Q… --data-dir ~/machine --password-file ~/machine.password --mute 128 >> canaries.jsonl')
    .action(async (options: { network: string; calibrator: string; dataDir: string; passwordFile?: string; mute: string }) => {
      await runMain(async (signal) => {
        const mute = wholeNumber('--mute', options.mute, 255)
        const { account, peer } = await openKeystore({ dir: join(options.dataDir, 'machine'), password: await passwordOf(options.dataDir, { ...options, signal }) })
        const message = consentMessage({ network: toAccountId(options.network), calibrator: toAccountId(options.calibrator), machine: account.id })
        const line: Consent = { machine: account.id, peer: peer.publicKey, mute, consent: toHex(peer.sign(message)) }
        process.stdout.write(`${JSON.stringify(line)}\n`)
      })
    })

  calibratorCommand(canary.command('commit').description('commit to an epoch\'s canaries before it begins: the secret is drawn, kept, and its hash put on chain'))
    .requiredOption('--canaries <file>', 'lines of assay canary consent')
    .option('--epoch <number>', 'default: the next one')
    .addHelpText(
      'after',
      '\nThe secret file, mode 600, is <data-dir>/canaries/<network>-<epoch>.json: copy it to the canaries (assay provider start --canary-file) and keep it till it is open.\nExit codes: 0 committed, 1 too late or refused, 75 try again.\n\nExample:\n  assay canary commit --chain wss://… --network 5F… --data-dir ~/calibrator --password-file ~/calibrator.password --canaries canaries.jsonl',
    )
    .action(async (options: CalibratorOptions & { canaries: string; epoch?: string }) => {
      const consents = (): Consent[] => readConsents(options.canaries)
      await asCalibrator(options, async (deps) => {
        const epoch = options.epoch === undefined ? await epochNow(deps) : epochOf(options.epoch)
        const { path, state, drawn } = await commitCanaries(deps, epoch, consents())
        return { event: state === 'committed' ? 'canaries committed' : 'canaries were committed', fields: { epoch, drawn, file: path } }
      })
    })

  calibratorCommand(canary.command('open').description('open an epoch\'s canaries on chain, when what was seen of them is settled and before the epoch is judged'))
    .requiredOption('--epoch <number>', 'the epoch')
    .addHelpText('after', '\nExit codes: 0 open, 1 too late or refused, 75 too early or try again.\n\nExample:\n  assay canary open --chain wss://… --network 5F… --data-dir ~/calibrator --password-file ~/calibrator.password --epoch 12')
    .action(async (options: CalibratorOptions & { epoch: string }) => {
      await asCalibrator(options, async (deps) => {
        const epoch = epochOf(options.epoch)
        const { state, chunks } = await openCanaries(deps, epoch)
        return { event: state === 'opened' ? 'canaries opened' : 'canaries were open', fields: { epoch, items: chunks } }
      })
    })
}

function calibratorCommand(command: Command): Command {
  return passwordOption(command
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--network <address>', 'the network\'s account')
    .requiredOption('--data-dir <folder>', 'the calibrator\'s folder: its keys (assay keys create) and the secrets'))
    .option('--json', 'one JSON object on standard output')
}

async function asCalibrator(options: CalibratorOptions, work: (deps: CalibratorDeps) => Promise<{ event: string; fields: Record<string, string | number | boolean> }>): Promise<void> {
  await runMain(async (stop) => {
    const { account } = await openKeystore({ dir: options.dataDir, password: await passwordOf(options.dataDir, { ...options, signal: stop }) })
    await withChain(options.chain, async (chain, signal) => {
      const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn', json: options.json === true }) })
      const { event, fields } = await work({ chain, sender, network: toAccountId(options.network), dataDir: options.dataDir })
      process.stdout.write(options.json ? `${JSON.stringify({ event, ...fields })}\n` : `${event}: ${Object.entries(fields).map(([name, value]) => `${name} ${value}`).join(', ')}\n`)
    })
  })
}

async function epochNow({ chain, network }: CalibratorDeps): Promise<number> {
  const found = await findNetwork(chain, network)
  if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(network)} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.' })
  return nextEpoch(found.prefix, (await bestBlock(chain)).number)
}

const epochOf = (text: string): number => wholeNumber('--epoch', text, 2 ** 32 - 1)

function wholeNumber(flag: string, text: string, most: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > most) throw new OperatorError('NUMBER', `${text} is not a whole number from 0 to ${most}`, { advice: `Give ${flag} such a number.` })
  return Number(text)
}

/** @throws OperatorError CANARIES */
export function readConsents(path: string): Consent[] {
  const wrong = (why: string): OperatorError => new OperatorError('CANARIES', `${path} ${why}`, { advice: 'Collect the lines that assay canary consent prints on the machines, one a machine.' })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw wrong('cannot be read')
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line, i) => {
    const value = parse(line)
    if (value === null) throw wrong(`has a line ${i + 1} that is no consent`)
    return value
  })
}

function parse(line: string): Consent | null {
  let value: Partial<Record<keyof Consent, unknown>> | null
  try {
    value = JSON.parse(line) as typeof value
  } catch {
    return null
  }
  const { machine, peer, mute, consent } = value ?? {}
  const sound =
    typeof machine === 'string' && isHash(machine) && typeof peer === 'string' && isHash(peer) && typeof mute === 'number' && Number.isInteger(mute) && mute >= 0 && mute <= 255 && typeof consent === 'string' && /^0x[0-9a-f]{128}$/.test(consent)
  return sound ? { machine, peer, mute, consent: consent as Consent['consent'] } : null
}
