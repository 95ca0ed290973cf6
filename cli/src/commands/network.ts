// `assay network`: a founder's part in creating one, and what stands on chain.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { EXIT, OperatorError, runMain } from '@assay/kit/lifecycle'
import { captureOf, CHECKER_KEY, decodeParameters, encodeParameters, explainCapture, explainSettlersCapture, fromHex, HELD_BYTES, probabilityText, registeredCheckers, settlersCaptureOf, toHex, updateProblems, validateParameters, VERSIONS, versionsText, type AccountId, type Parameters, type Hex } from '@assay/protocol'
import { bestBlock, createNetwork, findNetwork, formatAmount, foundersNetwork, giveRole, knownParameters, payoutProblems, readItem, readPot, type RoleName, takeRole, toAccountId, toAddress, updateNetwork, type Chain } from '@assay/runtime-bindings'
import { withChain } from '../chain.ts'
import { networkParameters } from '../devnet/parameters.ts'
import { asFounder, type FounderOptions, founderOptions, membersOf, othersMust, tell } from '../founder.ts'
import { readLedger } from '../ledger.ts'
import { tellSpoken, versionsSpoken } from '../versions.ts'
import { withValues } from '../with-values.ts'

export function register(program: Command): void {
  const network = program.command('network').description('create a network together with its other founders, or show one')
  founderOptions(network
    .command('create')
    .description('one founder\'s approval; the network exists when two thirds and one have given theirs'))
    .requiredOption('--parameters <file>', 'the parameters as assay network parameters writes them, the same for each founder')
    .addHelpText('after', '\nExample:\n  assay network create --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C… --parameters network.hex')
    .action((options: FounderOptions & { parameters: string }) =>
      asFounder(options, () => readParameters(options.parameters), async ({ say, ...founder }, parameters) => {
        warnOfCapture(founder.founders.length, parameters)
        const { network, state } = await createNetwork({ ...founder, parameters })
        const [event, more] = ({ created: ['network created', ''], waiting: ['network approved', `; ${othersMust(founder.founders)}`], withdrawn: ['creation taken back', ''] } as const)[state]
        say(event, { network: toAddress(network) }, `${toAddress(network)}${more}`)
      }))

  network
    .command('read')
    .description('what a file of parameters says, as JSON: before create, for what says when a round is stays for the network\'s life')
    .argument('<file>', 'as assay network parameters writes it')
    .option('--json', 'as it is')
    .addHelpText('after', '\nExample:\n  assay network read network.hex')
    .action(async (file: string) => {
      await runMain(async () => {
        const parameters = readParameters(file)
        refuseProblems(validateParameters(parameters))
        process.stdout.write(`${asJson(parameters)}\n`)
      })
    })

  founderOptions(network
    .command('admit')
    .description('one founder\'s approval of another checker; it is one when two thirds and one have given theirs')
    .argument('<address>', 'the checker\'s account, as assay keys show says it; of nobody who is a calibrator'))
    .addHelpText('after', '\nA checker that is started before says in its log that it waits for this, and takes part by itself.\n\nExample:\n  assay network admit 5D… --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action((address: string, options: FounderOptions) => changeRole(address, options, { role: 'checker', give: true, done: 'checker admitted', waits: 'checker approved' }))

  founderOptions(network
    .command('expel')
    .description('one founder\'s approval that an account is no checker any more; it takes no part from the next round that is drawn, when two thirds and one have given theirs')
    .argument('<address>', 'the account'))
    .option('--calibrator', 'no calibrator any more, instead of no checker')
    .addHelpText('after', '\nIt reports and settles to the end what was drawn before; a founder who is expelled settles the founders\' terms all the same. Who leaves by itself runs assay exit.\n\nExample:\n  assay network expel 5D… --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action((address: string, options: FounderOptions & { calibrator?: boolean }) =>
      changeRole(address, options, options.calibrator ? { role: 'calibrator', give: false, done: 'calibrator expelled', waits: 'expulsion approved' } : { role: 'checker', give: false, done: 'checker expelled', waits: 'expulsion approved' }))

  founderOptions(network
    .command('calibrator')
    .description('one founder\'s approval of a calibrator, who may run canaries; it is one when two thirds and one have given theirs')
    .argument('<address>', 'the calibrator\'s account; of nobody who is a checker'))
    .addHelpText('after', '\nExample:\n  assay network calibrator 5Q… --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action((address: string, options: FounderOptions) => changeRole(address, options, { role: 'calibrator', give: true, done: 'calibrator assigned', waits: 'calibrator approved' }))

  founderOptions(network
    .command('change')
    .description('one founder\'s approval of other parameters; they are in force from the second epoch after the one in which the last of two thirds and one have given theirs')
    .argument('<name=value...>', 'what shall be otherwise, as assay network show names it; amounts in planck. The same for each founder'))
    .option('--dry-run', 'approve nothing: only say what would be otherwise, and what forbids it')
    .addHelpText('after', '\nWhat says when a round is (its length, offsets, confirmations, the epochs of a term) stays for the network\'s life. The version is changed by assay network upgrade.\n\nExamples:\n  assay network change samples=96 poolPerEpoch=2000000000000000000000 --dry-run --chain wss://… --data-dir ~/checker --members 5A…,5B…,5C…\n  assay network change samples=96 --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action(async (pairs: string[], options: FounderOptions & { dryRun?: boolean }) => {
      if (options.dryRun) {
        return runMain(() => withChain(options.chain, async (chain) => {
          const { network, changes, text } = await changeOf(chain, membersOf(options.members), pairs)
          tell(options, 'change possible', { network: toAddress(network), changes }, text)
        }))
      }
      await asFounder(options, () => pairs, async ({ say, ...founder }) => {
        const { network, changes, text } = await changeOf(founder.chain, founder.founders, pairs)
        const { state } = await updateNetwork({ ...founder, change: (current) => withValues(current, pairs) })
        const [event, more] = ({ updated: ['parameters changed', 'in force from the second epoch after this one'], waiting: ['change approved', othersMust(founder.founders)], withdrawn: ['change taken back', 'nothing of it is open'] } as const)[state]
        say(event, { network: toAddress(network), changes }, `${text}; ${more}`)
      })
    })

  founderOptions(network
    .command('upgrade')
    .description('one founder\'s approval of another version of the protocol; it is in force from the second epoch after the one in which the last of two thirds and one have given theirs')
    .argument('<version>', `the version, at most ${VERSIONS.highest} with this program; it can never be lowered again`))
    .option('--ask', 'approve nothing: only ask who speaks that version by now')
    .addHelpText('after', '\nWho does not speak the version when it comes in force takes no part from then on, so ask before: --ask says what checkers say of themselves and their machines, and reads the chain from the network\'s origin for it, which may take long.\n\nExamples:\n  assay network upgrade 2 --ask --chain wss://… --data-dir ~/checker --members 5A…,5B…,5C…\n  assay network upgrade 2 --chain wss://… --data-dir ~/checker --password-file ~/checker.password --members 5A…,5B…,5C…')
    .action(async (text: string, options: FounderOptions & { ask?: boolean }) => {
      if (options.ask) return runMain(() => askVersions(text, options))
      await asFounder(options, () => versionOf(text), async ({ say, ...founder }, version) => {
        const { network, state } = await updateNetwork({ ...founder, change: (current) => ({ ...current, version }) })
        say({ updated: 'version agreed on', waiting: 'version approved', withdrawn: 'version taken back' }[state], { version, network: toAddress(network) }, `${version} of ${toAddress(network)}`)
      })
    })

  network
    .command('parameters')
    .description('write the parameters of a network whose first round starts soon, as hex: those of a development network, and what is set')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--lead <blocks>', 'blocks until the first round', '20')
    .option('--checkers <count>', 'how many checkers you expect, to be warned if committees are too small for them; else as many as there can be', String(MOST_CHECKERS))
    .option('--set <name=value...>', 'another value, as assay network show names it; amounts in planck')
    .option('--json', 'one JSON object on standard output, the hex in it')
    .addHelpText('after', '\nExample:\n  assay network parameters --chain wss://… --lead 600 --set randomness=0 confirmations=6 seedOffset=10 roundBlocks=300 commitOffset=150 packageOffset=220 epochRounds=48 termEpochs=7 waitBlocks=1200 windowMs=30000 hourBlocks=600 log2n=11 log2nMax=13 > network.hex')
    .action(async (options: { chain: string; lead: string; checkers: string; set?: string[]; json?: boolean }) => {
      await runMain(async () => {
        const parameters = await parametersSoon(options)
        process.stdout.write(options.json ? `${JSON.stringify({ event: 'parameters', parameters })}\n` : `${parameters}\n`)
      })
    })

  network
    .command('show')
    .description('the parameters that stand on chain, as JSON; with an indexer to ask, what they promise against checkers in league; with --pot, how long the money lasts')
    .argument('<network>', 'the network\'s account')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .option('--indexer <url>', 'an indexer of the network, which knows how many checkers are eligible now: for `live`, which is null without')
    .option('--json', 'as it is')
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
          process.stdout.write(`${asJson(shown)}\n`)
        })
      })
    })
}

