// The daemon on a machine: this file opens the doors (chain, channels, disk, clock) and connects the streams; what happens in a round stands in job.ts.
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { EMPTY, catchError, combineLatest, defer, filter, firstValueFrom, ignoreElements, map, merge, mergeMap, lastValueFrom, tap } from 'rxjs'
import { dialChannel } from '@assay/kit/channel'
import { requireFormat } from '@assay/kit/format'
import { serveOperations } from '@assay/kit/http'
import { isLeaving, leavingAdvice, refuseRetired } from '@assay/kit/leaving'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import type { Log } from '@assay/kit/log'
import { passwordFrom, type PasswordPlaces } from '@assay/kit/password'
import { RELEASE } from '@assay/kit/release'
import { shareLatest, takeUntilAborted } from '@assay/kit/streams'
import { LANES, LANE_FRAME_BYTES, LANE_PROTOCOL, NEWER_ADVICE, VERSIONS, blocksToNewer, epochOf, explain, neededCheckers, newerNews, parametersFor, registeredMachines, registrationOf, roundFacts, spokenAt, versionAt, widestParameters, wire } from '@assay/protocol'
import type { AccountId, Ledger, Parameters, ReasonCode, Wire } from '@assay/protocol'
import { best$ as bestBlocks$, connectChain, createSender, cryptoReady, findNetwork, keystoreExists, ledgerBlocks$, nodeCrypto as crypto, ownerOf, readBalance, registerIdentity, toAccountId, toAddress } from '@assay/runtime-bindings'
import { mutedBy, mutedLinks, readCanaryFile } from './canary.ts'
import { providerConfig } from './config.ts'
import type { ProviderConfig } from './config.ts'
import { chooseEngine } from './engine-choice.ts'
import { type JobDeps, runJob } from './job.ts'
import { ledger$ as followLedger } from './ledger.ts'
import { createLinks, type Links } from './links.ts'
import { factsOfRound, readAll } from './facts.ts'
import { chooseMemory } from './memory-choice.ts'
import { providerMetrics } from './metrics.ts'
import { documentMemory, openKeys, registerPatiently } from './registration.ts'
import { roundOf, rounds$ } from './rounds.ts'
import type { ChainState } from './rounds.ts'
import { memoryBehind, segmentsToShow, suitableLog2n } from './sizes.ts'
import { SignedRounds } from './signed.ts'
import type { WorkDeps } from './work.ts'

export { providerConfig }
export type { ProviderConfig }

const DIAL_MS = 5000
/** Of what is in the data folder beside the keys, whose files say their own. */
const FORMAT = 1
/** Rounds whose signatures stay on disk: far beyond the time in which they can matter. */
const KEPT_ROUNDS = 64

/**
 * Runs a machine until the signal fires: registers it, keeps channels to the checkers, works its rounds. Resolves after an orderly end.
 * Throws OperatorError (or a ChainError of the same shape) for what the operator must mend.
 */
