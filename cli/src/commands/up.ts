// `assay machine up` and `down`: all that is missing between a box and a paid machine, and nothing that is done.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describeConfig, loadConfig } from '@assay/kit/config'
import { makeDataFolder } from '@assay/kit/disk'
import { isLeaving, leavingAdvice, refuseRetired } from '@assay/kit/leaving'
import { EXIT, type ExitCode, OperatorError, runMain } from '@assay/kit/lifecycle'
import { holderOf, lockFolder } from '@assay/kit/lock'
import { silentLog } from '@assay/kit/log'
import { roundAt, schedule, type AccountId, type ScheduleParameters } from '@assay/protocol'
import type { Chain } from '@assay/runtime-bindings'
import { providerConfig, type ProviderConfig } from '@assay/provider/config'
import { agreed } from '../agreed.ts'
import { bringDown } from '../bring-down.ts'
import { passwordOf } from '../password.ts'
import { addSettings } from '../service-command.ts'
import { exitOf, readyOf, statusOf, tellStatus, type Status } from '../status.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
/** Between two questions to the process. */
const ASK_MS = 1_000
/** A log that has grown so far is put aside when a process is started. */
const LOG_BYTES = 32 * 1024 * 1024
const LOG = 'provider.log'
const LOG_TAIL = 16 * 1024

interface UpOptions { indexer?: string, yes?: boolean, json?: boolean }
type Step = 'doctor' | 'keys' | 'cost' | 'registration' | 'connection' | 'proof'

export function registerUp(machine: Command): void {
  const up = machine.command('up').description('do all that is missing until this machine is paid: doctor, keys, registration, connection, first proof; what is done is left alone')
  addSettings(up, providerConfig)
    .option('--config <file>', 'a file with any of these settings')
    .option('--indexer <url>', 'an indexer of the network: the first verdict and the machine’s page are looked up there [ASSAY_INDEXER]')
    .option('--yes', 'agree to the cost without being asked')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nThe machine runs on in the background; its log is <data-dir>/provider.log. Where something starts it at boot (systemd, a container), let that run `assay machine start` instead.\nExit code 0: it is up. 1: something is to be mended, then run this again: it goes on where it was. 75: try again later.\n\nExample:\n  assay machine up --chain ws://127.0.0.1:9944 --network 5F… --indexer http://127.0.0.1:4630 --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ config: file, indexer, yes, json, ...flags }: UpOptions & { config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(providerConfig, { flags, env: process.env, file })
        return bringUp({ ...config, dataDir: resolve(config.dataDir) }, { indexer: indexer ?? process.env['ASSAY_INDEXER'], yes: yes === true, json: json === true }, signal)
      })
    })
  machine
    .command('down')
    .description('stop the machine that runs on a data folder, in good order')
    .requiredOption('--data-dir <folder>', 'its data folder')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay machine down --data-dir ~/assay')
    .action(async ({ dataDir, json }: { dataDir: string, json?: boolean }) => {
      await runMain(async (signal) => {
        const stopped = await bringDown(dataDir, signal)
        process.stdout.write(json ? `${JSON.stringify({ event: 'stopped', pid: stopped })}\n` : stopped === null ? `nothing runs on ${dataDir}\n` : `stopped ${stopped}\n`)
      })
    })
}

interface Told { indexer: string | undefined, yes: boolean, json: boolean }

/** Gives 1 where it is up and the network says that something is to be mended all the same. Throws OperatorError for what keeps the machine from being up. */
async function bringUp(config: ProviderConfig, { indexer, yes, json }: Told, signal: AbortSignal): Promise<ExitCode> {
  const say = (step: Step, text: string, done = false): void => void process.stdout.write(json ? `${JSON.stringify({ event: 'step', step, done, text })}\n` : `${done ? 'ok ' : '.. '} ${step.padEnd(12)} ${text}\n`)
  refuseRetired(config.dataDir)
  if (isLeaving(config.dataDir)) throw new OperatorError('LEAVING', `the machine in ${config.dataDir} leaves its network`, { advice: leavingAdvice(config.dataDir) })
  const { bestBlock, connectChain, cryptoReady, findNetwork, toAccountId, toAddress } = await import('@assay/runtime-bindings')
  const { CONNECT_MS } = await import('../chain.ts')
  await cryptoReady()
  const stop = new AbortController()
  const chain = await connectChain({ endpoint: config.chain, requestTimeoutMs: config.chainTimeoutMs, connectMs: CONNECT_MS, signal: AbortSignal.any([signal, stop.signal]) })
  try {
    const network = toAccountId(config.network)
    const found = await findNetwork(chain, network)
    if (!found) throw new OperatorError('NO_NETWORK', `the account ${toAddress(network)} holds no network on the chain at ${chain.endpoint}`, { advice: 'Check --network and --chain: the network may be on another chain, or not created yet.' })
    let ended: Ended = () => false
    if ((await holderOf(config.dataDir)) === null) ended = await start(config, { yes, say, chain, network, signal })
    else say('keys', `a process runs on ${config.dataDir}`, true)
    const account = await follow(config, { ended, parameters: found.prefix, best: async () => (await bestBlock(chain)).number, say, signal })
    const status = await proven({ account, indexer, dataDir: config.dataDir, say, signal, json })
    process.stdout.write(json ? `${JSON.stringify({ event: 'up', ...status })}\n` : `\n${tellStatus(status)}`)
    return exitOf(status.findings) === EXIT.mend ? EXIT.mend : EXIT.ok
  } finally {
    stop.abort()
    await chain.close()
  }
}

