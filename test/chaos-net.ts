// A network of real processes, for tests that kill them: the programs as `assay devnet` starts them, behind a proxy that can be cut. The test is the chain's clock: a block comes when
// everybody has seen the last one and has done what the schedule asks of it by then, so that a busy machine is slow and never late, and nothing waits for a time.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Child, type LogLine, spawnChild } from '@assay/cli/devnet/processes'
import { fetchBlob } from '@assay/kit/blobs'
import { lowPort } from '@assay/kit/testing/low-port'
import { type AccountId, applyBlock, decodeReportItem, devnetParameters, emptyLedger, type Hash, type Hex, type Ledger, type LedgerBlock, type Parameters, registeredCheckers, reportKey, roundAt, schedule, type Schedule, toHex } from '@assay/protocol'
import { bestBlock, type Chain, connectChain, createNetwork, createSender, findNetwork, knownParameters, ledgerBlocks, networkAccount, nodeCrypto as crypto, readBalance, readItem, toAddress } from '@assay/runtime-bindings'
import { type CuttingProxy, startProxy } from '@assay/runtime-bindings/testing'
import { type KeystoreName, layKeys, person, type Person } from './people.ts'

const PEAQ = 10n ** 18n
export const POT_PLANCK = 100_000n * PEAQ
/** Blocks between the network's creation and round 0: everybody registers in them. */
const LEAD_BLOCKS = 40
/** Two blocks are at least so far apart: the programs measure bandwidth between them. */
const PACE_MS = 300
/** Nothing takes so long, however busy the machine. */
const PATIENCE_MS = 240_000
const POLL_MS = 50
const IDLE_POLLS = 200
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAIN = join(ROOT, 'cli/src/main.ts')
/** Programs run as `assay` starts them. */
const launcher = createRequire(import.meta.url)('../tools/node-path.cjs') as { NODE_FLAGS: readonly string[]; childEnv(root: string): NodeJS.ProcessEnv }

/** Short rounds and small jobs: a round of 18 blocks, judged 52 after its start, before the nonces of a later one; two blocks make one final. */
const SMALL: Partial<Parameters> = {
  roundBlocks: 18,
  confirmations: 2,
  seedOffset: 3,
  commitOffset: 14,
  packageOffset: 21,
  windowMs: 1000,
  log2n: 7,
  log2nMax: 7,
  samples: 40,
  maxSteps: 512,
  bandwidthBytes: 16 * 1024,
  bandPpm: 1_000_000,
  attemptBlocks: 6,
}

/** Who takes part. */
export interface Cast {
  checkers: Person[]
  machines: Person[]
  network: AccountId
  /** What the chain gives them, by address: fees for those who send, a full pot, nothing for the machines' owners. */
  fund: Record<string, bigint>
}

export function cast(checkers: number, machines: number): Cast {
  const people = (kind: 'checker' | 'machine', count: number) => Array.from({ length: count }, (_, i) => person(`${kind}-${i + 1}`))
  const [checking, working] = [people('checker', checkers), people('machine', machines)]
  const network = networkAccount(checking.map(({ account }) => account.id))
  const fund = Object.fromEntries([...[...checking, ...working].map(({ account }) => [account.address, 1000n * PEAQ] as const), [toAddress(network), POT_PLANCK] as const])
  return { checkers: checking, machines: working, network, fund }
}

/** The founding checkers create the network on a chain that stands still: blocks come for their transactions. */
export async function found(chain: Chain, { checkers }: Cast, parameters: Partial<Parameters>, signal: AbortSignal): Promise<void> {
  const { number: origin } = await bestBlock(chain)
  const whole: Parameters = { ...devnetParameters(origin, origin + LEAD_BLOCKS), committee: checkers.length, mirrors: checkers.length - 1, ...SMALL, ...parameters }
  const founders = checkers.map(({ account }) => account.id)
  await during(chain, Promise.all(checkers.map(({ account }) => createNetwork({ chain, sender: createSender({ chain, account, signal }), founders, parameters: whole }))))
}

