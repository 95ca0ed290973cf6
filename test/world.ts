// A whole network in one process on the real runtime: the chain, the checkers, the machines and the indexer that operators run, on loopback, in a folder of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BehaviorSubject, filter, firstValueFrom, map, type Observable, ReplaySubject, takeUntil } from 'rxjs'
import { checkerConfig, runChecker } from '@assay/checker'
import { indexerConfig, runIndexer } from '@assay/indexer'
import { fetchBlob } from '@assay/kit/blobs'
import { loadConfig } from '@assay/kit/config'
import { createLog, type Log, type LogFields, silentLog } from '@assay/kit/log'
import { fromAbort } from '@assay/kit/streams'
import {
  type AccountId, applyBlock, checkerRoleId, devnetParameters, emptyLedger, gatherEvidence, type Hash, judgeRound, type Ledger, type MachineVerdict, type Parameters, registeredCheckers, registeredMachines, replayEpoch, type ReplayedEpoch,
  type RoundEvidence, type RoundFacts, roundFacts, type RoundJudgement, schedule, type Schedule, type StatementOnChain, statementsOnChain, thresholdOf, toHex, type Versions,
} from '@assay/protocol'
import { providerConfig, runProvider } from '@assay/provider'
import {
  approve, assignRole, batchAll, best$, bestBlock, type Chain, connectChain, createNetwork, createSender, ledgerBlocks, networkAccount, nodeCrypto as crypto, readBalance, registerIdentity, type Sendable, type Sender, toAddress, type TxSuccess,
} from '@assay/runtime-bindings'
import { type Devchain, startDevchain } from '@assay/runtime-bindings/testing'
import { type Clock, startClock } from './clock.ts'
import { type KeystoreName, layKeys, person, type Person } from './people.ts'

const PEAQ = 10n ** 18n
/** Blocks between the network's creation and round 0: everybody registers in them. */
const LEAD_BLOCKS = 28
/** What the confirmed chain says, and the height of the best block. */
export interface Now {
  ledger: Ledger
  best: number
}

/** A line of a service's log. */
export interface Told {
  who: string
  event: string
  fields: LogFields
}

export interface WorldOptions {
  /** Checkers that found the network and run as operators run them. */
  checkers: number
  /** Accounts that get the checker's role and a place in committees; the test plays them. */
  guests?: string[]
  /** Machines that run as owners run them, in order `machine-1` …; each with its engine, `reference` or the path of a module, and the secret by which it is a canary. */
  machines: { engine?: string; canaryFile?: (world: World) => string; versions?: Versions }[]
  /** Versions that a checker speaks, by its place; others speak all. Who speaks fewer may end by itself, and is told to have `ended`. */
  checkerVersions?: Record<number, Versions>
  /** More accounts with money. */
  funded?: string[]
  parameters?: Partial<Parameters>
  indexer?: boolean
  /** Done before any service starts. */
  before?: (world: World) => Promise<unknown>
  /** Time between blocks in ms while rounds run; default: PACE_MS, and MEASURING_PACE_MS where lines are measured. */
  pace?: number
  /** The same while lines are measured, for a test that looks at what was measured. */
  measuringPace?: number
}

const PACE_MS = 400
const MEASURING_PACE_MS = 1500

/** Short rounds and small jobs: a round of 13 blocks, an epoch of one round, judged 39 blocks after its start. */
const SMALL: Partial<Parameters> = {
  roundBlocks: 13,
  epochRounds: 1,
  seedOffset: 2,
  commitOffset: 12,
  packageOffset: 18,
  waitBlocks: 2,
  windowMs: 1000,
  log2n: 6,
  log2nMax: 6,
  samples: 40,
  maxSteps: 4096,
  bandwidthBytes: 16 * 1024,
  bandPpm: 1_000_000,
  attemptBlocks: 6,
}

