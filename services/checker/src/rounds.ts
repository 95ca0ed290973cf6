// The checker's rounds, from block heights alone. A round is one story: measure, report, publish, mirror; rounds overlap, and what one machine or package does delays no other.
import { catchError, concat, concatMap, defer, EMPTY, exhaustMap, filter, finalize, first, from, ignoreElements, lastValueFrom, map, merge, mergeMap, Observable, of, scan, shareReplay, startWith, switchMap, take, takeUntil, takeWhile, tap, timer, withLatestFrom } from 'rxjs'
import { OperatorError } from '@assay/kit/lifecycle'
import { shareLatest } from '@assay/kit/streams'
import { blobId, commitmentBlobDigest, commitmentBytesLimit, decodeCommitmentBlob, decodeOpeningsBlob, decodeReportItem, fromHex, type Hash, type Ledger, MalformedError, nonceMessage, type Observation, openingsBytesLimit, openingsDigest, type Parameters, type Registered, roundAt, type RoundFacts, roundFacts, schedule, ZERO_HASH } from '@assay/protocol'
import type { Arrival } from './conversation.ts'
import { declined$, link$, type MeasureTools, type Patch, stopwatch$ } from './measure.ts'
import type { CheckerMetrics } from './metrics.ts'
import { type MirrorTools, pullPackage } from './mirror.ts'
import { publishPackage } from './packages.ts'
import { Places, Turns } from './places.ts'
import { isForeign, observationsOf, prepareReport, type ReportTools, sendReport } from './report.ts'
import type { Line } from './sessions.ts'
import type { Shedding } from './shedding.ts'
import type { Reading } from './store.ts'

export interface RoundsTools extends MeasureTools, ReportTools, MirrorTools {
  network: Hash
  /** the network's parameters; only the schedule is taken from here, which never changes */
  parameters: Parameters
  /** height of the best block: the latest at once, then each new one */
  best$: Observable<number>
  /** the confirmed ledger, once it has caught up: the latest at once, then each new one */
  ledger$: Observable<Ledger>
  /** signs with this checker's peer key */
  sign: (message: Uint8Array) => Uint8Array
  line: (peer: Hash) => Line
  metrics: CheckerMetrics
  shedding: Shedding
  /** bytes of commitments and openings of one round that may wait for the disk; default 256 MiB. Openings may have half of them: what came too late of those costs less. */
  mostWaitingBytes?: number
}

/** Machines that are begun with, or sent their nonce, in one turn of the event loop: the last of them waits for the others, and its stopwatch runs. */
const A_TURN = 32
/** Machines whose line is measured at once: enough to fill a long line's waiting with others, and so few that they do not measure each other. */
const LINKS = 64
/** Blobs whose signature and bytes are checked in one turn of the event loop: all machines hand in within a moment, and when each came is to be known before any is looked at. */
const BLOBS_A_TURN = 8
/** Blobs that are written to disk at once. */
const WRITES = 16

type Watched = Reading & { complete: boolean }
const NOTHING_YET: Watched = { reached: false, declined: null, rttUs: 0, downKbps: 0, upKbps: 0, lastStep: 0, lastKey: ZERO_HASH, firstUs: 0, complete: false }
/** Commitments and openings that are looked at of one machine in a round: enough for every reconnection of an honest one. */
const MAX_BLOBS = 32
/** Windows of one round end this close to each other, and their readings are kept in one go. */
const TOGETHER_MS = 250

/** All rounds until the streams end. Says nothing; errors only with an OperatorError, when the disk refuses. */
export function rounds$(given: RoundsTools): Observable<never> {
  const tools = { ...given, turns: new Turns(A_TURN), blobTurns: new Turns(BLOBS_A_TURN), links: new Places(LINKS), writes: new Places(WRITES) }
  const { parameters, best$, log } = tools
  return best$.pipe(
    // The newest round whose registry is frozen by now.
    map((best) => roundAt(parameters, best + parameters.confirmations + 1)),
    // After a start or an outage also the two before it: they may still have something to report, to publish or to mirror.
    scan(({ newest }, round) => ({ newest: Math.max(newest, round), begin: Math.max(newest + 1, round - 2, 0) }), { newest: -1, begin: 0 }),
    concatMap(({ newest, begin }) => Array.from({ length: Math.max(0, newest - begin + 1) }, (_, i) => begin + i)),
    // Side by side, nothing lost: a round opens and is mirrored while the next two measure. Few are alive at a time, for each ends with the beginning of the next but one's commit window.
    mergeMap((round) => round$(tools, round).pipe(catchError((error: unknown) => toldOrFatal(error, () => log.error('round failed', { round, error }))))),
  )
}