type Say = (step: Step, text: string, done?: boolean) => void

// Everything before the process: its computer, its keys, its price.
async function start(config: ProviderConfig, { yes, say, chain, network, signal }: { yes: boolean, say: Say, chain: Chain, network: AccountId, signal: AbortSignal }): Promise<Ended> {
  const { createSender, formatAmount, keystoreExists, nodeCrypto, ownerOf, registrationCost, toAccountId, toAddress } = await import('@assay/runtime-bindings')
  if (config.engine === 'auto') {
    const { diagnose, doctorProbes } = await import('@assay/provider/doctor')
    say('doctor', 'looking at what this machine computes with')
    const { engine, findings } = await diagnose(doctorProbes(nodeCrypto))
    const faults = findings.filter(({ mustMend }) => mustMend)
    if (faults.length > 0) throw new OperatorError('DOCTOR', faults.map(({ what }) => what).join('; '), { advice: `${faults.map(({ how }) => how).join('; ')}. Or name what shall compute: --engine wasm, say.` })
    say('doctor', `${engine.name}: ${engine.reason}`, true)
  } else say('doctor', `not asked: --engine ${config.engine} is named`, true)

  const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal, making: !(await keystoreExists(join(config.dataDir, 'machine'))) })
  const { documentMemory, openKeys } = await import('@assay/provider/registration')
  const lock = await lockFolder(config.dataDir)
  try {
    const { owner: agreedBy, account, peer } = await openKeys({ dataDir: config.dataDir, network, ownerFile: config.ownerFile, owner: config.owner === undefined ? undefined : toAccountId(config.owner), password, log: silentLog })
    const owner = ownerOf(agreedBy)
    // Of an owner whose key is elsewhere nothing can be taken.
    const payer = 'pair' in agreedBy ? agreedBy.address : null
    say('keys', `machine ${account.address}, owner ${toAddress(owner)}${payer === null ? ' (its key is elsewhere)' : ''}, in ${config.dataDir}`, true)
    const cost = await registrationCost({ chain, sender: createSender({ chain, account, signal }), account, owner, peer, kind: 'machine', network, addresses: [], evidence: [], memory: documentMemory(config.dataDir, network) })
    if (cost.registered) say('cost', 'nothing: the machine is registered already', true)
    else {
      const text = `${formatAmount(cost.fee)} of fees at most; ${formatAmount(cost.deposits)} are held while it is registered, ${formatAmount(cost.keep)} must stay on its account`
      say('cost', text)
      if (!yes && !(process.stdin.isTTY && (await agreed(`Spend that, from ${payer ?? account.address}? yes or no: `, signal)))) throw new OperatorError('COST', `the cost of the registration was not agreed to: ${text}`, { advice: 'Run this again with --yes, or answer yes.' })
      say('cost', cost.missing === 0n ? 'agreed' : payer === null ? `agreed; send ${formatAmount(cost.missing)} to ${account.address}` : `agreed; ${formatAmount(cost.missing)} come from ${payer}`, true)
    }
  } finally {
    await lock.release()
  }
  await makeDataFolder(config.dataDir)
  return spawnProvider(config, password)
}

// A process of its own that outlives this one. The password goes through a pipe: neither the list of processes nor a file shows it.
function spawnProvider(config: ProviderConfig, password: string): Ended {
  const path = join(config.dataDir, LOG)
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES) renameSync(path, `${path}.1`)
  const log = openSync(path, 'a', 0o600)
  const flags = describeConfig(providerConfig).flatMap(({ name, flag }) => {
    const value = (config as Record<string, unknown>)[name]
    return value === undefined || name === 'passwordFile' ? [] : [flag, String(value)]
  })
  const child = spawn(process.execPath, [...process.execArgv, MAIN, 'machine', 'start', ...flags, '--password-file', '-'], { detached: true, stdio: ['pipe', log, log], env: process.env })
  closeSync(log)
  let ended = false
  child.on('error', () => (ended = true)).on('exit', () => (ended = true))
  child.stdin?.on('error', () => {}).end(`${password}\n`)
  child.unref()
  return () => ended
}