/** Builds blocks while `work` goes on: for each transaction that waits, then until it is final, and one now and then for whoever tries again with the next block. */
async function during<T>(chain: Chain, work: Promise<T>): Promise<T> {
  let done = false
  const finished = work.finally(() => (done = true))
  finished.catch(() => {})
  for (let more = 0, idle = 0; !done; ) {
    if ((await waiting(chain)).length > 0) more = 4
    if (more-- > 0 || ++idle % IDLE_POLLS === 0) await chain.rpc.request('dev_newBlock')
    else await Promise.race([finished.catch(() => {}), delay(POLL_MS)])
  }
  return finished
}

/** Who signed the transactions that wait for the next block. */
async function waiting(chain: Chain): Promise<AccountId[]> {
  const pool = await chain.rpc.request<Hex[]>('author_pendingExtrinsics')
  return pool.map((bytes) => {
    const { signer } = chain.runtime.registry.createType('Extrinsic', bytes) as unknown as { signer: { toU8a(): Uint8Array } }
    return toHex(signer.toU8a().slice(-32))
  })
}

/** One of the network's programs, through all of its lives. */
export class Service {
  readonly name: string
  /** Who sends its transactions. */
  readonly account: AccountId
  readonly dir: string
  readonly url: string
  /** Whether another may end it in good order. */
  mayEnd = false
  /** Of a checker: the rounds in which something is due of it. */
  due = { from: 0, to: Infinity }
  /** Everything it ever said. */
  readonly told: LogLine[] = []
  /** How many lines it had said when its present life began. */
  #bornAt = 0
  readonly #begin: () => Child
  readonly #onEnd: (error: Error) => void
  #child: Child | undefined
  #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }> | undefined