export class World implements AsyncDisposable {
  readonly chain: Chain
  readonly devchain: Devchain
  readonly clock: Clock
  readonly network: AccountId
  readonly parameters: Parameters
  readonly now$: BehaviorSubject<Now>
  /** Everything that the services said, from the beginning. */
  readonly told$: Observable<Told>
  /** Fires when the world ends or a part of it fails. */
  readonly signal: AbortSignal
  readonly dir: string
  readonly checkers: Person[]
  readonly machines: Person[]
  /** Base URL of the indexer, if there is one. */
  indexer: string | undefined
  readonly #senders = new Map<string, Sender>()
  /** What every service of this world is told. */
  readonly common: { chain: string; network: string }
  readonly #stop: AbortController
  readonly #told$: ReplaySubject<Told>
  readonly #ends: Ends

  /** Given by `startWorld`. */
  constructor(parts: Pick<World, 'chain' | 'devchain' | 'clock' | 'network' | 'parameters' | 'now$' | 'dir' | 'checkers' | 'machines'> & { told$: ReplaySubject<Told>; stop: AbortController; ends: Ends }) {
    this.chain = parts.chain
    this.devchain = parts.devchain
    this.clock = parts.clock
    this.network = parts.network
    this.parameters = parts.parameters
    this.now$ = parts.now$
    this.told$ = this.#told$ = parts.told$
    this.signal = parts.stop.signal
    this.dir = parts.dir
    this.checkers = parts.checkers
    this.machines = parts.machines
    this.common = { chain: parts.devchain.endpoint, network: toAddress(parts.network) }
    this.#stop = parts.stop
    this.#ends = parts.ends
  }

  get now(): Now {
    return this.now$.value
  }

  /** The first value, now or later, for which the condition holds. Rejects with what ended the world. */
  async first<T>(stream$: Observable<T>, condition: (value: T) => boolean): Promise<T> {
    const found = await firstValueFrom(stream$.pipe(filter(condition), takeUntil(fromAbort(this.signal))), { defaultValue: undefined })
    if (found === undefined) throw this.signal.reason
    return found
  }

  /** Until a best block of that height. */
  async block(height: number): Promise<Now> {
    return this.first(this.now$, ({ best }) => best >= height)
  }

  /** Until a block of that height is confirmed. */
  async confirmed(height: number): Promise<Now> {
    return this.first(this.now$, ({ ledger }) => (ledger.head?.number ?? -1) >= height)
  }

  /** Until somebody has said it. */
  async told(event: string, condition: (told: Told) => boolean = () => true): Promise<Told> {
    return this.first(this.told$, (told) => told.event === event && condition(told))
  }

  /** Until so many machines or checkers are registered. */
  async registered(kind: 'machine' | 'checker', count: number): Promise<Now> {
    return this.first(this.now$, ({ ledger }) => (kind === 'machine' ? registeredMachines : registeredCheckers)(ledger).length >= count)
  }

  /** The blocks of a round. */
  at(round: number): Schedule {
    return schedule(this.parameters, round)
  }

  facts(round: number): RoundFacts | null {
    return roundFacts(crypto, this.now.ledger, round)
  }

  /** Bytes by their hash, from whichever checker has them. */
  load = async (id: Hash, maxBytes: number): Promise<Uint8Array | undefined> => {
    const urls = registeredCheckers(this.now.ledger).flatMap(({ identity }) => identity.evidence)
    return fetchBlob({ urls, id, maxBytes, timeoutMs: 5000, signal: this.signal })
  }

  /** The round's judgement as any stranger makes it: from the chain, and from evidence fetched from the checkers. Waits until it is due. */
  async judge(round: number): Promise<{ facts: RoundFacts; evidence: RoundEvidence; judgement: RoundJudgement; verdict: (machine: Person) => MachineVerdict }> {
    await this.confirmed(this.at(round).judgement)
    const facts = this.facts(round)!
    const { evidence, missing } = await gatherEvidence(crypto, facts, this.load)
    if (missing.length > 0) throw new Error(`evidence of round ${round} is missing: ${missing.join(', ')}`)
    const judgement = judgeRound(crypto, facts, evidence)
    const verdict = ({ name, account }: Person): MachineVerdict => {
      const found = judgement.verdicts.find(({ machine }) => machine === account.id)
      if (found === undefined) throw new Error(`${name} was not eligible in round ${round}`)
      return found
    }
    return { facts, evidence, judgement, verdict }
  }