/** Whether stopwatches run, or are about to, at this height. */
export function isMeasuring(parameters: Parameters, best: number): boolean {
  const { fire, commitmentBy } = schedule(parameters, Math.max(0, roundAt(parameters, best)))
  return best >= fire - 1 && best <= commitmentBy
}

/** What all machines of all rounds share. */
interface Shared { turns: Turns, blobTurns: Turns, links: Places, writes: Places }

/** One round, from its beacon to the report two rounds later. */
function round$(tools: RoundsTools & Shared, round: number): Observable<never> {
  const { crypto, best$, ledger$, parameters, me } = tools
  const facts$ = ledger$.pipe(map((ledger) => roundFacts(crypto, ledger, round)), filter((facts): facts is RoundFacts => facts !== null && facts.beacon !== null), shareLatest())
  return facts$.pipe(
    take(1),
    switchMap((facts) => {
      const mine = facts.machines.filter(({ account }) => facts.committee(account).includes(me))
      return merge(taken$(tools, facts, mine), concat(measured$(tools, facts, mine), reported$(tools, facts)), published$(tools, facts), mirrored$(tools, facts, facts$))
    }),
    takeUntil(reach$(best$, schedule(parameters, round + 2).commitFrom)),
  )
}

/** Measures this checker's machines from the beacon to the last block of commitments, and keeps what was read. A round whose beginning was missed is not measured at all. */
function measured$(tools: RoundsTools & Shared, facts: RoundFacts, mine: readonly Registered[]): Observable<never> {
  const { best$, store, log, turns } = tools
  const { round, schedule: at, parameters: { windowMs } } = facts
  return best$.pipe(
    take(1),
    switchMap((best) => {
      if (best >= at.fire) {
        if (mine.length > 0 && best <= at.commitmentBy && store.readings(round).size === 0) log.info('round joined late', { round, best, fire: at.fire })
        return EMPTY
      }
      const fire$ = reach$(best$, at.fire).pipe(
        // A nonce that goes out late, or twice by a restart, gives a wrong reading; none is better.
        filter((best) => best <= at.fire + 1 && !store.hasFired(round)),
        tap(() => store.fire(round)),
        shareReplay({ bufferSize: 1, refCount: true }),
      )
      const latest = new Map<Hash, Watched>()
      const keep = (which: (reading: Watched) => boolean): Observable<never> =>
        defer(() => {
          if (store.hasFired(round)) store.saveReadings(round, [...latest].filter(([, reading]) => which(reading)))
          return EMPTY
        })
      const watched$ = merge(...mine.map((machine) => turns.turn$.pipe(switchMap(() => machine$(tools, facts, machine, fire$)), tap((reading) => latest.set(machine.account, reading)))))
      // What is complete is kept as soon as the windows are over, so that a restart after that loses nothing; the rest when no more can come. The turn is the one after those of all machines.
      const early$ = fire$.pipe(switchMap(() => turns.turn$), switchMap(() => timer(windowMs + TOGETHER_MS)), concatMap(() => keep(({ complete }) => complete)))
      return concat(merge(watched$, early$).pipe(ignoreElements(), takeUntil(reach$(best$, at.commitFrom))), keep(() => true))
    }),
  )
}