  constructor(parts: Pick<Service, 'name' | 'account' | 'dir' | 'url'> & { begin: () => Child; onEnd: (error: Error) => void }) {
    this.name = parts.name
    this.account = parts.account
    this.dir = parts.dir
    this.url = parts.url
    this.#begin = parts.begin
    this.#onEnd = parts.onEnd
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Of the process; undefined while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The same command as before. */
  start(): void {
    this.#bornAt = this.told.length
    const child = this.#begin()
    this.#child = child
    child.lines$.subscribe((line) => this.told.push(line))
    this.#ended = child.exited
    void child.exited.then(({ code, signal }) => {
      if (this.#child !== child) return
      this.#child = undefined
      if (this.mayEnd && code === 0) return
      this.#onEnd(new Error(`${this.name} ended by itself (${signal ?? `exit code ${code}`}): see ${child.logFile}`))
    })
  }

  /** kill -9. */
  async kill(): Promise<void> {
    expectation(await this.#end('SIGKILL'), { code: null, signal: 'SIGKILL' }, this.name)
  }

  /** SIGTERM; must end well. */
  async stop(): Promise<void> {
    if (this.running) expectation(await this.#end('SIGTERM'), { code: 0, signal: null }, this.name)
  }

  #end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const child = this.#child
    if (child === undefined) throw new Error(`${this.name} does not run`)
    this.#child = undefined
    child.kill(signal)
    return this.#ended!
  }

  /** Of a machine: whether it has a channel to the checker. */
  isLinkedTo(checker: AccountId): boolean {
    return this.told.slice(this.#bornAt).findLast((line) => line['checker'] === checker)?.event === 'checker connected'
  }

  /** What it says of itself: the best block that it saw, and the last one in its ledger. Undefined while it does not answer. */
  async standing(): Promise<{ best: number; ledger: number } | undefined> {
    try {
      const { detail } = (await (await fetch(`${this.url}/ready`, { signal: AbortSignal.timeout(10_000) })).json()) as { detail: { best?: number; ledger?: number; head?: number } }
      return { best: detail.best ?? -1, ledger: detail.ledger ?? detail.head ?? -1 }
    } catch {
      return undefined
    }
  }

  /**
   * Rows of a checker's database, alive or dead: it locks its file, so the copy of file and log is asked, as after a crash. Undefined while a copy cannot be read (it was made in the middle of a
   * write).
   */
  rows<T>(sql: string, ...values: (string | number)[]): T[] | undefined {
    const copy = mkdtempSync(join(tmpdir(), 'assay-peek-'))
    try {
      for (const file of ['checker.db', 'checker.db-wal']) if (existsSync(join(this.dir, file))) copyFileSync(join(this.dir, file), join(copy, file))
      using db = new DatabaseSync(join(copy, 'checker.db'))
      return db.prepare(sql).all(...values) as T[]
    } catch {
      return undefined
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  }
}

function expectation(found: object, wanted: object, who: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${who} ended with ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
}

/** A command beside the programs, and what it said. */
export interface Ran {
  child: Child
  said: LogLine[]
}

export interface NetOptions {
  cast: Cast
  /** ws port of the chain, which makes blocks on request only and may already hold the network. */
  port: number
  indexer: boolean
  parameters?: Partial<Parameters>
  /** Who is started otherwise than as a process of Node, by name: with the settings of its flags, in this data folder. */
  elsewhere?: Record<string, (start: { settings: Record<string, string>; dir: string; logDir: string }) => Child>
  /** More flags of the machines. */
  machineFlags?: string[]
  /** Ends every wait; a program that ends after it is not missed. */
  signal?: AbortSignal
}

/** A program of the network: `assay <command> start` with its flags, in a folder under its name. */
type Another = (name: string, account: AccountId, command: 'checker' | 'provider' | 'indexer', flags: (dataDir: string, httpPort: string) => Promise<string[]>) => Promise<Service>

export class Net implements AsyncDisposable {
  /** To the chain itself, past the proxy. */
  readonly chain: Chain
  readonly proxy: CuttingProxy
  readonly cast: Cast
  readonly parameters: Parameters
  readonly checkers: Service[]
  readonly machines: Service[]
  readonly indexer: Service | undefined
  readonly dir: string
  /** One more program, not started yet; whoever starts it ends it. */
  readonly another: Another
  /** Height of the best block. */
  head: number
  readonly #stop: AbortController
  readonly #given: AbortSignal | undefined
  #builtAt = 0

  /** Given by `startNet`. */
  constructor(parts: Pick<Net, 'chain' | 'proxy' | 'cast' | 'parameters' | 'checkers' | 'machines' | 'indexer' | 'dir' | 'another' | 'head'> & { stop: AbortController; given: AbortSignal | undefined }) {
    this.chain = parts.chain
    this.proxy = parts.proxy
    this.cast = parts.cast
    this.parameters = parts.parameters
    this.checkers = parts.checkers
    this.machines = parts.machines
    this.indexer = parts.indexer
    this.dir = parts.dir
    this.another = parts.another
    this.head = parts.head
    this.#stop = parts.stop
    this.#given = parts.given
  }

  /** Fires when the network ends or a part of it fails. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get services(): Service[] {
    return [...this.checkers, ...this.machines, ...(this.indexer === undefined ? [] : [this.indexer])]
  }

  /** Ends every wait with this error. */
  fail(error: unknown): void {
    this.#stop.abort(error)
  }

  at(round: number): Schedule {
    return schedule(this.parameters, round)
  }

  /** Waits until `look` finds something, or gives up with what it was. */
  async until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | null | false>> {
    const givenUpAt = performance.now() + PATIENCE_MS
    for (;;) {
      this.#stop.signal.throwIfAborted()
      const found = await look()
      if (found !== undefined && found !== null && found !== false) return found as Exclude<T, undefined | null | false>
      if (performance.now() > givenUpAt) throw new Error(`waited in vain at block ${this.head}: ${what}`)
      await delay(POLL_MS)
    }
  }

  /** The same where it may take another block: one comes now and then, for whoever was busy when the last one came. */
  async eventually<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | null | false>> {
    let polls = 0
    return this.until(what, async () => {
      const found = await look()
      if (!found && ++polls % IDLE_POLLS === 0) await this.step()
      return found
    })
  }

  /** Until a service has said it. */
  async told(service: Service, event: string, fields: Record<string, unknown> = {}): Promise<LogLine> {
    return this.until(`${service.name}: ${event} ${JSON.stringify(fields)}`, () => service.told.find((line) => line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value)))
  }

  /** The next block, when everybody has done what is due before it; then everybody sees it. */
  async step(): Promise<void> {
    await this.#due()
    await this.#build()
    await this.seen()
  }

  /** Blocks up to a height. */
  async to(height: number): Promise<void> {
    if (height < this.head) throw new Error(`block ${height} is past: the chain is at ${this.head}`)
    while (this.head < height) await this.step()
  }

  /** Blocks while nobody is waited for: the endpoint is away. */
  async blind(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#build()
  }

  /** Replaces the last `depth` blocks by one more than that. */
  async reorg(depth: number, options: { lose?: boolean } = {}): Promise<void> {
    await this.chain.rpc.request('dev_reorg', [depth, options])
    this.head = (await bestBlock(this.chain)).number
    await this.seen()
  }

  /** A block for each transaction that waits while `work` goes on. */
  async during<T>(work: Promise<T>): Promise<T> {
    let done = false
    const finished = work.finally(() => (done = true))
    finished.catch(() => {})
    while (!done) {
      if ((await this.waiting()).length > 0) await this.step()
      else await Promise.race([finished.catch(() => {}), delay(POLL_MS)])
    }
    return finished
  }

  /** Until every running program has seen the head and has all final blocks. */
  async seen(): Promise<void> {
    const final = Math.max(this.parameters.origin, this.head - this.parameters.confirmations)
    for (const service of this.services.filter(({ running }) => running)) {
      await this.until(`${service.name} sees the head`, async () => {
        const now = service.running ? await service.standing() : { best: Infinity, ledger: Infinity }
        return now !== undefined && now.best >= this.head && now.ledger >= final
      })
    }
  }

  /** `assay exit` beside a program. */
  exit({ name, dir }: Service, ...more: string[]): Ran {
    return this.run(`exit-${name}`, 'exit', '--chain', this.chain.endpoint, '--network', toAddress(this.cast.network), '--data-dir', dir, '--password-file', join(dir, 'password'), ...more)
  }

  /** A command of `assay`; a chain that it is to have is past the proxy. */
  run(name: string, ...args: string[]): Ran {
    const child = spawnChild({ name, args: [MAIN, ...args, '--json'], logDir: join(this.dir, 'logs'), env: launcher.childEnv(ROOT), execArgv: [...launcher.NODE_FLAGS], leash: false })
    const said: LogLine[] = []
    child.lines$.subscribe((line) => said.push(line))
    return { child, said }
  }

  async waiting(): Promise<AccountId[]> {
    return waiting(this.chain)
  }

  /** Whether a checker's report of a round stands on the best chain. */
  async hasReport(checker: Service, round: number): Promise<boolean> {
    const value = await readItem(this.chain, checker.account, reportKey(this.cast.network))
    return value !== null && decodeReportItem(value).round === round
  }

  /** The ledger up to the last final block, and its blocks, read from the chain by one who was not there. */
  async ledger(): Promise<{ ledger: Ledger; blocks: LedgerBlock[] }> {
    const { origin, confirmations } = this.parameters
    const enough = new AbortController()
    const blocks: LedgerBlock[] = []
    let ledger = emptyLedger(this.cast.network)
    for await (const event of ledgerBlocks(this.chain, { from: origin, confirmations, signal: AbortSignal.any([enough.signal, this.#stop.signal]) })) {
      if (event.type !== 'block') throw new Error(`reading the chain met a ${event.type}`)
      ledger = applyBlock(crypto, ledger, event.block)
      blocks.push(event.block)
      if (event.block.number >= this.head - confirmations) break
    }
    return { ledger, blocks }
  }

  /** Evidence by its hash, from whichever checker has it. */
  loadFor(ledger: Ledger): (id: Hash, maxBytes: number) => Promise<Uint8Array | undefined> {
    const urls = registeredCheckers(ledger).flatMap(({ identity }) => identity.evidence)
    return (id, maxBytes) => fetchBlob({ urls, id, maxBytes, timeoutMs: 30_000, signal: this.#stop.signal })
  }

  async balance(account: AccountId, block?: number): Promise<bigint> {
    return (await readBalance(this.chain, account, block === undefined ? undefined : await this.chain.rpc.request<Hash>('chain_getBlockHash', [block]))).free
  }

  async #build(): Promise<void> {
    await delay(Math.max(0, this.#builtAt + PACE_MS - performance.now()))
    this.#stop.signal.throwIfAborted()
    await this.chain.rpc.request('dev_newBlock')
    this.#builtAt = performance.now()
    this.head = (await bestBlock(this.chain)).number
  }

  /** What the schedule asks of each running checker before the block after the head, and of machines by what checkers hold of them. */
  async #due(): Promise<void> {
    const now = roundAt(this.parameters, this.head)
    for (const round of [now - 2, now - 1, now].filter((round) => round >= 0)) {
      const at = this.at(round)
      const checkers = this.checkers.filter(({ due }) => due.from <= round && round <= due.to)
      const running = this.machines.filter((machine) => machine.running)
      const machines = running.map(({ account }) => account)
      if (this.head === at.beaconKnown || this.head === at.fire - 1) for (const machine of running) await this.#linked(machine, checkers)
      if (this.head === at.fire || this.head === at.commitmentBy) await this.#rows(checkers, 'commitments', 'machine', round, machines)
      if (this.head === at.fire) await this.#rows(checkers, 'readings', 'machine', round, machines)
      if (this.head >= at.commitFrom && this.head < at.commitTo) {
        for (const checker of checkers) {
          await this.until(`${checker.name} reports round ${round}`, async () => !checker.running || (await this.hasReport(checker, round)) || (await this.waiting()).includes(checker.account))
        }
      }
      if (this.head === at.packageBy - 1) await this.#rows(checkers, 'openings', 'machine', round, machines)
      if (this.head === this.at(round + 1).commitFrom - 1) await this.#rows(checkers, 'packages', 'checker', round, (checker) => [checker.account])
      if (this.head === this.at(round + 2).commitFrom - 1) await this.#rows(checkers, 'packages', 'checker', round, checkers.map(({ account }) => account))
    }
  }

  async #linked(machine: Service, checkers: readonly Service[]): Promise<void> {
    await this.until(`${machine.name} is linked to every checker`, () => checkers.every((checker) => !checker.running || machine.isLinkedTo(checker.account)))
  }

  /** Until the table of each of these checkers that runs has rows of the round for all of `wanted`. */
  async #rows(checkers: readonly Service[], table: string, column: string, round: number, wanted: AccountId[] | ((checker: Service) => AccountId[])): Promise<void> {
    for (const checker of checkers) {
      await this.until(`${checker.name} has the ${table} of round ${round}`, () => {
        if (!checker.running) return true
        const rows = checker.rows<{ who: AccountId }>(`SELECT ${column} AS who FROM ${table} WHERE round = ?`, round)
        return rows !== undefined && (typeof wanted === 'function' ? wanted(checker) : wanted).every((account) => rows.some(({ who }) => who === account))
      })
    }
  }

  /** Every program ends well on SIGTERM. */
  async stop(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failed = this.#stop.signal.aborted && this.#given?.aborted !== true
    await Promise.allSettled(this.services.map((service) => service.stop()))
    this.#stop.abort(new Error('the network has ended'))
    await this.chain.close()
    await this.proxy.close()
    if (failed) console.error(`keys, databases and logs are kept in ${this.dir}`)
    else rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Founds the network if it is not there, starts every program, and resolves just before round 0, with all of them registered and each machine linked to each checker. */
export async function startNet({ cast, port, indexer, parameters = {}, elsewhere = {}, machineFlags = [], signal }: NetOptions): Promise<Net> {
  const stop = new AbortController()
  signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true })
  const dir = mkdtempSync(join(tmpdir(), 'assay-chaos-'))
  const logDir = join(dir, 'logs')
  mkdirSync(logDir)
  const proxy = await startProxy({ target: { port } })
  const chain = await connectChain({ endpoint: `ws://127.0.0.1:${port}`, signal: stop.signal, requestTimeoutMs: PATIENCE_MS })
  if ((await findNetwork(chain, cast.network)) === null) await found(chain, cast, parameters, stop.signal)
  const whole = knownParameters((await findNetwork(chain, cast.network))!)

  const service: Another = async (name, account, command, flags) => {
    const folder = join(dir, name)
    const httpPort = String(await lowPort())
    const given = ['--chain', `ws://127.0.0.1:${proxy.port}`, '--network', toAddress(cast.network), '--data-dir', folder, ...(await flags(folder, httpPort))]
    const settings = Object.fromEntries(given.flatMap((flag, i) => (i % 2 === 0 ? [[flag, given[i + 1]!]] : [])))
    return new Service({
      name,
      account,
      dir: folder,
      url: `http://127.0.0.1:${httpPort}`,
      begin: () => elsewhere[name]?.({ settings, dir: folder, logDir }) ?? spawnChild({ name, args: [MAIN, command, 'start', '--log-json', ...given], logDir, env: launcher.childEnv(ROOT), execArgv: [...launcher.NODE_FLAGS] }),
      onEnd: (error) => stop.abort(error),
    })
  }
  const checkers = await Promise.all(
    cast.checkers.map(({ name, account }) => service(name, account.id, 'checker', async (folder, http) => ['--password-file', layKeys('checker', name as KeystoreName, folder), '--channel-port', String(await lowPort()), '--http-port', http])),
  )
  const machines = await Promise.all(
    cast.machines.map(({ name, account }) => service(name, account.id, 'provider', async (folder, http) => ['--password-file', layKeys('machine', name as KeystoreName, folder), '--threads', '1', '--ops-port', http, ...machineFlags])),
  )
  const watcher = indexer ? await service('indexer', cast.network, 'indexer', async (_, http) => ['--http-port', http]) : undefined
  const net = new Net({ chain, proxy, cast, parameters: whole, checkers, machines, indexer: watcher, dir, another: service, head: (await bestBlock(chain)).number, stop, given: signal })
  try {
    for (const one of net.services) one.start()
    const registered = Promise.all([
      ...checkers.map((checker) => net.told(checker, 'checker registered')),
      ...machines.map((machine) => net.told(machine, 'machine registered')),
      ...(watcher === undefined ? [] : [net.told(watcher, 'indexer ready')]),
    ])
    await during(chain, registered)
    net.head = (await bestBlock(chain)).number
    await net.seen()
    const latest = net.at(0).freeze - whole.waitBlocks
    if (net.head > latest) throw new Error(`everybody was registered at block ${net.head}; round 0 froze its registry at ${latest}: give LEAD_BLOCKS more`)
    await net.to(latest)
    await net.to(net.at(0).start - 1)
    return net
  } catch (error) {
    net.fail(error)
    await net[Symbol.asyncDispose]()
    throw error
  }
}

/** Processes, this one aside, that were born with `name=value` in their environment. */
export function bornWith(name: string, value: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0').includes(`${name}=${value}`)
      } catch {
        return false // gone, or another's
      }
    })
    .map(Number)
}