  /** `assay replay` of an epoch; waits until it is due. */
  async replay(epoch: number): Promise<ReplayedEpoch> {
    await this.confirmed(this.at((epoch + 1) * this.parameters.epochRounds - 1).judgement)
    const replay = await replayEpoch(crypto, this.now.ledger, epoch, this.load)
    if (replay.kind !== 'done') throw new Error(`epoch ${epoch} cannot be replayed: ${JSON.stringify(replay)}`)
    return replay
  }

  /** The statement that the network wrote for an epoch; waits for it. */
  async settled(epoch: number): Promise<StatementOnChain> {
    const { ledger } = await this.first(this.now$, ({ ledger }) => statementsOnChain(ledger).has(epoch))
    return statementsOnChain(ledger).get(epoch)!
  }

  /** Free balance in planck, now or as of a block. */
  async balance(account: AccountId, block?: number): Promise<bigint> {
    const at = block === undefined ? undefined : await this.chain.rpc.request<Hash>('chain_getBlockHash', [block])
    return (await readBalance(this.chain, account, at)).free
  }

  /** Transfers out of an account in a block, in order: to whom, and how much in planck. */
  async transfers(block: number, from: AccountId): Promise<[AccountId, bigint][]> {
    const hash = await this.chain.rpc.request<Hash>('chain_getBlockHash', [block])
    const records = (await this.chain.read('system', 'events', [], hash)) as unknown as Iterable<{ event: { section: string; method: string; data: { toU8a(): Uint8Array; toString(): string }[] } }>
    return [...records].flatMap(({ event: { section, method, data } }): [AccountId, bigint][] =>
      section === 'balances' && method === 'Transfer' && toHex(data[0]!.toU8a()) === from ? [[toHex(data[1]!.toU8a()), BigInt(data[2]!.toString())]] : [],
    )
  }

  /** The sender of one of the test's own people. */
  sender({ name, account }: Pick<Person, 'name' | 'account'>): Sender {
    const known = this.#senders.get(name) ?? createSender({ chain: this.chain, account, signal: this.signal })
    this.#senders.set(name, known)
    return known
  }

  /** Sends a call that must succeed. */
  async send(who: Pick<Person, 'name' | 'account'>, call: Sendable, label: string): Promise<TxSuccess> {
    const result = await this.sender(who).send(call, { label })
    if (!result.ok) throw new Error(`${label} by ${who.name}: ${result.code} ${result.name ?? ''} ${result.message}`)
    return result
  }

  /** Registers somebody whom the test plays. */
  async register(who: Person, kind: 'machine' | 'checker', { addresses = [], evidence = [] }: { addresses?: string[]; evidence?: string[] } = {}): Promise<void> {
    await registerIdentity({ chain: this.chain, network: this.network, kind, owner: who.owner, account: who.account, peer: who.peer, addresses, evidence, sender: this.sender(who) })
  }

  /** Ends the world: whoever waits in it gets the error. */
  fail(error: unknown): void {
    this.#stop.abort(error)
  }