/** Whether the process that was started has ended. */
type Ended = () => boolean

/** Why a process ended: the last error that it left in its log. */
function lastWords(dataDir: string): { message: string, advice: string } {
  const path = join(dataDir, LOG)
  const tail = existsSync(path) ? readFileSync(path, 'utf8').slice(-LOG_TAIL).split('\n') : []
  const at = tail.findLastIndex((line) => line.startsWith('error: '))
  const [error, advice] = at < 0 ? [] : [tail[at]!.slice('error: '.length), tail[at + 1]?.trim()]
  return { message: error === undefined ? '' : `: ${error}`, advice: `${advice ? `${advice} ` : ''}Its log is ${path}; mend what it says and run this again.` }
}

function notRunning(dataDir: string): OperatorError {
  const { message, advice } = lastWords(dataDir)
  return new OperatorError('NOT_RUNNING', `the machine’s process ended${message}`, { advice })
}

/** Waits until the process is registered and connected; gives its account. */
async function follow(config: ProviderConfig, { ended, parameters, best, say, signal }: { ended: Ended, parameters: ScheduleParameters, best: () => Promise<number>, say: Say, signal: AbortSignal }): Promise<string> {
  const { readPublicKey, toAddress } = await import('@assay/runtime-bindings')
  const deps = { fetch: (request: Request) => fetch(request), signal }
  let seen = false
  let said = ''
  const once = (step: Step, text: string): void => {
    if (said !== text) say(step, text)
    said = text
  }
  for (;; await pause(ASK_MS, undefined, { signal })) {
    const gone = ended()
    const holder = await holderOf(config.dataDir)
    if (holder === null && (seen || gone)) throw notRunning(config.dataDir)
    if (holder === null) continue // it takes a moment to take its folder
    seen = true
    const told = holder.url === null ? null : await readyOf(holder.url, deps)
    if (told === null) {
      once('connection', `process ${holder.pid} does not say how it is yet`)
      continue
    }
    const { registered, waiting, fault, links = 0 } = told.detail
    if (fault) throw new OperatorError('REGISTRATION', `the registration does not count (${fault})`, { advice: `The log says why: ${join(config.dataDir, LOG)}.` })
    if (waiting) once('registration', waiting)
    else if (!registered) once('registration', 'on its way: it counts when it is confirmed')
    else if (links === 0) once('connection', 'dialling the checkers')
    else {
      say('registration', `confirmed by block ${told.detail.ledger}`, true)
      say('connection', `${links} checkers`, true)
      const now = await best()
      const round = nextRound(parameters, now)
      const at = schedule(parameters, round)
      say('proof', `works round ${round}, which begins at block ${at.start} and is judged at ${at.judgement}; now ${now}`)
      return toAddress(await readPublicKey(join(config.dataDir, 'machine', 'account.json')))
    }
  }
}

/** The first round whose registry is not frozen yet. */
function nextRound(parameters: ScheduleParameters, block: number): number {
  let round = Math.max(0, roundAt(parameters, block))
  while (schedule(parameters, round).freeze < block) round++
  return round
}

/** Waits for the first round that the network calls passed; without an indexer for the first that the process has opened. */
async function proven({ account, indexer, dataDir, say, signal, json }: { account: string, indexer: string | undefined, dataDir: string, say: Say, signal: AbortSignal, json: boolean }): Promise<Status> {
  const deps = { fetch: (request: Request) => fetch(request), signal }
  let told = -1
  for (;; await pause(ASK_MS, undefined, { signal })) {
    const holder = await holderOf(dataDir)
    if (holder === null) throw notRunning(dataDir)
    const status = await statusOf({ kind: 'machine', account, indexer, dataDir, holder }, deps)
    const last = status.process?.detail?.last
    if (last && last.round > told && !json) {
      told = last.round
      say('proof', `round ${last.round}: ${last.result}`)
    }
    const passed = status.network?.rounds.find(({ outcome }) => outcome === 'PASS')
    const worked = indexer === undefined && last !== null && last !== undefined && (last.result === 'COMMITTED' || last.result === 'RESUMED')
    if (!passed && !worked) continue
    say('proof', passed ? `round ${passed.round} passed` : `round ${last!.round} worked; give --indexer to see what the network says of it`, true)
    return status
  }
}
