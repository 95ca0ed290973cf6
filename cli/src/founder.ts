// What founders do together: each approves the same call from its own place, and the one who completes two thirds and one executes it.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { holderOf } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import { thresholdOf, type AccountId } from '@assay/protocol'
import { createSender, findNetwork, networkAccount, openKeystore, toAccountId, type Chain, type Sender } from '@assay/runtime-bindings'
import { withChain } from './chain.ts'
import { passwordOf, passwordOption } from './password.ts'
import { untilQuiet } from './quiet.ts'

export interface FounderOptions { chain: string, dataDir: string, passwordFile?: string, members: string, withdraw?: boolean, json?: boolean }

/** The flags that each founder gives; `members` and what else the call is made of, the same as the others. */
export const founderOptions = (command: Command): Command =>
  passwordOption(command.requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address').requiredOption('--data-dir <folder>', 'this founder\'s checker data folder'))
    .requiredOption('--members <addresses>', 'all founders\' accounts, comma-separated, the same for each founder')
    .option('--withdraw', 'take back what this founder was the first to approve, with the same arguments: nothing of it is open then')
    .option('--json', 'one JSON object on standard output')

/** The founders of a network. Throws OperatorError MEMBERS where they can be of none. */
export function membersOf(text: string): AccountId[] {
  const founders = text.split(',').map((address) => toAccountId(address.trim()))
  if (founders.length < 2 || new Set(founders).size !== founders.length) throw new OperatorError('MEMBERS', `the members given are ${founders.length < 2 ? 'one alone' : 'not all different'}`, { advice: 'Name each founder once with --members.' })
  return founders
}

/** One line on standard output: for people, or with `json` for programs. */
export function tell({ json }: { json?: boolean }, event: string, fields: Record<string, unknown>, sentence: string): void {
  process.stdout.write(json ? `${JSON.stringify({ event, ...fields })}\n` : `${event}: ${sentence}\n`)
}

/** A founder who is about to approve, and how what came of it is told. */
export interface Founder { chain: Chain, sender: Sender, founders: AccountId[], withdraw: boolean, say: (event: string, fields: Record<string, unknown>, sentence: string) => void }

/** Opens keys and chain for one founder's approval of what `read` makes of the arguments, which is done first. Throws OperatorError MEMBERS before anything is sent, and what the chain, the keystore, `read` and `work` throw. */
export async function asFounder<T>(options: FounderOptions, read: () => T, work: (founder: Founder, given: T) => Promise<void>): Promise<void> {
  await runMain(async (stop) => {
    const given = read()
    const founders = membersOf(options.members)
    const { account } = await openKeystore({ dir: options.dataDir, password: await passwordOf(options.dataDir, { ...options, signal: stop }) })
    if (!founders.includes(account.id)) throw new OperatorError('MEMBERS', `${account.address}, whose keys are in ${options.dataDir}, is none of the ${founders.length} members given`, { advice: 'Name all founders with --members, and run this from the data folder of one of them.' })
    await withChain(options.chain, async (chain, signal) => {
      const network = networkAccount(founders)
      const found = await findNetwork(chain, network)
      // The founder's own checker sends from the same account.
      if (found !== null && (await holderOf(options.dataDir)) !== null) await untilQuiet(chain, { network, account: account.id, parameters: found.prefix }, signal)
      await work({
        chain,
        sender: createSender({ chain, account, signal, log: createLog({ level: 'warn', json: options.json === true }) }),
        founders,
        withdraw: options.withdraw === true,
        say: (...told) => tell(options, ...told),
      }, given)
    })
  })
}

/** What a founder reads whose approval was not the last. */
export const othersMust = (founders: readonly AccountId[]): string => `it is done when ${thresholdOf(founders.length)} of the ${founders.length} founders have approved it`
