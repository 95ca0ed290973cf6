// How a machine leaves its network for good: `assay machine retire`, from its own folder or, if it is lost, from a copy of its keys, and `assay exit`, beside the machine, which opens its last round first.
import { join } from 'node:path'
import type { Command } from 'commander'
import { filter, firstValueFrom } from 'rxjs'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { holderOf, lockFolder } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import { type AccountId, type ParametersPrefix, roundAt, schedule } from '@assay/protocol'
import { providerConfig } from '@assay/provider/config'
import { markRetired } from '@assay/provider/retired'
import { best$, bestBlock, createSender, cryptoReady, findNetwork, formatAmount, openKeystore, retireIdentity, toAccountId, toAddress, type Account, type Chain } from '@assay/runtime-bindings'
import { agreed } from './agreed.ts'
import { withChain } from './commands/network.ts'
import { bringDown } from './commands/up.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'
import { ownerIn, sweep, type Swept } from './sweep.ts'

const { chain, network, dataDir, passwordFile } = providerConfig.properties
const retireConfig = Type.Object({ chain, dataDir, passwordFile })
const exitConfig = Type.Object({ chain, network, dataDir, passwordFile })

interface Options { json?: boolean, yes?: boolean, to?: string, config?: string }
type Given = Options & Record<string, unknown>

const leaving = (command: Command, schema: typeof retireConfig | typeof exitConfig, help: string): Command =>
  addConfigFile(addSettings(command, schema))
    .option('--to <account>', 'who gets what is left on the machine’s account, 5…; default: the owner that the folder names')
    .option('--yes', 'send it without being asked')
    .option('--json', 'one JSON object a line on standard output')
    .addHelpText('after', help)

export function registerRetire(machine: Command): void {
  leaving(machine.command('retire').description('leave the network: the registration ends on chain, and the machine does not start again from this folder'), retireConfig, '\nOf a machine that does not run; `assay exit` is for one that does. Once it has left it asks whether what is left on the machine’s account shall go to the owner; run it again for that, too, as often as you like. A copy of <data-dir>/machine in another folder will do, for a machine that is lost; it names no owner, so give --to.\n\nExample:\n  assay machine retire --chain wss://… --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ json, yes, to, config: file, ...flags }: Given) => {
      await runMain(async (signal) => {
        const config = loadConfig(retireConfig, { flags, env: process.env, file, fileMayHold: providerConfig })
        await leave(config, { json, yes, to }, { signal })
      })
    })
}

export function registerExit(program: Command, description: string): void {
  leaving(program.command('exit').description(description), exitConfig, '\nThe machine may run meanwhile, and should: its registration ends on chain at once, it works and opens the rounds that were drawn before, and is stopped then. That takes a round or two; Ctrl-C leaves it running, and the same command goes on. A checker leaves when its network’s founders take its role.\n\nExample:\n  assay exit --chain wss://… --network 5F… --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ json, yes, to, config: file, ...flags }: Given) => {
      await runMain(async (signal) => {
        const config = loadConfig(exitConfig, { flags, env: process.env, file, fileMayHold: providerConfig })
        await leave(config, { json, yes, to }, { signal, from: config.network })
      })
    })
}

/** The last round that is not frozen without a machine that left at block `left`: null if there is none that it could still be in. */
export function lastRound(parameters: ParametersPrefix, left: number): number | null {
  let round = Math.max(0, roundAt(parameters, left))
  while (schedule(parameters, round + 1).freeze < left) round++
  return schedule(parameters, round).freeze < left ? round : null
}

/**
 * Ends the registration and sends what is left. In between, where the network is named that it leaves (`from`, its address), a running machine does what it still owes there, and is stopped; without that none may run.
 * Each step is done once, so that whatever was cut off goes on. Throws OperatorError LOCKED, NO_NETWORK (before anything is done), and what the chain, the keystore and the data folder throw.
 */
