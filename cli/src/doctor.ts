// What a checker or indexer needs, looked at before it is started: `assay checker doctor`, `assay indexer doctor`. Each line is a fact, and what to do where it must be mended.
import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { open, rm, stat, statfs } from 'node:fs/promises'
import { connect, createServer, isIP, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { isOperatorError } from '@assay/kit/lifecycle'
import type { Holder } from '@assay/kit/lock'
import { type AccountId, type Hash, NEWER_ADVICE, type Parameters, VERSIONS, versionsText } from '@assay/protocol'
import type { Chain } from '@assay/runtime-bindings'

/** One thing that was looked at. `mend`: it does not start, or does not work. `note`: good to know. `again`: it could not be looked at now. */
export interface Check { name: string, state: 'ok' | 'note' | 'mend' | 'again', what: string, how?: string }

const ok = (name: string, what: string): Check => ({ name, state: 'ok', what })
const mend = (name: string, what: string, how: string): Check => ({ name, state: 'mend', what, how })
const note = (name: string, what: string, how: string): Check => ({ name, state: 'note', what, how })

/** What an error says of a thing, as a line. Anything that is no operator's error goes on. */
export function failedCheck(name: string, error: unknown): Check {
  if (!isOperatorError(error)) throw error
  return { name, state: error.exit === 75 ? 'again' : 'mend', what: error.message, how: error.advice }
}

/** The Node that runs this, against the one that the lock file pins: rules are the same in any, speed and SQLite are not. */
export function versionCheck(running: string): Check {
  const [major = 0] = running.split('.').map(Number)
  return major >= 24 ? ok('version', `Node ${running}`) : mend('version', `this is Node ${running}`, 'Run it with assay, which brings Node 24 along, or install that.')
}

const GIB = 1024n ** 3n
/** Below it a service stops within days, or hours. */
const LEAST_BYTES = 2n * GIB
const WRITES = 16
/** A disk that takes longer for one durable write delays every report. */
const SLOW_MS = 50

/** Whether a folder, made if need be by the service, can be written, has room, and how long a write takes to be on the disk. */
export async function diskCheck(dataDir: string, now: () => number): Promise<Check> {
  let folder = dataDir
  for (;;) {
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error)
    if (!(found instanceof Error)) {
      if (!found.isDirectory()) return mend('disk', `${folder} is a file`, 'Name a folder.')
      break
    }
    if (found.code !== 'ENOENT' || dirname(folder) === folder) return mend('disk', `${folder} cannot be looked at (${found.code})`, 'Let this user use it, or name another folder.')
    folder = dirname(folder)
  }
  const { bavail, bsize } = await statfs(folder, { bigint: true })
  const free = bavail * bsize
  const probe = join(folder, `.assay-doctor-${randomBytes(6).toString('hex')}`)
  let ms: number
  try {
    const file = await open(probe, 'wx', 0o600)
    try {
      const began = now()
      for (let i = 0; i < WRITES; i++) {
        await file.write(new Uint8Array(4096))
        await file.sync()
      }
      ms = (now() - began) / WRITES
    } finally {
      await file.close()
      await rm(probe, { force: true })
    }
  } catch (error) {
    return mend('disk', `${folder} cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`, 'Let this user write there, make room, or name another folder.')
  }
  const what = `${free / GIB} GiB free, ${ms.toFixed(1)} ms a durable write, at ${folder}`
  if (free < LEAST_BYTES) return mend('disk', what, 'Make room: what it keeps grows with every round.')
  return ms > SLOW_MS ? note('disk', what, 'A slow disk delays what must be on it before it is sent; take a local one, better an SSD.') : ok('disk', what)
}

const DIAL_MS = 3000

/**
 * Whether a port can be listened on, and whether who dials it under the name that is announced comes to this process. From this machine alone: what stands between others and it, only they can tell.
 * `taken`: our own service runs, so that the port is rightly taken.
 */
export async function portCheck(name: string, { host, port, announced, taken }: { host: string, port: number, announced: { host: string, port: number } | null, taken: boolean }): Promise<Check> {
  const where = announced && `${announced.host}:${announced.port}`
  if (announced && isIP(announced.host) === 0) {
    const found = await lookup(announced.host).catch((error: NodeJS.ErrnoException) => error)
    if (found instanceof Error) return mend(name, `the name ${announced.host} is not known (${(found as NodeJS.ErrnoException).code})`, 'Make a DNS entry for it, or give --public-host another name or the address itself.')
  }
  if (taken) {
    const reached = announced === null || (await dial(announced)) !== null
    return reached ? ok(name, `the service that runs listens on ${port}${where ? ` and is reached at ${where}` : ''}`) : note(name, `the service that runs is not reached at ${where} from here`, FORWARD)
  }
  const greeting = randomBytes(16).toString('hex')
  const server = createServer((socket) => socket.on('error', () => {}).end(greeting))
  const failed = await new Promise<NodeJS.ErrnoException | null>((resolve) => void server.once('error', resolve).listen(port, host, () => resolve(null)))
  if (failed) return mend(name, `${host}:${port} cannot be listened on (${failed.code})`, failed.code === 'EADDRINUSE' ? 'Choose another port, or stop the program that uses this one.' : 'Give --host an address of this machine, and a port that this user may take.')
  try {
    const own = (server.address() as AddressInfo).port
    if (announced === null) return ok(name, `${host}:${own} is free`)
    const heard = await dial(announced)
    if (heard === greeting) return ok(name, `${host}:${own} is free, and ${where} leads to it from here`)
    return heard === null ? note(name, `${where} does not lead here, dialled from this machine`, FORWARD) : mend(name, `${where} leads to another program`, 'Let the router or proxy lead it to this machine and port.')
  } finally {
    server.close()
  }
}