interface RoleChange { role: RoleName, give: boolean, /** what is told when it is done, and when others must approve it, too */ done: string, waits: string }

/** A founder's word on who is a checker or a calibrator. */
async function changeRole(address: string, options: FounderOptions, { role, give, done, waits }: RoleChange): Promise<void> {
  await asFounder(options, () => toAccountId(address), async ({ say, ...founder }, user) => {
    // An anchor that is empty is of one who has left.
    if (role === 'checker' && give && !founder.withdraw && !(await readItem(founder.chain, user, CHECKER_KEY))?.length) process.stderr.write(`warning: ${toAddress(user)} has not registered as a checker yet: is it the checker's own account, and not its owner's?\n`)
    const { network, state } = await (give ? giveRole : takeRole)({ ...founder, role, user })
    const told: Record<typeof state, [event: string, more: string]> = {
      done: [done, ''],
      waiting: [waits, `; ${othersMust(founder.founders)}`],
      unchanged: give ? [done, '; it was one already'] : ['nothing to take', `; it is no ${role} of this network. Nothing was done`],
      withdrawn: ['taken back', '; nothing of it is open'],
    }
    const [event, more] = told[state]
    say(event, { network: toAddress(network), [role]: toAddress(user), state }, `${toAddress(user)}${more}`)
  })
}

