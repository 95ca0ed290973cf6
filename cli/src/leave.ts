// How a machine or a checker leaves its network for good: `retire`, from its own folder or, if it is lost, from a copy of its keys, and `assay exit`, beside the process, which ends first what it owes.
import type { Command } from 'commander'
import { filter, firstValueFrom } from 'rxjs'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { leaveMarked, markRetired } from '@assay/kit/leaving'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { holderOf, lockFolder } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import { type AccountId, foundersOf, type IdentityKind, isCommittee, type Ledger, type Owed, owedBy, type ParametersPrefix, registeredCheckers, roundAt, schedule } from '@assay/protocol'
import { best$, bestBlock, createSender, cryptoReady, findNetwork, formatAmount, keysFolder, MissingFundsError, nodeCrypto, openKeystore, retireIdentity, toAccountId, toAddress, type Account, type Chain, type Sender } from '@assay/runtime-bindings'
import { agreed } from './agreed.ts'
import { bringDown } from './bring-down.ts'
import { withChain } from './chain.ts'
import { accountIn } from './data-folder.ts'
import { followLedger } from './ledger.ts'
import { askingConfig } from './owner-request.ts'
import { passwordOf } from './password.ts'
import { isReportDue, reportOf } from './quiet.ts'
import { addConfigFile, addSettings } from './service-command.ts'
import { settingsOfAll } from './settings-of-all.ts'
import { ownerIn, sweep, type Swept } from './sweep.ts'

// The same words for both kinds: the command is in the image of each service, where the other is not.
const { network, passwordFile } = askingConfig.properties
const retireConfig = Type.Object({
  chain: Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address' }),
  dataDir: Type.String({ minLength: 1, path: true, description: 'folder of the keys' }),
  passwordFile,
})
const exitConfig = Type.Object({ ...retireConfig.properties, network, members: Type.Optional(Type.Array(Type.String(), { description: 'of a checker: all founders\' accounts, comma-separated; default: those of the chain' })) })

interface Options { json?: boolean, yes?: boolean, to?: string, config?: string }
type Given = Options & Record<string, unknown>

const leaving = (command: Command, schema: typeof retireConfig | typeof exitConfig, help: string): Command =>
  addConfigFile(addSettings(command, schema))
    .option('--to <account>', 'who gets what is left on its account, 5…; default: the owner that the folder names')
    .option('--yes', 'send it without being asked')
    .option('--json', 'one JSON object a line on standard output')
    .addHelpText('after', help)

/** `assay machine retire` and `assay checker retire`. */
export function registerRetire(parent: Command, kind: IdentityKind): void {
  const copy = kind === 'machine' ? 'A copy of <data-dir>/machine in another folder will do, for a machine that is lost' : 'A copy of account.json and peer.json in another folder will do, for a checker that is lost'
  leaving(parent.command('retire').description(`leave the network at once: the registration ends on chain, and the ${kind} does not start again from this folder`), retireConfig, `\nOf a ${kind} that does not run, and without what it still owes; \`assay exit\` is for one that does. Once it has left it asks whether what is left on its account shall go to the owner; run it again for that, too, as often as you like. ${copy}; it names no owner, so give --to.\n\nExample:\n  assay ${kind} retire --chain wss://… --data-dir ~/assay --password-file ~/assay.password`)
    .action(async ({ json = false, yes = false, to, config: file, ...flags }: Given) => {
      await runMain(async (signal) => {
        const config = loadConfig(retireConfig, { flags, env: process.env, file, fileMayHold: await settingsOfAll() })
        const lock = await lockFolder(config.dataDir)
        try {
          await depart({ ...config, kind, json, yes, to, signal }, async (leaver) => {
            // Before the chain: whatever happens then, no start undoes it.
            await markRetired(config.dataDir)
            return unregister(leaver)
          })
        } finally {
          await lock.release()
        }
      })
    })
}