async function leave(config: { chain: string, dataDir: string, passwordFile?: string | undefined }, { json = false, yes = false, to }: Options, { signal: stop, from: address }: { signal: AbortSignal, from?: string }): Promise<void> {
  await cryptoReady()
  const heir = to === undefined ? null : toAccountId(to)
  const from = address === undefined ? null : toAccountId(address)
  const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal: stop })
  const lock = from === null ? await lockFolder(config.dataDir) : null
  try {
    const { account } = await openKeystore({ dir: join(config.dataDir, 'machine'), password })
    await withChain(config.chain, async (chain, signal) => {
      const found = from && (await findNetwork(chain, from))
      if (from !== null && found === null) throw new OperatorError('NO_NETWORK', `${toAddress(from)} holds no network on ${chain.endpoint}`, { advice: 'Correct --network or --chain. Nothing was done.' })
      // Before the chain: whatever happens then, no start undoes it.
      await markRetired(config.dataDir)
      const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn' }) })
      const { state } = await retireIdentity({ chain, sender, account, kind: 'machine' })
      const said = { retired: 'has left its network; rounds drawn from now on are without it', unchanged: 'had left already', 'never registered': 'was never registered on this chain' }[state]
      // Said at once: whatever becomes of the money, it has left.
      if (!json) process.stdout.write(`${account.address} ${said}. It does not start from ${config.dataDir} any more.\n`)
      if (found !== null) await stopWhenOpened({ chain, parameters: found.prefix, dataDir: config.dataDir, owes: state !== 'never registered', json, signal })
      const { money, text } = await sendRest({ chain, sender, account, owner: heir ?? (await ownerIn(config.dataDir)), yes, json, signal })
      process.stdout.write(json ? `${JSON.stringify({ event: 'retired', state, machine: account.address, money })}\n` : text)
    })
  } finally {
    await lock?.release()
  }
}

/** Stops the process that runs on a folder; where it may still owe openings, once the last round that it can be in is over. */
async function stopWhenOpened({ chain, parameters, dataDir, owes, json, signal }: { chain: Chain, parameters: ParametersPrefix, dataDir: string, owes: boolean, json: boolean, signal: AbortSignal }): Promise<void> {
  const last = owes && (await holderOf(dataDir)) !== null ? lastRound(parameters, (await bestBlock(chain)).number) : null
  if (last !== null) {
    const { packageBy } = schedule(parameters, last)
    process.stdout.write(json ? `${JSON.stringify({ event: 'last round', round: last, until: packageBy })}\n` : `Its last round is ${last}; it runs until that is opened, in block ${packageBy}.\n`)
    await firstValueFrom(best$(chain, signal).pipe(filter(({ number }) => number >= packageBy)), { defaultValue: null })
    signal.throwIfAborted()
  }
  const stopped = await bringDown(dataDir, signal)
  process.stdout.write(json ? `${JSON.stringify({ event: 'stopped', pid: stopped })}\n` : stopped === null ? 'No process runs.\n' : 'Its process is stopped.\n')
}

interface Rest { chain: Chain, sender: ReturnType<typeof createSender>, account: Account, owner: AccountId | null, yes: boolean, json: boolean, signal: AbortSignal }

/** What is left on the account goes to the owner, if somebody agrees to the amount. */
async function sendRest({ chain, sender, account, owner, yes, json, signal }: Rest): Promise<{ money: object | null, text: string }> {
  if (owner === null) return { money: null, text: 'The folder names no owner: to send what may be left on its account, run this again with --to 5….\n' }
  const to = toAddress(owner)
  const agree = async (amount: bigint): Promise<boolean> => yes || (process.stdin.isTTY && !json && (await agreed(`Send the ${formatAmount(amount)} that are left on it to ${to}? yes or no: `, signal)))
  const swept: Swept = await sweep({ chain, sender, account: account.id, to: owner, agree })
  if (swept.state === 'none') return { money: null, text: '' }
  const amount = formatAmount(swept.amount)
  return { money: { state: swept.state, planck: String(swept.amount), to }, text: swept.state === 'sent' ? `${amount} went from its account to ${to}.\n` : `${amount} are left on its account. Run this again with --yes to send them to ${to}.\n` }
}
