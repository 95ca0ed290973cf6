// What a checker measures of one machine: the round trip, the bandwidth both ways, and how far the job got within the window of the checker's nonce.
import { createHash } from 'node:crypto'
import { catchError, concat, concatMap, defer, EMPTY, filter, first, forkJoin, from, ignoreElements, last, map, merge, min, type Observable, of, range, scan, switchMap, take, takeUntil, takeWhile, timer } from 'rxjs'
import { emptyIntake, isWhole, keystream, type MachineMessage, payloadDigest, piecesOf, streamBytes, takePiece, toHex } from '@assay/protocol'
import { nodeCrypto } from '@assay/runtime-bindings'
import type { Arrival } from './conversation.ts'
import type { Carrier } from './lanes.ts'
import type { Line } from './sessions.ts'
import type { Reading } from './store.ts'

/** News of one machine's reading; `complete` says that its window is over. */
export type Patch = Partial<Reading> & { complete?: true }

export interface MeasureTools {
  /** monotonic ms */
  now: () => number
  random: (bytes: number) => Uint8Array
}

const PINGS = 8
/** A ping without an answer for so long ends the measurement. */
const PING_MS = 2000
/** Lanes that are not there after so long are done without: enough for the eight or so round trips of opening one over a long line. */
const LANES_MS = 3000
/** Progress that arrived in time may still wait in this process when the window ends. */
const SLACK_MS = 100
/** By chance, so that no answer can be sent before the question. */
const freshId = ({ random }: MeasureTools): number => new DataView(random(4).buffer).getUint32(0)

/** Messages of one kind. */
function hear<T extends MachineMessage['tag']>(carrier: Pick<Carrier, 'messages$'>, tag: T): Observable<Arrival<Extract<MachineMessage, { tag: T }>>> {
  return carrier.messages$.pipe(filter((arrival): arrival is Arrival<Extract<MachineMessage, { tag: T }>> => arrival.message.tag === tag))
}

/** Whole kilobits a second, at most what a u32 holds; bits in a ms are kilobits in a second. */
export function kbps(bytes: number, ms: number): number {
  return Math.min(2 ** 32 - 1, Math.floor((bytes * 8) / Math.max(ms, 0.001)))
}

/** At least 1, for 0 says that nothing was measured; at most what a u32 holds. */
const microseconds = (ms: number): number => Math.min(2 ** 32 - 1, Math.max(1, Math.round(ms * 1000)))

/**
 * Round trip and bandwidth of a line, one after the other so that none disturbs the next: `{ rttUs }`, then `{ downKbps }`, `{ upKbps }` as each is known. What fails, or is not
 * done within `limitMs`, is left out: it was not measured. The payload goes over the conversation and the lanes that the machine opens for it, for one connection alone understates a line that is
 * long or loses a little. Never errors.
 */
export function link$(line: Line, { round, bytes, limitMs }: { round: number, bytes: number, limitMs: number }, tools: MeasureTools): Observable<Patch> {
  const bounded = (measured$: Observable<Patch>): Observable<Patch> => measured$.pipe(takeUntil(timer(limitMs)), catchError(() => EMPTY))
  const payload$ = defer(() => {
    const id = freshId(tools)
    return line.withLanes({ id, round, withinMs: LANES_MS }, (lanes) => {
      // By another id where there are no lanes: a machine that opened some cuts what comes under theirs.
      const transfer: Transfer = { id: lanes.length > 0 ? id : freshId(tools), round, bytes, line, streams: [line, ...lanes] }
      return concat(bounded(down$(transfer, tools)), bounded(up$(transfer, tools)))
    })
  })
  return concat(bounded(roundTrip$(line, tools)), bytes > 0 ? payload$ : EMPTY)
}

/** A payload and what carries it; the conversation is the first of the streams. */
interface Transfer { id: number, round: number, bytes: number, line: Line, streams: readonly Carrier[] }

/** The least of eight pings, in microseconds: what is left when the waiting of both programs is taken away as far as it can be. */
function roundTrip$(line: Line, tools: MeasureTools): Observable<Patch> {
  const ping$ = defer(() => {
    const id = freshId(tools)
    const sentAt = tools.now()
    return merge(hear(line, 'Pong').pipe(filter(({ message }) => message.value.id === id), map(({ at }) => at - sentAt)), sending(() => line.send({ tag: 'Ping', value: { id } }))).pipe(take(1), takeUntil(timer(PING_MS)))
  })
  return range(0, PINGS).pipe(
    concatMap(() => concat(ping$, of(undefined)).pipe(take(1))),
    // One lost ping ends it: a machine that does not answer shall not take eight times as long.
    takeWhile((ms) => ms !== undefined),
    min(),
    map((ms): Patch => ({ rttUs: microseconds(ms) })),
  )
}

/**
 * Payload to the machine, which answers its hash. The key of the payload stays here, so the hash cannot be known before the last byte; and the time runs until both the last byte is taken and the
 * answer is here. Empty if a lane ends before that.
 */