export async function runProvider(config: ProviderConfig, { signal: stop, log, passwords = {}, versions = VERSIONS }: { signal: AbortSignal, log: Log, passwords?: PasswordPlaces, versions?: typeof VERSIONS }): Promise<void> {
  const password = await passwordFrom({ ...passwords, file: config.passwordFile, of: `the keys in ${config.dataDir}`, making: !(await keystoreExists(join(config.dataDir, 'machine'))) })
  await cryptoReady()
  const network = toAccountId(config.network)
  refuseRetired(config.dataDir)
  const lock = await lockFolder(config.dataDir)
  await requireFormat(config.dataDir, FORMAT).catch(async (error: unknown) => {
    await lock.release()
    throw error
  })
  const failed = new AbortController()
  const signal = AbortSignal.any([stop, failed.signal])
  setMaxListeners(0, signal)
  const cleanups: (() => Promise<unknown>)[] = [() => lock.release()]
  try {
    const engine = await chooseEngine(config.engine, { crypto, threads: config.threads, gpu: config.gpu, log })
    cleanups.unshift(() => engine.close())
    const chain = await connectChain({ endpoint: config.chain, requestTimeoutMs: config.chainTimeoutMs, signal, log })
    cleanups.unshift(() => chain.close())
    const found = await findNetwork(chain, network)
    if (!found) throw new OperatorError('NO_NETWORK', `the account ${toAddress(network)} holds no network on the chain at ${chain.endpoint}`, { advice: 'Check --network and --chain: the network may be on another chain, or not created yet.' })
    const { prefix } = found

    const keys = await openKeys({ dataDir: config.dataDir, network, ownerFile: config.ownerFile, owner: config.owner === undefined ? undefined : toAccountId(config.owner), password, log })
    const machine = keys.account.id
    const owner = toAddress(ownerOf(keys.owner))
    const mutes = config.canaryFile === undefined ? null : await mutesOf(config.canaryFile, network, machine)
    const metrics = providerMetrics()
    const status = { waiting: null as string | null, registered: false, leaving: isLeaving(config.dataDir), fault: null as ReasonCode | null, best: null as number | null, ledger: null as number | null, round: -1, links: 0, last: null as unknown, newer: null as string | null, protocol: { ...versions, inForce: null as number | null, release: RELEASE } }
    const operations = await serveOperations({
      host: config.opsHost,
      port: config.opsPort,
      log,
      ready: () => ({ ready: status.registered && status.links > 0, detail: { machine: keys.account.address, owner, network: toAddress(network), ...status } }),
      metrics: () => metrics.text(),
    })
    cleanups.unshift(() => operations.close())
    await lock.tell(operations.url)
    log.info('provider started', { account: keys.account.address, owner, peer: keys.peer.publicKey, url: operations.url, endpoint: chain.endpoint, network: toAddress(network) })
    if (status.leaving) log.info('leaving', { account: keys.account.address, advice: leavingAdvice(config.dataDir) })

    const best$ = bestBlocks$(chain, signal).pipe(shareLatest())
    const ledger$ = followLedger({ crypto, network, versions, log, blocks: () => ledgerBlocks$(chain, { from: prefix.origin, confirmations: prefix.confirmations, signal }) })
    let state: ChainState | undefined
    // Before anybody is told: whoever dials asks for the parameters of this state.
    const state$ = combineLatest({ ledger: ledger$, best: best$.pipe(map(({ number }) => number)) }).pipe(tap((now) => void (state = now)), takeUntilAborted(signal), shareLatest())
    const round = (): number => (state ? roundOf(state) : -1)
    /** Those of now; where they are of a version that this machine does not know, the last that it does. Nobody asks before there is a checker to speak with, and so a network. */
    const parameters = (): Parameters => parametersFor(state!.ledger, Math.max(0, round())) ?? state!.ledger.parameters.at(-1)!.parameters
    let codecs: { of: Ledger['parameters'], wire: Wire } | undefined
    /** By all that were or will be in force: a channel may stand until those to come are. */
    const wireNow = () => (codecs?.of === state!.ledger.parameters ? codecs : (codecs = { of: state!.ledger.parameters, wire: wire(widestParameters(state!.ledger.parameters), versions) })).wire
    const news = newerNews()

    const seen$ = state$.pipe(
      tap((now) => {
        Object.assign(status, { best: now.best, ledger: now.ledger.head?.number ?? null, round: round(), registered: isRegistered(now), links: links.open().length })
        const reason = registrationOf(now.ledger, 'machine', machine)
        if (reason !== null && reason !== 'OK' && reason !== status.fault) {
          const leaving = isLeaving(config.dataDir)
          if (leaving && !status.leaving) log.info('leaving', { account: keys.account.address, advice: leavingAdvice(config.dataDir) })
          status.leaving = leaving
          if (!leaving) log.warn('registration not counted', { account: keys.account.address, code: reason, reason: explain(reason) })
        }
        status.fault = reason === 'OK' ? null : reason
        status.protocol.inForce = versionAt(now.ledger, now.best)
        const told = news(now.ledger, now.best)
        if (told !== null) log.warn('newer version coming', { version: told.version, epoch: told.epoch, start: told.start, reason: told.reason, advice: NEWER_ADVICE })
        status.newer = told?.reason ?? status.newer
        metrics.newerVersion.set(blocksToNewer(now.ledger, now.best))
        metrics.best.set(now.best)
        metrics.ledger.set(status.ledger ?? 0)
      }),
    )
    const isRegistered = ({ ledger }: ChainState): boolean => registeredMachines(ledger).some(({ account, identity }) => account === machine && identity.peer === keys.peer.publicKey)
    /** Whether a machine that has left is still in a round that was frozen before: it opens what it owes. */
    const isUnderWay = (now: ChainState): boolean => [roundOf(now) - 1, roundOf(now)].some((one) => roundFacts(crypto, now.ledger, one)?.machines.some(({ account, identity }) => account === machine && identity.peer === keys.peer.publicKey) === true)
    const links = createLinks({
      network,
      // Whom no checker knows, no checker lets in.
      checkers$: state$.pipe(
        map((now) => (isRegistered(now) || isUnderWay(now) ? neededCheckers(now.ledger, roundOf(now) - 1) : [])),
        map((checkers) => checkers.map(({ account, identity }) => ({ account, peer: identity.peer, addresses: identity.addresses }))),
      ),
      dial: (target, address, protocol, left) => {
        const { maxFrameBytes } = wireNow()
        const limits = { maxFrameBytes: protocol === LANE_PROTOCOL ? LANE_FRAME_BYTES : maxFrameBytes, maxPendingBytes: 4 * maxFrameBytes }
        return dialChannel({ key: { seed: keys.peer.seed, publicKey: keys.peer.publicKey }, address, expect: target.peer, protocol, limits, timeoutMs: DIAL_MS, signal: left })
      },
      wire: wireNow,
      versions: () => ({ lowest: Math.max(versions.lowest, spokenAt(state!.ledger, state!.best)), highest: versions.highest }),
      lanes: LANES,
      // Each way may take a checker a window; what comes later is of no use to it.
      laneMs: () => 2 * parameters().windowMs + DIAL_MS,
      round,
      random: Math.random,
      log,
      metrics,
      signal,
    })
    const signed = new SignedRounds(config.dataDir, network)
    // While the registration is on its way. A round that was signed before the start is not kept waiting: to hand it in and open it takes none of this.
    const prepare = async () => {
      const reading = await readAll({ crypto, engine, choice: config.engine, threads: config.threads, signal, log })
      const { claimedMiB, maxBytes } = memoryBehind(reading.machine, reading.works)
      const memory = await chooseMemory(config.engine, { crypto, threads: config.threads, gpu: engine.gpu?.name, maxBytes, log })
      if (memory !== null) cleanups.unshift(() => memory.close())
      // Whoever stopped meanwhile has done with the cleanups already.
      if (signal.aborted) await memory?.close()
      const { log2n: from, log2nMax: to, windowMs } = found.parameters ?? (await firstValueFrom(state$.pipe(filter(({ ledger }) => ledger.parameters.length > 0), map(parameters))))
      const log2n = await suitableLog2n(engine, { crypto, now: () => performance.now(), signal, from, to, windowMs })
      return { reading, claimedMiB, memory, log2n }
    }
    const prepared = prepare()
    const work: WorkDeps & Pick<JobDeps, 'describe'> = {
      crypto,
      engine,
      memory: async () => (await prepared).memory,
      // What was measured once holds as long as the network's bounds allow it.
      log2n: async (now) => Math.min(Math.max((await prepared).log2n, now.log2n), now.log2nMax),
      segments: async (now) => segmentsToShow(now, { claimedMiB: (await prepared).claimedMiB, atLeastMiB: config.memoryMib }),
      describe: async (beacon, enough) => factsOfRound({ crypto, network, account: machine, log }, (await prepared).reading, beacon, enough),
    }
    const linksIn = (one: number): Links => (mutes === null ? links : mutedLinks(links, (checker) => mutes(epochOf(prefix, one), one, checker)))
    const jobs$ = rounds$(state$, { crypto, machine }).pipe(
      // Side by side: one round still has to open while the next one begins.
      mergeMap((one) =>
        defer(() => runJob(one, { ...work, machine, sign: (message) => keys.peer.sign(message), links: linksIn(one.round), signed, now: () => performance.now(), random: Math.random, log, metrics }, signal)).pipe(
          tap(({ round, result, committee, steps, folds, handedIn, opened, jobMs, openMs }) => {
            metrics.rounds.inc({ result })
            status.last = { round, result, steps, handedIn, opened }
            log.info('round worked', { round, result, steps, committee, folds, handedIn, opening: typeof opened === 'number' ? 'GIVEN' : opened, opened: typeof opened === 'number' ? opened : 0, jobMs, openMs })
          }),
          // A bad job never ends the next one. Its own line is in the log already.
          catchError(() => {
            metrics.rounds.inc({ result: 'FAILED' })
            return EMPTY
          }),
          mergeMap(({ round }) => signed.forget(round - KEPT_ROUNDS)),
        ),
      ),
    )
    const sender = createSender({ chain, account: keys.account, signal, log })
    // An owner whose key is elsewhere sends what is missing by hand, as anybody may.
    const ownerSender = 'pair' in keys.owner ? createSender({ chain, account: keys.owner, signal, log }) : null
    const registered$ = isLeaving(config.dataDir) ? EMPTY : defer(() =>
      registerPatiently({
        register: () =>
          registerIdentity({
            chain, network, kind: 'machine', addresses: [], evidence: [], owner: keys.owner, account: keys.account, peer: keys.peer,
            sender, ...(ownerSender === null ? {} : { ownerSender }),
            memory: documentMemory(config.dataDir, network),
          }),
        balance: async (address) => (await readBalance(chain, toAccountId(address))).usable,
        // Who begins to leave meanwhile does not register any more.
        blocks$: best$.pipe(filter(() => !isLeaving(config.dataDir))),
        log,
        signal,
        waiting: (what) => void (status.waiting = what),
      }),
    ).pipe(tap(({ state, anchor, block }) => log.info('machine registered', { account: keys.account.address, state, anchor, block })))

    const all$ = merge(seen$, jobs$, registered$, prepared).pipe(ignoreElements(), takeUntilAborted(signal))
    await lastValueFrom(all$, { defaultValue: undefined })
    if (stop.aborted) log.info('provider stopped', { account: keys.account.address })
    if (!stop.aborted) throw new OperatorError('CHAIN_LOST', `the connection to ${chain.endpoint} ended for good`, { advice: 'Start again; if it happens again, use another node.', exit: EXIT.again })
  } catch (error) {
    if (!stop.aborted) throw error
    log.debug('start interrupted', { error })
  } finally {
    failed.abort()
    for (const clean of cleanups) await clean().catch((error: unknown) => log.warn('not closed cleanly', { error }))
  }
}

/** Whom this machine mutes, if it is a canary. A file that does not name it must not let it run as if it were an ordinary machine. */
async function mutesOf(path: string, network: AccountId, machine: AccountId): Promise<NonNullable<ReturnType<typeof mutedBy>>> {
  const file = await readCanaryFile(path)
  const mutes = file.network === network ? mutedBy(crypto, file, machine) : null
  if (mutes === null) throw new OperatorError('CANARY_FILE', `${path} does not name this machine, ${toAddress(machine)}, in this network`, { advice: 'Give the file of this network whose list holds this machine, or none.' })
  return mutes
}
