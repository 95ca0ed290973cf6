// A checker: challenges its machines every round, reports to the chain, keeps and serves evidence, settles epochs. This file wires the parts together; each part says what it does.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { BehaviorSubject, catchError, combineLatest, concatMap, defer, distinctUntilChanged, EMPTY, exhaustMap, filter, firstValueFrom, ignoreElements, lastValueFrom, map, merge, type Observable, switchMap, take, takeUntil, tap, withLatestFrom } from 'rxjs'
import { BlobStore } from '@assay/kit/blobs'
import { listenChannel } from '@assay/kit/channel'
import { serveOperations } from '@assay/kit/http'
import { isLeaving, leavingAdvice, refuseRetired } from '@assay/kit/leaving'
import { OperatorError } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import type { Log } from '@assay/kit/log'
import { passwordFrom, type PasswordPlaces } from '@assay/kit/password'
import { RELEASE } from '@assay/kit/release'
import { fromAbort, shareLatest } from '@assay/kit/streams'
import { blocksToNewer, evidenceHolders, explainNewer, type Hash, isWider, ITEM_BYTES, type Ledger, NEWER_ADVICE, newerNews, reportKey, spokenAt, type Versions, versionAt, VERSIONS, widestParameters, wire } from '@assay/protocol'
import { best$, connectChain, createSender, cryptoReady, keystoreExists, ledgerBlocks$, nodeCrypto, ownerOf, putItem, readBalance, toAccountId, toAddress } from '@assay/runtime-bindings'
import { createBudget, meterFees } from './budget.ts'
import { type CheckerConfig, checkReachable, publicAddresses, publicUrl } from './config.ts'
import { evidenceRoutes } from './evidence.ts'
import { follow } from './follow.ts'
import { type CheckerMetrics, checkerMetrics } from './metrics.ts'
import { evidenceUrls, loadFrom } from './mirror.ts'
import { missingFor, networkFound$, openKeys, openOwner, register$ } from './registration.ts'
import { isReportDue, reportChain } from './report.ts'
import { isMeasuring, rounds$ } from './rounds.ts'
import { createSessions, machinePeersOf } from './sessions.ts'
import { committeeSize, computeBy, createSettlement, settlementFounders } from './settlement.ts'
import { Shedding } from './shedding.ts'
import { Store } from './store.ts'

export { checkerConfig, type CheckerConfig } from './config.ts'

/** What reaches the outside; each has its real one. */
export interface CheckerDeps {
  /** monotonic ms */
  now: () => number
  random: (bytes: number) => Uint8Array
  connect: typeof connectChain
  createSender: typeof createSender
  listen: typeof listenChannel
  /** versions of the protocol that this checker speaks */
  versions: Versions
}

const REAL: CheckerDeps = { now: () => performance.now(), random: (bytes) => new Uint8Array(randomBytes(bytes)), connect: connectChain, createSender, listen: listenChannel, versions: VERSIONS }

/** For one blob from one place. A place that is slow is as good as one that has nothing: there are others, and the next try. */
const FETCH_MS = 5000
/** A ledger that far behind the best block is no longer good for anything. */
const STALE_BLOCKS = 20
/** Blocks by which a machine's ledger may be later than ours. */
const DIALLERS_BEHIND = 4

/**
 * Runs a checker until the signal fires. The first start makes keys and registers them; what is missing (network, funds, role) is told and waited for.
 * Throws OperatorError or ChainError for what the operator must mend: configuration, keys, ports, disk, endpoint.
 */