function down$({ id, round, bytes, line, streams }: Transfer, { now, random }: MeasureTools): Observable<Patch> {
  return defer(() => {
    const seed = random(32)
    const hashes = streams.map(() => createHash('sha256'))
    const startedAt = now()
    const stream$ = (carrier: Carrier, stream: number): Observable<void> =>
      from(piecesOf(bytes, streams.length, stream)).pipe(
        // concatMap: each piece waits for room in its channel, so a slow machine costs one piece of memory a stream.
        concatMap(({ at, length }) => {
          const piece = keystream(seed, at, length)
          hashes[stream]!.update(piece)
          return from(carrier.send({ tag: 'Chunk', value: { id, bytes: piece } }))
        }),
      )
    const sent$ = concat(defer(() => line.send({ tag: 'Download', value: { id, round, bytes } })), merge(...streams.map(stream$))).pipe(last(), map(() => ({ sha256: toHex(payloadDigest(nodeCrypto, hashes.map((hash) => hash.digest()))), at: now() })))
    const done$ = hear(line, 'DownloadDone').pipe(first(({ message }) => message.value.id === id))
    return forkJoin([done$, sent$]).pipe(
      concatMap(([done, sent]) => (done.message.value.sha256 === sent.sha256 ? [{ downKbps: kbps(bytes, Math.max(done.at, sent.at) - startedAt) }] : [])),
      takeUntil(merge(...streams.map(({ messages$ }) => messages$.pipe(ignoreElements()))).pipe(catchError(() => of('a lane is over')))),
    )
  })
}

/** Payload from the machine, the key stream of a fresh seed: what arrives must be its pieces, each on its stream and in its turn. Errors at the first that is not, or if a lane ends. */
function up$({ id, round, bytes, line, streams }: Transfer, { now, random }: MeasureTools): Observable<Patch> {
  return defer(() => {
    const seed = random(32)
    for (const [stream, carrier] of streams.entries()) carrier.expectPayload(streamBytes(bytes, streams.length, stream))
    const startedAt = now()
    const chunk$ = merge(...streams.map((carrier, stream) => hear(carrier, 'Chunk').pipe(filter(({ message }) => message.value.id === id), map(({ message, at }) => ({ stream, at, chunk: message.value.bytes })))))
    const arrived$ = chunk$.pipe(
      scan((had, { stream, at, chunk }) => {
        const taken = takePiece(had.intake, stream, chunk.length)
        // As it comes, so that no long computation falls into somebody's window.
        if (taken === null || Buffer.compare(chunk, keystream(seed, taken.piece.at, taken.piece.length)) !== 0) throw new Error('not the payload that was asked for')
        return { intake: taken.intake, at: Math.max(had.at, at) }
      }, { intake: emptyIntake(bytes, streams.length), at: 0 }),
      first(({ intake }) => isWhole(intake)),
      map(({ at }) => ({ upKbps: kbps(bytes, at - startedAt) })),
    )
    return merge(arrived$, sending(() => line.send({ tag: 'Upload', value: { id, round, seed, bytes } }))).pipe(take(1))
  })
}

/**
 * Hands the nonce to the machine and runs the stopwatch: `{ reached: true }`, then `{ lastStep, lastKey }` (with `firstUs` the first time) with each progress that arrives within `windowMs`, then `{ complete: true }`.
 * A machine that comes (back) later gets the same nonce; the stopwatch starts with the first and never again. Never errors; ends with the window, or never if the machine never comes.
 */
export function stopwatch$(line: Line, { round, signature, windowMs }: { round: number, signature: Uint8Array, windowMs: number }, { now }: MeasureTools): Observable<Patch> {
  return defer(() => {
    let startedAt: number | undefined
    const there$ = line.online$.pipe(filter(Boolean))
    const progress$ = hear(line, 'Progress').pipe(
      // Step 0 is no step: its key takes no work.
      filter(({ message, at }) => message.value.round === round && message.value.step > 0 && startedAt !== undefined && at - startedAt <= windowMs),
      map(({ message, at }, index): Patch => ({ lastStep: message.value.step, lastKey: message.value.key, ...(index === 0 ? { firstUs: microseconds(at - startedAt!) } : {}) })),
    )
    const nonce$ = there$.pipe(
      // switchMap: a send to a channel that is gone is of no use any more.
      switchMap(() => {
        // Before the send: a machine that reads slowly must not win time by it.
        startedAt ??= now()
        return sending(() => line.send({ tag: 'Nonce', value: { round, signature } })).pipe(catchError(() => EMPTY))
      }),
    )
    const first$ = there$.pipe(take(1))
    const over$ = first$.pipe(switchMap(() => timer(windowMs + SLACK_MS)), map((): Patch => ({ complete: true })))
    const all$ = merge(progress$, nonce$, first$.pipe(map((): Patch => ({ reached: true }))), over$)
    return all$.pipe(takeWhile((patch) => patch.complete !== true, true))
  })
}

/** `{ declined }` with the machine's reason when it says that it does not run the round's job. Never errors or ends. */
export function declined$(line: Line, round: number): Observable<Patch> {
  return hear(line, 'NotRun').pipe(
    filter(({ message }) => message.value.round === round),
    map(({ message }) => ({ declined: message.value.reason })),
  )
}

/** A send beside the wait for its answer: says nothing when it is done, errors when it cannot be. */
const sending = (send: () => Promise<void>): Observable<never> => defer(send).pipe(ignoreElements())