/** What `name=value` pairs make of a network's newest parameters. Throws ChainError NO_NETWORK and OperatorError SET, VERSION and PARAMETERS. */
async function changeOf(chain: Chain, founders: readonly AccountId[], pairs: readonly string[]) {
  const { network, ...found } = await foundersNetwork(chain, founders)
  const current = knownParameters(found)
  const next = withValues(current, pairs)
  if (next.version !== current.version) throw new OperatorError('VERSION', 'the version is not changed here', { advice: `Run assay network upgrade ${next.version}: with --ask it says who speaks it.` })
  const changes = (Object.keys(current) as (keyof Parameters)[]).filter((name) => next[name] !== current[name]).map((name) => ({ name, from: String(current[name]), to: String(next[name]) }))
  refuseProblems([...updateProblems(current, next), ...payoutProblems(chain, next)])
  warnOfCapture(founders.length, next)
  return { network, changes, text: changes.map(({ name, from, to }) => `${name} ${from} -> ${to}`).join(', ') || 'nothing, for it has these values already' }
}

function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new OperatorError('PARAMETERS', `these parameters do not do: ${problems.join('; ')}`, { advice: 'Nothing was done. Give other values.' })
}

async function askVersions(text: string, options: FounderOptions): Promise<void> {
  const version = versionOf(text)
  await withChain(options.chain, async (chain, signal) => {
    const { network, prefix } = await foundersNetwork(chain, membersOf(options.members))
    const spoken = await versionsSpoken(registeredCheckers(await readLedger(chain, network, prefix, signal)), version, { fetch, signal })
    tell(options, 'versions spoken', { version, ...spoken }, tellSpoken(version, spoken))
  })
}

/**
 * The parameters of a development network whose first round starts `lead` blocks from now, with some values set (`name=value`), as hex. Warns of committees that are too small for so many checkers.
 * Throws OperatorError LEAD, SET and PARAMETERS.
 */
export async function parametersSoon({ chain: endpoint, lead, checkers = String(MOST_CHECKERS), set = [] }: { chain: string; lead: string; checkers?: string; set?: readonly string[] }): Promise<Hex> {
  if (!/^[1-9]\d{0,6}$/.test(lead)) throw new OperatorError('LEAD', `${lead} is not a number of blocks from 1 to 9999999`, { advice: 'Give --lead 20, say.' })
  const expected = countOf(checkers)
  return withChain(endpoint, async (chain) => {
    const { number } = await bestBlock(chain)
    const parameters = withValues(networkParameters(number, number + Number(lead)), set)
    refuseProblems([...validateParameters(parameters), ...payoutProblems(chain, parameters)])
    warnOfCapture(expected, parameters)
    return toHex(encodeParameters(parameters))
  })
}

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

const asJson = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part), 2)

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