export async function runChecker(config: CheckerConfig, { signal: outer, log, passwords = {}, deps }: { signal: AbortSignal, log: Log, passwords?: PasswordPlaces, deps?: Partial<CheckerDeps> }): Promise<void> {
  const { now, random, connect, createSender, listen, versions } = { ...REAL, ...deps }
  checkReachable(config)
  await using parts = new AsyncDisposableStack()
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  await cryptoReady()
  const network = toAccountId(config.network)
  refuseRetired(config.dataDir)
  const password = await passwordFrom({ ...passwords, file: config.passwordFile, of: `the keys in ${config.dataDir}`, making: !(await keystoreExists(config.dataDir)) })
  const lock = await lockFolder(config.dataDir)
  parts.defer(() => lock.release())
  const keys = await openKeys(config.dataDir, password, log)
  const me = keys.account.id
  const owner = await openOwner(config, network, keys, config.owner === undefined ? undefined : toAccountId(config.owner))
  const store = new Store(config.dataDir, { network, account: me })
  parts.defer(() => store.close())
  const blobs = new BlobStore(join(config.dataDir, 'blobs'))
  const metrics = checkerMetrics()
  const shedding = new Shedding({ metrics, log })
  const chain = await connect({ endpoint: config.chain, requestTimeoutMs: config.chainTimeoutMs, signal, log })
  parts.defer(() => chain.close())
  const standing: Standing = { best: 0, ledger: null, registered: false, leaving: isLeaving(config.dataDir), missing: 'the network is not on chain yet', advice: null }
  const door = await serveOperations({ host: config.host, port: config.httpPort, log, ready: () => readiness(standing, me, ownerOf(owner), { versions, metrics }), metrics: metrics.text, routes: evidenceRoutes(store, blobs, shedding) })
  parts.defer(() => door.close())
  await lock.tell(door.url)
  parts.defer(() => stop.abort())

  const heights$ = best$(chain, signal).pipe(map(({ number }) => number), shareLatest())
  const found = await firstValueFrom(networkFound$(chain, network, heights$, log), { defaultValue: null })
  if (found === null) return // the signal fired before there was a network
  const { origin, confirmations } = found.prefix
  const sender = meterFees(createSender({ chain, account: keys.account, signal, log, store: store.extrinsics }), metrics)
  log.info('checker started', { account: keys.account.address, endpoint: chain.endpoint, network: toAddress(network), origin, url: door.url })
  if (standing.leaving) log.info('leaving', { account: keys.account.address, advice: leavingAdvice(config.dataDir) })
  const view = follow({
    crypto: nodeCrypto, network, versions, heights$, log, confirmations,
    blocks$: defer(() => ledgerBlocks$(chain, { from: origin, confirmations, signal })),
    onDeepReorg: (to) => store.forgetStatements(to),
  })

  /** All that begins once the ledger has caught up and has the network, which may be younger than the confirmed blocks. */
  const work$ = (first: Ledger): Observable<never> => {
    // Those of the founding: what is read of them here never changes.
    const { parameters } = first.parameters[0]!
    let widest = widestParameters(first.parameters)
    let messages = wire(widest, versions)
    const machinePeers = machinePeersOf(nodeCrypto)
    const sessions = createSessions({
      key: keys.peer, host: config.host, port: config.channelPort, network, wire: () => messages, versions, listen, now, metrics, log, signal,
      inForce: () => (standing.ledger === null ? versions.lowest : spokenAt(standing.ledger, standing.best)),
      isMachine: (peer) => standing.ledger !== null && machinePeers(standing.ledger, standing.best).has(peer),
      best: () => standing.best,
      full: () => shedding.shed('newcomer'),
    })
    parts.defer(() => sessions.close())
    const rounds = rounds$({
      crypto: nodeCrypto, network, me, parameters, store, blobs, random, now, metrics, shedding, log, ...view,
      chain: reportChain(chain, sender, confirmations), timeoutMs: FETCH_MS, line: (peer) => sessions.line(peer), sign: (message) => keys.peer.sign(message),
    })
    const founders = settlementFounders(nodeCrypto, first, config.members?.map(toAccountId), log)
    const members = committeeSize(parameters, founders, me)
    const settlement = createSettlement({
      crypto: nodeCrypto, network, me, founders, chain, sender, store, metrics, log,
      compute: computeBy(nodeCrypto, loadFrom(blobs, () => evidenceUrls(evidenceHolders(standing.ledger ?? first), me), FETCH_MS, signal)),
      busy: () => isReportDue(store, parameters, standing.best),
      measuring: () => isMeasuring(parameters, standing.best),
    })
    const budget = createBudget({
      me, sender, store, metrics, log,
      existentialDeposit: chain.features.existentialDeposit, blockMs: chain.features.blockMs,
      usable: async (account, at) => (await readBalance(chain, account, at)).usable,
      estimateReport: async () => (await sender.estimate(await putItem(chain, me, reportKey(network), new Uint8Array(ITEM_BYTES)))).fee,
    })
    const stepping$ = (part: { step(ledger: Ledger, best: number): Promise<void> }, tell: (error: unknown) => void): Observable<void> => {
      let told = ''
      return view.best$.pipe(
        withLatestFrom(view.ledger$),
        // exhaustMap: while a step is under way newer heights are skipped; the next one looks at the chain as it is then.
        exhaustMap(([best, ledger]) => defer(() => part.step(ledger, best)).pipe(
          tap(() => (told = '')),
          catchError((error: unknown) => {
            if (error instanceof OperatorError) throw error
            // Once for each kind of trouble: an outage is not a line a block.
            if (String(error) !== told) tell(error)
            told = String(error)
            return EMPTY
          }),
        )),
      )
    }
    const settled$ = stepping$(settlement, (error) => log.warn('settlement held up', { error }))
    const budgets$ = stepping$(budget, (error) => log.warn('funds not looked at', { error }))
    const registered$ = new BehaviorSubject(false)
    const place$ = defer(() => sessions.listen()).pipe(
      concatMap((listening) => register$({ chain, sender, keys, owner, network, members, log, addresses: publicAddresses(listening, config), evidence: [publicUrl(door.url, config)] }, heights$.pipe(filter(() => !isLeaving(config.dataDir))))),
      tap(() => {
        standing.registered = true
        registered$.next(true)
      }),
    )
    // What is missing is told once it is known that the registration is not: again after each start.
    const standing$ = combineLatest({ missing: view.ledger$.pipe(map((ledger) => missingFor(ledger, me))), registered: registered$ }).pipe(
      distinctUntilChanged((a, b) => a.missing?.what === b.missing?.what && (a.registered === b.registered || b.missing === null)),
      tap(({ missing }) => {
        standing.missing = missing?.what ?? null
        standing.advice = missing?.advice ?? null
        const leaving = isLeaving(config.dataDir)
        if (leaving && !standing.leaving) log.info('leaving', { account: keys.account.address, advice: leavingAdvice(config.dataDir) })
        standing.leaving = leaving
        if (missing && !missing.passes && standing.registered && !leaving) log.warn('checker not eligible', { account: keys.account.address, reason: missing.what, advice: missing.advice })
        if (!missing) log.info('checker ready', { account: keys.account.address, url: door.url, evidence: publicUrl(door.url, config), settles: members !== null })
      }),
    )
    // Parameters to come may allow longer messages. The machines take the bounds from their own ledgers when they dial, so they get some blocks before all are called anew, and no measurement is cut.
    let widenedAt: number | null = null
    const widened$ = view.best$.pipe(
      withLatestFrom(view.ledger$),
      tap(([best, ledger]) => {
        const next = widestParameters(ledger.parameters)
        if (isWider(next, widest)) {
          messages = wire((widest = next), versions)
          widenedAt = best
        }
        if (widenedAt === null || best < widenedAt + DIALLERS_BEHIND || isMeasuring(parameters, best)) return
        widenedAt = null
        sessions.hangUp()
        log.info('machines called anew', { maxFrameBytes: messages.maxFrameBytes, maxPayloadBytes: messages.maxPayloadBytes })
      }),
    )
    // The rounds first: when the door opens, whoever comes is listened to.
    return merge(rounds, settled$, budgets$, place$, standing$, widened$).pipe(ignoreElements())
  }
  const news = newerNews()
  const watch$ = merge(
    view.best$.pipe(
      tap((best) => metrics.bestBlock.set((standing.best = best))),
      withLatestFrom(view.ledger$),
      tap(([best, ledger]) => {
        metrics.newerVersion.set(blocksToNewer(ledger, best))
        const told = news(ledger, best)
        if (told !== null) log.warn('newer version coming', { version: told.version, epoch: told.epoch, start: told.start, reason: told.reason, advice: NEWER_ADVICE })
      }),
    ),
    view.ledger$.pipe(tap((ledger) => metrics.ledgerBlock.set((standing.ledger = ledger).head?.number ?? 0))),
  )
  const running$ = merge(watch$, view.ledger$.pipe(filter(({ parameters }) => parameters.length > 0), take(1), switchMap(work$))).pipe(ignoreElements(), takeUntil(fromAbort(signal)))
  await lastValueFrom(running$, { defaultValue: undefined })
  log.info('checker stopped', { account: keys.account.address })
}

interface Standing { best: number, ledger: Ledger | null, registered: boolean, leaving: boolean, missing: string | null, /** what to do about that */ advice: string | null }

function readiness({ best, ledger, registered, leaving, missing, advice }: Standing, me: Hash, owner: Hash, { versions, metrics: { spoken } }: { versions: Versions, metrics: CheckerMetrics }) {
  const head = ledger?.head?.number ?? null
  const newer = ledger?.newer ? explainNewer(ledger.newer, ledger.speaks, best) : null
  const protocol = { ...versions, inForce: ledger === null ? null : versionAt(ledger, best), release: RELEASE, machines: spoken.versions(versions.highest) }
  return { ready: registered && missing === null && head !== null && best - head < STALE_BLOCKS, detail: { account: toAddress(me), owner: toAddress(owner), best, ledger: head, registered, leaving, missing, advice, newer, protocol } }
}