/** One machine's reading as it grows. A hostile machine can spoil its own only. */
function machine$(tools: RoundsTools & Shared, facts: RoundFacts, { account, identity }: Registered, fire$: Observable<number>): Observable<Watched> {
  const { best$, network, me, sign, turns, links, shedding } = tools
  const { round, schedule: at, parameters: { windowMs, bandwidthBytes } } = facts
  const line = tools.line(identity.peer)
  const signature = sign(nonceMessage(network, round, facts.beacon as Hash, account, me))
  // The committee takes turns by its order, so that its members do not measure each other on the machine's line.
  const committee = facts.committee(account)
  const turn = (place: number): number => at.beaconKnown + Math.floor((place * (at.fire - at.beaconKnown)) / committee.length)
  const place = committee.indexOf(me)
  const measuring$ = reach$(best$, turn(place)).pipe(
    switchMap(() => line.online$.pipe(filter(Boolean), take(1))),
    switchMap(() => links.hold(link$(line, { round, bytes: bandwidthBytes, limitMs: windowMs }, tools), () => shedding.shed('link'))),
    takeUntil(reach$(best$, Math.max(turn(place) + 1, turn(place + 1)))),
    takeUntil(reach$(best$, at.fire)),
  )
  const working$ = fire$.pipe(switchMap(() => turns.turn$), switchMap(() => stopwatch$(line, { round, signature, windowMs }, tools)))
  return merge(measuring$, declined$(line, round), working$).pipe(scan((reading: Watched, patch: Patch) => ({ ...reading, ...patch }), NOTHING_YET), startWith(NOTHING_YET))
}

/** Takes commitments and openings of this checker's machines as they come, until the package is made. */
function taken$(tools: RoundsTools & Shared, facts: RoundFacts, mine: readonly Registered[]): Observable<never> {
  const { best$, line, log, shedding, blobTurns, mostWaitingBytes = 256 << 20 } = tools
  const { round, schedule: at } = facts
  let waitingBytes = 0
  /** Whether there is room for a blob; where there is none, hanging up lets its machine come back with it. */
  const hasRoom = ({ message }: Arrival, peer: Hash): boolean => {
    const bytes = blobBytes(message)
    if (waitingBytes + bytes > (message.tag === 'Commitment' ? mostWaitingBytes : mostWaitingBytes / 2)) {
      shedding.shed('blob')
      line(peer).hangUp()
      return false
    }
    waitingBytes += bytes
    return true
  }
  return merge(
    ...mine.map((machine) =>
      line(machine.identity.peer).messages$.pipe(
        filter(({ message: { tag, value } }) => (tag === 'Commitment' || tag === 'Openings') && value.round === round),
        // Whether it was in time is said by the block that was best when it came.
        withLatestFrom(best$),
        take(MAX_BLOBS),
        filter(([arrival]) => hasRoom(arrival, machine.identity.peer)),
        // One after the other, because the second commitment must meet the first in the store; each machine by itself.
        concatMap(([arrival, best]) => blobTurns.turn$.pipe(switchMap(() => takeBlob(tools, facts, machine, arrival, best)), catchError((error: unknown) => toldOrFatal(error, () => log.debug('message not taken', { round, machine: machine.account, error }))), finalize(() => (waitingBytes -= blobBytes(arrival.message))))),
      ),
    ),
  ).pipe(ignoreElements(), takeUntil(reach$(best$, at.packageBy)))
}

const blobBytes = ({ tag, value }: Arrival['message']): number => (tag === 'Commitment' || tag === 'Openings' ? value.blob.length : 0)

