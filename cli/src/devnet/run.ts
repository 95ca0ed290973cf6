// A whole network on one machine: a fork of peaq, and the programs that operators run, each a process of its own.
// The devnet only spawns, funds and prints; nothing here knows how a round works.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { encodeParameters, type AccountId, type Parameters, toHex } from '@assay/protocol'
import { bestBlock, connectChain, createSender, findNetwork, networkAccount, toAccountId, toAddress, type Chain, type Sender } from '@assay/runtime-bindings'
import type { DevnetEvent } from './events.ts'
import { networkParameters } from './parameters.ts'
import { spawnChild, type Child } from './processes.ts'
import { fund, treasuryAccount, TREASURY_PLANCK } from './treasury.ts'
import { watchNetwork } from './watch.ts'

export interface DevnetOptions {
  checkers: number
  machines: number
  /** How many of the machines skip half of their rows. */
  cheats: number
  /** Stop when this many epochs are paid; undefined: run until stopped. */
  epochs?: number
  blockMs: number
  /** Fork the live chain as chopsticks.yml says. */
  live: boolean
  /** Keep keys, databases and logs. */
  keep: boolean
  /** Changes to the devnet's own parameters. */
  parameters?: Partial<Parameters>
}

export interface DevnetContext {
  signal: AbortSignal
  show: (event: DevnetEvent) => void
  /** Names for people; filled as accounts become known. */
  names: Map<string, string>
}

const PEAQ = 10n ** 18n
const CHECKER_PLANCK = 100n * PEAQ
const OWNER_PLANCK = 10n * PEAQ
/** Two epochs' pay: the most that a pot should hold. */
const POT_PLANCK = 2n * networkParameters(0, 0).poolPerEpoch + PEAQ
/** Least blocks between the network's creation and round 0: the machines register in them. */
const LEAD_BLOCKS = 18
/** Starting the machines and the indexer takes about so many times as long as making the checkers' keys; on a slow machine the first round waits for it. */
const START_FACTOR = 8
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const SERVE = join(dirname(fileURLToPath(import.meta.resolve('@assay/runtime-bindings/testing'))), 'serve.ts')
const LIAR = fileURLToPath(new URL('../../../test/liars/lazy-rows.ts', import.meta.url))