export function registerExit(program: Command, description: string): void {
  leaving(program.command('exit').description(description), exitConfig, '\nIt runs meanwhile, and should: the registration ends on chain first, and it goes on with what was drawn before. A machine opens its last round, a round or two later. A checker reports its last round, keeps its evidence until the epoch of that is settled and, if it is one of those who settle this term, approves until the pot is handed over. Then it is stopped. Ctrl-C leaves it running, and the same command goes on.\n\nExample:\n  assay exit --chain wss://… --network 5F… --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ json = false, yes = false, to, config: file, ...flags }: Given) => {
      await runMain(async (signal) => {
        const config = loadConfig(exitConfig, { flags, env: process.env, file, fileMayHold: await settingsOfAll() })
        const kind = (await accountIn(config.dataDir))?.kind ?? 'machine'
        await depart({ ...config, kind, json, yes, to, signal }, async (leaver) => {
          const id = toAccountId(config.network)
          const found = await findNetwork(leaver.chain, id)
          if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(id)} holds no network on ${leaver.chain.endpoint}`, { advice: 'Correct --network or --chain. Nothing was done.' })
          const state = kind === 'machine' ? await machineExits(leaver, found.prefix) : await checkerExits(leaver, id, found.prefix, config.members?.map(toAccountId))
          // First: whoever starts it again meanwhile, or ends this command with it, finds it retired.
          await markRetired(config.dataDir)
          const pid = await bringDown(config.dataDir, leaver.signal)
          leaver.say(pid === null ? 'No process runs.' : 'Its process is stopped.', { event: 'stopped', pid })
          return state
        })
      })
    })
}

/** Who leaves. */
interface Leaver { chain: Chain, sender: Sender, account: Account, kind: IdentityKind, dataDir: string, signal: AbortSignal, say: (text: string, event: object) => void }
type Left = 'retired' | 'unchanged' | 'never registered'

interface Departure { chain: string, dataDir: string, passwordFile?: string | undefined, kind: IdentityKind, json: boolean, yes: boolean, to: string | undefined, signal: AbortSignal }

/** Opens keys and chain, lets `leave` do what is to be done there, and sends what is left. Each step is done once, so that whatever was cut off goes on. Throws what the chain, the keystore and the data folder throw. */
async function depart({ chain: endpoint, dataDir, passwordFile, kind, json, yes, to, signal: stop }: Departure, leave: (leaver: Leaver) => Promise<Left>): Promise<void> {
  await cryptoReady()
  const heir = to === undefined ? null : toAccountId(to)
  const { account } = await openKeystore({ dir: keysFolder(dataDir, kind), password: await passwordOf(dataDir, { passwordFile, signal: stop }) })
  await withChain(endpoint, async (chain, signal) => {
    const sender = createSender({ chain, account, signal, log: createLog({ level: 'warn' }) })
    const say = (text: string, event: object): void => void process.stdout.write(json ? `${JSON.stringify(event)}\n` : `${text}\n`)
    const state = await leave({ chain, sender, account, kind, dataDir, signal, say })
    const { money, text } = await sendRest({ chain, sender, account, owner: heir ?? (await ownerIn(dataDir)), yes, json, signal })
    if (json || text !== '') say(text.trimEnd(), { event: 'retired', state, [kind]: account.address, money })
  })
}

/** Ends the registration, once, and says so at once: whatever becomes of the rest, it has left. */
async function unregister({ chain, sender, account, kind, dataDir, say }: Leaver, confirmations = 0): Promise<Left> {
  const { state } = await retireIdentity({ chain, sender, account, kind, confirmations })
  const said = { retired: 'has left its network; rounds drawn from now on are without it', unchanged: 'had left already', 'never registered': 'was never registered on this chain' }[state]
  say(`${account.address} ${said}. It does not register from ${dataDir} any more.`, { event: 'left', state, [kind]: account.address })
  return state
}

/** The same with the folder marked before, so that no start undoes it; where there is no money to tell the chain, nothing was done. */
const beginToLeave = (leaver: Leaver, { confirmations }: ParametersPrefix): Promise<Left> => leaveMarked(leaver.dataDir, () => unregister(leaver, confirmations), (error) => error instanceof MissingFundsError)

/** The last round that is not frozen without a machine that left at block `left`: null if there is none that it could still be in. */
export function lastRound(parameters: ParametersPrefix, left: number): number | null {
  let round = Math.max(0, roundAt(parameters, left))
  while (schedule(parameters, round + 1).freeze < left) round++
  return schedule(parameters, round).freeze < left ? round : null
}

/** Ends the registration and waits until a running machine has opened the last round that it can be in. */
async function machineExits(leaver: Leaver, parameters: ParametersPrefix): Promise<Left> {
  const { chain, dataDir, signal, say } = leaver
  const state = await beginToLeave(leaver, parameters)
  const last = state !== 'never registered' && (await holderOf(dataDir)) !== null ? lastRound(parameters, (await bestBlock(chain)).number) : null
  if (last === null) return state
  const { packageBy } = schedule(parameters, last)
  say(`Its last round is ${last}; it runs until that is opened, in block ${packageBy}.`, { event: 'last round', round: last, until: packageBy })
  await firstValueFrom(best$(chain, signal).pipe(filter(({ number }) => number >= packageBy)), { defaultValue: null })
  signal.throwIfAborted()
  return state
}

/** Ends the registration and waits until a checker owes its network nothing. Throws OperatorError FOUNDER, MEMBERS and NOT_RUNNING, before anything is done. */
async function checkerExits(leaver: Leaver, network: AccountId, parameters: ParametersPrefix, members: readonly AccountId[] | undefined): Promise<Left> {
  const { chain, account, dataDir, signal, say } = leaver
  let state: Left | undefined
  let waited = 0
  let told = ''
  say(`Reading the chain from block ${parameters.origin} on, for what it owes.`, { event: 'reading', from: parameters.origin })
  for await (const ledger of followLedger(chain, network, parameters, signal)) {
    // The confirmed blocks may be older than the network.
    if (ledger.parameters.length === 0) continue
    const owed = owedBy(nodeCrypto, ledger, account.id, foundersFor(ledger, members))
    const runs = (await holderOf(dataDir)) !== null
    if (state === undefined) {
      if (owed?.kind === 'for ever') throw new OperatorError('FOUNDER', `${account.address} is a founder of a network without terms: two thirds and one of its founders settle every epoch`, { advice: 'It cannot leave in good order: keep it running. Nothing was done. `assay checker retire` ends its rounds, and the others settle without it as long as they are two thirds and one.' })
      if (owed !== null && !runs) throw new OperatorError('NOT_RUNNING', `no process runs on ${dataDir}, and a checker leaves in good order only while it works: ${sentenceOf(owed)}`, { advice: 'Start it, then run this again. Nothing was done. `assay checker retire` leaves at once, without what it owes.' })
      // Its process sends from the same account, and a report must not wait for this.
      if (runs && waited++ < parameters.roundBlocks && (await isReportDue(reportOf(chain, { network, account: account.id, parameters }), parameters, (await bestBlock(chain)).number))) continue
      state = await beginToLeave(leaver, parameters)
      // What was just written is in a later state of the ledger.
      if (owed !== null || state === 'retired') continue
    }
    if (owed === null) return state
    const endless = owed.kind === 'pot' && registeredCheckers(ledger).length < 2 ? ' Fewer than two checkers are left, so no others are drawn to settle: that has no end until one joins, or `assay checker retire` leaves the pot to those who are left.' : ''
    const sentence = `${sentenceOf(owed)}${endless}${runs ? '' : ` No process runs on ${dataDir}: start it.`}`
    if (sentence !== told) say(sentence, { event: 'owed', ...owed, runs })
    told = sentence
  }
  throw signal.reason
}

/** Who settles the founders' terms: those given, else those of the chain. Throws OperatorError MEMBERS where neither can be the network's. */
function foundersFor(ledger: Ledger, members: readonly AccountId[] | undefined): readonly AccountId[] {
  const founders = members ?? foundersOf(nodeCrypto, ledger)
  if (founders !== null && isCommittee(nodeCrypto, ledger.network, founders)) return founders
  throw new OperatorError('MEMBERS', founders === null ? `the chain does not say who founded ${toAddress(ledger.network)}, and so not what a founder owes` : `the ${founders.length} members given are not those of the network ${toAddress(ledger.network)}`, { advice: 'Give the accounts of all founding checkers: --members 5…,5…' })
}

function sentenceOf(owed: Owed): string {
  switch (owed.kind) {
    case 'leaving':
      return 'Its leaving is not confirmed yet.'
    case 'rounds':
      return `Its last round is ${owed.round}, and its evidence is needed until epoch ${owed.epoch} is settled, after block ${owed.until}.`
    case 'pot':
      return `It settles term ${owed.term} until the pot is handed over, after block ${owed.until}.`
    case 'for ever':
      return 'It settles for ever.'
  }
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