/** Checks and keeps one commitment or openings blob, and says so to the machine. Throws MalformedError for what is none. */
async function takeBlob({ crypto, network, store, blobs, line, writes }: RoundsTools & Shared, facts: RoundFacts, { account, identity: { peer } }: Registered, { message }: Arrival, best: number): Promise<void> {
  const { round, parameters, schedule: at } = facts
  if (message.tag !== 'Commitment' && message.tag !== 'Openings') return
  const { blob } = message.value
  const ref = { id: blobId(crypto, blob), size: blob.length }
  const held = store.commitmentsOf(round, account)
  const mine = (said: { network: Hash, round: number, machine: Hash }): boolean => said.network === network && said.round === round && said.machine === account
  if (message.tag === 'Commitment') {
    if (!held.some(({ id }) => id === ref.id)) {
      // Late is too late, except for the proof that another was signed before; and two are proof enough.
      if ((held.length === 0 && best > at.commitmentBy) || held.length === 2) return
      // The signature before the thousands of roots: unsigned bytes must not cost this process's time.
      if (ref.size > commitmentBytesLimit(parameters) || ref.size < 64) throw new MalformedError('RULE', 'commitment of no sound length')
      if (!crypto.ed25519Verify(blob.subarray(-64), commitmentBlobDigest(crypto, blob), fromHex(peer))) throw new MalformedError('RULE', 'commitment with a wrong signature')
      // Whatever the machine signed is taken, be it against a rule: to judge is another's task. Only what no package may hold is not.
      if (!mine(decodeCommitmentBlob(crypto, blob).commitment)) throw new MalformedError('RULE', 'commitment of another network, round or machine')
      await store.together(() => store.addCommitment(round, account, { ...ref, bytes: blob }))
    }
  } else {
    const opened = decodeOpeningsBlob(blob)
    if (ref.size > openingsBytesLimit(parameters) || !mine(opened) || !held.some(({ id }) => id === opened.commitment)) throw new MalformedError('RULE', 'openings of another network, round, machine or commitment, or too long')
    if (!crypto.ed25519Verify(opened.signature, openingsDigest(crypto, blob), fromHex(peer))) throw new MalformedError('RULE', 'openings with a wrong signature')
    const known = store.openingsOf(round, account)
    if (known !== undefined && known.id !== ref.id) return
    await lastValueFrom(writes.hold(defer(() => blobs.put(blob))))
    await store.together(() => store.addOpenings(round, account, ref))
  }
  // Only now: a receipt says that it is on disk.
  await line(peer).send({ tag: 'Receipt', value: { round, id: ref.id } }).catch(() => {})
}

/** Brings the round's one report on chain within its window, whatever happened before, and says so in one line. */
function reported$(tools: RoundsTools, facts: RoundFacts): Observable<never> {
  const { crypto, me, best$, ledger$, network, store, log, metrics } = tools
  const { round, schedule: at } = facts
  let attempt = 0
  const sending = async (ledger: Ledger, best: number): Promise<'again' | 'over'> => {
    if (await isForeign(tools, network, round)) {
      log.error('foreign report', { round, advice: 'Run one checker per key, and never from an old backup. Nothing is reported in this round.' })
      return 'over'
    }
    const report = prepareReport(tools, { now: facts, heldOf: roundFacts(crypto, ledger, round - 2) })
    if (report === null || report.landed !== null) return 'over'
    const sent = await sendReport(tools, network, report, attempt, at.commitTo - best)
    if (sent.kind === 'again') {
      attempt = sent.attempt
      return 'again'
    }
    const inWindow = sent.block >= at.commitFrom && sent.block <= at.commitTo
    const seen = observationsOf(report)
    for (const { outcome } of seen) metrics.observations.inc({ outcome })
    metrics.reports.inc({ fate: inWindow ? 'landed' : 'late' })
    if (inWindow) log.info('round reported', { round, ...summaryOf(seen), extrinsic: sent.hash, block: sent.block })
    else log.error('report late', { round, block: sent.block, from: at.commitFrom, to: at.commitTo })
    return 'over'
  }
  return best$.pipe(
    filter((best) => best >= at.commitFrom),
    takeWhile((best) => best < at.commitTo),
    withLatestFrom(ledger$),
    // exhaustMap: while a try is under way the blocks that pass are its own business; when it failed, the next block begins another.
    exhaustMap(([best, ledger]) =>
      defer(() => sending(ledger, best)).pipe(
        catchError((error: unknown) => {
          if (error instanceof OperatorError) throw error
          log.warn('report held up', { round, error })
          return of('again' as const)
        }),
      ),
    ),
    first((result) => result === 'over', 'missed' as const),
    // Whether it is there can be said when the window's last block is confirmed: a life before this one may have sent it and not have lived to see it land.
    switchMap((result) => (result === 'over' ? EMPTY : ledger$.pipe(filter(({ head }) => (head?.number ?? -1) >= at.commitTo), take(1)))),
    tap((ledger) => {
      const report = store.report(round)
      if (report === undefined || report.landed !== null || roundFacts(crypto, ledger, round)?.reports.get(me)?.item?.commitment === decodeReportItem(report.item).commitment) return
      metrics.reports.inc({ fate: 'missed' })
      log.error('report missed', { round, from: at.commitFrom, to: at.commitTo, advice: 'See the messages above: funds, connection, or a chain that is full.' })
    }),
    ignoreElements(),
  )
}