/** Runs the devnet until the signal fires or `epochs` are paid. @throws OperatorError, ChildEndedError */
export async function runDevnet(options: DevnetOptions, { signal, show, names }: DevnetContext): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'assay-devnet-'))
  const logDir = join(home, 'logs')
  mkdirSync(logDir)
  const passwordFile = join(home, 'password')
  writeFileSync(passwordFile, randomBytes(16).toString('hex'), { mode: 0o600 })
  const children: Child[] = []
  const stop = new AbortController()
  const ending = AbortSignal.any([signal, stop.signal])
  let failed = false

  const start = (name: string, args: string[]): Child => {
    const child = spawnChild({ name, args, logDir, env: process.env })
    children.push(child)
    return child
  }
  const assay = (name: string, ...args: string[]): Child => start(name, [MAIN, ...args])
  const step = (text: string): void => show({ event: 'step', text })
  /** A command that must do its one thing and end well. */
  const finish = async (child: Child): Promise<void> => {
    const how = await child.exited
    if (how.code !== 0) throw new OperatorError('DEVNET', `${child.name} ended with exit code ${how.code}`, { advice: `Its log is ${child.logFile}.` })
  }

  try {
    const treasury = await treasuryAccount()
    step(options.live ? 'forking the live chain as chopsticks.yml says' : 'booting peaq from its genesis in Chopsticks')
    const chainChild = start('chain', [SERVE, '--block-ms', String(options.blockMs), '--fund', `${treasury.address}=${TREASURY_PLANCK}`, '--json', '--until-stdin-closes', ...(options.live ? ['--live'] : [])])
    const keysBegan = performance.now()
    const keys = Array.from({ length: options.checkers }, (_, i) => {
      const dir = join(home, `checker-${i + 1}`)
      const child = assay(`checker-${i + 1}-keys`, 'keys', 'create', '--data-dir', dir, '--password-file', passwordFile, '--json')
      return { dir, made: child.line('keys').then((line) => ({ address: String(line['address']), ms: performance.now() - keysBegan })) }
    })
    const made = Promise.all(keys.map(({ made }) => made))
    made.catch(() => {}) // told where it is waited for
    const endpoint = String((await orAbort(chainChild.line('ready'), ending))['endpoint'])
    const chain = await connectChain({ endpoint, signal: ending })
    const sender = createSender({ chain, account: treasury, signal: ending })

    step(`making the keys of ${options.checkers} checkers and paying their fees`)
    const checkers = (await made).map(({ address, ms }, i) => ({ dir: keys[i]!.dir, account: toAccountId(address), ms }))
    const lead = Math.max(LEAD_BLOCKS, Math.ceil((START_FACTOR * Math.max(...checkers.map(({ ms }) => ms))) / options.blockMs))
    checkers.forEach(({ account }, i) => names.set(account, `checker ${i + 1}`))
    const members = checkers.map(({ account }) => account)
    const network = networkAccount(members)
    names.set(network, 'pot')
    await fund(chain, sender, [...members.map((to) => ({ to, planck: CHECKER_PLANCK })), { to: network, planck: POT_PLANCK }])
    // The checkers wait for their network; the others are started when it is there.
    step(`starting the checkers and creating the network ${toAddress(network)}: each founder approves the same call`)
    const common = ['--chain', endpoint, '--network', toAddress(network), '--log-json']
    const services: Child[] = [chainChild, ...checkers.map(({ dir }, i) => assay(`checker-${i + 1}`, 'checker', 'start', ...common, '--data-dir', dir, '--password-file', passwordFile, '--channel-port', '0', '--http-port', '0'))]
    const { number: now } = await bestBlock(chain)
    const parameters = { ...networkParameters(now, now + lead), ...options.parameters }
    const parametersFile = join(home, 'parameters')
    writeFileSync(parametersFile, toHex(encodeParameters(parameters)))
    await Promise.all(
      checkers.map(({ dir }, i) =>
        finish(assay(`checker-${i + 1}-network`, 'network', 'create', '--chain', endpoint, '--data-dir', dir, '--password-file', passwordFile, '--members', members.map(toAddress).join(','), '--parameters', parametersFile, '--json')),
      ),
    )
    if ((await findNetwork(chain, network)) === null) throw new OperatorError('DEVNET', 'the founders approved the network and it is not there', { advice: `See the logs in ${logDir}.` })

    step(`starting ${options.machines} machines (${options.cheats} of them a cheat) and an indexer`)
    const indexer = assay('indexer', 'indexer', 'start', ...common, '--data-dir', join(home, 'indexer'), '--http-port', '0')
    services.push(indexer)
    for (let i = 1; i <= options.machines; i++) {
      const lazy = i > options.machines - options.cheats
      // Not `auto`: four machines of a devnet would share one GPU.
      const engine = ['--engine', lazy ? LIAR : 'wasm']
      const machine = assay(`machine-${i}`, 'provider', 'start', ...common, '--data-dir', join(home, `machine-${i}`), '--password-file', passwordFile, '--threads', '1', '--ops-port', '0', ...engine)
      services.push(machine)
      followMachine(machine, `${i}${lazy ? ' (cheat)' : ''}`, { chain, sender, names, ending, fail: (error) => stop.abort(error) })
    }
    for (const child of services) void watchExit(child, ending, show, (error) => stop.abort(error))

    const { url } = await orAbort(indexer.line('indexer ready'), ending)
    show({
      event: 'ready',
      endpoint,
      network: toAddress(network),
      indexer: String(url),
      checkers: members.map(toAddress),
      logs: logDir,
      join: `npx assay machine up --chain ${endpoint} --network ${toAddress(network)} --indexer ${String(url)} --data-dir ./my-machine --password-file ./password`,
      fund: `npx assay fund OWNER --chain ${endpoint}`,
    })
    await watchNetwork({ indexer: String(url), chain, parameters, epochs: options.epochs, show, signal: ending, topUp: (planck) => fund(chain, sender, [{ to: network, planck }]) })
    if (stop.signal.aborted) throw stop.signal.reason
  } catch (error) {
    if (stop.signal.aborted && !signal.aborted) {
      failed = true
      throw stop.signal.reason
    }
    if (signal.aborted) return
    failed = true
    throw error
  } finally {
    stop.abort()
    // The services first, so that none of them mourns the chain.
    await Promise.all(children.slice(1).map((child) => child.stop(10_000)))
    await children[0]?.stop(10_000)
    if (options.keep || failed) show({ event: 'stopped', reason: `keys, databases and logs are kept in ${home}` })
    else rmSync(home, { recursive: true, force: true })
  }
}

/** Names a machine's accounts as they become known and pays its owner's fees when it asks. */
function followMachine(child: Child, name: string, { chain, sender, names, ending, fail }: { chain: Chain; sender: Sender; names: Map<string, string>; ending: AbortSignal; fail: (error: unknown) => void }): void {
  child.lines$.subscribe((line) => {
    if (line.event === 'provider started') {
      names.set(toAccountId(String(line['account'])), `machine ${name}`)
      names.set(toAccountId(String(line['owner'])), `owner ${name}`)
    }
    if (line.event === 'waiting for funds') {
      const to: AccountId = toAccountId(String(line['account']))
      fund(chain, sender, [{ to, planck: OWNER_PLANCK }]).catch((error: unknown) => {
        if (!ending.aborted) fail(error)
      })
    }
  })
}

/** A service that ends while the devnet runs ends the devnet: what is shown would no longer be the whole network. */
async function watchExit(child: Child, ending: AbortSignal, show: (event: DevnetEvent) => void, fail: (error: unknown) => void): Promise<void> {
  const { code, signal } = await child.exited
  if (ending.aborted) return
  show({ event: 'ended', process: child.name, code, signal, lastWords: child.logFile })
  fail(new OperatorError('CHILD_ENDED', `${child.name} ended while the devnet ran (${signal ?? `exit code ${code}`})`, { advice: `Its log is ${child.logFile}.`, exit: EXIT.mend }))
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