  /** Runs a service until the world ends; the world ends if the service does, unless it may: then that is told. */
  run(who: string, service: (tools: { signal: AbortSignal; log: Log }) => Promise<void>, mayEnd = false): void {
    const { signal } = this
    const running = service({ signal, log: logOf(who, this.#told$) }).then(
      () => signal.aborted || this.fail(new Error(`${who} ended by itself`)),
      (error: unknown) => {
        if (signal.aborted) return
        if (mayEnd) this.#told$.next({ who, event: 'ended', fields: { error } })
        else this.fail(new Error(`${who} failed`, { cause: error }))
      },
    )
    this.#ends.push(() => running)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error('the world has ended'))
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end()
  }
}

/** What to do at the end, last first. */
type Ends = (() => Promise<unknown>)[]

/**
 * Boots the chain, founds the network and starts everybody; beside that `prepare` registers whom the test plays. Resolves with everybody registered and every machine of `options` connected to every
 * checker of `options`, shortly before round 0.
 */
export async function startWorld(options: WorldOptions, prepare: (world: World) => Promise<unknown> = async () => {}): Promise<World> {
  const checkers = Array.from({ length: options.checkers }, (_, i) => person(`checker-${i + 1}`))
  const machines = options.machines.map((_, i) => person(`machine-${i + 1}`))
  const guests = (options.guests ?? []).map(person)
  const network = networkAccount(checkers.map(({ account }) => account.id))
  const dir = mkdtempSync(join(tmpdir(), 'assay-world-'))
  const stop = new AbortController()
  const { signal } = stop
  const told$ = new ReplaySubject<Told>()
  const ends: Ends = [async () => rmSync(dir, { recursive: true, force: true })]
  try {
    const everybody = [...checkers, ...guests, ...machines, ...(options.funded ?? []).map(person)]
    const fund = Object.fromEntries([...everybody.map(({ account }) => [account.address, 1000n * PEAQ] as const), [toAddress(network), 100_000n * PEAQ] as const])
    const devchain = await startDevchain({ blocks: 'manual', fund, log: logOf('chain', told$) })
    ends.push(() => devchain.close())
    const clock = startClock(devchain)
    ends.push(() => clock.stop())
    const chain = await connectChain({ endpoint: devchain.endpoint, signal })
    ends.push(() => chain.close())

    const { number: origin } = await bestBlock(chain)
    const parameters: Parameters = { ...devnetParameters(origin, origin + LEAD_BLOCKS), ...SMALL, committee: options.checkers + guests.length, mirrors: options.checkers + guests.length - 1, ...options.parameters }
    await found(chain, signal, checkers, guests, parameters)

    const now$ = new BehaviorSubject<Now>({ ledger: emptyLedger(network), best: origin })
    ends.push(follow(chain, parameters, now$, stop))
    const world = new World({ chain, devchain, clock, network, parameters, now$, told$, stop, dir, checkers, machines, ends })
    await options.before?.(world)
    const { common } = world
    const folder = (name: string): string => join(dir, name)
    for (const [i, { name }] of checkers.entries()) {
      const versions = options.checkerVersions?.[i]
      const dataDir = folder(name)
      world.run(name, (tools) => runChecker(loadConfig(checkerConfig, { flags: { ...common, dataDir, passwordFile: layKeys('checker', name as KeystoreName, dataDir), channelPort: 0, httpPort: 0 } }), { ...tools, ...(versions && { deps: { versions } }) }), versions !== undefined)
    }
    for (const [i, { name }] of machines.entries()) {
      const dataDir = folder(name)
      const { engine = 'reference', canaryFile, versions } = options.machines[i]!
      world.run(name, (tools) => runProvider(loadConfig(providerConfig, { flags: { ...common, dataDir, passwordFile: layKeys('machine', name as KeystoreName, dataDir), engine, threads: 1, opsPort: 0, canaryFile: canaryFile?.(world) } }), { ...tools, ...(versions && { versions }) }), versions !== undefined)
    }
    if (options.indexer === true) world.run('indexer', (tools) => runIndexer(loadConfig(indexerConfig, { flags: { ...common, dataDir: folder('indexer'), httpPort: 0 } }), tools))

    const freeze = world.at(0).freeze - parameters.waitBlocks
    await Promise.all([prepare(world), world.first(now$, ({ ledger }) => registeredCheckers(ledger).length === checkers.length + guests.length && machines.every(({ account }) => registeredMachines(ledger).some((one) => one.account === account.id)))])
    if (world.now.best > freeze) throw new Error(`everybody was registered at block ${world.now.best}; round 0 froze its registry at ${freeze}: give LEAD_BLOCKS more`)
    const linked = Promise.all(machines.flatMap(({ name }) => checkers.map(({ account }) => world.told('checker connected', ({ who, fields }) => who === name && fields['checker'] === account.id))))
    const serving = options.indexer === true ? world.told('indexer ready').then(({ fields }) => (world.indexer = String(fields['url']))) : undefined
    clock.hold(world.at(0).start, Promise.all([linked, serving]))
    clock.pace = () => 0
    await world.block(world.at(0).start - 1)
    const { beaconKnown, fire } = world.at(0)
    const since = (block: number, head: number): number => (((head - block) % parameters.roundBlocks) + parameters.roundBlocks) % parameters.roundBlocks
    clock.pace = (next) => {
      const head = next - 1
      // The block after the nonces waits for the stopwatch: the three blocks after it are for handing in.
      if (since(fire, head) === 0) return (options.pace ?? PACE_MS) + parameters.windowMs
      // Before it each checker measures the lines in turn, in real time.
      return since(beaconKnown, head) < fire - beaconKnown ? (options.measuringPace ?? options.pace ?? MEASURING_PACE_MS) : (options.pace ?? PACE_MS)
    }
    await linked
    await serving
    return world
  } catch (error) {
    stop.abort(error)
    for (const end of ends.toReversed()) await end()
    throw error
  }
}

/** The founding checkers' approvals: the network, then the guests' roles. */
async function found(chain: Chain, signal: AbortSignal, checkers: readonly Person[], guests: readonly Person[], parameters: Parameters): Promise<void> {
  const founders = checkers.map(({ account }) => account.id)
  const senders = checkers.map(({ account }) => createSender({ chain, account, signal }))
  await Promise.all(senders.map((sender) => createNetwork({ chain, sender, founders, parameters })))
  if (guests.length === 0) return
  const call = batchAll(chain, guests.map(({ account }) => assignRole(chain, checkerRoleId(crypto), account.id)))
  for (const sender of senders) {
    const approval = await approve({ chain, sender, members: founders, threshold: thresholdOf(founders.length), call, label: 'roles of the guests' })
    if ('result' in approval && !approval.result.ok) throw new Error(`roles of the guests: ${approval.result.message}`)
  }
}

/** Keeps `now$` up with the chain until the signal fires. */
function follow(chain: Chain, { origin, confirmations }: Parameters, now$: BehaviorSubject<Now>, stop: AbortController): () => Promise<void> {
  const { signal } = stop
  const heads = best$(chain, signal).pipe(map(({ number }) => number)).subscribe((best) => now$.next({ ...now$.value, best }))
  const reading = (async () => {
    for await (const event of ledgerBlocks(chain, { from: origin, confirmations, signal })) {
      if (event.type === 'block') now$.next({ ...now$.value, ledger: applyBlock(crypto, now$.value.ledger, event.block) })
      else if (event.type !== 'stalled') throw new Error(`the chain of this test had a ${event.type}`)
    }
  })().catch((error: unknown) => void (signal.aborted || stop.abort(error)))
  return async () => {
    heads.unsubscribe()
    await reading
  }
}

/** What a service says goes into `told$`; to the terminal only what the environment asks for. */
function logOf(who: string, told$: ReplaySubject<Told>): Log {
  const level = process.env['ASSAY_TEST_LOG']
  const shown = level === 'debug' || level === 'info' || level === 'warn' ? createLog({ level, service: who }) : silentLog
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child: () => log }
  return log

  function say(level: 'debug' | 'info' | 'warn' | 'error') {
    return (event: string, fields: LogFields = {}): void => {
      shown[level](event, fields)
      told$.next({ who, event, fields: { ...fields, level } })
    }
  }
}