const FORWARD = 'Some routers do not let a network dial itself: try it from outside. If it fails there too, open the port in the firewall and forward it to this machine.'

/** What a listener says first, at most a line of it; null if there is none. */
function dial({ host, port }: { host: string, port: number }): Promise<string | null> {
  return new Promise((resolve) => {
    let heard = ''
    let connected = false
    const socket = connect({ host, port, timeout: DIAL_MS })
    const end = () => {
      socket.destroy()
      resolve(connected ? heard : null)
    }
    socket.once('connect', () => (connected = true))
    socket.on('data', (part) => (heard += part.toString('latin1')).length > 100 && end())
    socket.once('end', end).once('timeout', end).once('error', end)
  })
}

/** Whether a base URL that is announced is answered by this very service: it says the same as its own door. Only while it runs. */
export async function urlCheck(name: string, url: string, running: Holder | null, fetched: (url: string) => Promise<boolean>): Promise<Check> {
  const { hostname } = new URL(url)
  const found = isIP(hostname.replace(/^\[|\]$/g, '')) > 0 ? null : await lookup(hostname).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) return mend(name, `the name ${hostname} is not known (${(found as NodeJS.ErrnoException).code})`, 'Make a DNS entry for it, or correct --evidence-url.')
  if (running === null) return note(name, `${url} is known by name; whether it leads here shows when the service runs`, 'Ask again then.')
  return (await fetched(`${url.replace(/\/+$/, '')}/health`)) ? ok(name, `${url} answers`) : note(name, `${url} does not answer from here`, FORWARD)
}

/** What an endpoint is asked. */
export interface ChainView { chain: Chain, network: AccountId, now: () => number }

/** Seconds that a clock may be off, and that a chain may be silent. */
const OFF_S = 60

/** What a chain tells of itself: that it has the network, what its runtime can do, and how its clock and ours stand. */
export async function chainChecks({ chain, network, now }: ChainView): Promise<{ checks: Check[], parameters: Parameters | null, blockSeconds: number | null }> {
  const { findNetwork, bestBlock, toAddress } = await import('@assay/runtime-bindings')
  const { specName, specVersion } = chain.runtime
  const checks: Check[] = []
  const best = await bestBlock(chain)
  checks.push(ok('chain', `${chain.endpoint}: ${specName} ${specVersion}, genesis ${chain.genesisHash.slice(0, 10)}…, block ${best.number}`))
  const { multisig, storage, did, rbac, transfer, batchAll } = chain.features
  const lacks = Object.entries({ multisig, 'storage items': storage, 'DID attributes': did, roles: rbac, transfers: transfer, batchAll: batchAll || null }).flatMap(([what, has]) => (has === null ? [what] : []))
  checks.push(lacks.length === 0 ? ok('runtime', 'has all that is needed') : mend('runtime', `the runtime has no ${lacks.join(', ')}`, 'Give --chain a peaq node; if it is one, take a newer version of this program.'))
  const found = await findNetwork(chain, network)
  if (found === null) checks.push(mend('network', `${toAddress(network)} holds no network there`, 'Check --network and --chain; a network that its founders are about to create appears by itself.'))
  else if (found.parameters === null) checks.push(mend('network', `${toAddress(network)} has agreed on version ${found.prefix.version} of the protocol, and this program knows ${versionsText(VERSIONS)}`, NEWER_ADVICE))
  else checks.push(ok('network', `${toAddress(network)}, since block ${found.prefix.origin}`))
  const time = async (at: Hash): Promise<number | null> => {
    const value = await chain.read('timestamp', 'now', [], at)
    return value === null ? null : Number(value.toString())
  }
  const back = Math.min(100, best.number - 1)
  const [last, before] = [await time(best.hash), back < 1 ? null : await time(await chain.rpc.request<Hash>('chain_getBlockHash', [best.number - back]))]
  if (last !== null) {
    const off = Math.round((now() - last) / 1000)
    const what = `the newest block is ${off < 0 ? `${-off} s ahead of` : `${off} s behind`} this clock`
    checks.push(Math.abs(off) <= OFF_S ? ok('clock', what) : note('clock', what, 'Let the system keep its clock (timedatectl set-ntp true). If the clock is right, the node is behind or the chain stands: name another node. Rounds go by blocks; a wrong clock changes the times in logs only.'))
  }
  return { checks, parameters: found?.parameters ?? null, blockSeconds: last === null || before === null || last <= before ? null : (last - before) / 1000 / back }
}

/** 1 if something must be mended, else 75 if something could not be looked at. */
export const exitOfChecks = (checks: readonly Check[]): 0 | 1 | 75 => (checks.some(({ state }) => state === 'mend') ? 1 : checks.some(({ state }) => state === 'again') ? 75 : 0)

const MARKS = { ok: 'ok', note: 'note', mend: 'MEND', again: 'AGAIN' } as const

/** The checks for people. */
export function tellChecks(checks: readonly Check[]): string {
  const lines = checks.flatMap(({ name, state, what, how }) => [`${MARKS[state].padEnd(6)}${name.padEnd(12)}${what}`, ...(how === undefined || state === 'ok' ? [] : [`${''.padEnd(18)}${how}`])])
  const result = { 0: 'ready to start', 1: 'something must be mended', 75: 'not all could be looked at: ask again' }[exitOfChecks(checks)]
  return `${[...lines, `${''.padEnd(6)}${'result'.padEnd(12)}${result}`].join('\n')}\n`
}