/** A round in one line: how many machines ended how, and the medians of what was measured; null where nothing was. */
function summaryOf(seen: readonly Observation[]): Record<string, number | null> {
  const count = (which: Observation['outcome']): number => seen.filter(({ outcome }) => outcome === which).length
  const median = (figure: (one: Observation) => number): number | null => {
    const values = seen.map(figure).filter((value) => value > 0).toSorted((a, b) => a - b)
    return values[Math.floor(values.length / 2)] ?? null
  }
  return { machines: seen.length, ran: count('RAN'), notRun: count('NOT_RUN'), unreachable: count('UNREACHABLE'), rttUs: median(({ rttUs }) => rttUs), firstUs: median(({ firstUs }) => firstUs), downKbps: median(({ downKbps }) => downKbps), upKbps: median(({ upKbps }) => upKbps) }
}

/** Assembles and publishes the package when the schedule says so: before, others could copy from it. */
function published$({ best$, store, blobs, network, me, metrics, parameters, shedding }: RoundsTools, { round, schedule: at, checkers }: RoundFacts): Observable<never> {
  // Who is not of the round has said nothing in it that would want a package, though it reported on those before; else one would follow the other for ever.
  const isMine = checkers.some(({ account }) => account === me)
  return reach$(best$, at.packageBy).pipe(
    tap(() => shedding.tell(round)),
    // Later than this the report that names it is made already.
    filter((best) => isMine && best < schedule(parameters, round + 1).commitFrom),
    concatMap(() => publishPackage(store, blobs, network, me, round)),
    tap((root) => void (root !== null && metrics.packages.inc({ whose: 'own' }))),
    ignoreElements(),
  )
}

/** Pulls the packages that this checker mirrors as soon as their roots are on chain, until its own bitmap is made. */
function mirrored$(tools: RoundsTools, facts: RoundFacts, facts$: Observable<RoundFacts>): Observable<never> {
  const { me, metrics, log } = tools
  const { round } = facts
  const others = facts.checkers.flatMap(({ account }) => (facts.mirrors(account).includes(me) ? [account] : []))
  return merge(
    ...others.map((checker) =>
      facts$.pipe(
        filter(({ packageRoots }) => packageRoots.has(checker)),
        // exhaustMap: one pull of a package at a time; what it did not get is tried again with the next block.
        exhaustMap((now) => withSignal$((signal) => pullPackage(tools, now, checker, signal))),
        filter((pulled) => pulled !== 'MISSING'),
        take(1),
        tap((pulled) => {
          if (pulled === 'HELD') metrics.packages.inc({ whose: 'mirrored' })
          else log.warn('package refused', { round, checker })
        }),
      ),
    ),
  ).pipe(ignoreElements())
}

/** Emits once, the first height at or above `height`. */
const reach$ = (best$: Observable<number>, height: number): Observable<number> => best$.pipe(filter((best) => best >= height), take(1))

/** A promise that is told to stop when its subscriber leaves. */
function withSignal$<T>(work: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((subscriber) => {
    const left = new AbortController()
    const inner = from(work(left.signal)).subscribe(subscriber)
    return () => {
      inner.unsubscribe()
      left.abort()
    }
  })
}

/** What a machine or a moment did wrong is told and over; what the operator must mend ends the checker. */
function toldOrFatal(error: unknown, tell: () => void): Observable<never> {
  if (error instanceof OperatorError) throw error
  tell()
  return EMPTY
}
